"""The table of formats: what a path asks for, what it looks like."""

from __future__ import annotations

from pathlib import Path

import pytest

from nmtool.errors import UsageError
from nmtool.exporters import formats
from nmtool.exporters.formats import CARRIES, EXECUTES, FORMATS, READS, REAL, WRITES, Format

FUNCTIONS = {
    WRITES: ["export"],
    READS: ["load"],
    EXECUTES: ["run", "require"],
    CARRIES: ["known_answers"],
    REAL: ["reference"],
}


@pytest.mark.parametrize("one", FORMATS, ids=lambda one: one.name)
def test_a_package_has_what_its_entry_says(one: Format) -> None:
    assert one.can <= set(FUNCTIONS)
    for ability in one.can:
        for name in FUNCTIONS[ability]:
            assert callable(getattr(one.package, name))
    assert bool(one.marker) != bool(one.extensions)
    assert formats.by_name(one.name) is one


def test_no_two_formats_are_taken_for_each_other() -> None:
    names = [one.name for one in FORMATS]
    extensions = [extension for one in FORMATS for extension in one.extensions]
    assert len(set(names)) == len(names)
    assert len(set(extensions)) == len(extensions)


def test_an_artefact_is_known_by_its_outside(tmp_path: Path) -> None:
    assert formats.of_artefact(tmp_path) is None
    assert formats.of_artefact(tmp_path / "network.npz") is None
    (tmp_path / "lava_network").mkdir()
    found = formats.of_artefact(tmp_path)
    assert found is not None
    assert found.name == "lava"


def test_an_output_without_a_known_extension_is_refused() -> None:
    with pytest.raises(UsageError, match="does not say which format") as error:
        formats.of_output("network.npz")
    assert ".npz" not in error.value.why
    assert error.value.fix == "name it: --to lava|onnx|nir|c|netx"
    with pytest.raises(UsageError) as error:
        formats.of_output("network.json", {"npz": ".npz"})
    assert error.value.why == "its extension is none of .npz, .onnx, .nir, .c, .net"
    assert error.value.fix == "name it: --to npz|lava|onnx|nir|c|netx"


def test_unknown_names_are_refused() -> None:
    with pytest.raises(UsageError, match="unknown format 'nest'"):
        formats.by_name("nest")


def test_formats_that_are_only_written_are_not_read() -> None:
    with pytest.raises(UsageError, match="cannot be read back"):
        Format("x", "a file", (".x",), can=frozenset({WRITES})).network("network.x")
