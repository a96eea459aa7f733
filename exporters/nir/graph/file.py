"""From a NIR file that anybody wrote to a graph and to what nmtool wrote beside it.

The library `nir` is not asked: it reads whatever size a file claims and follows links to other
files.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nmtool.errors import FileFormatError
from nmtool.exporters.hdf5 import PlainFile, opened, printable
from nmtool.exporters.nir.graph import embedded as extras
from nmtool.exporters.nir.graph.embedded import Extra
from nmtool.exporters.nir.graph.nodes import IDENTITY, INPUT, OUTPUT, Edge, Graph, Node

if TYPE_CHECKING:
    import h5py

MAX_NODES = 2_500
"""Which is more than nmtool writes, and read in seconds."""

MAX_EDGES = 50_000
MAX_DEPTH = 16
MAX_NAME = 200

GRAPH = "NIRGraph"
WHAT = "NIR file"


@dataclass(frozen=True, eq=False)
class _Nested:
    """A graph whose nodes may be graphs."""

    nodes: dict[str, Node | _Nested]
    edges: list[Edge]


def read_graph(path: str | Path) -> Graph:
    """The graph of a NIR file, nested ones flattened; names of their nodes are joined by dots.

    Raises:
        FileFormatError: missing, damaged, too large, or no NIR file.
        MissingError: h5py is not installed.
    """
    nodes: dict[str, Node] = {}
    edges: list[Edge] = []
    with opened(path, WHAT) as file:
        root = _Nodes(file).read(file.group(file.root, "node"), 0)
        if not isinstance(root, _Nested):
            raise FileFormatError(
                f"it holds one node of the kind {printable(root.kind)}, no graph",
                code="nir-no-graph",
                fix="put the node into a graph",
            )
        _flatten(root, "", nodes, edges)
    return Graph(nodes, sorted(set(edges)))


def read_extra(path: str | Path) -> Extra | None:
    """What nmtool wrote beside the graph; None where it wrote nothing.

    Raises:
        FileFormatError: missing, damaged, too large, no NIR file, or from a newer nmtool.
        MissingError: h5py is not installed.
    """
    with opened(path, WHAT) as file:
        if extras.GROUP not in file.root:
            return None
        group = file.group(file.root, extras.GROUP)
        about = json.loads(file.text(group, extras.SETTINGS))
        version = int(about["version"])
        if version <= extras.VERSION:
            return _extra(file, group, about)
    raise FileFormatError(
        f"{path} has the format version {version}, this nmtool reads up to {extras.VERSION}",
        code="file-newer",
        fix="update nmtool",
    )


def _extra(file: PlainFile, group: h5py.Group, about: dict[str, Any]) -> Extra:
    answers = b""
    if extras.ANSWERS in group:
        answers = file.array(group, extras.ANSWERS).tobytes()
    return Extra(about, file.array(group, extras.NETWORK).tobytes(), answers)


class _Nodes:
    """Reads nodes and counts them."""

    def __init__(self, file: PlainFile) -> None:
        self.file = file
        self.count = 0

    def read(self, group: h5py.Group, depth: int) -> Node | _Nested:
        self.count += 1
        self._check_count(depth, 0)
        kind = self.file.text(group, "type")
        if kind == GRAPH:
            return self._nested(group, depth)
        return Node(kind, self.file.numbers(group))

    def _nested(self, group: h5py.Group, depth: int) -> _Nested:
        members, nodes = self.file.group(group, "nodes"), {}
        self._check_count(depth, len(members))
        for name in sorted(members):
            if len(name) > MAX_NAME:
                raise FileFormatError(
                    f"the name {printable(name)} has {len(name)} letters",
                    code="nir-name-long",
                    fix=f"shorten it to {MAX_NAME}",
                )
            nodes[name] = self.read(self.file.group(members, name), depth + 1)
        return _Nested(nodes, self._edges(group, nodes))

    def _check_count(self, depth: int, more: int) -> None:
        if depth > MAX_DEPTH or self.count + more > MAX_NODES:
            raise FileFormatError(
                f"the file holds more than {MAX_NODES} nodes, or graphs {MAX_DEPTH} deep",
                code="nir-too-many-nodes",
            )

    def _edges(self, group: h5py.Group, nodes: dict[str, Node | _Nested]) -> list[Edge]:
        pairs = self.file.texts(group, "edges", 2 * MAX_EDGES)
        if pairs.size and (pairs.ndim != 2 or pairs.shape[1] != 2):
            raise FileFormatError(
                f"edges of the shape {pairs.shape} are no pairs of names", code="nir-edges-shape"
            )
        edges = [(str(pre), str(post)) for pre, post in pairs] if pairs.size else []
        for pre, post in edges:
            for end in (pre, post):
                if end not in nodes:
                    raise FileFormatError(
                        f"the edge {printable(pre)} → {printable(post)} has no node "
                        f"'{printable(end)}'",
                        code="nir-edge-nowhere",
                        fix="add the node, or remove the edge",
                    )
        return edges


def _flatten(nested: _Nested, prefix: str, nodes: dict[str, Node], edges: list[Edge]) -> None:
    """Add a graph's nodes and edges; below the top, inputs and outputs are mere wires."""
    first, last = {}, {}
    for name, node in nested.nodes.items():
        full = prefix + name
        if full in nodes:
            raise FileFormatError(
                f"the file holds two nodes '{printable(full)}'",
                code="nir-name-twice",
                fix="rename one of them",
            )
        if isinstance(node, _Nested):
            first[name], last[name] = (_port(node, full, kind) for kind in (INPUT, OUTPUT))
            _flatten(node, f"{full}.", nodes, edges)
        else:
            is_port = bool(prefix) and node.kind in (INPUT, OUTPUT)
            nodes[full] = Node(IDENTITY, node.values) if is_port else node
            first[name] = last[name] = full
    edges += [(last[pre], first[post]) for pre, post in nested.edges]


def _port(nested: _Nested, name: str, kind: str) -> str:
    """The one input or output of a nested graph."""
    found = [
        inner
        for inner, node in nested.nodes.items()
        if isinstance(node, Node) and node.kind == kind
    ]
    if len(found) != 1:
        raise FileFormatError(
            f"the nested graph '{printable(name)}' has {len(found)} nodes of the kind {kind}",
            code="nir-nested-ports",
            why="edges to it name the graph only",
            fix=f"keep one {kind}",
        )
    return f"{name}.{found[0]}"
