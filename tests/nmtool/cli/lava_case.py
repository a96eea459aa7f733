"""What the tests of `nmtool verify` compare in Lava: a network, its data, and the keys of JSON."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from nmtool.data import SpikeEvents, bin_events, write_shd
from nmtool.network.integer_network import IntegerProjection
from tests.nmtool.cli import cases


def events() -> SpikeEvents:
    """Sample 3 makes most neurons spike, sample 4 has most input, but late; 2 is empty."""
    random = np.random.default_rng(8)
    counts = np.array([4, 5, 0, 12, 20, 6])
    late = np.repeat(np.arange(6) == 4, counts)
    time = np.where(late, random.uniform(25, 30, 47), random.uniform(0, 25, 47))
    time = time[np.lexsort((time, np.repeat(np.arange(6), counts)))]
    offset = np.concatenate(([0], np.cumsum(counts)))
    label = np.array([0, 1, 0, 1, 0, 1])
    return SpikeEvents(time, random.integers(0, 4, 47), offset, label, cases.N_UNITS, cases.CLASSES)


RASTER = bin_events(events(), 1.0, 30).raster
BUSIEST, FIRST = 3, 1
"""The sample and step from which on most neurons spike."""

STOCK_STEPS = 24
"""The network's longest delay, 4 steps, and 20 more."""

STRETCH = f"{STOCK_STEPS} steps of sample {BUSIEST} from step {FIRST}"
STOCK_SPIKES = 22
"""Of the hidden neurons in the stretch."""

BINS = RASTER.n_samples * 30 * 3
VALUES = RASTER.n_samples * 30 * 2

COUNTS = ("360", "0", "0", "of", "240")
"""Of the certificate of four samples."""

KEYS = {
    *("spikes_compared", "spikes_different", "spikes_emitted"),
    *("membrane_compared", "membrane_different", "predictions_different", "seconds"),
}
"""What scripts rely on, of every backend."""

STOCK_KEYS = {
    *("stock_sample", "stock_first_step", "stock_steps"),
    *("stock_spikes_compared", "stock_spikes_different", "stock_spikes_emitted"),
    *("stock_membrane_compared", "stock_membrane_different", "stock_equals_fast"),
}

WORDS = ("verify", "integers.npz", "two", "--against", "lava")


def write_case(data: Path, integers: Path) -> None:
    """A network with delays up to 4, and its data."""
    write_shd(data / "two_test.h5", events(), force=True)
    first, *others = cases.integer_network().projections
    delay = np.minimum(first.delay, 4)
    short = IntegerProjection("input", "hidden", first.weight, delay, 8, 4)
    network = cases.integer_network()
    replace(network, projections=[short, *others]).save(integers)
