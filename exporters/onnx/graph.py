"""Write the network as an ONNX graph: time loops of populations, and projections outside them.

`graph.txt` lists the operators of all steps, and `step.txt` those of one step of a loop. A loop is
a `Scan`, for a group of mutually recurrent populations. A feedforward projection needs no loop: all
spikes of its source are known before the first step of its target. One scatter operator adds the
weights of all these spikes at their steps of arrival.

u and v are int32, so that they wrap as in the chip's models. Products with decay factors need
int64. ONNX rounds quotients of integers towards zero, as decays require. The file stores each
weight in one byte (`nmtool.exporters.stored_weights`), in units of `factor`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from nmtool.arithmetic import DECAY_ONE, STATE_LIMIT, STATE_ONE, STATE_SHIFT
from nmtool.dynamics import HOP_LATENCY
from nmtool.exporters.onnx.listing import Constant, Listing
from nmtool.exporters.stored_weights import stored_factor, stored_weight
from nmtool.exporters.templates import filled
from nmtool.network.graph import (
    INPUT,
    LATE,
    LIF,
    SUBTRACT,
    TO_ZERO,
    InputChannels,
    strongly_connected,
)
from nmtool.network.integer_network import IntegerNetwork, IntegerPopulation, IntegerProjection
from nmtool.tables import exact

BATCH, TIME = "batch", "time"
"""Symbolic dimensions: the number of samples, and of steps."""

SPIKES = "spikes"
"""Name of the graph's input."""

NOW, BEFORE = "[n]", "[n-1]"
"""Suffixes of the names of values inside a loop, at step n."""


def make_graph(network: IntegerNetwork) -> Any:
    """Convert a network to an ONNX graph, a `GraphProto`.

    The graph has one input, `spikes`: bool [batch, time, channels]. Each population has outputs of
    the shape [batch, time, neurons]: `<name>.u` (int32), `<name>.v` (int32, after the reset of a
    spike), and `<name>.spikes` (bool) if the population spikes. Every sample starts from a fresh
    state. Where channels or neurons can spike several times in a step, their spikes are uint8
    numbers instead of bool.
    """
    from onnx import helper, numpy_helper

    constants, loops = _constants(network), _loops(network)
    bodies = {loop["label"]: _step_graph(network, loop, constants) for loop in loops}
    zero = numpy_helper.from_array(np.zeros(1, np.int32))
    listing = Listing(constants, {**bodies, "zero": zero})
    recorded = [{"quantity": name} for p in network.populations for name in _quantities(p)]
    values = {**_texts(), "latency": HOP_LATENCY, "loops": loops, "recorded": recorded}
    listing.read(filled(listing_text("graph.txt"), values))
    return helper.make_graph(
        listing.nodes,
        "spiking_network",
        [_input(network)],
        _outputs(network),
        list(listing.constants.values()),
        _about(network),
    )


def projection_names(ends: Iterable[tuple[str, str]]) -> list[str]:
    """Names of projections in a file, from pairs of source and target.

    The name `source->target` gets a number if several projections connect the same populations.
    """
    names: list[str] = []
    seen: Counter[str] = Counter()
    for source, target in ends:
        name = f"{source}->{target}"
        seen[name] += 1
        names.append(f"{name}#{seen[name]}" if seen[name] > 1 else name)
    return names


def _loops(network: IntegerNetwork) -> list[dict[str, Any]]:
    """The values of the loops, in feedforward order.

    A loop is a group of mutually recurrent populations with the projections between them.
    """
    edges = [(p.source, p.target) for p in network.projections]
    names = projection_names(edges)
    listed: set[str] = set()
    loops = []
    for group in strongly_connected([p.name for p in network.populations], edges):
        populations = []
        for population in map(network.population, group):
            into = [
                _projection(network, *named)
                for named in zip(names, network.projections, strict=True)
                if named[1].target == population.name
            ]
            inside = [entry for entry in into if entry["source"] in group]
            outside = [entry for entry in into if entry["source"] not in group]
            for entry in outside:
                entry["is_new"] = entry["source"] not in listed
                listed.add(entry["source"])
            populations.append(_population(population, inside, outside))
        within = [source for source, target in edges if {*group} >= {source, target}]
        states = [state for entry in populations for state in entry["states"]]
        stems = [state["state"] for state in states]
        quantities = [q for name in group for q in _quantities(network.population(name))]
        loops.append(
            {
                "label": "+".join(group),
                "populations": populations,
                "sources": [
                    {
                        "source": source,
                        "raster": f"{source}.spikes",
                        "counts": network.spike_limits[source] > 1,
                    }
                    for source in dict.fromkeys(within)
                ],
                "states": states,
                "n_inputs": len(group),
                "inputs": ", ".join(
                    [*(f"{stem}.start" for stem in stems), *(f"{p}.from_outside" for p in group)]
                ),
                "outputs": ", ".join(
                    [*(f"{stem}.last" for stem in stems), *(f"{q}.by_time" for q in quantities)]
                ),
            }
        )
    return loops


def _projection(
    network: IntegerNetwork, name: str, projection: IntegerProjection
) -> dict[str, Any]:
    source = projection.source
    order = ("sample", "step") if source == INPUT else ("step", "sample")
    return {
        "projection": name,
        "source": source,
        "counts": network.spike_limits[source] > 1,
        "longest": int(projection.delay.max()),
        "raster": SPIKES if source == INPUT else f"{source}.spikes.by_time",
        "order": ", ".join((*order, "neuron")),
        "first": order[0],
        "second": order[1],
    }


def _population(
    population: IntegerPopulation, inside: list[dict[str, Any]], outside: list[dict[str, Any]]
) -> dict[str, Any]:
    """The values of a population, and of projections to it from inside and outside of its loop."""
    name, size, reset = population.name, population.size, population.reset
    spikes, counts = population.kind == LIF, population.most_spikes > 1
    window = max((entry["longest"] + 1 for entry in inside), default=0)
    rows = {f"{name}.coming_rows": inside, f"{name}.silence": outside}
    arrived = []
    for before, entries in rows.items():
        for entry in entries:
            entry |= {"rows_before": before, "recurs": entries is inside}
            before = f"{entry['projection']}.arrivals"
        arrived.append(before)
    shapes = {"u": (size,), "v": (size,), **({"coming": (window, size)} if window else {})}
    return {
        "name": name,
        "size": size,
        "window": window,
        "reach": max((entry["longest"] for entry in outside), default=0) + HOP_LATENCY,
        "arriving": f"{name}.a" if window else f"{name}.from_outside",
        "inside": inside,
        "outside": outside,
        "arrived_inside": arrived[0],
        "arrived_outside": arrived[1],
        "states": [
            {"state": f"{name}.{key}", "shape": ",".join(map(str, shape)), "dims": shape}
            for key, shape in shapes.items()
        ],
        "membrane": f"{name}.v_peak" if spikes and reset != LATE else f"{name}.v",
        "spikes": spikes,
        "counts": counts,
        "spikes_once": spikes and not counts,
        "late": reset == LATE,
        "zeroes": spikes and reset == TO_ZERO,
        "subtracts": reset == SUBTRACT and not counts,
        "most_spikes": population.most_spikes,
    }


def _constants(network: IntegerNetwork) -> dict[str, Constant]:
    """The named constants of populations and projections."""
    constants: dict[str, Constant] = {}
    for p in network.populations:
        threshold, late = p.vth << STATE_SHIFT, p.reset == LATE
        text = "added a step after a spike" if late else "a spike takes it from v"
        own = {
            f"{x}_kept_of_{DECAY_ONE}": Constant(keep, np.int64, f"of {DECAY_ONE}, each step")
            for x, keep in (("u", p.keep_u), ("v", p.keep_v))
        }
        own |= {
            "bias": Constant(p.bias, np.int64, "added to v each step"),
            "threshold": Constant(threshold, np.int32, "a spike when v is above"),
            "drop": Constant(p.drop, np.int64 if late else np.int32, text),
            "level": Constant(threshold + 1 - p.drop, np.int32),
        }
        constants |= {f"{p.name}.{key}": constant for key, constant in own.items()}
    names = projection_names((p.source, p.target) for p in network.projections)
    for name, projection in zip(names, network.projections, strict=True):
        stored, signs = stored_weight(projection), projection.sign_mode
        text = f"{signs} {projection.weight_bits}-bit weights [pre, post] in units of `factor`"
        constants |= {
            f"{name}.weight": Constant(stored, stored.dtype, text),
            f"{name}.factor": Constant(
                stored_factor(projection), np.int32, "weight step and exponent"
            ),
            f"{name}.delay": Constant(projection.delay, np.uint8, "delays [pre, post] in steps"),
        }
    return constants


def _step_graph(
    network: IntegerNetwork, loop: dict[str, Any], constants: dict[str, Constant]
) -> Any:
    """The graph of one step of a loop."""
    from onnx import helper

    numbers = {
        "decay_one": DECAY_ONE,
        "state_one": STATE_ONE,
        "limit": STATE_LIMIT,
        "lowest_u": 1 - STATE_LIMIT,
        "turn": 2 * STATE_LIMIT,
        "lowest_v": 1 - STATE_LIMIT,
        "highest_v": STATE_LIMIT - 1,
    }
    listing = Listing(constants, suffix=NOW)
    listing.read(filled(listing_text("step.txt"), {**_texts(), **numbers, **loop}))
    states = [(state["state"], state["dims"]) for state in loop["states"]]
    populations = [network.population(entry["name"]) for entry in loop["populations"]]
    inputs = [_value(stem + BEFORE, np.int32, BATCH, *dims) for stem, dims in states]
    inputs += [_value(f"{p.name}.from_outside{NOW}", np.int32, BATCH, p.size) for p in populations]
    outputs = [_value(stem + NOW, np.int32, BATCH, *dims) for stem, dims in states]
    outputs += [
        # They are copies, since a graph cannot output a value twice.
        _value(f"{name}.recorded{NOW}", dtype, BATCH, p.size)
        for p in populations
        for name, dtype in _quantities(p).items()
    ]
    tensors = list(listing.constants.values())
    return helper.make_graph(
        listing.nodes, f"one step of {loop['label']}", inputs, outputs, tensors
    )


def _quantities(population: IntegerPopulation) -> dict[str, type]:
    """Names of the recorded quantities of a population, and their dtypes."""
    spikes = {"spikes": _spikes_dtype(population)} if population.kind == LIF else {}
    return {
        f"{population.name}.{quantity}": dtype
        for quantity, dtype in {**spikes, "v": np.int32, "u": np.int32}.items()
    }


def _spikes_dtype(source: IntegerPopulation | InputChannels) -> type:
    """Type of the spikes of a population or of the input: bool, or uint8 numbers of spikes."""
    return np.uint8 if source.most_spikes > 1 else np.bool_


def _input(network: IntegerNetwork) -> Any:
    channels = network.channels
    text = f"input spikes, one step is {exact(network.dt_ms)} ms"
    if channels.most_spikes > 1:
        text += f"; at most {channels.most_spikes} per channel and step"
    return _value(SPIKES, _spikes_dtype(channels), BATCH, TIME, channels.size, text=text)


def _outputs(network: IntegerNetwork) -> list[Any]:
    """The outputs of the graph, with their descriptions."""
    texts = {
        "spikes": "spikes of every step",
        "v": "membrane after every step",
        "u": "synaptic current of every step",
    }
    after_spikes = {
        TO_ZERO: ", 0 after a spike",
        SUBTRACT: ", reduced by a spike",
        LATE: ", which a spike reduces in the next step",
    }
    outputs = []
    for population in network.populations:
        for name, dtype in _quantities(population).items():
            quantity = name.rpartition(".")[2]
            text = texts[quantity] + (after_spikes[population.reset] if quantity == "v" else "")
            outputs.append(_value(name, dtype, BATCH, TIME, population.size, text=text))
    return outputs


def _value(name: str, dtype: type, *shape: int | str, text: str = "") -> Any:
    """The `ValueInfoProto` of a value."""
    from onnx import helper

    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    return helper.make_tensor_value_info(name, kind, shape, text)


def _about(network: IntegerNetwork) -> str:
    """Description of the network, for the graph's documentation."""
    readout = network.readout
    return (
        f"A spiking network in the arithmetic {network.arithmetic}. {network.channels.size} input "
        f"channels, steps of {exact(network.dt_ms)} ms, meant for {network.n_steps} of them. "
        f"'{readout.population}' answers by the rule '{readout.words}'. A spike of step n over a "
        f"delay d arrives at step n + {HOP_LATENCY} + d."
    )


def listing_text(name: str) -> str:
    """A listing of this package, `graph.txt` or `step.txt`, or one that they include."""
    return Path(__file__).with_name(name).read_text("utf-8")


def _texts() -> dict[str, str]:
    """The listings that others include."""
    return {name: listing_text(f"{name}.txt") for name in ("synapses", "spike_counts")}
