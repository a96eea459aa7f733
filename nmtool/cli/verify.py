"""`nmtool verify RUN|FILE DATA --against BACKEND`: the certificate."""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from nmtool.cli import console
from nmtool.cli.export import integers
from nmtool.cli.loading import Samples, add_data_options, bin_for, find_data, first_samples
from nmtool.cli.quantize import add_quantise_options
from nmtool.cli.threads import add_threads_option, use_threads
from nmtool.data import SPLITS
from nmtool.integer_network import IntegerNetwork
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.verify import Comparison, Divergence, compare

BACKENDS = ("lava",)
SIMULATOR = "hardware_sim"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("network", help="integer network file; runs and floats are quantised")
    parser.add_argument("data", help="digits, yinyang, shd, ssc, tonic:NAME or a folder")
    parser.add_argument("--against", required=True, action="append", choices=BACKENDS)
    parser.add_argument("--split", choices=SPLITS, default="test")
    parser.add_argument("--samples", type=int, metavar="N", help="only the first N samples")
    parser.add_argument("--deep", action="store_true", help="compare u and v of every neuron too")
    parser.add_argument("--model", choices=["fast", "stock"], default="fast", help="Lava's model")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    add_quantise_options(parser)
    add_data_options(parser)
    add_threads_option(parser)


@dataclass(frozen=True)
class Verdict:
    """A backend's comparison with the simulator.

    Attributes:
        comparison: of all samples.
        accuracy: of the backend.
        seconds: it took.
        details: what else the backend has to say, for JSON.
    """

    comparison: Comparison
    accuracy: float
    seconds: float
    details: dict[str, Any] = field(default_factory=dict)


def run(arguments: argparse.Namespace) -> int:
    use_threads(arguments.threads)
    network = integers(arguments, arguments.data)
    events = find_data(arguments, arguments.data).split(arguments.split)
    samples = bin_for(network, first_samples(events, arguments.samples))
    expected = simulated(network, samples, deep=arguments.deep)
    verdicts = {
        "lava": against_lava(network, samples, expected, arguments.model, deep=arguments.deep)
    }
    if arguments.json:
        console.print_json(report(samples, expected, verdicts))
    else:
        print_verdicts(samples, expected, verdicts)
    return 0 if all(verdict.comparison.identical for verdict in verdicts.values()) else 1


def simulated(network: IntegerNetwork, samples: Samples, *, deep: bool = False) -> Recording:
    """The expected recording."""
    from hardware_sim.simulator import simulate

    with console.progress("simulator", samples.raster.n_samples) as advance:
        return simulate(network, samples.raster, deep=deep, on_progress=advance)


def against_lava(
    network: IntegerNetwork,
    samples: Samples,
    expected: Recording,
    model: str,
    *,
    deep: bool = False,
) -> Verdict:
    """Export to a temporary folder, run every sample in Lava, and compare.

    The fast model stands in for Lava's own, so the first sample also runs on Lava's own for as
    many steps as its delays reach, and 20 more.
    """
    from exporters import lava

    with tempfile.TemporaryDirectory(prefix="nmtool-verify-") as scratch:
        folder = lava.export(network, Path(scratch) / "lava")
        began = time.perf_counter()
        with console.progress("Lava", samples.raster.n_samples) as advance:
            actual = lava.run(folder, samples.raster, model=model, deep=deep, on_progress=advance)
        seconds = time.perf_counter() - began
        comparison = compare(expected, actual)
        details: dict[str, Any] = {"model": model}
        if model == "fast" and samples.raster.n_samples:
            stock = _stock_check(network, samples.raster, folder)
            details |= {"stock_steps": stock.steps, **stock.counts}
            comparison = comparison if stock.comparison.identical else stock.comparison
    return Verdict(comparison, actual.accuracy(samples.label), seconds, details)


@dataclass(frozen=True)
class _Stock:
    steps: int
    comparison: Comparison

    @property
    def counts(self) -> dict[str, int]:
        return {
            "stock_spikes_compared": self.comparison.spikes_compared,
            "stock_spikes_different": self.comparison.spikes_different,
        }


def _stock_check(network: IntegerNetwork, spikes: Raster, folder: Path) -> _Stock:
    from exporters import lava
    from hardware_sim.simulator import simulate

    busiest = int(np.argmax(np.diff(spikes.offset)))
    sample = spikes.take([busiest])
    short = sample.first_steps(min(spikes.n_steps, network.max_delay + 20))
    actual = lava.run(folder, short, model="stock", deep=True)
    return _Stock(short.n_steps, compare(simulate(network, short, deep=True), actual))


def report(samples: Samples, expected: Recording, verdicts: dict[str, Verdict]) -> dict[str, Any]:
    """The object scripts rely on."""
    first = next((d for v in verdicts.values() if (d := v.comparison.first_divergence)), None)
    backend = next((name for name, v in verdicts.items() if v.comparison.first_divergence), None)
    return {
        "samples": samples.raster.n_samples,
        "accuracy": {
            SIMULATOR: expected.accuracy(samples.label),
            **{name: verdict.accuracy for name, verdict in verdicts.items()},
        },
        "backends": {
            name: {
                **verdict.comparison.as_json(),
                "seconds": round(verdict.seconds, 3),
                **verdict.details,
            }
            for name, verdict in verdicts.items()
        },
        "first_divergence": None if first is None else {"backend": backend, **asdict(first)},
    }


def print_verdicts(samples: Samples, expected: Recording, verdicts: dict[str, Verdict]) -> None:
    """The certificate as a table, and a sentence per backend."""
    rows: list[tuple] = [(SIMULATOR, f"{expected.accuracy(samples.label):.2%}", "", "", "", "")]
    for name, verdict in verdicts.items():
        comparison = verdict.comparison
        rows.append(
            (
                name,
                f"{verdict.accuracy:.2%}",
                f"{comparison.spikes_compared:,}",
                f"{comparison.spikes_different:,}",
                f"{comparison.membrane_different:,} of {comparison.membrane_compared:,}",
                f"{verdict.seconds:.1f}",
            )
        )
    header = ("backend", "accuracy", "spikes compared", "different", "membranes different", "s")
    console.print_table(f"{samples.raster.n_samples} samples", header, rows)
    for name, verdict in verdicts.items():
        print_sentence(name, verdict.comparison)


def print_sentence(name: str, comparison: Comparison) -> None:
    """`spikes compared N, different 0`, and where a divergence begins."""
    console.tell(
        f"{name}: spikes compared {comparison.spikes_compared}, "
        f"different {comparison.spikes_different}"
    )
    if comparison.first_divergence is not None:
        console.tell(f"  first divergence: {_located(comparison.first_divergence)}")


def _located(divergence: Divergence) -> str:
    return (
        f"sample {divergence.sample}, step {divergence.step}, {divergence.population}"
        f"[{divergence.neuron}], {divergence.quantity}: expected {divergence.expected:g}, "
        f"got {divergence.actual:g}"
    )
