"""Cross-validation on the command line, and `nmtool compare` on its results."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nmtool as nm
from nmtool.data import load_dataset, write_shd
from nmtool.data.dividing import Folds
from nmtool.evaluation.answers import Answers
from nmtool.training.loop.run_folder import RunFolder
from tests.nmtool.cli import cases
from tests.nmtool.cli.conftest import Nmtool

pytestmark = pytest.mark.torch

FAST = (*cases.SETTINGS, "--epochs", "1")
INTEGERS = (*FAST, "--arithmetic", "integer")


@pytest.fixture(autouse=True)
def _spoken(data: Path) -> None:
    """Make the folder `two`, whose samples have three speakers."""
    for split, n in (("train", cases.N_TRAIN), ("test", cases.N_TEST)):
        events = cases.spike_events(n, 1 if split == "train" else 2)
        groups = {"speaker": np.arange(n) % 3}
        write_shd(data / f"two_{split}.h5", replace(events, groups=groups), force=True)


def answered(folder: str, seed: int = 0) -> Answers:
    """Write random predictions for the training samples into a cross-validation's folder."""
    events = load_dataset("two").train
    about = {"data": "two", "splits": ["train"], "model": "a guess", "settings": {}}
    answers = Answers.empty(events, rule=Folds("speaker"), seeds=[0], **about)
    guesses = np.random.default_rng(seed).integers(0, 2, (1, cases.N_TRAIN))
    Path(folder).mkdir()
    replace(answers, predictions=guesses).save(Path(folder) / "answers.npz")
    return Answers.load(folder)


def test_a_table_in_the_terminal(nmtool: Nmtool) -> None:
    result = nmtool("train", "two", "--by", "speaker", "-o", "cv", *FAST)
    assert result.code == 0, result.err
    answers = Answers.load("cv")
    assert answers.is_finished
    assert answers.fold.tolist() == [0, 1, 2] * 4
    assert result.out.splitlines()[0] == "nmtool, float on two (train), speaker"
    assert f"{answers.accuracy:.2%}" in result.out.splitlines()[-2]
    assert "fold 2, seed 0 (3 of 3): 4 samples" in result.err
    assert (Path("cv") / "folds" / "0002" / "seed0" / "network.npz").is_file()


def test_json_with_all_options(nmtool: Nmtool) -> None:
    result = nmtool(
        "train", "two", "--by", 3, "--folds", 2, "--fold-seed", 7, "--seeds", 2,
        "--splits", "train", "test", "-o", "cv", "--json", *INTEGERS,
    )  # fmt: skip
    assert result.code == 0, result.err
    answers = Answers.load("cv")
    assert result.json == {"folder": "cv", "answers": "cv/answers.npz", **answers.as_json()}
    assert result.json["rule"] == {"by": 3, "n": 2, "seed": 7}
    assert (answers.splits, answers.label.size) == (("train", "test"), cases.N_TRAIN + cases.N_TEST)
    assert answers.model == "nmtool, integer"
    assert RunFolder(Path("cv/folds/0001/seed1")).options().seed == 1
    assert nmtool("inspect", "cv", "--json").json["accuracy"] == answers.accuracy


def test_two_cross_validations_are_compared(nmtool: Nmtool) -> None:
    compared = nm.compare_accuracy(
        [answered("first")], [answered("second", 1)], clusters=["speaker", 2]
    )
    words = ("compare", "first", "--with", "second", "--cluster", "speaker", "--cluster", 2)
    result = nmtool(*words, "--json")
    assert result.code == 0, result.err
    assert result.json == compared.as_json()
    assert (result.json["data"], result.json["split"]) == ("two", "train")
    assert compared.names == [("first seed 0", "second seed 0")]
    assert "over clusters: speaker (3), blocks of 2 (6); one pair" in nmtool(*words).out
    with_data = nmtool(*words, "--data", "two:train", "--json").json
    assert with_data["interval"] == result.json["interval"]


def test_networks_are_compared_by_clusters(nmtool: Nmtool, integers: Path, floats: Path) -> None:
    result = nmtool(
        "compare", integers, "--with", floats, "--data", "two", "--cluster", "speaker", "--json"
    )
    assert result.code == 0, result.err
    assert result.json["clusters"] == {"speaker": 3}
    assert result.json["samples"] == load_dataset("two").test.n_samples


def test_a_stopped_cross_validation_prints_how_to_continue(
    nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(**arguments: Any) -> None:
        answered(arguments["folder"])
        raise KeyboardInterrupt

    monkeypatch.setattr("nmtool.training.studies.folds.cross_validate", stop)
    stopped = nmtool("train", "two", "--by", "speaker", "-o", "cv", *FAST)
    assert stopped.code == 130
    assert "the same command continues" in stopped.err


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--with", "integers.npz"], "data-missing"),
        ([], "runs-without-integers"),
    ],
)
@pytest.mark.usefixtures("integers")
def test_impossible_comparisons_are_refused(nmtool: Nmtool, words: list[str], error: str) -> None:
    answered("cv")
    result = nmtool("compare", "cv", *words)
    assert (result.code, result.error) == (2, error)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--by", "sex", "-o", "cv"], "grouping-unknown"),
        (["--by", "speaker", "--folds", "4", "-o", "cv"], "folds-range"),
        (["--by", "speaker"], "command-line"),
        (["--seeds", "2", "-o", "cv"], "folds-missing"),
        (["--folds", "2", "-o", "cv", "--resume"], "train-options-mixed"),
        (["--by", "speaker", "-o", "cv", "--splits", "tests"], "command-line"),
        (["--by", "speaker", "-o", "cv", "--splits", "validation"], "validation-missing"),
    ],
)
def test_invalid_cross_validations_are_refused(
    nmtool: Nmtool, words: list[str], error: str
) -> None:
    result = nmtool("train", "two", *words)
    assert (result.code, result.error) == (2, error)
    assert not Path("cv").exists()
