"""The imports that rooms may have, and their consequences."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from nmtool.arithmetic import SILENT_THRESHOLD
from nmtool.network.graph import INPUT, LI, InputChannels, strongly_connected
from nmtool.network.integer_network import IntegerNetwork, IntegerPopulation, IntegerProjection
from nmtool.network.readout import Readout

ROOT = Path(__file__).parents[1]
# `tomllib` is in the standard library only from Python 3.11 on.
STANDARD = sys.stdlib_module_names | {"tomllib"}
CORE = "nmtool"
ROOMS = {
    CORE: "nmtool",
    "nmtool.hardware_sim": "hardware_sim",
    "nmtool.training": "training",
    "nmtool.exporters": "exporters",
}
PLUGINS = {path.name: str(path.relative_to(ROOT)) for path in ROOT.glob("plugins/*/nmtool_*")}
ROOMS |= PLUGINS
"""The folder of each room and of each plug-in's package, by its installed name."""


@dataclass(frozen=True)
class Rule:
    """Imports allowed in the modules below `where`, besides the standard library and their room.

    Attributes:
        where: dotted prefix; for a module, the rule with the longest prefix applies.
        always: rooms and libraries that may be imported anywhere in the module.
        lazily: rooms and libraries that may only be imported inside functions.
    """

    where: str
    always: frozenset[str]
    lazily: frozenset[str] = frozenset()


def rule(where: str, always: str, lazily: str = "") -> Rule:
    return Rule(where, frozenset(always.split()), frozenset(lazily.split()))


ABOVE = " ".join(room for room in ROOMS if room != CORE and room not in PLUGINS)
RULES = (
    rule("nmtool", "numpy h5py", "tomli"),
    rule("nmtool.__init__", "", ABOVE),
    rule("nmtool.bars", "", "rich IPython"),
    rule("nmtool.storage", "numpy", "typing_extensions"),
    rule("nmtool.float_simulator", "numpy", "nmtool.hardware_sim"),
    rule("nmtool.loading", "nmtool.exporters", ABOVE),
    rule("nmtool.running", "", ABOVE),
    rule("nmtool.walkthrough", "nmtool.training nmtool.exporters"),
    rule("nmtool.setup", "", "packaging"),
    rule("nmtool.setup.doctoring", "nmtool.exporters", "packaging nmtool.training"),
    rule("nmtool.quantisation", "numpy", "nmtool.hardware_sim"),
    rule("nmtool.quantisation.quantising", "", "nmtool.training"),
    rule("nmtool.targets.checking", "nmtool.exporters"),
    rule("nmtool.targets.costing", "numpy nmtool.exporters", "nmtool.hardware_sim"),
    rule("nmtool.targets.costs", "numpy", "matplotlib"),
    rule("nmtool.evaluation.evaluation", "numpy nmtool.exporters", ABOVE),
    rule("nmtool.exchange", "nmtool.exporters", ABOVE),
    rule("nmtool.exchange.size", "numpy"),
    rule("nmtool.data", "numpy h5py", "tonic sklearn"),
    rule("nmtool.verification", "numpy", "nmtool.hardware_sim"),
    rule("nmtool.verification.explain", "numpy", "nmtool.hardware_sim nmtool.exporters"),
    rule("nmtool.verification.verify", "numpy nmtool.exporters", "nmtool.hardware_sim"),
    rule("nmtool.verification.verification", "numpy nmtool.exporters"),
    rule("nmtool.verification.causes", "numpy nmtool.hardware_sim"),
    rule("nmtool.plot", "numpy", "matplotlib"),
    rule("nmtool.reporting", "numpy", "matplotlib"),
    rule("nmtool.reporting.results", "numpy", ABOVE),
    rule(
        "nmtool.testing", "numpy nmtool.hardware_sim nmtool.exporters", "hypothesis nmtool.training"
    ),
    rule("nmtool.testing.strategies", "numpy hypothesis"),
    rule("nmtool.cli", "numpy rich", f"{ABOVE} numba torch"),
    rule("nmtool.hardware_sim", "nmtool numpy numba"),
    rule("nmtool.training", "nmtool nmtool.hardware_sim numpy numba torch"),
    rule(
        "nmtool.training.studies",
        "nmtool nmtool.hardware_sim numpy numba torch",
        "optuna",
    ),
    rule("nmtool.training.studies.trials", "nmtool numpy optuna"),
    rule(
        "nmtool.training.engines.cuda.ptx", "nmtool nmtool.hardware_sim numpy numba torch", "cuda"
    ),
    rule("nmtool.training.engines.cpu.kernels", "nmtool nmtool.hardware_sim numpy numba llvmlite"),
    rule("nmtool.exporters", "nmtool numpy", "nmtool.hardware_sim h5py nir onnx onnxruntime"),
    rule("nmtool.exporters.lava.package", "numpy lava lava_network"),
    *(
        rule(plugin, "nmtool nmtool.exporters numpy", "nmtool.hardware_sim h5py")
        for plugin in PLUGINS
    ),
    *(
        rule(where, allowed)
        for file in ROOT.glob("plugins/*/tests/packages.json")
        for where, allowed in json.loads(file.read_text()).items()
    ),
)
"""Besides these rules, a plug-in lists imports of packages that run in other environments."""
INSIDE = {
    "nmtool": "network",
    "nmtool.__init__": "",
    "nmtool.cli": "network data targets evaluation verification quantisation exchange reporting "
    "setup zoo",
    "nmtool.data": "network",
    "nmtool.evaluation": "network data zoo",
    "nmtool.exchange": "network data targets evaluation verification zoo",
    "nmtool.libraries": "setup",
    "nmtool.loading": "network data zoo",
    "nmtool.network": "data",
    "nmtool.plot": "network evaluation",
    "nmtool.quantisation": "network data verification",
    "nmtool.quantisation.conversion": "network targets",
    "nmtool.quantisation.quantising": "network data targets verification",
    "nmtool.reporting": "network data targets evaluation verification quantisation",
    "nmtool.running": "network data",
    "nmtool.setup": "data",
    "nmtool.targets": "network data quantisation",
    "nmtool.testing": "network quantisation verification",
    "nmtool.verification": "network data",
    "nmtool.walkthrough": "data evaluation verification quantisation exchange",
    "nmtool.zoo": "network",
}
"""Folders of `nmtool/` that a module may import, besides its own folder and the top.

The entry with the longest name that fits a module applies. Folders may import earlier ones in this
order: network, data, evaluation, verification, quantisation, targets, exchange, reporting. A few
modules import later ones: networks bin events, and are rounded for targets by name.
"""
GROUND = (
    *("nmtool.network", "nmtool.raster", "nmtool.recording", "nmtool.arithmetic"),
    *("nmtool.dynamics", "nmtool.description", "nmtool.values", "nmtool.storage", "nmtool.tables"),
    *("nmtool.errors", "nmtool.arguments", "nmtool.options", "nmtool.progress"),
    "nmtool.plugins",
    "nmtool.leftovers",
)
"""Modules that only import each other: data types of networks, containers, and basics."""
REACHES = {
    "nmtool.network.float_network": ("nmtool.data",),
    "nmtool.network.any_network": ("nmtool.data",),
    "nmtool.network.balance": ("nmtool.float_simulator",),
}
"""Exceptions: binning, and a simulation."""
FOLDERS = frozenset(" ".join(INSIDE.values()).split())


HEAVY = {
    "rich": "needed only on the command line",
    "h5py": "networks, unlike data, need no HDF5",
    "importlib.metadata": "needed only to say how a missing library is installed",
    "torch": "integers, exports and data need no training",
    "numba": "needed only where networks run",
    "numba.cuda": "needed only for GPUs, and optional",
    "matplotlib": "needed only for plots, and optional",
    "optuna": "needed only for searches, and optional",
    "hypothesis": "needed only to draw networks for tests, and optional",
    "nmtool.hardware_sim": "for Numba; also refuses some environments that other rooms allow",
    "nmtool.training.options": "all settings of training, which most networks are used without",
    "nmtool.float_simulator": "networks that are read or built from parts need no simulation",
    **{
        f"nmtool.exporters.{file.parent.name}": "one of many formats"
        for file in sorted((ROOT / "exporters").glob("*/format.py"))
    },
    **{
        f"{name}.{file.parent.name}": "one of many formats"
        for name, folder in PLUGINS.items()
        for file in sorted((ROOT / folder).glob("*/format.py"))
    },
}
"""Libraries and modules that take long to import, or may be missing, and why some runs do without.

Only what loads one of these may be imported inside a function. All other imports stand at the top.
"""
LAZY = ("nmtool.__init__", "nmtool.cli")
"""Modules that may import anything late: public names and commands load what they need."""


@dataclass(frozen=True)
class Import:
    """An imported module or object by its full name.

    Attributes:
        module: the importing module.
        name: name of the module or object.
        lazy: True inside a function or for type checkers.
        executed: True for a statement that Python executes; False for type checkers, and for
            modules that `importlib` loads by name.
    """

    module: str
    name: str
    lazy: bool
    executed: bool = True

    def __str__(self) -> str:
        return f"{self.module} imports {self.name}{' lazily' if self.lazy else ''}"


def modules() -> list[tuple[str, Path]]:
    """Installed name and file of every module of the rooms.

    `nmtool/__init__.py` is `nmtool.__init__`, so that it has a rule of its own.
    """
    pairs = []
    for room, folder in ROOMS.items():
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT / folder).with_suffix("").parts
            name = ".".join([room, *parts])
            pairs.append((name if parts == ("__init__",) else name.removesuffix(".__init__"), path))
    return pairs


def within(name: str, folder: str) -> bool:
    """True for the dotted name of a package, or of something in it."""
    return f"{name}.".startswith(f"{folder}.")


def room_of(name: str) -> str:
    """The room of a module or of an object in it; for a library, the library."""
    return max((room for room in ROOMS if within(name, room)), key=len, default=name.split(".")[0])


def imports(module: str, path: Path) -> Iterator[Import]:
    """All imports of a module, including those by `importlib` with a constant name."""
    is_package = path.name == "__init__.py" and not module.endswith(".__init__")
    package = module if is_package else module.rpartition(".")[0]
    yield from _walk(ast.parse(path.read_text(encoding="utf-8")), Import(module, package, False))


def _walk(node: ast.AST, around: Import) -> Iterator[Import]:
    """Imports below a node; `around` has the module, its package, and the kind of import here."""
    for child in ast.iter_child_nodes(node):
        here = around
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            here = replace(here, lazy=True)
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
            here = replace(here, lazy=True, executed=False)
        for name in _names(child, around.name):
            executed = here.executed and not isinstance(child, ast.Call)
            yield replace(here, name=name, executed=executed)
        yield from _walk(child, here)


def _names(node: ast.AST, package: str) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            above = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = ".".join([*above, *([node.module] if node.module else [])])
        return [f"{base}.{alias.name}" for alias in node.names]
    if isinstance(node, ast.Call) and "import_module" in ast.dump(node.func):
        # The text of an f-string before its first value is enough to identify the room.
        first = next((part for part in ast.walk(node.args[0]) if isinstance(part, ast.Constant)), 0)
        return [str(first.value)] if first else []
    return []


def allowed(edge: Import) -> bool:
    room = room_of(edge.name)
    if room in STANDARD:
        return True
    if within(edge.name, "nmtool.cli"):
        return within(edge.module, "nmtool.cli") or edge.module == "nmtool.__main__"
    if room == CORE == room_of(edge.module) and not inside_walls(edge):
        return False
    here = max(
        (rule for rule in RULES if within(edge.module, rule.where)),
        key=lambda rule: len(rule.where),
    )
    alone = here.where.endswith(".package")
    own = within(edge.name, here.where) if alone else room == room_of(edge.module)
    return own or room in here.always or (edge.lazy and room in here.lazily)


def inside_walls(edge: Import) -> bool:
    """True if an import between folders of `nmtool/` is in `INSIDE`."""
    own, other = ([*name.split("."), ""][1] for name in (edge.module, edge.name))
    if other not in FOLDERS or own == other:
        return True
    where = max((name for name in INSIDE if within(edge.module, name)), key=len)
    return other in INSIDE[where].split()


@pytest.fixture(scope="module")
def every() -> list[Import]:
    return [edge for module, path in modules() for edge in imports(module, path)]


def on_the_ground(name: str) -> bool:
    return any(within(name, place) for place in GROUND)


def test_the_ground_floor_imports_nothing_above_it(every: list[Import]) -> None:
    edges = [edge for edge in every if on_the_ground(edge.module) and room_of(edge.name) == CORE]
    assert len(edges) > 50
    above = [
        str(edge)
        for edge in edges
        if not on_the_ground(edge.name)
        and not any(within(edge.name, up) for up in REACHES.get(edge.module, ()))
    ]
    assert above == []


@pytest.mark.parametrize("room", ROOMS)
def test_every_import_is_allowed(room: str, every: list[Import]) -> None:
    edges = [edge for edge in every if room_of(edge.module) == room]
    assert len(edges) > 20
    assert [str(edge) for edge in edges if not allowed(edge)] == []


def loaded(edge: Import, names: Collection[str]) -> set[str]:
    """Modules that an import executes: a module, and packages around it that were not begun yet."""
    parts = edge.name.split(".")
    prefixes = [".".join(parts[:length]) for length in range(2, len(parts) + 1)]
    return {name for name in prefixes if name in names and not within(edge.module, name)}


def imported_by(edges: Iterable[Import], names: Collection[str]) -> dict[str, set[str]]:
    """The modules that each module imports by statements that Python executes."""
    graph: dict[str, set[str]] = {name: set() for name in names}
    for edge in edges:
        if edge.executed:
            graph[edge.module] |= loaded(edge, names)
    return graph


def circles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Groups of modules that import each other."""
    edges = [(name, other) for name, others in graph.items() for other in others]
    return [group for group in strongly_connected([*graph], edges) if len(group) > 1]


def all_below(module: str, graph: Mapping[str, set[str]]) -> set[str]:
    """A module, the packages around it, and everything that these import."""
    below = {name for name in graph if within(module, name)}
    waiting = [*below]
    while waiting:
        new = graph[waiting.pop()] - below
        below |= new
        waiting += new
    return below


def needless(edges: Sequence[Import], names: Collection[str]) -> list[Import]:
    """Late imports of modules that load nothing in `HEAVY` beyond what the importing one loads."""
    at_top = [edge for edge in edges if edge.executed and not edge.lazy]
    graph = imported_by(at_top, names)

    def heavy(modules: Collection[str]) -> set[str]:
        below = {name for module in modules for name in all_below(module, graph)}
        loads = below | {edge.name for edge in at_top if edge.module in below}
        return {key for key in HEAVY if any(within(name, key) for name in loads)}

    late = [edge for edge in edges if edge.executed and edge.lazy and loaded(edge, names)]
    return [
        edge
        for edge in late
        if not any(within(edge.module, room) for room in LAZY)
        if heavy(loaded(edge, names)) <= heavy([edge.module])
    ]


@pytest.fixture(scope="module")
def names() -> frozenset[str]:
    return frozenset(module for module, _ in modules())


def test_no_modules_import_each_other(every: list[Import], names: frozenset[str]) -> None:
    assert circles(imported_by(every, names)) == []


def test_late_imports_load_something_heavy(every: list[Import], names: frozenset[str]) -> None:
    assert [str(edge) for edge in needless(every, names)] == []


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ({"a": "def f():\n    import nmtool.b", "b": "from nmtool import a"}, [["a", "b"]]),
        ({"a": "from nmtool.b import c", "b": "", "b.c": "import nmtool.a"}, [["a", "b.c"]]),
        ({"a": "import nmtool.b.c", "b": "import nmtool.a", "b.c": ""}, [["a", "b"]]),
        ({"a": "if TYPE_CHECKING:\n    import nmtool.b", "b": "import nmtool.a"}, []),
        ({"b": "import nmtool.b.c", "b.c": "from nmtool.b.d import e", "b.d": ""}, []),
    ],
)
def test_circles_are_detected(
    codes: dict[str, str], expected: list[list[str]], tmp_path: Path
) -> None:
    edges = edges_of(codes, tmp_path)
    groups = circles(imported_by(edges, {f"nmtool.{name}" for name in codes}))
    assert [sorted(group) for group in groups] == [
        [f"nmtool.{name}" for name in group] for group in expected
    ]


@pytest.mark.parametrize(
    ("codes", "is_needless"),
    [
        ({"a": "def f():\n    import nmtool.b", "b": ""}, True),
        ({"a": "def f():\n    import nmtool.b", "b": "import torch"}, False),
        ({"a": "def f():\n    import nmtool.b", "b": "import nmtool.c", "c": "import h5py"}, False),
        ({"a": "import numba\ndef f():\n    import nmtool.b", "b": "import numba"}, True),
        ({"a": "import numba\ndef f():\n    import nmtool.b", "b": "import numba.cuda"}, False),
        ({"a": "def f():\n    import nmtool.b", "b": "def f():\n    import torch"}, True),
        ({"cli.a": "def f():\n    import nmtool.b", "b": ""}, False),
    ],
)
def test_needless_late_imports_are_detected(
    codes: dict[str, str], is_needless: bool, tmp_path: Path
) -> None:
    edges = edges_of(codes, tmp_path)
    assert bool(needless(edges, {f"nmtool.{name}" for name in codes})) == is_needless


def edges_of(codes: Mapping[str, str], folder: Path) -> list[Import]:
    """Imports of modules in `nmtool`, by their names and their code."""
    edges = []
    for name, code in codes.items():
        (folder / "module.py").write_text(code)
        edges += imports(f"nmtool.{name}", folder / "module.py")
    return edges


@pytest.mark.parametrize(
    ("module", "code"),
    [
        ("nmtool.raster", "import torch"),
        ("nmtool.raster", "def f():\n    import numba"),
        ("nmtool.raster", "from nmtool.cli import console"),
        ("nmtool.raster", "try:\n    import tonic\nexcept ImportError:\n    pass"),
        ("nmtool.data.shd", "import tonic"),
        ("nmtool.data.shd", "from nmtool import cli"),
        ("nmtool.cli.train", "import torch"),
        ("nmtool.raster", "def f():\n    import nmtool.training.loop.run"),
        ("nmtool.raster", "def f():\n    from nmtool import exporters"),
        ("nmtool.raster", "def f():\n    from .hardware_sim import step"),
        ("nmtool.raster", "def f():\n    from nmtool.evaluation import evaluation"),
        ("nmtool.data.events", "from nmtool.targets import LOIHI2"),
        ("nmtool.evaluation.comparing", "from nmtool.verification import verify"),
        ("nmtool.quantisation.scale", "from nmtool.targets import LOIHI2"),
        (
            "nmtool.verification.verify",
            "def f():\n    from nmtool.exchange.exporting import export",
        ),
        ("nmtool.__init__", "from nmtool.training.loop.run import train"),
        ("nmtool.__init__", "def f():\n    import torch"),
        ("nmtool.verification.comparison", "import h5py"),
        ("nmtool.verification.comparison", "def f():\n    from nmtool.exporters import formats"),
        ("nmtool.loading", "from nmtool.training import options"),
        ("nmtool.loading", "def f():\n    import torch"),
        ("nmtool.loading", "def f():\n    from nmtool.cli import console"),
        ("nmtool.cli.train", "from nmtool.training.options import TrainOptions"),
        ("nmtool.cli.train", "class A:\n    from nmtool import exporters"),
        ("nmtool.cli.train", "def f():\n    from training import options"),
        ("nmtool.hardware_sim.step", "from nmtool.training import kernels"),
        ("nmtool.hardware_sim.step", "import torch"),
        ("nmtool.hardware_sim.step", "def f():\n    import torch"),
        ("nmtool.hardware_sim.step", "import importlib\nimportlib.import_module('torch')"),
        ("nmtool.training.front.model", "from nmtool.exporters import lava"),
        ("nmtool.training.front.model", "import nmtool.cli.train"),
        ("nmtool.exporters.nir", "import nir"),
        ("nmtool.exporters.nir", "import nmtool.hardware_sim.step"),
        ("nmtool.exporters.nir", "def f():\n    import nmtool.training.front.model"),
        ("nmtool.exporters.nir", "import lava"),
        ("nmtool.exporters.lava.package.run", "import nmtool"),
        ("nmtool.exporters.lava.package.lava_network.x", "from ....supervise import f"),
        ("nmtool.exporters.lava.package.run", "from nmtool.exporters import lava"),
    ],
)
def test_forbidden_imports_are_detected(module: str, code: str, tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text(code)
    assert not all(allowed(edge) for edge in imports(module, tmp_path / "module.py"))


@pytest.mark.parametrize(
    ("module", "code"),
    [
        ("nmtool.raster", "import numpy.typing\nfrom nmtool.errors import DataError"),
        ("nmtool.data.shd", "def f():\n    from tonic import datasets"),
        ("nmtool.__init__", "if TYPE_CHECKING:\n    from nmtool.training.loop.run import train"),
        ("nmtool.__init__", "from nmtool.loading import load"),
        ("nmtool.verification.comparison", "from nmtool.recording import Recording"),
        ("nmtool.loading", "def f():\n    from nmtool.exporters import formats"),
        ("nmtool.cli.train", "def f():\n    from nmtool.training import options"),
        ("nmtool.cli.train", "if TYPE_CHECKING:\n    from nmtool.training import options"),
        ("nmtool.cli.train", "from nmtool.loading import load"),
        ("nmtool.__main__", "from nmtool.cli.main import main"),
        (
            "nmtool.training.front.model",
            "import torch\nfrom nmtool.hardware_sim.step import neuron_step",
        ),
        ("nmtool.exporters.lava.package.lava_network.x", "import lava\nfrom .y import z"),
    ],
)
def test_allowed_imports_pass(module: str, code: str, tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text(code)
    assert all(allowed(edge) for edge in imports(module, tmp_path / "module.py"))


# Tests of consequences: a deployed network runs without torch, and the user's files are never
# imported

REFUSED = "raise SystemExit(f'{__name__} of the user was imported')\n"


def user_folder(folder: Path, *names: str) -> Path:
    """A working folder in which importing any of the names ends the process."""
    for name in names:
        (folder / f"{name}.py").write_text(REFUSED)
    return folder


def python(*arguments: str, cwd: Path, path: tuple[Path, ...] = (ROOT,)) -> str:
    """Output of a new Python, stderr included; it must succeed."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path))}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=cwd, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def network(tmp_path: Path) -> Path:
    """A file of a network that fits the data set `yinyang`: 4 channels, 3 classes."""
    network = IntegerNetwork(
        InputChannels(4),
        [IntegerPopulation("out", 3, LI, du=400, dv=200, vth=SILENT_THRESHOLD, scale=1.0)],
        [IntegerProjection(INPUT, "out", np.full((4, 3), 2), np.zeros((4, 3)))],
        Readout("out", "mean"),
        dt_ms=1.0,
        n_steps=60,
    )
    network.save(tmp_path / "network.npz")
    return tmp_path / "network.npz"


@pytest.mark.parametrize(
    ("code", "library"),
    [
        ("import nmtool", "torch"),
        ("import nmtool", "numba"),
        ("import nmtool", "h5py"),
        ("import nmtool.hardware_sim.simulator", "torch"),
    ],
)
def test_libraries_that_are_not_imported(code: str, library: str, tmp_path: Path) -> None:
    user_folder(tmp_path, library)
    printed = python("-c", f"{code}; import sys; print({library!r} in sys.modules)", cwd=tmp_path)
    assert printed == "False\n"


def test_evaluating_integers_does_not_import_torch(network: Path, tmp_path: Path) -> None:
    (tmp_path / "blocked").mkdir()
    blocked = user_folder(tmp_path / "blocked", "torch")
    command = ("-m", "nmtool", "evaluate", str(network), "yinyang", "--samples", "2", "--json")
    printed = python(*command, cwd=tmp_path, path=(ROOT, blocked))
    assert '"samples": 2' in printed


def test_files_of_the_user_named_like_rooms_are_not_imported(network: Path, tmp_path: Path) -> None:
    user_folder(tmp_path, "training", "hardware_sim", "exporters")
    evaluate = ("-m", "nmtool", "evaluate", str(network), "yinyang", "--samples", "2")
    assert "accuracy" in python(*evaluate, cwd=tmp_path)
    assert "--hidden" in python("-m", "nmtool", "train", "--help", cwd=tmp_path)


def test_a_file_of_the_user_would_have_been_imported(tmp_path: Path) -> None:
    user_folder(tmp_path, "training")
    with pytest.raises(AssertionError, match="training of the user was imported"):
        python("-c", "import training", cwd=tmp_path)
