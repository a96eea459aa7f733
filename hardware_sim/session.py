"""`Session`: a network that hears a stream as it comes and can be asked at any step."""

from __future__ import annotations

import math
from dataclasses import replace
from numbers import Integral
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmtool.data.binning import step_position
from nmtool.data.events import SpikeEvents
from nmtool.errors import DataError, Finding, UsageError, check_type
from nmtool.hardware_sim.kernel import kernels
from nmtool.hardware_sim.plan import lay_out
from nmtool.hardware_sim.simulator import columns, fault_counts
from nmtool.network.graph import LIF, count_inputs
from nmtool.network.integer_network import IntegerNetwork
from nmtool.network.readout import WINDOW, Readout, StreamScores
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.values import frozen

KEPT_STEPS = 100
"""Steps that `Session.recent` can look back, by default."""

_LAST_STEP = 1 << 53
"""Steps beyond are not counted exactly by float64; at 1 ms, in 285,000 years."""


class Decision(NamedTuple):
    """The answer of a session after a step.

    >>> import nmtool as nm
    >>> session = nm.Session(nm.round_network(nm.Network.layers([2, 3])).network)
    >>> session.step(10)
    >>> session.feed([0])
    >>> session.step(10)
    >>> decision = session.decision()
    >>> decision.step, decision.class_name
    (20, '2')

    Attributes:
        step: number of steps that it rests on.
        label: the class, an output neuron; the lowest where scores are equal.
        class_name: its name.
        scores: [classes] float64.
    """

    step: int
    label: int
    class_name: str
    scores: NDArray[np.float64]

    def __repr__(self) -> str:
        return f"<Decision: class {self.label} '{self.class_name}', after {self.step:,} steps>"


class Session:
    """Run a network of integers on a stream, in pieces of any length.

    Spikes, u, v and decisions are those of `nmtool.simulate` for the same events in one sample,
    wherever the stream is cut: spikes on their way through delays arrive in later calls. Memory
    does not grow with the stream. A session is for one thread at a time.

    >>> import nmtool as nm
    >>> weight, delay = np.array([[90, 0], [0, 90]]), np.array([[0, 3], [3, 0]])
    >>> synapses = nm.IntegerProjection("input", "output", weight, delay)
    >>> outputs = nm.IntegerPopulation("output", 2, "li", 400, 200, vth=131072, scale=1.0)
    >>> readout = nm.Readout("output", "window", 50)
    >>> network = nm.IntegerNetwork(nm.InputChannels(2), [outputs], [synapses], readout, 1.0, 100)
    >>> session = nm.Session(network)
    >>> session.feed([1])                      # in the coming step
    >>> session.feed([0, 1], [4.2, 4.9])       # at these times in ms
    >>> session.step(6)
    >>> session.decision().class_name
    '1'

    Args:
        network: what runs.
        window: read the stream by the mean of this many last steps, whatever rule the network
            was trained with; its output must not spike.
        keep: steps that `recent` can look back.

    Raises:
        UsageError: it is no network of integers, or `keep` is no positive number.
        NetworkError: the window does not fit the network.
    """

    def __init__(
        self, network: IntegerNetwork, *, window: int | None = None, keep: int = KEPT_STEPS
    ) -> None:
        check_type(
            network,
            IntegerNetwork,
            "the network of a session",
            "pass an IntegerNetwork: nmtool.load(PATH) for a file, nmtool.quantise(…).network "
            "for floats, RUN.integers for a run that trained in integers",
        )
        _check_count(keep, 1, "the steps that are kept")
        if window is not None:
            readout = Readout(network.readout.population, WINDOW, window)
            network = replace(network, readout=readout)
        self.network = network
        self._plan = plan = lay_out(network)
        self._run_steps = kernels(network.runs_in).run_steps
        self._columns = columns(network, plan)
        n_neurons = len(plan.bias)
        self._spiked = np.zeros((keep, n_neurons), np.bool_)
        self._u_trace = np.zeros((keep, n_neurons), np.int32)
        self._v_trace = np.zeros((keep, n_neurons), np.int32)
        self._ring = np.zeros((plan.slots, n_neurons), np.int32)
        self._u = np.zeros(n_neurons, np.int64)
        self._v = np.zeros(n_neurons, np.int64)
        self._faults = np.zeros((2, n_neurons), np.int64)
        self.reset()
        self._run(0)  # compiles, so that the first step does not

    def reset(self) -> None:
        """Begin anew: step 0, everything at rest, nothing on its way, nothing fed."""
        for array in (self._ring, self._u, self._v, self._faults, self._spiked):
            array.fill(0)
        self._within_step = False
        self._n = 0
        self._coming: dict[int, set[int]] = {}
        readout, network = self.network.readout, self.network
        self._scores = StreamScores(readout, len(network.class_names), network.n_steps)

    @property
    def n_steps(self) -> int:
        """Number of steps since the beginning or the last reset; that of the coming step."""
        return self._n

    @property
    def time_ms(self) -> float:
        """Time in ms at which the coming step begins."""
        return self._n * self.network.dt_ms

    @property
    def counts(self) -> dict[str, int]:
        """Overflows since the beginning or the last reset, as in `Recording.counts`."""
        return fault_counts(self._faults, self._columns)

    def feed(
        self,
        events: SpikeEvents | ArrayLike,
        time_ms: ArrayLike | None = None,
    ) -> None:
        """Add input spikes to the coming step, or to those that times say.

        Times become steps, and channels of the data channels of the network, as `network.bin` does
        it; a network's channel spikes at most once in a step. Spikes of steps that have not
        come yet wait. If an event is refused, none of the call is taken.

        Args:
            events: [events] integers, channels of the data; or `SpikeEvents` of one sample.
            time_ms: [events] float, or one time for all, in ms since the beginning or the last
                reset, in any order; without it, the coming step.

        Raises:
            DataError: channels or times are not numbers, not as many, or of another data set; or
                `events-refused`, with a finding for channels that are unknown, times that
                are not finite, and events whose step is over.
            UsageError: `SpikeEvents` of other than one sample, or with other times beside them.
        """
        if isinstance(events, SpikeEvents):
            self._check_sample(events, time_ms)
            channels: ArrayLike = events.unit
            time_ms = events.time_ms
        else:
            channels = events
        unit = _numbers(channels, "iu", "channels", np.int64)
        if not unit.size:
            return
        channel = unit // self.network.channels.group
        if time_ms is None:
            self._check(unit)
            self._coming.setdefault(self._n, set()).update(channel.tolist())
            return
        time = _numbers(time_ms, "iuf", "times", np.float64)
        if time.size not in (1, unit.size):
            raise DataError(
                f"{unit.size} channels spike at {time.size} times",
                code="events-lengths",
                fix="give a time for each, or one for all",
            )
        step = np.floor(step_position(np.broadcast_to(time, unit.shape), self.network.dt_ms))
        self._check(unit, step)
        for n, index in zip(step.astype(np.int64).tolist(), channel.tolist(), strict=True):
            self._coming.setdefault(n, set()).add(index)

    def step(self, n_steps: int = 1) -> None:
        """Run steps.

        Raises:
            UsageError: the number is negative or not whole, or a step was interrupted before.
        """
        _check_count(n_steps, 0, "the steps to run")
        if self._within_step:
            raise UsageError(
                f"step {self._n} was interrupted, and the session cannot go on from there",
                code="session-interrupted",
                fix="begin anew: reset()",
            )
        keep = len(self._spiked)
        left = int(n_steps)
        while left:
            run = min(left, keep - self._n % keep)
            self._run(run)
            left -= run

    def run_until(self, time_ms: float) -> int:
        """Run all steps that are over at a time, `steps_until` of them; returns how many."""
        n_steps = self.steps_until(time_ms)
        self.step(n_steps)
        return n_steps

    def steps_until(self, time_ms: float) -> int:
        """Count the steps that are over at a time, after which the coming step is that of the time.

        Args:
            time_ms: ms since the beginning or the last reset; 0 steps where it has passed.

        Raises:
            DataError: the time is not finite, or beyond all that can be counted.
        """
        time = _numbers(time_ms, "iuf", "times", np.float64)
        position = step_position(time, self.network.dt_ms)
        if position.size != 1 or not abs(position[0]) < _LAST_STEP:
            raise DataError(
                f"there is no step at {time_ms} ms",
                code="session-time-range",
                fix="give a finite time in ms since the beginning or the last reset",
            )
        return max(0, math.floor(position[0]) - self._n)

    def decision(self) -> Decision:
        """The class as if the stream ended now, by the network's read-out.

        `window` forgets all but the last steps. The other rules never forget: `mean` is that of all
        steps, `max` the largest membrane ever, `first_spike` the first one ever, which nothing
        changes any more. `weighted` weighs steps by their place in a sample, and has no decision
        beyond `n_steps` of the network.

        Raises:
            UsageError: no step has run, or more than the rule `weighted` allows.
        """
        scores = self._scores.now()
        label = int(scores.argmax())
        return Decision(self._n, label, self.network.class_names[label], scores)

    def spikes(self, population: str) -> NDArray[np.int64]:
        """[spikes] int64: the neurons of a population that spiked in the last step, ascending."""
        row = (self._n - 1) % len(self._spiked)
        return np.flatnonzero(self._spiked[row, self._part(population)])

    def membrane(self, population: str) -> NDArray[np.int32]:
        """[neurons] int32: v of a population after the last step, 0 after a spike."""
        return self._v[self._part(population)].astype(np.int32)

    def current(self, population: str) -> NDArray[np.int32]:
        """[neurons] int32: u of a population after the last step."""
        return self._u[self._part(population)].astype(np.int32)

    def recent(self, n_steps: int | None = None) -> Recording:
        """Spikes, u and v of the last steps, as a deep recording of one sample.

        Args:
            n_steps: how many; by default all that are kept.

        Raises:
            UsageError: fewer are kept, or have run.
        """
        kept = min(self._n, len(self._spiked))
        n_steps = kept if n_steps is None else n_steps
        _check_count(n_steps, 0, "the steps to look back")
        if n_steps > kept:
            raise UsageError(
                f"{n_steps} steps back there is nothing; {kept} are kept",
                code="session-not-kept",
                fix=f"ask for at most {kept}, or keep more: Session(network, keep={n_steps})",
            )
        rows = np.arange(self._n - n_steps, self._n) % len(self._spiked)
        spiked, u, v = (trace[None, rows] for trace in (self._spiked, self._u_trace, self._v_trace))
        part, network = self._columns, self.network
        return Recording(
            network.readout,
            {p.name: Raster.from_dense(spiked[:, :, part[p.name]]) for p in network.spiking},
            {p.name: v[:, :, part[p.name]].copy() for p in network.integrating},
            {p.name: u[:, :, part[p.name]].copy() for p in network.populations},
            {p.name: v[:, :, part[p.name]].copy() for p in network.spiking},
        )

    def __repr__(self) -> str:
        return f"<Session: {self._n:,} steps of {self.network.dt_ms:g} ms, {self.network!r}>"

    def _part(self, population: str) -> slice:
        return self._columns[self.network.population(population).name]

    def _run(self, n_steps: int) -> None:
        """Run steps whose traces lie in neighbouring rows."""
        self._within_step = True
        channels: list[int] = []
        offsets = [0]
        for n in range(self._n, self._n + n_steps):
            channels += sorted(self._coming.pop(n, ()))
            offsets.append(len(channels))
        row = self._n % len(self._spiked)
        rows = slice(row, row + n_steps)
        spiked, v = self._spiked[rows], self._v_trace[rows]
        self._run_steps(
            self._plan,
            self._n % self._plan.slots,
            self._ring,
            self._u,
            self._v,
            np.array(offsets, np.int64),
            frozen(np.array(channels, np.int32)),  # as of rasters: kernels are compiled for that
            spiked,
            self._u_trace[rows],
            v,
            self._faults,
        )
        self._n += n_steps
        readout = self.network.readout
        answers = spiked if readout.kind == LIF else v
        self._scores.add(answers[:, self._columns[readout.population]])
        self._within_step = False

    def _check_sample(self, events: SpikeEvents, time_ms: ArrayLike | None) -> None:
        """Raise `DataError` or `UsageError` unless it is one sample of data that fit."""
        if events.n_samples != 1 or time_ms is not None:
            raise UsageError(
                "a sample has times of its own"
                if events.n_samples == 1
                else f"a session takes the events of one sample, not of {events.n_samples}",
                code="session-one-sample",
                fix="leave the time out"
                if events.n_samples == 1
                else "feed events[i], and reset before the next sample",
            )
        channels = self.network.channels
        if count_inputs(events.n_units, channels.group) != channels.size:
            raise DataError(
                f"the data have {events.n_units} channels, in groups of {channels.group}; the "
                f"network listens to {channels.size}",
                code="input-channels-differ",
                fix="use the data that the network was made for",
            )

    def _check(self, unit: NDArray[np.int64], step: NDArray[np.floating] | None = None) -> None:
        """Raise `DataError` unless all events have a channel and a step that is yet to come."""
        n_units = self.network.channels.size * self.network.channels.group
        known = unit.min() >= 0 and unit.max() < n_units
        if known and (step is None or (step.min() >= self._n and step.max() < _LAST_STEP)):
            return
        findings = []
        step = np.full(unit.size, float(self._n)) if step is None else step
        strange = (unit < 0) | (unit >= n_units)
        nowhere = ~(np.abs(step) < _LAST_STEP)
        late = ~nowhere & (step < self._n)
        if strange.any():
            at = int(strange.argmax())
            what = f"{_counted(strange)} no channel of the {n_units} there are: {unit[at]}"
            fix = f"count channels of the data from 0 to {n_units - 1}"
            findings.append(Finding("event-channel-unknown", f"event {at}", what, fix))
        if nowhere.any():
            at = int(nowhere.argmax())
            what = f"{_counted(nowhere)} no time: it is not finite, or beyond all steps"
            fix = "give ms since the beginning or the last reset"
            findings.append(Finding("event-time-range", f"event {at}", what, fix))
        if late.any():
            at = int(late.argmax())
            what = f"{_counted(late)} a step that is over: {int(step[at])}; {self._n} is next"
            fix = f"feed events before their step runs; leave out those before {self.time_ms:g} ms"
            findings.append(Finding("event-late", f"event {at}", what, fix))
        refused = int((strange | nowhere | late).sum())
        raise DataError(
            f"{refused} of {unit.size} events cannot be heard; none of the call was taken",
            code="events-refused",
            fix="leave them out, or mend them",
            findings=findings,
        )


def _counted(events: NDArray[np.bool_]) -> str:
    n = int(events.sum())
    return "the event has" if n == 1 else f"{n} events, of which this is the first, have"


def _numbers(values: ArrayLike, kinds: str, what: str, dtype: type) -> NDArray:
    """One number, or a flat list of them, as an array."""
    try:
        array = np.atleast_1d(np.asarray(values))
    except ValueError:  # of lists within lists of different lengths
        array = np.zeros((0, 0))
    if array.ndim == 1 and not array.size:
        array = array.astype(dtype)
    if array.ndim != 1 or array.dtype.kind not in kinds:
        raise DataError(
            f"{what} of events must be a flat list of {'numbers' if 'f' in kinds else 'whole '}"
            f"{'' if 'f' in kinds else 'numbers'}",
            code="events-not-numbers",
            fix="give channels, and times in ms beside them; numpy.flatnonzero lists the channels "
            "of a mask",
        )
    return array.astype(dtype, copy=False)


def _check_count(value: int, least: int, what: str) -> None:
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise UsageError(
            f"{what} must be a whole number of at least {least}, not {value!r}",
            code="session-steps-range",
            fix=f"give a whole number, {least} or more",
        )
