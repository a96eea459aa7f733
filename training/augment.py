"""Augmentation of spike events, a batch at a time."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from nmtool.data import SpikeEvents


@dataclass(frozen=True)
class Augmentation:
    """Random changes that leave the class as it is.

    Attributes:
        shift: every sample's channels move by a whole number of units, uniform in ±shift;
            events that leave the range are lost.
        stretch: every sample's times are multiplied by a factor uniform in 1 ± stretch.
    """

    shift: int = 0
    stretch: float = 0.0

    def __call__(self, events: SpikeEvents, rng: np.random.Generator) -> SpikeEvents:
        """A changed copy of a batch."""
        sample = events.sample_index()
        shift = rng.integers(-self.shift, self.shift + 1, events.n_samples)
        factor = rng.uniform(1 - self.stretch, 1 + self.stretch, events.n_samples)
        if not self.shift and not self.stretch:
            return events
        unit = events.unit + shift[sample]
        kept = (unit >= 0) & (unit < events.n_units)
        counts = np.bincount(sample[kept], minlength=events.n_samples)
        return replace(
            events,
            time_ms=(events.time_ms * factor[sample])[kept],
            unit=unit[kept],
            offset=np.concatenate(([0], np.cumsum(counts))),
        )
