"""brian2-loihi 0.5.2, a second simulator to compare with, written independently on Brian 2.

It has no file format. A supervised process in its own environment reads nmtool's integers and
builds the network from brian2-loihi's classes, which are used unmodified. From its sources:

- **A step** runs the slots start (input spikes), synapses (arrivals: `I += w_act`), groups
  (decays), thresholds, resets, end. Therefore

      I ← I + a·64
      v ← v − sign(v)·⌈|v|·decay_v/4096⌉ + I,   I ← I − sign(I)·⌈|I|·decay_I/4096⌉
      spike iff v > vth·64, then v ← 0

  Its I after the arrivals is our u of that step. The part that decays is rounded away from zero,
  which equals our truncation of the rest towards zero. Its decay has no "+1": `decay_I` is our
  du + 1.
- **Latency**: a spike of step t over delay d arrives at step t + 1 + d, as thresholds come after
  synapses. Input comes before them and arrives at t + d: input spikes are passed one step later,
  which aligns everything, step for step.
- **Delays** are 0 … 62, one per `LoihiSynapses`: a projection is one object per delay in it.
- **Weights**: exponents −8 … 7, 0 … 8 bits, three sign modes, in our ranges. The sign mode of a
  matrix is that of all its objects. Weights are rounded towards zero (Lava: down), which makes no
  difference for weights of an `IntegerNetwork`. |w|·2^(6 + exponent) is clipped to 2^21 − 64,
  which no weight reaches.
- **Refractory periods** are at least 1, which means none: a neuron can spike in every step.
- **State** is float64 and neither wraps nor saturates: exact as long as 24 bits are not exceeded.
- **Thresholds** are at most 131071, which v can exceed just below its limit of 2^23 − 1:
  non-spiking populations are read before that threshold, and refused if they exceed it.
- **There is no bias.**
- **Monitors**: `LoihiStateMonitor` reads I in the slot synapses, after the arrivals, as those have
  order −1 there, and v at the end. `LoihiSpikeMonitor.t` truncates t·1000, which is one step early
  at 4007, 4015, … 4095, 8001 and more beyond: steps are rounded here.

Networks that it cannot express are refused: with a bias, before anything runs; with an overflow,
when it occurs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nmtool.errors import DoesNotFitError, Finding
from nmtool.exporters.format import Format
from nmtool.network.integer_network import IntegerNetwork
from nmtool.raster import Raster
from nmtool.recording import Recording


class Brian2Loihi(Format, name="brian2-loihi"):
    """A file of an integer network that brian2-loihi runs."""

    @classmethod
    def require(cls) -> None:
        from nmtool.exporters.brian2_loihi.environment import REFEREE

        REFEREE.find()

    @classmethod
    def misfits(cls, network: IntegerNetwork, options: Any = None) -> list[Finding]:
        """Everything in a network that brian2-loihi cannot express with any data."""
        return [
            Finding(
                "brian2-loihi-bias",
                f"population '{population.name}'",
                f"{(population.bias != 0).sum()} of {population.size} neurons have a bias",
                "train without biases, or compare with another backend",
                why="brian2-loihi's neurons have none",
            )
            for population in network.populations
            if population.bias.any()
        ]

    @classmethod
    def check_fits(cls, network: IntegerNetwork, options: Any = None) -> None:
        if findings := cls.misfits(network):
            raise DoesNotFitError(
                "brian2-loihi cannot express this network",
                code="brian2-loihi-does-not-fit",
                findings=findings,
            )

    def differences(self) -> list[Finding]:
        """No differences: it only gets integers that it can express."""
        self.check_fits(self.integers)
        return []

    def simulate(
        self, spikes: Raster, *, deep: bool, on_progress: Callable[[int], None] | None
    ) -> Recording:
        from nmtool.exporters.brian2_loihi import runtime

        self.check_fits(self.integers)
        return runtime.run(self.integers, spikes, deep, on_progress)


FORMAT = Brian2Loihi
