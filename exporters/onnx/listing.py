"""Make an ONNX graph from a listing, a text with one operator in a line.

    total = Add(u, 4096:int64; axis=0)  # a description

`4096:int64` is a constant, `1,2:list` a constant list of int64, and any other name a value or a
named constant. A line `: NAME` adds a named constant before an operator uses it. Lines that begin
with # are comments. An operator with several outputs has a name: `NAME: a, b = Split(c)`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

_LINE = re.compile(
    r"(?:(?P<name>\S+): )?(?P<outputs>\S.*?) = (?P<operator>\w+)\((?P<inputs>[^;]*?)"
    r"(?:; (?P<attributes>.*?))?\)(?:  # (?P<doc>.*))?"
)
_NUMBER = re.compile(r"(-?\d+(?:,-?\d+)*):(\w+)")


@dataclass(frozen=True)
class Constant:
    """A named constant: its values, their type, and its description."""

    values: ArrayLike
    dtype: DTypeLike
    doc: str = ""


@dataclass
class Listing:
    """The operators of a graph, and the constants that they use.

    Attributes:
        named: named constants, by name.
        attributes: values of attributes other than numbers, texts and types, by name.
        suffix: added to all names but those that already end with a bracket; it makes names in a
            graph inside of another graph unique.
        nodes: operators as `NodeProto`.
        constants: constants in use as `TensorProto`, by name with suffix, in order of their use.
    """

    named: Mapping[str, Constant]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    suffix: str = ""
    nodes: list[Any] = field(default_factory=list)
    constants: dict[str, Any] = field(default_factory=dict)

    def read(self, text: str) -> Listing:
        """Append the operators of a text."""
        for line in filter(None, text.splitlines()):
            if line.startswith(": "):
                self._value(line[2:])
            elif not line.startswith("#"):
                self._append(line)
        return self

    def _append(self, line: str) -> None:
        """Append the operator of a line."""
        from onnx import helper

        match = _LINE.fullmatch(line)
        assert match is not None, f"not an operator: {line}"
        inputs = [self._value(name) for name in match["inputs"].split(", ")]
        outputs = [self._suffixed(name) for name in _words(match["outputs"])]
        attributes = dict(word.split("=") for word in _words(match["attributes"]))
        node = helper.make_node(
            match["operator"],
            inputs,
            outputs,
            match["name"] or outputs[0],
            match["doc"],
            **{key: self._attribute(value) for key, value in attributes.items()},
        )
        self.nodes.append(node)

    def _suffixed(self, name: str) -> str:
        return name if name.endswith("]") or not name else name + self.suffix

    def _value(self, name: str) -> str:
        """The name of an input in the graph; a constant is added unless it exists."""
        full_name = self._suffixed(name)
        if full_name in self.constants:
            return full_name
        if number := _NUMBER.fullmatch(name):
            values = [int(word) for word in number[1].split(",")]
            is_list = number[2] == "list"
            constant = Constant(*((values, np.int64) if is_list else (values[0], number[2])))
        elif name in self.named:
            constant = self.named[name]
        else:
            return full_name
        self.constants[full_name] = _tensor(full_name, constant)
        return full_name

    def _attribute(self, word: str) -> Any:
        """The value of an attribute, from its text."""
        from onnx import helper

        if word in self.attributes:
            return self.attributes[word]
        if word in ("int32", "int64", "uint8"):
            return helper.np_dtype_to_tensor_dtype(np.dtype(word))
        if word.startswith("["):
            return [int(number) for number in word.strip("[]").split(",")]
        return int(word) if word.isdecimal() else word


def _words(text: str | None) -> list[str]:
    """The parts of a list with commas and spaces."""
    return text.split(", ") if text else []


def _tensor(name: str, constant: Constant) -> Any:
    from onnx import numpy_helper

    values: NDArray = np.ascontiguousarray(np.asarray(constant.values, constant.dtype))
    tensor = numpy_helper.from_array(values.reshape(np.shape(constant.values)), name)
    tensor.doc_string = constant.doc
    return tensor
