"""Commands on NetX files: written, read, refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from nmtool.errors import MissingError
from nmtool_chips.netx.format import Netx
from plugins.chips.tests.netx_files import dense, write_foreign
from tests.networks.chains import chain_network
from tests.nmtool.cli.conftest import Nmtool


@pytest.fixture
def chain(tmp_path: Path) -> Path:
    """A network that NetX can represent."""
    path = tmp_path / "chain.npz"
    chain_network(3).save(path)
    return path


def test_written_and_read(nmtool: Nmtool, chain: Path) -> None:
    assert nmtool("export", chain, "-o", "network.net").code == 0
    result = nmtool("inspect", "network.net", "--json")
    assert (result.code, result.json["hash"]) == (0, chain_network(3).content_hash)
    assert nmtool("export", "network.net", "-o", "network.c").code == 0


@pytest.mark.usefixtures("integers")
def test_a_network_that_does_not_fit(nmtool: Nmtool) -> None:
    result = nmtool("convert", "integers.npz", "x.net")
    assert (result.code, result.out, result.error) == (1, "", "netx-does-not-fit")
    assert "\nnetx-" in result.err
    assert not Path("x.net").exists()


def test_files_are_converted(nmtool: Nmtool, chain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def find() -> None:
        raise MissingError("lava-dl is not there", code="library-missing")

    monkeypatch.setattr("nmtool_chips.netx.runtime.find", find)
    result = nmtool("convert", chain, "network.net")
    assert (result.code, result.out.splitlines()[-1]) == (0, "not run: lava-dl is not there")
    assert nmtool("convert", "network.net", "again.npz").code == 0
    assert Path("again.npz").read_bytes() == chain.read_bytes()
    write_foreign(Path("foreign.net"), dense(5, 3))
    result = nmtool("convert", "foreign.net", "foreign.c", "--json")
    assert (result.code, result.json["hash"]) == (0, Netx("foreign.net").network.content_hash)


def test_foreign_files_are_read(nmtool: Nmtool) -> None:
    write_foreign(Path("foreign.net"), dense(5, 3))
    result = nmtool("inspect", "foreign.net", "--json")
    assert (result.code, [p["name"] for p in result.json["populations"]]) == (0, ["layer0"])
    result = nmtool("verify", "foreign.net")
    assert (result.code, result.out, result.error) == (2, "", "answers-missing")
    assert "foreign.net" in result.err
    write_foreign(Path("foreign.net"), dense(5, 3), {"type": b"pool"})
    result = nmtool("inspect", "foreign.net")
    assert (result.code, result.out, result.error) == (2, "", "netx-file-unfit")
    assert "layer 1: " in result.err
    assert "'pool'" in result.err


@pytest.mark.lava
def test_netx_files_run_in_lava(nmtool: Nmtool, chain: Path) -> None:
    try:
        Netx.require()
    except MissingError as error:
        pytest.skip(str(error))
    assert nmtool("export", chain, "-o", "network.net").code == 0
    result = nmtool("verify", "network.net", "--json")
    assert result.code == 0
    entry = result.json["backends"]["netx"]
    assert entry["spikes_compared"] > 1000
    assert (entry["spikes_different"], entry["membrane_different"]) == (0, 0)
