"""`nmtool verify NETWORK [DATA] --artefact EXPORT`, and `--trust`."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from nmtool.network.integer_network import IntegerNetwork
from tests.nmtool.cli.conftest import Nmtool
from tests.nmtool.cli.fake_lava import FakeLava
from tests.nmtool.cli.lava_case import write_case


@pytest.fixture(autouse=True)
def _files(data: Path, integers: Path, nmtool: Nmtool) -> None:
    write_case(data, integers)
    assert nmtool("export", "integers.npz", "--to", "lava", "-o", "folder").code == 0
    assert nmtool("export", "integers.npz", "-o", "network.c").code == 0


def consistent_mutant() -> None:
    """The threshold is one higher; the export of that is in order."""
    network = IntegerNetwork.load("integers.npz")
    first, *others = network.populations
    replace(network, populations=[replace(first, vth=first.vth + 1), *others]).save("mutant.npz")


@pytest.mark.parametrize("words", [[], ["two"]])
def test_an_export_is_that_network(
    words: list[str], nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeLava().install(monkeypatch)
    result = nmtool("verify", "integers.npz", *words, "--artefact", "folder", "--json")
    assert result.code == 0, result
    assert list(result.json["backends"]) == ["lava"]
    assert {call["folder"] for call in fake.calls} == {Path("folder")}


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
@pytest.mark.parametrize("words", [[], ["two"]])
def test_a_consistent_mutant_gives_exit_code_1(words: list[str], nmtool: Nmtool) -> None:
    consistent_mutant()
    assert nmtool("export", "mutant.npz", "-o", "mutant.c").code == 0
    assert nmtool("verify", "mutant.c").code == 0
    result = nmtool("verify", "integers.npz", *words, "--artefact", "mutant.c")
    assert (result.code, result.out, result.error) == (1, "", "artefact-other-network")
    assert "mutant.c" in result.err
    assert nmtool("verify", "integers.npz", *words, "--artefact", "network.c").code == 0


def test_floats_are_rounded_for_the_comparison(
    nmtool: Nmtool, floats: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    FakeLava().install(monkeypatch)
    words = ["--weight-bits", "4"]
    assert nmtool("export", str(floats), "--to", "lava", "-o", "rounded", *words).code == 0
    assert nmtool("verify", str(floats), "--artefact", "rounded", *words).code == 0
    result = nmtool("verify", str(floats), "--artefact", "rounded")
    assert (result.code, result.error) == (1, "artefact-other-network")


@pytest.mark.parametrize("command", [["verify", "folder"], ["verify", "folder", "two"]])
def test_changed_code_is_verified_only_with_trust(
    command: list[str], nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeLava().install(monkeypatch)
    file = Path("folder/lava_network/process.py")
    file.write_text(file.read_text().replace("vth=entry.vth", "vth=entry.vth - 1"))
    result = nmtool(*command)
    assert (result.code, result.out, result.error) == (2, "", "export-changed")
    assert "lava_network/process.py" in result.err
    assert fake.calls == []
    assert nmtool(*command, "--trust").code == 0
    assert all(call["trust"] for call in fake.calls)


def test_changed_code_is_run_only_with_trust(
    nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeLava().install(monkeypatch)
    assert nmtool("run", "folder", "two").code == 0
    Path("folder/run.py").write_text("pass\n")
    result = nmtool("run", "folder", "two")
    assert (result.code, result.out, result.error) == (2, "", "export-changed")
    assert len(fake.calls) == 1
    assert nmtool("run", "folder", "two", "--trust").code == 0


def test_several_artefacts(nmtool: Nmtool) -> None:
    result = nmtool("verify", "integers.npz", "--artefact", "network.c", "--artefact", "folder")
    assert (result.code, result.error) == (2, "artefact-several")
    assert "network.c, folder" in result.err


def test_invalid_artefacts_are_refused(nmtool: Nmtool) -> None:
    for path, error in (("nowhere.c", "file-missing"), ("integers.npz", "export-unknown")):
        result = nmtool("verify", "integers.npz", "two", "--artefact", path)
        assert (result.code, result.error) == (2, error)
    result = nmtool("verify", "integers.npz", "two", "--artefact", "network.c", "--against", "lava")
    assert (result.code, result.error) == (2, "artefact-unused")
