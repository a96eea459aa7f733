"""Advice for the next run: each kind of advice, and runs that need none."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nmtool as nm
from nmtool.training.loop.advice import MIN_EPOCHS, advice, rates_rise
from nmtool.training.options import TrainOptions
from tests.training.small_data import small_dataset, small_options

OPTIONS = TrainOptions(hidden=8, steps=60, epochs=10)
NETWORK = nm.Network.layers([4, 8, 3], seed=1, delays=20)

Log = list[dict[str, Any]]


def log(losses: list[float], train: float = 1.0, validation: float | None = 1.0) -> Log:
    """Log of a run that learnt everything, with given changes; the last epoch is the best."""
    entry = {"silent_neurons": 0, "spikes_per_neuron": {"hidden": 3.0}}
    return [
        {
            **entry,
            "epoch": n + 1,
            "loss": loss,
            "train_accuracy": train,
            "validation_accuracy": validation,
        }
        for n, loss in enumerate(losses)
    ]


FLAT, FALLING = [0.5] * 10, list(np.linspace(2.0, 0.2, 10))


def codes(
    options: TrainOptions,
    entries: Log,
    network: nm.Network = NETWORK,
    n_validation: int | None = None,
) -> list[str]:
    return [finding.code for finding in advice(options, entries, network, n_validation)]


@pytest.mark.parametrize("validation", [1.0, None])
def test_a_run_that_learnt_everything_needs_no_advice(validation: float | None) -> None:
    assert codes(OPTIONS, log(FLAT, validation=validation)) == []
    assert codes(OPTIONS, log(FALLING, validation=validation)) == []


def test_a_short_run_gets_no_advice() -> None:
    assert codes(OPTIONS, log(FLAT[: MIN_EPOCHS - 1], 0.3, 0.3)) == []


@pytest.mark.parametrize(
    ("losses", "train", "validation", "expected"),
    [
        (FLAT, 0.99, 0.7, ["training-overfits"]),
        (FLAT, 0.6, 0.59, ["training-underfits"]),
        (FLAT, 0.6, None, ["training-underfits"]),
        (FALLING, 0.6, 0.59, ["still-learning"]),
        (FALLING, 0.8, 0.6, ["training-overfits", "still-learning"]),
    ],
)
def test_overfitting_underfitting_and_unfinished_learning(
    losses: list[float], train: float, validation: float | None, expected: list[str]
) -> None:
    assert codes(OPTIONS, log(losses, train, validation)) == expected


@pytest.mark.parametrize(
    ("n_validation", "expected"), [(None, True), (45, False), (300, True), (0, True)]
)
def test_a_gap_within_two_standard_errors_is_no_overfitting(
    n_validation: int | None, expected: bool
) -> None:
    # On 45 samples, two standard errors are 14.7 points.
    entries = log(FLAT, 0.54, 0.42)
    assert ("training-overfits" in codes(OPTIONS, entries, n_validation=n_validation)) == expected


@pytest.mark.parametrize(
    ("used", "advised"),
    [
        ({}, {"stretch": 0.2, "onset_ms": 10, "drop": 0.2}),
        ({"stretch": 0.1}, {"onset_ms": 10, "drop": 0.2}),
        (
            {"stretch": 0.2, "onset_ms": 50, "drop": 0.2},
            {"stretch": 0.4, "onset_ms": 100, "drop": 0.4},
        ),
        ({"stretch": 0.5, "onset_ms": 50, "drop": 1.0}, {"onset_ms": 100}),
    ],
)
def test_augmentation_in_use_is_not_advised_again(
    used: dict[str, float], advised: dict[str, float]
) -> None:
    [finding] = advice(replace(OPTIONS, **used), log(FLAT, 0.99, 0.7), NETWORK)
    settings = re.findall(r"`(\w+)=([0-9.]+)`", finding.fix)
    assert {name: float(value) for name, value in settings} == advised


@pytest.mark.parametrize(
    ("n_validation", "judge_epochs", "expected"),
    [(45, 1, True), (45, 5, False), (2000, 1, False), (None, 1, False)],
)
def test_a_best_epoch_chosen_by_chance(
    n_validation: int | None, judge_epochs: int, expected: bool
) -> None:
    entries = log(FLAT, 1.0, 0.9)
    accuracies = [0.5, 0.6, 0.7, 0.91, 0.94, 0.91, 0.9, 0.93, 0.92, 0.89]
    for entry, accuracy in zip(entries, accuracies, strict=True):
        entry["validation_accuracy"] = accuracy
    found = codes(replace(OPTIONS, judge_epochs=judge_epochs), entries, n_validation=n_validation)
    assert found == ["best-epoch-by-chance"] * expected


def test_epochs_of_equal_accuracy_need_no_better_choice() -> None:
    entries = log(FLAT, 1.0, 0.9)
    entries[3]["validation_accuracy"] = 0.91
    assert codes(OPTIONS, entries, n_validation=300) == []


def test_a_loss_that_falls_after_the_best_epoch_needs_no_more_epochs() -> None:
    entries = log(FALLING, 0.6, 0.5)
    entries[2]["validation_accuracy"] = 0.59
    assert codes(OPTIONS, entries) == []
    # On 45 samples, epoch 3 may be the best epoch by chance.
    assert "still-learning" in codes(OPTIONS, entries, n_validation=45)


def test_a_short_run_that_its_schedule_ends_needs_more_epochs() -> None:
    losses = [1.187, 0.948, 0.905, 0.850, 0.805, 0.792]
    options = replace(OPTIONS, epochs=6)
    [finding] = advice(options, log(losses, 0.6, 0.59), NETWORK)
    assert (finding.code, finding.fix) == ("still-learning", "try a new run with `epochs=12`")
    assert "from 0.905 to 0.85" in finding.what
    constant = replace(options, schedule="constant")
    assert codes(constant, log(losses, 0.6, 0.59)) == ["training-underfits"]


@pytest.mark.parametrize("warmup", [0.0, 0.9, 1.0])
def test_a_loss_is_judged_however_long_rates_rise(warmup: float) -> None:
    options = replace(OPTIONS, warmup=warmup)
    assert codes(options, log(FLAT, 0.6, 0.59)) == ["training-underfits"]
    assert codes(options, log(FALLING, 0.6, 0.59)) == ["still-learning"]


def test_memory_beside_long_samples() -> None:
    long = replace(OPTIONS, steps=2000)
    [finding] = advice(long, log(FLAT), NETWORK)
    assert finding.code == "memory-short"
    assert "2,000 ms" in finding.what
    slow = [replace(p, tau_mem_ms=200.0) for p in NETWORK.populations]
    assert codes(long, log(FLAT), replace(NETWORK, populations=slow)) == []


@pytest.mark.parametrize(
    ("limit", "changes", "setting"),
    [
        (20, {}, "`max_delay=40`"),
        (40, {}, "`max_delay=61`"),
        (61, {}, "`dt_ms=1.5`"),
        (60, {"arithmetic": "integer", "delay_bits": 4, "max_delay": 61}, "`dt_ms=1.5`"),
    ],
)
def test_delays_at_their_limit(limit: int, changes: dict[str, Any], setting: str) -> None:
    delay = np.full((4, 8), limit // 2)
    network = NETWORK.with_projections(
        [replace(p, delay=np.resize(delay, p.delay.shape)) for p in NETWORK.projections]
    )
    options = replace(OPTIONS, **({"max_delay": limit} | changes))
    assert codes(options, log(FLAT), network) == []
    delay[0] = limit
    findings = list(
        advice(
            options,
            log(FLAT),
            network.with_projections([replace(network.projections[0], delay=delay)]),
        )
    )
    assert [finding.code for finding in findings] == ["delays-at-limit"]
    assert setting in findings[0].fix
    fixed = replace(options, train_delays=False)
    assert codes(fixed, log(FLAT), network.with_projections([network.projections[0]])) == []


def test_activity() -> None:
    entries = log(FLAT)
    entries[-1] |= {"silent_neurons": 2, "spikes_per_neuron": {"hidden": 6.5}}
    assert codes(OPTIONS, entries) == ["neurons-silent", "neurons-busy"]
    entries[-1] |= {"silent_neurons": 1, "spikes_per_neuron": {"hidden": 5.5}}
    assert codes(OPTIONS, entries) == []


def test_classes_that_are_confused() -> None:
    entries = log(FLAT, validation=0.95)
    entries[-1]["confused"] = {"label": 2, "answer": 0, "share": 0.3}
    [finding] = advice(OPTIONS, entries, NETWORK)
    assert (finding.code, finding.where) == ("classes-confused", NETWORK.class_names[2])
    # With 45 samples, each class has 4 or 5 validation samples, which are too few for the finding.
    assert codes(OPTIONS, entries, n_validation=45) == []
    assert codes(OPTIONS, entries, n_validation=60) == ["classes-confused"]
    entries[-1]["confused"]["share"] = 0.2
    assert codes(OPTIONS, entries) == []


@pytest.mark.parametrize("schedule", ["cosine", "linear", "constant"])
def test_learning_rates_that_rise_again(schedule: str) -> None:
    before = TrainOptions(epochs=10, schedule=schedule)
    rises = [finding.code for finding in rates_rise(replace(before, epochs=20), before, 10)]
    assert rises == ([] if schedule == "constant" else ["learning-rates-rise"])
    assert list(rates_rise(before, before, 5)) == []


@pytest.mark.torch
def test_the_log_has_the_most_frequent_mistake_and_more_epochs_give_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "nmtool")
    options = small_options(epochs=MIN_EPOCHS, validation=10, lr=0.0, delay_lr=0.0)
    run = nm.train(small_dataset(), options, folder=tmp_path / "run")
    network, events = run.network, small_dataset().with_validation(options.validation_rule)
    assert events.validation is not None
    evaluation = nm.evaluate(network, events.validation)
    assert evaluation.confusion is not None
    counts = evaluation.confusion.counts.copy()
    np.fill_diagonal(counts, 0)
    label, answer = np.unravel_index(counts.argmax(), counts.shape)
    mistake = run.best.get("confused")
    if counts.any():
        assert mistake is not None
        assert (mistake["label"], mistake["answer"]) == (label, answer)
        share = counts[label, answer] / evaluation.confusion.counts[label].sum()
        assert mistake["share"] == pytest.approx(share)
    else:
        assert mistake is None
    assert run.n_validation == 20 == nm.Run.load(tmp_path / "run").n_validation
    advised_codes = [finding.code for finding in run.advice()]
    assert advised_codes
    assert [code for code in advised_codes if f"next[{code}]" not in caplog.text] == []
    nm.train(
        resume=True,
        folder=tmp_path / "run",
        data=small_dataset(),
        options=replace(run.options, epochs=2 * MIN_EPOCHS),
    )
    assert "remark[learning-rates-rise]" in caplog.text
