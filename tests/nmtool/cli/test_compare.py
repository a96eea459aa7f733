"""`nmtool compare`: pairs of networks on the same samples."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nmtool.data import bin_events
from nmtool.evaluation.accuracy_difference import AccuracyDifference
from nmtool.hardware_sim.simulator import simulate
from nmtool.network.integer_network import IntegerNetwork
from tests.nmtool.cli import cases
from tests.nmtool.cli.conftest import Nmtool

TEST = cases.spike_events(cases.N_TEST, 2)
"""The test split of the fixture `data`."""


@pytest.fixture
def deaf(tmp_path: Path) -> Path:
    """A file of the fixture `integers`' network, with input weights of 0."""
    network = cases.integer_network()
    first = network.projections[0]
    silent = replace(first, weight=np.zeros_like(first.weight))
    path = tmp_path / "deaf.npz"
    replace(network, projections=[silent, *network.projections[1:]]).save(path)
    return path


def _right(path: Path) -> np.ndarray:
    raster = bin_events(TEST, 1.0, 30).raster
    return simulate(IntegerNetwork.load(path), raster).predictions == TEST.label


@pytest.mark.usefixtures("data")
def test_pairs_as_json(nmtool: Nmtool, integers: Path, deaf: Path) -> None:
    result = nmtool(
        "compare", integers, deaf, "--data", "two", "--with", deaf, deaf, "--threads", "1", "--json"
    )
    assert result.code == 0
    right, none = _right(integers), _right(deaf)
    assert right.mean() > none.mean()
    paired = AccuracyDifference(np.stack([right, none]), np.stack([none, none]))
    assert result.json == {
        "data": "two",
        "split": "test",
        "samples": 6,
        "pairs": [
            {
                "first": str(first),
                "second": str(deaf),
                "first_accuracy": accuracy,
                "second_accuracy": none.mean(),
                "points": points,
                "only_first_right": gained,
                "only_second_right": 0,
            }
            for first, accuracy, points, gained in zip(
                (integers, deaf),
                (right.mean(), none.mean()),
                paired.points,
                paired.only_first,
                strict=True,
            )
        ],
        "first_accuracy": paired.first.mean(),
        "second_accuracy": paired.second.mean(),
        "points": paired.points.mean(),
        "interval": list(paired.interval()),
    }


@pytest.mark.usefixtures("data")
def test_pairs_in_the_terminal(nmtool: Nmtool, integers: Path, deaf: Path) -> None:
    result = nmtool("compare", integers, "--data", "two", "--with", deaf)
    assert result.code == 0
    points = 100 * (_right(integers).mean() - _right(deaf).mean())
    assert f"first minus second: {points:+.2f} points, 95 % interval" in result.out
    assert "(bootstrap over 6 samples; one pair" in result.out
    assert result.err == ""
    result = nmtool("compare", integers, integers, "--data", "two", "--with", integers, integers)
    assert "+0.00 points, 95 % interval -50.00 … +50.00 (" in result.out


def test_dropped_events_are_reported_once(nmtool: Nmtool, data: Path, integers: Path) -> None:
    cases.write_raw(data / "two_test.h5", [[0.001, 0.0301], [0.02, 0.5]], [[0, 0], [1, 1]], [0, 1])
    result = nmtool("compare", integers, integers, "--data", "two", "--with", integers, integers)
    (remark,) = result.err.splitlines()
    assert remark.startswith("remark[events-dropped]: 2 of the 4 events ")
    assert "30 steps of 1 ms" in remark


@pytest.mark.torch
@pytest.mark.usefixtures("data")
def test_a_run_is_compared_with_its_own_floats(nmtool: Nmtool) -> None:
    trained = nmtool(
        "train", "two", "-o", "run", "--arithmetic", "integer", "--epochs", "1", "--hidden", "8",
        "--validation", "4", "--steps", "30",
    )  # fmt: skip
    assert trained.code == 0
    result = nmtool("compare", "run", "--data", "two", "--json")
    expected = nmtool(
        "compare", "run/integers.npz", "--data", "two", "--with", "run/network.npz", "--json"
    )
    assert result.json == expected.json
    assert result.json["pairs"][0]["second"] == "run/network.npz"


@pytest.mark.usefixtures("data")
@pytest.mark.parametrize(
    ("words", "error", "phrase"),
    [
        ([], "runs-without-integers", "--with NETWORK …\n"),
        (["--with", "a.npz", "b.npz"], "pairs-uneven", "after --with as before it"),
        (["--with", "a.npz"], "file-missing", " a.npz\n"),
    ],
)
def test_networks_that_cannot_be_paired_are_refused(
    nmtool: Nmtool, integers: Path, words: list[str], error: str, phrase: str
) -> None:
    result = nmtool("compare", integers, "--data", "two", *words)
    assert (result.code, result.error) == (2, error)
    assert phrase in result.err
