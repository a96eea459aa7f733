"""`nmtool export --to firmware`."""

from __future__ import annotations

from pathlib import Path

from tests.nmtool.cli.conftest import Nmtool


def test_firmware_has_its_own_header(nmtool: Nmtool, integers: Path, tmp_path: Path) -> None:
    printed = nmtool("export", integers, "--to", "firmware", "-o", "folder", "--prefix", "kws")
    assert (printed.code, printed.err) == (0, "")
    assert printed.out.splitlines() == [
        "firmware: faithful",
        "folder written; nmtool verify folder checks it, without any data",
    ]
    assert (tmp_path / "folder" / "kws.h").is_file()
    again = nmtool("export", integers, "--to", "firmware", "-o", "folder", "--force", "--json")
    assert "header" not in again.json
    assert not (tmp_path / "folder" / "kws.h").exists()
