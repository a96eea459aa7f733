"""The installation of nmtool: its libraries, and commands that install missing libraries.

nmtool is not on a package index, so that `pip install nmtool[…]` could install another project's
package. The libraries of an extra are therefore installed by their own names, from nmtool's
metadata, into nmtool's environment. This method works for a checkout, a wheel and pipx.
"""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Iterable
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from nmtool.machine import has_nvidia_driver

if TYPE_CHECKING:
    from packaging.requirements import Requirement

NAME = "nmtool"

_CHECKOUT = Path(__file__).resolve().parents[2]
"""The folder with pyproject.toml, if nmtool runs without being installed."""

MAIN = {
    "": "everything",
    "train": "training, float networks, digits",
    "search": "hyperparameter search",
}
"""Purpose of nmtool without extras, '', and of the extras for training."""

CONVENIENCES = {
    "report": "plots",
    "tensorboard": "logs for TensorBoard",
    "tonic": "downloads of data sets",
}
"""Purpose of each other extra, except those of formats, which the formats declare."""

TORCH_FOR_CPUS = "https://download.pytorch.org/whl/cpu"
"""Index of torch's builds without CUDA; on Linux, the default index has builds with CUDA."""

_CUDA_EXTRAS = {"12": "cuda12", "13": "cuda"}
"""Extras with numba-cuda, the compiler of kernels, by CUDA's major version."""


def libraries(extra: str = "") -> list[Requirement]:
    """Libraries that an extra requires on this Python, including nested extras.

    >>> [library.name for library in libraries("onnx")]
    ['onnx', 'onnxruntime']

    Args:
        extra: name of the extra; '' for nmtool itself.

    Returns:
        Requirements for pip, such as `torch<3,>=2.2`; [] if nmtool is not installed.
    """
    distribution = _distribution()
    if distribution is None:
        return []
    from packaging.requirements import Requirement

    requirements: list[Requirement] = []
    nested: list[str] = []
    for requirement in map(Requirement, distribution.requires or []):
        marker, requirement.marker = requirement.marker, None
        applies = [marker is None or marker.evaluate({"extra": name}) for name in ("", extra)]
        if not applies[1] or (extra and applies[0]):
            continue
        if requirement.name == NAME:
            nested += requirement.extras
        else:
            requirements.append(requirement)
    for name in nested:
        requirements += [r for r in libraries(name) if r not in requirements]
    return requirements


def is_installed(library: Requirement) -> bool:
    """True if a version of the library is installed that satisfies the requirement."""
    version = version_of(library.name)
    return bool(version) and library.specifier.contains(version, prereleases=True)


def install_command(extra: str = "", *, broken: Iterable[str] = ()) -> str:
    """The command that installs the missing libraries of an extra, for a POSIX shell.

    Without an NVIDIA driver, torch's CPU build is installed first, since the default build
    includes gigabytes of CUDA. If nmtool itself is not installed, the command installs it.

    Args:
        extra: name of the extra; '' for nmtool itself.
        broken: installed packages that do not work, to be reinstalled.
    """
    required = libraries(extra)
    if not required:
        return f"pip install -e {shlex.quote(f'{_CHECKOUT}[{extra}]' if extra else str(_CHECKOUT))}"
    # The libraries of a library's own extras are not looked up.
    lacking = [library for library in required if library.extras or not is_installed(library)]
    wanted = [entry for entry in required if entry in lacking or entry.name in {*broken}]
    pip = _installer(force=wanted != lacking or not lacking)
    has_gpu_build = extra in _CUDA_EXTRAS.values() or has_nvidia_driver()
    builds: dict[bool, list[str]] = {True: [], False: []}
    for library in wanted or required:
        for_cpus = library.name == "torch" and sys.platform == "linux" and not has_gpu_build
        builds[for_cpus].append(shlex.quote(str(library)))
    indices = {True: ["--index-url", TORCH_FOR_CPUS], False: []}
    commands = [[*pip, *builds[kind], *indices[kind]] for kind in builds if builds[kind]]
    return " && ".join(map(" ".join, commands))


def cuda_extra(version: str | None) -> str:
    """The extra with numba-cuda for a version of CUDA.

    >>> cuda_extra("12.8"), cuda_extra("13.0")
    ('cuda12', 'cuda')
    """
    return _CUDA_EXTRAS.get(str(version).split(".")[0], "cuda")


def version_of(package: str) -> str:
    """Installed version of a package; '' if the package is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def _distribution() -> metadata.Distribution | None:
    """Metadata of the installed nmtool; None if nmtool is not installed."""
    try:
        return metadata.distribution(NAME)
    except metadata.PackageNotFoundError:
        return None


def _installer(force: bool = False) -> list[str]:
    """The command that installs packages where nmtool runs, up to their names."""
    if _is_pipx():
        words = ["pipx", "inject", *(["--force"] if force else [])]
        return [*words, shlex.quote(Path(sys.prefix).name)]
    python, program = shlex.quote(sys.executable), shutil.which("pip")
    if find_spec("pip") is None:
        pip = ["uv", "pip", "install", "--python", python]
    elif program is not None and Path(program).parent == Path(sys.executable).parent:
        pip = ["pip", "install"]
    else:
        pip = [python, "-m", "pip", "install"]
    return [*pip, "--force-reinstall"] if force else pip


def _is_pipx() -> bool:
    """True if nmtool runs in an environment of pipx."""
    return Path(sys.prefix, "pipx_metadata.json").exists()
