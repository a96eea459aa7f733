"""`python -m tests.interrupts`: `nmtool train` is interrupted at random moments; nothing is lost.

The first two runs are not interrupted: one compiles the kernels, the other provides the duration of
a run, and the network that every resumed run must have. The other runs get SIGINT or SIGTERM at
random moments, half of them before training begins, half of them after, and are then resumed.

Outcomes of a run:

unborn       Python had not reached nmtool yet
interrupted  it ended with 130 or 143, or by the signal, with the usual message
finished     the signal came too late: the run had ended, or was writing its last files
lost         the signal had no effect: training continued
traceback    it printed a traceback
wrong        it ended with another exit code or another message
"""

from __future__ import annotations

import argparse
import io
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from nmtool.cli.main import main as nmtool_main
from nmtool.interrupts import STOPS
from nmtool.network.float_network import Network
from nmtool.training.loop.run_folder import RunFolder

EPOCHS = 5
WORDS = (
    *("train", "digits", "--hidden", "10", "--steps", "60"),
    *("--epochs", str(EPOCHS), "--threads", "1"),
)
PATIENCE_S = 600.0

OK = ("unborn", "interrupted", "finished")


@dataclass(frozen=True)
class Interrupted:
    """A run that may have been interrupted by a signal.

    Attributes:
        number: the signal.
        code: exit code; negative for a signal.
        err: output on stderr.
        before: number of epochs that were printed when the signal was sent.
        load_s: seconds until training began, if the caller waited for its beginning.
        train_s: seconds from the beginning of training on.
        end_s: seconds from the signal to the end.
    """

    number: signal.Signals
    code: int
    err: str
    before: int
    load_s: float
    train_s: float
    end_s: float

    @property
    def epochs(self) -> int:
        """Number of epochs that the run printed."""
        return _epochs(self.err)

    @property
    def fate(self) -> str:
        """The outcome of the run, in a word."""
        # If the signal arrives inside exec(), Python ends itself by the same signal.
        by_signal = self.code in (128 + self.number, -self.number)
        if "Traceback" in self.err or "Fatal" in self.err:
            # The traceback of every run of nmtool contains this file.
            return "traceback" if "nmtool/__main__.py" in self.err else "unborn"
        if by_signal and not self.err:
            return "unborn"
        if by_signal and self.err.endswith("interrupted\n"):
            return "interrupted"
        if self.code == 0 or (by_signal and self.epochs == EPOCHS):
            return "lost" if self.epochs > self.before + 1 else "finished"
        return "wrong"


def run(
    folder: Path,
    in_training: bool,
    after_s: float | None,
    number: signal.Signals = signal.SIGINT,
) -> Interrupted:
    """Train in a new process, and send it a signal.

    Args:
        folder: folder for the run.
        in_training: count seconds from the beginning of training, not of the process.
        after_s: seconds until the signal; None for no signal.
        number: the signal.
    """
    began = time.perf_counter()
    screen = folder.with_suffix(".err")
    with open(screen, "w") as err:
        process = subprocess.Popen(
            [sys.executable, "-m", "nmtool", *WORDS, "-o", str(folder)],
            stdout=subprocess.DEVNULL,
            stderr=err,
            cwd=folder.parent,
            env={**os.environ, "PYTHONFAULTHANDLER": "1"},
            preexec_fn=leave_core,
        )
        while in_training and process.poll() is None and not screen.stat().st_size:
            time.sleep(0.01)
        trained = time.perf_counter()
        before = EPOCHS
        if after_s is not None:
            try:
                process.wait(after_s)
            except subprocess.TimeoutExpired:
                before = _epochs(screen.read_text())
                process.send_signal(number)
        sent = time.perf_counter()
        code = process.wait(PATIENCE_S)
    ended = time.perf_counter()
    text = screen.read_text()
    return Interrupted(number, code, text, before, trained - began, ended - trained, ended - sent)


def leave_core() -> None:
    """Make this process handle SIGINT, which background jobs ignore, and dump core on abort."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    most = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (most, most))


def core_traces(folder: Path) -> str:
    """Stack traces of all threads of a process that was aborted in a folder, from gdb."""
    outputs = []
    for core in folder.glob("core*"):
        words = ("gdb", "-batch", "-ex", "thread apply all bt", sys.executable, str(core))
        if shutil.which("gdb"):
            outputs.append(subprocess.run(words, capture_output=True, text=True).stdout)
    return "\n".join(outputs)


def _epochs(text: str) -> int:
    return sum(line.startswith("epoch ") for line in text.splitlines())


def losses(folder: RunFolder, run: Interrupted, whole: str) -> list[str]:
    """Sentences on everything that an interrupted run lost; [] if it lost nothing.

    Args:
        folder: folder of the run.
        run: outcome of the run.
        whole: content hash of the network of an uninterrupted run.
    """
    if not folder.manifest_file.exists():
        return ["no run.json"] if run.epochs else []
    complaints = []
    if run.epochs:
        files = (folder.log_file, folder.checkpoint_file, folder.network_file)
        complaints += [f"no {file.name}" for file in files if not file.exists()]
        if not complaints and len(folder.read_log()) < run.epochs:
            complaints.append(
                f"{len(folder.read_log())} epochs in the log, {run.epochs} on the screen"
            )
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        code = nmtool_main(["train", "-o", str(folder.path), "--resume"])
    if code != 0:
        complaints.append(f"--resume ends with {code}")
    elif Network.load(folder.network_file).content_hash != whole:
        complaints.append("the resumed run has another network")
    hidden = [file.name for file in folder.path.iterdir() if file.name.startswith(".")]
    return complaints + [f"left {name}" for name in hidden]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a line per run and a table; returns 1 if an outcome is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0, help="seed of the random moments")
    options = parser.parse_args(arguments)
    draw = random.Random(options.seed)
    fates: Counter[str] = Counter()
    codes: Counter[int] = Counter()
    bad = 0
    with TemporaryDirectory() as name:
        top = Path(name)
        run(top / "compiles", True, None)
        reference = run(top / "whole", True, None)
        assert reference.code == 0, reference.err
        whole = Network.load(RunFolder(top / "whole").network_file).content_hash
        for number in range(options.runs):
            in_training = draw.random() < 0.5
            after_s = draw.uniform(0, reference.train_s if in_training else reference.load_s)
            folder = top / f"run{number}"
            ended = run(folder, in_training, after_s, draw.choice(STOPS))
            lost = losses(RunFolder(folder), ended, whole)
            fates[ended.fate] += 1
            codes[ended.code] += 1
            is_bad = ended.fate not in OK or bool(lost)
            bad += is_bad
            place = "training" if in_training else "loading"
            print(
                f"{number:3d}  {ended.number.name}  {place:8}  {after_s:6.2f} s  "
                f"+{ended.end_s:6.2f} s  "
                f"code {ended.code:4d}  epochs {ended.before} {ended.epochs}  "
                f"{ended.fate}  {'; '.join(lost)}",
                flush=True,
            )
            if is_bad:
                print(ended.err, core_traces(top), flush=True)
    print(
        f"{options.runs} runs, seed {options.seed}: {reference.load_s:.1f} s until training "
        f"begins, {reference.train_s:.1f} s of it"
    )
    print("  ".join(f"{fate} {n}" for fate, n in sorted(fates.items())))
    print("  ".join(f"exit code {code}: {n}" for code, n in sorted(codes.items())))
    print(f"unexpected outcomes: {bad}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
