"""Write the recorded activity to a plain numpy archive, which nmtool reads as a `Recording`.

spikes.<population>.offset|step|neuron   the spikes of all samples, sorted
membrane.<population>                    [samples, steps, neurons] int32, v of li populations
current.<population>                     u of every population, in deep recordings
potential.<population>                   v of every lif population, in deep recordings
header                                   JSON text: names, shapes and the rule of the readout
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .arrays import LI, NetworkArrays, PopulationArrays
from .traces import Trace

KIND = "nmtool recording"
VERSION = 1

Dense = dict[str, dict[str, NDArray]]


class Recorder:
    """Collects the traces of all samples of a run.

    Args:
        arrays: the network.
        n_steps: number of steps of a sample.
        deep: True if the traces contain u and v of every population.
    """

    def __init__(self, arrays: NetworkArrays, n_steps: int, deep: bool) -> None:
        self.arrays = arrays
        self.n_steps = n_steps
        self.deep = deep
        self.samples: dict[str, list[_Sample]] = {entry.name: [] for entry in arrays.populations}

    def add(self, traces: dict[str, Trace]) -> None:
        """Add the traces of one sample, by population; their spikes are stored as a list."""
        for name, trace in traces.items():
            self.samples[name].append(_Sample(trace))

    def write(self, path: str | Path) -> None:
        """Write all samples to a file. After a failure, there is no incomplete file at `path`."""
        spikes = [entry for entry in self.arrays.populations if entry.kind != LI]
        dense = self._dense()
        header = {
            "kind": KIND,
            "version": VERSION,
            "readout": self.arrays.readout,
            "spikes": {entry.name: [self.n_steps, entry.size] for entry in spikes},
            "dense": {group: list(dense[group]) for group in dense},
            "counts": {},
        }
        arrays = {"header": np.array(json.dumps(header))}
        for entry in spikes:
            for key, values in _merged(self.samples[entry.name]).items():
                arrays[f"spikes.{entry.name}.{key}"] = values
        for group, members in dense.items():
            arrays |= {f"{group}.{name}": values for name, values in members.items()}
        _write_archive(Path(path), arrays)

    def _dense(self) -> Dense:
        dense: Dense = {"membrane": {}, "current": {}, "potential": {}}
        for entry in self.arrays.populations:
            if entry.kind == LI:
                dense["membrane"][entry.name] = self._stacked(entry, "v")
            elif self.deep:
                dense["potential"][entry.name] = self._stacked(entry, "v")
            if self.deep:
                dense["current"][entry.name] = self._stacked(entry, "u")
        return dense

    def _stacked(self, entry: PopulationArrays, key: str) -> NDArray[np.int32]:
        """The state `key` (`u` or `v`) of a population, [samples, steps, neurons] int32."""
        samples = self.samples[entry.name]
        stacked = np.zeros((len(samples), self.n_steps, entry.size), np.int32)
        for index, sample in enumerate(samples):
            stacked[index] = getattr(sample, key)
        return stacked


class _Sample:
    def __init__(self, trace: Trace) -> None:
        self.u, self.v = trace.u, trace.v
        spikes = np.zeros((0, 0)) if trace.spikes is None else trace.spikes
        self.step, self.neuron = (index.astype(np.int32) for index in np.nonzero(spikes))


def _merged(samples: Sequence[_Sample]) -> dict[str, NDArray]:
    counts = [sample.step.size for sample in samples]
    return {
        "offset": np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        "step": np.concatenate([np.zeros(0, np.int32), *(s.step for s in samples)]),
        "neuron": np.concatenate([np.zeros(0, np.int32), *(s.neuron for s in samples)]),
    }


def _write_archive(path: Path, arrays: dict[str, NDArray]) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with open(part, "wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
