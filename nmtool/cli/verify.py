"""`nmtool verify NETWORK DATA --against BACKEND`: the certificate."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from nmtool.cli import console
from nmtool.cli.arguments import add_choice_of_samples, add_data, add_json, add_network
from nmtool.cli.integers import add_quantise_options, integers
from nmtool.cli.lava_check import FAST, STOCK, LavaCheck, Verdict
from nmtool.cli.loading import Samples, bin_for, find_data, is_lava_export, load_any, read_split
from nmtool.cli.progress import progress
from nmtool.cli.threads import add_threads_option, use_threads
from nmtool.integer_network import IntegerNetwork
from nmtool.recording import Recording
from nmtool.verify import Comparison, Divergence

BACKENDS = ("lava",)
SIMULATOR = "hardware_sim"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_network(
        parser,
        "integer network file, or an exported Lava folder, which is run as it is; "
        "runs and float networks are quantised",
    )
    add_data(parser)
    parser.add_argument(
        "--against", required=True, action="append", choices=BACKENDS, help="backend to compare"
    )
    add_choice_of_samples(parser)
    parser.add_argument("--deep", action="store_true", help="compare u and v of every neuron too")
    parser.add_argument(
        "--model",
        choices=[FAST, STOCK],
        default=FAST,
        help="Lava's model: fast (default; one sample runs on stock too) or stock, its own, slow",
    )
    add_json(parser)
    add_quantise_options(parser)
    add_threads_option(parser)
    parser.epilog = (
        "example: nmtool verify integers.npz digits --against lava. "
        "Exit code 1 if anything differs."
    )


def run(arguments: argparse.Namespace) -> int:
    from exporters.lava import environment

    use_threads(arguments.threads)
    found = load_any(arguments.network)
    dataset = find_data(arguments, arguments.data)
    folder = Path(arguments.network) if is_lava_export(arguments.network) else None
    lava = LavaCheck(environment.find(), arguments.model, arguments.deep, folder)
    network = integers(arguments, found, dataset if "train" in dataset.splits else None)
    samples = bin_for(network, read_split(dataset, arguments.split, arguments.samples))
    expected = simulated(network, samples, deep=arguments.deep)
    verdicts = {"lava": lava(network, samples, expected)}
    if arguments.json:
        console.print_json(report(samples, expected, verdicts))
    else:
        print_verdicts(samples, expected, verdicts)
    return 0 if all(verdict.identical for verdict in verdicts.values()) else 1


def simulated(network: IntegerNetwork, samples: Samples, *, deep: bool = False) -> Recording:
    """The expected recording."""
    from hardware_sim.simulator import simulate

    with progress("integer simulator", samples.raster.n_samples) as advance:
        return simulate(network, samples.raster, deep=deep, on_progress=advance)


def report(
    samples: Samples, expected: Recording, verdicts: Mapping[str, Verdict]
) -> dict[str, Any]:
    """The object scripts rely on.

    Where only the check of a backend's model differs, that is the first divergence.
    """
    divergences = {name: verdict.first_divergence for name, verdict in verdicts.items()}
    first = next(((n, d) for n, d in divergences.items() if d is not None), None)
    return {
        "samples": samples.raster.n_samples,
        "accuracy": {
            SIMULATOR: expected.accuracy(samples.label),
            **{name: verdict.accuracy for name, verdict in verdicts.items()},
        },
        "backends": {name: verdict.as_json() for name, verdict in verdicts.items()},
        "first_divergence": None if first is None else {"backend": first[0], **asdict(first[1])},
    }


def print_verdicts(samples: Samples, expected: Recording, verdicts: Mapping[str, Verdict]) -> None:
    """The certificate as a table, and what it says in words."""
    rows: list[tuple[str, ...]] = [
        (SIMULATOR, f"{expected.accuracy(samples.label):.2%}", "", "", "", "")
    ]
    rows += [row for name, verdict in verdicts.items() for row in _rows(name, verdict)]
    header = ("backend", "accuracy", "spikes compared", "different", "u, v different", "seconds")
    console.print_table(f"{samples.raster.n_samples} samples", header, rows)
    for name, verdict in verdicts.items():
        print_verdict(name, verdict)


def _rows(name: str, verdict: Verdict) -> list[tuple[str, ...]]:
    accuracy, seconds = f"{verdict.accuracy:.2%}", f"{verdict.seconds:.1f}"
    rows: list[tuple[str, ...]] = [
        (f"{name} ({verdict.model})", accuracy, *_counts(verdict.comparison), seconds)
    ]
    if verdict.stock is not None:
        rows.append((f"{name} (stock)", "", *_counts(verdict.stock.comparison), ""))
    return rows


def _counts(comparison: Comparison) -> tuple[str, str, str]:
    return (
        f"{comparison.spikes_compared:,}",
        f"{comparison.spikes_different:,}",
        f"{comparison.membrane_different:,} of {comparison.membrane_compared:,}",
    )


def print_verdict(name: str, verdict: Verdict) -> None:
    """`spikes compared N, different 0`, and where a divergence begins."""
    _print_sentence(name, verdict.comparison, verdict.comparison.first_divergence)
    stock = verdict.stock
    if stock is None:
        return
    label = f"{name}, stock model, {stock.steps} steps of sample {stock.sample}"
    _print_sentence(label, stock.comparison, stock.first_divergence)
    if not stock.comparison.identical:
        console.tell(
            f"{name}: Lava's own model differs. The fast model stands in for it, so the "
            "comparison of all samples proves nothing",
            style="bold red",
        )


def _print_sentence(label: str, comparison: Comparison, first: Divergence | None) -> None:
    console.tell(
        f"{label}: spikes compared {comparison.spikes_compared}, "
        f"different {comparison.spikes_different}"
    )
    if first is not None:
        console.tell(f"  first divergence: {_located(first)}")


def _located(divergence: Divergence) -> str:
    return (
        f"sample {divergence.sample}, step {divergence.step}, {divergence.population}"
        f"[{divergence.neuron}], {divergence.quantity}: expected {divergence.expected:.12g}, "
        f"got {divergence.actual:.12g}"
    )
