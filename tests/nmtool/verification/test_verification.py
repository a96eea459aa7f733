"""`Verification`: backends and input of a comparison, from the named arguments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import nmtool as nm
from nmtool.errors import FileFormatError, UsageError
from nmtool.exporters.c.format import C
from nmtool.verification.verification import InputSource, Named, Verification
from tests.nmtool.cli import cases
from tests.refusals import refused

INTEGERS = cases.integer_network()


@pytest.fixture
def export(tmp_path: Path) -> Path:
    return nm.export(INTEGERS, tmp_path / "network.c")


@pytest.mark.parametrize(
    ("named", "names"),
    [((), ["c"]), (["onnx"], ["onnx"]), (["nir", "c", "nir"], ["nir", "c"]), ("lava", ["lava"])],
)
def test_an_export_is_compared_by_default(
    named: Named | Sequence[Named], names: list[str], export: Path
) -> None:
    for against in (Verification.of(export, named), Verification.of(str(export), named)):
        assert against.names == names
        assert against.export_path == (export if "c" in names else None)


@pytest.mark.parametrize(
    ("is_export", "named", "has_data", "input_source"),
    [
        (True, (), True, InputSource.DATA),
        (True, ["onnx"], True, InputSource.DATA),
        (False, ["onnx"], True, InputSource.DATA),
        (False, ["onnx"], False, InputSource.GENERATED),
        (True, (), False, InputSource.ANSWERS),
        (True, ["c"], False, InputSource.ANSWERS),
    ],
)
def test_inputs_of_a_comparison(
    is_export: bool, named: Sequence[Named], has_data: bool, input_source: InputSource, export: Path
) -> None:
    assert (
        Verification.of(export if is_export else INTEGERS, named).input_source(has_data=has_data)
        is input_source
    )


@pytest.mark.parametrize(
    ("is_export", "named", "has_data", "settings", "code"),
    [
        (False, (), True, {}, "backend-missing"),
        (False, (), False, {}, "answers-not-carried"),
        (True, ["onnx"], False, {}, "data-missing"),
        (True, (), False, {"deep": True}, "data-missing"),
        (False, ["onnx"], False, {"exercise": True}, "data-missing"),
        (False, ["x.npz"], False, {}, "recording-data"),
        (False, ["x.npz"], True, {"exercise": True}, "recording-data"),
    ],
)
def test_impossible_comparisons_are_refused(
    is_export: bool,
    named: Sequence[Named],
    has_data: bool,
    settings: dict[str, bool],
    code: str,
    export: Path,
) -> None:
    verification = Verification.of(export if is_export else INTEGERS, named)
    verification = replace(verification, **settings)
    with refused(UsageError, code):
        verification.input_source(has_data=has_data)


def test_comparisons_that_take_float_networks(tmp_path: Path, export: Path) -> None:
    pytest.importorskip("nir")
    real = nm.export(cases.float_network(), tmp_path / "network.nir")
    takes: dict[bool, list[tuple[Any, ...]]] = {
        True: [(real,), (real, "nir"), (INTEGERS, "recorded.npz")],
        False: [
            *((real, ["nir", "c"]), (real, "onnx"), (export,)),
            *((INTEGERS, "nir"), (INTEGERS, (), export)),
        ],
    }
    for floats, calls in takes.items():
        assert {Verification.of(*arguments).takes_floats for arguments in calls} == {floats}


@pytest.mark.parametrize("name", ["floats.npz", "words.txt"])
def test_files_that_are_not_exports_are_refused(name: str, tmp_path: Path) -> None:
    cases.float_network().save(tmp_path / name)
    with refused(FileFormatError, "export-unknown") as caught:
        Verification.of(INTEGERS, artefact=tmp_path / name)
    assert name in caught.value.what
    with refused(FileFormatError, "file-missing"):
        Verification.of(INTEGERS, artefact=tmp_path / f"missing_{name}")


def test_an_export_without_a_runtime_is_refused(
    export: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(C, "runs", False)
    with refused(UsageError, "runtime-none") as caught:
        Verification.of(INTEGERS, artefact=export)
    assert str(export) in caught.value.what
