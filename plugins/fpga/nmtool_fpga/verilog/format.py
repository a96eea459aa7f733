"""`Verilog`: the format of Verilog folders."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nmtool.errors import DoesNotFitError, Finding
from nmtool.exporters.data_folder import DataFolder, Marker
from nmtool.exporters.embedded import digest
from nmtool.known_answers import KnownAnswers
from nmtool.network.graph import MOST_SPIKES as COUNTS, RESET, RESET_BY
from nmtool.network.integer_network import IntegerNetwork
from nmtool.raster import Raster
from nmtool.recording import Recording, check_steps
from nmtool.targets import Target, target_named
from nmtool.targets.fit import Use
from nmtool.verification.certificate import Check
from nmtool_fpga import VERILOG
from nmtool_fpga.targets import Fabric
from nmtool_fpga.verilog import fabric, runtime, simulators
from nmtool_fpga.verilog.folder import folder_files
from nmtool_fpga.verilog.layout import MOST_SPIKES, misfits
from nmtool_fpga.verilog.options import VerilogOptions

if TYPE_CHECKING:
    from nmtool_fpga.verilog.simulators import Icarus, Verilator


class Verilog(DataFolder, name="verilog", place=VERILOG):
    """A folder with the core, the network and testbenches."""

    marker, version, kind = "nmtool.json", 1, "folder of Verilog"
    writing_options = VerilogOptions
    expresses = (RESET, RESET_BY, COUNTS.up_to(MOST_SPIKES))
    tool, tool_purpose = "Verilog simulator", "running Verilog exports"
    extra, extra_purpose = simulators.EXTRA, "fast simulation of Verilog exports"

    @classmethod
    def require(cls) -> None:
        simulators.find()

    @classmethod
    def describe_tool(cls) -> str:
        return ", ".join(simulator.words for simulator in simulators.find())

    @classmethod
    def misfits(
        cls, network: IntegerNetwork, options: VerilogOptions | None = None
    ) -> list[Finding]:
        return misfits(network, None if options is None else options.lanes)

    @classmethod
    def uses(
        cls, network: IntegerNetwork, target: Target, options: VerilogOptions | None = None
    ) -> list[Use]:
        if Fabric.of(target).family is None:
            return []
        return fabric.uses(network, target, (options or VerilogOptions()).lanes)

    @classmethod
    def too_small(cls, use: Use, target: Target) -> Finding:
        return Finding(
            "verilog-part-small",
            target.title or target.name,
            f"the core needs {use.used:,} {use.resource}, but the FPGA has {use.available:,}",
            "quantise with fewer weight and delay bits, or choose a larger FPGA",
        )

    @classmethod
    def check_fits(cls, network: IntegerNetwork, options: VerilogOptions | None = None) -> None:
        """Raise `DoesNotFitError` unless the network fits the core and the core fits the FPGA."""
        options = options or VerilogOptions()
        if findings := cls.misfits(network, options):
            raise DoesNotFitError(
                "the network does not fit the core", code="verilog-misfit", findings=findings
            )
        if options.part:
            target = target_named(options.part)
            if findings := cls.lacking(cls.uses(network, target, options), target):
                raise DoesNotFitError(
                    f"the core with this network does not fit {target.title}",
                    code="verilog-part-too-small",
                    findings=findings,
                )

    @classmethod
    def encode(
        cls, network: IntegerNetwork, answers: KnownAnswers | None, options: VerilogOptions | None
    ) -> dict[str, bytes]:
        options = options or VerilogOptions()
        files = folder_files(network, answers, options)
        digests = {name: digest(content) for name, content in files.items()}
        return files | cls.marker_file(network, options=options.as_json(), sha256=digests)

    @classmethod
    def parse_marker(cls, content: Mapping[str, Any]) -> Marker:
        options = VerilogOptions(**content["options"])
        return Marker(content["hash"], options, frozenset(content["sha256"]))

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
            spikes, deep, on_progress: as for `Format.simulate`.
            simulator: Verilog simulator; by default the simulator expected to finish first.
        """
        self.check_written()
        lanes = self.about.options.lanes
        chosen = simulator or runtime.choose(self.integers, lanes, spikes, deep)
        return runtime.run(self.integers, lanes, spikes, deep, chosen, on_progress)

    def check(self, spikes: Raster, *, deep: bool = False, **options: Any) -> Check:
        """Simulate and compare as in `Format.check`; `Check.model` names the Verilog simulator."""
        check_steps(self.network, spikes)
        chosen = runtime.choose(self.integers, self.about.options.lanes, spikes, deep)
        check = super().check(spikes, deep=deep, label=chosen.words, **options, simulator=chosen)
        return replace(check, model=chosen.words)
