"""Collect the nodes and constants of an ONNX graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


class Nodes:
    """The nodes and constants of one graph, in the order in which they were added.

    Attributes:
        nodes: nodes as `NodeProto`.
        constants: constants as `TensorProto`, by name.
        suffix: suffix of the names of values, which makes names in a subgraph unique.
    """

    def __init__(self, suffix: str = "") -> None:
        self.nodes: list[Any] = []
        self.constants: dict[str, Any] = {}
        self.suffix = suffix

    def name(self, stem: str) -> str:
        """Name of a value in this graph: stem and suffix."""
        return stem + self.suffix

    def add(
        self, operator: str, inputs: Sequence[str], stem: str, doc: str = "", **attributes: Any
    ) -> str:
        """Append a node and its only output, which have the same name; returns this name."""
        output = self.name(stem)
        self.add_many(operator, inputs, [output], output, doc, **attributes)
        return output

    def add_many(
        self,
        operator: str,
        inputs: Sequence[str],
        outputs: Sequence[str],
        name: str,
        doc: str = "",
        **attributes: Any,
    ) -> None:
        """Append a node with several outputs; their names get no suffix."""
        from onnx import helper

        node = helper.make_node(operator, inputs, outputs, name, doc or None, **attributes)
        self.nodes.append(node)

    def constant(self, stem: str, values: ArrayLike, dtype: type, doc: str = "") -> str:
        """Add a constant, unless its name exists, and return the name."""
        from onnx import numpy_helper

        name = self.name(stem)
        if name not in self.constants:
            array: NDArray = np.ascontiguousarray(np.asarray(values, dtype))
            tensor = numpy_helper.from_array(array.reshape(np.shape(values)), name)
            tensor.doc_string = doc
            self.constants[name] = tensor
        return name

    def number(self, value: int, dtype: type) -> str:
        """Add a scalar constant, and return its name, which contains the value."""
        return self.constant(f"{value}:{np.dtype(dtype).name}", value, dtype)

    def list(self, *values: int) -> str:
        """Add a constant list of int64, such as a shape or axes, and return its name."""
        return self.constant(f"{','.join(map(str, values))}:list", values, np.int64)

    def cast(self, value: str, dtype: type, stem: str, doc: str = "") -> str:
        """Convert a value to another integer type; numbers out of range keep their low bits."""
        from onnx import helper

        kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return self.add("Cast", [value], stem, doc, to=kind)
