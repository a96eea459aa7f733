"""Two ONNX files, node by node and constant by constant: whether they compute the same."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from nmtool.errors import Finding

_FIX = "export the network again"
_TEXTS = ("doc_string",)
_ABOUT = ("producer_name", "producer_version", "metadata_props", *_TEXTS)
"""What says of a file who wrote it; nothing of it is executed."""


def differences(expected: bytes, found: bytes) -> list[Finding]:
    """Everything that is executed and differs.

    Libraries of other versions may order fields otherwise, so that files of the same content
    need not have the same bytes.

    Args:
        expected: a file that nmtool has written.
        found: another one.
    """
    import onnx

    right = onnx.ModelProto.FromString(expected)
    try:
        other = onnx.ModelProto.FromString(found)
    except Exception as error:  # protobuf's errors differ by version
        return [Finding("onnx-graph-changed", "the file", str(error), _FIX)]
    findings = []
    for group in ("node", "initializer", "input", "output"):
        mine, theirs = getattr(right.graph, group), getattr(other.graph, group)
        findings += _members(group, mine, theirs)
    for model in (right, other):
        for name in _ABOUT:
            model.ClearField(name)
    if not findings and _bytes(right) != _bytes(other):
        findings.append(
            Finding("onnx-graph-changed", "the file", "its operators or types differ", _FIX)
        )
    return findings


def _members(group: str, expected: Iterable[Any], found: Iterable[Any]) -> list[Finding]:
    """Members of a list that differ, by their names and in their order."""
    mine, theirs = list(expected), list(found)
    findings = [
        Finding("onnx-graph-changed", f"{group} {one.name[:80]}", "it differs", _FIX)
        for one, other in zip(mine, theirs, strict=False)
        if _bytes(one) != _bytes(other)
    ]
    if len(mine) != len(theirs):
        what = f"there are {len(theirs)}, not {len(mine)}"
        findings.append(Finding("onnx-graph-changed", f"{group}s", what, _FIX))
    return findings


def _bytes(message: Any) -> bytes:
    return message.SerializeToString(deterministic=True)
