"""`nmtool inspect FILE`."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from nmtool.cli import console
from nmtool.cli.loading import load_any
from nmtool.integer_network import IntegerNetwork
from nmtool.network import Network


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("network", help="run folder, network file or integer network file")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def run(arguments: argparse.Namespace) -> int:
    found = load_any(arguments.network)
    content = describe_network(found)
    if arguments.json:
        console.print_json(content)
        return 0
    for key, value in content.items():
        if not isinstance(value, list):
            console.tell(f"{key}: {value}")
    for key in ("populations", "projections"):
        rows = content[key]
        if rows:
            console.print_table(key, tuple(rows[0]), [tuple(row.values()) for row in rows])
    return 0


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
        "readout": f"{found.readout.rule} of {found.readout.population}",
        "classes": ", ".join(found.class_names),
        "synapses": sum(p.weight.size for p in found.projections),
        "max_delay": found.max_delay,
        "populations": [_population(population) for population in found.populations],
        "projections": [_projection(projection) for projection in found.projections],
    }


def _population(population: Any) -> dict[str, Any]:
    keys = ("tau_mem_ms", "tau_syn_ms", "threshold", "bias", "du", "dv", "vth", "scale")
    row: dict[str, Any] = {
        "name": population.name,
        "kind": population.kind,
        "size": population.size,
    }
    for key in keys:
        if hasattr(population, key):
            row[key] = _range(np.asarray(getattr(population, key)))
    return row


def _projection(projection: Any) -> dict[str, Any]:
    row = {
        "from": projection.source,
        "to": projection.target,
        "shape": "×".join(map(str, projection.shape)),
        "weights": _range(projection.weight),
        "zeros": f"{(projection.weight == 0).mean():.0%}",
        "delays": _range(projection.delay),
        "mean delay": f"{projection.delay.mean():.1f}" if projection.delay.size else "",
    }
    for key in ("weight_bits", "weight_exponent", "sign_mode"):
        if hasattr(projection, key):
            row[key] = getattr(projection, key)
    return row


def _range(values: np.ndarray) -> str:
    if not values.size:
        return ""
    low, high = values.min(), values.max()
    return f"{low:.5g}" if low == high else f"{low:.5g} … {high:.5g}"
