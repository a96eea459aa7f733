"""`nmtool verify`: the certificate, its exact keys, and what it says when something differs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nmtool.data.dividing import drawn_samples
from nmtool.errors import BackendError, MissingError
from nmtool.exporters.lava import environment
from nmtool.hardware_sim.simulator import simulate
from nmtool.network.integer_network import IntegerNetwork, IntegerProjection
from tests.nmtool.cli import cases
from tests.nmtool.cli.conftest import Nmtool
from tests.nmtool.cli.fake_lava import FakeLava, flip_spike, shift_membrane
from tests.nmtool.cli.lava_case import (
    BINS,
    BUSIEST,
    COUNTS,
    FIRST,
    KEYS,
    RASTER,
    STOCK_KEYS,
    STOCK_SPIKES,
    STOCK_STEPS,
    STRETCH,
    VALUES,
    WORDS,
    events,
    write_case,
)


@pytest.fixture(autouse=True)
def _files(data: Path, integers: Path) -> None:
    write_case(data, integers)


ALWAYS = ("samples", "accuracy", "backends", "first_divergence")
"""Keys of JSON that scripts have always had."""


def test_identical_as_json(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    FakeLava().install(monkeypatch)
    result = nmtool(*WORDS, "--json")
    assert result.code == 0
    assert result.err == ""
    expected = simulate(IntegerNetwork.load("integers.npz"), RASTER)
    accuracy = expected.accuracy(events().label)
    entry = result.json["backends"]["lava"]
    assert set(entry) == KEYS | STOCK_KEYS | {"model"}
    assert entry.pop("seconds") >= 0
    assert result.json["hash"] == IntegerNetwork.load("integers.npz").content_hash
    assert len(result.json["artefacts"]["lava"]) == 64
    assert result.json["coverage"]["synapses"]["exercised"] > 0
    assert result.json["mutation"]["faults"] > 50
    assert result.json["overflows"]["neuron_updates"] == 6 * 30 * 5
    assert {key: result.json[key] for key in ALWAYS} == {
        "samples": 6,
        "accuracy": {"hardware_sim": accuracy, "lava": accuracy},
        "backends": {
            "lava": {
                "spikes_compared": BINS,
                "spikes_different": 0,
                "spikes_emitted": expected.spikes["hidden"].n_spikes,
                "membrane_compared": VALUES,
                "membrane_different": 0,
                "predictions_different": 0,
                "seconds": result.json["backends"]["lava"]["seconds"],
                "model": "fast",
                "stock_sample": BUSIEST,
                "stock_first_step": FIRST,
                "stock_steps": STOCK_STEPS,
                "stock_spikes_compared": STOCK_STEPS * 3,
                "stock_spikes_different": 0,
                "stock_spikes_emitted": STOCK_SPIKES,
                "stock_membrane_compared": STOCK_STEPS * (2 + 5 + 3),
                "stock_membrane_different": 0,
                "stock_equals_fast": True,
            }
        },
        "first_divergence": None,
    }


def test_identical_in_the_terminal(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    FakeLava().install(monkeypatch)
    result = nmtool(*WORDS, "--samples", "4")
    assert result.code == 0
    assert result.err.startswith("samples: 4 of 6, drawn per class")
    lines = result.out.splitlines()
    assert lines[0] == "4 samples"
    assert lines[3].split() == ["hardware_sim", "50.00%"]
    assert lines[4].split()[:-1] == ["lava", "(fast)", "50.00%", *COUNTS, "0"]
    assert lines[5].split() == ["lava", "(stock)", "72", "0", "0", "of", "240", "0"]
    drawn = drawn_samples(cases.spike_events(cases.N_TEST, 2).label, 4)
    stretch = STRETCH.replace(f"sample {BUSIEST}", f"sample {drawn.tolist().index(BUSIEST)}")
    emitted = simulate(IntegerNetwork.load("integers.npz"), RASTER.take(drawn)).spikes["hidden"]
    assert lines[7:9] == [
        f"lava: spikes compared 360, different 0; spikes emitted {emitted.n_spikes}",
        f"lava, stock model, {stretch}: spikes compared 72, different 0; spikes emitted 22",
    ]


def test_lava_runs_all_samples_fast_and_the_busiest_steps_stock(
    nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeLava().install(monkeypatch)
    assert nmtool(*WORDS, "--deep", "--json").json["backends"]["lava"]["membrane_compared"] == (
        VALUES + 30 * RASTER.n_samples * (5 + 3)
    )
    everything, stretch = fake.calls
    assert (everything["model"], everything["deep"]) == ("fast", True)
    assert np.array_equal(everything["spikes"].flat_index(), RASTER.flat_index())
    assert (stretch["model"], stretch["deep"]) == ("stock", True)
    short = RASTER.dense()[[BUSIEST], FIRST : FIRST + STOCK_STEPS]
    assert np.array_equal(stretch["spikes"].dense(), short)
    assert short.sum() > 3
    assert stretch["folder"] == everything["folder"]
    assert not everything["folder"].exists()


def test_a_spike_differs(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    FakeLava({"fast": flip_spike(3, 11, 2)}).install(monkeypatch)
    result = nmtool(*WORDS, "--json")
    assert result.code == 1
    entry = result.json["backends"]["lava"]
    assert set(result.json) >= set(ALWAYS)
    assert set(entry) == KEYS | STOCK_KEYS | {"model", "explanation"}
    assert (entry["spikes_compared"], entry["spikes_different"]) == (BINS, 1)
    assert (entry["membrane_different"], entry["stock_spikes_different"]) == (0, 0)
    expected = simulate(IntegerNetwork.load("integers.npz"), RASTER).spikes["hidden"].dense()
    assert result.json["first_divergence"] == {
        "backend": "lava",
        "sample": 3,
        "step": 11,
        "population": "hidden",
        "neuron": 2,
        "quantity": "spike",
        "expected": float(expected[3, 11, 2]),
        "actual": float(not expected[3, 11, 2]),
    }


def test_a_membrane_and_a_prediction_differ(
    nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch
) -> None:
    FakeLava({"fast": shift_membrane(1, 5, 0, 2**22)}).install(monkeypatch)
    result = nmtool(*WORDS)
    assert result.code == 1
    assert " 1 of 360 " in result.out
    assert "lava: spikes compared 540, different 0; spikes emitted " in result.out
    place = "  first divergence: sample 1, step 5, out[0], v: expected "
    assert place in result.out
    actual = result.out.partition(place)[2].split()[0].strip(",")
    assert f"got {int(actual) + 2**22}\n" in result.out
    assert nmtool(*WORDS, "--json").json["backends"]["lava"]["predictions_different"] == 1


def test_a_comparison_of_silence_warns(
    nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch, data: Path
) -> None:
    FakeLava().install(monkeypatch)
    cases.write_raw(data / "two_test.h5", [[], []], [[], []], [0, 1])
    result = nmtool(*WORDS)
    assert result.code == 0
    lines = result.out.splitlines()
    at = lines.index("lava: spikes compared 180, different 0; spikes emitted 0")
    assert lines[at + 2].endswith(": spikes compared 72, different 0; spikes emitted 0")
    warning = "  warning: no neuron spikes, silence was compared with silence"
    assert lines[at + 1] == lines[at + 3] == warning
    entry = nmtool(*WORDS, "--json").json["backends"]["lava"]
    assert (entry["spikes_emitted"], entry["stock_spikes_emitted"]) == (0, 0)


def test_floats_are_calibrated_and_quantised(
    nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch, floats: Path
) -> None:
    FakeLava().install(monkeypatch)
    assert nmtool("verify", floats, "two", "--against", "lava", "--scale", "data").code == 0
    Path("two/two_train.h5").unlink()
    result = nmtool("verify", floats, "two", "--against", "lava")
    assert result.code == 0
    assert result.err.startswith("no calibration data")
    result = nmtool(*WORDS, "--weight-bits", "4")
    assert (result.code, result.out, result.error) == (2, "", "quantised-already")
    assert "--weight-bits" in result.err


def test_samples_without_any_spike(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    FakeLava().install(monkeypatch)
    cases.write_raw(Path("two/two_test.h5"), [[], []], [[], []], [0, 1])
    result = nmtool(*WORDS, "--json")
    assert result.code == 0
    assert result.json["samples"] == 2
    cases.write_raw(Path("two/two_test.h5"), [], [], [])
    result = nmtool(*WORDS, "--json")
    assert (result.code, result.out, result.error) == (2, "", "split-empty")
    assert "'two'" in result.err


def test_lava_must_be_installed_before_anything_runs(
    nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find() -> None:
        raise MissingError("Lava is not set up", code="lava-not-set-up", fix="nmtool lava setup")

    monkeypatch.setattr(environment, "find", find)
    monkeypatch.setattr("nmtool.hardware_sim.simulator.simulate", None)
    result = nmtool(*WORDS, "--json")
    assert (result.code, result.out, result.error) == (3, "", "lava-not-set-up")
    assert "  fix: nmtool lava setup\n" in result.err


def test_a_failure_of_lava_is_reported(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(recording: object) -> None:
        raise BackendError("it failed", code="process-failed", why="it hung")

    FakeLava({"stock": fail}).install(monkeypatch)
    result = nmtool(*WORDS, "--json")
    assert (result.code, result.out, result.error) == (3, "", "process-failed")
    assert "  why: it hung\n" in result.err


@pytest.mark.lava
def test_a_network_is_verified_in_lava(nmtool: Nmtool) -> None:
    result = nmtool(*WORDS, "--json", "--deep")
    assert result.code == 0, result
    entry = result.json["backends"]["lava"]
    assert entry["spikes_compared"] == BINS
    assert entry["spikes_different"] == entry["stock_spikes_different"] == 0
    assert entry["membrane_different"] == entry["stock_membrane_different"] == 0
    assert entry["stock_steps"] == STOCK_STEPS


@pytest.mark.lava
def test_a_wrong_weight_is_detected_in_lava(
    nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert nmtool("export", "integers.npz", "--to", "lava", "-o", "folder").code == 0
    network = IntegerNetwork.load("integers.npz")
    *others, last = network.projections
    weight = last.weight.copy()
    weight[0, 0] += 2
    wrong = IntegerProjection("hidden", "out", weight, last.delay, 8, last.weight_exponent)
    right = simulate

    def simulate_wrong(network: IntegerNetwork, *arguments: object, **more: object) -> object:
        return right(replace(network, projections=[*others, wrong]), *arguments, **more)

    monkeypatch.setattr("nmtool.hardware_sim.simulator.simulate", simulate_wrong)
    result = nmtool("verify", "folder", "two", "--against", "lava", "--json")
    assert result.code == 1, result
    assert result.json["backends"]["lava"]["spikes_different"] == 0
    assert result.json["backends"]["lava"]["membrane_different"] > 0
    assert result.json["backends"]["lava"]["stock_equals_fast"] is True
    assert result.json["first_divergence"]["population"] == "out"


# Amount of output.


def test_coverage_is_printed_unless_switched_off(
    nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch
) -> None:
    FakeLava().install(monkeypatch)
    out = nmtool(*WORDS).out
    assert "exercised: " in out
    assert " one-unit faults these samples would have shown " in out
    bare = nmtool(*WORDS, "--no-coverage")
    assert (bare.code, "exercised" in bare.out, "one-unit" in bare.out) == (0, False, False)
    result = nmtool(*WORDS, "--no-coverage", "--json")
    assert (result.json["coverage"], result.json["mutation"]) == (None, None)


def test_generated_samples_are_compared_too(
    nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeLava().install(monkeypatch)
    bare = nmtool(*WORDS, "--json").json
    fake.calls.clear()
    result = nmtool(*WORDS, "--exercise", "--json")
    assert result.code == 0
    assert [call["deep"] for call in fake.calls if call["model"] == "fast"] == [False, True]
    many = fake.calls[2]["spikes"].n_samples
    assert result.json["samples"] == bare["samples"]
    assert result.json["accuracy"] == bare["accuracy"]
    entry = result.json["generated"]["lava"]
    assert entry["spikes_compared"] == many * 30 * 3
    assert entry["membrane_compared"] == many * 30 * (2 + 5 + 3)
    assert result.json["mutation"]["seen"] > bare["mutation"]["seen"]
    assert result.json["mutation"]["deep"]
    covered = result.json["coverage"]["synapses"]
    assert covered["exercised"] >= bare["coverage"]["synapses"]["exercised"]
    assert result.json["generated_overflows"]["neuron_updates"] == many * 30 * 5


def test_samples_are_generated_beside_data(nmtool: Nmtool) -> None:
    assert nmtool("export", "integers.npz", "-o", "network.c").code == 0
    assert nmtool("verify", "network.c", "--exercise").error == "data-missing"
