"""The network that a run saves: the best epoch's, also with pruning and with early stopping."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nmtool.network.float_network import Network
from nmtool.training.front.model import SpikingNetwork
from nmtool.training.loop.manifest import Manifest
from nmtool.training.loop.pruning import count_in_share
from nmtool.training.loop.run import run_training
from nmtool.training.loop.run_folder import RunFolder
from nmtool.training.loop.selection import best_epoch, stopped_early
from nmtool.training.loop.trainer import Trainer
from tests.training.small_data import small_dataset, small_events, small_options, without_seconds

pytestmark = pytest.mark.torch


def _best_epoch(folder: RunFolder, seed: int) -> int:
    """Assert that a run saves its best epoch, the last of equal epochs, and return its index."""
    dataset = small_dataset()
    networks: list[Network] = []
    trainer = Trainer(
        small_options(epochs=6, lr=0.05, seed=seed),
        dataset.train,
        dataset.validation,
        folder=folder,
        on_epoch=lambda entry: networks.append(trainer.model.to_network()),
    )
    folder.create(Manifest.of(small_options(), dataset, ranks=1))
    best = trainer.run()
    scores = [entry["validation_accuracy"] for entry in trainer.log]
    expected = max(range(6), key=lambda epoch: (scores[epoch], epoch))
    assert best.content_hash == networks[expected].content_hash
    assert folder.network().content_hash == best.content_hash
    events = dataset.validation
    assert events is not None
    raster = best.bin(events).raster
    assert SpikingNetwork(best).record(raster).accuracy(events.label) == max(scores)
    return expected


def test_the_best_epoch_is_saved(tmp_path: Path) -> None:
    best = [_best_epoch(RunFolder(tmp_path / f"run{seed}"), seed) for seed in range(5)]
    assert min(best) < 5


def test_the_mean_over_epochs_decides_which_epoch_is_saved() -> None:
    dataset, networks = small_dataset(), []
    trainer = Trainer(
        small_options(epochs=8, lr=0.05, judge_epochs=3, seed=4),
        dataset.train,
        dataset.validation,
        on_epoch=lambda entry: networks.append(trainer.model.to_network()),
    )
    best = trainer.run()
    epoch = best_epoch(trainer.log, 3)["epoch"]
    assert epoch != best_epoch(trainer.log)["epoch"]
    assert best.content_hash == networks[epoch - 1].content_hash


def test_training_accuracy_decides_without_validation_samples() -> None:
    trainer = Trainer(small_options(epochs=2), small_events(30, 1), None)
    trainer.run()
    assert [entry["validation_accuracy"] for entry in trainer.log] == [None, None]


def _zeros(network: Network) -> list[int]:
    return [int((p.weight == 0).sum()) for p in network.projections]


def _shares(network: Network, share: float) -> list[int]:
    return [count_in_share(share, p.weight.size) for p in network.projections]


@pytest.mark.parametrize("arithmetic", ["float", "integer"])
def test_the_saved_network_has_the_requested_sparsity(arithmetic: str, tmp_path: Path) -> None:
    # `rescue` is large, so that it clearly raises all weights onto neurons that pruning has
    # silenced.
    settings = {"sparsity": 0.9, "delay_sparsity": 0.7, "rescue": 0.5, "epochs": 10}
    options = small_options(arithmetic=arithmetic, **settings)
    folder = RunFolder(tmp_path / "run")
    trainer = run_training(options, small_dataset(), folder=folder)
    assert any(entry["silent_neurons"] for entry in trainer.log if entry["pruned"])
    assert _zeros(trainer.best) == _zeros(folder.network()) == _shares(trainer.best, 0.9)
    for synapses in trainer.model.synapses:
        assert synapses.weight.grad is not None
        assert (synapses.weight.grad[synapses.weight == 0] == 0).all()
    for projection in trainer.best.projections:
        assert (projection.delay == 0).sum() >= count_in_share(0.7, projection.delay.size)
    integers = folder.integers()
    assert (integers is None) == (arithmetic == "float")
    for integer_projection in integers.projections if integers else []:
        assert (integer_projection.weight == 0).sum() >= count_in_share(
            0.9, integer_projection.weight.size
        )


def test_the_best_epoch_is_one_after_pruning(tmp_path: Path) -> None:
    dataset, networks = small_dataset(), []
    options = small_options(sparsity=0.9, epochs=10)
    folder = RunFolder(tmp_path / "run")

    def on_epoch(entry: dict) -> None:
        networks.append(trainer.model.to_network())
        assert folder.network_file.exists() == entry["pruned"]

    trainer = Trainer(options, dataset.train, dataset.validation, folder=folder, on_epoch=on_epoch)
    folder.create(Manifest.of(small_options(), dataset, ranks=1))
    trainer.run()
    scores = [entry["validation_accuracy"] for entry in trainer.log]
    assert [entry["pruned"] for entry in trainer.log] == [False] * 7 + [True] * 3
    assert max(scores[:7]) > max(scores[7:])
    expected = max(range(7, 10), key=lambda epoch: (scores[epoch], epoch))
    assert trainer.best.content_hash == networks[expected].content_hash


def test_finetuning_keeps_pruned_synapses_removed(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    run_training(small_options(sparsity=0.7), small_dataset(), folder=folder)
    again = run_training(small_options(sparsity=0.7, seed=1), small_dataset(), start=folder)
    assert all(entry["pruned"] for entry in again.log)
    for old, new in zip(folder.network().projections, again.best.projections, strict=True):
        np.testing.assert_array_equal(old.weight == 0, new.weight == 0)


def test_a_run_stops_early_without_improvement(tmp_path: Path) -> None:
    folder, dataset = RunFolder(tmp_path / "run"), small_dataset()
    still = {"lr": 0.0, "delay_lr": 0.0, "rescue": 0.0}
    options = small_options(patience=2, epochs=9, **still)
    trainer = run_training(options, dataset, folder=folder)
    assert [entry["stopped_early"] for entry in trainer.log] == [False, False, True]
    assert stopped_early(trainer.log)
    again = run_training(options, dataset, folder=folder, resume=True)
    assert again.log == trainer.log
    until_the_end = run_training(small_options(patience=2, epochs=3, **still), dataset)
    assert not stopped_early(until_the_end.log)


def test_patience_leaves_the_epochs_before_as_they_were() -> None:
    settings = {"epochs": 12, "lr": 0.03}
    stopped = run_training(small_options(patience=1, **settings), small_dataset())
    whole_run = run_training(small_options(**settings), small_dataset())
    n_epochs = len(stopped.log)
    assert 1 < n_epochs < 12
    for entry in stopped.log:
        del entry["stopped_early"]
    assert without_seconds(stopped.log) == without_seconds(whole_run.log[:n_epochs])


def test_patience_waits_for_pruning_to_end() -> None:
    options = small_options(patience=1, sparsity=0.5, epochs=10, lr=0.0, delay_lr=0.0, rescue=0.0)
    trainer = run_training(options, small_dataset())
    assert len(trainer.log) == 9
    assert stopped_early(trainer.log)
    assert [entry["pruned"] for entry in trainer.log] == [False] * 7 + [True] * 2
