"""The training loop: learning, saved networks, and determination by the seed."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest
import torch

from nmtool.data import Dataset, SpikeEvents, bin_events
from nmtool.errors import DataError, FileFormatError, StorageError, UsageError
from nmtool.evaluation.evaluation import evaluate
from nmtool.float_simulator import simulate_floats
from nmtool.network.graph import InputChannels
from nmtool.network.readout import RULES
from nmtool.training.front.model import SpikingNetwork
from nmtool.training.loop.batches import first_samples
from nmtool.training.loop.manifest import Manifest
from nmtool.training.loop.run import run_training
from nmtool.training.loop.run_folder import RunFolder
from nmtool.training.loop.trainer import BatchReport, Trainer
from tests.refusals import refused
from tests.training.small_data import (
    EMPTY,
    small_dataset,
    small_events,
    small_options,
    without_seconds,
)

pytestmark = pytest.mark.torch


_LEARNABLE = {
    "mean": {},
    "weighted": {},
    "max": {"gain": 20.0, "init_output": [0.2, 0.2]},
    "window": {"window": 40},
    "first_spike": {},
}
"""Settings of each readout besides the defaults: with `max`, outputs below 0 would not learn."""

_LEARNT = dict.fromkeys(RULES, 0.75) | {"first_spike": 0.55}
"""Validation accuracy that is reached with any seed on any machine; chance is a third.

First spikes may depend on the last bit of a membrane, so that runs with them differ most.
"""


@pytest.mark.parametrize("rule", RULES)
def test_training_reduces_the_loss(rule: str) -> None:
    options = small_options(readout=rule, epochs=8, lr=0.03, shift=0, **_LEARNABLE[rule])
    trainer = run_training(options, small_dataset(80))
    assert max(entry["validation_accuracy"] for entry in trainer.log) >= _LEARNT[rule]
    assert trainer.log[-1]["loss"] < 0.5 * trainer.log[0]["loss"]


def test_the_number_of_threads_does_not_matter() -> None:
    usual = numba.get_num_threads()
    results = []
    try:
        for threads in (1, 2):
            numba.set_num_threads(threads)
            options = small_options(epochs=2, batch_size=40, hidden=(12, 12))
            trainer = run_training(options, small_dataset(80))
            results.append((trainer.best.content_hash, without_seconds(trainer.log)))
    finally:
        numba.set_num_threads(usual)
    assert results[0] == results[1]


def test_the_seed_decides() -> None:
    first, again, other = (
        run_training(small_options(epochs=1, seed=seed), small_dataset()).best.content_hash
        for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def _watched(events: SpikeEvents, taken: list[np.ndarray]) -> SpikeEvents:
    """The same samples, recording the indices of those that are taken."""

    class Watched(SpikeEvents):
        def take(self, samples):
            # Samples that are taken from a batch, and not from all events, are ignored.
            if self.n_samples == events.n_samples:
                taken.append(np.array(samples))
            return super().take(samples)

    names = [field.name for field in fields(SpikeEvents) if field.init]
    return Watched(**{name: getattr(events, name) for name in names})


def test_every_epoch_takes_every_sample_once_in_a_new_order() -> None:
    batches: list[np.ndarray] = []
    watched = _watched(small_events(37, 1), batches)
    reports: list[BatchReport] = []
    trainer = Trainer(small_options(epochs=2), watched, None, on_batch=reports.append)
    batches.clear()
    trainer.run()
    assert [len(batch) for batch in batches] == [16, 16, 5] * 2
    first, second = np.concatenate(batches[:3]), np.concatenate(batches[3:])
    assert sorted(first) == sorted(second) == list(range(37))
    assert first.tolist() != second.tolist()
    updates = [(r.epoch, r.update, r.n_updates, r.samples) for r in reports]
    assert updates == [
        (1, 1, 6, 16), (1, 2, 6, 16), (1, 3, 6, 5),
        (2, 4, 6, 16), (2, 5, 6, 16), (2, 6, 6, 5),
    ]  # fmt: skip


def test_learning_rates_follow_the_schedule() -> None:
    # Adam's first step equals the learning rate. At the start of the warm-up, the learning rate is
    # a quarter of `lr`.
    options = small_options(epochs=4, warmup=1.0, lr=0.02, delay_lr=1.0)
    steps: list[list[float]] = []

    def on_batch(report: BatchReport) -> None:
        now = [p.detach().clone() for p in trainer.model.parameters()]
        steps.append([float((n - o).abs().max()) for n, o in zip(now, start, strict=True)])

    trainer = Trainer(options, small_events(1, 1), None, on_batch=on_batch)
    start = [p.detach().clone() for p in trainer.model.parameters()]
    trainer.run()
    weight_step, delay_step = steps[0][:2]
    assert weight_step == pytest.approx(0.02 / 4, rel=1e-3)
    assert delay_step == pytest.approx(1.0 / 4, rel=1e-3)


@pytest.mark.parametrize(
    ("schedule", "factors"), [("linear", [0.5, 1, 1, 0.5]), ("constant", [0.5, 1, 1, 1])]
)
def test_other_schedules_than_the_default(schedule: str, factors: list[float]) -> None:
    options = small_options(epochs=4, warmup=0.5, lr=0.02, delay_lr=1.0, schedule=schedule)
    rates: list[list[float]] = []

    def on_batch(report: BatchReport) -> None:
        rates.append([group["lr"] for group in trainer._optimiser.adam.param_groups])

    trainer = Trainer(options, small_events(1, 1), None, on_batch=on_batch)
    trainer.run()
    assert rates == [[0.02 * factor, factor] for factor in factors]


def test_a_last_batch_that_is_not_full_is_learnt() -> None:
    trainer = Trainer(small_options(epochs=1), small_events(1, 1), None)
    before = trainer.model.to_network()
    after = trainer.run()
    for old, new in zip(before.projections, after.projections, strict=True):
        assert not np.array_equal(old.weight, new.weight)


def test_empty_samples_are_trained_on_and_classified() -> None:
    events = small_events(20, 1)
    assert events.counts[EMPTY] == 0
    only_empty = events.take([EMPTY] * 5)
    trainer = Trainer(small_options(epochs=2, rescue=0.0), only_empty, only_empty)
    before = trainer.model.to_network()
    after = trainer.run()
    # Without a spike, the network cannot learn. All classes have equal scores, so that the network
    # predicts the first class.
    assert all(entry["loss"] == pytest.approx(np.log(3)) for entry in trainer.log)
    assert trainer.log[-1]["validation_accuracy"] == float((only_empty.label == 0).mean())
    for old, new in zip(before.projections, after.projections, strict=True):
        np.testing.assert_array_equal(old.weight, new.weight)


def test_an_empty_sample_does_not_change_the_gradients_of_others() -> None:
    events = small_events(8, 1)
    rest = [s for s in range(8) if s != EMPTY]
    raster = bin_events(events, 2.0, 30).raster
    network = Trainer(small_options(), events, None).model.network

    def gradient(samples: list[int]) -> torch.Tensor:
        model = SpikingNetwork(network)
        (model(raster.take(samples)).membrane["output"] ** 2).sum().backward()
        gradient = model.synapses[0].weight.grad
        assert gradient is not None
        return gradient

    assert gradient(rest).abs().max() > 0
    torch.testing.assert_close(gradient(list(range(8))), gradient(rest), rtol=1e-5, atol=1e-8)


def test_gradients_are_clipped_before_the_update() -> None:
    # Gradients far below Adam's ε, which is 1e-8, have no effect.
    trainer = Trainer(small_options(clip_norm=1e-14, rescue=0.0), small_events(20, 1), None)
    before = [parameter.detach().clone() for parameter in trainer.model.parameters()]
    trainer.run()
    for old, new in zip(before, trainer.model.parameters(), strict=True):
        torch.testing.assert_close(new, old, rtol=0, atol=1e-4)


def test_the_training_accuracy_is_counted_before_updates() -> None:
    """In the only batch of the first epoch, the network is still the initial one."""
    events = small_events(20, 1)
    options = small_options(epochs=1, batch_size=20, shift=0, stretch=0.0, lr=0.1)
    trainer = Trainer(options, events, None)
    accuracy = evaluate(trainer.model.to_network(), events).accuracy
    trainer.run()
    assert trainer.log[0]["train_accuracy"] == accuracy
    # A count of mistakes, or a count after the update, would give another number.
    assert accuracy not in (0.5, evaluate(trainer.model.to_network(), events).accuracy)


def test_files_of_a_run(tmp_path: Path) -> None:
    folder, options, dataset = RunFolder(tmp_path / "run"), small_options(steps=25), small_dataset()
    entries: list[dict] = []
    trainer = run_training(options, dataset, folder=folder, on_epoch=entries.append)
    assert {path.name for path in folder.path.iterdir()} == {
        "run.json", "log.jsonl", "log.csv", "network.npz", "checkpoint.npz"
    }  # fmt: skip
    manifest = folder.manifest()
    assert manifest.data == "small"
    assert manifest.ranks == 1
    assert folder.options() == options
    lines = [json.loads(line) for line in folder.log_file.read_text("utf-8").splitlines()]
    assert lines == trainer.log == entries
    assert [line["epoch"] for line in lines] == [1, 2, 3, 4]
    last = lines[-1]
    assert 0 <= last["train_accuracy"] <= 1
    assert last["spikes_per_neuron"]["hidden"] > 0
    # The 25 steps of 2 ms end before the last events, at 55 ms. A bin contains at most one spike.
    assert last["dropped_events"] > 0
    assert last["surplus_events"] > 0


def test_a_run_is_not_overwritten(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    run_training(small_options(epochs=1), small_dataset(), folder=folder)
    before = {path.name: path.read_bytes() for path in folder.path.iterdir()}
    with refused(UsageError, "path-taken"):
        run_training(small_options(epochs=2, seed=1), small_dataset(), folder=folder)
    assert {path.name: path.read_bytes() for path in folder.path.iterdir()} == before


def test_a_run_needs_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    manifest = Manifest.of(small_options(), small_dataset(), ranks=1)
    with refused(StorageError, "folder-not-made"):
        RunFolder(tmp_path / "file" / "run").create(manifest)


@pytest.mark.parametrize("text", ["", "[1]", '{"options": 3}'])
def test_a_damaged_manifest_is_refused(text: str, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    with refused(FileFormatError, "run-missing"):
        folder.options()
    folder.manifest_file.write_text(text, "utf-8")
    with refused(FileFormatError, "file-damaged"):
        folder.options()


def test_options_of_a_manifest_are_checked(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    manifest = Manifest.of(small_options(), small_dataset(), ranks=1)
    folder.create(replace(manifest, options={"epochs": "all"}))
    with refused(UsageError, "setting-type") as caught:
        folder.options()
    assert str(folder.manifest_file) in caught.value.what


@pytest.mark.parametrize("most_spikes", [1, 3])
def test_neurons_of_a_new_network_reach_the_rate_on_counts(most_spikes: int) -> None:
    train = small_events(64, 1, most_spikes=30)
    options = small_options(
        init_rate=3.0, hidden="12,8", reset="subtract", most_spikes=most_spikes
    ).fitted_to(train)
    network = Trainer(options, train, None).best
    assert network.channels.most_spikes == options.input_counts >= 30
    spikes = simulate_floats(network, first_samples(network, train)).spikes.values()
    for raster in spikes:
        rate = raster.n_spikes / (raster.n_samples * raster.n_neurons)
        assert rate == pytest.approx(3.0, abs=0.1)
    assert max(raster.most_spikes for raster in spikes) == most_spikes


def test_the_network_knows_the_rule_of_its_numbers() -> None:
    values = np.random.default_rng(0).normal(size=(12, 20, 2))
    train = SpikeEvents.from_values(values, np.arange(12) % 3, bits=4)
    options = small_options(epochs=1, steps=25).fitted_to(train)
    network = Trainer(options, train, None).best
    assert network.channels == InputChannels(4, most_spikes=15, analogue=train.analogue)


def test_starts_from_a_given_network() -> None:
    options = small_options(lr=0.0, delay_lr=0.0, epochs=1, rescue=0.0)
    start = run_training(small_options(seed=7), small_dataset()).best
    assert Trainer(options, small_events(20, 3), None, network=start).run().content_hash == (
        start.content_hash
    )


def test_the_manifest_says_which_network_a_run_started_from(tmp_path: Path) -> None:
    first, second = RunFolder(tmp_path / "first"), RunFolder(tmp_path / "second")
    run_training(small_options(epochs=6, lr=0.05), small_dataset(), folder=first)
    run_training(small_options(epochs=1), small_dataset(), folder=second, start=first)
    assert first.manifest().start is None
    assert second.manifest().start == first.network().content_hash


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"class_names": ("a", "b", "c", "d")}, "data-classes-differ"),
        ({"class_names": ("low", "high", "middle")}, "class-names-differ"),
        ({"n_units": 10}, "data-channels-differ"),
    ],
)
def test_other_data_than_those_of_the_start_are_refused(
    change: dict[str, Any], code: str, tmp_path: Path
) -> None:
    start, folder = RunFolder(tmp_path / "start"), RunFolder(tmp_path / "run")
    run_training(small_options(epochs=1), small_dataset(), folder=start)
    other = Dataset("other", ("train",), lambda _: replace(small_events(20, 1), **change))
    with refused(UsageError, code):
        run_training(small_options(), other, folder=folder, start=start)
    assert not folder.path.exists()


def test_splits_without_samples_are_refused() -> None:
    nothing = small_events(20, 1).take([])
    with refused(DataError, "split-empty") as caught:
        Trainer(small_options(), nothing, None)
    assert "training" in caught.value.what
    with refused(DataError, "split-empty") as caught:
        Trainer(small_options(), small_events(20, 1), nothing)
    assert "validation" in caught.value.what


def test_the_test_split_is_never_read() -> None:
    splits = {"train": small_events(20, 1), "validation": small_events(10, 2)}
    dataset = Dataset("no test", ("train", "validation", "test"), splits.__getitem__)
    assert len(run_training(small_options(epochs=1), dataset).log) == 1


def test_divergence_is_reported() -> None:
    with refused(UsageError, "training-diverged") as caught:
        run_training(small_options(lr=1e37), small_dataset())
    assert "the loss of update" in caught.value.what


def test_gradients_that_are_no_numbers_are_divergence() -> None:
    trainer = Trainer(small_options(epochs=1), small_events(20, 1), None)
    weight = trainer.model.synapses[0].weight
    weight.register_hook(lambda grad: grad.index_fill(0, torch.tensor([2]), -np.inf))
    with refused(UsageError, "training-diverged") as caught:
        trainer.run()
    assert "gradients of update 1 " in caught.value.what
    assert "delay_lr" in caught.value.fix
    assert all(parameter.isfinite().all() for parameter in trainer.model.parameters())


def first_network(options: Any, data: Dataset) -> Any:
    """The network of a run before its first update."""
    data = data.with_validation(options.validation_rule)
    return Trainer(options, data.train, data.validation).best


@pytest.mark.parametrize("arithmetic", ["float", "integer"])
def test_the_initial_network_is_recomputed(arithmetic: str, tmp_path: Path) -> None:
    options = small_options(epochs=1, arithmetic=arithmetic)
    folder = RunFolder(tmp_path / "run")
    run_training(options, small_dataset(), folder=folder)
    assert (
        folder.manifest().initial == first_network(folder.options(), small_dataset()).content_hash
    )
    assert folder.manifest().initial != folder.network().content_hash
    other = first_network(replace(options, seed=1), small_dataset())
    assert folder.manifest().initial != other.content_hash


def test_the_initial_network_is_recomputed_with_a_drawn_validation_split(tmp_path: Path) -> None:
    data = Dataset.of(train=small_events(40, 1))
    for seed in (1, 2, 3):
        options = small_options(epochs=1, seed=seed, validation=12, init_rate=3.0)
        folder = RunFolder(tmp_path / f"run{seed}")
        run_training(options, data.with_validation(options.validation_rule), folder=folder)
        assert folder.manifest().initial == first_network(folder.options(), data).content_hash


BARE = '{"epoch": 1, "loss": 1, "train_accuracy": 0}'


@pytest.mark.parametrize("line", ["3", "{}", "{", BARE, BARE.replace("0", '"x"')])
def test_a_log_that_holds_no_epochs_is_damaged(line: str, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    whole = BARE.replace("}", ', "validation_accuracy": null}')
    folder.log_file.write_text(f"{whole}\n")
    assert [entry["epoch"] for entry in folder.read_log()] == [1]
    folder.log_file.write_text(f"{whole}\n{line}\n")
    with refused(FileFormatError, "file-damaged"):
        folder.read_log()
