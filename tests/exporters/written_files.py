"""What every format of one file keeps to, for the tests of those that read back and execute it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

import pytest

from nmtool.errors import DataError, FileFormatError, StorageError, UsageError
from nmtool.hardware_sim.known_answers import known_answers
from tests.integer_nets import random_network, random_raster
from tests.refusals import refused

NETWORK = random_network(3, n_hidden=1, spiking_output=False)
ANSWERS = known_answers(NETWORK)


def assert_refused(exporter: ModuleType, path: Path) -> FileFormatError:
    """By everything that takes a file."""
    raster = random_raster(0, 1, 20, 5)
    for take in (exporter.load, exporter.known_answers, lambda p: exporter.run(p, raster)):
        with pytest.raises(FileFormatError) as error:
            take(path)
        assert str(path) in error.value.what
    return error.value


def assert_kept(exporter: ModuleType, path: Path) -> None:
    """What is there is not replaced unasked, a folder never."""
    before = path.read_bytes()
    with refused(UsageError, "path-taken"):
        exporter.export(random_network(1, 1, False), path)
    assert path.read_bytes() == before
    with refused(UsageError, "file-is-folder"):
        exporter.export(NETWORK, path.parent, force=True)
    exporter.export(random_network(1, 1, False), path, force=True)
    assert exporter.load(path).content_hash != NETWORK.content_hash


def assert_kept_by_a_full_disk(
    exporter: ModuleType, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write that fails leaves what was there, and nothing else."""
    before = path.read_bytes()

    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with refused(StorageError, "file-not-written"):
        exporter.export(random_network(1, 1, False), path, force=True)
    assert path.read_bytes() == before
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def assert_cuts_are_noticed(exporter: ModuleType, path: Path) -> None:
    """Wherever the file ends too early."""
    whole = path.read_bytes()
    for length in [*range(0, len(whole), 997), *range(len(whole) - 90, len(whole))]:
        path.write_bytes(whole[:length])
        assert_refused(exporter, path)


def assert_damage_is_noticed(exporter: ModuleType, path: Path, places: Iterable[int]) -> None:
    """At some places, and in the last bytes."""
    whole = path.read_bytes()
    for place in [*places, *range(len(whole) - 90, len(whole))]:
        damaged = bytearray(whole)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        assert_refused(exporter, path)


def assert_input_is_checked(exporter: ModuleType, path: Path) -> None:
    """Before anything is executed."""
    with refused(DataError, "input-channels-differ"):
        exporter.run(path, random_raster(0, 1, 10, 3))
    with refused(DataError, "input-steps-missing"):
        exporter.run(path, random_raster(0, 1, 0, 5))
