"""Turn any exception that reaches the command line into a user-facing `NmtoolError`."""

from __future__ import annotations

import sys

from nmtool.errors import InputError, NmtoolError
from nmtool.libraries import missing_library


def for_people(error: Exception) -> NmtoolError | None:
    """The error to show for an exception; None for bugs in nmtool, which need a traceback."""
    if isinstance(error, NmtoolError):
        return error
    if isinstance(error, ImportError):
        is_own = (error.name or "").partition(".")[0] == "nmtool"
        return None if is_own else missing_library(error)
    if isinstance(error, MemoryError):
        return InputError(
            "there is not enough memory",
            code="memory-exhausted",
            why=str(error),
            fix="use fewer samples, steps or neurons, or smaller batches",
        )
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return InputError(
            f"{where}{error.strerror or error}",
            code="system-error",
            fix="check the path, the permissions and the free disk space",
        )
    if isinstance(error, RuntimeError) and "torch" in sys.modules:
        from nmtool.training.engines.gpu_failures import torch_gpu_failure

        return torch_gpu_failure(error)
    return None
