"""Limits of targets, in grids of delays, rounding, training and checks of networks."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import nmtool as nm
from nmtool.arithmetic import LIMITS, MAX_SIX_BIT_DELAY
from nmtool.errors import NetworkError, UsageError
from nmtool.network.integer_network import IntegerNetwork, IntegerPopulation, IntegerProjection
from nmtool.quantisation import DelayGrid, calibrate, round_network
from nmtool.raster import Raster
from nmtool.targets import LOIHI2
from tests.nmtool.quantisation.cases import one_population
from tests.refusals import refused

SHORT = replace(LOIHI2, name="short", max_delay=31)
ROOT = Path(__file__).parents[3]


def delayed(*delays: int) -> nm.Network:
    """A neuron with one synapse per delay."""
    network = one_population(np.ones((len(delays), 1)))
    projection = replace(network.projections[0], delay=np.array(delays)[:, None])
    return network.with_projections([projection])


def stored_delays(network: IntegerNetwork) -> list[int]:
    return network.projections[0].delay.ravel().tolist()


def test_a_delay_grid_stays_within_its_target() -> None:
    assert DelayGrid(target=SHORT).longest == 31
    assert DelayGrid(3, 7, target=SHORT).longest == 28
    assert DelayGrid().within(SHORT) == DelayGrid(target=SHORT)
    assert DelayGrid(limit=20).within(SHORT).longest == 20
    assert DelayGrid(limit=20, target=SHORT).within(LOIHI2).longest == 20
    assert DelayGrid.spanning(3, 61, target=SHORT).longest <= 31
    with refused(UsageError, "delay-stride-range") as caught:
        DelayGrid(1, 32, target=SHORT)
    assert "31" in str(caught.value)
    with refused(UsageError, "delay-limit-range"):
        DelayGrid(limit=32, target=SHORT)


@pytest.mark.parametrize("grid", [None, DelayGrid(), DelayGrid(target=SHORT)])
def test_rounding_clips_delays_to_the_target(grid: DelayGrid | None) -> None:
    result = round_network(delayed(3, 31, 32, 61, 70), delays=grid, target=SHORT)
    assert stored_delays(result.network) == [3, 31, 31, 31, 31]
    (finding,) = result.findings
    assert finding.code == "delay-range"
    assert "3 delays" in finding.what
    assert "31 steps" in finding.what
    assert "31" in finding.fix


def test_quantising_clips_delays_to_the_target() -> None:
    spikes = Raster.from_dense(np.ones((2, 10, 5)))
    result = nm.quantise(delayed(3, 31, 32, 61, 70), calibrate_on=spikes, target=SHORT)
    assert stored_delays(result.network) == [3, 31, 31, 31, 31]
    assert [finding.code for finding in result.findings] == ["delay-range"]
    assert "31 steps" in result.findings[0].what
    wide = nm.quantise(delayed(3, 31, 32, 61, 70), calibrate_on=spikes)
    assert stored_delays(wide.network) == [3, 31, 32, 61, 61]


def test_training_in_integers_refuses_delays_beyond_the_target(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = pytest.importorskip("nmtool.training.options")
    monkeypatch.chdir(tmp_path)
    Path("short.toml").write_text(
        'name = "short"\nkind = "chip"\narithmetic = { value = "loihi2", mark = "inferred" }\n'
        '[holds]\nmax_delay = { value = 31, mark = "inferred" }\n'
    )
    with refused(UsageError, "max-delay-beyond-chip") as caught:
        options.TrainOptions(arithmetic="integer", target="short.toml")
    assert "31" in caught.value.fix
    settings = options.TrainOptions(arithmetic="integer", target="short.toml", max_delay=31)
    assert settings.delay_grid.limit == settings.delay_grid.target.max_delay == 31
    assert settings.longest_delay == 31
    with refused(UsageError, "target-unknown"):
        options.TrainOptions(target="unknown")


@pytest.mark.parametrize(
    ("limit", "value", "code"),
    [
        ("max_delay", 6, "delays-not-steps"),
        ("weight_bits", (2, 3), "projection-bits-range"),
        ("max_weight_exponent", 1, "projection-exponent-range"),
        ("max_du", 99, "constant-range"),
        ("max_dv", 9, "constant-range"),
        ("max_threshold", 9, "constant-range"),
        ("bias_limit", 3, "bias-mantissa-range"),
        ("max_bias_exponent", 1, "constant-range"),
    ],
)
def test_a_network_is_checked_for_a_target(limit: str, value: object, code: str) -> None:
    network = IntegerNetwork(
        nm.InputChannels(1),
        [IntegerPopulation("p", 1, "lif", 100, 10, 10, 1.0, 2, [-4])],
        [IntegerProjection("input", "p", np.array([[2]]), np.array([[7]]), 8, 2)],
        nm.Readout("p", "first_spike"),
        1.0,
        10,
    )
    network.check(LOIHI2)
    with refused(NetworkError, code):
        network.check(replace(LOIHI2, **{limit: value}))


def test_rounding_obeys_every_limit_of_a_target() -> None:
    narrow = replace(
        LOIHI2,
        max_weight_exponent=0,
        max_du=300,
        max_dv=100,
        max_threshold=999,
        bias_limit=64,
        max_bias_exponent=3,
        drive_limit=1 << 10,
    )
    network = one_population(np.linspace(-1, 9, 40)[:, None], bias=0.3, tau_syn_ms=2.0)
    seen = calibrate(network, Raster.from_dense(np.ones((1, 10, 40))))
    for calibration in (None, seen):
        result = round_network(network, calibration=calibration, target=narrow)
        result.network.check(narrow)
        assert {finding.code for finding in result.findings} >= {"decay-range"}
        assert result.report.populations[0].drive_share < 1


@pytest.mark.parametrize("limit", LIMITS)
def test_limits_beyond_the_arithmetic_are_refused(limit: str) -> None:
    widest = getattr(LOIHI2, limit)
    more = (*widest, widest[-1] + 1) if isinstance(widest, tuple) else widest + 1
    with refused(UsageError, "target-range") as caught:
        replace(LOIHI2, **{limit: more})
    assert limit in str(caught.value)


def test_every_limit_of_delays_is_defined_once() -> None:
    """Lava's package runs without nmtool; its own copy of the limit is equal."""
    limits = re.compile(r"(?im)^ *(max|longest)_\w*delay\w* *(: *int *)?= *(\d+|1 << \d+|\(1)")
    definitions = {
        str(path.relative_to(ROOT)): match.group(0).strip()
        for room in ("nmtool", "training", "exporters", "hardware_sim")
        for path in sorted((ROOT / room).rglob("*.py"))
        for match in limits.finditer(path.read_text(encoding="utf-8"))
        if path.name != "arithmetic.py"
    }
    assert definitions == {
        "exporters/lava/package/lava_network/models.py": f"MAX_DELAY = {MAX_SIX_BIT_DELAY}"
    }


def test_bits_are_sorted() -> None:
    target = replace(LOIHI2, weight_bits=(8, 4), delay_bits=(6, 2))
    assert (target.weight_bits, target.delay_bits) == ((4, 8), (2, 6))
    network = nm.quantise(delayed(3), calibrate_on="none", target=target).network
    assert network.projections[0].weight_bits == 8


@pytest.mark.parametrize("limit", ["max_threshold", "drive_limit"])
def test_limits_of_zero_are_refused(limit: str) -> None:
    with refused(UsageError, "target-range"):
        replace(LOIHI2, **{limit: 0})


@pytest.mark.parametrize("bias_limit", [0, 1])
def test_networks_for_a_target_without_biases_have_none(bias_limit: int) -> None:
    target = replace(LOIHI2, name="plain", bias_limit=bias_limit)
    network = nm.Network.layers([5, 8, 3])
    quantised = nm.quantise(network, calibrate_on="none", target=target)
    assert "bias-lost" not in [finding.code for finding in quantised.findings]
    hidden = replace(network.populations[0], bias=0.25)
    biased = replace(network, populations=[hidden, network.populations[1]])
    quantised = nm.quantise(biased, calibrate_on="none", target=target)
    assert [finding.where for finding in quantised.findings if finding.code == "bias-lost"] == [
        "hidden"
    ]
    assert not any(p.bias.any() for p in quantised.network.populations)
