from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from nmtool.arithmetic import STATE_LIMIT
from nmtool.dynamics import decay, drive_scale
from nmtool.hardware_sim.reference import run_reference
from nmtool.hardware_sim.simulator import simulate
from nmtool.network.float_network import Network
from nmtool.network.float_parts import Population, Projection
from nmtool.network.graph import INPUT, LI, InputChannels
from nmtool.network.readout import Readout
from nmtool.quantisation import Calibration, Quantisation, round_network, weight_ranges
from nmtool.quantisation.calibration import calibrate, halve_overflowing_scales, overflows
from nmtool.raster import Raster
from nmtool.targets import LOIHI2
from nmtool.testing.networks import random_raster
from tests.thorough import examples

STEPS = 40


def spiking_network(tau_mem_ms: float = 20.0) -> Network:
    """Ten channels, a recurrent population, and an output with a given membrane time constant."""
    random = np.random.default_rng(3)

    def projection(source: str, target: str, pre: int, post: int, mean: float) -> Projection:
        weight = random.normal(mean, 1.0, (pre, post))
        return Projection(source, target, weight, random.integers(0, 8, (pre, post)))

    return Network(
        InputChannels(10),
        [Population("hidden", 12), Population("out", 3, LI, tau_mem_ms=tau_mem_ms)],
        [
            projection(INPUT, "hidden", 10, 12, 2.0),
            projection("hidden", "hidden", 12, 12, 0.0),
            projection("hidden", "out", 12, 3, 0.5),
        ],
        Readout("out", "mean"),
        1.0,
        STEPS,
    )


def one_synapse(weight: float, **constants: float) -> Network:
    return Network(
        InputChannels(1),
        [Population("out", 1, LI, **constants)],
        [Projection(INPUT, "out", np.array([[weight]]), np.array([[0]]))],
        Readout("out", "max"),
        1.0,
        STEPS,
    )


def merged(parts: list[Calibration], key: str) -> dict[str, float]:
    names = getattr(parts[0], key)
    return {name: max(getattr(part, key)[name] for part in parts) for name in names}


def test_ranges_of_one_synapse_equal_the_closed_form() -> None:
    network = one_synapse(-3.0, tau_mem_ms=20.0, tau_syn_ms=5.0)
    dense = np.zeros((1, STEPS, 1))
    dense[0, [4, 5]] = 1
    seen = calibrate(network, Raster.from_dense(dense))
    jump = 3.0 * float(drive_scale(20.0, 5.0, 1.0))
    current = np.convolve([jump, jump], decay(5.0, 1.0) ** np.arange(STEPS))
    membrane = np.convolve(current, decay(20.0, 1.0) ** np.arange(STEPS)).max()
    assert seen.drive["out"] == pytest.approx(jump, rel=0.01)
    assert seen.current["out"] == pytest.approx(current.max(), rel=0.01)
    assert seen.membrane["out"] == pytest.approx(membrane, rel=0.01)


def test_calibration_is_the_largest_of_all_samples() -> None:
    network = spiking_network()
    spikes = random_raster(5, 19, STEPS, 10)
    seen = calibrate(network, spikes)
    parts = [calibrate(network, spikes.take([sample])) for sample in range(spikes.n_samples)]
    for key in ("drive", "current", "membrane"):
        assert getattr(seen, key) == merged(parts, key)


def test_calibration_equals_ranges_of_the_reference_simulator() -> None:
    network = spiking_network()
    spikes = random_raster(6, 3, STEPS, 10)
    seen = calibrate(network, spikes)
    provisional = round_network(network, calibration=Calibration()).network
    recording = run_reference(provisional, spikes)
    for population in provisional.populations:
        unit = 64 * population.scale
        largest = np.abs(recording.current[population.name]).max() / unit
        assert seen.current[population.name] == pytest.approx(largest)
    output = provisional.population("out")
    assert seen.membrane["out"] == pytest.approx(
        np.abs(recording.membrane["out"]).max() / (64 * output.scale)
    )


def test_calibration_gives_resolution_and_keeps_a_head_room_of_2() -> None:
    network = spiking_network()
    spikes = Raster.from_dense(np.random.default_rng(7).random((6, STEPS, 10)) < 0.02)
    blind = round_network(network)
    seeing = round_network(network, calibration=calibrate(network, spikes))
    assert (blind.report.calibrated, seeing.report.calibrated) == (False, True)
    assert seeing.network.population("out").scale > blind.network.population("out").scale
    recording = simulate(seeing.network, spikes)
    assert recording.spikes["hidden"].n_spikes > 50
    assert 0 < np.abs(recording.membrane["out"]).max() <= 1.01 * STATE_LIMIT / 2


@pytest.mark.parametrize("weight", [1.0, -1.0])
def test_a_perfect_integrator_is_measured_beyond_its_first_saturation(weight: float) -> None:
    network = one_synapse(weight, tau_mem_ms=np.inf, tau_syn_ms=50.0)
    spikes = Raster.from_dense(np.ones((2, 400, 1)))
    calibration = calibrate(network, spikes)
    jump = float(drive_scale(np.inf, 50.0, 1.0))
    current = np.cumsum(jump * decay(50.0, 1.0) ** np.arange(399))
    assert calibration.membrane["out"] == pytest.approx(current.sum(), rel=0.02)
    recording = simulate(round_network(network, calibration=calibration).network, spikes)
    assert recording.counts["v_clips"] == 0


def test_without_samples_calibration_is_empty() -> None:
    assert calibrate(spiking_network(), Raster.silent(0, STEPS, 10)) == Calibration()


def test_a_slow_output_is_measured_and_does_not_saturate() -> None:
    slow = {"tau_mem_ms": 1000.0, "tau_syn_ms": 1000.0}
    network = one_synapse(0.5, **slow)
    spikes = Raster.from_dense(np.ones((2, STEPS, 1)))
    seen = calibrate(network, spikes)
    jump = 0.5 * float(drive_scale(1000.0, 1000.0, 1.0))
    current = np.convolve(np.full(STEPS - 1, jump), decay(1000.0, 1.0) ** np.arange(STEPS))
    membrane = np.convolve(current[: STEPS - 1], decay(1000.0, 1.0) ** np.arange(STEPS))
    assert seen.membrane["out"] == pytest.approx(membrane[: STEPS - 1].max(), rel=0.02)
    integers = round_network(network, calibration=seen).network
    assert simulate(integers, spikes).counts["v_clips"] == 0


@pytest.mark.parametrize("seed", [218, 1105])
def test_the_integers_of_a_calibration_do_not_overflow(seed: int) -> None:
    """With two bits, weights may be rounded up more at the final scale than when measured."""
    random = np.random.default_rng(seed)
    slow = {"tau_mem_ms": random.choice([20, 200, 1000]), "tau_syn_ms": random.choice([5, 40])}
    weight = random.normal(0, 1, (6, 3)) ** int(random.choice([1, 3]))
    network = Network(
        InputChannels(6),
        [Population("out", 3, LI, **{name: float(tau) for name, tau in slow.items()})],
        [Projection(INPUT, "out", weight, random.integers(0, 5, (6, 3)))],
        Readout("out", "mean"),
        1.0,
        STEPS,
    )
    spikes = Raster.from_dense(random.random((3, STEPS, 6)) < 0.9)
    to_integers = partial(round_network, weight_bits=2, ranges=weight_ranges(network, 2))
    calibration = calibrate(network, spikes, to_integers=to_integers)
    assert not overflows(to_integers(network, calibration=calibration).network, spikes)


@settings(max_examples=examples(1.5))
@given(st.sampled_from([1000.0, np.inf]), st.floats(1e-5, 0.2), st.integers(2, 8))
def test_too_little_head_room_halves_the_scale(tau_ms: float, share: float, bits: int) -> None:
    network = one_synapse(0.5, tau_mem_ms=tau_ms, tau_syn_ms=1000.0)
    spikes = Raster.from_dense(np.ones((2, 400, 1)))
    to_integers = partial(round_network, weight_bits=bits)
    seen = calibrate(network, spikes, to_integers=to_integers)
    little = replace(seen, membrane={"out": share * seen.membrane["out"]})
    before = to_integers(network, calibration=little).network
    assert overflows(before, spikes)
    settled = halve_overflowing_scales(network, spikes, little, to_integers=to_integers)
    assert np.log2(before.populations[0].scale / settled.at_most["out"]) in range(1, 64)
    assert settled.membrane == little.membrane
    assert not overflows(to_integers(network, calibration=settled).network, spikes)


@given(st.integers(2, 8), st.integers(1, 3))
def test_a_halved_scale_keeps_integer_weights(bits: int, halvings: int) -> None:
    """With few bits, rounding anew at a scale in between would give quite different weights."""
    network, spikes = spiking_network(), random_raster(8, 3, STEPS, 10)
    to_integers = partial(round_network, weight_bits=bits, ranges=weight_ranges(network, bits))
    seen = calibrate(network, spikes, to_integers=to_integers)
    whole = to_integers(network, calibration=seen).network
    at_most = {p.name: p.scale / 2**halvings for p in whole.populations}
    halved = to_integers(network, calibration=replace(seen, at_most=at_most)).network
    for before, after in zip(whole.projections, halved.projections, strict=True):
        assert halved.population(after.target).scale == at_most[after.target]
        least = LOIHI2.weight_exponents(bits)[0]
        assert after.weight_exponent == max(least, before.weight_exponent - halvings)
        if before.weight_exponent - halvings >= least:
            np.testing.assert_array_equal(before.weight, after.weight)


def test_silent_samples_leave_the_bound_for_every_input() -> None:
    network = one_synapse(0.5, tau_mem_ms=20.0, tau_syn_ms=5.0)
    seen = calibrate(network, Raster.silent(2, STEPS, 1))
    assert seen.membrane["out"] == 0
    scale = round_network(network, calibration=seen).network.populations[0].scale
    assert scale == round_network(network).network.populations[0].scale


def test_a_neuron_under_steady_inhibition_does_not_saturate() -> None:
    """With inhibition at every step, u tends to −b·w/(1 − β), and v to u/(1 − α), far below 0."""
    network = Network(
        InputChannels(1),
        [Population("hidden", 1, tau_syn_ms=50.0, tau_mem_ms=100.0), Population("out", 1, LI)],
        [
            Projection(INPUT, "hidden", np.array([[-1.0]]), np.array([[0]])),
            Projection("hidden", "out", np.array([[1.0]]), np.array([[0]])),
        ],
        Readout("out", "mean"),
        1.0,
        2000,
    )
    spikes = Raster.from_dense(np.ones((1, 2000, 1), np.bool_))
    assert simulate(round_network(network).network, spikes).counts["v_clips.hidden"] > 0
    seen = calibrate(network, spikes)
    assert simulate(round_network(network, calibration=seen).network, spikes).counts["v_clips"] == 0


def loud(fan_in: int, weight: float, tau_syn_ms: float, loop: float) -> Network:
    """A network driven far beyond its threshold, with small recurrent weights."""

    def full(source: str, target: str, shape: tuple[int, int], value: float) -> Projection:
        return Projection(source, target, np.full(shape, value), np.zeros(shape, int))

    return Network(
        InputChannels(fan_in),
        [Population("hidden", 4, tau_syn_ms=tau_syn_ms), Population("out", 2, LI)],
        [
            full(INPUT, "hidden", (fan_in, 4), weight),
            full("hidden", "hidden", (4, 4), loop),
            full("hidden", "out", (4, 2), 1.0),
        ],
        Readout("out", "mean"),
        1.0,
        STEPS,
    )


@pytest.mark.parametrize(
    ("fan_in", "weight", "tau_syn_ms", "loop"),
    [(128, 0.039, 2.0, 0.0), (1, 2.0, 10.0, 0.0005), (1, 2.0, 10.0, -0.0005)],
)
def test_neurons_that_saturate_and_spike_need_no_head_room(
    fan_in: int, weight: float, tau_syn_ms: float, loop: float
) -> None:
    """The needed head-room is unknown: v saturates and is reset before it can be measured."""
    network = loud(fan_in, weight, tau_syn_ms, loop)
    spikes = Raster.from_dense(np.ones((1, STEPS, fan_in)))
    seen = calibrate(network, spikes)
    integers = round_network(network, calibration=seen).network
    assert simulate(integers, spikes).counts["v_clips.hidden"] > 0
    assert not overflows(integers, spikes)


def test_calibration_gives_up_if_integers_always_overflow() -> None:
    """A stand-in for rounding gives integers that saturate with any calibration."""
    network, tried = one_synapse(1.0, tau_mem_ms=np.inf, tau_syn_ms=50.0), []

    def stubborn(network: Network, *, calibration: Calibration) -> Quantisation:
        tried.append(calibration)
        return round_network(network, calibration=Calibration(membrane={"out": 1e-3}))

    with pytest.raises(AssertionError, match="scales were halved"):
        calibrate(network, Raster.from_dense(np.ones((1, STEPS, 1))), to_integers=stubborn)
    assert 1 < len(tried) <= 200
