"""Run as a script: replace this process by a command that is killed when its parent ends.

    python end_with_parent.py PARENT_PID COMMAND [ARGUMENT ...]

On Linux, prctl(2) tells the kernel to kill this process when its parent ends. On other systems, the
command may outlive its parent. A separate process calls prctl, because a parent with threads cannot
safely run code between fork and exec.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def end_with_parent(parent: int) -> None:
    """Have the kernel end this process when `parent` (a process id) ends."""
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        raise SystemExit("the parent has ended")


if __name__ == "__main__":
    end_with_parent(int(sys.argv[1]))
    try:
        os.execvp(sys.argv[2], sys.argv[2:])
    except OSError as error:
        raise SystemExit(f"{sys.argv[2]} did not start: {error}") from None
