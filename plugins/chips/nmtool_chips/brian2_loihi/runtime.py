"""Run brian2-loihi in a supervised process in its environment, with files as input and output."""

from __future__ import annotations

import json
from collections.abc import Callable

from nmtool.errors import DoesNotFitError, Finding
from nmtool.exporters.environments import progress_reader
from nmtool.exporters.output import temporary_folder
from nmtool.network.integer_network import IntegerNetwork
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool_chips.brian2_loihi.environment import PACKAGE, REFEREE


def run(
    network: IntegerNetwork,
    spikes: Raster,
    deep: bool,
    on_progress: Callable[[int], None] | None,
) -> Recording:
    """Run every sample from a fresh state.

    Args:
        network: an integer network without biases.
        spikes: the input.
        deep: also record u and v of every population.
        on_progress: called with the number of samples finished since the last call.

    Raises:
        DoesNotFitError: u or v exceed 24 bits; with one finding per population and quantity.
        MissingError: brian2-loihi is not set up.
        BackendError: brian2-loihi failed; its processes have ended.
    """
    progress = progress_reader(on_progress)

    def read(line: str) -> None:
        progress(line)
        if line.startswith('{"beyond"'):
            raise _does_not_fit(line)

    environment = REFEREE.find()
    with temporary_folder("brian2-loihi") as scratch:
        arrays = scratch / "network.npz"
        network.save(arrays)
        return environment.record(
            spikes,
            scratch,
            [PACKAGE / "run.py", arrays],
            ["--deep"] if deep else [],
            on_line=read,
            variables={"TMPDIR": str(scratch)},  # Brian writes its logs into this folder.
        )


def _does_not_fit(line: str) -> DoesNotFitError:
    """The error for a line of JSON with which the script reports u or v out of range."""
    findings = [
        Finding(
            "brian2-loihi-overflow",
            f"population '{place['population']}'",
            f"{place['quantity']} is out of range in {place['samples']} samples: first "
            f"at step {place['step']} of sample {place['sample']}, where it is {place['value']}",
            "quantise with `scale=static`, or compare with another backend",
        )
        for place in json.loads(line)["beyond"]
    ]
    return DoesNotFitError(
        "brian2-loihi cannot run this network on these data",
        code="brian2-loihi-does-not-fit",
        why="u and v have 24 bits on a chip, but exceed 24 bits in brian2-loihi",
        findings=findings,
    )
