"""NIR files: a graph, and data embedded by nmtool.

The library `nir`, which defines the format, is used only for writing: as a reader it accepts any
size that a file claims, and follows links to other files. `nir.read` uses only `/node` and
`/version`, and ignores the group `/nmtool` (`nmtool.exporters.embedded`).
"""

from __future__ import annotations

import io
import operator
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nmtool.errors import FileFormatError, printable
from nmtool.exporters.embedded import (
    FLOAT,
    GROUP,
    Embedded,
    check_hash,
    check_version,
    read_embedded,
)
from nmtool.exporters.hdf5 import PlainFile, opened
from nmtool.exporters.nir.graph.nodes import (
    CONVOLUTIONS,
    DELAY,
    IDENTITY,
    INPUT,
    LINEAR,
    NEURONS,
    OUTPUT,
    SCALE,
    Edge,
    Graph,
    Node,
)
from nmtool.exporters.nir.options import NirOptions
from nmtool.known_answers import KnownAnswers
from nmtool.libraries import missing_library
from nmtool.network.float_network import Network
from nmtool.network.integer_network import IntegerNetwork

if TYPE_CHECKING:
    import h5py
    import nir as nir_library

VERSION = 1
"""Version of the group `/nmtool`."""

MAX_NODES = 2_500
"""Largest number of nodes in a graph: more than nmtool writes, and readable in seconds."""

MAX_EDGES = 50_000
MAX_DEPTH = 16
MAX_NAME = 200

WHAT = "NIR file"

_GRAPH = "NIRGraph"

CONVENTION = (
    "Euler steps of dt: I = (1 - dt/tau_syn) I + w_in dt/tau_syn x, "
    "v = (1 - dt/tau_mem) v + dt/tau_mem (v_leak + r I), spike where v > v_threshold, "
    "then v = v_reset; v and I start at 0; edges cost no step"
)
FIXED = {"recurrent_step": "implied", "profile": None}
"""Entries of the stored options that are the same in every file: a connection that closes a loop
takes one step even without a `Delay`, and a file is for no particular tool."""
LOST = "decays truncate on the chip, not here"
"""Property of integer networks that a graph cannot represent."""


@dataclass(frozen=True)
class Settings:
    """Settings with which a graph was written; they are needed to run the graph.

    Attributes:
        options: the writing options.
        ahead: per population, number of steps by which it runs ahead of the network.
        recorded: per population, node with its spikes or potentials.
    """

    options: NirOptions
    ahead: Mapping[str, int]
    recorded: Mapping[str, str]


def settings_of(about: Mapping[str, Any]) -> Settings:
    """Parse the settings in a file's embedded data.

    Raises:
        LookupError, TypeError, UsageError, FileFormatError: the data are damaged.
    """
    ahead = {str(name): operator.index(steps) for name, steps in about["ahead"].items()}
    if min(ahead.values(), default=0) < 0:
        raise FileFormatError(
            "in the settings embedded in the file, a population runs a negative number of steps "
            "ahead of the network",
            code="nir-ahead-negative",
            fix="export the network again",
        )
    recorded = {str(name): str(node) for name, node in about["recorded"].items()}
    options = {key: value for key, value in about["options"].items() if key not in FIXED}
    return Settings(NirOptions(**options), ahead, recorded)


def embedded_of(
    network: Network | IntegerNetwork, settings: Settings, answers: KnownAnswers | None
) -> Embedded:
    """The group `/nmtool` for the file of a network."""
    integers = isinstance(network, IntegerNetwork)
    about = {
        "version": VERSION,
        "arithmetic": network.arithmetic if isinstance(network, IntegerNetwork) else FLOAT,
        "hash": network.content_hash,
        "dt_ms": float(network.dt_ms),
        "n_steps": int(network.n_steps),
        "convention": CONVENTION,
        "lost": LOST if integers else "",
        **asdict(settings),
        "options": {**asdict(settings.options), **FIXED},
    }
    return Embedded(about, network.to_bytes(), b"" if answers is None else answers.to_bytes())


def network_in(embedded: Embedded, path: str | Path) -> Network | IntegerNetwork:
    """The embedded network; raises `FileFormatError` if it is damaged."""
    is_float = embedded.about.get("arithmetic") == FLOAT
    network = (Network if is_float else IntegerNetwork).from_bytes(embedded.network, path)
    check_hash(network, embedded.about.get("hash"), path)
    return network


def to_bytes(graph: Graph, embedded: Embedded) -> bytes:
    """The bytes of a file, deterministic for given versions of libraries.

    Args:
        graph: the graph.
        embedded: content of the group `/nmtool`.

    Raises:
        MissingError: the library `nir` is not installed.
    """
    try:
        import h5py
        import nir
    except ImportError as error:
        raise missing_library(error, "nir") from error

    buffer = io.BytesIO()
    # A graph that was read from a file can have its nodes in another order than the graph that was
    # written. Nodes are sorted, so that both give the same bytes.
    nodes = {name: _nir_node(graph.nodes[name], nir) for name in sorted(graph.nodes)}
    nir.write(buffer, nir.NIRGraph(nodes=nodes, edges=graph.edges, metadata={}))
    with h5py.File(buffer, "r+") as file:
        group = file.create_group(GROUP)
        for name, value in embedded.members().items():
            group.create_dataset(name, data=value)
    return buffer.getvalue()


def _nir_node(node: Node, nir: Any) -> nir_library.NIRNode:
    """Make a node of the library `nir`."""
    if node.kind == INPUT:
        return nir.Input(input_type={"input": node.values["shape"]})
    if node.kind == OUTPUT:
        return nir.Output(output_type={"output": node.values["shape"]})
    if node.kind == LINEAR:
        weight = node.values["weight"]
        single = weight.astype(np.float32)
        return nir.Linear(weight=single if np.array_equal(single, weight) else weight)
    return getattr(nir, node.kind)(**node.values)


def read_graph(path: str | Path) -> Graph:
    """The graph of a NIR file. Nested graphs are flattened; names of nodes are joined by dots.

    Raises:
        FileFormatError: the file is missing, damaged, too large, or not a NIR file.
        MissingError: h5py is not installed.
    """
    nodes: dict[str, Node] = {}
    edges: list[Edge] = []
    with opened(path, WHAT) as file:
        root = _Nodes(file).read(file.group(file.root, "node"), 0)
        if not isinstance(root, _Nested):
            raise FileFormatError(
                f"the file contains a single node of the kind {printable(root.kind)} instead of "
                "a graph",
                code="nir-no-graph",
                fix="put the node into a graph",
            )
        _flatten(root, "", nodes, edges)
    return Graph(nodes, sorted(set(edges)))


def read_embedded_data(path: str | Path) -> Embedded | None:
    """The data embedded by nmtool; None if there are none.

    Raises:
        FileFormatError: the file is missing, damaged, too large, no NIR file, or from a newer
            nmtool.
        MissingError: h5py is not installed.
    """
    with opened(path, WHAT) as file:
        embedded = read_embedded(file, VERSION)
    if embedded is not None:
        check_version(path, embedded.about["version"], VERSION)
    return embedded


@dataclass(frozen=True, eq=False)
class _Nested:
    """A graph whose nodes may themselves be graphs."""

    nodes: dict[str, Node | _Nested]
    edges: list[Edge]


class _Nodes:
    """Reads the nodes of a NIR file, and limits their number."""

    def __init__(self, file: PlainFile) -> None:
        self.file = file
        self.count = 0

    def read(self, group: h5py.Group, depth: int) -> Node | _Nested:
        """Read a node, or a nested graph, from its group."""
        self.count += 1
        self._check_count(depth, 0)
        kind = self.file.text(group, "type")
        if kind == _GRAPH:
            return self._nested(group, depth)
        values = self.file.numbers(group)
        if kind in (*NEURONS, SCALE, DELAY):
            # Constants become float64, because calculations in a type of few bits would overflow or
            # round.
            values = {key: _in_float64(value) for key, value in values.items()}
        if kind in CONVOLUTIONS and "padding" in group and "padding" not in values:
            values["padding"] = np.array(self.file.text(group, "padding"))
        return Node(kind, values)

    def _nested(self, group: h5py.Group, depth: int) -> _Nested:
        """Read a graph with its nodes and edges."""
        members, nodes = self.file.group(group, "nodes"), {}
        self._check_count(depth, len(members))
        for name in sorted(members):
            if len(name) > MAX_NAME:
                raise FileFormatError(
                    f"the name {printable(name)} has {len(name)} characters",
                    code="nir-name-long",
                    fix=f"shorten the name to at most {MAX_NAME} characters",
                )
            nodes[name] = self.read(self.file.group(members, name), depth + 1)
        return _Nested(nodes, self._edges(group, nodes))

    def _check_count(self, depth: int, n_nodes: int) -> None:
        """Raise `FileFormatError` for too many nodes, or too many levels of nested graphs."""
        if depth > MAX_DEPTH or self.count + n_nodes > MAX_NODES:
            raise FileFormatError(
                f"the file contains more than the {MAX_NODES} nodes, or more than the "
                f"{MAX_DEPTH} levels of nested graphs, that nmtool reads",
                code="nir-too-many-nodes",
                fix="write a smaller graph, or merge its nodes",
            )

    def _edges(self, group: h5py.Group, nodes: dict[str, Node | _Nested]) -> list[Edge]:
        """Read the edges of a graph; raises `FileFormatError` unless both nodes exist."""
        pairs = self.file.texts(group, "edges", 2 * MAX_EDGES)
        if pairs.size and (pairs.ndim != 2 or pairs.shape[1] != 2):
            raise FileFormatError(
                f"edges of shape {pairs.shape} are not pairs of names",
                code="nir-edges-shape",
                fix="write the file again with the tool that made it",
            )
        edges = [(str(pre), str(post)) for pre, post in pairs] if pairs.size else []
        for pre, post in edges:
            for end in (pre, post):
                if end not in nodes:
                    raise FileFormatError(
                        f"the edge {printable(pre)} → {printable(post)} refers to a missing node "
                        f"'{printable(end)}'",
                        code="nir-edge-nowhere",
                        fix="add the node, or remove the edge",
                    )
        return edges


def _in_float64(value: NDArray) -> NDArray:
    """Convert numbers to float64; arrays of other types are unchanged."""
    return value.astype(np.float64) if value.dtype.kind in "biuf" else value


def _flatten(nested: _Nested, prefix: str, nodes: dict[str, Node], edges: list[Edge]) -> None:
    """Add a graph to `nodes` and `edges`; inputs and outputs of nested graphs become `Identity`."""
    first, last = {}, {}
    for name, node in nested.nodes.items():
        full_name = prefix + name
        if full_name in nodes:
            raise FileFormatError(
                f"the file has two nodes named '{printable(full_name)}'",
                code="nir-name-twice",
                fix="rename one of them",
            )
        if isinstance(node, _Nested):
            first[name], last[name] = (_port(node, full_name, kind) for kind in (INPUT, OUTPUT))
            _flatten(node, f"{full_name}.", nodes, edges)
        else:
            is_port = bool(prefix) and node.kind in (INPUT, OUTPUT)
            nodes[full_name] = Node(IDENTITY, node.values) if is_port else node
            first[name] = last[name] = full_name
    edges += [(last[pre], first[post]) for pre, post in nested.edges]


def _port(nested: _Nested, name: str, kind: str) -> str:
    """Full name of the only input node, or output node, of a nested graph."""
    ports = [
        inner
        for inner, node in nested.nodes.items()
        if isinstance(node, Node) and node.kind == kind
    ]
    if len(ports) != 1:
        raise FileFormatError(
            f"the nested graph '{printable(name)}' has {len(ports)} nodes of the kind {kind}",
            code="nir-nested-ports",
            why="edges name the nested graph, not a node in it",
            fix=f"keep only one {kind}",
        )
    return f"{name}.{ports[0]}"
