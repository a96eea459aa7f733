"""Classify a stream of events from standard input as they arrive.

    SENSOR | python examples/classify_stream.py NETWORK [--window STEPS]

NETWORK is an integer network: a file that `nmtool quantise` wrote, a run that trained in integers,
or an export. A line of the stream is

    TIME_MS CHANNEL     an event: ms since the stream began, and a channel of the data, from 0
    TIME_MS             only the time, to let time pass without events

Empty lines and lines that begin with # are ignored. Events that arrive after their step has run are
ignored and counted. Only the times in the lines count, not the computer's clock. The class is
decided in every step, and printed when it changes:

    12 ms  three
    480 ms  seven

Scores are means over the last STEPS steps (by default the network's own window, or 100). For
networks whose outputs spike, the first output spike decides. To try it with a sample of the digits:

    python -c "
    import nmtool as nm
    sample = nm.load_dataset('digits').test[0]
    for time_ms, channel in zip(sample.time_ms, sample.unit):
        print(time_ms, channel)
    " | python examples/classify_stream.py integers.npz
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator

import nmtool as nm

WINDOW = 100


def events(lines: Iterable[str]) -> Iterator[tuple[float, list[int]]]:
    """Yield the time in ms and the channels (one or none) of every line; raises `DataError`."""
    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        try:
            time_ms, *channels = words
            yield float(time_ms), [int(channel) for channel in channels[:1]]
        except ValueError as error:
            raise nm.DataError(
                f"line {number} is not an event: {line.strip()!r}",
                code="stream-line",
                why=str(error),
                fix="write TIME_MS CHANNEL",
            ) from error


def decisions(session: nm.Session, until_ms: float) -> Iterator[str]:
    """Run all steps up to a time; yield the class after each step unless all scores are equal."""
    for _ in range(session.steps_until(until_ms)):
        session.step()
        decision = session.decision()
        if decision.scores.max() > decision.scores.min():
            yield decision.class_name


def main(path: str, window: int | None, lines: Iterable[str]) -> int:
    """Classify the lines of a stream, and return the number of late events."""
    network = nm.load(path)
    if window is None and network.readout.rule != "window" and network.readout.kind == "li":
        window = WINDOW
    session = nm.Session(network, window=window)
    last, late, time_ms = "", 0, 0.0

    def run(until_ms: float) -> None:
        nonlocal last
        for name in decisions(session, until_ms):
            if name != last:
                print(f"{session.time_ms:g} ms  {name}", flush=True)
                last = name

    for time_ms, channels in events(lines):
        run(time_ms)
        try:
            session.feed(channels, time_ms)
        except nm.DataError as error:
            if [finding.code for finding in error.findings] != ["event-late"]:
                raise
            late += 1
    # The network runs on after the last event until the last spikes have passed their delays.
    run(max(time_ms, session.time_ms) + (2 + network.max_delay) * network.dt_ms)
    if late:
        print(f"{late} events came too late", file=sys.stderr)
    return late


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Classify a stream from standard input.")
    parser.add_argument("network")
    parser.add_argument("--window", type=int, metavar="STEPS")
    options = parser.parse_args()
    try:
        main(options.network, options.window, sys.stdin)
    except nm.NmtoolError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
