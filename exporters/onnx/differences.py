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

    wanted = onnx.ModelProto.FromString(expected)
    try:
        theirs = onnx.ModelProto.FromString(stored)
    except Exception as error:  # protobuf's errors differ by version
        return [Finding("onnx-graph-changed", "the file", str(error), _FIX)]
    findings = list(_graph(wanted.graph, theirs.graph))
    for model in (wanted, theirs):
        for name in _ABOUT:
            model.ClearField(name)
    if not findings and _bytes(wanted) != _bytes(theirs):
        findings.append(
            Finding("onnx-graph-changed", "the file", "its operators or types differ", _FIX)
        )
    return findings


def _graph(expected: Any, stored: Any) -> Iterator[Finding]:
    """Findings for nodes, constants, inputs and outputs in which graphs or their loops differ."""
    for group in ("node", "initializer", "input", "output"):
        mine, theirs = list(getattr(expected, group)), list(getattr(stored, group))
        for our_member, their_member in zip(mine, theirs, strict=False):
            if _bytes(our_member) == _bytes(their_member):
                continue
            inside = list(_bodies(our_member, their_member)) if group == "node" else []
            if inside:
                yield from inside
            else:
                what = _number(our_member, their_member) if group == "initializer" else "it differs"
                yield Finding("onnx-graph-changed", f"{group} {our_member.name[:80]}", what, _FIX)
        if len(mine) != len(theirs):
            what = f"there are {len(theirs)}, not {len(mine)}"
            yield Finding("onnx-graph-changed", f"{group}s", what, _FIX)


def _bodies(our_node: Any, their_node: Any) -> Iterator[Finding]:
    """Findings for differences between the graphs inside two nodes."""
    for mine, theirs in zip(our_node.attribute, their_node.attribute, strict=False):
        if mine.HasField("g") and theirs.HasField("g"):
            yield from _graph(mine.g, theirs.g)


def _number(our_constant: Any, their_constant: Any) -> str:
    """The change of a constant's numbers, in words."""
    from onnx import numpy_helper

    try:
        numbers = numpy_helper.to_array(their_constant)
    except Exception:  # the type is not numeric, or there are too few numbers
        return "it differs"
    return array_change(numpy_helper.to_array(our_constant), numbers) or "it differs"


def _bytes(message: Any) -> bytes:
    return message.SerializeToString(deterministic=True)
