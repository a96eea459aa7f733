"""`python -m nmtool`, in which rank 1 fails in the middle of an update.

python -m tests.nmtool.cli.faulty_rank FATE UPDATE train DATA …
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

from nmtool.cli.main import main
from nmtool.errors import StorageError
from nmtool.training.processes.ranks import Ranks

_FOR_EVER_S = 600.0


def killed(rank: int) -> None:
    """Rank 1 is killed while the others wait for it."""
    if rank == 1:
        os.kill(os.getpid(), signal.SIGKILL)


def killed_unnoticed(rank: int) -> None:
    """Rank 1 is killed while the others are busy."""
    killed(rank)
    time.sleep(_FOR_EVER_S)


def fails(rank: int) -> None:
    """Rank 1 alone raises an error for users."""
    if rank == 1:
        raise StorageError("the disk of rank 1 is full", code="disk-full")


def errs(rank: int) -> None:
    """Rank 1 raises an exception that is a bug."""
    if rank == 1:
        raise ZeroDivisionError("a mistake of ours")


def interrupted(rank: int) -> None:
    """A user presses Ctrl-C."""
    if rank == 1:
        os.kill(os.getppid(), signal.SIGINT)
        time.sleep(_FOR_EVER_S)


FATES: dict[str, Callable[[int], None]] = {
    fate.__name__: fate for fate in (killed, killed_unnoticed, fails, errs, interrupted)
}


def strike(fate: Callable[[int], None], update: int) -> None:
    """Cause the failure in update number `update`, from 1, before gradients are summed."""
    sum_gradients, done = Ranks.sum_gradients, 0

    def faulty(self: Ranks, parameters: Any) -> None:
        nonlocal done
        done += 1
        if done == update:
            fate(self.rank)
        sum_gradients(self, parameters)

    Ranks.sum_gradients = faulty  # type: ignore[method-assign]


if __name__ == "__main__":
    strike(FATES[sys.argv[1]], int(sys.argv[2]))
    sys.exit(main(sys.argv[3:]))
