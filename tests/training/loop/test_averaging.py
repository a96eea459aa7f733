"""The running mean of weights and delays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st

from nmtool.training.front.model import SpikingNetwork
from nmtool.training.loop.optimise import Average, copy_into
from nmtool.training.loop.pruning import count_in_share
from nmtool.training.loop.run import run_training
from nmtool.training.loop.run_folder import RunFolder
from nmtool.training.loop.trainer import Trainer
from tests.networks.trainable import random_network
from tests.training.small_data import small_dataset, small_options

pytestmark = pytest.mark.torch


def _model() -> SpikingNetwork:
    return SpikingNetwork(random_network("recurrent", 0), dtype=torch.float64)


def _values(model: SpikingNetwork) -> dict[str, torch.Tensor]:
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters()}


def _move(model: SpikingNetwork, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    copy_into(
        model,
        {
            name: torch.rand(parameter.shape, generator=generator, dtype=parameter.dtype)
            for name, parameter in model.named_parameters()
        },
    )


@given(st.floats(0.01, 1.0), st.integers(0, 30))
def test_the_mean_is_an_exponential_moving_average(decay: float, n_updates: int) -> None:
    model = _model()
    average, expected = Average(model, decay), _values(model)
    for update in range(n_updates):
        _move(model, update)
        average.add(update)
        stays = min(decay, (update + 1) / (update + 10))
        now = _values(model)
        expected = {name: stays * expected[name] + (1 - stays) * now[name] for name in now}
    torch.testing.assert_close(average.values, expected, rtol=1e-12, atol=1e-12)


def test_the_mean_includes_a_trained_network_from_the_start() -> None:
    model = _model()
    start = _values(model)
    average = Average(model, 0.9, trained=True)
    _move(model, 1)
    average.add(0)
    now = _values(model)
    expected = {name: 0.9 * start[name] + 0.1 * now[name] for name in now}
    torch.testing.assert_close(average.values, expected, rtol=1e-12, atol=1e-12)


def test_the_mean_replaces_parameters_only_inside_the_block() -> None:
    model = _model()
    average = Average(model, 0.9)
    start = _values(model)
    _move(model, 1)
    last = _values(model)
    with pytest.raises(ZeroDivisionError):
        _fail_inside(average, model, start)
    torch.testing.assert_close(_values(model), last, rtol=0, atol=0)


def _fail_inside(average: Average, model: SpikingNetwork, mean: dict[str, torch.Tensor]) -> None:
    with average.averaged_parameters():
        torch.testing.assert_close(_values(model), mean, rtol=0, atol=0)
        raise ZeroDivisionError


def test_without_a_decay_there_is_no_mean() -> None:
    model = _model()
    average = Average(model, None)
    average.add(0)
    assert average.values == {}
    _move(model, 1)
    last = _values(model)
    with average.averaged_parameters():
        torch.testing.assert_close(_values(model), last, rtol=0, atol=0)


@pytest.mark.parametrize("arithmetic", ["float", "integer"])
def test_the_saved_network_is_the_mean(arithmetic: str) -> None:
    dataset = small_dataset()
    options = small_options(average=0.9, epochs=1, arithmetic=arithmetic)
    trainer = Trainer(options, dataset.train, dataset.validation)
    trainer.run()
    last = trainer.model.to_network()
    with trainer._optimiser.average.averaged_parameters():
        mean = trainer.model.to_network()
    assert trainer.best.content_hash == mean.content_hash
    assert trainer.best.content_hash != last.content_hash


def test_pruned_synapses_are_removed_from_the_mean() -> None:
    best = run_training(small_options(average=0.99, sparsity=0.7), small_dataset()).best
    for projection in best.projections:
        assert np.mean(projection.weight == 0) >= 0.69


@pytest.mark.parametrize("decay", [None, 0.9])
def test_another_run_starts_from_the_mean(decay: float | None, tmp_path: Path) -> None:
    folder, dataset = RunFolder(tmp_path / "run"), small_dataset()
    first = run_training(small_options(average=0.9, epochs=1), dataset, folder=folder)
    options = small_options(average=decay, lr=0.0, delay_lr=0.0, rescue=0.0)
    again = run_training(options, dataset, start=folder)
    assert again.best.content_hash == first.best.content_hash


def test_synapses_that_the_start_removed_stay_removed(
    tmp_path: Path,
) -> None:
    folder, dataset = RunFolder(tmp_path / "run"), small_dataset()
    options = small_options(average=0.99, sparsity=0.6, delay_sparsity=0.5)
    run_training(options, dataset, folder=folder)
    trainer = Trainer(options, dataset.train, dataset.validation, network=folder.network())
    trainer.start_from(folder)
    parameters = dict(trainer.model.named_parameters())
    assert trainer._optimiser.pruning.removed.keys() == parameters.keys()
    for name, removed in trainer._optimiser.pruning.removed.items():
        assert removed.any()
        assert not parameters[name][removed].any()
        assert not trainer._optimiser.average.values[name][removed].any()
    for projection in trainer.best.projections:
        assert (projection.weight == 0).sum() >= count_in_share(0.6, projection.weight.size)
