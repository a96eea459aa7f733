"""Learning rates of parameters, and their schedule."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, strategies as st

from nmtool.training.front.model import SpikingNetwork
from nmtool.training.loop.optimise import Optimiser, clip_gradients, largest_loss
from nmtool.training.options import SCHEDULES, TrainOptions
from tests.networks.trainable import random_network

pytestmark = pytest.mark.torch


def _model() -> SpikingNetwork:
    return SpikingNetwork(random_network("recurrent", seed=0))


def _one_step(options: TrainOptions) -> tuple[SpikingNetwork, SpikingNetwork]:
    """Parameters before and after one update with gradients of 1."""
    before, model = _model(), _model()
    optimiser = Optimiser(model, options, 1).adam
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.grad = torch.ones_like(parameter)
    optimiser.step()
    return before, model


def test_weights_and_delays_have_separate_learning_rates() -> None:
    before, after = _one_step(TrainOptions(lr=0.25, delay_lr=2.0))
    for old, new in zip(before.synapses, after.synapses, strict=True):
        torch.testing.assert_close(new.weight, old.weight - 0.25)
        torch.testing.assert_close(new.delay, old.delay - 2.0)


def test_only_weights_have_weight_decay() -> None:
    before, after = _one_step(TrainOptions(lr=0.25, delay_lr=2.0, weight_decay=0.5))
    for old, new in zip(before.synapses, after.synapses, strict=True):
        torch.testing.assert_close(new.weight, old.weight * (1 - 0.25 * 0.5) - 0.25)
        torch.testing.assert_close(new.delay, old.delay - 2.0)


def test_without_decay_it_is_adam() -> None:
    plain, model = _model(), _model()
    adam, ours = (
        torch.optim.Adam(plain.parameters()),
        Optimiser(model, TrainOptions(lr=0.01, delay_lr=3.0), 1).adam,
    )
    adam.param_groups = [group | {"params": []} for group in adam.param_groups]
    for kind, lr in (("weight", 0.01), ("delay", 3.0)):
        adam.add_param_group({"params": [getattr(p, kind) for p in plain.synapses], "lr": lr})
    generator = torch.Generator().manual_seed(0)
    for _ in range(5):
        for left, right in zip(plain.parameters(), model.parameters(), strict=True):
            left.grad = torch.randn(left.shape, generator=generator)
            right.grad = left.grad.clone()
        adam.step()
        ours.step()
    for left, right in zip(plain.parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(left, right, rtol=0, atol=0)


def _norms(model: SpikingNetwork) -> list[float]:
    kinds = ([p.weight for p in model.synapses], [p.delay for p in model.synapses])
    return [
        float(torch.cat([p.grad.reshape(-1) for p in kind if p.grad is not None]).norm())
        for kind in kinds
    ]


def test_gradients_of_weights_and_of_delays_are_clipped_separately() -> None:
    model = _model()
    for projection in model.synapses:
        projection.weight.grad = torch.full_like(projection.weight, 3.0)
        projection.delay.grad = torch.full_like(projection.delay, 1e-4)
    weights, delays = _norms(model)
    assert weights > 2.0 > delays
    clip_gradients(model, None)
    assert _norms(model) == [weights, delays]
    clip_gradients(model, 2.0)
    assert _norms(model) == pytest.approx([2.0, delays])
    first = model.synapses[0].weight.grad
    torch.testing.assert_close(first, torch.full_like(first, 3.0 * 2.0 / weights))


def test_fixed_delays_are_not_clipped() -> None:
    model = _model()
    Optimiser(model, TrainOptions(train_delays=False), 1)
    for projection in model.synapses:
        projection.weight.grad = torch.ones_like(projection.weight)
    clip_gradients(model, 0.5)
    assert float(sum((p.weight.grad**2).sum() for p in model.synapses)) == pytest.approx(0.25)


@pytest.mark.parametrize("settings", [{"train_delays": False}, {"max_delay": 0}])
def test_fixed_delays_get_no_gradient(settings: dict) -> None:
    before, after = _one_step(TrainOptions(lr=0.25, **settings))
    for old, new in zip(before.synapses, after.synapses, strict=True):
        assert not new.delay.requires_grad
        torch.testing.assert_close(new.weight, old.weight - 0.25)
        torch.testing.assert_close(new.delay, old.delay, rtol=0, atol=0)


_AFTER_WARMUP = {
    "cosine": {20: 1.0, 40: 0.5 + 0.5 * 2**-0.5, 60: 0.5, 80: 0.5 - 0.5 * 2**-0.5, 100: 0.0},
    "linear": {20: 1.0, 40: 0.75, 60: 0.5, 80: 0.25, 99: 1 / 80, 100: 0.0},
    "constant": {20: 1.0, 40: 1.0, 60: 1.0, 80: 1.0, 99: 1.0},
}
"""Factors of the learning rate by update, for 100 updates, of which the first 20 are warm-up."""


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_rates_rise_in_a_line_and_then_follow_the_schedule(schedule: str) -> None:
    factor = TrainOptions(schedule=schedule, warmup=0.2).rate_factor(100)
    assert [factor(u) for u in range(20)] == pytest.approx([(u + 1) / 20 for u in range(20)])
    expected = _AFTER_WARMUP[schedule]
    assert [factor(u) for u in expected] == pytest.approx(list(expected.values()))
    assert factor(20) == 1.0


def test_the_default_is_half_a_cosine_to_the_last_bit() -> None:
    options = TrainOptions()
    factor = options.rate_factor(1000)
    shares = [update / 950 for update in range(950)]
    expected = [0.5 * (1 + math.cos(math.pi * done)) for done in shares]
    assert [factor(u) for u in range(50, 1000)] == expected


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_no_warmup_starts_at_the_full_rate(schedule: str) -> None:
    assert TrainOptions(schedule=schedule, warmup=0.0).rate_factor(10)(0) == 1.0


@given(st.sampled_from(SCHEDULES), st.integers(1, 200), st.floats(0, 1))
def test_every_update_learns(schedule: str, n_updates: int, warmup: float) -> None:
    factor = TrainOptions(schedule=schedule, warmup=warmup).rate_factor(n_updates)
    factors = [factor(u) for u in range(n_updates)]
    assert all(0 < f <= 1 for f in factors)
    assert max(factors) == 1.0


@pytest.mark.parametrize("gain", [1e-9, 2.2e-4, 200.0])
def test_the_loss_of_guessing_is_below_the_limit_of_divergence(gain: float) -> None:
    largest = largest_loss(TrainOptions(gain=gain), 10)
    assert largest - math.log(10) == pytest.approx(1e4 * gain, rel=1e-6, abs=1e-12)
