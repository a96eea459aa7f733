"""Compare two ONNX files, node by node and constant by constant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nmtool.errors import Finding
from nmtool.exporters.differences import array_change

_FIX = "export the network again"
_TEXTS = ("doc_string",)
_ABOUT = ("producer_name", "producer_version", "metadata_props", *_TEXTS)
"""Fields about the producer of a file, without effect on a run."""


def model_differences(expected: bytes, stored: bytes) -> list[Finding]:
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
        return [Finding("onnx-graph-changed", "the file", str(error), _FIX)]
    findings = list(_graph_findings(expected_model.graph, stored_model.graph))
    for model in (expected_model, stored_model):
        for name in _ABOUT:
            model.ClearField(name)
    if not findings and _serialised(expected_model) != _serialised(stored_model):
        findings.append(
            Finding("onnx-graph-changed", "the file", "its operators or types differ", _FIX)
        )
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
                yield Finding("onnx-graph-changed", f"{group} {our_member.name[:80]}", what, _FIX)
        if len(our_members) != len(their_members):
            what = f"there are {len(their_members)}, not {len(our_members)}"
            yield Finding("onnx-graph-changed", f"{group}s", what, _FIX)


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
