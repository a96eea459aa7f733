"""The oracle's gradients compared with central differences, for all topologies and losses."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from nmtool.network.float_parts import Population
from nmtool.network.graph import SUBTRACT
from tests.networks.continuous import (
    CHANNELS,
    DURATION,
    feed_forward,
    random_events,
    recurrent,
    synapses,
    two_layers,
)
from tests.networks.resets import with_reset
from tests.thorough import examples
from tests.training.mathematics.oracle import (
    ContinuousNetwork,
    Gradients,
    SpikeTimes,
    Trace,
    differentiate,
    simulate,
)
from tests.training.mathematics.oracle.forward import Emission

RATE = 0.02
STEP = 1e-6
DIRECTIONS = 3
"""Number of random directions in which all entries of a group change together."""


def tangled(rng) -> ContinuousNetwork:
    """A network with feedback, skip and double projections, and various constants."""
    populations = [
        Population(
            "a", 4, "lif", [8, 12, 5, 20], [3, 5, 5, 8], [1, 0.8, 1.2, 1], [0.2, 0, -0.1, 0]
        ),
        Population("out", 3, "li", [10, 5, 4], [5, 5, 9], bias=0.1),
        Population("b", 3, "lif", 15.0, 15.0 * (1 + 1e-9), bias=0.1),
    ]
    projections = [
        synapses(rng, "input", "a", (CHANNELS, 4), 1.5, 0.6),
        synapses(rng, "input", "a", (CHANNELS, 4), 0.1, 0.1),
        synapses(rng, "a", "b", (4, 3), 0.9, 0.4),
        synapses(rng, "b", "a", (3, 4), -0.1, 0.3),
        synapses(rng, "b", "b", (3, 3), 0, 0.3),
        synapses(rng, "a", "out", (4, 3), 0, 0.5),
        synapses(rng, "b", "out", (3, 3), 0, 0.5),
        synapses(rng, "input", "out", (CHANNELS, 3), 0, 0.5),
    ]
    return ContinuousNetwork(CHANNELS, populations, projections, DURATION)


Loss = tuple[float, dict[str, np.ndarray], dict[str, np.ndarray]]
"""A loss: value, ∂L/∂integral, ∂L/∂spike time."""


def cross_entropy(trace: Trace) -> Loss:
    """Cross-entropy of class 1, for the softmax of the outputs' weighted means."""
    z = trace.integral["out"] / 10
    log_sum = math.log(np.exp(z).sum())
    return log_sum - z[1], {"out": (np.exp(z - log_sum) - np.eye(3)[1]) / 10}, {}


def hidden_membranes(trace: Trace) -> Loss:
    """A loss on the membranes of spiking neurons, which fall at a spike."""
    z = trace.integral["a"]
    return float(np.sin(z / 4).sum()), {"a": np.cos(z / 4) / 4}, {}


def spike_times(trace: Trace) -> Loss:
    value, slopes = 0.0, {}
    for name, spikes in trace.spikes.items():
        phase = spikes.time_ms / 7 + spikes.neuron
        value += float(np.sin(phase).sum())
        slopes[name] = np.cos(phase) / 7
    return value, {}, slopes


LOSSES = (cross_entropy, hidden_membranes, spike_times)


def sum_of_losses(trace: Trace) -> Loss:
    parts = [loss(trace) for loss in LOSSES]
    return (
        sum(part[0] for part in parts),
        {name: slope for part in parts for name, slope in part[1].items()},
        {name: slope for part in parts for name, slope in part[2].items()},
    )


def who_spiked(trace: Trace) -> dict[str, list[int]]:
    return {name: np.sort(spikes.neuron).tolist() for name, spikes in trace.spikes.items()}


def groups(network: ContinuousNetwork, inputs: SpikeTimes):
    """Groups of parameters: label, array, function that runs with another array, and gradient."""

    def run(changed: ContinuousNetwork = network, moved: SpikeTimes = inputs) -> Trace:
        return simulate(changed, moved, RATE)

    for number, projection in enumerate(network.projections):
        for key in ("weight", "delay_ms"):

            def with_projection(array, number=number, projection=projection, key=key):
                projections = list(network.projections)
                projections[number] = replace(projection, **{key: array})
                return run(replace(network, projections=projections))

            def of_projection(gradients: Gradients, number=number, key=key):
                return getattr(gradients, key)[number]

            label = f"{key} {projection.source}→{projection.target}"
            yield label, getattr(projection, key), with_projection, of_projection
    for number, population in enumerate(network.populations):

        def with_bias(array, number=number, population=population):
            populations = list(network.populations)
            populations[number] = replace(population, bias=array)
            return run(replace(network, populations=populations))

        def of_bias(gradients: Gradients, name=population.name):
            return gradients.bias[name]

        yield f"bias {population.name}", population.values("bias"), with_bias, of_bias

    def with_times(array):
        return run(moved=replace(inputs, time_ms=array))

    yield "input times", inputs.time_ms, with_times, lambda g: g.spike_time["input"]


def differences(array, directions, run, expected_spikes, losses) -> np.ndarray:
    """Central differences, [losses, directions].

    No spike may appear or vanish: the difference would not be comparable with the gradient.
    """
    quotients = np.zeros((len(losses), len(directions)))
    for column, direction in enumerate(directions):
        pair = [run(array + sign * STEP * direction) for sign in (1, -1)]
        assert all(who_spiked(trace) == expected_spikes for trace in pair)
        for row, loss in enumerate(losses):
            quotients[row, column] = (loss(pair[0])[0] - loss(pair[1])[0]) / (2 * STEP)
    return quotients


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(
    ("build", "share"),
    [
        *((build, None) for build in (feed_forward, recurrent, two_layers, tangled)),
        *((tangled, share) for share in (0.6, 1.0, 1.3)),
    ],
)
def test_gradients_agree_with_central_differences(build, share, seed):
    """`share` is the subtracted constant over the threshold; None is a reset to zero."""
    rng = np.random.default_rng(seed)
    network, inputs = build(rng), random_events(rng)
    if share is not None:
        network = with_reset(network, SUBTRACT, share)
    trace = simulate(network, inputs, RATE)
    assert sum(spikes.n_spikes for spikes in trace.spikes.values()) >= 20
    losses = (*LOSSES, sum_of_losses)
    gradients = [differentiate(network, trace, *loss(trace)[1:]) for loss in losses]
    for label, array, run, pick in groups(network, inputs):
        directions = rng.choice([-1.0, 1.0], (DIRECTIONS, *np.shape(array)))
        quotients = differences(array, directions, run, who_spiked(trace), losses)
        for loss, row, gradient in zip(losses, quotients, gradients, strict=True):
            analytic = pick(gradient)
            along = (directions * analytic).reshape(DIRECTIONS, -1).sum(axis=1)
            error = np.abs(row - along).max()
            assert error <= 1e-5 * np.abs(analytic).max() + 1e-8, (label, loss.__name__)


def test_every_hidden_spike_time_gradient_is_its_arrivals_and_its_own_loss():
    rng = np.random.default_rng(3)
    network, inputs = two_layers(rng), random_events(rng)
    trace = simulate(network, inputs, RATE)
    _, d_integral, d_spike_time = sum_of_losses(trace)
    gradients = differentiate(network, trace, d_integral, d_spike_time)
    # Each neuron of population b sends its spikes through a single projection.
    delays = gradients.delay_ms[2].sum(axis=1)
    through = np.bincount(
        trace.spikes["b"].neuron, gradients.spike_time["b"] - d_spike_time["b"], minlength=4
    )
    assert through == pytest.approx(delays, rel=1e-12, abs=0)


def test_q_is_the_slope_of_the_membrane_at_the_spike():
    rng = np.random.default_rng(4)
    trace = simulate(recurrent(rng), random_events(rng), RATE)
    slopes = [event.q for event in trace.log if isinstance(event, Emission)]
    assert len(slopes) == trace.spikes["a"].n_spikes > 10
    assert min(slopes) > 0


@settings(max_examples=examples(0.7))
@given(st.integers(0, 2**32 - 1))
def test_the_order_of_input_events_does_not_matter(seed):
    rng = np.random.default_rng(seed)
    network, inputs = recurrent(rng), random_events(rng)
    order = rng.permutation(inputs.n_spikes)
    shuffled = SpikeTimes(inputs.time_ms[order], inputs.neuron[order])
    ordered, reordered = simulate(network, inputs, RATE), simulate(network, shuffled, RATE)
    assert np.array_equal(ordered.spikes["a"].time_ms, reordered.spikes["a"].time_ms)
    slopes = cross_entropy(ordered)[1]
    first = differentiate(network, ordered, slopes)
    second = differentiate(network, reordered, slopes)
    assert np.array_equal(first.spike_time["input"][order], second.spike_time["input"])
