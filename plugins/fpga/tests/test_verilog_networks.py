"""The core compared with the simulator: every u, v and spike, for any network and options."""

from __future__ import annotations

import os
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st

import nmtool as nm
from nmtool.hardware_sim.simulator import simulate
from nmtool.network.graph import INPUT, LATE, LI, LIF, RESET, RESET_BY, SUBTRACT, InputChannels
from nmtool.network.integer_network import IntegerNetwork
from nmtool.network.readout import Readout
from nmtool.raster import Raster
from nmtool.testing.networks import Maker, random_raster, with_resets
from nmtool.verification.comparison import compare_recordings
from nmtool_fpga.verilog import runtime
from nmtool_fpga.verilog.folder import running_files
from nmtool_fpga.verilog.format import Verilog
from nmtool_fpga.verilog.layout import LANES, MOST_SPIKES, Layout, misfits
from plugins.fpga.tests.verilog.cases import li, lif, made
from plugins.fpga.tests.verilog_bench import (
    needs_icarus,
    needs_verilator,
    needs_yosys,
    record,
    verilator,
    write,
)
from tests.networks.drawn import integer_networks, seeds
from tests.thorough import examples


def check(network: IntegerNetwork, spikes: Raster, **options) -> None:
    with tempfile.TemporaryDirectory() as folder:
        recorded = record(network, spikes, Path(folder), **options)
    comparison = compare_recordings(
        simulate(network, spikes, deep=options.get("deep", False)), recorded
    )
    assert comparison.identical, (comparison, options)


@needs_icarus
@settings(max_examples=examples(0.8))
@given(
    data=st.data(),
    drawn=integer_networks(properties=(RESET, RESET_BY)),
    lanes=st.sampled_from(LANES),
)
def test_any_network_equals_the_simulator(
    data: st.DataObject, drawn: IntegerNetwork, lanes: int
) -> None:
    """Drawn are signs, exponents, biases, resets, counts, overflow, silence and any projections."""
    most, seed = data.draw(st.sampled_from([1, 2, MOST_SPIKES])), data.draw(seeds)
    network = drawn if most == 1 else with_resets(drawn, seed, most)
    assume(not misfits(network))
    channels, n_steps = network.channels, data.draw(st.integers(1, 40))
    spikes = random_raster(seed, 2, n_steps, channels.size, channels.most_spikes)
    stall = data.draw(st.none() | st.integers(1, 2**31 - 1))
    deep, single_port = data.draw(st.booleans()), data.draw(st.booleans())
    check(network, spikes, lanes=lanes, deep=deep, single_port=single_port, stall=stall)


def large(seed: int, lanes: int) -> IntegerNetwork:
    """A network with populations of several words, in which neurons wrap, clip, spike and reset."""
    maker = Maker(np.random.default_rng(seed))
    sizes = {INPUT: 9, "a": 2 * lanes + 3, "b": lanes, "c": 5}
    edges = [(INPUT, "a"), ("a", "a"), ("a", "b"), ("b", "a"), ("b", "b"), ("b", "c"), ("a", "c")]
    network = IntegerNetwork(
        InputChannels(sizes[INPUT]),
        [maker.population(n, sizes[n], k) for n, k in (("a", LIF), ("b", LIF), ("c", LI))],
        [maker.projection(pre, post, (sizes[pre], sizes[post])) for pre, post in edges],
        Readout("c", "mean"),
        dt_ms=1.0,
        n_steps=60,
    )
    return with_resets(network, seed)


@needs_icarus
@pytest.mark.parametrize(("lanes", "steps"), [(1, 15), (4, 70), (16, 15)])
def test_populations_of_several_words(lanes: int, steps: int, tmp_path: Path) -> None:
    """Delays are up to 61 steps, and some samples are longer."""
    for seed in range(50):
        network, spikes = large(seed, lanes), random_raster(seed, 2, steps, 9)
        simulated = simulate(network, spikes, deep=True)
        emitted = [raster.n_spikes for raster in simulated.spikes.values()]
        if not misfits(network) and min(emitted) > 20:
            break
    assert min(emitted) > 20
    recorded = record(network, spikes, tmp_path, lanes=lanes, deep=True, stall=seed + 1)
    assert compare_recordings(simulated, recorded).identical


@needs_icarus
@pytest.mark.parametrize("most", [1, MOST_SPIKES])
def test_everything_spikes_at_once(most: int) -> None:
    """No step takes more clocks than `Layout.most_clocks`."""
    network = large(3, 4)
    awake = [replace(p, vth=0, dv=4000, bias_mantissa=4095) for p in network.populations[:2]]
    network = replace(network, populations=[*awake, network.populations[2]])
    if most > 1:
        often = {"reset": SUBTRACT, "reset_by": 1, "most_spikes": most}
        network = replace(
            network,
            channels=replace(network.channels, most_spikes=most),
            populations=[*(replace(p, **often) for p in awake), network.populations[2]],
            projections=[replace(p, weight_exponent=0) for p in network.projections],
        )
    assert not misfits(network)
    spikes = Raster.from_dense(np.full((1, 20, 9), most))
    assert simulate(network, spikes).spikes["a"].n_spikes > 90 * most
    for lanes in (1, 4):
        check(network, spikes, lanes=lanes, deep=True)


@needs_verilator
@pytest.mark.long
@pytest.mark.parametrize("lanes", [1, 8])
def test_digits_in_verilator_from_random_memories(lanes: int) -> None:
    """A trained network runs on data, in a program that starts with random memories."""
    pytest.importorskip("sklearn")
    network = nm.zoo.load("digits")
    spikes = network.bin(nm.load_dataset("digits").test[:20]).raster
    simulator = verilator()
    assert simulator is not None
    recorded = runtime.run(network, lanes, spikes, False, simulator, None)
    assert compare_recordings(simulate(network, spikes), recorded).identical


@needs_verilator
@needs_icarus
@pytest.mark.parametrize(
    ("lanes", "deep", "single_port", "hidden"),
    [(1, 0, 0, 100), (1, 1, 1, 1), (8, 1, 0, 100), (1, 0, 1, 2), (8, 1, 0, 15)],
)
def test_lint_finds_nothing(
    lanes: int, deep: int, single_port: int, hidden: int, tmp_path: Path
) -> None:
    """The cases are a trained network, and small ones with a late reset or with counts."""
    network = nm.zoo.load("digits")
    if hidden < 100:
        reset = {"reset": LATE} if hidden == 1 else {"reset": SUBTRACT, "most_spikes": 6}
        populations = [lif("a", hidden, **reset), li("o", 1)]
        network = made(populations, [(INPUT, "a"), ("a", "o")], most_in=hidden)
    files = running_files(network, lanes)
    write(files, tmp_path)
    texts = [name for name in files if name.startswith("rtl/")]
    # The warning PROCASSINIT is off, because registers may have initial values, as in a configured
    # FPGA. Older versions of Verilator lack this warning; -Wfuture lets them accept its name.
    begins = ["-Wfuture-PROCASSINIT", "-Wno-PROCASSINIT"]
    options = [f"-GDEEP={deep}", f"-GSINGLE_PORT={single_port}", *begins]
    options += ["--top-module", "nmtool_top"]
    simulator = verilator()
    assert simulator is not None
    environment = {**os.environ, "VERILATOR_ROOT": str(simulator.root)}
    for command in (
        [simulator.program, "--lint-only", "-Wall", *options, *texts],
        ["iverilog", "-g2005", "-Wall", "-t", "null", "-s", "nmtool_top", *texts],
    ):
        done = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, env=environment
        )
        warnings = [line for line in (done.stdout + done.stderr).splitlines() if line[:2] != "- "]
        assert (done.returncode, warnings) == (0, [])


@needs_yosys
@pytest.mark.parametrize("part", ["ecp5", pytest.param("ice40", marks=pytest.mark.long)])
def test_synthesis(part: str, tmp_path: Path) -> None:
    """All memories become memories of the FPGA, and every signal has exactly one driver.

    The block RAMs of an ECP5 use their registers.
    """
    network = nm.zoo.load("yinyang")
    files = running_files(network, 1)
    write(files, tmp_path)
    register = "rtl/nmtool_ram_register.v"
    texts = [name for name in files if name.startswith("rtl/")]
    synthesis = "synth_ice40 -top nmtool_top"
    if part == "ecp5":
        texts.remove(register)
        synthesis = (
            f"read_verilog -lib {register}; synth_ecp5 -top nmtool_top -run begin:map_ffram; "
            "script boards/ecp5.ys; select -assert-min 1 t:DP16KD; "
            "select -assert-none t:DP16KD r:REGMODE_B=OUTREG %d; "
            "synth_ecp5 -top nmtool_top -run map_ffram:"
        )
    script = (
        f"read_verilog -defer {' '.join(texts)}; {synthesis}; "
        "check -assert; select -assert-none t:$mem* t:$_MEM*; tee -o stat.json stat -json"
    )
    done = subprocess.run(
        ["yosys", "-q", "-p", script], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


@needs_icarus
@given(seed=seeds)
@settings(max_examples=examples(0.1))
def test_a_network_without_projections(seed: int) -> None:
    maker = Maker(np.random.default_rng(seed))
    network = IntegerNetwork(
        InputChannels(3), [maker.population("a", 5, LIF)], [], Readout("a", "first_spike"), 1.0, 9
    )
    check(network, random_raster(seed, 2, 9, 3), deep=True)


def test_lanes_change_nothing_but_the_layout() -> None:
    network = nm.zoo.load("digits")
    folders = [running_files(network, lanes) for lanes in LANES]
    by_hand = [name for name in folders[0] if not name.startswith("mem/") and "top" not in name]
    assert all(folder[name] == folders[0][name] for folder in folders for name in by_hand)
    assert [Layout(network, lanes).parameters["WEIGHT_BITS"] for lanes in LANES] == [8] * 5
    assert Verilog.misfits(network) == []
