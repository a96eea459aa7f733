"""Compare random networks of `fenn16` in FeNN's instruction-set simulator with nmtool's simulator.

    python -m tests.fenn [--networks 1000] [--from SEED]
    python -m tests.fenn --record

The command counts differences in spikes, u and v of every neuron at every step. With --record, it
writes the results of FeNN's simulator for small networks to `tests/networks/fenn_vectors.npz`, with
which the ordinary tests compare nmtool.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from nmtool.exporters.embedded import pack_network
from nmtool.exporters.fenn import Fenn
from nmtool.exporters.fenn.environment import REFEREE
from nmtool.hardware_sim.simulator import simulate
from nmtool.known_answers import KnownAnswers
from nmtool.network.integer_network import IntegerNetwork
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.verification.comparison import compare_recordings
from tests.networks.fenn import VECTORS, fenn_network, fenn_raster

RECORDED, LARGEST = 12, 24
"""Number of recorded networks, and largest number of neurons of their populations."""

RAIL = 32767


def answer(network: IntegerNetwork, spikes: Raster) -> Recording:
    """The results of FeNN's simulator, with u and v."""
    with tempfile.TemporaryDirectory() as folder:
        return Fenn.write(network, Path(folder, "export")).run(spikes, deep=True)


def compare(first: int, count: int) -> int:
    """Compare the networks of some seeds, and return the number of those that differ."""
    numbers = spikes = rails = wrong = 0
    began = time.monotonic()
    for seed in range(first, first + count):
        network = fenn_network(seed)
        raster = fenn_raster(seed, network)
        ours, theirs = simulate(network, raster, deep=True), answer(network, raster)
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
        f"states at the rails {rails}; {time.monotonic() - began:.0f} s"
    )
    return wrong


def record() -> None:
    """Write the vectors."""
    arrays = {}
    for index in range(RECORDED):
        network = fenn_network(index, LARGEST)
        spikes = fenn_raster(index, network, 1)
        factors = dict.fromkeys(network.decay_factors(), (0, 0))
        recording = answer(network, spikes)
        answers = KnownAnswers(network.content_hash, spikes, recording, factors)
        for name, data in (("network", pack_network(network)), ("answers", answers.to_bytes())):
            arrays[f"{name}.{index}"] = np.frombuffer(data, np.uint8)
    np.savez_compressed(VECTORS, **arrays)
    print(f"{VECTORS.name}: {RECORDED} networks, {VECTORS.stat().st_size} bytes, {REFEREE.version}")


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
