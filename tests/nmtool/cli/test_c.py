"""Commands on C files: with a prefix, and paths that a shell would split."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.nmtool.cli.conftest import Nmtool

pytestmark = [
    pytest.mark.usefixtures("data"),
    pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler"),
]


def test_with_a_prefix_a_header_is_written(nmtool: Nmtool, integers: Path) -> None:
    words = ("export", integers, "-o", "kws.c", "--prefix", "kws", "--json")
    result = nmtool(*words)
    assert (result.code, result.json["path"], result.json["header"]) == (0, "kws.c", "kws.h")
    assert nmtool("verify", "kws.c").code == 0
    expected = nmtool("evaluate", integers, "two", "--json").json["accuracy"]
    assert nmtool("evaluate", "kws.c", "two", "--json").json["accuracy"] == expected
    assert nmtool(*words).error == "path-taken"
    assert nmtool(*words, "--force").code == 0
    Path("kws.h").write_text("int kws_step(void);\n")
    for command in (("verify", "kws.c"), ("evaluate", "kws.c", "two")):
        result = nmtool(*command)
        assert (result.code, result.out, result.error) == (2, "", "export-changed")
    Path("kws.c").unlink()
    assert nmtool(*words).error == "path-taken"
    assert not Path("kws.c").exists()


def test_a_conversion_with_a_prefix(nmtool: Nmtool, integers: Path) -> None:
    result = nmtool("convert", integers, "kws.c", "--prefix", "kws", "--json")
    assert (result.code, result.json["check"]["ran"]) == (0, True)
    assert "kws_step" in Path("kws.h").read_text()
    assert nmtool("convert", "kws.c", "alone.c", "--json").json["hash"] == result.json["hash"]
    assert not Path("alone.h").exists()


@pytest.mark.usefixtures("integers")
def test_a_command_to_copy_quotes_its_path(nmtool: Nmtool) -> None:
    result = nmtool("export", "integers.npz", "-o", "of today.c")
    assert result.code == 0
    assert "nmtool verify 'of today.c' " in result.out
