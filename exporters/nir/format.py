"""`Nir`: the format of NIR files."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from nmtool.errors import FileFormatError, Finding
from nmtool.exporters.embedded import GROUP
from nmtool.exporters.format import Format
from nmtool.exporters.hdf5 import damage_named
from nmtool.exporters.nir import file
from nmtool.exporters.nir.importing import network_of
from nmtool.exporters.nir.interpreter import record
from nmtool.exporters.nir.options import ImportOptions, NirOptions
from nmtool.exporters.nir.writing import build, differences, misfits
from nmtool.float_simulator import simulate_floats
from nmtool.known_answers import KnownAnswers
from nmtool.network.float_network import Network
from nmtool.network.integer_network import IntegerNetwork
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.verification.comparison import FLOAT_TOLERANCE

if TYPE_CHECKING:
    from nmtool.exporters.embedded import Embedded
    from nmtool.exporters.nir.graph import Graph


class Nir(Format, name="nir"):
    """A NIR file by any tool; only files written by nmtool can be run."""

    writing_options = NirOptions
    reading_options = ImportOptions
    extra, extra_purpose = "nir", "NIR files"
    holds_floats = True
    records_states = False
    reference = staticmethod(simulate_floats)
    tolerance = FLOAT_TOLERANCE

    @classmethod
    def misfits(
        cls, network: Network | IntegerNetwork, options: NirOptions | None = None
    ) -> list[Finding]:
        return misfits(network, options or NirOptions())

    @classmethod
    def encode(
        cls,
        network: Network | IntegerNetwork,
        answers: KnownAnswers | None,
        options: NirOptions | None,
    ) -> dict[str, bytes]:
        graph, settings = build(network, options or NirOptions())
        return {"": file.to_bytes(graph, file.embedded_of(network, settings, answers))}

    @cached_property
    def optional_embedded(self) -> Embedded | None:
        """The data embedded by nmtool; None in files from other tools."""
        return file.read_embedded_data(self.path)

    @property
    def embedded(self) -> Embedded:
        """The data embedded by nmtool; raises `FileFormatError` if there are none."""
        if self.optional_embedded is None:
            raise FileFormatError(
                f"{self.path} was not written by nmtool",
                code="file-foreign",
                why=f"it has no group /{GROUP}",
                fix="evaluate it as a network: nmtool evaluate",
            )
        return self.optional_embedded

    @cached_property
    def graph(self) -> Graph:
        """The graph of the file, as plain data."""
        return file.read_graph(self.path)

    def decode(self, options: ImportOptions | None = None) -> Network | IntegerNetwork:
        """The embedded network; with options, or if no network is embedded, that of the graph."""
        if options is None and self.optional_embedded is not None:
            return file.network_in(self.optional_embedded, self.path)
        graph = self.graph
        with damage_named(self.path, file.WHAT):
            return network_of(graph, options or ImportOptions())

    def decode_answers(self) -> KnownAnswers | None:
        return self.embedded.known_answers(self.path)

    def differences(self) -> list[Finding]:
        """Findings for differences from the file that nmtool would write with the same options."""
        about = self.embedded.about
        network, graph = file.network_in(self.embedded, self.path), self.graph
        with damage_named(self.path, file.WHAT):
            options = file.settings_of(about).options
            if findings := misfits(network, options):
                return findings
            expected_graph, settings = build(network, options)
            findings = differences(expected_graph, graph)
            expected = file.embedded_of(network, settings, None).about
            fix = "export the network again"
            findings += [
                Finding("nir-graph-changed", f"settings, {key}", "its value was changed", fix)
                for key in ("options", "ahead", "recorded")
                if expected[key] != about.get(key)
            ]
        return findings

    def simulate(
        self, spikes: Raster, *, deep: bool, on_progress: Callable[[int], None] | None
    ) -> Recording:
        settings = self.embedded.about
        with damage_named(self.path, file.WHAT):
            return record(self.graph, self.network, file.settings_of(settings), spikes, on_progress)
