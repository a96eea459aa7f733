"""`verify`: networks and exports against the simulator, on data and on known answers."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nmtool as nm
from nmtool.data import Dataset, bin_events
from nmtool.data.samples import Samples, bin_for
from nmtool.errors import DataError, DoesNotFitError, FileFormatError, MissingError, UsageError
from nmtool.exporters import formats
from nmtool.exporters.c import file
from nmtool.exporters.c.format import C
from nmtool.exporters.format import Format
from nmtool.hardware_sim.known_answers import known_answers
from nmtool.hardware_sim.simulator import simulate
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.verification import SIMULATOR
from nmtool.verification.digest import artefact_digest
from tests.networks.chains import chain_network
from tests.nmtool.cli import cases
from tests.nmtool.cli.fake_lava import FakeLava, flip_spike, shift_membrane
from tests.nmtool.conftest import LIBRARIES
from tests.refusals import codes, refused

Export = Callable[[str], Path]
FLOATS, INTEGERS = cases.float_network(), cases.integer_network()
EVENTS = cases.spike_events(cases.N_TEST, 2)
RASTER = bin_events(EVENTS, 1.0, 30).raster
BINS, VALUES = RASTER.n_samples * 30 * 3, RASTER.n_samples * 30 * 2
DEEP = RASTER.n_samples * 30 * (5 + 3)
"""Number of values: u of all five neurons, and v of the three spiking neurons."""

needs_compiler = pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")


def need(*names: str) -> None:
    for name in names:
        for library in LIBRARIES.get(name, ()):
            pytest.importorskip(library)


def faulty(
    format_: type[Format], fault: Callable[[Recording], Recording], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Make a runtime give wrong results."""
    right = format_.simulate
    monkeypatch.setattr(
        format_, "simulate", lambda *arguments, **options: fault(right(*arguments, **options))
    )


# Tests on data


@needs_compiler
def test_several_backends(lava: FakeLava) -> None:
    need("onnx", "nir")
    certificate = nm.verify(INTEGERS, EVENTS, against=["onnx", "nir", "lava", "c"])
    assert certificate.identical
    assert list(certificate.checks) == ["onnx", "nir", "lava", "c"]
    assert list(certificate.accuracy) == [SIMULATOR, "onnx", "nir", "lava", "c"]
    accuracy = simulate(INTEGERS, RASTER).accuracy(EVENTS.label)
    assert {certificate.accuracy[name] for name in (SIMULATOR, "onnx", "c", "lava")} == {accuracy}
    assert (certificate.samples, certificate.network_hash) == (cases.N_TEST, INTEGERS.content_hash)
    assert (certificate.spikes_compared, certificate.spikes_different) == (4 * BINS, 0)
    for check in certificate.checks.values():
        assert check.comparison.membrane_compared == VALUES
        assert check.comparison.spikes_emitted > 0
        assert check.seconds > 0
    assert [name for name, check in certificate.checks.items() if check.agreement] == ["nir"]
    assert [name for name, check in certificate.checks.items() if check.stock] == ["lava"]
    assert len(lava.calls) == 2


@needs_compiler
def test_events_rasters_and_names_are_accepted() -> None:
    expected = nm.verify(INTEGERS, EVENTS, against=["c"]).as_json()["backends"]["c"]
    for data in (bin_for(INTEGERS, EVENTS), RASTER):
        certificate = nm.verify(INTEGERS, data, against=["c"])
        assert certificate.identical
        entry = certificate.as_json()["backends"]["c"]
        assert entry | {"seconds": 0} == expected | {"seconds": 0}
        assert set(certificate.accuracy) == (
            {SIMULATOR, "c"} if isinstance(data, Samples) else set()
        )


@needs_compiler
def test_a_backend_may_be_named_alone_and_more_than_once() -> None:
    assert list(nm.verify(INTEGERS, EVENTS, against="c").checks) == ["c"]
    assert list(nm.verify(INTEGERS, EVENTS, against=["c", "c"]).checks) == ["c"]


@needs_compiler
def test_a_spike_that_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    need("onnx")
    faulty(C, flip_spike(3, 11, 2), monkeypatch)
    certificate = nm.verify(INTEGERS, EVENTS, against=["onnx", "c"])
    assert not certificate.identical
    assert certificate.spikes_different == 1
    assert certificate.checks["onnx"].identical
    first = certificate.first_divergence
    assert first is not None
    assert (first[0], first[1].sample, first[1].step, first[1].neuron) == ("c", 3, 11, 2)


@needs_compiler
def test_a_membrane_that_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    faulty(C, shift_membrane(0, 29, 1, 1), monkeypatch)
    certificate = nm.verify(INTEGERS, EVENTS, against=["c"])
    assert not certificate.identical
    assert (
        certificate.spikes_different,
        certificate.checks["c"].comparison.membrane_different,
    ) == (0, 1)


def test_the_fast_model_runs_all_samples_and_the_stock_model_the_busiest_steps(
    lava: FakeLava,
) -> None:
    certificate = nm.verify(INTEGERS, EVENTS[[1, 0]], against=["lava"], deep=True)
    everything, stretch = lava.calls
    assert (everything["model"], everything["deep"]) == ("fast", True)
    assert everything["spikes"] == RASTER.take([1, 0])
    assert (stretch["model"], stretch["deep"]) == ("stock", True)
    stock = certificate.checks["lava"].stock
    assert stock is not None
    steps = INTEGERS.max_delay + 20
    assert (stock.sample, stock.first, stock.steps) == (1, 1, steps)
    assert np.array_equal(stretch["spikes"].dense(), RASTER.dense()[[0], 1 : 1 + steps])
    assert stretch["folder"] == everything["folder"]
    assert not everything["folder"].exists()


def test_the_stock_model_runs_a_late_burst(lava: FakeLava) -> None:
    """The first spike comes later than step 20, the length of an excerpt without delays."""
    prompt = [replace(p, delay=np.zeros_like(p.delay)) for p in INTEGERS.projections]
    late = np.zeros((2, 60, cases.N_UNITS), np.bool_)
    late[1, 26:29] = True
    network = replace(INTEGERS, projections=prompt)
    stock = nm.verify(network, Raster.from_dense(late), against=["lava"]).checks["lava"].stock
    assert stock is not None
    assert (stock.sample, stock.first, stock.steps) == (1, 26, 20)
    assert stock.comparison.spikes_emitted > 0
    assert lava.calls[-1]["spikes"].n_spikes == 12


@pytest.mark.parametrize(
    ("wrong", "runs", "stands_in"),
    [
        ([], ["fast", "stock"], True),
        (["stock"], ["fast", "stock", "fast"], False),
        (["fast"], ["fast", "stock", "fast", "fast"], False),
        (["stock", "fast"], ["fast", "stock", "fast", "fast"], True),
    ],
)
def test_both_models_of_lava_run_the_same_steps_if_one_differs(
    wrong: list[str], runs: list[str], stands_in: bool, lava: FakeLava
) -> None:
    """The last run of a wrong fast model explains the difference."""
    lava.faults = dict.fromkeys(wrong, flip_spike(0, 5, 1))
    certificate = nm.verify(INTEGERS, EVENTS, against=["lava"])
    assert certificate.identical is not bool(wrong)
    check = certificate.checks["lava"]
    assert check.stock is not None
    assert check.stock.stands_in is stands_in
    assert check.comparison.identical is ("fast" not in wrong)
    assert check.stock.comparison.identical is ("stock" not in wrong)
    assert ("alarm" in [weight for _, weight in certificate.sentences()]) is not stands_in
    assert [call["model"] for call in lava.calls] == runs
    for again in lava.calls[2:3]:
        assert again["spikes"] is lava.calls[1]["spikes"]
        assert again["deep"]


def test_options_of_a_backend(lava: FakeLava) -> None:
    certificate = nm.verify(
        INTEGERS, EVENTS, against=["lava"], options={"lava": {"model": "stock"}}
    )
    assert [call["model"] for call in lava.calls] == ["stock"]
    assert (certificate.checks["lava"].model, certificate.checks["lava"].stock) == ("stock", None)


def test_a_recording_of_another_shape_is_refused(
    lava: FakeLava, monkeypatch: pytest.MonkeyPatch
) -> None:
    lava.faults = {"fast": lambda recording: recording.concatenate([recording, recording])}
    with refused(nm.DataError, "recordings-incomparable") as caught:
        nm.verify(INTEGERS, EVENTS, against=["lava"])
    assert codes(caught.value) == ["recording-shape"] * 2


# Tests that compare u and v of every neuron


@needs_compiler
def test_u_and_v_of_every_neuron(caplog: pytest.LogCaptureFixture) -> None:
    need("onnx", "nir")
    with caplog.at_level(logging.INFO, "nmtool"):
        certificate = nm.verify(INTEGERS, EVENTS, against=["onnx", "nir", "c"], deep=True)
    assert certificate.identical
    compared = {
        name: check.comparison.membrane_compared for name, check in certificate.checks.items()
    }
    assert compared == {"onnx": VALUES + DEEP, "nir": VALUES, "c": VALUES + DEEP}
    [record] = caplog.records
    assert (record.name, record.levelno) == ("nmtool.verification.verify", logging.WARNING)
    assert "nir" in record.getMessage()


def test_deep_is_refused_if_the_only_backend_records_no_states() -> None:
    need("nir")
    with refused(UsageError, "deep-not-available"):
        nm.verify(INTEGERS, EVENTS, against=["nir"], deep=True)


# Tests of float networks


def test_floats_against_real_numbers() -> None:
    need("nir")
    certificate = nm.verify(FLOATS, EVENTS, against=["nir"])
    assert certificate.identical
    assert certificate.network_hash == FLOATS.content_hash
    assert list(certificate.accuracy) == ["nir"]
    assert certificate.checks["nir"].agreement is None
    assert certificate.spikes_compared == BINS


@pytest.mark.parametrize("against", [["onnx"], ["nir", "c"]])
def test_floats_are_not_compared_with_integers(
    against: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for format_ in formats.all_formats():
        monkeypatch.setattr(format_, "require", lambda *_: None)
    with refused(UsageError, "network-float") as caught:
        nm.verify(FLOATS, EVENTS, against=against)
    assert against[-1] in caught.value.what


# Tests of exports


@needs_compiler
@pytest.mark.parametrize("as_text", [False, True])
def test_an_export_is_run_unchanged(
    as_text: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = nm.export(INTEGERS, tmp_path / "network.c")
    ran: list[Path] = []
    opened: list[Path] = []
    right, read = C.simulate, file.read
    monkeypatch.setattr(file, "read", lambda source: opened.append(source) or read(source))
    monkeypatch.setattr(
        C,
        "simulate",
        lambda artefact, *a, **k: ran.append(artefact.path) or right(artefact, *a, **k),
    )
    certificate = nm.verify(str(path) if as_text else path, EVENTS)
    assert certificate.identical
    assert list(certificate.checks) == ["c"]
    assert ran == opened == [path]


@needs_compiler
def test_an_export_is_compared_with_other_backends_too(tmp_path: Path) -> None:
    need("onnx")
    path = nm.export(INTEGERS, tmp_path / "network.onnx")
    certificate = nm.verify(path, EVENTS, against=["c", "onnx"])
    assert certificate.identical
    assert list(certificate.checks) == ["c", "onnx"]
    assert list(nm.verify(path, EVENTS, against=["c"]).checks) == ["c"]


def test_an_artefact_of_the_network(lava: FakeLava, tmp_path: Path) -> None:
    folder = nm.export(INTEGERS, tmp_path / "folder", to="lava")
    for against in ([], ["lava"]):
        lava.calls.clear()
        certificate = nm.verify(INTEGERS, EVENTS, against=against, artefact=folder)
        assert certificate.identical
        assert {call["folder"] for call in lava.calls} == {folder}
    lava.calls.clear()
    assert nm.verify(INTEGERS, EVENTS, against=["lava"]).identical
    assert folder not in {call["folder"] for call in lava.calls}


def test_an_artefact_of_another_network_is_refused(lava: FakeLava, tmp_path: Path) -> None:
    first, *others = INTEGERS.projections
    silent = replace(INTEGERS, projections=[replace(first, weight=first.weight * 0), *others])
    folder = nm.export(silent, tmp_path / "folder", to="lava")
    for data in (EVENTS, None):
        with refused(nm.ArtefactError, "artefact-other-network") as caught:
            nm.verify(INTEGERS, data, artefact=folder)
        assert str(folder) in caught.value.what
    assert nm.verify(silent, artefact=folder).identical
    silent.save(tmp_path / "silent.npz")
    assert nm.verify(tmp_path / "silent.npz", artefact=folder).identical


def test_an_artefact_that_cannot_run_is_refused(tmp_path: Path) -> None:
    path = nm.export(INTEGERS, tmp_path / "network.c")
    with refused(UsageError, "artefact-unused") as caught:
        nm.verify(INTEGERS, EVENTS, against=["onnx"], artefact=path)
    assert str(path) in caught.value.what
    with refused(FileFormatError, "file-missing"):
        nm.verify(INTEGERS, EVENTS, against=["lava"], artefact=tmp_path / "missing")
    INTEGERS.save(tmp_path / "network.npz")
    with refused(FileFormatError, "export-unknown"):
        nm.verify(INTEGERS, EVENTS, against=["c"], artefact=tmp_path / "network.npz")


# Tests on known answers


@pytest.mark.parametrize("name", ["onnx", "nir", "c", "lava"])
@pytest.mark.usefixtures("lava")
def test_an_export_is_verified_by_its_known_answers(name: str, tmp_path: Path) -> None:
    need(name)
    if name == "c" and shutil.which("cc") is None:
        pytest.skip("there is no C compiler")
    path = nm.export(INTEGERS, tmp_path / f"export{'' if name == 'lava' else '.' + name}", to=name)
    for against in ([], [name], name):
        certificate = nm.verify(path, against=against)
        assert certificate.identical
        assert certificate.on_known_answers
        assert certificate.network_hash == INTEGERS.content_hash
        assert list(certificate.checks) == [name]
        assert certificate.accuracy == {}
        assert certificate.checks[name].comparison.spikes_emitted > 0
    assert set(certificate.as_json()) >= {"samples", "hash", "backends", "first_divergence"}
    assert "accuracy" not in certificate.as_json()
    assert certificate.artefacts == {name: artefact_digest(path)}
    assert (certificate.checks[name].agreement is not None) == (name == "nir")


def test_floats_in_nir_are_verified_by_their_known_answers(tmp_path: Path) -> None:
    need("nir")
    certificate = nm.verify(nm.export(FLOATS, tmp_path / "network.nir"))
    assert certificate.identical
    assert certificate.checks["nir"].agreement is None


@needs_compiler
@pytest.mark.parametrize("deep", [False, True])
def test_integers_without_data_are_compared_on_generated_inputs(deep: bool) -> None:
    certificate = nm.verify(INTEGERS, against="c", deep=deep, faults=True)
    assert certificate.identical
    assert certificate.on_known_answers
    comparison = certificate.checks["c"].comparison
    assert comparison.spikes_emitted > 0
    assert certificate.samples == known_answers(INTEGERS).spikes.n_samples
    assert certificate.mutation is not None
    if deep:
        assert certificate.mutation.n_seen > 0.9 * len(certificate.mutation.faults)


@needs_compiler
def test_a_fault_shows_without_data(monkeypatch: pytest.MonkeyPatch) -> None:
    faulty(C, flip_spike(0, 3, 1), monkeypatch)
    assert nm.verify(INTEGERS, against="c").spikes_different == 1


def test_floats_without_data_are_compared_in_nir() -> None:
    need("nir")
    certificate = nm.verify(FLOATS, against="nir")
    assert certificate.identical
    assert certificate.on_known_answers


@needs_compiler
def test_an_export_with_a_wrong_answer_is_not_identical(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = nm.export(INTEGERS, tmp_path / "network.c")
    faulty(C, flip_spike(0, 3, 1), monkeypatch)
    certificate = nm.verify(path)
    assert not certificate.identical
    assert certificate.spikes_different == 1


def test_exports_without_known_answers_need_data(tmp_path: Path) -> None:
    INTEGERS.save(tmp_path / "integers.npz")
    for network in (INTEGERS, tmp_path / "integers.npz"):
        with refused(UsageError, "answers-not-carried"):
            nm.verify(network)
    bare = C.write(INTEGERS, tmp_path / "bare.c").path
    with refused(FileFormatError, "answers-missing") as caught:
        nm.verify(bare)
    assert str(bare) in caught.value.what


def test_comparisons_that_need_data(tmp_path: Path) -> None:
    path = nm.export(INTEGERS, tmp_path / "network.c")
    for options in ({"against": ["onnx"]}, {"against": ["c", "onnx"]}, {"deep": True}):
        with refused(UsageError, "data-missing"):
            nm.verify(path, **options)  # type: ignore[arg-type]


# Tests of generated samples


def test_generated_samples_show_faults_that_the_data_do_not(lava: FakeLava) -> None:
    options = {"against": ["lava"], "exercise": True, "faults": True}
    certificate = nm.verify(INTEGERS, EVENTS, **options)
    assert certificate.identical
    bare = nm.verify(INTEGERS, EVENTS, against=["lava"])
    assert (bare.generated, bare.mutation) == ({}, None)
    assert certificate.accuracy == bare.accuracy
    assert certificate.generated["lava"].comparison.membrane_compared > 0
    assert certificate.mutation is not None
    assert len(certificate.mutation.unseen) < 0.1 * len(certificate.mutation.faults)
    again = nm.verify(INTEGERS, EVENTS, **options)
    assert again.mutation == certificate.mutation


def test_samples_are_generated_only_for_integers_and_with_data() -> None:
    need("nir")
    with refused(UsageError, "exercise-float"):
        nm.verify(FLOATS, EVENTS, against=["nir"], exercise=True)
    with refused(UsageError, "data-missing"):
        nm.verify(INTEGERS, against=["c"], exercise=True)


def test_real_numbers_get_no_score() -> None:
    need("nir")
    certificate = nm.verify(INTEGERS, EVENTS, against=["nir"], exercise=True, faults=True)
    assert certificate.mutation is None
    assert certificate.generated["nir"].comparison.spikes_compared > 0


# Tests of calls that are refused before anything runs


def test_a_backend_must_be_named(tmp_path: Path) -> None:
    INTEGERS.save(tmp_path / "integers.npz")
    for network in (INTEGERS, tmp_path / "integers.npz"):
        with refused(UsageError, "backend-missing") as caught:
            nm.verify(network, EVENTS)
    for name in formats.formats_that_run():
        assert name in caught.value.fix
    with refused(UsageError, "format-unknown"):
        nm.verify(INTEGERS, EVENTS, against=["nest"])


def test_missing_files_are_refused(tmp_path: Path) -> None:
    for data in (EVENTS, None):
        with refused(FileFormatError, "file-missing"):
            nm.verify(tmp_path / "missing.onnx", data)


def test_a_missing_runtime_is_reported_before_anything_runs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def missing(*_: object) -> None:
        raise MissingError("there is no compiler", code="compiler-missing")

    path = nm.export(INTEGERS, tmp_path / "network.c")
    monkeypatch.setattr(C, "require", missing)
    monkeypatch.setattr("nmtool.verification.verify.simulate", None)
    with refused(MissingError, "compiler-missing"):
        nm.verify(INTEGERS, EVENTS, against=["nir", "c"])
    with refused(MissingError, "compiler-missing"):
        nm.verify(path)


def test_misfits_are_reported_before_anything_runs(
    lava: FakeLava, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(C, "require", lambda *_: None)
    monkeypatch.setattr(
        C, "misfits", lambda *_: [nm.Finding("c-size", "hidden", "too large", "shrink it")]
    )
    with refused(DoesNotFitError, "format-does-not-fit"):
        nm.verify(INTEGERS, EVENTS, against=["lava", "c"])
    assert lava.calls == []


def test_data_that_do_not_fit(data: Dataset) -> None:
    pytest.importorskip("nir")
    with refused(UsageError, "data-channels-differ"):
        nm.verify(chain_network(3), EVENTS, against=["nir"])
    with refused(UsageError, "data-type"):
        nm.verify(INTEGERS, 3, against=["nir"])  # type: ignore[arg-type]
    with refused(DataError, "split-empty"):
        nm.verify(INTEGERS, Raster.silent(0, 5, INTEGERS.channels.size), against=["c"])
    for backend in ("nir", "c"):
        with refused(DataError, "input-steps-missing"):
            nm.verify(INTEGERS, Raster.silent(1, 0, INTEGERS.channels.size), against=[backend])


def test_progress_is_shown(lava: FakeLava) -> None:
    labels: list[tuple[str, int | None]] = []

    @contextmanager
    def progress(label: str, total: int | None = None, remark: str = "") -> Any:
        labels.append((label, total))
        yield lambda n, remark="": None

    nm.verify(INTEGERS, EVENTS, against=["lava"], progress=progress)
    assert [total for _, total in labels] == [cases.N_TEST, cases.N_TEST, None]
    assert labels[0][0] == "integer simulator"


@pytest.mark.lava
def test_a_network_is_compared_in_lava() -> None:
    certificate = nm.verify(INTEGERS, EVENTS, against=["lava"], deep=True)
    assert certificate.identical
    check = certificate.checks["lava"]
    assert check.comparison.membrane_compared == VALUES + DEEP
    assert check.stock is not None
    assert check.stock.comparison.spikes_emitted > 0
