"""Formats that run the C export on an emulated processor: a class per processor.

Each format takes nmtool's own file of an integer network. The C file that `nmtool export` writes
for the network is compiled unchanged by the processor's compiler, with the same driver as on this
computer. The processors have no operating system: the driver reads and writes files through QEMU's
semihosting.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from nmtool.errors import Finding
from nmtool.exporters.c import cost, file, runtime
from nmtool.exporters.c.source import memory
from nmtool.exporters.format import Format
from nmtool.exporters.formats import Place
from nmtool.network.graph import MOST_SPIKES, RESET, RESET_BY
from nmtool.network.integer_network import IntegerNetwork
from nmtool.progress import Progress
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.targets.costs import RunningCost
from nmtool_mcu import CORTEX_M, RISCV32
from nmtool_mcu.processors import PROCESSORS, Processor

if TYPE_CHECKING:
    from nmtool.hardware_sim.operations import Operations


def emulated(processor: Processor, place: Place) -> type[Format]:
    """Make the format that runs the C export on a processor.

    Args:
        processor: the processor, which gives the format its name.
        place: place of the class.
    """

    class Emulated(Format, name=processor.name, place=place):
        """An integer network in nmtool's own file, run as C on an emulated processor."""

        expresses = (RESET, RESET_BY, MOST_SPIKES)
        tool, tool_purpose = processor.title, f"nmtool verify --against {processor.name}"

        @classmethod
        def require(cls) -> None:
            processor.require()

        @classmethod
        def describe_tool(cls) -> str:
            processor.require()
            return f"{processor.compiler}, {processor.emulator[0]}"

        @classmethod
        def misfits(cls, network: IntegerNetwork, options: Any = None) -> list[Finding]:
            """Findings for memories of the emulated machine that are too small for a network."""
            constants, variables = memory(network)
            uses = [
                ("constants", constants, processor.flash),
                ("variables", variables, processor.ram),
            ]
            return [
                Finding(
                    "processor-memory",
                    noun,
                    f"they take {size:,} bytes, but the emulated machine has {region.size:,}",
                    "use a smaller network, or compare with `c`, which runs on this computer",
                )
                for noun, size, region in uses
                if size > region.size
            ]

        @classmethod
        def running_cost(
            cls,
            network: IntegerNetwork,
            spikes: Raster,
            recording: Recording,
            operations: Operations,
            progress: Progress,
        ) -> RunningCost:
            """Compile the C program for the processor, and count its instructions."""
            return cost.running_cost(network, spikes, recording, operations, progress, processor)

        def differences(self) -> list[Finding]:
            """Raise `DoesNotFitError` unless the network fits the machine; else return []."""
            self.check_fits(self.integers)
            return []

        def simulate(
            self, spikes: Raster, *, deep: bool, on_progress: Callable[[int], None] | None
        ) -> Recording:
            processor.require()
            content = file.written(self.integers)[""]
            return runtime.run(content, self.integers, spikes, deep, on_progress, machine=processor)

    return Emulated


CortexM = emulated(PROCESSORS["cortex-m"], CORTEX_M)
Riscv32 = emulated(PROCESSORS["riscv32"], RISCV32)
