"""Run a NetX file in Lava, through lava-dl's reader, in Lava's environment."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from nmtool.errors import BackendError, MissingError
from nmtool.exporters.environments import clean_variables
from nmtool.exporters.exchange import (
    progress_reader,
    read_recording,
    write_events,
)
from nmtool.exporters.lava import environment as environments
from nmtool.exporters.lava.environment import PACKAGE as LAVA_PACKAGE
from nmtool.exporters.supervise import SILENCE_S, supervise
from nmtool.network.integer_network import IntegerNetwork
from nmtool.raster import Raster
from nmtool.recording import Recording

LAVA_DL = "lava-dl==0.6.0"
PACKAGE = Path(__file__).with_name("package")
CHECK_S = 120.0


def find() -> Path:
    """The Python interpreter with Lava and lava-dl.

    Raises:
        MissingError: Lava is not set up, or lacks lava-dl.
        BackendError: Lava hangs.
    """
    python = environments.find().python
    try:
        supervise(
            [python, PACKAGE / "reader.py"],
            what="importing lava-dl",
            timeout_s=CHECK_S,
            env=variables(),
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
    return python


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
        network: the network in it, whose populations are recorded.
        layers: its populations in the order of the layers.
        spikes: the input.
        deep: also record u and v of every population.
        on_progress: called with the number of samples finished since the last call.

    Raises:
        MissingError: lava-dl is not installed.
        BackendError: lava-dl or Lava failed; its processes have ended.
    """
    python = find()
    with tempfile.TemporaryDirectory(prefix="nmtool-netx-") as scratch:
        names = ("arrays.npz", "events.npz", "recording.npz")
        arrays, events, recording = (Path(scratch, name) for name in names)
        network.save(arrays)
        write_events(events, spikes)
        supervise(
            [
                *(python, PACKAGE / "run.py", path.resolve(), arrays, events, recording),
                *("--layers", *layers, *(["--deep"] if deep else [])),
            ],
            what="running the NetX file in Lava",
            fix="nmtool verify FILE --against lava runs the same network without lava-dl",
            idle_timeout_s=SILENCE_S,
            on_line=progress_reader(on_progress),
            env=variables(),
            cwd=scratch,
        )
        return read_recording(recording)


def variables() -> dict[str, str]:
    """Environment variables with which the package of exported Lava folders can be imported."""
    return {**clean_variables(), "PYTHONPATH": str(LAVA_PACKAGE)}
