"""Build the network from Lava's own processes.

    RingBuffer ──► DelayDense ──► LIF ──► DelayDense ──► LIF
                                   ▲──── DelayDense ◄──┘

Each population is a LIF, and each projection a DelayDense. If several projections have the same
target, their sums are added in its port `a_in`. A non-spiking `li` population is a LIF whose
threshold is out of reach; its membrane `v` gives the scores. DelayDense needs [post, pre] matrices
and int64 delays; LIF needs scalars for du, dv and vth.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.proc.dense.process import DelayDense
from lava.proc.io.source import RingBuffer
from lava.proc.lif.process import LIF
from numpy.typing import NDArray

from .arrays import INPUT, NetworkArrays, PopulationArrays, ProjectionArrays


@dataclass(frozen=True)
class LavaNetwork:
    """Connected processes, ready to run.

    Attributes:
        source: sends the input spikes; connected to nothing if no projection reads the input.
        populations: the LIF of each population, by name; its port `s_out` sends spikes, and its
            variables are `u` and `v`.
        projections: the DelayDense of each projection, in the order of the arrays.
    """

    source: RingBuffer
    populations: Mapping[str, LIF]
    projections: tuple[DelayDense, ...]

    @property
    def process(self) -> AbstractProcess:
        """One process of the network; its `run` runs all processes of the network."""
        return next(iter(self.populations.values()))


def build(arrays: NetworkArrays, spikes: NDArray[np.integer]) -> LavaNetwork:
    """Build the network, with a source that sends `spikes`.

    Args:
        arrays: the integers of the network, from `read_arrays`.
        spikes: [channels, steps] integers, 1 for a spike; after the last step, the source starts
            again with the first.
    """
    source = RingBuffer(data=spikes)
    populations = {entry.name: _population(entry) for entry in arrays.populations}
    senders = {INPUT: source, **populations}
    projections = []
    for entry in [*arrays.projections, *_bridges(arrays)]:
        projection = _projection(entry)
        senders[entry.source].s_out.connect(projection.s_in)
        projection.a_out.connect(populations[entry.target].a_in)
        projections.append(projection)
    return LavaNetwork(source, populations, tuple(projections))


def run_config(models: Mapping[type[AbstractProcess], type] | None = None) -> Loihi2SimCfg:
    """Make a run configuration that selects fixed-point models; Lava's default selects float ones.

    Args:
        models: process models that replace Lava's, by class of process.
    """
    return Loihi2SimCfg(select_tag="fixed_pt", exception_proc_model_map=dict(models or {}))


def _population(entry: PopulationArrays) -> LIF:
    return LIF(
        name=entry.name,
        shape=(entry.size,),
        du=entry.du,
        dv=entry.dv,
        vth=entry.vth,
        bias_mant=entry.bias_mantissa,
        bias_exp=np.full(entry.size, entry.bias_exponent),
    )


def _projection(entry: ProjectionArrays) -> DelayDense:
    return DelayDense(
        weights=entry.weight.T.astype(np.int64),
        delays=entry.delay.T.astype(np.int64),
        weight_exp=entry.weight_exponent,
        num_weight_bits=entry.weight_bits,
    )


def _bridges(arrays: NetworkArrays) -> list[ProjectionArrays]:
    """Projections of weight 0 that connect parts of the network which would be separate.

    Lava only runs the processes that are connected, directly or through others, to the process
    whose `run` is called.
    """
    sizes = {entry.name: entry.size for entry in arrays.populations}
    first = arrays.populations[0].name
    reached = {first}
    bridges = []
    for name in sizes:
        _spread(reached, arrays)
        if name not in reached:
            nothing = np.zeros((sizes[first], sizes[name]), np.int16)
            bridges.append(ProjectionArrays(first, name, nothing, nothing.astype(np.uint8), 8, 0))
            reached.add(name)
    return bridges


def _spread(reached: set[str], arrays: NetworkArrays) -> None:
    """Add to `reached` all populations that are connected to one of its members.

    The connection may lead over several projections, and against their direction.
    """
    grown = True
    while grown:
        grown = False
        for entry in arrays.projections:
            ends = {entry.source, entry.target}
            if reached & ends and not ends <= reached:
                reached |= ends
                grown = True
