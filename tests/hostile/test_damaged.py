"""Flipped bytes and cut files of every kind: a sentence with a code, or the content as it was."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nmtool import recording as recordings
from nmtool.data import read_shd, write_shd
from nmtool.errors import InputError
from nmtool.exporters import c, nir, onnx
from nmtool.hardware_sim.known_answers import known_answers
from nmtool.hardware_sim.simulator import simulate
from nmtool.integer_network import IntegerNetwork
from nmtool.known_answers import KnownAnswers
from nmtool.network import Network
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.storage import content_hash
from tests.exporters.netx_nets import chain_network
from tests.nmtool.cli import cases

ROUNDS = 400 if "NMTOOL_THOROUGH" in os.environ else 16

INTEGERS, FLOATS = cases.integer_network(), cases.float_network()
SPIKES = Raster.from_dense(np.random.default_rng(1).random((4, 30, 4)) < 0.3)
CHAIN = chain_network(1)

Write = Callable[[Path], object]
Read = Callable[[Path], str]
"""Gives a digest of what it read."""


def _integers(path: Path) -> str:
    return IntegerNetwork.load(path).content_hash


def _recording(path: Path) -> str:
    return content_hash(*recordings.pack(Recording.load(path)))


def _answers(path: Path) -> str:
    found = KnownAnswers.load(path)
    return found.network_hash + content_hash(*recordings.pack(found.recording))


def _data(path: Path) -> str:
    return str(read_shd(path).n_samples)


def _exported(package: object) -> tuple[Write, Read]:
    network = CHAIN if package.__name__.endswith("netx") else INTEGERS
    answers = known_answers(network)

    def write(path: Path) -> None:
        package.export(network, path, answers=answers)

    def read(path: Path) -> str:
        return package.load(path).content_hash + package.known_answers(path).network_hash

    return write, read


def _netx() -> object:
    from nmtool.exporters import netx

    return netx


KINDS: dict[str, tuple[str, Write, Read]] = {
    "integers": (".npz", INTEGERS.save, _integers),
    "floats": (".npz", FLOATS.save, lambda path: Network.load(path).content_hash),
    "recording": (".npz", simulate(INTEGERS, SPIKES, deep=True).save, _recording),
    "answers": (".npz", known_answers(INTEGERS).save, _answers),
    "c": (".c", *_exported(c)),
    "onnx": (".onnx", *_exported(onnx)),
    "nir": (".nir", *_exported(nir)),
    "netx": (".net", *_exported(_netx())),
    "data": (".h5", lambda path: write_shd(path, cases.spike_events(6)), _data),
}

UNSEALED = ("nir", "netx", "data")
"""HDF5 files, in which a flipped bit may be another number, or one that nobody reads."""


def damages(whole: bytes, seed: int) -> list[tuple[str, bytes]]:
    """Files with a byte changed, some bytes changed, or an end missing."""
    random = np.random.default_rng(seed)
    found = []
    for round_ in range(ROUNDS):
        content = bytearray(whole)
        kind = ("flip", "cut", "burst", "grow")[round_ % 4]
        place = int(random.integers(len(whole)))
        if kind == "flip":
            content[place] ^= 1 << int(random.integers(8))
        elif kind == "cut":
            del content[place:]
        elif kind == "burst":
            noise = random.integers(0, 256, int(random.integers(1, 64)))
            content[place : place + len(noise)] = noise.astype(np.uint8).tobytes()
        else:
            content[place:place] = random.integers(0, 256, 5).astype(np.uint8).tobytes()
        found.append((f"{kind} at {place} of {len(whole)}, round {round_}", bytes(content)))
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_damage_is_refused_or_does_not_matter(kind: str, tmp_path: Path) -> None:
    ending, write, read = KINDS[kind]
    path = tmp_path / f"x{ending}"
    write(path)
    before, whole = read(path), path.read_bytes()
    refused = 0
    for what, content in damages(whole, zlib.crc32(kind.encode())):
        path.write_bytes(content)
        try:
            after = read(path)
        except InputError:
            refused += 1
        else:
            assert after == before or kind in UNSEALED, what
    assert refused >= ROUNDS / 2
