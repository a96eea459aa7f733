"""Jobs of several processes, started by torchrun as a user would."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
TIMEOUT_S = 240
"""Time limit of a job in seconds, far above the duration of a job of a few samples."""

_GRACE_S = 45
"""Seconds for torchrun to end: it kills its processes 30 s after a signal."""


def torchrun(ranks: int, module: str, *words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run `torchrun --nproc-per-node RANKS -m MODULE WORDS`, and end all of its processes."""
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(ranks))
    command = [sys.executable, *launcher, "-m", module, *words]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        command,
        cwd=cwd,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as job:
        try:
            out, err = job.communicate(timeout=TIMEOUT_S)
        except BaseException:
            _end(job)
            raise
    return subprocess.CompletedProcess(command, job.returncode, out, err)


def _end(job: subprocess.Popen[str]) -> None:
    """End torchrun by a signal that it passes on to its processes."""
    job.terminate()
    try:
        job.communicate(timeout=_GRACE_S)
    except subprocess.TimeoutExpired:
        job.kill()
