"""All functions give the same results for samples on disk, read in portions, as in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nmtool as nm
from nmtool.data import events, stored, write_shd
from nmtool.data.binning import count_dropped
from nmtool.data.dataset import joined
from nmtool.data.dividing import Folds
from nmtool.data.remarks import remarks
from nmtool.training.loop import trainer
from nmtool.training.loop.validation import Validation
from nmtool.training.processes.ranks import ALONE
from tests.nmtool.data.test_stored import is_on_disk
from tests.training.small_data import small_events, small_options, without_seconds

pytestmark = pytest.mark.torch

BLENDED = {"blend": 0.5, "jitter_ms": 1.0, "onset_ms": 3.0, "drop": 0.2}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("small")
    with pytest.MonkeyPatch.context() as patch:
        # The variable NMTOOL_CACHE would also move the compiled kernels.
        patch.setattr("nmtool.paths.cache_folder", lambda: path / "cache")
        patch.setattr(stored, "IN_MEMORY_BYTES", 0)
        for module in (events, trainer):
            patch.setattr(module, "AT_ONCE", 7)
        for split, seed in (("train", 1), ("valid", 2), ("test", 3)):
            write_shd(path / f"small_{split}.h5", small_events(20 + 8 * seed, seed))
        yield path


@pytest.fixture(scope="module")
def both(folder: Path) -> tuple[nm.Dataset, nm.Dataset]:
    on_disk, in_memory = nm.load_dataset(folder), nm.load_dataset(folder, in_memory=True)
    assert is_on_disk(on_disk.train)
    assert not is_on_disk(in_memory.train)
    return on_disk, in_memory


@pytest.mark.parametrize("settings", [{}, BLENDED, {"arithmetic": "integer"}])
def test_training_is_the_same(both: tuple, settings: dict[str, Any]) -> None:
    first, second = (nm.train(data, small_options(epochs=2, **settings)) for data in both)
    assert first.network.content_hash == second.network.content_hash
    assert without_seconds(first.log) == without_seconds(second.log)
    if first.integers is not None:
        assert first.integers.content_hash == second.integers.content_hash


@pytest.mark.parametrize(("splits", "by"), [(("train",), 15), (("train", "test"), 40)])
@pytest.mark.parametrize("arithmetic", ["float", "integer"])
def test_cross_validation_is_the_same(
    both: tuple, splits: tuple[str, ...], by: int, arithmetic: str
) -> None:
    options = small_options(epochs=1, arithmetic=arithmetic)
    first, second = (nm.cross_validate(data, options, by=by, splits=splits) for data in both)
    assert first.data_hash == second.data_hash
    assert np.array_equal(first.predictions, second.predictions)
    assert first.is_finished


def test_a_run_from_disk_is_resumed_from_memory(both: tuple, tmp_path: Path) -> None:
    hashes = []
    for number, begun in enumerate(both):
        folder = tmp_path / f"run{number}"
        nm.train(begun, small_options(epochs=2), folder=folder)
        resumed = nm.train(both[1], small_options(epochs=3), folder=folder, resume=True)
        hashes.append(resumed.network.content_hash)
    assert hashes[0] == hashes[1]


@pytest.fixture(scope="module")
def quantised(both: tuple) -> nm.IntegerNetwork:
    run = nm.train(both[1], small_options(epochs=2))
    first, second = (nm.quantise(run.network, calibrate_on=data) for data in both)
    assert first.network.content_hash == second.network.content_hash
    assert first.cost == second.cost
    return first.network


def test_validation_bins_a_single_batch_once(
    both: tuple, quantised: nm.IntegerNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = nm.train(both[1], small_options(epochs=1))
    bin, binned = nm.Network.bin, []

    def count(network: nm.Network, events: nm.SpikeEvents) -> object:
        binned.append(events.n_samples)
        return bin(network, events)

    monkeypatch.setattr(nm.Network, "bin", count)
    accuracies = []
    for data in both:
        validation = Validation(data.validation, run.network, ALONE)
        accuracies += [validation.right(quantised).mean() for _ in range(2)]
    assert len(set(accuracies)) == 1
    assert binned == [*(2 * [7, 7, 7, 7, 7, 1]), 36]


def test_evaluation_is_the_same(both: tuple, quantised: nm.IntegerNetwork) -> None:
    on_disk, in_memory = (nm.evaluate(quantised, data.test) for data in both)
    assert on_disk.recording is None
    assert in_memory.recording is not None
    assert on_disk.as_json() == in_memory.as_json()
    assert np.array_equal(on_disk.scores, in_memory.scores)
    assert on_disk.confusion.as_json() == in_memory.confusion.as_json()
    assert in_memory.accuracy == in_memory.recording.accuracy(both[1].test.label)


@pytest.mark.parametrize(
    "ask",
    [
        lambda data, network: data.describe(),
        lambda data, network: [str(finding) for finding in remarks(data)],
        lambda data, network: nm.propose_grid(data.train),
        lambda data, network: [count_dropped(data.train, dt, 9) for dt in (0.5, 1.0, 2.0)],
        lambda data, network: dict(nm.simulate(network, data.test).spikes),
        lambda data, network: joined(data, ("test", "train")).content_hash,
        lambda data, network: [
            part.content_hash for part in data.train.divide(Folds(5).assign(data.train))
        ],
        lambda data, network: data.test.draw(9).content_hash,
    ],
)
def test_answers_are_the_same(ask: Any, both: tuple, quantised: nm.IntegerNetwork) -> None:
    on_disk, in_memory = (ask(data, quantised) for data in both)
    assert on_disk == in_memory


def test_costs_are_the_same(both: tuple, quantised: nm.IntegerNetwork) -> None:
    on_disk, in_memory = (nm.cost(quantised, data.test).as_json() for data in both)
    assert on_disk == in_memory


def test_faults_are_tried_on_the_first_batch(both: tuple, quantised: nm.IntegerNetwork) -> None:
    on_disk = nm.verify(quantised, both[0].test, against=["onnx"], faults=True)
    first = nm.verify(quantised, both[1].test[:7], against=["onnx"], faults=True)
    assert on_disk.mutation is not None
    assert (on_disk.mutation, on_disk.mutation.samples) == (first.mutation, 7)


def test_few_samples_on_disk_are_recorded(both: tuple, quantised: nm.IntegerNetwork) -> None:
    on_disk, in_memory = (nm.evaluate(quantised, data.test[:7]).recording for data in both)
    assert on_disk.spikes == in_memory.spikes


def test_comparison_is_the_same(both: tuple, quantised: nm.IntegerNetwork) -> None:
    on_disk, in_memory = (nm.compare_accuracy([quantised], [quantised], data.test) for data in both)
    assert on_disk.as_json() == in_memory.as_json()


def test_exports_are_the_same(both: tuple, quantised: nm.IntegerNetwork, tmp_path: Path) -> None:
    files = [
        nm.export(quantised, tmp_path / f"{n}.onnx", samples=data) for n, data in enumerate(both)
    ]
    assert files[0].read_bytes() == files[1].read_bytes()


def counts(certificate: nm.Certificate) -> dict[str, Any]:
    report = certificate.as_json()
    for check in report["backends"].values():
        del check["seconds"]
    return report


def test_verification_is_the_same(both: tuple, quantised: nm.IntegerNetwork) -> None:
    on_disk, in_memory = (nm.verify(quantised, data.test, against=["onnx"]) for data in both)
    assert on_disk.identical
    assert on_disk.samples == both[1].test.n_samples > 7
    assert on_disk.spikes_compared == in_memory.spikes_compared
    assert counts(on_disk) == counts(in_memory)


def test_a_network_in_an_export_of_another_format(
    both: tuple, quantised: nm.IntegerNetwork, tmp_path: Path
) -> None:
    """The export provides the network, and another format is compared."""
    path = nm.export(quantised, tmp_path / "net.c")
    on_disk, in_memory = (nm.verify(path, data.test, against="onnx") for data in both)
    assert list(on_disk.checks) == ["onnx"]
    assert counts(on_disk) == counts(in_memory)


def test_an_export_runs_as_it_is_in_every_portion(
    both: tuple, quantised: nm.IntegerNetwork, tmp_path: Path
) -> None:
    path = nm.export(quantised, tmp_path / "net.onnx")
    on_disk, in_memory = (nm.verify(path, data.test) for data in both)
    assert counts(on_disk) == counts(in_memory)
    assert on_disk.artefacts == in_memory.artefacts


def test_a_run_of_an_export_is_the_same(
    both: tuple, quantised: nm.IntegerNetwork, tmp_path: Path
) -> None:
    path = nm.export(quantised, tmp_path / "net.onnx")
    on_disk, in_memory = (nm.evaluate(path, data.test).as_json() for data in both)
    assert {**on_disk, "seconds": 0} == {**in_memory, "seconds": 0}


def test_differences_have_the_sample_numbers_of_all_data(
    both: tuple, quantised: nm.IntegerNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nmtool.exporters.onnx.format import Onnx

    right = Onnx.run
    bad = np.flatnonzero(both[1].test.counts)[-1]
    sample = both[1].test[[bad]]

    def wrong(artefact: Onnx, spikes: nm.Raster, **options: Any) -> nm.Recording:
        """A runtime that ignores the input of one sample."""
        wrong_input = quantised.bin(sample).raster
        deaf = [
            nm.Raster.silent(1, raster.n_steps, raster.n_neurons)
            if np.array_equal(raster.flat_index(), wrong_input.flat_index())
            else raster
            for raster in spikes
        ]
        return right(artefact, nm.Raster.concatenate(deaf), **options)

    monkeypatch.setattr(Onnx, "run", wrong)
    on_disk, in_memory = (nm.verify(quantised, data.test, against=["onnx"]) for data in both)
    assert not on_disk.identical
    assert on_disk.first_divergence == in_memory.first_divergence
    assert on_disk.first_divergence[1].sample == bad
    assert counts(on_disk)["backends"]["onnx"]["spikes_different"] > 0
