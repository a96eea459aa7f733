"""Run the network of this folder on FeNN, in its instruction-set simulator or on a board.

    python run.py EVENTS [RECORDING.npz] [--predictions FILE.csv] [--deep] [--board]

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
import sys
from collections.abc import Sequence
from typing import Any

try:
    from fenn_network.arrays import NetworkArrays, read_arrays
    from fenn_network.events import Events, read_events, read_table
    from fenn_network.known_answers import KnownAnswers, is_known_answers
    from fenn_network.readout import Answer, answer
    from fenn_network.recording import Recorder
    from fenn_network.samples import run_samples
    from pyfenn import PlogSeverity, init_logging
except ImportError as error:
    sys.exit(f"{error}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all samples, and return the exit code.

    0: all samples ran; 1: a run failed or differs from the known answers; 2: the input is not
    valid.
    """
    options = _parse(arguments)
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
    init_logging(PlogSeverity.WARNING)
    deep = options.deep or known_answers is not None
    recorder = Recorder(arrays, events.n_steps, deep) if options.recording else None
    answers: list[Answer | None] = []
    for sample, traces in enumerate(run_samples(arrays, events, deep, options.board)):
        if recorder is not None:
            recorder.add(traces)
        if known_answers is not None:
            known_answers.compare(sample, traces)
        answers.append(answer(arrays, traces))
        _report(events, sample, answers[-1], options.json)
    right = sum(_is_right(events, sample, result) for sample, result in enumerate(answers))
    _end(events, right, known_answers, options.json)
    if recorder is not None:
        recorder.write(options.recording)
    if options.predictions:
        _write_predictions(options.predictions, arrays.class_names, events, answers)
    return 0 if known_answers is None or not any(known_answers.different.values()) else 1


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Run the network of this folder on FeNN.")
    parser.add_argument("events", metavar="EVENTS", help="input: FILE.csv or FILE.npz")
    parser.add_argument("recording", metavar="RECORDING.npz", nargs="?", help="file to write")
    parser.add_argument(
        "--predictions", metavar="FILE.csv", help="write class and scores of every sample, too"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of sentences")
    parser.add_argument("--deep", action="store_true", help="record u and v of all neurons")
    parser.add_argument(
        "--board", action="store_true", help="run on a board, not in the simulator (never tried)"
    )
    return parser.parse_args(arguments)


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
        for sample, result in enumerate(answers):
            if result is not None:
                label = [events.labels[sample]] if events.labels else []
                cells = [events.name(sample), result.order[0], names[result.order[0]]]
                rows.writerow([*cells, *label, *result.scores.tolist()])


def _is_right(events: Events, sample: int, result: Answer | None) -> bool:
    """True if the predicted class of a sample is its label."""
    return result is not None and bool(events.labels) and _name(result) == events.labels[sample]


def _name(result: Answer) -> str:
    return result.names[result.order[0]]


def _report(events: Events, sample: int, result: Answer | None, as_json: bool) -> None:
    """Report that a sample is finished, and its class."""
    label = events.labels[sample] if events.labels else None
    if as_json:
        line: dict[str, Any] = {"samples_done": sample + 1, "samples": events.n_samples}
        line |= {"sample": events.name(sample), "label": label}
        line |= {} if result is None else {"class": result.order[0], "name": _name(result)}
        print(json.dumps(line), flush=True)
    else:
        labelled = "" if label is None else f"; label {label!r}"
        print(f"sample {events.name(sample)}: {result or 'done'}{labelled}", flush=True)


def _end(events: Events, right: int, known_answers: KnownAnswers | None, as_json: bool) -> None:
    """Report on all samples: right classes, dropped events, and the comparison."""
    if as_json:
        line: dict[str, Any] = {"late_events": events.late}
        line |= {"as_labelled": right} if events.labels else {}
        if known_answers is not None:
            line |= {"compared": known_answers.compared, "different": known_answers.different}
        print(json.dumps(line), flush=True)
        return
    if events.labels:
        print(f"as labelled {right} of {events.n_samples}")
    if events.late:
        print(f"events after the last step {events.late}")
    if known_answers is not None:
        for quantity, compared in known_answers.compared.items():
            print(f"{quantity} compared {compared}, different {known_answers.different[quantity]}")
        if known_answers.first is not None:
            sample, step, population = known_answers.first
            print(f"first difference: sample {sample}, step {step}, {population}")


if __name__ == "__main__":
    sys.exit(main())
