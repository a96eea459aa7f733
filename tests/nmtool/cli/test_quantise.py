"""`nmtool quantise`: the same integers as in Python; no existing file is lost."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from nmtool.data import bin_events
from nmtool.network.float_network import Network
from nmtool.network.float_parts import Population, Projection
from nmtool.network.graph import LI
from nmtool.network.integer_network import IntegerNetwork
from nmtool.quantisation import DelayGrid, round_network, weight_ranges
from nmtool.quantisation.calibration import calibrate
from nmtool.quantisation.weights import score_error
from nmtool.raster import Raster
from tests.nmtool.cli import cases
from tests.nmtool.cli.conftest import Nmtool


def calibrating(n_steps: int) -> Raster:
    """Training samples for calibration; accuracies are compared on the others."""
    first = cases.spike_events(cases.N_TRAIN, 1)[: cases.N_TRAIN // 2]
    return bin_events(first, 1.0, n_steps).raster


def test_a_network_is_quantised_without_data(nmtool: Nmtool, floats: Path) -> None:
    result = nmtool("quantise", floats, "-o", "q.npz")
    assert result.code == 0
    network = cases.float_network()
    expected = round_network(network, ranges=weight_ranges(network, 8)).network
    assert IntegerNetwork.load("q.npz").content_hash == expected.content_hash
    assert result.out == "q.npz written\n"
    assert result.err.startswith("no calibration data")


@pytest.mark.usefixtures("data")
def test_a_network_is_quantised_with_data(nmtool: Nmtool, floats: Path) -> None:
    hidden = cases.float_network().populations[0]
    slow = Population("out", 2, LI, tau_mem_ms=150.0, tau_syn_ms=150.0)
    network = cases.float_network(populations=[hidden, slow], n_steps=120)
    network.save(floats)
    six_bits = partial(round_network, weight_bits=6, ranges=weight_ranges(network, 6))
    shown = calibrate(network, calibrating(120), to_integers=six_bits)
    expected = six_bits(network, calibration=shown, scale="data")
    result = nmtool(
        *("quantise", floats, "-o", "q.npz", "--data", "two", "--weight-bits", "6"),
        *("--scale", "data", "--json"),
    )
    assert result.code == 0
    assert result.json["file"] == "q.npz"
    assert result.json["hash"] == expected.network.content_hash
    assert result.json["source_hash"] == network.content_hash
    assert (result.json["calibrated"], result.json["cost"]["samples"]) == (True, 6)
    assert "bounds-from-data" in {finding["code"] for finding in result.json["findings"]}
    assert [p["weight_bits"] for p in result.json["projections"]] == [6, 6, 6]
    assert IntegerNetwork.load("q.npz").content_hash == expected.network.content_hash
    test = bin_events(cases.spike_events(cases.N_TEST, 2), 1.0, 120).raster
    for others in (
        six_bits(network, scale="data", calibration=calibrate(network, test)),
        six_bits(network),
    ):
        assert others.network.content_hash != expected.network.content_hash


@pytest.mark.usefixtures("data")
def test_the_cost_of_rounding_comes_first(nmtool: Nmtool, floats: Path) -> None:
    result = nmtool("quantise", floats, "-o", "q.npz", "--data", "two", "--details")
    accuracy, same, *tables = result.out.splitlines()
    assert " in integers, on 6 training samples, drawn per class" in accuracy
    assert re.fullmatch(r"same class in [\d.]+%, [\d.]+% of spikes in common", same)
    titles = ("weights and delays", "neurons", "cost of rounding")
    assert [line for line in tables if line in titles] == [*titles]
    brief = nmtool("quantise", floats, "-o", "q2.npz", "--data", "two")
    assert brief.out.splitlines() == [accuracy, same, "q2.npz written"]


def test_integers_of_a_run_need_no_quantising(nmtool: Nmtool) -> None:
    Path("run").mkdir()
    cases.float_network().save("run/network.npz")
    cases.integer_network().save("run/integers.npz")
    result = nmtool("quantise", "run", "-o", "q.npz")
    assert (result.code, result.out, result.error) == (2, "", "quantised-already")
    assert " run/network.npz\n" in result.err
    assert nmtool("quantise", "run/network.npz", "-o", "q.npz").code == 0


def test_delays_in_few_bits(nmtool: Nmtool, floats: Path) -> None:
    assert nmtool("quantise", floats, "-o", "q.npz", "--delay-bits", "1").code == 0
    grid = DelayGrid.spanning(1, round(cases.float_network().max_delay))
    for projection in IntegerNetwork.load("q.npz").projections:
        assert set(np.unique(projection.delay)) <= {0, grid.stride}


def test_moved_delays_are_in_the_table(nmtool: Nmtool, floats: Path) -> None:
    lines = nmtool("quantise", floats, "-o", "kept.npz", "--details").out.splitlines()
    assert lines[1].split("  ")[-1] == "delays clipped"
    result = nmtool("quantise", floats, "-o", "moved.npz", "--delay-bits", "1", "--details")
    header, _, *rows = result.out.splitlines()[1:6]
    assert header.endswith("delay error, steps")
    errors = [
        abs(quantised.delay.astype(int) - exact.delay).max()
        for quantised, exact in zip(
            IntegerNetwork.load("moved.npz").projections,
            cases.float_network().projections,
            strict=True,
        )
    ]
    assert [int(row.split()[-1]) for row in rows] == errors


@pytest.mark.usefixtures("data")
def test_searched_ranges_have_no_larger_score_error(nmtool: Nmtool, floats: Path) -> None:
    pytest.importorskip("torch")
    from nmtool.training.front.model import SpikingNetwork

    words = ("quantise", floats, "--data", "two", "--weight-bits", "2")
    assert nmtool(*words, "-o", "error.npz").code == 0
    assert nmtool(*words, "-o", "search.npz", "--ranges", "search").code == 0
    network = cases.float_network()
    spikes = calibrating(network.n_steps)
    scores = SpikingNetwork(network, max_delay=network.max_delay).record(spikes).scores
    before, after = (
        score_error(IntegerNetwork.load(name), spikes, scores)
        for name in ("error.npz", "search.npz")
    )
    assert after <= before


def test_infinite_time_constants_are_written_as_json(nmtool: Nmtool) -> None:
    first, second = cases.float_network().populations
    tau = {"tau_mem_ms": np.inf, "tau_syn_ms": np.inf}
    cases.float_network(populations=[Population("hidden", 3, **tau), second]).save("f.npz")
    result = nmtool("quantise", "f.npz", "-o", "q.npz", "--json")
    assert result.code == 0
    assert result.json["populations"][0]["tau_mem_ms"] == "Infinity"
    assert first.name == result.json["populations"][0]["name"]
    assert nmtool("quantise", "f.npz", "-o", "q2.npz").code == 0


def test_findings_are_printed(nmtool: Nmtool) -> None:
    inputs, *others = cases.float_network().projections
    far = Projection("input", "hidden", inputs.weight, inputs.delay + 60)
    cases.float_network(projections=[far, *others]).save("far.npz")
    result = nmtool("quantise", "far.npz", "-o", "q.npz")
    assert result.code == 0
    assert "delay-range input → hidden: " in result.err


def test_an_existing_file_is_kept(nmtool: Nmtool, floats: Path, integers: Path) -> None:
    before = integers.read_bytes()
    result = nmtool("quantise", floats, "-o", integers)
    assert (result.code, result.out, result.error) == (2, "", "path-taken")
    assert str(integers) in result.err
    assert integers.read_bytes() == before


def test_force_replaces_earlier_results_only(nmtool: Nmtool, floats: Path, integers: Path) -> None:
    assert nmtool("quantise", floats, "-o", integers, "--weight-bits", "4", "--force").code == 0
    assert {p.weight_bits for p in IntegerNetwork.load(integers).projections} == {4}
    for path in (floats, Path("letter.npz"), Path("folder.npz")):
        if path == Path("letter.npz"):
            path.write_text("dear")
        if path == Path("folder.npz"):
            path.mkdir()
        result = nmtool("quantise", floats, "-o", path, "--force")
        assert (result.code, result.out, result.error) == (2, "", "path-foreign")
        assert str(path) in result.err
    assert Path("letter.npz").read_text() == "dear"
    assert Network.load(floats).content_hash == cases.float_network().content_hash


@pytest.mark.parametrize(
    ("words", "error", "phrase"),
    [
        (["integers.npz", "-o", "q.npz"], "quantised-already", "integers.npz"),
        (["floats.npz", "-o", "q.onnx"], "extension-wrong", "q.onnx"),
        (["floats.npz", "-o", "q"], "extension-wrong", ".npz"),
        (["floats.npz", "-o", "floats.npz/q.npz"], "file-not-written", "floats.npz"),
    ],
)
@pytest.mark.usefixtures("floats", "integers")
def test_wrong_usage(words: list[str], error: str, phrase: str, nmtool: Nmtool) -> None:
    result = nmtool("quantise", *words)
    assert (result.code, result.out, result.error) == (2, "", error)
    assert phrase in result.err
    assert not Path("q.npz").exists()


def test_calibration_on_silent_samples(nmtool: Nmtool, data: Path, floats: Path) -> None:
    cases.write_raw(data / "two_train.h5", [[], []], [[], []], [0, 1])
    result = nmtool("quantise", floats, "-o", "q.npz", "--data", "two")
    assert result.code == 0
    assert nmtool("evaluate", "q.npz", "two").code == 0
