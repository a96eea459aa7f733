"""The command `python -m benchmarks.live`: the speed of a session on a stream, against real time.

Network and input are those of the suites (`python -m benchmarks`), in integers: 700 channels,
recurrent hidden neurons, 20 outputs, delays 0…61, steps of 1 ms. The stream consists of samples
without gaps or resets. Each of its steps makes the calls of a live loop: `feed` with the channels
that spiked, `step`, `decision`. Making the list of channels is not timed. There is one process with
one thread.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from itertools import pairwise
from time import perf_counter_ns, process_time_ns

import numpy as np
from numpy.typing import NDArray

import nmtool as nm
from benchmarks import ours
from benchmarks.drive import find_drive
from benchmarks.report import machine_text, markdown
from benchmarks.workload import Workload
from nmtool.arguments import count

WINDOW = 100
"""Number of steps that a decision averages, and number of steps at a time in `times_in_pieces`."""

TITLES = (
    *("hidden", "rate Hz", "µs per step", "µs CPU", "µs, 999 of 1000 within"),
    *("times real time", "by CPU", f"{WINDOW} steps at a time"),
)
"""Titles of the columns, which are the attributes of `Live`."""


@dataclass(frozen=True)
class Live:
    """Speed of a session on a stream: medians over the rounds.

    Attributes:
        hidden: number of hidden neurons.
        hidden_rate_hz: mean firing rate of the hidden neurons in Hz.
        us_per_step: elapsed time of a step of the loop, in µs.
        cpu_us_per_step: processor time of a step in µs, which depends less on the load of the
            machine.
        us_slowest: elapsed time that only 1 of 1000 steps exceeds, in µs.
        times_real_time: milliseconds of the stream per millisecond of elapsed time.
        times_real_time_cpu: milliseconds of the stream per millisecond of processor time.
        times_in_pieces: `times_real_time` if `WINDOW` steps run at once, with one decision.
    """

    hidden: int
    hidden_rate_hz: float
    us_per_step: float
    cpu_us_per_step: float
    us_slowest: float
    times_real_time: float
    times_real_time_cpu: float
    times_in_pieces: float


def measure(workload: Workload, rounds: int) -> Live:
    """Run a stream several times, and measure the speed.

    Args:
        workload: network and batch; the samples of the batch, one after the other, are the stream.
        rounds: number of timed runs, after an untimed run.
    """
    network = nm.round_network(workload.network(find_drive(ours.build, workload))).network
    readout = nm.Readout(network.readout.population, "window", WINDOW)
    session = nm.Session(replace(network, readout=readout))
    stream = _channels(workload.spikes())
    emitted = _hidden_spikes(session, stream)
    step_us, cpu_us, piece_us = [], [], []
    for round in range(rounds + 1):
        before = process_time_ns()
        by_clock = _step_by_step(session, stream) / 1e3
        in_cpu = (process_time_ns() - before) / 1e3 / len(stream)
        in_pieces = _in_pieces(session, stream) / 1e3
        if round:
            step_us.append(by_clock)
            cpu_us.append(in_cpu)
            piece_us.append(in_pieces)
    per_step = statistics.median(float(durations.mean()) for durations in step_us)
    cpu_per_step = statistics.median(cpu_us)
    dt_us = network.dt_ms * 1e3
    return Live(
        workload.hidden,
        emitted / workload.hidden / (len(stream) * network.dt_ms / 1e3),
        per_step,
        cpu_per_step,
        statistics.median(float(np.quantile(durations, 0.999)) for durations in step_us),
        dt_us / per_step,
        dt_us / cpu_per_step,
        statistics.median(dt_us * len(stream) / duration for duration in piece_us),
    )


def _channels(raster: nm.Raster) -> list[NDArray[np.integer]]:
    """List the channels that spike in each step of the stream."""
    edges = raster.step_offset()
    return [raster.neuron[a:b] for sample in edges for a, b in pairwise(sample.tolist())]


def _hidden_spikes(session: nm.Session, stream: Sequence[NDArray[np.integer]]) -> int:
    """Run the stream, and count the spikes of all hidden neurons."""
    session.reset()
    emitted = 0
    for channels in stream:
        session.feed(channels)
        session.step()
        emitted += session.spikes("hidden").size
    return emitted


def _step_by_step(session: nm.Session, stream: Sequence[NDArray[np.integer]]) -> NDArray[np.int64]:
    """Run the stream step by step, and return the duration of every step in ns, [steps] int64."""
    session.reset()
    clock = np.zeros(len(stream) + 1, np.int64)
    clock[0] = perf_counter_ns()
    for n, channels in enumerate(stream, 1):
        session.feed(channels)
        session.step()
        session.decision()
        clock[n] = perf_counter_ns()
    return np.diff(clock)


def _in_pieces(session: nm.Session, stream: Sequence[NDArray[np.integer]]) -> int:
    """Run the stream `WINDOW` steps at a time, and return its duration in ns."""
    session.reset()
    dt_ms, begin = session.network.dt_ms, perf_counter_ns()
    for first in range(0, len(stream), WINDOW):
        piece = stream[first : first + WINDOW]
        steps = np.repeat(
            np.arange(first, first + len(piece)), [channels.size for channels in piece]
        )
        session.feed(np.concatenate(piece), steps * dt_ms)
        session.step(len(piece))
        session.decision()
    return perf_counter_ns() - begin


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line: measure all sizes of network, and print the table."""
    options = _parser().parse_args(arguments)
    machine = machine_text()
    rows = [
        astuple(measure(Workload(hidden, batch=options.seconds), options.rounds))
        for hidden in options.hidden
    ]
    cells = [(hidden, *(f"{number:.1f}" for number in numbers)) for hidden, *numbers in rows]
    print(machine, markdown(TITLES, cells), sep="\n\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    """Parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.live",
        description="Measure how many times as fast as real time a session runs, with a decision "
        "every step.",
    )
    parser.add_argument(
        "--hidden",
        type=count,
        nargs="+",
        default=[256],
        metavar="N",
        help="numbers of hidden neurons, default 256",
    )
    parser.add_argument(
        "--seconds",
        type=count,
        default=10,
        metavar="N",
        help="length of the stream in s, default 10",
    )
    parser.add_argument(
        "--rounds", type=count, default=7, metavar="N", help="number of timed streams, default 7"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
