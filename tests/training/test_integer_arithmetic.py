"""Training in the chip's integers: the forward pass is hardware_sim's, bit by bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hardware_sim.simulator import simulate
from hardware_sim.step import keep_membrane
from nmtool import dynamics
from nmtool.errors import NetworkError
from nmtool.graph import LI
from nmtool.integer_network import IntegerNetwork
from nmtool.network import Network, Population
from nmtool.quantise import Calibration, DelayGrid, weight_ranges
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.verify import compare
from tests.training.nets import TOPOLOGIES, random_input, random_network
from training import reference
from training.integer_arithmetic import Rounding, held_population
from training.model import SpikingNetwork

pytestmark = pytest.mark.torch


def _rounding(network: Network, weight_bits: int = 8, delays: DelayGrid | None = None) -> Rounding:
    """Integers with room for outputs of a size, so that some membranes saturate."""
    seen = Calibration(membrane={p.name: 0.5 for p in network.populations if p.kind == LI})
    ranges = weight_ranges(network, weight_bits)
    return Rounding(weight_bits, delays or DelayGrid(), ranges, seen)


def _both(
    network: Network, rounding: Rounding, spikes: Raster
) -> tuple[SpikingNetwork, Recording, Recording]:
    model = SpikingNetwork(network, dtype=torch.float64, rounding=rounding)
    return model, model.record(spikes), simulate(rounding(model.to_network()), spikes)


def _assert_identical(mine: Recording, theirs: Recording) -> None:
    comparison = compare(theirs, mine)
    assert comparison.spikes_different == comparison.membrane_different == 0
    np.testing.assert_array_equal(mine.predictions, theirs.predictions)
    for name, membrane in theirs.membrane.items():
        assert mine.membrane[name].dtype == membrane.dtype


@pytest.mark.parametrize("topology", TOPOLOGIES)
@pytest.mark.parametrize("weight_bits", [8, 4, 2])
def test_the_forward_pass_is_that_of_the_chip(topology: str, weight_bits: int) -> None:
    network = random_network(topology, seed=weight_bits)
    spikes = random_input(network, 5, seed=1)
    rounding = _rounding(network, weight_bits, DelayGrid(3, 2))
    model, mine, theirs = _both(network, rounding, spikes)
    _assert_identical(mine, theirs)
    faults = np.sum([fault.sum(axis=1) for fault in model.arithmetic.faults.values()], axis=0)
    np.testing.assert_array_equal(faults, [theirs.counts["u_wraps"], theirs.counts["v_clips"]])


@settings(max_examples=20)
@given(st.integers(0, 1000), st.sampled_from([1.0, 30.0, 3000.0]))
def test_identical_where_states_overflow(seed: int, strength: float) -> None:
    network = random_network("recurrent", seed=seed)
    rounding = _rounding(network)
    louder = network.with_projections(
        [replace(p, weight=p.weight * strength) for p in network.projections]
    )
    _, mine, theirs = _both(louder, rounding, random_input(network, 2, seed))
    _assert_identical(mine, theirs)


def test_gradients_are_those_of_what_the_chip_holds() -> None:
    network = random_network("recurrent", seed=3)
    spikes = random_input(network, 3, seed=4)
    rounding = _rounding(network)
    model = SpikingNetwork(network, dtype=torch.float64, rounding=rounding)
    activity = model(spikes)
    d_membrane = np.random.default_rng(5).normal(size=activity.membrane["output"].shape)
    (activity.membrane["output"] * torch.from_numpy(d_membrane)).sum().backward()
    integer = rounding(model.to_network())
    held, jump = _held(network, integer)
    tape = activity.spikes["hidden"].raster()
    shapes = {p.name: (*d_membrane.shape[:2], p.size) for p in held.populations}
    nothing = {name: np.zeros(shape) for name, shape in shapes.items()}
    slopes = {"hidden": _slopes(held, integer, spikes)}
    trace = reference.Trace({"hidden": tape}, nothing, nothing, slopes)
    expected = reference.backward(held, spikes, trace, {"output": d_membrane})
    assert tape.n_spikes > 100
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


def _held(network: Network, integer: IntegerNetwork) -> tuple[Network, dict[str, np.ndarray]]:
    """The float network of what the chip holds, and b of the trained weights over its b."""
    populations = [held_population(p, network.dt_ms) for p in integer.populations]
    b = {p.name: _b(p, network) for p in populations}
    projections = [
        replace(
            projection,
            weight=chip.shifted_weight / integer.population(chip.target).scale / b[chip.target],
            delay=chip.delay.astype(np.int32),
        )
        for projection, chip in zip(network.projections, integer.projections, strict=True)
    ]
    held = replace(network, populations=populations, projections=projections)
    return held, {p.name: _b(p, network) / b[p.name] for p in network.populations}


def _b(population: Population, network: Network) -> np.ndarray:
    tau_mem, tau_syn = population.values("tau_mem_ms"), population.values("tau_syn_ms")
    return dynamics.drive_scale(tau_mem, tau_syn, network.dt_ms)


def _slopes(held: Network, integer: IntegerNetwork, spikes: Raster) -> np.ndarray:
    """q at every hidden spike, from u and v that the simulator recorded."""
    recording, chip = simulate(integer, spikes, deep=True), integer.population("hidden")
    u = recording.current["hidden"].astype(np.int64)
    v = recording.potential["hidden"].astype(np.int64)
    before = np.concatenate([np.zeros_like(v[:, :1]), v[:, :-1]], axis=1)
    kept = np.sign(before) * ((np.abs(before) * keep_membrane(chip.dv)) >> 12)
    at_spikes = recording.spikes["hidden"].dense()
    unit, population = chip.scale * 64, held.population("hidden")
    current, peak = u / unit, (kept + u + chip.bias) / unit
    gain = dynamics.membrane_gain(population.values("tau_mem_ms"), held.dt_ms)
    q = np.maximum(current / _b(population, held), current / gain) + population.values("bias")
    return (q - peak)[at_spikes]


@pytest.mark.parametrize(("tau_mem_ms", "trains"), [(4000.0, True), (20000.0, False)])
def test_a_leak_that_the_chip_cannot_hold_is_named(tau_mem_ms: float, trains: bool) -> None:
    network = random_network("recurrent", 3)
    populations = [replace(p, tau_mem_ms=tau_mem_ms) for p in network.populations]
    slow = replace(network, populations=populations, dt_ms=1.0)
    model = SpikingNetwork(slow, max_delay=slow.max_delay, rounding=_rounding(slow))
    spikes = random_input(slow, 1, 0)
    if trains:
        model.record(spikes)
        return
    with pytest.raises(NetworkError, match="cannot be trained") as error:
        model.record(spikes)
    assert "its tau_mem_ms is infinite" in error.value.why
    assert "integers hold is 4095 ms at steps of 1 ms" in error.value.why
