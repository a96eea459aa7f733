"""The code of a network in C: constants, state and functions of its populations and projections."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nmtool.arithmetic import DECAY_ONE, STATE_LIMIT, STATE_SHIFT
from nmtool.dynamics import HOP_LATENCY
from nmtool.exporters.c import templates
from nmtool.exporters.c.readout import answer_memory, scoring
from nmtool.exporters.c.text import array, string
from nmtool.exporters.stored_weights import stored_factor, stored_weight
from nmtool.network.graph import INPUT, LATE, LIF, MAX_SPIKES, RESET, TO_ZERO
from nmtool.network.integer_network import IntegerNetwork, IntegerPopulation, IntegerProjection
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.tables import exact

MAX_SHORT_INDEX = 65535
"""Largest number of neurons and channels for 16-bit indices."""


def program(
    network: IntegerNetwork,
    declarations: str = "",
    title: str = templates.ALONE,
) -> str:
    """The complete C code of a network, without a `main`.

    Args:
        network: the network.
        declarations: public declarations; by default those of `interface`.
        title: title comment of these declarations.
    """
    head = templates.DECLARATIONS.substitute(
        title=title, interface=declarations or interface(network)
    )
    return "\n".join(
        [
            head,
            templates.NEURON.substitute(decay_one=DECAY_ONE, shift=STATE_SHIFT, limit=STATE_LIMIT),
            *(_population(network, population) for population in network.populations),
            *(_projection(network, *numbered) for numbered in enumerate(network.projections)),
            _network(network),
        ]
    )


def projection_symbol(index: int, source: str, target: str) -> str:
    """Unique suffix of the names of a projection's arrays and functions."""
    return f"{index}_{source}_to_{target}"


def described(population: IntegerPopulation) -> str:
    """A population in words, such as "100 neurons that spike"."""
    neurons = "neurons that" if population.size > 1 else "neuron that"
    verb = "spike" if population.kind == LIF else "integrate"
    return f"{population.size} {neurons} {verb if population.size > 1 else f'{verb}s'}"


def slots(network: IntegerNetwork, target: str) -> int:
    """Length of a population's ring buffer of inputs, in steps."""
    incoming = [p for p in network.projections if p.target == target]
    return max((int(p.delay.max()) for p in incoming), default=0) + HOP_LATENCY


def index_type(network: IntegerNetwork) -> str:
    """The C type for indices of neurons and channels."""
    largest = max(network.channels.size, *(p.size for p in network.populations))
    return "uint16_t" if largest <= MAX_SHORT_INDEX else "uint32_t"


def when_recorded(network: IntegerNetwork) -> str:
    """The words after "the membrane of each neuron" in comments."""
    return " at the end of the step" if RESET.name in network.properties else ", 0 after a spike"


def last_step(network: IntegerNetwork) -> str:
    """The comment before the variables of populations."""
    counted = templates.COUNTED_SPIKES if most_neuron_spikes(network) > 1 else ""
    return templates.LAST_STEP.substitute(counted=counted, when=when_recorded(network))


def most_neuron_spikes(network: IntegerNetwork) -> int:
    """Largest number of spikes of any neuron in a step, without input."""
    return max(population.most_spikes for population in network.populations)


def step_arguments(network: IntegerNetwork, channels: str, counts: str) -> str:
    """Arguments of `nmtool_step` before the number of channels; counts only if it takes any."""
    return f"{channels}, {counts}" if network.channels.most_spikes > 1 else channels


def interface(network: IntegerNetwork) -> str:
    """The public declarations: functions that an application calls, and variables that it reads."""
    lines = []
    for population in network.populations:
        name, size = population.name, population.size
        if population.kind == LIF:
            lines.append(f"extern nmtool_index nmtool_spikes_{name}[{size}];")
            if population.most_spikes > 1:
                lines.append(f"extern uint8_t nmtool_counts_{name}[{size}];")
            lines.append(f"extern int nmtool_n_spikes_{name};")
        lines.append(f"extern int32_t nmtool_membrane_{name}[{size}];")
    most, dt_ms = network.channels.most_spikes, exact(network.dt_ms)
    step = templates.STEP_OF_COUNTS if most > 1 else templates.STEP_OF_CHANNELS
    return templates.INTERFACE.substitute(
        step=step.substitute(dt_ms=dt_ms, most=most),
        last_step=last_step(network),
        index_type=index_type(network),
        n_classes=len(network.class_names),
        externs="\n".join(lines),
    )


def _population(network: IntegerNetwork, population: IntegerPopulation) -> str:
    """C code of a population: constants, state and step."""
    name, size = population.name, population.size
    spikes = population.kind == LIF
    return templates.POPULATION.substitute(
        name=name,
        size=size,
        what=described(population),
        bias=array("int16_t", f"bias_{name}", np.asarray(population.bias_mantissa)),
        slots=slots(network, name),
        spike_list=_spike_list(population) if spikes else "",
        no_spikes=templates.NO_SPIKES.substitute(name=name) if spikes else "",
        advance=_advance(population),
    )


def _spike_list(population: IntegerPopulation) -> str:
    """C variables with the neurons that spiked in a step and, if it can vary, how often."""
    sizes = {"name": population.name, "size": population.size}
    counts = templates.SPIKE_COUNTS.substitute(sizes) if population.most_spikes > 1 else ""
    return templates.SPIKE_LIST.substitute(sizes, counts=counts)


def _advance(population: IntegerPopulation) -> str:
    constants = {
        "name": population.name,
        "bias_factor": 1 << population.bias_exponent,
        "keep_u": population.keep_u,
        "keep_v": population.keep_v,
        "vth": population.vth,
    }
    if population.reset != TO_ZERO:
        constants |= {"reset_by": population.reset_by, "most": population.most_spikes}
        late, counts = population.reset == LATE, population.most_spikes > 1
        subtract = templates.SUBTRACT_COUNTED if counts else templates.SUBTRACT
        return templates.ADVANCE_SUBTRACTING.substitute(
            constants,
            owed=templates.OWED.substitute(constants) if late else "",
            less=" - owed" if late else "",
            reset="" if late else subtract.substitute(constants),
        )
    step = templates.ADVANCE.substitute(constants)
    if population.kind == LIF:
        return templates.ADVANCE_SPIKING.substitute(name=population.name, advance=step)
    return f"{step};"


def _projection(network: IntegerNetwork, index: int, projection: IntegerProjection) -> str:
    """C code of a projection: weights, delays, and the function that sends a spike."""
    name = projection_symbol(index, projection.source, projection.target)
    stored = stored_weight(projection)
    weight_type = f"{stored.dtype.name}_t"
    pre, post = projection.shape
    counts = network.spike_limits[projection.source] > 1
    return templates.PROJECTION.substitute(
        name=name,
        source=projection.source,
        target=projection.target,
        pre=pre,
        post=post,
        weight_type=weight_type,
        weight=array(weight_type, f"weight_{name}", stored),
        delay=array("uint8_t", f"delay_{name}", projection.delay),
        slots=slots(network, projection.target),
        factor=stored_factor(projection),
        count=", uint32_t count" if counts else "",
        times=" * count" if counts else "",
    )


def _network(network: IntegerNetwork) -> str:
    """C code that resets all populations, and runs a step of the network."""
    names = [population.name for population in network.populations]
    scores, most = scoring(network), network.channels.most_spikes
    # A count of 8 bits is never above 255, and compilers warn about such comparisons.
    wrong_counts = ["counts[k] == 0", *([f"counts[k] > {most}"] if most < MAX_SPIKES else [])]
    return templates.STEP.substitute(
        counts="const uint8_t *counts, " if most > 1 else "",
        wrong_count="".join(f" || {wrong}" for wrong in wrong_counts) if most > 1 else "",
        n_classes=network.population(network.readout.population).size,
        names=",\n    ".join(string(name) for name in network.class_names),
        n_channels=network.channels.size,
        variables=scores.variables,
        keep=scores.keep,
        no_score=scores.no_score,
        forget=scores.forget,
        reset="\n".join(f"    reset_{name}();" for name in names),
        update="\n".join(f"    update_{name}();" for name in names),
        send="".join(_send(network, *numbered) for numbered in enumerate(network.projections)),
    )


def _send(network: IntegerNetwork, index: int, projection: IntegerProjection) -> str:
    """C call that sends the spikes of a source over a projection."""
    source = projection.source
    from_input = source == INPUT
    counts = "counts" if from_input else f"nmtool_counts_{source}"
    return templates.SEND.substitute(
        name=projection_symbol(index, source, projection.target),
        count="n" if from_input else f"nmtool_n_spikes_{source}",
        spikes="channels" if from_input else f"nmtool_spikes_{source}",
        counts=f", {counts}[k]" if network.spike_limits[source] > 1 else "",
    )


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
    constants, variables = answer_memory(network)
    constants += sum(2 * projection.weight.size for projection in network.projections)
    for population in network.populations:
        constants += 2 * population.size
        variables += 4 * population.size * (2 + slots(network, population.name)) + 4
        variables += (index_bytes * population.size + 4) if population.kind == LIF else 0
        variables += population.size if population.most_spikes > 1 else 0
    return constants, variables
