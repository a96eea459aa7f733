"""Write and read ONNX files: a graph, and properties that end with a digest.

The properties include the header of the `IntegerNetwork` file, the known answers if there are any,
and a digest of all other bytes. The arrays of the network are the constants of the graph itself. A
file whose digest does not match is refused before anything in it is used.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmtool.errors import FileFormatError
from nmtool.exporters.embedded import (
    CHANGED_FIX,
    HEADER_VERSION,
    check_hash,
    check_version,
    damaged,
    digest,
    header_version,
    read_bytes,
)
from nmtool.exporters.onnx.graph import make_graph, projection_names
from nmtool.exporters.onnx.wire import MAX_FIELDS, Field, WireError, fields, numbers
from nmtool.exporters.stored_weights import network_arrays
from nmtool.known_answers import KnownAnswers
from nmtool.libraries import missing_library
from nmtool.network.integer_network import IntegerNetwork
from nmtool.storage import Archive, pack, parse_json
from nmtool.version import __version__

WHAT = "ONNX file"
OPSET = 18
IR_VERSION = 8
"""ONNX IR version of opset 18."""

VERSION_KEY = "nmtool.version"
NETWORK_KEY = "nmtool.network"
HASH_KEY = "nmtool.hash"
ANSWERS_KEY = "nmtool.known_answers"
DIGEST_KEY = "nmtool.sha256"

MAX_BYTES = (2 << 30) - 1
"""Size limit of a protobuf message."""

_GRAPH, _PROPERTY = 7, 14
_NODE, _ATTRIBUTE, _SUBGRAPH, _INITIALIZER = 1, 5, 6, 5
_DIMS, _DATA_TYPE, _NAME, _RAW_DATA = 1, 2, 8, 9
_DTYPES: dict[Any, type] = {2: np.uint8, 3: np.int8, 7: np.int64}


def model_bytes(network: IntegerNetwork, answers: KnownAnswers | None) -> bytes:
    """The bytes of an ONNX file; the same network and answers give the same bytes.

    Raises:
        MissingError: onnx is not installed.
    """
    try:
        from onnx import helper
    except ImportError as error:
        raise missing_library(error, "onnx") from error

    model = helper.make_model(
        make_graph(network),
        producer_name="nmtool",
        producer_version=__version__,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )
    properties = _properties(network, answers)
    helper.set_model_props(model, properties)
    sealed = digest(model.SerializeToString(deterministic=True))
    helper.set_model_props(model, {**properties, DIGEST_KEY: sealed})
    return model.SerializeToString(deterministic=True)


def _properties(network: IntegerNetwork, answers: KnownAnswers | None) -> dict[str, str]:
    """The properties of a file, without the digest."""
    header, _ = pack(network)
    for entry, projection in zip(header["projections"], network.projections, strict=True):
        entry["sign_mode"] = projection.sign_mode
    properties = {
        VERSION_KEY: str(header_version(network)),
        NETWORK_KEY: json.dumps(header, sort_keys=True),
        HASH_KEY: network.content_hash,
    }
    if answers is not None:
        properties[ANSWERS_KEY] = base64.b64encode(answers.to_bytes()).decode()
    return properties


@dataclass(frozen=True)
class Content:
    """The content of an ONNX file written by nmtool.

    Attributes:
        path: path of the file.
        model: all bytes of the file.
        properties: metadata of the model by key: version, header, hash, known answers and digest.
    """

    path: Path
    model: bytes
    properties: dict[str, str]

    def network(self) -> IntegerNetwork:
        """The network; raises `FileFormatError` if it is incomplete or invalid."""
        network = self.unchecked_network()
        check_hash(network, self.properties.get(HASH_KEY), self.path, WHAT)
        return network

    def unchecked_network(self) -> IntegerNetwork:
        """The network, even if its content hash differs from the stored hash."""
        try:
            header = parse_json(self.properties[NETWORK_KEY])
            arrays = _arrays(header, dict(_tensors(self.model)))
        except Exception as error:  # If the content is invalid, parsing can raise any exception.
            raise damaged(self.path, f"{type(error).__name__}: {error}", WHAT) from error
        return Archive(self.path, header, arrays).unpack(IntegerNetwork)

    def answers(self) -> KnownAnswers | None:
        """The known answers, or None; raises `FileFormatError` if they are damaged."""
        if ANSWERS_KEY not in self.properties:
            return None
        try:
            data = base64.b64decode(self.properties[ANSWERS_KEY], validate=True)
        except binascii.Error as error:
            raise damaged(self.path, str(error), WHAT) from error
        return KnownAnswers.from_bytes(data, self.path)


def read(path: str | Path, *, sealed: bool = True) -> Content:
    """Read a file that nmtool wrote.

    Args:
        path: the file.
        sealed: refuse a file that does not match its digest.

    Raises:
        FileFormatError: the file is missing, damaged, changed, or not written by nmtool, or it was
            written by a newer nmtool.
    """
    path = Path(path)
    model = read_bytes(path, WHAT, MAX_BYTES, "ONNX files are smaller than 2 GiB")
    try:
        top_fields = list(fields(memoryview(model)))
        entries = [(field, *_property(field)) for field in top_fields if field.number == _PROPERTY]
    except WireError as error:
        raise damaged(path, str(error), WHAT) from error
    properties = {key: value for _, key, value in entries}
    _check_origin(path, properties)
    seals = [field for field, key, _ in entries if key == DIGEST_KEY]
    if sealed and (
        len(seals) != 1
        or len(properties) != len(entries)
        or properties[DIGEST_KEY] != digest(model[: seals[0].first] + model[seals[0].end :])
    ):
        raise FileFormatError(
            f"{path} is damaged, or was changed after nmtool wrote it",
            code="export-changed",
            why="the digest of the file is wrong; the file was not run",
            fix=CHANGED_FIX,
        )
    return Content(path, model, properties)


def _check_origin(path: Path, properties: dict[str, str]) -> None:
    """Raise `FileFormatError` for files of other tools or of a newer nmtool."""
    version = properties.get(VERSION_KEY, "")
    if NETWORK_KEY not in properties or not version.isdecimal():
        raise FileFormatError(
            f"{path} was not written by nmtool",
            code="file-foreign",
            why="nmtool cannot read spiking networks from ONNX files of other tools",
            fix="name a file that nmtool export wrote",
        )
    check_version(path, version[:9], HEADER_VERSION if len(version) <= 9 else -1)


def _property(field: Field) -> tuple[str, str]:
    parts = {part.number: part.text for part in fields(field.content)}
    return parts.get(1, ""), parts.get(2, "")


def _arrays(header: dict[str, Any], tensors: dict[str, NDArray]) -> dict[str, NDArray]:
    """The arrays of an `IntegerNetwork` file, from the constants of a graph.

    Removes the sign modes, which only ONNX needs, from the header.
    """
    sign_modes = [entry.pop("sign_mode") for entry in header["projections"]]
    names = projection_names((e["source"], e["target"]) for e in header["projections"])

    def synapses(index: int) -> tuple[NDArray, NDArray]:
        weight, delay = (tensors[f"{names[index]}.{quantity}"] for quantity in ("weight", "delay"))
        return weight.astype(np.int16), delay

    def bias(entry: Mapping[str, Any]) -> NDArray:
        return tensors[f"{entry['name']}.bias"] >> np.int64(entry["bias_exponent"])

    return network_arrays(header, sign_modes, bias, synapses)


def _tensors(model: bytes) -> Iterator[tuple[str, NDArray]]:
    """Constants of the graph and its subgraphs, by their names without suffix."""
    counted = _Counted()
    graphs = [f.content for f in counted.fields(memoryview(model)) if f.number == _GRAPH]
    for graph in graphs:
        for field in counted.fields(graph):
            if field.number == _INITIALIZER:
                yield from _tensor(list(counted.fields(field.content)))
            elif field.number == _NODE:
                graphs += _subgraphs(field.content, counted)


class _Counted:
    """Reads protobuf messages, up to a total number of fields."""

    def __init__(self) -> None:
        self._remaining = MAX_FIELDS

    def fields(self, message: memoryview) -> Iterator[Field]:
        """Yield the fields of a message; raises `WireError` if there are too many in total."""
        for field in fields(message):
            self._remaining -= 1
            if self._remaining < 0:
                raise WireError(f"its graph has more than {MAX_FIELDS} fields")
            yield field


def _subgraphs(node: memoryview, counted: _Counted) -> list[memoryview]:
    """Messages of the graphs inside a node."""
    attributes = [field.content for field in counted.fields(node) if field.number == _ATTRIBUTE]
    return [
        field.content
        for attribute in attributes
        for field in counted.fields(attribute)
        if field.number == _SUBGRAPH
    ]


def _tensor(parts: list[Field]) -> Iterator[tuple[str, NDArray]]:
    """Name and values of a constant, if networks are stored in its dtype."""
    kind = next((p.value for p in parts if p.number == _DATA_TYPE), None)
    if kind not in _DTYPES:
        return
    name = next(p.text for p in parts if p.number == _NAME)
    raw = next((p.content for p in parts if p.number == _RAW_DATA), memoryview(b""))
    shape = [size for p in parts if p.number == _DIMS for size in _dimensions(p)]
    yield name.partition("[")[0], np.frombuffer(raw, _DTYPES[kind]).reshape(shape)


def _dimensions(field: Field) -> list[int]:
    """Read the sizes of axes of a constant from a field, which has one or several sizes."""
    return [field.value] if isinstance(field.value, int) else numbers(field.value)
