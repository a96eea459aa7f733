"""Crafted and mutated files of a folder of firmware end with a short error, or do no harm."""

from __future__ import annotations

from pathlib import Path

import pytest

from nmtool.hardware_sim.known_answers import known_answers
from nmtool_mcu.firmware.format import Firmware
from tests.hostile.crafted import Make, member_cases
from tests.hostile.mutated import READ, Kind
from tests.hostile.test_crafted import complaints, on_linux
from tests.hostile.test_mutated import assert_harmless
from tests.nmtool.cli import cases
from tests.thorough import THOROUGH

pytestmark = [*on_linux, pytest.mark.skipif(not THOROUGH, reason="runs in `make nightly`")]

COMMANDS = {
    "known_answers.npz": "verify",
    "firmware.json": "inspect",
    "network.npz": "convert",
    "main.c": "verify",
}


def test_crafted_files_are_refused(tmp_path: Path) -> None:
    crafted: dict[str, Make] = {}
    member_cases("firmware", firmware, COMMANDS, crafted)
    assert complaints(crafted, tmp_path) == {}


def test_mutated_folders_do_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_harmless({"firmware": Kind("x", firmware, READ)}, tmp_path, monkeypatch)


def firmware(path: Path) -> None:
    network = cases.integer_network()
    Firmware.write(network, path, answers=known_answers(network))
