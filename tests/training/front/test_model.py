"""The compiled kernels, through the torch modules, compared with the float64 reference."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from nmtool.errors import DataError, NetworkError, UsageError
from nmtool.network.float_network import Network
from nmtool.network.graph import LATE
from nmtool.raster import Raster
from nmtool.training.front.model import SpikingNetwork
from nmtool.training.mathematics import reference
from tests.networks.resets import with_reset, with_several_resets
from tests.networks.trainable import TOPOLOGIES, random_input, random_network
from tests.refusals import refused

pytestmark = pytest.mark.torch


def _loss_weights(network: Network, n_samples: int) -> np.ndarray:
    rng = np.random.default_rng(5)
    shape = (n_samples, network.n_steps, network.population("output").size)
    return rng.normal(size=shape)


def _model_gradients(
    network: Network, spikes: Raster, d_membrane: np.ndarray, d_time: dict, push: dict
) -> SpikingNetwork:
    model = SpikingNetwork(network, dtype=torch.float64)
    pushes = {name: (lambda counts, n, p=p: torch.from_numpy(p)) for name, p in push.items()}
    activity = model(spikes, pushes)
    loss = (activity.membrane["output"] * torch.from_numpy(d_membrane)).sum()
    for name, gradient in d_time.items():
        # The spikes of a bin share its time.
        spikes_of_bins = torch.from_numpy(activity.spikes[name].raster().bin_counts().copy())
        times = activity.spikes[name].time_ms * spikes_of_bins
        loss = loss + (times * torch.from_numpy(gradient)).sum()
    loss.backward()
    return model


@pytest.mark.parametrize("topology", TOPOLOGIES)
@pytest.mark.parametrize(
    ("n_samples", "resets", "most"),
    [(1, None, 1), (19, None, 1), (3, 0, 1), (3, 1, 1), (3, 0, 3), (19, 0, 255)],
)
def test_gradients_equal_the_reference(
    topology: str, n_samples: int, resets: int | None, most: int
) -> None:
    """`resets` is the seed of resets by subtraction; None: all neurons reset to zero."""
    network = random_network(topology, seed=1)
    if resets is not None:
        network = with_several_resets(network, resets, most)
    spikes = random_input(network, n_samples, seed=2)
    trace = reference.forward(network, spikes)
    rng = np.random.default_rng(3)
    d_membrane = _loss_weights(network, n_samples)
    d_time = {name: rng.normal(size=r.n_filled) for name, r in trace.spikes.items()}
    push = {name: 0.1 * rng.normal(size=r.n_neurons) for name, r in trace.spikes.items()}
    expected = reference.backward(
        network, spikes, trace, {"output": d_membrane}, d_spike_time=d_time, push=push
    )
    model = _model_gradients(network, spikes, d_membrane, d_time, push)
    left_over = sum(
        (r.bin_counts() - trace.crossings[name]).sum() for name, r in trace.spikes.items()
    )
    assert (left_over > 0) == (resets is not None and bool(trace.spikes))
    crossings = max((c.max() for c in trace.crossings.values()), default=1)
    assert (crossings > 1) == (most > 1 and bool(trace.spikes))
    if trace.spikes:
        assert min(r.n_spikes for r in trace.spikes.values()) >= 9 * n_samples
    for index, projection in enumerate(model.synapses):
        for gradient, expected_gradient in (
            (projection.weight.grad, expected.weight[index]),
            (projection.delay.grad, expected.delay[index]),
        ):
            assert gradient is not None
            scale = np.abs(expected_gradient).max()
            assert scale > 0
            np.testing.assert_allclose(
                gradient.numpy(), expected_gradient, atol=1e-9 * scale, rtol=0
            )


@pytest.mark.parametrize("topology", TOPOLOGIES)
@pytest.mark.parametrize("most", [1, 5])
def test_spikes_and_membranes_equal_the_reference(topology: str, most: int) -> None:
    network = with_several_resets(random_network(topology, seed=7), seed=0, most_spikes=most)
    spikes = random_input(network, 18, seed=8)
    trace = reference.forward(network, spikes)
    recording = SpikingNetwork(network, dtype=torch.float64).record(spikes)
    for name, raster in trace.spikes.items():
        np.testing.assert_array_equal(recording.spikes[name].dense_counts(), raster.dense_counts())
    np.testing.assert_allclose(
        recording.membrane["output"], trace.membrane["output"], rtol=0, atol=1e-12
    )


def test_batch_gives_the_sum_of_its_samples() -> None:
    network = random_network("recurrent", seed=11)
    spikes = random_input(network, 2, seed=12, density=0.15)
    d_membrane = _loss_weights(network, 2)
    batch = _model_gradients(network, spikes, d_membrane, {}, {})
    single_samples = [
        _model_gradients(network, spikes.take([s]), d_membrane[s : s + 1], {}, {}) for s in range(2)
    ]
    for joint, first, second in zip(
        batch.parameters(), *(m.parameters() for m in single_samples), strict=True
    ):
        torch.testing.assert_close(joint.grad, first.grad + second.grad, rtol=1e-12, atol=1e-12)


def test_backward_sees_the_weights_of_the_forward_pass() -> None:
    network = random_network("recurrent", seed=13)
    spikes = random_input(network, 4, seed=14)
    expected = _model_gradients(network, spikes, _loss_weights(network, 4), {}, {})
    model = SpikingNetwork(network, dtype=torch.float64)
    loss = (model(spikes).membrane["output"] * torch.from_numpy(_loss_weights(network, 4))).sum()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1.0)
    loss.backward()
    for parameter, expected_parameter in zip(
        model.parameters(), expected.parameters(), strict=True
    ):
        torch.testing.assert_close(parameter.grad, expected_parameter.grad, rtol=0, atol=0)


def test_a_network_survives_a_round_trip_through_the_model() -> None:
    network = random_network("two layers", seed=15)
    again = SpikingNetwork(network, dtype=torch.float64).to_network()
    assert again.content_hash == network.content_hash


def test_delays_round_half_away_and_stay_in_range() -> None:
    model = SpikingNetwork(random_network("none hidden", seed=16), max_delay=61)
    with torch.no_grad():
        model.synapses[0].delay.fill_(2.5)
        model.synapses[0].delay[0, 0] = 99.0
        model.synapses[0].delay[1, 0] = -3.0
    model.clamp_delays()
    delay = model.to_network().projections[0].delay
    assert delay[0, 0] == 61
    assert delay[1, 0] == 0
    assert delay[2, 0] == 3


@pytest.mark.parametrize(("axonal", "kind"), [(False, "delays"), (True, "axonal delays")])
def test_projections_are_shown_in_a_line(axonal: bool, kind: str) -> None:
    model = SpikingNetwork(Network.layers([5, 3, 2], recurrent=False), axonal=axonal)
    first, _ = model.synapses
    with torch.no_grad():
        first.delay[2, 0] = -3.75  # before `clamp_delays`
    shown = f"Projection(input → hidden: 5 × 3 synapses, {kind} -3.75 … 0)"
    assert repr(first) == shown


def test_wrong_input_is_refused() -> None:
    network = random_network("none hidden", seed=17)
    with refused(DataError, "input-channels-differ"):
        SpikingNetwork(network)(Raster.silent(1, 5, 3))
    with refused(NetworkError, "network-untrainable"):
        SpikingNetwork(network, max_delay=2)
    with refused(NetworkError, "network-untrainable"):
        SpikingNetwork(network.with_projections([]))


def test_a_late_reset_of_a_membrane_without_memory_is_refused() -> None:
    network = with_reset(random_network("recurrent", seed=1), LATE)
    populations = [replace(p, tau_mem_ms=1e-3) for p in network.populations]
    with refused(NetworkError, "network-untrainable") as caught:
        SpikingNetwork(replace(network, populations=populations))
    assert "'hidden'" in caught.value.what


def test_a_regulariser_of_no_population_is_refused() -> None:
    network = random_network("recurrent", seed=1)
    model, spikes = SpikingNetwork(network), random_input(network, 2, seed=2)
    for name in ("hiden", network.readout.population):
        with refused(UsageError, "push-unknown"):
            model(spikes, push={name: lambda counts, n_samples: counts})


def test_parallel_recurrent_projections_are_refused() -> None:
    network = random_network("recurrent", seed=1)
    loops = [p for p in network.projections if p.source == p.target]
    with refused(NetworkError, "network-untrainable") as caught:
        SpikingNetwork(network.with_projections([*network.projections, *loops]))
    assert loops[0].source in caught.value.what


def test_delays_beyond_16_bits_are_refused() -> None:
    network = random_network("none hidden", seed=1)
    assert SpikingNetwork(network, max_delay=32767).to_network().max_delay == network.max_delay
    with refused(UsageError, "max-delay-too-long") as caught:
        SpikingNetwork(network, max_delay=32768)
    assert "32768 steps" in caught.value.what
    assert "32767" in caught.value.why


@pytest.mark.parametrize("steps", [41, 255, 256, 32767])
def test_delays_beyond_the_sample_deliver_nothing_and_change_nothing(steps: int) -> None:
    network = random_network("recurrent", seed=1)
    spikes = random_input(network, 3, seed=2)
    model = SpikingNetwork(network)
    with torch.no_grad():
        for projection in model.synapses:
            projection.delay[0] = steps
    model(spikes).membrane["output"].sum().backward()
    for projection in model.synapses:
        assert projection.weight.grad is not None
        assert projection.delay.grad is not None
        assert not projection.weight.grad[0].any()
        assert not projection.delay.grad[0].any()
        assert projection.weight.grad.abs().max() < 1e6


def test_steps_before_samples_are_refused() -> None:
    network = Network.layers([16, 8, 3], n_steps=120)
    model = SpikingNetwork(network)
    with refused(DataError, "raster-dimensions"):
        model(torch.ones(120, 4, 16))
    for shape in ((4, 120, 16), (120, 120, 16), (4, 50, 16)):
        assert model(torch.ones(shape)).membrane["output"].shape[:2] == shape[:2]
    rasters = Raster.from_dense(np.ones((120, 4, 16)))
    assert model(rasters).membrane["output"].shape == (120, 4, 3)
