"""Export to Lava 0.10.0: a folder that runs there by itself, bit for bit.

Lava has an environment of its own (`nmtool.exporters.lava.environment`) and runs as a supervised
process; nothing here imports it.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nmtool import integer_network, storage
from nmtool.errors import FileFormatError, Finding, UsageError
from nmtool.exporters.differences import changed_folder
from nmtool.exporters.embedded import pack_network
from nmtool.exporters.environments import Environment, clean_variables
from nmtool.exporters.exchange import (
    progress_reader,
    read_recording,
    write_events,
)
from nmtool.exporters.lava import environment as environments
from nmtool.exporters.lava.environment import PACKAGE
from nmtool.exporters.lava.readme import readme_text
from nmtool.exporters.output import COMPILED, files_in, write_folder
from nmtool.exporters.supervise import SILENCE_S, supervise
from nmtool.integer_network import FILE_KIND, FILE_VERSION, IntegerNetwork
from nmtool.known_answers import KnownAnswers
from nmtool.paths import EXPORT_ANSWERS
from nmtool.progress import Progress, silent
from nmtool.raster import Raster
from nmtool.recording import Recording, check_steps
from nmtool.verification.backend import timed_run
from nmtool.verification.certificate import Check, StockCheck
from nmtool.verification.comparison import Comparison, compare_recordings

__all__ = ["MODELS", "check", "check_written", "export", "known_answers", "load", "require", "run"]

FAST, STOCK = MODELS = ("fast", "stock")
"""`fast`: our event-driven models; `stock`: Lava's own, for reference."""

_STOCK_STEPS_BEYOND_DELAYS = 20

_NETWORK = "lava_network"
_ARRAYS = f"{_NETWORK}/arrays.npz"
_README = "README.md"

_CHANGED, _ADDED, _LACKED = "it is changed", "it is no part of an export", "it is missing"
_FIX = "export the network again"


def require() -> None:
    """Raise `MissingError` unless Lava is set up."""
    environments.find()


def export(
    network: IntegerNetwork,
    folder: str | Path,
    *,
    answers: KnownAnswers | None = None,
    force: bool = False,
) -> Path:
    """Write a folder that runs the network in Lava, without nmtool.

    Args:
        network: what to export; every network the contract allows can be.
        folder: to be made; the same network and answers give the same bytes.
        answers: inputs with expected outputs, for the receiver to check the folder.
        force: replace an earlier export in that folder.

    Returns:
        The folder.

    Raises:
        UsageError: the folder exists, or is not ours to replace.
        StorageError: it could not be written; what was there is untouched.
    """
    files = {name: source.read_bytes() for name, source in _sources().items()}
    files[_ARRAYS] = pack_network(network)
    if answers is not None:
        files[EXPORT_ANSWERS] = answers.to_bytes()
    files[_README] = readme_text(network, answers).encode()
    return write_folder(folder, files, force, _is_export, {EXPORT_ANSWERS})


def load(folder: str | Path) -> IntegerNetwork:
    """The network in an exported folder; raises `FileFormatError` on anything else."""
    return IntegerNetwork.load(Path(folder) / _ARRAYS)


def known_answers(folder: str | Path) -> KnownAnswers:
    """The answers an exported folder carries; raises `FileFormatError` where it has none."""
    answers = Path(folder) / EXPORT_ANSWERS
    if _is_export(Path(folder)) and not answers.exists():
        raise FileFormatError(
            f"{folder} carries no known answers: it has no {EXPORT_ANSWERS}",
            code="answers-missing",
            fix="export the network again",
        )
    return KnownAnswers.load(answers)


def check_written(folder: str | Path) -> None:
    """Raise `FileFormatError` unless all code of a folder, and its arrays, are what is written.

    Files that are no part of an export count, too: Python could take them for a library.
    """
    folder = Path(folder)
    sources = _sources()
    found = {
        name: _ADDED
        for name in files_in(folder)
        if name not in {*sources, _ARRAYS, _README, EXPORT_ANSWERS}
    }
    for name, source in sources.items():
        file = folder / name
        if not file.is_file():
            found[name] = _LACKED
        elif file.stat().st_size != source.stat().st_size or (
            file.read_bytes() != source.read_bytes()
        ):
            found[name] = _CHANGED
    archive = storage.read_archive(folder / _ARRAYS, FILE_KIND, FILE_VERSION)
    network = integer_network.unpack(archive)
    own = {key: value for key, value in archive.header.items() if key not in ("kind", "version")}
    if storage.content_hash(own, archive.arrays) != network.content_hash:
        found[_ARRAYS] = _CHANGED
    if found:
        raise changed_folder(
            folder,
            [Finding("lava-file-changed", name, found[name], _FIX) for name in sorted(found)],
            fix=f"nmtool export {folder} --to lava -o NEW, and use that; or --trust its code",
        )


def run(
    folder: str | Path,
    spikes: Raster,
    *,
    model: str = FAST,
    deep: bool = False,
    trust: bool = False,
    environment: Environment | None = None,
    timeout_s: float | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> Recording:
    """Run an exported folder in Lava, every sample from a fresh state.

    Args:
        folder: what `export` wrote.
        spikes: the input, one neuron per channel; its number of steps counts.
        model: one of `MODELS`.
        deep: also record u and v of every population at every step.
        trust: execute its code although it differs from what this nmtool writes.
        environment: where Lava is; by default `environment.find()`.
        timeout_s: seconds the run may take; it is ended in any case after 600 s of silence.
        on_progress: called with the number of samples finished since the last call.

    Raises:
        UsageError: there is no such model.
        FileFormatError: the folder is not such an export, or its code differs.
        DataError: the raster has other channels than the network, or no steps.
        MissingError: Lava is not set up.
        BackendError: Lava failed, hung or took too long; nothing of it is left running.
    """
    script = _checked_script(folder, spikes, model)
    if not trust:
        check_written(folder)
    python = (environment or environments.find()).python
    with tempfile.TemporaryDirectory(prefix="nmtool-lava-") as scratch:
        events, recording = Path(scratch, "events.npz"), Path(scratch, "recording.npz")
        write_events(events, spikes)
        options = ["--model", model, *(["--deep"] if deep else [])]
        # Scripts of earlier versions, run on trust, print JSON unasked.
        options += ["--json"] if b'"--json"' in script.read_bytes() else []
        supervise(
            [
                python,
                _copy(script.parent, Path(scratch)) / script.name,
                events,
                recording,
                *options,
            ],
            what="running the network in Lava",
            fix="nmtool lava setup --force, if Lava itself is damaged",
            timeout_s=timeout_s,
            idle_timeout_s=SILENCE_S,
            on_line=progress_reader(on_progress),
            env=clean_variables(),
            cwd=scratch,
        )
        return read_recording(recording)


def _copy(folder: Path, scratch: Path) -> Path:
    """A copy without the files that Python compiled in the folder, which nobody compares."""
    ignored = shutil.ignore_patterns(COMPILED)
    return shutil.copytree(
        folder, scratch / "export", ignore=ignored, ignore_dangling_symlinks=True
    )


def check(
    folder: str | Path,
    spikes: Raster,
    *,
    simulated: Recording | None,
    answers: Recording | None = None,
    deep: bool = False,
    progress: Progress = silent,
    model: str = FAST,
    trust: bool = False,
) -> Check:
    """Compare what a folder answers in Lava with the integer simulator, or with known answers.

    The fast model stands in for Lava's own, so a stretch of one sample also runs on that: as many
    steps as delays reach and 20 more, where a sample makes most populations spike. Where one of
    them differs from the simulator, the two are compared with each other on that stretch. See
    `nmtool.verification.Backend.check`.

    Args:
        folder, spikes, simulated, answers, deep, progress: as there.
        model: one of `MODELS`.
        trust: as for `run`.
    """
    expected = simulated if answers is None else answers
    assert expected is not None, "Lava has no float networks"
    where = environments.find()
    how: dict[str, Any] = {"model": model, "deep": deep, "trust": trust, "environment": where}
    actual, seconds = timed_run(run, "Lava", folder, spikes, progress=progress, **how)
    found = compare_recordings(expected, actual)
    stock = _check_stock(folder, spikes, where, trust, found, progress) if model == FAST else None
    return Check(found, actual, seconds, model, stock)


def _check_stock(
    folder: str | Path,
    spikes: Raster,
    environment: Environment,
    trust: bool,
    all_samples: Comparison,
    progress: Progress,
) -> StockCheck:
    from nmtool.hardware_sim.simulator import simulate
    from nmtool.hardware_sim.stretches import busiest_stretches

    network = load(folder)
    steps = min(spikes.n_steps, network.max_delay + _STOCK_STEPS_BEYOND_DELAYS)
    found = busiest_stretches(network, spikes, steps, 1)
    stretch, sample = found.spikes, int(found.sample[0])
    how: dict[str, Any] = {"deep": True, "trust": trust, "environment": environment}
    with progress(f"Lava's own model, {steps} steps of sample {sample}"):
        stock = run(folder, stretch, model=STOCK, **how)
    comparison = compare_recordings(simulate(network, stretch, deep=True), stock)
    fast = None
    if not (comparison.identical and all_samples.identical):
        with progress(f"the fast model, {steps} steps of sample {sample}"):
            fast = compare_recordings(stock, run(folder, stretch, model=FAST, **how))
    return StockCheck(sample, int(found.first[0]), steps, comparison, fast)


def _checked_script(folder: str | Path, spikes: Raster, model: str) -> Path:
    """The script of an export that can run these spikes."""
    if model not in MODELS:
        raise UsageError(
            f"unknown Lava model '{model}'",
            code="lava-model-unknown",
            fix=f"use {' or '.join(MODELS)}",
        )
    check_steps(load(folder), spikes)
    script = Path(folder).resolve() / "run.py"
    if not script.is_file():
        raise FileFormatError(
            f"{folder} has no run.py", code="lava-script-missing", fix="export the network again"
        )
    return script


def _sources() -> dict[str, Path]:
    """The files every export shares: relative POSIX path → where they are copied from."""
    modules = sorted((PACKAGE / _NETWORK).glob("*.py"))
    return {path.relative_to(PACKAGE).as_posix(): path for path in [PACKAGE / "run.py", *modules]}


def _is_export(folder: Path) -> bool:
    return storage.archive_kind(folder / _ARRAYS) == FILE_KIND
