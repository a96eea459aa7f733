"""`nmtool verify`: the certificate and its keys, float networks, and faulty exports."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from nmtool.data import bin_events
from nmtool.data.dividing import drawn_samples
from nmtool.exporters.formats import formats_that_run
from nmtool.hardware_sim.simulator import simulate
from nmtool.network.integer_network import IntegerNetwork, IntegerProjection
from tests.nmtool.cli import cases
from tests.nmtool.cli.conftest import Nmtool
from tests.nmtool.cli.fake_lava import FakeLava

pytestmark = pytest.mark.usefixtures("data", "integers")

WORDS = ("verify", "integers.npz", "two", "--against", "lava")
EVENTS = cases.spike_events(cases.N_TEST, 2)
RASTER = bin_events(EVENTS, 1.0, 30).raster
INTEGERS = cases.integer_network()


def test_an_unknown_backend_lists_all_backends(nmtool: Nmtool) -> None:
    result = nmtool("verify", "integers.npz", "two", "--against", "nest")
    assert result.code == 2
    assert ", ".join(formats_that_run()) in result.err


def test_identical_as_json(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    FakeLava().install(monkeypatch)
    result = nmtool(*WORDS, "--faults", "--json")
    assert (result.code, result.err) == (0, "")
    expected, content = simulate(INTEGERS, RASTER), result.json
    accuracy, backend = expected.accuracy(EVENTS.label), content["backends"]["lava"]
    assert content["hash"] == INTEGERS.content_hash
    assert len(content["artefacts"]["lava"]) == 64
    assert content["mutation"]["faults"] > 50
    assert content["overflows"]["neuron_updates"] == 6 * 30 * 5
    assert content["samples"] == 6
    assert content["accuracy"] == {"hardware_sim": accuracy, "lava": accuracy}
    assert content["first_divergence"] is None
    assert backend.pop("seconds") >= 0
    assert backend.pop("stock_spikes_emitted") > 0
    assert backend == {
        "spikes_compared": 6 * 30 * 3,
        "spikes_different": 0,
        "spikes_emitted": expected.spikes["hidden"].n_spikes,
        "membrane_compared": 6 * 30 * 2,
        "membrane_different": 0,
        "predictions_different": 0,
        "model": "fast",
        "stock_sample": 0,
        "stock_first_step": 1,
        "stock_steps": 25,
        "stock_spikes_compared": 25 * 3,
        "stock_spikes_different": 0,
        "stock_membrane_compared": 25 * (2 + 5 + 3),
        "stock_membrane_different": 0,
        "stock_equals_fast": True,
    }


def test_identical_in_the_terminal(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    FakeLava().install(monkeypatch)
    result = nmtool(*WORDS, "--samples", "4")
    assert result.code == 0
    assert result.err.startswith("samples: 4 of 6, drawn per class")
    lines = result.out.splitlines()
    drawn = drawn_samples(EVENTS.label, 4)
    emitted = simulate(INTEGERS, RASTER.take(drawn)).spikes["hidden"].n_spikes
    assert lines[0] == f"lava: spikes compared 360, different 0; spikes emitted {emitted}"
    stretch = "25 steps of sample 2 from step 2"
    assert lines[1].startswith(f"lava, stock model, {stretch}: spikes compared 75, different 0; ")
    assert lines[-1] == "4 samples; accuracy 100.00% in simulator, lava"


def test_details_are_a_table(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    FakeLava().install(monkeypatch)
    lines = nmtool(*WORDS, "--samples", "4", "--details").out.splitlines()
    rows = lines[lines.index("4 samples") + 3 :]
    assert rows[0].split() == ["simulator", "100.00%"]
    assert " ".join(rows[1].split()).startswith("lava (fast) 100.00% 360 0 0 of 240 (outputs) 0 ")
    assert " ".join(rows[2].split()) == "lava (stock) 75 0 0 of 250 0"


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


@pytest.mark.lava
def test_a_wrong_weight_is_detected_in_lava(
    nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert nmtool("export", "integers.npz", "--to", "lava", "-o", "folder").code == 0
    *others, last = INTEGERS.projections
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
