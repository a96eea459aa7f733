"""A format's runtime against the simulator, on data."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nmtool.cli.loading import Samples
from nmtool.cli.progress import progress
from nmtool.cli.verdict import Verdict
from nmtool.integer_network import IntegerNetwork
from nmtool.network import Network
from nmtool.recording import Recording
from nmtool.verify import compare

if TYPE_CHECKING:
    from exporters.formats import Format


@dataclass(frozen=True)
class BackendCheck:
    """How a format is to be compared.

    Attributes:
        format: which format.
        deep: compare u and v of every neuron too.
        artefact: the export to run; None exports to a temporary folder.
    """

    format: Format
    deep: bool = False
    artefact: Path | None = None

    def __call__(self, network: IntegerNetwork, samples: Samples, expected: Recording) -> Verdict:
        """Run every sample in the format's runtime and compare with the expected recording."""
        package = self.format.package
        with self._exported(network) as path:
            began = time.perf_counter()
            with progress(self.format.name, samples.raster.n_samples) as advance:
                actual = package.run(path, samples.raster, deep=self.deep, on_progress=advance)
            seconds = time.perf_counter() - began
        return Verdict(compare(expected, actual), actual.accuracy(samples.label), seconds)

    @contextmanager
    def _exported(self, network: IntegerNetwork | Network) -> Iterator[Path]:
        if self.artefact is not None:
            yield self.artefact
            return
        name = "network" + next(iter(self.format.extensions), "")
        with tempfile.TemporaryDirectory(prefix="nmtool-verify-") as scratch:
            yield self.format.package.export(network, Path(scratch) / name)
