"""Lava against the simulator: what `verify` and `demo` both do."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nmtool.cli.loading import Samples
from nmtool.cli.progress import progress, working
from nmtool.integer_network import IntegerNetwork
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.verify import Comparison, Divergence, compare

if TYPE_CHECKING:
    from exporters.lava.environment import LavaEnvironment

FAST, STOCK = "fast", "stock"
STOCK_STEPS_BEYOND_DELAYS = 20


@dataclass(frozen=True)
class StockCheck:
    """One sample on Lava's own model, for the fast one that stands in for it.

    Attributes:
        sample: index of the sample.
        steps: how many of its steps were run.
        comparison: with the simulator, u and v of every neuron included.
    """

    sample: int
    steps: int
    comparison: Comparison

    @property
    def first_divergence(self) -> Divergence | None:
        """Where it first differs, in the sample's own number."""
        found = self.comparison.first_divergence
        return None if found is None else replace(found, sample=self.sample)


@dataclass(frozen=True)
class Verdict:
    """A backend's comparison with the simulator.

    Attributes:
        comparison: of all samples.
        accuracy: of the backend.
        seconds: it took.
        model: which of the backend's models ran.
        stock: the check of the model itself, where one was made.
    """

    comparison: Comparison
    accuracy: float
    seconds: float
    model: str
    stock: StockCheck | None = None

    @property
    def identical(self) -> bool:
        """Whether nothing differs, in the check of the model neither."""
        return self.comparison.identical and (self.stock is None or self.stock.comparison.identical)

    @property
    def first_divergence(self) -> Divergence | None:
        """Where all samples first differ, else where the check of the model does."""
        if self.comparison.first_divergence is not None or self.stock is None:
            return self.comparison.first_divergence
        return self.stock.first_divergence

    def as_json(self) -> dict[str, Any]:
        """The keys scripts rely on, and those of the check."""
        entry = {**self.comparison.as_json(), "seconds": round(self.seconds, 3)}
        entry["model"] = self.model
        if self.stock is not None:
            entry |= {"stock_sample": self.stock.sample, "stock_steps": self.stock.steps}
            counts = self.stock.comparison.as_json()
            del counts["predictions_different"]
            entry |= {f"stock_{name}": count for name, count in counts.items()}
        return entry


@dataclass(frozen=True)
class LavaCheck:
    """How Lava is to be compared.

    Attributes:
        environment: where Lava is.
        model: `fast` or `stock`.
        deep: compare u and v of every neuron too.
        folder: the export to run; None exports to a temporary folder.
    """

    environment: LavaEnvironment
    model: str = FAST
    deep: bool = False
    folder: Path | None = None

    def __call__(self, network: IntegerNetwork, samples: Samples, expected: Recording) -> Verdict:
        """Run every sample in Lava and compare with the expected recording.

        The fast model stands in for Lava's own, so one sample also runs on Lava's own.
        """
        with self._exported(network) as folder:
            began = time.perf_counter()
            actual = self._run(folder, samples.raster)
            seconds = time.perf_counter() - began
            stock = self._stock(network, samples.raster, folder) if self.model == FAST else None
        comparison = compare(expected, actual)
        return Verdict(comparison, actual.accuracy(samples.label), seconds, self.model, stock)

    @contextmanager
    def _exported(self, network: IntegerNetwork) -> Iterator[Path]:
        from exporters import lava

        if self.folder is not None:
            yield self.folder
            return
        with tempfile.TemporaryDirectory(prefix="nmtool-verify-") as scratch:
            yield lava.export(network, Path(scratch) / "lava")

    def _run(self, folder: Path, spikes: Raster) -> Recording:
        from exporters import lava

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
        """Run as many steps as delays reach and 20 more, of the sample with most spikes in them."""
        from exporters import lava
        from hardware_sim.simulator import simulate

        steps = min(spikes.n_steps, network.max_delay + STOCK_STEPS_BEYOND_DELAYS)
        short = spikes.first_steps(steps)
        busiest = int(np.argmax(np.diff(short.offset)))
        sample = short.take([busiest])
        with working(f"Lava's own model, {steps} steps of sample {busiest}"):
            actual = lava.run(folder, sample, model=STOCK, deep=True, environment=self.environment)
        return StockCheck(busiest, steps, compare(simulate(network, sample, deep=True), actual))
