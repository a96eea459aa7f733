"""A stopped run continues as if uninterrupted, and repairs files that the stop left."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from nmtool import storage
from nmtool.errors import FileFormatError
from nmtool.testing.damage import damages
from nmtool.training.loop import checkpoint
from nmtool.training.loop.run import run_training
from nmtool.training.loop.run_folder import RunFolder
from nmtool.training.loop.selection import is_best
from nmtool.training.loop.trainer import Trainer
from nmtool.training.options import TrainOptions
from nmtool.training.processes.ranks import Ranks
from tests.refusals import refused
from tests.thorough import ROUNDS, THOROUGH
from tests.training.small_data import small_dataset, small_options, without_seconds
from tests.training.stops import stop_after

pytestmark = pytest.mark.torch


def _checkpoint_content(folder: RunFolder) -> tuple[dict, dict[str, bytes]]:
    archive = storage.read_archive(
        folder.checkpoint_file, checkpoint.FILE_KIND, checkpoint.FILE_VERSION
    )
    header = archive.header | {"log": without_seconds(json.loads(archive.header["log"]))}
    del header["content"]  # This hash also covers the measured seconds.
    return header, {name: array.tobytes() for name, array in archive.arrays.items()}


_EVERYTHING = {
    "jitter_ms": 2.0,
    "drop": 0.1,
    "blend": 0.4,
    "clip_norm": 0.05,
    "weight_decay": 0.1,
    "average": 0.9,
    "patience": 3,
    "sparsity": 0.6,
    "delay_sparsity": 0.45,
    "epochs": 8,
    "rescue": 0.05,
    "schedule": "linear",
    "reset": "subtract",
    "most_spikes": 2,
    "input_counts": 3,
}
"""Settings that are off or different by default."""


_SETTINGS = pytest.mark.parametrize(
    "settings",
    [{}, _EVERYTHING, {**_EVERYTHING, "arithmetic": "integer"}],
    ids=["default", "everything", "integers"],
)


@_SETTINGS
def test_resumed_run_equals_an_uninterrupted_one(settings: dict[str, Any], tmp_path: Path) -> None:
    _assert_resumed_equals_uninterrupted(small_options(**settings), (1, 3), tmp_path)


@pytest.mark.parametrize("average", [None, 0.9])
@pytest.mark.parametrize("stops", [(0,), pytest.param((1, 3), marks=pytest.mark.long)])
@_SETTINGS
def test_resumed_finetuning_equals_an_uninterrupted_one(
    settings: dict[str, Any], stops: tuple[int, ...], average: float | None, tmp_path: Path
) -> None:
    start = RunFolder(tmp_path / "start")
    run_training(small_options(average=average, seed=1, epochs=1), small_dataset(), folder=start)
    options = small_options(**{"average": 0.9, **settings, "epochs": 4})
    _assert_resumed_equals_uninterrupted(options, stops, tmp_path, start)


def _assert_resumed_equals_uninterrupted(
    options: TrainOptions, stops: tuple[int, ...], folder: Path, start: RunFolder | None = None
) -> None:
    """If the runs start from another run, that run is deleted before resuming."""
    dataset = small_dataset()
    whole = RunFolder(folder / "whole")
    expected = run_training(options, dataset, folder=whole, start=start)
    stopped = [RunFolder(folder / f"stopped{stop}") for stop in stops]
    for parts, stop in zip(stopped, stops, strict=True):
        with pytest.raises(KeyboardInterrupt):
            run_training(options, dataset, folder=parts, start=start, on_batch=stop_after(stop))
    if start is not None:
        shutil.rmtree(start.path)
    for parts in stopped:
        resumed = run_training(parts.options(), dataset, folder=parts, resume=True)
        assert resumed.best.content_hash == expected.best.content_hash
        assert parts.network().content_hash == expected.best.content_hash
        assert parts.manifest() == whole.manifest()
        assert _checkpoint_content(parts) == _checkpoint_content(whole)
        assert without_seconds(resumed.log) == without_seconds(expected.log)
        assert [list(entry) for entry in resumed.log] == [list(entry) for entry in expected.log]


def test_resuming_a_finished_run_changes_nothing(tmp_path: Path) -> None:
    options, folder = small_options(epochs=1), RunFolder(tmp_path / "run")
    first = run_training(options, small_dataset(), folder=folder)
    again = run_training(options, small_dataset(), folder=folder, resume=True)
    assert again.log == first.log
    assert again.best.content_hash == first.best.content_hash


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., RunFolder]:
    """A function that trains a run with given settings, once for all tests, which only read it."""

    @cache
    def run(**settings: Any) -> RunFolder:
        folder = RunFolder(tmp_path_factory.mktemp("finished") / "run")
        run_training(small_options(**settings), small_dataset(), folder=folder)
        return folder

    return run


@pytest.mark.parametrize("reset", [None, "zero", "late"])
def test_finetuning_keeps_the_reset_or_changes_it(
    reset: str | None, finished: Callable[..., RunFolder]
) -> None:
    start = finished(epochs=1, reset="subtract")
    options = start.finetune_options({"epochs": 1} | ({} if reset is None else {"reset": reset}))
    trainer = run_training(options, small_dataset(), start=start)
    assert start.network().population("hidden").reset == "subtract"
    assert trainer.best.population("hidden").reset == (reset or "subtract")


@pytest.mark.parametrize(
    ("changes", "counts"),
    [
        ({}, (0, 3)),
        ({"input_counts": 1, "most_spikes": 1}, (1, 1)),
        ({"input_counts": 99}, (99, 3)),
    ],
)
def test_finetuning_keeps_the_counts_or_changes_them(
    changes: dict[str, int], counts: tuple[int, int], tmp_path: Path
) -> None:
    data = small_dataset(most_spikes=4)
    options = small_options(epochs=1, reset="subtract", most_spikes=3).fitted_to(data.train)
    first = RunFolder(tmp_path / "run")
    run_training(options, data, folder=first)
    assert first.options().input_counts == options.input_counts >= 4
    new = first.finetune_options({"epochs": 1} | changes)
    network = run_training(new, data, start=first).best
    of_input, of_neuron = counts
    assert network.channels.most_spikes == (of_input or options.input_counts)
    assert network.population("hidden").most_spikes == of_neuron


@pytest.fixture
def two_epochs(finished: Callable[..., RunFolder], tmp_path: Path) -> tuple[RunFolder, list[dict]]:
    """A finished run of two epochs that a test may change, and its log."""
    folder = RunFolder(shutil.copytree(finished(epochs=2).path, tmp_path / "run"))
    return folder, _logged(folder)


def _logged(folder: RunFolder) -> list[dict]:
    return [json.loads(line) for line in folder.log_file.read_text("utf-8").splitlines()]


def _last_line_missing(log: bytes) -> bytes:
    return log[: log.index(b"\n") + 1]


_HARM = {
    "last line missing": _last_line_missing,
    "cut off": lambda log: log[:-9],
    "no text": lambda log: b"\xff",
}


@pytest.mark.parametrize("harm", _HARM)
def test_resuming_a_finished_run_repairs_its_log(
    harm: str, two_epochs: tuple[RunFolder, list[dict]]
) -> None:
    folder, log = two_epochs
    folder.log_file.write_bytes(_HARM[harm](folder.log_file.read_bytes()))
    run_training(folder.options(), small_dataset(), folder=folder, resume=True)
    assert _logged(folder) == log


@pytest.mark.parametrize("file", ["checkpoint_file", "network_file"])
def test_a_file_of_another_run_is_refused(
    file: str, two_epochs: tuple[RunFolder, list[dict]], finished: Callable[..., RunFolder]
) -> None:
    """The other run differs only in the seed, so that all shapes fit."""
    folder, log = two_epochs
    other = finished(epochs=3, seed=7)
    shutil.copy(getattr(other, file), getattr(folder, file))
    with refused(FileFormatError, "checkpoint-differs") as caught:
        run_training(folder.options(), small_dataset(), folder=folder, resume=True)
    assert str(folder.checkpoint_file) in caught.value.what
    assert str(folder.network_file) in caught.value.what
    assert _logged(folder) == log


def _digits_changed(log: bytes) -> Iterator[bytes]:
    """All variants of a log with one digit changed."""
    for place in range(len(log)):
        if log[place : place + 1].isdigit():
            changed = log[:place] + bytes([log[place] ^ 1]) + log[place + 1 :]
            if _numbers(changed) != _numbers(log):
                yield changed


def _numbers(log: bytes) -> list[dict[str, Any]] | None:
    with contextlib.suppress(json.JSONDecodeError):
        return [json.loads(line) for line in log.splitlines()]
    return None


def test_no_number_of_a_log_changes_unnoticed(two_epochs: tuple[RunFolder, list[dict]]) -> None:
    folder, log = two_epochs
    whole = folder.log_file.read_bytes()
    changed = [*_digits_changed(whole)]
    for content in changed[:: 1 if THOROUGH else 7]:
        folder.log_file.write_bytes(content)
        with refused(FileFormatError, "file-damaged") as caught:
            folder.read_log()
        assert str(folder.log_file) in caught.value.what
    for _, content in damages(whole, 8, ROUNDS):
        folder.log_file.write_bytes(content)
        with contextlib.suppress(FileFormatError):
            assert folder.read_log() == log


def test_the_log_of_another_run_is_refused(
    two_epochs: tuple[RunFolder, list[dict]], finished: Callable[..., RunFolder]
) -> None:
    folder, log = two_epochs
    shutil.copy(finished(epochs=2, seed=7).log_file, folder.log_file)
    with refused(FileFormatError, "file-damaged"):
        folder.read_log()
    run_training(folder.options(), small_dataset(), folder=folder, resume=True)
    assert folder.read_log() == log


def test_a_log_without_its_last_line_is_read_from_the_checkpoint(
    two_epochs: tuple[RunFolder, list[dict]],
) -> None:
    """The last line is missing if a run is killed before it writes the log.

    A damaged checkpoint has an error of its own.
    """
    folder, log = two_epochs
    folder.log_file.write_bytes(_last_line_missing(folder.log_file.read_bytes()))
    assert folder.read_log() == log
    for content in (b"", b"PK", folder.checkpoint_file.read_bytes()[:99]):
        folder.checkpoint_file.write_bytes(content)
        assert folder.read_log() == log[:1]


def test_a_missing_log_is_restored_and_a_whole_one_unchanged(
    two_epochs: tuple[RunFolder, list[dict]],
) -> None:
    folder, log = two_epochs
    folder.log_file.unlink()
    run_training(folder.options(), small_dataset(), folder=folder, resume=True)
    assert _logged(folder) == log
    before = folder.log_file.stat()
    run_training(folder.options(), small_dataset(), folder=folder, resume=True)
    after = folder.log_file.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize(("rank", "lines"), [(0, 2), (1, 1)])
def test_only_the_first_rank_repairs_the_log(
    rank: int, lines: int, two_epochs: tuple[RunFolder, list[dict]]
) -> None:
    class Alone(Ranks):
        """A rank without other ranks."""

        def check_same(self, *arguments: Any) -> None:
            pass

    folder, _ = two_epochs
    folder.log_file.write_bytes(_last_line_missing(folder.log_file.read_bytes()))
    dataset = small_dataset()
    Trainer(
        folder.options(), dataset.train, dataset.validation, folder=folder, ranks=Alone(rank)
    ).resume()
    assert len(_logged(folder)) == lines


def _hashes(folder: RunFolder) -> list[str]:
    integers = folder.integers()
    return [network.content_hash for network in (folder.network(), integers) if network is not None]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], list[list[str]]]:
    """A function that returns the hashes of the networks saved in each of two epochs."""

    @cache
    def run(arithmetic: str) -> list[list[str]]:
        folder, hashes = RunFolder(tmp_path_factory.mktemp("saved") / "run"), []
        log = run_training(
            small_options(epochs=2, arithmetic=arithmetic),
            small_dataset(),
            folder=folder,
            on_epoch=lambda entry: hashes.append(_hashes(folder)),
        ).log
        assert is_best(log)
        assert hashes[0] != hashes[1]
        return hashes

    return run


@pytest.mark.parametrize(
    ("killed_in", "epochs_kept"),
    [
        ("run_folder.RunFolder.write_next", 1),
        ("checkpoint.save", 1),
        ("run_folder.RunFolder.keep_next", 2),
        ("run_folder.RunFolder.write_log", 2),
    ],
)
@pytest.mark.parametrize("arithmetic", ["float", "integer"])
def test_saved_networks_are_of_an_epoch_in_the_checkpoint(
    arithmetic: str,
    killed_in: str,
    epochs_kept: int,
    saved: Callable[[str], list[list[str]]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """A run can be killed at any point of saving an epoch, and be resumed with more epochs."""
    options, dataset = small_options(epochs=2, arithmetic=arithmetic), small_dataset()
    snapshots, folder = saved(arithmetic), RunFolder(tmp_path / "killed")

    def stop(*arguments: Any, **keywords: Any) -> None:
        raise KeyboardInterrupt

    def kill_the_next(entry: dict) -> None:
        monkeypatch.setattr(f"nmtool.training.loop.{killed_in}", stop)

    with pytest.raises(KeyboardInterrupt):
        run_training(options, dataset, folder=folder, on_epoch=kill_the_next)
    monkeypatch.undo()
    trainer = Trainer(options, dataset.train, dataset.validation, folder=folder)
    trainer.resume()
    assert len(trainer.log) == epochs_kept
    assert _hashes(folder) == snapshots[epochs_kept - 1]
    assert trainer.best.content_hash == _hashes(folder)[0]
    assert len(list(folder.path.glob("*.npz"))) == 1 + len(_hashes(folder))


@pytest.mark.parametrize("file", ["checkpoint_file", "network_file"])
def test_a_damaged_run_is_not_resumed(file: str, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    run_training(small_options(epochs=1), small_dataset(), folder=folder)
    getattr(folder, file).write_bytes(b"PK\x03\x04 cut off")
    with refused(FileFormatError, "file-damaged") as caught:
        run_training(small_options(epochs=1), small_dataset(), folder=folder, resume=True)
    assert str(getattr(folder, file)) in caught.value.what
