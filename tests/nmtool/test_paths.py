from __future__ import annotations

from pathlib import Path

import pytest

from nmtool.paths import cache_folder, data_folder


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for variable in ("NMTOOL_CACHE", "XDG_CACHE_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    return tmp_path


def test_defaults_are_below_home(home: Path) -> None:
    assert cache_folder() == home / ".cache" / "nmtool"
    assert data_folder() == home / ".local" / "share" / "nmtool"


def test_xdg_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/some/cache")
    monkeypatch.setenv("XDG_DATA_HOME", "/some/data")
    assert cache_folder() == Path("/some/cache/nmtool")
    assert data_folder() == Path("/some/data/nmtool")


def test_nmtool_cache_overrides_all_others_unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/some/cache")
    monkeypatch.setenv("NMTOOL_CACHE", "/mine")
    assert cache_folder() == Path("/mine")


def test_empty_variables_count_as_unset(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NMTOOL_CACHE", "")
    monkeypatch.setenv("XDG_DATA_HOME", "")
    assert cache_folder() == home / ".cache" / "nmtool"
    assert data_folder() == home / ".local" / "share" / "nmtool"
