"""`nmtool evaluate NETWORK DATA`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from nmtool.cli import console
from nmtool.cli.arguments import add_choice_of_samples, add_data, add_json, add_network
from nmtool.cli.held_out import chosen_data
from nmtool.cli.loading import Samples, bin_for, load_any, read_split
from nmtool.cli.progress import progress
from nmtool.cli.threads import add_threads_option, use_threads
from nmtool.integer_network import IntegerNetwork
from nmtool.network import Network
from nmtool.recording import Recording


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_network(parser)
    add_data(parser)
    add_choice_of_samples(parser)
    add_json(parser)
    add_threads_option(parser)
    parser.epilog = "example: nmtool evaluate run digits"


def run(arguments: argparse.Namespace) -> int:
    found = load_any(arguments.network)
    use_threads(arguments.threads, with_torch=isinstance(found, Network))
    dataset = chosen_data(arguments, arguments.split, [arguments.network])
    events = read_split(dataset, arguments.split, arguments.samples)
    samples = bin_for(found, events)
    recording = record(found, samples)
    loss = training_loss(arguments.network, found, recording, samples)
    result = {**summary(found, samples, recording), "loss": loss}
    if arguments.json:
        what = {"network": arguments.network, "hash": found.content_hash}
        where = {"data": arguments.data, "split": arguments.split}
        console.print_json({**what, **where, **result})
    else:
        print_result(f"{arguments.network} on {arguments.data} ({arguments.split})", result)
    return 0


def print_result(title: str, result: dict[str, Any]) -> None:
    """What `summary` says, for people; entries that are None are left out."""
    rates = result["spikes_per_neuron"]
    shown = {
        **result,
        "accuracy": f"{result['accuracy']:.2%}",
        "spikes_per_neuron": ", ".join(f"{name} {rate:.3g}" for name, rate in rates.items()),
        "synaptic_events_per_sample": f"{result['synaptic_events_per_sample']:,.1f}",
        "neuron_updates_per_sample": f"{result['neuron_updates_per_sample']:,.1f}",
    }
    rows = [(k.replace("_", " "), console.shown(v)) for k, v in shown.items() if v is not None]
    console.print_table(title, ("", "value"), rows)


def record(found: Network | IntegerNetwork, samples: Samples) -> Recording:
    """Run a network in its own arithmetic, with progress."""
    n_samples = samples.raster.n_samples
    if isinstance(found, IntegerNetwork):
        from nmtool.hardware_sim.simulator import simulate

        with progress("integer simulator", n_samples) as advance:
            return simulate(found, samples.raster, on_progress=advance)
    from nmtool.training.model import SpikingNetwork

    model = SpikingNetwork(found, max_delay=found.max_delay)
    with progress("float network", n_samples) as advance:
        return model.record(samples.raster, on_progress=advance)


def summary(
    found: Network | IntegerNetwork, samples: Samples, recording: Recording
) -> dict[str, Any]:
    """What running at least one sample says about a network: accuracy, activity, operations."""
    from nmtool.hardware_sim.operations import count_operations

    operations = count_operations(found, samples.raster, recording)
    n = recording.n_samples
    return {
        "arithmetic": found.arithmetic if isinstance(found, IntegerNetwork) else "float",
        "samples": n,
        "accuracy": recording.accuracy(samples.label),
        "spikes_per_neuron": {
            name: float(np.mean(raster.counts())) for name, raster in recording.spikes.items()
        },
        "synaptic_events_per_sample": operations.synaptic_events / n,
        "neuron_updates_per_sample": operations.neuron_updates / n,
        **{name: count for name, count in recording.counts.items() if "." not in name},
    }


def training_loss(
    path: str, found: Network | IntegerNetwork, recording: Recording, samples: Samples
) -> float | None:
    """The loss the run was trained with; None for a file, which does not say what it was."""
    from nmtool.training.run_folder import RunFolder

    folder = RunFolder(Path(path))
    if isinstance(found, IntegerNetwork) or not folder.manifest_file.is_file():
        return None
    import torch

    from nmtool.training import losses

    options = folder.options()
    scores, labels = torch.from_numpy(recording.scores), torch.from_numpy(samples.label)
    if found.readout.kind == "lif":
        first_ms = -scores * found.dt_ms
        if options.margin_ms:
            return losses.margin(first_ms, labels, options.margin_ms).item()
        scores = -first_ms
    return losses.cross_entropy(scores, labels, options.gain).item()
