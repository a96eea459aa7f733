"""Random networks that brian2-loihi can express: without biases and overflows."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from nmtool.arithmetic import DECAY_ONE, SILENT_THRESHOLD, STATE_LIMIT, STATE_SHIFT
from nmtool.network.graph import INPUT, LIF
from nmtool.network.integer_network import IntegerNetwork, IntegerPopulation, IntegerProjection
from nmtool.targets import LOIHI2
from nmtool.testing.networks import Maker, random_network


@dataclass
class FittingMaker(Maker):
    """Draws decays, thresholds and exponents so that no input makes u or v overflow."""

    def population(self, name: str, size: int, kind: str) -> IntegerPopulation:
        pick = self.random.choice
        return IntegerPopulation(
            name,
            size,
            kind,
            du=int(pick([150, self.random.integers(300, 4095), 4095])),
            dv=int(pick([40, self.random.integers(200, 4095), 4095])),
            vth=int(pick([0, 30, 200, 1000])) if kind == LIF else SILENT_THRESHOLD,
            scale=1.0,
        )

    def within(
        self, projection: IntegerProjection, target: IntegerPopulation, sources: int
    ) -> IntegerProjection:
        """The projection with an exponent for which no input can cause an overflow.

        Args:
            projection: its weights and bits are kept, unless no exponent is low enough.
            target: target population.
            sources: number of projections into the target, which share its range.
        """
        most = np.abs(projection.weight.astype(int)).sum(axis=0).max() << STATE_SHIFT
        gain = DECAY_ONE / (target.du + 1) * DECAY_ONE / max(target.dv, 1)
        room = (STATE_LIMIT - 1) / max(most * gain * sources, 1)
        top = int(np.floor(np.log2(room)))
        allowed = [e for e in LOIHI2.weight_exponents(projection.weight_bits) if e <= top]
        if not allowed:
            return replace(projection, weight=np.zeros_like(projection.weight), weight_exponent=0)
        chosen = int(self.random.choice([allowed[-1], self.random.choice(allowed)]))
        return replace(projection, weight_exponent=chosen)


def fitting_network(seed: int, n_hidden: int, spiking_output: bool) -> IntegerNetwork:
    """The graph of `random_network`, with integers that cannot overflow."""
    graph = random_network(seed, n_hidden, spiking_output)
    maker = FittingMaker(np.random.default_rng(seed))
    populations = {p.name: maker.population(p.name, p.size, p.kind) for p in graph.populations}
    projections = []
    for old in graph.projections:
        sources = sum(projection.target == old.target for projection in graph.projections)
        drawn = maker.projection(old.source, old.target, old.shape)
        # Input weights are positive: neurons that no input excites would test nothing.
        if old.source == INPUT:
            drawn = replace(drawn, weight=abs(drawn.weight))
        projections.append(maker.within(drawn, populations[old.target], sources))
    return replace(graph, populations=list(populations.values()), projections=projections)
