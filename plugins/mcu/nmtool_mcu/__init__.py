"""Microcontrollers: a firmware folder, emulated processors that run the C export, and targets."""

from __future__ import annotations

from nmtool.exporters.formats import Place

FIRMWARE = Place("nmtool_mcu.firmware.format:Firmware", member="firmware.json")
CORTEX_M = Place("nmtool_mcu.emulated:CortexM")
RISCV32 = Place("nmtool_mcu.emulated:Riscv32")
