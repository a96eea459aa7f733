"""The network in PyFeNN: the neuron as text, rows of weights with delays, memory of a core.

A step of a neuron is code, compiled for the core. All states are integers of 16 bits that
saturate, products are rounded to nearest; `s7_8` only says where the point is thought to be, as
every integer here is a 256th. Weights that arrive at a step wait in a ring of slots.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyfenn import (
    BackendFeNNHW,
    BackendFeNNSim,
    EventContainer,
    Model,
    NeuronUpdateProcess,
    Parameter,
    ProcessGroup,
    RoundingMode,
    Runtime,
    Variable,
)
from pyfenn.models import Linear, Memset
from pyfenn.utils import get_array_view

from .arrays import DECAY_ONE, INPUT, LI, NetworkArrays, PopulationArrays, ProjectionArrays
from .memory import INSTRUCTIONS, LANES, Plan, grouped, padded
from .traces import Trace, Wanted, wanted

INTEGRATE = """
V = (Alpha * V) + I;
"""
RECORD = """
U = I;
"""
DECAY = """
I = Beta * I;
"""
"""Rounds to nearest. `I *= Beta` would round down: it ignores the rounding mode."""

SPIKE = """
if(V >= VTh) {
    Spike();
    V = 0.0h8;
}
"""

STATE, FACTOR = "s7_8_sat_t", "s0_15_sat_t"
STATE_ONE = 1 << 8
MAX_WEIGHT = 255


def neuron_text(population: PopulationArrays, records_u: bool) -> str:
    """The step of a population's neurons, as PyFeNN compiles it.

    Args:
        population: its kind decides whether it spikes.
        records_u: also record u at every step.
    """
    spike = "" if population.kind == LI else SPIKE
    return f"{INTEGRATE}{RECORD if records_u else ''}{DECAY}{spike}"


def packed(projection: ProjectionArrays, slots: int) -> NDArray[np.int16]:
    """[pre, padded post] int16: rows of weights, with their delays in the lower bits.

    PyFeNN's `build_delay_weights` takes weights beyond these limits, and wraps them.

    Args:
        projection: weights and delays [pre, post].
        slots: of the target, a power of two.

    Raises:
        ValueError: a weight or delay does not fit.
    """
    weight, delay = projection.weight.astype(np.int32), projection.delay.astype(np.int32)
    name = f"{projection.source} → {projection.target}"
    if np.abs(weight).max(initial=0) > MAX_WEIGHT:
        raise ValueError(f"weights of {name} lie beyond −{MAX_WEIGHT} … {MAX_WEIGHT}")
    if not 0 <= delay.min(initial=0) <= delay.max(initial=0) < slots:
        raise ValueError(f"delays of {name} lie beyond 0 … {slots - 1}")
    # The address of a slot counts bytes.
    both = (weight << delay_bits(slots)) | (delay << 1)
    post = weight.shape[1]
    return np.pad(both, ((0, 0), (0, padded(post) - post))).astype(np.int16)


def delay_bits(slots: int) -> int:
    """Bits below a weight: those of a slot, and one because addresses count bytes."""
    return slots.bit_length()


class _Population:
    """A population's variables, and the code that runs it."""

    def __init__(self, entry: PopulationArrays, plan: Plan, values: Wanted) -> None:
        name, size, rows = entry.name, entry.size, plan.steps + 1
        self.entry, self.values = entry, values
        self.arrivals = Variable(size, STATE, plan.slots[name], name=f"{name}_i")
        self.v = Variable(size, STATE, rows if values.v else 1, name=f"{name}_v")
        self.u = Variable(size, STATE, rows, name=f"{name}_u") if values.u else None
        self.events = None if entry.kind == LI else EventContainer(size, rows)
        numbers = {
            "Alpha": Parameter(entry.keep_v / DECAY_ONE, FACTOR),
            "Beta": Parameter(entry.keep_u / DECAY_ONE, FACTOR),
        }
        if entry.kind != LI:
            numbers["VTh"] = Parameter(entry.vth / STATE_ONE, STATE)
        variables = {"V": self.v, "I": self.arrivals}
        if self.u is not None:
            variables["U"] = self.u
        events = {} if self.events is None else {"Spike": self.events}
        text = neuron_text(entry, values.u)
        self.process = NeuronUpdateProcess(text, numbers, variables, events, name)


@dataclass(frozen=True)
class _View:
    """What the host sees of memory on the core.

    Attributes:
        array: pushes to and pulls from it.
        rows: [rows, padded neurons or words]: the values.
    """

    array: Any
    rows: NDArray

    @classmethod
    def of(cls, runtime: Runtime, state: object, dtype: type, row: int) -> _View:
        array, view = get_array_view(runtime, state, dtype)
        return cls(array, view.reshape(-1, row))


class Core:
    """A core with the network in its memory, ready to run samples.

    Args:
        arrays: the network.
        plan: how many steps run at once, and where weights lie.
        deep: record u and v of all neurons.
        on_board: run on a board, not in the simulator.
    """

    def __init__(self, arrays: NetworkArrays, plan: Plan, deep: bool, on_board: bool) -> None:
        self.plan = plan
        self.populations = [
            _Population(entry, plan, wanted(entry, deep)) for entry in arrays.populations
        ]
        by_name = {population.entry.name: population for population in self.populations}
        self.input = EventContainer(arrays.n_channels, plan.steps)
        sources = {INPUT: self.input} | {n: p.events for n, p in by_name.items()}
        linears = [
            Linear(
                sources[entry.source],
                by_name[entry.target].arrivals,
                STATE,
                num_delay_bits=delay_bits(plan.slots[entry.target]),
                name=f"projection{index}",
            )
            for index, entry in enumerate(arrays.projections)
        ]
        # Within a group, PyFeNN chooses the order of sources; groups run in theirs.
        synapses = [
            ProcessGroup([linears[index].process for index in group])
            for group in grouped([(entry.source, entry.target) for entry in arrays.projections])
        ]
        neurons = ProcessGroup([population.process for population in self.populations])
        states = [s for p in self.populations for s in (p.arrivals, p.v)]
        zeros = [Memset(state) for state in states]
        reset = ProcessGroup([zero.process for zero in zeros])
        backend = (BackendFeNNHW if on_board else BackendFeNNSim)(
            rounding_mode=RoundingMode.NEAREST,
            use_dram_for_weights=plan.in_dram,
            dma_buffer_size=plan.dma_bytes,
        )
        model = Model([neurons, *synapses, reset], backend)
        self.reset = backend.generate_kernel([reset], model)
        self.steps = backend.generate_simulation_kernel(
            [*synapses, neurons], [], [], plan.steps, model
        )
        if len(self.steps) > INSTRUCTIONS:
            raise ValueError(f"a step has {len(self.steps)} instructions, more than {INSTRUCTIONS}")
        self.runtime = Runtime(model, backend)
        self.runtime.allocate()
        # PyFeNN refers to these without keeping them.
        self._kept = (linears, synapses, neurons, zeros, reset, backend, model)
        for entry, linear in zip(arrays.projections, linears, strict=True):
            rows = packed(entry, plan.slots[entry.target])
            array, view = get_array_view(self.runtime, linear.weight, np.int16)
            view[:] = rows.ravel()
            array.push_to_device()
        self._input = self._words(self.input, arrays.n_channels)
        self._events = {
            p.entry.name: self._words(p.events, p.entry.size)
            for p in self.populations
            if p.events is not None
        }
        self._v = self._states({p.entry.name: (p.v, p) for p in self.populations if p.values.v})
        self._u = self._states({p.entry.name: (p.u, p) for p in self.populations if p.values.u})

    def _words(self, events: EventContainer, size: int) -> _View:
        return _View.of(self.runtime, events, np.uint32, padded(size) // LANES)

    def _states(self, states: Mapping[str, tuple[Variable, _Population]]) -> dict[str, _View]:
        return {
            name: _View.of(self.runtime, state, np.int16, padded(population.entry.size))
            for name, (state, population) in states.items()
        }

    def run(self, spikes: NDArray) -> dict[str, Trace]:
        """Run a sample from a fresh state; returns a trace per population.

        Args:
            spikes: [steps, channels] bool. On the core, an event of step t arrives at t + delay,
                and at t + 1 + delay in the network: it is given one step later.
        """
        n_steps, steps = len(spikes), self.plan.steps
        shifted = np.zeros((-(-n_steps // steps) * steps, spikes.shape[1]), np.bool_)
        shifted[1:n_steps] = spikes[:-1]
        parts = [
            self._run_part(shifted[begin : begin + steps], is_first=begin == 0)
            for begin in range(0, n_steps, steps)
        ]
        return {
            population.entry.name: self._trace(population, parts, n_steps)
            for population in self.populations
        }

    def _run_part(self, spikes: NDArray, is_first: bool) -> dict[str, dict[str, NDArray]]:
        """Run as many steps as the core's memory records; what it recorded, by quantity and name.

        State and arrivals of the step before stay in the core, where slots divide the steps.
        """
        self._input.rows[:] = bits(spikes)
        self._input.array.push_to_device()
        for events in self._events.values():
            # The row of the step before the first is read; nothing on the core zeroes it.
            for word in range(events.rows.shape[1]):
                events.rows[0, word] = 0 if is_first else events.rows[-1, word]
            events.array.push_to_device()
        if not is_first:
            for v in self._v.values():
                v.rows[0] = v.rows[-1]
                v.array.push_to_device()
        for program in [self.reset, self.steps] if is_first else [self.steps]:
            self.runtime.set_instructions(program)
            self.runtime.run()
        recorded = {"spikes": self._events, "u": self._u, "v": self._v}
        for views in recorded.values():
            for view in views.values():
                view.array.pull_from_device()
        return {
            quantity: {name: view.rows[1:].copy() for name, view in views.items()}
            for quantity, views in recorded.items()
        }

    def _trace(
        self, population: _Population, parts: list[dict[str, dict[str, NDArray]]], n_steps: int
    ) -> Trace:
        name, size = population.entry.name, population.entry.size
        values = {
            quantity: np.concatenate([part[quantity][name] for part in parts])[:n_steps]
            for quantity in ("spikes", "u", "v")
            if name in parts[0][quantity]
        }
        states = {
            key: np.ascontiguousarray(values[key][:, :size], np.int32)
            for key in ("u", "v")
            if key in values
        }
        spikes = unpacked(values["spikes"], size) if population.values.spikes else None
        return Trace(spikes, states.get("u"), states.get("v"))


def bits(spikes: NDArray) -> NDArray[np.uint32]:
    """[steps, words] uint32: spikes [steps, neurons], a bit per neuron, 32 in a word."""
    steps, size = spikes.shape
    wide = np.zeros((steps, padded(size)), np.bool_)
    wide[:, :size] = spikes
    return np.packbits(wide, axis=1, bitorder="little").view("<u4")


def unpacked(words: NDArray[np.uint32], size: int) -> NDArray[np.bool_]:
    """[steps, neurons] bool: the spikes in words [steps, words]."""
    octets = np.ascontiguousarray(words).view(np.uint8)
    return np.unpackbits(octets, axis=1, bitorder="little")[:, :size].astype(np.bool_)
