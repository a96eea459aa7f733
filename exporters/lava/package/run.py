"""Run the network of this folder in Lava.

    python run.py EVENTS.npz RECORDING.npz [--predictions FILE.csv] [--model fast|stock] [--deep]

EVENTS.npz holds the input spikes of any number of samples, RECORDING.npz gets the spikes of all
spiking populations and the membranes of all others, at every step; README.md describes both.
The class of every finished sample is printed; with --json, a line of JSON per sample.
"""

from __future__ import annotations

import argparse
import csv
import json
import multiprocessing
import sys
import time
from collections.abc import Sequence

from lava_network.arrays import read_arrays
from lava_network.events import Events, read_events
from lava_network.readout import Answer, answer
from lava_network.recording import Recorder
from lava_network.samples import MODELS, run_samples
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
        report = _Report(events, options.json)
        answers: list[Answer | None] = []
        for traces in run_samples(arrays, events, options.model, options.deep, report.beat):
            recorder.add(traces)
            answers.append(answer(arrays, traces))
            report.finished(answers[-1])
        recorder.write(options.recording)
        if options.predictions:
            _write_predictions(options.predictions, arrays.class_names, answers)
    return 0


def _write_predictions(path: str, names: list[str], answers: Sequence[Answer | None]) -> None:
    """Write a row per sample: its number, the class, its name, and the score of every class."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["sample", "class", "name", *(f"score {name}" for name in names)])
        for sample, found in enumerate(answers):
            if found is not None:
                best = found.order[0]
                rows.writerow([sample, best, names[best], *found.scores.tolist()])


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
    parser.add_argument(
        "--predictions", metavar="FILE.csv", help="write class and scores of every sample, too"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of sentences")
    parser.add_argument("--deep", action="store_true", help="record u and v of all neurons")
    return parser.parse_args(arguments)


class _Report:
    """A line per finished sample; in JSON also signs of life in between."""

    def __init__(self, events: Events, as_json: bool) -> None:
        self.events = events
        self.as_json = as_json
        self.done = 0
        self.spoke = time.monotonic()

    def finished(self, answer: Answer | None) -> None:
        """Report one more finished sample, and the answer to it."""
        self.done += 1
        if self.as_json:
            found = {} if answer is None else {"class": answer.order[0]}
            self._print({"samples_done": self.done, "samples": self.events.n_samples, **found})
        else:
            print(f"sample {self.done - 1}: {answer or 'done'}", flush=True)

    def beat(self, steps: int) -> None:
        """Report steps of the running sample, but not every time."""
        if self.as_json and time.monotonic() - self.spoke > HEARTBEAT_S:
            self._print({"steps_done": steps, "steps": self.events.n_steps})

    def _print(self, line: dict[str, int]) -> None:
        print(json.dumps(line), flush=True)
        self.spoke = time.monotonic()


if __name__ == "__main__":
    sys.exit(main())
