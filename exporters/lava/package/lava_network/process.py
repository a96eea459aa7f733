"""Build the network from Lava's own processes; every name here is Lava's.

    RingBuffer ──► DelayDense ──► LIF ──► DelayDense ──► LIF
                                   ▲──── DelayDense ◄──┘

One LIF per population and one DelayDense per projection. Several projections into a population
add up in its `a_in`. A non-spiking `li` population is a LIF whose threshold is out of reach; its
membrane `v` is the answer. DelayDense wants [post, pre] matrices and int64 delays, LIF wants
scalars for du, dv and vth.
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
        populations: by name; connect to their `s_out`, read their `u` and `v`.
        projections: in the order of the arrays.
    """

    source: RingBuffer
    populations: Mapping[str, LIF]
    projections: tuple[DelayDense, ...]

    @property
    def process(self) -> AbstractProcess:
        """Any process of the network: running it runs all of them."""
        return next(iter(self.populations.values()))


def build(arrays: NetworkArrays, spikes: NDArray[np.integer]) -> LavaNetwork:
    """The network with its input.

    Args:
        arrays: the integers, from `read_arrays`.
        spikes: [channels, steps] integers, 1 for a spike; repeated when it ends.
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
    """Run configuration that picks the fixed-point models; Lava's default picks float ones.

    Args:
        models: process models that take the place of Lava's, by class of process.
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
    """Projections of weight zero between parts of the network that nothing connects.

    Lava runs the processes that are connected to the one it is asked to run.
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
    """Add every population that a chain of projections, in any direction, joins to `reached`."""
    grown = True
    while grown:
        grown = False
        for entry in arrays.projections:
            ends = {entry.source, entry.target}
            if reached & ends and not ends <= reached:
                reached |= ends
                grown = True
