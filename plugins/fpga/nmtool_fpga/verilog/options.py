"""Options of the Verilog export."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from nmtool.arguments import keywords_checked
from nmtool.errors import UsageError, suggestion
from nmtool.options import WritingOptions, option
from nmtool_fpga.verilog.layout import LANES
from nmtool_fpga.verilog.parts import part_names


@keywords_checked
@dataclass(frozen=True)
class VerilogOptions(WritingOptions):
    """Options of the Verilog export.

    >>> VerilogOptions(lanes=4).as_json()
    {'lanes': 4, 'part': '', 'deep': False}

    Attributes:
        lanes: number of synapses processed per clock: 1, 2, 4, 8 or 16. More lanes are faster and
            larger.
        part: target FPGA, e.g. `ecp5-85`, for which `make` in the folder builds. A network that
            does not fit the FPGA is refused with the reasons. Default: no FPGA, and no check.
        deep: also output u and v of every neuron, and compare them in the testbenches.

    Raises:
        UsageError: unsupported number of lanes, or unknown part.
    """

    heading: ClassVar[str] = "Verilog"

    lanes: int = 1
    part: str = option("", metavar="FPGA")
    deep: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.lanes not in LANES:
            raise UsageError(
                f"the core does not support {self.lanes} lanes",
                code="verilog-lanes",
                fix=f"use one of {', '.join(map(str, LANES))}",
            )
        if self.part:
            names = part_names()
            if self.part not in names:
                raise UsageError(
                    f"unknown FPGA part '{self.part}'",
                    code="verilog-part-unknown",
                    fix=suggestion(self.part, names),
                )

    def unused_by(self, name: str) -> UsageError:
        return UsageError(
            f"the format {name} has no Verilog options",
            code="verilog-options-unused",
            why=self.given(),
            fix="leave them out, or write Verilog: `to=verilog`",
        )
