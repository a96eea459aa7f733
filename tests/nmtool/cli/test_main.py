"""The program: help, exit codes, other exceptions, broken pipes, imports at the start."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from nmtool.cli import zoo
from nmtool.cli.commands import ALSO, COMMANDS
from nmtool.errors import BackendError, DoesNotFitError, UsageError
from nmtool.setup.installation import install_command
from tests.nmtool.cli.cases import CommandResult
from tests.nmtool.cli.conftest import Nmtool

ROOT = Path(__file__).parents[3]


def _environment() -> dict[str, str]:
    """The environment of this process, without variables that change the buffering of output."""
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return {**variables, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}


def _start(*words: object, script: str = "", **settings: object) -> subprocess.CompletedProcess:
    """Run nmtool, or a script, in a new process with all warnings."""
    program = ["-c", script] if script else ["-m", "nmtool"]
    return subprocess.run(
        [sys.executable, "-W", "error", *program, *map(str, words)],
        **{
            "capture_output": True,
            "text": True,
            "env": _environment(),
            "check": False,
            "timeout": 120,
            **settings,
        },
    )


def _result(done: subprocess.CompletedProcess) -> CommandResult:
    return CommandResult(done.returncode, done.stdout or "", done.stderr)


def _raising(error: BaseException) -> Callable[[object], int]:
    """A command that raises an error."""

    def run(arguments: object) -> int:
        raise error

    return run


def test_help_names_every_command_and_the_exit_codes(nmtool: Nmtool) -> None:
    result = nmtool("--help")
    assert result.code == 0
    assert all(f"  {name} " in result.out.replace("\n", " ") for name in COMMANDS)
    assert "3 something needed is missing" in " ".join(result.out.split())
    assert result.err == ""


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, nmtool: Nmtool) -> None:
    result = nmtool(command, "--help")
    assert result.code == 0
    assert result.out.startswith(f"usage: nmtool {command}")
    assert COMMANDS[command].text.split()[0].rstrip(":") in result.out.lower()
    assert "SUPPRESS" not in result.out
    assert result.err == ""


@pytest.mark.parametrize(("spelling", "command"), ALSO.items())
def test_commands_have_alternative_spellings(spelling: str, command: str, nmtool: Nmtool) -> None:
    assert (spelling, command) == ("quantize", "quantise")
    assert nmtool(spelling, "--help") == nmtool(command, "--help")
    assert f" {spelling} " not in nmtool("--help").out


def test_version(nmtool: Nmtool) -> None:
    result = nmtool("--version")
    assert (result.code, result.out[:7]) == (0, "nmtool ")


def test_no_command_shows_help_on_stderr(nmtool: Nmtool) -> None:
    result = nmtool()
    assert result.code == 2
    assert result.out == ""
    assert result.err.startswith("usage: nmtool")


@pytest.mark.parametrize(
    ("words", "error", "phrases"),
    [
        (["quantse"], "command-unknown", ["'quantse'", "'quantise'"]),
        (["evaluate"], "command-line", ["NETWORK, DATA"]),
        (["evaluate", "a", "b", "--samples", "0"], "command-line", ["--samples", "'0'"]),
        (["evaluate", "a", "b", "--samples", "-3"], "command-line", ["--samples", "'-3'"]),
        (["evaluate", "a", "b", "--samples", "few"], "command-line", ["--samples", "'few'"]),
        (["evaluate", "a", "b", "--threads", "0"], "command-line", ["--threads", "'0'"]),
        (["evaluate", "a", "b", "--sample", "3"], "option-unknown", ["--sample\n", "--samples?"]),
        (["train", "a", "--epoch=3"], "option-unknown", ["--epoch\n", "--epochs?"]),
        (["train", "--hiden", "--epoch"], "option-unknown", ["--hidden?", "--epochs?"]),
        (["train", "a", "--readout", "men"], "command-line", ["--readout", "'mean'?", "window"]),
        (["export", "a", "--to", "lva"], "command-line", ["--to", "did you mean 'lava'?"]),
        (["quantise", "a", "--ranges", "lagrest"], "command-line", ["--ranges", "'largest'?"]),
        (["verify", "a", "--option", "lava"], "command-line", ["BACKEND.NAME=VALUE", "'lava'"]),
        (["verify", "a", "--against", "onxx"], "command-line", ["'onnx'?", "FILE.npz"]),
        (["inspect", "a", "--", "--b", "--c"], "command-line", ["--c"]),
        (["verify", "a", "b"], "file-missing", [" a\n"]),
        (["verify", "a", "b", "--threads", "99999"], "threads-range", ["99999"]),
        (["setup"], "command-line", ["lava"]),
        (["setup", "lava", "--status", "--force"], "option-unused", ["--force"]),
        (["--speed"], "command-line", ["COMMAND"]),
    ],
)
def test_wrong_usage(words: list[str], error: str, phrases: list[str], nmtool: Nmtool) -> None:
    result = nmtool(*words)
    assert (result.code, result.out, result.error) == (2, "", error)
    assert all(phrase in result.err for phrase in phrases), result.err
    assert "  fix: " in result.err


@pytest.mark.parametrize(
    ("raised", "code", "message"),
    [
        (
            UsageError("a", code="some-problem", why="b", fix="c"),
            2,
            "error[some-problem]: a\n  why: b\n  fix: c\n",
        ),
        (DoesNotFitError("a", code="too-large"), 1, "error[too-large]: a\n"),
        (BackendError("a", code="it-hung"), 3, "error[it-hung]: a\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (KeyboardInterrupt(signal.SIGTERM), 143, "interrupted\n"),
    ],
)
def test_exit_codes(
    raised: BaseException,
    code: int,
    message: str,
    nmtool: Nmtool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(zoo, "run", _raising(raised))
    assert nmtool("zoo", "file") == CommandResult(code, "", message)


@pytest.mark.parametrize(
    ("raised", "code", "error", "phrase"),
    [
        (MemoryError("9 GiB"), 2, "memory-exhausted", "9 GiB"),
        (OSError(28, "No space left", "x.npz"), 2, "system-error", "x.npz: No space left"),
        (
            ModuleNotFoundError("No module named 'torch'", name="torch"),
            3,
            "library-missing",
            "'torch<3",
        ),
        (ImportError("no", name="sklearn.datasets"), 3, "library-missing", "'scikit-learn<2"),
        (ModuleNotFoundError("no", name="tonic"), 3, "library-missing", "'tonic<2"),
        (ModuleNotFoundError("no", name="h5py"), 3, "library-missing", "'h5py<4"),
        (ImportError("libtorch.so: none"), 3, "library-missing", "libtorch.so: none"),
    ],
)
def test_other_exceptions_are_translated(
    raised: Exception,
    code: int,
    error: str,
    phrase: str,
    nmtool: Nmtool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(zoo, "run", _raising(raised))
    monkeypatch.setattr("nmtool.cli.streams.silence", lambda *streams: None)
    result = nmtool("zoo", "file")
    assert (result.code, result.out, result.error) == (code, "", error)
    assert phrase in result.err


@pytest.mark.parametrize(
    "mistake", [AssertionError(), ImportError("no name x", name="nmtool.hardware_sim.step")]
)
def test_internal_errors_keep_their_traceback(
    mistake: Exception, nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zoo, "run", _raising(mistake))
    with pytest.raises(type(mistake)):
        nmtool("zoo", "a")


@pytest.mark.parametrize("words", [["--help"], ["train", "--help"], ["inspect", "integers.npz"]])
def test_starting_imports_no_heavy_library(words: list[str], integers: Path) -> None:
    script = (
        "import sys; from nmtool.cli.main import main; code = main(sys.argv[1:]); "
        "print(*{'torch', 'numba', 'sklearn', 'tonic', 'scipy'} & set(sys.modules), "
        "file=sys.stderr); sys.exit(code)"
    )
    done = _start(*words, script=script, cwd=integers.parent)
    assert (done.returncode, done.stderr) == (0, "\n")


@pytest.mark.parametrize("word", ["--help", "--version"])
def test_help_imports_no_library(word: str) -> None:
    done = _start(word, env={**_environment(), "PYTHONPROFILEIMPORTTIME": "1"})
    assert done.returncode == 0
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "nmtool.cli.main" in imported
    assert not imported & {"numpy", "torch", "numba", "h5py", "sklearn", "scipy"}


@pytest.mark.parametrize(
    ("words", "library", "fix"),
    [
        (
            ["train", "two", "-o", "run", "--validation", "4"],
            "torch",
            install_command("train", broken=["torch"]),
        ),
        (["data", "digits"], "sklearn", install_command("train", broken=["scikit-learn"])),
        (["data", "tonic:NMNIST"], "tonic", install_command("tonic", broken=["tonic"])),
    ],
)
@pytest.mark.usefixtures("floats")
def test_missing_library(words: list[str], library: str, fix: str, data: Path) -> None:
    script = (
        f"import sys; sys.modules['{library}'] = None; from nmtool.cli.main import main; "
        "sys.exit(main(sys.argv[1:]))"
    )
    done = _start(*words, script=script, cwd=data.parent)
    result = _result(done)
    assert (result.code, result.out, result.error) == (3, "", "library-missing")
    assert "Traceback" not in result.err
    assert f"fix: {fix}\n" in result.err


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_a_closed_pipe_is_not_an_error(more: list[str], integers: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = _start(
            *("inspect", integers, *more),
            capture_output=False,
            stdout=writing,
            stderr=subprocess.PIPE,
        )
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is full")
@pytest.mark.parametrize("more", [[], ["--json"]])
def test_an_unwritable_output_is_an_error(more: list[str], integers: Path) -> None:
    with open("/dev/full", "w") as full:
        done = _start(
            *("inspect", integers, *more),
            capture_output=False,
            stdout=full,
            stderr=subprocess.PIPE,
        )
    assert (done.returncode, _result(done).error) == (2, "system-error")


def test_a_terminal_without_unicode(integers: Path) -> None:
    settings = {"env": {**_environment(), "PYTHONIOENCODING": "ascii"}}
    done = _start("inspect", integers, **settings)
    assert (done.returncode, done.stderr) == (0, "")
    assert "0 ? 4, mean 1.8" in done.stdout


def test_modules_in_the_working_folder_are_not_imported(integers: Path) -> None:
    for name in ("training.py", "exporters.py", "hardware_sim.py"):
        (integers.parent / name).write_text("raise SystemExit('the wrong module')\n")
    done = _start("train", "--help", cwd=integers.parent)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("value", ["0", "1000000000"])
@pytest.mark.parametrize(
    "words", [["evaluate", "integers.npz", "two"], ["train", "two", "-o", "r"]]
)
@pytest.mark.usefixtures("data")
def test_a_number_of_threads_that_numba_cannot_start(
    words: list[str], value: str, integers: Path
) -> None:
    environment = {**_environment(), "NUMBA_NUM_THREADS": value}
    result = _result(_start(*words, cwd=integers.parent, env=environment))
    assert (result.code, result.out, result.error) == (2, "", "numba-threads")
    assert f"NUMBA_NUM_THREADS={value} " in result.err
    assert "Traceback" not in result.err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_that_became_another_error(
    number: signal.Signals, code: int, nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(arguments: object) -> int:
        try:
            signal.raise_signal(number)
        except KeyboardInterrupt as interrupt:
            raise ImportError("torch is broken") from interrupt
        raise AssertionError("nothing was raised")

    monkeypatch.setattr(zoo, "run", run)
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        assert nmtool("zoo", "file") == CommandResult(code, "", "interrupted\n")
    finally:
        signal.signal(signal.SIGINT, previous)


LIBRARY = """
import signal
import time

signal.raise_signal(signal.SIGINT)
time.sleep(0.2)
print("loaded")
"""


@pytest.mark.usefixtures("data")
def test_an_interrupt_while_libraries_load(integers: Path) -> None:
    (integers.parent / "sklearn.py").write_text(LIBRARY)
    environment = {**_environment(), "PYTHONPATH": f"{integers.parent}{os.pathsep}{ROOT}"}
    script = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from nmtool.__main__ import script; import sys; sys.exit(script())"
    )
    done = _start("data", "digits", script=script, cwd=integers.parent, env=environment)
    result = _result(done)
    assert (result.code, result.out) == (130, "loaded\n")
    # Between these two lines, stderr may name the file that was being read.
    assert "Ctrl-C again stops now\n" in result.err, "it is acknowledged at once"
    assert result.err.endswith("\ninterrupted\n")
