"""`--threads`: how many cores to use; results do not depend on it."""

from __future__ import annotations

import argparse

from nmtool.cli.arguments import MACHINE, count, group

PATIENCE = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "30000"}
"""Environment in which threads that wait for work look for it for some 0.1 ms, and then sleep.

Those that spin on take the cores away from everyone, themselves included; those that sleep at
once wake too late for the next of many short kernels. It has to be set before torch or Numba
start.
"""


def add_threads_option(parser: argparse.ArgumentParser) -> None:
    """Add `--threads`."""
    group(parser, MACHINE).add_argument(
        "--threads", type=count, metavar="N", help="cores to use; default all"
    )


def use_threads(number: int | None, *, with_torch: bool = False) -> None:
    """Use that many cores, in torch too where it is installed; None leaves it to libraries."""
    if number is not None:
        from nmtool.running import has_torch
        from nmtool.training.processes import threads

        threads.use_threads(number, with_torch=with_torch and has_torch())
