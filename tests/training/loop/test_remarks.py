"""Remarks on data and settings, made before a run begins."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nmtool.data import Dataset, SpikeEvents
from nmtool.data.remarks import time_findings
from nmtool.errors import DataError, Finding, UsageError
from nmtool.training.loop.manifest import Manifest
from nmtool.training.loop.remarks import check_events_in_time, remarks, start_line, start_remarks
from nmtool.training.loop.run_folder import RunFolder
from nmtool.training.options import TrainOptions
from tests.refusals import codes, refused
from tests.training.small_data import small_dataset, small_events, small_options

pytestmark = pytest.mark.torch


def _labelled(label: np.ndarray) -> SpikeEvents:
    """Silent samples of the given classes."""
    names = [str(index) for index in range(1 + label.max())]
    return SpikeEvents([], [], np.zeros(label.size + 1, int), label, 3, names)


def _of_labels(label: np.ndarray, tail: int) -> list[Finding]:
    dataset = Dataset.of(train=_labelled(label)).with_validation(f"last {tail}")
    return list(remarks(dataset, TrainOptions(steps=None)))


def test_good_data_have_no_remarks() -> None:
    assert list(remarks(small_dataset(), small_options())) == []
    for amount in ("auto", 12, "last 12"):
        dataset = Dataset.of(train=small_events(40, 1)).with_validation(amount)
        assert list(remarks(dataset, small_options())) == []


def test_events_after_the_last_step() -> None:
    dataset = small_dataset()
    late = int((dataset.train.time_ms >= 2 * 20).sum())
    (finding,) = remarks(dataset, small_options(steps=20))
    assert finding.code == "events-dropped"
    assert finding.what.startswith(f"{late} of the {dataset.train.n_events} events ")
    assert " 40 ms" in finding.what
    assert "steps=" in finding.fix


@pytest.mark.parametrize(("max_delay", "n_lines"), [(6, 0), (7, 0), (8, 1), (12, 1)])
def test_bits_of_delays_that_end_a_stride_early(max_delay: int, n_lines: int) -> None:
    grid = {"delay_bits": 2, "delay_stride": 2, "max_delay": max_delay}
    findings = list(remarks(small_dataset(), small_options(arithmetic="integer", **grid)))
    assert codes(findings) == ["delay-grid-short"] * n_lines
    for finding in findings:
        assert finding.what.startswith(f"max_delay is {max_delay}, ")
        assert " 2 bits in strides of 2 steps are clipped to 6 steps" in finding.what
    floats = remarks(small_dataset(), small_options(arithmetic="float", **grid))
    assert codes(floats) == ["setting-without-effect"] * 2


@pytest.mark.parametrize(
    "changes",
    [
        {"weight_bits": 3},
        {"delay_bits": 4},
        {"recurrent": False, "init_delay_recurrent": 5},
        {"train_delays": False, "delay_lr": 0.1},
        {"validation": 0, "validation_by": "speaker"},
        {"init_hidden": (0.1, 0.1)},
        {"init_delay_hidden": 3},
        {"hidden": 0, "init_delay_hidden": 3},
        {"rate": 2.0, "rate_strength": 0.0},
    ],
)
def test_settings_without_effect(changes: dict[str, Any]) -> None:
    dataset = Dataset.of(train=small_events(40, 1))
    findings = list(remarks(dataset, small_options(**changes)))
    assert codes(findings) == ["setting-without-effect"]
    assert findings[0].where in changes
    assert findings[0].fix


@pytest.mark.parametrize(
    "changes", [{"validation": 3}, {"validation": 0}, {"validation_by": "nothing"}]
)
def test_data_that_have_a_validation_split_draw_none(changes: dict[str, Any]) -> None:
    findings = list(remarks(small_dataset(), small_options(**changes)))
    assert codes(findings) == ["setting-without-effect"]
    assert findings[0].where in changes


def test_settings_that_have_an_effect() -> None:
    dataset = Dataset.of(train=small_events(40, 1))
    settings = {"hidden": (4, 5), "init_hidden": (0.1, 0.1), "init_delay_hidden": 3, "gain": 3.0}
    assert list(remarks(dataset, small_options(validation=4, **settings))) == []


@pytest.mark.parametrize("arithmetic", ["integer", "float"])
def test_delays_of_a_start_that_are_clipped(
    arithmetic: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nmtool.training.loop.checkpoint.longer_delays", lambda *arguments: (3, 10))
    start = RunFolder(tmp_path / "run")
    start.create(Manifest.of(TrainOptions(max_delay=70), small_dataset(), ranks=1))
    for longest, is_full in ((61, arithmetic == "integer"), (40, False)):
        options = start.finetune_options({"max_delay": longest, "arithmetic": arithmetic})
        [finding] = start_remarks(start, options, small_dataset())
        assert finding.code == "delays-cut"
        assert ("--relays" in finding.fix) == is_full
        assert ("max_delay=" in finding.fix) != is_full


def test_initial_settings_are_not_remarked_when_finetuning() -> None:
    options = small_options(recurrent=False, init_delay_recurrent=None)
    assert codes(list(remarks(small_dataset(), options))) == ["setting-without-effect"]
    assert list(remarks(small_dataset(), options, is_new=False)) == []


@pytest.mark.parametrize(
    "changes", [{"init_input": (0.1, 0.2)}, {"init_rate": None}, {"init_delay_output": 3}]
)
def test_initial_settings_without_effect_in_finetuning(
    changes: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nmtool.training.loop.checkpoint.longer_delays", lambda *arguments: (0, 10))
    start = RunFolder(tmp_path / "run")
    start.create(Manifest.of(small_options(init_delay_input=4), small_dataset(), ranks=1))
    assert list(start_remarks(start, start.finetune_options({}), small_dataset())) == []
    [finding] = start_remarks(start, start.finetune_options(changes), small_dataset())
    assert (finding.code, [finding.where]) == ("setting-without-effect", [*changes])


def test_a_start_may_have_been_trained_on_validation_samples(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nmtool.training.loop.checkpoint.longer_delays", lambda *arguments: (0, 10))
    whole = Dataset.of(train=replace(small_events(40, 1), groups={"speaker": np.arange(40) % 4}))
    learnt = whole.with_validation("last 8")
    start = RunFolder(tmp_path / "run")
    start.create(Manifest.of(small_options(), learnt, ranks=1))
    options = start.finetune_options({})
    [finding] = start_remarks(start, options, whole.with_validation("last 9"))
    assert (finding.code, finding.where) == ("validation-was-learnt", "validation")
    other = Dataset.of(train=small_events(30, 2)).with_validation("last 9")
    for dataset in (learnt, other, whole):
        assert list(start_remarks(start, options, dataset)) == []


@pytest.mark.parametrize(("per_class", "tail"), [(150, 300), (6, 12)])
def test_a_validation_split_that_lacks_classes(per_class: int, tail: int) -> None:
    findings = _of_labels(np.repeat(np.arange(10), per_class), tail)
    assert codes(findings) == ["split-unshuffled"]
    assert findings[0].what.endswith(f"the last {tail} samples of the file")
    assert " 2 of the 10 classes" in findings[0].what


def test_input_delays_beyond_the_sample() -> None:
    """A spike of step 0 arrives over a delay d in step d + 1; the last of 60 steps is step 59."""
    for steps, settings, share in (
        (60, {}, None),  # Only 3 of 62 delays are too long.
        (50, {}, "21%"),
        (1, {"max_delay": 10}, "100%"),
        (50, {"init_delay_input": 40}, None),
        (50, {"max_delay": 40}, None),
    ):
        options = TrainOptions(steps=steps, **settings)
        findings = [
            finding
            for finding in remarks(small_dataset(), options)
            if "beyond-sample" in finding.code
        ]
        assert [share in finding.what for finding in findings] == ([True] if share else [])
    start = remarks(small_dataset(), TrainOptions(steps=50), is_new=False)
    assert "delays-beyond-sample" not in codes(list(start))


def test_a_single_class() -> None:
    (finding,) = (
        finding for finding in _of_labels(np.zeros(30, int), 6) if finding.where == "labels"
    )
    assert finding.code == "class-single"
    assert "class-single" not in codes(_of_labels(np.repeat([0, 1], 15), 15))


def test_training_samples_that_lack_classes() -> None:
    mostly = np.concatenate([np.zeros(150, int), np.repeat([1, 2], 150), np.arange(300) % 4])
    findings = _of_labels(mostly, 300)
    assert codes(findings) == ["split-unshuffled"]
    assert " 3 of the 4 classes" in findings[0].what
    assert "the training samples, all but the last 300 " in findings[0].what


def test_few_samples_lack_classes_by_chance() -> None:
    assert _of_labels(np.arange(400) % 20, 5) == []
    assert _of_labels(np.array([0] * 200 + [1] * 3), 100) == []
    for seed in range(20):
        shuffled = np.random.default_rng(seed).permutation(np.repeat(np.arange(20), 30))
        assert _of_labels(shuffled, 40) == []


def test_a_class_that_a_split_lacks() -> None:
    train = _labelled(np.repeat([0, 1, 2], 50))
    for split in ("validation", "test"):
        dataset = Dataset.of(train=train, **{split: train[:100]})
        (finding,) = remarks(dataset, TrainOptions(steps=None))
        assert (finding.code, finding.where) == ("class-missing", split)
        assert "'2'" in finding.what
    (finding,) = remarks(Dataset.of(train=train[:100], test=train), TrainOptions(steps=None))
    assert (finding.code, finding.where) == ("class-missing", "train")


def test_a_class_that_no_split_has() -> None:
    train = replace(_labelled(np.repeat([0, 2], 9)), class_names=("a", "b", "c"))
    for dataset in (Dataset.of(train=train), Dataset.of(train=train, test=train[:12])):
        (finding,) = remarks(dataset, TrainOptions(steps=None))
        assert (finding.code, finding.where) == ("class-missing", "labels")
        assert "'b'" in finding.what
    with_b = replace(train, label=np.where(np.arange(18) < 17, train.label, 1))
    assert (
        codes(
            list(
                remarks(
                    Dataset.of(train=with_b).with_validation("last 1"), TrainOptions(steps=None)
                )
            )
        )
        == []
    )


def test_labels_that_count_from_1() -> None:
    findings = remarks(
        Dataset.of(train=_labelled(np.repeat([1, 2, 3], 9))), TrainOptions(steps=None)
    )
    (finding,) = findings
    assert (finding.code, finding.where) == ("class-first-empty", "labels")
    assert "subtract 1" in finding.fix


def _of_events(events: SpikeEvents, **settings: Any) -> list[str]:
    return codes(list(remarks(Dataset.of(train=events), TrainOptions(**settings))))


def test_the_grid(tmp_path: Path) -> None:
    events = SpikeEvents.from_lists([[1.0, 50.0], [2.0, 60.0]], [[0, 1], [1, 0]], [0, 1])
    fits = {"steps": 70, "max_delay": 10}
    assert _of_events(events, **fits) == []
    few = ["dt-above-time-constant", "events-in-few-steps"]
    assert _of_events(events, steps=5, max_delay=3, dt_ms=15.0, tau_syn_ms=9.0) == few
    assert _of_events(events, **fits, tau_mem_ms=0.9) == ["dt-above-time-constant"]
    (in_seconds,) = remarks(Dataset.of(train=events), TrainOptions(**fits, tau_mem_ms=0.02))
    assert "`tau_mem_ms=20`" in in_seconds.fix
    assert _of_events(events, steps=1000, max_delay=10) == ["steps-beyond-data"]
    slow = replace(events, time_ms=100 * events.time_ms)
    assert _of_events(slow, steps=6001, max_delay=10) == ["steps-many"]
    file = tmp_path / "short.toml"
    file.write_text(
        "name = 'short'\nkind = 'chip'\n[holds]\nmax_delay = { value = 0, mark = 'inferred' }\n"
    )
    chip = {"steps": 70, "target": str(file)}
    assert _of_events(events, **chip, max_delay=10) == ["delays-beyond-target"]
    assert _of_events(events, **chip, max_delay=0) == []
    seconds = replace(events, time_ms=events.time_ms / 1000)
    assert "events-in-few-steps" in _of_events(seconds, **fits)
    assert _of_events(replace(events, n_units=20), **fits) == ["channels-unused"]
    assert _of_events(replace(events, n_units=20), **fits, group=10) == ["channels-unused"]
    twice = SpikeEvents.from_lists([[5.0, 5.2, 50.0]] * 2, [[0, 0, 1]] * 2, [0, 1])
    (finding,) = remarks(Dataset.of(train=twice), TrainOptions(**fits))
    assert finding.code == "events-merged"
    assert finding.what.startswith("33%")
    assert "`dt_ms=0.2`" in finding.fix


@pytest.mark.parametrize(("factor", "end"), [(1000, "82 ms"), (1_000_000, "82 ms")])
def test_times_that_are_too_long_by_a_factor(factor: int, end: str) -> None:
    times = [[float(time) for time in range(2, 84, 10)]] * 2
    events = SpikeEvents.from_lists(times, [[0, 1] * 4 + [0]] * 2, [0, 1])
    wrong = replace(events, time_ms=factor * events.time_ms)
    (finding,) = time_findings(wrong)
    assert finding.code == "times-look-like-ms"
    assert f"{factor:,} times smaller, the sample ends after {end}" in finding.what


def test_times_that_look_like_milliseconds() -> None:
    times = [[float(time) for time in range(10, 800, 10)]] * 2
    events = SpikeEvents.from_lists(times, [[0] * 79, [1] * 79], [0, 1])
    data = Dataset.of(train=events)
    check_events_in_time(data, TrainOptions(steps=None))
    in_seconds = Dataset.of(train=replace(events, time_ms=1000 * events.time_ms))
    with refused(DataError, "events-mostly-dropped") as caught:
        check_events_in_time(in_seconds, TrainOptions(steps=None))
    assert "790 ms" in caught.value.why
    assert "such as time_us" in caught.value.fix
    with refused(DataError, "events-mostly-dropped") as caught:
        check_events_in_time(data, TrainOptions(steps=100))
    assert " ms" not in caught.value.why
    with refused(DataError, "events-mostly-dropped") as caught:
        built_in = Dataset("digits", ("train",), lambda split: events)
        check_events_in_time(built_in, TrainOptions(steps=100))
    assert "such as time_us" not in caught.value.fix
    with refused(DataError, "events-missing"):
        check_events_in_time(
            Dataset.of(train=_labelled(np.array([0, 1]))), TrainOptions(steps=None)
        )


def test_steps_chosen_from_the_data() -> None:
    events = SpikeEvents.from_lists([[1.0], [59.0], []], [[0], [1], []], [0, 1, 1])
    options = TrainOptions(steps="auto", dt_ms=2.0)
    assert options.fitted_to(events).n_steps == 30 + 5
    assert options.fitted_to(events).fitted_to(events[:1]).n_steps == 35
    with refused(UsageError, "steps-unsettled"):
        _ = options.n_steps
    with refused(DataError, "events-missing"):
        options.fitted_to(events[2:])
    with refused(DataError, "steps-too-many"):
        options.fitted_to(replace(events, time_ms=events.time_ms * 1e5))


@pytest.mark.parametrize(
    ("counts", "group", "most", "fix"),
    [(5, 1, 5, ""), (5, 1, 3, "input_counts=5"), (5, 3, 5, "input_counts="), (300, 1, 255, "255")],
)
def test_counts_beyond_those_of_an_input(counts: int, group: int, most: int, fix: str) -> None:
    times = np.arange(0.0, 60.0, 2.0)
    events = SpikeEvents.from_lists(
        [times] * 6, [np.arange(30) % 9] * 6, [0, 1, 2] * 2, counts=[[counts] * 30] * 6
    )
    if group > 1:
        events = SpikeEvents.concatenate([events, events])
        events = replace(events, time_ms=np.floor(events.time_ms / 6) * 6)
    options = small_options(group=group, input_counts=most)
    found = [f for f in remarks(Dataset.of(train=events), options) if f.code == "counts-lost"]
    assert len(found) == bool(fix)
    for finding in found:
        assert f"at most {most} " in finding.what
        assert "most_spikes" in finding.what
        assert fix in finding.fix


def test_the_line_at_the_start() -> None:
    model = torch.nn.Linear(9, 4)
    dataset = Dataset.of(train=small_events(40, 1), test=small_events(7, 2)).with_validation(0.25)
    line = start_line(dataset, small_options(group=3), model)  # type: ignore[arg-type]
    # The numbers are: samples, steps, sizes of the input, and parameters.
    numbers = [*(30, 10, 0, 7), *(30, 2), *(3, 9), 40]
    assert re.findall(r"\d+", line) == [str(number) for number in numbers]
    counts = start_line(dataset, small_options(group=3, input_counts=7), model)  # type: ignore[arg-type]
    assert re.findall(r"\d+", counts) == [str(n) for n in (*numbers[:-1], 7, numbers[-1])]
