"""`--threads`: number of cores to use; results do not depend on it."""

from __future__ import annotations

import argparse

from nmtool.cli.arguments import MACHINE, group

PATIENCE = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "30000"}
"""Environment variables that let idle threads spin for about 0.1 ms before they sleep.

Threads that keep spinning take cores from all other work; threads that sleep at once wake too
late for the next of many short kernels. Torch and Numba read the variables when they start.
"""


def add_threads_option(parser: argparse.ArgumentParser) -> None:
    """Add `--threads`."""
    from nmtool.arguments import count

    group(parser, MACHINE).add_argument(
        "--threads", type=count, metavar="N", help="cores to use; default all"
    )


def use_threads(number: int | None) -> None:
    """Set the number of cores of Numba and torch; None keeps the defaults."""
    if number is not None:
        from nmtool.running import has_torch
        from nmtool.training.processes import threads

        threads.use_threads(number, with_torch=has_torch())
