from __future__ import annotations

import copy
import io
import json
import os
import pickle
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nmtool import integer_network, known_answers, network, recording, storage
from nmtool.errors import FileFormatError, StorageError
from nmtool.graph import INPUT, InputChannels
from nmtool.integer_network import IntegerNetwork
from nmtool.known_answers import KnownAnswers
from nmtool.network import Network, Population, Projection
from nmtool.readout import Readout
from nmtool.recording import Recording
from tests.integer_nets import random_network, random_raster
from tests.strategies import float_networks, integer_networks, recordings

Saved = Network | IntegerNetwork | Recording | KnownAnswers

KINDS: dict[str, Any] = {
    network.FILE_KIND: Network,
    integer_network.FILE_KIND: IntegerNetwork,
    recording.FILE_KIND: Recording,
    known_answers.FILE_KIND: KnownAnswers,
}
REPLACEMENTS: list[Any] = [None, True, -1, 1.5, 10**30, float("nan"), "x", "", [], [1], {}]
ROOT = Path(__file__).parents[2]


def samples() -> dict[str, Saved]:
    """A small object of each kind of file."""
    random = np.random.default_rng(1)
    floats = Network(
        InputChannels(3),
        [Population("a", 4), Population("out", 2, "li", bias=0.5)],
        [
            Projection(INPUT, "a", random.normal(size=(3, 4)), np.arange(12).reshape(3, 4)),
            Projection("a", "out", random.normal(size=(4, 2)), np.zeros((4, 2), int)),
        ],
        Readout("out", "weighted"),
        2.0,
        9,
        ("no", "yes"),
    )
    ran = Recording(
        Readout("out", "max"),
        {"a": random_raster(3, 2, 9, 4)},
        {"out": random.integers(-99, 99, (2, 9, 2)).astype(np.int32)},
        {"a": np.zeros((2, 9, 4), np.int32), "out": np.ones((2, 9, 2), np.int32)},
        {"a": np.ones((2, 9, 4), np.int32)},
        {"u_wraps": 3},
    )
    integers = random_network(2, n_hidden=1, spiking_output=False)
    known = KnownAnswers("abc", random_raster(4, 2, 9, 3), ran)
    return dict(zip(KINDS, (floats, integers, ran, known), strict=True))


SAMPLES = samples()


def read(path: Path) -> tuple[dict[str, Any], dict[str, NDArray]]:
    """Header and arrays, by nothing but numpy."""
    with np.load(path, allow_pickle=False) as archive:
        arrays = dict(archive)
    return json.loads(str(arrays.pop("header")[()])), arrays


def write(path: Path, header: Any, arrays: dict[str, NDArray]) -> Path:
    """A file around contents that `save` would never write; text is taken as it is."""
    text = header if isinstance(header, str) else json.dumps(header)
    np.savez(path, header=np.array(text), **arrays)
    return path


def contents(saved: Saved, folder: Path) -> tuple[str, dict[str, tuple[str, tuple, bytes]]]:
    """All that a file of it would hold, in a form that can be compared."""
    saved.save(folder / "contents.npz")
    header, arrays = read(folder / "contents.npz")
    described = {name: (a.dtype.str, a.shape, a.tobytes()) for name, a in arrays.items()}
    return json.dumps(header, sort_keys=True), described


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("storage")


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def path(kind: str, tmp_path: Path) -> Path:
    """A good file of that kind, alone in its folder."""
    (tmp_path / "saved").mkdir()
    SAMPLES[kind].save(tmp_path / "saved" / "file.npz")
    return tmp_path / "saved" / "file.npz"


def assert_refused(kind: str, path: Path) -> FileFormatError:
    with pytest.raises(FileFormatError) as error:
        KINDS[kind].load(path)
    assert str(path) in error.value.what
    return error.value


# What was written comes back.


@settings(max_examples=40)
@given(saved=st.one_of(float_networks(), integer_networks(), recordings()))
def test_round_trip(folder: Path, saved: Saved) -> None:
    saved.save(folder / "file.npz")
    loaded = type(saved).load(folder / "file.npz")
    assert contents(loaded, folder) == contents(saved, folder)
    if not isinstance(saved, Recording):
        assert loaded.content_hash == saved.content_hash


def test_plain_numpy_opens_a_file(kind: str, path: Path) -> None:
    header, arrays = read(path)
    assert (header["kind"], header["version"]) == (kind, 1)
    assert arrays
    assert storage.archive_kind(path) == kind


def test_same_content_same_bytes(kind: str, path: Path, tmp_path: Path) -> None:
    SAMPLES[kind].save(tmp_path / "again.npz")
    KINDS[kind].load(path).save(tmp_path / "loaded.npz")
    assert path.read_bytes() == (tmp_path / "again.npz").read_bytes()
    assert path.read_bytes() == (tmp_path / "loaded.npz").read_bytes()


def test_the_order_of_the_header_is_no_content(tmp_path: Path) -> None:
    for name, header in (("one", {"a": 1, "b": {"c": 2, "d": 3}}),
                         ("other", {"b": {"d": 3, "c": 2}, "a": 1})):  # fmt: skip
        storage.write_archive(tmp_path / name, "kind", 1, header, {})
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


def test_the_hash_sees_names_types_shapes_and_values() -> None:
    arrays = {"a": np.arange(6, dtype=np.int16)}
    different: list[tuple[dict, dict[str, NDArray]]] = [
        ({}, arrays),
        ({"x": 1}, arrays),
        ({}, {"b": arrays["a"]}),
        ({}, {"a": arrays["a"].astype(np.int32)}),
        ({}, {"a": arrays["a"].reshape(2, 3)}),
        ({}, {"a": arrays["a"][::-1]}),
    ]
    hashes = {storage.content_hash(header, content) for header, content in different}
    assert len(hashes) == len(different)
    both = {**arrays, "b": np.zeros(1)}
    assert storage.content_hash({}, both) == storage.content_hash({}, dict(reversed(both.items())))


# What is no file of ours is refused.


def test_missing_files(kind: str, tmp_path: Path) -> None:
    assert_refused(kind, tmp_path / "nothing.npz")
    assert_refused(kind, tmp_path)


def test_files_cut_short(kind: str, path: Path) -> None:
    whole = path.read_bytes()
    for length in [*range(0, len(whole), 173), len(whole) - 1]:
        path.write_bytes(whole[:length])
        assert_refused(kind, path)


def test_a_damaged_byte_is_noticed_or_does_not_matter(
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


def test_other_kinds_of_ours(kind: str, path: Path) -> None:
    for other in KINDS:
        if other != kind:
            assert f"is a '{kind}' file, not a '{other}'" in assert_refused(other, path).what


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
def test_foreign_files(kind: str, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "foreign.npz"
    path.write_bytes(content)
    assert_refused(kind, path)
    assert storage.archive_kind(path) == ""


def test_a_newer_version_asks_for_an_update(kind: str, path: Path) -> None:
    header, arrays = read(path)
    error = assert_refused(kind, write(path, {**header, "version": 2}, arrays))
    assert "version 2, this nmtool reads up to 1" in error.what
    assert error.fix == "update nmtool"


@pytest.mark.parametrize(
    "header", ["", "{", "[" * 100_000, "null", "1", "[]", "{}", '"x"', '{"kind": 1}', '{"version"']
)
def test_headers_that_are_none(kind: str, path: Path, header: str) -> None:
    write(path, header, read(path)[1])
    assert_refused(kind, path)
    assert storage.archive_kind(path) in ("", "1")


@pytest.mark.parametrize("version", [None, "x", [], float("nan"), float("inf")])
def test_versions_that_are_none(kind: str, path: Path, version: Any) -> None:
    header, arrays = read(path)
    assert_refused(kind, write(path, {**header, "version": version}, arrays))


def test_a_header_that_is_no_text(kind: str, path: Path) -> None:
    header, arrays = read(path)
    for wrong in (np.zeros(3), np.array([json.dumps(header)] * 2), np.zeros((), "M8[s]")):
        np.savez(path, header=wrong, **arrays)
        assert_refused(kind, path)
    np.savez(path, **arrays)
    assert_refused(kind, path)


# Damage inside: an error or an object that works, never anything else.


def places(value: Any, prefix: tuple = ()) -> Iterator[tuple]:
    """Paths to everything inside nested dictionaries and lists."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items:
        yield (*prefix, key)
        if isinstance(inner, dict | list):
            yield from places(inner, (*prefix, key))


def changed(header: Any, place: tuple, change: Callable[[Any, Any], None]) -> Any:
    header = copy.deepcopy(header)
    inner = header
    for key in place[:-1]:
        inner = inner[key]
    change(inner, place[-1])
    return header


def works(saved: Saved) -> None:
    """Saves, loads and computes what needs nothing else."""
    buffer = io.BytesIO()
    module = sys.modules[type(saved).__module__]
    pack = getattr(module, "pack", None) or module._pack
    header, arrays = pack(saved)
    np.savez(buffer, header=np.array(json.dumps(header)), **arrays)
    if isinstance(saved, Recording):
        assert saved.predictions.shape == (saved.n_samples,)
        assert all(raster.dense().ndim == 3 for raster in saved.spikes.values())
        assert all(type(count) is int for count in saved.counts.values())
    elif isinstance(saved, KnownAnswers):
        works(saved.recording)
        assert saved.spikes.dense().ndim == 3
    else:
        assert all(type(size) is int for size in (saved.channels.size, saved.channels.group))
        assert saved.max_delay >= 0


def refused_or_works(kind: str, path: Path) -> bool:
    try:
        loaded = KINDS[kind].load(path)
    except FileFormatError:
        return True
    works(loaded)
    return False


OPTIONAL = ("group", "bias_exponent", "weight_bits", "weight_exponent")
"""Keys of a header that have defaults."""


def test_every_key_of_the_header_is_needed(kind: str, path: Path) -> None:
    header, arrays = read(path)
    for place in places(header):
        if isinstance(place[-1], str) and place[-1] not in OPTIONAL and place[0] != "counts":
            write(path, changed(header, place, lambda inner, key: inner.pop(key)), arrays)
            refused_or_works(kind, path)


def test_values_of_other_types_in_the_header(kind: str, path: Path) -> None:
    header, arrays = read(path)
    refused = 0
    for place in places(header):
        for value in REPLACEMENTS:
            wrong = changed(header, place, lambda inner, key, to=value: inner.__setitem__(key, to))
            refused += refused_or_works(kind, write(path, wrong, arrays))
    assert refused > 50


def test_every_array_is_needed(kind: str, path: Path) -> None:
    header, arrays = read(path)
    for name in arrays:
        error = assert_refused(
            kind, write(path, header, {key: a for key, a in arrays.items() if key != name})
        )
        assert name in error.why


def test_arrays_of_other_types_and_shapes(kind: str, path: Path) -> None:
    header, arrays = read(path)
    for name, good in arrays.items():
        flat = good.ravel()
        wrong = [
            np.array("x"),
            np.zeros(()),
            good[None],
            flat.astype(str).reshape(good.shape),
            np.full(good.shape, np.nan),
            np.full(good.shape, 0.25),
            np.full(good.shape, 1j),
            np.full(good.shape, 2**40),
            np.full(good.shape, -(2**40)),
            np.full(good.shape, "2020-01-01", "M8[D]"),
            np.zeros(good.shape, [("a", "i4"), ("b", "f8")]),
        ]
        for array in wrong:
            refused_or_works(kind, write(path, header, {**arrays, name: array}))
        assert refused_or_works(kind, write(path, header, {**arrays, name: good[None]}))


@pytest.mark.parametrize("name", ["membrane.out", "current.a", "potential.a"])
def test_recordings_over_different_samples_or_steps(name: str, tmp_path: Path) -> None:
    path = tmp_path / "file.npz"
    SAMPLES[recording.FILE_KIND].save(path)
    header, arrays = read(path)
    for wrong in (arrays[name][:1], arrays[name][:, 1:]):
        write(path, header, {**arrays, name: wrong})
        assert "different samples or steps" in assert_refused(recording.FILE_KIND, path).why


class _Trap:
    """Unpickling it creates a file."""

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
    assert f"unpack to {size} bytes" in assert_refused(kind, path).why
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


# A file is written whole or not at all.


def assert_untouched(path: Path, before: bytes) -> None:
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


FULL_DISK = """
import resource, signal, sys
from nmtool.errors import StorageError
from nmtool.integer_network import IntegerNetwork

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
    SAMPLES[integer_network.FILE_KIND].save(new)
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
    for error, seen in (
        (ValueError("no"), ValueError),
        (KeyboardInterrupt(), KeyboardInterrupt),
        (OSError(28, "No space left on device"), StorageError),
    ):
        with pytest.raises(seen):
            write_and_fail(old, error)
        assert_untouched(old, b"old")


def write_and_fail(path: Path, error: BaseException) -> None:
    with storage.replacing(path) as temporary:
        temporary.write_text("new")
        raise error


def test_a_temporary_file_that_vanishes_leaves_the_old_file(tmp_path: Path) -> None:
    old = tmp_path / "file.txt"
    storage.write_text(old, "old")
    with pytest.raises(StorageError), storage.replacing(old) as temporary:
        temporary.unlink()
    assert_untouched(old, b"old")


def test_who_reads_the_old_file_keeps_it(tmp_path: Path) -> None:
    storage.write_text(tmp_path / "file.txt", "old")
    with open(tmp_path / "file.txt") as reader:
        storage.write_text(tmp_path / "file.txt", "new")
        assert reader.read() == "old"
    assert (tmp_path / "file.txt").read_text() == "new"


def test_missing_folders(kind: str, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="could not be written") as error:
        SAMPLES[kind].save(tmp_path / "nowhere" / "file.npz")
    assert error.value.why == "No such file or directory"
    assert error.value.fix


def test_a_folder_of_that_name_stays(tmp_path: Path) -> None:
    (tmp_path / "file.npz").mkdir()
    with pytest.raises(StorageError):
        SAMPLES[network.FILE_KIND].save(tmp_path / "file.npz")
    assert os.listdir(tmp_path) == ["file.npz"]


@contextmanager
def unprivileged() -> Iterator[None]:
    """Without the rights of root, who may write everywhere."""
    user = os.geteuid()
    os.seteuid(65534 if user == 0 else user)
    try:
        yield
    finally:
        os.seteuid(user)


def test_read_only_folders(kind: str, path: Path) -> None:
    before = path.read_bytes()
    path.parent.chmod(0o555)
    with unprivileged(), pytest.raises(StorageError) as error:
        SAMPLES[kind].save(path)
    assert error.value.why == "Permission denied"
    assert_untouched(path, before)


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
