"""Findings on everything in a foreign NIR file that a network cannot represent."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from nmtool.errors import DataError, FileFormatError, Finding, MissingError, NmtoolError
from nmtool.exporters.hdf5 import damage_named
from nmtool.exporters.nir import checking
from nmtool.exporters.nir.format import Nir
from nmtool.exporters.nir.options import ImportOptions
from tests import messages
from tests.exporters.nir_graphs import end
from tests.refusals import refused

nir = pytest.importorskip("nir")

Nodes = dict[str, Any]
Changes = dict[str, Any]


def lif(**changes: float) -> Any:
    values = {"tau": 2e-3, "r": 20.0, "v_leak": 0.0, "v_threshold": 1.0, "v_reset": 0.0}
    return nir.LIF(**{key: np.full(2, value) for key, value in (values | changes).items()})


def li(v_leak: float = 0.0, r: float = 1.0) -> Any:
    return nir.LI(tau=np.full(2, 2e-3), r=np.full(2, r), v_leak=np.full(2, v_leak))


def cuba_li() -> Any:
    values = {"tau_mem": 2e-3, "tau_syn": 3e-3, "r": 1.0, "v_leak": 0.0, "w_in": 1.0}
    return nir.CubaLI(**{key: np.full(2, value) for key, value in values.items()})


def cuba_lif() -> Any:
    values = {"tau_mem": 2e-3, "tau_syn": 3e-3, "r": 1.0, "v_leak": 0.0, "v_threshold": 1.0}
    return nir.CubaLIF(**{key: np.full(2, value) for key, value in values.items()})


def conv(padding: int = 0) -> Any:
    return nir.Conv1d(2, np.ones((1, 1, 1)), 1, padding, 1, 1, np.zeros(1))


def row(nodes: Nodes, path: Path, *more: tuple[str, str], changes: Changes | None = None) -> Path:
    """Write a file with a chain of nodes between an input and an output of two lines.

    `more` are further edges. `changes` replace datasets by values that the library would refuse.
    """
    nodes = {"in": end("Input", 2), **nodes, "out": end("Output", 2)}
    names = list(nodes)
    edges = [*itertools.pairwise(names), *more]
    nir.write(path, nir.NIRGraph(nodes, edges, type_check=False))
    with h5py.File(path, "r+") as file:
        for name, value in (changes or {}).items():
            del file[f"node/nodes/{name}"]
            if value is not None:
                file[f"node/nodes/{name}"] = value
    return path


RULES: dict[str, tuple[str, str, Nodes, list[tuple[str, str]], Changes]] = {
    "a kind without counterpart": ("nir-kind", "a", {"a": lif()}, [], {"a/type": "Conv9d"}),
    "a value that is missing": ("nir-values", "a", {"a": lif()}, [], {"a/r": None}),
    "a value that is empty": ("nir-values", "a", {"a": lif()}, [], {"a/r": np.zeros(0)}),
    "a value that is not finite": ("nir-values", "a", {"a": lif(r=np.inf)}, [], {}),
    "a vector of weights": (
        *("nir-values", "w", {"w": nir.Linear(np.eye(2)), "a": lif()}, []),
        {"w/weight": np.ones(2)},
    ),
    "a delay back in time": (
        *("nir-values", "d", {"d": nir.Delay(np.full(2, 1e-4)), "a": lif()}, []),
        {"d/delay": np.full(2, -1e-4)},
    ),
    "half a step": ("nir-step", "d", {"d": nir.Delay(np.full(2, 5e-5)), "a": lif()}, [], {}),
    "no time": ("nir-values", "a", {"a": lif(tau=0.0)}, [], {}),
    "less time than a step": ("nir-step", "a", {"a": lif(tau=1e-6)}, [], {}),
    "a threshold below the reset": ("nir-values", "a", {"a": lif(v_reset=2.0)}, [], {}),
    "a current that may be added whole": ("nir-input-gain", "a", {"a": cuba_lif()}, [], {}),
    "two outputs": ("nir-ports", "graph", {"a": lif(), "out2": end("Output", 2)}, [], {}),
    "sizes that differ": (
        *("nir-shape", "in → w", {"w": nir.Linear(np.ones((2, 3))), "a": lif()}, [], {}),
    ),
    "a potential that drives two": (
        *("nir-potential", "i", {"i": li(), "a": lif(), "b": lif()}, [("i", "b")], {}),
    ),
    "a synapse beside others": (
        *("nir-potential", "i", {"i": li(), "a": lif()}, [("in", "a")], {}),
    ),
    "a synapse that has one": ("nir-potential", "i", {"i": cuba_li(), "a": lif()}, [], {}),
    "an edge into the input": ("nir-ports", "in", {"a": lif()}, [("a", "in")], {}),
    "a stride of nothing": ("nir-values", "c", {"c": conv(), "a": lif()}, [], {"c/stride": 0}),
    "places that are not told": (
        *("nir-shape", "p", {"p": nir.SumPool2d(*np.ones((3, 2), int)), "a": lif()}, [], {}),
    ),
    "padding without end": ("nir-unrolled", "c", {"c": conv(1 << 20), "a": lif()}, [], {}),
    "a constant without input": ("nir-potential", "i", {"i": li(1.0, r=0.0), "a": lif()}, [], {}),
}


@pytest.mark.parametrize(("code", "where", "nodes", "more", "changes"), RULES.values(), ids=RULES)
def test_every_finding_reaches_the_user_unchanged(
    code: str,
    where: str,
    nodes: Nodes,
    more: list[tuple[str, str]],
    changes: Changes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    noted: list[Finding] = []
    refuse = checking.refuse

    def noting(findings: list[Finding]) -> None:
        noted.extend(findings)
        refuse(findings)

    monkeypatch.setattr(checking, "refuse", noting)
    path = row(nodes, tmp_path / "x.nir", *more, changes=changes)
    for options in (None, ImportOptions()):
        noted.clear()
        with refused(FileFormatError, "nir-graph-unfit") as caught:
            Nir(path).read(options)
        assert {(finding.code, finding.where) for finding in noted} == {(code, where)}
        assert caught.value.findings == tuple(noted)
        assert str(path) in caught.value.what
        for part in (code, where, noted[0].what, noted[0].fix):
            assert part
            assert part in str(caught.value)


def test_every_finding_code_has_a_test_case() -> None:
    others = ("snntorch.py", "writing.py", "format.py")  # These do not read files.
    message_codes = {
        m.code
        for m in messages.messages()
        if m.kind == "Finding" and "exporters/nir/" in m.place and not m.place.endswith(others)
    }
    assert message_codes == {code for code, *_ in RULES.values()}


def test_a_potential_that_drives_matrices(tmp_path: Path) -> None:
    nodes = {"i": li(), "w": nir.Linear(np.eye(2)), "a": lif()}
    with refused(FileFormatError, "nir-graph-unfit") as caught:
        Nir(row(nodes, tmp_path / "x.nir")).read()
    assert [(finding.code, finding.where) for finding in caught.value.findings] == [
        ("nir-potential", "i")
    ]


def test_equal_findings_are_printed_on_one_line(tmp_path: Path) -> None:
    nodes = {f"n{number:02}": lif(tau=-1.0 - number) for number in range(62)}
    nodes["o"] = lif(v_reset=2.0)
    with refused(FileFormatError, "nir-graph-unfit") as caught:
        Nir(row(nodes, tmp_path / "x.nir")).read()
    assert len(caught.value.findings) == 63
    lines = [line for line in str(caught.value).splitlines() if line.startswith("- ")]
    assert len(lines) == 2
    assert "62 places, first n00" in lines[0]


FINDING = Finding("some-code", "a", "it is odd", "make it even", why="odd ones are few")


def test_errors_of_wrong_input_keep_why_fix_and_findings() -> None:
    parts: dict[str, Any] = {"code": "some-code", "why": "why", "fix": "fix"}
    with refused(FileFormatError, "some-code") as caught, damage_named("x.nir", "NIR file"):
        raise DataError("something is wrong", **parts, findings=[FINDING])
    error = caught.value
    assert (error.why, error.fix, error.findings) == ("why", "fix", (FINDING,))
    assert all(part in error.what for part in ("x.nir", "NIR file", "something is wrong"))


def test_errors_with_another_exit_code_are_not_changed() -> None:
    missing: NmtoolError = MissingError("a library is missing", code="some-code")
    with refused(MissingError, "some-code") as caught, damage_named("x.nir", "NIR file"):
        raise missing
    assert caught.value is missing


def test_other_exceptions_are_reported_as_damage() -> None:
    with refused(FileFormatError, "hdf5-damaged") as caught, damage_named("x.nir", "NIR file"):
        raise KeyError("edges")
    assert "x.nir" in caught.value.what
    assert "edges" in caught.value.why
    assert caught.value.fix


def test_steps_at_which_all_delays_are_whole_are_named(tmp_path: Path) -> None:
    nodes = {"d": nir.Delay(np.array([1.5e-4, 2e-4])), "e": nir.Delay(np.full(2, 1.2e-4))}
    path = row({**nodes, "a": lif()}, tmp_path / "x.nir")
    with refused(FileFormatError, "nir-graph-unfit") as caught:
        Nir(path).read()
    assert {finding.where for finding in caught.value.findings} == {"d", "e"}
    assert "1.5 steps of 0.0001 s" in caught.value.findings[0].what
    assert all("`nir_dt_s=1e-05`" in finding.fix for finding in caught.value.findings)
    assert Nir(path).read(ImportOptions(nir_dt_s=1e-5)).max_delay > 20
    never = row({"d": nir.Delay(np.full(2, np.pi * 1e-4)), "a": lif()}, tmp_path / "y.nir")
    with refused(FileFormatError, "nir-graph-unfit") as caught:
        Nir(never).read()
    assert "nir_dt_s" not in caught.value.findings[0].fix
