"""Commands on networks and exports: their words become a call, its result becomes JSON."""

from __future__ import annotations

import pydoc
from pathlib import Path
from typing import Any

import pytest

import nmtool as nm
from nmtool.cli.console import plain
from nmtool.exporters.json.format import Json
from nmtool.exporters.nir.options import ImportOptions, NirOptions
from tests.nmtool.cli import cases
from tests.nmtool.cli.conftest import ArgumentsOf, Nmtool
from tests.nmtool.cli.fake_lava import FakeLava

INTEGERS = cases.integer_network()

FUNCTIONS = {
    "verify": "nmtool.verify",
    "export": "nmtool.exchange.exporting.export",
    "convert": "nmtool.exchange.exporting.convert",
    "inspect": "nmtool.inspect",
    "check": "nmtool.targets.checking.check",
    "report": "nmtool.report",
    "evaluate": "nmtool.evaluate",
}
"""The function that each command calls."""

CALLS: dict[str, dict[str, Any]] = {
    "verify integers.npz two --against json --against lava --option lava.model=stock": {
        "network": "integers.npz",
        "data": "two",
        "against": ["json", "lava"],
        "options": {"lava": {"model": "stock"}},
        "artefact": None,
    },
    "verify integers.npz --against json --deep": {"data": None, "deep": True, "options": {}},
    "verify integers.npz two:train --artefact export.json --trust --exercise --samples 3": {
        "data": "two:train",
        "samples": 3,
        "artefact": "export.json",
        "trust": True,
        "exercise": True,
    },
    "verify floats.npz two --against theirs.npz": {"against": ["theirs.npz"]},
    "export integers.npz -o out.c --prefix kws --force": {
        "path": "out.c",
        "prefix": "kws",
        "force": True,
        "samples": None,
    },
    "convert integers.npz out.nir --readout current --hops free --nir-dt 0.001": {
        "writing": NirOptions(readout="current", hops="free", nir_dt_s=0.001),
        "reading": None,
        "force": False,
    },
    "convert theirs.nir out.npz --in-steps 30 --in-rule max": {
        "reading": ImportOptions(n_steps=30, rule="max"),
        "writing": None,
    },
    "inspect export.json --targets": {"path": "export.json", "targets": True, "reading": None},
    "inspect theirs.nir --in-nir-dt 0.002": {"reading": ImportOptions(nir_dt_s=0.002)},
    "check integers.npz": {"target": ["loihi2"]},
    "check floats.npz --target loihi1 --target c": {"target": ["loihi1", "c"]},
    "report integers.npz": {"network": "integers.npz", "data": None},
    "report integers.npz two:train --samples 3 --against c --target c": {
        "data": "two:train",
        "samples": 3,
        "against": ["c"],
        "target": ["c"],
    },
    "evaluate export.json two --samples 3 --trust": {
        "network": "export.json",
        "samples": 3,
        "trust": True,
    },
}
"""The arguments of the call, by the words of the command."""

RESULTS: dict[str, dict[str, Any]] = {
    "verify export.json": {},
    "verify integers.npz --against json": {},
    "convert integers.npz out.json": {},
    "inspect integers.npz": {"file": "integers.npz"},
    "check integers.npz": {"network": "integers.npz"},
    "report integers.npz two": {},
    "evaluate export.json two": {"network": "export.json", "data": "two", "split": "test"},
}
"""Entries of a command's JSON besides the result of its function, by the command's words."""


@pytest.fixture(autouse=True)
def _files(nmtool: Nmtool, data: Path, integers: Path, floats: Path) -> None:
    Path("theirs.nir").touch()
    Json.write(INTEGERS, Path("export.json"))


@pytest.mark.parametrize("words", CALLS)
def test_words_become_a_call(
    words: str, arguments_of: ArgumentsOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    FakeLava().install(monkeypatch)
    given = arguments_of(words, FUNCTIONS[words.split()[0]])
    assert {name: given[name] for name in CALLS[words]} == CALLS[words]


@pytest.mark.parametrize("words", RESULTS)
def test_a_result_becomes_json(words: str, nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    command, *_ = words.split()
    function: Any = pydoc.locate(FUNCTIONS[command])
    results: list[Any] = []

    def note(*values: object, **named: object) -> Any:
        results.append(function(*values, **named))
        return results[-1]

    nm.export(INTEGERS, "export.json", force=True)
    monkeypatch.setattr(FUNCTIONS[command], note)
    result = nmtool(*words.split(), "--json")
    content = results[0] if isinstance(results[0], dict) else results[0].as_json()
    assert (result.code, result.json) == (0, {**RESULTS[words], **plain(content)})
