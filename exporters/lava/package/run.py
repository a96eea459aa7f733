"""Run the network of this folder in Lava.

    python run.py EVENTS [RECORDING.npz] [--predictions FILE.csv] [--model fast|stock] [--deep]

EVENTS is a file with the input of any number of samples: a CSV file with a row per event, an
archive of spikes, or known_answers.npz. RECORDING.npz is written; it has the spikes of all spiking
populations and the membranes of all other populations, at every step. README.md describes these
files. The script prints the class of every finished sample; with --json, a line of JSON per sample.
If EVENTS has known answers, the activity of the network is compared with them; the exit code is 1
if anything differs.
"""

from __future__ import annotations

import argparse
import csv
import json
import multiprocessing
import sys
import time
from collections.abc import Sequence
from typing import Any

try:
    from lava_network.arrays import NetworkArrays, read_arrays
    from lava_network.events import Events, read_events, read_table
    from lava_network.known_answers import KnownAnswers, is_known_answers
    from lava_network.readout import Answer, answer
    from lava_network.recording import Recorder
    from lava_network.samples import MODELS, run_samples
    from lava_network.watch import end_children_with_this_process, leave_at_once
except ImportError as error:
    sys.exit(f"{error}")

HEARTBEAT_S = 1.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all samples, and return the exit code.

    0: all samples ran; 1: a run failed or differs from the known answers; 2: the input is not
    valid.
    """
    options = _parse(arguments)
    if multiprocessing.get_start_method() != "fork":
        print("Lava's processes share memory by forking: use Linux or macOS", file=sys.stderr)
        return 2
    arrays = read_arrays()
    try:
        events = _read(options.events, arrays)
        sizes = {entry.name: entry.size for entry in arrays.populations}
        known_answers = (
            KnownAnswers(options.events, sizes) if is_known_answers(options.events) else None
        )
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        print(f"{options.events} cannot be used: {error}", file=sys.stderr)
        return 2
    deep = options.deep or known_answers is not None
    end_children_with_this_process()
    with leave_at_once():
        recorder = Recorder(arrays, events.n_steps, deep) if options.recording else None
        report = _Report(events, options.json)
        answers: list[Answer | None] = []
        for traces in run_samples(arrays, events, options.model, deep, report.beat):
            if recorder is not None:
                recorder.add(traces)
            if known_answers is not None:
                known_answers.compare(report.done, traces)
            answers.append(answer(arrays, traces))
            report.finished(answers[-1])
        report.end(known_answers)
        if recorder is not None:
            recorder.write(options.recording)
        if options.predictions:
            _write_predictions(options.predictions, arrays.class_names, events, answers)
    return 0 if known_answers is None or not any(known_answers.different.values()) else 1


def _read(path: str, arrays: NetworkArrays) -> Events:
    """Read events: from a table if the name of the file ends with .csv, else from an archive."""
    if path.lower().endswith(".csv"):
        return read_table(path, arrays.n_channels, arrays.group, arrays.n_steps, arrays.dt_ms)
    return read_events(path, arrays.n_channels)


def _write_predictions(
    path: str, names: list[str], events: Events, answers: Sequence[Answer | None]
) -> None:
    """Write predictions to a CSV file with a row per sample.

    Its columns are the sample's name, the index and name of the class, the label, and all scores.
    """
    with open(path, "w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        label = ["label"] if events.labels else []
        rows.writerow(["sample", "class", "name", *label, *(f"score {name}" for name in names)])
        for sample, prediction in enumerate(answers):
            if prediction is not None:
                best = prediction.order[0]
                label = [events.labels[sample]] if events.labels else []
                scores = prediction.scores.tolist()
                rows.writerow([events.name(sample), best, names[best], *label, *scores])


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Run the network of this folder in Lava.")
    parser.add_argument("events", metavar="EVENTS", help="input: FILE.csv or FILE.npz")
    parser.add_argument("recording", metavar="RECORDING.npz", nargs="?", help="file to write")
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
    """Prints a line per finished sample; in JSON, also lines on the steps of a running sample."""

    def __init__(self, events: Events, as_json: bool) -> None:
        self.events = events
        self.as_json = as_json
        self.done = 0
        self.as_labelled = 0
        self.spoke = time.monotonic()

    def finished(self, answer: Answer | None) -> None:
        """Report that the next sample is finished, and its class."""
        events, sample = self.events, self.done
        label = events.labels[sample] if events.labels else None
        self.done += 1
        self.as_labelled += answer is not None and answer.names[answer.order[0]] == label
        if self.as_json:
            line: dict[str, Any] = {"samples_done": self.done, "samples": events.n_samples}
            if answer is not None:
                line |= {"class": answer.order[0], "name": answer.names[answer.order[0]]}
            self._print({**line, "sample": events.name(sample), "label": label})
        else:
            labelled = "" if label is None else f"; label {label!r}"
            print(f"sample {events.name(sample)}: {answer or 'done'}{labelled}", flush=True)

    def end(self, known_answers: KnownAnswers | None) -> None:
        """Report on all samples: right classes, dropped events, and the comparison."""
        events = self.events
        if self.as_json:
            line: dict[str, Any] = {"late_events": events.late}
            if events.labels:
                line["as_labelled"] = self.as_labelled
            if known_answers is not None:
                line |= {"compared": known_answers.compared, "different": known_answers.different}
            self._print(line)
            return
        if events.labels:
            print(f"as labelled {self.as_labelled} of {events.n_samples}")
        if events.late:
            print(f"events after the last step {events.late}")
        if known_answers is not None:
            for quantity, compared in known_answers.compared.items():
                print(
                    f"{quantity} compared {compared}, different {known_answers.different[quantity]}"
                )
            if known_answers.first is not None:
                sample, step, population = known_answers.first
                print(f"first difference: sample {sample}, step {step}, {population}")

    def beat(self, steps: int) -> None:
        """Report the number of completed steps of a sample, at most once per `HEARTBEAT_S`."""
        if self.as_json and time.monotonic() - self.spoke > HEARTBEAT_S:
            self._print({"steps_done": steps, "steps": self.events.n_steps})

    def _print(self, line: dict[str, Any]) -> None:
        print(json.dumps(line), flush=True)
        self.spoke = time.monotonic()


if __name__ == "__main__":
    sys.exit(main())
