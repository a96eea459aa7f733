"""The installation of nmtool: its libraries, and commands that install missing libraries.

nmtool is not on a package index, so that `pip install nmtool[…]` could install another project's
package. The libraries of an extra are therefore installed by their own names, from nmtool's
metadata, into nmtool's environment. This method works for a checkout, a wheel and pipx.
"""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from collections.abc import Iterable
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlparse

from nmtool.machine import has_nvidia_driver

if TYPE_CHECKING:
    from packaging.requirements import Requirement

NAME = "nmtool"

_CHECKOUT = Path(__file__).resolve().parents[2]
"""The folder with pyproject.toml, if nmtool runs without being installed."""

GIVES = {
    "": "everything",
    "train": "training, float networks, digits",
    "search": "hyperparameter search",
    "onnx": "ONNX files",
    "nir": "NIR files",
    "verilog": "fast simulation of Verilog exports",
    "report": "plots",
    "tensorboard": "logs for TensorBoard",
    "tonic": "downloads of data sets",
    "completion": "completion of commands in a shell",
}
"""Purpose of each extra, in order of use; '' is nmtool without extras."""

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
    if _distribution() is not None and find_spec("packaging") is None:
        return " ".join([*_installer(), "packaging"])
    required = libraries(extra)
    if not required:
        return f"pip install -e {shlex.quote(f'{_CHECKOUT}[{extra}]' if extra else str(_CHECKOUT))}"
    fitting = [library for library in required if is_installed(library)]
    forced = [library for library in fitting if library.name in {*broken}]
    # The libraries of a library's own extras are not looked up.
    wanted = [
        library
        for library in required
        if library.extras or library in forced or library not in fitting
    ]
    if not wanted:
        forced = wanted = required
    has_gpu_build = extra in _CUDA_EXTRAS.values() or has_nvidia_driver()
    calls: dict[tuple[bool, bool], list[str]] = {}
    for library in wanted:
        for_cpus = library.name == "torch" and sys.platform == "linux" and not has_gpu_build
        call = calls.setdefault((for_cpus, library in forced), [])
        call.append(shlex.quote(str(library)))
    commands = []
    for for_cpus, force in sorted(calls, reverse=True):
        index = ["--index-url", TORCH_FOR_CPUS] if for_cpus else []
        commands.append(" ".join([*_installer(force), *calls[for_cpus, force], *index]))
    return " && ".join(commands)


def cuda_extra(version: str | None) -> str:
    """The extra with numba-cuda for a version of CUDA.

    >>> cuda_extra("12.8"), cuda_extra("13.0")
    ('cuda12', 'cuda')
    """
    return _CUDA_EXTRAS.get(str(version).split(".")[0], "cuda")


def installed_from() -> str:
    """The source of the installation in words: a checkout, a file or pipx."""
    distribution = _distribution()
    if distribution is None:
        return f"runs from {_CHECKOUT}, not installed"
    origin = json.loads(distribution.read_text("direct_url.json") or "{}")
    url = urlparse(origin.get("url", ""))
    place = unquote(url.path) if url.scheme == "file" else url.geturl()
    within = " by pipx" if _is_pipx() else ""
    if not place:
        return f"installed{within}"
    is_editable = origin.get("dir_info", {}).get("editable", False)
    return f"installed{within} from {place}{', editable' if is_editable else ''}"


def supported_pythons() -> str:
    """Supported versions of Python, e.g. `<3.14,>=3.10`; '' if unknown."""
    distribution = _distribution()
    return (distribution.metadata["Requires-Python"] or "") if distribution else ""


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
        distribution = _distribution()
        by_uv = distribution and (distribution.read_text("INSTALLER") or "").strip() == "uv"
        pip = ["uv", "pip", "install", "--python", python]
        pip = pip if by_uv else ["pip", "--python", python, "install"]
    elif program is not None and Path(program).parent == Path(sys.executable).parent:
        pip = ["pip", "install"]
    else:
        pip = [python, "-m", "pip", "install"]
    return [*pip, "--force-reinstall"] if force else pip


def _is_pipx() -> bool:
    """True if nmtool runs in an environment of pipx."""
    return Path(sys.prefix, "pipx_metadata.json").exists()
