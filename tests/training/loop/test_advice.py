"""What to try next: each kind of advice, and runs that need none."""

from __future__ import annotations

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
    """A run that learnt everything, but for what is given; the last epoch is the best."""
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


def codes(options: TrainOptions, entries: Log, network: nm.Network = NETWORK) -> list[str]:
    return [finding.code for finding in advice(options, entries, network)]


@pytest.mark.parametrize("validation", [1.0, None])
def test_a_run_that_learnt_everything_needs_none(validation: float | None) -> None:
    assert codes(OPTIONS, log(FLAT, validation=validation)) == []
    assert codes(OPTIONS, log(FALLING, validation=validation)) == []


def test_a_short_run_says_nothing() -> None:
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
def test_how_learning_ended(
    losses: list[float], train: float, validation: float | None, expected: list[str]
) -> None:
    assert codes(OPTIONS, log(losses, train, validation)) == expected


def test_a_loss_that_falls_after_the_best_epoch_is_no_reason_for_more() -> None:
    entries = log(FALLING, 0.6, 0.5)
    entries[2]["validation_accuracy"] = 0.59
    assert codes(OPTIONS, entries) == []


def test_memory_beside_long_samples() -> None:
    long = replace(OPTIONS, steps=2000)
    [finding] = advice(long, log(FLAT), NETWORK)
    assert finding.code == "memory-short"
    assert "2,000 ms" in finding.what
    slow = [replace(p, tau_mem_ms=200.0) for p in NETWORK.populations]
    assert codes(long, log(FLAT), replace(NETWORK, populations=slow)) == []


@pytest.mark.parametrize(
    ("limit", "setting"), [(20, "`max_delay=40`"), (40, "`max_delay=61`"), (61, "`dt_ms=1.5`")]
)
def test_delays_at_their_limit(limit: int, setting: str) -> None:
    delay = np.full((4, 8), limit // 2)
    network = NETWORK.with_projections(
        [replace(p, delay=np.resize(delay, p.delay.shape)) for p in NETWORK.projections]
    )
    options = replace(OPTIONS, max_delay=limit)
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
    entries[-1]["confused"]["share"] = 0.2
    assert codes(OPTIONS, entries) == []


@pytest.mark.parametrize("schedule", ["cosine", "linear", "constant"])
def test_learning_rates_that_rise_again(schedule: str) -> None:
    before = TrainOptions(epochs=10, schedule=schedule)
    rises = [finding.code for finding in rates_rise(replace(before, epochs=20), before, 10)]
    assert rises == ([] if schedule == "constant" else ["learning-rates-rise"])
    assert list(rates_rise(before, before, 5)) == []


def test_the_log_keeps_the_commonest_mistake_and_a_longer_run_is_warned(
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
