"""Input spikes of many samples, as a sorted list."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Events:
    """At most one spike per (sample, step, channel).

    Attributes:
        offset: [samples + 1] int64; the spikes of sample s are offset[s]:offset[s + 1].
        step: [spikes] int32, counted from 0; ascending within a sample.
        channel: [spikes] int32.
        n_steps: number of steps of every sample.
        n_channels: number of input channels.
    """

    offset: NDArray[np.int64]
    step: NDArray[np.int32]
    channel: NDArray[np.int32]
    n_steps: int
    n_channels: int

    @property
    def n_samples(self) -> int:
        return len(self.offset) - 1

    def dense(self, sample: int) -> NDArray[np.int32]:
        """[channels, steps] int32 zeros and ones: one sample, as Lava's RingBuffer takes it."""
        own = slice(self.offset[sample], self.offset[sample + 1])
        dense = np.zeros((self.n_channels, self.n_steps), np.int32)
        dense[self.channel[own], self.step[own]] = 1
        return dense

    def step_starts(self) -> NDArray[np.int64]:
        """[samples·steps + 1] int64: where the spikes of each step of the whole run start."""
        sample = np.repeat(np.arange(self.n_samples), np.diff(self.offset))
        row = sample * self.n_steps + self.step
        return np.searchsorted(row, np.arange(self.n_samples * self.n_steps + 1))


def read_events(path: str | Path, n_channels: int) -> Events:
    """Read a plain numpy archive with `offset`, `step`, `neuron` and the scalar `n_steps`.

    Raises:
        ValueError: something is missing, or a spike lies outside the steps or channels.
    """
    with np.load(path, allow_pickle=False) as archive:
        missing = {"offset", "step", "neuron", "n_steps"} - set(archive.files)
        if missing:
            raise ValueError(f"{path} lacks {', '.join(sorted(missing))}")
        offset, step, channel = (archive[name] for name in ("offset", "step", "neuron"))
        n_steps = int(archive["n_steps"])
    if n_steps < 1:
        raise ValueError(f"a sample needs at least one step, not {n_steps}")
    if offset[0] != 0 or (np.diff(offset) < 0).any() or not offset[-1] == len(step) == len(channel):
        raise ValueError(f"{path}: offset, step and neuron do not fit together")
    for name, values, limit in (("step", step, n_steps), ("neuron", channel, n_channels)):
        if len(values) and not 0 <= values.min() <= values.max() < limit:
            raise ValueError(f"{path}: a {name} lies outside 0 … {limit - 1}")
    events = Events(offset, step, channel, n_steps, n_channels)
    if (np.diff(_position(events)) <= 0).any():
        raise ValueError(f"{path}: spikes must be unique and sorted by sample, step and neuron")
    return events


def _position(events: Events) -> NDArray[np.int64]:
    sample = np.repeat(np.arange(events.n_samples, dtype=np.int64), np.diff(events.offset))
    return (sample * events.n_steps + events.step) * events.n_channels + events.channel
