"""Augmentation of spike events, a batch at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmtool.data import SpikeEvents
from nmtool.training.options import Augmentation


def augmented(events: SpikeEvents, settings: Augmentation, rng: np.random.Generator) -> SpikeEvents:
    """Augment a copy of a batch by random changes that preserve the class.

    All spikes of an event move together, but each is dropped or kept by itself. In the order of the
    changes, the settings are:

    - `blend`: share of the samples that are replaced by a blend with another sample of their class
      (function `blend`);
    - `shift`: every sample's channels are shifted by a whole number of units, uniform in ±shift;
      events that leave the range are lost;
    - `stretch`: every sample's times are multiplied by a factor uniform in 1 ± stretch;
    - `onset_ms`: every sample as a whole is shifted in time by an amount uniform in ±onset_ms;
      events that would come before 0 ms are lost;
    - `jitter_ms`: every event is shifted in time by a normal random amount with this standard
      deviation in ms, but not to before the start of its sample;
    - `drop`: every sample loses a share of its spikes, uniform in 0 … drop, so that networks see
      the same sample with fewer and with more spikes.
    """
    # Shifts and stretches are drawn first, so that with the same seed they do not depend on the
    # other augmentations.
    shift = rng.integers(-settings.shift, settings.shift + 1, events.n_samples)
    factor = rng.uniform(1 - settings.stretch, 1 + settings.stretch, events.n_samples)
    if settings.blend:
        events = blend(events, settings.blend, rng)
    if settings.shift or settings.stretch:
        sample = events.sample_index()
        unit = events.unit + shift[sample]
        in_range = (unit >= 0) & (unit < events.n_units)
        events = _picked(events, in_range, time_ms=events.time_ms * factor[sample], unit=unit)
    if settings.onset_ms:
        later = rng.uniform(-settings.onset_ms, settings.onset_ms, events.n_samples)
        time_ms = events.time_ms + later[events.sample_index()]
        events = _picked(events, time_ms >= 0, time_ms=time_ms)
    if settings.jitter_ms:
        time_ms = events.time_ms + rng.normal(0.0, settings.jitter_ms, events.n_events)
        time_ms = np.maximum(time_ms, 0.0)
        events = _picked(events, np.lexsort((time_ms, events.sample_index())), time_ms=time_ms)
    if settings.drop:
        lost = rng.uniform(0.0, settings.drop, events.n_samples)[events.sample_index()]
        count = None if events.count is None else rng.binomial(events.count, 1.0 - lost)
        is_kept = rng.random(events.n_events) >= lost if count is None else count > 0
        events = _picked(events, is_kept, count=count)
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
    partner = _partners(events, share, rng)
    partner_events = events.take(partner)
    blended = partner != np.arange(events.n_samples)
    shift_ms = np.where(blended, 0.5 * (_mean_times(partner_events) - _mean_times(events)), 0.0)
    own, other = events.sample_index(), partner_events.sample_index()
    sample = np.concatenate([own, other])
    time_ms = np.concatenate(
        [events.time_ms + shift_ms[own], partner_events.time_ms - shift_ms[other]]
    )
    if events.count is None:
        count, drawn = None, rng.random(sample.size) < 0.5
    else:
        whole = np.concatenate([events.event_counts(), partner_events.event_counts()])
        count = np.where(blended[sample], rng.binomial(whole, 0.5), whole)
        drawn = count > 0
    is_own = np.arange(sample.size) < events.n_events
    places = np.flatnonzero(np.where(blended[sample], drawn & (time_ms >= 0), is_own))
    in_order = places[np.lexsort((time_ms[places], sample[places]))]
    unit = np.concatenate([events.unit, partner_events.unit])
    return _picked(events, in_order, sample=sample, time_ms=time_ms, unit=unit, count=count)


def _partners(events: SpikeEvents, share: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """[samples] int64: each sample's partner, or the sample itself if it is not blended."""
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


def _picked(
    events: SpikeEvents,
    pick: NDArray[np.bool_] | NDArray[np.int64],
    *,
    sample: NDArray[np.int64] | None = None,
    **changed: Any,
) -> SpikeEvents:
    """Replace all events by those of a mask or of places, which are sorted by sample and time.

    `sample`, and `time_ms`, `unit` and `count` in `changed`, replace the properties of all events
    before some are picked.
    """
    sample = events.sample_index() if sample is None else sample
    sizes = np.bincount(sample[pick], minlength=events.n_samples)
    offset = np.concatenate(([0], np.cumsum(sizes)))
    columns = {name: getattr(events, name) for name in ("time_ms", "unit", "count")} | changed
    picked: dict[str, Any] = {
        name: None if column is None else column[pick] for name, column in columns.items()
    }
    return replace(events, offset=offset, **picked)
