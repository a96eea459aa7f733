"""Flipped bytes and truncated files of every kind give an error, or the original content.

Exports are damaged by `nmtool.testing.check_format`.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nmtool.data import read_shd, write_shd
from nmtool.errors import InputError
from nmtool.hardware_sim.known_answers import known_answers
from nmtool.hardware_sim.simulator import simulate
from nmtool.known_answers import KnownAnswers
from nmtool.network.float_network import Network
from nmtool.network.integer_network import IntegerNetwork
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.storage import content_hash, pack
from nmtool.testing.damage import damages
from tests.nmtool.cli import cases
from tests.thorough import ROUNDS

INTEGERS, FLOATS = cases.integer_network(), cases.float_network()
SPIKES = Raster.from_dense(np.random.default_rng(1).random((4, 30, 4)) < 0.3)

Write = Callable[[Path], object]
Read = Callable[[Path], str]
"""Reads a file, and returns a digest of its content."""


def _integers(path: Path) -> str:
    return IntegerNetwork.load(path).content_hash


def _recording(path: Path) -> str:
    return content_hash(*pack(Recording.load(path)))


def _answers(path: Path) -> str:
    answers = KnownAnswers.load(path)
    return answers.network_hash + content_hash(*pack(answers.recording))


def _data(path: Path) -> str:
    return str(read_shd(path).n_samples)


KINDS: dict[str, tuple[str, Write, Read]] = {
    "integers": (".npz", INTEGERS.save, _integers),
    "floats": (".npz", FLOATS.save, lambda path: Network.load(path).content_hash),
    "recording": (".npz", simulate(INTEGERS, SPIKES, deep=True).save, _recording),
    "answers": (".npz", known_answers(INTEGERS).save, _answers),
    "data": (".h5", lambda path: write_shd(path, cases.spike_events(6)), _data),
}

UNSEALED = ("data",)
"""HDF5 files, in which a flipped bit may change a number, or be in a part that is not read."""


@pytest.mark.parametrize("kind", KINDS)
def test_damage_is_refused_or_does_not_matter(kind: str, tmp_path: Path) -> None:
    ending, write, read = KINDS[kind]
    path = tmp_path / f"x{ending}"
    write(path)
    before, whole = read(path), path.read_bytes()
    refused = 0
    for damage, content in damages(whole, zlib.crc32(kind.encode()), ROUNDS):
        path.write_bytes(content)
        try:
            after = read(path)
        except InputError:
            refused += 1
        else:
            assert after == before or kind in UNSEALED, damage
    assert refused >= ROUNDS / 2
