"""Compare random networks of `fenn16` in FeNN's instruction-set simulator with nmtool's simulator.

    python -m plugins.chips.tests.fenn [--networks 1000] [--from SEED]
    python -m plugins.chips.tests.fenn --record

The command counts differences in spikes, u and v of every neuron at every step. In every fourth
network, populations are so large and weights so strong that sums of arriving weights may clip. The
command counts the networks whose results depend on clipped sums, and those of them that would
differ if sources were added in ascending order: if there were none, the comparison would not test
the order. With --record, it writes the results of FeNN's simulator for small networks to
`plugins/chips/tests/fenn_vectors.npz`, with which the ordinary tests compare nmtool.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from nmtool.hardware_sim.simulator import simulate
from nmtool.known_answers import KnownAnswers
from nmtool.network.integer_network import IntegerNetwork
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.testing import registered
from nmtool.verification.comparison import compare_recordings
from nmtool_chips.fenn.environment import REFEREE
from nmtool_chips.fenn.fenn16 import FENN16
from nmtool_chips.fenn.format import Fenn
from plugins.chips.tests.fenn_networks import (
    VECTORS,
    crowded_network,
    crowded_raster,
    drawn,
    fenn_network,
    fenn_raster,
)

RECORDED, LARGEST = 12, 24
"""Number of small recorded networks, and largest number of neurons of their populations."""

CROWDED_SEED, LARGEST_CROWDED = 201, 150
"""Seed of the last recorded network, and largest number of neurons of its populations. Its sums
clip: if sources were added in ascending order, u, v and spikes would differ."""

RAIL = 32767


def answer(network: IntegerNetwork, spikes: Raster) -> Recording:
    """The results of FeNN's simulator, with u and v."""
    with tempfile.TemporaryDirectory() as folder:
        return Fenn.write(network, Path(folder, "export")).run(spikes, deep=True)


def depends_on(network: IntegerNetwork, spikes: Raster, ours: Recording, **rule: int) -> bool:
    """True if nmtool's results would differ with another `sum_limit` or `word` of `fenn16`."""
    with registered(replace(FENN16, **rule)):
        other = simulate(network, spikes, deep=True)
    return not compare_recordings(ours, other).identical


def compare(first: int, count: int) -> int:
    """Compare the networks of some seeds, and return the number of those that differ."""
    numbers = spikes = rails = clipped = ordered = wrong = 0
    began = time.monotonic()
    for seed in range(first, first + count):
        network, raster = drawn(seed)
        ours, theirs = simulate(network, raster, deep=True), answer(network, raster)
        if max(map(network.largest_sum, network.populations)) >= FENN16.sum_limit:
            in_order = depends_on(network, raster, ours, word=1)
            ordered += in_order
            # Results may be those of exact sums although sums clip; the order shows some of these.
            clipped += in_order or depends_on(network, raster, ours, sum_limit=0)
        if not (comparison := compare_recordings(ours, theirs)).identical:
            wrong += 1
            print(f"network {seed}: {comparison.first_divergence}")
        states = [*ours.current.values(), *ours.potential.values(), *ours.membrane.values()]
        trains = ours.spikes.values()
        numbers += sum(values.size for values in states)
        numbers += sum(t.n_samples * t.n_steps * t.n_neurons for t in trains)
        spikes += sum(raster.n_spikes for raster in trains)
        rails += sum(int((np.abs(values) >= RAIL).sum()) for values in states)
    print(
        f"networks {count}, different {wrong}; numbers compared {numbers}, spikes {spikes}, "
        f"states at the rails {rails}; networks with clipped sums {clipped}, which would differ in "
        f"ascending order {ordered}; {time.monotonic() - began:.0f} s"
    )
    return wrong


def record() -> None:
    """Write the vectors."""
    arrays, cases = {}, []
    for seed in range(RECORDED):
        network = fenn_network(seed, LARGEST)
        cases.append((network, fenn_raster(seed, network, 1)))
    network = crowded_network(CROWDED_SEED, LARGEST_CROWDED)
    cases.append((network, crowded_raster(CROWDED_SEED, network, 1)))
    for index, (network, spikes) in enumerate(cases):
        factors = dict.fromkeys(network.decay_factors(), (0, 0))
        recording = answer(network, spikes)
        answers = KnownAnswers(network.content_hash, spikes, recording, factors)
        for name, data in (("network", network.to_bytes()), ("answers", answers.to_bytes())):
            arrays[f"{name}.{index}"] = np.frombuffer(data, np.uint8)
    np.savez_compressed(VECTORS, **arrays)
    print(
        f"{VECTORS.name}: {len(cases)} networks, {VECTORS.stat().st_size} bytes, {REFEREE.version}"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--networks", type=int, default=1000)
    parser.add_argument("--from", type=int, default=0, dest="first")
    parser.add_argument("--record", action="store_true")
    options = parser.parse_args()
    if options.record:
        record()
        return 0
    return int(bool(compare(options.first, options.networks)))


if __name__ == "__main__":
    sys.exit(main())
