"""Recordings by other frameworks, compared with nmtool's simulation of the network.

A file is a plain `.npz` of dense arrays (docs/recording.md). Frameworks differ in timing: a hop
takes one step in nmtool and none in most frameworks, so that every population may be shifted by a
constant number of steps. If such shifts explain all differences, the comparison says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nmtool import storage
from nmtool.errors import DataError, FileFormatError, Finding, suggestion
from nmtool.network.float_network import Network
from nmtool.network.graph import INPUT, LIF
from nmtool.network.integer_network import IntegerNetwork
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.verification.comparison import (
    FLOAT_TOLERANCE,
    Comparison,
    count_differences,
    snap_to_expected,
)

AXES, HOPS, PREDICTIONS = "axes", "hops", "predictions"
"""Names of arrays in a file other than populations."""

SAMPLES_FIRST, STEPS_FIRST = "samples steps neurons", "steps samples neurons"
DELAYED, FREE = "delayed", "free"

SINGLE_TOLERANCE, HALF_TOLERANCE = 1e-4, 1e-3
"""Tolerances for membranes in float32 and float16, relative to the largest in a population."""

_FREE_BYTES = 512 << 20

Run = Callable[[int], Recording]
"""Function that simulates the network for a number of steps."""


@dataclass(frozen=True, eq=False)
class ForeignRecording:
    """A recording of some or all populations of a network, by another framework.

    Attributes:
        recording: spikes, membranes, u and v of the recorded populations.
        n_steps: number of steps of every sample.
        predictions: [samples] int64 classes; None if not recorded.
        free: True if hops take no step in the framework.
    """

    recording: Recording
    n_steps: int
    predictions: NDArray[np.int64] | None = None
    free: bool = False

    @property
    def populations(self) -> list[str]:
        """Names of the recorded populations."""
        r = self.recording
        return list(dict.fromkeys([*r.spikes, *r.membrane, *r.current, *r.potential]))

    @property
    def is_deep(self) -> bool:
        """True if u, or v of spiking populations, was recorded."""
        return bool(self.recording.current or self.recording.potential)

    @property
    def classes(self) -> NDArray[np.int64] | None:
        """[samples] int64: classes in the file, else classes by the network's readout.

        None if the file has no classes and the output population was not recorded.
        """
        recording, readout = self.recording, self.recording.readout
        answering = recording.spikes if readout.kind == LIF else recording.membrane
        if self.predictions is not None or readout.population not in answering:
            return self.predictions
        return recording.predictions

    @property
    def tolerance(self) -> float:
        """Tolerance for real membranes, relative to the largest membrane in the population."""
        dense = [*self.recording.v.values(), *self.recording.current.values()]
        sizes = [values.dtype.itemsize for values in dense if values.dtype.kind == "f"]
        return {2: HALF_TOLERANCE, 4: SINGLE_TOLERANCE}.get(min(sizes, default=8), FLOAT_TOLERANCE)


@dataclass(frozen=True)
class ShiftedComparison:
    """A comparison with a recording by another framework, and the populations' shifts in time.

    Attributes:
        comparison: comparison with shifted populations if hops take no step, else without shifts.
        later: by population, number of steps by which spikes are later in the recording than in
            nmtool; negative: earlier.
        explains: True if there are differences, and shifts would explain all of them.
    """

    comparison: Comparison
    later: Mapping[str, int] = field(default_factory=dict)
    explains: bool = False


def foreign_recording(
    source: str | Path | Recording, network: Network | IntegerNetwork, n_samples: int, n_steps: int
) -> ForeignRecording:
    """Read a recording of a network, and check that it fits the network.

    Args:
        source: a recording in memory, a file of `Recording.save`, or a file in the format of
            docs/recording.md.
        network: the network that was recorded.
        n_samples, n_steps: numbers of samples and of steps of the input.

    Raises:
        FileFormatError: the file is missing or damaged, or is another kind of file of nmtool.
        DataError: the recording does not fit network and input; each misfit is a finding.
    """
    if not isinstance(source, Recording) and (kind := storage.archive_kind(source)):
        if kind in (Network.file_kind, IntegerNetwork.file_kind):
            raise FileFormatError(
                f"{source} is a network, not a recording",
                code="file-kind",
                fix="record it on the same samples: nmtool.simulate(…).save(FILE); or, to check "
                "that an export contains this network, name the export: `artefact=`",
            )
        source = Recording.load(source)
    findings: list[Finding] = []
    if isinstance(source, Recording):
        title = "the recording"
        read = _Reader(network, n_samples, n_steps)
        for name, array in _arrays_of(source).items():
            findings += read.take(name, array)
    else:
        title, arrays = str(source), storage.read_arrays(source, free_bytes=_FREE_BYTES)
        steps_first, free = _conventions(arrays, findings)
        read = _Reader(network, n_samples, n_steps, free)
        for name, array in arrays.items():
            if name == PREDICTIONS:
                findings += read.take_predictions(array)
            elif name not in (AXES, HOPS):
                findings += read.take(name, array, steps_first=steps_first)
    if not findings and not read.arrays:
        findings.append(
            Finding("recording-empty", title, "no array belongs to a population", _FIX_NAMES)
        )
    if findings:
        raise DataError(
            f"{title} is not a recording of this network on these samples",
            code="recording-unfit",
            fix="see docs/recording.md for the format",
            findings=findings,
        )
    spikes = {
        name: Raster.from_dense(values) for name, values in read.by_population("spikes").items()
    }
    recording = Recording.of(network, spikes, read.by_population("v"), read.by_population("u"))
    return ForeignRecording(recording, read.n_recorded, read.predictions, read.free)


_FIX_NAMES = "name arrays after populations of the network, e.g. np.savez(path, axes=…, hidden=…)"


def _arrays_of(recording: Recording) -> dict[str, NDArray]:
    """Convert a recording to dense arrays, named as in docs/recording.md."""
    arrays: dict[str, NDArray] = {}
    for name, raster in recording.spikes.items():
        arrays[name] = raster.dense() if raster.count is None else raster.dense_counts()
    for letter, states in (("v", recording.v), ("u", recording.current)):
        arrays |= {f"{letter}.{name}": values for name, values in states.items()}
    return arrays


def _conventions(arrays: Mapping[str, NDArray], findings: list[Finding]) -> tuple[bool, bool]:
    """Read the conventions of a file; missing or unknown words become findings.

    Returns:
        True if steps are the first axis, and True if hops take no step.
    """

    def word(name: str) -> str | None:
        """The text of a convention; None if it is missing or no text."""
        return str(arrays[name]) if name in arrays and arrays[name].ndim == 0 else None

    def problem_and_fix(name: str, first: str, second: str) -> tuple[str, str]:
        """Texts of a finding on the convention `name`, which must be `first` or `second`."""
        what = f"{name} is '{word(name)}'" if name in arrays else f"{name} is missing"
        return what, f"add {name}='{first}' or {name}='{second}' to np.savez"

    if word(AXES) not in (SAMPLES_FIRST, STEPS_FIRST):
        what, fix = problem_and_fix(AXES, SAMPLES_FIRST, STEPS_FIRST)
        findings.append(Finding("recording-axes", AXES, what, fix))
    if HOPS in arrays and word(HOPS) not in (DELAYED, FREE):
        what, fix = problem_and_fix(HOPS, DELAYED, FREE)
        findings.append(Finding("recording-hops", HOPS, what, fix))
    return word(AXES) == STEPS_FIRST, word(HOPS) == FREE


class _Reader:
    """Collects the arrays of a recording by quantity and population; misfits become findings."""

    def __init__(
        self, network: Network | IntegerNetwork, n_samples: int, n_steps: int, free: bool = False
    ) -> None:
        self.populations = {p.name: p for p in network.populations}
        self.n_classes = self.populations[network.readout.population].size
        self.n_samples, self.n_steps, self.free = n_samples, n_steps, free
        self.arrays: dict[tuple[str, str], NDArray] = {}
        self.predictions: NDArray[np.int64] | None = None

    @property
    def n_recorded(self) -> int:
        """Number of recorded steps: the length of the shortest array."""
        return min((array.shape[1] for array in self.arrays.values()), default=self.n_steps)

    def by_population(self, quantity: str) -> dict[str, NDArray]:
        """Arrays of `spikes`, `u` or `v` by population, cut to the shortest array's steps."""
        n_steps = self.n_recorded
        return {
            name: values[:, :n_steps]
            for (recorded, name), values in self.arrays.items()
            if recorded == quantity
        }

    def take(self, name: str, array: NDArray, *, steps_first: bool = False) -> Iterator[Finding]:
        """Store an array of the recording, or yield findings on why it does not fit the network."""
        if array.dtype.kind not in "biuf":
            yield Finding(
                "recording-dtype",
                name,
                f"its type is {array.dtype}",
                "write integers or floating-point numbers",
            )
            return
        letter, _, population = name.rpartition(".")
        network_population = self.populations.get(population)
        if network_population is None or letter not in ("", "u", "v"):
            names = [*self.populations, *(f"v.{candidate}" for candidate in self.populations)]
            what = "the network has no such population"
            yield Finding("recording-population", name, what, suggestion(name, names))
            return
        expected = (self.n_samples, self.n_steps, network_population.size)
        if array.ndim == 3 and steps_first:
            array = np.moveaxis(array, 0, 1)
        if shape_findings := list(self._shape_findings(array, expected)):
            yield from (replace(finding, where=name) for finding in shape_findings)
            return
        if not letter and network_population.kind == LIF:
            most = network_population.most_spikes
            valid = (array >= 0) & (array <= most)
            if array.dtype.kind == "f":
                valid &= array == np.trunc(array)
            if not valid.all():
                numbers = "0 or 1" if most == 1 else f"counts of 0 … {most}"
                fix = f"write spikes as {numbers.replace(' or ', ' and ')}, or call membranes "
                yield Finding(
                    "recording-values",
                    name,
                    f"the array contains {array[~valid].flat[0]:g}, but spikes must be {numbers}",
                    f"{fix}v.{population}",
                )
                return
            quantity, array = "spikes", array.astype(np.uint8 if most > 1 else np.bool_)
        else:
            quantity = letter or "v"
        if (quantity, population) in self.arrays:
            what = (
                f"the file contains this population twice, as {population} and as "
                f"{letter or 'v'}.{population}"
            )
            yield Finding("recording-twice", name, what, "leave out one of them")
        self.arrays[quantity, population] = array
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            what = "the array contains NaN or infinite numbers"
            yield Finding("recording-values", name, what, "record the network again")

    def _shape_findings(self, array: NDArray, expected: tuple[int, int, int]) -> Iterator[Finding]:
        """Findings on an array's shape; none if it fits."""
        samples, steps, neurons = expected
        fits = array.ndim == 3 and (array.shape[0], array.shape[2]) == (samples, neurons)
        # If hops take no step in the framework, its recording may lack the last steps of a sample.
        if fits and (array.shape[1] == steps or (self.free and 0 < array.shape[1] <= steps)):
            return
        fix = "record the samples that are compared, in steps of the network"
        similar_lengths = range(max(1, steps - len(self.populations)), steps + 1)
        if array.ndim == 3 and array.shape[2] == neurons:
            if array.shape[0] == samples and array.shape[1] in similar_lengths:
                fix = "write hops='free' into the file if hops take no step in the framework"
            elif array.shape[1] == samples and array.shape[0] in similar_lengths:
                fix = "samples and steps are swapped: correct the axes in the file"
        what = f"[samples, steps, neurons] is {list(array.shape)}, not {list(expected)}"
        yield Finding("recording-shape", "", what, fix)

    def take_predictions(self, array: NDArray) -> Iterator[Finding]:
        """Store the classes of a file, or yield findings on why they do not fit the network."""
        is_one_each = array.dtype.kind in "biuf" and array.shape == (self.n_samples,)
        if is_one_each and np.isin(array, np.arange(self.n_classes)).all():
            self.predictions = array.astype(np.int64)
            return
        what = f"the predictions have the shape {list(array.shape)}"
        if is_one_each:
            what = f"not all predictions are classes of the network, 0 to {self.n_classes - 1}"
        fix = f"write one class, a whole number, for each of the {self.n_samples} samples"
        yield Finding("recording-predictions", PREDICTIONS, what, fix)


def compare_foreign(
    network: Network | IntegerNetwork, foreign: ForeignRecording, run: Run
) -> ShiftedComparison:
    """Compare a recording with the simulation of its network.

    Spikes, and membranes of integer networks, are compared exactly. Membranes of float networks are
    compared within the precision of the recorded number type.

    Args:
        network: the network that was recorded.
        foreign: the recording.
        run: function that simulates the network on the same input, with u and v if the recording
            has u and v.
    """
    max_shift = len(network.populations) + 1
    if not foreign.free:
        plain = _compare_shifted(network, foreign, run(foreign.n_steps), {})
        if plain.identical:
            return ShiftedComparison(plain)
    longer = run(foreign.n_steps + max_shift)
    candidates = range(max_shift) if foreign.free else [0, *_alternating_shifts(max_shift)]
    best_shifts = {
        n: _best_shift(network, foreign, longer, n, candidates) for n in foreign.populations
    }
    shifts = {name: shift for name, (shift, _) in best_shifts.items()}
    explains = all(differing == 0 for _, differing in best_shifts.values())
    later = {name: -shift for name, shift in shifts.items() if shift}
    if not foreign.free:
        return (
            ShiftedComparison(plain, later, explains=True) if explains else ShiftedComparison(plain)
        )
    return ShiftedComparison(_compare_shifted(network, foreign, longer, shifts), later)


def _alternating_shifts(farthest: int) -> Iterator[int]:
    """Yield shifts in the order of their size: 1, −1, 2, −2 … up to `farthest`."""
    for shift in range(1, farthest + 1):
        yield shift
        yield -shift


def _best_shift(
    network: Network | IntegerNetwork,
    foreign: ForeignRecording,
    longer: Recording,
    name: str,
    candidates: range | list[int],
) -> tuple[int, int]:
    """Find the shift of a population that leaves the fewest differences, and their number."""
    alone = replace(foreign, recording=foreign.recording.only([name]), predictions=None)
    best = (0, -1)
    for shift in candidates:
        comparison = _compare_shifted(network, alone, longer, {name: shift})
        differing = comparison.spikes_different + comparison.membrane_different
        if best[1] < 0 or differing < best[1]:
            best = shift, differing
        if not differing:
            break
    return best


def _compare_shifted(
    network: Network | IntegerNetwork,
    foreign: ForeignRecording,
    simulation: Recording,
    shifts: Mapping[str, int],
) -> Comparison:
    actual, n_steps = foreign.recording, foreign.n_steps
    shifted_simulation = _cut_shifted(simulation.only(foreign.populations), shifts, n_steps)
    spikes = {name: shifted_simulation.spikes[name] for name in actual.spikes}
    expected = replace(actual, spikes=spikes).with_states(
        lambda group, name, values: getattr(shifted_simulation, group)[name]
    )
    if isinstance(network, Network):
        actual = snap_to_expected(expected, actual, foreign.tolerance)
    different = None
    recorded_classes = replace(foreign, recording=actual).classes
    if recorded_classes is not None:
        different = int(
            (_predictions(network, simulation, shifts, n_steps) != recorded_classes).sum()
        )
    return count_differences(expected, actual, different)


def _predictions(
    network: Network | IntegerNetwork,
    simulation: Recording,
    shifts: Mapping[str, int],
    n_steps: int,
) -> NDArray[np.int64]:
    """[samples] classes predicted by the simulated network in the recorded steps.

    If the output population was not recorded, its shift is assumed to be one step more than the
    largest shift of its source populations.
    """
    name = network.readout.population
    if name in shifts or not shifts:
        shift = shifts.get(name, 0)
    else:
        sources = [p.source for p in network.projections if p.target == name and p.source != INPUT]
        shift = 1 + max((shifts.get(source, 0) for source in sources), default=0)
    return _cut_shifted(simulation.only([name]), {name: shift}, n_steps).predictions


def whole_numbers(recording: Recording) -> Recording:
    """Copy a recording; arrays of whole numbers, which may be stored as floats, become int64."""

    def whole(group: str, name: str, values: NDArray) -> NDArray:
        """Convert an array of whole numbers to int64."""
        fits = values.dtype.kind == "f" and (values == np.trunc(values)).all()
        return values.astype(np.int64) if fits else values

    return recording.with_states(whole)


def _cut_shifted(recording: Recording, shifts: Mapping[str, int], n_steps: int) -> Recording:
    """Cut `n_steps` steps out of a recording, for each population from step `shifts[name]` on."""

    def of_states(group: str, name: str, values: NDArray) -> NDArray:
        """Cut the steps out of an array of states; zeros stand for steps before the first."""
        shift = shifts.get(name, 0)
        before = np.zeros_like(values[:, : max(0, -shift)])
        return np.concatenate([before, values[:, max(0, shift) :]], axis=1)[:, :n_steps]

    spikes = {
        n: raster.steps_from(shifts.get(n, 0), n_steps) for n, raster in recording.spikes.items()
    }
    return replace(recording, spikes=spikes).with_states(of_states)
