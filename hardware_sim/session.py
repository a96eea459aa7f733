"""`Session`: run a network online, on a stream of input spikes, with a decision at any step."""

from __future__ import annotations

import logging
import math
from collections import Counter
from dataclasses import replace
from functools import partial
from numbers import Integral
from threading import get_ident
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmtool.arithmetic import place_in_sum
from nmtool.data.binning import step_position
from nmtool.data.events import SpikeEvents
from nmtool.data.fit import check_analogue
from nmtool.errors import DataError, Finding, UsageError, check_type
from nmtool.hardware_sim.plan import columns, lay_out
from nmtool.hardware_sim.simulator import (
    BYTES_PER_BIN,
    MAX_SAMPLE_BYTES,
    kernels_of,
    overflow_counts,
    recording_from,
)
from nmtool.network.graph import LIF, count_inputs
from nmtool.network.integer_network import IntegerNetwork
from nmtool.network.readout import WINDOW, Readout, StreamScores
from nmtool.recording import Recording
from nmtool.tables import counted
from nmtool.values import frozen, plain_array

_log = logging.getLogger(__name__)

KEPT_STEPS = 100
"""Default number of past steps that `Session.recent` can return."""

FAR_SAMPLES = 100
"""An event is far ahead if it is more than this number of sample lengths after the next step."""

_LAST_STEP = 1 << 53
"""Largest step number that float64 counts exactly: at 1 ms, 285,000 years."""


class Decision(NamedTuple):
    """The class predicted by a session after a step.

    >>> import nmtool as nm
    >>> session = nm.Session(nm.round_network(nm.Network.layers([2, 3])).network)
    >>> session.step(10)
    >>> session.feed([0])
    >>> session.step(10)
    >>> decision = session.decision()
    >>> decision.step, decision.class_name
    (20, '2')

    Attributes:
        step: number of steps so far.
        label: index of the predicted class; of classes with equal scores, the lowest index.
        class_name: name of the predicted class.
        scores: [classes] float64, score of each class.
    """

    step: int
    label: int
    class_name: str
    scores: NDArray[np.float64]

    def __repr__(self) -> str:
        steps = counted(self.step, "step")
        return f"<Decision: class {self.label} '{self.class_name}', after {steps}>"


class Session:
    """Run an integer network online on a stream of spikes, in pieces of any length.

    Spikes, u, v and decisions equal those of `nmtool.simulate` for the same events in one sample,
    however the stream is divided: delayed spikes arrive in later calls. Memory does not grow with
    the stream. A session is not thread-safe.

    >>> import nmtool as nm
    >>> weight, delay = np.array([[90, 0], [0, 90]]), np.array([[0, 3], [3, 0]])
    >>> synapses = nm.IntegerProjection("input", "output", weight, delay)
    >>> outputs = nm.IntegerPopulation("output", 2, "li", 400, 200, vth=131072, scale=1.0)
    >>> readout = nm.Readout("output", "window", 50)
    >>> network = nm.IntegerNetwork(nm.InputChannels(2), [outputs], [synapses], readout, 1.0, 100)
    >>> session = nm.Session(network)
    >>> session.feed([1])                      # in the next step
    >>> session.feed([0, 1], [4.2, 4.9])       # at these times in ms
    >>> session.step(6)
    >>> session.decision().class_name
    '1'

    Args:
        network: network to run.
        window: decide by the mean output membrane over the last `window` steps, instead of the
            network's own readout; needs an output population that does not spike.
        keep: number of past steps that `recent` can return; each takes 9 bytes per neuron, at most
            8 GiB together.

    Raises:
        UsageError: the network is not an integer network, or `keep` is not positive or too large.
        NetworkError: the window cannot be used with the network.
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
        if window is not None:
            readout = Readout(network.readout.population, WINDOW, window)
            network = replace(network, readout=readout)
        self.network = network
        self._plan = plan = lay_out(network)
        self._run_steps = kernels_of(network).run_steps
        word = network.runs_in.word
        self._place = partial(place_in_sum, word=word) if word > 1 else None
        self._columns = columns(network)
        n_neurons = len(plan.bias)
        most = MAX_SAMPLE_BYTES // (BYTES_PER_BIN * n_neurons)
        _check_count(keep, 1, "the number of steps to keep, `keep`,", most)
        self._spiked = np.zeros((keep, n_neurons), np.uint8 if network.has_counts else np.bool_)
        self._u_trace = np.zeros((keep, n_neurons), np.int32)
        self._v_trace = np.zeros((keep, n_neurons), np.int32)
        self._ring = np.zeros((plan.slots, n_neurons), np.int32)
        self._u = np.zeros(n_neurons, np.int64)
        self._v = np.zeros(n_neurons, np.int64)
        self._owed = np.zeros(n_neurons, np.int64)
        self._overflows = np.zeros((2, n_neurons), np.int64)
        self.reset()
        # This call compiles the kernels before the stream begins.
        self._run(0)

    def reset(self) -> None:
        """Return to step 0: all neurons at rest, without pending or fed spikes."""
        for array in (
            self._ring,
            self._u,
            self._v,
            self._owed,
            self._overflows,
            self._spiked,
        ):
            array.fill(0)
        self._thread_in_step: int | None = None
        self._n = 0
        self._pending: dict[int, Counter[int]] = {}
        self._may_remark = True
        readout, network = self.network.readout, self.network
        self._scores = StreamScores(readout, len(network.class_names), network.n_steps)

    @property
    def n_steps(self) -> int:
        """Number of steps since the last reset; it is also the index of the next step."""
        return self._n

    @property
    def time_ms(self) -> float:
        """Time in ms at which the next step begins."""
        return self._n * self.network.dt_ms

    @property
    def counts(self) -> dict[str, int]:
        """Numbers of overflows since the last reset, as in `Recording.counts`."""
        return overflow_counts(self._overflows, self._columns)

    def feed(
        self,
        events: SpikeEvents | ArrayLike,
        time_ms: ArrayLike | None = None,
        count: ArrayLike | None = None,
    ) -> None:
        """Add input spikes to the next step, or to the steps of their times.

        Times are binned to steps, and data channels mapped to network channels, as by
        `network.bin`; a network channel spikes at most `channels.most_spikes` times per step.
        Spikes of later steps wait until these steps run. If one event is invalid, no event of the
        call is added. If an event is so far ahead that its time may not be in ms, a remark is
        logged, once until the next reset.

        Args:
            events: [events] integers, data channels; or `SpikeEvents` of one sample.
            time_ms: [events] float, or one time for all, in ms since the last reset, in any
                order; by default the next step.
            count: [events] integers, or one for all, spikes of each event, 1 or more; by default 1,
                or those of the `SpikeEvents`.

        Raises:
            DataError: channels, times or counts are not numbers, differ in length, or belong to
                another data set. The code `events-refused` has a finding each for unknown channels,
                non-finite times, and events of past steps.
            UsageError: `events` are `SpikeEvents` of no or several samples, or of numbers in
                another scale than the network's, or `SpikeEvents` are given together with `time_ms`
                or `count`.
        """
        if isinstance(events, SpikeEvents):
            self._check_sample(events, time_ms, count)
            channels: ArrayLike = events.unit
            time_ms, count = events.time_ms, events.count
        else:
            channels = events
        unit = _numbers(channels, "iu", "channels", np.int64)
        if not unit.size:
            return
        channel = unit // self.network.channels.group
        number = _for_events(1 if count is None else count, "iu", "counts", unit.size)
        if number.min() < 1:
            raise DataError(
                f"an event cannot have {number.min()} spikes",
                code="event-count-range",
                fix="leave out events without spikes",
            )
        if time_ms is None:
            step = np.full(unit.size, self._n)
            self._check_events(unit)
        else:
            time = _for_events(time_ms, "iuf", "times", unit.size)
            step = np.floor(step_position(time, self.network.dt_ms))
            self._check_events(unit, step)
            self._remark_far_ahead(float(step.max()))
        self._add(step.astype(np.int64), channel, number)

    def feed_values(self, values: ArrayLike) -> None:
        """Add numbers to the input of the next step, or of the next steps.

        Numbers become counts by the rule of the network, `network.channels.analogue`, as in
        `SpikeEvents.from_values`. Counts that are added to a step twice are summed.

        Args:
            values: [channels] numbers of the next step, or [steps, channels] numbers of the next
                steps. The channels are those of the data: a signed number counts once.

        Raises:
            UsageError: the network's input are spikes, not numbers.
            DataError: the values have another shape, or are not finite.
        """
        channels = self.network.channels
        if channels.analogue is None:
            raise UsageError(
                "the input of the network are spikes, not numbers",
                code="session-not-analogue",
                fix="feed spikes with feed(); or train a network on SpikeEvents.from_values(…)",
            )
        counts = np.atleast_2d(channels.analogue.counts(values))
        if counts.ndim > 2 or counts.shape[1] != channels.size:
            n_numbers = channels.size // channels.analogue.channels_per_number
            raise DataError(
                f"values of shape {np.shape(values)} are not those of {n_numbers} channels",
                code="session-values-shape",
                fix=f"give {n_numbers} numbers, or [steps, {n_numbers}] for several steps",
            )
        step, channel = place = np.nonzero(counts)
        self._add(self._n + step, channel, counts[place])

    def _add(
        self, step: NDArray[np.integer], channel: NDArray[np.integer], count: NDArray[np.integer]
    ) -> None:
        """Add spikes to the steps to come; [events] each."""
        for n, index, spikes in zip(step.tolist(), channel.tolist(), count.tolist(), strict=True):
            self._pending.setdefault(n, Counter())[index] += spikes

    def step(self, n_steps: int = 1) -> None:
        """Run the next `n_steps` steps.

        Raises:
            UsageError: `n_steps` is negative or not whole, an earlier step was interrupted, or
                another thread is in a step.
        """
        _check_count(n_steps, 0, "the number of steps to run")
        if self._thread_in_step == get_ident():
            raise UsageError(
                f"step {self._n} was interrupted, and the session cannot be continued",
                code="session-interrupted",
                fix="start again with reset()",
            )
        if self._thread_in_step is not None:
            raise UsageError(
                f"another thread has begun step {self._n} of this session, and not ended it",
                code="session-threads",
                why="a session is not thread-safe",
                fix="give every thread its own session, or guard the calls with a threading.Lock; "
                "if the other thread has stopped, start again with reset()",
            )
        ring_length = len(self._spiked)
        remaining = int(n_steps)
        while remaining:
            portion = min(remaining, ring_length - self._n % ring_length)
            self._run(portion)
            remaining -= portion

    def run_until(self, time_ms: float) -> int:
        """Run all steps that end by a time, and return their number; see `steps_until`."""
        n_steps = self.steps_until(time_ms)
        self.step(n_steps)
        return n_steps

    def steps_until(self, time_ms: float) -> int:
        """Number of steps still to run before the step that contains a time.

        Args:
            time_ms: time in ms since the last reset; for a time in the past, the number is 0.

        Raises:
            DataError: the time is not finite, or too large to be counted in steps.
        """
        time = _numbers(time_ms, "iuf", "times", np.float64)
        position = step_position(time, self.network.dt_ms)
        if position.size != 1 or not abs(position[0]) < _LAST_STEP:
            raise DataError(
                f"the time {time_ms} ms is not finite, or too large",
                code="session-time-range",
                fix="give a finite time in ms since the last reset",
            )
        return max(0, math.floor(position[0]) - self._n)

    def decision(self) -> Decision:
        """The class predicted if the stream ended now, by the network's readout.

        Only `window` is limited to the last steps. The other rules use all steps since the last
        reset: `mean` averages them, `max` takes the largest membrane, `first_spike` the first
        spike, after which the decision is final. A rule that weights steps by their position in a
        sample, such as `weighted`, is undefined beyond `n_steps` of the network.

        Raises:
            UsageError: no step has been run, or more than `n_steps` with a rule that weights steps.
        """
        scores = self._scores.now()
        label = int(scores.argmax())
        return Decision(self._n, label, self.network.class_names[label], scores)

    def spikes(self, population: str) -> NDArray[np.int64]:
        """Neurons of a population that spiked in the last step, [spikes] int64, ascending."""
        row = (self._n - 1) % len(self._spiked)
        return np.flatnonzero(self._spiked[row, self._part(population)])

    def spike_counts(self, population: str) -> NDArray[np.int64]:
        """Number of spikes of each neuron of a population in the last step, [neurons] int64."""
        row = (self._n - 1) % len(self._spiked)
        return self._spiked[row, self._part(population)].astype(np.int64)

    def membrane(self, population: str) -> NDArray[np.int32]:
        """Membrane v of a population after the last step and its resets, [neurons] int32."""
        return self._v[self._part(population)].astype(np.int32)

    def current(self, population: str) -> NDArray[np.int32]:
        """Synaptic current u of a population after the last step, [neurons] int32."""
        return self._u[self._part(population)].astype(np.int32)

    def recent(self, n_steps: int | None = None) -> Recording:
        """Spikes, u and v of the last steps, as a deep recording of one sample.

        Args:
            n_steps: number of steps; by default all steps in memory.

        Raises:
            UsageError: `n_steps` exceeds the steps in memory, or the steps that have been run.
        """
        n_past = min(self._n, len(self._spiked))
        n_steps = n_past if n_steps is None else n_steps
        _check_count(n_steps, 0, "the number of past steps")
        if n_steps > n_past:
            raise UsageError(
                f"the last {n_steps} steps are not in memory, only the last {n_past}",
                code="session-not-kept",
                fix=f"request at most {n_past} steps, or keep more: Session(network, "
                f"keep={n_steps})",
            )
        rows = np.arange(self._n - n_steps, self._n) % len(self._spiked)
        spiked, u, v = (trace[None, rows] for trace in (self._spiked, self._u_trace, self._v_trace))
        return recording_from(self.network, spiked, u, v, deep=True)

    def __repr__(self) -> str:
        return (
            f"<Session: {counted(self._n, 'step')} of {self.network.dt_ms:g} ms, {self.network!r}>"
        )

    def _part(self, population: str) -> slice:
        """Slice of a population in arrays over all neurons."""
        return self._columns[self.network.population(population).name]

    def _run(self, n_steps: int) -> None:
        """Run the next steps, whose rows in the ring of traces must not wrap around."""
        self._thread_in_step = get_ident()
        channels: list[int] = []
        counts: list[int] = []
        offsets, most = [0], self.network.channels.most_spikes
        for n in range(self._n, self._n + n_steps):
            spikes = self._pending.pop(n, Counter())
            of_step = sorted(spikes, key=self._place)
            channels += of_step
            counts += [min(spikes[channel], most) for channel in of_step]
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
            self._owed,
            np.array(offsets, np.int64),
            # The kernels are compiled for these types.
            frozen(np.array(channels, np.int32)),
            frozen(np.array(counts, np.uint8)),
            spiked,
            self._u_trace[rows],
            v,
            self._overflows,
        )
        self._n += n_steps
        readout = self.network.readout
        answers = spiked if readout.kind == LIF else v
        self._scores.add(answers[:, self._columns[readout.population]])
        self._thread_in_step = None

    def _check_sample(
        self, events: SpikeEvents, time_ms: ArrayLike | None, count: ArrayLike | None
    ) -> None:
        """Raise `DataError` or `UsageError` unless the events are one sample of matching data."""
        if events.n_samples != 1 or time_ms is not None or count is not None:
            own, given = ("times", "time_ms") if count is None else ("counts", "count")
            raise UsageError(
                f"a sample has its own {own}, but `{given}` was also given"
                if events.n_samples == 1
                else f"a session takes the events of one sample, not of {events.n_samples} samples",
                code="session-one-sample",
                fix=f"omit `{given}`"
                if events.n_samples == 1
                else "feed events[i], and reset before the next sample",
            )
        channels = self.network.channels
        if count_inputs(events.n_units, channels.group) != channels.size:
            raise DataError(
                f"the data have {events.n_units} channels, in groups of {channels.group}, but "
                f"the network has {channels.size} channels",
                code="input-channels-differ",
                fix="use the data that the network was made for",
            )
        check_analogue(self.network, events)

    def _remark_far_ahead(self, step: float) -> None:
        """Log a remark, once, if a step is so far ahead that its time may be in another unit."""
        n_ahead = step - self._n
        if self._may_remark and n_ahead > FAR_SAMPLES * self.network.n_steps:
            self._may_remark = False
            ahead_ms = n_ahead * self.network.dt_ms
            remark = Finding(
                "event-far-ahead",
                "time_ms",
                f"an event lies {ahead_ms:,.0f} ms ahead, more than {FAR_SAMPLES} times the length "
                "of a sample, and has no effect until then",
                "times are in ms since the last reset; divide µs by 1,000",
            )
            _log.warning(remark.as_line("remark"))

    def _check_events(
        self, unit: NDArray[np.int64], step: NDArray[np.floating] | None = None
    ) -> None:
        """Raise `DataError` unless all events have a valid channel and a step not yet run."""
        n_units = self.network.channels.size * self.network.channels.group
        all_known = unit.min() >= 0 and unit.max() < n_units
        if all_known and (step is None or (step.min() >= self._n and step.max() < _LAST_STEP)):
            return
        findings, is_timed = [], step is not None
        step = np.full(unit.size, float(self._n)) if step is None else step
        unknown = (unit < 0) | (unit >= n_units)
        out_of_range = ~(np.abs(step) < _LAST_STEP)
        late = ~out_of_range & (step < self._n)
        if unknown.any():
            at = int(unknown.argmax())
            what = f"{_subject(unknown)} a channel outside 0 … {n_units - 1}: {unit[at]}"
            fix = f"number data channels from 0 to {n_units - 1}"
            if is_timed and not (late | out_of_range).any() and step.max() < n_units:
                fix += "; channels come first, then times: feed(channels, time_ms)"
            findings.append(Finding("event-channel-unknown", f"event {at}", what, fix))
        if out_of_range.any():
            at = int(out_of_range.argmax())
            what = f"{_subject(out_of_range)} an invalid time: infinite, NaN or too large"
            fix = "give times in ms since the last reset"
            findings.append(Finding("event-time-range", f"event {at}", what, fix))
        if late.any():
            at = int(late.argmax())
            what = f"{_subject(late)} a past step, {int(step[at])}; the next step is {self._n}"
            fix = f"feed events before their step runs; drop those before {self.time_ms:g} ms"
            findings.append(Finding("event-late", f"event {at}", what, fix))
        refused = int((unknown | out_of_range | late).sum())
        raise DataError(
            f"{refused} of {unit.size} events are invalid, so no event was fed",
            code="events-refused",
            fix="drop or correct the invalid events",
            findings=findings,
        )


def _for_events(values: ArrayLike, kinds: str, subject: str, n_events: int) -> NDArray:
    """[events]: a number for each event, or one number for all; arguments as for `_numbers`."""
    numbers = _numbers(values, kinds, subject, np.float64 if "f" in kinds else np.int64)
    if numbers.size not in (1, n_events):
        raise DataError(
            f"the events have {n_events} channels, but {numbers.size} {subject}",
            code="events-lengths",
            fix="give one number per event, or one for all events",
        )
    return np.broadcast_to(numbers, n_events)


def _subject(events: NDArray[np.bool_]) -> str:
    """Subject and verb of a message on invalid events, with their number."""
    n = int(events.sum())
    return "the event has" if n == 1 else f"{n} events, of which this is the first, have"


def _numbers(values: ArrayLike, kinds: str, subject: str, dtype: type) -> NDArray:
    """Convert a number, or a flat list of numbers, to an array.

    Args:
        values: the numbers.
        kinds: allowed kinds of numpy types, e.g. `iu` for integers.
        subject: name of the numbers in the error message.
        dtype: type of the array.
    """
    try:
        array = np.atleast_1d(plain_array(values))
    except ValueError:  # The values are nested lists of different lengths.
        array = np.zeros((0, 0))
    if array.ndim == 1 and not array.size:
        array = array.astype(dtype)
    if array.ndim != 1 or array.dtype.kind not in kinds:
        raise DataError(
            f"{subject} of events must be a flat list of {'numbers' if 'f' in kinds else 'whole '}"
            f"{'' if 'f' in kinds else 'numbers'}",
            code="events-not-numbers",
            fix="give channels first, then their times in ms: feed(channels, time_ms); "
            "numpy.flatnonzero lists the channels of a mask",
        )
    return array.astype(dtype, copy=False)


def _check_count(value: int, least: int, subject: str, most: float = math.inf) -> None:
    """Raise `UsageError` unless a number is whole and within `least` … `most`."""
    is_whole = isinstance(value, Integral) and not isinstance(value, bool)
    if not is_whole or not least <= value <= most:
        numbers = f"{least} … {most:,}" if most < math.inf else f"{least} or more"
        raise UsageError(
            f"{subject} cannot be {value!r}",
            code="session-steps-range",
            fix=f"give a whole number, {numbers}",
        )
