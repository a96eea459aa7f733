"""Runs commands of nmtool in children of one warm process, and measures memory and time.

    python -m tests.hostile.forks JOBS.json ANSWERS.json

A job is {"words": […], "folder": …, "streams": […], "cpu_s": …}. Its answer is a line with exit
code, stdout, stderr, peak memory in bytes and CPU time in seconds. The exit code of a traceback is
120. A child that computes for longer than `cpu_s`, by default `CPU_S`, or waits for longer than
`PATIENCE_S`, is ended by a signal; its exit code is then negative.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import Any

import nmtool
from nmtool.cli.main import main
from nmtool.errors import NmtoolError

CLOSED = "-"
CPU_S = 10
PATIENCE_S = 60
ADDRESSES = 16 << 30
"""Limit on address space in bytes, so that a failing test does not exhaust the machine."""

LIBRARIES = ("h5py", "nir", "numba", "onnx", "torch", "optuna")


FILE_BYTES = 1 << 28
"""Limit on the size of a file, so that a failing test does not fill the disk."""


def answers(jobs: list[dict[str, Any]], folder: Path) -> list[dict[str, Any]]:
    """Run jobs in a process of this module.

    Args:
        jobs: the jobs.
        folder: folder for the files of jobs and answers.
    """
    files = folder / "jobs.json", folder / "answers.json"
    files[0].write_text(json.dumps(jobs))
    command = [sys.executable, "-m", "tests.hostile.forks", *files]
    subprocess.run(command, cwd=Path(__file__).parents[2], check=True)
    return [json.loads(line) for line in files[1].read_text().splitlines()]


def run(job: dict[str, Any]) -> dict[str, Any]:
    """Run one job."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if child == 0:
            _in_child(job, out.fileno(), err.fileno())
        _, status, usage = os.wait4(child, 0)
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read(1 << 20).decode(errors="replace"))
        code = os.waitstatus_to_exitcode(status)
        return {
            "code": code,
            "out": texts[0],
            "err": texts[1],
            "bytes": usage.ru_maxrss << 10,
            "seconds": usage.ru_utime + usage.ru_stime,
        }


def _in_child(job: dict[str, Any], out: int, err: int) -> None:
    code = 120  # The run has this exit code if an exception ends it.
    try:
        # The child has its own process group, so that it can be killed without its parent.
        os.setsid()
        os.dup2(out, 1)
        os.dup2(err, 2)
        for descriptor, name in enumerate(job.get("streams", ())):
            _redirect(descriptor, name)
        used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
        limit = int(used) + job.get("cpu_s", CPU_S)
        resource.setrlimit(resource.RLIMIT_CPU, (limit + 1, limit + 2))
        resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES))
        resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES, FILE_BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(PATIENCE_S)
        os.chdir(job["folder"])
        code = main(job["words"])
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        try:
            sys.stdout.flush()
        except OSError:
            code = 120  # Python itself exits with this code if it cannot flush stdout.
        with suppress(OSError):
            sys.stderr.flush()
        os._exit(code)


def _redirect(descriptor: int, name: str) -> None:
    """Leave a standard stream as it is (''), close it ('-'), or open a file in its place."""
    if name == CLOSED:
        os.close(descriptor)
        setattr(sys, ("stdin", "stdout", "stderr")[descriptor], None)
    elif name:
        file = os.open(name, os.O_RDWR)
        os.dup2(file, descriptor)
        os.close(file)


def _warm_up() -> None:
    """Import all modules of commands, and exclude them from garbage collection in children."""
    ours = (module.name for module in walk_packages(nmtool.__path__, "nmtool."))
    for name in (*LIBRARIES, *ours):
        with suppress(ImportError, NmtoolError):
            import_module(name)
    gc.freeze()


if __name__ == "__main__":
    _warm_up()
    with open(sys.argv[2], "w") as lines:
        for job in json.loads(Path(sys.argv[1]).read_text()):
            lines.write(json.dumps(run(job)) + "\n")
            lines.flush()
