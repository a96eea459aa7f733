"""`Onnx`: the format of ONNX files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

from nmtool.errors import Finding
from nmtool.exporters.differences import array_change, changed
from nmtool.exporters.format import Format
from nmtool.exporters.onnx import file, runtime
from nmtool.known_answers import KnownAnswers
from nmtool.network.graph import MOST_SPIKES, RESET, RESET_BY
from nmtool.network.integer_network import IntegerNetwork
from nmtool.raster import Raster
from nmtool.recording import Recording

if TYPE_CHECKING:
    from nmtool.exporters.onnx.file import Content


_TEXTS = ("doc_string",)
_ABOUT = ("producer_name", "producer_version", "metadata_props", *_TEXTS)
"""Fields about the producer of a file, without effect on a run."""


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
        return [] if written == model else _model_differences(written, model)

    def simulate(
        self, spikes: Raster, *, deep: bool, on_progress: Callable[[int], None] | None
    ) -> Recording:
        return runtime.run(self.content.model, self.integers, spikes, deep, on_progress)


def _model_differences(expected: bytes, stored: bytes) -> list[Finding]:
    """Findings for differences between two models in the parts that have an effect on a run.

    The bytes of equal models may differ, since other versions of libraries may order fields
    differently.

    Args:
        expected: content of the file that nmtool would write.
        stored: content of the file to check.
    """
    import onnx

    expected_model = onnx.ModelProto.FromString(expected)
    try:
        stored_model = onnx.ModelProto.FromString(stored)
    except Exception as error:  # The type of protobuf's errors depends on its version.
        return [changed("the file", str(error))]
    findings = list(_graph_findings(expected_model.graph, stored_model.graph))
    for model in (expected_model, stored_model):
        for name in _ABOUT:
            model.ClearField(name)
    if not findings and _serialised(expected_model) != _serialised(stored_model):
        findings.append(changed("the file", "its operators or types differ"))
    return findings


def _graph_findings(expected: Any, stored: Any) -> Iterator[Finding]:
    """Findings for nodes, constants, inputs and outputs in which two graphs differ."""
    for group in ("node", "initializer", "input", "output"):
        our_members, their_members = list(getattr(expected, group)), list(getattr(stored, group))
        for our_member, their_member in zip(our_members, their_members, strict=False):
            if _serialised(our_member) == _serialised(their_member):
                continue
            inside = list(_subgraph_findings(our_member, their_member)) if group == "node" else []
            if inside:
                yield from inside
            else:
                what = (
                    _constant_change(our_member, their_member)
                    if group == "initializer"
                    else "it differs"
                )
                yield changed(f"{group} {our_member.name[:80]}", what)
        if len(our_members) != len(their_members):
            what = f"there are {len(their_members)}, not {len(our_members)}"
            yield changed(f"{group}s", what)


def _subgraph_findings(our_node: Any, their_node: Any) -> Iterator[Finding]:
    """Findings for differences between the graphs of the loops that two nodes contain."""
    for our_attribute, their_attribute in zip(
        our_node.attribute, their_node.attribute, strict=False
    ):
        if our_attribute.HasField("g") and their_attribute.HasField("g"):
            yield from _graph_findings(our_attribute.g, their_attribute.g)


def _constant_change(our_constant: Any, their_constant: Any) -> str:
    """Describe the first difference between two constants, and count the numbers that differ."""
    from onnx import numpy_helper

    try:
        numbers = numpy_helper.to_array(their_constant)
    except Exception:  # The constant is not numeric, or it has too few numbers for its shape.
        return "it differs"
    return array_change(numpy_helper.to_array(our_constant), numbers) or "it differs"


def _serialised(message: Any) -> bytes:
    """Bytes of a message, deterministic for a version of protobuf."""
    return message.SerializeToString(deterministic=True)
