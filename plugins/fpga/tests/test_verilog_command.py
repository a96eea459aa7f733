"""Commands on folders of Verilog."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nmtool_fpga.verilog.options import VerilogOptions
from plugins.fpga.tests.verilog_bench import needs_icarus
from tests.nmtool.cli.conftest import ArgumentsOf, Nmtool


@needs_icarus
def test_written_verified_run_and_converted(nmtool: Nmtool, integers: Path) -> None:
    result = nmtool("export", integers, "--to", "verilog", "-o", "core", "--lanes", "2", "--json")
    assert (result.code, result.json["format"], result.json["path"]) == (0, "verilog", "core")
    result = nmtool("verify", "core", "--json")
    assert (result.code, result.json["backends"]["verilog"]["spikes_different"]) == (0, 0)
    result = nmtool("convert", "core", "network.c", "--json")
    assert (result.code, result.json["check"]["read_back"]) == (0, True)


@pytest.mark.usefixtures("integers")
def test_flags_are_options_of_the_export(arguments_of: ArgumentsOf) -> None:
    words = "export integers.npz -o core --to verilog --lanes 2"
    given = arguments_of(words, "nmtool.exchange.exporting.export")
    assert (given["to"], given["options"]) == ("verilog", VerilogOptions(lanes=2))


def test_a_wrong_keyword_gets_a_suggestion() -> None:
    options: Any = VerilogOptions
    with pytest.raises(TypeError, match="did you mean 'lanes'"):
        options(lane=2)


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (("-o", "x.c", "--lanes", "2"), 2, "verilog-options-unused"),
        (("-o", "x", "--to", "lava", "--deep"), 2, "verilog-options-unused"),
        (("-o", "x", "--to", "verilog", "--hops", "free"), 2, "nir-options-unused"),
        (("-o", "x.nir", "--lanes", "2", "--hops", "free"), 2, "writing-options-mixed"),
        (("-o", "x", "--to", "verilog", "--lanes", "3"), 2, "verilog-lanes"),
    ],
)
def test_exclusive_options_are_refused(
    nmtool: Nmtool, integers: Path, arguments: tuple[str, ...], code: int, error: str
) -> None:
    result = nmtool("export", integers, *arguments)
    assert (result.code, result.out, result.error) == (code, "", error)


def test_a_changed_folder_is_not_run(nmtool: Nmtool, integers: Path) -> None:
    assert nmtool("export", integers, "--to", "verilog", "-o", "core").code == 0
    Path("core", "sim", "harness.cpp").write_text("int main() { return 0; }")
    result = nmtool("verify", "core")
    assert (result.code, result.out, result.error) == (2, "", "export-changed")
    assert "sim/harness.cpp" in result.err


def test_without_a_simulator(
    nmtool: Nmtool, integers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nmtool_fpga.verilog import simulators

    assert nmtool("export", integers, "--to", "verilog", "-o", "core").code == 0
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(simulators, "find_spec", lambda name: None)
    result = nmtool("verify", "core")
    assert (result.code, result.out, result.error) == (3, "", "verilog-simulator-missing")
