"""`--threads`: how many cores to use; results do not depend on it."""

from __future__ import annotations

import argparse
from typing import Any

from nmtool.errors import UsageError


def add_threads_option(parser: argparse.ArgumentParser) -> None:
    """Add `--threads`."""
    parser.add_argument("--threads", type=int, metavar="N", help="cores to use; default all")


def use_threads(count: int | None) -> None:
    """Use that many cores; None leaves it to the libraries."""
    import numba

    if count is None:
        return
    config: Any = numba.config
    most = config.NUMBA_NUM_THREADS
    if not 1 <= count <= most:
        raise UsageError(f"--threads must be 1 … {most} on this machine, not {count}")
    numba.set_num_threads(count)
