"""The targets of this plug-in: an attribute per file, read when it is first used."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nmtool.arithmetic import figure
from nmtool.targets.reading import targets_of
from nmtool.targets.target import Figures, Target

FABRIC = "fabric"
"""Section of a target's file with the figures of an FPGA."""

ECP5, ICE40UP = "ecp5", "ice40up"


@dataclass(frozen=True)
class Fabric(Figures):
    """Resources of an FPGA."""

    family: str | None = figure("kind of its memories", choices=(ECP5, ICE40UP))
    luts: int | None = figure("look-up tables of four inputs", low=1)
    block_rams: int | None = figure("block RAMs, of 18 kbit in an ECP5, 4 in an iCE40", low=1)
    large_rams: int | None = figure("RAMs of 256 kbit with one port", low=0)
    multipliers: int | None = figure("multipliers, of 18 × 18 bits or 16 × 16", low=0)

    @classmethod
    def of(cls, target: Target) -> Fabric:
        """The figures of a target; all of them are None if it is no FPGA."""
        fabric = target.sections.get(FABRIC, cls())
        assert isinstance(fabric, cls)
        return fabric

    def missing(self) -> Iterator[tuple[str, str, str]]:
        if self.family is None and self != Fabric():
            why = "without its family, the resources of an FPGA cannot be counted"
            yield "family", why, f"give its family: {ECP5} or {ICE40UP}"
        elif self == Fabric(self.family) != Fabric():
            why = "the family of an FPGA does not determine its resources"
            yield "", why, "give its luts, block_rams and multipliers"


__getattr__ = targets_of(__name__)
