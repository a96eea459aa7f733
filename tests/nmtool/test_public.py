"""The public interface `import nmtool`: names, their origin, and their imports."""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import pkgutil
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import nmtool
from nmtool import errors
from nmtool.plugins import NAMES as PLUGIN_NAMES, registered
from nmtool.setup.installation import install_command
from tests.nmtool.cli import cases
from tests.refusals import refused

ROOT = Path(__file__).parents[2]
ROOMS = ("nmtool", "nmtool.hardware_sim", "nmtool.training", "nmtool.exporters")
NAMES = [name for name in nmtool.__all__ if name in nmtool._homes and name != "__version__"]
ERRORS = [
    name
    for name, value in vars(errors).items()
    if isinstance(value, type) and issubclass(value, errors.NmtoolError)
]
HEADINGS = ["Functions, which do all that commands do", "Online inference", "Networks", "Training"]
HEADINGS += ["Quantisation"]
HEADINGS += ["Data", "Results", "Options of formats"]
HEADINGS += ["Errors, each with a stable code, what is wrong, why, and how to fix it"]


def python(code: str, *options: str, path: Path = ROOT) -> str:
    """Output of code in a new Python, which must succeed."""
    done = subprocess.run(
        [sys.executable, *options, "-c", code],
        cwd=path,
        env={**os.environ, "PYTHONPATH": str(path), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


# Tests of public names


def test_names_are_sorted_and_unique() -> None:
    assert sorted(set(nmtool.__all__)) == nmtool.__all__
    assert set(ERRORS) < set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_name_has_a_docstring(name: str) -> None:
    value = getattr(nmtool, name)
    # The functions `set_up_<referee>` are the method of each referee's recipe.
    assert value.__name__ == ("set_up" if name.startswith("set_up_") else name)
    assert value.__module__.startswith("nmtool.")
    assert inspect.getdoc(value)
    assert not inspect.getdoc(value).startswith(f"{name}(")
    for member, defined in vars(value).items() if isinstance(value, type) else ():
        function = getattr(defined, "__func__", getattr(defined, "fget", defined))
        if inspect.isfunction(function) and not member.startswith("_"):
            assert inspect.getdoc(getattr(value, member)), member


def test_the_overview_names_everything_once_under_a_heading() -> None:
    parts = re.split(r"^(\S.*):\n\n(?=    \w+  )", nmtool.__doc__, flags=re.MULTILINE)
    assert parts[1::2] == HEADINGS
    listed = [re.findall(r"^    (\w+)  +\S", part, re.MULTILINE) for part in parts]
    assert not listed[0]
    modules = {name for name, home in nmtool._homes.items() if home == "nmtool"}
    expected = {*nmtool._homes} - modules - {"__version__"}
    assert sorted(name for part in listed for name in part) == sorted(expected)
    front = {name for name, home in nmtool._homes.items() if ".training.front." in home}
    assert {*NAMES} | front == expected


def test_every_name_is_public_for_type_checkers() -> None:
    """In a stub, an import is public if it has the form `as` with the same name."""
    stub = ast.parse(Path(nmtool.__file__).with_suffix(".pyi").read_text("utf-8"))
    imports = [statement for statement in stub.body if isinstance(statement, ast.ImportFrom)]
    names = [(alias.name, alias.asname) for statement in imports for alias in statement.names]
    assert all(name == public for name, public in names)
    assert len(names) == len(nmtool._homes)


def test_dir_lists_every_name_before_its_first_use() -> None:
    assert {*nmtool.__all__, "plot", "zoo"} == {*dir(nmtool)}
    code = "import nmtool; print(set(nmtool.__all__) <= set(dir(nmtool)), 'Raster' in vars(nmtool))"
    assert python(code) == "True False\n"


def test_all_other_names_are_private() -> None:
    for name in NAMES:
        getattr(nmtool, name)
    names = {
        name
        for name, value in vars(nmtool).items()
        if not name.startswith("_") and not inspect.ismodule(value)
    }
    assert names - {"annotations", *registered(PLUGIN_NAMES)} == set(NAMES)


def test_there_are_no_other_attributes() -> None:
    with pytest.raises(AttributeError, match="'nonsense'"):
        nmtool.nonsense  # noqa: B018
    with pytest.raises(ImportError, match="nonsense"):
        exec("from nmtool import nonsense")


@pytest.mark.parametrize(
    ("name", "meant"), [("quantize", "quantise"), ("trainoptions", "TrainOptions")]
)
def test_a_wrong_name_gets_a_suggestion(name: str, meant: str) -> None:
    with pytest.raises(AttributeError, match=f"did you mean '{meant}'"):
        getattr(nmtool, name)


@pytest.mark.parametrize(
    ("call", "meant"),
    [
        (lambda: nmtool.NirOptions(nir_dt=1.0), "nir_dt_s"),
        (lambda: nmtool.ImportOptions(dt=1.0), "dt_ms"),
        (lambda: nmtool.TrainOptions(hiden=3), "hidden"),
        (lambda: nmtool.verify(None, agianst="c"), "against"),
    ],
)
def test_a_wrong_keyword_gets_a_suggestion(call: Callable[[], object], meant: str) -> None:
    with pytest.raises(TypeError, match=f"did you mean '{meant}'"):
        call()


def test_the_version_is_the_installed_one() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", nmtool.__version__)
    try:
        installed = version("nmtool")
    except PackageNotFoundError:
        installed = nmtool.__version__
    assert installed == nmtool.__version__


# Tests of errors


@pytest.mark.parametrize("name", ERRORS)
def test_errors_say_what_why_and_how_to_fix(name: str) -> None:
    error = getattr(nmtool, name)("it broke", code="it-broke", why="it was old", fix="buy another")
    assert str(error) == "[it-broke] it broke\nwhy: it was old\nfix: buy another"
    assert str(getattr(nmtool, name)("it broke", code="it-broke")) == "[it-broke] it broke"
    assert isinstance(error, nmtool.NmtoolError)


def test_exit_codes_of_errors() -> None:
    codes = {name: getattr(nmtool, name).exit_code for name in ERRORS}
    others = {"DoesNotFitError": 1, "ArtefactError": 1}
    others |= {"MissingError": 3, "BackendError": 3, "RankError": 3}
    assert codes == {name: others.get(name, 2) for name in ERRORS}


# Tests that no function hides a module


def packages() -> list[ModuleType]:
    """Every package that can be imported here; some need Lava's environment or torch."""
    modules: dict[str, ModuleType] = {}
    waiting = [*ROOMS]
    while waiting:
        name = waiting.pop()
        try:
            modules[name] = importlib.import_module(name)
        except ImportError:
            continue
        inside = pkgutil.iter_modules(modules[name].__path__, f"{name}.")
        waiting += [module.name for module in inside if module.ispkg]
    return list(modules.values())


def hidden(package: ModuleType) -> list[str]:
    """Modules with the same name as another object of their package."""
    modules = {module.name for module in pkgutil.iter_modules(package.__path__)}
    if package is nmtool:
        modules |= {room.rpartition(".")[2] for room in ROOMS}
    others = {name for name, value in vars(package).items() if not inspect.ismodule(value)}
    return sorted(modules & (others | set(getattr(package, "__all__", ()))))


def test_no_function_has_the_name_of_a_module_beside_it() -> None:
    modules = packages()
    assert {"nmtool.exchange", "nmtool.data", "nmtool.exporters.nir"} < {
        module.__name__ for module in modules
    }
    assert {module.__name__: hidden(module) for module in modules if hidden(module)} == {}


@pytest.mark.parametrize(
    ("init", "names"),
    [
        ("from {0}.walk import walk", ["walk"]),
        ("def walk(): ...", ["walk"]),
        ("class run: ...", ["run"]),
        ("__all__ = ['run', 'walk']", ["run", "walk"]),
        ("from {0} import walk\nfrom {0}.walk import walk as stroll", []),
    ],
)
def test_a_function_that_hides_a_module_is_detected(
    init: str, names: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = f"made_up_{tmp_path.name}"
    (tmp_path / package / "run").mkdir(parents=True)
    (tmp_path / package / "run" / "__init__.py").write_text("")
    (tmp_path / package / "walk.py").write_text("def walk(): ...\n")
    (tmp_path / package / "__init__.py").write_text(init.format(package))
    monkeypatch.syspath_prepend(tmp_path)
    assert hidden(importlib.import_module(package)) == names


# Tests of imports, and of errors for missing libraries


def test_importing_nmtool_imports_nothing_heavy() -> None:
    heavy = "torch numba h5py numpy rich onnx onnxruntime nir sklearn optuna"
    code = f"import nmtool, sys; print([name for name in '{heavy}'.split() if name in sys.modules])"
    assert python(code) == "[]\n"


NO_TORCH = """
import sys
sys.modules["torch"] = None  # neither found nor imported
from nmtool import *
import nmtool as nm
import numpy as np

assert "SpikingNetwork" not in globals() and "SpikingNetwork" not in nm.__all__
network = Network(
    InputChannels(2),
    [Population("out", 2, "li")],
    [Projection("input", "out", np.ones((2, 2)), np.zeros((2, 2)))],
    Readout("out", "mean"),
    dt_ms=1.0,
    n_steps=3,
)
events = SpikeEvents([1.0, 1.0], [0, 1], [0, 1, 2], [0, 1], 2, ["a", "b"])
for ask in (
    lambda: nm.train(events, TrainOptions(hidden=2, steps=3, validation=0)),
    lambda: nm.SpikingNetwork,
):
    try:
        ask()
    except MissingError as error:
        print(type(error).__name__, error.code, "torch" in error.fix)
for one in (network, nm.quantise(network).network):
    print(nm.simulate(one, events).n_samples, nm.evaluate(one, events).samples)
"""


def test_without_torch_everything_else_works() -> None:
    assert python(NO_TORCH) == "MissingError library-missing True\n" * 2 + "2 2\n" * 2


def test_a_broken_torch_is_an_error_where_it_is_needed(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise ImportError('libcudart.so is gone', name='torch')\n")
    code = (
        "import nmtool as nm\n"
        "try: nm.SpikingNetwork\n"
        "except nm.MissingError as error: print(error.code, error.why, error.fix)"
    )
    printed = python(f"import sys; sys.path.append({str(ROOT)!r})\n{code}", path=tmp_path)
    fix = install_command("train", broken=["torch"])
    assert printed == f"library-missing libcudart.so is gone {fix}\n"


def test_a_source_folder_suggests_installing_it(tmp_path: Path) -> None:
    shutil.copytree(
        ROOT / "nmtool", tmp_path / "nmtool", ignore=shutil.ignore_patterns("__pycache__")
    )
    code = (
        "import nmtool as nm\n"
        "try: nm.train\n"
        "except nm.MissingError as error: print(error.code, error.fix[:14])"
    )
    assert python(code, "-S", path=tmp_path) == "nmtool-not-installed pip install -e\n"


# Tests that wrong arguments raise nmtool's own errors


@pytest.mark.torch
def test_arguments_of_other_types_are_refused() -> None:
    integers, events = cases.integer_network(), cases.spike_events(2)
    model = nmtool.SpikingNetwork(cases.float_network())
    dense = np.zeros((2, 30, cases.N_UNITS))
    calls: list[Callable[[], object]] = [
        lambda: model(dense),
        lambda: model(events),
        lambda: nmtool.SpikingNetwork(integers),
        lambda: nmtool.train(events, {"epochs": 1}),
        lambda: nmtool.finetune({}),
        lambda: nmtool.search(events, {"epochs": 1}, folder="study"),
        lambda: nmtool.load(None),
        lambda: nmtool.inspect(3),
        lambda: nmtool.convert(None, "network.npz"),
        lambda: nmtool.export(integers, None, to="c"),
        lambda: nmtool.verify(integers, events, against=3),
        lambda: nmtool.write_shd("set.h5", None),
        lambda: nmtool.bin_events(dense, 1.0, 30),
        lambda: nmtool.compare_recordings(None, None),
        lambda: replace(integers, channels=None),
    ]
    for call in calls:
        with refused(nmtool.UsageError, "argument-type"):
            call()


def test_arrays_and_tensors_are_rasters() -> None:
    assert nmtool.Raster.from_dense([[[0, 1]], [[1, 1]]]).n_spikes == 3
    with refused(nmtool.DataError, "raster-dimensions"):
        nmtool.Raster.from_dense(np.zeros((30, 4)))
    network = cases.float_network()
    with refused(nmtool.NetworkError, "steps-range"):
        replace(network, n_steps=1.5)
    with refused(nmtool.NetworkError, "population-empty"):
        nmtool.Population("a", "3", "lif")
