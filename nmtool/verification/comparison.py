"""Compare recordings, spike for spike.

spikes compared     every (sample, step, neuron) bin of every spiking population
spikes different    bins in which the recordings have different numbers of spikes
spikes emitted      spikes of the expected recording
membrane compared   membranes of outputs at every step; in deep recordings u and v of every neuron

Backends of integers must equal the simulator exactly. Sums of real numbers depend on the order of
additions. Membranes of real numbers are therefore compared with a tolerance, their spikes exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmtool.arguments import checked
from nmtool.errors import DataError, Finding, check_type
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.tables import NOT_IN_JSON, Result


@dataclass(frozen=True)
class Divergence:
    """The first place where two recordings differ: earliest sample, then earliest step.

    >>> import nmtool as nm
    >>> network = nm.round_network(nm.Network.layers([2, 2])).network
    >>> full, reduced = (Raster.from_dense([[[1, 0], [0, n], [0, 0]]]) for n in (1, 0))
    >>> compared = compare_recordings(nm.simulate(network, full), nm.simulate(network, reduced))
    >>> print(compared.first_divergence)
    sample 0, step 2, output[0], v: expected 31641, got 15321

    Attributes:
        sample, step, neuron: indices, counted from 0.
        population: name of the neuron's population.
        quantity: `u`, `v` or `spike`: of several that differ, the one that a step computes first.
        expected, actual: values in the expected and in the actual recording.
    """

    sample: int
    step: int
    population: str
    neuron: int
    quantity: str
    expected: float
    actual: float

    def __str__(self) -> str:
        several = self.quantity == "spike" and max(self.expected, self.actual) > 1
        return (
            f"sample {self.sample}, step {self.step}, {self.population}[{self.neuron}], "
            f"{self.quantity}{'s' * several}: expected {self.expected:.12g}, got {self.actual:.12g}"
        )


@dataclass(frozen=True, repr=False)
class Comparison(Result):
    """Numbers of differences between a recording and the expected recording.

    >>> import nmtool as nm
    >>> network = nm.round_network(nm.Network.layers([5, 8, 3])).network
    >>> full, reduced = (Raster.from_dense([[[1, 0, 1, 0, n]] * 100]) for n in (1, 0))
    >>> compared = compare_recordings(nm.simulate(network, full), nm.simulate(network, reduced))
    >>> compared.identical, compared.spikes_compared
    (False, 800)

    Attributes:
        spikes_compared, spikes_different, spikes_emitted: numbers of compared bins, of bins that
            differ, and of expected spikes.
        membrane_compared, membrane_different: numbers of compared values of u and v, and of values
            that differ.
        predictions_different: number of samples with different predictions; None if not compared.
        first_divergence: the first difference; None if nothing differs.
        bins_emitted: number of bins with an expected spike; None if each has one spike.
    """

    spikes_compared: int
    spikes_different: int
    spikes_emitted: int
    membrane_compared: int
    membrane_different: int
    predictions_different: int | None
    first_divergence: Divergence | None = field(metadata=NOT_IN_JSON)
    bins_emitted: int | None = None

    def as_json(self) -> dict[str, Any]:
        """The counts; `bins_emitted` only where a bin has several spikes."""
        counts = super().as_json()
        if self.bins_emitted is None:
            del counts["bins_emitted"]
        return counts

    @property
    def emitted(self) -> str:
        """The number of expected spikes in words, with the number of their bins if it differs."""
        if self.bins_emitted is None:
            return f"spikes emitted {self.spikes_emitted}"
        return f"spikes emitted {self.spikes_emitted} in {self.bins_emitted} bins"

    def _line(self) -> str:
        return (
            f"spikes compared {self.spikes_compared}, different {self.spikes_different}; u, v "
            f"different {self.membrane_different} of {self.membrane_compared}; predictions "
            f"different {self.predictions_different}"
        )

    @property
    def identical(self) -> bool:
        """True if nothing differs."""
        return not (self.spikes_different or self.membrane_different or self.predictions_different)


@dataclass(frozen=True)
class Agreement:
    """Agreement of two recordings in spikes and predictions, e.g. of floats and their integers.

    Attributes:
        spikes_compared: number of compared bins.
        spikes_different: number of spikes that only one of the recordings has.
        spikes_shared: number of spikes that are in both recordings.
        predictions_different: number of samples with different predictions.
    """

    spikes_compared: int
    spikes_different: int
    spikes_shared: int
    predictions_different: int

    @property
    def share(self) -> float:
        """Spikes in both recordings divided by spikes in either recording; 1 without spikes."""
        either = self.spikes_shared + self.spikes_different
        return self.spikes_shared / either if either else 1.0


FLOAT_TOLERANCE = 1e-9
"""Tolerance for membranes of real numbers, relative to the largest membrane in the population."""

_RECORDED_AS = {"spike": "spikes", "v": "v", "u": "current"}
"""Attributes of `Recording` with the values of each quantity."""

_ALWAYS = ("spikes", "membrane")
_SHAPED = (*_ALWAYS, "current", "potential")


@checked
def compare_recordings(
    expected: Recording, actual: Recording, *, tolerance: float = 0.0
) -> Comparison:
    """Compare a recording with the expected recording; spikes are compared exactly.

    u and v of every neuron are compared if `expected` has them.

    >>> from nmtool import Network, Raster, simulate
    >>> network, spikes = Network.layers([5, 8, 3]), Raster.from_dense(np.eye(5)[None])
    >>> compare_recordings(simulate(network, spikes), simulate(network, spikes)).identical
    True

    Args:
        expected, actual: recordings of the same populations, samples, steps and neurons.
        tolerance: largest difference of membranes and currents that counts as equal, as a share of
            the largest expected magnitude in their population.

    Raises:
        DataError: populations are missing in one recording, or have other shapes; the error lists
            all of them.
    """
    check_comparable(expected, actual)
    if tolerance:
        actual = snap_to_expected(expected, actual, tolerance)
    different = int((expected.predictions != actual.predictions).sum())
    return count_differences(expected, actual, different)


def count_differences(
    expected: Recording, actual: Recording, predictions_different: int | None
) -> Comparison:
    """Count the differences between recordings of the same shapes.

    Args:
        expected, actual: the recordings; `actual` has all quantities of `expected`.
        predictions_different: number of samples with different predictions, counted by the
            caller; None if predictions are not compared.
    """
    differences = Differences(expected, actual)
    emitted = sum(raster.n_spikes for raster in expected.spikes.values())
    bins = sum(raster.n_filled for raster in expected.spikes.values())
    return Comparison(
        spikes_compared=sum(raster.n_bins for raster in expected.spikes.values()),
        spikes_different=differences.count("spike"),
        spikes_emitted=emitted,
        membrane_compared=sum(a.size for a in (*expected.v.values(), *expected.current.values())),
        membrane_different=differences.count("u") + differences.count("v"),
        predictions_different=predictions_different,
        first_divergence=differences.first,
        bins_emitted=bins if bins != emitted else None,
    )


class Differences:
    """All bins of a recording that differ from the expected recording.

    Args:
        expected, actual: the recordings; `actual` has all quantities of `expected`.

    Attributes:
        flat: by quantity (`spike`, `v` or `u`) and population, flat indices, ascending.
    """

    def __init__(self, expected: Recording, actual: Recording) -> None:
        self.expected, self.actual = expected, actual
        self.flat: dict[tuple[str, str], NDArray[np.int64]] = {
            ("spike", name): _differing_spikes(raster, actual.spikes[name])
            for name, raster in expected.spikes.items()
        }
        for quantity, mine, theirs in (
            ("v", expected.v, actual.v),
            ("u", expected.current, actual.current),
        ):
            for name, values in mine.items():
                self.flat[quantity, name] = np.flatnonzero(values != theirs[name])

    def count(self, quantity: str) -> int:
        """Number of values of a quantity that differ."""
        return sum(flat.size for (q, _), flat in self.flat.items() if q == quantity)

    @property
    def by_population(self) -> dict[str, int]:
        """Number of bins in which spikes, u or v differ, by population."""
        parts: dict[str, list[NDArray[np.int64]]] = {}
        for (_, name), flat in self.flat.items():
            parts.setdefault(name, []).append(flat)
        return {name: np.unique(np.concatenate(flat)).size for name, flat in parts.items()}

    @property
    def samples(self) -> list[int]:
        """Indices of the samples with a difference, ascending."""
        differing: set[int] = set()
        for (quantity, name), flat in self.flat.items():
            _, steps, neurons = self._shape(quantity, name)
            differing.update(np.unique(flat // max(steps * neurons, 1)).tolist())
        return sorted(differing)

    @property
    def first(self) -> Divergence | None:
        """The first difference in any population; None if nothing differs."""
        places = []
        for (quantity, name), flat in self.flat.items():
            if flat.size:
                place = np.unravel_index(int(flat[0]), self._shape(quantity, name))
                sample, step, neuron = map(int, place)
                mine, theirs = (
                    float(_values(recording, quantity, name, sample)[step, neuron])
                    for recording in (self.expected, self.actual)
                )
                places.append(Divergence(sample, step, name, neuron, quantity, mine, theirs))
        order = ("u", "v", "spike")
        return min(places, key=lambda p: (p.sample, p.step, order.index(p.quantity)), default=None)

    def _shape(self, quantity: str, name: str) -> tuple[int, ...]:
        """Numbers of samples, steps and neurons of a recorded quantity."""
        return _shapes(self.expected, _RECORDED_AS[quantity])[name]


def spike_agreement(left: Recording, right: Recording) -> Agreement:
    """Compare spikes and predictions of two recordings of the same populations and samples.

    The comparison is symmetric.

    Raises:
        DataError: a population is missing in one recording, or the shapes differ.
    """
    check_comparable(left, right, _ALWAYS)
    different = sum(_unshared(r, right.spikes[name]) for name, r in left.spikes.items())
    n_spikes = sum(r.n_spikes for recording in (left, right) for r in recording.spikes.values())
    return Agreement(
        spikes_compared=sum(raster.n_bins for raster in left.spikes.values()),
        spikes_different=different,
        spikes_shared=(n_spikes - different) // 2,
        predictions_different=int((left.predictions != right.predictions).sum()),
    )


def check_comparable(
    expected: Recording, actual: Recording, quantities: Sequence[str] = _SHAPED
) -> None:
    """Raise `DataError` unless two recordings have the same populations with the same shapes.

    Shapes must match in every axis: (1, 30, 10) and (1, 10, 30) are not comparable.

    Args:
        expected, actual: the recordings.
        quantities: attributes of `Recording` whose populations and shapes are compared.
    """
    for recording in (expected, actual):
        fix = "pass a Recording, from simulate, run or a model's record"
        check_type(recording, Recording, "a recording", fix)
    findings = []
    for quantity in quantities:
        shapes, others = _shapes(expected, quantity), _shapes(actual, quantity)
        # If only `actual` has u and v of a population, they are not compared.
        names = [*shapes, *(n for n in others if n not in shapes and quantity in _ALWAYS)]
        for name in names:
            if shapes.get(name) != others.get(name):
                mine, theirs = _shape_text(shapes.get(name)), _shape_text(others.get(name))
                findings.append(
                    Finding(
                        "recording-shape",
                        f"{quantity} of {name}",
                        f"expected {mine}, got {theirs}",
                        "record the same samples of the same network",
                    )
                )
    if findings:
        raise DataError(
            "the two recordings cannot be compared",
            code="recordings-incomparable",
            why="spikes are compared sample by sample, step by step, neuron by neuron",
            fix="record the same samples, steps and populations",
            findings=findings,
        )


def _shapes(recording: Recording, quantity: str) -> dict[str, tuple[int, ...]]:
    """Shape (samples, steps, neurons) of a recorded quantity, by population."""
    recorded = getattr(recording, quantity)
    if quantity == "spikes":
        return {name: (r.n_samples, r.n_steps, r.n_neurons) for name, r in recorded.items()}
    return {name: array.shape for name, array in recorded.items()}


def _shape_text(shape: tuple[int, ...] | None) -> str:
    """A shape as text, e.g. `[1, 30, 10]`; `nothing` for None."""
    return "nothing" if shape is None else f"{list(shape)}"


def snap_to_expected(expected: Recording, actual: Recording, tolerance: float) -> Recording:
    """Copy `actual`, and replace values of u and v within the tolerance by the expected values.

    Args:
        expected, actual: recordings of the same populations, samples and steps.
        tolerance: as for `compare_recordings`.
    """

    def snapped(group: str, name: str, mine: NDArray) -> NDArray:
        """Return actual values where the two differ too much, else expected values."""
        theirs = getattr(actual, group)[name]
        is_outside = np.abs(theirs - mine) > tolerance * np.abs(mine).max(initial=0)
        return np.where(is_outside | np.isnan(theirs), theirs, mine)

    return replace(
        expected.with_states(snapped),
        readout=actual.readout,
        spikes=actual.spikes,
        counts=actual.counts,
    )


def _values(recording: Recording, quantity: str, name: str, sample: int) -> NDArray:
    """[steps, neurons]: values of a quantity in a sample."""
    recorded = getattr(recording, _RECORDED_AS[quantity])[name]
    return recorded.take([sample]).dense_counts()[0] if quantity == "spike" else recorded[sample]


def _differing_spikes(expected: Raster, actual: Raster) -> NDArray[np.int64]:
    """Flat indices of the bins with other numbers of spikes, ascending."""
    mine, theirs = expected.flat_index(), actual.flat_index()
    flat = np.setxor1d(mine, theirs, assume_unique=True)
    if expected.count is not None or actual.count is not None:
        common, at, other = np.intersect1d(mine, theirs, assume_unique=True, return_indices=True)
        differs = expected.bin_counts()[at] != actual.bin_counts()[other]
        flat = np.union1d(flat, common[differs])
    return flat


def _unshared(left: Raster, right: Raster) -> int:
    """Number of spikes that only one of two rasters has, summed over all bins."""
    mine, theirs = left.flat_index(), right.flat_index()
    _, at, other = np.intersect1d(mine, theirs, assume_unique=True, return_indices=True)
    smaller = np.minimum(left.bin_counts()[at], right.bin_counts()[other])
    return left.n_spikes + right.n_spikes - 2 * int(smaller.sum(dtype=np.int64))
