"""The C program of a network: the values of its templates, its memory, and what its spikes cost."""

from __future__ import annotations

import textwrap
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nmtool.arithmetic import DECAY_ONE, STATE_LIMIT, STATE_SHIFT
from nmtool.dynamics import HOP_LATENCY
from nmtool.exporters.c.readout import IMPORTANCE_ONE, importance, words
from nmtool.exporters.c.text import WIDTH, array, json_text, string
from nmtool.exporters.stored_weights import stored_factor, stored_weight
from nmtool.network.graph import INPUT, LATE, LIF, MAX_SPIKES, RESET, TO_ZERO
from nmtool.network.integer_network import IntegerNetwork, IntegerPopulation, IntegerProjection
from nmtool.network.readout import FIRST_SPIKE, MAX, MEAN, WINDOW
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.tables import exact
from nmtool.targets.footprint import integer_footprint
from nmtool.version import __version__

if TYPE_CHECKING:
    from nmtool.exporters.c.answers import Carried

MAX_SHORT_INDEX = 65535
"""Largest number of neurons and channels for 16-bit indices."""

_UNBROKEN = "\N{NO-BREAK SPACE}"


def program_values(network: IntegerNetwork, prefix: str = "") -> dict[str, Any]:
    """The values of all templates.

    Args:
        network: the network.
        prefix: prefix of public names; with a prefix, there is a header file.
    """
    channels, readout, n_steps = network.channels, network.readout, network.n_steps
    rule, most = words(readout), channels.most_spikes
    return {
        "version": __version__,
        "hash": network.content_hash,
        "arithmetic": network.arithmetic,
        "header": bool(prefix),
        "prefix": prefix,
        "state": "",
        "dt_ms": exact(network.dt_ms),
        "n_steps": n_steps,
        "latency": HOP_LATENCY,
        "decay_one": DECAY_ONE,
        "state_limit": STATE_LIMIT,
        "state_shift": STATE_SHIFT,
        # Channels
        "n_channels": channels.size,
        "index_type": index_type(network),
        "group": channels.group,
        "most": most,
        "often": "once" if most == 1 else f"{most} times",
        "channel_counts": most > 1,
        # A count of 8 bits is never above 255, and compilers warn about such comparisons.
        "limited": 1 < most < MAX_SPIKES,
        "any_counts": network.has_counts,
        # Populations and projections
        "n_populations": len(network.populations),
        "populations": [_population(network, *place) for place in enumerate(network.populations)],
        "projections": [_projection(network, *place) for place in enumerate(network.projections)],
        "spiking": bool(network.spiking),
        "integrating": bool(network.integrating),
        "neuron_counts": any(p.most_spikes > 1 for p in network.populations),
        "when": _when_recorded(network),
        # The readout
        "output": readout.population,
        "n_classes": len(network.class_names),
        "names": ",\n    ".join(string(name) for name in network.class_names),
        "formula": readout.formula,
        "scale": rule.scale,
        "answer": rule.answer,
        "first_spike": readout.rule == FIRST_SPIKE,
        "max": readout.rule == MAX,
        "sums": readout.rule not in (FIRST_SPIKE, MAX),
        "window": readout.window if readout.rule == WINDOW else 0,
        "weighted": readout.weights_steps,
        "mean": readout.rule == MEAN,
        "importance_one": IMPORTANCE_ONE,
        "weight_words": rule.weight.replace("/T", f" / {n_steps}"),
        "importance": array("uint16_t", "importance_of_step", importance(readout, n_steps))
        if readout.weights_steps
        else "",
    }


def _population(
    network: IntegerNetwork, index: int, population: IntegerPopulation
) -> dict[str, Any]:
    name, counts = population.name, population.most_spikes > 1
    spikes = population.kind == LIF
    verb, one = "spike" if spikes else "integrate", population.size == 1
    return {
        "index": index,
        "name": name,
        "size": population.size,
        "described": f"{population.size} neuron{'' if one else 's'} that {verb}{'s' * one}",
        "spikes": spikes,
        "counts": counts,
        "most_spikes": population.most_spikes,
        "counts_or_null": f"nmtool_counts_{name}" if counts else "NULL",
        "slots": slots(network, name),
        "bias": partial(array, "int16_t", f"bias_{name}", np.asarray(population.bias_mantissa)),
        "bias_factor": 1 << population.bias_exponent,
        "keep_u": population.keep_u,
        "keep_v": population.keep_v,
        "vth": population.vth,
        "subtracts": population.reset != TO_ZERO,
        "late": population.reset == LATE,
        "reset_by": population.reset_by,
    }


def _projection(
    network: IntegerNetwork, index: int, projection: IntegerProjection
) -> dict[str, Any]:
    source, target, delay = projection.source, projection.target, projection.delay
    symbol, stored = projection_symbol(index, source, target), stored_weight(projection)
    weight_type = f"{stored.dtype.name}_t"
    from_input = source == INPUT
    return {
        "symbol": symbol,
        "source": source,
        "target": target,
        "pre": projection.shape[0],
        "post": projection.shape[1],
        "weight_bits": projection.weight_bits,
        "weight_type": weight_type,
        "weight": partial(array, weight_type, f"weight_{symbol}", stored),
        "factor": stored_factor(projection),
        "delay": partial(array, "uint8_t", f"delay_{symbol}", delay),
        "least_delay": delay.min(),
        "most_delay": delay.max(),
        "slots": slots(network, target),
        "counts": network.spike_limits[source] > 1,
        "n_sent": "n" if from_input else f"nmtool_n_spikes_{source}",
        "sent": "channels" if from_input else f"nmtool_spikes_{source}",
        "sent_counts": "counts" if from_input else f"nmtool_counts_{source}",
    }


def head_values(network: IntegerNetwork, carried: Carried | None, prefix: str) -> dict[str, Any]:
    """Further values of `head.c`: memory, operations and classes.

    Args:
        network: the network.
        carried: known answers in the file, whose operations are counted; None if there are none.
        prefix: as for `program_values`.
    """
    constants, variables = memory(network)
    size, group = integer_footprint(network), network.channels.group
    fan_outs: dict[str, int] = {}
    for p in network.projections:
        fan_outs[p.source] = fan_outs.get(p.source, 0) + p.shape[1]
    return {
        "constants": constants,
        "variables": variables,
        "parameters": size.parameters,
        "state": size.state,
        "grouped": group > 1,
        "last_of_group": group - 1,
        "pad": " " * len(prefix),
        "classes": _classes(network),
        "answer": words(network.readout).answer.replace("\n", "\n * "),
        "n_neurons": sum(p.size for p in network.populations),
        "senders": [
            {"sent": _sent_at_once(network, source), "fan_out": f"{fan:,}"}
            for source, fan in fan_outs.items()
        ],
        "measured": _measured(network, carried),
    }


def _classes(network: IntegerNetwork) -> str:
    """The class names with their numbers, wrapped between names."""
    names = [f"{i} {json_text(name)}" for i, name in enumerate(network.class_names)]
    joined = ", ".join(name.replace(" ", _UNBROKEN) for name in names)
    indent = " *     "
    wrap = textwrap.TextWrapper(
        WIDTH - 1,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return wrap.fill(joined).replace(_UNBROKEN, " ")


def _sent_at_once(network: IntegerNetwork, source: str) -> str:
    """What a source sends over each synapse at once: a spike, or all spikes of a step."""
    if network.spike_limits[source] == 1:
        return f"a spike of {source}"
    sender = "a channel" if source == INPUT else f"a neuron of {source}"
    return f"{sender} that spikes, however often,"


def _measured(network: IntegerNetwork, carried: Carried | None) -> str:
    """Spikes and additions per step of the known answers, as lines of a comment."""
    if carried is None or not carried.answers.spikes.n_samples:
        return " *"
    spikes, recording = carried.answers.spikes, carried.answers.recording
    senders = sending(spikes, recording)
    none = np.zeros((spikes.n_samples, spikes.n_steps), np.int64)
    added = sum((senders[p.source] * p.shape[1] for p in network.projections), none)
    n_spikes = sum(raster.n_spikes for raster in (spikes, *recording.spikes.values())) / none.size
    return (
        f" * Of the known answers, a step has {n_spikes:.1f} spikes, input among them, "
        f"and {added.mean():,.1f} additions,\n * at most {added.max():,}."
    )


def projection_symbol(index: int, source: str, target: str) -> str:
    """Unique suffix of the names of a projection's arrays and functions."""
    return f"{index}_{source}_to_{target}"


def slots(network: IntegerNetwork, target: str) -> int:
    """Length of a population's ring buffer of inputs, in steps."""
    incoming = [p for p in network.projections if p.target == target]
    return max((int(p.delay.max()) for p in incoming), default=0) + HOP_LATENCY


def index_type(network: IntegerNetwork) -> str:
    """The C type for indices of neurons and channels."""
    largest = max(network.channels.size, *(p.size for p in network.populations))
    return "uint16_t" if largest <= MAX_SHORT_INDEX else "uint32_t"


def _when_recorded(network: IntegerNetwork) -> str:
    """The words after "the membrane of each neuron" in comments."""
    return " at the end of the step" if RESET.name in network.properties else ", 0 after a spike"


def sending(spikes: Raster, recording: Recording) -> dict[str, NDArray[np.int64]]:
    """Number of neurons that spike in a step, once or more, by source: [samples, steps] int64.

    Args:
        spikes: the input.
        recording: recording of the run.
    """
    rasters = {INPUT: spikes, **recording.spikes}
    return {name: np.diff(raster.step_offset(), axis=1) for name, raster in rasters.items()}


def memory(network: IntegerNetwork) -> tuple[int, int]:
    """Number of bytes of constants and of variables, without class names and alignment."""
    index_bytes = 2 if index_type(network) == "uint16_t" else 4
    readout, n_classes = network.readout, len(network.class_names)
    constants = 2 * network.n_steps * readout.weights_steps
    constants += sum(2 * projection.weight.size for projection in network.projections)
    variables = 8 * n_classes + 4 + (4 * readout.window * n_classes + 4 if readout.window else 0)
    for population in network.populations:
        constants += 2 * population.size
        variables += 4 * population.size * (2 + slots(network, population.name)) + 4
        variables += (index_bytes * population.size + 4) if population.kind == LIF else 0
        variables += population.size if population.most_spikes > 1 else 0
    return constants, variables
