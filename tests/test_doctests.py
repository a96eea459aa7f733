"""Examples in docstrings run; those that are skipped use existing names and arguments."""

from __future__ import annotations

import ast
import builtins
import doctest
import importlib
import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import nmtool
from tests.test_rooms import modules

GIVEN = {"run", "q", "data", "network", "evaluation"}
"""Names of the reader's own objects in examples."""

EXAMPLES = [name for name, path in modules() if ">>> " in path.read_text("utf-8")]
"""Modules with examples."""

WITH_TORCH = [
    pytest.param(name, marks=pytest.mark.torch) if name.startswith("nmtool.training.") else name
    for name in EXAMPLES
]

LONG = "nmtool.walkthrough"  # The example of this module runs the demo, which takes long.
IN_SMALL = [
    "nmtool.data.incoming",
    "nmtool.data.shd",
    "nmtool.evaluation.comparing",
    "nmtool.evaluation.evaluation",
    "nmtool.exchange.exporting",
    "nmtool.exchange.inspecting",
    "nmtool.loading",
    "nmtool.quantisation.quantising",
    "nmtool.reporting.results",
    "nmtool.running",
    "nmtool.setup.doctoring",
    "nmtool.targets.checking",
    "nmtool.targets.costing",
    "nmtool.training.learning",
    "nmtool.training.studies.ensembles",
    "nmtool.training.studies.folds",
]
"""Modules whose skipped examples are run with small networks and data."""


PAGES = [
    page
    for page in Path(nmtool.__file__).parents[1].glob("docs/**/*.md")
    if "\n>>> " in page.read_text("utf-8")
]
"""Pages with examples."""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_examples_of_pages_run(page: Path) -> None:
    text = re.sub("^```.*$", "", page.read_text("utf-8"), flags=re.MULTILINE)
    examples = doctest.DocTestParser().get_doctest(text, {}, page.name, str(page), 0)
    assert not doctest.DocTestRunner().run(examples).failed


def test_there_are_examples() -> None:
    assert {"nmtool.tables", "nmtool.progress"} < set(EXAMPLES)
    assert len(IN_SMALL) > 6
    assert PAGES


@pytest.mark.torch
def test_every_public_function_has_an_example() -> None:
    public = [getattr(nmtool, name) for name in nmtool.__all__]
    functions = [value for value in public if inspect.isfunction(inspect.unwrap(value))]
    assert len(functions) > 40
    assert [
        function.__name__ for function in functions if ">>> " not in (function.__doc__ or "")
    ] == []


@pytest.mark.torch
def test_every_public_class_has_an_example() -> None:
    """The base class of errors has an example for all of them."""
    public = [getattr(nmtool, name) for name in nmtool.__all__]
    classes = [value for value in public if inspect.isclass(value)]
    base = nmtool.NmtoolError
    needed = [kind for kind in classes if kind is base or not issubclass(kind, base)]
    assert len(needed) > 40
    assert [kind.__name__ for kind in needed if ">>> " not in (kind.__doc__ or "")] == []


@pytest.mark.parametrize("name", WITH_TORCH)
def test_examples_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert doctest.testmod(importlib.import_module(name)).failed == 0
    assert list(tmp_path.iterdir()) == []


class _Loosely(doctest.OutputChecker):
    """Compares words only, since numbers depend on the data and some neurons may stay silent."""

    def check_output(self, want: str, got: str, optionflags: int) -> bool:
        return super().check_output(_words(want), _words(got), optionflags)


def _words(text: str) -> str:
    return re.sub(r"[+-]?\d+(?:[.,]\d+)*", "N", re.sub(r"  silent \d+", "", text))


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A folder with files for examples, and values for names that examples do not define."""
    pytest.importorskip("onnxruntime")
    pytest.importorskip("nir")
    from tests.training.small_data import small_dataset, small_events, small_options

    folder = tmp_path_factory.mktemp("scene")
    splits = {"train": small_events(40, 1), "test": small_events(60, 3)}
    data = nmtool.Dataset("small", tuple(splits), splits.__getitem__)
    dataset = small_dataset()
    dataset.in_memory = False  # With this value, the data set counts as read by `load_dataset`.
    float_run = nmtool.train(dataset, small_options(epochs=1), folder=folder / "run")
    run = nmtool.train(small_dataset(), small_options(epochs=1, arithmetic="integer"))
    q = nmtool.quantise(float_run.network)
    nmtool.export(float_run.network, folder / "foreign.nir")
    nmtool.export(q.network, folder / "net.onnx")
    return folder, {"run": run, "q": q, "data": data, "network": run.network}


@pytest.mark.torch
@pytest.mark.parametrize("name", IN_SMALL)
def test_skipped_examples_run_in_small(
    name: str, scene: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.training.small_data import small_dataset

    folder, names = scene
    monkeypatch.chdir(folder)
    for place in ("data.catalogue", "training.loop.run_data"):
        name_of_it = f"nmtool.{place}.load_dataset"
        monkeypatch.setattr(name_of_it, lambda name, **options: small_dataset())
    runner = doctest.DocTestRunner(checker=_Loosely())
    for test in doctest.DocTestFinder().find(importlib.import_module(name), extraglobs=names):
        for example in test.examples:
            example.options.pop(doctest.SKIP, None)
        runner.run(test)
    assert runner.tries > 0
    assert runner.failures == 0


@pytest.mark.parametrize("name", WITH_TORCH)
def test_examples_use_existing_names(name: str) -> None:
    module = importlib.import_module(name)
    tests = [test for test in doctest.DocTestFinder().find(module) if test.examples]
    assert tests
    for test in tests:
        code = "".join(example.source for example in test.examples)
        assert list(mistakes(code, vars(module))) == [], test.name


def test_the_example_of_the_front_page_uses_existing_names() -> None:
    paragraph = nmtool.__doc__.split("\n\n")[1:3]
    code = textwrap.dedent("\n\n".join(paragraph))
    assert "nm.verify(" in code
    assert list(mistakes(code, {})) == []


@pytest.mark.parametrize(
    ("code", "n_mistakes"),
    [
        ("load('x')", 0),
        ("load('x', options=None)", 0),
        ("lode('x')", 1),
        ("load('x', option=None)", 1),
        ("import nmtool as nm\nnm.load('x')", 0),
        ("import nmtool as nm\nnm.lode('x')", 1),
        ("import nmtool as nm\nnm.load('x', 'y', 'z')", 1),
        ("from nmtool.loading import lode", 1),
        ("x = 1\nprint(x, data.test[:5])", 0),
        ("def f(a):\n    b = a\n    return b, c", 1),
    ],
)
def test_mistakes_are_detected(code: str, n_mistakes: int) -> None:
    assert len(list(mistakes(code, {"load": nmtool.load}))) == n_mistakes


def mistakes(code: str, names: dict[str, Any]) -> Iterator[str]:
    """Unknown names in an example, and calls that do not fit the signature.

    Args:
        code: code of the example.
        names: names in its module.
    """
    tree, known = ast.parse(code), {**vars(builtins), **names}
    local = {
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    local |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            local.add(node.name)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                known[alias.asname or alias.name] = importlib.import_module(alias.name)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                value = getattr(importlib.import_module(str(node.module)), alias.name, None)
                if value is None:
                    yield f"{node.module} has no {alias.name}"
                known[alias.asname or alias.name] = value
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id not in {*known, *local, *GIVEN}:
            yield f"{node.id} is not known"
        elif isinstance(node, ast.Call):
            yield from _misfits(node, {n: v for n, v in known.items() if n not in local | GIVEN})
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            module = known.get(node.value.id)
            if isinstance(module, ModuleType) and not hasattr(module, node.attr):
                yield f"{node.value.id} has no {node.attr}"


def _misfits(call: ast.Call, known: dict[str, Any]) -> Iterator[str]:
    """Calls whose arguments do not fit the signature of the function."""
    function = None
    if isinstance(call.func, ast.Name):
        function = known.get(call.func.id)
    elif isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name):
        function = getattr(known.get(call.func.value.id), call.func.attr, None)
    module = getattr(function, "__module__", None) or ""
    starred = any(isinstance(argument, ast.Starred) for argument in call.args)
    if (
        not module.startswith("nmtool")
        or starred
        or any(word.arg is None for word in call.keywords)
    ):
        return
    try:
        inspect.signature(function).bind(*call.args, **{str(word.arg): 0 for word in call.keywords})  # type: ignore[arg-type]
    except TypeError as error:
        yield f"{ast.unparse(call)}: {error}"
