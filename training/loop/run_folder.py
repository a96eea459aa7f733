"""Files of a training run on disk.

RUN/run.json         settings, data set, version: the manifest
RUN/log.jsonl        one line per epoch
RUN/log.csv          the same for spreadsheets, one row per epoch
RUN/network.npz      the network of the best epoch so far
RUN/integers.npz     the same network in integers, if the run trained in integers
RUN/*.next.npz       networks of an epoch that is not in the checkpoint yet, which a resumed run
                     uses or deletes
RUN/checkpoint.npz   everything needed to resume after the last finished epoch; fine-tuning also
                     writes it before the first epoch
"""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from nmtool import storage
from nmtool.data.dividing import AUTO, SplitRule
from nmtool.errors import FileFormatError, UsageError
from nmtool.network.float_network import Network
from nmtool.network.integer_network import IntegerNetwork
from nmtool.paths import (
    RUN_CHECKPOINT,
    RUN_INTEGERS,
    RUN_LOG,
    RUN_MANIFEST,
    RUN_NETWORK,
    RUN_SEARCH,
    RUN_TABLE,
)
from nmtool.targets.reading import ENDING
from nmtool.toml_files import check_values
from nmtool.training.loop.manifest import Manifest, ResetChange
from nmtool.training.options import AUTOMATIC, INITIAL_DELAYS, SHAPE, TrainOptions

_MAX_MANIFEST_BYTES = 1 << 20
_MAX_LOG_BYTES = 256 << 20
_IN_ENTRY = ("epoch", "loss", "train_accuracy")
_MAY_BE_IN_ENTRY = (
    *("validation_accuracy", "settled_accuracy", "silent_neurons"),
    *("sparsity", "delay_sparsity"),
)
"""Fields that a line of the log may lack."""


_AGAIN = "restore it from a backup, or train again"
_RESUME = "resume the run, which writes the log again: `resume=True`"
"""What to do about a damaged manifest, and about a damaged log."""

_Value = TypeVar("_Value")

FINETUNE_EPOCHS = 10
FINETUNE_SLOWER = 5
"""Defaults of fine-tuning: number of epochs, and divisor of the learning rates."""


class _File:
    """The path of a file of a run, as an attribute of its folder."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, folder: RunFolder, owner: type[RunFolder] | None = None) -> Path:
        return folder.path / self._name


@dataclass(frozen=True)
class RunFolder:
    """Paths and files of a run.

    Attributes:
        path: the folder.
    """

    path: Path

    manifest_file = _File(RUN_MANIFEST)
    log_file = _File(RUN_LOG)
    table_file = _File(RUN_TABLE)
    network_file = _File(RUN_NETWORK)
    integer_file = _File(RUN_INTEGERS)
    checkpoint_file = _File(RUN_CHECKPOINT)
    search_folder = _File(RUN_SEARCH)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Prevent other processes from training in the folder while the block runs.

        The lock is on the folder itself: it leaves no file, and ends with the process, even if the
        process is killed. It has no effect where folders cannot be locked: on Windows and some file
        systems.

        Raises:
            UsageError: another process trains in the folder.
        """
        descriptor = None
        with suppress(OSError):
            descriptor = None if sys.platform == "win32" else os.open(self.path, os.O_RDONLY)
        if descriptor is None:
            yield
            return
        try:
            if not _lock(descriptor):
                raise UsageError(
                    f"another process is training in {self.path}",
                    code="run-in-use",
                    why="two processes would overwrite each other's checkpoints",
                    fix="wait for it or stop it, then resume the run: `resume=True`; or choose "
                    "another folder",
                )
            yield
        finally:
            os.close(descriptor)

    def check_free(self) -> None:
        """Raise `UsageError` if the folder contains files that training would overwrite."""
        results = (self.network_file, self.integer_file)
        for file in (self.manifest_file, *results, self.checkpoint_file, self.log_file):
            if file.exists():
                raise UsageError(
                    f"{self.path} already contains a file {file.name}",
                    code="path-taken",
                    fix="choose another folder, or resume the run in it: `resume=True`",
                )

    def create(self, manifest: Manifest, *, anew: bool = False) -> None:
        """Make the folder, and write the manifest; `anew` replaces an existing manifest.

        Raises:
            UsageError: the folder already contains a run.
            StorageError: the folder cannot be made.
        """
        if not anew:
            self.check_free()
        storage.make_folder(self.path)
        self._write(manifest)

    def adopt(self, finished: RunFolder) -> None:
        """Copy a finished run into this folder; raises `StorageError`.

        The manifest is last: with it, the folder has a run.
        """
        storage.make_folder(self.path)
        for file in (
            *(finished.network_file, finished.integer_file, finished.checkpoint_file),
            *(finished.log_file, finished.table_file, finished.manifest_file),
        ):
            if file.exists():
                with storage.replacing(self.path / file.name) as temporary:
                    shutil.copyfile(file, temporary)

    def set_epochs(self, options: TrainOptions) -> None:
        """Write a larger number of epochs into the manifest; raises `StorageError`."""
        if self.options().epochs == options.epochs:
            return
        manifest, change = self.manifest(), self.reset_change()
        # Of the options, only `epochs` is replaced. `options` may contain the resolved path of a
        # target's file, but the manifest keeps the path that the user gave.
        manifest = replace(manifest, options=manifest.options | {"epochs": options.epochs})
        if change is not None:
            # The best of more epochs may be another one.
            manifest = replace(manifest, reset_change=replace(change, after=None).as_json())
        self._write(manifest)

    def set_reset_change(self, change: ResetChange) -> None:
        """Write what a change of the reset cost into the manifest; raises `StorageError`."""
        self._write(replace(self.manifest(), reset_change=change.as_json()))

    def _write(self, manifest: Manifest) -> None:
        storage.write_text(self.manifest_file, json.dumps(manifest.as_json(), indent=2) + "\n")

    def manifest(self) -> Manifest:
        """The manifest; raises `FileFormatError` if it is missing or damaged."""
        try:
            text = storage.read_small(self.manifest_file, _MAX_MANIFEST_BYTES)
            values = json.loads(text.decode("utf-8"))
            check_values(values)
            if not isinstance(values, dict):
                raise ValueError("it is not a table")
            return Manifest.read(values)
        except OSError as error:
            raise FileFormatError(
                f"{self.path} does not contain a run",
                code="run-missing",
                why=str(error),
                fix="name a folder that `nmtool train -o` wrote",
            ) from error
        except (ValueError, RecursionError) as error:
            raise _damaged(self.manifest_file, str(error), _AGAIN) from error

    def options(self) -> TrainOptions:
        """The settings with which the run was started."""
        settings = dict(self.manifest().options)
        if str(settings.get("target")).endswith(ENDING):
            settings["target"] = str(self.find_file(Path(str(settings["target"]))))
        return TrainOptions().with_settings(settings, str(self.manifest_file))

    def find_file(self, name: Path) -> Path:
        """Find a file by its name, relative to the working folder or a parent folder of the run."""
        if not name.is_absolute() and not name.exists():
            for parent in self.path.resolve().parents:
                if (parent / name).is_file():
                    return parent / name
        return name

    def validation_rule(self) -> SplitRule | None:
        """The rule that drew the validation split from the training samples; None if there is none.

        Raises:
            FileFormatError: the manifest is damaged.
        """
        return self._field("hold_out", SplitRule.from_json)

    def reset_change(self) -> ResetChange | None:
        """How the run changed the reset of the run from which it started; None if it did not.

        Raises:
            FileFormatError: the manifest is damaged.
        """
        return self._field("reset_change", ResetChange.from_json)

    def _field(self, name: str, from_json: Callable[[dict[str, Any]], _Value]) -> _Value | None:
        """A field of the manifest, read from JSON; None if it is missing."""
        entry = getattr(self.manifest(), name)
        if entry is None:
            return None
        try:
            return from_json(entry)
        except (*storage.DAMAGE, UsageError) as error:
            raise _damaged(self.manifest_file, f"{name}: {error}", _AGAIN) from error

    def resumed_options(self, settings: Mapping[str, Any]) -> TrainOptions:
        """The options to resume the run: those of the run, perhaps with more epochs.

        Args:
            settings: the requested settings, by the names of `TrainOptions`.

        Raises:
            UsageError: the settings contradict those of the run.
        """
        options = self.options()
        request = options.with_settings(dict(settings), "settings")
        for name, value in request.as_json().items():
            setting = getattr(options, name)
            # An automatic value was chosen from the data when the run began.
            is_chosen = name in AUTOMATIC and value == AUTO
            if is_chosen or value == setting or (name == "epochs" and value > setting):
                continue
            raise UsageError(
                f"the run in {self.path} has {name} = {setting}, not {value}",
                code="resume-differs",
                fix="give more epochs, or leave the option out"
                if name == "epochs"
                else "leave the option out, or start a new run",
            )
        return replace(options, epochs=request.epochs)

    def finetune_options(
        self, settings: Mapping[str, Any], origin: str = "settings"
    ) -> TrainOptions:
        """Settings for fine-tuning: fewer epochs, smaller learning rates, and the given changes.

        Args:
            settings: changes, by the names of `TrainOptions`.
            origin: origin of the changes, for errors.

        Raises:
            UsageError: a setting is unknown, or would change the network's shape.
        """
        before = self.options()
        slower = replace(
            before,
            epochs=FINETUNE_EPOCHS,
            lr=before.lr / FINETUNE_SLOWER,
            delay_lr=before.delay_lr / FINETUNE_SLOWER,
        )
        base = slower.with_settings(dict.fromkeys(INITIAL_DELAYS), origin)
        # If a setting is changed to `auto`, it keeps the value that was chosen for the samples of
        # the first run.
        changed = {
            name: value
            for name, value in settings.items()
            if not (name in AUTOMATIC and value == AUTO)
        }
        options = base.with_settings(changed, origin)
        for name in SHAPE:
            if getattr(options, name) != getattr(before, name):
                raise UsageError(
                    f"{name} is {getattr(before, name)} in {self.path} and cannot be changed to "
                    f"{getattr(options, name)}",
                    code="network-shape-fixed",
                    why="it determines the shape of the network",
                    fix="leave the option out, or train a new network",
                )
        return options

    def check_start(self) -> None:
        """Raise `FileFormatError` unless another run can start from this one."""
        if not self.checkpoint_file.exists():
            raise FileFormatError(
                f"{self.path} has no checkpoint to start from",
                code="checkpoint-missing",
                why="training writes it after the first epoch",
                fix="name the folder of a run that has finished an epoch",
            )

    def network(self) -> Network:
        """The network of the best epoch."""
        return Network.load(self.network_file)

    def integers(self) -> IntegerNetwork | None:
        """The integer network of the best epoch; None if the run trains in floats."""
        return IntegerNetwork.load(self.integer_file) if self.integer_file.exists() else None

    def write_next(self, epoch: int, network: Network, integers: IntegerNetwork | None) -> None:
        """Write an epoch's networks beside the best networks so far; raises `StorageError`.

        They replace the best networks once the checkpoint includes the epoch. A run that is killed
        earlier resumes from the previous epoch, and needs the networks that were the best then.
        """
        network.save(_next_file(self.network_file, epoch))
        if integers is not None:
            integers.save(_next_file(self.integer_file, epoch))

    def keep_next(self, epoch: int) -> None:
        """Keep the networks that `write_next` wrote for this epoch, if any; delete all others."""
        for file in (self.network_file, self.integer_file):
            if _next_file(file, epoch).exists():
                os.replace(_next_file(file, epoch), file)
        self.drop_next()

    def drop_next(self) -> None:
        """Delete the networks of every epoch that `write_next` wrote."""
        for file in (self.network_file, self.integer_file):
            for unused in self.path.glob(_next_file(file, "*").name):
                unused.unlink()

    def write_log(self, epochs: list[dict[str, Any]]) -> None:
        """Write the log files; the checkpoint has the same log. Raises `StorageError`."""
        storage.write_text(self.log_file, "".join(json.dumps(line) + "\n" for line in epochs))
        storage.write_text(self.table_file, log_as_csv(epochs))

    def read_log(self) -> list[dict[str, Any]]:
        """One entry per finished epoch; raises `FileFormatError` if the log is damaged.

        The checkpoint's copy of the log is preferred. If a process is killed after writing the
        checkpoint and before writing the log, the file lacks the last entry.
        """
        entries = self._entries_in_file()
        header = storage.archive_header(self.checkpoint_file)
        try:
            checkpoint_log = log_from(header)
        except (LookupError, TypeError, ValueError, RecursionError):
            # The checkpoint has no log, or its log is damaged.
            return entries
        if _comparable(entries) != _comparable(checkpoint_log)[: len(entries)]:
            raise _damaged(self.log_file, f"{self.checkpoint_file} has another log", _RESUME)
        return checkpoint_log

    def _entries_in_file(self) -> list[dict[str, Any]]:
        """The entries of the log's file; raises `FileFormatError`."""
        try:
            text = storage.read_small(self.log_file, _MAX_LOG_BYTES).decode("utf-8")
            entries = storage.parse_json(f"[{','.join(text.splitlines())}]")
            if not all(map(_is_entry, entries)):
                raise ValueError("a line is not an epoch's entry")
            return entries
        except (OSError, ValueError, RecursionError) as error:
            raise _damaged(self.log_file, str(error), _RESUME) from error

    def check_network(self, content_hash: str) -> None:
        """Raise `FileFormatError` unless the saved network has the checkpoint's content hash.

        Args:
            content_hash: content hash of the network in the checkpoint.
        """
        if self.network().content_hash != content_hash:
            raise FileFormatError(
                f"{self.checkpoint_file} and {self.network_file} do not belong together",
                code="checkpoint-differs",
                why="the checkpoint has the content hash of another network",
                fix="restore both from a backup, or train again in another folder",
            )

    def repair_log(self, epochs: list[dict[str, Any]]) -> None:
        """Write the log again unless it equals the checkpoint's `epochs`; raises `StorageError`."""
        try:
            log = self._entries_in_file()
        except FileFormatError:
            log = []
        if log != epochs or not self.table_file.exists():
            self.write_log(epochs)


def _damaged(file: Path, why: str, fix: str) -> FileFormatError:
    return FileFormatError(f"{file} is damaged", code="file-damaged", why=why, fix=fix)


def log_from(header: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The log in the header of a checkpoint, which is JSON text."""
    return [dict(entry) for entry in storage.parse_json(header["log"])]


def _comparable(log: Iterable[Mapping[str, Any]]) -> list[str]:
    """Entries as text to compare, without `settled_accuracy`, which is added when the run ends.

    In text, NaN equals itself.
    """
    entries = ({k: v for k, v in entry.items() if k != "settled_accuracy"} for entry in log)
    return [json.dumps(entry) for entry in entries]


def _lock(descriptor: int) -> bool:
    """Lock an open folder; False if another process has locked it."""
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass  # The file system does not support locks.
    return True


def _next_file(file: Path, epoch: int | str) -> Path:
    """The file for the network of an epoch that is not in the checkpoint yet."""
    return file.with_name(f"{file.stem}.epoch-{epoch}.next{file.suffix}")


def log_as_csv(epochs: Iterable[Mapping[str, Any]]) -> str:
    """The log as CSV with a header: a row per epoch, a column per number that occurs.

    >>> print(log_as_csv([{"epoch": 1, "spikes_per_neuron": {"hidden": 2.5}}]), end="")
    epoch,spikes_per_neuron.hidden
    1,2.5
    """
    rows = [numbers(entry) for entry in epochs]
    names = dict.fromkeys(name for row in rows for name in row)
    text = io.StringIO()
    table = csv.DictWriter(text, list(names), restval="", lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    return text.getvalue()


def numbers(entry: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of an epoch's log entry by name, such as `spikes_per_neuron.hidden`."""
    values: dict[str, float] = {}
    for name, value in entry.items():
        if isinstance(value, Mapping):
            values |= {f"{name}.{of}": number for of, number in value.items()}
        elif value is not None:
            values[name] = int(value) if isinstance(value, bool) else value
    return values


def _is_entry(value: Any) -> bool:
    """True for a valid epoch's entry of the log."""
    if not isinstance(value, dict) or not all(_is_number(value.get(name)) for name in _IN_ENTRY):
        return False
    if "validation_accuracy" not in value:
        return False
    rates = value.get("spikes_per_neuron", {})
    others = [value[name] for name in _MAY_BE_IN_ENTRY if value.get(name) is not None]
    return isinstance(rates, dict) and all(map(_is_number, [*rates.values(), *others]))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def run_of(path: Path) -> RunFolder:
    """The run in a folder, given the folder or a network file in it; the folder may be empty."""
    return RunFolder(path.parent if path.name in (RUN_NETWORK, RUN_INTEGERS) else path)
