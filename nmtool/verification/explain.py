"""`explain`: the first difference of two recordings and its causes; explanations for checks."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nmtool.arguments import SPIKES, checked
from nmtool.data.events import SpikeEvents
from nmtool.data.samples import bin_for
from nmtool.dynamics import HOP_LATENCY
from nmtool.errors import BackendError, DataError
from nmtool.float_simulator import simulate_floats
from nmtool.network.float_network import Network
from nmtool.network.graph import INPUT
from nmtool.network.integer_network import IntegerNetwork
from nmtool.raster import Raster
from nmtool.recording import Recording, check_input
from nmtool.running import Record, simulate
from nmtool.verification.certificate import Check
from nmtool.verification.comparison import (
    Differences,
    Divergence,
    check_comparable,
    compare_recordings,
    snap_to_expected,
)
from nmtool.verification.explanation import DEEP, OUTSIDE, Arrival, Cause, Explanation
from nmtool.verification.foreign import ForeignRecording, compare_foreign, whole_numbers
from nmtool.verification.verification import Portion, Verification

if TYPE_CHECKING:
    from nmtool.exporters.format import Format

_log = logging.getLogger(__name__)

MOST_CAUSES = 100
"""Largest number of listed causes; further ones are only counted."""

SAMPLES_TOGETHER = 4
"""Largest number of differing samples that are examined together, if they were recorded deep."""

_VALUES_TOGETHER = 1 << 22


@checked(spikes=SPIKES)
def explain(
    network: Network | IntegerNetwork,
    spikes: Raster | SpikeEvents,
    expected: Recording,
    actual: Recording,
    *,
    other: Network | IntegerNetwork | None = None,
    backend: str = "",
) -> Explanation:
    """Find the first difference of two recordings, and the single faults that explain it.

    Each population runs alone on the recorded spikes of its sources. A cause is a fault of the
    network (a weight, a delay, a constant, a rule of the arithmetic, a latency, an input spike)
    with which all populations do what was recorded. Deep recordings give the most precise causes.

    >>> recording = simulate(q.network, data.test, deep=True)  # doctest: +SKIP
    >>> explain(q.network, data.test, recording, recording)  # doctest: +SKIP
    <Explanation: nothing differs>

    Args:
        network: the expected network; causes are only searched for integer networks.
        spikes: the input of the recordings, binned or not.
        expected, actual: recordings of the same samples.
        other: the network of `actual`, if it is not `network`: a network of the same shape, e.g.
            with fewer bits or with float weights. Then only spikes are
            compared, not membranes, and arriving spikes are listed for both networks.
        backend: name of the backend of `actual`, for the text.

    Raises:
        DataError: recordings, network and input differ in populations, samples or steps.
    """
    raster = spikes if isinstance(spikes, Raster) else bin_for(network, spikes).raster
    check_comparable(expected, actual, ("spikes", "membrane"))
    for subject in (network,) if other is None else (network, other):
        _check_fit(subject, raster, actual)
    expected = _with_simulated_states(network, raster, expected, actual)
    # Membranes of two networks have different scales, so only their spikes are compared.
    differences = _differences(
        expected, actual if other is None else replace(expected, spikes=actual.spikes)
    )
    place = differences.first
    explanation = Explanation(
        backend=backend,
        place=place,
        other_arrivals=None if other is None else (),
        different=differences.by_population,
        samples_different=len(differences.samples),
        samples=expected.n_samples,
    )
    if place is None:
        return explanation
    explanation = replace(explanation, arrivals=_arrivals_at(network, raster, expected, place))
    if other is not None:
        explanation = replace(
            explanation, other_arrivals=_arrivals_at(other, raster, actual, place)
        )
    integers = isinstance(network, IntegerNetwork) and isinstance(other, IntegerNetwork | None)
    if not integers or not _are_integers(actual):
        return explanation
    assert isinstance(network, IntegerNetwork)
    causes, neurons, deep = _search_causes(network, raster, actual, place.sample, expected)
    return replace(
        explanation,
        causes=causes[:MOST_CAUSES],
        n_causes=len(causes),
        neurons=neurons,
        tried_on=DEEP if deep else OUTSIDE,
    )


def with_explanation(
    check: Check, verification: Verification, artefact: Format, portion: Portion
) -> Check:
    """Add an explanation to the check of an export that differs.

    If the format records u and v and the check did not compare them, the first sample that differs
    is run again alone, with u and v. For real numbers, an explanation has place and arrivals, but
    no causes: the stored numbers were compared with the network's before the export ran.

    Args:
        check: the check, whose comparison has a first difference.
        verification, artefact, portion: what was compared, the export, and its input.
    """
    place, network = check.comparison.first_divergence, verification.network
    assert place is not None, "nothing differs"
    with verification.progress(f"explaining why {artefact.name} differs in sample {place.sample}"):
        sample = [place.sample]
        reference, recorded = portion.expected, check.recording
        if artefact.reference is not None:
            reference = artefact.reference(network, portion.spikes)
            recorded = snap_to_expected(reference, recorded, artefact.tolerance)
        assert reference is not None, "only formats of real numbers have a reference"
        spikes, expected = portion.spikes.take(sample), reference.take(sample)
        actual, remark = recorded.take(sample), ""
        if not actual.current and artefact.records_states:
            run_again = partial(artefact.run, **verification.options_of(artefact))
            actual, remark = _with_states(run_again, spikes, expected, actual)
        explanation = explain(network, spikes, expected, actual, backend=artefact.name)
        differences = _differences(reference, recorded)
    place_in_run = (
        None if explanation.place is None else replace(explanation.place, sample=place.sample)
    )
    return replace(
        check,
        explanation=replace(
            explanation,
            place=place_in_run,
            different=differences.by_population,
            samples_different=len(differences.samples),
            samples=portion.spikes.n_samples,
            remark=remark,
        ),
    )


def check_foreign(
    network: Network | IntegerNetwork,
    spikes: Raster,
    simulated: Recording | None,
    foreign: ForeignRecording,
    name: str,
) -> Check:
    """Compare a recording by another framework with the network in its own arithmetic.

    Args:
        network: the network that was recorded.
        spikes: the input.
        simulated: recording of the integer simulator; None for a float network.
        foreign: the recording.
        name: name of the recording in the certificate.
    """

    def run(n_steps: int) -> Recording:
        """Simulate the input for this number of steps."""
        stretched = spikes.first_steps(n_steps)
        if isinstance(network, Network):
            return simulate_floats(network, stretched, deep=foreign.is_deep)
        if simulated is not None and n_steps == spikes.n_steps:
            return simulated
        return simulate(network, stretched, deep=foreign.is_deep)

    missing = [p.name for p in network.populations if p.name not in foreign.populations]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        _log.warning(f"{name} lacks {', '.join(missing)}, which {verb} not compared")
    began = time.perf_counter()
    outcome = compare_foreign(network, foreign, run)
    check = Check(
        outcome.comparison,
        foreign.recording,
        time.perf_counter() - began,
        steps_later=outcome.later,
        shift_explains=outcome.explains,
    )
    if isinstance(network, IntegerNetwork) and not (check.identical or outcome.explains):
        _log.warning(
            f"{name} is compared with integers; for a recording of floats, name the float network"
        )
    if check.identical or outcome.explains or foreign.free or missing:
        return check
    actual = foreign.recording
    expected = run(foreign.n_steps)
    if isinstance(network, Network):
        actual = snap_to_expected(expected, actual, foreign.tolerance)
    if not ({*expected.spikes} <= {*actual.spikes} and {*expected.membrane} <= {*actual.membrane}):
        return check
    explanation = explain(network, spikes, expected, whole_numbers(actual), backend=name)
    return replace(check, explanation=explanation)


def _with_states(
    run: Record, spikes: Raster, expected: Recording, actual: Recording
) -> tuple[Recording, str]:
    """Run a sample again, with the function `run`, to record u and v.

    Returns:
        The new recording and ''; or `actual` and the reason why there is no new recording.
    """
    try:
        deep = run(spikes, deep=True)
    except BackendError as error:
        return actual, f"the sample could not be run again with u and v: {error.what}"
    if compare_recordings(expected, deep).identical:
        return actual, "run alone, the sample does not differ: it depends on the samples before it"
    return deep, ""


def _check_fit(network: Network | IntegerNetwork, spikes: Raster, actual: Recording) -> None:
    """Raise `DataError` unless a recording fits network and input."""
    check_input(network, spikes)
    sizes = {name: raster.n_neurons for name, raster in actual.spikes.items()}
    sizes |= {name: v.shape[2] for name, v in actual.membrane.items()}
    if sizes != {p.name: p.size for p in network.populations}:
        raise DataError(
            "the recordings are from another network",
            code="recording-other-network",
            why="they have other populations or neurons",
            fix="name the network that was recorded",
        )
    steps = {raster.n_steps for raster in actual.spikes.values()}
    steps |= {v.shape[1] for v in actual.membrane.values()}
    if (actual.n_samples, steps) != (spikes.n_samples, {spikes.n_steps}):
        raise DataError(
            "the recordings are from another input",
            code="recording-other-input",
            why=f"the input has {spikes.n_samples} samples of {spikes.n_steps} steps",
            fix="name the input that was recorded",
        )


def _with_simulated_states(
    network: Network | IntegerNetwork, spikes: Raster, expected: Recording, actual: Recording
) -> Recording:
    """Add simulated u and v to the expected recording, if only `actual` has u and v."""
    if not isinstance(network, IntegerNetwork) or not actual.current or expected.current:
        return expected
    deep = simulate(network, spikes, deep=True)
    return deep if compare_recordings(expected, deep).identical else expected


def _differences(expected: Recording, actual: Recording) -> Differences:
    """The differences in spikes, and in u and v where both recordings have them."""

    def common(group: str) -> dict[str, NDArray]:
        """The values of a group of which the actual recording has the population, too."""
        theirs = getattr(actual, group)
        return {n: values for n, values in getattr(expected, group).items() if n in theirs}

    states = replace(expected, current=common("current"), potential=common("potential"))
    return Differences(states, actual)


def _are_integers(recording: Recording) -> bool:
    """True if the membranes of a recording are integers."""
    return all(v.dtype.kind in "iu" for v in recording.membrane.values())


def _search_causes(
    network: IntegerNetwork, spikes: Raster, actual: Recording, sample: int, expected: Recording
) -> tuple[list[Cause], int, bool]:
    """Search for causes of the differences in a sample, and in up to three further samples.

    Returns:
        Causes, number of neurons that deviate in the sample, and True if u and v were recorded.
    """
    from nmtool.verification.causes import Case, find_causes

    case = Case(network, spikes, actual, [sample])
    if not case.deviating:
        return [Cause("expected-differs")], 0, case.deep
    shown = Differences(replace(expected, current={}, potential={}), actual)
    others = [index for index in shown.samples if index != sample]
    size = spikes.n_steps * sum(population.size for population in network.populations)
    n_together = min(SAMPLES_TOGETHER, max(1, _VALUES_TOGETHER // max(size, 1))) if case.deep else 1
    causes: list[Cause] = []
    if n_together > 1 and others:
        together = [sample, *others[: n_together - 1]]
        causes = find_causes(Case(network, spikes, actual, together))
    return causes or find_causes(case), sum(map(len, case.deviating.values())), case.deep


def _arrivals_at(
    network: Network | IntegerNetwork, spikes: Raster, recording: Recording, place: Divergence
) -> Sequence[Arrival]:
    """Spikes that reach the neuron of `place` at its step, largest sums of weights first."""
    arrivals = []
    for projection in network.projections:
        if projection.target != place.population:
            continue
        raster = spikes if projection.source == INPUT else recording.spikes[projection.source]
        sent = raster.take([place.sample]).dense_counts()[0]
        delay = projection.delay[:, place.neuron].astype(np.int64)
        weight = getattr(projection, "shifted_weight", projection.weight)[:, place.neuron]
        step = place.step - HOP_LATENCY - delay
        counts = sent[np.maximum(step, 0), np.arange(len(step))] * ((step >= 0) & (weight != 0))
        arrivals += [
            Arrival(
                projection.source,
                int(pre),
                weight[pre].item(),
                int(delay[pre]),
                int(step[pre]),
                int(counts[pre]),
            )
            for pre in np.flatnonzero(counts)
        ]
    return sorted(arrivals, key=lambda arrival: -abs(arrival.weight * arrival.count))
