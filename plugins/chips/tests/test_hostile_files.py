"""Crafted and mutated files of FeNN, NetX and mlGeNN end with a short error, or do no harm."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from nmtool.hardware_sim.known_answers import known_answers
from nmtool_chips.fenn.format import Fenn
from nmtool_chips.netx.format import Netx
from plugins.chips.tests.fenn_networks import fenn_network
from tests.hostile import crafted
from tests.hostile.crafted import HUGE, MEMBERS, PLACES, Make, Words, case, put
from tests.hostile.mutated import READ, Kind
from tests.hostile.test_crafted import complaints, on_linux
from tests.hostile.test_mutated import assert_harmless
from tests.networks.chains import chain_network

pytestmark = on_linux

CASES: dict[str, Make] = {}
SLOW = {"mlgenn: 300 MB of zeros in 300 kB"}


def test_crafted_files_are_refused(tmp_path: Path) -> None:
    assert complaints(CASES, tmp_path, slow=SLOW) == {}


def test_mutated_folders_do_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NMTOOL_FENN_PYTHON", str(tmp_path / "missing"))
    assert_harmless({"fenn": Kind("x", fenn, READ)}, tmp_path, monkeypatch)


def fenn(path: Path) -> None:
    network = fenn_network(1, 9)
    Fenn.write(network, path, answers=known_answers(network))


crafted.member_cases(
    "fenn", fenn, {"known_answers.npz": "verify", "fenn_network/arrays.npz": "inspect"}, CASES
)


def checkpoint(folder: Path, put: Callable[[Path], object], words: Words) -> Words:
    (folder / "m").mkdir()
    put(folder / "m" / "1-Conn_Pop0_Pop1-weight.npy")
    return words


OPTIONS = ["--in", "tau_mem_ms=20", "--in", "populations=Pop0,Pop1"]

for _name, _data in MEMBERS.items():

    def _write(path: Path, data: bytes = _data) -> None:
        path.write_bytes(data or crafted.claim("|u1", "(3, 100000000)"))

    _words = ["convert", "m", "x.npz", *OPTIONS]
    case(f"mlgenn: {_name}", CASES)(partial(checkpoint, put=_write, words=_words))

for _place, _put in PLACES.items():
    case(f"{_place} as a checkpoint of mlGeNN", CASES)(
        partial(checkpoint, put=_put, words=["inspect", "m"])
    )


@case("netx: lone surrogates", CASES)
def _(folder: Path) -> Words:
    names = {"class_names": [crafted.LONE, "b"]}
    crafted.edit(folder / "integers.npz", crafted.with_header(**names))
    return ["export", "integers.npz", "-o", "x.net"]


def netx(path: Path, change: Callable[[Any], None]) -> None:
    Netx.write(chain_network(1), path)
    with h5py.File(path, "r+") as file:
        del file["nmtool"]
        change(file)


def claimed_neurons(file: Any) -> None:
    put(file, "layer/0/shape", data=np.array([HUGE]))
    put(file, "layer/1/shape", data=np.array([HUGE]))


NETX: dict[str, Callable[[Path], object]] = {
    **PLACES,
    "3e8 neurons claimed": partial(netx, change=claimed_neurons),
    "1e9 weights claimed": partial(
        netx, change=lambda file: put(file, "layer/1/weight", (HUGE, 3), np.int16)
    ),
    "samples of 1e300 ms": partial(
        netx, change=lambda file: put(file, "simulation/tSample", data=1e300)
    ),
    "samples of 3e8 steps": partial(
        netx, change=lambda file: put(file, "simulation/tSample", data=float(HUGE))
    ),
}

for _name, _change in NETX.items():

    def _netx(folder: Path, change: Callable[[Path], object] = _change) -> Words:
        change(folder / "x.net")
        return ["inspect", "x.net"]

    case(f"netx: {_name}", CASES)(_netx)
