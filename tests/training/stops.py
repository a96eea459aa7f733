"""Training runs that are stopped from outside."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nmtool.training.loop.trainer import BatchReport


def stop_after(epoch: int) -> Callable[[BatchReport], None]:
    """An `on_batch` that stops a run like Ctrl-C, in the first batch after an epoch.

    Args:
        epoch: number of the last epoch that ends; 0 stops the run in its very first batch.
    """

    def on_batch(report: BatchReport) -> None:
        if report.epoch > epoch:
            raise KeyboardInterrupt

    return on_batch
