"""Run a network on input events in brian2-loihi.

    python run.py NETWORK.npz EVENTS.npz RECORDING.npz [--deep]

NETWORK.npz is an integer network as nmtool saves it, EVENTS.npz contains `offset`, `step`, `neuron`
and `n_steps`, and RECORDING.npz is a recording that nmtool loads. For each finished sample, the
script prints a line of JSON on the standard output.

If u or v leaves the range of 24 bits, a chip would wrap or clip it, but brian2-loihi does not. The
run then ends without a recording, and the last line has a list `beyond`. Each entry is a population
with a quantity (`u` or `v`), the number of samples out of range so far, and sample, step and value
of the first overflow.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from emulator import HIGHEST_THRESHOLD, LI, Emulator, Trace
from numpy.typing import NDArray

KIND, VERSION = "nmtool recording", 1

LIMIT = 1 << 23
MAX_AT_ONCE = 64
MAX_SYNAPSES = 1 << 20
"""Largest number of synapses in a run; they take about as long as 60 objects of Brian."""

MAX_VALUES = 1 << 23
"""Largest number of recorded values of u, and of v, in a run. A larger sample runs alone."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all samples, write the recording, and return the exit code, which is always 0."""
    options = _parse(arguments)
    arrays = _archive(options.network)
    header = json.loads(str(arrays["header"][()]))
    events = _archive(options.events)
    n_samples, n_steps = len(events["offset"]) - 1, int(events["n_steps"])
    at_once = _samples_at_once(header, arrays, n_samples, n_steps)
    emulator = Emulator(header, arrays, at_once, n_steps)
    parts: list[dict[str, NDArray]] = []
    for first in range(0, max(n_samples, 1), at_once):
        count = min(at_once, n_samples - first)
        traces = emulator.run(*_spikes(events, first, count), _beat)
        if beyond := [
            place for e in header["populations"] for place in _overflows(e, traces, first)
        ]:
            print(json.dumps({"beyond": beyond}), flush=True)
            return 0
        parts.append(_recorded(header, traces, first, count, options.deep))
        for sample in range(first, first + count):
            print(json.dumps({"samples_done": sample + 1}), flush=True)
    recording = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    about = _header(header, n_steps, options.deep)
    for name in about["spikes"]:
        of_spike = recording.pop(f"spikes.{name}.sample")
        recording[f"spikes.{name}.offset"] = np.searchsorted(of_spike, np.arange(n_samples + 1))
    recording["header"] = np.array(json.dumps(about))
    np.savez(options.recording, **recording)  # type: ignore[arg-type]
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Run a network in brian2-loihi.")
    for name in ("network", "events", "recording"):
        parser.add_argument(name, metavar=f"{name.upper()}.npz")
    parser.add_argument("--deep", action="store_true", help="record u and v of all neurons")
    return parser.parse_args(arguments)


def _archive(path: str) -> dict[str, NDArray]:
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def _samples_at_once(
    header: dict[str, Any], arrays: dict[str, NDArray], n_samples: int, n_steps: int
) -> int:
    """Number of samples in a run: as many as the limits allow, because larger runs are faster."""
    synapses = sum(
        np.count_nonzero(arrays[f"projection.{index}.weight"])
        for index in range(len(header["projections"]))
    )
    values = n_steps * sum(entry["size"] for entry in header["populations"])
    limit = min(MAX_SYNAPSES // max(synapses, 1), MAX_VALUES // max(values, 1), MAX_AT_ONCE)
    return max(1, min(limit, n_samples))


def _spikes(events: dict[str, NDArray], first: int, count: int) -> tuple[NDArray, ...]:
    """Sample (counted from `first`), step and channel of the spikes of `count` samples."""
    offset = events["offset"][first : first + count + 1]
    selected = slice(offset[0], offset[-1])
    sample = np.repeat(np.arange(count), np.diff(offset))
    return (
        sample,
        events["step"][selected].astype(np.int64),
        events["neuron"][selected].astype(np.int64),
    )


def _beat(*report: object) -> None:
    print(json.dumps({"running": True}), flush=True)


def _overflows(
    entry: dict[str, Any], traces: dict[str, Trace], first: int
) -> Iterator[dict[str, object]]:
    """Find overflows of a population, and yield them as entries of the list `beyond`.

    In spiking populations, v cannot be too large: such a v, clipped or not, causes a spike and is
    reset.
    """
    trace = traces[entry["name"]]
    highest = HIGHEST_THRESHOLD << 6 if entry["kind"] == LI else LIMIT - 1
    states = {
        "u": (trace.u, (trace.u > LIMIT) | (trace.u <= -LIMIT)),
        "v": (trace.v, (trace.v > highest) | (trace.v <= -LIMIT)),
    }
    for quantity, (values, out_of_range) in states.items():
        if out_of_range.any():
            sample, step, neuron = (int(index[0]) for index in np.nonzero(out_of_range))
            yield {
                "population": entry["name"],
                "quantity": quantity,
                "samples": int(out_of_range.any(axis=(1, 2)).sum()),
                "sample": first + sample,
                "step": step,
                "value": int(values[sample, step, neuron]),
            }


def _recorded(
    header: dict[str, Any], traces: dict[str, Trace], first: int, count: int, deep: bool
) -> dict[str, NDArray]:
    """The recording of the first `count` samples of a run."""
    members = {}
    for entry in header["populations"]:
        name, trace = entry["name"], traces[entry["name"]]
        integrates = entry["kind"] == LI
        if not integrates:
            members[f"spikes.{name}.sample"] = trace.sample + first
            members[f"spikes.{name}.step"] = trace.step.astype(np.int32)
            members[f"spikes.{name}.neuron"] = trace.neuron.astype(np.int32)
        if deep or integrates:
            group = "membrane" if integrates else "potential"
            members[f"{group}.{name}"] = trace.v[:count].astype(np.int32)
        if deep:
            members[f"current.{name}"] = trace.u[:count].astype(np.int32)
    return members


def _header(header: dict[str, Any], n_steps: int, deep: bool) -> dict[str, Any]:
    """The header of the recording, from the header of the network."""
    populations = header["populations"]
    spiking = {e["name"]: [n_steps, e["size"]] for e in populations if e["kind"] != LI}
    dense = {
        "membrane": [e["name"] for e in populations if e["kind"] == LI],
        "current": [e["name"] for e in populations if deep],
        "potential": [*spiking] if deep else [],
    }
    about = {"kind": KIND, "version": VERSION, "readout": header["readout"]}
    return {**about, "spikes": spiking, "dense": dense, "counts": {}}


if __name__ == "__main__":
    sys.exit(main())
