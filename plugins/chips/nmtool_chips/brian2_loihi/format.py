"""`Brian2Loihi`: the format that runs networks in brian2-loihi."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nmtool.errors import DoesNotFitError, Finding
from nmtool.exporters.format import Format
from nmtool.network.integer_network import IntegerNetwork
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool_chips import BRIAN2_LOIHI
from nmtool_chips.brian2_loihi import runtime
from nmtool_chips.brian2_loihi.environment import REFEREE


class Brian2Loihi(Format, name="brian2-loihi", place=BRIAN2_LOIHI):
    """A file of an integer network that brian2-loihi runs."""

    @classmethod
    def require(cls) -> None:
        REFEREE.find()

    @classmethod
    def misfits(cls, network: IntegerNetwork, options: Any = None) -> list[Finding]:
        """Findings for biases, which brian2-loihi lacks. Overflows are only detected in a run."""
        return [
            Finding(
                "brian2-loihi-bias",
                f"population '{population.name}'",
                f"{(population.bias != 0).sum()} of {population.size} neurons have a bias",
                "train without biases, or compare with another backend",
                why="brian2-loihi's neurons have no bias",
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
        """Return no differences, since brian2-loihi runs the unchanged integers.

        Raises:
            DoesNotFitError: brian2-loihi cannot express the network.
        """
        self.check_fits(self.integers)
        return []

    def simulate(
        self, spikes: Raster, *, deep: bool, on_progress: Callable[[int], None] | None
    ) -> Recording:
        self.check_fits(self.integers)
        return runtime.run(self.integers, spikes, deep, on_progress)
