"""The timed C program: its answers, and the operations in its source."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import nmtool as nm
from nmtool.data.samples import Samples
from nmtool.errors import BackendError, MissingError
from nmtool.exporters.c import runtime
from nmtool.exporters.c.format import C
from nmtool.exporters.c.runtime import measure
from nmtool.hardware_sim.simulator import simulate
from nmtool.network.integer_network import IntegerNetwork
from nmtool.raster import Raster
from nmtool.testing.networks import random_input, random_network, random_raster
from tests.networks.resets import counting
from tests.refusals import refused

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")


def emitted(network: IntegerNetwork, spikes: Raster) -> dict[str, int]:
    return {name: raster.n_spikes for name, raster in simulate(network, spikes).spikes.items()}


@pytest.mark.parametrize(("seed", "most_spikes"), [(0, 1), (3, 1), (3, 9)])
def test_every_sample_is_timed_once(seed: int, most_spikes: int) -> None:
    network = random_network(seed, 2, bool(seed))
    network = counting(network, most_spikes) if most_spikes > 1 else network
    spikes = random_input(network, seed, 4, 30)
    finished: list[int] = []
    times = measure(
        network, spikes, emitted(network, spikes), passes=3, on_progress=finished.append
    )
    assert times.shape == (3, 4, 1)
    assert (times > 0).all()
    assert sum(finished) == 4


def test_a_measurement_with_other_spikes_is_refused() -> None:
    network, spikes = random_network(3, 2, True), random_raster(3, 4, 30, 5)
    wrong = {name: count + 1 for name, count in emitted(network, spikes).items()}
    with refused(BackendError, "timing-other-spikes"):
        measure(network, spikes, wrong, passes=1)


def test_a_missing_compiler_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    with refused(MissingError, "compiler-missing"):
        measure(random_network(0, 1, False), random_raster(0, 1, 5, 5), {})


COUNTED = {
    "int slot = slot_": "weights_added",
    "int32_t u = low_word": "neuron_steps",
    "score[i] +=": "scores_kept",
    "int64_t *mine = &score": "scores_kept",
}
"""Kind of operation by the statement of the program that executes one such operation."""


@pytest.mark.parametrize("most_spikes", [1, 9])
@pytest.mark.parametrize("spiking_output", [False, True])
def test_operations_equal_those_counted_in_the_running_program(
    spiking_output: bool, most_spikes: int, tmp_path: Path
) -> None:
    network = random_network(5, 2, spiking_output)
    network = counting(network, most_spikes) if most_spikes > 1 else network
    spikes = random_input(network, 7, 3, 20)
    text = C.write(network, tmp_path / "network.c").path.read_text("ascii")
    names = sorted(set(COUNTED.values()))
    for statement, name in COUNTED.items():
        text = text.replace(statement, f"n_{name}++; {statement}")
    declared = "".join(f"static long long n_{name};\n" for name in names)
    counts = tmp_path / "counts"
    written = "".join(f'fprintf(log, "%lld\\n", n_{name});' for name in names)
    written = f'FILE *log = fopen("{counts}", "w"); {written} fclose(log); return failed;'
    runtime.run(
        (declared + text).encode(),
        network,
        spikes,
        False,
        None,
        adapt=lambda driver: driver.replace("return failed;", written),
    )
    lines = counts.read_text().split()
    operations = nm.cost(network, Samples(spikes, np.zeros(3, np.int64)), target="c").operations
    assert dict(zip(names, map(int, lines), strict=True)) == {
        name: operations[name].total for name in names
    }
    assert operations["weights_added"].total > 100
    n_steps = operations["neuron_steps"].total
    assert (operations["divisions"].total > 2 * n_steps) == (most_spikes > 1)
