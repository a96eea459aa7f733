"""brian2-loihi: refused networks, its environment, and its recordings."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import Phase, given, settings, strategies as st

import nmtool as nm
from nmtool.arithmetic import SILENT_THRESHOLD, STATE_SHIFT
from nmtool.errors import BackendError, DataError, DoesNotFitError, MissingError, UsageError
from nmtool.exporters.environments import Environment
from nmtool.exporters.formats import artefact_at, formats_that_write
from nmtool.hardware_sim.simulator import simulate
from nmtool.network.graph import INPUT, LI, LIF, InputChannels
from nmtool.network.integer_network import IntegerNetwork, IntegerPopulation, IntegerProjection
from nmtool.network.readout import Readout
from nmtool.raster import Raster
from nmtool.targets import LOIHI2
from nmtool.testing.networks import random_network, random_raster
from nmtool.verification.comparison import Comparison, compare_recordings
from nmtool_chips.brian2_loihi import runtime
from nmtool_chips.brian2_loihi.environment import REFEREE, set_up_brian2_loihi
from nmtool_chips.brian2_loihi.format import Brian2Loihi
from plugins.chips.tests.fitting import fitting_network
from tests.networks.drawn import seeds
from tests.networks.lasting import self_sustained_network
from tests.refusals import codes, refused
from tests.thorough import examples


def one_neuron(kind: str, weight: int, exponent: int, **constants: int) -> IntegerNetwork:
    """A network of one channel and one neuron, without delays."""
    vth = {LIF: LOIHI2.max_threshold, LI: SILENT_THRESHOLD}[kind]
    values = {"du": 4094, "dv": 4095, "vth": vth, **constants}
    return IntegerNetwork(
        InputChannels(1),
        [IntegerPopulation("out", 1, kind, **values, scale=1.0)],
        [IntegerProjection(INPUT, "out", [[weight]], [[0]], weight_exponent=exponent)],
        Readout("out", "first_spike" if kind == LIF else "max"),
        dt_ms=1.0,
        n_steps=200,
    )


ALWAYS = Raster.from_dense(np.ones((2, 200, 1)))


# Tests of networks that brian2-loihi cannot express


def test_every_bias_is_a_finding(tmp_path: Path) -> None:
    network = random_network(5, 2, True)
    biased = [replace(p, bias_mantissa=np.arange(p.size) % 3) for p in network.populations]
    with refused(DoesNotFitError, "brian2-loihi-does-not-fit") as caught:
        Brian2Loihi.write(replace(network, populations=biased), tmp_path / "network")
    assert codes(caught.value) == ["brian2-loihi-bias"] * 3
    for finding, population in zip(caught.value.findings, biased, strict=True):
        assert population.name in finding.where
        assert str(np.count_nonzero(population.bias)) in finding.what
    assert list(tmp_path.iterdir()) == []


def test_a_biased_network_is_not_run(tmp_path: Path) -> None:
    network = one_neuron(LI, 2, 0)
    biased = replace(network, populations=[replace(network.populations[0], bias_mantissa=1)])
    biased.save(tmp_path / "network")
    with refused(DoesNotFitError, "brian2-loihi-does-not-fit"):
        Brian2Loihi(tmp_path / "network").run(ALWAYS)


def test_integers_are_written_unchanged(tmp_path: Path) -> None:
    network = fitting_network(1, 1, False)
    path = Brian2Loihi.write(network, tmp_path / "network").path
    assert Brian2Loihi(path).network.content_hash == network.content_hash
    with refused(UsageError, "path-taken"):
        Brian2Loihi.write(network, path)
    assert Brian2Loihi.write(network, path, force=True).path == path


def test_known_answers_are_not_supported(tmp_path: Path) -> None:
    network = fitting_network(1, 1, False)
    spikes = random_raster(0, 1, 5, network.channels.size)
    answers = nm.KnownAnswers(network.content_hash, spikes, simulate(network, spikes))
    with refused(UsageError, "answers-not-carried"):
        Brian2Loihi.write(network, tmp_path / "network", answers=answers)
    with refused(UsageError, "answers-not-carried"):
        Brian2Loihi(tmp_path / "network").known_answers()


def test_brian2_loihi_is_not_an_export_format(tmp_path: Path) -> None:
    with refused(UsageError, "format-not-written") as caught:
        nm.export(fitting_network(1, 1, False), tmp_path / "network", to="brian2-loihi")
    assert "lava" in caught.value.fix
    assert list(tmp_path.iterdir()) == []
    abilities = (Brian2Loihi.writes, Brian2Loihi.reads, Brian2Loihi.runs, Brian2Loihi.carries)
    assert abilities == (False, False, True, False)
    assert "brian2-loihi" not in formats_that_write()
    assert artefact_at(tmp_path / "network-brian2-loihi") is None


def test_spikes_of_other_channels_are_refused(tmp_path: Path) -> None:
    path = Brian2Loihi.write(one_neuron(LI, 2, 0), tmp_path / "network").path
    with refused(DataError, "input-channels-differ"):
        Brian2Loihi(path).run(random_raster(0, 1, 5, 2))


# Tests of the environment with brian2-loihi


def test_without_an_environment_the_fix_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(REFEREE.python_variable, raising=False)
    monkeypatch.setenv(REFEREE.home_variable, str(tmp_path / "none"))
    with refused(MissingError, "referee-not-set-up") as caught:
        Brian2Loihi.require()
    assert "nmtool setup brian2-loihi" in caught.value.fix
    assert REFEREE.python_variable in caught.value.fix
    assert str(tmp_path / "none") in caught.value.why


def test_a_python_without_brian2_loihi_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(REFEREE.python_variable, sys.executable)
    with refused(BackendError, "runtime-failed") as caught:
        Brian2Loihi.require()
    assert "brian2-loihi==0.5.2" in caught.value.what


def test_versions_are_pinned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[list[str]] = []
    note = lambda command, **_: commands.append([str(word) for word in command])  # noqa: E731
    monkeypatch.setattr("nmtool.exporters.environments.supervise", note)
    monkeypatch.setenv(REFEREE.home_variable, str(tmp_path))
    set_up_brian2_loihi()
    created, installed, checked = commands
    assert created[0] == sys.executable
    assert "brian2-loihi==0.5.2" in installed
    assert "brian2>=2.9,<2.10" in installed
    assert checked[1:] == ["-c", "import emulator"]
    entry = json.loads((tmp_path / "environment.json").read_text())
    assert entry["brian2-loihi"] == "brian2-loihi==0.5.2"


def test_an_unsupported_python_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    probe = lambda command: (Path(command[0]), (3, 9))  # noqa: E731
    monkeypatch.setattr("nmtool.exporters.environments.probe", probe)
    with refused(MissingError, "referee-python-unfit") as caught:
        set_up_brian2_loihi(force=True, python="python3.9")
    assert "python3.9" in caught.value.what


# Tests of the output of the separate process


def comparison_with_simulator(
    network: IntegerNetwork, spikes: Raster, folder: Path, deep: bool
) -> Comparison:
    """Compare a recording of brian2-loihi with the simulator's."""
    path = Brian2Loihi.write(network, folder / "network", force=True).path
    finished: list[int] = []
    actual = Brian2Loihi(path).run(spikes, deep=deep, on_progress=finished.append)
    assert sum(finished) == spikes.n_samples
    return compare_recordings(simulate(network, spikes, deep=deep), actual)


def with_script(script: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Brian2Loihi:
    """Write a network, and replace brian2-loihi's Python by a shell script."""
    python = folder / "python"
    python.write_text(f"#!/bin/sh\n{script}\n")
    python.chmod(0o755)
    monkeypatch.setattr(REFEREE, "find", lambda: Environment(python, REFEREE))
    return Brian2Loihi(Brian2Loihi.write(one_neuron(LI, 2, 0), folder / "network").path)


@pytest.mark.parametrize("script", ["true", 'echo "PK and so on" > "$4"'])
def test_an_unreadable_output_is_an_error(
    script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    artefact = with_script(script, tmp_path, monkeypatch)
    with refused(BackendError, "referee-recording-unreadable") as caught:
        artefact.run(ALWAYS)
    assert "recording.npz" in caught.value.why


def test_every_overflow_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = ("population", "quantity", "samples", "sample", "step", "value")
    places = [("out", "u", 2, 1, 12, 8_500_000), ("out", "v", 4, 1, 17, -9_000_000)]
    line = json.dumps({"beyond": [dict(zip(keys, place, strict=True)) for place in places]})
    artefact = with_script(f"echo '{line}'", tmp_path, monkeypatch)
    with refused(DoesNotFitError, "brian2-loihi-does-not-fit") as caught:
        artefact.run(ALWAYS)
    assert codes(caught.value) == ["brian2-loihi-overflow"] * 2
    for finding, values in zip(
        caught.value.findings, ("8500000 12 2", "-9000000 17 4"), strict=True
    ):
        assert all(value in finding.what for value in values.split())


@pytest.mark.parametrize("spiking_output", [False, True])
@pytest.mark.parametrize(("n_samples", "deep"), [(0, True), (70, False), (3, True)])
def test_the_script_writes_a_recording(
    n_samples: int,
    deep: bool,
    spiking_output: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The simulator replaces brian2-loihi; there are more samples than run at once."""
    shutil.copy(runtime.PACKAGE / "run.py", tmp_path)
    shutil.copy(Path(__file__).with_name("fake_emulator.py"), tmp_path / "emulator.py")
    monkeypatch.setattr(runtime, "PACKAGE", tmp_path)
    monkeypatch.setattr(REFEREE, "find", lambda: Environment(Path(sys.executable), REFEREE))
    network = fitting_network(1, 1, spiking_output)
    spikes = random_raster(3, n_samples, 40, network.channels.size)
    assert comparison_with_simulator(network, spikes, tmp_path, deep).identical


# Tests that run brian2-loihi itself


@pytest.fixture(scope="module")
def referee() -> None:
    """Skip the test if brian2-loihi is not set up."""
    try:
        Brian2Loihi.require()
    except MissingError as error:
        if error.code != "referee-not-set-up":
            raise
        pytest.skip(str(error))


@pytest.mark.brian2_loihi
@pytest.mark.usefixtures("referee")
@settings(
    max_examples=examples(0.1),
    phases=[Phase.generate],
    deadline=None,
    database=None,
    derandomize=True,
)
@given(
    seed=seeds,
    n_hidden=st.integers(0, 2),
    spiking_output=st.booleans(),
    n_samples=st.integers(0, 3),
    n_steps=st.integers(1, 90),
)
def test_random_networks_equal_the_simulator(
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    n_hidden: int,
    spiking_output: bool,
    n_samples: int,
    n_steps: int,
) -> None:
    network = fitting_network(seed, n_hidden, spiking_output)
    spikes = random_raster(seed, n_samples, n_steps, network.channels.size)
    comparison = comparison_with_simulator(
        network, spikes, tmp_path_factory.mktemp("random"), deep=True
    )
    assert comparison.identical, comparison.first_divergence


@pytest.mark.brian2_loihi
@pytest.mark.usefixtures("referee")
def test_every_delay_and_a_fresh_state_per_sample(tmp_path: Path) -> None:
    network = self_sustained_network()
    assert set(network.projections[1].delay.flat) == set(range(LOIHI2.max_delay + 1))
    # There are more samples than brian2-loihi runs at once.
    dense = np.zeros((70, 100, 2), bool)
    dense[0, 0], dense[2, 40], dense[69, 5] = True, True, True
    comparison = comparison_with_simulator(network, Raster.from_dense(dense), tmp_path, deep=False)
    assert comparison.identical, comparison.first_divergence
    assert comparison.spikes_emitted > 300


@pytest.mark.brian2_loihi
@pytest.mark.usefixtures("referee")
def test_steps_of_spikes_are_right_in_long_samples(tmp_path: Path) -> None:
    network = one_neuron(LIF, 254, 0, vth=100)
    comparison = comparison_with_simulator(
        network, Raster.from_dense(np.ones((1, 4100, 1))), tmp_path, deep=False
    )
    assert comparison.identical, comparison.first_divergence
    assert comparison.spikes_emitted == 4099


@pytest.mark.brian2_loihi
@pytest.mark.usefixtures("referee")
@pytest.mark.parametrize(
    ("network", "quantity"),
    [
        (one_neuron(LIF, 254, 7, du=50), "u"),
        (one_neuron(LIF, -254, 7, dv=50), "v"),
        (one_neuron(LI, 254, 7, dv=50), "v"),
    ],
)
def test_overflow_is_refused(network: IntegerNetwork, quantity: str, tmp_path: Path) -> None:
    deep = simulate(network, ALWAYS, deep=True)
    u, v = deep.current["out"][0, :, 0], {**deep.membrane, **deep.potential}["out"][0, :, 0]
    beyond = u < 0 if quantity == "u" else abs(v) > LOIHI2.max_threshold << STATE_SHIFT
    path = Brian2Loihi.write(network, tmp_path / "network").path
    with refused(DoesNotFitError, "brian2-loihi-does-not-fit") as caught:
        Brian2Loihi(path).run(ALWAYS)
    finding = next(
        candidate for candidate in caught.value.findings if candidate.what.startswith(quantity)
    )
    assert f"step {np.argmax(beyond)} of sample 0" in finding.what
    assert "2 samples" in finding.what


@pytest.mark.brian2_loihi
@pytest.mark.usefixtures("referee")
def test_a_large_v_that_spikes_is_no_overflow(tmp_path: Path) -> None:
    network = one_neuron(LIF, 254, 7, du=1200, dv=0)
    comparison = comparison_with_simulator(network, ALWAYS, tmp_path, deep=True)
    assert simulate(network, ALWAYS).counts["v_clips"] > 0
    assert comparison.identical, comparison.first_divergence


@pytest.mark.brian2_loihi
@pytest.mark.usefixtures("referee")
@pytest.mark.parametrize(
    ("weight", "right", "fault"),
    [
        (2, {"du": 4094, "dv": 0, "vth": 100}, {"vth": 99}),
        # Of u = 64·64, 1/4096 remains after a step, which is 1.
        (64, {"du": 4095, "dv": 0}, {"du": 4094}),
        (2, {"du": 1200, "dv": 800}, {"du": 1201}),
        (2, {"du": 1200, "dv": 800}, {"dv": 801}),
    ],
)
def test_faults_of_one_unit_are_seen(
    weight: int, right: dict[str, int], fault: dict[str, int], tmp_path: Path
) -> None:
    network, wrong = (one_neuron(LIF, weight, 0, **{**right, **more}) for more in ({}, fault))
    actual = Brian2Loihi(Brian2Loihi.write(wrong, tmp_path / "network").path).run(ALWAYS, deep=True)
    assert not compare_recordings(simulate(network, ALWAYS, deep=True), actual).identical


@pytest.mark.brian2_loihi
@pytest.mark.usefixtures("referee")
def test_verify_compares_with_brian2_loihi() -> None:
    network = fitting_network(4, 1, True)
    spikes = random_raster(4, 2, 40, network.channels.size)
    certificate = nm.verify(network, spikes, against=["brian2-loihi"], deep=True)
    assert certificate.identical
    assert list(certificate.checks) == ["brian2-loihi"]
    assert certificate.checks["brian2-loihi"].comparison.membrane_compared > 0
