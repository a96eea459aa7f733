"""`nmtool verify NETWORK [DATA] --artefact EXPORT`, and `--trust`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.nmtool.cli.conftest import Nmtool
from tests.nmtool.cli.fake_lava import FakeLava


@pytest.fixture(autouse=True)
def _files(data: Path, integers: Path, nmtool: Nmtool) -> None:
    assert nmtool("export", "integers.npz", "--to", "lava", "-o", "folder").code == 0


def test_an_export_of_another_network(
    nmtool: Nmtool, floats: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    FakeLava().install(monkeypatch)
    assert nmtool("quantise", floats, "-o", "q4.npz", "--weight-bits", "4").code == 0
    assert nmtool("export", "q4.npz", "--to", "lava", "-o", "rounded").code == 0
    assert nmtool("verify", "q4.npz", "--artefact", "rounded").code == 0
    result = nmtool("verify", "integers.npz", "--artefact", "rounded")
    assert (result.code, result.error) == (1, "artefact-other-network")
    result = nmtool("verify", floats, "--artefact", "rounded")
    assert (result.code, result.error) == (1, "artefact-other-network")
    result = nmtool("verify", floats, "--against", "lava")
    assert (result.code, result.error) == (2, "network-float")
    assert "nmtool quantise" in result.err


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
    assert nmtool("evaluate", "folder", "two").code == 0
    Path("folder/run.py").write_text("pass\n")
    result = nmtool("evaluate", "folder", "two")
    assert (result.code, result.out, result.error) == (2, "", "export-changed")
    assert len(fake.calls) == 1
    assert nmtool("evaluate", "folder", "two", "--trust").code == 0
