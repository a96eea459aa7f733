"""A file is written whole or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nmtool import storage
from nmtool.errors import FileFormatError, StorageError
from nmtool.network.float_network import Network
from nmtool.network.integer_network import IntegerNetwork
from nmtool.testing.networks import random_network
from tests.nmtool.storage.archives import SAMPLES, unprivileged
from tests.refusals import refused

ROOT = Path(__file__).parents[3]


def assert_untouched(path: Path, before: bytes) -> None:
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


FULL_DISK = """
import resource, signal, sys
from nmtool.errors import StorageError
from nmtool.network.integer_network import IntegerNetwork

network = IntegerNetwork.load(sys.argv[1])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    network.save(sys.argv[2])
except StorageError as error:
    sys.exit(error.why)
"""


def test_a_write_that_fails_midway_leaves_the_old_file(tmp_path: Path) -> None:
    new = tmp_path / "new.npz"
    SAMPLES[IntegerNetwork.file_kind].save(new)
    assert new.stat().st_size > 1000
    (tmp_path / "old").mkdir()
    old = tmp_path / "old" / "file.npz"
    random_network(9, n_hidden=0, spiking_output=False).save(old)
    before = old.read_bytes()
    result = subprocess.run(
        [sys.executable, "-B", "-c", FULL_DISK, str(new), str(old)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert (result.returncode, result.stderr) == (1, "File too large\n")
    assert_untouched(old, before)


def test_a_failure_in_between_leaves_the_old_file(tmp_path: Path) -> None:
    old = tmp_path / "file.txt"
    storage.write_text(old, "old")
    for error in (ValueError("no"), KeyboardInterrupt()):
        with pytest.raises(type(error)):
            write_and_fail(old, error)
        assert_untouched(old, b"old")
    with refused(StorageError, "file-not-written"):
        write_and_fail(old, OSError(28, "No space left on device"))
    assert_untouched(old, b"old")


def write_and_fail(path: Path, error: BaseException) -> None:
    with storage.replacing(path) as temporary:
        temporary.write_text("new")
        raise error


def test_a_temporary_file_that_vanishes_leaves_the_old_file(tmp_path: Path) -> None:
    old = tmp_path / "file.txt"
    storage.write_text(old, "old")
    with refused(StorageError, "file-not-written"), storage.replacing(old) as temporary:
        temporary.unlink()
    assert_untouched(old, b"old")


def test_an_open_reader_keeps_the_old_file(tmp_path: Path) -> None:
    storage.write_text(tmp_path / "file.txt", "old")
    with open(tmp_path / "file.txt") as reader:
        storage.write_text(tmp_path / "file.txt", "new")
        assert reader.read() == "old"
    assert (tmp_path / "file.txt").read_text() == "new"


def test_missing_folders_are_made(kind: str, tmp_path: Path) -> None:
    SAMPLES[kind].save(tmp_path / "no" / "such" / "file.npz")
    assert storage.archive_kind(tmp_path / "no" / "such" / "file.npz") == kind
    (tmp_path / "file").touch()
    with refused(StorageError, "file-not-written"):
        SAMPLES[kind].save(tmp_path / "file" / "file.npz")


def test_a_folder_of_that_name_stays(tmp_path: Path) -> None:
    (tmp_path / "file.npz").mkdir()
    with refused(StorageError, "file-not-written"):
        SAMPLES[Network.file_kind].save(tmp_path / "file.npz")
    assert os.listdir(tmp_path) == ["file.npz"]


def test_read_only_folders(kind: str, path: Path) -> None:
    before = path.read_bytes()
    path.parent.chmod(0o555)
    with unprivileged(), refused(StorageError, "file-not-written") as error:
        SAMPLES[kind].save(path)
    assert error.value.why == "Permission denied"
    assert_untouched(path, before)


def test_files_that_may_not_be_read(kind: str, path: Path) -> None:
    """The error does not call them damaged, or suggest writing them again."""
    path.chmod(0o000)
    path.parent.chmod(0o755)
    with unprivileged(), refused(FileFormatError, "file-unreadable"):
        storage.read_archive(path, kind, newest=99)


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600)])
def test_files_have_the_usual_permissions(tmp_path: Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        storage.write_text(tmp_path / "file.txt", "text")
        assert os.umask(umask) == umask
    finally:
        os.umask(before)
    assert (tmp_path / "file.txt").stat().st_mode & 0o777 == mode


def test_text_is_utf_8(tmp_path: Path) -> None:
    storage.write_text(tmp_path / "file.txt", "μ → τ\n")
    assert (tmp_path / "file.txt").read_bytes() == "μ → τ\n".encode()
