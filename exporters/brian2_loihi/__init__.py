"""brian2-loihi 0.5.2, a second referee: written by others, on Brian 2, against Intel's chip.

It has no files of its own that a network could be exported to: it is handed nmtool's integers as
they are, and builds them of brian2-loihi's classes in a supervised process, in an environment of
its own. Nothing in brian2-loihi or in Brian is replaced. Its sources say:

- **A step** runs the slots start (input spikes), synapses (arrivals: `I += w_act`), groups
  (decays), thresholds, resets, end. Therefore

      I ← I + a·64
      v ← v − sign(v)·⌈|v|·decay_v/4096⌉ + I,   I ← I − sign(I)·⌈|I|·decay_I/4096⌉
      spike iff v > vth·64, then v ← 0

  Its I after the arrivals is our u of that step. What decays is rounded away from zero, which is
  our truncation towards it. There is no "+1" in its decay: `decay_I` is our du + 1.
- **Latency**: a spike of step t over delay d arrives at step t + 1 + d, as thresholds come after
  synapses. Input comes before them and arrives at t + d: our input spikes are handed over one
  step later, which aligns everything, step for step.
- **Delays** are 0 … 62, one per `LoihiSynapses`: a projection is one object per delay in it.
- **Weights**: exponents −8 … 7, 0 … 8 bits, three sign modes, in our ranges. The sign mode of a
  matrix is that of all its objects. Weights are rounded towards zero (Lava: down), which no
  weight that an `IntegerNetwork` may hold shows. |w|·2^(6 + exponent) is clipped to 2^21 − 64,
  which none reaches.
- **Refractory periods** begin at 1, which is none: a neuron can spike in every step.
- **State** is float64 and neither wraps nor saturates: exact while nothing leaves 24 bits.
- **Thresholds** end at 131071, which a v just below its limit of 2^23 − 1 passes: populations that
  only integrate are read before that threshold, and refused where they pass it.
- **There is no bias.**
- **Monitors**: `LoihiStateMonitor` reads I in the slot synapses, after the arrivals, as those have
  order −1 there, and v at the end. `LoihiSpikeMonitor.t` truncates t·1000, which is one step early
  at 4007, 4015, … 4095, 8001 and more beyond: steps are rounded here.

What it cannot express is refused: a bias before anything runs, overflow when it is met.
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
    """A file of integers that brian2-loihi runs."""

    @classmethod
    def require(cls) -> None:
        from nmtool.exporters.brian2_loihi import environment

        environment.find()

    @classmethod
    def misfits(cls, network: IntegerNetwork, options: Any = None) -> list[Finding]:
        """Everything of a network that brian2-loihi cannot express, data aside."""
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
        """None: integers that it can express are all that it is handed."""
        self.check_fits(self.integers)
        return []

    def simulate(
        self, spikes: Raster, *, deep: bool, on_progress: Callable[[int], None] | None
    ) -> Recording:
        from nmtool.exporters.brian2_loihi import runtime

        self.check_fits(self.integers)
        return runtime.run(self.integers, spikes, deep, on_progress)


FORMAT = Brian2Loihi
