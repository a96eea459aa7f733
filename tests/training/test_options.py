"""Settings: defaults, limits, and configuration files."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nmtool.data import SpikeEvents
from nmtool.data.dividing import AUTO_SAMPLES, AUTO_SHARE
from nmtool.errors import UsageError
from nmtool.options import texts_of
from nmtool.quantisation import DelayGrid
from nmtool.targets import LOIHI2, target_named
from nmtool.training import options as settings
from nmtool.training.loop.manifest import Manifest
from nmtool.training.loop.pruning import progress
from nmtool.training.loop.run_folder import RunFolder
from nmtool.training.options import GROUPS, TrainOptions
from tests.refusals import refused
from tests.training.small_data import small_dataset

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

pytestmark = pytest.mark.torch

PRUNING = [percent for percent in range(101) if 0 < progress(percent, 100) < 1]
"""Percentages of the updates at which the pruning has begun, but not ended."""


def _set(**settings: Any) -> TrainOptions:
    return TrainOptions().with_settings(settings, "here")


def test_every_setting_has_a_description() -> None:
    texts = {name: text for group in GROUPS for name, text in texts_of(group).items()}
    assert [*texts] == [field.name for field in fields(TrainOptions)]
    assert all(len(text) > 10 for text in texts.values())


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("max_delay", f"Loihi 2 has at most {LOIHI2.max_delay};"),
        ("weight_bits", f"up to {settings._MOST_BITS['weight_bits']}"),
        ("delay_bits", f"up to {settings._MOST_BITS['delay_bits']}"),
        ("tau_mem_ms", f"auto: {settings._TAU_MS:g}, but at least {settings._TAU_STEPS} steps"),
        ("tau_syn_ms", f"auto: {settings._TAU_MS:g}, but at least {settings._TAU_STEPS} steps"),
        ("validation", f"auto: a fifth, at most {AUTO_SAMPLES};"),
        ("sparsity", f"between {PRUNING[0] - 1} and {PRUNING[-1] + 1} percent"),
        (
            "delay_sparsity",
            f"between {PRUNING[0] - 1} and {PRUNING[-1] + 1} percent of the updates",
        ),
    ],
)
def test_numbers_in_descriptions_are_those_of_the_code(name: str, words: str) -> None:
    texts = {name: text for group in GROUPS for name, text in texts_of(group).items()}
    assert words in texts[name]
    assert AUTO_SHARE == 1 / 5


def test_unnamed_settings_keep_their_values() -> None:
    options = _set(hidden=7, lr=0.5).with_settings({"lr": 0.25}, "there")
    assert (options.hidden, options.lr, options.epochs) == (7, 0.25, TrainOptions().epochs)


def test_an_unknown_setting_is_named_with_its_origin() -> None:
    with refused(UsageError, "setting-unknown") as caught:
        _set(zeta=1, hidden=3, larning_rate=0.1)
    assert caught.value.what.startswith("here: ")
    assert "larning_rate, zeta" in caught.value.what
    assert "delay_lr" in caught.value.fix


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("hidden", 2.0, "a whole number"),
        ("hidden", "fast", "a whole number"),
        ("hidden", [2, 1.5], "a whole number"),
        ("hidden", True, "a whole number"),
        ("lr", "fast", "a number"),
        ("lr", True, "a number"),
        ("lr", [0.1], "a number"),
        ("recurrent", 1, "true or false"),
        ("recurrent", "yes", "true or false"),
        ("readout", 3, "a word"),
        ("init_input", 0.1, "two numbers"),
        ("init_input", [0.1], "two numbers"),
        ("init_input", [0.1, "b"], "two numbers"),
        ("init_input", [0.1, True], "two numbers"),
        ("steps", 2.5, "a whole number"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused(name: str, value: Any, kind: str) -> None:
    with refused(UsageError, "setting-type") as caught:
        _set(**{name: value})
    assert caught.value.what.startswith(f"here: {name} ")
    assert kind in caught.value.what
    assert repr(value) in caught.value.what


def test_whole_numbers_pass_for_floats_and_lists_for_pairs() -> None:
    options = _set(lr=1, init_input=[0, 2])
    assert (options.lr, options.init_input) == (1.0, (0.0, 2.0))
    assert isinstance(options.lr, float)
    assert all(isinstance(x, float) for x in options.init_input)


def test_the_largest_values() -> None:
    for name, value in (("lr", 1e37), ("delay_lr", 1e37), ("shift", (1 << 31) - 1)):
        assert getattr(_set(**{name: value}), name) == value


@pytest.mark.parametrize("wrong", ["8@", "8@5+", "eight"])
def test_layers_are_shown_with_populations(wrong: str) -> None:
    with refused(UsageError, "setting-type") as caught:
        _set(hidden=wrong)
    assert "64@5+64@20" in caught.value.fix


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("hidden", -1),
        ("hidden", (3, 0)),
        ("hidden", "3@5+0@5"),
        ("epochs", 0),
        ("batch_size", 0),
        ("group", 0),
        ("max_delay", -1),
        ("max_delay", 65536),
        ("dt_ms", 0.0),
        ("gain", 0.0),
        ("gain", math.nan),
        ("lr", -0.1),
        ("lr", math.nan),
        ("lr", math.inf),
        ("warmup", 1.1),
        ("stretch", 1.1),
        ("jitter_ms", -1.0),
        ("jitter_ms", 1001.0),
        ("drop", 1.1),
        ("blend", 1.1),
        ("clip_norm", -1.0),
        ("weight_decay", math.nan),
        ("patience", -1),
        ("sparsity", 1.1),
        ("delay_sparsity", -0.1),
        ("seed", -1),
        ("lr", 1e300),
        ("delay_lr", 1e300),
        ("shift", 1 << 31),
        ("init_output", (0.0, -0.1)),
        ("init_output", (math.nan, 0.1)),
        ("init_output", (0.0, math.inf)),
    ],
)
def test_a_value_out_of_range_is_refused(name: str, value: Any) -> None:
    with refused(UsageError, "setting-range") as caught:
        _set(**{name: value})
    assert caught.value.what.startswith(f"{name} ")
    numbers = value if isinstance(value, tuple) else [value]
    assert all(str(number) in caught.value.what for number in numbers)


@pytest.mark.parametrize(
    ("name", "value"), [("readout", "last"), ("schedule", "exponential"), ("arithmetic", "fixed")]
)
def test_an_unknown_choice_is_refused(name: str, value: str) -> None:
    with refused(UsageError, "choice-unknown") as caught:
        _set(**{name: value})
    assert f"{name} '{value}'" in caught.value.what
    assert getattr(TrainOptions, name) in caught.value.fix


@pytest.mark.parametrize(
    "settings", [{"readout": "window"}, {"window": 50}, {"readout": "max", "window": 50}]
)
def test_a_window_and_its_readout_belong_together(settings: dict[str, Any]) -> None:
    with refused(UsageError, "settings-contradict"):
        _set(**settings)
    assert _set(readout="window", window=50).window == 50
    with refused(UsageError, "setting-range"):
        _set(readout="window", window=0)


def test_initial_delays_stay_within_the_largest_one() -> None:
    assert _set(max_delay=20, init_delay_output=20).init_delay_output == 20
    with refused(UsageError, "settings-contradict") as caught:
        _set(max_delay=20, init_delay_output=21)
    assert "init_delay_output is 21" in caught.value.what
    assert _set(max_delay=20, init_delay_output="none").init_delay_output is None


def test_values_in_python_are_checked_like_those_in_files() -> None:
    with refused(UsageError, "setting-type"):
        TrainOptions(epochs=2.0)
    options = TrainOptions(epochs=np.int64(2), lr=np.float32(0.5), init_input=[0, 1])
    assert [type(value) for value in (options.epochs, options.lr)] == [int, float]
    assert json.loads(json.dumps(options.as_json()))["init_input"] == [0.0, 1.0]


def _integers(**settings: Any) -> TrainOptions:
    return _set(arithmetic="integer", **settings)


@pytest.fixture
def few(tmp_path: Path) -> str:
    """The file of a target with few bits."""
    holds = {"weight_bits": [3, 4], "delay_bits": [1, 2], "max_delay": 15}
    file = tmp_path / "few.toml"
    lines = [f"{name} = {{ value = {v}, mark = 'inferred' }}" for name, v in holds.items()]
    file.write_text("\n".join(["name = 'few'", "kind = 'chip'", "[holds]", *lines]))
    return str(file)


def _bits(options: TrainOptions) -> tuple[int, int]:
    return options.weight_bits, options.delay_bits


def test_bits_follow_the_target(few: str) -> None:
    assert _bits(TrainOptions()) == _bits(_integers(target="loihi1")) == (8, 6)
    assert _bits(_set(target=few)) == (8, 6)  # A target does not limit the bits of a float network.
    on_few = {"target": few, "max_delay": 15}
    assert _bits(_integers(**on_few)) == (4, 2)
    assert _bits(_integers(**on_few, weight_bits=3)) == (3, 2)
    coarse = _integers(weight_bits=2, delay_bits=1).with_settings(on_few, "there")
    assert _bits(coarse) == (4, 1)


@pytest.mark.parametrize(
    ("settings", "code", "possible"),
    [
        ({"weight_bits": 8}, "weight-bits-range", "3 or 4 bits"),
        ({"delay_bits": 6}, "delay-bits-range", "1 or 2 bits"),
        ({"delay_stride": 16}, "delay-stride-range", "15 steps"),
    ],
)
def test_bits_beyond_the_target_are_refused(
    settings: dict[str, int], code: str, possible: str, few: str
) -> None:
    with refused(UsageError, code) as caught:
        _integers(target=few, max_delay=15, **settings)
    [(name, value)] = settings.items()
    assert caught.value.what.startswith("few ")
    assert str(value) in caught.value.what
    assert caught.value.why.endswith(possible)
    assert f"`{name}=" in caught.value.fix


@pytest.mark.parametrize(
    ("settings", "grid"),
    [
        ({}, DelayGrid(6, 1)),
        ({"delay_bits": 4}, DelayGrid(4, 4)),
        ({"delay_bits": 3, "max_delay": 20}, DelayGrid(3, 3, limit=20)),
        ({"delay_bits": 3, "max_delay": 20, "delay_stride": 5}, DelayGrid(3, 5, limit=20)),
        ({"max_delay": 0, "delay_stride": 5}, DelayGrid(6, 5, limit=0)),
    ],
)
def test_the_delay_grid_of_integers(settings: dict[str, int], grid: DelayGrid) -> None:
    assert _integers(**settings).delay_grid == replace(grid, target=target_named("loihi2"))


def test_the_longest_delay_of_a_run() -> None:
    few = {"delay_bits": 4, "delay_stride": 1}
    assert _integers(**few).longest_delay == 15
    assert _integers(**few, max_delay=12).longest_delay == 12
    assert _set(**few).longest_delay == 61
    assert _integers(**few).init_delay_input is None


def test_steps_cover_a_second_unless_given() -> None:
    assert _set(dt_ms=2.0, steps=None).n_steps == 500
    assert _set(dt_ms=3.0, steps=None).n_steps == 334
    assert _set(dt_ms=2.0, steps=7).n_steps == 7


def test_constants_last_some_steps_unless_given() -> None:
    fine, coarse = _set(dt_ms=2.0), _set(dt_ms=40.0, tau_syn_ms=3.0)
    assert (fine.tau_mem_ms, fine.tau_syn_ms) == (10.0, 10.0)
    assert (coarse.tau_mem_ms, coarse.tau_syn_ms) == (80.0, 3.0)


def test_samples_decide_the_grid() -> None:
    close = SpikeEvents.from_lists([np.arange(0.0, 300.0, 0.8)] * 2, [[0] * 375] * 2, [0, 1])
    wide = replace(close, time_ms=25.0 * close.time_ms)
    options = [TrainOptions().fitted_to(events) for events in (close, wide)]
    assert [fitted.dt_ms for fitted in options] == [0.8, 20.0]
    assert [fitted.tau_mem_ms for fitted in options] == [10.0, 40.0]
    assert [fitted.n_steps for fitted in options] == [375 + 13, 375 + 2]
    assert TrainOptions(dt_ms=5.0).fitted_to(wide).n_steps == 1497 + 2
    fixed = TrainOptions(steps=60)
    assert fixed.dt_ms == 1.0
    assert fixed.fitted_to(wide) == replace(fixed, input_counts=1)


@pytest.mark.parametrize(
    ("settings", "most"),
    [
        ({}, 5),
        ({"group": 2}, 7),
        ({"dt_ms": 2.0}, 9),
        ({"dt_ms": 4.0, "group": 2}, 255),
        ({"input_counts": 2}, 2),
    ],
)
def test_the_largest_sum_of_a_bin_decides_the_counts_of_inputs(
    settings: dict[str, Any], most: int
) -> None:
    times, units, counts = [0.0, 1.0, 1.0, 3.0], [0, 0, 1, 1], [4, 5, 2, 300]
    single = SpikeEvents.from_lists([times[:3]], [units[:3]], [0])
    several = SpikeEvents.from_lists([times[:3]], [units[:3]], [0], counts=[counts[:3]])
    if most == 255:
        several = SpikeEvents.from_lists([times], [units], [0], counts=[counts])
    options = _set(**{"dt_ms": 1.0, "steps": 9} | settings)
    assert options.fitted_to(several).most_of_input == most
    assert options.fitted_to(single).most_of_input == settings.get("input_counts", 1)
    assert options.most_of_input == settings.get("input_counts", 1)


def test_numbers_keep_their_step_and_their_largest_count() -> None:
    values = np.full((2, 300, 1), 2.5)
    options = TrainOptions().fitted_to(SpikeEvents.from_values(values, [0, 1], bits=4, scale=1.0))
    assert (options.dt_ms, options.n_steps, options.input_counts) == (1.0, 310, 15)


@pytest.mark.parametrize("reset", ["zero", "late"])
def test_neurons_spike_several_times_only_if_they_subtract_at_once(reset: str) -> None:
    with refused(UsageError, "settings-contradict"):
        TrainOptions(most_spikes=2, reset=reset)
    assert TrainOptions(most_spikes=2, reset="subtract").most_spikes == 2
    for name in ("most_spikes", "input_counts"):
        with refused(UsageError, "setting-range"):
            _set(reset="subtract", **{name: 256})


def test_survives_json(tmp_path: Path) -> None:
    options = _set(hidden=7, init_input=[0.25, 1], readout="mean", recurrent=False)
    RunFolder(tmp_path / "run").create(Manifest.of(options, small_dataset(), ranks=1))
    assert RunFolder(tmp_path / "run").options() == options


def test_missing_settings_of_a_run_have_their_defaults(tmp_path: Path) -> None:
    manifest = Manifest.of(_set(hidden=7), small_dataset(), ranks=1)
    del manifest.options["schedule"]
    RunFolder(tmp_path / "run").create(manifest)
    assert RunFolder(tmp_path / "run").options() == _set(hidden=7, schedule="cosine")


def test_toml_values_keep_their_types() -> None:
    text = """
        hidden = 3
        recurrent = false
        lr = 1e-3
        gain = 5
        init_input = [1, 0.5]
        readout = "max"
        schedule = "linear"
    """
    assert _set(**tomllib.loads(text)) == TrainOptions(
        hidden=3,
        recurrent=False,
        lr=1e-3,
        gain=5.0,
        init_input=(1.0, 0.5),
        readout="max",
        schedule="linear",
    )


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("[training]\nlr = 0.1", "setting-unknown"),
        ("lr = nan", "setting-range"),
        ("seed = 1979-05-27", "setting-type"),
    ],
)
def test_toml_values_that_do_not_fit_are_refused(text: str, code: str) -> None:
    with refused(UsageError, code):
        _set(**tomllib.loads(text))


def test_settings_that_nobody_gave() -> None:
    taus = ["tau_mem_ms", "tau_syn_ms"]
    assert _set().not_given == ["dt_ms", "steps", "input_counts", *taus]
    assert _set(dt_ms=15.0, tau_syn_ms=9.0, input_counts=1).not_given == ["steps", "tau_mem_ms"]
    long_steps = _set(dt_ms=15.0, steps=100)
    assert (long_steps.not_given, long_steps.tau_mem_ms) == (["input_counts", *taus], 30.0)
    assert _set(dt_ms=1.0, steps=100, input_counts=3).not_given == []
    longer = long_steps.with_settings({"dt_ms": 20.0}, "test")
    assert (longer.not_given, longer.tau_mem_ms) == (["input_counts", *taus], 40.0)
