"""Pruning: number and choice of removed weights, permanence, and schedule."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st

from nmtool.training.front.model import SpikingNetwork
from nmtool.training.loop.pruning import Pruning, count_in_share, progress
from tests.networks.trainable import random_network

pytestmark = pytest.mark.torch


def _model(seed: int = 0) -> SpikingNetwork:
    return SpikingNetwork(random_network("recurrent", seed))


@given(st.integers(1, 10_000))
def test_the_schedule_rises_from_a_fifth_to_four_fifths_of_the_updates(n: int) -> None:
    steps = sorted({0, 1, n // 5, n // 5 + 1, n // 2, math.ceil(4 * n / 5) - 1, n - 1, n})
    values = [progress(done, n) for done in steps]
    assert values == sorted(values)
    for done, value in zip(steps, values, strict=True):
        assert (value == 0) == (5 * done <= n)
        assert (value == 1) == (5 * done >= 4 * n)


def test_the_schedule_is_cubic() -> None:
    assert progress(50, 100) == pytest.approx(1 - 0.5**3)
    assert progress(35, 100) == pytest.approx(1 - 0.75**3)


@given(st.integers(0, 100), st.integers(1, 10**7))
def test_shares_are_rounded_down_to_whole_synapses(percent: int, n_synapses: int) -> None:
    assert count_in_share(percent / 100, n_synapses) == math.floor(
        Fraction(percent, 100) * n_synapses
    )


@pytest.mark.parametrize("share", [0.1, 0.29, 0.5, 0.999, 1.0])
def test_in_the_end_exactly_the_share_of_every_projection_is_gone(share: float) -> None:
    model = _model()
    pruning = Pruning(model, share, 0.0, n_updates=10)
    for done in range(1, 11):
        pruning.advance(done)
    for projection in model.to_network().projections:
        assert (projection.weight == 0).sum() == count_in_share(share, projection.weight.size)
    assert pruning.entry()["pruned"]


def test_the_weakest_synapses_and_the_shortest_delays_are_removed() -> None:
    model, before = _model(), _model().synapses
    Pruning(model, 0.4, 0.3, n_updates=1).advance(1)
    for old, new in zip(before, model.synapses, strict=True):
        gone = new.weight == 0
        assert old.weight[gone].abs().max() <= old.weight[~gone].abs().min()
        torch.testing.assert_close(new.weight[~gone], old.weight[~gone], rtol=0, atol=0)
        given_up = np.sort(old.delay.detach().numpy().ravel())[
            : count_in_share(0.3, old.delay.numel())
        ]
        assert old.delay.sum() - new.delay.sum() == given_up.sum()


def test_among_equal_weights_the_first_are_removed() -> None:
    model = _model()
    with torch.no_grad():
        model.synapses[0].weight.fill_(0.5)
    pruning = Pruning(model, 0.25, 0.0, n_updates=1)
    pruning.advance(1)
    removed = pruning.removed["projections.0.weight"].reshape(-1)
    count = count_in_share(0.25, removed.numel())
    assert removed[:count].all()
    assert not removed[count:].any()


def test_pruned_synapses_stay_pruned() -> None:
    model, generator = _model(), torch.Generator().manual_seed(1)
    pruning = Pruning(model, 0.7, 0.6, n_updates=30)
    before = {name: mask.clone() for name, mask in pruning.removed.items()}
    for done in range(1, 31):
        with torch.no_grad():
            for parameter in model.parameters():
                parameter += torch.rand(parameter.shape, generator=generator)
        pruning.advance(done)
        for name, parameter in model.named_parameters():
            mask = pruning.removed[name]
            assert mask[before[name]].all()
            assert (parameter[mask] == 0).all()
            before[name] = mask.clone()
    assert all(mask.any() for mask in before.values())


def test_gradients_of_pruned_synapses_are_zero() -> None:
    model = _model()
    pruning = Pruning(model, 0.5, 0.0, n_updates=1)
    pruning.advance(1)
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    pruning.zero_gradients()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None
        mask = pruning.removed.get(name, torch.zeros_like(parameter, dtype=torch.bool))
        torch.testing.assert_close(parameter.grad, (~mask).to(parameter))


def test_shares_of_0_do_nothing() -> None:
    model, before = _model(), _model()
    pruning = Pruning(model, 0.0, 0.0, n_updates=2)
    pruning.advance(2)
    assert pruning.removed == {}
    assert pruning.entry() == {}
    for old, new in zip(before.parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(new, old, rtol=0, atol=0)


def test_the_log_has_the_current_sparsity() -> None:
    model = _model()
    pruning = Pruning(model, 0.5, 0.25, n_updates=10)
    assert pruning.entry() == {"sparsity": 0.0, "delay_sparsity": 0.0, "pruned": False}
    pruning.advance(5)
    halfway = pruning.entry()
    assert halfway["sparsity"] == pytest.approx(0.5 * (1 - 0.5**3), abs=0.01)
    assert not halfway["pruned"]
    pruning.advance(8)
    sizes = [p.weight.numel() for p in model.synapses]
    assert pruning.entry() == {
        "sparsity": sum(count_in_share(0.5, size) for size in sizes) / sum(sizes),
        "delay_sparsity": sum(count_in_share(0.25, size) for size in sizes) / sum(sizes),
        "pruned": True,
    }
