"""NetX files that run in Lava through lava-dl's reader, compared with the simulator."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import nmtool as nm
from nmtool.data.samples import bin_for
from nmtool.errors import BackendError, DataError, MissingError
from nmtool.exporters.environments import Environment, clean_variables
from nmtool.exporters.lava.environment import REFEREE
from nmtool.exporters.supervise import supervise
from nmtool.hardware_sim.simulator import simulate
from nmtool.testing.networks import random_raster
from nmtool.verification.comparison import compare_recordings
from nmtool_chips.netx import layers, runtime
from nmtool_chips.netx.format import Netx
from plugins.chips.tests.netx_files import NEURON, dense, write_foreign
from tests.networks.chains import chain_network
from tests.networks.drawn import seeds
from tests.refusals import refused
from tests.thorough import examples


@pytest.fixture(scope="module")
def python() -> Path:
    """Lava's Python, if it has lava-dl."""
    try:
        return runtime.find().python
    except MissingError as error:
        pytest.skip(str(error))


def assert_same(path: Path, seed: int, n_steps: int) -> None:
    """Assert that every u, v and spike is equal."""
    network = Netx(path).network
    spikes = random_raster(seed, 2, n_steps, network.channels.size)
    finished: list[int] = []
    expected = simulate(network, spikes, deep=True)
    comparison = compare_recordings(
        expected, Netx(path).run(spikes, deep=True, on_progress=finished.append)
    )
    assert comparison.identical, comparison.first_divergence
    assert expected.spikes
    assert sum(finished) == 2


@pytest.mark.lava
@pytest.mark.usefixtures("python")
@pytest.mark.parametrize("recurrent", [False, True])
@pytest.mark.parametrize("seed", [1, 6])
def test_written_files_equal_the_simulator(recurrent: bool, seed: int, tmp_path: Path) -> None:
    network = chain_network(seed, recurrent=recurrent, spiking=seed == 6)
    assert_same(Netx.write(network, tmp_path / "network.net").path, seed, 90)


@pytest.mark.lava
@pytest.mark.usefixtures("python")
def test_foreign_files_are_read_as_by_lava_dl(tmp_path: Path) -> None:
    delay = np.random.default_rng(5).integers(0, 62, 9).astype(np.float32)
    loop = np.random.default_rng(6).integers(-20, 20, (6, 6)) * 2
    path = write_foreign(
        tmp_path / "foreign.net",
        {"type": b"input", "shape": np.array([1, 1, 12])},
        {"type": b"flatten", "shape": np.array([12, 1, 1])},
        dense(12, 9, 1, delay=delay, bias=np.arange(9) - 4.0),
        dense(9, 6, 2, type=b"dense_rec", weight_rec=loop.ravel(), weight=2 * np.arange(54)),
        dense(6, 4, 3, delay=3, neuron={**NEURON, "vThMant": 500}),
    )
    assert_same(path, 3, 120)


@pytest.mark.lava
@pytest.mark.usefixtures("python")
def test_odd_weights_of_both_signs_are_read_as_by_lava_dl(tmp_path: Path) -> None:
    """mlGeNN writes all 8-bit numbers; lava-dl's reader shifts -128 to -256."""
    random = np.random.default_rng(1)
    first, loop = (random.integers(-128, 128, shape) for shape in ((8, 12), (8, 8)))
    first[0, :2] = -128, 127
    neuron = {**NEURON, "vThMant": 900}
    path = write_foreign(
        tmp_path / "odd.net",
        dense(12, 8, weight=first, neuron=neuron, type=b"dense_rec", weight_rec=loop),
        dense(8, 4, weight=random.integers(-64, 64, (4, 8)), neuron=neuron),
    )
    assert_same(path, 3, 120)


@pytest.mark.lava
@settings(max_examples=examples(0.7))
@given(seed=seeds, size=st.integers(1, 12))
def test_weights_are_scaled_as_by_lava_dl(python: Path, seed: int, size: int) -> None:
    random = np.random.default_rng(seed)
    matrices = []
    for _ in range(30):
        low, high = sorted(random.integers(-255, 256, 2))
        step = int(random.choice([1, 2, 4, 32]))
        weight = random.integers(low, high + 1, size) // step * step
        if weight.any() and not (weight.max() > 254 and weight.min() < 0):
            matrices.append(weight.tolist())
    scaled = _in_lava_dl(python, matrices)
    assert [list(layers.scaling(np.array(weight))) for weight in matrices] == scaled


_SCALING = """
import json, sys
import numpy as np
from reader import network_class
network_class()
from lava.lib.dl.netx.utils import optimize_weight_bits
np.seterr(all="ignore")
found = [optimize_weight_bits(np.array(weight)) for weight in json.loads(sys.argv[1])]
print(json.dumps([[-exponent, bits] for _, bits, exponent, _ in found]))
"""


def _in_lava_dl(python: Path, matrices: list[list[int]]) -> list[list[int]]:
    """Shift and bits of every matrix, computed by lava-dl."""
    lines: list[str] = []
    supervise(
        [python, "-c", _SCALING, json.dumps(matrices)],
        what="scaling",
        on_line=lines.append,
        env={**clean_variables(), **runtime.VARIABLES},
        cwd=runtime.PACKAGE,
    )
    return json.loads(lines[-1])


def test_run_checks_its_input_first(tmp_path: Path) -> None:
    path = Netx.write(chain_network(1), tmp_path / "network.net").path
    with refused(DataError, "input-channels-differ"):
        Netx(path).run(random_raster(0, 1, 10, 3))
    with refused(DataError, "input-steps-missing"):
        Netx(path).run(random_raster(0, 1, 0, 5))


def test_without_lava_dl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A script that fails replaces the Python of an environment without lava-dl."""
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho 'no module named hdf5' >&2\nexit 1\n")
    python.chmod(0o700)
    monkeypatch.setattr(REFEREE, "find", lambda: Environment(python, REFEREE))
    path = Netx.write(chain_network(1), tmp_path / "network.net").path
    for use in (Netx.require, lambda: Netx(path).run(random_raster(0, 1, 10, 5))):
        with refused(MissingError, "library-missing") as caught:
            use()
        assert "no module named hdf5" in caught.value.why
        assert caught.value.fix.startswith(f"{python} -m pip install --no-deps 'lava-dl==0.6.0'")


def test_a_python_that_hangs_is_a_timeout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nexec sleep 600\n")
    python.chmod(0o700)
    monkeypatch.setattr(REFEREE, "find", lambda: Environment(python, REFEREE))
    monkeypatch.setattr(runtime, "CHECK_S", 0.2)
    with refused(BackendError, "runtime-timeout"):
        Netx.require()


def test_a_run_without_a_recording_is_a_failure_of_lava(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "find", lambda: Environment(Path("/bin/true"), REFEREE))
    path = Netx.write(chain_network(1), tmp_path / "network.net").path
    with refused(BackendError, "referee-recording-unreadable") as caught:
        Netx(path).run(random_raster(0, 1, 10, 5))
    assert "recording.npz" in caught.value.why
    assert "without lava-dl" in caught.value.fix


@pytest.mark.lava
@pytest.mark.usefixtures("python")
def test_a_file_is_evaluated_in_lava(tmp_path: Path) -> None:
    network, random = chain_network(3), np.random.default_rng(0)
    units = network.channels.size * network.channels.group
    times, numbers = np.sort(random.uniform(0, 100, 60)), random.integers(0, units, 60)
    events = nm.SpikeEvents(times, numbers, [0, 60], [0], units, network.class_names)
    path = nm.export(network, tmp_path / "network.net")
    recording, expected = (
        nm.evaluate(path, events).recording,
        simulate(network, bin_for(network, events).raster),
    )
    assert compare_recordings(recording, expected).identical
    assert compare_recordings(expected, recording).identical
