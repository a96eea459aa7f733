"""Kernels on disk: damaged or foreign files, and those of other users, are never unpickled."""

from __future__ import annotations

import errno
import os
import pickle
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest

from nmtool.hardware_sim import kernel_files
from nmtool.hardware_sim.kernel_files import HEADER, KernelFiles, read_checked, write_checked

KEY = b"a kernel\nof these types"
DATA = bytes(range(256)) * 3


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "kernels" / "one.kernel"
    write_checked(file, KEY, DATA)
    return file


def test_a_written_file_is_read_back(path: Path) -> None:
    assert read_checked(path, KEY) == DATA
    assert path.stat().st_mode & 0o077 == 0
    write_checked(path, KEY, b"")
    assert read_checked(path, KEY) == b""
    assert [file.name for file in path.parent.iterdir()] == ["one.kernel"]


def test_a_change_of_any_byte_is_detected(path: Path) -> None:
    whole = path.read_bytes()
    for at in range(len(whole)):
        damaged = bytearray(whole)
        damaged[at] ^= 1 << at % 8
        path.write_bytes(bytes(damaged))
        assert read_checked(path, KEY) is None
        assert not path.exists()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert read_checked(path, KEY) is None
    path.write_bytes(whole + b"\0")
    assert read_checked(path, KEY) is None


def test_a_file_of_another_kernel_is_deleted(path: Path) -> None:
    assert read_checked(path, KEY + b" ") is None
    assert not path.exists()


def _loop(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _nowhere(path: Path) -> None:
    path.symlink_to(path.with_name("nowhere"))


PLACES: list[Callable[[Path], None]] = [os.mkfifo, Path.mkdir, _loop, _nowhere]


@pytest.mark.parametrize("make", PLACES)
def test_paths_that_are_not_files_are_ignored(make: Callable[[Path], None], path: Path) -> None:
    path.unlink()
    make(path)
    assert read_checked(path, KEY) is None
    write_checked(path, KEY, DATA)
    assert read_checked(path, KEY) == (None if make is Path.mkdir else DATA)
    assert len(list(path.parent.iterdir())) == 1


def test_a_file_that_others_can_write_is_ignored(path: Path) -> None:
    path.chmod(0o666)
    assert read_checked(path, KEY) is None
    path.chmod(0o600)
    assert read_checked(path, KEY) == DATA


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_file_of_another_user_is_ignored(path: Path) -> None:
    os.chown(path, 4321, -1)
    assert read_checked(path, KEY) is None


@pytest.mark.parametrize("name", ["mkstemp", "replace"])
def test_a_full_disk_leaves_no_file(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "no space left on device")

    home = kernel_files.tempfile if name == "mkstemp" else kernel_files.os
    monkeypatch.setattr(home, name, full)
    write_checked(tmp_path / "one.kernel", KEY, DATA)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_ignored(path: Path) -> None:
    below = path / "below" / "one.kernel"
    write_checked(below, KEY, DATA)
    assert read_checked(below, KEY) is None
    assert read_checked(path, KEY) == DATA


def test_concurrent_writers_leave_a_valid_file(path: Path) -> None:
    """A reader gets a complete file, even while others write."""
    readings: set[bytes | None] = set()
    contents = [bytes([n]) * 200_000 for n in range(3)]
    write_checked(path, KEY, contents[0])

    def write(content: bytes) -> None:
        for _ in range(30):
            write_checked(path, KEY, content)
            readings.add(read_checked(path, KEY))

    threads = [threading.Thread(target=write, args=[content]) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert readings <= set(contents)


# Tests of kernel files that Numba uses


class _Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return (pytest.exit, ("it was unpickled",))


def _kernel(folder: Path) -> Any:
    dispatcher = numba.njit(_thrice)
    dispatcher._cache = KernelFiles(_thrice, folder)
    return dispatcher


def _thrice(x: int) -> int:
    return 3 * x


def _hits(kernel: Any) -> int:
    return sum(kernel.stats.cache_hits.values())


def test_kernels_by_types(tmp_path: Path) -> None:
    kernel = _kernel(tmp_path)
    assert (kernel(2), kernel(0.5)) == (6, 1.5)
    assert len(list(tmp_path.iterdir())) == 2
    again = _kernel(tmp_path)
    assert (again(2), again(0.5), _hits(again)) == (6, 1.5, 2)


@pytest.mark.parametrize(
    "content",
    [b"", b"\0" * 5000, pickle.dumps(_Bomb()), HEADER + b"\0" * 32 + pickle.dumps(_Bomb())],
)
def test_a_foreign_file_is_replaced(content: bytes, tmp_path: Path) -> None:
    assert _kernel(tmp_path)(2) == 6
    [file] = tmp_path.iterdir()
    whole = file.read_bytes()
    file.write_bytes(content)
    kernel = _kernel(tmp_path)
    assert (kernel(2), _hits(kernel)) == (6, 0)
    assert file.read_bytes()[: len(HEADER)] == HEADER
    assert abs(len(file.read_bytes()) - len(whole)) < 1000
    kernel = _kernel(tmp_path)
    assert (kernel(2), _hits(kernel)) == (6, 1)


def test_exchanged_files_are_compiled_anew(tmp_path: Path) -> None:
    """Each file is undamaged, but has the kernel for other types."""
    kernel = _kernel(tmp_path)
    assert (kernel(2), kernel(0.5)) == (6, 1.5)
    first, second = tmp_path.iterdir()
    first.rename(tmp_path / "kept")
    second.rename(first)
    (tmp_path / "kept").rename(second)
    kernel = _kernel(tmp_path)
    assert (kernel(2), kernel(0.5), _hits(kernel)) == (6, 1.5, 0)
    kernel = _kernel(tmp_path)
    assert (kernel(2), kernel(0.5), _hits(kernel)) == (6, 1.5, 2)


def test_damages_are_compiled_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files with random flips and truncations never reach the unpickler."""
    assert _kernel(tmp_path)(2) == 6
    [file] = tmp_path.iterdir()
    whole = file.read_bytes()
    kernel = _kernel(tmp_path)
    load = kernel._cache.load_overload
    signature, context = (numba.int64,), kernel.targetctx
    with monkeypatch.context() as patch:
        patch.setattr(kernel_files.pickle, "loads", lambda _: pytest.fail("it was unpickled"))
        random = np.random.default_rng(14)
        for round_ in range(200):
            damaged = bytearray(whole)
            if round_ % 2:
                del damaged[int(random.integers(len(whole))) :]
            else:
                damaged[random.integers(len(whole))] ^= int(random.integers(1, 256))
            file.write_bytes(bytes(damaged))
            assert load(signature, context) is None
    file.write_bytes(whole)
    assert load(signature, context).entry_point is not None


def test_a_good_file_that_numba_cannot_rebuild(tmp_path: Path) -> None:
    kernel = _kernel(tmp_path)
    key = kernel._cache._key((numba.int64,), kernel.targetctx.codegen())
    write_checked(kernel._cache._path(key), key, pickle.dumps(((numba.int64,), ("old",))))
    assert (kernel(2), _hits(kernel)) == (6, 0)
