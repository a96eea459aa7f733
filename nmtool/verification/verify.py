"""`verify`: compare other backends with the integer simulator, spike for spike.

A `Verification` lists the backends, and chooses the input: data, inputs generated for the network,
or the known answers of an export. In all cases `_compare` runs all backends on a `Portion` of the
samples; many samples, and those on disk, are compared in several portions.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nmtool import storage
from nmtool.arguments import MAPPING, Count, checked
from nmtool.batches import recorded_at_once
from nmtool.data.dataset import Dataset
from nmtool.data.events import SpikeEvents
from nmtool.data.samples import Samples, bin_for, binned_batches, choose_samples, mostly_dropped
from nmtool.errors import ArtefactError, DataError, FileFormatError, Finding, UsageError
from nmtool.exporters.differences import network_changes
from nmtool.loading import Source, as_samples
from nmtool.network.float_network import Network
from nmtool.network.integer_network import IntegerNetwork
from nmtool.progress import Progress, silent
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.running import simulate
from nmtool.verification.certificate import SIMULATOR, Certificate, Check
from nmtool.verification.digest import artefact_digest
from nmtool.verification.explain import check_foreign, with_explanation
from nmtool.verification.faults import SAMPLES, MutationScore, mutation_score
from nmtool.verification.foreign import ForeignRecording, foreign_recording
from nmtool.verification.join import joined
from nmtool.verification.verification import (
    NO_OPTIONS,
    InputSource,
    Named,
    Options,
    Portion,
    Verification,
)

if TYPE_CHECKING:
    from nmtool.exporters.format import Format

_log = logging.getLogger(__name__)

GENERATED = 8
"""Largest number of samples that `exercise` generates."""


@checked(options=MAPPING)
def verify(
    network: Source,
    data: SpikeEvents | Samples | Raster | Dataset | str | Path | None = None,
    *,
    samples: Count | None = None,
    against: Named | Sequence[Named] = (),
    artefact: str | Path | None = None,
    deep: bool = False,
    trust: bool = False,
    exercise: bool = False,
    faults: bool = False,
    options: Options = NO_OPTIONS,
    progress: Progress = silent,
) -> Certificate:
    """Run a network in other backends and compare every spike with the integer simulator.

    >>> verify(q.network, data.test.draw(50), against=["onnx"])  # doctest: +SKIP
    <Certificate: onnx on 50 samples, spikes compared 500000, different 0>

    Args:
        network: integer network, a run or torch model that trained in integers, or the path of a
            network or an export. A float network can only be compared with formats of real numbers.
        data: samples, binned or not, a data set, or its name, e.g. `digits:test`. Samples on disk
            are compared in portions. Without data, an export is compared on its known answers, and
            an integer network on inputs generated to reveal single faults. With `deep`, these
            inputs reveal nearly all single faults.
        samples: number of samples to draw, in proportion to the classes; of samples that were
            recorded, the first. By default all.
        against: backends: names of formats that can run, e.g. `lava`, `onnx`, `c` or `json` (the
            readable simulator); by default the export's own backend. For an unknown name,
            `--against` lists all backends. Also recordings by another framework
            (docs/recording.md), in memory or as FILE.npz; they may be of a float network.
        artefact: run this existing export instead of a new one; by default `network`, if it is an
            export. It must contain the network, and its code must equal what nmtool writes.
        deep: compare u and v of every neuron, too.
        trust: run an export even if its code differs from what this nmtool writes; only for code
            whose authors you trust. C files that differ, and files that do not match their own
            digest, are always refused.
        exercise: also compare u and v of every neuron on generated samples, which reveal further
            faults.
        faults: also try 100 faults on the first 64 samples: had one number of the network been
            wrong by one unit, would these samples have shown it?
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
    verification = replace(
        Verification.of(network, against, artefact),
        deep=deep,
        trust=trust,
        exercise=exercise,
        faults=faults,
        options=options,
        progress=progress,
    )
    if data is None and samples is not None:
        raise UsageError(
            "`samples=` needs data",
            code="data-missing",
            fix="name the data, `data=`, or leave it out",
        )
    if verification.input_source(has_data=data is not None) is InputSource.ANSWERS:
        return _verify_answers(verification)
    return _verify_inputs(verification, data, samples)


# Verification on known answers, on data or on generated samples


def _verify_answers(verification: Verification) -> Certificate:
    """Run an export on the inputs of its known answers, and compare its outputs with them."""
    export = verification.export
    assert export is not None
    verification.check_options()
    _check_contains(verification)
    answers = export.known_answers()
    export.require()
    portion = Portion(answers.spikes, answers=answers.recording, is_first=True, is_generated=True)
    # The answers are those of the network in the export, which may be the float network from which
    # the named integers were rounded.
    verification = replace(verification, source=export.path, deep=answers.is_deep)
    return _compare(verification, [export], portion)


def _verify_inputs(
    verification: Verification,
    data: SpikeEvents | Samples | Raster | Dataset | str | Path | None,
    count: int | None,
) -> Certificate:
    """Compare backends with a network on data or, without data, on generated inputs."""
    export, network = verification.export, verification.network
    verification.check_arithmetic()
    verification.check_options()
    if verification.runs_export:
        _check_contains(verification)
    verification.require()
    events = as_samples(data, [verification.source], verification.progress)
    events = choose_samples(events, count, in_order=bool(verification.recordings))
    with tempfile.TemporaryDirectory(prefix="nmtool-verify-") as scratch:
        # All exports are written before the first export runs, so that errors appear at once.
        artefacts = [
            export
            if export is not None and type(export) is format_
            else _write_export(format_, network, scratch)
            for format_ in verification.formats
        ]
        portions = _yield_portions(verification, events)
        # Only the certificate so far is kept, so that recordings of other portions are released.
        return reduce(joined, (_compare(verification, artefacts, part) for part in portions))


def _yield_portions(
    verification: Verification, data: SpikeEvents | Samples | Raster | None
) -> Iterator[Portion]:
    """Yield the samples to compare, in portions whose recordings fit into memory.

    Recordings by other frameworks are in memory already, and are compared on all samples at once.
    """
    for batch in _yield_batches(verification, data):
        if verification.recordings:
            yield batch
        else:
            n_steps, deep = batch.spikes.n_steps, verification.deep
            yield from batch.split(recorded_at_once(verification.network, n_steps, deep=deep))


def _yield_batches(
    verification: Verification, data: SpikeEvents | Samples | Raster | None
) -> Iterator[Portion]:
    """Yield the samples to compare: those in memory together, those on disk in batches.

    If most events are dropped, labels are left out, since accuracy would be meaningless.
    """
    network = verification.network
    cut = isinstance(data, SpikeEvents) and mostly_dropped(data, network.dt_ms, network.n_steps)
    if data is None:
        from nmtool.hardware_sim.known_answers import known_answers

        reference = verification.formats[0].reference
        answers = known_answers(network, run=reference, progress=verification.progress)
        yield Portion(answers.spikes, is_first=True, is_generated=True)
    elif isinstance(data, Raster):
        if not data.n_samples:
            raise DataError(
                "there is no sample to compare on",
                code="split-empty",
                fix="pass at least one sample",
            )
        yield Portion(data, is_first=True)
    elif verification.recordings and not isinstance(data, Samples):
        samples = bin_for(network, data)
        yield Portion(samples.raster, None if cut else samples.label, is_first=True)
    else:
        for number, samples in enumerate(binned_batches(network, data)):
            label = None if cut else samples.label
            yield Portion(samples.raster, label, is_first=number == 0)


def _check_contains(verification: Verification) -> None:
    """Check that the existing export contains the network, before any of its code runs.

    An export of real numbers may contain the float network from which the integers were rounded.

    Raises:
        ArtefactError: the export contains another network.
        FileFormatError: the export is damaged, or differs from what nmtool writes.
        MissingError: a library for writing the format is not installed.
    """
    expected, export = verification.network, verification.export
    assert export is not None
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
    if not verification.trust:
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
    stored = None
    with suppress(FileFormatError, *(storage.DAMAGE if changed else ())):
        stored = export.decode_changed() if changed else export.network
    if not (isinstance(expected, IntegerNetwork) and isinstance(stored, IntegerNetwork)):
        return ()
    return tuple(network_changes(expected, stored))


def _write_export(format_: type[Format], network: Network | IntegerNetwork, folder: str) -> Format:
    """Write a new export of the network into a folder."""
    name = "network" + next(iter(format_.extensions), f"-{format_.name}")
    return format_.write(network, Path(folder, name))


# The comparison, which is the same for all kinds of input


def _compare(
    verification: Verification, artefacts: Sequence[Format], portion: Portion
) -> Certificate:
    """Run all backends on a portion of the samples, and compare them with the simulator."""
    network, progress = verification.network, verification.progress
    spikes, label = portion.spikes, portion.label
    foreign = {
        name: foreign_recording(source, network, spikes.n_samples, spikes.n_steps)
        for name, source in verification.recordings.items()
    }
    digests = {artefact.name: artefact_digest(artefact.path) for artefact in artefacts}
    digests |= {
        name: artefact_digest(source)
        for name, source in verification.recordings.items()
        if not isinstance(source, Recording)
    }
    generated = _generated(verification, portion)
    deep_too = verification.deep or any(record.is_deep for record in foreign.values())
    simulated = _simulate_integers(network, spikes, deep_too, progress)
    if generated is not None:
        recording = _simulate_integers(network, generated.spikes, True, progress)
        generated = replace(generated, simulated=recording)
    # If a recording from another framework contains u and v, `simulated` contains them even if
    # `deep` is False. The backends are then compared with a copy without u and v.
    shallow = simulated
    if simulated is not None and not verification.deep:
        shallow = replace(simulated, current={}, potential={})
    portion = replace(portion, simulated=shallow)
    runs_integers = any(not artefact.holds_floats for artefact in artefacts)
    checks = _check_backends(verification, artefacts, portion)
    for name, theirs in foreign.items():
        with progress(name):
            checks[name] = check_foreign(network, spikes, simulated, theirs, name)
    generated_checks = {}
    if generated is not None:
        generated_checks = {
            artefact.name: _check(verification, artefact, generated, deep=artefact.records_states)
            for artefact in artefacts
        }
    # On known answers, overflows are counted only if one of the compared exports runs integers.
    counted = simulated if runs_integers or portion.answers is None else None
    return Certificate(
        spikes.n_samples,
        network.content_hash,
        checks,
        {} if label is None else _accuracy(label, simulated, checks, foreign),
        on_known_answers=portion.is_generated,
        generated=generated_checks,
        mutation=_mutation_score(verification, portion, generated),
        overflows=_count_overflows(network, spikes, counted),
        generated_overflows={}
        if generated is None
        else _count_overflows(network, generated.spikes, generated.simulated),
        artefacts=digests,
        class_samples=[]
        if label is None
        else np.bincount(label, minlength=len(network.class_names)).tolist(),
    )


def _count_overflows(
    network: Network | IntegerNetwork, spikes: Raster, recording: Recording | None
) -> dict[str, int]:
    """Counts for `Certificate.overflows`; none without a recording, and for a float network."""
    if recording is None or isinstance(network, Network):
        return {}
    counts, n_neurons = recording.counts, sum(p.size for p in network.populations)
    clips = network.runs_in.neuron.u_overflow == "clips"
    return {
        "u_clips" if clips else "u_wraps": counts["u_wraps"],
        "v_clips": counts["v_clips"],
        "v_clips_outputs": sum(counts[f"v_clips.{p.name}"] for p in network.integrating),
        "neuron_updates": spikes.n_samples * spikes.n_steps * n_neurons,
    }


def _check_backends(
    verification: Verification, artefacts: Sequence[Format], portion: Portion
) -> dict[str, Check]:
    """Run and compare all backends; differences are explained at the end."""
    deep = verification.deep
    with_states = [artefact.name for artefact in artefacts if artefact.records_states]
    checks = {}
    for artefact in artefacts:
        name, records = artefact.name, artefact.records_states
        if deep and with_states and not records:
            _log.warning(f"{name} does not record u and v: `deep=True` applies to the others only")
        # If no backend records u and v, the first check with `deep=True` raises an error.
        compares_states = deep and (records or not with_states)
        checks[name] = _check(verification, artefact, portion, deep=compares_states)
    for artefact in artefacts:
        check = checks[artefact.name]
        if check.comparison.first_divergence is not None:
            checks[artefact.name] = with_explanation(check, verification, artefact, portion)
    return checks


def _check(verification: Verification, artefact: Format, portion: Portion, *, deep: bool) -> Check:
    """Run an export on a portion, and compare its recording; if `deep`, also u and v."""
    return artefact.check(
        portion.spikes,
        simulated=portion.simulated,
        answers=portion.answers,
        deep=deep,
        progress=verification.progress,
        **verification.options_of(artefact),
    )


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


def _mutation_score(
    verification: Verification, portion: Portion, generated: Portion | None
) -> MutationScore | None:
    """Try one-unit faults on the first portion, if asked for."""
    network, spikes = verification.network, portion.spikes
    if not (verification.faults and portion.is_first) or isinstance(network, Network):
        return None
    if verification.formats and all(format_.holds_floats for format_ in verification.formats):
        return None  # Real numbers are compared with a tolerance.
    others = None if generated is None else generated.spikes
    with verification.progress("trying one-unit faults"):
        return mutation_score(network, spikes, deep=verification.deep, generated=others)


def _generated(verification: Verification, portion: Portion) -> Portion | None:
    """Generate samples that test numbers of the network that the first samples do not test.

    None if none are asked for, or if the search finds none.
    """
    network, existing = verification.network, portion.spikes[:SAMPLES]
    if not (verification.exercise and portion.is_first):
        return None
    if isinstance(network, Network):
        raise UsageError(
            "`exercise=` needs an integer network",
            code="exercise-float",
            why="samples are generated to exercise the integers that a chip stores",
            fix="quantise the network first, or leave out `exercise=`",
        )
    from nmtool.hardware_sim.stimuli import driving_input

    with verification.progress("generating samples"):
        spikes, _ = driving_input(network, GENERATED, existing.n_steps, existing)
    return Portion(spikes, is_generated=True) if spikes.n_samples else None


def _simulate_integers(
    network: Network | IntegerNetwork, spikes: Raster, deep: bool, progress: Progress
) -> Recording | None:
    """Run an integer network in the integer simulator; return None for a float network."""
    if isinstance(network, Network):
        return None
    return simulate(network, spikes, deep=deep, progress=progress)
