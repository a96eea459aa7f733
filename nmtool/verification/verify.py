"""`verify`: compare other backends with the integer simulator, spike for spike.

`Against` (`against.py`) lists the backends, and chooses the input: data, inputs generated for the
network, or the known answers of an export. In all cases `_compare` runs all backends on one set of
samples. Data on disk are compared in portions.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nmtool import storage
from nmtool.arguments import MAPPING, checked
from nmtool.batches import recorded_at_once
from nmtool.data.catalogue import as_samples
from nmtool.data.events import SpikeEvents
from nmtool.data.samples import Samples, bin_for, binned_batches, mostly_dropped
from nmtool.errors import ArtefactError, DataError, FileFormatError, Finding, UsageError
from nmtool.loading import Source, as_network
from nmtool.network.float_network import Network
from nmtool.network.integer_network import IntegerNetwork
from nmtool.progress import Progress, silent
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.running import SIMULATOR, simulate
from nmtool.verification.against import NO_OPTIONS, Against, InputSource, Named, Options
from nmtool.verification.certificate import Certificate, Check
from nmtool.verification.digest import artefact_digest
from nmtool.verification.explain import ArtefactRun, check_foreign, with_explanation
from nmtool.verification.foreign import ForeignRecording, foreign_recording
from nmtool.verification.join import join
from nmtool.verification.mutation import mutation_score
from nmtool.verification.overflows import count_overflows

if TYPE_CHECKING:
    from nmtool.exporters.format import Format

_log = logging.getLogger(__name__)


@checked(options=MAPPING)
def verify(
    network: Source,
    data: SpikeEvents | Samples | Raster | str | Path | None = None,
    *,
    against: Named | Sequence[Named] = (),
    artefact: str | Path | None = None,
    deep: bool = False,
    trust: bool = False,
    faults: bool = True,
    exercise: bool = False,
    options: Options = NO_OPTIONS,
    progress: Progress = silent,
) -> Certificate:
    """Run a network in other backends and compare every spike with the integer simulator.

    >>> verify(q.network, data.test.draw(50), against=["onnx"])  # doctest: +SKIP
    <Certificate: onnx on 50 samples, spikes compared 500000, different 0>

    Args:
        network: integer network, a run or torch model that trained in integers, or the path of a
            network or an export. A float network can only be compared with formats of real numbers.
        data: samples, binned or not, or the name of a split, e.g. `digits:test`. Samples on disk
            are compared in portions; one-unit faults are tried on the first portion. Without data,
            an export is compared on its known answers, and an integer network on inputs generated
            to reveal single faults. With `deep`, these inputs reveal nearly all single faults.
        against: backends: `lava`, `brian2-loihi`, `onnx`, `nir`, `c`, `firmware`, `verilog`,
            `netx`, `json` (the readable simulator), `fenn` (FeNN's instruction-set simulator, for
            networks made for FeNN), `cortex-m` and `riscv32` (the C file on a processor emulated by
            QEMU); by default the export's own backend. Also recordings by another
            framework (docs/recording.md), in memory or as FILE.npz; they may be of a float network.
        artefact: run this existing export instead of a new one; by default `network`, if it is an
            export. It must contain the network, and its code must equal what nmtool writes.
        deep: compare u and v of every neuron, too.
        trust: run an export even if its code differs from what this nmtool writes; only for code
            whose authors you trust. C files that differ, and files that do not match their own
            digest, are always refused.
        faults: measure in how many of 200 tries the samples would have shown that one stored number
            is wrong by one unit; only if integers are compared with integers.
        exercise: also compare u and v of every neuron on generated samples, which exercise further
            parts of the network.
        options: arguments for the `check` of a backend, by its name, e.g.
            `{"lava": {"model": "stock"}}`.
        progress: shows progress, e.g. `nmtool.progress_bar`.

    Raises:
        UsageError: there is nothing to compare with, a float network is compared with integers,
            the export's backend is not among the named ones, or the data do not fit the network.
        ArtefactError: the export contains another network.
        FileFormatError: a file is missing or damaged, differs from what nmtool writes, or lacks
            known answers of this network.
        DataError: a recording does not fit network and samples; each misfit is listed.
        DoesNotFitError: a format cannot represent the network.
        MissingError: a runtime is not installed; raised before anything runs.
        BackendError: a runtime failed.
    """
    compared = Against.of(network, against, artefact)
    settings = _Settings(deep, trust, faults, exercise, options, progress)
    input_source = compared.input_source(has_data=data is not None, deep=deep, exercise=exercise)
    if input_source is InputSource.ANSWERS:
        return _verify_answers(network, compared, settings)
    return _verify_inputs(network, as_samples(data), compared, settings)


@dataclass(frozen=True)
class _Settings:
    """Arguments of `verify` other than network, data, backends and export."""

    deep: bool
    trust: bool
    faults: bool
    exercise: bool
    options: Options
    progress: Progress

    def options_of(self, artefact: Format) -> dict[str, Any]:
        """Arguments of an export's `run` and `check`."""
        return {"trust": self.trust, **self.options.get(artefact.name, {})}

    def for_portion(self, number: int) -> _Settings:
        """Settings for a portion of the data; only portion 0 has `faults` and `exercise`."""
        return self if number == 0 else replace(self, faults=False, exercise=False)


@dataclass(frozen=True, eq=False)
class _Samples:
    """Samples on which backends are compared.

    Attributes:
        spikes: the input.
        label: [samples] classes; None without labels.
        measured: input on which one-unit faults are tried and for which samples are generated: of
            data in memory, the input of all portions.
        answers: known answers of an export; None: the integer simulator, or the reference of a
            format, computes the expected recording.
        is_generated: True if the inputs are known answers or were generated, and do not come from
            data.
    """

    spikes: Raster
    label: NDArray[np.integer] | None = None
    measured: Raster | None = None
    answers: Recording | None = None
    is_generated: bool = False

    def portions(self, at_once: int) -> Iterator[_Samples]:
        """The samples, at most `at_once` at a time."""
        if self.spikes.n_samples <= at_once:
            yield self
            return
        for first in range(0, self.spikes.n_samples, at_once):
            part = slice(first, first + at_once)
            label = None if self.label is None else self.label[part]
            yield replace(self, spikes=self.spikes[part], label=label, measured=self.spikes)


# Verification on known answers, on data or on generated samples


def _verify_answers(network: Source, against: Against, settings: _Settings) -> Certificate:
    """Run an export on the inputs of its known answers, and compare its outputs with them."""
    export = against.export
    assert export is not None
    against.check_options(settings.options)
    _check_contains(network, against, trust=settings.trust)
    answers = export.known_answers()
    export.require()
    samples = _Samples(answers.spikes, answers=answers.recording, is_generated=True)
    return _compare(export.network, [export], {}, samples, replace(settings, deep=answers.is_deep))


def _verify_inputs(
    network: Source,
    data: SpikeEvents | Samples | Raster | None,
    against: Against,
    settings: _Settings,
) -> Certificate:
    """Compare backends with a network on data or, without data, on generated inputs."""
    export, expected = against.export, _network_to_compare(network, against.export)
    against.check_arithmetic(expected)
    against.check_options(settings.options)
    if against.runs_export:
        _check_contains(network, against, trust=settings.trust)
    against.require()
    with tempfile.TemporaryDirectory(prefix="nmtool-verify-") as scratch:
        # All exports are written before the first export runs, so that errors appear at once.
        artefacts = [
            export
            if export is not None and type(export) is format_
            else _write_export(format_, expected, scratch)
            for format_ in against.formats
        ]
        return join(
            _compare(expected, artefacts, against.recordings, samples, settings.for_portion(number))
            for number, samples in enumerate(_yield_portions(expected, data, against, settings))
        )


def _yield_portions(
    network: Network | IntegerNetwork,
    data: SpikeEvents | Samples | Raster | None,
    against: Against,
    settings: _Settings,
) -> Iterator[_Samples]:
    """Yield the samples to compare, in portions whose recordings fit into memory.

    Recordings by other frameworks are in memory already, and are compared on all samples at once.
    """
    for samples in _yield_samples(network, data, against, settings):
        if against.recordings:
            yield samples
        else:
            at_once = recorded_at_once(network, samples.spikes.n_steps, deep=settings.deep)
            yield from samples.portions(at_once)


def _yield_samples(
    network: Network | IntegerNetwork,
    data: SpikeEvents | Samples | Raster | None,
    against: Against,
    settings: _Settings,
) -> Iterator[_Samples]:
    """Yield the samples to compare: those in memory together, those on disk in batches.

    If most events are dropped, labels are left out, since accuracy would be meaningless.
    """
    cut = isinstance(data, SpikeEvents) and mostly_dropped(data, network.dt_ms, network.n_steps)
    if data is None:
        from nmtool.hardware_sim.known_answers import known_answers

        answers = known_answers(
            network, run=against.formats[0].reference, progress=settings.progress
        )
        yield _Samples(answers.spikes, is_generated=True)
    elif isinstance(data, Raster):
        if not data.n_samples:
            raise DataError(
                "there is no sample to compare on",
                code="split-empty",
                fix="pass at least one sample",
            )
        yield _Samples(data)
    elif against.recordings and not isinstance(data, Samples):
        samples = bin_for(network, data)
        yield _Samples(samples.raster, None if cut else samples.label)
    else:
        for number, samples in enumerate(binned_batches(network, data)):
            n_samples = samples.label.size
            if (
                number == 0
                and n_samples < data.label.size
                and (settings.faults or settings.exercise)
            ):
                _log.warning(
                    f"remark[samples-first]: one-unit faults are tried on the first {n_samples} "
                    "samples, since the data stay on disk"
                )
            yield _Samples(samples.raster, None if cut else samples.label)


def _network_to_compare(network: Source, export: Format | None) -> Network | IntegerNetwork:
    """The network of a source, from the export if it is at this path: it is already open."""
    if export is not None and isinstance(network, str | Path) and export.path == Path(network):
        return export.network
    return as_network(network)


def _check_contains(network: Source, against: Against, *, trust: bool) -> None:
    """Check that an export contains the network, before any of its code runs.

    An export of real numbers may contain the float network from which the integers were rounded.

    Args:
        network: the network that the export should contain.
        against: backends and recordings, and the export.
        trust: accept code that differs from what nmtool writes.

    Raises:
        ArtefactError: the export contains another network.
        FileFormatError: the export is damaged, or differs from what nmtool writes.
        MissingError: a library for writing the format is not installed.
    """
    export = against.export
    assert export is not None
    expected = _network_to_compare(network, export)
    try:
        carried = export.network.content_hash
    except FileFormatError as error:
        error.findings = error.findings or _network_differences(expected, export, changed=True)
        raise
    if carried not in (expected.content_hash, getattr(expected, "source_hash", "")):
        raise ArtefactError(
            f"{export.path} contains another network",
            code="artefact-other-network",
            why=f"its content hash is {carried}, not {expected.content_hash}",
            fix="export the network again",
            findings=_network_differences(expected, export),
        )
    if not trust:
        export.check_written()


def _network_differences(
    expected: Network | IntegerNetwork, export: Format, *, changed: bool = False
) -> tuple[Finding, ...]:
    """Findings on the numbers that differ between an export and the network.

    Only integer networks are compared; for float networks there are no findings.

    Args:
        expected: the network that the export should contain.
        export: the export; its files are read, but its code does not run.
        changed: True if the export was changed after nmtool wrote it, and may be damaged.
    """
    from nmtool.exporters.differences import network_changes

    stored = None
    with suppress(FileFormatError, *(storage.DAMAGE if changed else ())):
        stored = export.decode_changed() if changed else export.network
    if not (isinstance(expected, IntegerNetwork) and isinstance(stored, IntegerNetwork)):
        return ()
    return tuple(network_changes(expected, stored))


def _write_export(format_: type[Format], network: Network | IntegerNetwork, folder: str) -> Format:
    name = "network" + next(iter(format_.extensions), f"-{format_.name}")
    return format_.write(network, Path(folder, name))


# The comparison, which is the same for all kinds of input


def _compare(
    network: Network | IntegerNetwork,
    artefacts: Sequence[Format],
    recordings: Mapping[str, str | Path | Recording],
    samples: _Samples,
    settings: _Settings,
) -> Certificate:
    """Run all backends on some samples, and compare them with the integer simulator."""
    spikes, label, progress = samples.spikes, samples.label, settings.progress
    foreign = {
        name: foreign_recording(source, network, spikes.n_samples, spikes.n_steps)
        for name, source in recordings.items()
    }
    digests = {artefact.name: artefact_digest(artefact.path) for artefact in artefacts}
    digests |= {
        name: artefact_digest(source)
        for name, source in recordings.items()
        if not isinstance(source, Recording)
    }
    runs_integers = any(not artefact.holds_floats for artefact in artefacts)
    measured = spikes if samples.measured is None else samples.measured
    generated = (
        _generated(network, measured, settings.deep, progress) if settings.exercise else None
    )
    deep_too = settings.deep or any(record.is_deep for record in foreign.values())
    simulated = _simulate_integers(network, spikes, deep_too, progress)
    generated_recording = (
        None if generated is None else _simulate_integers(network, generated, True, progress)
    )
    # If a recording from another framework contains u and v, `simulated` contains them even if
    # `deep` is False. The other checks then get a copy without u and v.
    simulated_for_checks = simulated
    if simulated is not None and not settings.deep:
        simulated_for_checks = replace(simulated, current={}, potential={})
    runs = [
        ArtefactRun(
            artefact,
            network,
            spikes,
            simulated_for_checks,
            samples.answers,
            settings.options_of(artefact),
        )
        for artefact in artefacts
    ]
    all_populations = {p.name for p in network.populations}
    tries_faults = settings.faults and (
        runs_integers
        or any(all_populations == {*record.populations} for record in foreign.values())
    )
    with ThreadPoolExecutor(1) as executor:
        # The faults are tried while the backends run. Most backends run in other processes.
        score = None
        if tries_faults and isinstance(network, IntegerNetwork):
            score = executor.submit(
                mutation_score,
                *(network, measured),
                deep=settings.deep,
                recording=simulated if measured is spikes else None,
                generated=generated,
                generated_recording=generated_recording,
            )
        checks = _check_backends(runs, settings.deep, progress)
        for name, recording in foreign.items():
            with progress(name):
                checks[name] = check_foreign(network, spikes, simulated, recording, name)
        generated_checks = (
            {}
            if generated is None
            else _check_generated(runs, generated, generated_recording, progress)
        )
        with progress("trying one-unit faults"):
            mutation = None if score is None else score.result()
    # On known answers, overflows are counted only if one of the compared exports runs integers.
    counted = simulated if runs_integers or samples.answers is None else None
    return Certificate(
        spikes.n_samples,
        network.content_hash,
        checks,
        {} if label is None else _accuracy(label, simulated, checks, foreign),
        on_known_answers=samples.is_generated,
        generated=generated_checks,
        mutation=mutation,
        overflows=count_overflows(network, spikes, counted),
        generated_overflows={}
        if generated is None
        else count_overflows(network, generated, generated_recording),
        artefacts=digests,
        class_samples=[]
        if label is None
        else np.bincount(label, minlength=len(network.class_names)).tolist(),
    )


def _check_backends(
    runs: Sequence[ArtefactRun], deep: bool, progress: Progress
) -> dict[str, Check]:
    """Run and compare all backends; differences are explained at the end."""
    with_states = [run.artefact.name for run in runs if run.artefact.records_states]
    checks = {}
    for run in runs:
        name, records = run.artefact.name, run.artefact.records_states
        if deep and with_states and not records:
            _log.warning(f"{name} does not record u and v: `deep=True` applies to the others only")
        # If no backend records u and v, the first check with `deep=True` raises an error.
        checks[name] = run.check(deep=deep and (records or not with_states), progress=progress)
    return {
        run.artefact.name: with_explanation(run, checks[run.artefact.name], progress)
        for run in runs
    }


def _check_generated(
    runs: Sequence[ArtefactRun],
    generated: Raster,
    generated_recording: Recording | None,
    progress: Progress,
) -> dict[str, Check]:
    """Run backends on generated samples, and compare them with the integer simulator.

    u and v are compared, too, if a backend records them.
    """
    runs_on_generated = [
        replace(run, spikes=generated, simulated=generated_recording, answers=None) for run in runs
    ]
    return {
        run.artefact.name: run.check(deep=run.artefact.records_states, progress=progress)
        for run in runs_on_generated
    }


def _accuracy(
    label: NDArray[np.integer],
    simulated: Recording | None,
    checks: Mapping[str, Check],
    foreign: Mapping[str, ForeignRecording],
) -> dict[str, float]:
    """Compute accuracies, 0 … 1, by backend or recording; recordings without classes are left out.

    Args:
        label: [samples] classes.
        simulated: recording of the integer simulator.
        checks: checks by name of the backend or recording.
        foreign: recordings by other frameworks, by name.
    """
    accuracy = {} if simulated is None else {SIMULATOR: simulated.accuracy(label)}
    for name, check in checks.items():
        if name not in foreign:
            accuracy[name] = check.recording.accuracy(label)
        elif (predicted := foreign[name].classes) is not None:
            accuracy[name] = float((predicted == label).mean())
    return accuracy


def _generated(
    network: Network | IntegerNetwork, spikes: Raster, deep: bool, progress: Progress
) -> Raster | None:
    """Generate samples that exercise parts that `spikes` do not; None if the search finds none."""
    if isinstance(network, Network):
        raise UsageError(
            "`exercise=` needs an integer network",
            code="exercise-float",
            why="samples are generated to exercise the integers that a chip stores",
            fix="quantise the network first, or leave out `exercise=`",
        )
    from nmtool.verification.exercise import exercise

    with progress("generating samples"):
        generated = exercise(network, spikes, deep=deep)
    return generated if generated.n_samples else None


def _simulate_integers(
    network: Network | IntegerNetwork, spikes: Raster, deep: bool, progress: Progress
) -> Recording | None:
    """Run an integer network in the integer simulator; return None for a float network."""
    if isinstance(network, Network):
        return None
    return simulate(network, spikes, deep=deep, progress=progress)
