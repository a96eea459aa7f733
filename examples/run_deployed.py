"""Run a deployed network on your own events; needs numpy and numba, but neither torch nor Lava.

    python examples/run_deployed.py NETWORK.npz

NETWORK.npz is a file that `nmtool quantise` wrote. Expected output, for any network:

    … channels, … steps of … ms
    sample 0: class …, … spikes
    sample 1: class …, 0 spikes
"""

from __future__ import annotations

import sys

import numpy as np

import nmtool as nm


def main(path: str) -> None:
    network = nm.IntegerNetwork.load(path)
    units = network.channels.size * network.channels.group
    duration_ms = network.n_steps * network.dt_ms
    print(f"{network.channels.size} channels, {network.n_steps} steps of {network.dt_ms:g} ms")

    # The first sample has noise on all channels. The second sample is silent.
    rng = np.random.default_rng(0)
    times = np.sort(rng.uniform(0, duration_ms, 4 * units))
    events = nm.SpikeEvents(
        time_ms=times,
        unit=rng.integers(0, units, times.size),
        offset=np.array([0, times.size, times.size]),
        label=np.zeros(2, np.int64),
        n_units=units,
        class_names=network.class_names,
    )
    recording = nm.simulate(network, events)
    for sample, prediction in enumerate(recording.predictions):
        spikes = sum(int(raster.counts()[sample].sum()) for raster in recording.spikes.values())
        print(f"sample {sample}: class {network.class_names[prediction]}, {spikes} spikes")


if __name__ == "__main__":
    main(sys.argv[1])
