"""Generate input that tests as many stored numbers of a network as possible.

First, two kinds of input are tried: noise of several rates, steady or denser at the beginning; and
volleys, which are spikes of many channels that arrive together at one silent neuron after the
other. Then variants of the best sample are tried, with other noise in some steps and channels, or
with more volleys. A variant replaces the sample if it tests more numbers (`sensitivity.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nmtool.hardware_sim.sensitivity import ReachableSynapses, visible_changes
from nmtool.hardware_sim.simulator import simulate
from nmtool.hardware_sim.state_bounds import state_bounds
from nmtool.hardware_sim.uniform import Draws
from nmtool.network.float_network import Network
from nmtool.network.graph import INPUT
from nmtool.network.integer_network import IntegerNetwork
from nmtool.raster import Raster
from nmtool.recording import Recording

RATES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Input rates that are tried, in spikes per channel and step."""

OPENING = 8
"""Number of steps of denser noise at the beginning: early spikes have time to take effect."""

REPEATS = 8
"""Number of consecutive steps in which a volley arrives."""

SPACINGS = (12, 20, 40)
"""Numbers of steps between the volley at one neuron and the volley at the next neuron."""

VARIANTS = 16
ROUNDS = 4
"""Number of variants per round, and largest number of rounds."""

EVENTS = 300_000_000
"""Largest number of synaptic events of all variants together."""

COST = 0.02
"""Penalty on the score for one spike per neuron and step, to keep recordings small."""

_SEED = 20210

Run = Callable[..., Recording]
_Dense = NDArray[np.bool_] | NDArray[np.uint8]
"""Input of one sample, [steps, channels] bool, or numbers of spikes if channels carry several."""


def driving_input(
    network: IntegerNetwork | Network,
    n_samples: int,
    n_steps: int,
    existing: Raster | None = None,
    run: Run = simulate,
    on_progress: Callable[[int], None] | None = None,
) -> tuple[Raster, float]:
    """Generate samples that together test most of a network; equal arguments give equal samples.

    The result and `existing` together have at least two samples, to show a state that is not reset
    between samples.

    Args:
        network: the network. For float networks only synapses are considered, not constants.
        n_samples: largest number of samples; fewer are returned if more would test nothing new.
        n_steps: length of the samples.
        existing: existing samples of the same length.
        run: function of (network, raster) that returns a recording.
        on_progress: called with the number of samples tried since the last call.

    Returns:
        The samples, and the share of testable synapses that they and `existing` test.
    """
    search = _Search(network, n_steps, run, on_progress)
    n_existing = 0 if existing is None else existing.n_samples
    if existing is not None:
        search.keep(search.run_samples(existing))
    noise = search.run_samples(_raster_of(search.noise()))
    chosen: list[_Sample] = []
    for number in range(n_samples):
        volleys = search.volleys()
        best = search.best([*noise, *(search.run_samples(_raster_of(volleys)) if volleys else [])])
        if number == n_samples - 1:
            best = search.refined(best)
        if len(chosen) + n_existing > 1 and not search.tests_more(best):
            break
        search.keep([best])
        chosen.append(best)
    return Raster.concatenate([sample.spikes for sample in chosen]), search.share


@dataclass(frozen=True, eq=False)
class _Sample:
    """One sample, and the stored numbers of the network that the sample tests.

    Attributes:
        spikes: input of the sample.
        first: by source, [neurons] int64, step of the first spike; `n_steps` if silent.
        constants: [changes] bool, True for changes of constants by one step that are visible.
        n_spiking: number of populations that spike.
        activity: number of spikes per neuron and step, the input included.
    """

    spikes: Raster
    first: dict[str, NDArray[np.int64]]
    constants: NDArray[np.bool_]
    n_spiking: int
    activity: float


class _Search:
    """State of the search: the stored numbers that the kept samples test.

    Kept samples are the existing samples and the samples of the result so far.
    """

    def __init__(
        self,
        network: IntegerNetwork | Network,
        n_steps: int,
        run: Run,
        on_progress: Callable[[int], None] | None,
    ) -> None:
        self.network, self.n_steps, self.run = network, n_steps, run
        self.on_progress = on_progress
        self.synapses = ReachableSynapses.of(network, n_steps)
        self.draws = Draws(_SEED)
        sizes = {INPUT: network.channels.size, **{p.name: p.size for p in network.populations}}
        self.earliest = {name: np.zeros(size, np.int64) for name, size in sizes.items()}
        if isinstance(network, IntegerNetwork):
            self.earliest = state_bounds(network, n_steps).earliest
        self.n_testable = self.synapses.count_tested(self.earliest)
        self.first = {s: np.full(sizes[s], n_steps, np.int64) for s in self.synapses.reached}
        self.constants: NDArray[np.bool_] | None = None

    def run_samples(self, spikes: Raster) -> list[_Sample]:
        """Run samples, and find the stored numbers that each sample tests."""
        if isinstance(self.network, IntegerNetwork):
            # The integer simulator scores the samples of an integer network, even if `run` is
            # given.
            recording = simulate(self.network, spikes, deep=True, on_progress=self.on_progress)
            constants = visible_changes(self.network, recording)
        else:
            recording = self.run(self.network, spikes)
            if self.on_progress is not None:
                self.on_progress(spikes.n_samples)
            constants = np.zeros((spikes.n_samples, 0), np.bool_)
        counts = [raster.counts() for raster in (spikes, *recording.spikes.values())]
        n_spiking = np.sum([count.any(axis=1) for count in counts[1:]], axis=0) + np.zeros(
            len(spikes)
        )
        emitted = np.sum([count.sum(axis=1) for count in counts], axis=0)
        bins = spikes.n_steps * sum(count.shape[1] for count in counts)
        first = self.synapses.first_spikes(spikes, recording)
        return [
            _Sample(
                spikes.take([sample]),
                {source: steps[sample] for source, steps in first.items()},
                constants[sample],
                int(n_spiking[sample]),
                float(emitted[sample]) / bins,
            )
            for sample in range(spikes.n_samples)
        ]

    def keep(self, samples: Sequence[_Sample]) -> None:
        """Keep samples: the numbers that they test count as tested."""
        for sample in samples:
            self.first, self.constants = self._with_sample(sample)

    def best(self, samples: Sequence[_Sample]) -> _Sample:
        """The sample that tests most additional numbers; the first of equal samples."""
        return samples[int(np.argmax([self._score(sample) for sample in samples]))]

    def refined(self, best: _Sample) -> _Sample:
        """Vary a sample in several rounds, and return the best of the sample and all variants."""
        events = sum(p.weight.size for p in self.network.projections) * self.n_steps // 4
        for _ in range(min(ROUNDS, EVENTS // max(1, events * VARIANTS))):
            if self._shares(best) == (1.0, 1.0):
                break
            better = self.best([best, *self.run_samples(_raster_of(self._variants(best)))])
            if better is best:
                break
            best = better
        return best

    def tests_more(self, sample: _Sample) -> bool:
        """True if a sample tests a number that no kept sample tests."""
        first, constants = self._with_sample(sample)
        assert self.constants is not None
        return self.synapses.count_tested(first) > self.synapses.count_tested(self.first) or bool(
            (constants > self.constants).any()
        )

    def _with_sample(
        self, sample: _Sample
    ) -> tuple[dict[str, NDArray[np.int64]], NDArray[np.bool_]]:
        """First spikes, and visible changes of constants, after a sample is kept."""
        first = {s: np.minimum(steps, sample.first[s]) for s, steps in self.first.items()}
        constants = sample.constants
        return first, constants if self.constants is None else constants | self.constants

    def _score(self, sample: _Sample) -> float:
        """Score of a sample: the shares of tested numbers, minus a penalty on spikes.

        Of samples with equal shares and penalties, the one in which more populations spike has a
        higher score.
        """
        return sum(self._shares(sample)) + 1e-6 * sample.n_spiking - COST * sample.activity

    def _shares(self, sample: _Sample) -> tuple[float, float]:
        """Shares, 0 … 1, of synapses and of changes of constants tested once `sample` is kept."""
        first, constants = self._with_sample(sample)
        return self._tested_share(first), float(constants.mean()) if constants.size else 1.0

    def _tested_share(self, first: dict[str, NDArray[np.int64]]) -> float:
        """Share of the testable synapses that are tested, given the first spikes of the samples."""
        return self.synapses.count_tested(first) / self.n_testable if self.n_testable else 1.0

    @property
    def share(self) -> float:
        """Share of the testable synapses that the kept samples test."""
        return self._tested_share(self.first)

    def noise(self) -> list[_Dense]:
        """Make noise at each of `RATES`: steady and, at low rates, also denser at the beginning."""
        steady = [self._uniform(self.n_steps) < rate for rate in RATES]
        with_opening = []
        for dense in steady[:-2]:
            early = self._uniform(min(OPENING, self.n_steps)) < RATES[-2]
            with_opening.append(np.concatenate([early | dense[: len(early)], dense[len(early) :]]))
        return [self._counted(dense) for dense in (*steady, *with_opening)]

    def _counted(self, filled: NDArray[np.bool_]) -> _Dense:
        """Draw numbers of spikes for filled bins, as many as channels can carry."""
        return self.draws.counted(filled, self.network.channels.most_spikes)

    def volleys(self) -> list[_Dense]:
        """Make volleys at one silent neuron after the other: a sample for each of `SPACINGS`."""
        silent = self._silent_neurons(self.first)
        if not silent:
            return []
        inputs = []
        for spacing in SPACINGS:
            dense = np.zeros((self.n_steps, self.network.channels.size), np.bool_)
            arrival = 0
            for name, neuron in silent:
                self._add_volley(dense, name, neuron, arrival, REPEATS)
                arrival += spacing
            inputs.append(self._counted(dense))
        return inputs

    def _variants(self, sample: _Sample) -> list[_Dense]:
        """Make variants of a sample: with an added volley, or with other noise in some places."""
        several = self.network.channels.most_spikes > 1
        [dense] = sample.spikes.dense_counts() if several else sample.spikes.dense()
        silent = self._silent_neurons(self._with_sample(sample)[0])
        n_aimed = VARIANTS // 2 if silent else 0
        variants = [
            self._with_volley(dense, *silent[self.draws.below(len(silent))]) for _ in range(n_aimed)
        ]
        return variants + [self._with_other_noise(dense) for _ in range(VARIANTS - n_aimed)]

    def _silent_neurons(self, first: dict[str, NDArray[np.int64]]) -> list[tuple[str, int]]:
        """Neurons with direct input that could spike but are silent, as (population, index).

        Args:
            first: by source, [neurons] int64, step of the first spike so far.
        """
        direct = {p.target for p in self.network.projections if p.source == INPUT}
        return [
            (name, int(neuron))
            for name, step in first.items()
            if name in direct
            for neuron in np.flatnonzero((step == self.n_steps) & (self.earliest[name] < step))
        ]

    def _with_volley(self, dense: _Dense, name: str, neuron: int) -> _Dense:
        """Copy an input, and add a volley at a neuron, somewhere in the first half."""
        volley = np.zeros(dense.shape, np.bool_)
        self._add_volley(volley, name, neuron, self.draws.below(max(1, self.n_steps // 2)), 3)
        return np.maximum(dense, self._counted(volley))

    def _add_volley(
        self, dense: NDArray[np.bool_], name: str, neuron: int, arrival: int, repeats: int
    ) -> None:
        """Add a volley: spikes of all channels that excite a neuron, arriving together.

        Args:
            dense: the input, updated.
            name, neuron: population and index of the neuron.
            arrival: step of the arrival, counted from the first possible one.
            repeats: consecutive steps in which the volley arrives.
        """
        for projection in self.network.projections:
            if (projection.source, projection.target) != (INPUT, name):
                continue
            excites = projection.weight[:, neuron] > 0
            delay = projection.delay[:, neuron].astype(np.int64)
            last = int(delay.max(initial=0))
            for repeat in range(repeats):
                step = last + arrival + repeat - delay
                inside = excites & (step < self.n_steps)
                dense[step[inside], np.flatnonzero(inside)] = True

    def _with_other_noise(self, dense: _Dense) -> _Dense:
        """Copy an input, and replace some steps and channels by other noise."""
        variant = dense.copy()
        begin = self.draws.below(self.n_steps)
        end = min(self.n_steps, begin + 1 + self.draws.below(self.n_steps // 2 + 1))
        rate = RATES[self.draws.below(len(RATES))]
        mask = self._uniform(1)[0] < (0.1, 0.5, 1.0)[self.draws.below(3)]
        noise = self._counted(self._uniform(end - begin) < rate)
        variant[begin:end, mask] = noise[:, mask]
        return variant

    def _uniform(self, n_steps: int) -> NDArray[np.float64]:
        """Draw random numbers in [0, 1), [steps, channels]."""
        return self.draws((n_steps, self.network.channels.size))


def _raster_of(samples: Sequence[_Dense]) -> Raster:
    return Raster.from_dense(np.stack(samples))
