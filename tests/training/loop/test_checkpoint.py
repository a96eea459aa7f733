"""Checkpoints contain the whole state, and damaged ones are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nmtool import storage
from nmtool.errors import FileFormatError, StorageError
from nmtool.testing.damage import damages
from nmtool.training.front.model import SpikingNetwork
from nmtool.training.loop import checkpoint
from nmtool.training.loop.checkpoint import RunState, longer_delays
from nmtool.training.loop.optimise import Optimiser
from nmtool.training.options import TrainOptions
from tests.networks.trainable import random_network
from tests.refusals import refused
from tests.thorough import ROUNDS

pytestmark = pytest.mark.torch

STATE = RunState(3, 17, 0.75, [{"epoch": 1, "loss": 0.5, "validation_accuracy": None}])


def _optimiser(seed: int, hidden: int = 19, **settings: Any) -> Optimiser:
    model = SpikingNetwork(random_network("recurrent", seed, hidden=hidden))
    return Optimiser(model, TrainOptions(**settings), 1)


def _step(optimiser: Optimiser, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for parameter in optimiser.model.parameters():
        parameter.grad = torch.randn(parameter.shape, generator=generator)
    optimiser.adam.step()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A checkpoint after two updates."""
    optimiser = _optimiser(0)
    _step(optimiser, 1)
    _step(optimiser, 2)
    checkpoint.save(tmp_path / "checkpoint.npz", optimiser, STATE)
    return tmp_path / "checkpoint.npz"


def test_training_continues_identically_from_a_checkpoint(file: Path) -> None:
    optimiser = _optimiser(0)
    for seed in (1, 2, 3):
        _step(optimiser, seed)
    again = _optimiser(9)
    assert checkpoint.load(file, again) == (STATE, {})
    _step(again, 3)
    _assert_same(again, optimiser)


def _assert_same(first: Optimiser, second: Optimiser) -> None:
    pairs = zip(first.model.parameters(), second.model.parameters(), strict=True)
    for actual, expected in pairs:
        torch.testing.assert_close(actual, expected, rtol=0, atol=0)


def test_before_the_first_update_and_with_fixed_delays(tmp_path: Path) -> None:
    optimiser = _optimiser(0, train_delays=False)
    checkpoint.save(tmp_path / "new.npz", optimiser, RunState(0, 0, -1.0, []))
    again = _optimiser(9)
    assert checkpoint.load(tmp_path / "new.npz", again)[0].epoch == 0
    _assert_same(again, optimiser)


def _pruned(seed: int) -> Optimiser:
    """An optimiser that has removed random synapses and delays."""
    optimiser = _optimiser(0, sparsity=0.5, delay_sparsity=0.5)
    generator = torch.Generator().manual_seed(seed)
    for mask in optimiser.pruning.removed.values():
        mask.copy_(torch.rand(mask.shape, generator=generator) < 0.5)
    return optimiser


def test_masks_of_removed_synapses_are_restored(tmp_path: Path) -> None:
    first, second = _pruned(1), _pruned(2)
    checkpoint.save(tmp_path / "c.npz", first, STATE)
    checkpoint.load(tmp_path / "c.npz", second)
    torch.testing.assert_close(second.pruning.removed, first.pruning.removed)


def test_masks_missing_in_a_file_are_unchanged(file: Path) -> None:
    optimiser = _pruned(1)
    checkpoint.load(file, optimiser)
    torch.testing.assert_close(optimiser.pruning.removed, _pruned(1).pruning.removed)


@pytest.mark.parametrize("mask", [np.zeros((12, 19), np.int8), np.zeros((12, 18), np.bool_)])
def test_damaged_masks_are_refused(file: Path, mask: np.ndarray) -> None:
    _rewrite(file, {}, {"removed.projections.0.weight": mask})
    with refused(FileFormatError, "file-damaged"):
        checkpoint.load(file, _pruned(1))


def test_the_mean_is_restored(tmp_path: Path) -> None:
    optimiser = _optimiser(0, average=0.9)
    mean = {name: p.detach() + 1 for name, p in optimiser.model.named_parameters()}
    optimiser.average.values = mean
    checkpoint.save(tmp_path / "c.npz", optimiser, STATE)
    _, means = checkpoint.load(tmp_path / "c.npz", optimiser)
    torch.testing.assert_close(means, mean, rtol=0, atol=0)


@pytest.mark.parametrize("mean", [np.zeros((12, 18), np.float32), np.full((12, 19), np.nan)])
def test_a_damaged_mean_is_refused(file: Path, mean: np.ndarray) -> None:
    _rewrite(file, {}, {"average.projections.0.weight": mean})
    with refused(FileFormatError, "file-damaged"):
        checkpoint.load(file, _optimiser(0))


def test_a_checkpoint_holds_no_pickle(file: Path) -> None:
    with np.load(file, allow_pickle=False) as archive:
        assert all(archive[name].dtype != object for name in archive.files)


def _rewrite(file: Path, header: dict, arrays: dict) -> None:
    """Replace entries of the header and arrays; None removes them."""
    old = storage.read_archive(file, checkpoint.FILE_KIND, checkpoint.FILE_VERSION)
    entries = {k: v for k, v in (old.header | header).items() if v is not None}
    entries = {k: v for k, v in entries.items() if k not in ("kind", "version", "content")}
    members = {k: v for k, v in (old.arrays | arrays).items() if v is not None}
    storage.write_archive(file, checkpoint.FILE_KIND, checkpoint.FILE_VERSION, entries, members)


@pytest.mark.parametrize(
    ("header", "arrays"),
    [
        ({"epoch": None}, {}),
        ({"log": None}, {}),
        ({"epoch": "many"}, {}),
        ({"log": "none"}, {}),
        ({"log": "[" * 100_000}, {}),
        ({}, {"parameter.projections.0.weight": None}),
        ({}, {"exp_avg.projections.1.delay": None}),
        ({}, {"exp_avg_sq.projections.0.weight": np.zeros((2, 2), np.float32)}),
        ({}, {"step.projections.0.weight": np.zeros(2, np.float32)}),
        ({}, {"parameter.projections.0.delay": np.full((12, 19), "long")}),
        ({}, {"parameter.projections.0.weight": np.full((12, 19), np.nan, np.float32)}),
    ],
)
def test_damage_is_detected(file: Path, header: dict, arrays: dict) -> None:
    _rewrite(file, header, arrays)
    with refused(FileFormatError, "file-damaged"):
        checkpoint.load(file, _optimiser(0))


def test_cut_foreign_and_missing_files_are_refused(file: Path, tmp_path: Path) -> None:
    whole = file.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", b"not an archive"):
        file.write_bytes(damaged)
        with refused(FileFormatError, "file-damaged"):
            checkpoint.load(file, _optimiser(0))
    random_network("recurrent", 0).save(file)
    with refused(FileFormatError, "file-kind") as caught:
        checkpoint.load(file, _optimiser(0))
    assert "'nmtool network'" in caught.value.what
    with refused(FileFormatError, "file-missing"):
        checkpoint.load(tmp_path / "elsewhere.npz", _optimiser(0))


def test_damage_is_refused_or_changes_nothing(file: Path) -> None:
    """With damage in any byte, either the file is refused or the state is unchanged."""
    before, refusals = _restored(file), 0
    for damage, content in damages(file.read_bytes(), 33, ROUNDS):
        file.write_bytes(content)
        try:
            after = _restored(file)
        except FileFormatError:
            refusals += 1
        else:
            assert after == before, damage
    assert refusals >= ROUNDS / 2


def _restored(file: Path) -> tuple[RunState, list[bytes]]:
    """The state, and all numbers of the model and of the optimiser."""
    optimiser = _optimiser(5)
    state, _ = checkpoint.load(file, optimiser)
    parameters, moments = [*optimiser.model.parameters()], optimiser.adam.state
    tensors = parameters + [moments[p][key] for p in parameters for key in checkpoint._MOMENTS]
    return state, [tensor.detach().numpy().tobytes() for tensor in tensors]


@pytest.mark.parametrize(
    ("member", "source"),
    [
        ("exp_avg.projections.1.weight", "exp_avg_sq.projections.1.weight"),
        ("parameter.projections.1.weight", "parameter.projections.1.delay"),
        ("step.projections.0.weight", None),
    ],
)
def test_exchanged_members_are_refused(file: Path, member: str, source: str | None) -> None:
    """The archive is valid, and so is each of its members."""
    with np.load(file) as archive:
        arrays = dict(archive)
    arrays[member], changed = arrays[source or member] + (source is None), arrays[member]
    if source:
        arrays[source] = changed
    np.savez_compressed(file, **arrays)
    for take in (lambda: checkpoint.load(file, _optimiser(0)), lambda: longer_delays(file, 9)):
        with refused(FileFormatError, "file-damaged") as caught:
            take()
        assert str(file) in caught.value.what


def test_another_network_is_refused(file: Path) -> None:
    with refused(FileFormatError, "checkpoint-differs"):
        checkpoint.load(file, _optimiser(0, hidden=18))
    name = "projections.0.delay"
    _rewrite(file, {}, {f"parameter.{name}": np.zeros((2, 2), np.float32)})
    with refused(FileFormatError, "checkpoint-differs") as caught:
        checkpoint.load(file, _optimiser(0))
    assert name in caught.value.what


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with refused(StorageError, "file-not-written"):
        checkpoint.save(tmp_path / "file" / "c.npz", _optimiser(0), STATE)
