"""The network in PyFeNN: code of a neuron's step, rows of weights with delays, memory of a core.

PyFeNN compiles the code of a neuron's step for the core. All states are integers of 16 bits that
saturate, and products are rounded to nearest. PyFeNN's type `s7_8` has 8 bits after the binary
point; an integer of this package is a number of 256ths in this type. Weights that arrive in later
steps are added in a ring of slots.
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
"""The product is rounded to nearest. `I *= Beta` would ignore the rounding mode and round down."""

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
    """Code of a step of a population's neurons, in PyFeNN's language.

    Args:
        population: only `kind` is used; it decides whether the neurons spike.
        records_u: also record u at every step.
    """
    spike = "" if population.kind == LI else SPIKE
    return f"{INTEGRATE}{RECORD if records_u else ''}{DECAY}{spike}"


def packed(projection: ProjectionArrays, slots: int) -> NDArray[np.int16]:
    """[pre, padded post] int16: weights in the upper bits, and their delays in the lower bits.

    PyFeNN's `build_delay_weights` does not refuse weights that do not fit; it wraps them.

    Args:
        projection: weights and delays [pre, post].
        slots: number of slots of the target, a power of two.

    Raises:
        ValueError: a weight or delay does not fit.
    """
    weight, delay = projection.weight.astype(np.int32), projection.delay.astype(np.int32)
    name = f"{projection.source} → {projection.target}"
    if np.abs(weight).max(initial=0) > MAX_WEIGHT:
        raise ValueError(f"weights of {name} lie beyond −{MAX_WEIGHT} … {MAX_WEIGHT}")
    if not 0 <= delay.min(initial=0) <= delay.max(initial=0) < slots:
        raise ValueError(f"delays of {name} lie beyond 0 … {slots - 1}")
    # The delay is shifted by one bit: it counts slots of 2 bytes, and addresses count bytes.
    both = (weight << delay_bits(slots)) | (delay << 1)
    post = weight.shape[1]
    return np.pad(both, ((0, 0), (0, padded(post) - post))).astype(np.int16)


def delay_bits(slots: int) -> int:
    """Number of bits below a weight: those of a slot's index, and one since addresses are bytes."""
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
    """The host's copy of an array in the memory of the core.

    Attributes:
        array: PyFeNN's array, which copies values to the core and back.
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
        plan: use of the memory: number of steps that run at once, and place of the weights.
        deep: record u and v of all neurons.
        on_board: run on a board instead of in the simulator.
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
        # PyFeNN chooses the order of sources within a group, but runs groups in the given order.
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
        # PyFeNN uses these objects later, but does not keep them alive.
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
        """Run a sample from a fresh state, and return its traces by population.

        On the core, an input spike of step t arrives at step t + delay; in the network, it arrives
        at t + 1 + delay. The core therefore receives each input spike one step later.

        Args:
            spikes: [steps, channels] bool, the input.
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
        """Run a part of a sample, and return what the core recorded, by quantity and population.

        A part has as many steps as the memory of the core can record. States and delayed arrivals
        stay in the core from one part to the next; arrivals stay in their slots since the number of
        steps is a multiple of the number of slots.

        Args:
            spikes: [steps, channels] bool, the input of the part.
            is_first: True for the first part of a sample, which starts from a fresh state.
        """
        self._input.rows[:] = bits(spikes)
        self._input.array.push_to_device()
        for events in self._events.values():
            # In the first step of a part, the core reads row 0: the spikes of the step before the
            # part. The core never sets this row.
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
    """[steps, words] uint32: spikes [steps, neurons] as one bit per neuron, 32 bits in a word."""
    steps, size = spikes.shape
    wide = np.zeros((steps, padded(size)), np.bool_)
    wide[:, :size] = spikes
    return np.packbits(wide, axis=1, bitorder="little").view("<u4")


def unpacked(words: NDArray[np.uint32], size: int) -> NDArray[np.bool_]:
    """[steps, neurons] bool: spikes of `size` neurons, from the bits of words [steps, words]."""
    octets = np.ascontiguousarray(words).view(np.uint8)
    return np.unpackbits(octets, axis=1, bitorder="little")[:, :size].astype(np.bool_)
