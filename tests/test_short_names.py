"""No file imports a room by the name of its folder, since a user's file may have the same name."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SHORT = ("training", "exporters", "hardware_sim")
FOLDERS = ("nmtool", *SHORT, "tests", "benchmarks", "examples")

TAKES_NAMES = (
    *("import_module", "__import__", "find_spec", "run_module", "importorskip", "patch"),
    *("setattr", "delattr", "setitem", "delitem"),
)
"""Functions whose string arguments are names of modules; the last are `monkeypatch`'s."""

CODE = re.compile(
    r"(?:^|[\n;])[ ]*(?:import\s+([\w.]+)[ ]*(?=$|[\n;,]|as\b)|from\s+([\w.]+)\s+import\b)"
)
MODULE_TO_RUN = re.compile(r"(?:^|\s)-m\s+([\w.]+)")


def short_names(tree: ast.AST) -> Iterator[str]:
    """Imports of rooms by the name of their folder, in code or in strings."""
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [str(node.module)]
        elif isinstance(node, ast.Call):
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if called in TAKES_NAMES:
                names = [text for argument in node.args for text in _texts(argument)]
        else:
            names = [name for text in _texts(node) for name in _in_text(text)]
        yield from (name for name in names if name.split(".")[0] in SHORT)


def _texts(node: ast.AST) -> list[str]:
    return [node.value] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []


def _in_text(text: str) -> list[str]:
    return ["".join(groups) for groups in CODE.findall(text)] + MODULE_TO_RUN.findall(text)


@pytest.mark.parametrize("folder", FOLDERS)
def test_code_has_no_short_names(folder: str) -> None:
    files = [file for file in (ROOT / folder).rglob("*.py") if file != Path(__file__)]
    uses = {
        str(file.relative_to(ROOT)): names
        for file in files
        if (names := list(short_names(ast.parse(file.read_text(encoding="utf-8")))))
    }
    assert len(files) > 3
    assert uses == REFUSED.get(folder, {})


REFUSED = {
    "tests": {
        # These names are in code that the test of rooms must refuse, and in files of a user.
        "tests/test_rooms.py": ["training", "training"],
        "tests/test_wheel.py": ["training"],
    }
}


def test_documents_have_no_short_names() -> None:
    places = ("", "docs/", "docs/guide/", "benchmarks/", "plugins/*/", "plugins/*/docs/")
    files = [file for place in places for file in ROOT.glob(f"{place}*.md")]
    uses = [_in_text(file.read_text(encoding="utf-8")) for file in files]
    assert [name for names in uses for name in names if name.split(".")[0] in SHORT] == []


@pytest.mark.parametrize(
    "code",
    [
        "import training",
        "import numpy, exporters.nir as nir",
        "def f():\n    from hardware_sim.step import neuron_step",
        "importlib.import_module('training.run')",
        "monkeypatch.setattr('training.run.train', None)",
        "monkeypatch.setitem(sys.modules, 'training', None)",
        "pytest.importorskip('training')",
        "CODE = 'import sys; from exporters.supervise import f'",
        "CODE = '''\n    import training\n'''",
        "'''Run it:\n\n    python -m training.cuda.ptx\n'''",
    ],
)
def test_short_names_are_detected(code: str) -> None:
    assert len(list(short_names(ast.parse(code)))) == 1


@pytest.mark.parametrize(
    "code",
    [
        "from . import training",
        "from nmtool import training",
        "importlib.import_module('nmtool.training.loop.run')",
        "print('training')",
        "'''Samples\nfrom training that learn.'''",
        "'''python -m nmtool.training.engines.cuda.ptx'''",
    ],
)
def test_other_names_are_accepted(code: str) -> None:
    assert list(short_names(ast.parse(code))) == []
