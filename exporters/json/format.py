"""`Json`: the format of JSON files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import Any

from nmtool.batches import in_batches
from nmtool.errors import Finding
from nmtool.exporters.format import Format
from nmtool.exporters.json import file
from nmtool.known_answers import KnownAnswers
from nmtool.network.graph import PROPERTIES
from nmtool.network.integer_network import IntegerNetwork
from nmtool.raster import Raster
from nmtool.recording import Recording


class Json(Format, name="json"):
    """A JSON file. Every integer network can be written."""

    expresses = PROPERTIES

    @classmethod
    def encode(
        cls, network: IntegerNetwork, answers: KnownAnswers | None, options: Any
    ) -> dict[str, bytes]:
        return {"": file.to_bytes(file.document_of(network, answers))}

    @cached_property
    def content(self) -> dict[str, Any]:
        """The file, parsed and compared with its digest."""
        return file.read(self.path)

    def decode(self, options: Any = None) -> IntegerNetwork:
        return file.network_in(self.content, self.path)

    def decode_changed(self) -> IntegerNetwork:
        return file.network_in(file.read(self.path, sealed=False), self.path)

    def decode_answers(self) -> KnownAnswers | None:
        return file.answers_in(self.content, self.integers, self.path)

    def differences(self) -> list[Finding]:
        """No differences: only the file's numbers are used, and reading checks their digest."""
        self.decode()
        return []

    def simulate(
        self, spikes: Raster, *, deep: bool, on_progress: Callable[[int], None] | None
    ) -> Recording:
        from nmtool.hardware_sim.reference import run_reference

        def run(sample: Raster) -> Recording:
            recording = run_reference(self.integers, sample)
            return recording if deep else replace(recording, current={}, potential={})

        return in_batches(run, spikes, 1, on_progress)
