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
        OSError: the file cannot be opened.
        ValueError: it is damaged or no such archive, something is missing or no list of integers,
            or a spike lies outside the steps or channels.
    """
    arrays = _arrays(path)
    offset, step, channel = (_integers(name, arrays[name]) for name in _LISTS)
    n_steps = _integers("n_steps", arrays["n_steps"].reshape(-1))
    if n_steps.size != 1 or n_steps[0] < 1:
        raise ValueError(f"n_steps must be one integer above 0, not {arrays['n_steps']}")
    if not _fit(offset, step, channel):
        raise ValueError("offset, step and neuron do not fit together")
    _check_range("step", step, int(n_steps[0]))
    _check_range("neuron", channel, n_channels)
    events = Events(
        offset, step.astype(np.int32), channel.astype(np.int32), int(n_steps[0]), n_channels
    )
    if (np.diff(_position(events)) <= 0).any():
        raise ValueError("spikes must be unique and sorted by sample, step and neuron")
    return events


_LISTS = ("offset", "step", "neuron")


def _arrays(path: str | Path) -> dict[str, NDArray]:
    try:
        # numpy would leave a file open that it cannot read.
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            found = {name: archive[name] for name in (*_LISTS, "n_steps") if name in archive.files}
    except OSError:
        raise
    except Exception as error:  # numpy and zipfile raise anything
        raise ValueError(f"no numpy archive, or a damaged one ({error})") from error
    missing = {*_LISTS, "n_steps"} - set(found)
    if missing:
        raise ValueError(f"it lacks {', '.join(sorted(missing))}")
    return found


def _integers(name: str, values: NDArray) -> NDArray[np.int64]:
    """A list of integers; one of nothing may be of any type, as numpy makes it of floats."""
    if values.ndim != 1 or (values.size and values.dtype.kind not in "iu"):
        raise ValueError(f"{name} must hold integers, not {values.dtype} of shape {values.shape}")
    return values.astype(np.int64)


def _fit(offset: NDArray, step: NDArray, channel: NDArray) -> bool:
    if not offset.size or offset[0] != 0 or (np.diff(offset) < 0).any():
        return False
    return bool(offset[-1] == len(step) == len(channel))


def _check_range(name: str, values: NDArray, limit: int) -> None:
    if values.size and not 0 <= values.min() <= values.max() < limit:
        raise ValueError(f"a {name} lies outside 0 … {limit - 1}")


def _position(events: Events) -> NDArray[np.int64]:
    sample = np.repeat(np.arange(events.n_samples, dtype=np.int64), np.diff(events.offset))
    return (sample * events.n_steps + events.step) * events.n_channels + events.channel
