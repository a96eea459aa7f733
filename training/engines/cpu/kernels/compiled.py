"""Compilation of this package's kernels, which call some kernels of `hardware_sim`."""

from __future__ import annotations

from nmtool.hardware_sim.compiled import SOURCES as BELOW, compiler

SOURCES = (*BELOW, "nmtool.training.engines.cpu.kernels", "nmtool.training.engines.cell")
"""Modules and packages that the kernels are compiled from."""

compiled = compiler(*SOURCES)
