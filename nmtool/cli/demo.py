"""`nmtool demo`: train, quantise, export and verify on data that come with scikit-learn."""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from nmtool.cli import console
from nmtool.cli.loading import Samples, bin_for, first_samples, to_integers
from nmtool.cli.quantize import print_report
from nmtool.cli.threads import add_threads_option, use_threads
from nmtool.cli.train import EpochReport
from nmtool.cli.verify import Verdict, against_lava, print_sentence, simulated
from nmtool.data import Dataset, load_dataset
from nmtool.recording import Recording

if TYPE_CHECKING:
    from nmtool.network import Network
    from training.options import TrainOptions

DATA = "digits"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--output", metavar="FOLDER", help="keep the run and the files here")
    parser.add_argument("--epochs", type=int, metavar="N", help="passes over the training samples")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--samples", type=int, metavar="N", help="verify only the first N samples")
    add_threads_option(parser)


def run(arguments: argparse.Namespace) -> int:
    from exporters.lava import environment

    environment.find()
    use_threads(arguments.threads)
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="nmtool-demo-") as scratch:
        verdict = _story(arguments, Path(arguments.output or scratch))
    console.tell(f"{time.perf_counter() - began:.0f} s")
    return 0 if verdict.comparison.identical else 1


def _story(arguments: argparse.Namespace, folder: Path) -> Verdict:
    options = _options(arguments)
    dataset = load_dataset(DATA)
    _chapter(1, f"train {options.hidden} recurrent neurons with delays on handwritten digits")
    network = _train(options, dataset, folder / "run")
    _chapter(2, "quantise to 8-bit weights, 6-bit delays, 12-bit decays")
    quantised = to_integers(network, dataset)
    assert quantised is not None
    print_report(quantised.report)
    quantised.network.save(folder / "integers.npz")
    _chapter(3, "run the test samples: float, integer simulator, Lava")
    samples = bin_for(network, first_samples(dataset.test, arguments.samples))
    floating = _record(network, samples)
    expected = simulated(quantised.network, samples)
    verdict = against_lava(quantised.network, samples, expected, "fast")
    _print_result(samples, floating, expected, verdict)
    return verdict


def _options(arguments: argparse.Namespace) -> TrainOptions:
    from training.options import TrainOptions

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


def _train(options: TrainOptions, dataset: Dataset, folder: Path) -> Network:
    from training.run_folder import RunFolder
    from training.trainer import train

    with EpochReport(options.epochs, dataset.train.n_samples) as report:
        trainer = train(
            options,
            dataset,
            folder=RunFolder(folder),
            on_batch=report.batch,
            on_epoch=report.epoch,
        )
    return trainer.best


def _record(network: Network, samples: Samples) -> Recording:
    from training.model import SpikingNetwork

    return SpikingNetwork(network, max_delay=network.max_delay).record(samples.raster)


def _chapter(number: int, text: str) -> None:
    console.out().print(f"\n[bold]{number}. {text}[/]")


def _print_result(
    samples: Samples, floating: Recording, expected: Recording, verdict: Verdict
) -> None:
    label = samples.label
    rows = [
        ("float", f"{floating.accuracy(label):.2%}"),
        ("integer simulator", f"{expected.accuracy(label):.2%}"),
        ("Lava (Loihi 2 arithmetic)", f"{verdict.accuracy:.2%}"),
    ]
    console.print_table(f"{len(label)} test samples", ("runs in", "accuracy"), rows)
    print_sentence("lava", verdict.comparison)
