"""ONNX files of nmtool are read back; all other files are refused before use."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nmtool.errors import BackendError, FileFormatError, MissingError
from nmtool.exporters.embedded import HEADER_VERSION, digest
from nmtool.exporters.onnx import file as content
from nmtool.exporters.onnx.format import Onnx
from nmtool.setup.installation import install_command
from nmtool.testing.networks import random_raster
from nmtool.verification.comparison import compare_recordings
from tests.exporters import written_files
from tests.exporters.written_files import ANSWERS, NETWORK
from tests.refusals import refused

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """An undamaged file."""
    return Onnx.write(NETWORK, tmp_path / "network.onnx", answers=ANSWERS).path


@pytest.fixture(autouse=True)
def _sessions(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Make onnxruntime fail on any file, unless the test uses `onnxruntime_is_here`."""
    if "onnxruntime_is_here" not in request.fixturenames:
        monkeypatch.setattr(ort, "InferenceSession", None)


@pytest.fixture
def onnxruntime_is_here() -> None:
    """Allow a test to run files."""


def assert_refused(path: Path) -> FileFormatError:
    """Assert that all functions that read a file refuse it."""
    return written_files.assert_refused(Onnx, path)


# Tests of writing and reading


def test_reading_needs_no_library(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert Onnx(path).network.content_hash == NETWORK.content_hash
    for use in (
        Onnx.require,
        lambda: Onnx(path).run(random_raster(0, 1, 20, 5)),
        lambda: Onnx.write(NETWORK, path, force=True).path,
    ):
        with refused(MissingError, "library-missing") as caught:
            use()
        assert caught.value.fix in [
            install_command("onnx", broken=[library]) for library in ("onnx", "onnxruntime")
        ]
    assert Onnx(path).known_answers().to_bytes() == ANSWERS.to_bytes()


@pytest.mark.usefixtures("onnxruntime_is_here")
def test_running_needs_only_onnxruntime(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    finished: list[int] = []
    actual = Onnx(path).run(ANSWERS.spikes, on_progress=finished.append)
    shallow = replace(ANSWERS.recording, current={}, potential={})
    assert compare_recordings(shallow, actual).identical
    assert not actual.current
    assert sum(finished) == ANSWERS.spikes.n_samples


def test_the_library_onnx_opens_the_file(path: Path) -> None:
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    assert metadata["nmtool.hash"] == NETWORK.content_hash
    header = json.loads(metadata["nmtool.network"])
    assert (header["arithmetic"], header["dt_ms"]) == ("loihi2", 1.0)


# Tests of damaged and foreign files


def test_files_that_are_too_large_are_refused(tmp_path: Path) -> None:
    with open(tmp_path / "huge.onnx", "wb") as file:
        file.truncate(3 << 30)
    error = assert_refused(tmp_path / "huge.onnx")
    assert (error.code, "2 GiB" in error.why) == ("file-damaged", True)


def test_other_onnx_models_are_refused(tmp_path: Path) -> None:
    helper = onnx.helper
    value = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])
    out = helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1])
    graph = helper.make_graph([helper.make_node("Neg", ["x"], ["y"])], "g", [value], [out])
    onnx.save(helper.make_model(graph), tmp_path / "foreign.onnx")
    assert assert_refused(tmp_path / "foreign.onnx").code == "file-foreign"


# Tests of files that were changed with knowledge of the format


def changed(path: Path, change: Callable[[Any], object], *, seal: bool) -> None:
    """Change a file; if `seal`, also update its digest."""
    model = onnx.load(path)
    change(model)
    if seal:
        properties = [p for p in model.metadata_props if p.key != content.DIGEST_KEY]
        del model.metadata_props[:]
        model.metadata_props.extend(properties)
        sealed = digest(model.SerializeToString(deterministic=True))
        model.metadata_props.add(key=content.DIGEST_KEY, value=sealed)
    path.write_bytes(model.SerializeToString(deterministic=True))


def tensor(model: Any, name: str) -> Any:
    """A constant of the graph."""
    return next(t for t in model.graph.initializer if t.name == name)


def set_property(key: str, value: str) -> Callable[[Any], None]:
    def change(model: Any) -> None:
        next(p for p in model.metadata_props if p.key == key).value = value

    return change


def set_header(**values: Any) -> Callable[[Any], None]:
    def change(model: Any) -> None:
        entry = next(p for p in model.metadata_props if p.key == content.NETWORK_KEY)
        entry.value = json.dumps({**json.loads(entry.value), **values})

    return change


def set_tensor(name: str, /, **values: Any) -> Callable[[Any], None]:
    def change(model: Any) -> None:
        initializer = tensor(model, name)
        for key, value in values.items():
            if key == "dims":
                del initializer.dims[:]
                initializer.dims.extend(value)
            else:
                setattr(initializer, key, value)

    return change


def other_weight(model: Any) -> None:
    initializer = tensor(model, "input->h0.weight")
    data = bytearray(initializer.raw_data)
    data[0] ^= 1
    initializer.raw_data = bytes(data)


def test_an_equal_file_with_other_bytes_is_accepted(path: Path) -> None:
    changed(path, lambda model: None, seal=True)
    assert Onnx(path).network.content_hash == NETWORK.content_hash


@pytest.mark.parametrize(
    "change",
    [
        other_weight,
        lambda model: setattr(model.graph.node[3], "name", "x"),
        lambda model: model.metadata_props.pop(),
        lambda model: model.metadata_props.add(key="mine", value="x"),
        lambda model: model.metadata_props.append(model.metadata_props[0]),
    ],
)
def test_a_change_without_a_new_digest_is_refused(
    change: Callable[[Any], object], path: Path
) -> None:
    changed(path, change, seal=False)
    assert assert_refused(path).code == "export-changed"


INSIDE: dict[str, Callable[[Any], object]] = {
    "another weight": other_weight,
    "huge shape": set_tensor("input->h0.weight", dims=[1 << 40, 1 << 40]),
    "negative shape": set_tensor("input->h0.weight", dims=[-5, -8]),
    "no shape": set_tensor("input->h0.weight", dims=[]),
    "other type": set_tensor("input->h0.weight", data_type=11),
    "unknown type": set_tensor("input->h0.delay", data_type=99),
    "longer type": set_tensor("input->h0.delay", data_type=7),
    "no data": set_tensor("input->h0.delay", raw_data=b""),
    "missing": set_tensor("input->h0.delay", name="x"),
    "header is no JSON": set_property(content.NETWORK_KEY, "{"),
    "header is deep": set_property(content.NETWORK_KEY, "[" * 100_000),
    "header is a list": set_property(content.NETWORK_KEY, "[]"),
    "header is empty": set_property(content.NETWORK_KEY, "{}"),
    "no populations": set_header(populations=[]),
    "a text for projections": set_header(projections="x"),
    "numbers for populations": set_header(populations=[1, 2]),
    "another arithmetic": set_header(arithmetic="loihi9"),
    "another step": set_header(dt_ms=2.0),
    "hash": set_property(content.HASH_KEY, "abc"),
}


CODES = {"no populations": "population-unknown", "another arithmetic": "arithmetic-unknown"}
"""Error codes of damage that makes a network inconsistent; all other codes are `file-damaged`."""


@pytest.mark.parametrize("case", INSIDE)
def test_a_change_with_a_new_digest_is_refused(case: str, path: Path) -> None:
    changed(path, INSIDE[case], seal=True)
    for take in (lambda p: Onnx(p).read(), lambda p: Onnx(p).run(random_raster(0, 1, 20, 5))):
        with refused(FileFormatError, CODES.get(case, "file-damaged")) as caught:
            take(path)
        assert str(path) in caught.value.what


@pytest.mark.parametrize("value", ["", "!", "UEs=", "AAAA"])
def test_invalid_known_answers_are_refused(value: str, path: Path) -> None:
    changed(path, set_property(content.ANSWERS_KEY, value), seal=True)
    with refused(FileFormatError, "file-damaged"):
        Onnx(path).known_answers()


@pytest.mark.parametrize("version", [str(HEADER_VERSION + 1), "9" * 5000])
def test_a_newer_version_asks_for_an_update(version: str, path: Path) -> None:
    changed(path, set_property(content.VERSION_KEY, version), seal=True)
    assert assert_refused(path).code == "file-newer"


@pytest.mark.parametrize("version", ["", "x", "-1", "1.5"])
def test_invalid_versions_are_refused(version: str, path: Path) -> None:
    changed(path, set_property(content.VERSION_KEY, version), seal=True)
    assert assert_refused(path).code == "file-foreign"


# Tests of running


@pytest.mark.usefixtures("onnxruntime_is_here")
def test_errors_of_onnxruntime_are_reported(path: Path) -> None:
    changed(path, lambda model: model.graph.node.pop(), seal=True)
    with refused(BackendError, "runtime-failed") as caught:
        Onnx(path).run(random_raster(0, 1, 10, 5))
    assert caught.value.why
    assert isinstance(caught.value, MissingError)


@pytest.mark.usefixtures("onnxruntime_is_here")
def test_failed_runs_of_onnxruntime_are_reported(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Session:
        def __init__(self, *arguments: object, **options: object) -> None:
            pass

        def run(self, *arguments: object) -> None:
            raise RuntimeError("bad allocation")

    monkeypatch.setattr(ort, "InferenceSession", Session)
    with refused(BackendError, "runtime-failed") as caught:
        Onnx(path).run(random_raster(0, 1, 10, 5))
    assert caught.value.why == "bad allocation"
    assert np.array_equal(Onnx(path).network.projections[0].weight, NETWORK.projections[0].weight)
