"""Names in files and on the command line reach neither a terminal nor a pipe unescaped."""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from nmtool.cli.main import main
from nmtool.data import write_shd
from nmtool.hardware_sim.simulator import simulate
from nmtool.raster import Raster
from tests.hidden import EVIL, SHOWN, hidden
from tests.nmtool.cli import cases
from tests.screen import here

OWN = re.compile(r"\r?\x1b\[[0-9;?]*[A-Za-z]|\r\n")
"""What rich writes to a terminal itself: colours, movements of the cursor, ends of lines."""

NAMES = tuple(f"{EVIL}{n}" for n in range(2))
FILE = EVIL.replace("/", "|")
"""A file's name."""
TOML = json.dumps(EVIL).replace("\x7f", r"\u007f").replace(r"\udb40\udc41", r"\U000E0041")


@pytest.fixture(autouse=True)
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("names.toml").write_text(f"{TOML} = 1\n")
    Path("values.toml").write_text(f"readout = {TOML}\n")
    Path("target.toml").write_text(f'name = {TOML}\nkind = "chip"\ntitle = {TOML}\n')
    with open("events.csv", "w", newline="", encoding="utf-8") as file:
        columns = ("sample", "label", "unit", "time_ms", f"{EVIL}/")
        csv.writer(file).writerows([columns, (0, 0, 0, 1, 0)])


def network(_: Path) -> None:
    replace(cases.integer_network(), class_names=NAMES).save("x.npz")


def network_and_data(folder: Path) -> None:
    network(folder)
    Path("two").mkdir()
    write_shd("two/two_test.h5", replace(cases.spike_events(6, 2), class_names=NAMES))


def odd_file(folder: Path) -> None:
    network(folder)
    Path("x.npz").rename(f"{FILE}.npz")


def recording(_: Path) -> None:
    network = cases.integer_network()
    silent = Raster.silent(1, 30, 4)
    recorded = simulate(network, silent)
    replace(recorded, spikes={EVIL: recorded.spikes["hidden"]}).save("r.npz")


def nothing(_: Path) -> None:
    pass


Make = Callable[[Path], None]

COMMANDS: dict[str, tuple[Make, int, tuple[str, ...]]] = {
    "names of classes": (network, 0, ("inspect", "x.npz")),
    "names of classes in tables": (
        *(network_and_data, 0),
        ("evaluate", "x.npz", "two", "--classes", "--threads", "1"),
    ),
    "names of classes of data": (network_and_data, 0, ("data", "two")),
    "names of populations": (recording, 0, ("inspect", "r.npz")),
    "a column of a table": (nothing, 2, ("data", "events.csv", "-o", "made")),
    "names of settings": (nothing, 2, ("train", "d", "-o", "r", "--config", "names.toml")),
    "values of settings": (nothing, 2, ("train", "d", "-o", "r", "--config", "values.toml")),
    "the title of a target": (network, 0, ("check", "x.npz", "--target", "target.toml")),
    "a missing file": (nothing, 2, ("inspect", FILE)),
    "the name of a file": (odd_file, 0, ("export", f"{FILE}.npz", "-o", f"{FILE}.json", "--force")),
    "a command": (nothing, 2, (FILE,)),
    "an option": (nothing, 2, ("inspect", f"--{FILE}")),
    "an argument of an option": (network, 2, ("export", "x.npz", "-o", "y", "--to", FILE)),
}


@pytest.mark.parametrize(("make", "code", "words"), COMMANDS.values(), ids=COMMANDS)
def test_names_are_shown_with_escapes(
    make: Make,
    code: int,
    words: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if words[0] == "search":
        pytest.importorskip("optuna")
    make(tmp_path)
    assert main(words) == code
    shown = capsys.readouterr()
    text = shown.out + shown.err
    assert hidden(text) == []
    assert SHOWN[:30] in text
    seen = here(partial(main, words), 400, monkeypatch)
    assert seen.code in (code, 2), "a file may exist already"
    assert hidden(OWN.sub("", seen.raw)) == []
    assert SHOWN[:30] in seen.raw
    assert not [line for line in seen.lines if line.startswith("d" + SHOWN[30:34])]


@pytest.mark.parametrize("word", ["[red]k[/red]", "[bold", ":smile:", "[link=x]y[/link]"])
def test_names_are_no_markup(
    word: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    replace(cases.integer_network(), class_names=(word, "b")).save("x.npz")
    assert main(["inspect", "x.npz"]) == 0
    assert main(["inspect", word]) == 2
    shown = capsys.readouterr()
    assert f"classes: {word}, b\n" in shown.out
    assert word in shown.err
    seen = here(partial(main, ["inspect", "x.npz"]), 80, monkeypatch)
    assert f"classes: {word}, b" in seen.lines


def test_json_and_files_keep_every_character(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network_and_data(tmp_path)
    assert main(["inspect", "x.npz", "--json"]) == 0
    text = capsys.readouterr().out
    assert hidden(text) == []
    assert text.isascii()
    assert json.loads(text)["classes"] == list(NAMES)
    assert main(["evaluate", "x.npz", "two", "--predictions", "p.csv", "--threads", "1"]) == 0
    with open("p.csv", newline="", encoding="utf-8") as file:
        rows = [*csv.reader(file)]
    assert {NAMES[n] for n in range(2)} <= {cell for row in rows for cell in row}


def test_a_traceback_is_shown_with_escapes(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--version"])
    error = ValueError(EVIL)
    sys.excepthook(ValueError, error, None)
    shown = capsys.readouterr().err
    assert hidden(shown) == []
    assert SHOWN.partition(r"\n")[0] in shown
