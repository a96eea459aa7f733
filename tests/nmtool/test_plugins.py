"""Plug-ins: packages that add formats, targets and more through their entry points."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import nmtool as nm
from nmtool.errors import UsageError
from nmtool.exporters.formats import format_named
from tests.refusals import refused

PACKAGE = '''
import json
from dataclasses import dataclass
import numpy as np
import nmtool as nm
from nmtool.arithmetic import figure
from nmtool.exporters.environments import Referee
from nmtool.exporters.format import Format
from nmtool.exporters.formats import Place
from nmtool.options import WritingOptions
from nmtool.targets.target import Figures

PLACE = Place("mine:Mine", (".mine",))
BROKEN = Place("mine:Nothing", (".broken",))
CHIP = nm.Target("mine", max_delay=15)
REFEREE = Referee("mine", "My simulator", "a check", "mine==1", [], ("-c", ""), None)

@dataclass(frozen=True)
class Optics(Figures):
    """Figures of an optical chip."""

    lasers: int | None = figure("lasers", low=1)
    mirrors: int | None = figure("mirrors", low=1)

    def missing(self):
        if self.mirrors and not self.lasers:
            yield "lasers", "mirrors need light", "give the lasers"

class Mine(Format, name="mine", place=PLACE):
    """nmtool's own bytes under another name."""

def wrong():
    raise ValueError("no samples today")

def points():
    """Eight samples of two classes."""
    return nm.Dataset.of(train=nm.SpikeEvents(
        time_ms=np.arange(8.0), unit=np.arange(8) % 4, offset=np.arange(9),
        label=np.arange(8) % 2, n_units=4, class_names=("a", "b"),
    ))
'''
ENTRIES = """
[nmtool.formats]
mine = mine:PLACE
gone = mine:GONE
absent = no_such_module:PLACE
number = mine:json
broken = mine:BROKEN
onnx = mine:PLACE

[nmtool.targets]
mine = mine:CHIP
absent = no_such_module:CHIP

[nmtool.figures]
optics = mine:Optics
number = mine:json
core = mine:Optics

[nmtool.data]
points = mine:points
wrong = mine:wrong
nothing = mine:print

[nmtool.referees]
mine = mine:REFEREE

[nmtool.names]
MINE = mine:PLACE
"""


def install(folder: Path, entries: str = ENTRIES) -> Path:
    """Install the package `mine` in a folder, as pip does."""
    about = folder / "nmtool_mine-1.0.dist-info"
    about.mkdir(parents=True)
    (folder / "mine.py").write_text(PACKAGE)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: nmtool-mine\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(entries)
    return folder


def run(code: str, cwd: Path, *places: Path, script: Path | None = None) -> str:
    """Output of code in a new Python, with further places of packages."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, places))}
    words = ["-c", code] if script is None else [str(script)]
    done = subprocess.run(
        [sys.executable, *words], cwd=cwd, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a Python says in whose environment the package `mine` is installed."""
    folder = tmp_path_factory.mktemp("place")
    return dict(json.loads(run(ASKED, folder, install(folder / "packages"))))


ASKED = '''
import json, logging
import nmtool as nm
from nmtool.exporters.formats import all_formats, format_named
from nmtool.exporters.referees import referees
from nmtool.targets import target_names

remarks = []
class Keeping(logging.Handler):
    def emit(self, record):
        remarks.append(record.getMessage())
logging.getLogger("nmtool").addHandler(Keeping())

def code(act, *arguments):
    """The code and the reason of an error."""
    try:
        act(*arguments)
    except nm.NmtoolError as error:
        return [error.code, error.why, error.fix]

def chip(figures):
    """A target from a file with figures."""
    arithmetic = "arithmetic = { value = 'loihi2', mark = 'inferred' }"
    with open("chip.toml", "w") as file:
        text = f"name = 'chip'\\nkind = 'chip'\\n{arithmetic}\\n{figures}"
        file.write(text + ", mark = 'inferred' }")
    return nm.target_named("chip.toml")

def places(figures):
    """The wrong places of a target's file."""
    try:
        chip(figures)
    except nm.UsageError as error:
        return [finding.where for finding in error.findings]

data = nm.load_dataset("points", validation=0.25)
print(json.dumps({
    "formats": [f.name for f in all_formats()],
    "again": [f.name for f in all_formats()],
    "onnx": format_named("onnx").__module__,
    "targets": [name for name in target_names() if name in ("mine", "absent")],
    "delay": nm.target_named("mine").max_delay,
    "checked": nm.check(nm.Network.layers([4, 2]), "all")["mine"].target.name,
    "lasers": chip("[optics]\\nlasers = { value = 7").sections["optics"].lasers,
    "wrong figures": places("[optics]\\nmirrors = { value = 7"),
    "unknown figures": places("[optic]\\nmirrors = { value = 7"),
    "broken figures": code(chip, "[number]\\nlasers = { value = 7"),
    "cores": chip("[core]\\nneurons = { value = 7").core.neurons,
    "referees": [*referees()],
    "data": [data.name, data.train.n_samples, data.validation.n_samples],
    "name": [str(nm.MINE.extensions), "MINE" in dir(nm), "MINE" in nm.__all__],
    "failing": {name: code(format_named, name) for name in ("gone", "absent", "number", "broken")},
    "target": code(nm.target_named, "absent"),
    "data sets": [code(nm.load_dataset, name) for name in ("wrong", "nothing")],
    "remarks": remarks,
}))
'''


def test_objects_of_every_group_are_used(answers: dict[str, Any]) -> None:
    assert "mine" in answers["formats"]
    assert answers["targets"] == ["mine"]
    assert answers["delay"] == 15
    assert answers["checked"] == "mine"
    assert answers["lasers"] == 7
    assert answers["wrong figures"] == ["optics.lasers"]
    assert answers["unknown figures"] == ["optic"]
    assert answers["referees"][0] == "lava"
    assert "mine" in answers["referees"]
    assert answers["data"] == ["points", 6, 2]
    assert answers["name"] == ["('.mine',)", True, True]


def test_plugins_that_fail_are_named_once_and_left_out(answers: dict[str, Any]) -> None:
    names = {"gone", "absent", "number", "broken"}
    assert not names & {*answers["formats"]}
    assert answers["formats"] == answers["again"]
    assert {*answers["failing"]} == names
    for name, (code, why, fix) in answers["failing"].items():
        assert code == "plugin-broken", name
        assert why
        assert "nmtool-mine" in fix
    assert answers["target"][0] == answers["broken figures"][0] == "plugin-broken"
    assert [code for code, *_ in answers["data sets"]] == ["plugin-broken"] * 2
    assert "no samples today" in answers["data sets"][0][1]
    for name in names:
        about_formats = [text for text in answers["remarks"] if f"'{name}'" in text]
        assert len(about_formats) == 1 + (name == "absent"), answers["remarks"]


def test_names_of_nmtool_cannot_be_taken(answers: dict[str, Any]) -> None:
    assert answers["onnx"].startswith("nmtool.exporters.onnx")
    assert answers["cores"] == 7
    assert len([text for text in answers["remarks"] if "'onnx'" in text]) == 1


NAMES = "from nmtool.exporters.formats import places; print('mine' in places())"


def test_nothing_in_the_working_folder_is_a_plugin(tmp_path: Path) -> None:
    """Python finds modules there; but nobody has installed them."""
    install(tmp_path)
    assert run(NAMES, tmp_path) == "False\n"
    assert run(NAMES, tmp_path, tmp_path) == "False\n"
    (tmp_path / "else").mkdir()
    assert run(NAMES, tmp_path / "else", tmp_path) == "True\n"


def test_nothing_beside_a_script_is_a_plugin(tmp_path: Path) -> None:
    install(tmp_path / "scripts")
    script = tmp_path / "scripts" / "script.py"
    script.write_text(NAMES)
    assert run(NAMES, tmp_path, script=script) == "False\n"


def test_of_two_packages_with_one_name_the_first_counts(tmp_path: Path) -> None:
    install(tmp_path / "a", "[nmtool.targets]\nmine = mine:CHIP\n")
    other = tmp_path / "b" / "another-2.0.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: another\nVersion: 2.0\n")
    (other / "entry_points.txt").write_text("[nmtool.targets]\nmine = another:CHIP\n")
    code = "from nmtool.plugins import *; print(registered(TARGETS)['mine'].value)"
    assert run(code, tmp_path, tmp_path / "a", tmp_path / "b") == "another:CHIP\n"
    assert run(code, tmp_path, tmp_path / "b", tmp_path / "a") == "another:CHIP\n"


def test_a_missing_format_or_target_is_unknown() -> None:
    with refused(UsageError, "format-unknown"):
        format_named("mine")
    with refused(UsageError, "target-unknown"):
        nm.target_named("mine")


def test_a_package_that_is_installed_twice_counts_once(tmp_path: Path) -> None:
    first, second = (install(tmp_path / name, entries) for name, entries in TWICE)
    assert run(NAMES, tmp_path, second) == "True\n"
    assert run(NAMES, tmp_path, first, second) == "False\n"


TWICE = (("first", ""), ("second", ENTRIES))
