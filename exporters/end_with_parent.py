"""Run as a script: replace this process by a command that ends when its parent does.

    python end_with_parent.py PARENT_PID COMMAND [ARGUMENT ...]

Linux sends a process a signal when its parent ends, if it asked for it with prctl(2); elsewhere
the command simply runs. Asking from a process of its own, not between fork and exec, is safe in
parents with threads.
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
