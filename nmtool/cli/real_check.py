"""A format of real numbers: identical to its float reference, and how far from the integers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nmtool.cli.backend_check import BackendCheck
from nmtool.cli.loading import Samples
from nmtool.cli.progress import progress
from nmtool.cli.verdict import Verdict
from nmtool.integer_network import IntegerNetwork
from nmtool.network import Network
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.verification.comparison import Agreement, agree

if TYPE_CHECKING:
    from nmtool.exporters.formats import Format


@dataclass(frozen=True)
class RealCheck(BackendCheck):
    """How a format of real numbers is to be compared."""

    def __call__(
        self, network: IntegerNetwork | Network, samples: Samples, expected: Recording | None
    ) -> Verdict:
        """Run every sample and compare with the format's own reference.

        The expected recording is that of the integers, None where there are none. What is run
        stands for the network in the artefact.
        """
        from nmtool.exporters.self_check import compared

        package, raster = self.format.package, samples.raster
        actual, seconds = self.timed(raster)
        carried = package.load(self.artefact)
        with progress(f"reference of {self.format.name}", raster.n_samples) as advance:
            reference = package.reference(carried, raster, on_progress=advance)
        return Verdict(
            compared(self.format, reference, actual),
            actual.accuracy(samples.label),
            seconds,
            integers=None if expected is None else agree(expected, actual),
        )


def agreement(
    format_: Format, path: str | Path, spikes: Raster, actual: Recording
) -> Agreement | None:
    """How far an artefact follows the integers it carries; None if it carries none.

    Args:
        format_: its format, which may be one of integers.
        path: the artefact.
        spikes: the input.
        actual: what the artefact answered to it.
    """
    from nmtool.exporters.formats import REAL
    from nmtool.hardware_sim.simulator import simulate

    carried = format_.package.load(path)
    if REAL not in format_.can or not isinstance(carried, IntegerNetwork):
        return None
    return agree(simulate(carried, spikes), actual)
