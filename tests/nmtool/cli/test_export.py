"""`nmtool export`: writes what was asked for, with known answers, and replaces nothing unasked."""

from __future__ import annotations

from pathlib import Path

import pytest

from nmtool.data import bin_events
from nmtool.exporters import lava
from nmtool.hardware_sim.known_answers import known_answers
from nmtool.integer_network import IntegerNetwork
from tests.nmtool.cli import cases
from tests.nmtool.cli.conftest import Nmtool


def test_integers(nmtool: Nmtool, integers: Path) -> None:
    said = nmtool("export", integers, "--to", "lava", "-o", "folder")
    assert (said.code, said.err) == (0, "")
    assert said.out == "folder written; nmtool verify folder checks it, without any data\n"
    assert lava.load("folder").content_hash == IntegerNetwork.load(integers).content_hash


@pytest.mark.usefixtures("data")
def test_floats_are_quantised_on_the_way(nmtool: Nmtool, floats: Path) -> None:
    words = ("export", floats, "--to", "lava", "--data", "two", "--weight-bits", "5", "--json")
    said = nmtool(*words, "-o", "folder")
    assert said.code == 0
    assert nmtool("quantize", floats, *words[4:], "-o", "q.npz").json["hash"] == said.json["hash"]
    assert said.json == {
        "format": "lava",
        "path": "folder",
        "hash": lava.load("folder").content_hash,
    }


def test_an_existing_folder_is_kept(nmtool: Nmtool, integers: Path) -> None:
    words = ("export", integers, "--to", "lava", "-o", "folder")
    assert nmtool(*words).code == 0
    said = nmtool(*words)
    assert said.code == 2
    assert said.err == (
        "error: folder exists\n  fix: choose another path, or replace it: --force\n"
    )
    Path("folder/mine.txt").write_text("dear")
    said = nmtool(*words, "--force")
    assert said.code == 2
    assert "mine.txt" in said.err
    Path("folder/mine.txt").unlink()
    assert nmtool(*words, "--force").code == 0


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--weight-bits", "4"], "--weight-bits has nothing to act on"),
        (["--scale", "static"], "--scale has nothing to act on"),
        (["--to", "nest"], "argument --to: invalid choice: 'nest'"),
        (["-o", "no/such/folder"], "no/such/folder could not be written"),
    ],
)
@pytest.mark.usefixtures("data")
def test_wrong_usage(more: list[str], told: str, nmtool: Nmtool, integers: Path) -> None:
    said = nmtool("export", integers, "--to", "lava", "-o", "folder", *more)
    assert said.code == 2
    assert told in said.err
    assert not Path("folder").exists()


def test_exported_folders_are_networks(nmtool: Nmtool, data: Path, integers: Path) -> None:
    assert nmtool("export", integers, "--to", "lava", "-o", "folder").code == 0
    expected = nmtool("evaluate", integers, data, "--json").json
    said = nmtool("evaluate", "folder", data, "--json")
    assert said.json == {**expected, "network": "folder"}
    assert cases.integer_network().content_hash == said.json["hash"]


def test_answers_are_those_to_generated_input(nmtool: Nmtool, integers: Path) -> None:
    assert nmtool("export", integers, "--to", "lava", "-o", "folder").code == 0
    expected = known_answers(IntegerNetwork.load(integers))
    assert lava.known_answers("folder").to_bytes() == expected.to_bytes()


@pytest.mark.usefixtures("data")
def test_answers_are_those_to_data(nmtool: Nmtool, integers: Path) -> None:
    assert nmtool("export", integers, "--to", "lava", "-o", "folder", "--data", "two").code == 0
    raster = bin_events(cases.spike_events(cases.N_TEST, 2), 1.0, 30).raster
    expected = known_answers(IntegerNetwork.load(integers), raster.take([0, 1, 2]))
    assert lava.known_answers("folder").to_bytes() == expected.to_bytes()


def test_the_format_must_be_told(nmtool: Nmtool, integers: Path) -> None:
    said = nmtool("export", integers, "-o", "folder")
    assert said.code == 2
    assert "folder does not say which format it is to be" in said.err
    assert "  fix: name it: --to lava" in said.err
