"""Files from other tools are never executed: `KNOWN` lists the few places that could."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PLUGINS = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("plugins/*/nmtool_*"))
ROOMS = ("nmtool", "hardware_sim", "training", "exporters", *PLUGINS)

SUSPECT = {
    *("pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "yaml", "runpy", "code"),
    *("subprocess", "importlib", "ctypes", "imp", "zipimport"),
}
"""Modules and functions that execute code, or read files that may execute code."""

SUSPECT_CALLS = {"eval", "exec", "compile", "__import__", "system", "popen", "load_library"}

KNOWN = {
    # These files import modules of nmtool or of installed plug-ins, by names in the sources.
    "nmtool/plugins.py": {"importlib"},
    "nmtool/arithmetic.py": {"importlib"},
    "nmtool/testing/arithmetics.py": {"importlib"},
    "exporters/formats.py": {"importlib"},
    "hardware_sim/kernel.py": {"importlib"},
    "hardware_sim/reference.py": {"importlib"},
    "training/engines/cuda/kernels/forward.py": {"importlib"},
    "nmtool/__init__.py": {"importlib"},
    "nmtool/cli/main.py": {"importlib"},
    "nmtool/targets/reading.py": {"importlib"},
    "nmtool/zoo/__init__.py": {"importlib"},
    "training/recipes.py": {"importlib"},
    # These files import installed libraries, or look up their versions.
    "hardware_sim/compiled.py": {"importlib"},
    "nmtool/setup/installation.py": {"importlib"},
    "nmtool/reproduction.py": {"importlib"},
    "nmtool/cli/flags.py": {"importlib"},
    "nmtool/running.py": {"importlib"},
    "nmtool/bars.py": {"importlib"},
    "training/engines/cuda/available.py": {"importlib"},
    "exporters/lava/package/lava_network/lava_import.py": {"importlib"},
    # These files start Python, programs, or a compiler for nmtool's own sources.
    "exporters/supervise.py": {"subprocess"},
    # These files use the C library to end child processes with their parent.
    "exporters/end_with_parent.py": {"ctypes", "ctypes.CDLL"},
    "exporters/lava/package/lava_network/watch.py": {"ctypes", "ctypes.CDLL"},
    # This file reads kernels from the user's own cache, after a check of their digest.
    "hardware_sim/kernel_files.py": {"pickle"},
}
for _file in ROOT.glob("plugins/*/tests/suspects.json"):
    KNOWN |= {name: set(uses) for name, uses in json.loads(_file.read_text("utf-8")).items()}
"""Uses of `SUSPECT` by file; SECURITY.md, "What could run", gives the reasons. A plug-in lists the
uses of its own files."""


def _sources() -> Iterator[tuple[str, ast.Module]]:
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text("utf-8"))


def _suspects(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]
        elif isinstance(node, ast.Call):
            yield _name(node)


def _name(call: ast.Call) -> str:
    function = call.func
    if isinstance(function, ast.Name):
        return function.id
    if isinstance(function, ast.Attribute):
        owner = function.value
        whole = f"{owner.id}.{function.attr}" if isinstance(owner, ast.Name) else ""
        # A call of `re.compile` is harmless, because no regular expression comes from a file.
        return "" if whole == "re.compile" else {"torch.load": "torch.load"}.get(whole, whole)
    return ""


def test_all_uses_of_suspect_modules_are_listed() -> None:
    suspect = SUSPECT | SUSPECT_CALLS | {"torch.load", "os.system", "os.popen", "ctypes.CDLL"}
    suspects = {
        name: {use for use in _suspects(tree) if use in suspect} for name, tree in _sources()
    }
    assert {name: uses for name, uses in suspects.items() if uses} == KNOWN


def test_numpy_never_reads_pickles() -> None:
    calls = [
        (name, node)
        for name, tree in _sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and _name(node) in ("np.load", "numpy.load")
    ]
    assert calls
    for name, call in calls:
        arguments = {word.arg: word.value for word in call.keywords}
        value = arguments.get("allow_pickle")
        assert isinstance(value, ast.Constant), f"{name}:{call.lineno}"
        assert value.value is False, f"{name}:{call.lineno}"
