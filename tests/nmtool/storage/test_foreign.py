"""Truncated, damaged, foreign, newer and hostile files are refused."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nmtool import storage
from nmtool.errors import FileFormatError
from tests.nmtool.storage.archives import (
    KINDS,
    SAMPLES,
    assert_refused,
    contents,
    read,
    write,
)


def test_missing_files_are_refused(kind: str, tmp_path: Path) -> None:
    assert_refused(kind, tmp_path / "nothing.npz", "file-missing")
    assert_refused(kind, tmp_path, "file-missing")


def test_files_cut_short(kind: str, path: Path) -> None:
    whole = path.read_bytes()
    for length in [*range(0, len(whole), 173), len(whole) - 1]:
        path.write_bytes(whole[:length])
        assert_refused(kind, path)


def test_a_damaged_byte_is_refused_or_changes_nothing(
    kind: str, path: Path, tmp_path: Path
) -> None:
    whole, expected = path.read_bytes(), contents(SAMPLES[kind], tmp_path)
    refused = 0
    for place in range(0, len(whole), 11):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        try:
            loaded = KINDS[kind].load(path)
        except FileFormatError:
            refused += 1
        else:
            assert contents(loaded, tmp_path) == expected
    assert refused > 20


def test_other_kinds_of_nmtool_files_are_refused(kind: str, path: Path) -> None:
    for other in KINDS:
        if other != kind:
            what = assert_refused(other, path, "file-kind").what
            assert f"'{kind}'" in what
            assert f"'{other}'" in what


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"# text\n",
        b"PK\x05\x06" + bytes(18),
        pickle.dumps({"a": 1}),
        (lambda buffer: (np.save(buffer, np.zeros(3)), buffer.getvalue())[1])(io.BytesIO()),
    ],
    ids=["empty", "text", "empty zip", "pickle", "npy"],
)
def test_foreign_files_are_refused(kind: str, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "foreign.npz"
    path.write_bytes(content)
    assert_refused(kind, path)
    assert storage.archive_kind(path) == ""


def test_a_newer_version_asks_for_an_update(kind: str, path: Path) -> None:
    header, arrays = read(path)
    newer = KINDS[kind].file_version + 1
    error = assert_refused(kind, write(path, {**header, "version": newer}, arrays), "file-newer")
    assert f"version {newer}" in error.what
    assert error.fix


@pytest.mark.parametrize(
    "header", ["", "{", "[" * 100_000, "null", "1", "[]", "{}", '"x"', '{"kind": 1}', '{"version"']
)
def test_invalid_headers_are_refused(kind: str, path: Path, header: str) -> None:
    write(path, header, read(path)[1])
    assert_refused(kind, path)
    assert storage.archive_kind(path) in ("", "1")


@pytest.mark.parametrize("version", [None, "x", [], float("nan"), float("inf")])
def test_invalid_versions_are_refused(kind: str, path: Path, version: Any) -> None:
    header, arrays = read(path)
    assert_refused(kind, write(path, {**header, "version": version}, arrays))


def test_a_header_that_is_no_text(kind: str, path: Path) -> None:
    header, arrays = read(path)
    for wrong in (np.zeros(3), np.array([json.dumps(header)] * 2), np.zeros((), "M8[s]")):
        np.savez(path, header=wrong, **arrays)
        assert_refused(kind, path)
    np.savez(path, **arrays)
    assert_refused(kind, path)


class _Trap:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("name", ["header", "projection.0.weight", "membrane.out", "surplus"])
def test_pickles_are_never_opened(kind: str, path: Path, name: str, tmp_path: Path) -> None:
    header, arrays = read(path)
    trap = np.array([_Trap(tmp_path / "executed")], dtype=object)
    np.savez(path, **{"header": np.array(json.dumps(header)), **arrays, name: trap})
    assert_refused(kind, path)
    storage.archive_kind(path)
    assert not (tmp_path / "executed").exists()


def test_bombs_are_not_unpacked(kind: str, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with zipfile.ZipFile(path) as archive:
        size = sum(member.file_size for member in archive.infolist())
    monkeypatch.setattr(storage, "MAX_ARCHIVE_BYTES", size)
    KINDS[kind].load(path)
    monkeypatch.setattr(storage, "MAX_ARCHIVE_BYTES", size - 1)
    monkeypatch.setattr(np, "load", lambda *_, **__: pytest.fail("it was unpacked"))
    assert f"{size} bytes" in assert_refused(kind, path).why
    assert storage.archive_kind(path) == ""


def test_a_member_that_claims_to_be_huge(kind: str, path: Path) -> None:
    header, arrays = read(path)
    write(path, header, arrays)
    claim = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000000,), }"
    member = b"\x93NUMPY\x01\x00" + len(claim).to_bytes(2, "little") + claim + bytes(64)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("huge.npy", member)
    assert_refused(kind, path)


@pytest.mark.parametrize("claim", [b"{'descr': (", b"{'descr'", b"\xff\xfe", b"()", b"{}"])
def test_a_member_that_is_no_array(kind: str, path: Path, claim: bytes) -> None:
    member = b"\x93NUMPY\x01\x00" + len(claim).to_bytes(2, "little") + claim
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("odd.npy", member)
    assert_refused(kind, path)


@pytest.mark.parametrize("kind", KINDS)
def test_arrays_of_spikes_are_data(kind: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", spikes=np.ones((2, 3, 4)), labels=[0, 1])
    error = assert_refused(kind, tmp_path / "data.npz")
    assert "spikes, labels" in error.why
    assert "nmtool data" in error.fix
