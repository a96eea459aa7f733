"""`python -m tests.mixed`: random networks in every backend; each spike, u and v is compared.

In one run, the networks mix what a network can be: all resets, constants up to their limits, spikes
that are counted, and numbers as input. The backends are

session     the live session, which gets the input as events or as numbers, and runs step by step
training    the forward pass of training in integers
FORMAT      an export of each format that counts spikes; `json` runs in the readable simulator

A backend may refuse a network that it cannot represent, e.g. for more spikes than it counts. The
lines below the table say how often each reason was named.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from nmtool.batches import in_batches
from nmtool.data import SpikeEvents
from nmtool.errors import DoesNotFitError, MissingError, NetworkError
from nmtool.exporters.format import Format
from nmtool.exporters.formats import all_formats, format_named
from nmtool.hardware_sim.session import Session
from nmtool.hardware_sim.simulator import simulate
from nmtool.network.analogue import AnalogueInput
from nmtool.network.float_network import Network
from nmtool.network.float_parts import Projection
from nmtool.network.graph import INPUT, MAX_SPIKES, MOST_SPIKES
from nmtool.network.integer_network import IntegerNetwork
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.testing.networks import random_input, random_network, with_resets
from nmtool.verification.comparison import compare_recordings

Run = Callable[[IntegerNetwork, Raster], Recording]

CHANNELS, SAMPLES = 6, 2
LIMITS = (1, 3, 15, MAX_SPIKES)
COLUMNS = ("networks", "refused", "bins", "spikes", "u, v", "different")


def drawn(seed: int) -> tuple[IntegerNetwork, Raster]:
    """A network and its input.

    About every third network takes numbers, with or without a sign. Every second network has decays
    that can be trained and sums of weights that fit small adders; others go to the limits.
    """
    random = np.random.default_rng(seed)
    n_hidden, spiking_output = int(random.integers(1, 3)), bool(random.integers(2))
    network = random_network(seed, n_hidden, spiking_output, channels=CHANNELS)
    network = with_resets(network, seed, int(random.choice(LIMITS)))
    network = tamed(network) if seed % 2 else network
    if random.integers(3):
        return network, random_input(network, seed, SAMPLES, network.n_steps)
    bits, signed = int(random.integers(1, 9)), bool(random.integers(2))
    rule = AnalogueInput(float(random.uniform(0.01, 1)), bits, signed)
    channels = replace(network.channels, most_spikes=rule.largest, analogue=rule)
    network = replace(network, channels=channels)
    shape = SAMPLES, network.n_steps, CHANNELS // rule.channels_per_number
    values = random.normal(0, rule.scale * rule.largest / 2, shape)
    events = SpikeEvents.from_values(values, [0] * SAMPLES, **rule.as_json())
    return network, network.bin(events).raster


def tamed(network: IntegerNetwork) -> IntegerNetwork:
    """The network without the slowest and the fastest decays, and with small weights."""
    return replace(
        network,
        populations=[
            replace(p, du=min(max(p.du, 1), 4000), dv=min(max(p.dv, 1), 4000))
            for p in network.populations
        ],
        projections=[
            replace(p, weight_exponent=min(p.weight_exponent, 0)) for p in network.projections
        ],
    )


def properties(network: IntegerNetwork) -> Counter[str]:
    """What a network adds to the mix."""
    limits = network.spike_limits
    counts: Counter[str] = Counter(f"reset {p.reset}" for p in network.spiking)
    counts["with counts of neurons"] = any(limits[p.name] > 1 for p in network.spiking)
    counts["with counts of inputs"] = limits[INPUT] > 1
    counts["with numbers as input"] = network.channels.analogue is not None
    return counts


# The backends


def in_session(network: IntegerNetwork, spikes: Raster) -> Recording:
    """Feed a whole sample, and run its steps one by one."""
    session = Session(network, keep=spikes.n_steps)

    def run(sample: Raster) -> Recording:
        session.reset()
        if (rule := network.channels.analogue) is None:
            session.feed(sample.neuron, sample.step * network.dt_ms, sample.bin_counts())
        else:
            session.feed_values(rule.values(sample.dense_counts()[0]))
        for _ in range(sample.n_steps):
            session.step()
        return session.recent()

    return in_batches(run, spikes, 1, None)


def in_training(network: IntegerNetwork, spikes: Raster) -> Recording:
    """Run the forward pass of a model whose parameters were rounded to the network."""
    from nmtool.training.front.model import SpikingNetwork
    from nmtool.training.front.rounding import float_population

    floats = Network(
        network.channels,
        [float_population(p, network.dt_ms) for p in network.populations],
        [Projection(p.source, p.target, p.weight, p.delay) for p in network.projections],
        network.readout,
        network.dt_ms,
        network.n_steps,
    )
    return SpikingNetwork(floats, rounding=network).record(spikes)


def exported(format_: type[Format], **options: int) -> Run:
    """A function that exports a network, and runs what it finds in the export."""

    def run(network: IntegerNetwork, spikes: Raster) -> Recording:
        end = next(iter(format_.extensions), f"-{format_.name}")
        written = format_.writing_options(**options) if format_.writing_options else None
        with TemporaryDirectory() as folder:
            path = format_.write(network, Path(folder) / f"network{end}", options=written).path
            return format_(path).run(spikes, deep=format_.records_states)

    return run


def backends(also: Sequence[str] = ()) -> dict[str, Run]:
    """All backends by name, without formats whose runtime is missing.

    Args:
        also: variants of formats, as FORMAT:OPTION=NUMBER.
    """
    runs: dict[str, Run] = {"session": in_session, "training": in_training}
    counting = [
        f.name
        for f in all_formats()
        if f.runs and MOST_SPIKES.name in [p.name for p in f.expresses]
    ]
    for variant in (*counting, *also):
        name, _, option = variant.partition(":")
        options = [option.split("=")] if option else []
        format_ = format_named(name)
        try:
            format_.require()
        except MissingError as error:
            print(f"{variant} is left out: {error}")
        else:
            runs[variant] = exported(format_, **{key: int(value) for key, value in options})
    return runs


# The comparison


def compared(run: Run, network: IntegerNetwork, spikes: Raster) -> tuple[Counter[str], str]:
    """Counts by column of the table, and the first difference or '' in words."""
    actual, expected = run(network, spikes), simulate(network, spikes, deep=True)
    if not actual.current:
        expected = replace(expected, current={}, potential={})
    seen = compare_recordings(expected, actual)
    counts = Counter(dict.fromkeys(COLUMNS, 0) | {"networks": 1})
    counts["bins"], counts["spikes"] = seen.spikes_compared, seen.spikes_emitted
    counts["u, v"] = seen.membrane_compared
    counts["different"] = seen.spikes_different + seen.membrane_different
    counts["different"] += seen.predictions_different or 0
    return counts, str(seen.first_divergence or "")


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; the exit code is 1 if anything differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", type=int, default=500)
    parser.add_argument("--first", type=int, default=0, help="seed of the first network")
    parser.add_argument("--only", nargs="+", metavar="BACKEND", help="by default all")
    parser.add_argument("--also", action="append", default=[], metavar="FORMAT:OPTION=NUMBER")
    options = parser.parse_args(arguments)
    began, mix = time.perf_counter(), Counter[str]()
    runs = backends(options.also)
    totals = {name: Counter[str]() for name in options.only or runs}
    reasons = {name: Counter[str]() for name in totals}
    for seed in range(options.first, options.first + options.networks):
        network, spikes = drawn(seed)
        mix += properties(network)
        for name, total in totals.items():
            try:
                counts, difference = compared(runs[name], network, spikes)
            except (DoesNotFitError, NetworkError) as error:
                total["refused"] += 1
                reasons[name].update({finding.code for finding in error.findings} or {error.code})
                continue
            total += counts
            if difference:
                print(f"seed {seed}, {name}: {difference}", flush=True)
    print(f"{options.networks} networks from seed {options.first}, ", end="")
    print(f"{time.perf_counter() - began:.0f} s:", ", ".join(f"{n} {k}" for k, n in mix.items()))
    print(f"{'backend':16}", *(f"{column:>12}" for column in COLUMNS))
    for name, total in totals.items():
        print(f"{name:16}", *(f"{total[column]:12,}" for column in COLUMNS))
    for name, codes in reasons.items():
        if codes:
            print(f"{name} refused", ", ".join(f"{n} by {code}" for code, n in codes.items()))
    return 1 if any(total["different"] for total in totals.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
