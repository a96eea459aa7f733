"""`nmtool export`: writes a folder, and replaces nothing unasked."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporters import lava
from nmtool.integer_network import IntegerNetwork
from tests.nmtool.cli import cases
from tests.nmtool.cli.conftest import Nmtool


def test_integers(nmtool: Nmtool, integers: Path) -> None:
    said = nmtool("export", integers, "--to", "lava", "-o", "folder")
    assert (said.code, said.err) == (0, "")
    assert said.out == "folder written; folder/README.md says how to run it\n"
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
        "error: folder exists\n  fix: choose another folder, or replace it: --force\n"
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
        (["--data", "two"], "--data has nothing to calibrate"),
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
