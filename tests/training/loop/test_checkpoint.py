"""Checkpoints contain the whole state, and damaged ones are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from nmtool import storage
from nmtool.errors import FileFormatError, StorageError
from nmtool.testing.damage import damages
from nmtool.training.front.model import SpikingNetwork
from nmtool.training.loop import checkpoint
from nmtool.training.loop.checkpoint import RunState, longer_delays
from nmtool.training.loop.optimise import make_optimiser
from nmtool.training.options import TrainOptions
from tests.networks.trainable import random_network
from tests.refusals import refused
from tests.thorough import ROUNDS

pytestmark = pytest.mark.torch

STATE = RunState(3, 17, 0.75, [{"epoch": 1, "loss": 0.5, "validation_accuracy": None}])


def _pair(seed: int, hidden: int = 19) -> tuple[SpikingNetwork, torch.optim.AdamW]:
    model = SpikingNetwork(random_network("recurrent", seed, hidden=hidden))
    return model, make_optimiser(model, TrainOptions())


def _step(model: SpikingNetwork, optimiser: torch.optim.AdamW, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        parameter.grad = torch.randn(parameter.shape, generator=generator)
    optimiser.step()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A checkpoint after two updates."""
    model, optimiser = _pair(0)
    _step(model, optimiser, 1)
    _step(model, optimiser, 2)
    checkpoint.save(tmp_path / "checkpoint.npz", model, optimiser, STATE)
    return tmp_path / "checkpoint.npz"


def test_training_continues_identically_from_a_checkpoint(file: Path) -> None:
    model, optimiser = _pair(0)
    for seed in (1, 2, 3):
        _step(model, optimiser, seed)
    again, its_optimiser = _pair(9)
    assert checkpoint.load(file, again, its_optimiser) == STATE
    _step(again, its_optimiser, 3)
    for actual, expected in zip(again.parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(actual, expected, rtol=0, atol=0)


def test_before_the_first_update_and_with_fixed_delays(tmp_path: Path) -> None:
    model = SpikingNetwork(random_network("recurrent", 0))
    optimiser = make_optimiser(model, TrainOptions(train_delays=False))
    checkpoint.save(tmp_path / "new.npz", model, optimiser, RunState(0, 0, -1.0, []))
    again, its_optimiser = _pair(9)
    assert checkpoint.load(tmp_path / "new.npz", again, its_optimiser).epoch == 0
    for actual, expected in zip(again.parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(actual, expected, rtol=0, atol=0)


def _masks(model: SpikingNetwork, seed: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    parameters = model.named_parameters()
    return {name: torch.rand(p.shape, generator=generator) < 0.5 for name, p in parameters}


def test_masks_of_removed_synapses_are_restored(tmp_path: Path) -> None:
    model, optimiser = _pair(0)
    removed, masks = _masks(model, 1), _masks(model, 2)
    checkpoint.save(tmp_path / "c.npz", model, optimiser, STATE, removed)
    checkpoint.load(tmp_path / "c.npz", model, optimiser, masks)
    for name, mask in removed.items():
        torch.testing.assert_close(masks[name], mask)


def test_masks_missing_in_a_file_are_unchanged(file: Path) -> None:
    model, optimiser = _pair(0)
    removed = _masks(model, 1)
    checkpoint.load(file, model, optimiser, removed)
    torch.testing.assert_close(removed, _masks(model, 1))


@pytest.mark.parametrize("mask", [np.zeros((12, 19), np.int8), np.zeros((12, 18), np.bool_)])
def test_damaged_masks_are_refused(file: Path, mask: np.ndarray) -> None:
    _rewrite(file, {}, {"removed.projections.0.weight": mask})
    model, optimiser = _pair(0)
    with refused(FileFormatError, "file-damaged"):
        checkpoint.load(file, model, optimiser, _masks(model, 1))


def test_the_mean_is_restored(tmp_path: Path) -> None:
    model, optimiser = _pair(0)
    mean = {name: p.detach() + 1 for name, p in model.named_parameters()}
    checkpoint.save(tmp_path / "c.npz", model, optimiser, STATE, average=mean)
    average: dict[str, torch.Tensor] = {}
    checkpoint.load(tmp_path / "c.npz", model, optimiser, average=average)
    torch.testing.assert_close(average, mean, rtol=0, atol=0)


@pytest.mark.parametrize("mean", [np.zeros((12, 18), np.float32), np.full((12, 19), np.nan)])
def test_a_damaged_mean_is_refused(file: Path, mean: np.ndarray) -> None:
    _rewrite(file, {}, {"average.projections.0.weight": mean})
    model, optimiser = _pair(0)
    with refused(FileFormatError, "file-damaged"):
        checkpoint.load(file, model, optimiser, average={})


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
        checkpoint.load(file, *_pair(0))


def test_cut_foreign_and_missing_files_are_refused(file: Path, tmp_path: Path) -> None:
    whole = file.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", b"not an archive"):
        file.write_bytes(damaged)
        with refused(FileFormatError, "file-damaged"):
            checkpoint.load(file, *_pair(0))
    random_network("recurrent", 0).save(file)
    with refused(FileFormatError, "file-kind") as caught:
        checkpoint.load(file, *_pair(0))
    assert "'nmtool network'" in caught.value.what
    with refused(FileFormatError, "file-missing"):
        checkpoint.load(tmp_path / "elsewhere.npz", *_pair(0))


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
    model, optimiser = _pair(5)
    state = checkpoint.load(file, model, optimiser)
    moments = [optimiser.state[p][key] for p in model.parameters() for key in checkpoint._MOMENTS]
    return state, [tensor.detach().numpy().tobytes() for tensor in (*model.parameters(), *moments)]


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
    for take in (lambda: checkpoint.load(file, *_pair(0)), lambda: longer_delays(file, 9)):
        with refused(FileFormatError, "file-damaged") as caught:
            take()
        assert str(file) in caught.value.what


def test_another_network_is_refused(file: Path) -> None:
    with refused(FileFormatError, "checkpoint-other-network"):
        checkpoint.load(file, *_pair(0, hidden=18))
    name = "projections.0.delay"
    _rewrite(file, {}, {f"parameter.{name}": np.zeros((2, 2), np.float32)})
    with refused(FileFormatError, "checkpoint-other-network") as caught:
        checkpoint.load(file, *_pair(0))
    assert name in caught.value.what


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with refused(StorageError, "file-not-written"):
        checkpoint.save(tmp_path / "file" / "c.npz", *_pair(0), STATE)
