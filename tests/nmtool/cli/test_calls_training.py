"""Words of the command line as calls of the library: training, evaluating, rounding, cost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import nmtool as nm
from nmtool.training.loop.manifest import Manifest
from nmtool.training.loop.run_folder import RunFolder
from tests.nmtool.cli.conftest import ArgumentsOf, Nmtool

pytestmark = pytest.mark.torch

QUANTISE = "nmtool.quantise"
COMPARE_COST = "nmtool.targets.costing.compare_cost"
TRAIN = "nmtool.training.learning.train"
FINETUNE = "nmtool.training.learning.finetune"
CROSS_VALIDATE = "nmtool.training.studies.folds.cross_validate"

CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "evaluate integers.npz two --samples 4": (
        "nmtool.evaluate",
        {"network": "integers.npz", "samples": 4, "trust": False},
    ),
    "check integers.npz --data two --target loihi2 --energy-of loihi1": (
        COMPARE_COST,
        {"target": "loihi2", "energy_of": "loihi1"},
    ),
    "check integers.npz --data two --target loihi1": (COMPARE_COST, {"target": "loihi1"}),
    "quantise floats.npz -o q.npz --data none --target loihi1": (
        QUANTISE,
        {"network": "floats.npz", "calibrate_on": "none", "target": "loihi1"},
    ),
    "quantise floats.npz -o q.npz --weight-bits 4 --delay-bits 2 --relays": (
        QUANTISE,
        {"calibrate_on": None, "weight_bits": 4, "delay_bits": 2, "relays": True},
    ),
    "quantise floats.npz -o q.npz --data two --ranges search --scale data": (
        QUANTISE,
        {"ranges": "search", "scale": "data"},
    ),
    "search two -o study --budget 2h --hidden 6": (
        "nmtool.training.studies.search.search",
        {"options": nm.TrainOptions(hidden=6), "folder": "study", "budget": "2h"}
        | {"device": "auto", "threads": None},
    ),
    "train two -o new --hidden 6 --device cpu --threads 1": (
        TRAIN,
        {"options": nm.TrainOptions(hidden=6), "folder": Path("new")}
        | {"device": "cpu", "threads": 1, "resume": False},
    ),
    "train two -o new --search 30min": (TRAIN, {"search": "30min"}),
    "train -o run --resume --hidden 6 --epochs 40": (
        TRAIN,
        {"data": None, "options": nm.TrainOptions(hidden=6, epochs=40), "resume": True},
    ),
    "train --start run -o new --lr 0.1": (
        FINETUNE,
        {"start": Path("run"), "settings": {"lr": 0.1}, "data": None},
    ),
    "train two --by speaker --folds 2 --fold-seed 7 --seeds 3 --splits train test -o new": (
        CROSS_VALIDATE,
        {"by": "speaker", "folds": 2, "fold_seed": 7, "seeds": 3, "splits": ["train", "test"]},
    ),
    "train two --folds 3 --lr 0.1 --threads 1 -o new": (
        CROSS_VALIDATE,
        {"by": 1, "folds": 3, "options": nm.TrainOptions(lr=0.1), "folder": "new", "threads": 1},
    ),
    "compare integers.npz --with floats.npz --data two --cluster speaker --cluster 2": (
        "nmtool.compare_accuracy",
        {"clusters": ["speaker", 2]},
    ),
    "join floats.npz floats.npz -o both.npz --weights 1 -0.5": (
        "nmtool.ensemble",
        {"networks": ["floats.npz", "floats.npz"], "weights": [1.0, -0.5]},
    ),
}
"""The function that a command calls and some of its arguments, by the command's words."""


@pytest.fixture
def _run(nmtool: Nmtool) -> None:
    """A run folder with settings, and with a dummy checkpoint."""
    run = RunFolder(Path("run"))
    run.create(Manifest.of(nm.TrainOptions(hidden=6), nm.load_dataset("two"), ranks=1))
    run.checkpoint_file.touch()


@pytest.mark.usefixtures("data", "integers", "floats", "_run")
@pytest.mark.parametrize("words", CALLS)
def test_words_become_a_call(words: str, arguments_of: ArgumentsOf) -> None:
    function, expected = CALLS[words]
    given = arguments_of(words, function)
    assert {name: given[name] for name in expected} == expected
