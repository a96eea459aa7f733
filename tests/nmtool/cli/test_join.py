"""`nmtool join`: networks side by side in one network."""

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
        ((floats, integers), "join-integers"),
        ((floats, "longer.npz"), "networks-unlike"),
        ((floats, floats, "--weights", "1"), "join-weights"),
        ((floats, "no.npz"), "file-missing"),
    ):
        result = nmtool("join", *words, "-o", "both.npz")
        assert (result.code, result.error) == (2, code)
    assert not Path("both.npz").exists()


def test_networks_are_written_side_by_side(nmtool: Nmtool, floats: Path, other: Path) -> None:
    words = ("join", floats, other, "-o", "both.npz")
    result = nmtool(*words, "--json")
    assert (result.code, result.err, result.json["file"]) == (0, "", "both.npz")
    assert result.json["hash"] == nm.ensemble([floats, other]).content_hash
    assert nm.load("both.npz").content_hash == result.json["hash"]
    assert nmtool(*words).error == "path-taken"
    assert nmtool(*words, "--force", "--weights", "1", "-0.5").code == 0
    weighted = nm.ensemble([floats, other], [1.0, -0.5])
    assert nm.load("both.npz").content_hash == weighted.content_hash
