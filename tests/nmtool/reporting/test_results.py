"""`report`: content from networks, runs and data, and reasons for missing content."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nmtool as nm
from nmtool.data import Dataset
from nmtool.errors import DataError, FileFormatError, UsageError
from nmtool.reporting import Report
from tests.nmtool.cli import cases
from tests.nmtool.cli.fake_lava import FakeLava, flip_spike
from tests.nmtool.conftest import Export
from tests.refusals import refused

RAN = ("floats", "integers", "classes", "activity", "cost")
"""Keys of the sections that need samples."""

KEYS = (*RAN[:-1], "description", "rounding", "check", "cost", "reproduce")


def keys(report: Report) -> tuple[str, ...]:
    return tuple(section.key for section in report.sections)


def test_a_float_network_is_quantised(data: Dataset) -> None:
    network = cases.float_network()
    report = nm.report(network, data)
    facts = report.as_json()
    assert keys(report) == KEYS
    quantised = nm.quantise(network, calibrate_on=data)
    assert facts["floats"] == nm.evaluate(network, data.test).as_json()
    assert facts["integers"] == nm.evaluate(quantised.network, data.test).as_json()
    assert dict(report.headline)["samples"] == "6, two (test)"
    assert facts["reproduce"]["hashes"]["content hash, integers"] == quantised.network.content_hash
    assert facts["rounding"]["projections"] == quantised.report.as_json()["projections"]
    assert facts["rounding"]["cost"]["samples"] == 6
    assert facts["activity"] == nm.evaluate(quantised.network, data.test).activity.as_json()
    assert facts["description"] == network.as_json()
    assert facts["classes"]["counts"] == np.diag([3, 3]).tolist()
    json.dumps(facts, allow_nan=False)
    assert report.passed


def test_integers_are_not_quantised(data: Dataset) -> None:
    network = cases.integer_network()
    report = nm.report(network, data.test)
    facts = report.as_json()
    assert keys(report) == tuple(key for key in KEYS if key not in ("floats", "rounding"))
    assert facts["description"]["hash"] == network.content_hash


def test_without_data_nothing_runs() -> None:
    report = nm.report(cases.float_network())
    assert keys(report) == tuple(key for key in KEYS if key not in RAN)
    assert report.as_json()["remarks"] == ["Nothing ran: no data are named."]


def test_targets_are_checked_and_the_cost_is_counted_for_the_first(data: Dataset) -> None:
    network, tiny = cases.integer_network(), nm.Target("tiny", max_delay=2)
    report = nm.report(network, data, target=["loihi1", tiny])
    facts = report.as_json()
    assert [target["verdict"] for target in facts["check"]["targets"]] == [
        "faithful",
        "unsupported",
    ]
    assert facts["cost"] == nm.cost(network, data.test, target="loihi1").as_json()
    (section,) = [part for part in report.sections if part.key == "check"]
    assert [weight for _, weight in section.sentences] == ["", "alarm"]
    assert section.findings == nm.check(network, ["loihi1", tiny]).findings
    assert "--target loihi1 --target tiny" in str(facts["reproduce"]["code"])
    with refused(UsageError, "target-unknown"):
        nm.report(network, data, target="loihi9")


def test_chosen_splits_and_samples_are_reported(data: Dataset, tmp_path: Path) -> None:
    network = cases.integer_network()
    report = nm.report(network, data.choose("train"), samples=5)
    assert (report["integers"].samples, report["integers"].drawn_from) == (5, 12)
    assert dict(report.headline)["samples"] == "5 of 12, two (train)"
    only = Dataset("two", ("train",), data.split)
    assert dict(nm.report(network, only).headline)["samples"] == "12, two (train)"
    code = report.as_json()["reproduce"]["code"]["command of this report"]
    assert code == "nmtool report network --samples 5 -o report.html"
    folder = cases.write_folder(tmp_path / "two")
    report = nm.report(network, nm.load_dataset(folder))
    code = report.as_json()["reproduce"]["code"]["command of this report"]
    assert code == f"nmtool report network {folder} -o report.html"


def test_accuracies_are_in_the_headline_unless_classes_have_no_samples(data: Dataset) -> None:
    network = cases.integer_network()
    accuracy = nm.evaluate(network, data.test).accuracy
    headline = dict(nm.report(network, data).headline)
    assert headline["accuracy, integers"] == f"{accuracy:.2%}, {round(6 * accuracy)} of 6"
    lefts = nm.report(network, data.test[data.test.label == 0])
    assert not [name for name, _ in lefts.headline if name.startswith("accuracy")]
    assert lefts.as_json()["integers"]["only_classes"] == "1 of 2 classes"


def test_hashes_of_network_and_data(data: Dataset) -> None:
    network = cases.integer_network()
    hashes = nm.report(network, data).as_json()["reproduce"]["hashes"]
    (of_data,) = [value for name, value in hashes.items() if name.startswith("SHA-256")]
    assert of_data == data.test.content_hash
    assert hashes["content hash, integers"] == network.content_hash
    label = data.test.label.copy()
    label[0] = 1 - label[0]
    assert replace(data.test, label=label).content_hash != of_data


def test_data_that_do_not_fit(data: Dataset) -> None:
    others = replace(data.test, n_units=9)
    with refused(UsageError, "data-channels-differ"):
        nm.report(cases.integer_network(), others)
    with refused(DataError, "split-empty"):
        nm.report(cases.integer_network(), data.test[:0])
    with refused(UsageError, "dataset-unknown"):
        nm.report(cases.integer_network(), "nowhere")


def test_backends_need_data_and_networks_must_exist() -> None:
    with refused(UsageError, "data-missing"):
        nm.report(cases.integer_network(), against=["nir"])
    with refused(FileFormatError, "file-missing"):
        nm.report("nowhere")
    with refused(UsageError, "argument-type"):
        nm.report(3)  # type: ignore[arg-type]


def test_a_network_without_spikes(data: Dataset) -> None:
    floats = cases.float_network()
    out = floats.populations[1]
    weight = np.ones((cases.N_UNITS, 2))
    direct = nm.Projection("input", "out", weight, np.zeros_like(weight))
    report = nm.report(replace(floats, populations=[out], projections=[direct]), data)
    assert keys(report) == KEYS
    assert not report["activity"].spikes


def test_a_backend_that_agrees(data: Dataset, lava: FakeLava) -> None:
    report = nm.report(cases.float_network(), data, against=["lava"])
    facts = report.as_json()
    assert report.passed
    assert report.remarks == []
    assert lava.calls
    assert facts["certificate"]["backends"]["lava"]["spikes_different"] == 0
    names = [name for name, _ in report.headline if name.startswith("accuracy")]
    assert names == ["accuracy, float network", "accuracy, integers", "accuracy, lava"]
    assert keys(report) == (*KEYS[:-1], "certificate", "reproduce")


def test_a_backend_that_differs(data: Dataset, lava: FakeLava) -> None:
    lava.faults = {"fast": flip_spike(3, 11, 2)}
    report = nm.report(cases.integer_network(), data, against=["lava"])
    assert not report.passed
    [section] = [section for section in report.sections if section.key == "certificate"]
    assert section.result.checks["lava"].first_divergence.sample == 3
    assert len(report.remarks) == 1


def test_an_export_is_run_unchanged(data: Dataset, export: Export) -> None:
    report = nm.report(export("nir"), data, against=["nir"], samples=2)
    facts = report.as_json()
    assert report.passed
    assert facts["certificate"]["backends"]["nir"]["spikes_compared"] > 0
    assert "accuracy, nir" in dict(report.headline)


# Tests of runs


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data, `two`, and a run on them, `run`."""
    pytest.importorskip("torch")
    folder = tmp_path_factory.mktemp("kept")
    cases.write_folder(folder / "two")
    settings = {"hidden": 6, "steps": 30, "max_delay": 9, "batch_size": 4, "validation": 4}
    options = nm.TrainOptions().with_settings({**settings, "epochs": 2}, "test")
    nm.train(folder / "two", options, folder=folder / "run", device="cpu", threads=1)
    return folder


@pytest.fixture
def run(project: Path, tmp_path: Path) -> Path:
    """A copy of the run, to change."""
    return shutil.copytree(project / "run", tmp_path / "run")


def change_manifest(run: Path, **fields: Any) -> None:
    manifest = json.loads((run / "run.json").read_text("utf-8"))
    manifest = {name: value for name, value in {**manifest, **fields}.items() if value is not None}
    (run / "run.json").write_text(json.dumps(manifest), "utf-8")


@pytest.mark.torch
def test_a_run_provides_its_data_and_its_log(project: Path) -> None:
    report = nm.report(project / "run")
    facts = report.as_json()
    assert keys(report) == (*KEYS[:4], "learning", *KEYS[4:])
    assert dict(report.headline)["samples"] == f"6, {project / 'two'} (test)"
    assert [entry["epoch"] for entry in facts["learning"]["log"]] == [1, 2]
    loaded = nm.Run.load(project / "run")
    assert facts["learning"] == loaded.as_json()
    assert nm.report(loaded).as_json()["floats"] == facts["floats"]


@pytest.mark.torch
@pytest.mark.parametrize("fields", [{"data": "nowhere"}, {"data": "mine", "in_memory": True}])
def test_a_run_whose_data_are_gone(run: Path, fields: dict[str, Any]) -> None:
    change_manifest(run, **fields)
    report = nm.report(run)
    reproduce = report.as_json()["reproduce"]
    assert ("command of training" in reproduce["code"]) == (fields["data"] == "nowhere")
    assert reproduce["hashes"].get("trained on data in memory", "nowhere") == fields["data"]
    assert "learning" in keys(report)
    assert "classes" not in keys(report)
    assert len(report.remarks) == 1


@pytest.mark.torch
def test_a_run_in_integers_reports_floats_and_integers(project: Path, tmp_path: Path) -> None:
    changes = {"arithmetic": "integer", "epochs": 1, "weight_bits": 4}
    nm.finetune(project / "run", changes, folder=tmp_path / "run4", device="cpu", threads=1)
    report = nm.report(tmp_path / "run4")
    facts = report.as_json()
    assert list(facts)[3:5] == ["floats", "integers"]
    assert facts["rounding"]["samples"] == 6
    start = nm.load(project / "run").content_hash
    assert facts["reproduce"]["hashes"]["started from the network"] == start
    assert " --start START " in facts["reproduce"]["code"]["command of training"]
    validation = f"{project / 'two'}:validation"
    alone = nm.report(tmp_path / "run4" / "network.npz", validation)
    assert alone["floats"].samples == 4


@pytest.mark.torch
@pytest.mark.parametrize("start", [False, True])
def test_settings_make_the_same_run_again(start: bool, project: Path, tmp_path: Path) -> None:
    from nmtool.training.loop.run_folder import RunFolder

    folder = project / "run"
    if start:
        folder = tmp_path / "again"
        changes = {"arithmetic": "integer", "epochs": 1, "clip_norm": None, "rate_strength": 0.5}
        nm.finetune(project / "run", changes, folder=folder, device="cpu", threads=1)
    code = nm.report(folder).as_json()["reproduce"]["code"]
    (settings,) = [text for name, text in code.items() if name.startswith("settings.toml")]
    (tmp_path / "settings.toml").write_text(settings, "utf-8")
    read = nm.TrainOptions.from_file(tmp_path / "settings.toml")
    if start:
        from nmtool.training.recipes import read_settings

        read = RunFolder(project / "run").finetune_options(
            read_settings(tmp_path / "settings.toml")
        )
    assert read == RunFolder(folder).options()


@pytest.mark.torch
@pytest.mark.usefixtures("lava")
def test_the_page_is_the_same_each_time(project: Path) -> None:
    pytest.importorskip("matplotlib")
    pages = [nm.report(project / "run", against=["lava"]).html() for _ in range(2)]
    assert pages[0] == pages[1]
    assert pages[0].count("<svg") == pages[0].count("<figure>") > 8
