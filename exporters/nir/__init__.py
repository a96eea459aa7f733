"""NIR (neuromorphs/NIR): written with delays of single synapses, read, run.

NIR is float and counts in seconds. A file holds what that can hold of a network, in standard
nodes, and beside them the network itself, so that nothing is lost for who reads it with nmtool.
Running a file equals a float reference; how far the integers of a chip are from that is
reported, not hidden. Writing needs the library `nir`, everything else does not.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from nmtool.errors import DoesNotFitError, FileFormatError, Finding, UsageError
from nmtool.exporters.embedded import GROUP, Embedded
from nmtool.exporters.hdf5 import telling_damage
from nmtool.exporters.nir.graph.differences import differences
from nmtool.exporters.nir.graph.file import (
    WHAT,
    embedded_of,
    network_in,
    read_beside,
    read_graph,
    settings_of,
    to_bytes,
)
from nmtool.exporters.nir.graph.nodes import Graph
from nmtool.exporters.nir.options import ImportOptions, NirOptions
from nmtool.exporters.nir.reading.network import network_of
from nmtool.exporters.nir.runtime.record import record
from nmtool.exporters.nir.writing.build import build
from nmtool.exporters.output import write_file
from nmtool.float_simulator import simulate_floats
from nmtool.integer_network import IntegerNetwork
from nmtool.known_answers import KnownAnswers
from nmtool.network import Network
from nmtool.progress import Progress, silent
from nmtool.raster import Raster
from nmtool.recording import Recording, check_input, check_steps
from nmtool.verification.backend import timed_run
from nmtool.verification.certificate import Check
from nmtool.verification.comparison import FLOAT_TOLERANCE, compare_recordings, spike_agreement

Options = NirOptions
"""How a file is written."""

__all__ = [
    "ImportOptions",
    "NirOptions",
    "Options",
    "check",
    "check_written",
    "export",
    "import_file",
    "known_answers",
    "load",
    "reference",
    "require",
    "run",
]


def require() -> None:
    """Nothing: files are interpreted here."""


def misfits(network: Network | IntegerNetwork) -> list[Finding]:
    """Everything that keeps a network from being written with the default options."""
    try:
        build(network, NirOptions())
    except DoesNotFitError as error:
        return list(error.findings)
    return []


def export(
    network: Network | IntegerNetwork,
    path: str | Path,
    *,
    options: NirOptions | None = None,
    answers: KnownAnswers | None = None,
    force: bool = False,
) -> Path:
    """Write a NIR file.

    Args:
        network: float or integer.
        path: to be made; the same network and options give the same bytes.
        options: how to write it.
        answers: inputs with what `reference` answers to them.
        force: replace a file that is there.

    Returns:
        The path.

    Raises:
        DoesNotFitError: the options cannot hold the network, or their peer would break it;
            every reason is listed.
        InputError: something is there and may not be replaced.
        StorageError: it could not be written; what was there is untouched.
        MissingError: the library `nir` is not installed.
    """
    options = options or NirOptions()
    built = build(network, options)
    embedded = embedded_of(network, built.settings, answers)
    return write_file(path, to_bytes(built.graph, embedded), force)


def load(path: str | Path) -> Network | IntegerNetwork:
    """The network in a NIR file: bit for bit if nmtool wrote it, else as `import_file` reads it.

    Raises:
        FileFormatError: it is damaged, or holds what a network cannot; all of it is listed.
        MissingError: h5py is not installed.
    """
    embedded = read_beside(path)
    return import_file(path) if embedded is None else network_in(embedded, path)


def import_file(path: str | Path, options: ImportOptions | None = None) -> Network:
    """The graph of any NIR file as a float network.

    Args:
        path: the file; what nmtool may have written beside the graph is left alone.
        options: how to understand it.

    Raises:
        FileFormatError: it is damaged, or holds what a network cannot; all of it is listed.
        MissingError: h5py is not installed.
    """
    graph = read_graph(path)
    with telling_damage(path, WHAT):
        return network_of(graph, options or ImportOptions())


def known_answers(path: str | Path) -> KnownAnswers:
    """The answers in a NIR file; raises `FileFormatError` where it has none."""
    return _embedded(path).known_answers(path)


def _embedded(path: str | Path) -> Embedded:
    embedded = read_beside(path)
    if embedded is None:
        raise FileFormatError(
            f"{path} was not written by nmtool",
            code="file-foreign",
            why=f"it has no group /{GROUP}",
            fix="nmtool evaluate reads it as a network",
        )
    return embedded


def check_written(path: str | Path) -> None:
    """Raise `FileFormatError` unless the graph of a file is the one that would be written.

    Graphs are compared node by node and edge by edge, with the options that the file names.

    Raises:
        FileFormatError: the file is no such file, or its graph differs; all of it are findings.
        MissingError: h5py is not installed.
    """
    embedded = _embedded(path)
    network, graph = network_in(embedded, path), read_graph(path)
    with telling_damage(path, WHAT):
        findings = _changes(network, graph, embedded)
    if findings:
        raise FileFormatError(
            f"{path} is not what this nmtool writes for the network in it",
            code="export-changed",
            why="another version wrote it, or somebody changed its graph; it was not run",
            fix=f"nmtool export {path} -o NEW.nir, and use that",
            findings=findings,
        )


def _changes(network: Network | IntegerNetwork, graph: Graph, embedded: Embedded) -> list[Finding]:
    """Differences between a file and what its own options make of its network."""
    try:
        built = build(network, settings_of(embedded.about).options)
    except DoesNotFitError as error:
        return list(error.findings)
    findings = differences(built.graph, graph)
    right = embedded_of(network, built.settings, None).about
    for key in ("ahead", "recorded"):
        if right[key] != embedded.about.get(key):
            fix = "export the network again"
            findings.append(Finding("nir-graph-changed", f"settings, {key}", "it differs", fix))
    return findings


def run(
    path: str | Path,
    spikes: Raster,
    *,
    deep: bool = False,
    on_progress: Callable[[int], None] | None = None,
) -> Recording:
    """Run the graph in a NIR file that nmtool wrote, every sample from rest.

    Args:
        path: what `export` wrote.
        spikes: the input, one neuron per channel; its number of steps counts.
        deep: refused: NIR's nodes pass on spikes, not what is inside of them.
        on_progress: called with the number of samples finished since the last call.

    Raises:
        UsageError: `deep`.
        FileFormatError: the file is damaged or no such file.
        DataError: the raster has other channels than the network, or no step.
        MissingError: h5py is not installed.
    """
    if deep:
        raise UsageError(
            "NIR files have no inner variables to compare",
            code="deep-not-available",
            fix="leave out --deep",
        )
    embedded = _embedded(path)
    network, graph = network_in(embedded, path), read_graph(path)
    check_steps(network, spikes)
    with telling_damage(path, WHAT):
        return record(graph, network, settings_of(embedded.about), spikes, on_progress)


def check(
    path: str | Path,
    spikes: Raster,
    *,
    simulated: Recording | None,
    answers: Recording | None = None,
    deep: bool = False,
    progress: Progress = silent,
) -> Check:
    """Compare what a file answers with its float reference, and how far that is from the integers.

    Real numbers add up to others in another order, so that membranes are compared with a
    tolerance; spikes never are. See `nmtool.verification.Backend.check`.
    """
    actual, seconds = timed_run(run, "nir", path, spikes, deep=deep, progress=progress)
    if answers is None:
        with progress("reference of nir", spikes.n_samples) as advance:
            answers = reference(load(path), spikes, on_progress=advance)
    return Check(
        compare_recordings(answers, actual, tolerance=FLOAT_TOLERANCE),
        actual,
        seconds,
        agreement=None if simulated is None else spike_agreement(simulated, actual),
    )


def reference(
    network: Network | IntegerNetwork,
    spikes: Raster,
    *,
    on_progress: Callable[[int], None] | None = None,
) -> Recording:
    """Answer of a NIR file of the network: the same real numbers, computed without NIR.

    Args:
        network: float or integer; integers run without the truncation of their decays.
        spikes: the input, one neuron per channel.
        on_progress: called with the number of samples finished since the last call.

    Raises:
        DataError: the raster has other channels than the network.
    """
    check_input(network, spikes)
    return simulate_floats(network, spikes, on_progress=on_progress)
