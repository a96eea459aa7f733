"""Exported folders run in Lava, compared integer by integer with nmtool's simulators."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import Phase, given, settings, strategies as st

from nmtool import SpikeEvents
from nmtool.arithmetic import STATE_LIMIT
from nmtool.errors import BackendError
from nmtool.exporters.environments import Environment, clean_variables, write_events
from nmtool.exporters.lava.environment import REFEREE
from nmtool.exporters.lava.format import Lava
from nmtool.exporters.supervise import supervise
from nmtool.hardware_sim.known_answers import known_answers
from nmtool.hardware_sim.reference import run_reference
from nmtool.hardware_sim.simulator import simulate
from nmtool.network.graph import INPUT, LIF, InputChannels
from nmtool.network.integer_network import IntegerNetwork, IntegerPopulation, IntegerProjection
from nmtool.network.readout import Readout
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.targets import LOIHI2
from nmtool.testing.networks import random_network, random_raster
from nmtool.verification.comparison import compare_recordings
from nmtool.verification.faults import draw_faults, mutant
from tests.networks.edges import edge_network, scattered_network
from tests.networks.lasting import self_sustained_network
from tests.refusals import refused
from tests.thorough import examples

pytestmark = pytest.mark.lava

either_model = pytest.mark.parametrize(
    "model", ["fast", pytest.param("stock", marks=pytest.mark.long)]
)
"""Lava's own model is slow."""


@pytest.fixture(scope="module")
def environment() -> Environment:
    return REFEREE.find()


def assert_same(actual: Recording, expected: Recording) -> None:
    """Assert that all arrays of two recordings are equal."""
    assert list(actual.spikes) == list(expected.spikes)
    for name, raster in expected.spikes.items():
        for key in ("offset", "step", "neuron"):
            assert np.array_equal(getattr(actual.spikes[name], key), getattr(raster, key)), name
    for group in ("current", "potential", "membrane"):
        wanted = getattr(expected, group)
        assert set(getattr(actual, group)) == set(wanted)
        for name, values in wanted.items():
            assert np.array_equal(getattr(actual, group)[name], values), (group, name)


@settings(
    max_examples=examples(0.1),
    derandomize=True,
    deadline=None,
    database=None,
    # Failing examples are not shrunk, because every run starts Lava, which is slow.
    phases=[Phase.generate],
)
@given(
    seed=st.integers(0, 2**32 - 1),
    # The first example has the first value of each.
    n_hidden=st.sampled_from([1, 2, 0]),
    spiking_output=st.sampled_from([True, False]),
    n_samples=st.sampled_from([2, 1, 3]),
    n_steps=st.one_of(st.just(20), st.integers(1, 90)),
)
def test_random_networks_equal_the_simulator(
    tmp_path_factory: pytest.TempPathFactory,
    environment: Environment,
    seed: int,
    n_hidden: int,
    spiking_output: bool,
    n_samples: int,
    n_steps: int,
) -> None:
    network = random_network(seed, n_hidden, spiking_output)
    spikes = random_raster(seed, n_samples, n_steps, network.channels.size)
    folder = Lava.write(network, tmp_path_factory.mktemp("random") / "export").path
    fast = Lava(folder).run(spikes, deep=True, environment=environment)
    assert_same(fast, simulate(network, spikes, deep=True))
    assert_same(fast, run_reference(network, spikes))
    assert_same(Lava(folder).run(spikes, model="stock", deep=True, environment=environment), fast)


def test_every_delay_and_fresh_states_of_samples(tmp_path: Path, environment: Environment) -> None:
    network = self_sustained_network()
    assert set(network.projections[1].delay.flat) == set(range(LOIHI2.max_delay + 1))
    # The longest delay ends within a sample; the third sample begins later than the first.
    dense = np.zeros((3, 70, 2), bool)
    dense[0, 0], dense[2, 20] = True, True
    spikes = Raster.from_dense(dense)
    folder = Lava.write(network, tmp_path / "export").path
    fast = Lava(folder).run(spikes, deep=True, environment=environment)
    counts = fast.spikes["hidden"].counts().sum(axis=1)
    assert fast.spikes["hidden"].dense()[0, -1].any(), "activity should outlast the sample"
    assert (counts > 0).tolist() == [True, False, True]
    assert_same(fast, simulate(network, spikes, deep=True))
    assert_same(Lava(folder).run(spikes, model="stock", deep=True, environment=environment), fast)


@either_model
def test_states_are_recorded_only_on_request(
    model: str, tmp_path: Path, environment: Environment
) -> None:
    network = random_network(11, 1, False)
    spikes = random_raster(11, 3, 30, network.channels.size)
    folder = Lava.write(network, tmp_path / "export").path
    finished: list[int] = []
    recording = Lava(folder).run(
        spikes, model=model, environment=environment, on_progress=finished.append
    )
    assert_same(recording, simulate(network, spikes))
    assert finished == [1, 1, 1]
    assert recording.predictions.shape == (3,)
    assert not recording.current
    assert not recording.potential


def test_compiled_files_in_a_folder_are_not_run(tmp_path: Path, environment: Environment) -> None:
    """Python runs a compiled file whose source has the recorded date and size.

    nmtool only compares sources, so it must not run compiled files.
    """
    network = random_network(11, 1, False)
    spikes = random_raster(11, 1, 10, network.channels.size)
    folder = Lava.write(network, tmp_path / "export").path
    source = folder / "lava_network/readout.py"
    before, whole = source.stat(), source.read_text()
    source.write_text("raise SystemExit(7)".ljust(before.st_size, "#"))
    os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns))
    compile_ = ["-c", "import py_compile, sys; py_compile.compile(sys.argv[1])", source]
    subprocess.run([environment.python, *compile_], check=True)
    source.write_text(whole)
    os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns))
    write_events(folder / "events.npz", spikes)
    with refused(BackendError, "runtime-failed") as caught:
        run_script(environment, folder)
    assert "exit code 7" in caught.value.why, "the compiled file should count for Python"
    (folder / "events.npz").unlink()
    recording = Lava(folder).run(spikes, environment=environment)
    assert_same(recording, simulate(network, spikes))


@pytest.mark.parametrize("sign", [pytest.param(1, marks=pytest.mark.long), -1])
def test_states_at_the_limits_of_24_bits(
    sign: int, tmp_path: Path, environment: Environment
) -> None:
    network = edge_network(sign)
    spikes = Raster.from_dense(np.ones((1, 10, 1)))
    folder = Lava.write(network, tmp_path / "export").path
    fast = Lava(folder).run(spikes, deep=True, environment=environment)
    assert (abs(fast.membrane["out"]) == STATE_LIMIT - 1).any()
    assert (np.sign(fast.current["out"][0, 1:, 0]) == -sign).any(), "u should have wrapped"
    assert_same(fast, simulate(network, spikes, deep=True))
    assert_same(Lava(folder).run(spikes, model="stock", deep=True, environment=environment), fast)


@pytest.mark.long
def test_unconnected_populations(tmp_path: Path, environment: Environment) -> None:
    network = scattered_network()
    spikes = random_raster(2, 2, 12, 2)
    folder = Lava.write(network, tmp_path / "export").path
    fast = Lava(folder).run(spikes, deep=True, environment=environment)
    assert fast.spikes["lonely"].n_spikes
    assert fast.spikes["driven"].n_spikes
    assert_same(fast, simulate(network, spikes, deep=True))
    assert_same(Lava(folder).run(spikes, model="stock", deep=True, environment=environment), fast)


def run_script(
    environment: Environment,
    folder: Path,
    *options: str,
    on_line: Callable[[str], None] | None = None,
) -> dict[str, np.ndarray]:
    """The recording that run.py of an export writes, run without nmtool."""
    supervise(
        [
            environment.python,
            folder / "run.py",
            folder / "events.npz",
            folder / "out.npz",
            *options,
        ],
        what="run.py",
        idle_timeout_s=120,
        on_line=on_line,
        env=clean_variables(),
        cwd=folder.parent,
    )
    with np.load(folder / "out.npz", allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def test_the_script_writes_classes_as_json_and_in_a_table(
    tmp_path: Path, environment: Environment
) -> None:
    network = replace(random_network(11, 1, False), class_names=["a", "b", "c", "d e"])
    spikes = random_raster(11, 3, 30, network.channels.size)
    folder = Lava.write(network, tmp_path / "export").path
    write_events(folder / "events.npz", spikes)
    classes = simulate(network, spikes).predictions.tolist()
    lines: list[str] = []
    table = folder / "predictions.csv"
    run_script(environment, folder, "--predictions", str(table), "--json", on_line=lines.append)
    messages = [json.loads(line) for line in lines if line.startswith("{")]
    assert [message["class"] for message in messages if "samples_done" in message] == classes
    rows = [line.split(",") for line in table.read_text().splitlines()]
    assert rows[0] == ["sample", "class", "name", "score a", "score b", "score c", "score d e"]
    assert [int(row[1]) for row in rows[1:]] == classes
    assert [np.argmax([float(score) for score in row[3:]]) for row in rows[1:]] == classes


def printed(
    environment: Environment, folder: Path, *words: str | Path
) -> tuple[int, list[str], str]:
    """Exit code, stdout and stderr of run.py, started as a user would start it."""
    done = subprocess.run(
        [environment.python, "run.py", *words], cwd=folder, capture_output=True, text=True
    )
    return done.returncode, done.stdout.splitlines(), done.stderr


def test_the_script_takes_a_table_of_events(tmp_path: Path, environment: Environment) -> None:
    names = ["a", "b", "c", "d e"]
    network = replace(random_network(11, 1, False), class_names=names, n_steps=30)
    random = np.random.default_rng(3)
    events = SpikeEvents.from_dense(
        random.random((4, 32, 5)) < 0.3, [0, 1, 2, 3], dt_ms=network.dt_ms, class_names=names
    )
    folder = Lava.write(network, tmp_path / "export", samples=events).path
    binned = network.bin(events)
    classes = simulate(network, binned.raster).predictions.tolist()
    code, lines, _ = printed(environment, folder, "events.csv", "--predictions", "out.csv")
    assert code == 0
    answers = [(line.split(",")[0], line.split("; ")[-1]) for line in lines[:4]]
    assert answers == [
        (f"sample {i}: class {answer} {names[answer]!r}", f"label {names[i]!r}")
        for i, answer in enumerate(classes)
    ]
    right = sum(answer == i for i, answer in enumerate(classes))
    assert lines[4:] == [
        f"as labelled {right} of 4",
        f"events after the last step {binned.dropped}",
    ]
    rows = [line.split(",") for line in (folder / "out.csv").read_text().splitlines()]
    assert rows[0][:4] == ["sample", "class", "name", "label"]
    assert [row[:4] for row in rows[1:]] == [
        [str(i), str(answer), names[answer], names[i]] for i, answer in enumerate(classes)
    ]
    assert not (folder / "RECORDING.npz").exists()


@either_model
def test_the_script_compares_its_known_answers(
    model: str, tmp_path: Path, environment: Environment
) -> None:
    network = random_network(11, 1, False)
    answers = known_answers(network)
    folder = Lava.write(network, tmp_path / "export", answers=answers).path
    script = (environment, folder, "known_answers.npz", "--model", model)
    code, lines, _ = printed(*script)
    bins = answers.spikes.n_samples * answers.spikes.n_steps
    states = 2 * bins * sum(p.size for p in network.populations)
    spiking = bins * sum(p.size for p in network.spiking)
    n_samples = answers.spikes.n_samples
    assert [line.split(",")[0] for line in lines[:n_samples]] == [
        f"sample {i}: class {answer}"
        for i, answer in enumerate(answers.recording.predictions.tolist())
    ]
    assert (code, lines[n_samples:]) == (
        0,
        [f"spikes compared {spiking}, different 0", f"u and v compared {states}, different 0"],
    )
    other = mutant(network, draw_faults(network, 1, seed=4)[0])
    Lava.write(other, folder, answers=answers, force=True)
    place = compare_recordings(
        answers.recording, simulate(other, answers.spikes, deep=True)
    ).first_divergence
    code, lines, _ = printed(*script)
    assert code == 1
    at = f"first difference: sample {place.sample}, step {place.step}, "
    assert lines[-1].startswith(at)


def rewritten(folder: Path, **changes: np.ndarray | int) -> None:
    """Replace exported arrays by values that no integer network can have."""
    path = folder / "lava_network/arrays.npz"
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files}
    header = json.loads(str(arrays["header"][()]))
    for entry in header["projections"]:
        entry |= {key: value for key, value in changes.items() if key in entry}
    for index in range(len(header["projections"])):
        for key in ("weight", "delay"):
            if key in changes:
                arrays[f"projection.{index}.{key}"] = changes[key]
    np.savez(path, **{**arrays, "header": np.array(json.dumps(header))})


def square_export(tmp_path: Path) -> Path:
    """An export of six channels and six neurons, with input."""
    random = np.random.default_rng(8)
    network = IntegerNetwork(
        InputChannels(6),
        [IntegerPopulation("out", 6, LIF, du=300, dv=200, vth=90, scale=1.0)],
        [
            IntegerProjection(source, "out", np.zeros((6, 6)), np.zeros((6, 6)))
            for source in (INPUT, "out")
        ],
        Readout("out", "first_spike"),
        dt_ms=1.0,
        n_steps=80,
    )
    folder = Lava.write(network, tmp_path / "export").path
    raster = Raster.from_dense(random.random((1, 80, 6)) < 0.4)
    write_events(folder / "events.npz", raster)
    return folder


@pytest.mark.parametrize(
    ("signs", "exponent", "bits"),
    [
        pytest.param("mixed", -3, 8, marks=pytest.mark.long),
        pytest.param("mixed", -1, 4, marks=pytest.mark.long),
        pytest.param("excitatory", -2, 6, marks=pytest.mark.long),
        ("inhibitory", -1, 8),
    ],
)
def test_fast_equals_stock_for_values_of_no_integer_network(
    signs: str, exponent: int, bits: int, tmp_path: Path, environment: Environment
) -> None:
    random = np.random.default_rng(exponent + 10 * bits)
    low, high = {"mixed": (-300, 300), "excitatory": (0, 300), "inhibitory": (-300, 0)}[signs]
    folder = square_export(tmp_path)
    rewritten(
        folder,
        weight=random.integers(low, high + 1, (6, 6)),
        delay=random.integers(50, 64, (6, 6)),
        weight_exponent=exponent,
        weight_bits=bits,
    )
    fast = run_script(environment, folder, "--deep")
    stock = run_script(environment, folder, "--deep", "--model", "stock")
    assert fast["current.out"].any()
    assert list(fast) == list(stock)
    for name, values in fast.items():
        assert np.array_equal(values, stock[name]), name


@pytest.mark.parametrize(("model", "delay"), [("fast", 63), ("stock", 3)])
def test_weights_are_clipped_and_floored_as_documented(
    model: str, delay: int, tmp_path: Path, environment: Environment
) -> None:
    """Mixed 4-bit weights are multiples of 32 in −256 … 255. Negative exponents round down."""
    folder = square_export(tmp_path)
    weight = np.zeros((6, 6), int)
    weight[0] = [300, -300, 63, -1, -33, 1]
    delays = np.full((6, 6), delay)
    rewritten(folder, weight=weight, delay=delays, weight_exponent=-6, weight_bits=4)
    np.savez(folder / "events.npz", offset=[0, 1], step=[0], neuron=[0], n_steps=delay + 2)
    current = run_script(environment, folder, "--deep", "--model", model)["current.out"][0]
    assert not current[: delay + 1].any()
    assert current[delay + 1].tolist() == [64 * a for a in (3, -4, 0, -1, -1, 0)]


@either_model
def test_a_refusal_by_a_process_model_is_reported(
    model: str, tmp_path: Path, environment: Environment
) -> None:
    folder = square_export(tmp_path)
    rewritten(folder, delay=np.full((6, 6), 64))
    with refused(BackendError, "runtime-failed") as caught:
        run_script(environment, folder, "--model", model)
    assert re.search(r"ValueError(.|\n)*63", caught.value.why)
    assert not (folder / "out.npz").exists()


@either_model
def test_a_killed_process_of_lava_is_an_error(
    model: str, tmp_path: Path, environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    network = random_network(11, 1, False)
    folder = Lava.write(network, tmp_path / "export").path
    # The first sample ends soon, and a process is killed long before the last sample.
    spikes = random_raster(1, 500, 200 if model == "fast" else 20, network.channels.size)
    seen: list[int] = []

    def kill_one(samples: int) -> None:
        while len(seen) < 6:
            seen[:] = processes_of(tmp_path)
        os.kill(seen[-1], signal.SIGKILL)

    with refused(BackendError, "runtime-failed"):
        Lava(folder).run(spikes, model=model, environment=environment, on_progress=kill_one)
    assert not processes_of(tmp_path)


def test_a_run_beyond_its_time_limit_is_stopped(
    tmp_path: Path, environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    network = random_network(11, 1, False)
    folder = Lava.write(network, tmp_path / "export").path
    spikes = random_raster(1, 5000, 200, network.channels.size)
    with refused(BackendError, "runtime-timeout"):
        Lava(folder).run(spikes, environment=environment, timeout_s=3.0)
    assert not processes_of(tmp_path)


def processes_of(folder: Path) -> list[int]:
    """Running processes with a script of an export in a folder, oldest first."""
    processes = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if any(word.startswith(bytes(folder)) and word.endswith(b"/run.py") for word in words):
            processes.append(int(entry.name))
    return sorted(processes)


def test_bad_events_are_refused(tmp_path: Path, environment: Environment) -> None:
    folder = square_export(tmp_path)
    np.savez(folder / "events.npz", offset=[0, 1], step=[500], neuron=[0], n_steps=80)
    with refused(BackendError, "runtime-failed") as caught:
        run_script(environment, folder)
    assert re.search(r"exit code 2\n(.|\n)*0 … 79", caught.value.why)
    whole = (folder / "events.npz").read_bytes()
    (folder / "events.npz").write_bytes(whole[: len(whole) // 2])
    with refused(BackendError, "runtime-failed") as caught:
        run_script(environment, folder)
    assert re.search(r"exit code 2\n(.|\n)*events\.npz", caught.value.why)


@either_model
def test_empty_event_lists_are_silence(
    model: str, tmp_path: Path, environment: Environment
) -> None:
    folder = square_export(tmp_path)
    np.savez(folder / "events.npz", offset=[0, 0], step=[], neuron=[], n_steps=5)
    recorded = run_script(environment, folder, "--model", model)
    assert recorded["spikes.out.offset"].tolist() == [0, 0]
