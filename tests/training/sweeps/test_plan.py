"""`STUDY.toml`: read, checked, and all of what is wrong told at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from nmtool.cli.sweep_plan import read_plan
from nmtool.errors import UsageError
from tests.nmtool.cli.conftest import Nmtool
from tests.nmtool.cli.studies import ROOT, SEARCH, write_study

HEAD = 'data = "digits"\nfolder = "study"\ntrials = 3\n'


def _written(tmp_path: Path, text: str) -> str:
    (tmp_path / "study.toml").write_text(text)
    return str(tmp_path / "study.toml")


def test_defaults(tmp_path: Path) -> None:
    plan = read_plan(_written(tmp_path, HEAD + SEARCH))
    assert (plan.data, plan.trials, plan.seeds, plan.sampler_seed) == ("digits", 3, 1, 0)
    assert (plan.prune, plan.keep, plan.data_dir, plan.units) == (True, False, None, None)
    assert plan.folder == tmp_path / "study"
    assert plan.best_file == tmp_path / "study" / "best.toml"
    assert list(plan.space.searched) == ["lr", "init_delay_input", "readout"]
    assert plan.space.fixed == {}


def test_folders_lie_beside_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").mkdir()
    _written(tmp_path / "a", HEAD.replace('"digits"', '"../digits"') + 'data_dir = "d"\n' + SEARCH)
    monkeypatch.chdir(tmp_path)
    plan = read_plan("a/study.toml")
    assert (plan.data, plan.folder, plan.data_dir) == ("./digits", Path("a/study"), Path("a/d"))
    absolute = read_plan(str(tmp_path / "a" / "study.toml"))
    assert absolute.conditions() == plan.conditions()
    assert plan.conditions()["data"] == "folder ../../digits"


def test_settings_override_the_file_and_the_search_both(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text("hidden = 5\nlr = 0.5\nsteps = 20\n")
    text = HEAD + 'config = "base.toml"\n[settings]\nhidden = 7\n' + SEARCH
    assert read_plan(_written(tmp_path, text)).space.fixed == {"hidden": 7, "steps": 20}


def test_everything_wrong_is_told(nmtool: Nmtool) -> None:
    Path("base.toml").write_text("hiden = 3\n")
    Path("study.toml").write_text(
        'data = 3\nfolder = ""\nseeds = 0\nprune = 1\nepochs = 4\ntrails = 9\n'
        'config = "base.toml"\n[settings]\nlr = 0.1\nsteps = -1\n'
        "[search]\nlr = { low = 1.0, high = 0.1 }\ngain = [1.0]\n"
        "rate = { low = -1.0, high = 1.0 }\n"
    )
    said = nmtool("sweep", "study.toml")
    assert (said.code, said.out) == (2, "")
    lines = [line.strip() for line in said.err.splitlines()]
    assert lines[0] == "error: study.toml: 13 things are wrong"
    told = (
        "data must be text, not 3",
        "folder is empty",
        "trials is missing",
        "prune must be true or false, not 1",
        "seeds must be at least 1, not 0",
        "base.toml: unknown hiden; did you mean 'hidden'?",
        "[search] lr: low must be less than high, not 1.0 and 0.1",
        "[search] gain needs two choices or more",
        "lr is in [settings] and in [search]",
        "steps must be at least 0, not -1",
        "rate must be at least 0, not -1.0",
        "epochs is a setting: it belongs under [settings]",
        "unknown trails; did you mean 'trials'?",
    )
    for line, expected in zip(lines[2:], told, strict=True):
        assert line.startswith(expected)
    assert not Path("study").exists()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("data = ", "study.toml is not valid TOML"),
        (HEAD, "study.toml: [search] is missing: there is nothing to search"),
        (HEAD + "[search]\n", "study.toml: [search] is missing"),
        (HEAD + "search = 3\n", "study.toml: search must be a table, not 3"),
        (HEAD + "settings = 3\n" + SEARCH, "study.toml: settings must be a table, not 3"),
        (HEAD + "[settings]\nhiden = 3\n" + SEARCH, "study.toml: [settings]: unknown hiden"),
        (HEAD + 'config = "no.toml"\n' + SEARCH, "no.toml cannot be read (No such file"),
        (HEAD.replace("3", "true") + SEARCH, "trials must be a whole number, not True"),
        (HEAD + "sampler_seed = -1\n" + SEARCH, "sampler_seed must be at least 0"),
    ],
)
def test_one_thing_is_wrong(text: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        read_plan(_written(tmp_path, text))
    assert told in caught.value.what


def test_no_file(nmtool: Nmtool) -> None:
    said = nmtool("sweep", "none.toml")
    assert said.code == 2
    assert said.err.startswith("error: none.toml cannot be read\n  why: No such file")


def test_the_example() -> None:
    plan = read_plan(str(ROOT / "examples" / "study.toml"))
    assert plan.data == "digits"
    assert {"lr", "rate_strength", "init_delay_input"} <= set(plan.space.searched)


def test_the_small_study_of_the_tests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_study()
    assert read_plan("study.toml").data == "two"
