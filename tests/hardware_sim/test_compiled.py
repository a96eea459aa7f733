from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numba
import pytest

from nmtool.hardware_sim import compiled


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Two rooms' worth of sources and an empty cache, in place of the real ones."""
    root = tmp_path / "root"
    (root / "kernels").mkdir(parents=True)
    (root / "kernels" / "loop.py").write_text("LOOP = 1")
    (root / "constants.py").write_text("LIMIT = 1")
    monkeypatch.setattr(compiled, "_ROOT", root)
    monkeypatch.setattr(compiled, "_SOURCES", ("kernels", "constants.py"))
    monkeypatch.setenv("NMTOOL_CACHE", str(tmp_path / "cache"))
    compiled._kernel_folder.cache_clear()
    yield root
    compiled._kernel_folder.cache_clear()


def folder_now() -> Path | None:
    compiled._kernel_folder.cache_clear()
    return compiled._kernel_folder()


def test_the_real_sources_exist() -> None:
    for source in compiled._SOURCES:
        assert list((compiled._ROOT / source).glob("*.py")) or (compiled._ROOT / source).is_file()


@pytest.mark.parametrize("name", ["kernels/loop.py", "constants.py", "kernels/new.py"])
def test_every_change_of_a_source_has_its_own_cache(sources: Path, name: str) -> None:
    before = folder_now()
    assert before == folder_now()
    (sources / name).write_text("CHANGED = 2")
    assert before != folder_now()


def test_another_numba_has_its_own_cache(sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = folder_now()
    monkeypatch.setattr(numba, "__version__", "0.0")
    assert before != folder_now()


def test_kernels_are_kept_in_the_cache(sources: Path) -> None:
    before = numba.config.CACHE_DIR
    twice = compiled.compiled()(_twice)
    assert before == numba.config.CACHE_DIR
    assert twice(21) == 42
    folder = folder_now()
    assert folder is not None
    assert list(folder.rglob("*.nbi"))


def test_a_cache_that_cannot_be_written_does_not_matter(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NMTOOL_CACHE", str(tmp_path / "file" / "below"))
    assert folder_now() is None
    assert compiled.compiled(nogil=True)(_twice)(4) == 8


def _twice(x: int) -> int:
    return 2 * x
