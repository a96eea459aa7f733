"""`demo`: train, quantise, export and verify on handwritten digits."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nmtool.arguments import Count, checked
from nmtool.data import load_dataset
from nmtool.errors import UsageError
from nmtool.evaluation.evaluation import Evaluation, evaluate
from nmtool.exchange.exporting import export
from nmtool.exporters.lava.format import Lava
from nmtool.paths import RUN_INTEGERS
from nmtool.progress import Progress, silent
from nmtool.quantisation import Quantisation
from nmtool.quantisation.pipeline import LARGEST
from nmtool.quantisation.quantising import quantise
from nmtool.tables import Table, Tabular, counted
from nmtool.training.learning import train
from nmtool.training.options import TrainOptions
from nmtool.verification.certificate import SIMULATOR, Certificate
from nmtool.verification.verify import verify

DATA = "digits"

RECIPE = "digits"
"""Name of the recipe with the demo's training settings."""


@dataclass(frozen=True, repr=False)
class Demonstration(Tabular):
    """Results of the demo.

    >>> walkthrough = demo("demo")  # doctest: +SKIP
    >>> walkthrough.certificate  # doctest: +SKIP
    <Certificate: lava on 300 samples, spikes compared 2400000, different 0>

    Attributes:
        floating: evaluation of the float network on the test samples.
        quantisation: quantisation of that network.
        certificate: Lava compared with the integer simulator on the same samples.
    """

    floating: Evaluation
    quantisation: Quantisation
    certificate: Certificate

    def _line(self) -> str:
        return f"float {self.floating.accuracy:.2%}, {self.certificate!r}"

    def as_json(self) -> dict[str, Any]:
        """The content as plain values for JSON, under names that scripts can rely on."""
        result = self.certificate.as_json()
        result["accuracy"]["float"] = self.floating.accuracy
        result["hash"] = self.quantisation.network.content_hash
        result["quantisation"] = self.quantisation.report.as_json()
        return result

    def tables(self) -> list[Table]:
        """A table of the accuracy in floats, in the integer simulator and in Lava."""
        accuracy = self.certificate.accuracy
        rows = [
            ("float", f"{self.floating.accuracy:.2%}"),
            ("integer simulator", f"{accuracy[SIMULATOR]:.2%}"),
            ("Lava (Loihi 2 arithmetic)", f"{accuracy['lava']:.2%}"),
        ]
        return [Table(counted(self.floating.samples, "test sample"), ("runs in", "accuracy"), rows)]


@checked
def demo(
    folder: str | Path | None = None,
    *,
    epochs: Count | None = None,
    seed: int = 0,
    samples: Count | None = None,
    on_chapter: Callable[[str], None] = lambda title: None,
    on_quantised: Callable[[Quantisation], None] = lambda result: None,
    progress: Progress = silent,
) -> Demonstration:
    """Train, quantise, export and verify on handwritten digits.

    >>> print(demo("demo"))  # doctest: +SKIP

    Args:
        folder: folder for the run, the integer network and the export; by default nothing is kept.
        epochs: passes over the training samples; by default as many as in the recipe.
        seed: seed of everything random.
        samples: number of test samples to verify, drawn per class; by default all.
        on_chapter: called with a title at the beginning of each of the three parts.
        on_quantised: called as soon as the network is quantised.
        progress: shows progress, e.g. `nmtool.progress_bar`.

    Raises:
        UsageError: the folder is not empty.
        MissingError: Lava is not set up, or torch or scikit-learn not installed.
    """
    if folder is not None and _is_occupied(Path(folder)):
        raise UsageError(f"{folder} exists", code="path-taken", fix="choose another folder")
    Lava.require()
    recipe = TrainOptions.from_file(RECIPE)
    passes = recipe.epochs if epochs is None else epochs
    options = replace(recipe, epochs=passes, seed=seed)
    with tempfile.TemporaryDirectory(prefix="nmtool-demo-") as scratch:
        root = Path(folder or scratch)
        data = load_dataset(DATA)
        on_chapter(f"1. train {options.hidden} recurrent neurons with delays on handwritten digits")
        network = train(data, options, folder=root / "run", device="cpu", progress=progress).network
        on_chapter("2. quantise to 8-bit weights, 6-bit delays, 12-bit decays, and export to Lava")
        quantisation = quantise(network, calibrate_on=data.train, ranges=LARGEST, progress=progress)
        on_quantised(quantisation)
        quantisation.network.save(root / RUN_INTEGERS)
        export(quantisation.network, root / "lava", to="lava")
        on_chapter("3. run the test samples: float, integer simulator, Lava")
        test = data.test if samples is None else data.test.draw(samples)
        floating = evaluate(network, test, progress=progress)
        certificate = verify(
            quantisation.network,
            test,
            against=["lava"],
            artefact=root / "lava",
            faults=True,
            progress=progress,
        )
    return Demonstration(floating, quantisation, certificate)


def _is_occupied(path: Path) -> bool:
    """True for a file, and for a folder that is not empty."""
    if not path.exists():
        return False
    return not path.is_dir() or next(path.iterdir(), None) is not None
