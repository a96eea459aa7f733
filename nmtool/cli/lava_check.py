"""Lava against the simulator: what `verify` and `demo` both do."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from nmtool.cli.loading import Samples
from nmtool.cli.progress import progress, working
from nmtool.cli.verdict import StockCheck, Verdict
from nmtool.integer_network import IntegerNetwork
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.verification.comparison import compare

if TYPE_CHECKING:
    from nmtool.exporters.lava.environment import LavaEnvironment

FAST, STOCK = "fast", "stock"
STOCK_STEPS_BEYOND_DELAYS = 20


@dataclass(frozen=True)
class LavaCheck:
    """How Lava is to be compared.

    Attributes:
        environment: where Lava is.
        model: `fast` or `stock`.
        deep: compare u and v of every neuron too.
        artefact: the export to run; None until there is one.
    """

    environment: LavaEnvironment
    model: str = FAST
    deep: bool = False
    artefact: Path | None = None

    def __call__(self, network: IntegerNetwork, samples: Samples, expected: Recording) -> Verdict:
        """Run every sample in Lava and compare with the expected recording.

        The fast model stands in for Lava's own, so one sample also runs on Lava's own.
        """
        folder = self.artefact
        assert folder is not None
        began = time.perf_counter()
        actual = self._run(folder, samples.raster)
        seconds = time.perf_counter() - began
        stock = self._stock(network, samples.raster, folder) if self.model == FAST else None
        comparison = compare(expected, actual)
        return Verdict(comparison, actual.accuracy(samples.label), seconds, self.model, stock)

    def exported(self, network: IntegerNetwork, folder: Path) -> LavaCheck:
        """The same with an export of the network in a folder."""
        from nmtool.exporters import lava

        return replace(self, artefact=lava.export(network, folder / "lava"))

    def _run(self, folder: Path, spikes: Raster) -> Recording:
        from nmtool.exporters import lava

        with progress("Lava", spikes.n_samples) as advance:
            return lava.run(
                folder,
                spikes,
                model=self.model,
                deep=self.deep,
                environment=self.environment,
                on_progress=advance,
            )

    def _stock(self, network: IntegerNetwork, spikes: Raster, folder: Path) -> StockCheck:
        """Run as many steps as delays reach and 20 more, of where a sample makes most spike."""
        from nmtool.exporters import lava
        from nmtool.hardware_sim.busiest import busiest_stretches
        from nmtool.hardware_sim.simulator import simulate

        steps = min(spikes.n_steps, network.max_delay + STOCK_STEPS_BEYOND_DELAYS)
        found = busiest_stretches(network, spikes, steps, 1)
        stretch, sample = found.spikes, int(found.sample[0])
        with working(f"Lava's own model, {steps} steps of sample {sample}"):
            actual = lava.run(folder, stretch, model=STOCK, deep=True, environment=self.environment)
        expected = simulate(network, stretch, deep=True)
        return StockCheck(sample, int(found.first[0]), steps, compare(expected, actual))
