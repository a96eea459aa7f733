"""`KnownAnswers`: what an export carries, so that its receiver can check it without any data."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from nmtool import recording as recordings
from nmtool import storage
from nmtool.errors import DataError
from nmtool.graph import INPUT
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.tables import Table, Tabular

FILE_KIND = "nmtool known answers"
FILE_VERSION = 1


@dataclass(frozen=True, eq=False, repr=False)
class KnownAnswers(Tabular):
    """A few samples, and what a network answers to them.

    Attributes:
        network_hash: content hash of the network that answers.
        spikes: the input raster, every sample from a fresh state.
        recording: the expected spikes and membranes.

    Raises:
        DataError: there is no sample or step, or the recording has others than the inputs.
    """

    network_hash: str
    spikes: Raster
    recording: Recording

    def __post_init__(self) -> None:
        if 0 in (self.spikes.n_samples, self.spikes.n_steps):
            raise DataError(
                "known answers need at least one sample of one step", code="known-answers-empty"
            )
        shape = (self.spikes.n_samples, self.spikes.n_steps)
        answered = [(r.n_samples, r.n_steps) for r in self.recording.spikes.values()]
        answered += [v.shape[:2] for v in self.recording.membrane.values()]
        if any(found != shape for found in answered):
            raise DataError(
                "known answers have other samples or steps than their inputs",
                code="known-answers-shape",
            )

    def __repr__(self) -> str:
        shape = f"{self.spikes.n_samples} samples × {self.spikes.n_steps} steps"
        return f"<KnownAnswers: {shape}, of network {self.network_hash[:12]}>"

    def tables(self) -> list[Table]:
        """The inputs, and the answers."""
        return [*self.spikes.tables(), *self.recording.tables()]

    def save(self, path: str | Path) -> None:
        """Write one .npz file; raises `StorageError` and leaves nothing half-written."""
        storage.write_archive(path, FILE_KIND, FILE_VERSION, *_pack(self))

    @classmethod
    def load(cls, path: str | Path) -> KnownAnswers:
        """Read what `save` wrote; raises `FileFormatError` on anything else."""
        return _unpack(storage.read_archive(path, FILE_KIND, FILE_VERSION))

    def to_bytes(self) -> bytes:
        """The bytes `save` would write, for files of other formats to carry."""
        return storage.pack_archive(FILE_KIND, FILE_VERSION, *_pack(self))

    @classmethod
    def from_bytes(cls, data: bytes, carrier: str | Path) -> KnownAnswers:
        """Read what `to_bytes` gave; raises `FileFormatError`, which names the carrying file."""
        return _unpack(storage.unpack_archive(data, carrier, FILE_KIND, FILE_VERSION))


def _pack(answers: KnownAnswers) -> tuple[dict, dict]:
    """A recording in which the input stands as the spikes of the population `input`."""
    recording = answers.recording
    together = replace(recording, spikes={INPUT: answers.spikes, **recording.spikes})
    header, arrays = recordings.pack(together)
    return {**header, "network_hash": answers.network_hash}, arrays


def _unpack(archive: storage.Archive) -> KnownAnswers:
    together = recordings.unpack(archive)
    with archive.checked():
        spikes = dict(together.spikes)
        network_hash = str(archive.header["network_hash"])
        return KnownAnswers(network_hash, spikes.pop(INPUT), replace(together, spikes=spikes))
