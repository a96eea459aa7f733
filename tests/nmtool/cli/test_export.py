"""`nmtool export`: writes a format with known answers, and never overwrites without --force."""

from __future__ import annotations

from pathlib import Path

import pytest

from nmtool.data import bin_events
from nmtool.exporters.lava.format import Lava
from nmtool.hardware_sim.known_answers import known_answers
from nmtool.network.integer_network import IntegerNetwork
from tests.nmtool.cli import cases
from tests.nmtool.cli.conftest import Nmtool


def test_integers(nmtool: Nmtool, integers: Path) -> None:
    result = nmtool("export", integers, "--to", "lava", "-o", "folder")
    assert result.code == 0
    # Only if Lava is installed, stderr names the command that runs the folder.
    assert result.err == "" or result.err.startswith("run it with: ")
    assert result.out.splitlines() == [
        "lava: faithful",
        "loihi2: faithful, 2 of 128 cores",
        "folder written; nmtool verify folder checks it, without any data",
    ]
    assert Lava("folder").network.content_hash == IntegerNetwork.load(integers).content_hash


def test_the_content_of_an_export(nmtool: Nmtool, integers: Path) -> None:
    content = nmtool("export", integers, "--to", "lava", "-o", "folder", "--json").json
    targets = content.pop("targets")
    assert [(target["target"], target["verdict"]) for target in targets] == [
        ("lava", "faithful"),
        ("loihi2", "faithful"),
    ]
    assert content == {
        "format": "lava",
        "path": "folder",
        "hash": IntegerNetwork.load(integers).content_hash,
    }


def test_an_existing_folder_is_kept(nmtool: Nmtool, integers: Path) -> None:
    words = ("export", integers, "--to", "lava", "-o", "folder")
    assert nmtool(*words).code == 0
    result = nmtool(*words)
    assert (result.code, result.out, result.error) == (2, "", "path-taken")
    assert "--force" in result.err
    Path("folder/mine.txt").write_text("dear")
    result = nmtool(*words, "--force")
    assert (result.code, result.error) == (2, "path-holds-others")
    assert "mine.txt" in result.err
    Path("folder/mine.txt").unlink()
    assert nmtool(*words, "--force").code == 0


@pytest.mark.parametrize(
    ("more", "error", "phrase"),
    [
        (["--to", "nest"], "command-line", "'nest'"),
        (["--to", "loihi2"], "command-line", "for loihi2, --to lava"),
        (["--nir-dt", "1e-3"], "nir-options-unused", "read a NIR file with this step, --in-nir-dt"),
        (["-o", "integers.npz/folder"], "file-not-written", "integers.npz"),
        (["--hops", "free"], "nir-options-unused", "hops"),
        (["--prefix", "kws"], "prefix-unused", "lava"),
    ],
)
@pytest.mark.usefixtures("data")
def test_wrong_usage(
    more: list[str], error: str, phrase: str, nmtool: Nmtool, integers: Path
) -> None:
    result = nmtool("export", integers, "--to", "lava", "-o", "folder", *more)
    assert (result.code, result.out, result.error) == (2, "", error)
    assert phrase in result.err
    assert not Path("folder").exists()


@pytest.mark.usefixtures("data")
def test_known_answers_are_those_of_the_data(nmtool: Nmtool, integers: Path) -> None:
    assert nmtool("export", integers, "--to", "lava", "-o", "folder", "--data", "two").code == 0
    raster = bin_events(cases.spike_events(cases.N_TEST, 2), 1.0, 30).raster
    expected = known_answers(IntegerNetwork.load(integers), raster.take([0, 1, 2]))
    assert Lava("folder").known_answers().to_bytes() == expected.to_bytes()


def test_an_undetermined_format_is_an_error(nmtool: Nmtool, integers: Path) -> None:
    result = nmtool("export", integers, "-o", "folder")
    assert (result.code, result.error) == (2, "format-unclear")
    assert "--to npz|lava|" in result.err
