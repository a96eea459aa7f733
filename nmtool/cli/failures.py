"""Whatever stops a command, as an error for people: the one place where foreign ones are told."""

from __future__ import annotations

from nmtool.errors import InputError, MissingError, NmtoolError

INTERRUPTED = 130
"""The exit code of a command that was stopped by Ctrl-C."""

EXTRAS = {
    "torch": "train",
    "sklearn": "train",
    "tonic": "tonic",
    "optuna": "sweep",
    "onnx": "onnx",
    "onnxruntime": "onnx",
    "nir": "nir",
}
"""Optional libraries by the name they are imported under, and the extra that brings them."""

_PACKAGES = {"sklearn": "scikit-learn"}
_ROOMS = ("nmtool", "hardware_sim", "training", "exporters")


def for_people(error: Exception) -> NmtoolError | None:
    """The error to tell; None for mistakes of our own, which deserve a traceback."""
    if isinstance(error, NmtoolError):
        return error
    if isinstance(error, ImportError):
        return _missing_library(error)
    if isinstance(error, MemoryError):
        return InputError(
            "there is not enough memory",
            why=str(error),
            fix="use fewer samples, steps or neurons, or smaller batches",
        )
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return InputError(f"{where}{error.strerror or error}")
    return None


def _missing_library(error: ImportError) -> MissingError | None:
    library = (error.name or "").partition(".")[0]
    if library in _ROOMS:
        return None
    package = _PACKAGES.get(library, library) or "a library"
    extra = EXTRAS.get(library)
    name = f"nmtool[{extra}]" if extra else "nmtool"
    return MissingError(
        f"{package} is not installed, or does not work here",
        why=str(error),
        fix=f"pip install '{name}'",
    )
