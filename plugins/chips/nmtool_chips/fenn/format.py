"""`Fenn`: the format of FeNN packages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nmtool.errors import FileFormatError, Finding
from nmtool.exporters.environments import Environment
from nmtool.exporters.lava.environment import PACKAGE as LAVA_PACKAGE
from nmtool.exporters.python_folder import SCRIPT, PythonFolder
from nmtool.network.graph import LI
from nmtool.network.integer_network import IntegerNetwork
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool_chips import FENN
from nmtool_chips.fenn.environment import GENN, REFEREE, RISCV_ISE
from nmtool_chips.fenn.fenn16 import FENN16
from nmtool_chips.fenn.package.fenn_network import memory
from nmtool_chips.fenn.readme import TEXT

_SHARED = ("events", "known_answers", "readout", "recording", "traces")
"""Modules shared with exports to Lava."""


class Fenn(PythonFolder, name="fenn", place=FENN):
    """A folder that runs a network of the arithmetic `fenn16` on PyFeNN, without nmtool."""

    arithmetic = FENN16
    referee = REFEREE
    inner = "fenn_network"
    arguments = "EVENTS [RECORDING.npz] [--predictions FILE.csv] [--deep] [--board]"
    readme_text = TEXT

    @classmethod
    def misfits(cls, network: IntegerNetwork, options: Any = None) -> list[Finding]:
        """Findings on everything that does not fit into a core.

        Only the shortest part of a sample is counted, with a recording that is not `deep`.
        """
        findings = []
        layers = memory.layers(network, deep=False)
        if (lanes := memory.lanes_bytes(layers)) > memory.LLM_BYTES:
            rings = [
                f"{layer.name} {layer.size} × {memory.slots(layer.max_delay)}" for layer in layers
            ]
            findings.append(
                Finding(
                    "fenn-lane-memory",
                    ", ".join(layer.name for layer in layers),
                    f"ring buffers of delayed weights take {lanes:,} bytes of lane memory, but a "
                    f"core has {memory.LLM_BYTES:,}; neurons × slots: {', '.join(rings)}",
                    "train with fewer neurons, or with shorter delays",
                )
            )
        steps = memory.shortest_part(layers)
        if memory.longest_part(network.channels.size, layers, in_dram=True) < steps:
            findings.append(
                Finding(
                    "fenn-core-memory",
                    "network",
                    f"spikes and states of {steps} steps do not fit into the memory of a core",
                    "train with fewer neurons or channels",
                )
            )
        projections = [(p.source, p.target) for p in network.projections]
        in_dram = memory.longest_part(network.channels.size, layers, in_dram=False) < steps
        program = memory.instructions(layers, projections, in_dram)
        if program > memory.INSTRUCTIONS:
            findings.append(
                Finding(
                    "fenn-program",
                    "network",
                    f"a step of {len(layers)} populations and {len(projections)} projections has "
                    f"about {program:,} instructions, but a core can store {memory.INSTRUCTIONS:,}",
                    "train with fewer populations or projections",
                )
            )
        return findings

    @classmethod
    def sources(cls) -> dict[str, bytes]:
        shared = [LAVA_PACKAGE / "lava_network" / f"{module}.py" for module in _SHARED]
        files = {f"{cls.inner}/{path.name}": path.read_bytes() for path in shared}
        return super().sources() | files

    @classmethod
    def readme_values(cls, network: IntegerNetwork) -> dict[str, str]:
        populations = [
            f"| {p.name} | {p.size} | {p.kind} | {p.keep_u} | {p.keep_v} | "
            f"{'' if p.kind == LI else p.vth} |"
            for p in network.populations
        ]
        projections = [
            f"| {p.source} → {p.target} | {p.weight.size} | {p.delay.min()} … {p.delay.max()} "
            f"| {p.weight.min()} … {p.weight.max()} |"
            for p in network.projections
        ]
        return {
            "riscv_ise": RISCV_ISE.url,
            "riscv_commit": RISCV_ISE.commit,
            "genn": GENN.url,
            "genn_commit": GENN.commit,
            "populations": "\n".join(populations),
            "projections": "\n".join(projections),
        }

    def simulate(
        self,
        spikes: Raster,
        *,
        deep: bool,
        on_progress: Callable[[int], None] | None,
        environment: Environment | None = None,
    ) -> Recording:
        """Run the folder in PyFeNN's instruction-set simulator, all samples in one process.

        Args:
            spikes, on_progress: as for `Format.simulate`.
            deep: also record u and v of every neuron; u needs an additional line of neuron code.
            environment: environment with PyFeNN; by default that of the referee.

        Raises:
            FileFormatError: the folder has no script.
            MissingError: PyFeNN is not set up.
            BackendError: PyFeNN failed or hung; its processes have ended.
        """
        if not (self.path / SCRIPT).is_file():
            raise FileFormatError(
                f"{self.path} has no {SCRIPT}",
                code="fenn-script-missing",
                fix="export the network again",
            )
        options = ["--json", *(["--deep"] if deep else [])]
        return self.record(spikes, options, on_progress, environment)
