"""`nmtool inspect`: every kind of file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nmtool.data import bin_events
from nmtool.hardware_sim.simulator import simulate
from nmtool.network.float_parts import Population
from nmtool.network.integer_network import IntegerNetwork
from tests.nmtool.cli import cases
from tests.nmtool.cli.conftest import Nmtool


def test_float_network_as_json(nmtool: Nmtool, floats: Path) -> None:
    network = cases.float_network()
    result = nmtool("inspect", floats, "--json")
    assert result.code == 0
    content = result.json
    inputs = network.projections[0]
    assert content["kind"] == "network"
    assert content["hash"] == network.content_hash
    assert content["readout"] == {"population": "out", "rule": "mean"}
    assert content["classes"] == ["left", "right"]
    assert (content["neurons"], content["synapses"]) == (5, 27)
    assert content["populations"][0]["tau_mem_ms"] == {"min": 20.0, "mean": 20.0, "max": 20.0}
    assert content["projections"][0] == {
        "source": "input",
        "target": "hidden",
        "shape": [4, 3],
        "weight": {
            "min": inputs.weight.min(),
            "mean": pytest.approx(inputs.weight.mean()),
            "max": inputs.weight.max(),
        },
        "zeros": 0,
        "delay": {
            "min": int(inputs.delay.min()),
            "mean": pytest.approx(inputs.delay.mean()),
            "max": int(inputs.delay.max()),
        },
        "delay_histogram": np.bincount(inputs.delay.ravel()).tolist(),
    }


def test_integer_network_in_the_terminal(nmtool: Nmtool, integers: Path) -> None:
    result = nmtool("inspect", integers)
    assert result.code == 0
    assert result.err == ""
    lines = result.out.splitlines()
    assert lines[:2] == ["kind: integer network", "arithmetic: loihi2"]
    assert "classes: left, right" in lines
    assert " out     li       2  741  200  131,072  2,468  0" in lines
    assert " hidden  out     3×2    -254 … 150      0  0 … 4, mean 1.8  8 ×2^0 mixed" in lines


def test_integer_network_as_json(nmtool: Nmtool, integers: Path) -> None:
    network = cases.integer_network()
    content = nmtool("inspect", integers, "--json").json
    assert content["source_hash"] == cases.float_network().content_hash
    population, projection = content["populations"][0], content["projections"][1]
    assert (population["du"], population["vth"]) == (741, network.populations[0].vth)
    assert population["bias"] == {"min": 0, "mean": 0.0, "max": 0}
    assert (projection["weight_bits"], projection["sign_mode"]) == (8, "excitatory")
    assert projection["zeros"] == int((network.projections[1].weight == 0).sum()) > 0


def test_infinite_time_constants(nmtool: Nmtool) -> None:
    out = cases.float_network().populations[1]
    hidden = Population("hidden", 3, tau_mem_ms=np.inf, tau_syn_ms=[5.0, 7.0, np.inf])
    cases.float_network(populations=[hidden, out]).save("f.npz")
    content = nmtool("inspect", "f.npz", "--json").json
    assert content["populations"][0]["tau_mem_ms"]["min"] == "Infinity"
    assert content["populations"][0]["tau_syn_ms"] == {
        "min": 5.0,
        "mean": "Infinity",
        "max": "Infinity",
    }
    assert " hidden  lif      3  inf         5 … inf " in nmtool("inspect", "f.npz").out


def test_population_without_synapses(nmtool: Nmtool) -> None:
    cases.float_network(projections=[]).save("f.npz")
    result = nmtool("inspect", "f.npz")
    assert result.code == 0
    assert "synapses: 0\n" in result.out
    assert nmtool("inspect", "f.npz", "--json").json["projections"] == []


def test_run_folder_and_export(nmtool: Nmtool, floats: Path, integers: Path) -> None:
    Path("run").mkdir()
    floats.rename("run/network.npz")
    assert nmtool("inspect", "run", "--json").json["hash"] == cases.float_network().content_hash
    assert nmtool("export", integers, "--to", "lava", "-o", "folder").code == 0
    content = nmtool("inspect", "folder", "--json").json
    assert content["hash"] == IntegerNetwork.load(integers).content_hash


def test_recording(nmtool: Nmtool, integers: Path) -> None:
    raster = bin_events(cases.spike_events(3), 1.0, 30).raster
    recording = simulate(IntegerNetwork.load(integers), raster)
    recording.save("r.npz")
    content = nmtool("inspect", "r.npz", "--json").json
    spikes = recording.spikes["hidden"].n_spikes
    assert (content["kind"], content["samples"]) == ("recording", 3)
    assert content["spikes"] == [
        {"population": "hidden", "neurons": 3, "steps": 30, "spikes": spikes}
    ]
    assert content["membranes"][0]["v"]["max"] == recording.membrane["out"].max()
    shown = nmtool("inspect", "r.npz").out
    assert f" hidden            3     30  {spikes:6d}" in shown


def test_recording_of_no_sample(nmtool: Nmtool, integers: Path) -> None:
    raster = bin_events(cases.spike_events(0), 1.0, 30).raster
    simulate(IntegerNetwork.load(integers), raster).save("r.npz")
    assert nmtool("inspect", "r.npz", "--json").json["membranes"][0]["v"] is None
    assert nmtool("inspect", "r.npz").code == 0


@pytest.mark.torch
@pytest.mark.usefixtures("data")
def test_a_checkpoint_is_refused(nmtool: Nmtool) -> None:
    assert nmtool("train", "two", "-o", "run", *cases.SETTINGS).code == 0
    result = nmtool("inspect", "run/checkpoint.npz")
    assert (result.code, result.error) == (2, "file-kind")
    assert "'nmtool checkpoint'" in result.err


def test_a_foreign_graph_is_inspected_with_the_suggested_steps(nmtool: Nmtool) -> None:
    nir = pytest.importorskip("nir")
    ends = {name: getattr(nir, name)({name.lower(): np.array([1])}) for name in ("Input", "Output")}
    neuron = nir.LIF(*(np.full(1, value) for value in (0.01, 1.0, 0.0, 0.5)))
    nodes = {"in": ends["Input"], "neuron": neuron, "out": ends["Output"]}
    nir.write("theirs.nir", nir.NIRGraph(nodes, [("in", "neuron"), ("neuron", "out")]))
    result = nmtool("inspect", "theirs.nir")
    assert "--in-steps 9998" in result.err, "advice with a flag of this command"
    description = nmtool(
        "inspect", "theirs.nir", "--in-steps", "98", "--in-nir-dt", "1e-3", "--json"
    )
    assert (description.json["steps"], description.json["dt_ms"]) == (100, 1.0)
    unused = nmtool("inspect", "zoo:digits", "--in-steps", "98")
    assert (unused.code, unused.error) == (2, "import-options-unused")
