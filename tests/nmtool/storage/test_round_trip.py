"""Files are read back, and the same content gives the same bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given, settings, strategies as st
from numpy.typing import NDArray

from nmtool import storage
from nmtool.recording import Recording
from tests.networks.drawn import COUNTING, float_networks, integer_networks, recordings
from tests.nmtool.storage.archives import KINDS, SAMPLES, Saved, contents, read
from tests.thorough import examples

counting_networks = integer_networks(properties=COUNTING)


@settings(max_examples=examples(1.5))
@given(saved=st.one_of(float_networks(), counting_networks, recordings()))
def test_round_trip(folder: Path, saved: Saved) -> None:
    saved.save(folder / "file.npz")
    version = read(folder / "file.npz")[0]["version"]
    loaded = type(saved).load(folder / "file.npz")
    assert contents(loaded, folder) == contents(saved, folder)
    if not isinstance(saved, Recording):
        assert loaded.content_hash == saved.content_hash
        assert (version == 3) == saved.has_counts
    else:
        several = any(raster.count is not None for raster in saved.spikes.values())
        assert version == (2 if several else 1)


def test_plain_numpy_opens_a_file(kind: str, path: Path) -> None:
    header, arrays = read(path)
    assert (header["kind"], header["version"]) == (kind, SAMPLES[kind]._version())
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


def test_the_hash_covers_names_types_shapes_and_values() -> None:
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
