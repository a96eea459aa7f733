"""`KnownAnswers`: inputs with expected outputs, stored in an export to check the export."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmtool.arithmetic import LOIHI2
from nmtool.errors import DataError
from nmtool.network.graph import INPUT
from nmtool.raster import Raster
from nmtool.recording import Recording, read_raster
from nmtool.storage import Archive, Saved, pack
from nmtool.tables import Table, Tabular, counted
from nmtool.values import Value

_U, _V = "u", "v"


@dataclass(frozen=True, eq=False, repr=False)
class KnownAnswers(Value, Tabular, Saved):
    """A few input samples, with the outputs that a network must give.

    >>> from nmtool import Network, round_network, simulate
    >>> network = round_network(Network.layers([5, 3])).network
    >>> spikes = Raster.from_dense(np.eye(5)[None])
    >>> recording = simulate(network, spikes, deep=True)
    >>> answers = KnownAnswers(network.content_hash, spikes, recording)
    >>> answers.spikes, answers.is_deep
    (<Raster: 1 sample × 5 steps × 5 neurons, 5 spikes>, True)

    Attributes:
        network_hash: content hash of the network.
        spikes: the input raster, every sample from a fresh state.
        recording: the expected spikes and membranes; of integer networks also u and v of every
            neuron.
        decay_factors: decay factors of u and v, out of 4096, by population. States are stored as
            differences from decayed states. The network's own factors give the smallest files; any
            factors give the same states.

    Raises:
        DataError: there is no sample or step, the recording differs from the inputs in samples or
            steps, or u and v are not integers or not of the same populations.
    """

    file_kind = "nmtool known answers"
    file_version = 3

    network_hash: str
    spikes: Raster
    recording: Recording
    decay_factors: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def _line(self) -> str:
        samples = counted(self.spikes.n_samples, "sample")
        steps = counted(self.spikes.n_steps, "step")
        return f"{samples} × {steps}, of network {self.network_hash:.12}"

    def __post_init__(self) -> None:
        if 0 in (self.spikes.n_samples, self.spikes.n_steps):
            raise DataError(
                "known answers need at least one sample of one step",
                code="known-answers-empty",
                fix="give a sample that lasts at least one step",
            )
        shape = (self.spikes.n_samples, self.spikes.n_steps)
        answered = [(r.n_samples, r.n_steps) for r in self.recording.spikes.values()]
        v = self.recording.v
        states = [*self.recording.current.values(), *v.values()]
        answered += [array.shape[:2] for array in states]
        if any(extent != shape for extent in answered):
            raise DataError(
                "known answers differ from their inputs in the number of samples or steps",
                code="known-answers-shape",
                fix="record the network's outputs for these inputs",
            )

        if self.is_deep and (
            set(v) != set(self.recording.current)
            or any(array.dtype.kind not in "iu" for array in states)
            or any(array.shape != v[name].shape for name, array in self.recording.current.items())
        ):
            raise DataError(
                "u and v of known answers must be integers, recorded for the same populations",
                code="known-answers-states",
                fix="record u and v of every population: simulate(…, deep=True)",
            )

    @property
    def is_deep(self) -> bool:
        """True if the answers include u and v of every neuron."""
        return bool(self.recording.current)

    def tables(self) -> list[Table]:
        """Tables of the inputs and of the expected outputs."""
        return [*self.spikes.tables(), *self.recording.tables()]

    def _version(self) -> int:
        # Readers of older versions would ignore the counts.
        if any(r.count is not None for r in (self.spikes, *self.recording.spikes.values())):
            return 3
        return 2 if self.is_deep else 1

    def _pack(self) -> tuple[dict[str, Any], dict[str, NDArray]]:
        # These are the header and arrays of a recording, in which the input is stored as the
        # spikes of a population named `input`. Names are sorted, as archives sort them. Thus a
        # file that is read and saved again has equal bytes.
        recording = self.recording
        spikes = {INPUT: self.spikes, **dict(sorted(recording.spikes.items()))}
        with_input = replace(recording, spikes=spikes)
        if not self.is_deep:
            header, arrays = pack(with_input)
            return {**header, "network_hash": self.network_hash}, arrays
        # u is stored as the difference from the decayed u of the step before. v is stored as the
        # difference from the decayed v of the step before, minus u; at a spike, v itself is stored.
        # Each array is divided by the greatest common divisor of its entries.
        header, arrays = pack(replace(with_input, membrane={}, current={}, potential={}))
        states = {}
        for name, u in sorted(recording.current.items()):
            keep_u, keep_v = self.decay_factors.get(name, (0, 0))
            v = recording.v[name]
            increments_v = _increments(v, keep_v) - u
            if name in recording.spikes:
                increments_v = np.where(recording.spikes[name].dense(), v, increments_v)
            states[name] = {"keep": [keep_u, keep_v], "unit": []}
            for quantity, increments in ((_U, _increments(u, keep_u)), (_V, increments_v)):
                unit = max(1, int(np.gcd.reduce(increments, axis=None)))
                states[name]["unit"].append(unit)
                arrays[f"{quantity}.{name}"] = _shortest(increments // unit)
        names = {"membrane": list(recording.membrane), "potential": list(recording.potential)}
        deep = {**names, "states": states}
        return {**header, "network_hash": self.network_hash, "deep": deep}, arrays

    @classmethod
    def _unpack(cls, archive: Archive) -> KnownAnswers:
        decay_factors = {}
        if "deep" in archive.header:
            states = archive.header["deep"]["states"]
            decay_factors = {
                n: (operator.index(c["keep"][0]), operator.index(c["keep"][1]))
                for n, c in states.items()
            }
            archive = _with_states(archive, archive.header["deep"])
        with_input = archive.unpack(Recording)
        spikes = dict(with_input.spikes)
        network_hash = str(archive.header["network_hash"])
        inputs = spikes.pop(INPUT)
        return cls(network_hash, inputs, replace(with_input, spikes=spikes), decay_factors)


def _with_states(archive: Archive, deep: dict) -> Archive:
    """A copy of an archive with u and v as recorded, computed from the stored differences."""
    dense = {"membrane": deep["membrane"], "potential": deep["potential"]}
    arrays = dict(archive.arrays)
    for name, state in deep["states"].items():
        increments_u, increments_v = (
            _whole(archive.array(f"{quantity}.{name}")) * operator.index(unit)
            for quantity, unit in zip((_U, _V), state["unit"], strict=True)
        )
        spiked = _stored_spikes(archive, name, increments_u.shape)
        keep_u, keep_v = state["keep"]
        u = _states_from(increments_u, int(keep_u), np.zeros_like(spiked))
        v = _states_from(np.where(spiked, increments_v, increments_v + u), int(keep_v), spiked)
        arrays[f"current.{name}"] = u
        arrays[f"{'membrane' if name in dense['membrane'] else 'potential'}.{name}"] = v
    header = {**archive.header, "dense": {**dense, "current": list(deep["states"])}}
    return replace(archive, header=header, arrays=arrays)


def _whole(values: NDArray) -> NDArray[np.int64]:
    """Convert integers [samples, steps, neurons] to int64; `ValueError` for other arrays."""
    if values.ndim != 3 or values.dtype.kind not in "iu":
        raise ValueError(f"{values.dtype} of the shape {values.shape} are not states")
    return values.astype(np.int64)


def _stored_spikes(archive: Archive, name: str, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """[samples, steps, neurons] bool: a population's spikes; all False if none are stored.

    Raises:
        DataError: the spikes in the archive have another shape.
    """
    if name not in archive.header["spikes"]:
        return np.zeros(shape, np.bool_)
    raster = read_raster(archive, name, *archive.header["spikes"][name])
    if (raster.n_samples, raster.n_steps, raster.n_neurons) != shape:
        raise DataError(
            "u and v differ from the spikes in the number of samples or steps",
            code="recording-shapes-differ",
            fix="export the network again",
        )
    return raster.dense()


def _increments(states: NDArray[np.int32], keep: int) -> NDArray[np.int64]:
    """[samples, steps, neurons] int64: states, minus the decayed states of the step before.

    Files of every arithmetic use the decay of `loihi2`: `_states_from` uses the same decay, and
    restores the states exactly for every decay factor.
    """
    before = np.zeros(states.shape, np.int64)
    before[:, 1:] = states[:, :-1]
    return states - LOIHI2.decayed(before, keep)


def _states_from(
    increments: NDArray[np.int64], keep: int, is_reset: NDArray[np.bool_]
) -> NDArray[np.int32]:
    """[samples, steps, neurons] int32: states, computed from their increments (`_increments`).

    Args:
        increments: [samples, steps, neurons] differences from the decayed states.
        keep: decay factor of the state, out of 4096.
        is_reset: [samples, steps, neurons] True where the previous state does not count.
    """
    states = np.zeros(increments.shape, np.int32)
    state = np.zeros((increments.shape[0], increments.shape[2]), np.int64)
    for step in range(increments.shape[1]):
        remainder = np.where(is_reset[:, step], 0, LOIHI2.decayed(state, keep))
        states[:, step] = (remainder + increments[:, step]).astype(np.int32)
        state = states[:, step].astype(np.int64)
    return states


def _shortest(values: NDArray[np.int64]) -> NDArray[np.signedinteger]:
    """The values in the smallest integer type that fits them all."""
    low, high = int(values.min(initial=0)), int(values.max(initial=0))
    for kind in (np.int8, np.int16, np.int32):
        if np.iinfo(kind).min <= low <= high <= np.iinfo(kind).max:
            return values.astype(kind)
    return values
