"""`nmtool inspect FILE`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmtool import recording, storage
from nmtool.cli import console
from nmtool.cli.arguments import add_json
from nmtool.cli.loading import load_any
from nmtool.integer_network import IntegerNetwork
from nmtool.network import Network
from nmtool.recording import Recording

_PER_NEURON = ("tau_mem_ms", "tau_syn_ms", "threshold", "bias")
_COMBINED = ("delay_histogram", "weight_bits", "weight_exponent", "sign_mode")
_INTEGERS = ("du", "dv", "vth", "scale", "bias")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file",
        metavar="FILE",
        help="run folder, network, integer network, any export, or recording",
    )
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    if storage.archive_kind(arguments.file) == recording.FILE_KIND:
        content = describe_recording(Recording.load(arguments.file))
    else:
        content = describe_network(load_any(arguments.file))
    if arguments.json:
        console.print_json({"file": str(Path(arguments.file)), **content})
    else:
        _print(content)
    return 0


def _print(content: dict[str, Any]) -> None:
    tables = {key: value for key, value in content.items() if _is_table(value)}
    for key, value in content.items():
        if key not in tables:
            console.tell(f"{key}: {_line(value)}")
    for key, rows in tables.items():
        cells = [_cells(row) for row in rows]
        console.print_table(key, tuple(cells[0]), [tuple(row.values()) for row in cells])


def _is_table(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def describe_network(found: Network | IntegerNetwork) -> dict[str, Any]:
    """What a network consists of, as plain values."""
    own = {}
    if isinstance(found, IntegerNetwork):
        own = {"arithmetic": found.arithmetic, "source_hash": found.source_hash}
    return {
        "kind": "integer network" if own else "network",
        **own,
        "hash": found.content_hash,
        "channels": found.channels.size,
        "channel_group": found.channels.group,
        "dt_ms": found.dt_ms,
        "steps": found.n_steps,
        "readout": {"population": found.readout.population, "rule": found.readout.rule},
        "classes": list(found.class_names),
        "neurons": sum(population.size for population in found.populations),
        "synapses": sum(p.weight.size for p in found.projections),
        "max_delay": found.max_delay,
        "populations": [_population(population) for population in found.populations],
        "projections": [_projection(projection) for projection in found.projections],
    }


def describe_recording(found: Recording) -> dict[str, Any]:
    """What a recording holds, as plain values."""
    return {
        "kind": "recording",
        "samples": found.n_samples,
        "readout": {"population": found.readout.population, "rule": found.readout.rule},
        "spikes": [
            {"population": name, "neurons": r.n_neurons, "steps": r.n_steps, "spikes": r.n_spikes}
            for name, r in found.spikes.items()
        ],
        "membranes": [
            {"population": name, "neurons": v.shape[2], "steps": v.shape[1], "v": _range(v)}
            for name, v in found.membrane.items()
        ],
    }


def _population(population: Any) -> dict[str, Any]:
    keys = _INTEGERS if hasattr(population, "du") else _PER_NEURON
    values = {key: _number_or_range(getattr(population, key)) for key in keys}
    return {"name": population.name, "kind": population.kind, "size": population.size, **values}


def _projection(projection: Any) -> dict[str, Any]:
    weight, delay = projection.weight, projection.delay
    row = {
        "source": projection.source,
        "target": projection.target,
        "shape": list(projection.shape),
        "weight": _range(weight),
        "zeros": int((weight == 0).sum()),
        "delay": _range(delay),
        "delay_histogram": np.bincount(delay.ravel()).tolist(),
    }
    if hasattr(projection, "weight_bits"):
        row["weight_bits"] = projection.weight_bits
        row["weight_exponent"] = projection.weight_exponent
        row["sign_mode"] = projection.sign_mode
    return row


def _number_or_range(value: Any) -> Any:
    return _range(value) if isinstance(value, np.ndarray) else value


def _range(values: NDArray) -> dict[str, Any] | None:
    """Smallest, mean and largest value; None where there is none."""
    if not values.size:
        return None
    with np.errstate(invalid="ignore"):
        return {
            "min": values.min().item(),
            "mean": float(values.mean()),
            "max": values.max().item(),
        }


def _cells(row: dict[str, Any]) -> dict[str, str | int]:
    """A row as people read it, without what is for scripts."""
    cells = {key: _cell(value) for key, value in row.items() if key not in _COMBINED}
    if "shape" in row:
        cells["shape"] = "×".join(map(str, row["shape"]))
    if isinstance(row.get("delay"), dict):
        cells["delay"] = f"{cells['delay']}, mean {row['delay']['mean']:.1f}"
    if "weight_bits" in row:
        cells["bits"] = f"{row['weight_bits']} ×2^{row['weight_exponent']} {row['sign_mode']}"
    return cells


def _cell(value: Any) -> str | int:
    if isinstance(value, dict):
        low, high = _number(value["min"]), _number(value["max"])
        return low if low == high else f"{low} … {high}"
    return "" if value is None else value


def _line(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {entry}" for key, entry in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.5g}"
