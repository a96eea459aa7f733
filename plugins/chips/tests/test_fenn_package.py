"""The exported folder, run by a replacement of PyFeNN that is compared with PyFeNN's recordings."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import nmtool as nm
from nmtool.errors import BackendError, DoesNotFitError, FileFormatError
from nmtool.exporters.environments import Environment
from nmtool.exporters.formats import formats_that_run, formats_that_write
from nmtool.hardware_sim.known_answers import known_answers
from nmtool.hardware_sim.reference import run_reference
from nmtool.hardware_sim.simulator import simulate
from nmtool.network.graph import INPUT, InputChannels
from nmtool.network.integer_network import IntegerNetwork, IntegerPopulation, IntegerProjection
from nmtool.network.readout import Readout
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.testing import registered
from nmtool.testing.networks import random_raster
from nmtool.verification.comparison import compare_recordings
from nmtool_chips.fenn.environment import REFEREE
from nmtool_chips.fenn.fenn16 import FENN16
from nmtool_chips.fenn.format import Fenn
from nmtool_chips.fenn.package.fenn_network import memory
from plugins.chips.tests.fenn_networks import drawn, fenn_network, fenn_raster, vectors
from tests.refusals import codes, refused
from tests.thorough import examples

FAKE = Path(__file__).with_name("fake_pyfenn")


@pytest.fixture(scope="module")
def fake(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """A Python that imports the replacement of PyFeNN."""
    python = tmp_path_factory.mktemp("fake") / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{FAKE}" exec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    return Environment(python, REFEREE)


def population(name: str, size: int, kind: str, vth: int, **decays: int) -> IntegerPopulation:
    numbers = {"du": 6000, "dv": 1600, **decays}
    return IntegerPopulation(
        name, size, kind, vth=vth, scale=1.0, arithmetic=FENN16.name, **numbers
    )


def projection(
    source: str, target: str, weight: np.ndarray, delay: np.ndarray
) -> IntegerProjection:
    return IntegerProjection(source, target, weight, delay, 9, arithmetic=FENN16.name)


def dense(source: int, hidden: int, delay: int = 63, layers: int = 1) -> IntegerNetwork:
    """Layers of the given sizes after an input, and an output of one neuron."""
    names = [f"h{index}" for index in range(layers)]
    sizes = {INPUT: source, **dict.fromkeys(names, hidden), "out": 1}
    edges = [*zip([INPUT, *names], [*names, "out"], strict=True)]
    shapes = [(sizes[a], sizes[b]) for a, b in edges]
    return IntegerNetwork(
        InputChannels(source),
        [*(population(n, hidden, "lif", 900) for n in names), population("out", 1, "li", 1 << 15)],
        [
            projection(*edge, np.ones(shape, int), np.full(shape, delay))
            for edge, shape in zip(edges, shapes, strict=True)
        ],
        Readout("out", "max"),
        dt_ms=1.0,
        n_steps=100,
        arithmetic=FENN16.name,
    )


def check(artefact: Fenn, spikes: Raster, where: Environment, deep: bool = True) -> Any:
    """Compare the results of the folder with the simulator."""
    expected = simulate(artefact.integers, spikes, deep=deep)
    return compare_recordings(expected, artefact.run(spikes, deep=deep, environment=where))


# Tests of FeNN's simulator


def test_nmtools_simulator_equals_recordings_of_fenns() -> None:
    seen = {"wraps": 0, "spikes": 0, "li": 0, "lif": 0}
    for network, answers in vectors():
        recording = simulate(network, answers.spikes, deep=True)
        comparison = compare_recordings(answers.recording, recording)
        assert comparison.identical, comparison.first_divergence
        assert answers.is_deep
        seen["spikes"] += sum(raster.n_spikes for raster in recording.spikes.values())
        seen["wraps"] += sum(int((abs(v) >= 32767).sum()) for v in recording.potential.values())
        seen["li"] += len(network.integrating)
        seen["lif"] += len(network.spiking)
    assert min(seen.values()) > 0


def test_the_last_recording_depends_on_the_order_of_sources() -> None:
    *_, (network, answers) = vectors()
    assert compare_recordings(answers.recording, run_reference(network, answers.spikes)).identical
    with registered(replace(FENN16, word=1)):
        ascending = run_reference(network, answers.spikes)
    assert ascending.spikes != answers.recording.spikes


def test_the_replacement_equals_recordings_of_fenns_simulator(
    fake: Environment, tmp_path: Path
) -> None:
    recorded = [*vectors()]
    for network, answers in [*recorded[:4], recorded[-1]]:
        artefact = Fenn.write(network, tmp_path / "export", force=True)
        actual = artefact.run(answers.spikes, deep=True, environment=fake)
        comparison = compare_recordings(answers.recording, actual)
        assert comparison.identical, comparison.first_divergence


@pytest.mark.fenn
@pytest.mark.parametrize("deep", [False, True])
def test_fenns_simulator_equals_nmtools(deep: bool, tmp_path: Path) -> None:
    real = _real()
    for seed in range(1000, 1010):
        network, spikes = drawn(seed)
        artefact = Fenn.write(network, tmp_path / "export", force=True)
        comparison = check(artefact, spikes, real, deep)
        assert comparison.identical, comparison.first_divergence


@pytest.mark.fenn
@pytest.mark.long
def test_fenns_simulator_with_weights_in_dram_and_several_parts(tmp_path: Path) -> None:
    """With 700 channels and 300 recurrent neurons, weights exceed URAM, and spikes BRAM."""
    real, random = _real(), np.random.default_rng(1)
    network = dense(700, 300)
    edge = projection(
        "h0", "h0", random.integers(-255, 256, (300, 300)), random.integers(0, 64, (300, 300))
    )
    network = replace(network, projections=[*network.projections, edge])
    plan = memory.plan(700, memory.layers(network, deep=True), 700)
    assert plan.in_dram
    assert plan.steps < 700
    artefact = Fenn.write(network, tmp_path / "export")
    comparison = check(artefact, random_raster(1, 1, 700, 700), real)
    assert comparison.identical, comparison.first_divergence


def _real() -> Environment:
    try:
        return REFEREE.find()
    except nm.MissingError as error:
        pytest.skip(str(error))


# Tests of the folder with the replacement of PyFeNN


def test_populations_and_projections_of_all_kinds(fake: Environment, tmp_path: Path) -> None:
    for seed in range(3):
        network = fenn_network(seed, largest=40)
        artefact = Fenn.write(network, tmp_path / str(seed))
        comparison = check(artefact, fenn_raster(seed, network), fake, deep=bool(seed % 2))
        assert comparison.identical, comparison.first_divergence


def test_state_is_reset_between_samples_but_not_between_parts(
    fake: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A core that can record 64 steps runs 150 steps in three parts, with the same results."""
    network = fenn_network(4, largest=40)
    spikes = random_raster(1, 2, 150, network.channels.size)
    artefact = Fenn.write(network, tmp_path / "export")
    file = artefact.path / "fenn_network" / "memory.py"
    text = file.read_text()
    small = text.replace("128 << 10, 64 << 10", f"{_bram(network, 100)}, 64 << 10")
    assert small != text
    file.write_text(small)
    expected = simulate(network, spikes, deep=True)
    actual = artefact.run(spikes, deep=True, trust=True, environment=fake)
    comparison = compare_recordings(expected, actual)
    assert comparison.identical, comparison.first_divergence


def _bram(network: IntegerNetwork, steps: int) -> int:
    """Bytes of BRAM for the spikes of a number of steps."""
    words = sum(memory.padded(p.size) // 32 for p in network.spiking)
    channels = memory.padded(network.channels.size) // 32
    return 4096 + 4 * (words * (steps + 1) + channels * steps)


def test_sums_clip_after_each_weight_in_order(fake: Environment, tmp_path: Path) -> None:
    """150 positive weights and 50 negative ones of a step, of which ten in the word of the last
    positive ones are added before these, and 40 at the end."""
    half, n = 255 * np.ones((200, 3), int), 3
    network = replace(
        dense(200, n),
        projections=[
            projection(INPUT, "h0", np.where(np.arange(200)[:, None] < 150, half, -half), 0 * half),
            projection("h0", "h0", -255 * np.ones((n, n), int), np.zeros((n, n), int)),
            projection("h0", "out", np.ones((n, 1), int), np.zeros((n, 1), int)),
        ],
    )
    spikes = Raster.from_dense(np.ones((1, 20, 200)))
    expected = simulate(network, spikes, deep=True)
    assert (expected.current["h0"] == 32767 - 40 * 255).any()
    artefact = Fenn.write(network, tmp_path / "export")
    comparison = check(artefact, spikes, fake)
    assert comparison.identical, comparison.first_divergence


def changed(artefact: Fenn, module: str, old: str, new: str) -> None:
    file = artefact.path / "fenn_network" / module
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))


@pytest.fixture(scope="module")
def intricate(
    fake: Environment, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Raster, Recording]:
    """A folder whose results depend on every workaround, its input, and the right results."""
    random = np.random.default_rng(1)
    weight = random.integers(150, 256, (300, 9)) * np.where(np.arange(300) < 180, 1, -1)[:, None]
    recurrent = random.integers(-255, 256, (9, 9)), random.integers(0, 3, (9, 9))
    network = replace(
        dense(300, 9, 0),
        projections=[
            projection(INPUT, "h0", weight, np.zeros((300, 9), int)),
            projection("h0", "h0", *recurrent),
            projection("h0", "out", np.ones((9, 1), int), np.zeros((9, 1), int)),
        ],
    )
    spikes = random_raster(2, 2, 30, 300)
    artefact = Fenn.write(network, tmp_path_factory.mktemp("intricate") / "export")
    assert check(artefact, spikes, fake).identical
    return artefact.path, spikes, simulate(network, spikes, deep=True)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("I = Beta * I;", "I *= Beta;"),
        ("RoundingMode.NEAREST", "RoundingMode.TO_ZERO"),
        ("events.array.push_to_device()", "pass"),
        ("shifted[1:n_steps] = spikes[:-1]", "shifted[:n_steps] = spikes"),
        (
            "grouped([(entry.source, entry.target) for entry in arrays.projections])",
            "[range(len(linears))]",
        ),
    ],
    ids=["decay", "rounding", "row-before", "latency", "order"],
)
def test_each_pitfall_of_pyfenn_is_detected(
    old: str,
    new: str,
    intricate: tuple[Path, Raster, Recording],
    fake: Environment,
    tmp_path: Path,
) -> None:
    """The replacement has PyFeNN's pitfalls: without the package's workaround, results differ."""
    folder, spikes, expected = intricate
    artefact = Fenn(Path(shutil.copytree(folder, tmp_path / "export")))
    changed(artefact, "model.py", old, new)
    with refused(FileFormatError, "export-changed"):
        check(artefact, spikes, fake)
    actual = artefact.run(spikes, deep=True, trust=True, environment=fake)
    assert not compare_recordings(expected, actual).identical


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            "rows = entry.name, entry.size, plan.steps + 1",
            "rows = entry.name, entry.size, 30",
            "31",
        ),
        ("MAX_WEIGHT = 255", "MAX_WEIGHT = 0", "weights of input → h0 lie beyond"),
        ("plan.slots[name], name=", "48, name=", "power of two"),
        ("use_dram_for_weights=plan.in_dram", "use_dram_for_weights=False", "URAM"),
        ("INSTRUCTIONS:", "100:", "instructions, more than"),
    ],
    ids=["rows", "packing", "slots", "memory", "program"],
)
def test_a_model_that_pyfenn_cannot_compile_is_an_error(
    old: str, new: str, words: str, fake: Environment, tmp_path: Path
) -> None:
    network = dense(700, 400)
    artefact = Fenn.write(network, tmp_path / "export")
    changed(artefact, "model.py", old, new)
    with refused(BackendError, "runtime-failed") as caught:
        artefact.run(random_raster(0, 1, 30, 700), deep=True, trust=True, environment=fake)
    assert words in caught.value.why
    assert "nmtool setup fenn --force" in caught.value.fix


def run_script(fake: Environment, folder: Path, *words: str) -> tuple[int, str]:
    done = subprocess.run(
        [fake.python, folder / "run.py", *words], capture_output=True, text=True, cwd=folder
    )
    return done.returncode, done.stdout + done.stderr


def test_the_script_compares_known_answers(fake: Environment, tmp_path: Path) -> None:
    network = fenn_network(3, largest=20)
    answers = known_answers(network)
    path = Fenn.write(network, tmp_path / "export", answers=answers).path
    code, text = run_script(fake, path, "known_answers.npz")
    spikes, states = (line for line in text.splitlines() if " compared " in line)
    assert (code, spikes.split(", ")[1], states.split(", ")[1]) == (0, "different 0", "different 0")
    other = replace(
        network, populations=[replace(p, du=p.du // 2 + 9) for p in network.populations]
    )
    strange = Fenn.write(other, tmp_path / "other", answers=answers).path
    code, text = run_script(fake, strange, "known_answers.npz")
    assert code == 1
    assert "first difference: sample 0" in text


def test_the_script_classifies_a_table(fake: Environment, tmp_path: Path) -> None:
    network = replace(fenn_network(2, largest=20), n_steps=40)
    events = nm.SpikeEvents.from_lists(
        [[1.0, 2.0, 39.0], [], [3.0, 99.0]],
        [[0, 0, 0], [], [0, 0]],
        [0, 1, 0],
        class_names=network.class_names[:2],
        n_units=network.channels.size,
    )
    path = Fenn.write(network, tmp_path / "export", samples=events).path
    code, text = run_script(fake, path, "events.csv", "r.npz", "--predictions", "p.csv")
    assert code == 0
    recording = nm.Recording.load(path / "r.npz")
    expected = simulate(network, network.bin(events).raster)
    assert compare_recordings(expected, recording).identical
    with open(path / "p.csv", newline="") as file:
        rows = [*csv.DictReader(file)]
    assert [int(row["class"]) for row in rows] == expected.predictions.tolist()
    right = sum(row["name"] == row["label"] for row in rows)
    assert f"as labelled {right} of 3" in text
    assert "events after the last step 1" in text
    code, text = run_script(fake, path, "events.csv", "--json")
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    assert [line["class"] for line in lines[:-1]] == expected.predictions.tolist()
    assert lines[-1] == {"late_events": 1, "as_labelled": right}


def test_the_script_refuses_invalid_input(fake: Environment, tmp_path: Path) -> None:
    path = Fenn.write(fenn_network(2, largest=5), tmp_path / "export").path
    (path / "damaged.npz").write_bytes(b"PK")
    for name in ("damaged.npz", "missing.csv"):
        code, text = run_script(fake, path, name)
        assert code == 2
        assert text.startswith(f"{name} cannot be used: ")


def test_a_recording_that_cannot_be_read(fake: Environment, tmp_path: Path) -> None:
    artefact = Fenn.write(fenn_network(2, largest=5), tmp_path / "export")
    text = (artefact.path / "run.py").read_text()
    (artefact.path / "run.py").write_text(text.replace("recorder.write(", "print("))
    with refused(BackendError, "referee-recording-unreadable") as caught:
        artefact.run(fenn_raster(2, artefact.integers), trust=True, environment=fake)
    assert "there is no file" in caught.value.why


def test_a_folder_without_its_script(fake: Environment, tmp_path: Path) -> None:
    artefact = Fenn.write(fenn_network(2, largest=5), tmp_path / "export")
    (artefact.path / "run.py").unlink()
    with refused(FileFormatError, "fenn-script-missing"):
        artefact.run(fenn_raster(2, artefact.integers), trust=True, environment=fake)


# Tests of the limits of a core


@pytest.mark.parametrize(
    ("network", "code", "values"),
    [
        (dense(4, 545), "fenn-lane-memory", ["77,824", "65,536", "h0 545 × 64"]),
        (dense(700, 300, 0, 14), "fenn-program", ["15 populations", "15 projections", "1,024"]),
        (dense(20000, 32), "fenn-core-memory", ["64 steps"]),
    ],
)
def test_findings_on_misfits_have_names_and_numbers(
    network: IntegerNetwork, code: str, values: list[str], tmp_path: Path
) -> None:
    with refused(DoesNotFitError, "format-does-not-fit") as caught:
        Fenn.write(network, tmp_path / "export")
    assert codes(caught.value) == [code]
    for value in values:
        assert value in caught.value.findings[0].what


@pytest.mark.parametrize(
    ("in_dram", "sizes", "more", "length"),
    [
        (False, [13, 1], ["h0 h0"], 163),
        (False, [260, 80], ["h0 h0", "input h0"], 415),
        (True, [26, 21, 39, 10], [], 551),
        (True, [44, 68, 34, 7], ["h0 h0"], 716),
        (True, [97, 35, 95, 28], ["h1 h3", "input h1", "input h3"], 965),
    ],
)
def test_estimated_lengths_of_programs_are_close_to_pyfenns(
    in_dram: bool, sizes: list[int], more: list[str], length: int
) -> None:
    """Networks are chains of layers with additional projections; lengths are in instructions."""
    names = [f"h{index}" for index in range(len(sizes))]
    layers = [
        memory.Layer(name, size, 0, [1], True, 0) for name, size in zip(names, sizes, strict=True)
    ]
    edges = [*zip([INPUT, *names], names, strict=False)]
    edges += [(source, target) for source, target in (words.split() for words in more)]
    assert abs(memory.instructions(layers, edges, in_dram) - length) <= 26


def test_shorter_delays_leave_room_for_more_neurons() -> None:
    assert not Fenn.misfits(dense(4, 480))
    assert not Fenn.misfits(dense(4, 960, 31))
    assert Fenn.misfits(dense(4, 960, 32))


@settings(max_examples=examples(6.5))
@given(
    channels=st.integers(1, 2000),
    sizes=st.lists(st.integers(1, 500), min_size=1, max_size=4),
    delay=st.integers(0, 63),
    deep=st.booleans(),
    steps=st.integers(1, 3000),
)
def test_a_plan_fits_into_a_core(
    channels: int, sizes: list[int], delay: int, deep: bool, steps: int
) -> None:
    layers = [
        memory.Layer(
            f"p{index}", size, delay, [channels, size], index > 0, 2 if deep else index % 2
        )
        for index, size in enumerate(sizes)
    ]
    try:
        plan = memory.plan(channels, layers, steps)
    except ValueError:
        return
    rows = plan.steps + 1
    states = [2 * memory.padded(layer.size) for layer in layers]
    uram = sum(
        state * (1 + (rows * layer.states if layer.states else 1))
        for state, layer in zip(states, layers, strict=True)
    )
    weights = sum(state * sum(layer.synapses) for state, layer in zip(states, layers, strict=True))
    uram += 2 * max(states) if plan.in_dram else weights
    spikes = sum(memory.padded(layer.size) // 8 for layer in layers if layer.spikes)
    bram = spikes * rows + memory.padded(channels) // 8 * plan.steps
    slots = plan.slots["p0"]
    assert uram + 64 <= 512 << 10
    assert bram + 4096 <= 128 << 10
    assert sum(states) * slots <= 64 << 10
    assert weights <= plan.dma_bytes
    assert plan.steps == steps or plan.steps % slots == 0
    assert delay < slots
    assert slots & (slots - 1) == 0


@given(st.lists(st.tuples(st.sampled_from("iabc"), st.sampled_from("abc")), max_size=12))
def test_groups_keep_the_order_of_arrivals(projections: list[tuple[str, str]]) -> None:
    groups = memory.grouped(projections)
    assert sorted(index for group in groups for index in group) == [*range(len(projections))]
    for target in "abc":
        order = [index for group in groups for index in group if projections[index][1] == target]
        assert order == sorted(order)
    for group in groups:
        assert len({projections[index][0] for index in group}) == 1
        assert len({projections[index][1] for index in group}) == len(group)


def test_the_readme_describes_the_folder(tmp_path: Path) -> None:
    network = fenn_network(1, largest=9)
    path = Fenn.write(network, tmp_path / "export", answers=known_answers(network)).path
    text = (path / "README.md").read_text()
    for population_ in network.populations:
        assert f"| {population_.name} | {population_.size} | {population_.kind} |" in text
    assert network.content_hash in text
    assert {p.name for p in (path / "fenn_network").iterdir()} == {
        *("__init__.py", "arrays.npz", "arrays.py", "events.py", "known_answers.py", "memory.py"),
        *("model.py", "readout.py", "recording.py", "samples.py", "traces.py"),
    }


def test_networks_are_written_read_run_and_carried() -> None:
    assert Fenn.writes
    assert Fenn.reads
    assert Fenn.runs
    assert Fenn.carries
    assert not Fenn.holds_floats
    assert "fenn" in formats_that_write()
    assert "fenn" in formats_that_run()
