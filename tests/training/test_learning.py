"""`train`, `finetune` and `Run`: runs in a folder and in memory."""

from __future__ import annotations

import json
import logging
import os
import signal
import threading
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nmtool as nm
from nmtool.data import Dataset, write_shd
from nmtool.errors import DataError, FileFormatError, UsageError
from nmtool.training.loop.reporter import epoch_line
from nmtool.training.loop.run_folder import FINETUNE_EPOCHS, FINETUNE_SLOWER, RunFolder
from tests.refusals import refused
from tests.training.small_data import (
    CLASSES,
    small_dataset,
    small_events,
    small_options,
    without_seconds,
)
from tests.training.stops import stop_after

pytestmark = pytest.mark.torch

OPTIONS = small_options(epochs=3, input_counts=1)
INTEGERS = small_options(epochs=2, arithmetic="integer")


@pytest.fixture(scope="module")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> nm.Run:
    """A finished run in a folder, which no test changes."""
    return nm.train(small_dataset(), OPTIONS, folder=tmp_path_factory.mktemp("kept") / "run")


@pytest.fixture(scope="module")
def in_integers(tmp_path_factory: pytest.TempPathFactory) -> nm.Run:
    """A finished run that trained in integers, in a folder."""
    return nm.train(small_dataset(), INTEGERS, folder=tmp_path_factory.mktemp("kept") / "run")


def files(folder: Path | None) -> set[str]:
    assert folder is not None
    return {path.name for path in folder.iterdir()}


def state(folder: Path | None) -> dict[str, bytes]:
    """Everything in a checkpoint except its header, which has the durations of epochs."""
    assert folder is not None
    with np.load(folder / "checkpoint.npz") as archive:
        return {name: archive[name].tobytes() for name in archive.files if name != "header"}


def same(first: nm.Run, second: nm.Run) -> bool:
    return (
        first.network.content_hash == second.network.content_hash
        and without_seconds(first.log) == without_seconds(second.log)
        and (first.integers is None) == (second.integers is None)
        and first.options == second.options
    )


# Tests of `train`


def test_a_run_without_a_folder(
    finished_run: nm.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = nm.train(small_dataset(), OPTIONS)
    assert same(run, finished_run)
    assert run.folder is None
    assert list(tmp_path.iterdir()) == []
    assert (run.options, run.integers, run.stopped_early) == (OPTIONS, None, False)
    assert [entry["epoch"] for entry in run.log] == [1, 2, 3]
    assert run.network.class_names == CLASSES


def test_a_run_with_a_folder(finished_run: nm.Run) -> None:
    assert files(finished_run.folder) == {
        "run.json",
        "log.jsonl",
        "log.csv",
        "network.npz",
        "checkpoint.npz",
    }
    assert finished_run.folder is not None
    manifest = json.loads((finished_run.folder / "run.json").read_text("utf-8"))
    assert (manifest["nmtool"], manifest["data"]) == (nm.__version__, "small")
    assert manifest["options"] == json.loads(json.dumps(OPTIONS.as_json()))
    assert nm.load(finished_run.folder).content_hash == finished_run.network.content_hash
    lines = (finished_run.folder / "log.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line) for line in lines] == finished_run.log


def test_a_run_that_trains_in_integers(in_integers: nm.Run) -> None:
    assert "integers.npz" in files(in_integers.folder)
    assert in_integers.integers is not None
    assert in_integers.folder is not None
    assert nm.load(in_integers.folder).content_hash == in_integers.integers.content_hash
    evaluation = nm.evaluate(in_integers.integers, small_events(20, 2))
    assert evaluation.accuracy == in_integers.best["validation_accuracy"]


def test_spike_events_are_enough() -> None:
    options = small_options(epochs=1, validation=12)
    events = small_events(40, 1)
    validates = nm.TrainOptions(validation=12).validation_rule.choose(events)
    first, last = events[~validates], events[validates]
    splits = {"train": first, "validation": last}
    expected = nm.train(Dataset("both", tuple(splits), splits.__getitem__), options)
    assert same(nm.train(events, options), expected)
    run = nm.train(first, small_options(epochs=1, validation=0))
    assert run.log[0]["validation_accuracy"] is None
    assert "\n" not in repr(run)


def test_the_best_epoch_is_saved(finished_run: nm.Run) -> None:
    accuracies = [entry["validation_accuracy"] for entry in finished_run.log]
    assert finished_run.best["validation_accuracy"] == max(accuracies)
    evaluation = nm.evaluate(finished_run.network, small_events(20, 2))
    assert evaluation.accuracy == max(accuracies)


def test_defaults_are_those_of_the_options(monkeypatch: pytest.MonkeyPatch) -> None:
    class InterceptedError(Exception):
        """Raised in place of training, with the settings of the run."""

    def call(*, options: Any, **_: Any) -> None:
        raise InterceptedError(options)

    monkeypatch.setattr("nmtool.training.learning._Training", call)
    with pytest.raises(InterceptedError) as caught:
        nm.train(small_dataset())
    assert caught.value.args == (nm.TrainOptions(),)


def test_callbacks_get_batches_and_epochs(tmp_path: Path) -> None:
    batches: list[Any] = []
    epochs: list[dict[str, Any]] = []
    shown: list[Any] = []

    class Advance:
        def __call__(self, n: int, remark: str = "") -> None:
            shown.append(n)

        def expect(self, total: int) -> None:
            shown.append(f"of {total}")

    @contextmanager
    def progress(label: str, total: int | None = None, remark: str = "") -> Any:
        shown.append(label)
        yield Advance()

    run = nm.train(
        small_dataset(),
        small_options(epochs=2),
        on_batch=batches.append,
        on_epoch=epochs.append,
        progress=progress,
    )
    assert epochs == run.log
    assert [report.epoch for report in batches] == [1, 1, 1, 2, 2, 2]
    assert sum(report.samples for report in batches) == 2 * 40
    assert shown == ["training", "of 80", *(report.samples for report in batches)]


def test_epochs_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "nmtool"):
        run = nm.train(small_dataset(), small_options(epochs=2))
    lines = [record.getMessage() for record in caplog.records]
    assert {(record.name, record.levelno) for record in caplog.records} == {
        ("nmtool.training.loop.reporter", logging.INFO)
    }
    first, *lines = lines
    assert first.startswith("trains on ")
    assert len(lines) == 2
    for number, (line, entry) in enumerate(zip(lines, run.log, strict=True), 1):
        assert line.startswith(f"epoch   {number}/2  {epoch_line(entry)}")
    assert "left" in lines[0]
    assert "left" not in lines[1]


def test_remarks_come_before_the_first_epoch(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "nmtool"):
        nm.train(small_dataset(), small_options(epochs=1, steps=20))
    assert [record.levelno for record in caplog.records] == [
        logging.WARNING,
        logging.INFO,
        logging.INFO,
    ]
    late = int((small_dataset().train.time_ms >= 40).sum())
    assert caplog.records[0].getMessage().startswith(f"remark[events-dropped]: {late} of the")
    assert "trains on 40 samples, validates on 20" in caplog.records[1].getMessage()


def test_early_stopping_is_logged(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    options = small_options(epochs=30, patience=1, lr=0.0, delay_lr=0.0)
    with caplog.at_level(logging.INFO, "nmtool"):
        run = nm.train(small_dataset(), options, folder=tmp_path / "run")
    assert run.stopped_early
    assert len(run.log) < 30
    assert f"epoch {len(run.log)}" in caplog.records[-1].getMessage()
    assert "left" not in caplog.records[-2].getMessage()
    assert nm.Run.load(tmp_path / "run").stopped_early


@pytest.mark.parametrize("name", ["run.json", "network.npz", "checkpoint.npz", "log.jsonl"])
def test_an_existing_run_is_not_overwritten(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("dear")
    with refused(UsageError, "path-taken") as caught:
        nm.train(small_dataset(), OPTIONS, folder=tmp_path)
    assert name in caught.value.what
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {name: "dear"}


def test_data_that_cannot_be_trained_on(tmp_path: Path) -> None:
    with refused(UsageError, "validation-range"):
        nm.train(small_events(10, 1), small_options(validation=10))
    nothing = Dataset("empty", ("train",), lambda split: small_events(10, 1)[:0])
    with pytest.raises(DataError) as caught:
        nm.train(nothing, small_options(validation=0), folder=tmp_path / "run")
    assert caught.value.code
    with refused(UsageError, "device-unknown"):
        nm.train(small_dataset(), OPTIONS, device="abacus")
    assert not (tmp_path / "run").exists()


# Tests of resumed runs


@pytest.mark.parametrize("epoch", [0, 2])
def test_a_resumed_run_ends_as_if_it_had_not_been_stopped(
    epoch: int, finished_run: nm.Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        nm.train(small_dataset(), OPTIONS, folder=folder, on_batch=stop_after(epoch))
    caplog.clear()
    with caplog.at_level(logging.INFO, "nmtool"):
        run = nm.train(small_dataset(), folder=folder, resume=True)
    assert same(run, finished_run)
    assert state(folder) == state(finished_run.folder)
    assert same(nm.Run.load(folder), finished_run)
    levels = [record.levelno for record in caplog.records]
    anew = [] if epoch else [logging.WARNING, logging.INFO]
    assert levels == anew + [logging.INFO] * (3 - epoch)


def test_resuming_with_the_same_settings(tmp_path: Path) -> None:
    options = small_options(epochs=1)
    run = nm.train(small_dataset(), options, folder=tmp_path / "run")
    again = nm.train(small_dataset(), options, folder=tmp_path / "run", resume=True)
    assert same(run, again)
    for changes in ({"epochs": 1, "lr": 0.5}, {"epochs": 2, "hidden": 3}):
        with refused(UsageError, "resume-differs") as caught:
            nm.train(
                small_dataset(), small_options(**changes), folder=tmp_path / "run", resume=True
            )
        assert str(tmp_path / "run") in caught.value.what


def test_epochs_grow_on_resume_and_never_shrink(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    folder = tmp_path / "run"
    first = nm.train(small_dataset(), small_options(epochs=1), folder=folder)
    longer = nm.train(small_dataset(), small_options(epochs=2), folder=folder, resume=True)
    assert longer.log[:1] == first.log
    assert len(longer.log) == longer.options.epochs == nm.Run.load(folder).options.epochs == 2
    with refused(UsageError, "resume-differs"):
        nm.train(small_dataset(), small_options(epochs=1), folder=folder, resume=True)
    caplog.clear()
    assert same(nm.train(small_dataset(), folder=folder, resume=True), longer)
    assert "nothing left to train" in caplog.text


def test_a_run_with_more_epochs_keeps_the_name_of_its_target(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The target's file is next to the run and found from another folder, so both may be moved."""
    (tmp_path / "mine.toml").write_text('name = "mine"\nkind = "chip"\n')
    monkeypatch.chdir(tmp_path)
    nm.train(small_dataset(), small_options(epochs=1, target="mine.toml"), folder="run")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    longer = small_options(epochs=2, target=str(tmp_path / "mine.toml"))
    nm.train(small_dataset(), longer, folder="../run", resume=True)
    options = json.loads((tmp_path / "run/run.json").read_text())["options"]
    assert (options["target"], options["epochs"]) == ("mine.toml", 2)
    assert nm.finetune("../run", {"epochs": 1}, small_dataset()).log


def test_data_are_recognised_by_their_samples(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "before" / "small"
    place.mkdir(parents=True)
    write_shd(place / "small_train.h5", small_events(40, 1))
    write_shd(place / "small_valid.h5", small_events(20, 2))
    monkeypatch.chdir(tmp_path / "before")
    run = nm.train("small", small_options(epochs=1), folder="run")
    q = nm.quantise("run")
    assert q.report.calibrated
    assert q.cost is not None
    nothing = nm.quantise("run", calibrate_on="none")
    assert not nothing.report.calibrated
    (tmp_path / "before").rename(tmp_path / "after")
    monkeypatch.chdir(tmp_path)
    moved = tmp_path / "after" / "run"
    assert nm.quantise(moved).network.content_hash == q.network.content_hash
    assert same(nm.train("after/small", folder=moved, resume=True), run)
    assert same(nm.train(folder=moved, resume=True), run)
    assert nm.finetune(moved, {"epochs": 1}).log
    other = tmp_path / "after" / "other"
    other.mkdir()
    write_shd(other / "small_train.h5", small_events(40, 3))
    write_shd(other / "small_valid.h5", small_events(20, 2))
    with refused(UsageError, "resume-differs"):
        nm.train(str(other), folder=moved, resume=True)
    (tmp_path / "after" / "small").rename(tmp_path / "gone")
    with refused(UsageError, "dataset-unknown"):
        nm.finetune(moved, {"epochs": 1})
    assert nm.quantise(moved).network.content_hash == nothing.network.content_hash
    other.rename(tmp_path / "after" / "small")
    monkeypatch.chdir(tmp_path / "after")
    with refused(UsageError, "dataset-unknown") as caught:
        nm.finetune(moved, {"epochs": 1})
    assert "small" in caught.value.why


def spoken(by: int) -> nm.SpikeEvents:
    """Samples of `by` speakers, whose events do not depend on the number of speakers."""
    return replace(small_events(40, 1), groups={"speaker": np.arange(40) % by})


def test_samples_that_were_learnt_do_not_validate_on_resume(tmp_path: Path) -> None:
    options = small_options(epochs=2, validation=10, validation_by="speaker")
    folder = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        nm.train(spoken(4), options, folder=folder, on_batch=stop_after(1))
    with refused(UsageError, "resume-differs"):
        nm.train(spoken(5), folder=folder, resume=True)
    assert len(RunFolder(folder).read_log()) == 1
    with refused(UsageError, "data-in-memory"):
        nm.train(folder=folder, resume=True)
    assert len(nm.train(spoken(4), folder=folder, resume=True).log) == 2


def test_a_run_that_trains_on_validation_samples_too(tmp_path: Path) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    train, validation = small_events(40, 1), small_events(20, 2)
    write_shd(folder / "small_train.h5", train)
    write_shd(folder / "small_valid.h5", validation)
    options = small_options(epochs=2, validation=0)
    run = nm.train(str(folder), options, folder=tmp_path / "run")
    assert same(run, nm.train(nm.SpikeEvents.concatenate([train, validation]), options))
    assert run.log[-1]["validation_accuracy"] is None
    stopped = tmp_path / "stopped"
    with pytest.raises(KeyboardInterrupt):
        nm.train(str(folder), options, folder=stopped, on_batch=stop_after(1))
    assert same(nm.train(folder=stopped, resume=True), run)
    assert nm.finetune(run, {"epochs": 1}).log[-1]["validation_accuracy"] is None
    assert nm.quantise(run).report.calibrated


def test_a_new_run_needs_data() -> None:
    with refused(UsageError, "data-missing"):
        nm.train(options=small_options(epochs=1))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"lr": 3.0, "delay_lr": 0.0, "init_rate": None, "init_input": (-5.0, 0.0), "rescue": 0.0},
         "population-silent"),
        ({"lr": 0.0, "delay_lr": 0.0, "init_rate": None, "init_input": (50.0, 0.0)},
         "population-saturated"),
        ({"lr": 100.0, "delay_lr": 0.0}, "loss-exploded"),
    ],
)  # fmt: skip
def test_failed_training_is_remarked_once(
    changes: dict[str, Any], code: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "nmtool"):
        nm.train(small_dataset(), small_options(epochs=2, **changes))
    warned = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert sum(line.startswith(f"remark[{code}]: ") for line in warned) == 1


def test_a_loss_beyond_all_bounds_ends_training() -> None:
    with refused(UsageError, "training-diverged"):
        nm.train(small_dataset(), small_options(epochs=2, lr=1e9))


def test_a_small_gain_does_not_diverge() -> None:
    assert len(nm.train(small_dataset(), small_options(epochs=1, gain=1e-5)).log) == 1


@pytest.mark.parametrize("threads", [0, -1])
def test_invalid_numbers_of_threads_are_refused(threads: int, finished_run: nm.Run) -> None:
    with refused(UsageError, "threads-range"):
        nm.train(small_dataset(), OPTIONS, threads=threads)
    with refused(UsageError, "threads-range"):
        nm.finetune(finished_run, {"epochs": 1}, small_dataset(), threads=threads)


def test_hidden_layers_of_different_sizes() -> None:
    run = nm.train(small_dataset(), small_options(epochs=1, hidden=(6, 5)))
    assert [(p.name, p.size) for p in run.network.populations][:2] == [
        ("hidden1", 6),
        ("hidden2", 5),
    ]
    assert nm.TrainOptions().with_settings(run.options.as_json(), "again") == run.options


def test_runs_that_cannot_be_resumed_are_refused(tmp_path: Path) -> None:
    with refused(UsageError, "run-not-kept"):
        nm.train(small_dataset(), OPTIONS, resume=True)
    with refused(FileFormatError, "run-missing") as caught:
        nm.train(small_dataset(), folder=tmp_path, resume=True)
    assert str(tmp_path) in caught.value.what


# Tests of `finetune`


def test_finetuning_with_other_settings(finished_run: nm.Run, tmp_path: Path) -> None:
    run = nm.finetune(
        finished_run, {"epochs": 2, "arithmetic": "integer", "weight_bits": 4}, small_dataset()
    )
    options = run.options
    assert (options.epochs, options.arithmetic, options.weight_bits) == (2, "integer", 4)
    assert options.lr == OPTIONS.lr / FINETUNE_SLOWER
    assert options.hidden == OPTIONS.hidden
    assert run.integers is not None
    assert {p.weight_bits for p in run.integers.projections} == {4}
    assert run.folder is None
    folder = tmp_path / "fine"
    assert finished_run.folder is not None
    settings = {"epochs": 2, "arithmetic": "integer", "weight_bits": 4}
    again = nm.finetune(str(finished_run.folder), settings, small_dataset(), folder=folder)
    assert same(again, run)
    assert (
        json.loads((folder / "run.json").read_text("utf-8"))["start"]
        == finished_run.network.content_hash
    )
    assert same(nm.Run.load(folder), run)


def test_finetuning_has_few_epochs_by_default(finished_run: nm.Run) -> None:
    assert finished_run.folder is not None
    assert RunFolder(finished_run.folder).finetune_options({}).epochs == FINETUNE_EPOCHS
    with pytest.raises(KeyboardInterrupt):
        nm.finetune(finished_run, data=small_dataset(), on_batch=stop_after(0))


def test_finetuning_is_resumed(finished_run: nm.Run, tmp_path: Path) -> None:
    settings = {"epochs": 2}
    expected = nm.finetune(finished_run, settings, small_dataset(), folder=tmp_path / "whole")
    folder, stop = tmp_path / "parts", stop_after(1)
    with pytest.raises(KeyboardInterrupt):
        nm.finetune(finished_run, settings, small_dataset(), folder=folder, on_batch=stop)
    run = nm.train(small_dataset(), folder=folder, resume=True)
    assert same(run, expected)
    assert state(folder) == state(expected.folder)


def _delays(network: nm.Network) -> np.ndarray:
    return np.concatenate([p.delay.ravel() for p in network.projections])


@pytest.mark.parametrize("average", [None, 0.9])
def test_delays_beyond_a_new_limit_are_clipped(
    average: float | None, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    still = {"epochs": 1, "lr": 0.0, "delay_lr": 0.0, "average": average}
    far = nm.train(small_dataset(), small_options(**still), folder=tmp_path / "far")
    before, folder = _delays(far.network), tmp_path / "near"
    n_longer = int((before > 4).sum())
    assert n_longer > 3
    near = nm.finetune(far, {"max_delay": 4, **still}, small_dataset(), folder=folder)
    [warning] = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert " 4 steps (max_delay)" in warning.getMessage()
    assert f"{n_longer} of {before.size} delays are longer" in warning.getMessage()
    np.testing.assert_array_equal(_delays(near.network), np.minimum(before, 4))
    for name, content in np.load(folder / "checkpoint.npz").items():
        if name.endswith(".delay") and name.split(".")[0] in ("parameter", "average"):
            assert content.max() <= 4


def test_the_data_of_the_run_are_the_default(tmp_path: Path) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    write_shd(folder / "small_train.h5", small_events(40, 1))
    write_shd(folder / "small_valid.h5", small_events(20, 2))
    run = nm.train(nm.load_dataset(str(folder)), small_options(epochs=1), folder=tmp_path / "run")
    finetuned = nm.finetune(run, {"epochs": 1})
    assert same(finetuned, nm.finetune(run, {"epochs": 1}, small_dataset()))


@pytest.mark.parametrize(
    "settings", [{"hidden": 13}, {"steps": 31}, {"recurrent": False}, {"dt_ms": 1.0}]
)
def test_finetuning_does_not_change_the_shape_of_the_network(
    settings: dict[str, Any], finished_run: nm.Run
) -> None:
    with refused(UsageError, "network-shape-fixed") as caught:
        nm.finetune(finished_run, settings, small_dataset())
    assert next(iter(settings)) in caught.value.what


def test_runs_without_a_checkpoint_cannot_be_finetuned(
    finished_run: nm.Run, tmp_path: Path
) -> None:
    unkept = nm.Run(finished_run.options, finished_run.network, None, finished_run.log)
    with refused(UsageError, "run-not-kept"):
        nm.finetune(unkept, {}, small_dataset())
    with refused(FileFormatError, "run-missing"):
        nm.finetune(tmp_path, {}, small_dataset())
    assert finished_run.folder is not None
    (tmp_path / "run.json").write_bytes((finished_run.folder / "run.json").read_bytes())
    with refused(FileFormatError, "checkpoint-missing") as caught:
        nm.finetune(tmp_path, {}, small_dataset())
    assert str(tmp_path) in caught.value.what
    with refused(UsageError, "path-taken"):
        nm.finetune(finished_run, {"epochs": 1}, small_dataset(), folder=finished_run.folder)
    with pytest.raises(UsageError) as unknown:
        nm.finetune(finished_run, {"hiden": 12}, small_dataset())
    assert "hiden" in unknown.value.what


# Tests of `Run`


def test_a_run_is_read_from_its_folder(finished_run: nm.Run, in_integers: nm.Run) -> None:
    for run in (finished_run, in_integers):
        assert run.folder is not None
        for folder in (run.folder, str(run.folder)):
            loaded = nm.Run.load(folder)
            assert same(loaded, run)
            assert loaded.log == run.log
            assert loaded.folder == run.folder
            assert repr(loaded) == repr(run)
    assert (
        nm.Run.load(in_integers.folder).integers.content_hash == in_integers.integers.content_hash
    )


def test_folders_without_a_run_are_refused(tmp_path: Path, finished_run: nm.Run) -> None:
    with refused(FileFormatError, "run-missing"):
        nm.Run.load(tmp_path)
    (tmp_path / "run.json").write_text("{}")
    with refused(FileFormatError, "file-damaged"):
        nm.Run.load(tmp_path)
    assert finished_run.folder is not None
    (tmp_path / "run.json").write_bytes((finished_run.folder / "run.json").read_bytes())
    with refused(FileFormatError, "file-missing"):
        nm.Run.load(tmp_path)


def test_a_run_has_a_repr_and_tables(finished_run: nm.Run) -> None:
    assert "\n" not in repr(finished_run)
    assert f"epoch {finished_run.best['epoch']} of 3" in repr(finished_run)
    assert f"validation {finished_run.best['validation_accuracy']:.1%}" in repr(finished_run)
    table, best = finished_run.tables()
    assert [row[0] for row in table.rows] == [1, 2, 3]
    assert [row[1] for row in table.rows] == [entry["loss"] for entry in finished_run.log]
    assert dict(best.rows)["epoch"] == finished_run.best["epoch"]


def run_with(*log: dict[str, Any]) -> nm.Run:
    """A run with a log and five requested epochs."""
    network = nm.Network.layers([5, 8, 3])
    return nm.Run(nm.TrainOptions(epochs=5, steps=10), network, None, [*log])


def test_a_run_says_how_it_ended() -> None:
    assert [weight for _, weight in run_with().sentences()] == ["warning"]
    assert len(run_with(ENTRY).sentences()) == 1
    stopped = run_with(ENTRY, ENTRY | {"epoch": 2, "stopped_early": True, "settled_accuracy": 0.25})
    assert len(stopped.sentences()) == 3
    content = stopped.as_json()
    assert (content["kept_epoch"], content["epochs"], len(content["log"])) == (2, 5, 2)
    assert run_with().as_json()["kept_epoch"] is None


def test_the_table_of_the_best_epoch_has_percentages_and_only_what_says_something() -> None:
    confused = {"label": 2, "answer": 0, "share": 0.5}
    lost = {"surplus_events": 0, "dropped_events": 3, "seconds": 1.5, "confused": confused}
    few = {"train_accuracy": 0.93489, "delay_sparsity": 0.25, "validation_accuracy": None}
    _, best = run_with(ENTRY | few | lost).tables()
    rows = dict(map(tuple, best.rows))
    assert (rows["train accuracy"], rows["delay sparsity"]) == ("93.49%", "25.00%")
    assert rows["dropped events"] == 3
    assert rows["confused"] == "2, of which 50% are taken for 0"
    assert rows["spikes per neuron"] == "hidden1 2.04, hidden2 1"
    assert not {"validation accuracy", "surplus events", "seconds"} & {*rows}


def test_a_run_can_be_reproduced(finished_run: nm.Run) -> None:
    reproduction = finished_run.reproduction()
    default = nm.TrainOptions().as_json()
    assert reproduction.hashes["seed of training"] == str(finished_run.options.seed)
    assert reproduction.settings == {
        name: value
        for name, value in finished_run.options.as_json().items()
        if value != default[name]
    }
    assert reproduction.as_json()["code"] == dict(reproduction.code)
    alone = replace(finished_run, folder=None).reproduction()
    assert list(alone.hashes) == ["seed of training"]


# Tests of the line of an epoch

ENTRY = {
    "epoch": 1,
    "loss": 0.5,
    "train_accuracy": 0.75,
    "validation_accuracy": 0.5,
    "silent_neurons": 0,
    "spikes_per_neuron": {"hidden1": 2.04, "hidden2": 1.0},
}


def test_lines_of_epochs() -> None:
    assert epoch_line(ENTRY) == "loss 0.500  train 75.0%  validation 50.0%  spikes/neuron 2.0, 1.0"
    more = {"validation_accuracy": None, "silent_neurons": 3, "spikes_per_neuron": {}}
    assert epoch_line(ENTRY | more) == "loss 0.500  train 75.0%  spikes/neuron none  silent 3"
    line = epoch_line(
        ENTRY | {"sparsity": 0.9, "delay_sparsity": 0.0, "u_wraps": 1234, "v_clips": 0}
    )
    assert "  sparsity 90%" in line
    assert "delay sparsity" not in line
    assert "1,234" in line
    assert "clips" not in line
    settled = epoch_line(ENTRY | {"settled_accuracy": 0.25})
    assert "validation 25.0%" in settled
    assert "50.0%" in settled


@pytest.mark.usefixtures("_heeds_interrupts")
def test_an_interrupt_that_is_swallowed_stops_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    swallowed: list[int] = []

    def swallow(*_: object) -> None:
        try:
            if not swallowed:
                signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            pass
        swallowed.append(1)

    monkeypatch.setattr("nmtool.training.loop.trainer.check_loss", swallow)
    with pytest.raises(KeyboardInterrupt):
        nm.train(small_dataset(), OPTIONS, folder=tmp_path / "run")
    assert len(swallowed) == 1
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    nm.train(small_dataset(), folder=tmp_path / "run", resume=True)


@pytest.mark.usefixtures("_heeds_interrupts")
@pytest.mark.parametrize(("epoch", "number"), [(1, signal.SIGINT), (3, signal.SIGTERM)])
def test_an_interrupt_waits_until_the_epoch_is_saved(
    epoch: int,
    number: signal.Signals,
    finished_run: nm.Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_log = RunFolder.write_log

    def interrupted(self: RunFolder, epochs: list[dict[str, Any]]) -> None:
        if len(epochs) == epoch:
            signal.raise_signal(number)
        write_log(self, epochs)

    monkeypatch.setattr(RunFolder, "write_log", interrupted)
    folder = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        nm.train(small_dataset(), OPTIONS, folder=folder)
    assert len(RunFolder(folder).read_log()) == epoch
    monkeypatch.undo()
    assert same(nm.train(small_dataset(), folder=folder, resume=True), finished_run)


def test_another_thread_trains(finished_run: nm.Run) -> None:
    before = signal.getsignal(signal.SIGINT)
    runs: list[nm.Run] = []
    seen: list[object] = []

    def train() -> None:
        def look(entry: dict[str, Any]) -> None:
            seen.append(signal.getsignal(signal.SIGINT))

        runs.append(nm.train(small_dataset(), OPTIONS, on_epoch=look))

    thread = threading.Thread(target=train)
    thread.start()
    thread.join()
    assert runs[0].network.content_hash == finished_run.network.content_hash
    assert seen == [before] * 3


@pytest.mark.skipif(os.name != "posix", reason="folders cannot be locked")
@pytest.mark.parametrize("began", ["new", "resumed", "resumed anew"])
def test_a_run_keeps_its_folder_locked_to_its_end(began: str, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    seen: list[int] = []

    def look(entry: dict[str, Any]) -> None:
        with refused(UsageError, "run-in-use"), RunFolder(folder).locked():
            pass
        with refused(UsageError, "run-in-use"):
            nm.train(small_dataset(), folder=folder, resume=True)
        seen.append(entry["epoch"])

    def stop(report: object) -> None:
        raise KeyboardInterrupt

    if began != "new":
        stops = {"on_epoch": stop} if began == "resumed" else {"on_batch": stop}
        with pytest.raises(KeyboardInterrupt):
            nm.train(small_dataset(), OPTIONS, folder=folder, **stops)
    options = OPTIONS if began == "new" else None
    nm.train(small_dataset(), options, folder=folder, resume=began != "new", on_epoch=look)
    assert seen == ([2, 3] if began == "resumed" else [1, 2, 3])
    with RunFolder(folder).locked():
        assert not [name for name in files(folder) if name.startswith(".")]
