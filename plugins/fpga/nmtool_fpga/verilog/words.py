"""Convert rasters to input words of the core, and its output words to recordings.

Input: a word begins a sample; in each step follow a word per spiking channel and a word that ends
the step. Output: in each step, every neuron has words for u and v (if they are output) and for its
spikes; then a word ends the step. Words of spikes have the number of spikes less 1, which is 0 in
networks without counts. `rtl/nmtool_core.v` defines the number of each kind of word.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nmtool.errors import BackendError
from nmtool.network.graph import LI, LIF
from nmtool.network.integer_network import IntegerNetwork
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool_fpga.verilog.layout import MAX_POPULATIONS

_IN_SPIKE, _IN_END, _IN_BEGIN = 0, 1, 2
_SPIKE, _MEMBRANE, _CURRENT, _END = 0, 1, 2, 3
_ORDER = np.array([2, 1, 0, 3])
"""Order of the kinds among the words of a neuron."""

_VALUE_BITS, _INDEX_BITS = 25, 24
_IN_COUNT_PLACE = 20
_WORDS_AT_ONCE = 1 << 20


def input_text(spikes: Raster) -> str:
    """The input words of a raster for the testbenches: per line, kind and hexadecimal channel."""
    n_samples, n_steps = spikes.n_samples, spikes.n_steps
    sample = np.arange(n_samples)
    row = np.arange(n_samples * n_steps)
    spike_row = spikes.sample_index() * n_steps + spikes.step
    kind = np.empty(n_samples + row.size + spikes.n_filled, np.int64)
    channel = np.zeros_like(kind)
    # The position of a word equals the number of words before it: spiking channels, ends of steps
    # and beginnings of samples.
    kind[spikes.offset[:-1] + sample * (n_steps + 1)] = _IN_BEGIN
    kind[np.searchsorted(spike_row, row, "right") + row + row // n_steps + 1] = _IN_END
    place = np.arange(spikes.n_filled) + spike_row + spikes.sample_index() + 1
    kind[place] = _IN_SPIKE
    channel[place] = spikes.neuron | _further(spikes) << _IN_COUNT_PLACE
    return "".join(f"{k} {c:x}\n" for k, c in zip(kind.tolist(), channel.tolist(), strict=True))


def expected_text(network: IntegerNetwork, recording: Recording, n_steps: int, deep: bool) -> str:
    """The output words of a recording, for the testbenches to compare.

    The first line has the number of compared spike bins, and the number of compared u and v.

    Args:
        network: network of the recording.
        recording: the recording; a deep one if `deep`.
        n_steps: number of steps of a sample.
        deep: u and v of every neuron are output.
    """
    parts = [_words(np.arange(recording.n_samples * n_steps), _END, 0, 0, 0)]
    bins = values = 0
    for number, population in enumerate(network.populations):
        name = population.name
        if population.kind == LIF:
            raster = recording.spikes[name]
            row = raster.sample_index() * raster.n_steps + raster.step
            parts.append(_words(row, _SPIKE, number, raster.neuron, _further(raster)))
            bins += raster.n_bins
        states_of = {_CURRENT: recording.current[name]} if deep else {}
        if deep or population.kind == LI:
            states_of[_MEMBRANE] = recording.v[name]
        for kind, states in states_of.items():
            row, neuron = np.divmod(np.arange(states.size), population.size)
            parts.append(_words(row, kind, number, neuron, states.reshape(-1)))
            values += states.size
    words = np.concatenate(parts, axis=1)
    row, kind, number, index, _ = words
    ordered = words[:, np.lexsort((_ORDER[kind], index, number, kind == _END, row))]
    lines = (f"{k:x} {p:x} {i:x} {v & 0x1FFFFFF:x}" for _, k, p, i, v in ordered.T.tolist())
    return "\n".join([f"{bins} {values}", *lines, ""])


def _further(spikes: Raster) -> NDArray[np.int64]:
    """[filled] int64: number of spikes of each bin after its first."""
    return spikes.bin_counts().astype(np.int64) - 1


def _words(
    row: NDArray, kind: int, number: int, index: NDArray | int, value: NDArray | int
) -> NDArray[np.int64]:
    """Make words [5, words] int64: row (sample·steps + step), kind, population, index, value."""
    return np.stack(np.broadcast_arrays(row, kind, number, index, value)).astype(np.int64)


def read_recording(path: Path, network: IntegerNetwork, spikes: Raster, deep: bool) -> Recording:
    """Read a recording from the output words that a testbench wrote to a file.

    Args:
        path: path of the file.
        network: the simulated network.
        spikes: input of the simulated network.
        deep: u and v of every neuron were output.

    Raises:
        BackendError: words are missing or unexpected.
    """
    n_rows = spikes.n_samples * spikes.n_steps
    numbered = list(enumerate(network.populations))
    lists: dict[int, list[NDArray]] = {n: [] for n, p in numbered if p.kind == LIF}
    dense: dict[tuple[int, int], NDArray[np.int32]] = {}
    for number, population in numbered:
        for kind in (_MEMBRANE, _CURRENT) if deep else (_MEMBRANE,) * (population.kind == LI):
            dense[number, kind] = np.zeros((n_rows, population.size), np.int32)
    counts = dict.fromkeys(dense, 0)
    first_row = 0
    for kinds, numbers, index, value, rows in _blocks(path):
        row = first_row + rows
        first_row = int(row[-1]) + int(kinds[-1] == _END)
        for number, chunks in lists.items():
            selected = (kinds == _SPIKE) & (numbers == number)
            chunks.append(np.stack([row[selected], index[selected], value[selected] + 1]))
        for key, array in dense.items():
            selected = (numbers == key[0]) & (kinds == key[1])
            array[row[selected], index[selected]] = value[selected]
            counts[key] += int(selected.sum())
    if first_row != n_rows or any(counts[key] != array.size for key, array in dense.items()):
        raise BackendError(
            f"the core finished {first_row} of {n_rows} steps, or its output is incomplete",
            code="verilog-words-missing",
            fix="update nmtool, or report this as a bug",
        )
    shape = (spikes.n_samples, spikes.n_steps)

    def states(kind: int) -> dict[str, NDArray[np.int32]]:
        return {
            p.name: dense[n, kind].reshape(*shape, p.size)
            for n, p in numbered
            if (n, kind) in dense
        }

    rasters = {p.name: _raster(lists[n], p.size, spikes) for n, p in numbered if n in lists}
    return Recording.of(network, rasters, states(_MEMBRANE), states(_CURRENT))


def _blocks(path: Path) -> Iterator[tuple[NDArray, ...]]:
    """Yield blocks of words: kind, population, index, value and row (from 0 in each block)."""
    with open(path, "rb") as file:
        while (words := np.fromfile(file, "<u8", _WORDS_AT_ONCE)).size:
            kind = (words >> np.uint64(62)).astype(np.int64)
            number = (words >> np.uint64(_VALUE_BITS + _INDEX_BITS)).astype(np.int64) & (
                MAX_POPULATIONS - 1
            )
            index = (words >> np.uint64(_VALUE_BITS)).astype(np.int64) & ((1 << _INDEX_BITS) - 1)
            value = (words & np.uint64((1 << _VALUE_BITS) - 1)).astype(np.int64)
            value -= (value >> (_VALUE_BITS - 1)) << _VALUE_BITS
            ends = kind == _END
            yield kind, number, index, value, np.cumsum(ends) - ends


def _raster(chunks: list[NDArray], size: int, spikes: Raster) -> Raster:
    """Make the raster of a population from chunks of rows, neurons and numbers of spikes."""
    row, neuron, count = np.concatenate([np.zeros((3, 0), np.int64), *chunks], axis=1)
    first = np.arange(spikes.n_samples + 1) * spikes.n_steps
    offset = np.searchsorted(row, first)
    return Raster(offset, row % spikes.n_steps, neuron, spikes.n_steps, size, count)
