"""Training in the chip's integers: the forward pass equals hardware_sim's, bit by bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings, strategies as st

from nmtool import dynamics
from nmtool.arithmetic import LOIHI2, Arithmetic
from nmtool.errors import NetworkError, UsageError
from nmtool.hardware_sim.simulator import simulate
from nmtool.network.float_network import Network
from nmtool.network.float_parts import Population
from nmtool.network.graph import LATE, LIF, SUBTRACT, TO_ZERO
from nmtool.network.integer_network import IntegerNetwork
from nmtool.network.readout import RULES
from nmtool.quantisation import DelayGrid
from nmtool.raster import Raster
from nmtool.testing.networks import with_resets
from nmtool.training.front.model import SpikingNetwork
from nmtool.training.front.rounding import float_population
from nmtool.training.mathematics import reference
from nmtool.verification.comparison import compare_recordings
from tests.networks.drawn import arithmetics
from tests.networks.resets import with_reset, with_several_resets
from tests.networks.trainable import TOPOLOGIES, random_input, random_network, with_readout
from tests.refusals import refused
from tests.thorough import examples
from tests.training.integer_runs import (
    FAULTS,
    assert_all_spiked,
    assert_identical,
    rounding_of,
    run_both,
    too_loud,
)

pytestmark = pytest.mark.torch
pytestmark = [pytestmark, pytest.mark.usefixtures("tiny8")]


@pytest.mark.parametrize("topology", TOPOLOGIES)
@pytest.mark.parametrize("weight_bits", [8, 4, 2])
def test_the_forward_pass_is_that_of_the_chip(topology: str, weight_bits: int) -> None:
    network = random_network(topology, seed=weight_bits)
    spikes = random_input(network, 5, seed=1)
    both = run_both(network, rounding_of(network, weight_bits, DelayGrid(3, 2)), spikes)
    assert_identical(*both)


_GRIDS = (DelayGrid(6, 1), DelayGrid(4, 4), DelayGrid(1, 61), DelayGrid(5, 2))
_DTYPES = (torch.float32, torch.float64)
_HIDDEN = [name for name in TOPOLOGIES if name != "none hidden"]


@settings(max_examples=examples(2))
@given(
    st.integers(0, 1000),
    st.sampled_from(_HIDDEN),
    st.sampled_from([*RULES]),
    st.integers(2, 8),
    st.sampled_from(_GRIDS),
    st.sampled_from(_DTYPES),
    st.booleans(),
    st.sampled_from([1, 3, 255]),
)
@example(0, "two layers", "first_spike", 2, DelayGrid(1, 61), torch.float32, False, 1)
@example(1, "two layers, forward", "weighted", 3, DelayGrid(4, 4), torch.float32, True, 1)
@example(2, "two layers", "mean", 8, DelayGrid(6, 1), torch.float64, True, 3)
@example(3, "recurrent", "max", 5, DelayGrid(5, 2), torch.float32, False, 1)
@example(3, "recurrent", "first_spike", 5, DelayGrid(5, 2), torch.float32, True, 255)
def test_identical_for_every_readout_and_any_bits(
    seed: int,
    topology: str,
    rule: str,
    weight_bits: int,
    grid: DelayGrid,
    dtype: torch.dtype,
    subtracts: bool,
    most_spikes: int,
) -> None:
    network = with_readout(random_network(topology, seed, max_delay=61, n_steps=90), rule)
    if subtracts:
        network = with_several_resets(network, seed, most_spikes)
    rounding = rounding_of(network, weight_bits, grid)
    spikes = random_input(network, 3, seed)
    model, actual, expected = run_both(network, rounding, spikes, dtype=dtype)
    assert_identical(model, actual, expected)
    assert_all_spiked(expected)
    assert set(expected.spikes) == {p.name for p in network.populations if p.kind == LIF}
    assert max(p.delay.max() for p in model.to_integers().projections) > 50


@settings(max_examples=examples(0.7))
@given(
    st.integers(0, 1000),
    st.sampled_from(["recurrent", "two layers"]),
    st.integers(2, 8),
    st.sampled_from(_DTYPES),
    arithmetics,
    st.booleans(),
    st.sampled_from([1, 3, 255]),
)
def test_identical_where_states_overflow(
    seed: int,
    topology: str,
    weight_bits: int,
    dtype: torch.dtype,
    runs_in: Arithmetic,
    subtracts: bool,
    most_spikes: int,
) -> None:
    network = random_network(topology, seed=seed)
    bits = min(weight_bits, runs_in.weight_bits[-1])
    grid = DelayGrid(runs_in.delay_bits[-1], target=runs_in)
    # If sums clip, more spikes leave only small weights.
    most_spikes = min(most_spikes, 3) if runs_in.sum_limit else most_spikes
    rounding = too_loud(rounding_of(network, max(bits, runs_in.weight_bits[0]), grid), most_spikes)
    if subtracts:
        integers = with_resets(rounding(network), seed, most_spikes)
        rounding = replace(rounding, integers=integers)
        network = replace(network, channels=integers.channels)
    spikes = random_input(network, 2, seed, density=0.08 if runs_in == LOIHI2 else 1.0)
    model, actual, expected = run_both(network, rounding, spikes, dtype=dtype)
    assert_identical(model, actual, expected)
    assert_all_spiked(expected)
    outputs = ("v_clips.output",) if runs_in == LOIHI2 else ()
    assert all(expected.counts[name] > 0 for name in (*FAULTS, *outputs))


@pytest.mark.parametrize(
    ("reset", "share", "most"),
    [(TO_ZERO, 1.0, 1), (SUBTRACT, 1.0, 1), (SUBTRACT, 0.3, 1), (LATE, 0.3, 1), (SUBTRACT, 0.3, 3)],
)
def test_gradients_are_those_of_the_values_that_integers_represent(
    reset: str, share: float, most: int
) -> None:
    network = with_reset(random_network("recurrent", seed=3), reset, share, most)
    spikes = random_input(network, 3, seed=4)
    rounding = rounding_of(network)
    model = SpikingNetwork(network, dtype=torch.float64, rounding=rounding)
    activity = model(spikes)
    d_membrane = np.random.default_rng(5).normal(size=activity.membrane["output"].shape)
    (activity.membrane["output"] * torch.from_numpy(d_membrane)).sum().backward()
    integer = rounding(model.to_network())
    rounded, jump = _represented(network, integer)
    tape = activity.spikes["hidden"].raster()
    shapes = {p.name: (*d_membrane.shape[:2], p.size) for p in rounded.populations}
    nothing = {name: np.zeros(shape) for name, shape in shapes.items()}
    slopes, crossings = _crossings(rounded, integer, spikes)
    traced = {"hidden": slopes}, {"hidden": crossings}
    trace = reference.Trace({"hidden": tape}, nothing, nothing, *traced)
    expected = reference.backward(rounded, spikes, trace, {"output": d_membrane})
    assert tape.n_spikes > 100
    assert share == 1 or (tape.bin_counts() > crossings).sum() > 20
    assert (crossings.max() > 1) == (most > 1)
    for index, projection in enumerate(model.synapses):
        ratio = jump[projection.target]
        scale = np.abs(expected.weight[index]).max()
        np.testing.assert_allclose(
            projection.weight.grad, expected.weight[index] * ratio, rtol=0, atol=1e-9 * scale
        )
        scale = np.abs(expected.delay[index]).max()
        np.testing.assert_allclose(
            projection.delay.grad, expected.delay[index], rtol=0, atol=1e-9 * scale
        )


def _represented(
    network: Network, integer: IntegerNetwork
) -> tuple[Network, dict[str, np.ndarray]]:
    """The float network that the integers represent, and b of the trained network over its b."""
    populations = [float_population(p, network.dt_ms) for p in integer.populations]
    b = {p.name: _b(p, network) for p in populations}
    projections = [
        replace(
            projection,
            weight=chip.shifted_weight / integer.population(chip.target).scale / b[chip.target],
            delay=chip.delay.astype(np.int32),
        )
        for projection, chip in zip(network.projections, integer.projections, strict=True)
    ]
    rounded = replace(network, populations=populations, projections=projections)
    return rounded, {p.name: _b(p, network) / b[p.name] for p in network.populations}


def _b(population: Population, network: Network) -> np.ndarray:
    tau_mem, tau_syn = population.values("tau_mem_ms"), population.values("tau_syn_ms")
    return dynamics.drive_scale(tau_mem, tau_syn, network.dt_ms)


def _crossings(
    rounded: Network, integer: IntegerNetwork, spikes: Raster
) -> tuple[np.ndarray, np.ndarray]:
    """q and number of every bin's crossings, from the simulator's u and v; ∞ if there is none."""
    recording, chip = simulate(integer, spikes, deep=True), integer.population("hidden")
    u = recording.current["hidden"].astype(np.int64)
    v = recording.potential["hidden"].astype(np.int64)
    before = np.concatenate([np.zeros_like(v[:, :1]), v[:, :-1]], axis=1)
    remainder = np.sign(before) * ((np.abs(before) * chip.keep_v) >> 12)
    raster = recording.spikes["hidden"]
    at_spikes = raster.dense()
    late = min(chip.drop, 0) * np.roll(at_spikes, 1, axis=1)
    late[:, 0] = 0
    count, left_over = raster.dense_counts().astype(np.int64), np.zeros_like(v)
    for k in range(chip.most_spikes):
        after = before - k * max(chip.drop, 0)
        is_above = after * chip.keep_v + late * 4096 > (chip.vth << 6) * chip.keep_v
        left_over += is_above & (k < count)
    unit, population = chip.scale * 64, rounded.population("hidden")
    at_crossing = remainder + u + chip.bias + late - left_over * max(chip.drop, 0)
    current, peak = u / unit, at_crossing / unit
    gain = dynamics.membrane_gain(population.values("tau_mem_ms"), rounded.dt_ms)
    q = np.maximum(current / _b(population, rounded), current / gain) + population.values("bias")
    crossings = count - left_over
    return np.where(crossings, q - peak, np.inf)[at_spikes], crossings[at_spikes]


@pytest.mark.parametrize(("tau_mem_ms", "trains"), [(4000.0, True), (20000.0, False)])
def test_a_leak_beyond_the_chip_is_named(tau_mem_ms: float, trains: bool) -> None:
    network = random_network("recurrent", 3)
    populations = [replace(p, tau_mem_ms=tau_mem_ms) for p in network.populations]
    slow = replace(network, populations=populations, dt_ms=1.0)
    model = SpikingNetwork(slow, max_delay=slow.max_delay, rounding=rounding_of(slow))
    spikes = random_input(slow, 1, 0)
    if trains:
        model.record(spikes)
        return
    with refused(NetworkError, "network-untrainable") as error:
        model.record(spikes)
    assert all(word in error.value.why for word in ("tau_mem_ms", "4095 ms", "1 ms"))


def test_a_given_integer_network_runs_unchanged() -> None:
    network = random_network("two layers", seed=5)
    integers = with_resets(rounding_of(network, 4, DelayGrid(3, 2))(network), seed=1)
    model = SpikingNetwork(network, max_delay=network.max_delay, rounding=integers)
    spikes = random_input(network, 5, seed=6)
    comparison = compare_recordings(simulate(integers, spikes), model.record(spikes))
    assert comparison.identical
    assert comparison.spikes_emitted > 0
    other = random_network("recurrent", seed=5)
    with refused(UsageError, "integers-other-graph"):
        SpikingNetwork(other, max_delay=other.max_delay, rounding=integers)
