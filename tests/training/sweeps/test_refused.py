"""`nmtool sweep`: what keeps a study from being run."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from nmtool.cli.sweep_plan import read_plan
from nmtool.cli.sweep_store import Store
from tests.nmtool.cli.conftest import Nmtool
from tests.nmtool.cli.studies import one_epoch, write_study

pytestmark = [pytest.mark.torch, pytest.mark.usefixtures("data")]
pytest.importorskip("optuna")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("hidden = 6", "hidden = 7"), "hidden was 6, is now 7"),
        (("high = 0.1", "high = 0.2"), "lr was {low = 0.001, high = 0.1, log = True}, is now {"),
        (('["mean", "max"]', '["max", "mean"]'), "readout was ['mean', 'max'], is now ['max'"),
        (("trials = 1", "trials = 1\nseeds = 3"), "seeds was 1, is now 3"),
        (('data = "two"', 'data = "yinyang"'), "data was 'folder ../two', is now 'yinyang'"),
        (("validation = 4", "validation = 4\ngain = 9.0"), "gain was 200.0, is now 9.0"),
    ],
)
def test_another_study_in_the_same_folder(
    change: tuple[str, str], told: str, nmtool: Nmtool
) -> None:
    write_study("trials = 1\n")
    plan = read_plan("study.toml")
    Store(plan).close()
    file = Path("study.toml")
    changed = file.read_text().replace(*change)
    assert changed != file.read_text()
    file.write_text(changed)
    said = nmtool("sweep", "study.toml")
    assert (said.code, said.out) == (2, "")
    assert "error: study.toml contradicts the study in study\n" in said.err
    assert told in said.err


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ("", "the last 400 training samples are to validate, but 'two' has 12"),
        ("validation", "study.toml: there are no samples to validate on"),
    ],
)
def test_data_without_validation(settings: str, told: str, nmtool: Nmtool) -> None:
    write_study("trials = 1\n")
    file = Path("study.toml")
    number = "0" if settings else "400"
    file.write_text(file.read_text().replace("validation = 4", f"validation = {number}"))
    said = nmtool("sweep", "study.toml")
    assert said.code == 2
    assert told in said.err


def test_optuna_is_missing(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    write_study()
    said = nmtool("sweep", "study.toml")
    assert said.code == 3
    assert said.err.startswith("error: optuna is not installed")
    assert "  fix: pip install 'nmtool[sweep]'\n" in said.err
    assert not Path("study").exists()


def test_the_store_is_damaged(nmtool: Nmtool) -> None:
    write_study()
    Path("study").mkdir()
    Path("study/study.db").write_text("not a database, however long it is " * 100)
    said = nmtool("sweep", "study.toml")
    assert said.code == 2
    assert "error: study/study.db cannot be read as the store of a study\n" in said.err


def test_the_store_fails_in_the_middle(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    def train(*arguments: object, **told: object) -> None:
        with closing(sqlite3.connect("study/study.db")) as database:
            database.execute("DROP TABLE trial_intermediate_values")
        one_epoch(*arguments, **told)

    monkeypatch.setattr("nmtool.training.run.train", train)
    write_study("trials = 1\n")
    said = nmtool("sweep", "study.toml")
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("error: the store in study could not be used\n  why: ")
