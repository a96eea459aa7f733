"""Distributions: their content, and use without the repository.

The source distribution is built from a copy of the files that git tracks, and the wheel from the
source distribution. The wheel is installed into a new environment, which has the libraries of the
running one, but not its editable nmtool.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from nmtool.arithmetic import SILENT_THRESHOLD
from nmtool.network.graph import INPUT, LI, LIF, InputChannels
from nmtool.network.integer_network import IntegerNetwork, IntegerPopulation, IntegerProjection
from nmtool.network.readout import Readout
from nmtool.version import __version__

ROOT = Path(__file__).parents[1]
INSTALLED = {
    "nmtool": "nmtool",
    "hardware_sim": "nmtool/hardware_sim",
    "training": "nmtool/training",
    "exporters": "nmtool/exporters",
    "docs": "nmtool/docs",
    "examples": "nmtool/examples",
    **{
        str(folder.relative_to(ROOT)): name
        for path in ROOT.glob("plugins/*/nmtool_*")
        for folder, name in ((path, path.name), (path.parent / "docs", f"{path.name}/docs"))
    },
}
"""Installed path of each folder."""

pytestmark = pytest.mark.skipif(
    not (ROOT / ".git").exists() or shutil.which("git") is None, reason="needs git and its checkout"
)


def tracked() -> list[str]:
    """Files that git tracks or does not ignore."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout.decode()
    return sorted(name for name in set(listed.split("\0")) if name and (ROOT / name).is_file())


@dataclass(frozen=True)
class Built:
    """Built distributions, and their sources.

    Attributes:
        files: files of the repository, relative to its root.
        sdist: files in the source distribution, relative to its root.
        wheel: the wheel.
    """

    files: list[str]
    sdist: set[str]
    wheel: Path


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Build both distributions."""
    folder = tmp_path_factory.mktemp("built")
    files = tracked()
    for name in files:
        (folder / "copy" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, folder / "copy" / name)
    archive = _build("sdist", folder / "copy", folder)
    with tarfile.open(archive) as tar:
        names = {name.partition("/")[2] for name in tar.getnames() if tar.getmember(name).isfile()}
        tar.extractall(folder / "unpacked", **_SAFELY)
    (source,) = (folder / "unpacked").iterdir()
    return Built(files, names, _build("wheel", source, folder))


_SAFELY = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}


def _build(kind: str, source: Path, folder: Path) -> Path:
    """Call the build backend directly, since a build front end would download setuptools."""
    code = f"from setuptools import build_meta; print(build_meta.build_{kind}({str(folder)!r}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder / done.stdout.splitlines()[-1]


def test_the_wheel_has_only_the_rooms_and_the_docs(built: Built) -> None:
    expected = {
        f"{package}{name.removeprefix(folder)}"
        for name in built.files
        for folder, package in INSTALLED.items()
        if name.startswith(f"{folder}/")
    }
    with zipfile.ZipFile(built.wheel) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert names == expected
    assert {"nmtool/py.typed", "nmtool/recipes/digits.toml", "nmtool/training/loop/run.py"} < names


def test_the_source_distribution_has_the_files_that_git_tracks(built: Built) -> None:
    assert set(built.files) - built.sdist == {".gitignore"}
    additions = built.sdist - set(built.files)
    assert {name for name in additions if ".egg-info/" not in name} == {"PKG-INFO", "setup.cfg"}


# Tests of the installed wheel, which run in folders of a user


class Installed:
    """An environment with the wheel.

    Args:
        folder: folder of the environment.
    """

    def __init__(self, folder: Path) -> None:
        self.python = folder / "bin" / "python"
        self._folder = folder

    @property
    def site(self) -> Path:
        """Folder of installed packages."""
        (packages,) = self._folder.glob("lib/python*/site-packages")
        return packages

    def run(self, *words: str, cwd: Path, code: int = 0) -> str:
        """Run Python in the environment, which must exit with `code`; returns its output."""
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        done = subprocess.run(
            [self.python, *words],
            cwd=cwd,
            env={**environment, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    def nmtool(self, *words: str, cwd: Path) -> str:
        """Run a command, which must succeed; returns its output."""
        return self.run("-m", "nmtool", *words, cwd=cwd)


@pytest.fixture(scope="session")
def installed(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Install the wheel into an environment that also has the running one's libraries."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, symlinks=True)
    environment = Installed(folder)
    pip = ("-m", "pip", "--python", str(environment.python), "install", "--quiet", "--no-deps")
    done = subprocess.run(
        [sys.executable, *pip, "--no-index", "--no-compile", str(built.wheel)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    # Python does not process the .pth files in folders that another .pth file adds.
    libraries = [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
    (environment.site / "libraries.pth").write_text("\n".join(libraries))
    return environment


@pytest.fixture
def network(tmp_path: Path) -> str:
    """A file of a network that fits the data set `yinyang`: 4 channels, 3 classes."""
    network = IntegerNetwork(
        InputChannels(4),
        [
            IntegerPopulation("hidden", 3, LIF, du=400, dv=200, vth=100, scale=1.0),
            IntegerPopulation("out", 3, LI, du=400, dv=200, vth=SILENT_THRESHOLD, scale=1.0),
        ],
        [
            IntegerProjection(INPUT, "hidden", np.full((4, 3), 100), np.zeros((4, 3))),
            IntegerProjection("hidden", "out", np.full((3, 3), 2), np.zeros((3, 3))),
        ],
        Readout("out", "mean"),
        dt_ms=1.0,
        n_steps=60,
    )
    network.save(tmp_path / "network.npz")
    return "network.npz"


def test_the_wheel_is_imported(installed: Installed, tmp_path: Path) -> None:
    code = "import nmtool, sys; print(nmtool.__file__, nmtool.__version__, *sys.path, sep='\\n')"
    file, version, *path = installed.run("-c", code, cwd=tmp_path).splitlines()
    assert Path(file) == installed.site / "nmtool" / "__init__.py"
    assert version == __version__
    assert str(ROOT) not in path
    assert (installed.python.parent / "nmtool").is_file()


def test_rooms_are_only_imported_from_their_own_nmtool(
    installed: Installed, tmp_path: Path
) -> None:
    shutil.copytree(installed.site / "nmtool", tmp_path / "nmtool")
    shutil.rmtree(tmp_path / "nmtool" / "exporters")
    code = "import nmtool, nmtool.training; print(nmtool.__file__); import nmtool.exporters"
    printed = installed.run("-c", code, cwd=tmp_path, code=1)
    assert Path(printed.strip()).parent == tmp_path / "nmtool"


def test_pages_and_examples_are_there(installed: Installed, tmp_path: Path) -> None:
    code = (
        "from nmtool.paths import pages_folder\n"
        "print(pages_folder('docs') / 'recording.md', pages_folder('examples') / 'digits.ipynb')"
    )
    page, notebook = installed.run("-c", code, cwd=tmp_path).split()
    assert Path(page) == installed.site / "nmtool" / "docs" / "recording.md"
    assert Path(page).is_file()
    assert Path(notebook).is_file()


def test_every_format_can_be_imported(installed: Installed, tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from nmtool.exporters.formats import all_formats\n"
        "for one in all_formats(): print(sys.modules[one.__module__].__file__)"
    )
    files = [Path(line) for line in installed.run("-c", code, cwd=tmp_path).splitlines()]
    assert len(files) > 3
    assert all(file.is_relative_to(installed.site) for file in files)


def test_kernels_use_the_installed_sources(installed: Installed, tmp_path: Path) -> None:
    code = (
        "from nmtool.hardware_sim.compiled import source_files\n"
        "from nmtool.training.engines.cpu.kernels.compiled import SOURCES\n"
        "print(*source_files(SOURCES), sep='\\n')"
    )
    files = [Path(line) for line in installed.run("-c", code, cwd=tmp_path).splitlines()]
    rooms = installed.site / "nmtool"
    assert all(file.is_relative_to(rooms) for file in files)
    assert {
        rooms / "hardware_sim/kernel.py",
        rooms / "training/engines/cpu/kernels/rings.py",
    } < set(files)


@pytest.fixture
def beside(tmp_path: Path) -> Path:
    """A user's files and folders next to a script, named like rooms, which fail if imported."""
    failing = "raise SystemExit(f'{__name__} of the user was imported')\n"
    (tmp_path / "training.py").write_text(failing)
    for room in ("training", "exporters", "hardware_sim"):
        (tmp_path / room).mkdir()
        (tmp_path / room / "__init__.py").write_text(failing)
    return tmp_path


@pytest.mark.long
def test_files_of_the_user_change_nothing(installed: Installed, beside: Path, network: str) -> None:
    printed = installed.nmtool(
        "evaluate", network, "yinyang", "--samples", "2", "--json", cwd=beside
    )
    assert json.loads(printed)["samples"] == 2
    (beside / "script.py").write_text(
        "from nmtool.exporters import formats\n"
        "from nmtool.hardware_sim.simulator import simulate\n"
        "from nmtool.training.options import TrainOptions\n"
        "print(TrainOptions.from_file('digits').hidden)"
    )
    assert installed.run("script.py", cwd=beside) == "100\n"
    installed.run("-c", "import training", cwd=beside, code=1)


@pytest.mark.torch
@pytest.mark.long
def test_training_can_be_imported(installed: Installed, beside: Path) -> None:
    code = "from nmtool.training.loop import run; print(run.__file__)"
    printed = installed.run("-c", code, cwd=beside)
    assert Path(printed.strip()) == installed.site / "nmtool/training/loop/run.py"


@pytest.mark.torch
@pytest.mark.long
def test_training_started_by_torchrun(installed: Installed, beside: Path) -> None:
    small = ("--hidden", "4", "--steps", "60", "--epochs", "1", "--batch-size", "2000")
    job = ("train", "yinyang", "-o", "run", "--config", "digits", *small, "--init-rate", "none")
    torchrun = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "1")
    installed.run(*torchrun, "-m", "nmtool", *job, "--threads", "1", cwd=beside)
    options = json.loads((beside / "run" / "run.json").read_text())["options"]
    assert (options["hidden"], options["gain"], options["average"]) == (4, 100.0, 0.99)
    assert (beside / "run" / "network.npz").is_file()


@pytest.mark.torch
@pytest.mark.long
def test_a_search(installed: Installed, beside: Path) -> None:
    pytest.importorskip("optuna")
    small = ("--hidden", "4", "--steps", "60", "--epochs", "1", "--batch-size", "2000")
    words = ("search", "yinyang", "-o", "study", "--budget", "2", *small)
    shared = ("--init-rate", "none", "--threads", "2", "--json")
    answer = json.loads(installed.nmtool(*words, *shared, cwd=beside))
    assert (len(answer["short"]), len(answer["full"])) == (2, 3)


@pytest.mark.lava
@pytest.mark.long
def test_an_export_runs_in_lava(installed: Installed, beside: Path, network: str) -> None:
    export = ("export", network, "--to", "lava", "-o", "deployed", "--data", "yinyang")
    installed.nmtool(*export, cwd=beside)
    assert "different 0" in installed.nmtool("verify", "deployed", cwd=beside)
