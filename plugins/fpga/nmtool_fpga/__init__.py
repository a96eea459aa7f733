"""FPGAs: a core in Verilog with the network in its memories, boards, and their targets."""

from __future__ import annotations

from nmtool.exporters.formats import Place

VERILOG = Place("nmtool_fpga.verilog.format:Verilog", member="rtl/nmtool_top.v")
