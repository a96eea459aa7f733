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
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlparse

from nmtool.machine import has_nvidia_driver

if TYPE_CHECKING:
    from packaging.requirements import Requirement

NAME = "nmtool"

GIVES = {
    "": "everything",
    "train": "training, float networks, digits",
    "sweep": "hyperparameter search",
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


@dataclass(frozen=True)
class Library:
    """A library that nmtool or one of its extras requires.

    Attributes:
        requirement: requirement for pip, e.g. `torch<3,>=2.2`.
        name: name of the package.
        version: installed version; '' if not installed.
        fits: True if the installed version satisfies the requirement.
    """

    requirement: str
    name: str
    version: str
    fits: bool


def libraries(extra: str = "") -> tuple[Library, ...]:
    """Libraries that an extra requires on this Python, including nested extras.

    >>> [library.name for library in libraries("onnx")]
    ['onnx', 'onnxruntime']

    Args:
        extra: name of the extra; '' for nmtool itself.
    """
    return tuple(_library(requirement) for requirement in _requirements(extra))


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
    requirements = _requirements(extra)
    if not requirements:
        return (
            f"pip install -e {shlex.quote(str(_source_folder()) + (f'[{extra}]' if extra else ''))}"
        )
    reinstalled = [
        requirement
        for requirement in requirements
        if requirement.name in {*broken} and _library(requirement).fits
    ]
    missing = [
        requirement
        for requirement in requirements
        if requirement.extras or not _library(requirement).fits
    ]
    if not missing and not reinstalled:
        reinstalled = requirements
    needs_cpu_build = (
        extra not in _CUDA_EXTRAS.values() and sys.platform == "linux" and not has_nvidia_driver()
    )
    torch_requirements = [
        requirement
        for requirement in [*missing, *reinstalled]
        if requirement.name == "torch" and needs_cpu_build
    ]
    commands = [
        _install_call(
            torch_requirements,
            *(["--force-reinstall"] if torch_requirements[0] in reinstalled else []),
            index=TORCH_FOR_CPUS,
        )
        if torch_requirements
        else "",
        _install_call(
            [requirement for requirement in reinstalled if requirement not in torch_requirements],
            "--force-reinstall",
        ),
        _install_call(
            [requirement for requirement in missing if requirement not in torch_requirements]
        ),
    ]
    return " && ".join(filter(None, commands))


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
        return f"runs from {_source_folder()}, not installed"
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


def is_within(version: str, wanted: str) -> bool:
    """True if a version satisfies a specifier.

    >>> is_within("2.13.0+cpu", "<3,>=2.2"), is_within("3.14.0", "<3.14,>=3.10")
    (True, False)
    """
    from packaging.specifiers import SpecifierSet

    return SpecifierSet(wanted).contains(version, prereleases=True)


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


def _requirements(extra: str) -> list[Requirement]:
    """Requirements of an extra on this Python; [] if nmtool is not installed."""
    distribution = _distribution()
    if distribution is None:
        return []
    from packaging.requirements import Requirement

    requirements: dict[str, Requirement] = {}
    waiting = [extra]
    for extra_name in waiting:
        for text in distribution.requires or []:
            requirement = Requirement(text)
            marker = requirement.marker
            is_unconditional = marker is None or marker.evaluate({"extra": ""})
            if not (
                is_unconditional
                if not extra_name
                else not is_unconditional and marker and marker.evaluate({"extra": extra_name})
            ):
                continue
            if requirement.name == NAME:
                waiting += [name for name in requirement.extras if name not in waiting]
            else:
                requirement.marker = None
                requirements.setdefault(str(requirement), requirement)
    return list(requirements.values())


def _library(requirement: Requirement) -> Library:
    """A required library, with its installed version."""
    version = version_of(requirement.name)
    fits = bool(version) and requirement.specifier.contains(version, prereleases=True)
    return Library(str(requirement), requirement.name, version, fits)


def _install_call(packages: Sequence[Requirement], *options: str, index: str = "") -> str:
    """The shell command that installs packages into this environment; '' without packages."""
    if not packages:
        return ""
    texts = [shlex.quote(str(package)) for package in packages]
    if _is_pipx():
        forced = ["--force" for option in options if option == "--force-reinstall"]
        words = ["pipx", "inject", *forced, shlex.quote(Path(sys.prefix).name)]
    else:
        words = [*_installer(), *options]
    return " ".join([*words, *texts, *(["--index-url", index] if index else [])])


def _installer() -> list[str]:
    """`pip install` as a command for the environment in which nmtool runs."""
    if find_spec("pip") is None:
        distribution = _distribution()
        by_uv = distribution and (distribution.read_text("INSTALLER") or "").strip() == "uv"
        python = ["--python", shlex.quote(sys.executable)]
        return ["uv", "pip", "install", *python] if by_uv else ["pip", *python, "install"]
    program = shutil.which("pip")
    is_ours = program is not None and Path(program).parent == Path(sys.executable).parent
    pip = ["pip"] if is_ours else [shlex.quote(sys.executable), "-m", "pip"]
    return [*pip, "install"]


def _is_pipx() -> bool:
    """True if nmtool runs in an environment of pipx."""
    return Path(sys.prefix, "pipx_metadata.json").exists()


def _source_folder() -> Path:
    """The checkout: the folder with pyproject.toml, if nmtool runs without being installed."""
    return Path(__file__).resolve().parents[2]
