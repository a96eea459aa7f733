from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numba
import pytest

from nmtool.hardware_sim import compiled
from nmtool.hardware_sim.kernel_files import SUFFIX

ROOT = Path(__file__).parents[2]
SOURCES = ("kernels", "constants")


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Kernel sources in a package and a module, and an empty cache."""
    root = tmp_path / "root"
    (root / "kernels" / "below").mkdir(parents=True)
    (root / "kernels" / "__init__.py").write_text("")
    (root / "kernels" / "loop.py").write_text("LOOP = 1")
    (root / "constants.py").write_text("raise SystemExit('it was imported')")
    monkeypatch.syspath_prepend(root)
    monkeypatch.setenv("NMTOOL_CACHE", str(tmp_path / "cache"))
    compiled.kernel_folder.cache_clear()
    yield root
    compiled.kernel_folder.cache_clear()


def folder_now() -> Path:
    importlib.invalidate_caches()
    compiled.kernel_folder.cache_clear()
    return compiled.kernel_folder(SOURCES)


def test_the_real_sources_exist() -> None:
    files = [file.relative_to(ROOT).as_posix() for file in compiled.source_files(compiled.SOURCES)]
    assert files[-2:] == ["nmtool/arithmetic.py", "nmtool/dynamics.py"]
    assert {"hardware_sim/kernel.py", "hardware_sim/step.py"} < set(files)


def test_a_missing_source_is_an_error() -> None:
    with pytest.raises(ModuleNotFoundError) as caught:
        list(compiled.source_files(("nmtool.nothing",)))
    assert caught.value.name == "nmtool.nothing"


@pytest.mark.parametrize("name", ["kernels/loop.py", "constants.py", "kernels/new.py"])
def test_every_change_of_a_source_has_its_own_cache(sources: Path, name: str) -> None:
    before = folder_now()
    assert before == folder_now()
    (sources / name).write_text("CHANGED = 2")
    assert before != folder_now()


def test_files_in_subfolders_are_not_sources_of_a_package(sources: Path) -> None:
    before = folder_now()
    (sources / "kernels" / "below" / "more.py").write_text("MORE = 1")
    assert before == folder_now()


def test_another_numba_has_its_own_cache(sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = folder_now()
    monkeypatch.setattr(numba, "__version__", "0.0")
    assert before != folder_now()


def test_kernels_are_kept_in_the_cache(sources: Path) -> None:
    twice = compiled.compiler(*SOURCES)()(_twice)
    assert twice(21) == 42
    [file] = folder_now().iterdir()
    assert file.suffix == SUFFIX
    again: Any = compiled.compiler(*SOURCES)()(_twice)
    assert again(21) == 42
    assert sum(again.stats.cache_hits.values()) == 1
    assert again.stats.cache_path == str(folder_now())


def test_a_cache_that_cannot_be_written_does_not_matter(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NMTOOL_CACHE", str(tmp_path / "file" / "below"))
    assert compiled.compiler(*SOURCES)(nogil=True)(_twice)(4) == 8
    assert not folder_now().exists()


def _twice(x: int) -> int:
    return 2 * x


# Tests of the real sources, copied in the two possible layouts of the packages on disk

ROOMS = ("hardware_sim", "training")


def installed(folder: Path) -> dict[str, Path]:
    """The rooms inside the package, as in a wheel."""
    return {room: folder / "nmtool" / room for room in ROOMS}


def checkout(folder: Path) -> dict[str, Path]:
    """The rooms next to the package, as in the repository and in an editable installation."""
    return {room: folder / room for room in ROOMS}


# In a checkout, a finder locates the packages, as in an editable installation.
PRINT_FOLDERS = """
import sys
from importlib.util import spec_from_file_location
from pathlib import Path

class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        folder = Path(sys.argv[1]) / name.removeprefix("nmtool.")
        if name.startswith("nmtool.") and (folder / "__init__.py").is_file():
            return spec_from_file_location(
                name, folder / "__init__.py", submodule_search_locations=[str(folder)]
            )

sys.meta_path[:] = [finder for finder in sys.meta_path if "editable" not in finder.__module__]
sys.meta_path.append(Finder)
import nmtool
assert Path(nmtool.__file__).is_relative_to(sys.argv[1]), nmtool.__file__
from nmtool.hardware_sim import compiled
print(compiled.kernel_folder(compiled.SOURCES).name)
from nmtool.training.engines.cpu.kernels.compiled import SOURCES
print(compiled.kernel_folder(SOURCES).name)
assert "torch" not in sys.modules
"""


@pytest.mark.parametrize("layout", [installed, checkout])
def test_a_changed_kernel_renews_the_cache_however_nmtool_is_installed(
    layout: Callable[[Path], dict[str, Path]], tmp_path: Path
) -> None:
    shutil.copytree(ROOT / "nmtool", tmp_path / "nmtool", ignore=_COMPILED)
    rooms = layout(tmp_path)
    for room, folder in rooms.items():
        shutil.copytree(ROOT / room, folder, ignore=_COMPILED)

    def folders() -> list[str]:
        environment = {
            **os.environ,
            "PYTHONPATH": str(tmp_path),
            "PYTHONDONTWRITEBYTECODE": "1",
            "NMTOOL_CACHE": str(tmp_path / "cache"),
        }
        command = [sys.executable, "-c", PRINT_FOLDERS, str(tmp_path)]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.split()

    before = folders()
    change(rooms["training"] / "engines" / "cpu" / "kernels" / "rings.py")
    trained = folders()
    assert [a == b for a, b in zip(before, trained, strict=True)] == [True, False]
    change(rooms["hardware_sim"] / "step.py")
    assert [a == b for a, b in zip(trained, folders(), strict=True)] == [False, False]


def change(file: Path) -> None:
    """Append an empty line."""
    file.write_text(file.read_text(encoding="utf-8") + "\n", encoding="utf-8")


_COMPILED = shutil.ignore_patterns("__pycache__")


def test_kernels_that_close_over_other_values_have_other_names() -> None:
    """With equal names, a process that loads both kernels from disk would run the wrong one."""

    def made(limit: int) -> Any:
        @compiled.compiled()
        def kernel() -> int:
            return limit

        return kernel

    assert (made(1)(), made(2)()) == (1, 2)
    names = [made(limit).py_func.__qualname__ for limit in (1, 2, 1)]
    assert names[0] == names[2] != names[1]
