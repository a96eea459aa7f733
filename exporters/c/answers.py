"""Write known answers, and a `main` that checks them, into a C file; read the answers back.

If `main` gets the path of a file of events, it prints the classes of its samples instead. It reads
tables that `nmtool data … -o FILE.csv` writes, and bins times as `nmtool.data.bin_events` does.

u and v of all neurons are stored as one checksum per population and step. A difference in any
single state changes the checksum. When the answers are read back, the states are recomputed from
the network in the file, and used if their checksums agree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmtool.data.binning import BOUNDARY
from nmtool.errors import DataError, FileFormatError
from nmtool.exporters.c.text import array
from nmtool.known_answers import KnownAnswers
from nmtool.network.graph import INPUT
from nmtool.network.integer_network import IntegerNetwork
from nmtool.raster import Raster
from nmtool.recording import Recording

MAX_ROWS = 1 << 24
"""Largest number of rows (samples × steps) of known answers: compilers handle such arrays."""

MAX_STATES = 1 << 27
"""Largest number of states (samples × steps × neurons) for which u and v are recomputed."""

END = -1
"""Row number that ends a list of spikes."""

SHORTEST_CELL = 256
"""Smallest buffer for a cell of a file of events, in bytes, including the final 0; long class names
need more."""

Sums = Mapping[str, NDArray[np.uint32]]
"""Checksums by population, [samples, steps]; empty if u and v are unknown."""


@dataclass(frozen=True, eq=False)
class Carried:
    """Known answers as a C file stores them, with checksums in place of u and v.

    Attributes:
        answers: known answers without u and v.
        sums: checksums of u and v.
    """

    answers: KnownAnswers
    sums: Sums

    @classmethod
    def of(cls, answers: KnownAnswers) -> Carried:
        """Replace u and v in known answers by checksums."""
        recording = answers.recording
        sums = {name: checksums(u, recording.v[name]) for name, u in recording.current.items()}
        shallow = replace(recording, current={}, potential={})
        return cls(replace(answers, recording=shallow), sums)

    def with_states(self, network: IntegerNetwork, path: Path) -> KnownAnswers:
        """The answers with recomputed u and v.

        Args:
            network: the network.
            path: path of the file, for errors.

        Raises:
            DataError: there are more states than `MAX_STATES`.
            FileFormatError: their checksums differ.
        """
        from nmtool.hardware_sim.simulator import simulate

        if not self.sums:
            return self.answers
        n_rows = self.answers.spikes.n_samples * self.answers.spikes.n_steps
        n_states = n_rows * sum(p.size for p in network.populations)
        if n_states > MAX_STATES:
            raise DataError(
                f"{n_states} values of u and v (neurons times steps) are too many for a C file",
                code="c-answers-size",
                fix=f"use shorter or fewer samples, for at most {MAX_STATES} values",
            )
        deep = simulate(network, self.answers.spikes, deep=True)
        for name, sums in self.sums.items():
            if not np.array_equal(sums, checksums(deep.current[name], deep.v[name])):
                raise FileFormatError(
                    f"the known answers in {path} belong to another network",
                    code="answers-other-network",
                    fix="export the network again",
                )
        recording = self.answers.recording
        recording = replace(recording, current=deep.current, potential=deep.potential)
        factors = network.decay_factors()
        return replace(self.answers, recording=recording, decay_factors=factors)


def checksums(u: NDArray[np.int32], v: NDArray[np.int32]) -> NDArray[np.uint32]:
    """[samples, steps] uint32: checksums of u and v [samples, steps, neurons], as in C."""
    words = np.concatenate([u, v], axis=2).astype(np.int32).view(np.uint32)
    sums = np.full(words.shape[:2], 2166136261, np.uint32)
    for neuron in range(words.shape[2]):
        sums = (sums ^ words[:, :, neuron]) * np.uint32(16777619)
        sums ^= sums >> np.uint32(15)
    return sums


def check_values(
    network: IntegerNetwork, values: Mapping[str, Any], carried: Carried | None
) -> dict[str, Any]:
    """Values of `check.c`, the check program, which is compiled if NMTOOL_MAIN is defined.

    Args:
        network: the network.
        values: the values of all templates.
        carried: the known answers; None if there are none.

    Raises:
        DataError: the answers have no steps, or more than `MAX_ROWS` steps in total.
    """
    longest = max((len(name.encode()) for name in network.class_names), default=0)
    events = {
        **values,
        "cell_size": max(SHORTEST_CELL, longest + 1),
        "last_unit": network.channels.size * network.channels.group - 1,
        "exact_dt_ms": repr(network.dt_ms),
        "boundary": repr(BOUNDARY),
        "known": carried is not None,
    }
    if carried is None:
        return events
    spikes, recording, sums = carried.answers.spikes, carried.answers.recording, carried.sums
    _check_size(spikes.n_samples, spikes.n_steps)
    rasters = {INPUT: spikes, **recording.spikes}
    arrays = [_spike_arrays(name, raster, network.has_counts) for name, raster in rasters.items()]
    for kind, quantity, states in (
        ("int32_t", "membrane", recording.membrane),
        ("uint32_t", "states", sums),
    ):
        arrays += [array(kind, f"known_{quantity}_{name}", rows) for name, rows in states.items()]
    return {
        **events,
        "n_answers": spikes.n_samples,
        "answer_steps": spikes.n_steps,
        "arrays": "\n".join(arrays),
        "known_states": bool(sums),
        "populations": [
            {**population, "known_states": population["name"] in sums}
            for population in values["populations"]
        ],
    }


def _spike_arrays(name: str, raster: Raster, counts: bool) -> str:
    """C arrays of a population's expected spikes: row, neuron and, with `counts`, count."""
    row = raster.sample_index() * raster.n_steps + raster.step
    arrays = [
        array("int32_t", f"known_row_{name}", np.append(row, END)),
        array("int32_t", f"known_neuron_{name}", np.append(raster.neuron, 0)),
    ]
    if counts:
        arrays.append(array("uint8_t", f"known_count_{name}", np.append(raster.bin_counts(), 0)))
    return "\n".join(arrays)


def answers_header(answers: KnownAnswers) -> dict[str, Any]:
    """JSON header of the known answers, without their arrays."""
    return {
        "network_hash": answers.network_hash,
        "n_samples": answers.spikes.n_samples,
        "n_steps": answers.spikes.n_steps,
        "counts": {name: int(count) for name, count in answers.recording.counts.items()},
    }


def read_back(
    network: IntegerNetwork, header: Mapping[str, Any], arrays: Mapping[str, NDArray]
) -> Carried:
    """Read the answers written by `answers_header` and `checking_main`.

    Raises:
        LookupError, TypeError, ValueError, DataError: arrays or entries are missing or invalid.
    """
    n_samples, n_steps = int(header["n_samples"]), int(header["n_steps"])
    _check_size(n_samples, n_steps)

    def raster(name: str, n_neurons: int) -> Raster:
        row = arrays[f"known_row_{name}"][:-1]
        first = np.arange(n_samples + 1) * n_steps
        neuron = arrays[f"known_neuron_{name}"][:-1]
        count = arrays[f"known_count_{name}"][:-1] if network.has_counts else None
        offset = np.searchsorted(row, first)
        return Raster(offset, row % n_steps, neuron, n_steps, n_neurons, count)

    recording = Recording(
        network.readout,
        {p.name: raster(p.name, p.size) for p in network.spiking},
        {
            p.name: arrays[f"known_membrane_{p.name}"]
            .astype(np.int32)
            .reshape(n_samples, n_steps, p.size)
            for p in network.integrating
        },
        counts={str(name): int(count) for name, count in header["counts"].items()},
    )
    answers = KnownAnswers(
        str(header["network_hash"]), raster(INPUT, network.channels.size), recording
    )
    names = [f"known_states_{p.name}" for p in network.populations]
    sums = {
        p.name: arrays[name].astype(np.uint32).reshape(n_samples, n_steps)
        for p, name in zip(network.populations, names, strict=True)
        if name in arrays
    }
    return Carried(answers, sums)


def _check_size(n_samples: int, n_steps: int) -> None:
    """Raise `DataError` if known answers have no step, or too many."""
    if n_samples < 0 or n_steps < 1 or n_samples * n_steps > MAX_ROWS:
        raise DataError(
            f"known answers in a C file cannot have {n_samples} samples of {n_steps} steps",
            code="c-answers-size",
            fix=f"use at least one step per sample, and at most {MAX_ROWS} steps in total",
        )
