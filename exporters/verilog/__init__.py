"""Verilog: a vendor-independent FPGA core, with the network in its memories.

The core (`rtl/`) is handwritten and the same for every network; no logic is generated. A folder is
read back as data. To run it, nmtool writes the files for its network anew, simulates them in
Verilator or Icarus, and refuses a folder whose files differ from those.

    layout.py       contents of the core's memories for a network, and what does not fit
    folder.py       the files of an export, and how they are read back
    words.py        rasters as input words of the core, its output words as recordings
    simulators.py   Verilator and Icarus
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from nmtool.errors import DoesNotFitError, Finding
from nmtool.exporters.format import Format
from nmtool.exporters.verilog.options import VerilogOptions
from nmtool.known_answers import KnownAnswers
from nmtool.network.integer_network import IntegerNetwork
from nmtool.raster import Raster
from nmtool.recording import Recording, check_steps
from nmtool.targets import target_named
from nmtool.verification.certificate import Check

if TYPE_CHECKING:
    from nmtool.exporters.verilog.folder import Content
    from nmtool.exporters.verilog.simulators import Icarus, Verilator


class Verilog(Format, name="verilog"):
    """A folder with the core, the network and testbenches."""

    writing_options = VerilogOptions

    @classmethod
    def require(cls) -> None:
        from nmtool.exporters.verilog import simulators

        simulators.find()

    @classmethod
    def misfits(
        cls, network: IntegerNetwork, options: VerilogOptions | None = None
    ) -> list[Finding]:
        from nmtool.exporters.verilog.layout import misfits

        return misfits(network, None if options is None else options.lanes)

    @classmethod
    def check_fits(cls, network: IntegerNetwork, options: VerilogOptions | None = None) -> None:
        """Raise `DoesNotFitError` unless the network fits the core, and the core the FPGA."""
        from nmtool.exporters.verilog import fabric

        options = options or VerilogOptions()
        if findings := cls.misfits(network, options):
            raise DoesNotFitError(
                "the network does not fit the core", code="verilog-misfit", findings=findings
            )
        if options.part:
            target = target_named(options.part)
            if findings := fabric.too_small(target, fabric.uses(network, target, options.lanes)):
                raise DoesNotFitError(
                    f"the core with this network does not fit {target.title}",
                    code="verilog-part-too-small",
                    findings=findings,
                )

    @classmethod
    def encode(
        cls, network: IntegerNetwork, answers: KnownAnswers | None, options: VerilogOptions | None
    ) -> dict[str, bytes]:
        from nmtool.exporters.verilog.folder import folder_files

        return folder_files(network, answers, options or VerilogOptions())

    def is_replaceable(self) -> bool:
        from nmtool.exporters.verilog.folder import MARKER, TOP

        return (self.path / MARKER).is_file() and (self.path / TOP).is_file()

    def left_by_others(self) -> set[str]:
        """Known answers, memories of further banks, and files built by the Makefile."""
        from nmtool.exporters.output import files_in
        from nmtool.exporters.verilog.folder import ANSWERS, BUILD, EXPECTED, INPUT

        built = {name for name in files_in(self.path) if name.startswith(BUILD)}
        memories = {f"mem/{file.name}" for file in self.path.glob("mem/*.hex")}
        return {ANSWERS, INPUT, EXPECTED, *built, *memories}

    @cached_property
    def content(self) -> Content:
        """The content of the folder."""
        from nmtool.exporters.verilog import folder

        return folder.read(self.path)

    def decode(self, options: Any = None) -> IntegerNetwork:
        return self.content.network

    def decode_answers(self) -> KnownAnswers | None:
        return self.content.carried

    def differences(self) -> list[Finding]:
        """Files that nmtool would write differently, compared byte for byte.

        Other files in the folder are not part of the export and are not used.
        """
        from nmtool.exporters.differences import changed_files

        content = self.content
        written = self.encode(content.network, content.carried, content.options)
        fix = "export the network again"
        return [
            Finding("verilog-file-changed", name, change, fix)
            for name, change in changed_files(self.path, written).items()
        ]

    def simulate(
        self,
        spikes: Raster,
        *,
        deep: bool,
        on_progress: Callable[[int], None] | None,
        simulator: Verilator | Icarus | None = None,
    ) -> Recording:
        """Simulate the core.

        Args:
            spikes, deep, on_progress: as for every format.
            simulator: by default the one expected to finish first.
        """
        from nmtool.exporters.verilog import runtime

        self.check_written()
        lanes = self.content.options.lanes
        chosen = simulator or runtime.choose(self.integers, lanes, spikes, deep)
        return runtime.run(self.integers, lanes, spikes, deep, chosen, on_progress)

    def check(self, spikes: Raster, *, deep: bool = False, **options: Any) -> Check:
        """As for every format; `model` of the check names the Verilog simulator."""
        from nmtool.exporters.verilog import runtime

        check_steps(self.network, spikes)
        chosen = runtime.choose(self.integers, self.content.options.lanes, spikes, deep)
        check = super().check(spikes, deep=deep, label=chosen.words, **options, simulator=chosen)
        return replace(check, model=chosen.words)


FORMAT = Verilog
