"""Formats that run the C export on an emulated processor, one per value of `PROCESSORS`.

Each is handed nmtool's own file of integers. The C file that `nmtool export` writes for it is
compiled unchanged by the processor's compiler, together with the driver that runs it on the host.
Driver and host exchange files: QEMU's semihosting serves a program without an operating system.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from nmtool.errors import Finding
from nmtool.exporters.format import Format
from nmtool.exporters.processors import PROCESSORS
from nmtool.network.integer_network import IntegerNetwork
from nmtool.raster import Raster
from nmtool.recording import Recording


@cache
def emulated(name: str) -> type[Format]:
    """The format of a processor; always the same class for the same name.

    Args:
        name: one of `PROCESSORS`.
    """
    processor = PROCESSORS[name]

    class Emulated(Format, name=name):
        """A file of integers that runs as C on an emulated processor."""

        @classmethod
        def require(cls) -> None:
            processor.require()

        @classmethod
        def misfits(cls, network: IntegerNetwork, options: Any = None) -> list[Finding]:
            """The memories of the emulated machine that are too small, before anything compiles."""
            from nmtool.exporters.c.source import memory

            constants, variables = memory(network)
            uses = [
                ("constants", constants, processor.flash),
                ("variables", variables, processor.ram),
            ]
            return [
                Finding(
                    "processor-memory",
                    noun,
                    f"they take {size:,} bytes, the emulated machine has {region.size:,}",
                    "compare a smaller network, or with `c`, which runs on this computer",
                )
                for noun, size, region in uses
                if region is not None and size > region.size
            ]

        def differences(self) -> list[Finding]:
            """None: integers that fit the machine are all that it is handed."""
            self.check_fits(self.integers)
            return []

        def simulate(
            self, spikes: Raster, *, deep: bool, on_progress: Callable[[int], None] | None
        ) -> Recording:
            from nmtool.exporters.c import file, runtime

            processor.require()
            content = file.file_bytes(self.integers, None)
            return runtime.run(
                content, self.integers, spikes, deep, on_progress, processor=processor
            )

    return Emulated
