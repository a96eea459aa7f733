"""The table of formats: what a path asks for, what it looks like."""

from __future__ import annotations

from pathlib import Path

import pytest

from nmtool.errors import UsageError
from nmtool.exporters import formats
from nmtool.exporters.formats import (
    CARRIES,
    CODE,
    DEEP,
    FLOAT,
    FORMATS,
    OPTIONS,
    PREFIX,
    READS,
    RUNS,
    WRITES,
    Format,
)
from tests.refusals import refused

FUNCTIONS = {
    WRITES: ["export"],
    READS: ["load"],
    RUNS: ["run", "require", "check", "check_written"],
    CARRIES: ["known_answers"],
    FLOAT: ["reference"],
    DEEP: ["run"],
    OPTIONS: ["export"],
    PREFIX: ["export"],
    CODE: ["run", "check", "check_written"],
}


@pytest.mark.parametrize("one", FORMATS, ids=lambda one: one.name)
def test_a_package_has_what_its_entry_says(one: Format) -> None:
    assert one.can <= set(FUNCTIONS)
    for ability in one.can:
        for name in FUNCTIONS[ability]:
            assert callable(getattr(one.package, name))
    assert bool(one.marker) + bool(one.extensions) == bool(one.can & {WRITES, READS, CARRIES})
    assert formats.by_name(one.name) is one


def test_no_two_formats_are_taken_for_each_other() -> None:
    names = [one.name for one in FORMATS]
    extensions = [extension for one in FORMATS for extension in one.extensions]
    assert len(set(names)) == len(names)
    assert len(set(extensions)) == len(extensions)


def test_an_artefact_is_known_by_its_outside(tmp_path: Path) -> None:
    assert formats.of_artefact(tmp_path) is None
    assert formats.of_artefact(tmp_path / "network.npz") is None
    assert formats.of_artefact(tmp_path / "network-brian2-loihi") is None
    (tmp_path / "lava_network").mkdir()
    found = formats.of_artefact(tmp_path)
    assert found is not None
    assert found.name == "lava"


def test_an_output_without_a_known_extension_is_refused() -> None:
    with refused(UsageError, "format-unsaid") as caught:
        formats.of_output("network.npz")
    assert ".npz" not in caught.value.why
    assert "--to lava|onnx|nir|c|verilog|netx" in caught.value.fix
    with refused(UsageError, "format-unsaid") as caught:
        formats.of_output("network.json", {"npz": ".npz"})
    assert ".npz, .onnx, .nir, .c, .net" in caught.value.why
    assert "--to npz|lava|onnx|nir|c|verilog|netx" in caught.value.fix


def test_unknown_names_are_refused() -> None:
    with refused(UsageError, "format-unknown") as caught:
        formats.by_name("nest")
    assert "nest" in caught.value.what


def test_formats_that_are_only_written_are_not_read() -> None:
    with refused(UsageError, "format-not-read"):
        Format("x", "a file", (".x",), can=frozenset({WRITES})).network("network.x")
