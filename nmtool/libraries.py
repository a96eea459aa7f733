"""Libraries that are missing: the error, and the extra of nmtool that installs them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from nmtool.errors import MissingError

EXTRAS = {
    "torch": "train",
    "sklearn": "train",
    "llvmlite": "train",
    "tonic": "tonic",
    "optuna": "search",
    "onnx": "onnx",
    "onnxruntime": "onnx",
    "nir": "nir",
    "matplotlib": "report",
    "tensorboard": "tensorboard",
}
"""Optional libraries by import name, and the extra of nmtool that installs them."""


def missing_library(error: ImportError, extra: str = "") -> MissingError:
    """The error for a Python library that is missing or broken, with the command to install it.

    Args:
        error: error raised by the import.
        extra: nmtool's extra that installs the library; default: from `EXTRAS`, or nmtool itself.
    """
    from nmtool.setup.installation import install_command

    module = (error.name or "").partition(".")[0] or "a library"
    library = "scikit-learn" if module == "sklearn" else module
    return MissingError(
        f"{library} is not installed, or does not work here",
        code="library-missing",
        why=str(error),
        fix=install_command(extra or EXTRAS.get(module, ""), broken=[library]),
    )


@contextmanager
def libraries_needed(extra: str = "") -> Iterator[None]:
    """In the block, turn the `ImportError` of a library into `MissingError`.

    Errors in importing modules of nmtool are not changed.

    Args:
        extra: as for `missing_library`.

    Raises:
        MissingError: a library is missing or broken.
        KeyboardInterrupt: a signal interrupted the import, which some libraries report as an
            `ImportError`.
    """
    try:
        yield
    except ImportError as error:
        if stop := _interrupt_behind(error):
            raise KeyboardInterrupt(*stop.args) from error
        if (error.name or "").partition(".")[0] == "nmtool":
            raise
        raise missing_library(error, extra) from error


def _interrupt_behind(error: BaseException | None) -> KeyboardInterrupt | None:
    """The interrupt that caused an error; None if there was none."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error
