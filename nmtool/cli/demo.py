"""`nmtool demo`: train, quantise, export and verify on data that come with scikit-learn."""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nmtool.cli import console
from nmtool.cli.arguments import add_json, count
from nmtool.cli.evaluate import record
from nmtool.cli.integers import calibrated, calibration_samples
from nmtool.cli.lava_check import LavaCheck
from nmtool.cli.loading import Samples, bin_for, read_split
from nmtool.cli.quantize import print_report
from nmtool.cli.threads import add_threads_option, use_threads
from nmtool.cli.train_progress import train_with_progress
from nmtool.cli.verdict import Verdict, print_verdict, report
from nmtool.cli.verify import simulated
from nmtool.data import load_dataset
from nmtool.errors import UsageError
from nmtool.quantisation import Quantisation, round_network
from nmtool.recording import Recording

if TYPE_CHECKING:
    from nmtool.training.options import TrainOptions

DATA = "digits"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-o", "--output", metavar="FOLDER", help="keep the run, the integers and the export here"
    )
    parser.add_argument("--epochs", type=count, metavar="N", help="passes over the digits")
    parser.add_argument("--seed", type=int, default=0, help="decides everything that is random")
    parser.add_argument("--samples", type=count, metavar="N", help="verify only the first N")
    add_json(parser)
    add_threads_option(parser)


def run(arguments: argparse.Namespace) -> int:
    from nmtool.exporters.lava import environment

    _check_free(arguments.output)
    found = environment.find()
    use_threads(arguments.threads, with_torch=True)
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="nmtool-demo-") as scratch:
        folder = Path(arguments.output or scratch)
        ending = _story(arguments, folder, LavaCheck(found, artefact=folder / "lava"))
    if arguments.json:
        console.print_json({**ending.as_json(), "seconds": round(time.perf_counter() - began, 3)})
    else:
        ending.print()
        if arguments.output:
            console.tell(f"kept in {folder}: run, integers.npz, lava")
        console.tell(f"{time.perf_counter() - began:.0f} s")
    return 0 if ending.verdict.identical else 1


def _check_free(output: str | None) -> None:
    if output and Path(output).exists() and not _is_empty(Path(output)):
        raise UsageError(f"{output} exists", fix="choose another folder")


def _is_empty(path: Path) -> bool:
    return path.is_dir() and next(path.iterdir(), None) is None


@dataclass(frozen=True)
class _Ending:
    samples: Samples
    floating: Recording
    expected: Recording
    verdict: Verdict
    quantisation: Quantisation

    def as_json(self) -> dict[str, Any]:
        result = report(self.samples, self.expected, {"lava": self.verdict})
        result["accuracy"]["float"] = self.floating.accuracy(self.samples.label)
        result["hash"] = self.quantisation.network.content_hash
        result["quantisation"] = self.quantisation.report.as_json()
        return result

    def print(self) -> None:
        label = self.samples.label
        rows = [
            ("float", f"{self.floating.accuracy(label):.2%}"),
            ("integer simulator", f"{self.expected.accuracy(label):.2%}"),
            ("Lava (Loihi 2 arithmetic)", f"{self.verdict.accuracy:.2%}"),
        ]
        console.print_table(f"{len(label)} test samples", ("runs in", "accuracy"), rows)
        print_verdict("lava", self.verdict)


def _story(arguments: argparse.Namespace, folder: Path, lava: LavaCheck) -> _Ending:
    from nmtool.exporters.lava import export
    from nmtool.hardware_sim.known_answers import known_answers
    from nmtool.training.run_folder import RunFolder

    chapter = console.say if arguments.json else _chapter
    options = _options(arguments)
    dataset = load_dataset(DATA)
    chapter(f"1. train {options.hidden} recurrent neurons with delays on handwritten digits")
    network = train_with_progress(options, dataset, RunFolder(folder / "run")).best
    chapter("2. quantise to 8-bit weights, 6-bit delays, 12-bit decays, and export to Lava")
    samples = calibration_samples(network, dataset)
    quantisation = round_network(network, calibration=calibrated(network, samples))
    integers = quantisation.network
    if not arguments.json:
        print_report(quantisation.report)
    integers.save(folder / "integers.npz")
    export(integers, folder / "lava", answers=known_answers(integers))
    chapter("3. run the test samples: float, integer simulator, Lava")
    samples = bin_for(network, read_split(dataset, "test", arguments.samples))
    floating, expected = record(network, samples), simulated(integers, samples)
    return _Ending(samples, floating, expected, lava(integers, samples, expected), quantisation)


def _chapter(text: str) -> None:
    console.tell("")
    console.tell(text, style="bold")


def _options(arguments: argparse.Namespace) -> TrainOptions:
    from nmtool.training.options import TrainOptions

    options = TrainOptions(
        hidden=100,
        steps=100,
        gain=100.0,
        rate=3.0,
        init_delay_input=20,
        init_delay_recurrent=20,
        epochs=20,
        validation=0,
        seed=arguments.seed,
    )
    return replace(options, epochs=arguments.epochs) if arguments.epochs else options
