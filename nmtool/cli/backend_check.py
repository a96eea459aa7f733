"""A format's runtime against the simulator, on data."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from nmtool.cli.loading import Samples
from nmtool.cli.progress import progress
from nmtool.cli.verdict import Verdict
from nmtool.integer_network import IntegerNetwork
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.verification.comparison import compare

if TYPE_CHECKING:
    from nmtool.exporters.formats import Format


@dataclass(frozen=True)
class BackendCheck:
    """How a format is to be compared.

    Attributes:
        format: which format.
        deep: compare u and v of every neuron too.
        artefact: the export to run; None until there is one.
    """

    format: Format
    deep: bool = False
    artefact: Path | None = None

    def __call__(self, network: IntegerNetwork, samples: Samples, expected: Recording) -> Verdict:
        """Run every sample in the format's runtime and compare with the expected recording."""
        actual, seconds = self.timed(samples.raster)
        return Verdict(compare(expected, actual), actual.accuracy(samples.label), seconds)

    def exported(self, network: IntegerNetwork, folder: Path) -> BackendCheck:
        """The same with an export of the network in a folder, where each format has its name.

        Raises:
            DoesNotFitError: the format cannot hold the network.
        """
        name = "network" + next(iter(self.format.extensions), "")
        return replace(self, artefact=self.format.package.export(network, folder / name))

    def timed(self, spikes: Raster) -> tuple[Recording, float]:
        """What the artefact answers, and how many seconds that takes."""
        package = self.format.package
        began = time.perf_counter()
        with progress(self.format.name, spikes.n_samples) as advance:
            actual = package.run(self.artefact, spikes, deep=self.deep, on_progress=advance)
        return actual, time.perf_counter() - began
