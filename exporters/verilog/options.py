"""Options for writing networks as Verilog."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from nmtool.arguments import SWITCH, WHOLE, WORD, check_fields, keywords_checked
from nmtool.errors import UsageError, suggestion
from nmtool.exporters.options import others_than_usual
from nmtool.exporters.verilog.layout import LANES


@keywords_checked
@dataclass(frozen=True)
class VerilogOptions:
    """Options for writing Verilog.

    >>> VerilogOptions(lanes=4).as_json()
    {'lanes': 4, 'part': '', 'deep': False}

    Attributes:
        lanes: synapses that are added in one clock: 1, 2, 4, 8 or 16; more are faster and larger.
        part: FPGA that it is meant for, e.g. `ecp5-85`: a network that does not fit is refused,
            with the reasons, and `make` in the folder builds for it; by default any.
        deep: let the core tell u and v of every neuron, too, and its benches compare them.

    Raises:
        UsageError: another number of lanes, or a part that nmtool does not know.
    """

    lanes: int = 1
    part: str = ""
    deep: bool = False

    def __post_init__(self) -> None:
        check_fields(self, lanes=WHOLE, part=WORD, deep=SWITCH)
        if self.lanes not in LANES:
            raise UsageError(
                f"a core cannot have {self.lanes} lanes",
                code="verilog-lanes",
                fix=f"use one of {', '.join(map(str, LANES))}",
            )
        if self.part:
            from nmtool.exporters.verilog.parts import part_names

            known = part_names()
            if self.part not in known:
                raise UsageError(
                    f"there is no part '{self.part}'",
                    code="verilog-part-unknown",
                    fix=suggestion(self.part, known),
                )

    def as_json(self) -> dict[str, Any]:
        """The options by name."""
        return asdict(self)

    def unused_by(self, name: str) -> UsageError:
        """The error of these options for writing the format of a name, which takes none."""
        return UsageError(
            f"the format {name} takes no options of Verilog",
            code="verilog-options-unused",
            why=others_than_usual(self),
            fix="leave them out, or write Verilog: `to=verilog`",
        )
