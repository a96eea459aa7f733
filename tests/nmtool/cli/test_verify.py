"""`nmtool verify`: the certificate, its exact keys, and what it says when something differs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from exporters.lava import environment
from hardware_sim.known_answers import known_answers
from hardware_sim.simulator import simulate
from nmtool.cli import lava_check
from nmtool.data import SpikeEvents, bin_events, write_shd
from nmtool.errors import BackendError, MissingError
from nmtool.integer_network import IntegerNetwork, IntegerProjection
from tests.nmtool.cli import cases
from tests.nmtool.cli.conftest import Nmtool
from tests.nmtool.cli.fake_lava import FakeLava, flip_spike, shift_membrane


def _events() -> SpikeEvents:
    """Sample 3 makes most neurons spike, sample 4 has most input, but late; 2 is empty."""
    random = np.random.default_rng(8)
    counts = np.array([4, 5, 0, 12, 20, 6])
    late = np.repeat(np.arange(6) == 4, counts)
    time = np.where(late, random.uniform(25, 30, 47), random.uniform(0, 25, 47))
    time = time[np.lexsort((time, np.repeat(np.arange(6), counts)))]
    offset = np.concatenate(([0], np.cumsum(counts)))
    label = np.array([0, 1, 0, 1, 0, 1])
    return SpikeEvents(time, random.integers(0, 4, 47), offset, label, cases.N_UNITS, cases.CLASSES)


RASTER = bin_events(_events(), 1.0, 30).raster
BUSIEST, FIRST = 3, 1
"""The sample and step from which on most neurons spike."""

STOCK_STEPS = 24
"""The network's longest delay, 4 steps, and 20 more."""

STRETCH = f"{STOCK_STEPS} steps of sample {BUSIEST} from step {FIRST}"
STOCK_SPIKES = 22
"""Of the hidden neurons in the stretch."""

BINS = RASTER.n_samples * 30 * 3
VALUES = RASTER.n_samples * 30 * 2

COUNTS = ("360", "0", "0", "of", "240")
"""Of the certificate of four samples."""

KEYS = {
    *("spikes_compared", "spikes_different", "spikes_emitted"),
    *("membrane_compared", "membrane_different", "predictions_different", "seconds"),
}
"""What scripts rely on, of every backend."""

STOCK_KEYS = {
    *("stock_sample", "stock_first_step", "stock_steps"),
    *("stock_spikes_compared", "stock_spikes_different", "stock_spikes_emitted"),
    *("stock_membrane_compared", "stock_membrane_different"),
}

WORDS = ("verify", "integers.npz", "two", "--against", "lava")


@pytest.fixture(autouse=True)
def _files(data: Path, integers: Path) -> None:
    """A network with delays up to 4, and its data."""
    write_shd(data / "two_test.h5", _events())
    first, *others = cases.integer_network().projections
    delay = np.minimum(first.delay, 4)
    short = IntegerProjection("input", "hidden", first.weight, delay, 8, 4)
    network = cases.integer_network()
    replace(network, projections=[short, *others]).save(integers)


def test_identical_as_json(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    FakeLava().install(monkeypatch)
    said = nmtool(*WORDS, "--json")
    assert said.code == 0
    assert said.err == ""
    expected = simulate(IntegerNetwork.load("integers.npz"), RASTER)
    accuracy = expected.accuracy(_events().label)
    entry = said.json["backends"]["lava"]
    assert set(entry) == KEYS | STOCK_KEYS | {"model"}
    assert entry.pop("seconds") >= 0
    assert said.json == {
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
                "seconds": said.json["backends"]["lava"]["seconds"],
                "model": "fast",
                "stock_sample": BUSIEST,
                "stock_first_step": FIRST,
                "stock_steps": STOCK_STEPS,
                "stock_spikes_compared": STOCK_STEPS * 3,
                "stock_spikes_different": 0,
                "stock_spikes_emitted": STOCK_SPIKES,
                "stock_membrane_compared": STOCK_STEPS * (2 + 5 + 3),
                "stock_membrane_different": 0,
            }
        },
        "first_divergence": None,
    }


def test_identical_for_people(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    FakeLava().install(monkeypatch)
    said = nmtool(*WORDS, "--samples", "4")
    assert said.code == 0
    assert said.err == ""
    lines = said.out.splitlines()
    assert lines[0] == "4 samples"
    assert lines[3].split() == ["hardware_sim", "50.00%"]
    assert lines[4].split()[:-1] == ["lava", "(fast)", "50.00%", *COUNTS, "0"]
    assert lines[5].split() == ["lava", "(stock)", "72", "0", "0", "of", "240", "0"]
    emitted = simulate(IntegerNetwork.load("integers.npz"), RASTER.take(range(4))).spikes["hidden"]
    assert lines[7:] == [
        f"lava: spikes compared 360, different 0; spikes emitted {emitted.n_spikes}",
        f"lava, stock model, {STRETCH}: spikes compared 72, different 0; spikes emitted 22",
    ]


def test_what_is_run(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeLava().install(monkeypatch)
    assert nmtool(*WORDS, "--deep", "--json").json["backends"]["lava"]["membrane_compared"] == (
        VALUES + 30 * RASTER.n_samples * (5 + 3)
    )
    everything, one = fake.calls
    assert (everything["model"], everything["deep"]) == ("fast", True)
    assert np.array_equal(everything["spikes"].flat_index(), RASTER.flat_index())
    assert (one["model"], one["deep"]) == ("stock", True)
    short = RASTER.dense()[[BUSIEST], FIRST : FIRST + STOCK_STEPS]
    assert np.array_equal(one["spikes"].dense(), short)
    assert short.sum() > 3
    assert one["folder"] == everything["folder"]
    assert not everything["folder"].exists()


def test_a_spike_differs(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    FakeLava({"fast": flip_spike(3, 11, 2)}).install(monkeypatch)
    said = nmtool(*WORDS, "--json")
    assert said.code == 1
    entry = said.json["backends"]["lava"]
    assert set(said.json) == {"samples", "accuracy", "backends", "first_divergence"}
    assert set(entry) == KEYS | STOCK_KEYS | {"model"}
    assert (entry["spikes_compared"], entry["spikes_different"]) == (BINS, 1)
    assert (entry["membrane_different"], entry["stock_spikes_different"]) == (0, 0)
    expected = simulate(IntegerNetwork.load("integers.npz"), RASTER).spikes["hidden"].dense()
    assert said.json["first_divergence"] == {
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
    said = nmtool(*WORDS)
    assert said.code == 1
    assert " 1 of 360 " in said.out
    assert "lava: spikes compared 540, different 0; spikes emitted " in said.out
    place = "  first divergence: sample 1, step 5, out[0], v: expected "
    assert place in said.out
    actual = said.out.partition(place)[2].split()[0].strip(",")
    assert f"got {int(actual) + 2**22}\n" in said.out
    assert nmtool(*WORDS, "--json").json["backends"]["lava"]["predictions_different"] == 1


def test_only_the_stock_model_differs(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    FakeLava({"stock": flip_spike(0, 7, 1)}).install(monkeypatch)
    said = nmtool(*WORDS, "--json")
    assert said.code == 1
    entry = said.json["backends"]["lava"]
    assert (entry["spikes_compared"], entry["spikes_different"]) == (BINS, 0)
    assert entry["stock_spikes_different"] == 1
    first = said.json["first_divergence"]
    assert (first["backend"], first["sample"]) == ("lava", BUSIEST)
    assert (first["step"], first["neuron"], first["quantity"]) == (FIRST + 7, 1, "spike")


def test_only_the_stock_model_differs_in_words(
    nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch
) -> None:
    FakeLava({"stock": flip_spike(0, 7, 1)}).install(monkeypatch)
    said = nmtool(*WORDS)
    assert said.code == 1
    lines = said.out.splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith("lava: spikes compared 540"))
    assert lines[at + 1].startswith(
        f"lava, stock model, {STRETCH}: spikes compared 72, different 1; "
    )
    assert lines[at + 2].startswith(
        f"  first divergence: sample {BUSIEST}, step {FIRST + 7}, hidden[1], spik"
    )
    assert lines[at + 3].startswith("lava: Lava's own model differs. ")
    assert lines[at + 3].endswith("proves nothing")


def test_silence_is_no_proof(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch, data: Path) -> None:
    FakeLava().install(monkeypatch)
    cases.write_raw(data / "two_test.h5", [[], []], [[], []], [0, 1])
    said = nmtool(*WORDS)
    assert said.code == 0
    lines = said.out.splitlines()
    assert lines[-4].endswith("lava: spikes compared 180, different 0; spikes emitted 0")
    assert lines[-2].endswith(": spikes compared 72, different 0; spikes emitted 0")
    warning = "  warning: no neuron spikes, silence was compared with silence"
    assert lines[-3] == lines[-1] == warning
    entry = nmtool(*WORDS, "--json").json["backends"]["lava"]
    assert (entry["spikes_emitted"], entry["stock_spikes_emitted"]) == (0, 0)


def test_a_late_burst_is_what_the_stock_model_runs(
    nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch, data: Path
) -> None:
    """Nothing happens in the first steps, which are as many as delays reach and 20 more."""
    fake = FakeLava().install(monkeypatch)
    late = [0.026 + 1e-3 * (index // 4) for index in range(12)]
    cases.write_raw(data / "two_test.h5", [[], late], [[], 3 * [0, 1, 2, 3]], [0, 1])
    network = IntegerNetwork.load("integers.npz")
    prompt = [replace(p, delay=np.zeros_like(p.delay)) for p in network.projections]
    replace(network, projections=prompt, n_steps=60).save("integers.npz")
    entry = nmtool(*WORDS, "--json").json["backends"]["lava"]
    assert (entry["stock_sample"], entry["stock_first_step"], entry["stock_steps"]) == (1, 26, 20)
    assert entry["stock_spikes_emitted"] > 0
    assert fake.calls[-1]["spikes"].n_spikes == 12


def test_the_fast_model_comes_first(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    faults = {"stock": flip_spike(0, 7, 1), "fast": flip_spike(5, 29, 0)}
    FakeLava(faults).install(monkeypatch)
    first = nmtool(*WORDS, "--json").json["first_divergence"]
    assert (first["sample"], first["step"]) == (5, 29)


def test_the_stock_model_alone(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeLava({"stock": flip_spike(0, 7, 1)}).install(monkeypatch)
    said = nmtool(*WORDS, "--model", "stock", "--json")
    assert said.code == 1
    entry = said.json["backends"]["lava"]
    assert set(entry) == KEYS | {"model"}
    assert (entry["model"], entry["spikes_different"]) == ("stock", 1)
    assert len(fake.calls) == 1
    assert "(fast)" not in nmtool(*WORDS, "--model", "stock").out


def test_an_exported_folder_is_run_as_it_is(
    nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeLava().install(monkeypatch)
    assert nmtool("export", "integers.npz", "--to", "lava", "-o", "folder").code == 0
    assert nmtool("verify", "folder", "two", "--against", "lava").code == 0
    assert {call["folder"] for call in fake.calls} == {Path("folder")}
    assert Path("folder/run.py").exists()


def test_floats_are_calibrated_and_quantised(
    nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch, floats: Path
) -> None:
    FakeLava().install(monkeypatch)
    assert nmtool("verify", floats, "two", "--against", "lava", "--scale", "data").code == 0
    Path("two/two_train.h5").unlink()
    said = nmtool("verify", floats, "two", "--against", "lava")
    assert said.code == 0
    assert said.err == "no calibration data: non-spiking outputs keep head-room for any input\n"
    said = nmtool(*WORDS, "--weight-bits", "4")
    assert said.code == 2
    assert "--weight-bits has nothing to act on" in said.err


def test_samples_without_any_spike(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    FakeLava().install(monkeypatch)
    cases.write_raw(Path("two/two_test.h5"), [[], []], [[], []], [0, 1])
    said = nmtool(*WORDS, "--json")
    assert said.code == 0
    assert said.json["samples"] == 2
    cases.write_raw(Path("two/two_test.h5"), [], [], [])
    said = nmtool(*WORDS, "--json")
    assert (said.code, said.out) == (2, "")
    assert "'two' has no sample in its test split" in said.err


def test_lava_is_looked_for_before_anything_runs(
    nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find() -> None:
        raise MissingError("Lava is not set up", fix="nmtool lava setup")

    monkeypatch.setattr(environment, "find", find)
    monkeypatch.setattr("hardware_sim.simulator.simulate", None)
    said = nmtool(*WORDS, "--json")
    assert (said.code, said.out) == (3, "")
    assert said.err == "error: Lava is not set up\n  fix: nmtool lava setup\n"


def test_lava_fails(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(recording: object) -> None:
        raise BackendError("running the network in Lava failed", why="it hung")

    FakeLava({"stock": fail}).install(monkeypatch)
    said = nmtool(*WORDS, "--json")
    assert (said.code, said.out) == (3, "")
    assert said.err == "error: running the network in Lava failed\n  why: it hung\n"


def test_an_export_answers_for_itself(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeLava().install(monkeypatch)
    assert nmtool("export", "integers.npz", "--to", "lava", "-o", "folder").code == 0
    said = nmtool("verify", "folder", "--json")
    assert said.code == 0, said
    network = IntegerNetwork.load("integers.npz")
    entry = said.json["backends"]["lava"]
    assert set(entry) == KEYS | STOCK_KEYS | {"model"}
    assert (said.json["samples"], said.json["hash"]) == (3, network.content_hash)
    assert (entry["spikes_compared"], entry["spikes_different"]) == (3 * 30 * 3, 0)
    assert (entry["membrane_compared"], entry["membrane_different"]) == (3 * 30 * 2, 0)
    assert {call["folder"] for call in fake.calls} == {Path("folder")}
    assert [call["model"] for call in fake.calls] == ["fast", "stock"]
    lines = nmtool("verify", "folder").out.splitlines()
    assert lines[0] == "3 known answers"
    assert [line.split()[:2] for line in lines[3:5]] == [["lava", "(fast)"], ["lava", "(stock)"]]
    emitted = known_answers(network).recording.spikes["hidden"].n_spikes
    assert lines[-2] == f"lava: spikes compared 270, different 0; spikes emitted {emitted}"
    assert lines[-1].startswith("lava, stock model, 24 steps of sample ")


def test_an_export_answers_in_the_model_asked_for(
    nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeLava({"stock": flip_spike(1, 7, 2)}).install(monkeypatch)
    assert nmtool("export", "integers.npz", "--to", "lava", "-o", "folder").code == 0
    said = nmtool("verify", "folder", "--model", "stock", "--json")
    assert said.code == 1
    assert said.json["backends"]["lava"]["model"] == "stock"
    assert [call["model"] for call in fake.calls] == ["stock"]
    assert fake.calls[0]["spikes"].n_samples == 3


def test_only_the_stock_model_answers_wrongly(
    nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch
) -> None:
    FakeLava({"stock": flip_spike(0, 7, 1)}).install(monkeypatch)
    assert nmtool("export", "integers.npz", "--to", "lava", "-o", "folder").code == 0
    assert nmtool("verify", "folder").code == 1


def test_a_wrong_answer_is_seen(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    FakeLava({"fast": flip_spike(1, 7, 2)}).install(monkeypatch)
    assert nmtool("export", "integers.npz", "--to", "lava", "-o", "folder").code == 0
    said = nmtool("verify", "folder", "--json")
    assert said.code == 1
    assert said.json["backends"]["lava"]["spikes_different"] == 1
    first = said.json["first_divergence"]
    assert (first["sample"], first["step"], first["neuron"]) == (1, 7, 2)


def test_answers_of_another_network_prove_nothing(
    nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch
) -> None:
    FakeLava().install(monkeypatch)
    assert nmtool("export", "integers.npz", "--to", "lava", "-o", "folder").code == 0
    network = IntegerNetwork.load("integers.npz")
    known_answers(replace(network, dt_ms=2.0)).save("folder/known_answers.npz")
    said = nmtool("verify", "folder")
    assert (said.code, said.out) == (2, "")
    assert "the known answers in folder are those of another network" in said.err
    Path("folder/known_answers.npz").unlink()
    assert "there is no file folder/known_answers.npz" in nmtool("verify", "folder").err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["integers.npz"], "integers.npz carries no known answers"),
        (["integers.npz", "two"], "there is nothing to compare with"),
        (["folder", "--against", "lava"], "--against is for a comparison on data"),
        (["folder", "--samples", "3"], "--samples is for a comparison on data"),
        (["folder", "--deep"], "--deep is for a comparison on data"),
        (["folder", "--split", "test"], "--split is for a comparison on data"),
        (["folder", "--validation", "3"], "--validation is for a comparison on data"),
        (["folder", "--data-dir", "here"], "--data-dir is for a comparison on data"),
        (["folder", "--units", "4"], "--units is for a comparison on data"),
        (["folder", "--weight-bits", "4"], "--weight-bits is for a comparison on data"),
        (["folder", "--scale", "data"], "--scale is for a comparison on data"),
        (["network.c", "--model", "stock"], "--model is for Lava, not for c"),
        (["network.c", "two", "--model", "fast"], "--model is for Lava, not for c"),
        (["nowhere"], "there is no file or folder nowhere"),
        (["nowhere", "two"], "there is no file or folder nowhere"),
        (["nowhere.onnx"], "there is no file or folder nowhere.onnx"),
    ],
)
def test_what_is_compared_must_be_told(words: list[str], told: str, nmtool: Nmtool) -> None:
    assert nmtool("export", "integers.npz", "--to", "lava", "-o", "folder").code == 0
    assert nmtool("export", "integers.npz", "-o", "network.c").code == 0
    said = nmtool("verify", *words)
    assert (said.code, said.out) == (2, "")
    assert told in said.err


def test_an_export_is_compared_with_its_own_runtime(
    nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch
) -> None:
    FakeLava().install(monkeypatch)
    assert nmtool("export", "integers.npz", "--to", "lava", "-o", "folder").code == 0
    said = nmtool("verify", "folder", "two", "--json")
    assert (said.code, list(said.json["backends"])) == (0, ["lava"])


@pytest.mark.lava
def test_in_lava(nmtool: Nmtool) -> None:
    said = nmtool(*WORDS, "--json", "--deep")
    assert said.code == 0, said
    entry = said.json["backends"]["lava"]
    assert entry["spikes_compared"] == BINS
    assert entry["spikes_different"] == entry["stock_spikes_different"] == 0
    assert entry["membrane_different"] == entry["stock_membrane_different"] == 0
    assert entry["stock_steps"] == lava_check.STOCK_STEPS_BEYOND_DELAYS + 4


@pytest.mark.lava
def test_a_wrong_weight_is_seen_in_lava(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    assert nmtool("export", "integers.npz", "--to", "lava", "-o", "folder").code == 0
    network = IntegerNetwork.load("integers.npz")
    *others, last = network.projections
    weight = last.weight.copy()
    weight[0, 0] += 2
    wrong = IntegerProjection("hidden", "out", weight, last.delay, 8, last.weight_exponent)
    right = simulate

    def simulate_wrong(network: IntegerNetwork, *arguments: object, **more: object) -> object:
        return right(replace(network, projections=[*others, wrong]), *arguments, **more)

    monkeypatch.setattr("hardware_sim.simulator.simulate", simulate_wrong)
    said = nmtool("verify", "folder", "two", "--against", "lava", "--json")
    assert said.code == 1, said
    assert said.json["backends"]["lava"]["spikes_different"] == 0
    assert said.json["backends"]["lava"]["membrane_different"] > 0
    assert said.json["first_divergence"]["population"] == "out"
