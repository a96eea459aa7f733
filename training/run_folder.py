"""What a training run leaves on disk.

RUN/run.json         settings, data set, version: the manifest
RUN/log.jsonl        one line per epoch
RUN/network.npz      the network of the best epoch so far
RUN/integers.npz     the same in integers, where it trained in them
RUN/checkpoint.npz   everything needed to go on after the last finished epoch; from the
                     beginning where a run starts from another
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nmtool import storage
from nmtool.errors import FileFormatError, StorageError, UsageError
from nmtool.integer_network import IntegerNetwork
from nmtool.network import Network
from nmtool.training.options import TrainOptions


@dataclass(frozen=True)
class RunFolder:
    """Paths and files of a run.

    Attributes:
        path: the folder.
    """

    path: Path

    @property
    def manifest_file(self) -> Path:
        return self.path / "run.json"

    @property
    def log_file(self) -> Path:
        return self.path / "log.jsonl"

    @property
    def network_file(self) -> Path:
        return self.path / "network.npz"

    @property
    def integer_file(self) -> Path:
        return self.path / "integers.npz"

    @property
    def checkpoint_file(self) -> Path:
        return self.path / "checkpoint.npz"

    def create(self, manifest: dict[str, Any]) -> None:
        """Make the folder and write the manifest.

        Raises:
            UsageError: a run is there already.
            StorageError: the folder cannot be made.
        """
        if self.manifest_file.exists():
            raise UsageError(
                f"{self.path} already holds a run",
                code="path-taken",
                fix="choose another folder, or go on with it: --resume",
            )
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(
                f"{self.path} cannot be made",
                code="folder-not-made",
                why=str(error),
                fix="check the path and its permissions",
            ) from error
        storage.write_text(self.manifest_file, json.dumps(manifest, indent=2) + "\n")

    def manifest(self) -> dict[str, Any]:
        """The manifest; raises `FileFormatError` where there is none or it is damaged."""
        try:
            manifest = json.loads(self.manifest_file.read_text(encoding="utf-8"))
        except OSError as error:
            raise FileFormatError(
                f"{self.path} holds no run",
                code="run-missing",
                why=str(error),
                fix="name the folder that was given to `nmtool train -o`",
            ) from error
        except ValueError as error:
            raise self._damaged(str(error)) from error
        if not isinstance(manifest, dict) or not isinstance(manifest.get("options"), dict):
            raise self._damaged("it holds no options")
        return manifest

    def options(self) -> TrainOptions:
        """The settings the run was started with."""
        return TrainOptions().with_settings(self.manifest()["options"], str(self.manifest_file))

    @property
    def start(self) -> str | None:
        """Content hash of the network of the run that this one started from, if it did."""
        start = self.manifest().get("start")
        return None if start is None else str(start)

    def network(self) -> Network:
        """The network of the best epoch."""
        return Network.load(self.network_file)

    def integers(self) -> IntegerNetwork | None:
        """The integer network of the best epoch; None where the run trains in floats."""
        return IntegerNetwork.load(self.integer_file) if self.integer_file.exists() else None

    def keep(self, network: Network, integers: IntegerNetwork | None) -> None:
        """Write the network of the best epoch so far; raises `StorageError`."""
        network.save(self.network_file)
        if integers is not None:
            integers.save(self.integer_file)

    def write_log(self, epochs: list[dict[str, Any]]) -> None:
        """Replace the log, of which the checkpoint holds all; raises `StorageError`."""
        storage.write_text(self.log_file, "".join(json.dumps(line) + "\n" for line in epochs))

    def repair_log(self, epochs: list[dict[str, Any]]) -> None:
        """Replace the log where it is not that of the checkpoint; raises `StorageError`.

        A process can be killed after it wrote the checkpoint, which holds the whole log, and
        before it wrote the log.
        """
        try:
            lines = self.log_file.read_text(encoding="utf-8").splitlines()
            found = [json.loads(line) for line in lines]
        except (OSError, ValueError):
            found = []
        if found != epochs:
            self.write_log(epochs)

    def _damaged(self, why: str) -> FileFormatError:
        return FileFormatError(
            f"{self.manifest_file} is damaged",
            code="file-damaged",
            why=why,
            fix="bring back a copy of it, or train again",
        )
