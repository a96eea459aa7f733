"""`nmtool evaluate RUN|FILE DATA`."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from nmtool.cli import console
from nmtool.cli.loading import (
    Samples,
    add_data_options,
    bin_for,
    find_data,
    first_samples,
    load_any,
)
from nmtool.cli.threads import add_threads_option, use_threads
from nmtool.data import SPLITS
from nmtool.integer_network import IntegerNetwork
from nmtool.network import Network
from nmtool.recording import Recording


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("network", help="run folder, network file or integer network file")
    parser.add_argument("data", help="digits, yinyang, shd, ssc, tonic:NAME or a folder")
    parser.add_argument("--split", choices=SPLITS, default="test")
    parser.add_argument("--samples", type=int, metavar="N", help="only the first N samples")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    add_data_options(parser)
    add_threads_option(parser)


def run(arguments: argparse.Namespace) -> int:
    use_threads(arguments.threads)
    found = load_any(arguments.network)
    events = find_data(arguments, arguments.data).split(arguments.split)
    samples = bin_for(found, first_samples(events, arguments.samples))
    result = summary(found, samples, record(found, samples))
    if arguments.json:
        console.print_json(result)
    else:
        title = f"{arguments.network} on {arguments.data} ({arguments.split})"
        console.print_table(title, ("", "value"), [(k, _shown(v)) for k, v in result.items()])
    return 0


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {count:.4g}" for name, count in value.items())
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def record(found: Network | IntegerNetwork, samples: Samples) -> Recording:
    """Run a network in its own arithmetic, with progress."""
    if isinstance(found, IntegerNetwork):
        from hardware_sim.simulator import simulate

        with console.progress("simulating", samples.raster.n_samples) as advance:
            return simulate(found, samples.raster, on_progress=advance)
    from training.model import SpikingNetwork

    model = SpikingNetwork(found, max_delay=found.max_delay)
    with console.progress("running", samples.raster.n_samples) as advance:
        return model.record(samples.raster, on_progress=advance)


def summary(
    found: Network | IntegerNetwork, samples: Samples, recording: Recording
) -> dict[str, Any]:
    """What a run says about a network: accuracy, activity, operations."""
    from hardware_sim.operations import count_operations

    operations = count_operations(found, samples.raster, recording)
    n = max(1, recording.n_samples)
    return {
        "arithmetic": found.arithmetic if isinstance(found, IntegerNetwork) else "float",
        "samples": recording.n_samples,
        "accuracy": recording.accuracy(samples.label) if recording.n_samples else 0.0,
        "spikes_per_neuron": {
            name: float(np.mean(raster.counts())) for name, raster in recording.spikes.items()
        },
        "synaptic_events_per_sample": operations.synaptic_events / n,
        "neuron_updates_per_sample": operations.neuron_updates / n,
        **{name: count for name, count in recording.counts.items() if "." not in name},
    }
