"""Classify a stream of events from standard input, while it comes.

    SENSOR | python examples/classify_stream.py NETWORK [--window STEPS]

NETWORK holds integers: what `nmtool quantise` wrote, a run that trained in them, or an export. A
line of the stream is

    TIME_MS CHANNEL     an event: ms since the stream began, and a channel of the data, from 0
    TIME_MS             no event: time has come so far, for sensors that are silent for a while

Empty lines and those that begin with # are passed over; so are events that come after their step,
which are counted. Time is that of the lines, not of the clock. Decisions are made in every step,
and printed where they change:

    12 ms  three
    480 ms  seven

They are means over the last STEPS steps (by default the network's own window, or 100). Networks
whose outputs spike answer with their first spike. To try it with a sample of the digits:

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
    """Time in ms and channels, one or none, of every line; raises `DataError`."""
    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        try:
            time_ms, *channels = words
            yield float(time_ms), [int(channel) for channel in channels[:1]]
        except ValueError as error:
            raise nm.DataError(
                f"line {number} is no event: {line.strip()!r}",
                code="stream-line",
                why=str(error),
                fix="write TIME_MS CHANNEL",
            ) from error


def decisions(session: nm.Session, until_ms: float) -> Iterator[str]:
    """Run all steps up to a time, and tell the class after each step in which there is one."""
    for _ in range(session.steps_until(until_ms)):
        session.step()
        decision = session.decision()
        if decision.scores.max() > decision.scores.min():
            yield decision.class_name


def main(path: str, window: int | None, lines: Iterable[str]) -> int:
    """Classify the lines of a stream; returns how many events came too late."""
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
    # Run on until the spikes still in delays at the end have arrived.
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
