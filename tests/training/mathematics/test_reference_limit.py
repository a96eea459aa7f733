"""The stepped reference against the oracle: the same gradients as dt → 0.

Both run the same network with the same real-valued delays. Their gradients can only agree if spikes
and arrivals have the same order. If a spike and an arrival are less than a step apart, their order
may differ; such runs are left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest

from nmtool.network.float_network import Network
from nmtool.network.float_parts import Population, Projection
from nmtool.network.graph import INPUT, LATE, SUBTRACT, TO_ZERO, InputChannels
from nmtool.network.readout import Readout
from nmtool.raster import Raster
from nmtool.rounding import round_half_away
from nmtool.training.mathematics.reference import Trace, backward, forward
from tests.networks.continuous import (
    CHANNELS,
    DURATION,
    feed_forward,
    random_events,
    recurrent,
    synapses,
    two_layers,
)
from tests.networks.resets import with_most_spikes, with_reset
from tests.training.mathematics.oracle import (
    ContinuousNetwork,
    ContinuousProjection,
    SpikeTimes,
    Trace as ExactTrace,
    differentiate,
    simulate,
)
from tests.training.mathematics.oracle.forward import Arrival, Emission

RATE, DT = 0.02, 0.01
SEEDS = range(5)


def feedback(rng) -> ContinuousNetwork:
    """A network A → B → A with a skip connection and constants that differ between neurons."""
    populations = [
        Population("a", 3, "lif", [8, 12, 20], [3, 5, 8], [1, 0.8, 1.2], bias=[0.2, 0, 1.25]),
        Population("b", 2, "lif", 15.0, 15.0, bias=0.1),
        Population("out", 3, "li", [10, 5, 8], [5, 9, 8]),
    ]
    projections = [
        synapses(rng, INPUT, "a", (CHANNELS, 3), 1.0, 0.5),
        synapses(rng, "a", "b", (3, 2), 1.2, 0.4),
        synapses(rng, "b", "a", (2, 3), 0, 0.4),
        synapses(rng, "b", "out", (2, 3), 0, 0.5),
        synapses(rng, "a", "out", (3, 3), 0, 0.5),
    ]
    return ContinuousNetwork(CHANNELS, populations, projections, DURATION)


def stepped(network: ContinuousNetwork, dt_ms: float) -> Network:
    projections = [
        Projection(p.source, p.target, p.weight, round_half_away(p.delay_ms / dt_ms))
        for p in network.projections
    ]
    channels, readout = InputChannels(network.n_channels), Readout("out", "mean")
    n_steps = round(network.duration_ms / dt_ms)
    return Network(channels, network.populations, projections, readout, dt_ms, n_steps)


def binned(events: SpikeTimes, network: Network) -> Raster:
    step = np.floor(events.time_ms / network.dt_ms).astype(int)
    shape = 1, network.n_steps, network.channels.size
    return Raster.from_events(np.zeros(events.n_spikes, int), step, events.neuron, shape)


# Events of a run


def exact_history(trace: ExactTrace) -> dict[str, list[tuple[int, int]]]:
    """For every spike, its neuron and the number of earlier arrivals at it."""
    seen: Counter = Counter()
    history: dict[str, list[tuple[int, int]]] = {name: [] for name in trace.spikes}
    for event in trace.log:
        if isinstance(event, Arrival):
            seen[event.neuron] += 1
        elif isinstance(event, Emission):
            history[event.neuron[0]].append((event.neuron[1], seen[event.neuron]))
    return {name: sorted(spikes) for name, spikes in history.items()}


def stepped_history(network: Network, spikes: Raster, trace: Trace):
    """The history of the stepped run, as in `exact_history`."""
    rasters = {INPUT: spikes, **trace.spikes}
    history = {}
    for name, raster in trace.spikes.items():
        arrivals = np.zeros((network.n_steps, raster.n_neurons), int)
        for p in network.projections:
            if p.target == name:
                source = rasters[p.source]
                step = source.step[:, None] + 1 + p.delay[source.neuron]
                spike, post = np.nonzero(step < network.n_steps)
                np.add.at(arrivals, (step[spike, post], post), 1)
        seen = arrivals.cumsum(axis=0)[raster.step, raster.neuron]
        history[name] = sorted(zip(raster.neuron.tolist(), seen.tolist(), strict=True))
    return history


# The comparison with the oracle


@dataclass
class Comparison:
    """Pairs (stepped, exact) of gradient arrays by name, and the number of hidden spikes."""

    pairs: dict[str, tuple[np.ndarray, np.ndarray]]
    n_spikes: int


def d_spike_time(spikes: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Derivative of ½·Σ t²/50 with respect to the spike times."""
    return {name: time / 50 for name, time in spikes.items()}


def compare(network: ContinuousNetwork, events: SpikeTimes, mix, dt_ms) -> Comparison | None:
    """Gradients of mix·∫exp(−RATE·t)·V dt + ½·Σ t²/50; None if the histories differ."""
    exact = simulate(network, events, RATE)
    times = {name: spikes.time_ms for name, spikes in exact.spikes.items()}
    expected = differentiate(network, exact, {"out": mix}, d_spike_time(times))

    net = stepped(network, dt_ms)
    spikes = binned(events, net)
    trace = forward(net, spikes)
    if stepped_history(net, spikes, trace) != exact_history(exact):
        return None
    profile = dt_ms * np.exp(-RATE * dt_ms * np.arange(1, net.n_steps + 1))
    times = {name: (raster.step + 0.5) * dt_ms for name, raster in trace.spikes.items()}
    d_membrane = {"out": profile[None, :, None] * mix}
    gradients = backward(net, spikes, trace, d_membrane, d_spike_time(times))

    pairs = {"input times": (gradients.spike_time[INPUT], expected.spike_time[INPUT])}
    for index, p in enumerate(network.projections):
        label = f"{p.source}→{p.target}"
        pairs[f"weight {label}"] = gradients.weight[index], expected.weight[index]
        pairs[f"delay {label}"] = gradients.delay[index] / dt_ms, expected.delay_ms[index]
    for name in expected.bias:
        pairs[f"bias {name}"] = gradients.bias[name], expected.bias[name]
    return Comparison(pairs, sum(raster.n_spikes for raster in trace.spikes.values()))


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum()))


def error(a: np.ndarray, b: np.ndarray) -> float:
    """Largest difference, as a share of the largest gradient."""
    return float(np.abs(a - b).max() / np.abs(b).max())


@pytest.mark.parametrize(
    ("build", "reset", "share"),
    [
        *((build, TO_ZERO, 1.0) for build in (feed_forward, recurrent, two_layers, feedback)),
        (recurrent, SUBTRACT, 0.7),
        (feedback, SUBTRACT, 1.0),
        (feedback, LATE, 1.4),
    ],
)
def test_hidden_gradients_approach_the_oracle(build: Callable, reset: str, share: float):
    compared = []
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        comparison = compare(
            with_reset(build(rng), reset, share), random_events(rng), rng.normal(size=3), DT
        )
        if comparison is not None:
            assert comparison.n_spikes >= 10
            compared.append(comparison.pairs)
    assert len(compared) >= 2
    for name in compared[0]:
        assert min(cosine(*pairs[name]) for pairs in compared) >= 0.999, name
        limit = 0.05 if name.startswith(("weight", "bias")) else 0.02
        assert np.median([error(*pairs[name]) for pairs in compared]) <= limit, name


def test_time_gradients_into_an_output_are_of_first_order_in_dt():
    """Halving dt halves the error of dL/d(time) of an input event and of a delay's gradient."""
    rng = np.random.default_rng(0)
    # The delays are whole ms, so that no step length `dt` rounds them.
    delay_ms = rng.integers(0, 8, (CHANNELS, 2))
    synapses = ContinuousProjection(INPUT, "out", rng.normal(0, 0.5, (CHANNELS, 2)), delay_ms)
    populations = [Population("out", 2, "li", [20, 8], [5, 9])]
    network = ContinuousNetwork(CHANNELS, populations, [synapses], DURATION)
    events = SpikeTimes(np.arange(30.0), rng.integers(0, CHANNELS, 30))
    errors: dict[str, list[float]] = {"input times": [], f"delay {INPUT}→out": []}
    for dt_ms in (0.1, 0.05):
        comparison = compare(network, events, np.array([1.0, -0.7]), dt_ms)
        assert comparison is not None
        for name, values in errors.items():
            values.append(error(*comparison.pairs[name]))
    for name, (coarse, fine) in errors.items():
        assert coarse < 0.05, name
        assert 1.8 < coarse / fine < 2.2, name


@pytest.mark.parametrize("build", [feed_forward, recurrent])
def test_gradients_with_counts_are_of_first_order_in_dt(build: Callable):
    """Halving dt nearly halves the errors, where bins have several spikes.

    Delays and events are whole ms, so that no step length rounds them. In a recurrent network, the
    order of spikes and arrivals differs from the oracle's, but each spike has little effect.
    """
    errors: dict[str, list[float]] = {}
    for dt_ms in (0.4, 0.2):
        pairs: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
        for seed in range(3):
            rng = np.random.default_rng(seed)
            network = with_reset(build(rng), SUBTRACT, 0.02)
            projections = [replace(p, delay_ms=np.round(p.delay_ms)) for p in network.projections]
            projections[2:] = [replace(p, weight=0.02 * p.weight) for p in projections[2:]]
            network = replace(network, projections=projections)
            events = random_events(rng)
            events = SpikeTimes(np.round(events.time_ms), events.neuron)
            mix = {"out": rng.normal(size=3)}
            expected = differentiate(network, simulate(network, events, RATE), mix)
            net = with_most_spikes(stepped(network, dt_ms), 255)
            step = np.round(events.time_ms / dt_ms).astype(int)
            place = np.zeros_like(step), step, events.neuron, (1, net.n_steps, CHANNELS)
            spikes = Raster.from_events(*place, most_spikes=255)
            trace = forward(net, spikes)
            assert trace.spikes["a"].n_spikes > 1.5 * trace.spikes["a"].n_filled
            profile = dt_ms * np.exp(-RATE * dt_ms * np.arange(1, net.n_steps + 1))
            d_membrane = {"out": profile[None, :, None] * mix["out"]}
            gradients = backward(net, spikes, trace, d_membrane)
            for index, p in enumerate(network.projections):
                label = f"{p.source}→{p.target}"
                weights = gradients.weight[index], expected.weight[index]
                delays = gradients.delay[index] / dt_ms, expected.delay_ms[index]
                pairs.setdefault(f"weight {label}", []).append(weights)
                pairs.setdefault(f"delay {label}", []).append(delays)
        for name, compared in pairs.items():
            assert min(cosine(*pair) for pair in compared) > 0.99, name
            errors.setdefault(name, []).append(float(np.mean([error(*pair) for pair in compared])))
    for name, (coarse, fine) in errors.items():
        assert 1.4 < coarse / fine < 2.4, name
