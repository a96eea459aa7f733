"""Known answers: the expected activity of the network for the samples in known_answers.npz.

`spikes.<population>.*` are spikes, stored as in a recording. `u.<population>` and `v.<population>`
are the amounts that each step adds to u and v; README.md explains them. Files without these members
have the membranes themselves, as `membrane.<population>`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .traces import Trace

KIND = "nmtool known answers"

DECAY_ONE = 4096
"""Denominator of decays: in a step, a state keeps `keep` / 4096 of its value."""


class KnownAnswers:
    """Expected traces, and counts of the values in which a run differs from them.

    Args:
        path: path of known_answers.npz.
        sizes: number of neurons of each population of the network that runs, by name.

    Attributes:
        compared, different: numbers of compared and of different values, by quantity: `spikes`, and
            `u and v`.
        first: sample, step and population of the first difference; None if nothing differs.

    Raises:
        ValueError, LookupError: the file is damaged, or it belongs to a network with other
            populations.
    """

    def __init__(self, path: str | Path, sizes: dict[str, int]) -> None:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        header = json.loads(str(arrays["header"][()]))
        self.compared = {"spikes": 0, "u and v": 0}
        self.different = {"spikes": 0, "u and v": 0}
        self.first: tuple[int, int, str] | None = None
        self._spikes = {
            name: _dense(arrays, name, *shape)
            for name, shape in header["spikes"].items()
            if name != "input"
        }
        deep = header.get("deep", {}).get("states", {})
        states = {name: _states(arrays, name, deep[name], self._spikes.get(name)) for name in deep}
        self._u = {name: u for name, (u, _) in states.items()}
        self._v = {name: v for name, (_, v) in states.items()}
        self._v |= {
            name: arrays[f"membrane.{name}"]
            for name in header["dense"]["membrane"]
            if name not in self._v
        }
        for group in (self._spikes, self._u, self._v):
            for name, values in group.items():
                if sizes.get(name) != values.shape[2]:
                    raise ValueError(f"these known answers are of another network: see {name}")

    def compare(self, sample: int, traces: dict[str, Trace]) -> None:
        """Compare a sample's traces, by population, with the expected traces; update the counts."""
        for name, trace in traces.items():
            for quantity, expected, actual in (
                ("spikes", self._spikes.get(name), trace.spikes),
                ("u and v", self._u.get(name), trace.u),
                ("u and v", self._v.get(name), trace.v),
            ):
                if expected is None or actual is None:
                    continue
                differs = (expected[sample] != actual).any(axis=1)
                self.compared[quantity] += actual.size
                self.different[quantity] += int((expected[sample] != actual).sum())
                if differs.any():
                    place = (sample, int(differs.argmax()), name)
                    self.first = min(self.first or place, place)


def is_known_answers(path: str | Path) -> bool:
    """True if the file at `path` is an archive of known answers."""
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            return bool(json.loads(str(archive["header"][()]))["kind"] == KIND)
    except Exception:  # numpy and zipfile can raise any; `read_events` says what is wrong
        return False


def _dense(
    arrays: dict[str, NDArray], name: str, n_steps: int, n_neurons: int
) -> NDArray[np.bool_]:
    """[samples, steps, neurons] bool: the spikes of a population."""
    offset, step, neuron = (arrays[f"spikes.{name}.{key}"] for key in ("offset", "step", "neuron"))
    spikes = np.zeros((len(offset) - 1, n_steps, n_neurons), np.bool_)
    spikes[np.repeat(np.arange(len(offset) - 1), np.diff(offset)), step, neuron] = True
    return spikes


def _states(
    arrays: dict[str, NDArray], name: str, coded: dict[str, Any], spikes: NDArray | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Compute u and v of a population from what each step adds, [samples, steps, neurons] int64."""
    added_u, added_v = (
        arrays[f"{quantity}.{name}"].astype(np.int64) * unit
        for quantity, unit in zip(("u", "v"), coded["unit"], strict=True)
    )
    keep_u, keep_v = coded["keep"]
    u, v = np.zeros_like(added_u), np.zeros_like(added_v)
    last_u, last_v = u[:, 0], v[:, 0]
    for step in range(u.shape[1]):
        u[:, step] = last_u = _decayed(last_u, keep_u) + added_u[:, step]
        last_v = _decayed(last_v, keep_v) + last_u + added_v[:, step]
        if spikes is not None:
            last_v = np.where(spikes[:, step], added_v[:, step], last_v)
        v[:, step] = last_v
    return u, v


def _decayed(state: NDArray[np.int64], keep: int) -> NDArray[np.int64]:
    """Values of a state after the decay of one step, rounded toward zero; `keep`: parts kept."""
    return np.sign(state) * (np.abs(state) * keep // DECAY_ONE)
