"""TensorBoard logs: one point per epoch for every number in a run's log."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nmtool.errors import check_path
from nmtool.libraries import libraries_needed
from nmtool.training.loop.run_folder import numbers


@contextmanager
def tensorboard(folder: str | Path) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """Log the epochs of training runs inside the block for TensorBoard.

    >>> import nmtool as nm
    >>> with nm.tensorboard("logs") as on_epoch:  # doctest: +SKIP
    ...     nm.train("digits", on_epoch=on_epoch)

    If a folder is used again, e.g. on resume, a further file is written; TensorBoard joins the
    files.

    Args:
        folder: folder of the logs; `tensorboard --logdir FOLDER` shows them.

    Yields:
        A function to pass as `on_epoch` to `nmtool.train`.

    Raises:
        MissingError: tensorboard is not installed.
    """
    check_path(folder, "the folder for TensorBoard's logs")
    with libraries_needed("tensorboard"):
        from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(folder)) as writer:

        def on_epoch(entry: Mapping[str, Any]) -> None:
            for name, value in numbers(entry).items():
                writer.add_scalar(name.replace(".", "/"), value, entry["epoch"])
            writer.flush()

        yield on_epoch
