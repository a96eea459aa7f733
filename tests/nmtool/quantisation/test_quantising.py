"""`quantise`: calibration on any kind of data, and the accuracy lost."""

from __future__ import annotations

import importlib.util
import logging
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nmtool as nm
from nmtool.data import Dataset, SplitRule, bin_events
from nmtool.errors import DataError, UsageError
from nmtool.float_simulator import simulate_floats
from nmtool.network.float_network import Network
from nmtool.network.float_parts import Population
from nmtool.network.graph import LI
from nmtool.quantisation import RoundingCost, round_network, weight_ranges
from nmtool.quantisation.calibration import calibrate
from nmtool.quantisation.quantising import comparison_samples
from nmtool.raster import Raster
from nmtool.training.loop.manifest import Manifest
from nmtool.training.loop.run_folder import RunFolder
from tests.nmtool.cli import cases
from tests.refusals import codes, refused

TRAIN = cases.spike_events(cases.N_TRAIN, 1)
STEPS = 60
RASTER = bin_events(TRAIN, 1.0, STEPS).raster


def slow_network() -> Network:
    """A network whose output's head-room depends on calibration data."""
    hidden = cases.float_network().populations[0]
    slow = Population("out", 2, LI, tau_mem_ms=150.0, tau_syn_ms=150.0)
    return cases.float_network(populations=[hidden, slow], n_steps=STEPS)


NETWORK = slow_network()


def calibrated_on(raster: Raster) -> str:
    """Content hash of the calibrated integers."""
    rounding = partial(round_network, ranges=weight_ranges(NETWORK, 8))
    return rounding(
        NETWORK, calibration=calibrate(NETWORK, raster, to_integers=rounding)
    ).network.content_hash


def dataset(**splits: nm.SpikeEvents) -> Dataset:
    return Dataset("two", tuple(splits), splits.__getitem__)


# Tests of the calibration samples


def test_events_and_rasters_calibrate_alike() -> None:
    expected = calibrated_on(RASTER)
    for data in (TRAIN, RASTER):
        quantised = nm.quantise(NETWORK, calibrate_on=data)
        assert quantised.network.content_hash == expected
        assert quantised.report.calibrated
        assert quantised.cost is None
    assert quantised.network.source_hash == NETWORK.content_hash


def test_the_first_200_samples_calibrate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nmtool.quantisation.quantising.CALIBRATION_SAMPLES", 5)
    expected = calibrated_on(RASTER[:5])
    assert expected != calibrated_on(RASTER)
    assert nm.quantise(NETWORK, calibrate_on=RASTER).network.content_hash == expected


def test_without_data_a_network_is_not_calibrated(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "nmtool"):
        quantised = nm.quantise(NETWORK)
    assert [(record.name, record.levelno) for record in caplog.records] == [
        ("nmtool.quantisation.quantising", logging.WARNING)
    ]
    expected = round_network(NETWORK, ranges=weight_ranges(NETWORK, 8))
    assert quantised.network.content_hash == expected.network.content_hash
    assert not quantised.report.calibrated
    assert codes(quantised.findings) == codes(expected.findings)
    largest = nm.quantise(NETWORK, ranges="largest").network.content_hash
    assert largest == round_network(NETWORK).network.content_hash


@pytest.mark.torch
def test_a_data_set_calibrates_and_is_compared_on() -> None:
    compares = SplitRule(cases.N_TRAIN // 2).choose(TRAIN)
    drawn = TRAIN[compares]
    assert np.bincount(drawn.label).tolist() == [3, 3]
    raster = bin_events(TRAIN[~compares], 1.0, STEPS).raster
    quantised = nm.quantise(NETWORK, calibrate_on=dataset(train=TRAIN))
    assert quantised.network.content_hash == calibrated_on(raster)
    cost = quantised.cost
    assert cost is not None
    assert (cost.samples, cost.compared_on) == (
        6,
        "6 training samples, drawn per class, on which the network may have been trained",
    )
    before, after = nm.evaluate(NETWORK, drawn), nm.evaluate(quantised.network, drawn)
    assert (cost.float_accuracy, cost.integer_accuracy) == (before.accuracy, after.accuracy)
    alike = before.recording.predictions == after.recording.predictions
    assert cost.agreement == alike.mean()
    assert (cost.u_wraps, cost.v_clips) == (after.counts["u_wraps"], after.counts["v_clips"])
    assert [table.title for table in quantised.tables()][-1] == cost.tables()[0].title


@pytest.mark.torch
def test_quantise_compares_on_the_validation_samples(tmp_path: Path) -> None:
    quantised = nm.quantise(NETWORK, calibrate_on=dataset(train=TRAIN), validation="last 3")
    assert quantised.cost is not None
    assert quantised.cost.compared_on == "3 validation samples of the training split"
    raster = bin_events(TRAIN[:-3], 1.0, STEPS).raster
    assert quantised.network.content_hash == calibrated_on(raster)
    both = dataset(train=TRAIN, validation=cases.spike_events(5))
    quantised = nm.quantise(NETWORK, calibrate_on=both, validation="last 3")
    assert quantised.cost is not None
    assert quantised.cost.compared_on == "5 samples of the validation split"
    assert quantised.network.content_hash == calibrated_on(RASTER)
    divided = dataset(train=TRAIN).with_validation("last 3")
    manifest = Manifest.of(nm.TrainOptions(validation="last 3"), divided, ranks=1)
    RunFolder(tmp_path).create(manifest)
    NETWORK.save(tmp_path / "network.npz")
    quantised = nm.quantise(tmp_path, calibrate_on=dataset(train=TRAIN))
    assert quantised.network.content_hash == calibrated_on(raster)


@pytest.mark.torch
def test_samples_to_compare_on_may_be_named() -> None:
    others = cases.spike_events(4, 9)
    for data in (TRAIN, dataset(train=TRAIN, validation=cases.spike_events(5))):
        quantised = nm.quantise(NETWORK, calibrate_on=data, compare_on=others)
        assert quantised.cost is not None
        assert quantised.cost.compared_on == "4 samples"
        assert quantised.network.content_hash == calibrated_on(RASTER)
    assert nm.quantise(NETWORK, compare_on=others).cost is not None


@pytest.mark.parametrize(
    ("n_train", "amount", "n_left", "n_compared"),
    [
        (12, None, 6, 6),
        (12, "last 4", 8, 4),
        (12, "last 12", 6, 6),
        (12, "0", 6, 6),
        (3, None, 2, 1),
    ],
)
def test_samples_for_the_comparison_do_not_calibrate(
    n_train: int, amount: str | None, n_left: int, n_compared: int
) -> None:
    rest, name = comparison_samples(
        dataset(train=cases.spike_events(n_train)), amount and SplitRule(amount)
    )
    assert (rest.train.n_samples, rest.validation.n_samples) == (n_left, n_compared)
    assert ("validation" in name) == (amount == "last 4")


def test_a_single_sample_calibrates_and_nothing_is_compared(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO, "nmtool"):
        quantised = nm.quantise(NETWORK, calibrate_on=dataset(train=TRAIN[:1]))
    assert (quantised.cost, quantised.report.calibrated) == (None, True)
    assert len(caplog.records) == 1


def test_without_torch_ranges_are_searched_and_accuracies_compared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    quantised = nm.quantise(NETWORK, calibrate_on=TRAIN, compare_on=TRAIN, ranges="search")
    assert quantised.cost is not None
    before = simulate_floats(NETWORK, RASTER)
    assert quantised.cost.float_accuracy == before.accuracy(TRAIN.label)
    assert quantised.cost.integer_accuracy == nm.evaluate(quantised.network, TRAIN).accuracy


@pytest.mark.torch
def test_floats_that_cannot_be_trained_are_compared(caplog: pytest.LogCaptureFixture) -> None:
    instant = Population("hidden", 3, tau_syn_ms=0.0)
    network = cases.float_network(populations=[instant, cases.float_network().populations[1]])
    with caplog.at_level(logging.INFO, "nmtool"):
        quantised = nm.quantise(network, calibrate_on=TRAIN, compare_on=TRAIN)
    assert quantised.cost is not None
    assert quantised.cost.float_accuracy == nm.evaluate(network, TRAIN).accuracy
    assert all(record.levelno == logging.INFO for record in caplog.records)


def test_progress_is_shown() -> None:
    labels: list[str] = []

    @contextmanager
    def progress(label: str, total: int | None = None, remark: str = "") -> Any:
        labels.append(label)
        yield lambda n, remark="": None

    nm.quantise(NETWORK, calibrate_on=RASTER, progress=progress)
    assert labels == ["calibrating on 12 training samples"]


# Tests of calls that are refused


@pytest.mark.torch
def test_a_remark_names_the_bits_of_the_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    options = nm.TrainOptions(
        hidden=3, steps=STEPS, epochs=1, arithmetic="integer", weight_bits=4, delay_bits=3
    )
    nm.train(TRAIN, options, folder=tmp_path / "run", device="cpu", threads=1)
    floats = tmp_path / "run" / "network.npz"

    def remarked(**bits: int) -> list[str]:
        caplog.clear()
        nm.quantise(floats, calibrate_on="none", **bits)
        words = ("`weight_bits=4`", "`delay_bits=3`")
        return [word for word in words if word in caplog.text]

    assert remarked() == ["`weight_bits=4`", "`delay_bits=3`"]
    assert remarked(weight_bits=4) == ["`delay_bits=3`"]
    assert remarked(weight_bits=8, delay_bits=6) == []


def test_integers_are_not_quantised_again() -> None:
    with refused(UsageError, "quantised-already"):
        nm.quantise(cases.integer_network(), calibrate_on=TRAIN)  # type: ignore[arg-type]


@pytest.mark.parametrize("option", [{"ranges": "small"}, {"scale": "small"}])
def test_unknown_options(option: dict[str, str]) -> None:
    with refused(UsageError, "quantise-option-unknown") as caught:
        nm.quantise(NETWORK, calibrate_on=TRAIN, **option)  # type: ignore[arg-type]
    assert "'small'" in caught.value.what


@pytest.mark.parametrize("option", [{"ranges": "search"}, {"scale": "data"}])
def test_options_that_need_data(option: dict[str, str]) -> None:
    with refused(UsageError, "calibration-data-missing"):
        nm.quantise(NETWORK, **option)  # type: ignore[arg-type]


def test_bits_out_of_range() -> None:
    for ranges in ("largest", "error"):
        for bits in (1, 9):
            with refused(UsageError, "weight-bits-range") as caught:
                nm.quantise(NETWORK, weight_bits=bits, ranges=ranges)
            assert str(bits) in caught.value.what
    with refused(UsageError, "delay-bits-range"):
        nm.quantise(NETWORK, delay_bits=7)


def test_weights_of_nine_bits_are_refused_in_loihi2() -> None:
    with pytest.raises(nm.UsageError) as caught:
        round_network(nm.Network.layers([4, 2]), weight_bits=9)
    assert caught.value.code == "weight-bits-range"


@pytest.mark.usefixtures("tiny8")
def test_a_target_by_file_or_its_name(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        "name = 'mine'\nkind = 'chip'\narithmetic = { value = 'tiny8', mark = 'inferred' }"
    )
    bits = {"weight_bits": 5, "delay_bits": 4}
    quantised = [nm.quantise(NETWORK, target=target, **bits) for target in (file, str(file))]
    assert [q.network.arithmetic for q in quantised] == 2 * ["tiny8"]
    with refused(UsageError, "target-unknown"):
        nm.quantise(NETWORK, target="loihi3")


@pytest.mark.parametrize(
    ("samples", "after", "agreement", "remarked"),
    [(200, 0.30, 0.35, True), (200, 0.80, 0.96, False), (20, 0.70, 0.60, False)],
)
def test_accuracy_lost_is_remarked_on(
    samples: int, after: float, agreement: float, remarked: bool
) -> None:
    cost = RoundingCost(f"{samples} samples", samples, 0.84, after, agreement, 1.0, 0, 0)
    assert codes(cost.findings) == ["rounding-costs-accuracy"] * remarked


def test_data_that_do_not_fit() -> None:
    with refused(UsageError, "data-channels-differ"):
        nm.quantise(cases.float_network(channels=nm.InputChannels(4, 3)), calibrate_on=TRAIN)
    with refused(DataError, "input-channels-differ"):
        nm.quantise(NETWORK, calibrate_on=Raster.silent(2, STEPS, 5))
    with refused(DataError, "split-empty"):
        nm.quantise(NETWORK, calibrate_on=TRAIN[:0])
    with refused(DataError, "split-empty"):
        nm.quantise(NETWORK, calibrate_on=dataset(train=TRAIN[:0]))
    with refused(DataError, "split-missing"):
        nm.quantise(NETWORK, calibrate_on=dataset(test=TRAIN))
    with refused(DataError, "split-empty"):
        nm.quantise(NETWORK, calibrate_on=Raster.silent(0, STEPS, NETWORK.channels.size))
