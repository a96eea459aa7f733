"""`check_arithmetic`: checks of an integer arithmetic, for the tests of a plug-in that adds one."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast
from unittest.mock import patch

import numpy as np

from nmtool import dynamics
from nmtool.arithmetic import Arithmetic, arithmetics, check_implemented
from nmtool.hardware_sim.alone import Neurons, spikes_to
from nmtool.hardware_sim.kernel import compiled_step
from nmtool.hardware_sim.known_answers import known_answers
from nmtool.hardware_sim.reference import run_reference
from nmtool.hardware_sim.rules import Rules, run_with, step_with
from nmtool.hardware_sim.sensitivity import visible_changes
from nmtool.hardware_sim.session import Session
from nmtool.hardware_sim.simulator import simulate
from nmtool.hardware_sim.state_bounds import state_bounds
from nmtool.known_answers import KnownAnswers
from nmtool.network.float_network import Network
from nmtool.network.graph import INPUT, LIF
from nmtool.network.integer_network import IntegerNetwork, IntegerPopulation
from nmtool.quantisation import DelayGrid, quantise_network
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.testing.networks import random_network, random_raster, with_resets
from nmtool.verification.causes import Case
from nmtool.verification.comparison import compare_recordings
from nmtool.verification.faults import mutant, mutation_score

_STEPS_PER_EXAMPLE, _FAULTS_PER_EXAMPLE = 200, 12

_MOST_SPIKES = 9
"""Limit of the spikes of neurons and channels in a step, in networks with counts."""


def check_arithmetic(arithmetic: Arithmetic, examples: int = 5) -> None:
    """Check that all of nmtool computes an arithmetic as its `neuron_step` defines it.

    The checks run random networks in the simulators and in live sessions, search for faults, round
    float networks, and train if torch is installed. They take a few seconds. The arithmetic need
    not be registered.

    >>> from nmtool.arithmetic import LOIHI2
    >>> check_arithmetic(LOIHI2, examples=1)

    Args:
        arithmetic: the arithmetic.
        examples: number of random networks, made from the seeds 0, 1, ….

    Raises:
        UsageError: nmtool does not implement a property of the arithmetic.
        AssertionError: a promise is broken; the text names the promise and the seed.
    """
    check_implemented(arithmetic)
    with registered(arithmetic):
        for seed in range(examples):
            _check_step(arithmetic, seed)
            to_zero = random_network(seed, 1 + seed % 3, bool(seed % 2), arithmetic)
            networks = (with_resets(to_zero, seed, most) for most in (1, _MOST_SPIKES))
            for network in (to_zero, *networks):
                channels = network.channels
                spikes = random_raster(
                    seed, 2, network.n_steps, channels.size, channels.most_spikes
                )
                recording = simulate(network, spikes, deep=True)
                _check_simulators(network, spikes, recording, seed)
                _check_faults(network, spikes, recording, seed)
                _check_bounds(network, spikes, recording, seed)
                _check_files(network, seed)
            floats = _float_network(arithmetic, seed)
            _check_quantisation(floats, arithmetic, seed)
            if find_spec("torch"):
                _check_training(floats, arithmetic, seed)


@contextmanager
def registered(arithmetic: Arithmetic) -> Iterator[None]:
    """Register an arithmetic for a while, in place of any other arithmetic of the same name.

    >>> from dataclasses import replace
    >>> from nmtool.arithmetic import LOIHI2, arithmetic_named
    >>> with registered(replace(LOIHI2, name="mine")):
    ...     arithmetic_named("mine")
    <Arithmetic mine>
    """
    with patch.dict(cast("dict[str, Arithmetic]", arithmetics()), {arithmetic.name: arithmetic}):
        yield


def _promise(kept: Any, promise: str, seed: int) -> None:
    """Raise `AssertionError` unless a promise is kept."""
    if not kept:
        raise AssertionError(f"broken promise: {promise} (seed {seed})")


def _check_step(arithmetic: Arithmetic, seed: int) -> None:
    """Compare steps with the rules of the arithmetic, also from states at the limits."""
    random = np.random.default_rng(seed)
    neuron_step = import_module(arithmetic.module).neuron_step
    compiled, rules = compiled_step(arithmetic.module), Rules.of(arithmetic)
    low, high = arithmetic.lowest, arithmetic.highest
    most = arithmetic.sum_limit or 1 << 31

    def between(first: int, last: int) -> int:
        """A number in `first` … `last`, often the first, the last, or one close to 0."""
        rails = [n for n in (first, last, -1, 0, 1) if first <= n <= last]
        return int(random.choice(rails) if random.random() < 0.3 else random.integers(first, last))

    for _ in range(_STEPS_PER_EXAMPLE):
        sums, u, v = between(-most, most - 1), between(low, rules.highest_u), between(low, high)
        bias = between(-arithmetic.max_bias, arithmetic.max_bias) if arithmetic.max_bias > 0 else 0
        keep_u = arithmetic.keep_u(between(0, arithmetic.max_du))
        keep_v = arithmetic.keep_v(between(0, arithmetic.max_dv))
        threshold = between(arithmetic.least_threshold, arithmetic.silent_threshold)
        # Half of the membranes are at the threshold or close to it.
        peak = neuron_step(sums, u, v, bias, keep_u, keep_v, arithmetic.silent_threshold).peak
        near = peak >> arithmetic.state_shift
        if random.random() < 0.5 and near >= arithmetic.least_threshold:
            threshold = near
        constants = bias, keep_u, keep_v, threshold
        step = neuron_step(sums, u, v, *constants)
        case = f"neuron_step{(sums, u, v, *constants)}"
        by_rules = step_by_rules(rules, (sums, u, v, *constants))
        same = (step.u, step.v, step.spiked, step.peak) == by_rules
        _promise(same, f"{case} is {by_rules}, as properties say, not {step}", seed)
        _promise(step == compiled(sums, u, v, *constants), f"{case} compiles to the same", seed)


def step_by_rules(
    rules: Rules, step: tuple[int, ...], *, spiked: bool = False, drop: int = 0
) -> tuple[int, int, bool, int]:
    """u, v, spiked and peak of a step by rules.

    >>> from nmtool.arithmetic import LOIHI2
    >>> step_by_rules(Rules.of(LOIHI2), (8, 0, 0, 0, 3695, 3896, 7))
    (512, 0, True, 512)

    Args:
        rules: the rules.
        step: the arguments of a `neuron_step`.
        spiked: True if the neuron spiked in the step before.
        drop: its reset, see `hardware_sim/resets.py`.
    """
    a, u, v, bias, keep_u, keep_v, vth = (np.array([value]) for value in step)
    constants = {
        "bias": bias,
        "keep_u": keep_u,
        "keep_v": keep_v,
        "vth": vth,
        "drop": np.array([drop]),
        "most_spikes": np.ones(1, np.int64),
    }
    state = step_with(rules, a, u, v, np.array([int(spiked)]), constants)
    new_u, new_v, n_spikes, peak = (values.item() for values in state)
    return new_u, new_v, bool(n_spikes), peak


def _check_simulators(
    network: IntegerNetwork, spikes: Raster, recording: Recording, seed: int
) -> None:
    """Compare the simulator with the readable reference, and with a live session."""
    reference = run_reference(network, spikes)
    _promise(_equal(recording, reference), "the simulator equals the reference", seed)
    for sample in range(spikes.n_samples):
        session = Session(network, keep=spikes.n_steps)
        part = spikes[sample : sample + 1]
        session.feed(part.neuron, part.step * network.dt_ms, count=part.bin_counts())
        session.step(spikes.n_steps)
        alone = simulate(network, part, deep=True)
        _promise(_equal(session.recent(), alone), "a session equals the simulator", seed)


def _equal(first: Recording, second: Recording) -> bool:
    """True if spikes, u and v of two deep recordings are the same."""
    return first.spikes == second.spikes and all(
        np.array_equal(mine[name], theirs[name])
        for mine, theirs in (
            (first.current, second.current),
            (first.potential, second.potential),
            (first.membrane, second.membrane),
        )
        for name in {*mine, *theirs}
    )


def _check_faults(network: IntegerNetwork, spikes: Raster, recording: Recording, seed: int) -> None:
    """Check that populations alone do what they do in the network, also with wrong rules; and
    compare the faults that samples are said to show with runs of networks that have them."""
    sent = {INPUT: spikes, **recording.spikes}
    for population in network.populations:
        name = population.name
        neurons, arrived = Neurons.of(network, name), spikes_to(network, name, sent)
        for traces in (neurons.run(arrived), run_with(Rules.of(network.runs_in), neurons, arrived)):
            same = np.array_equal(traces.u, recording.current[name])
            same &= np.array_equal(traces.v, recording.v[name])
            if population.kind == LIF:
                same &= np.array_equal(traces.spikes, recording.spikes[name].dense_counts())
            _promise(same, f"{name} alone does what it does in the network", seed)
    samples = range(spikes.n_samples)
    _promise(not Case(network, spikes, recording, samples).deviating, "nothing deviates", seed)
    score = mutation_score(network, spikes, _FAULTS_PER_EXAMPLE, seed, True)
    visible = visible_changes(network, recording)
    for fault, seen in zip(score.faults, score.seen, strict=True):
        wrong = simulate(mutant(network, fault), spikes, deep=True)
        differs = not compare_recordings(recording, wrong).identical
        _promise(seen == differs, f"the mutation score is right about {fault}", seed)
        deviates = bool(Case(mutant(network, fault), spikes, recording, samples).deviating)
        _promise(deviates == differs, f"a recording deviates from the fault {fault}", seed)
        if fault.group == "populations" and fault.number != "bias_exponent":
            if not visible.any():
                _promise(not differs, f"known answers that show no change miss {fault}", seed)
            if visible.any(axis=0).all():
                _promise(differs, f"known answers that show every change show {fault}", seed)


def _check_bounds(network: IntegerNetwork, spikes: Raster, recording: Recording, seed: int) -> None:
    """Check that recorded spikes are within the bounds for all inputs."""
    bounds = state_bounds(network, spikes.n_steps)
    for population in network.populations:
        name = population.name
        if population.kind == LIF:
            first = recording.spikes[name].first_step()
            _promise((first >= bounds.earliest[name]).all(), "no spike is too early", seed)
            certain = recording.spikes[name].dense()[:, bounds.certain_spikes[name]]
            _promise(certain.all(), "certain spikes occur for every input", seed)


def _check_files(network: IntegerNetwork, seed: int) -> None:
    """Check that a network and its known answers are the same after writing and reading."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.npz"
        network.save(path)
        _promise(IntegerNetwork.load(path) == network, "a file has the same network", seed)
    answers = known_answers(network)
    read = KnownAnswers.from_bytes(answers.to_bytes(), "known answers")
    _promise(read == answers, "a file has the same known answers", seed)


def _float_network(arithmetic: Arithmetic, seed: int) -> Network:
    """A float network of one hidden layer, recurrent for every second seed."""
    longest = min(15, arithmetic.max_delay)
    return Network.layers([6, 8, 3], delays=longest, seed=seed, recurrent=bool(seed % 2))


def _check_quantisation(floats: Network, arithmetic: Arithmetic, seed: int) -> None:
    """Check a rounded network: constants are the nearest ones, and no current overflows."""
    spikes = random_raster(seed, 3, floats.n_steps, floats.channels.size)
    network = quantise_network(floats, spikes, target=arithmetic).network
    network.check_sums()
    _promise(network.runs_in == arithmetic, "networks are rounded to the arithmetic", seed)
    overflows = simulate(network, spikes).counts["u_wraps"]
    _promise(not overflows, "no current overflows on the data of the calibration", seed)
    for exact, population in zip(floats.populations, network.populations, strict=True):
        for key, keep, values in (
            ("tau_syn_ms", population.keep_u, arithmetic.keep_u(np.arange(arithmetic.max_du + 1))),
            ("tau_mem_ms", population.keep_v, arithmetic.keep_v(np.arange(arithmetic.max_dv + 1))),
        ):
            decay = float(dynamics.decay(exact.values(key)[0], floats.dt_ms))
            errors = abs(values - arithmetic.decay_one * decay)
            error = abs(keep - arithmetic.decay_one * decay)
            _promise(error <= errors.min() + 1e-9, f"{key} is rounded to the nearest", seed)


def _check_training(floats: Network, arithmetic: Arithmetic, seed: int) -> None:
    """Compare the forward pass of training in integers with the simulator."""
    from nmtool.training.front.model import SpikingNetwork
    from nmtool.training.front.rounding import Rounding

    grid = DelayGrid(arithmetic.delay_bits[-1], target=arithmetic)
    spikes = random_raster(seed, 3, floats.n_steps, floats.channels.size)
    rounded = Rounding(arithmetic.weight_bits[-1], grid)(floats)
    for integers in (rounded, _eager(rounded)):
        model = SpikingNetwork(floats, max_delay=floats.max_delay, rounding=integers)
        actual, expected = model.record(spikes), simulate(integers, spikes)
        same = compare_recordings(expected, actual).identical and model.take_faults() == {
            name: expected.counts[name] for name in ("u_wraps", "v_clips")
        }
        _promise(same, "a forward pass of training equals the simulator", seed)


def _eager(network: IntegerNetwork) -> IntegerNetwork:
    """The network with slow decays, in which states reach their limits."""

    def slow(population: IntegerPopulation) -> IntegerPopulation:
        runs_in = population.runs_in
        return replace(population, du=1 - runs_in.lost_u, dv=1 - runs_in.lost_v)

    return replace(network, populations=[slow(p) for p in network.populations])
