"""A small object for each kind of file, and files with content that `save` never writes."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmtool.errors import FileFormatError
from nmtool.known_answers import KnownAnswers
from nmtool.network.float_network import Network
from nmtool.network.float_parts import Population, Projection
from nmtool.network.graph import INPUT, InputChannels
from nmtool.network.integer_network import IntegerNetwork
from nmtool.network.readout import Readout
from nmtool.recording import Recording
from nmtool.testing.networks import random_network, random_raster
from tests.refusals import refused

Saved = Network | IntegerNetwork | Recording | KnownAnswers

KINDS: dict[str, Any] = {
    kind.file_kind: kind for kind in (Network, IntegerNetwork, Recording, KnownAnswers)
}


def samples() -> dict[str, Saved]:
    """A small object for each kind of file."""
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
    answers = KnownAnswers("abc", random_raster(4, 2, 9, 3), ran)
    return dict(zip(KINDS, (floats, integers, ran, answers), strict=True))


SAMPLES = samples()


def read(path: Path) -> tuple[dict[str, Any], dict[str, NDArray]]:
    """Header and arrays of a file, read by numpy alone."""
    with np.load(path, allow_pickle=False) as archive:
        arrays = dict(archive)
    return json.loads(str(arrays.pop("header")[()])), arrays


def write(path: Path, header: Any, arrays: dict[str, NDArray]) -> Path:
    """Write a file with content that `save` never writes; text is written unchanged."""
    text = header if isinstance(header, str) else json.dumps(header)
    np.savez(path, header=np.array(text), **arrays)
    return path


def contents(saved: Saved, folder: Path) -> tuple[str, dict[str, tuple[str, tuple, bytes]]]:
    """The content of an object's file, in a form that can be compared."""
    saved.save(folder / "contents.npz")
    header, arrays = read(folder / "contents.npz")
    described = {name: (a.dtype.str, a.shape, a.tobytes()) for name, a in arrays.items()}
    return json.dumps(header, sort_keys=True), described


def assert_refused(kind: str, path: Path, code: str = "file-damaged") -> FileFormatError:
    with refused(FileFormatError, code) as caught:
        KINDS[kind].load(path)
    assert str(path) in caught.value.what
    return caught.value


@contextmanager
def unprivileged() -> Iterator[None]:
    """Drop the rights of root, who may read and write everywhere."""
    user = os.geteuid()
    os.seteuid(65534 if user == 0 else user)
    try:
        yield
    finally:
        os.seteuid(user)
