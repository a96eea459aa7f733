"""`exercise`: generate samples that reveal faults that the data do not reveal.

Candidates are random: all channels or some of them spike, evenly or in bursts, at rates from far
below to far above those at which the network spikes, with random counts where channels carry
counts. Some candidates target a neuron that has not spiked, or that has a fault that no sample has
shown: only channels that excite this neuron spike. Other candidates vary the candidate that brought
a silent neuron nearest to its threshold. Each round keeps the candidates that reach synapses or
show one-unit faults for the first time. Each round draws its own faults, from other seeds than a
mutation score, so that the faults of the score are not targeted.

The samples are meant for a comparison of u and v of every neuron.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nmtool.batches import record_spikes
from nmtool.dynamics import HOP_LATENCY
from nmtool.hardware_sim.replay import streams
from nmtool.hardware_sim.simulator import simulate
from nmtool.hardware_sim.state_bounds import delivering, state_bounds
from nmtool.hardware_sim.uniform import Draws
from nmtool.network.graph import INPUT, LIF
from nmtool.network.integer_network import IntegerNetwork
from nmtool.raster import Raster
from nmtool.recording import Recording, check_input
from nmtool.verification.faults import Fault, affects_one_neuron, draw_faults, target_index
from nmtool.verification.mutation import FaultDetector, is_equivalent

SAMPLES = 64
"""Largest number of generated samples."""

ROUNDS = 12
"""Largest number of rounds in which candidates are tried."""

FAULTS = 500
"""Largest number of targeted faults; each round replaces the faults that samples now show."""

IDLE_ROUNDS = 3
"""The search ends after this number of consecutive rounds without targets or kept candidates."""

MAX_OVERFLOWING = 20
"""Number of overflowing candidates after which a round ends."""

CANDIDATE_STEPS = 40_000
"""Total number of steps of all candidates of a round; a candidate is as long as a sample."""

_MOST_CANDIDATES = 400
_SEED = 141_789
"""Seed of the candidates; faults of round r are drawn from seed 2^64 − 1 − r."""

_LOWEST_RATE = 0.002
_SHARES = (1.0, 1.0, 0.5, 0.2, 0.05)
"""Shares of the channels that spike in a candidate."""


def exercise(
    network: IntegerNetwork,
    spikes: Raster,
    *,
    deep: bool = False,
    n_samples: int = SAMPLES,
) -> Raster:
    """Generate samples that exercise further parts of a network.

    Equal arguments give equal samples.

    Args:
        network: the network to compare.
        spikes: samples that are compared already, possibly none; new samples have their length.
        deep: True if the comparison of `spikes` includes u and v of every neuron.
        n_samples: largest number of samples to generate.

    Returns:
        Only the new samples, in the order in which they were found.

    Raises:
        DataError: the channels of the raster differ from those of the network.
    """
    check_input(network, spikes)
    search = _Search(network, spikes, deep)
    idle = 0
    for round_ in range(ROUNDS):
        search.add_targets(draw_faults(network, FAULTS, (1 << 64) - 1 - round_))
        improved = search.is_incomplete and search.try_candidates(round_, n_samples)
        idle = 0 if improved else idle + 1
        if idle == IDLE_ROUNDS or len(search.kept) >= n_samples:
            break
    return Raster.concatenate([spikes.take([]), *search.kept])


class _Search:
    """State of the search for samples that exercise more of a network.

    Attributes:
        kept: samples kept so far.
        missing: by projection, [pre, post] bool: reachable synapses not yet exercised.
        targets: faults that no sample shows yet, although some input might.
        nearest: by silent neuron, its highest membrane so far, and the [steps, channels] input, as
            from `_dense`.
        avoids_overflows: True if samples in which u or v overflows are not kept.
    """

    def __init__(self, network: IntegerNetwork, spikes: Raster, deep: bool) -> None:
        self.network, self.n_steps = network, spikes.n_steps
        self.bounds = state_bounds(network, spikes.n_steps)
        self.influence = _influence(network)
        self.kept: list[Raster] = []
        self.avoids_overflows = True
        self.equivalent: dict[Fault, bool] = {}
        self.targets: list[Fault] = []
        self.nearest: dict[tuple[str, int], tuple[int, NDArray]] = {}
        self.missing = [
            delivering(projection, self.bounds.earliest, self.n_steps)
            for projection in network.projections
        ]
        recording = record_spikes(simulate, network, spikes)
        self._mark_exercised(first_spikes(network, spikes, recording))
        self.detectors = [self._detector(spikes, recording, deep)]

    @property
    def is_incomplete(self) -> bool:
        """True if faults or synapses remain to be covered."""
        return bool(self.targets) or any(missing.any() for missing in self.missing)

    def add_targets(self, faults: list[Fault]) -> None:
        """Add faults to the targets of the search.

        Faults that a sample shows already, and faults that no input can show, are left out.
        """
        room = max(0, FAULTS - len(self.targets))
        self.targets += [
            fault
            for fault in faults[:room]
            if fault not in self.targets
            and not any(detector.shows(fault) for detector in reversed(self.detectors))
            and not self._is_equivalent(fault)
        ]

    def _is_equivalent(self, fault: Fault) -> bool:
        """True if it is proven that no input shows a fault; remembers the result."""
        if fault not in self.equivalent:
            verdict = is_equivalent(self.network, fault, self.bounds, deep=True)
            self.equivalent[fault] = verdict
        return self.equivalent[fault]

    def try_candidates(self, round_: int, n_samples: int) -> bool:
        """Run random candidates, and keep candidates that reach new synapses or reveal new faults.

        Candidates with the largest gain are kept first. Some backends do not model overflows.
        Candidates in which u wraps or v clips are therefore kept only after a round in which no
        other candidate had a gain.

        Returns:
            True if a candidate was kept, or if an overflowing one may be kept in the next round.
        """
        spikes = self._candidates(Draws(_SEED + round_))
        silent = self._late_neurons()
        recording = simulate(self.network, spikes, deep=bool(silent))
        for name, neuron in silent:
            self._remember_nearest(name, neuron, spikes, recording)
        detector = self._detector(spikes, recording)
        shown = np.array([detector.samples(fault) for fault in self.targets], np.bool_)
        shown = shown.reshape(len(self.targets), spikes.n_samples)
        first_steps = {INPUT: spikes.first_step()}
        first_steps |= {name: raster.first_step() for name, raster in recording.spikes.items()}
        remaining = np.ones(len(self.targets), np.bool_)
        picked: list[int] = []
        refused: list[int] = []
        gain = self._gain(shown, first_steps)
        while len(self.kept) + len(picked) < n_samples and len(refused) < MAX_OVERFLOWING:
            best = int(np.argmax(gain))
            if not gain[best]:
                break
            if self.avoids_overflows and self._overflows(spikes.take([best])):
                refused.append(best)
                gain[best] = 0
                continue
            picked.append(best)
            remaining &= ~shown[:, best]
            self._mark_exercised({name: first[best] for name, first in first_steps.items()})
            gain = self._gain(shown[remaining], first_steps)
            gain[refused] = 0
        self.targets = [fault for fault, keep in zip(self.targets, remaining, strict=True) if keep]
        if picked:
            self.kept += [spikes.take([i]) for i in picked]
            additions = spikes.take(picked)
            self.detectors.append(self._detector(additions, simulate(self.network, additions)))
        only_overflowing = bool(refused) and not picked
        self.avoids_overflows &= not only_overflowing
        return bool(picked) or only_overflowing

    def _detector(self, spikes: Raster, recording: Recording, deep: bool = True) -> FaultDetector:
        """Make a detector of the faults that a comparison on these samples shows."""
        return FaultDetector(
            self.network, streams(self.network, {INPUT: spikes, **recording.spikes}), deep
        )

    def _mark_exercised(self, first: dict[str, NDArray[np.int64]]) -> None:
        """Remove the exercised synapses from `missing`, given the first spikes by source."""
        for missing, projection in zip(self.missing, self.network.projections, strict=True):
            missing &= ~delivering(projection, first, self.n_steps)

    def _overflows(self, spikes: Raster) -> bool:
        """True if u wraps or v clips in any of the samples."""
        counts = simulate(self.network, spikes).counts
        return bool(counts["u_wraps"] or counts["v_clips"])

    def _gain(
        self, shown: NDArray[np.bool_], first_steps: dict[str, NDArray[np.int64]]
    ) -> NDArray[np.int64]:
        """Gain of each candidate: newly shown faults plus newly reached source neurons."""
        gain = shown.sum(axis=0)
        if any(missing.any() for missing in self.missing):
            gain = gain + [self._newly_reached(first_steps, i) for i in range(gain.size)]
        return gain

    def _newly_reached(self, first_steps: dict[str, NDArray[np.int64]], index: int) -> int:
        """Number of source neurons with synapses that a candidate reaches for the first time."""
        n_sources = 0
        for missing, projection in zip(self.missing, self.network.projections, strict=True):
            rows = np.flatnonzero(missing.any(axis=1))
            first = first_steps[projection.source][index, rows, None]
            arrival = first + HOP_LATENCY + projection.delay[rows].astype(np.int64)
            n_sources += int(((arrival < self.n_steps) & missing[rows]).any(axis=1).sum())
        return n_sources

    def _late_neurons(self) -> list[tuple[str, int]]:
        """Neurons that must spike earlier to exercise all synapses, as (population, index)."""
        neurons: dict[tuple[str, int], None] = {}
        for missing, projection in zip(self.missing, self.network.projections, strict=True):
            if projection.source != INPUT:
                rows = np.flatnonzero(missing.any(axis=1)).tolist()
                neurons.update(dict.fromkeys((projection.source, i) for i in rows))
        return list(neurons)

    def _remember_nearest(
        self, name: str, neuron: int, spikes: Raster, recording: Recording
    ) -> None:
        """Store the candidate that brings a silent neuron nearest to its threshold."""
        peak = recording.potential[name][:, :, neuron].max(axis=1)
        best = int(np.argmax(peak))
        if (name, neuron) not in self.nearest or peak[best] > self.nearest[name, neuron][0]:
            self.nearest[name, neuron] = int(peak[best]), _dense(spikes.take([best]))[0]

    def _candidates(self, draws: Draws) -> Raster:
        """Make random inputs: noise, bursts of noise, noise in channels that excite one neuron.

        Some inputs are variants of the input that brought a silent neuron nearest to its threshold.
        """
        n_steps, size = self.n_steps, self.network.channels.size
        n_candidates = min(_MOST_CANDIDATES, max(8, CANDIDATE_STEPS // max(1, n_steps)))
        most_spikes = self.network.channels.most_spikes
        number = np.bool_ if most_spikes == 1 else np.uint8
        dense = np.zeros((n_candidates, n_steps, size), number)
        target_neurons = self._target_neurons()
        nearest = [neuron for neuron in self._late_neurons() if neuron in self.nearest]
        for index in range(n_candidates):
            rate = _LOWEST_RATE ** (1 - draws.number())
            share = _SHARES[draws.part(len(_SHARES))]
            active = draws(size) < share
            if target_neurons and index % 2:
                name, neuron = target_neurons[draws.part(len(target_neurons))]
                active = self.influence[name][:, neuron] > 0
                active &= draws(size) < max(share, 0.3)
            filled = (draws((n_steps, size)) < rate) & active
            if draws.number() < 0.4:
                filled &= _bursts(n_steps, draws)[:, None]
            dense[index] = draws.counted(filled, most_spikes)
            if nearest and index % 4 == 1:
                mask = draws(size) < 0.8
                before = self.nearest[nearest[draws.part(len(nearest))]][1]
                dense[index] = np.where(mask, before, dense[index])
        # In the first candidate, every channel spikes, early enough that its spike arrives in time
        # over the longest delay.
        if n_steps:
            latest = max(1, n_steps - 1 - self.network.max_delay)
            dense[0, (draws(size) * latest).astype(np.int64), np.arange(size)] = True
            dense[0, 0] |= draws(size) < 0.5
        return Raster.from_dense(dense)

    def _target_neurons(self) -> list[tuple[str, int]]:
        """Neurons to excite: silent neurons, and neurons with a fault that no sample has shown."""
        neurons = dict.fromkeys(self._late_neurons())
        for fault in self.targets:
            population = self.network.populations[target_index(self.network, fault)]
            if affects_one_neuron(fault) or population.size == 1:
                neurons[population.name, fault.place[-1] if affects_one_neuron(fault) else 0] = None
        return list(neurons)


def first_spikes(
    network: IntegerNetwork, spikes: Raster, recording: Recording
) -> dict[str, NDArray[np.int64]]:
    """Earliest step of a spike in any sample, by source, [neurons] int64; `n_steps` if silent."""
    sizes = {INPUT: spikes.n_neurons, **{p.name: p.size for p in network.populations}}
    steps = {name: np.full(size, spikes.n_steps, np.int64) for name, size in sizes.items()}
    for name, raster in {INPUT: spikes, **recording.spikes}.items():
        np.minimum.at(steps[name], raster.neuron, raster.step)
    return steps


def _dense(spikes: Raster) -> NDArray:
    """[samples, steps, channels] bool, or numbers of spikes if bins have several."""
    return spikes.dense() if spikes.count is None else spikes.dense_counts()


def _bursts(n_steps: int, draws: Draws) -> NDArray[np.bool_]:
    """[steps] bool: True during bursts; bursts and pauses have random durations."""
    length = max(1, n_steps // (1 + draws.part(12)))
    switch_steps = np.cumsum(1 + (draws(n_steps) * length).astype(np.int64))
    active = np.searchsorted(switch_steps, np.arange(n_steps), side="right") % 2
    return active == draws.part(2)


def _influence(network: IntegerNetwork) -> dict[str, NDArray[np.float64]]:
    """Estimate how strongly channels excite neurons: by population, [channels, neurons] float64.

    The estimate is the sum, over all paths, of the product of the weights along the path. Paths
    have at most one hop more than there are populations.
    """
    size = network.channels.size
    influence = {p.name: np.zeros((size, p.size)) for p in network.populations}
    spiking = {INPUT, *(p.name for p in network.populations if p.kind == LIF)}
    for _ in range(len(network.populations) + 1):
        before = {INPUT: np.eye(size), **influence}
        influence = {p.name: np.zeros((size, p.size)) for p in network.populations}
        for projection in network.projections:
            if projection.source in spiking:
                influence[projection.target] += (
                    before[projection.source] @ projection.shifted_weight
                )
        for name, effect in influence.items():
            influence[name] = effect / max(np.abs(effect).max(initial=0), 1e-300)
    return influence
