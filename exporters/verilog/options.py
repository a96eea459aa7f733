"""Options of the Verilog export."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from nmtool.arguments import SWITCH, WHOLE, WORD, check_fields, keywords_checked
from nmtool.errors import UsageError, suggestion
from nmtool.exporters.options import non_default_options
from nmtool.exporters.verilog.layout import LANES


@keywords_checked
@dataclass(frozen=True)
class VerilogOptions:
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

    lanes: int = 1
    part: str = ""
    deep: bool = False

    def __post_init__(self) -> None:
        check_fields(self, lanes=WHOLE, part=WORD, deep=SWITCH)
        if self.lanes not in LANES:
            raise UsageError(
                f"the core does not support {self.lanes} lanes",
                code="verilog-lanes",
                fix=f"use one of {', '.join(map(str, LANES))}",
            )
        if self.part:
            from nmtool.exporters.verilog.parts import part_names

            names = part_names()
            if self.part not in names:
                raise UsageError(
                    f"unknown FPGA part '{self.part}'",
                    code="verilog-part-unknown",
                    fix=suggestion(self.part, names),
                )

    def as_json(self) -> dict[str, Any]:
        """The options by name."""
        return asdict(self)

    def unused_by(self, name: str) -> UsageError:
        """The error for using these options with another format."""
        return UsageError(
            f"the format {name} has no Verilog options",
            code="verilog-options-unused",
            why=non_default_options(self),
            fix="leave them out, or write Verilog: `to=verilog`",
        )
