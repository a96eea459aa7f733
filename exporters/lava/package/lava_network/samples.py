"""Run samples, each from a fresh state.

`fast` runs all samples in one run of Lava; its models reset their state before every sample.
`stock` only uses Lava's own models. These cannot be reset, so every sample gets a new network in a
new process of the system. This process also returns the memory that Lava never frees.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator, Mapping
from multiprocessing.connection import Connection
from typing import Any, Protocol

import numpy as np
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.process.variable import Var
from lava.magma.core.run_conditions import RunSteps
from lava.proc.io.sink import Read
from lava.proc.io.sink import RingBuffer as Sink
from lava.proc.lif.process import LIF
from numpy.typing import DTypeLike, NDArray

from .arrays import NetworkArrays
from .events import Events
from .models import FAST_MODELS, build_fast
from .process import build, run_config
from .traces import Trace, Wanted, copied, shared_trace, wanted
from .watch import leave_at_once, started

MODELS = ("fast", "stock")


class Network(Protocol):
    """A network in Lava: its populations, and one of its processes.

    The process contains all others, or is connected to them.
    """

    @property
    def process(self) -> AbstractProcess: ...
    @property
    def populations(self) -> Mapping[str, LIF]: ...


Builder = Callable[[NetworkArrays, NDArray[np.int32]], Network]

PATIENCE_S = 0.5
"""About how long a run of Lava takes between two calls of `beat`."""


def run_samples(
    arrays: NetworkArrays, events: Events, model: str, deep: bool, beat: Callable[[int], None]
) -> Iterator[dict[str, Trace]]:
    """Run every sample, and yield its traces by population.

    Args:
        arrays: the network.
        events: the input; every sample has its number of steps, not the network's.
        model: one of `MODELS`.
        deep: record u and v of every population.
        beat: called now and then with the number of completed steps of the sample.
    """
    if model == "fast":
        return _run_fast(arrays, events, deep, beat)
    return run_apart(arrays, events, deep, beat)


def _run_fast(
    arrays: NetworkArrays, events: Events, deep: bool, beat: Callable[[int], None]
) -> Iterator[dict[str, Trace]]:
    traces = {
        entry.name: shared_trace((events.n_steps, entry.size), wanted(entry, deep))
        for entry in arrays.populations
    }
    if events.n_samples == 0:
        return
    process = build_fast(arrays, events, traces).process
    with started(process, run_config(FAST_MODELS)):
        for _ in range(events.n_samples):
            _advance(process, events.n_steps, beat)
            yield {name: copied(trace) for name, trace in traces.items()}


def run_apart(
    arrays: NetworkArrays,
    events: Events,
    deep: bool,
    beat: Callable[[int], None],
    build: Builder = build,
) -> Iterator[dict[str, Trace]]:
    """Run every sample with Lava's own models, in a new network and a new process of the system.

    Args:
        arrays, events, deep, beat: same as for `run_samples`.
        build: function that makes the network from `arrays` and [channels, steps] spikes.
    """
    for sample in range(events.n_samples):
        receiver, sender = multiprocessing.Pipe(duplex=False)
        child = multiprocessing.Process(
            target=_send_sample, args=(sender, arrays, events.dense(sample), deep, beat, build)
        )
        child.start()
        sender.close()
        try:
            yield receiver.recv()
        except EOFError:
            raise RuntimeError(f"sample {sample} failed") from None
        child.join()


def _send_sample(
    sender: Connection,
    arrays: NetworkArrays,
    spikes: NDArray[np.int32],
    deep: bool,
    beat: Callable[[int], None],
    build: Builder,
) -> None:
    with leave_at_once():
        sender.send(_run_sample(arrays, spikes, deep, beat, build))


def _run_sample(
    arrays: NetworkArrays,
    spikes: NDArray[np.int32],
    deep: bool,
    beat: Callable[[int], None],
    build: Builder,
) -> dict[str, Trace]:
    n_steps = spikes.shape[1]
    network = build(arrays, spikes)
    probes = {
        entry.name: _Probes(network.populations[entry.name], n_steps, wanted(entry, deep))
        for entry in arrays.populations
    }
    with started(network.process, run_config()):
        _advance(network.process, n_steps, beat)
        return {name: probe.trace() for name, probe in probes.items()}


class _Probes:
    """Lava's own sinks for the spikes and state variables of one population."""

    def __init__(self, population: LIF, n_steps: int, values: Wanted) -> None:
        self.spikes: Sink | None = None
        if values.spikes:
            self.spikes = Sink(shape=population.s_out.shape, buffer=n_steps)
            population.s_out.connect(self.spikes.a_in)
        self.u = _reader(population.u, n_steps) if values.u else None
        self.v = _reader(population.v, n_steps) if values.v else None

    def trace(self) -> Trace:
        """Read the recorded values from Lava; this is only possible while the network runs."""
        return Trace(
            spikes=_recorded(self.spikes, np.bool_),
            u=_recorded(self.u, np.int32),
            v=_recorded(self.v, np.int32),
        )


def _recorded(probe: Sink | Read | None, dtype: DTypeLike) -> Any:
    """Read a probe's data [neurons, steps], and return them as [steps, neurons].

    None without a probe.
    """
    return None if probe is None else np.ascontiguousarray(probe.data.get().T, dtype)


def _reader(variable: Var, n_steps: int) -> Read:
    reader = Read(buffer=n_steps)
    reader.connect_var(variable)
    return reader


def _advance(process: AbstractProcess, n_steps: int, beat: Callable[[int], None]) -> None:
    """Run `n_steps` steps in several short runs, and call `beat` after each run."""
    done, portion = 0, 1
    while done < n_steps:
        begin = time.monotonic()
        steps = min(portion, n_steps - done)
        process.run(condition=RunSteps(num_steps=steps))
        done += steps
        beat(done)
        if time.monotonic() - begin < PATIENCE_S:
            portion *= 2
