"""`verify`: backends against the integer simulator, spike for spike."""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from inspect import signature
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from nmtool.arguments import MAPPING, NETWORK, PATH, SWITCH, checked, optional
from nmtool.data.events import AT_ONCE, SpikeEvents
from nmtool.data.samples import Samples, bin_for
from nmtool.data.stored import StoredEvents
from nmtool.errors import ArtefactError, DataError, UsageError, check_type
from nmtool.float_simulator import simulate_floats
from nmtool.integer_network import IntegerNetwork
from nmtool.known_answers import KnownAnswers
from nmtool.network import Network
from nmtool.progress import Progress, silent
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.verbs.loading import check_exists, load
from nmtool.verbs.running import artefact_that_runs, simulate
from nmtool.verification.certificate import SIMULATOR, Certificate, Check
from nmtool.verification.comparison import with_expected_within
from nmtool.verification.coverage import Coverage
from nmtool.verification.digest import artefact_digest
from nmtool.verification.explain import ArtefactRun, explain, with_explanation
from nmtool.verification.faults import MutationScore
from nmtool.verification.foreign import (
    ForeignRecording,
    compare_foreign,
    foreign_recording,
    whole_numbers,
)
from nmtool.verification.join import join

if TYPE_CHECKING:
    from nmtool.exporters.format import Format

_log = logging.getLogger(__name__)

Against = str | Path | Recording
"""The name of a backend; a recording, or the path of one."""

RECORDING = "recording"
"""The name of a recording in memory among the backends."""

Options = Mapping[str, Mapping[str, Any]]
NO_OPTIONS: Options = MappingProxyType({})


@checked(
    network=NETWORK,
    artefact=optional(PATH),
    deep=SWITCH,
    trust=SWITCH,
    coverage=SWITCH,
    exercise=SWITCH,
    options=MAPPING,
)
def verify(
    network: Network | IntegerNetwork | str | Path,
    data: SpikeEvents | Samples | Raster | None = None,
    *,
    against: Against | Sequence[Against] = (),
    artefact: str | Path | None = None,
    deep: bool = False,
    trust: bool = False,
    coverage: bool = True,
    exercise: bool = False,
    options: Options = NO_OPTIONS,
    progress: Progress = silent,
) -> Certificate:
    """Run a network in other backends and compare every spike with the integer simulator.

    >>> verify(q.network, data.test.draw(50), against=["onnx"])  # doctest: +SKIP
    <Certificate: onnx on 50 samples, spikes compared 500000, different 0>

    Args:
        network: integers, or the path of a network or an export. A float network is compared
            with formats of real numbers only.
        data: samples, binned or not; those of a set on disk are compared a portion at a time, and
            coverage is measured on the first portion. Left out, an export is compared on the known
            answers that it carries, and integers on inputs made for them, in which single faults
            show, nearly all of them with `deep`.
        against: backends, `lava`, `brian2-loihi`, `onnx`, `nir`, `c`, `verilog`, `netx`; by default
            that of the export. Recordings, too, of somebody's own framework, in memory or as paths
            (docs/recording.md): float networks are compared with the float simulator.
        artefact: run this export of the network in its own format, not one made for the
            purpose; by default the export that `network` names. It must hold the network, and
            what runs of it must be what nmtool writes for that.
        deep: compare u and v of every neuron, too.
        trust: run an export although it differs from what this nmtool writes, and with it code
            of others. C files are never compiled then.
        coverage: tell which stored numbers the samples exercised, and how many one-unit faults
            they would have shown; of integers that are compared with integers.
        exercise: compare generated samples, too, which exercise what the data do not, with u
            and v of every neuron.
        options: by backend, what its `check` takes, e.g. `{"lava": {"model": "stock"}}`.
        progress: is shown what is being done.

    Raises:
        UsageError: there is nothing to compare with, a float network among integers, an artefact
            that is not compared, or data that do not fit the network.
        ArtefactError: the artefact holds another network.
        FileFormatError: a file is missing or damaged, differs from what would be written, or
            carries no known answers, or those of another network.
        DataError: a recording is not of this network on these samples; all of it is listed.
        DoesNotFitError: a format cannot hold the network.
        MissingError: a runtime is not installed; known before anything runs.
        BackendError: a runtime failed.
    """
    if isinstance(network, str | Path):
        check_exists(network)
    kinds = (str, Path, Recording, Sequence)
    check_type(against, kinds, "the backends", "name them, e.g. against=['c', 'onnx']")
    listed = [against] if isinstance(against, str | Path | Recording) else list(against)
    for named in listed:
        check_type(named, (str, Path, Recording), "a backend", "name it, or its recording's file")
    recorded = _recorded(listed)
    names = [one for one in listed if isinstance(one, str) and not is_recording(one)]
    asked = artefact
    own = _own_export(network, artefact, [*names, *recorded])
    if recorded and (data is None or exercise):
        raise needs_its_samples("leave out --exercise" if exercise else "name DATA")
    if isinstance(data, StoredEvents) and data.n_samples > AT_ONCE and not recorded:
        portion = partial(
            verify, network, against=names, artefact=asked, deep=deep, trust=trust,
            options=options, progress=progress,
        )  # fmt: skip
        return _verify_portions(portion, data, coverage, exercise)
    on_known_answers = data is None and own is None and bool(names)
    if data is None and exercise:
        raise UsageError(
            "generated samples are compared beside data",
            code="data-missing",
            fix="name DATA, or leave out --exercise",
        )
    if data is None and not on_known_answers:
        return _verify_answers(network, own, names, deep, trust, coverage, options, progress)
    backends = [] if recorded and not names else backends_to_run(names, own)
    found = load(network) if isinstance(network, str | Path) else network
    _check_arithmetic(found, backends)
    _check_options(options, backends)
    if own is not None and type(own) in backends:
        check_tied(own, found if asked is not None and asked != network else None, trust=trust)
    for backend in backends:
        backend.require()
    spikes, label = _input(found, _made_input(found, backends) if data is None else data)
    foreign = {
        name: foreign_recording(one, found, spikes.n_samples, spikes.n_steps)
        for name, one in recorded.items()
    }
    with tempfile.TemporaryDirectory(prefix="nmtool-verify-") as scratch:
        # All are written before the first runs: what cannot be exported is known at once.
        compared = [
            own if own is not None and type(own) is one else _exported(one, found, Path(scratch))
            for one in backends
        ]
        artefacts = {one.name: artefact_digest(one.path) for one in compared}
        generated = _generated(found, spikes, deep, progress) if exercise else None
        deep_too = deep or any(one.is_deep for one in foreign.values())
        simulated = _simulated(found, spikes, deep_too, progress)
        answered = None if generated is None else _simulated(found, generated, True, progress)
        all_populations = {p.name for p in found.populations}
        measures_coverage = coverage and (
            any(not one.holds_floats for one in backends)
            or any(all_populations == {*one.populations} for one in foreign.values())
        )
        # A recording of others may hold u and v that backends were not asked for.
        plain = simulated
        if simulated is not None and not deep:
            plain = replace(simulated, current={}, potential={})
        runs = [
            ArtefactRun(one, found, spikes, plain, _run_options(one, options, trust))
            for one in compared
        ]
        with ThreadPoolExecutor(1) as beside:
            # What the comparison says is found out while backends run, most of them elsewhere.
            extent = beside.submit(
                _extent,
                found if measures_coverage else None,
                spikes,
                simulated,
                deep,
                generated,
                answered,
            )
            checks = _check_backends(runs, deep, progress)
            for name, recording in foreign.items():
                with progress(name):
                    checks[name] = _check_foreign(found, spikes, simulated, recording, name)
            generated_checks = (
                {} if generated is None else _check_generated(runs, generated, answered, progress)
            )
    for name, source in recorded.items():
        if not isinstance(source, Recording):
            artefacts[name] = artefact_digest(source)
    return Certificate(
        spikes.n_samples,
        found.content_hash,
        checks,
        {} if label is None else _accuracy(label, simulated, checks, foreign),
        on_known_answers=on_known_answers,
        generated=generated_checks,
        overflows=_overflows(found, spikes, simulated),
        generated_overflows={} if generated is None else _overflows(found, generated, answered),
        artefacts=artefacts,
        class_samples=[]
        if label is None
        else np.bincount(label, minlength=len(found.class_names)).tolist(),
        **extent.result(),
    )


def _check_backends(
    runs: Sequence[ArtefactRun], deep: bool, progress: Progress
) -> dict[str, Check]:
    """Run backends and compare each with what it must answer; what differs is explained last."""
    backends = [run.artefact for run in runs]
    checks = {
        run.artefact.name: _check(run, deep and _records_all(run.artefact, backends), progress)
        for run in runs
    }
    return {
        run.artefact.name: with_explanation(run, checks[run.artefact.name], progress)
        for run in runs
    }


def _check_generated(
    runs: Sequence[ArtefactRun], generated: Raster, expected: Recording | None, progress: Progress
) -> dict[str, Check]:
    """Run backends on generated samples, too, with u and v where they record them."""
    again = [replace(run, spikes=generated, expected=expected) for run in runs]
    return {run.artefact.name: _check(run, run.artefact.records_states, progress) for run in again}


def _check(run: ArtefactRun, deep: bool, progress: Progress) -> Check:
    return run.artefact.check(
        run.spikes, simulated=run.expected, deep=deep, progress=progress, **run.options
    )


def _accuracy(
    label: NDArray[np.integer],
    simulated: Recording | None,
    checks: Mapping[str, Check],
    foreign: Mapping[str, ForeignRecording],
) -> dict[str, float]:
    """Share classified rightly, 0 … 1, by what ran; of recordings, where they tell classes.

    Args:
        label: [samples], the class of each.
        simulated: recording of the simulator.
        checks: by what was compared.
        foreign: recordings of others among them.
    """
    found = {} if simulated is None else {SIMULATOR: simulated.accuracy(label)}
    for name, check in checks.items():
        if name not in foreign:
            found[name] = check.recording.accuracy(label)
        elif (predicted := foreign[name].classes) is not None:
            found[name] = float((predicted == label).mean())
    return found


def _run_options(artefact: Format, options: Options, trust: bool) -> dict[str, Any]:
    """Arguments of an artefact's `run` and `check`."""
    return {"trust": trust, **options.get(artefact.name, {})}


def _verify_portions(
    verify_portion: Callable[..., Certificate],
    data: StoredEvents,
    coverage: bool,
    exercise: bool,
) -> Certificate:
    """Verify samples on disk, portion by portion; coverage is measured on the first one."""
    if coverage or exercise:
        _log.warning(
            f"remark[samples-first]: coverage is measured on the first {AT_ONCE} samples, since "
            "the data stay on disk"
        )
    return join(
        verify_portion(
            data[first : first + AT_ONCE].in_memory(),
            coverage=coverage and first == 0,
            exercise=exercise and first == 0,
        )
        for first in range(0, data.n_samples, AT_ONCE)
    )


def needs_its_samples(fix: str) -> UsageError:
    """The error of a recording that is compared without data, or on samples made for it."""
    return UsageError(
        "a recording is compared on the samples that were recorded", code="recording-data", fix=fix
    )


def is_recording(against: str | Path | Recording) -> bool:
    """True where this is a recording to compare with, or the path of one, and no backend."""
    from nmtool.exporters.formats import formats_that_run

    if not isinstance(against, str):
        return True
    if against in formats_that_run():
        return False
    return Path(against).suffix == ".npz" or Path(against).is_file()


def _recorded(against: Sequence[Against]) -> dict[str, str | Path | Recording]:
    """The recordings among what is compared, by the names they have in a certificate."""
    found: dict[str, str | Path | Recording] = {}
    for one in against:
        if is_recording(one):
            name = first = RECORDING if isinstance(one, Recording) else Path(one).name
            while name in found:
                name = f"{first} ({len(found) + 1})"
            found[name] = one
    return found


def _check_foreign(
    network: Network | IntegerNetwork,
    spikes: Raster,
    simulated: Recording | None,
    foreign: ForeignRecording,
    name: str,
) -> Check:
    """Compare a recording of others with the network's own run in its own arithmetic."""

    def run(n_steps: int) -> Recording:
        stretched = spikes.first_steps(n_steps)
        if isinstance(network, Network):
            return simulate_floats(network, stretched, deep=foreign.is_deep)
        if simulated is not None and n_steps == spikes.n_steps:
            return simulated
        return simulate(network, stretched, deep=foreign.is_deep)

    silent_about = [p.name for p in network.populations if p.name not in foreign.populations]
    if silent_about:
        _log.warning(f"{name} does not hold {', '.join(silent_about)}: only others are compared")
    began = time.perf_counter()
    found = compare_foreign(network, foreign, run)
    check = Check(
        found.comparison,
        foreign.recording,
        time.perf_counter() - began,
        steps_later=found.later,
        shift_explains=found.explains,
    )
    if isinstance(network, IntegerNetwork) and not (check.identical or found.explains):
        _log.warning(
            f"{name} is compared with integers: a recording of floats belongs to the float network"
        )
    if check.identical or found.explains or foreign.free or silent_about:
        return check
    actual = foreign.recording
    expected = run(foreign.n_steps)
    if isinstance(network, Network):
        actual = with_expected_within(expected, actual, foreign.tolerance)
    if not ({*expected.spikes} <= {*actual.spikes} and {*expected.membrane} <= {*actual.membrane}):
        return check
    explanation = explain(network, spikes, expected, whole_numbers(actual), backend=name)
    return replace(check, explanation=explanation)


def check_answers(
    artefact: Format,
    answers: KnownAnswers,
    *,
    options: Mapping[str, Any] = MappingProxyType({}),
    progress: Progress = silent,
) -> Check:
    """Compare what an artefact answers to the inputs it carries with the answers it carries.

    Args:
        artefact: that carries them.
        answers: that it carries.
        options: what its `check` takes.
        progress: is shown what is being done.
    """
    simulated = None
    if artefact.holds_floats and isinstance(artefact.network, IntegerNetwork):
        simulated = simulate(artefact.network, answers.spikes)
    return artefact.check(
        answers.spikes,
        simulated=simulated,
        answers=answers.recording,
        deep=answers.is_deep,
        progress=progress,
        **options,
    )


def check_tied(
    artefact: Format, network: Network | IntegerNetwork | None, *, trust: bool = False
) -> None:
    """Check, before anything of it runs, that an artefact is that of a network.

    Args:
        artefact: is to be it.
        network: what it is to be; None where the network is the one in the artefact. A format of
            real numbers may hold the floats that integers were made from.
        trust: let what runs of it differ from what would be written.

    Raises:
        ArtefactError: it holds another network.
        FileFormatError: it is damaged, or differs from what would be written.
        MissingError: what writes the format is not installed.
    """
    if network is not None:
        held = artefact.network.content_hash
        if held not in (network.content_hash, getattr(network, "source_hash", "")):
            raise ArtefactError(
                f"{artefact.path} holds another network",
                code="artefact-other-network",
                why=f"its content hash is {held}, not {network.content_hash}",
                fix="export the network again",
            )
    if not trust:
        artefact.check_written()


def backends_to_run(against: Sequence[str], own: Format | None) -> list[type[Format]]:
    """The formats that are compared, each once.

    Args:
        against: their names.
        own: the export, whose format is compared where no other is named.

    Raises:
        UsageError: there is none, or none of that name.
    """
    from nmtool.exporters.formats import format_named, formats_that_run

    found = [format_named(name) for name in dict.fromkeys(against)]
    if not found and own is not None:
        found = [type(own)]
    if not found:
        raise UsageError(
            "there is nothing to compare with",
            code="backend-missing",
            fix=f"name a backend: --against {'|'.join(formats_that_run())}",
        )
    return found


def _verify_answers(
    network: Network | IntegerNetwork | str | Path,
    own: Format | None,
    against: Sequence[str],
    deep: bool,
    trust: bool,
    coverage: bool,
    options: Options,
    progress: Progress,
) -> Certificate:
    if own is None or not own.carries:
        raise UsageError(
            f"{network} carries no known answers",
            code="answers-not-carried",
            why="it is no export that nmtool knows",
            fix="name DATA to compare on, and a backend",
        )
    if against not in ([], [own.name]) or deep:
        raise UsageError(
            "other backends, and u and v, are compared on data",
            code="data-missing",
            fix="name DATA, or leave out what is compared beside the export's own answers",
        )
    found = None
    if not isinstance(network, str | Path):
        found = network
    elif Path(network) != own.path:
        found = load(network)
    check_tied(own, found, trust=trust)
    answers = own.known_answers()
    own.require()
    digest = artefact_digest(own.path)
    run_options = _run_options(own, options, trust)
    check = check_answers(own, answers, options=run_options, progress=progress)
    carried, answer = own.network, answers.recording
    run = ArtefactRun(own, carried, answers.spikes, answer, run_options)
    check = with_explanation(run, check, progress)
    simulated = None
    if isinstance(carried, IntegerNetwork) and not own.holds_floats:
        simulated = simulate(carried, answers.spikes)
    found = carried if coverage else None
    return Certificate(
        answers.spikes.n_samples,
        answers.network_hash,
        {own.name: check},
        on_known_answers=True,
        overflows=_overflows(carried, answers.spikes, simulated),
        artefacts={own.name: digest},
        **_extent(found, answers.spikes, simulated, bool(answer.current), None, None),
    )


class _Extent(TypedDict, total=False):
    """Extent of a comparison, by the names of a certificate; empty for real numbers."""

    coverage: Coverage
    mutation: MutationScore


def _extent(
    network: Network | IntegerNetwork | None,
    spikes: Raster,
    simulated: Recording | None,
    deep: bool,
    generated: Raster | None,
    answered: Recording | None,
) -> _Extent:
    if not isinstance(network, IntegerNetwork) or simulated is None:
        return {}
    from nmtool.hardware_sim.state_bounds import state_bounds
    from nmtool.verification.coverage import coverage
    from nmtool.verification.mutation import mutation_score

    bounds = state_bounds(network, max(network.n_steps, spikes.n_steps))
    score = mutation_score(
        *(network, spikes),
        deep=deep,
        recording=simulated,
        bounds=bounds,
        generated=generated,
        answered=answered,
    )
    if generated is not None and answered is not None:
        spikes = Raster.concatenate([spikes, generated])
        simulated, deep = Recording.concatenate([simulated, answered]), True
    found = coverage(network, spikes, simulated, deep=deep, bounds=bounds)
    return {"coverage": found, "mutation": score}


def _generated(
    network: Network | IntegerNetwork, spikes: Raster, deep: bool, progress: Progress
) -> Raster | None:
    """Samples that exercise what these do not; None where none is needed."""
    if isinstance(network, Network):
        raise UsageError(
            "samples are generated for integers",
            code="exercise-float",
            why="they aim at the numbers that a chip stores",
            fix="quantise the network first, or leave out --exercise",
        )
    from nmtool.verification.exercise import exercise

    with progress("generating samples"):
        generated = exercise(network, spikes, deep=deep)
    return generated if generated.n_samples else None


def _overflows(
    network: Network | IntegerNetwork, spikes: Raster, recording: Recording | None
) -> dict[str, int]:
    """Overflows by the names of the certificate, and what depends on them; empty without a run."""
    if recording is None or not isinstance(network, IntegerNetwork):
        return {}
    from nmtool.verification.overflows import count_dependent

    counts, n_neurons = recording.counts, sum(p.size for p in network.populations)
    return {
        "u_wraps": counts["u_wraps"],
        "v_clips": counts["v_clips"],
        "v_clips_outputs": sum(counts[f"v_clips.{p.name}"] for p in network.integrating),
        "neuron_updates": spikes.n_samples * spikes.n_steps * n_neurons,
        **count_dependent(network, spikes, recording),
    }


def _own_export(
    network: Network | IntegerNetwork | str | Path,
    artefact: str | Path | None,
    against: Sequence[str],
) -> Format | None:
    """The export that is run as it is: the artefact, else the network where it is one."""
    from nmtool.exporters.formats import artefact_at

    if artefact is None:
        own = artefact_at(network) if isinstance(network, str | Path) else None
        return own if own is not None and own.runs else None
    own = artefact_that_runs(artefact)
    if against and own.name not in against:
        raise UsageError(
            f"{artefact} is for {own.name}, which is not among what is compared",
            code="artefact-unused",
            fix=f"name {own.name}, too, or leave the artefact out",
        )
    return own


def _check_options(options: Options, backends: Sequence[type[Format]]) -> None:
    """Raise `UsageError` for options of a backend that does not run, or that it does not take."""
    from nmtool.exporters.format import Format

    names = [backend.name for backend in backends]
    for name, given in options.items():
        if name not in names:
            raise UsageError(
                f"there are options for {name}, which is not compared",
                code="backend-options-unused",
                fix=f"leave them out, or compare with it; compared is {', '.join(names)}",
            )
        check = backends[names.index(name)].check
        known = {*signature(check).parameters} - {*signature(Format.check).parameters}
        for option in given:
            if option not in known:
                raise UsageError(
                    f"{name} takes no option '{option}'",
                    code="backend-option-unknown",
                    fix=f"it takes {', '.join(sorted(known))}" if known else "it takes none",
                )


def _check_arithmetic(network: Network | IntegerNetwork, backends: Sequence[type[Format]]) -> None:
    """Raise `UsageError` where a float network is to run on integers."""
    integers = [one.name for one in backends if not one.holds_floats]
    if isinstance(network, Network) and integers:
        raise UsageError(
            f"a float network cannot be compared with {', '.join(integers)}",
            code="network-float",
            why="they run integers",
            fix="quantise it first: nmtool.quantise(network, calibrate_on=data.train)",
        )


def _exported(format_: type[Format], network: Network | IntegerNetwork, folder: Path) -> Format:
    name = "network" + next(iter(format_.extensions), f"-{format_.name}")
    return format_.write(network, folder / name)


def _records_all(artefact: Format, backends: Sequence[Format]) -> bool:
    """True where a backend shall record u and v; one alone that cannot refuses by itself."""
    if artefact.records_states or not any(one.records_states for one in backends):
        return True
    _log.warning(f"{artefact.name} has no inner variables to compare: --deep is for the others")
    return False


def _input(
    network: Network | IntegerNetwork, data: SpikeEvents | Samples | Raster
) -> tuple[Raster, NDArray[np.integer] | None]:
    """The input spikes, and labels [samples] where there are any."""
    if isinstance(data, Raster) and not data.n_samples:
        raise DataError(
            "there is no sample to compare on", code="split-empty", fix="pass one sample at least"
        )
    if isinstance(data, Raster):
        return data, None
    samples = data if isinstance(data, Samples) else bin_for(network, data)
    return samples.raster, samples.label


def _made_input(network: Network | IntegerNetwork, backends: Sequence[type[Format]]) -> Raster:
    """Inputs made for a network, as exports carry them."""
    from nmtool.hardware_sim.known_answers import known_answers

    return known_answers(network, run=backends[0].reference).spikes


def _simulated(
    network: Network | IntegerNetwork, spikes: Raster, deep: bool, progress: Progress
) -> Recording | None:
    """Recording of the integer simulator; None for float networks."""
    if isinstance(network, Network):
        return None
    return simulate(network, spikes, deep=deep, progress=progress)
