"""`verify`: a network in other backends, spike for spike as in the integer simulator.

`Against` (`against.py`) says what a network is compared with, and which of the ways it goes: on
data, on inputs made for the network, or on the answers that an export carries. All of them end in
`_compare`, which runs everything on one set of samples; data on disk come there a portion at a
time.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from nmtool.arguments import MAPPING, checked
from nmtool.data.catalogue import as_samples
from nmtool.data.events import SpikeEvents
from nmtool.data.samples import Samples, bin_for, portions_for
from nmtool.errors import ArtefactError, DataError, UsageError
from nmtool.loading import load
from nmtool.network.float_network import Network
from nmtool.network.integer_network import IntegerNetwork
from nmtool.progress import Progress, silent
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.running import SIMULATOR, simulate
from nmtool.verification.against import NO_OPTIONS, Against, Named, Options, Way
from nmtool.verification.certificate import Certificate, Check
from nmtool.verification.coverage import Coverage
from nmtool.verification.digest import artefact_digest
from nmtool.verification.explain import ArtefactRun, check_foreign, with_explanation
from nmtool.verification.faults import MutationScore
from nmtool.verification.foreign import ForeignRecording, foreign_recording
from nmtool.verification.join import join
from nmtool.verification.overflows import count_overflows

if TYPE_CHECKING:
    from nmtool.exporters.format import Format

_log = logging.getLogger(__name__)


@checked(options=MAPPING)
def verify(
    network: Network | IntegerNetwork | str | Path,
    data: SpikeEvents | Samples | Raster | str | Path | None = None,
    *,
    against: Named | Sequence[Named] = (),
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
        data: samples, binned or not, or the name of a split, `digits:test`; those of a set on disk
            are compared a portion at a time, and coverage is measured on the first portion. Left
            out, an export is compared on the known answers that it carries, and integers on inputs
            made for them, in which single faults show, nearly all of them with `deep`.
        against: backends, `lava`, `brian2-loihi`, `onnx`, `nir`, `c`, `firmware`, `verilog`,
            `netx`, `json`; by default that of the export. `json` is the readable simulator; `fenn`
            is FeNN's instruction-set simulator, for networks that are made for FeNN;
            `cortex-m`, `riscv32` and `powerpc` are the C file on a processor that QEMU emulates.
            Recordings, too, of somebody's own framework, in memory or as paths
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
    compared = Against.of(network, against, artefact)
    how = _How(deep, trust, coverage, exercise, options, progress)
    way = compared.way(has_data=data is not None, deep=deep, exercise=exercise)
    if way is Way.ANSWERS:
        return _on_answers(network, compared, how)
    return _on_inputs(network, as_samples(data), compared, how)


@dataclass(frozen=True)
class _How:
    """What `verify` is asked for beside what it compares, as its arguments say."""

    deep: bool
    trust: bool
    coverage: bool
    exercise: bool
    options: Options
    progress: Progress

    def options_of(self, artefact: Format) -> dict[str, Any]:
        """Arguments of an artefact's `run` and `check`."""
        return {"trust": self.trust, **self.options.get(artefact.name, {})}

    def for_portion(self, number: int) -> _How:
        """The same for a portion of the data; coverage and generated samples are of the first."""
        return self if number == 0 else replace(self, coverage=False, exercise=False)


@dataclass(frozen=True, eq=False)
class _Samples:
    """Samples that are compared.

    Attributes:
        spikes: the input.
        label: [samples], the class of each; None where they have none.
        answers: what an export must answer, by what it carries; None for what the integer
            simulator, or the reference of a format, says.
        is_made: True for inputs that were made for the network.
    """

    spikes: Raster
    label: NDArray[np.integer] | None = None
    answers: Recording | None = None
    is_made: bool = False


# The ways.


def _on_answers(
    network: Network | IntegerNetwork | str | Path, against: Against, how: _How
) -> Certificate:
    """Compare what an export answers to the inputs it carries with the answers it carries."""
    own = against.own
    assert own is not None
    against.check_options(how.options)
    _check_own(network, against, trust=how.trust)
    answers = own.known_answers()
    own.require()
    samples = _Samples(answers.spikes, answers=answers.recording, is_made=True)
    return _compare(own.network, [own], {}, samples, replace(how, deep=answers.is_deep))


def _on_inputs(
    network: Network | IntegerNetwork | str | Path,
    data: SpikeEvents | Samples | Raster | None,
    against: Against,
    how: _How,
) -> Certificate:
    """Compare on data, or without any on inputs that are made for the network."""
    own, expected = against.own, _network(network, against.own)
    against.check_arithmetic(expected)
    against.check_options(how.options)
    if against.runs_own:
        _check_own(network, against, trust=how.trust)
    against.require()
    with tempfile.TemporaryDirectory(prefix="nmtool-verify-") as scratch:
        # All are written before the first runs: what cannot be exported is known at once.
        artefacts = [
            own if own is not None and type(own) is one else _exported(one, expected, scratch)
            for one in against.formats
        ]
        return join(
            _compare(expected, artefacts, against.recordings, samples, how.for_portion(number))
            for number, samples in enumerate(_samples(expected, data, against, how))
        )


def _samples(
    network: Network | IntegerNetwork,
    data: SpikeEvents | Samples | Raster | None,
    against: Against,
    how: _How,
) -> Iterator[_Samples]:
    """The samples to compare on, a portion at a time.

    Recordings are compared on all samples at once.
    """
    if data is None:
        from nmtool.hardware_sim.known_answers import known_answers

        made = known_answers(network, run=against.formats[0].reference, progress=how.progress)
        yield _Samples(made.spikes, is_made=True)
    elif isinstance(data, Raster):
        if not data.n_samples:
            raise DataError(
                "there is no sample to compare on",
                code="split-empty",
                fix="pass one sample at least",
            )
        yield _Samples(data)
    elif against.recordings and not isinstance(data, Samples):
        samples = bin_for(network, data)
        yield _Samples(samples.raster, samples.label)
    else:
        for number, samples in enumerate(portions_for(network, data)):
            n_samples = samples.label.size
            if number == 0 and n_samples < data.label.size and (how.coverage or how.exercise):
                _log.warning(
                    f"remark[samples-first]: coverage is measured on the first {n_samples} "
                    "samples, since the data stay on disk"
                )
            yield _Samples(samples.raster, samples.label)


def _network(
    network: Network | IntegerNetwork | str | Path, own: Format | None
) -> Network | IntegerNetwork:
    """The network to compare; an export that it names is read once."""
    if not isinstance(network, str | Path):
        return network
    return own.network if own is not None and own.path == Path(network) else load(network)


def _check_own(
    network: Network | IntegerNetwork | str | Path, against: Against, *, trust: bool
) -> None:
    """Check, before anything of it runs, that the export is that of the network.

    An export of real numbers may hold the floats that integers were made from.

    Args:
        network: what it is to be.
        against: with the export.
        trust: let what runs of it differ from what would be written.

    Raises:
        ArtefactError: it holds another network.
        FileFormatError: it is damaged, or differs from what would be written.
        MissingError: what writes the format is not installed.
    """
    own = against.own
    assert own is not None
    expected, carried = _network(network, own), own.network.content_hash
    if carried not in (expected.content_hash, getattr(expected, "source_hash", "")):
        raise ArtefactError(
            f"{own.path} holds another network",
            code="artefact-other-network",
            why=f"its content hash is {carried}, not {expected.content_hash}",
            fix="export the network again",
        )
    if not trust:
        own.check_written()


def _exported(format_: type[Format], network: Network | IntegerNetwork, folder: str) -> Format:
    name = "network" + next(iter(format_.extensions), f"-{format_.name}")
    return format_.write(network, Path(folder, name))


# What all ways come to.


def _compare(
    network: Network | IntegerNetwork,
    artefacts: Sequence[Format],
    recordings: Mapping[str, str | Path | Recording],
    samples: _Samples,
    how: _How,
) -> Certificate:
    """Run everything on some samples, and compare it with the integer simulator."""
    spikes, label, progress = samples.spikes, samples.label, how.progress
    foreign = {
        name: foreign_recording(one, network, spikes.n_samples, spikes.n_steps)
        for name, one in recordings.items()
    }
    digests = {one.name: artefact_digest(one.path) for one in artefacts}
    digests |= {
        name: artefact_digest(one)
        for name, one in recordings.items()
        if not isinstance(one, Recording)
    }
    runs_integers = any(not one.holds_floats for one in artefacts)
    generated = _generated(network, spikes, how.deep, progress) if how.exercise else None
    deep_too = how.deep or any(one.is_deep for one in foreign.values())
    simulated = _simulated(network, spikes, deep_too, progress)
    answered = None if generated is None else _simulated(network, generated, True, progress)
    # A recording of others may hold u and v that backends were not asked for.
    plain = simulated
    if simulated is not None and not how.deep:
        plain = replace(simulated, current={}, potential={})
    runs = [
        ArtefactRun(one, network, spikes, plain, samples.answers, how.options_of(one))
        for one in artefacts
    ]
    all_populations = {p.name for p in network.populations}
    measures_coverage = how.coverage and (
        runs_integers or any(all_populations == {*one.populations} for one in foreign.values())
    )
    with ThreadPoolExecutor(1) as beside:
        # What the comparison says is found out while backends run, most of them elsewhere.
        extent = beside.submit(
            _extent,
            network if measures_coverage else None,
            spikes,
            simulated,
            how.deep,
            generated,
            answered,
        )
        checks = _check_backends(runs, how.deep, progress)
        for name, recording in foreign.items():
            with progress(name):
                checks[name] = check_foreign(network, spikes, simulated, recording, name)
        generated_checks = (
            {} if generated is None else _check_generated(runs, generated, answered, progress)
        )
        with progress("what the samples exercise"):
            exercised = extent.result()
    # Of real numbers that answer for themselves, no overflow is told: they have none.
    counted = simulated if runs_integers or samples.answers is None else None
    return Certificate(
        spikes.n_samples,
        network.content_hash,
        checks,
        {} if label is None else _accuracy(label, simulated, checks, foreign),
        on_known_answers=samples.is_made,
        generated=generated_checks,
        overflows=count_overflows(network, spikes, counted),
        generated_overflows={}
        if generated is None
        else count_overflows(network, generated, answered),
        artefacts=digests,
        class_samples=[]
        if label is None
        else np.bincount(label, minlength=len(network.class_names)).tolist(),
        **exercised,
    )


def _check_backends(
    runs: Sequence[ArtefactRun], deep: bool, progress: Progress
) -> dict[str, Check]:
    """Run backends and compare each with what it must answer; what differs is explained last."""
    able = [run.artefact.name for run in runs if run.artefact.records_states]
    checks = {}
    for run in runs:
        name, records = run.artefact.name, run.artefact.records_states
        if deep and able and not records:
            _log.warning(f"{name} has no inner variables to compare: `deep=True` is for the others")
        # One alone that records none refuses by itself.
        checks[name] = run.check(deep=deep and (records or not able), progress=progress)
    return {
        run.artefact.name: with_explanation(run, checks[run.artefact.name], progress)
        for run in runs
    }


def _check_generated(
    runs: Sequence[ArtefactRun], generated: Raster, answered: Recording | None, progress: Progress
) -> dict[str, Check]:
    """Run backends on generated samples, too, with u and v where they record them."""
    again = [replace(run, spikes=generated, simulated=answered, answers=None) for run in runs]
    return {
        run.artefact.name: run.check(deep=run.artefact.records_states, progress=progress)
        for run in again
    }


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
    accuracy = {} if simulated is None else {SIMULATOR: simulated.accuracy(label)}
    for name, check in checks.items():
        if name not in foreign:
            accuracy[name] = check.recording.accuracy(label)
        elif (predicted := foreign[name].classes) is not None:
            accuracy[name] = float((predicted == label).mean())
    return accuracy


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
            fix="quantise the network first, or leave out `exercise=`",
        )
    from nmtool.verification.exercise import exercise

    with progress("generating samples"):
        generated = exercise(network, spikes, deep=deep)
    return generated if generated.n_samples else None


def _simulated(
    network: Network | IntegerNetwork, spikes: Raster, deep: bool, progress: Progress
) -> Recording | None:
    """Recording of the integer simulator; None for float networks."""
    if isinstance(network, Network):
        return None
    return simulate(network, spikes, deep=deep, progress=progress)
