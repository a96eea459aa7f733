"""`Onnx`: the format of ONNX files."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from nmtool.errors import Finding
from nmtool.exporters.format import Format
from nmtool.exporters.onnx import file, runtime
from nmtool.exporters.onnx.differences import model_differences
from nmtool.known_answers import KnownAnswers
from nmtool.network.graph import MOST_SPIKES, RESET, RESET_BY
from nmtool.network.integer_network import IntegerNetwork
from nmtool.raster import Raster
from nmtool.recording import Recording

if TYPE_CHECKING:
    from nmtool.exporters.onnx.file import Content


class Onnx(Format, name="onnx"):
    """An ONNX file. Every integer network can be written."""

    expresses = (RESET, RESET_BY, MOST_SPIKES)
    extra, extra_purpose = "onnx", "ONNX files"

    @classmethod
    def require(cls) -> None:
        runtime.library()

    @classmethod
    def encode(
        cls, network: IntegerNetwork, answers: KnownAnswers | None, options: Any
    ) -> dict[str, bytes]:
        return {"": file.model_bytes(network, answers)}

    @cached_property
    def content(self) -> Content:
        """The file, after a check of its digest."""
        return file.read(self.path)

    def decode(self, options: Any = None) -> IntegerNetwork:
        return self.content.network()

    def decode_changed(self) -> IntegerNetwork:
        return file.read(self.path, sealed=False).unchecked_network()

    def decode_answers(self) -> KnownAnswers | None:
        return self.content.answers()

    def differences(self) -> list[Finding]:
        written = self.encode(self.content.network(), self.content.answers(), None)[""]
        model = self.content.model
        return [] if written == model else model_differences(written, model)

    def simulate(
        self, spikes: Raster, *, deep: bool, on_progress: Callable[[int], None] | None
    ) -> Recording:
        return runtime.run(self.content.model, self.integers, spikes, deep, on_progress)
