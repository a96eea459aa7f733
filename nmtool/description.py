"""Descriptions of networks and recordings: plain values for scripts, tables for display."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Number
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nmtool.tables import Table, counted

if TYPE_CHECKING:
    from nmtool.network.any_network import AnyNetwork, AnyPopulation, AnyProjection
    from nmtool.recording import Recording

_FOR_SCRIPTS = ("delay_histogram", "weight_bits", "weight_exponent", "sign_mode")


def describe_network(network: AnyNetwork) -> dict[str, Any]:
    """Everything about a network except its individual synapses, as plain values for JSON."""
    properties = dict.fromkeys(name for p in network.populations for name in p.properties)
    return {
        "kind": network.file_kind.removeprefix("nmtool "),
        **{key: getattr(network, key) for key in network.in_header},
        "hash": network.content_hash,
        "channels": network.channels.size,
        "channel_group": network.channels.group,
        **{key: _plain(value) for key, value in network.channels.properties.items()},
        "dt_ms": network.dt_ms,
        "steps": network.n_steps,
        "readout": network.readout.as_json(),
        "classes": list(network.class_names),
        "neurons": sum(population.size for population in network.populations),
        "synapses": count_synapses(network),
        "max_delay": network.max_delay,
        "populations": [describe_population(p, properties) for p in network.populations],
        "projections": [describe_projection(projection) for projection in network.projections],
    }


def count_synapses(network: AnyNetwork) -> int:
    """Number of synapses: entries of all projections with a weight other than 0."""
    return sum(int(np.count_nonzero(projection.weight)) for projection in network.projections)


def describe_population(
    population: AnyPopulation, properties: Iterable[str] = ()
) -> dict[str, Any]:
    """Constants of a float or integer population: numbers, or ranges over its neurons.

    Args:
        population: the population.
        properties: names of the declared properties that are described.
    """
    keys = (*population.described, *properties)
    values = {key: _plain(getattr(population, key)) for key in keys}
    return {"name": population.name, "kind": population.kind, "size": population.size, **values}


def describe_projection(projection: AnyProjection) -> dict[str, Any]:
    """Ranges of weights and delays of a float or integer projection."""
    weight, delay = projection.weight, projection.delay
    return {
        "source": projection.source,
        "target": projection.target,
        "shape": list(projection.shape),
        "weight": _range(weight),
        "zeros": int((weight == 0).sum()),
        "delay": _range(delay),
        "delay_histogram": np.bincount(delay.ravel()).tolist(),
        **{key: getattr(projection, key) for key in projection.described},
    }


def describe_recording(recording: Recording) -> dict[str, Any]:
    """Populations, spikes and membranes of a recording, as plain values for JSON."""
    return {
        "kind": "recording",
        "samples": recording.n_samples,
        "readout": recording.readout.as_json(),
        "spikes": [
            {"population": name, "neurons": r.n_neurons, "steps": r.n_steps, "spikes": r.n_spikes}
            for name, r in recording.spikes.items()
        ],
        "membranes": [
            {"population": name, "neurons": v.shape[2], "steps": v.shape[1], "v": _range(v)}
            for name, v in recording.membrane.items()
        ],
    }


def tables_of(title: str, content: dict[str, Any]) -> list[Table]:
    """Convert a description to tables.

    Args:
        title: title of the first table, which shows all values except lists.
        content: result of `describe_network` or `describe_recording`.
    """
    lists = {key: value for key, value in content.items() if _is_table(value)}
    single = [(key, _line(value)) for key, value in content.items() if key not in lists]
    return [Table(title, ("", "value"), single), *(table_of(k, rows) for k, rows in lists.items())]


def table_of(title: str, rows: list[dict[str, Any]]) -> Table:
    """Table with one row per description, such as of a population; `rows` must not be empty."""
    cells = [_cells(row) for row in rows]
    return Table(title, tuple(cells[0]), [tuple(row.values()) for row in cells])


def network_line(network: AnyNetwork) -> str:
    """Summary of a network: `4 channels, hidden 3 lif, out 2 li, 30 steps of 1 ms`."""
    parts = [counted(network.channels.size, "channel")]
    parts += [f"{p.name} {p.size} {p.kind}" for p in network.populations]
    return ", ".join([*parts, f"{counted(network.n_steps, 'step')} of {network.dt_ms:g} ms"])


def projection_line(projection: AnyProjection) -> str:
    """Summary of a projection: `input → hidden: 4 × 3 synapses, delays 0 … 5`."""
    pre, post = projection.shape
    delays = ""
    if projection.delay.size:
        delays = f", delays {projection.delay.min()} … {projection.delay.max()}"
    return f"{projection.source} → {projection.target}: {pre} × {post} synapses{delays}"


def _plain(value: Any) -> Any:
    """A value for JSON: an array as its range, a rule as its text."""
    if isinstance(value, np.ndarray):
        return _range(value)
    return value if isinstance(value, str | Number | None) else str(value)


def _range(values: NDArray) -> dict[str, Any] | None:
    """Smallest, mean and largest value of an array; None for an empty array."""
    if not values.size:
        return None
    with np.errstate(invalid="ignore"):
        return {
            "min": values.min().item(),
            "mean": float(values.mean()),
            "max": values.max().item(),
        }


def _is_table(value: Any) -> bool:
    """True for a list of descriptions, which is shown as a table."""
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _cells(row: dict[str, Any]) -> dict[str, str | int]:
    """Cells of a table row, by column, from a description; fields for scripts are left out."""
    cells = {key: _cell(value) for key, value in row.items() if key not in _FOR_SCRIPTS}
    if "shape" in row:
        cells["shape"] = "×".join(map(str, row["shape"]))
    if isinstance(row.get("delay"), dict):
        cells["delay"] = f"{cells['delay']}, mean {row['delay']['mean']:.1f}"
    if "weight_bits" in row:
        cells["bits"] = f"{row['weight_bits']} ×2^{row['weight_exponent']} {row['sign_mode']}"
    return cells


def _cell(value: Any) -> str | int:
    """A value of a description as a cell; a range becomes `smallest … largest`."""
    if isinstance(value, dict):
        low, high = _number(value["min"]), _number(value["max"])
        return low if low == high else f"{low} … {high}"
    return "" if value is None else value


def _line(value: Any) -> str:
    """A value of a description as a line of text; entries are separated by commas."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {_line(entry)}" for key, entry in value.items())
    if isinstance(value, list):
        return ", ".join(map(_line, value))
    return _number(value) if isinstance(value, float) else str(value)


def _number(value: float) -> str:
    """A number as text; a float has up to five significant digits."""
    return str(value) if isinstance(value, int) else f"{value:.5g}"
