"""`export` and `convert`: written files, their known answers, and reading them back."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import nmtool as nm
from nmtool.data import Dataset
from nmtool.data.samples import bin_for
from nmtool.errors import (
    DataError,
    FileFormatError,
    MissingError,
    StorageError,
    UsageError,
)
from nmtool.exchange import exporting
from nmtool.exchange.exporting import check_free
from nmtool.exporters import formats
from nmtool.exporters.c.format import C
from nmtool.exporters.nir.format import Nir
from nmtool.exporters.nir.options import ImportOptions, NirOptions
from nmtool.hardware_sim.known_answers import ANSWERED_SAMPLES, known_answers
from nmtool.verification import compare_recordings
from tests.networks.chains import chain_network
from tests.nmtool.cli import cases
from tests.nmtool.cli.fake_lava import FakeLava, flip_spike
from tests.nmtool.conftest import LIBRARIES
from tests.nmtool.storage.archives import unprivileged
from tests.refusals import refused

FLOATS, INTEGERS, CHAIN = cases.float_network(), cases.integer_network(), chain_network(3)
NAMES = {
    "onnx": "network.onnx",
    "nir": "network.nir",
    "c": "network.c",
    "lava": "folder",
    "json": "network.json",
}
HAS_COMPILER = shutil.which("cc") is not None


def network_for(name: str) -> nm.IntegerNetwork:
    """Integers; skips if the library of a format is missing."""
    for library in LIBRARIES.get(name, ()):
        pytest.importorskip(library)
    return INTEGERS


def answers_in(name: str, path: Path) -> nm.KnownAnswers:
    return formats.format_named(name)(path).known_answers()


def test_a_lava_folder_carries_samples_of_data(tmp_path: Path) -> None:
    """The samples are drawn per class from the test split, with the network's class names."""
    names = ("north", "south")
    network = replace(INTEGERS, class_names=names)
    data = Dataset.of(train=cases.spike_events(12), test=cases.spike_events(30, seed=1))
    nm.export(network, tmp_path / "folder", to="lava", samples=data)
    read = nm.read_incoming(tmp_path / "folder/events.csv").train
    expected = data.test.draw(exporting.CARRIED_SAMPLES)
    assert [read.class_names[n] for n in read.label] == [names[n] for n in expected.label]
    assert read.time_ms.tolist() == expected.time_ms.tolist()
    nm.export(network, tmp_path / "bare", to="lava")
    assert not (tmp_path / "bare/events.csv").exists()


def test_an_export_carries_fewer_samples_if_they_are_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = cases.spike_events(30)
    counts = data.draw(exporting.CARRIED_SAMPLES).counts.tolist()
    for limit, n_samples in ((sum(counts[:2]), 2), (0, 1)):
        monkeypatch.setattr(exporting, "CARRIED_EVENTS", limit)
        path = nm.export(INTEGERS, tmp_path / "folder", to="lava", samples=data, force=True)
        assert nm.read_incoming(path / "events.csv").train.n_samples == n_samples


# Tests of `export`


@pytest.mark.parametrize("as_text", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_every_format_is_written_with_known_answers(
    name: str, as_text: bool, tmp_path: Path
) -> None:
    network, path = network_for(name), tmp_path / NAMES[name]
    to = name if name == "lava" else None
    assert nm.export(network, str(path) if as_text else path, to=to) == path
    assert nm.load(path).content_hash == network.content_hash
    answers = answers_in(name, path)
    assert answers.network_hash == network.content_hash
    if name != "nir":
        expected = known_answers(network)
        assert (answers.spikes.flat_index() == expected.spikes.flat_index()).all()
        assert compare_recordings(expected.recording, answers.recording).identical


def test_known_answers_use_samples_if_there_are_any(data: Dataset, tmp_path: Path) -> None:
    """A data set gives samples of its test split or, without one, of its first split."""
    train = Dataset("train", ("train",), data.split)
    for number, (samples, events) in enumerate(
        [(data, data.test), (train, data.train), (data.test, data.test)]
    ):
        path = nm.export(INTEGERS, tmp_path / f"{number}.c", samples=samples)
        raster = bin_for(INTEGERS, events[:ANSWERED_SAMPLES]).raster
        expected = known_answers(INTEGERS, raster)
        answers = C(path).known_answers()
        assert (answers.spikes.flat_index() == expected.spikes.flat_index()).all()
        assert answers.spikes.n_samples == ANSWERED_SAMPLES


def test_floats_are_written_as_nir(tmp_path: Path) -> None:
    pytest.importorskip("nir")
    path = nm.export(FLOATS, tmp_path / "network.nir")
    assert nm.load(path).content_hash == FLOATS.content_hash
    answers = Nir(path).known_answers()
    recording = Nir(path).run(answers.spikes)
    assert compare_recordings(answers.recording, recording, tolerance=1e-9).identical


def test_options_of_nir_take_effect(tmp_path: Path) -> None:
    pytest.importorskip("nir")
    usual = nm.export(INTEGERS, tmp_path / "usual.nir")
    free = nm.export(INTEGERS, tmp_path / "free.nir", options=NirOptions(hops="free"))
    assert usual.read_bytes() != free.read_bytes()


@pytest.mark.parametrize("verb", [nm.export, nm.convert])
@pytest.mark.parametrize("name", ["onnx", "c", "json", "lava"])
def test_floats_are_not_written_as_integers(
    name: str, verb: Callable[..., object], tmp_path: Path
) -> None:
    with refused(UsageError, "network-float") as caught:
        verb(FLOATS, tmp_path / NAMES[name], to=name)
    assert name in caught.value.what
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("network", [FLOATS, INTEGERS])
def test_networks_are_exported_as_own_files(
    network: nm.Network | nm.IntegerNetwork, tmp_path: Path
) -> None:
    network.save(tmp_path / "saved.npz")
    path = nm.export(network, tmp_path / "network.npz")
    assert path.read_bytes() == (tmp_path / "saved.npz").read_bytes()
    with refused(UsageError, "path-taken"):
        nm.export(network, path, to="npz")


@pytest.mark.parametrize("name", ["c", "lava"])
def test_an_existing_export_is_replaced_only_with_force(name: str, tmp_path: Path) -> None:
    path = tmp_path / NAMES[name]
    nm.export(INTEGERS, path, to=name)
    with refused(UsageError, "path-taken") as caught:
        nm.export(CHAIN, path, to=name)
    assert str(path) in caught.value.what
    assert nm.load(path).content_hash == INTEGERS.content_hash
    nm.export(CHAIN, path, to=name, force=True)
    assert nm.load(path).content_hash == CHAIN.content_hash


@pytest.mark.parametrize(
    ("path", "to", "code"),
    [
        ("network.c", "onnx", "extension-wrong"),
        ("network", "c", "extension-wrong"),
        ("network", None, "format-unclear"),
        ("network.c", "nest", "format-unknown"),
        ("network.c", "npz", "extension-wrong"),
    ],
)
def test_a_path_determines_its_format(path: str, to: str | None, code: str, tmp_path: Path) -> None:
    with refused(UsageError, code):
        nm.export(INTEGERS, tmp_path / path, to=to)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["onnx", "c", "json", "lava"])
def test_options_of_nir_are_refused_for_other_formats(name: str, tmp_path: Path) -> None:
    with refused(UsageError, "nir-options-unused") as caught:
        nm.export(INTEGERS, tmp_path / NAMES[name], to=name, options=NirOptions())
    assert name in caught.value.what


def test_samples_must_fit_and_must_not_be_empty(data: Dataset, tmp_path: Path) -> None:
    with refused(UsageError, "data-channels-differ"):
        nm.export(CHAIN, tmp_path / "network.c", samples=data)
    with refused(DataError, "split-empty"):
        nm.export(INTEGERS, tmp_path / "network.c", samples=data.test[:0])
    (tmp_path / "file").touch()
    with refused(StorageError, "file-not-written"):
        nm.export(INTEGERS, tmp_path / "file" / "network.c")


def test_unwritable_paths_are_reported_before_the_work(tmp_path: Path) -> None:
    check_free(tmp_path / "no" / "such" / "q.npz", force=False)
    (tmp_path / "file").touch()
    with refused(StorageError, "file-not-written"):
        check_free(tmp_path / "file" / "no" / "q.npz", force=False)
    (tmp_path / "closed").mkdir(0o555)
    with unprivileged(), refused(StorageError, "file-not-written"):
        check_free(tmp_path / "closed" / "q.npz", force=False)


# Tests of `convert`


@pytest.fixture
def integers(tmp_path: Path) -> Path:
    INTEGERS.save(tmp_path / "integers.npz")
    return tmp_path / "integers.npz"


@pytest.fixture
def floats(tmp_path: Path) -> Path:
    FLOATS.save(tmp_path / "floats.npz")
    return tmp_path / "floats.npz"


@pytest.mark.usefixtures("lava")
@pytest.mark.parametrize("name", ["onnx", "nir", "c", "lava"])
def test_conversion_there_and_back(name: str, integers: Path, tmp_path: Path) -> None:
    network_for(name)
    if name == "c" and not HAS_COMPILER:
        pytest.skip("there is no C compiler")
    path = tmp_path / NAMES[name]
    conversion = nm.convert(integers, path, to=name)
    assert conversion.passed
    assert (conversion.source, conversion.path, conversion.format) == (str(integers), path, name)
    assert (conversion.unlike, conversion.not_run) == ("", "")
    assert conversion.certificate is not None
    assert conversion.certificate.on_known_answers
    assert conversion.certificate.network_hash == INTEGERS.content_hash
    assert list(conversion.certificate.checks) == [name]
    assert conversion.certificate.spikes_compared > 0
    again = nm.convert(path, tmp_path / "again.npz")
    assert again.passed
    assert (again.format, again.certificate) == ("npz", None)
    assert again.not_run
    assert again.path.read_bytes() == integers.read_bytes()


def test_the_keys_of_a_conversion(floats: Path, tmp_path: Path) -> None:
    conversion = nm.convert(floats, tmp_path / "copy.npz")
    content = conversion.as_json()
    assert set(content) == {"in", "path", "format", "hash", "bytes", "check", "targets"}
    assert content["in"] == str(floats)
    assert content["bytes"] == conversion.size_bytes == (tmp_path / "copy.npz").stat().st_size
    assert content["check"] == {
        "read_back": True,
        "ran": False,
        "not_run": conversion.not_run,
        "backends": {},
        "first_divergence": None,
    }
    assert json.loads(json.dumps(content)) == content
    assert "\n" not in repr(conversion)


def test_floats_stay_floats_in_a_format_for_floats(floats: Path, tmp_path: Path) -> None:
    pytest.importorskip("nir")
    conversion = nm.convert(floats, tmp_path / "network.nir")
    assert conversion.passed
    assert nm.load(conversion.path).content_hash == FLOATS.content_hash
    again = nm.convert(conversion.path, tmp_path / "again.npz").path
    assert again.read_bytes() == floats.read_bytes()


def test_known_answers_of_a_conversion_use_the_samples(
    integers: Path, data: Dataset, tmp_path: Path
) -> None:
    conversion = nm.convert(integers, tmp_path / "network.c", samples=data)
    alone = nm.export(INTEGERS, tmp_path / "alone.c", samples=data)
    assert conversion.path.read_bytes() == alone.read_bytes()


@pytest.mark.parametrize(
    ("path", "options", "code"),
    [
        ("x.c", {"writing": NirOptions()}, "nir-options-unused"),
        ("x.npz", {"writing": NirOptions()}, "nir-options-unused"),
        ("x.c", {"reading": ImportOptions()}, "import-options-unused"),
        ("x.c", {"to": "npz"}, "extension-wrong"),
        ("x.npz", {"to": "c"}, "extension-wrong"),
        ("x", {}, "format-unclear"),
        ("x.c", {"to": "nest"}, "format-unknown"),
        ("integers.npz", {}, "path-taken"),
    ],
)
def test_invalid_conversions_are_refused(
    path: str, options: dict[str, Any], code: str, integers: Path, tmp_path: Path
) -> None:
    with refused(UsageError, code):
        nm.convert(integers, tmp_path / path, **options)
    assert [file.name for file in tmp_path.iterdir()] == ["integers.npz"]


def test_unneeded_data_are_refused(integers: Path, floats: Path, data: Dataset) -> None:
    for source in (integers, floats):
        with refused(UsageError, "data-unused"):
            nm.convert(source, source.with_name("x.npz"), samples=data)


def test_only_networks_are_replaced(integers: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine.npz"
    mine.write_text("dear")
    with refused(UsageError, "path-foreign") as caught:
        nm.convert(integers, mine, force=True)
    assert str(mine) in caught.value.what
    assert mine.read_text() == "dear"
    FLOATS.save(mine)
    for source in (integers, mine):
        assert nm.convert(source, mine, force=True).passed
        assert nm.load(mine).content_hash == INTEGERS.content_hash


# Tests of conversions that give other answers


def test_a_runtime_with_other_answers_is_reported(
    integers: Path, tmp_path: Path, lava: FakeLava
) -> None:
    lava.faults = {"fast": flip_spike(1, 11, 2)}
    conversion = nm.convert(integers, tmp_path / "folder", to="lava")
    assert not conversion.passed
    assert conversion.unlike == ""
    assert conversion.certificate is not None
    assert conversion.certificate.spikes_different == 1
    check = conversion.as_json()["check"]
    assert (check["read_back"], check["ran"]) == (True, True)
    assert check["first_divergence"]["step"] == 11
    assert "differs" in repr(conversion)
    assert conversion.path.is_dir(), "an export that differs is kept"


def failing(error: Exception) -> Callable[..., Any]:
    def fail(*arguments: object, **options: object) -> Any:
        raise error

    return fail


@pytest.mark.parametrize("output", ["network.c", "copy.npz"])
def test_a_file_that_is_read_back_differently_is_reported(
    output: str, integers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load, path = exporting.load, tmp_path / output
    monkeypatch.setattr(
        exporting, "load", lambda file, *options: FLOATS if file == path else load(file, *options)
    )
    conversion = nm.convert(integers, path)
    assert not conversion.passed
    assert FLOATS.content_hash in conversion.unlike
    assert conversion.certificate is None
    check = conversion.as_json()["check"]
    assert (check["read_back"], check["ran"], check["backends"]) == (False, False, {})
    assert path.is_file()


def test_a_file_that_cannot_be_read_back(
    integers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(C, "decode", failing(FileFormatError("it is damaged", code="file-damaged")))
    conversion = nm.convert(integers, tmp_path / "network.c")
    assert not conversion.passed
    assert "it is damaged" in conversion.unlike


def test_a_missing_runtime_is_reported(
    integers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = MissingError("Lava is gone", code="referee-not-set-up", fix="fetch it")
    monkeypatch.setattr("nmtool.exporters.lava.environment.REFEREE.find", failing(missing))
    conversion = nm.convert(integers, tmp_path / "folder", to="lava")
    assert conversion.passed
    assert conversion.certificate is None
    assert "Lava is gone" in conversion.not_run
    assert "fetch it" in conversion.not_run
    pytest.importorskip("onnx")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    conversion = nm.convert(integers, tmp_path / "network.onnx")
    assert (conversion.passed, conversion.certificate) == (True, None)
    assert "'onnxruntime<" in conversion.not_run
