"""`cross_validate`: networks are tested on unseen samples only, and stopped runs continue."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest

import nmtool as nm
from nmtool.data import Dataset, SpikeEvents
from nmtool.data.dataset import without_fold
from nmtool.errors import DataError, FileFormatError, UsageError
from nmtool.training.loop import run as run_module
from nmtool.training.loop.run_folder import RunFolder
from nmtool.training.studies import folds
from tests.refusals import codes, refused
from tests.training.small_data import small_events, small_options
from tests.training.stops import stop_after

pytestmark = pytest.mark.torch

OPTIONS = small_options(epochs=2)
N = 24


def speakers(n: int = N, seed: int = 1) -> SpikeEvents:
    """Samples of four speakers in turn, each identifiable by its events."""
    events = small_events(n + 1, seed)
    events = events[np.arange(n + 1) != 4]
    groups = {"speaker": np.arange(n) % 4, "round": np.arange(n) // 4}
    return replace(events, groups=groups)


def contents(events: SpikeEvents) -> set[bytes]:
    """The events of samples, which identify them."""
    return {sample.time_ms.tobytes() + sample.unit.tobytes() for sample in events}


@pytest.fixture(scope="module")
def finished_answers(tmp_path_factory: pytest.TempPathFactory) -> nm.Answers:
    """A finished cross-validation in a folder, which no test changes."""
    folder = tmp_path_factory.mktemp("kept") / "cv"
    return nm.cross_validate(speakers(), OPTIONS, by="speaker", folder=folder)


# Tests of the training and validation samples of each network


@pytest.mark.parametrize(
    "settings",
    [
        {"validation": 6},
        {"validation": "last 5"},
        {"validation": 6, "validation_by": "speaker"},
        {"validation": 0},
    ],
)
def test_a_fold_reaches_neither_training_nor_validation(
    settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[SpikeEvents, SpikeEvents | None]] = []
    held_out: list[SpikeEvents] = []

    def trainer(options: Any, train: Any, validation: Any, **keywords: Any) -> Any:
        seen.append((train, validation))
        return original(options, train, validation, **keywords)

    def classes(network: Any, events: SpikeEvents) -> np.ndarray:
        held_out.append(events)
        return answer(network, events)

    original, answer = run_module.Trainer, folds.classes_of
    monkeypatch.setattr(run_module, "Trainer", trainer)
    monkeypatch.setattr(folds, "classes_of", classes)
    events = speakers()
    assert len(contents(events)) == N
    answers = nm.cross_validate(events, small_options(epochs=1, **settings), by="speaker")
    assert answers.is_finished
    assert len(seen) == len(held_out) == 4
    for fold, ((train, validation), test) in enumerate(zip(seen, held_out, strict=True)):
        assert contents(test) == contents(events[events.groups["speaker"] == fold])
        learnt, validated = contents(train), set()
        if validation is not None:
            validated = contents(validation)
            assert not learnt & validated
        assert (validation is None) == (settings["validation"] == 0)
        assert not (learnt | validated) & contents(test)
        assert learnt | validated | contents(test) == contents(events)
        if "validation_by" in settings:
            assert validation is not None
            assert not {*train.groups["speaker"]} & {*validation.groups["speaker"]}


def test_samples_of_a_fold_do_not_change_its_network(
    finished_answers: nm.Answers, tmp_path: Path
) -> None:
    events = speakers()
    is_asked = events.groups["speaker"] == 2
    strangers = speakers(seed=7)
    mixed = SpikeEvents.concatenate(
        [(strangers if swap else events)[sample] for sample, swap in enumerate(is_asked)]
    )
    mixed = replace(mixed, label=np.where(is_asked, (events.label + 1) % 3, events.label))
    nm.cross_validate(mixed, OPTIONS, by="speaker", folder=tmp_path / "cv")
    same = [
        nm.load(tmp_path / "cv" / f"folds/000{fold}/seed0").content_hash
        == nm.load(finished_answers.path / f"folds/000{fold}/seed0").content_hash
        for fold in range(4)
    ]
    assert same == [False, False, True, False]


def test_the_test_split_is_only_used_if_it_is_named() -> None:
    def load(split: str) -> SpikeEvents:
        splits.append(split)
        return {"train": speakers(16), "validation": speakers(8, 2), "test": speakers(8, 3)}[split]

    splits: list[str] = []
    data = Dataset("three", ("train", "validation", "test"), load)
    answers = nm.cross_validate(data, small_options(epochs=1), by=8)
    assert set(splits) == {"train"}
    assert (answers.splits, answers.label.size, answers.n_folds) == (("train",), 16, 2)
    answers = nm.cross_validate(
        data, small_options(epochs=1), by="speaker", folds=2, splits=["train", "validation", "test"]
    )
    assert answers.label.tolist() == np.concatenate([load(s).label for s in data.splits]).tolist()
    assert np.bincount(answers.fold).tolist() == [16, 16]


# Tests of answers


def test_every_sample_is_classified_by_the_network_of_its_fold(
    finished_answers: nm.Answers,
) -> None:
    events = speakers()
    assert finished_answers.fold.tolist() == events.groups["speaker"].tolist()
    for fold in range(4):
        run = finished_answers.path / "folds" / f"000{fold}" / "seed0"
        held_out = events[finished_answers.fold == fold]
        evaluation = nm.evaluate(run, held_out)
        assert np.array_equal(
            finished_answers.predictions[0, finished_answers.fold == fold], evaluation.predictions
        )
        assert finished_answers.fold_accuracy[0, fold] == evaluation.accuracy
        assert RunFolder(run).options() == replace(OPTIONS, input_counts=1)
    assert finished_answers.accuracy == (finished_answers.predictions == events.label).mean()
    read = nm.Answers.load(finished_answers.path)
    assert np.array_equal(read.predictions, finished_answers.predictions)
    assert (read.data_hash, read.model) == (events.content_hash, "nmtool, float")
    assert set(read.groups) == {"speaker", "round"}


def test_runs_in_integers_are_tested_in_integers(tmp_path: Path) -> None:
    options = small_options(epochs=1, arithmetic="integer", weight_bits=3)
    answers = nm.cross_validate(speakers(), options, by=12, folder=tmp_path)
    assert answers.model == "nmtool, integer"
    for fold in range(2):
        network = nm.load(tmp_path / f"folds/000{fold}/seed0/integers.npz")
        assert isinstance(network, nm.IntegerNetwork)
        held_out = speakers()[answers.fold == fold]
        expected = nm.evaluate(network, held_out).predictions
        assert np.array_equal(answers.predictions[0, answers.fold == fold], expected)


def test_the_same_call_gives_the_same_answers(finished_answers: nm.Answers) -> None:
    again = nm.cross_validate(speakers(), OPTIONS, by="speaker")
    assert np.array_equal(again.predictions, finished_answers.predictions)
    assert again.path is None
    reseeded = nm.cross_validate(speakers(), small_options(epochs=2, seed=1), by="speaker")
    assert not np.array_equal(reseeded.predictions, finished_answers.predictions)


def test_settings_from_a_recipe_or_a_file(tmp_path: Path, monkeypatch: Any) -> None:
    class InterceptedError(Exception):
        """Raised in place of training, with the settings of the run."""

    def train(data: Any, options: Any, **keywords: Any) -> None:
        raise InterceptedError(options)

    monkeypatch.setattr(folds, "train", train)
    (tmp_path / "few.toml").write_text("hidden = 3\nseed = 5\n")
    for recipe, hidden in ((str(tmp_path / "few.toml"), 3), ("digits", 100), (None, 256)):
        with pytest.raises(InterceptedError) as caught:
            nm.cross_validate(speakers(), recipe, by=8)
        assert caught.value.args[0].hidden == hidden


def test_each_seed_is_a_row_and_seeds_may_be_added(
    finished_answers: nm.Answers, tmp_path: Path
) -> None:
    folder = tmp_path / "cv"
    shutil.copytree(finished_answers.path, folder)
    before = (folder / "folds/0000/seed0/network.npz").stat().st_mtime_ns
    answers = nm.cross_validate(speakers(), OPTIONS, by="speaker", seeds=2, folder=folder)
    assert answers.seeds == (0, 1)
    assert np.array_equal(answers.predictions[0], finished_answers.predictions[0])
    assert (folder / "folds/0000/seed0/network.npz").stat().st_mtime_ns == before
    alone = nm.cross_validate(speakers(), small_options(epochs=2, seed=1), by="speaker")
    assert np.array_equal(answers.predictions[1], alone.predictions[0])
    with refused(UsageError, "crossvalidation-differs") as caught:
        nm.cross_validate(speakers(), OPTIONS, by="speaker", folder=folder)
    assert [finding.where for finding in caught.value.findings] == ["seeds"]


def test_testing_uses_the_threads_of_training(monkeypatch: pytest.MonkeyPatch) -> None:
    def classes(network: Any, events: SpikeEvents) -> np.ndarray:
        used.append(numba.get_num_threads())
        return answer(network, events)

    used: list[int] = []
    answer, before = folds.classes_of, numba.get_num_threads()
    monkeypatch.setattr(folds, "classes_of", classes)
    nm.cross_validate(speakers(), small_options(epochs=1), by=12, threads=1)
    assert used == [1, 1]
    assert numba.get_num_threads() == before


# Tests of ensembles of the networks of a fold


def test_networks_that_torch_cannot_run_are_tested_in_float64() -> None:
    events = speakers()
    without_memory = nm.Network.layers(
        [events.n_units, 5, len(events.class_names)], tau_syn_ms=0.0, rate=None
    )
    expected = nm.evaluate(without_memory, events).predictions
    assert np.array_equal(folds.classes_of(without_memory, events), expected)


# Tests with steps that are chosen from the data


def uneven() -> SpikeEvents:
    """Samples that each end later than the previous one."""
    events = speakers()
    return replace(events, time_ms=events.time_ms * (1 + events.sample_index() / N))


def test_the_seeds_of_a_fold_have_the_steps_of_all_its_samples(tmp_path: Path) -> None:
    events, options = uneven(), small_options(epochs=1, steps="auto", validation=6)
    nm.cross_validate(events, options, by=12, seeds=4, folder=tmp_path)
    needed = [options.fitted_to(events[np.arange(N) // 12 != fold]).n_steps for fold in range(2)]
    for fold in range(2):
        runs = [RunFolder(tmp_path / f"folds/000{fold}/seed{seed}") for seed in range(4)]
        assert [run.options().n_steps for run in runs] == [needed[fold]] * 4
    assert nm.Answers.load(tmp_path).settings["steps"] == "auto"


def test_a_fold_that_began_with_other_steps_continues(tmp_path: Path) -> None:
    events = uneven()
    options = small_options(epochs=1, steps="auto", validation=6, seed=2)
    fold = np.arange(N) // 12
    rest = without_fold(events, fold, 0, "samples")
    own = options.fitted_to(rest.train).n_steps + 1
    nm.train(rest, replace(options, steps=own), folder=tmp_path / "folds/0000/seed2")
    assert nm.cross_validate(events, options, by=12, folder=tmp_path).is_finished
    assert RunFolder(tmp_path / "folds/0000/seed2").options().n_steps == own


# Tests that cross-validation stops and continues


def stop_in(fold: int, epoch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop training in an epoch of a fold."""
    train = folds.train

    def begin(rest: Dataset, *arguments: Any, **keywords: Any) -> Any:
        if rest.name.endswith(f"fold {fold}"):
            keywords["on_batch"] = stop_after(epoch - 1)
        return train(rest, *arguments, **keywords)

    monkeypatch.setattr(folds, "train", begin)


@pytest.mark.parametrize(("fold", "epoch"), [(0, 1), (1, 2), (3, 1)])
def test_a_stopped_cross_validation_continues(
    fold: int,
    epoch: int,
    finished_answers: nm.Answers,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = tmp_path / "cv"
    keywords: dict[str, Any] = {"by": "speaker", "folder": folder}
    with monkeypatch.context() as patched:
        stop_in(fold, epoch, patched)
        with pytest.raises(KeyboardInterrupt):
            nm.cross_validate(speakers(), OPTIONS, **keywords)
    half = nm.Answers.load(folder)
    assert [half.has(0, number) for number in range(4)] == [number < fold for number in range(4)]
    with refused(UsageError, "answers-unfinished"):
        nm.compare_accuracy([folder], [folder])
    networks = sorted(folder.glob("folds/*/seed0/network.npz"))[:fold]
    before = [path.stat().st_mtime_ns for path in networks]
    answers = nm.cross_validate(speakers(), OPTIONS, **keywords)
    assert np.array_equal(answers.predictions, finished_answers.predictions)
    assert [path.stat().st_mtime_ns for path in networks] == before
    assert (folder / "answers.npz").read_bytes() == (
        finished_answers.path / "answers.npz"
    ).read_bytes()
    hashes = [
        [nm.load(path / f"folds/000{n}/seed0").content_hash for n in range(4)]
        for path in (folder, finished_answers.path)
    ]
    assert hashes[0] == hashes[1]


def test_a_run_that_ended_without_its_answers_is_not_trained_again(
    finished_answers: nm.Answers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answers are missing if a run is killed between the end of training and their writing."""
    folder = tmp_path / "cv"
    shutil.copytree(finished_answers.path, folder)
    predictions = finished_answers.predictions.copy()
    predictions[0, finished_answers.fold == 3] = -1
    replace(finished_answers, predictions=predictions).save(folder / "answers.npz")
    stop_in(3, 1, monkeypatch)
    answers = nm.cross_validate(speakers(), OPTIONS, by="speaker", folder=folder)
    assert np.array_equal(answers.predictions, finished_answers.predictions)


def test_finished_folds_are_not_trained_again(
    finished_answers: nm.Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folds, "train", None)
    answers = nm.cross_validate(speakers(), OPTIONS, by="speaker", folder=finished_answers.path)
    assert np.array_equal(answers.predictions, finished_answers.predictions)


@pytest.mark.parametrize(
    ("changes", "settings", "places"),
    [
        ({"data": speakers(seed=2)}, {}, ["data"]),
        ({"by": 6}, {}, ["folds", "samples in folds"]),
        ({"folds": 2}, {}, ["folds", "samples in folds"]),
        ({}, {"lr": 0.5, "arithmetic": "integer"}, ["model", "arithmetic", "lr"]),
        ({}, {"seed": 3}, ["seeds", "seed"]),
        ({"data": replace(speakers(), groups={"speaker": np.arange(N) // 6})}, {},
         ["samples in folds"]),
    ],
)  # fmt: skip
def test_a_folder_is_not_continued_with_other_settings(
    changes: dict[str, Any],
    settings: dict[str, Any],
    places: list[str],
    finished_answers: nm.Answers,
) -> None:
    keywords = {"data": speakers(), "by": "speaker", **changes}
    before = (finished_answers.path / "answers.npz").read_bytes()
    with refused(UsageError, "crossvalidation-differs") as caught:
        nm.cross_validate(
            options=small_options(epochs=2, **settings), folder=finished_answers.path, **keywords
        )
    assert [finding.where for finding in caught.value.findings] == places
    assert set(codes(caught.value)) == {"setting-differs"}
    assert (finished_answers.path / "answers.npz").read_bytes() == before


def test_a_finding_names_other_data(finished_answers: nm.Answers) -> None:
    dataset = Dataset.of(train=speakers(seed=2), name="others")
    with refused(UsageError, "crossvalidation-differs") as caught:
        nm.cross_validate(dataset, OPTIONS, by="speaker", folder=finished_answers.path)
    assert [finding.where for finding in caught.value.findings] == ["data"]
    old, new = caught.value.findings[0].what.split(", ")
    assert f"{finished_answers.data} {finished_answers.data_hash[:12]}" in old
    assert f"others {dataset.train.content_hash[:12]}" in new


def test_the_same_data_by_another_name_continue(finished_answers: nm.Answers) -> None:
    renamed = Dataset.of(train=speakers(), name="renamed")
    answers = nm.cross_validate(renamed, OPTIONS, by="speaker", folder=finished_answers.path)
    assert np.array_equal(answers.predictions, finished_answers.predictions)


def test_a_damaged_file_of_answers_is_not_written_over(
    finished_answers: nm.Answers, tmp_path: Path
) -> None:
    folder = tmp_path / "cv"
    shutil.copytree(finished_answers.path, folder)
    (folder / "answers.npz").write_bytes(b"dear")
    with refused(FileFormatError, "file-damaged"):
        nm.cross_validate(speakers(), OPTIONS, by="speaker", folder=folder)
    assert (folder / "answers.npz").read_bytes() == b"dear"


# Tests of errors before training


@pytest.mark.parametrize(
    ("keywords", "code"),
    [
        ({"by": "sex"}, "grouping-unknown"),
        ({"by": "speaker", "folds": 5}, "folds-range"),
        ({"by": 0}, "grouping-range"),
        ({"by": 2.5}, "argument-type"),
        ({"by": "speaker", "seeds": 0}, "seeds-range"),
        ({"by": "speaker", "threads": 0}, "threads-range"),
        ({"by": "speaker", "splits": "train"}, "argument-type"),
        ({"by": "speaker", "splits": ()}, "splits-repeated"),
        ({"by": "speaker", "options": small_options(validation=18)}, "validation-range"),
        ({"by": "speaker", "options": {"lr": 1.0}}, "argument-type"),
        ({"by": 12, "options": small_options(validation_by="sex")}, "validation-by-unknown"),
        ({"by": "speaker", "options": small_options(seed=2**63 - 1), "seeds": 2}, "setting-range"),
    ],
)
def test_invalid_cross_validations_are_refused(
    keywords: dict[str, Any], code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folds, "train", None)
    with refused(UsageError, code):
        nm.cross_validate(speakers(), folder=tmp_path / "cv", **keywords)
    assert not (tmp_path / "cv").exists()


def test_the_smallest_fold_is_checked_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 24 samples, 20 or 4 are left; 10 validation samples cannot be drawn from 4."""
    monkeypatch.setattr(folds, "train", None)
    events = replace(speakers(), groups={"speaker": (np.arange(N) < 4).astype(np.int64)})
    with refused(UsageError, "validation-range"):
        nm.cross_validate(events, small_options(validation=10), by="speaker")


def test_a_folder_with_a_run_is_refused(tmp_path: Path) -> None:
    nm.train(speakers(), small_options(epochs=1), folder=tmp_path)
    with refused(UsageError, "path-taken"):
        nm.cross_validate(speakers(), OPTIONS, by="speaker", folder=tmp_path)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_text("no archive")
    with refused(UsageError, "path-taken"):
        nm.cross_validate(speakers(), OPTIONS, by="speaker", folder=tmp_path / "a.npz")


def test_jobs_of_several_processes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folds, "launched", lambda: object())
    with refused(UsageError, "crossvalidation-launched"):
        nm.cross_validate(speakers(), OPTIONS, by="speaker")


def test_an_empty_data_set_is_refused() -> None:
    with refused(DataError, "split-empty"):
        nm.cross_validate(speakers()[:0], OPTIONS, by="speaker")


# Tests of comparisons


def test_two_cross_validations_are_paired_sample_by_sample(finished_answers: nm.Answers) -> None:
    shorter = nm.cross_validate(speakers(), small_options(epochs=1), by="speaker")
    difference = nm.compare_accuracy([finished_answers.path], [shorter], clusters=["speaker", 4])
    assert np.array_equal(difference.first, finished_answers.right)
    assert np.array_equal(difference.second, shorter.right)
    assert difference.cluster_counts == {"speaker": 4, "blocks of 4": 6}
    assert difference.clusters["speaker"].tolist() == speakers().groups["speaker"].tolist()
    expected = nm.AccuracyDifference(finished_answers.right, shorter.right, difference.clusters)
    assert difference.interval() == expected.interval()
    plain = nm.compare_accuracy([finished_answers], [shorter])
    assert (
        plain.interval() == nm.AccuracyDifference(finished_answers.right, shorter.right).interval()
    )


def test_answers_and_networks_are_paired(finished_answers: nm.Answers) -> None:
    """A baseline's stored answers to a test split are paired with networks that run now."""
    events = speakers()
    run = nm.train(events, small_options(epochs=1))
    difference = nm.compare_accuracy([run], [finished_answers], events, clusters=["round"])
    assert np.array_equal(difference.first[0], nm.evaluate(run, events).predictions == events.label)
    assert np.array_equal(difference.second, finished_answers.right)
    with refused(UsageError, "data-missing"):
        nm.compare_accuracy([run], [finished_answers])
    with refused(UsageError, "answers-samples-differ"):
        nm.compare_accuracy([run], [finished_answers], events[:20])
    with refused(UsageError, "grouping-unknown"):
        nm.compare_accuracy([run], [finished_answers], events, clusters=["sex"])


def test_seeds_pair_with_seeds(finished_answers: nm.Answers) -> None:
    twice = replace(
        finished_answers, predictions=np.repeat(finished_answers.predictions, 2, 0), seeds=(0, 1)
    )
    assert nm.compare_accuracy([twice], [finished_answers, finished_answers]).first.shape == (2, N)
    for first, second in (([twice], [finished_answers]), ([], [])):
        with refused(UsageError, "pairs-uneven"):
            nm.compare_accuracy(first, second)
    with refused(UsageError, "pairs-uneven"):
        nm.compare_accuracy([])
    with refused(UsageError, "runs-without-integers") as caught:
        nm.compare_accuracy([finished_answers])
    assert "`second=[FOLDER2]`" in caught.value.fix


def test_answers_by_other_folds_are_not_compared(finished_answers: nm.Answers) -> None:
    blockwise = nm.cross_validate(speakers(), small_options(epochs=1), by=12)
    with refused(UsageError, "answers-folds-differ"):
        nm.compare_accuracy([finished_answers], [blockwise])
