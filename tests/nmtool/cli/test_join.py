"""`--join`: networks side by side in one network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import nmtool as nm
from tests.nmtool.cli import cases
from tests.nmtool.cli.conftest import Nmtool


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """Another float network that fits that of the fixture `floats`."""
    network = cases.float_network()
    path = tmp_path / "other.npz"
    network.with_projections([replace(p, weight=p.weight[::-1]) for p in network.projections]).save(
        path
    )
    return path


def test_invalid_joins_are_refused(
    nmtool: Nmtool, floats: Path, integers: Path, tmp_path: Path
) -> None:
    cases.float_network(n_steps=31).save(tmp_path / "longer.npz")
    for words, code in (
        ((floats, integers, "both.npz"), "join-integers"),
        ((floats, "longer.npz", "both.npz"), "networks-unlike"),
        ((floats, floats, "both.npz", "--weights", "1"), "join-weights"),
        ((floats, "no.npz", "both.npz"), "file-missing"),
    ):
        result = nmtool("convert", "--join", *words)
        assert (result.code, result.error) == (2, code)
    assert not Path("both.npz").exists()


@pytest.mark.parametrize("command", ["convert", "export"])
def test_networks_are_written_side_by_side(
    command: str, nmtool: Nmtool, floats: Path, other: Path
) -> None:
    out = ("both.npz",) if command == "convert" else ("-o", "both.npz")
    words = (command, floats, other, *out, "--join")
    result = nmtool(*words, "--json")
    assert (result.code, result.err) == (0, "")
    assert result.json["hash"] == nm.ensemble([floats, other]).content_hash
    assert nm.load("both.npz").content_hash == result.json["hash"]
    assert nmtool(*words, "--force", "--weights", "1", "-0.5").code == 0
    weighted = nm.ensemble([floats, other], [1.0, -0.5])
    assert nm.load("both.npz").content_hash == weighted.content_hash


def test_several_networks_need_the_option_join(nmtool: Nmtool, floats: Path, other: Path) -> None:
    result = nmtool("convert", floats, other, "both.npz")
    assert (result.code, result.error) == (2, "networks-several")
    assert "--join" in result.err
    alone = nmtool("convert", floats, "both.npz", "--weights", "2")
    assert (alone.code, alone.error) == (2, "option-unused")
    read = nmtool("convert", floats, other, "both.npz", "--join", "--in-steps", "5")
    assert (read.code, read.error) == (2, "import-options-unused")
