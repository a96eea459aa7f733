"""NetX, the HDF5 files of lava-dl: chains of dense layers, written and read.

A file holds what lava-dl's reader runs: layers with delays of single synapses, or recurrent
ones without any. Beside them nmtool keeps the network itself, so that nothing is lost for who
reads the file with nmtool.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from nmtool.errors import DoesNotFitError, FileFormatError, Finding, UsageError
from nmtool.exporters.embedded import GROUP, Embedded, no_answers, pack_network, unpack_network
from nmtool.exporters.netx import file, runtime
from nmtool.exporters.netx.chain import layers_of, order
from nmtool.exporters.netx.file import NetxFile
from nmtool.exporters.netx.network import misfits as misfits_of_file
from nmtool.exporters.netx.network import network_of
from nmtool.exporters.output import write_file
from nmtool.integer_network import IntegerNetwork
from nmtool.known_answers import KnownAnswers
from nmtool.raster import Raster
from nmtool.recording import Recording, check_steps
from nmtool.verification.backend import check_integers

__all__ = ["check", "check_written", "export", "known_answers", "load", "require", "run"]


def require() -> None:
    """Raise `MissingError` unless Lava is set up and has lava-dl."""
    runtime.find()


def misfits(network: IntegerNetwork) -> list[Finding]:
    """Everything that a NetX file cannot carry of a network."""
    return layers_of(network)[1]


def export(
    network: IntegerNetwork,
    path: str | Path,
    *,
    answers: KnownAnswers | None = None,
    force: bool = False,
) -> Path:
    """Write a NetX file.

    Args:
        network: what to export.
        path: to be made; the same network and answers give the same bytes.
        answers: inputs with expected outputs, kept beside the layers.
        force: replace a file that is there.

    Returns:
        The path.

    Raises:
        DoesNotFitError: NetX cannot carry the network; every reason is a finding.
        UsageError: the file exists, and force is not given.
        StorageError: it could not be written; what was there is untouched.
        MissingError: h5py is not installed.
    """
    layers, findings = layers_of(network)
    if findings:
        raise DoesNotFitError(
            "NetX files cannot carry this network", code="netx-does-not-fit", findings=findings
        )
    embedded = Embedded(
        {"version": file.VERSION, "hash": network.content_hash},
        pack_network(network),
        b"" if answers is None else answers.to_bytes(),
    )
    return write_file(path, file.to_bytes(network, layers, embedded), force)


def load(path: str | Path) -> IntegerNetwork:
    """The network in a NetX file, whoever wrote it.

    Raises:
        FileFormatError: it is damaged or foreign, or holds what no network of integers can;
            everything of that is a finding.
        MissingError: h5py is not installed.
    """
    held = file.read(path)
    if held.embedded is not None:
        return _own(path, held, held.embedded)
    findings = misfits_of_file(held)
    if findings:
        raise FileFormatError(
            f"{path} holds what no network of integers can",
            code="netx-file-unfit",
            findings=findings,
        )
    return network_of(held)


def _own(path: str | Path, held: NetxFile, embedded: Embedded) -> IntegerNetwork:
    """The network that nmtool wrote, if the layers beside it still are its own."""
    network = unpack_network(embedded.network, path)
    layers, _ = layers_of(network)
    kept = list(held.layers.values())
    if (
        network.content_hash != embedded.about.get("hash")
        or held.findings
        or len(kept) != len(layers)
        or not all(one.equals(other) for one, other in zip(kept, layers, strict=True))
    ):
        raise FileFormatError(
            f"{path} was changed after nmtool wrote it",
            code="export-changed",
            why=f"its layers are not those of the network in its group /{GROUP}",
            fix=f"export the network again, or delete /{GROUP} to take the layers as they are",
            findings=held.findings,
        )
    return network


def known_answers(path: str | Path) -> KnownAnswers:
    """The answers a file carries; raises `FileFormatError` where it has none."""
    embedded = file.read(path).embedded
    if embedded is None:
        raise no_answers(path, "nmtool export writes files that do")
    return embedded.known_answers(path)


def check_written(path: str | Path) -> None:
    """Raise `FileFormatError` unless what lava-dl reads of a file is what would be written.

    In a file of others, the layers are the network: there is nothing that could differ.

    Raises:
        FileFormatError: data sets differ, are missing, or are too many; all are findings.
        MissingError: h5py is not installed.
    """
    network, embedded = load(path), file.read(path).embedded
    if embedded is None:
        return
    layers, _ = layers_of(network)
    findings = file.differences(file.to_bytes(network, layers, embedded), path)
    if findings:
        raise FileFormatError(
            f"{path} is not what this nmtool writes for the network in it",
            code="export-changed",
            why="another version wrote it, or somebody changed it; it was not run",
            fix=f"nmtool export {path} -o NEW.net, and use that",
            findings=findings,
        )


def run(
    path: str | Path,
    spikes: Raster,
    *,
    deep: bool = False,
    on_progress: Callable[[int], None] | None = None,
) -> Recording:
    """Run a NetX file in Lava by lava-dl's reader, every sample from a fresh state.

    Args:
        path: the file, whoever wrote it.
        spikes: the input, one neuron per channel; its number of steps counts.
        deep: also record u and v of every population at every step.
        on_progress: called with the number of samples finished since the last call.

    Raises:
        FileFormatError: no network of integers can be made of the file.
        DataError: the raster has other channels than the network, or no steps.
        UsageError: the file has convolutions.
        MissingError: Lava is not set up, or lacks lava-dl.
        BackendError: Lava failed or hung; nothing of it is left running.
    """
    network = load(path)
    check_steps(network, spikes)
    if any(layer.unrolled for layer in file.read(path).layers.values()):
        raise UsageError(
            f"{path} has convolutions, which lava-dl does not run here",
            code="netx-conv-run",
            why="their neurons lie in other shapes than those that are recorded",
            fix="compare with another backend: nmtool verify FILE DATA --against lava",
        )
    return runtime.run(Path(path), network, order(network), spikes, deep, on_progress)


check = partial(check_integers, run, "netx")
"""Compare what a file answers with the simulator: `nmtool.verification.Backend.check`."""
