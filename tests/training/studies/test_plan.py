"""`STUDY.toml`: reading, checks, and errors that list all problems."""

from __future__ import annotations

from pathlib import Path

import pytest

from nmtool.errors import UsageError
from nmtool.training.studies.plan import read_plan
from tests.nmtool.cli.studies import ROOT, SEARCH
from tests.refusals import codes, refused

HEAD = 'data = "digits"\nfolder = "study"\ntrials = 3\n'


def _written(tmp_path: Path, text: str) -> str:
    (tmp_path / "study.toml").write_text(text)
    return str(tmp_path / "study.toml")


def test_defaults_of_a_study(tmp_path: Path) -> None:
    plan = read_plan(_written(tmp_path, HEAD + SEARCH))
    assert (plan.data, plan.trials, plan.seeds, plan.sampler_seed) == ("digits", 3, 1, 0)
    assert (plan.prune, plan.keep, plan.data_dir, plan.units) == (True, False, None, None)
    assert plan.folder == tmp_path / "study"
    assert plan.best_file == tmp_path / "study" / "best.toml"
    assert list(plan.space.searched) == ["lr", "init_delay_input", "readout"]
    assert plan.space.fixed == {}


def test_paths_are_relative_to_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").mkdir()
    _written(tmp_path / "a", HEAD.replace('"digits"', '"../digits"') + 'data_dir = "d"\n' + SEARCH)
    monkeypatch.chdir(tmp_path)
    plan = read_plan("a/study.toml")
    assert (plan.data, plan.folder, plan.data_dir) == ("./digits", Path("a/study"), Path("a/d"))
    absolute = read_plan(tmp_path / "a" / "study.toml")
    assert absolute.conditions() == plan.conditions()
    assert plan.conditions()["data"] == "folder ../../digits"


def test_settings_override_the_file_and_the_search_both(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text("hidden = 5\nlr = 0.5\nsteps = 20\n")
    text = HEAD + 'config = "base.toml"\n[settings]\nhidden = 7\n' + SEARCH
    assert read_plan(_written(tmp_path, text)).space.fixed == {"hidden": 7, "steps": 20}


def test_a_recipe_to_begin_with(tmp_path: Path) -> None:
    text = HEAD + 'config = "digits"\n' + SEARCH
    assert "epochs" in read_plan(_written(tmp_path, text)).space.fixed


def test_all_errors_are_listed(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text("hiden = 3\n")
    text = (
        'data = 3\nfolder = ""\nseeds = 0\nprune = 1\nepochs = 4\ntrails = 9\n'
        'config = "base.toml"\n[settings]\nlr = 0.1\nsteps = -1\n'
        "[search]\nlr = { low = 1.0, high = 0.1 }\ngain = [1.0]\n"
        "rate = { low = -1.0, high = 1.0 }\n"
    )
    with refused(UsageError, "study-wrong") as caught:
        read_plan(_written(tmp_path, text))
    assert str(tmp_path / "study.toml") in caught.value.what
    assert [(finding.code, finding.where) for finding in caught.value.findings] == [
        ("study-entry-kind", "data"),
        ("study-entry-missing", "folder"),
        ("study-entry-range", "seeds"),
        ("study-entry-kind", "prune"),
        ("study-setting-unknown", "base.toml"),
        ("search-range-empty", "[search] lr"),
        ("search-choices-too-few", "[search] gain"),
        ("study-setting-twice", "lr"),
        ("setting-range", "steps"),
        ("setting-range", "rate"),
        ("study-entry-missing", "trials"),
        ("study-entry-misplaced", "epochs"),
        ("study-entry-unknown", "trails"),
    ]
    assert "'hidden'" in caught.value.findings[4].fix
    assert "'trials'" in caught.value.findings[-1].fix


@pytest.mark.parametrize(
    ("text", "code", "value"),
    [
        (HEAD, "search-missing", ""),
        (HEAD + "[search]\n", "search-missing", ""),
        (HEAD + "search = 3\n", "study-entry-kind", "search: must be a table, not 3"),
        (HEAD + "settings = 3\n" + SEARCH, "study-entry-kind", "{ lr = 0.01 }"),
        (HEAD + "[settings]\nhiden = 3\n" + SEARCH, "study-setting-unknown", "'hidden'"),
        (HEAD + 'config = "no.toml"\n' + SEARCH, "config-unreadable", "no.toml"),
        (HEAD + 'config = "no"\n' + SEARCH, "recipe-unknown", "'no'"),
        (HEAD.replace("3", "true") + SEARCH, "study-entry-kind", "not True"),
        (HEAD + "sampler_seed = -1\n" + SEARCH, "study-entry-range", "sampler_seed"),
        (HEAD + "first = [3]\n" + SEARCH, "study-entry-kind", "one table or several"),
        (HEAD + SEARCH + "[[first]]\nhidden = 3\n", "study-first-unsearched", "hidden"),
        (HEAD + SEARCH + "[[first]]\n[[first]]\nlr = 99.0\n", "study-first-outside", "99.0"),
    ],
)
def test_single_errors(text: str, code: str, value: str, tmp_path: Path) -> None:
    with refused(UsageError, "study-wrong") as caught:
        read_plan(_written(tmp_path, text))
    assert codes(caught.value) == [code]
    assert value in str(caught.value.findings[0])


def test_examples_are_valid_entries(tmp_path: Path) -> None:
    with refused(UsageError, "study-wrong") as caught:
        read_plan(_written(tmp_path, "seeds = true\n" + SEARCH))
    shown = {finding.where: finding.fix.rpartition(": ")[2] for finding in caught.value.findings}
    assert shown["data"] == 'data = "digits"'
    assert shown["folder"] == 'folder = "study"'
    assert shown["trials"] == "trials = 40"
    assert shown["seeds"].endswith(" 1")


def test_invalid_toml_is_refused(tmp_path: Path) -> None:
    with refused(UsageError, "config-invalid"):
        read_plan(_written(tmp_path, "data = "))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with refused(UsageError, "config-unreadable") as caught:
        read_plan(tmp_path / "none.toml")
    assert "none.toml" in caught.value.what


def test_the_example_study_is_valid() -> None:
    plan = read_plan(ROOT / "examples" / "study.toml")
    assert plan.data == "digits"
    assert {"lr", "rate_strength", "init_delay_input"} <= set(plan.space.searched)
