"""Crafted files of a Verilog folder end with a short error."""

from __future__ import annotations

from pathlib import Path

import pytest

from nmtool.hardware_sim.known_answers import known_answers
from nmtool_fpga.verilog.format import Verilog
from tests.hostile.crafted import Make, member_cases
from tests.hostile.test_crafted import complaints, on_linux
from tests.nmtool.cli import cases
from tests.thorough import THOROUGH

pytestmark = [*on_linux, pytest.mark.skipif(not THOROUGH, reason="runs in `make nightly`")]

COMMANDS = {
    "known_answers.npz": "verify",
    "nmtool.json": "inspect",
    "Makefile": "verify",
}


def test_crafted_files_are_refused(tmp_path: Path) -> None:
    crafted: dict[str, Make] = {}
    member_cases("verilog", verilog, COMMANDS, crafted)
    assert complaints(crafted, tmp_path) == {}


def verilog(path: Path) -> None:
    network = cases.integer_network()
    Verilog.write(network, path, answers=known_answers(network))
