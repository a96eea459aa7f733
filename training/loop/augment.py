"""Augmentation of spike events, a batch at a time."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from nmtool.data import SpikeEvents
from nmtool.training.options import TrainOptions


@dataclass(frozen=True)
class Augmentation:
    """Random changes that preserve the class, made in the order of the attributes.

    Attributes:
        blend: share of the samples that are replaced by a blend with another sample of their class
            (function `blend`).
        shift: every sample's channels are shifted by a whole number of units, uniform in ±shift;
            events that leave the range are lost.
        stretch: every sample's times are multiplied by a factor uniform in 1 ± stretch.
        onset_ms: every sample as a whole is shifted in time by an amount uniform in ±onset_ms;
            events that would come before 0 ms are lost.
        jitter_ms: every event is shifted in time by a normal random amount with this standard
            deviation in ms, but not to before the start of its sample.
        drop: every sample loses a share of its spikes, uniform in 0 … drop, so that networks see
            the same sample with fewer and with more spikes.

    All spikes of an event move together, but each is dropped or kept by itself.
    """

    blend: float = 0.0
    shift: int = 0
    stretch: float = 0.0
    onset_ms: float = 0.0
    jitter_ms: float = 0.0
    drop: float = 0.0

    @classmethod
    def of(cls, options: TrainOptions) -> Augmentation:
        """Make the augmentation from the settings of a run."""
        return cls(**{option.name: getattr(options, option.name) for option in fields(cls)})

    def __call__(self, events: SpikeEvents, rng: np.random.Generator) -> SpikeEvents:
        """Augment a copy of a batch."""
        # Shifts and stretches are drawn first, so that with the same seed they do not depend on the
        # other augmentations.
        shift = rng.integers(-self.shift, self.shift + 1, events.n_samples)
        factor = rng.uniform(1 - self.stretch, 1 + self.stretch, events.n_samples)
        if self.blend:
            events = blend(events, self.blend, rng)
        if self.shift or self.stretch:
            events = _shifted_and_stretched(events, shift, factor)
        if self.onset_ms:
            later = rng.uniform(-self.onset_ms, self.onset_ms, events.n_samples)
            events = _shifted_in_time(events, later)
        if self.jitter_ms:
            events = _jittered(events, self.jitter_ms, rng)
        if self.drop:
            lost = rng.uniform(0.0, self.drop, events.n_samples)
            events = _dropped(events, lost[events.sample_index()], rng)
        return events


def blend(events: SpikeEvents, share: float, rng: np.random.Generator) -> SpikeEvents:
    """Replace samples by blends with another sample of their class (Mészáros et al. 2025).

    Both samples are shifted in time so that their mean times meet halfway, then every spike of both
    is kept with probability 1/2; events that come before 0 ms are lost. A sample remains unchanged
    if it has no events, or if no other sample of its class in the batch has any.

    Args:
        events: a batch.
        share: probability of each sample to be replaced.
        rng: random generator that chooses samples, partners and spikes.
    """
    return _blended(events, _partners(events, share, rng), rng)


def _blended(
    events: SpikeEvents, partner: NDArray[np.int64], rng: np.random.Generator
) -> SpikeEvents:
    """Blend every sample with its partner.

    Args:
        events: the samples.
        partner: [samples] int64, index of each sample's partner; a sample that is its own partner
            does not change.
        rng: random generator.
    """
    partner_events = events.take(partner)
    blended = partner != np.arange(events.n_samples)
    shift_ms = np.where(blended, 0.5 * (_mean_times(partner_events) - _mean_times(events)), 0.0)
    sample = np.concatenate([events.sample_index(), partner_events.sample_index()])
    time_ms = np.concatenate(
        [
            events.time_ms + shift_ms[events.sample_index()],
            partner_events.time_ms - shift_ms[partner_events.sample_index()],
        ]
    )
    is_own = np.arange(sample.size) < events.n_events
    unit = np.concatenate([events.unit, partner_events.unit])
    if events.count is None:
        count, drawn = None, rng.random(sample.size) < 0.5
    else:
        whole = np.concatenate([events.event_counts(), partner_events.event_counts()])
        count = np.where(blended[sample], rng.binomial(whole, 0.5), whole)
        drawn = count > 0
    mask = np.where(blended[sample], drawn & (time_ms >= 0), is_own)
    return _with_events(events, _in_order(mask, sample, time_ms), sample, time_ms, unit, count)


def _partners(events: SpikeEvents, share: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw the index of the partner with which each sample is blended, [samples] int64.

    Samples that are not blended are their own partners.
    """
    partner = np.arange(events.n_samples)
    chosen = rng.random(events.n_samples) < share
    spiking = events.counts > 0
    for sample in np.flatnonzero(chosen & spiking):
        possible = spiking & (events.label == events.label[sample])
        possible[sample] = False
        if possible.any():
            partner[sample] = rng.choice(np.flatnonzero(possible))
    return partner


def _mean_times(events: SpikeEvents) -> NDArray[np.float64]:
    """Mean time of each sample's spikes in ms, [samples] float64; 0 for samples without spikes."""
    time_ms = events.time_ms if events.count is None else events.time_ms * events.count
    total = np.bincount(events.sample_index(), time_ms, events.n_samples)
    return total / np.maximum(events.spikes, 1)


def _shifted_and_stretched(
    events: SpikeEvents, shift: NDArray[np.int64], factor: NDArray[np.float64]
) -> SpikeEvents:
    """Shift each sample's units by `shift`, and multiply its times by `factor`, both [samples]."""
    sample = events.sample_index()
    unit = events.unit + shift[sample]
    mask = (unit >= 0) & (unit < events.n_units)
    time_ms = events.time_ms * factor[sample]
    return _with_events(events, mask, sample, time_ms, unit, events.count)


def _shifted_in_time(events: SpikeEvents, by_ms: NDArray[np.float64]) -> SpikeEvents:
    """Shift each sample's times by `by_ms`, [samples] float64; events before 0 ms are lost."""
    sample = events.sample_index()
    time_ms = events.time_ms + by_ms[sample]
    return _with_events(events, time_ms >= 0, sample, time_ms, events.unit, events.count)


def _jittered(events: SpikeEvents, spread_ms: float, rng: np.random.Generator) -> SpikeEvents:
    """Shift the time of each event by a normal random amount, not before 0 ms."""
    sample = events.sample_index()
    time_ms = np.maximum(events.time_ms + rng.normal(0.0, spread_ms, events.n_events), 0.0)
    order = _in_order(np.ones(sample.size, np.bool_), sample, time_ms)
    return _with_events(events, order, sample, time_ms, events.unit, events.count)


def _dropped(
    events: SpikeEvents, lost: NDArray[np.float64], rng: np.random.Generator
) -> SpikeEvents:
    """Drop each spike with the probability `lost` of its event, [events]."""
    if events.count is None:
        count, mask = None, rng.random(events.n_events) >= lost
    else:
        count = rng.binomial(events.count, 1.0 - lost)
        mask = count > 0
    return _with_events(events, mask, events.sample_index(), events.time_ms, events.unit, count)


def _in_order(
    mask: NDArray[np.bool_], sample: NDArray[np.int64], time_ms: NDArray[np.floating]
) -> NDArray[np.int64]:
    """Places of the events in a mask, sorted by sample and time."""
    places = np.flatnonzero(mask)
    return places[np.lexsort((time_ms[places], sample[places]))]


def _with_events(
    events: SpikeEvents,
    pick: NDArray[np.bool_] | NDArray[np.int64],
    sample: NDArray[np.int64],
    time_ms: NDArray[np.floating],
    unit: NDArray[np.integer],
    count: NDArray[np.integer] | None,
) -> SpikeEvents:
    """Replace the events of all samples.

    Args:
        events: the samples.
        pick: mask or places of the new events, sorted by sample and time.
        sample, time_ms, unit, count: properties of the events from which is picked.
    """
    sizes = np.bincount(sample[pick], minlength=events.n_samples)
    return replace(
        events,
        time_ms=time_ms[pick],
        unit=unit[pick],
        offset=np.concatenate(([0], np.cumsum(sizes))),
        count=None if count is None else count[pick],
    )
