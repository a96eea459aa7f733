"""A replacement of PyFeNN in numpy: the part that exports use, with PyFeNN's pitfalls.

Tests compare it with recordings of the real simulator, `plugins/chips/tests/fenn_vectors.npz`.
Memory that PyFeNN leaves uninitialised has random content here.
"""

from __future__ import annotations

import enum
import re

import numpy as np

LANES = 32
URAM, BRAM, LLM = 512 << 10, 128 << 10, 64 << 10

RoundingMode = enum.Enum("RoundingMode", ["NEAREST", "TO_ZERO", "STOCHASTIC"])
PlogSeverity = enum.Enum("PlogSeverity", ["WARNING", "INFO"])


def init_logging(level=PlogSeverity.INFO):
    print(f"log messages from {level.name} on go here")


def _padded(size):
    return -(-size // LANES) * LANES


def _clipped(values):
    return np.clip(values, -(1 << 15), (1 << 15) - 1)


class Array:
    """Memory of the host, and of the core."""

    def __init__(self, size_bytes):
        self.host_view = np.zeros(size_bytes, np.uint8)
        self.device = np.random.default_rng(size_bytes).integers(0, 256, size_bytes, np.uint8)

    def push_to_device(self):
        self.device[:] = self.host_view

    def pull_from_device(self):
        self.host_view[:] = self.device


class Variable:
    def __init__(self, shape, dtype, num_buffer_timesteps=1, name=""):
        shape = shape if isinstance(shape, tuple) else (shape,)
        self.shape = (*shape[:-1], _padded(shape[-1]))
        self.steps, self.ring = num_buffer_timesteps, None
        self.n_bytes = 2 * int(np.prod(self.shape)) * num_buffer_timesteps

    def allocate(self, delayed):
        if delayed:
            if self.steps & (self.steps - 1):
                raise RuntimeError("delayed variables need a power of two of slots")
            self.ring = np.random.default_rng(1).integers(-99, 99, (self.steps, self.shape[-1]))
            self.array = Array(2 * self.shape[-1])
        else:
            self.array = Array(self.n_bytes)

    def zero(self):
        self.array.device[:] = 0
        if self.ring is not None:
            self.ring[:] = 0

    def row(self, step):
        rows = self.array.device.view(np.int16).reshape(-1, self.shape[-1])
        return rows[step if len(rows) > 1 else 0]


class EventContainer:
    def __init__(self, shape, num_buffer_timesteps=1):
        self.size, self.steps = shape, num_buffer_timesteps
        self.n_bytes = _padded(shape) // 8 * num_buffer_timesteps

    def allocate(self):
        self.array = Array(self.n_bytes)

    def row(self, step):
        return self.array.device.reshape(self.steps, -1)[step if self.steps > 1 else 0]


class Parameter:
    def __init__(self, value, dtype):
        bits = int(re.search(r"_(\d+)_", dtype)[1])
        self.integer = round(value * (1 << bits))
        if not -(1 << 15) <= self.integer < 1 << 15:
            raise RuntimeError(f"parameter {value} out of range for {dtype}")


class NeuronUpdateProcess:
    def __init__(self, code, parameters, variables, events, name=""):
        self.parameters, self.variables, self.events = parameters, variables, events
        self.lines = [line.strip() for line in code.splitlines() if line.strip()]

    def run(self, step, steps, nearest):
        for recorded in (*self.variables.values(), *self.events.values()):
            if getattr(recorded, "ring", None) is None and recorded.steps not in (1, steps + 1):
                raise RuntimeError(f"{steps + 1} rows are needed, not {recorded.steps}")
        state = {
            name: variable.row(step).astype(np.int64) for name, variable in self.variables.items()
        }
        for name, variable in self.variables.items():
            if variable.ring is not None:
                state[name] = _clipped(state[name] + variable.ring[step % variable.steps])
                variable.ring[step % variable.steps] = 0
        spiked = self._evaluate(state, nearest)
        for name, variable in self.variables.items():
            variable.row(step + 1)[:] = state[name]
        for container in self.events.values():
            spiked[container.size :] = False
            container.row(step + 1)[:] = np.packbits(spiked, bitorder="little")

    def _evaluate(self, state, nearest):
        """Run the code; a conditional statement only changes lanes that meet its condition."""
        where = spiked = np.zeros(len(next(iter(state.values()))), bool)
        for line in self.lines:
            if match := re.fullmatch(r"if\((\w+) >= (\w+)\) {", line):
                where = state[match[1]] >= self.parameters[match[2]].integer
            elif line == "Spike();":
                spiked = where.copy()
            elif match := re.fullmatch(r"(\w+) = 0\.0h\d+;", line):
                state[match[1]] = np.where(where, 0, state[match[1]])
            elif match := re.fullmatch(r"(\w+) \*= (\w+);", line):
                state[match[1]] = self._product(match[2], state[match[1]], False)
            elif match := re.fullmatch(r"(\w+) = (\w+) \* (\w+);", line):
                state[match[1]] = self._product(match[2], state[match[3]], nearest)
            elif match := re.fullmatch(r"(\w+) = \((\w+) \* (\w+)\) \+ (\w+);", line):
                product = self._product(match[2], state[match[3]], nearest)
                state[match[1]] = _clipped(product + state[match[4]])
            elif match := re.fullmatch(r"(\w+) = (\w+);", line):
                state[match[1]] = state[match[2]].copy()
            elif line != "}":
                raise RuntimeError(f"parse error: {line}")
        return spiked

    def _product(self, parameter, values, nearest):
        half = (1 << 14) if nearest else 0
        return _clipped((self.parameters[parameter].integer * values + half) >> 15)


class EventPropagationProcess:
    def __init__(self, events, weight, target, bits):
        self.events, self.weight, self.target, self.bits = events, weight, target, bits

    def row(self, source, step):
        words = self.weight.array.device.view(np.int16).reshape(self.weight.shape)[source]
        words = words.astype(np.int64)
        if 2 * self.target.steps != 1 << self.bits:
            raise RuntimeError("slots and bits of delays do not go together")
        slot = ((words + 2 * step) & ((1 << self.bits) - 1)) // 2
        lanes = np.arange(len(words))
        ring = self.target.ring
        ring[slot, lanes] = _clipped(ring[slot, lanes] + (words >> self.bits))


class MemsetProcess:
    def __init__(self, target, name=""):
        self.target = target


class ProcessGroup:
    def __init__(self, processes, performance_counter=None, name=""):
        self.processes = processes

    def run(self, step, steps, nearest):
        sources = {}
        for process in self.processes:
            if isinstance(process, EventPropagationProcess):
                sources.setdefault(id(process.events), []).append(process)
            elif isinstance(process, MemsetProcess):
                process.target.zero()
            else:
                process.run(step, steps, nearest)
        # Sources are processed in reverse, because the order of sources in PyFeNN is arbitrary.
        for group in reversed(sources.values()):
            spikes = np.flatnonzero(np.unpackbits(group[0].events.row(step), bitorder="little"))
            # In each word of 32 sources, the core finds the highest bit first.
            for source in sorted(spikes, key=lambda source: (source // LANES, -source)):
                # For sources beyond the last row, PyFeNN would read arbitrary memory.
                if source < group[0].weight.shape[0]:
                    for process in group:
                        process.row(source, step)


class Model:
    def __init__(self, groups, backend):
        self.processes = [process for group in groups for process in group.processes]


class Program(list):
    """A list with a number per instruction; its attribute `run` runs the program."""


class BackendFeNNSim:
    def __init__(
        self,
        use_dram_for_weights=False,
        keep_params_in_registers=True,
        rounding_mode=RoundingMode.NEAREST,
        dma_buffer_size=512 << 10,
    ):
        self.in_dram, self.dma = use_dram_for_weights, dma_buffer_size
        self.nearest = rounding_mode is RoundingMode.NEAREST

    def generate_kernel(self, groups, model):
        program = Program([0] * 9)
        program.run = lambda: [group.run(0, 0, self.nearest) for group in groups]
        return program

    def generate_simulation_kernel(self, groups, begin, end, steps, model):
        processes = [process for group in groups for process in group.processes]
        program = Program([0] * (40 * len(processes)))

        def run():
            for group in begin:
                group.run(0, 0, self.nearest)
            for step in range(steps):
                for group in groups:
                    group.run(step, steps, self.nearest)

        program.run = run
        return program


class BackendFeNNHW(BackendFeNNSim):
    def __init__(self, **options):
        raise RuntimeError("there is no board here")


class Runtime:
    def __init__(self, model, backend):
        self.model, self.backend = model, backend

    def allocate(self):
        synapses = [p for p in self.model.processes if isinstance(p, EventPropagationProcess)]
        neurons = [p for p in self.model.processes if isinstance(p, NeuronUpdateProcess)]
        targets = {id(synapse.target) for synapse in synapses}
        events = {id(synapse.events): synapse.events for synapse in synapses}
        for neuron in neurons:
            events |= {id(container): container for container in neuron.events.values()}
        uram = llm = 0
        for neuron in neurons:
            for variable in neuron.variables.values():
                variable.allocate(id(variable) in targets)
                uram += variable.array.host_view.size
                llm += 0 if variable.ring is None else 2 * variable.ring.size
        for container in events.values():
            container.allocate()
        for synapse in synapses:
            synapse.weight.allocate(False)
        weights = sum(synapse.weight.n_bytes for synapse in synapses)
        uram += 0 if self.backend.in_dram else weights
        bram = sum(container.n_bytes for container in events.values())
        for name, taken, limit in (
            ("URAM", uram, URAM),
            ("BRAM", bram, BRAM),
            ("LLM", llm, LLM),
            ("DMA buffer", weights if self.backend.in_dram else 0, self.backend.dma),
        ):
            if taken > limit:
                raise RuntimeError(f"{name} memory exceeded")

    def get_array(self, state):
        return state.array

    def set_instructions(self, program):
        self.program = program

    def run(self):
        self.program.run()
