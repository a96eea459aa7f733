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
from nmtool.exporters.nir import kinds
from nmtool.exporters.nir.graph import Edge, Graph, Node, check_size
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
FIXED = {"form": "grouped", "recurrent_step": "implied", "profile": None}
"""Entries of the stored options that are the same in every file: a projection has a `Delay` and a
`Linear` per delay, a connection that closes a loop takes one step even without a `Delay`, and a
file is for no particular tool."""
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
        raise not_as_written(
            "in the settings embedded in the file, a population runs a negative number of steps "
            "ahead of the network"
        )
    recorded = {str(name): str(node) for name, node in about["recorded"].items()}
    options = {key: value for key, value in about["options"].items() if key not in FIXED}
    return Settings(NirOptions(**options), ahead, recorded)


def not_as_written(what: str) -> FileFormatError:
    """The error for a file of nmtool that cannot be run, since somebody has changed it."""
    return FileFormatError(
        what,
        code="nir-not-run",
        why="nmtool runs only graphs that it has written itself",
        fix="export the network again",
    )


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
    if node.kind == kinds.INPUT:
        return nir.Input(input_type={"input": node.values["shape"]})
    if node.kind == kinds.OUTPUT:
        return nir.Output(output_type={"output": node.values["shape"]})
    if node.kind == kinds.LINEAR:
        weight = node.values["weight"]
        single = weight.astype(np.float32)
        return nir.Linear(weight=single if np.array_equal(single, weight) else weight)
    return getattr(nir, node.kind)(**node.values)


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


def read_graph(path: str | Path) -> Graph:
    """The graph of a NIR file. Nested graphs are flattened; names of nodes are joined by dots.

    Raises:
        FileFormatError: the file is missing, damaged, too large, or not a NIR file.
        MissingError: h5py is not installed.
    """
    with opened(path, WHAT) as file:
        reader, root = _GraphReader(file), file.group(file.root, "node")
        if (kind := file.text(root, "type")) != _GRAPH:
            raise _malformed(
                f"the file contains a single node of the kind {printable(kind)} instead of a graph",
                "put the node into a graph",
            )
        reader.read(root, "", 0)
    return Graph(reader.nodes, sorted(set(reader.edges)))


def _malformed(what: str, fix: str, why: str = "") -> FileFormatError:
    """The error for a file whose nodes and edges are no graph."""
    return FileFormatError(what, code="nir-malformed", why=why, fix=fix)


class _GraphReader:
    """Collects the nodes and edges of a graph and of all graphs in it, and limits their number."""

    def __init__(self, file: PlainFile) -> None:
        self.file, self.count = file, 1
        self.nodes: dict[str, Node] = {}
        self.edges: list[Edge] = []

    def read(self, group: h5py.Group, prefix: str, depth: int) -> dict[str, list[str]]:
        """Read a graph, and add its nodes; returns the names of its inputs and outputs, by kind."""
        members = self.file.group(group, "nodes")
        self._check_count(depth, len(members))
        first, last = dict[str, str](), dict[str, str]()
        ports: dict[str, list[str]] = {kinds.INPUT: [], kinds.OUTPUT: []}
        for name in sorted(members):
            what = f"the name {printable(name)} has {len(name)} characters"
            check_size(len(name), MAX_NAME, what, "shorten the name")
            member, full_name = self.file.group(members, name), prefix + name
            self.count += 1
            self._check_count(depth + 1, 0)
            kind = self.file.text(member, "type")
            if kind == _GRAPH:
                inner = self.read(member, f"{full_name}.", depth + 1)
                first[name], last[name] = (
                    _only_port(inner, full_name, k) for k in (kinds.INPUT, kinds.OUTPUT)
                )
                continue
            if full_name in self.nodes:
                what = f"the file has two nodes named '{printable(full_name)}'"
                raise _malformed(what, "rename one of them")
            node = self._node(member, kind)
            if prefix and kind in ports:
                node = Node(kinds.IDENTITY, node.values)
            ports.get(kind, []).append(full_name)
            self.nodes[full_name] = node
            first[name] = last[name] = full_name
        self.edges += [(last[pre], first[post]) for pre, post in self._edges(group, first)]
        return ports

    def _node(self, group: h5py.Group, kind: str) -> Node:
        """Read a node. Constants become float64: types of few bits would overflow or round."""
        values = self.file.numbers(group)
        if kind in (*kinds.NEURONS, kinds.SCALE, kinds.DELAY):
            values = {key: value.astype(np.float64) for key, value in values.items()}
        if kind in kinds.CONVOLUTIONS and "padding" in group and "padding" not in values:
            values["padding"] = np.array(self.file.text(group, "padding"))
        return Node(kind, values)

    def _edges(self, group: h5py.Group, names: Mapping[str, str]) -> list[Edge]:
        """Read the edges of a graph; raises `FileFormatError` unless both nodes exist."""
        pairs = self.file.texts(group, "edges", 2 * MAX_EDGES)
        if pairs.size and (pairs.ndim != 2 or pairs.shape[1] != 2):
            what = f"edges of shape {pairs.shape} are not pairs of names"
            raise _malformed(what, "write the file again with the tool that made it")
        edges = [(str(pre), str(post)) for pre, post in pairs] if pairs.size else []
        for pre, post in edges:
            if missing := [end for end in (pre, post) if end not in names]:
                what = f"the edge {printable(pre)} → {printable(post)} refers to a missing node"
                fix = "add the node, or remove the edge"
                raise _malformed(f"{what} '{printable(missing[0])}'", fix)
        return edges

    def _check_count(self, depth: int, n_more: int) -> None:
        """Raise `FileFormatError` for too many nodes, or too many levels of nested graphs."""
        fix = "write a smaller graph, or merge its nodes"
        check_size(depth, MAX_DEPTH, f"the file nests graphs in {depth} levels", fix)
        count = self.count + n_more
        check_size(count, MAX_NODES, f"the file has at least {count} nodes", fix)


def _only_port(ports: Mapping[str, list[str]], name: str, kind: str) -> str:
    """Full name of the only input node, or output node, of a nested graph."""
    if len(ports[kind]) != 1:
        raise _malformed(
            f"the nested graph '{printable(name)}' has {len(ports[kind])} nodes of the kind {kind}",
            f"keep only one {kind}",
            "edges name the nested graph, not a node in it",
        )
    return ports[kind][0]
