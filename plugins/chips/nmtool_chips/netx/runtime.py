"""Run a NetX file in Lava, through lava-dl's reader, in Lava's environment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from nmtool.errors import BackendError, MissingError
from nmtool.exporters.environments import Environment, clean_variables, progress_reader
from nmtool.exporters.lava.environment import PACKAGE as LAVA_PACKAGE, REFEREE
from nmtool.exporters.output import temporary_folder
from nmtool.exporters.supervise import supervise
from nmtool.network.integer_network import IntegerNetwork
from nmtool.raster import Raster
from nmtool.recording import Recording

LAVA_DL = "lava-dl==0.6.0"
PACKAGE = Path(__file__).with_name("package")
CHECK_S = 120.0

VARIABLES = {"PYTHONPATH": str(LAVA_PACKAGE)}
"""Environment variables that make the package of exported Lava folders importable."""


def find() -> Environment:
    """Lava's environment with lava-dl, checked once per process.

    Raises:
        MissingError: Lava is not set up, or lacks lava-dl.
        BackendError: Lava cannot be imported, or an import hangs.
    """
    environment = REFEREE.find()
    _import_lava_dl(environment.python)
    return environment


@cache
def _import_lava_dl(python: Path) -> None:
    """Import lava-dl in Lava's environment.

    Raises:
        MissingError: lava-dl cannot be imported.
        BackendError: the import hangs.
    """
    try:
        supervise(
            [python, PACKAGE / "reader.py"],
            what="importing lava-dl",
            timeout_s=CHECK_S,
            env={**clean_variables(), **VARIABLES},
        )
    except BackendError as error:
        if error.code != "runtime-failed":
            raise
        raise MissingError(
            "lava-dl, which reads NetX files, is not installed in Lava's environment",
            code="library-missing",
            why=error.why,
            fix=f"{python} -m pip install --no-deps '{LAVA_DL}' 'h5py<4'",
        ) from error


def run(
    path: Path,
    network: IntegerNetwork,
    layers: Sequence[str],
    spikes: Raster,
    deep: bool,
    on_progress: Callable[[int], None] | None,
) -> Recording:
    """Run every sample from a fresh state, in a new network.

    Args:
        path: the file.
        network: network in the file, whose populations are recorded.
        layers: names of its populations in the order of the layers.
        spikes: the input.
        deep: also record u and v of every population.
        on_progress: called with the number of samples finished since the last call.

    Raises:
        MissingError: lava-dl is not installed.
        BackendError: lava-dl or Lava failed; its processes have ended.
    """
    environment = find()
    with temporary_folder("netx") as scratch:
        arrays = scratch / "arrays.npz"
        network.save(arrays)
        return environment.record(
            spikes,
            scratch,
            [PACKAGE / "run.py", path.resolve(), arrays],
            ["--layers", *layers, *(["--deep"] if deep else [])],
            on_line=progress_reader(on_progress),
            what="running the NetX file in Lava",
            fix="nmtool verify FILE --against lava runs the same network without lava-dl",
            variables=VARIABLES,
        )
