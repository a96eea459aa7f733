"""Run the network of this folder in Lava.

    python run.py EVENTS.npz RECORDING.npz [--model fast|stock] [--deep]

EVENTS.npz holds the input spikes of any number of samples, RECORDING.npz gets the spikes of all
spiking populations and the membranes of all others, at every step; README.md describes both.
Every finished sample is reported as a line of JSON on the standard output.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import time
from collections.abc import Sequence

from lava_network.arrays import read_arrays
from lava_network.events import Events, read_events
from lava_network.recording import Recorder
from lava_network.session import MODELS, run_samples
from lava_network.watch import end_children_with_this_process, leave_at_once

HEARTBEAT_S = 1.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all samples; returns the exit code: 0 fine, 1 failed, 2 bad input."""
    options = _parse(arguments)
    if multiprocessing.get_start_method() != "fork":
        print("Lava's processes share memory by forking: use Linux or macOS", file=sys.stderr)
        return 2
    arrays = read_arrays()
    try:
        events = read_events(options.events, arrays.n_channels)
    except (OSError, ValueError) as error:
        print(f"{options.events} cannot be used: {error}", file=sys.stderr)
        return 2
    end_children_with_this_process()
    with leave_at_once():
        recorder = Recorder(arrays, events.n_steps, options.deep)
        report = _Report(events)
        for traces in run_samples(arrays, events, options.model, options.deep, report.beat):
            recorder.add(traces)
            report.finished()
        recorder.write(options.recording)
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Run the network of this folder in Lava.")
    parser.add_argument("events", metavar="EVENTS.npz", help="input spikes")
    parser.add_argument("recording", metavar="RECORDING.npz", help="file to write")
    parser.add_argument(
        "--model",
        choices=MODELS,
        default="fast",
        help="fast: models that follow the spikes; stock: Lava's own, hundreds of times slower",
    )
    parser.add_argument("--deep", action="store_true", help="record u and v of all neurons")
    return parser.parse_args(arguments)


class _Report:
    """Lines of JSON: one per finished sample, and signs of life in between."""

    def __init__(self, events: Events) -> None:
        self.events = events
        self.done = 0
        self.spoke = time.monotonic()

    def finished(self) -> None:
        """Report one more finished sample."""
        self.done += 1
        self._print({"samples_done": self.done, "samples": self.events.n_samples})

    def beat(self, steps: int) -> None:
        """Report steps of the running sample, but not every time."""
        if time.monotonic() - self.spoke > HEARTBEAT_S:
            self._print({"steps_done": steps, "steps": self.events.n_steps})

    def _print(self, line: dict[str, int]) -> None:
        print(json.dumps(line), flush=True)
        self.spoke = time.monotonic()


if __name__ == "__main__":
    sys.exit(main())
