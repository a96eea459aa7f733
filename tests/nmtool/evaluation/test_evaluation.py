"""`simulate` and `evaluate`: results of networks and exports on samples."""

from __future__ import annotations

import csv
import logging
import shutil
from collections.abc import Callable
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nmtool as nm
from nmtool import dynamics
from nmtool.data import Dataset, bin_events
from nmtool.data.samples import Samples, bin_for
from nmtool.errors import DataError, MissingError, UsageError
from nmtool.exporters.onnx.format import Onnx
from nmtool.float_simulator import simulate_floats
from nmtool.hardware_sim.simulator import simulate as simulate_integers
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.testing.networks import random_raster
from nmtool.training.mathematics.reference import forward
from nmtool.verification import compare_recordings
from tests.nmtool.cli import cases
from tests.nmtool.cli.fake_lava import FakeLava, flip_spike
from tests.nmtool.quantisation.test_calibration import spiking_network
from tests.refusals import refused

Export = Callable[[str], Path]
EVENTS = cases.spike_events(cases.N_TEST, 2)
RASTER = bin_events(EVENTS, 1.0, 30).raster
COUNTS = {"arithmetic", "samples", "accuracy", "accuracy_interval", "spikes_per_neuron"}
COUNTS |= {"synaptic_events_per_sample", "neuron_updates_per_sample"}


def same(left: Recording, right: Recording) -> bool:
    return compare_recordings(left, right).identical and compare_recordings(right, left).identical


def counting(counted: list[int]) -> Any:
    """A `Progress` that collects the numbers of completed samples."""

    def progress(label: str, total: int | None = None, remark: str = "") -> Any:
        return nullcontext(lambda n, remark="": counted.append(n))

    return progress


def test_drawn_samples_have_every_class_and_are_labelled() -> None:
    by_class = EVENTS[np.argsort(EVENTS.label, kind="stable")]
    network = cases.integer_network()
    evaluation = nm.evaluate(network, by_class, samples=2)
    assert evaluation.number is not None
    assert by_class.label[evaluation.number].tolist() == [0, 1]
    assert (evaluation.samples, evaluation.drawn_from, evaluation.only_classes) == (2, 6, "")
    wrong = evaluation.number[evaluation.predictions != evaluation.label]
    np.testing.assert_array_equal(evaluation.wrong, wrong)
    binned = nm.evaluate(network, bin_for(network, by_class), samples=2)
    np.testing.assert_array_equal(binned.number, evaluation.number)
    assert nm.evaluate(network, by_class, samples=6).drawn_from is None
    with refused(UsageError, "samples-count"):
        nm.evaluate(network, by_class, samples=0)


def test_an_accuracy_on_some_classes_is_labelled(caplog: pytest.LogCaptureFixture) -> None:
    network = cases.integer_network()
    evaluation = nm.evaluate(network, EVENTS[EVENTS.label == 1])
    assert evaluation.only_classes == evaluation.as_json()["only_classes"] == "1 of 2 classes"
    names = [row[0] for row in evaluation.tables()[0].rows]
    assert "accuracy, 1 of 2 classes" in names
    assert "accuracy" not in names
    assert [record.message.partition("]")[0] for record in caplog.records] == [
        "remark[classes-missing"
    ]


# Tests of `simulate`


@pytest.mark.parametrize("deep", [False, True])
def test_integers_run_on_rasters_and_on_events(deep: bool) -> None:
    network, counted = cases.integer_network(), []
    recording = nm.simulate(network, RASTER, deep=deep, progress=counting(counted))
    assert same(recording, simulate_integers(network, RASTER, deep=deep))
    assert same(recording, nm.simulate(network, EVENTS, deep=deep))
    assert set(recording.current) == ({"hidden", "out"} if deep else set())
    assert set(recording.potential) == ({"hidden"} if deep else set())
    assert sum(counted) == RASTER.n_samples


@pytest.mark.torch
def test_floats_run_as_in_training() -> None:
    from nmtool.training.front.model import SpikingNetwork

    network, counted = cases.float_network(), []
    recording = nm.simulate(network, RASTER, progress=counting(counted))
    assert same(recording, SpikingNetwork(network).record(RASTER))
    assert same(recording, nm.simulate(network, EVENTS))
    assert recording.membrane["out"].dtype.kind == "f"
    assert sum(counted) == RASTER.n_samples


@pytest.mark.torch
def test_u_and_v_of_floats_belong_to_the_spikes_of_training() -> None:
    network = spiking_network()
    spikes = random_raster(2, 5, 40, 10)
    recording = nm.simulate(network, spikes, deep=True)
    expected = forward(network, spikes)
    plain = nm.simulate(network, spikes)
    assert same(plain, replace(recording, current={}, potential={}))
    assert recording.spikes["hidden"].n_spikes > 50
    for name in ("hidden", "out"):
        np.testing.assert_allclose(recording.current[name], expected.current[name], atol=1e-9)
    emitted, v = recording.spikes["hidden"].dense(), recording.potential["hidden"]
    assert not v[emitted].any()
    hidden = network.population("hidden")
    decays = dynamics.decay(hidden.values("tau_mem_ms"), network.dt_ms)
    drive = (1 - decays) * hidden.values("bias")
    before = decays * v[:, :-1] + recording.current["hidden"][:, 1:] + drive
    np.testing.assert_array_equal(before > hidden.values("threshold"), emitted[:, 1:])
    np.testing.assert_allclose(v[:, 1:], np.where(emitted[:, 1:], 0, before), atol=1e-9)


@pytest.mark.torch
def test_networks_that_cannot_be_trained_are_evaluated() -> None:
    network = cases.float_network()
    jumps = replace(network, populations=[replace(p, tau_syn_ms=0.0) for p in network.populations])
    evaluation = nm.evaluate(jumps, EVENTS)
    assert evaluation.accuracy == simulate_floats(jumps, RASTER).accuracy(EVENTS.label)
    q = nm.quantise(jumps, calibrate_on=EVENTS, compare_on=EVENTS)
    assert q.cost is not None
    assert q.cost.float_accuracy == evaluation.accuracy


def test_inputs_with_other_channels_are_refused() -> None:
    network = cases.integer_network()
    with refused(DataError, "input-channels-differ"):
        nm.simulate(network, Raster.silent(1, 30, 5))
    with refused(UsageError, "data-channels-differ"):
        nm.simulate(network, replace(EVENTS, n_units=5))
    with refused(UsageError, "data-classes-differ"):
        nm.simulate(network, replace(EVENTS, class_names=("a", "b", "c")))
    with refused(DataError, "split-empty"):
        nm.simulate(network, EVENTS[:0])
    with refused(UsageError, "data-type") as caught:
        nm.simulate(network, Dataset("two", ("test",), lambda split: EVENTS))  # type: ignore[arg-type]
    assert "Dataset" in caught.value.what
    with refused(UsageError, "data-type"):
        nm.evaluate(network, np.zeros((2, 9, 4)), samples=1)  # type: ignore[arg-type]


# Tests of `evaluate`


def test_predictions_are_written_sample_by_sample(tmp_path: Path) -> None:
    evaluation = nm.evaluate(cases.integer_network(), EVENTS)
    evaluation.write_predictions(tmp_path / "p.csv")
    with open(tmp_path / "p.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["label"]) for row in rows] == EVENTS.label.tolist()
    assert [int(row["prediction"]) for row in rows] == evaluation.recording.predictions.tolist()
    wrong = [int(row["sample"]) for row in rows if row["label"] != row["prediction"]]
    assert evaluation.wrong.tolist() == wrong
    assert len(wrong) == round((1 - evaluation.accuracy) * len(rows))
    names = EVENTS.class_names
    assert all(row["label_name"] == names[int(row["label"])] for row in rows)
    scores = [[float(row[f"score {name}"]) for name in names] for row in rows]
    assert scores == evaluation.recording.scores.tolist()
    assert len(evaluation.class_tables()[-1].rows) == len(wrong)


def test_integers_are_evaluated() -> None:
    network = cases.integer_network()
    evaluation = nm.evaluate(network, EVENTS)
    recording = simulate_integers(network, RASTER)
    spikes = recording.spikes["hidden"].n_spikes
    assert (evaluation.arithmetic, evaluation.samples) == (network.arithmetic, cases.N_TEST)
    assert evaluation.accuracy == recording.accuracy(EVENTS.label)
    assert evaluation.spikes_per_neuron == {"hidden": pytest.approx(spikes / (3 * cases.N_TEST))}
    assert evaluation.neuron_updates_per_sample == 30 * 5
    assert evaluation.counts == {"u_wraps": 0, "v_clips": 0}
    assert same(evaluation.recording, recording)
    assert evaluation.seconds is None
    assert set(evaluation.as_json()) == COUNTS | {"hash", "u_wraps", "v_clips"}
    again = nm.evaluate(network, Samples(RASTER, EVENTS.label))
    assert again.as_json() == evaluation.as_json()


def test_synaptic_events_are_counted_by_hand() -> None:
    network = cases.integer_network()
    evaluation = nm.evaluate(network, EVENTS)
    sources = {"input": RASTER, "hidden": evaluation.recording.spikes["hidden"]}
    expected = sum(
        int(sources[p.source].counts().sum(axis=0) @ (p.weight != 0).sum(axis=1))
        for p in network.projections
    )
    assert evaluation.synaptic_events_per_sample == pytest.approx(expected / cases.N_TEST)


@pytest.mark.torch
def test_floats_are_evaluated() -> None:
    network = cases.float_network()
    evaluation = nm.evaluate(network, EVENTS)
    assert evaluation.arithmetic == "float"
    assert evaluation.accuracy == nm.simulate(network, RASTER).accuracy(EVENTS.label)
    assert evaluation.counts == {}
    assert set(evaluation.as_json()) == COUNTS | {"hash"}


def test_progress_is_shown() -> None:
    seen: list[Any] = []

    @contextmanager
    def progress(label: str, total: int | None = None, remark: str = "") -> Any:
        seen.append((label, total))
        yield lambda n, remark="": seen.append(n)

    nm.evaluate(cases.integer_network(), EVENTS, progress=progress)
    assert seen == [("integer simulator", cases.N_TEST), cases.N_TEST]


# Tests of remarks


def test_events_that_are_dropped_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    network = replace(cases.integer_network(), n_steps=20)
    with caplog.at_level(logging.INFO, "nmtool"):
        evaluation = nm.evaluate(network, EVENTS)
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    late = int((EVENTS.time_ms >= 20).sum())
    remark = f"remark[events-dropped]: {late} of the {EVENTS.n_events} events "
    assert record.getMessage().startswith(remark)
    assert evaluation.recording.spikes["hidden"].n_steps == 20


def test_an_accuracy_on_few_of_the_events_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    network = cases.integer_network()
    in_seconds = replace(EVENTS, time_ms=1000 * EVENTS.time_ms)
    for measure in (
        lambda: nm.evaluate(network, in_seconds),
        lambda: nm.compare_accuracy([network], [network], data=in_seconds),
        lambda: nm.cost(network, in_seconds),
        lambda: nm.report(network, in_seconds),
        lambda: nm.quantise(cases.float_network(), calibrate_on=EVENTS, compare_on=in_seconds),
    ):
        with refused(DataError, "events-mostly-dropped") as caught:
            measure()
        assert "such as time_us" in caught.value.fix
    # `verify` still compares the spikes, but gives no accuracy.
    certificate = nm.verify(network, in_seconds, against="json")
    assert (certificate.identical, certificate.accuracy) == (True, {})
    assert nm.simulate(network, in_seconds).predictions.size == EVENTS.n_samples
    assert "events-dropped" in caplog.text


def test_differing_class_names_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    network = cases.integer_network()
    unnamed = replace(network, class_names=("0", "1"))
    with caplog.at_level(logging.INFO, "nmtool"):
        expected = nm.evaluate(network, EVENTS)
        nm.evaluate(unnamed, replace(EVENTS, class_names=("up", "down")))
        # Classes without names cannot differ from the names in the data.
        assert caplog.records == []
        evaluation = nm.evaluate(network, replace(EVENTS, class_names=("up", "down")))
    assert [(record.name, record.levelno) for record in caplog.records] == [
        ("nmtool.data.samples", logging.WARNING)
    ]
    assert evaluation.accuracy == expected.accuracy


# Tests of exports


@pytest.mark.parametrize("name", ["onnx", "nir", "c"])
def test_exports_run_as_their_network(name: str, export: Export) -> None:
    if name == "c" and shutil.which("cc") is None:
        pytest.skip("there is no C compiler")
    path = export(name)
    evaluation = nm.evaluate(path, EVENTS)
    expected = nm.evaluate(cases.integer_network(), EVENTS)
    assert (evaluation.samples, evaluation.accuracy) == (cases.N_TEST, expected.accuracy)
    assert evaluation.seconds is not None
    assert evaluation.seconds > 0
    some = nm.evaluate(path, EVENTS, samples=4)
    assert (some.runtime, some.samples, some.drawn_from) == (name, 4, 6)
    spikes = evaluation.recording.spikes["hidden"].n_spikes
    assert evaluation.as_json()["spikes"] == spikes > 0
    if name != "nir":
        assert same(evaluation.recording, expected.recording)
        assert evaluation.as_json().keys() == COUNTS | {
            "hash",
            "format",
            "spikes",
            "seconds",
            *evaluation.counts,
        }


def test_floats_run_from_a_nir_file(tmp_path: Path) -> None:
    pytest.importorskip("nir")
    evaluation = nm.evaluate(nm.export(cases.float_network(), tmp_path / "floats.nir"), EVENTS)
    assert (evaluation.arithmetic, evaluation.accuracy) == ("float", 1.0)


def test_an_export_to_lava_runs_there(export: Export, lava: FakeLava) -> None:
    lava.faults = {"fast": flip_spike(3, 9, 1)}
    path = export("lava")
    evaluation = nm.evaluate(str(path), EVENTS)
    assert [call["folder"] for call in lava.calls] == [path]
    different = compare_recordings(
        simulate_integers(cases.integer_network(), RASTER), evaluation.recording
    )
    assert different.spikes_different == 1


@pytest.mark.lava
def test_an_export_runs_in_lava(export: Export) -> None:
    evaluation = nm.evaluate(export("lava"), EVENTS)
    assert same(evaluation.recording, simulate_integers(cases.integer_network(), RASTER))


def test_a_missing_runtime_is_reported_before_anything_runs(
    export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = export("onnx")

    def missing(*_: object) -> None:
        raise MissingError("onnxruntime is not installed", code="library-missing")

    monkeypatch.setattr(Onnx, "require", missing)
    monkeypatch.setattr(Onnx, "run", None)
    with refused(MissingError, "library-missing"):
        nm.evaluate(path, EVENTS)


@pytest.mark.usefixtures("lava")
def test_data_that_do_not_fit_an_export(export: Export) -> None:
    with refused(UsageError, "data-channels-differ"):
        nm.evaluate(export("lava"), replace(EVENTS, n_units=5))


def test_the_default_split_to_run() -> None:
    events = cases.spike_events(4)
    whole = {"train": events, "validation": events, "test": events}
    for names, expected in (
        (("train",), "train"),
        (("train", "validation"), "validation"),
        (("train", "validation", "test"), "test"),
        (("test", "train"), "test"),
    ):
        assert Dataset("some", names, whole.__getitem__).default_split == expected
