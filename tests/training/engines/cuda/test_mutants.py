"""Mistakes in the compiled kernels are detected: a missing barrier or store, a non-atomic "or".

Each mutant changes one instruction of the PTX. The checks of the emulated GPU or the comparison
with the reference have to detect it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pytest

from benchmarks.gpu_kernels import python_name
from nmtool.network.graph import SUBTRACT
from nmtool.training.engines.cuda.available import require
from nmtool.training.engines.devices import Cuda
from nmtool.training.front.model import SpikingNetwork
from tests.networks.resets import with_reset
from tests.networks.trainable import random_input, random_network
from tests.training.engines.cuda import emulator
from tests.training.engines.cuda.engines import SMALL, Case, compare, made_eager
from tests.training.integer_runs import assert_identical, rounding_of, run_both, too_loud

pytestmark = pytest.mark.torch
pytestmark = [pytestmark, pytest.mark.cuda]
pytestmark += [pytest.mark.skipif(not emulator.ACTIVE, reason="needs the emulated GPU")]

ATOMIC = re.compile(r"atom\S*\.shared\.or\.b32\s+(%r\d+), (\[.*?\]), (%r\d+)")
PLAIN = "ld.shared.u32 {0}, {1}; or.b32 {0}, {0}, {2}; st.shared.u32 {1}, {0}"


@dataclass(frozen=True)
class Mutant:
    """A kernel with one mistake.

    Attributes:
        line: line of the PTX, from 1.
        what: description of the mistake.
        ptx: the PTX with the mistake.
    """

    line: int
    what: str
    ptx: str


def mutants(ptx: str) -> Iterator[Mutant]:
    """All mutants of a kernel."""
    lines = ptx.split("\n")
    for index, line in enumerate(lines):
        atomic = ATOMIC.search(line)
        if atomic:
            mutation, text = "plain or", line.replace(atomic[0], PLAIN.format(*atomic.groups()))
        elif "bar.sync" in line or "barrier.sync" in line:
            mutation, text = "no barrier", ""
        elif re.search(r"\bst\.(shared|global)", line):
            mutation, text = "no store", ""
        else:
            continue
        yield Mutant(index + 1, mutation, "\n".join([*lines[:index], text, *lines[index + 1 :]]))


def _integers(n_steps: int, *, eager: bool, most_spikes: int = 1) -> None:
    """Compare a network that overflows with the simulator, and check that gradients are finite."""
    network = random_network(
        "recurrent", seed=4, channels=6, hidden=40, n_steps=n_steps, max_delay=5
    )
    network = made_eager(network) if eager else network
    if most_spikes > 1:
        network = with_reset(network, SUBTRACT, 0.4, most_spikes)
    spikes = random_input(network, 2, seed=2, density=0.4)
    device = Cuda("cuda", require(), replace(SMALL, threads=64))
    rounding = too_loud(rounding_of(network))
    assert_identical(*run_both(network, rounding, spikes, device=device))
    model = SpikingNetwork(network, device=device, rounding=rounding)
    (model(spikes).membrane["output"] ** 2).mean().backward()
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)


WARPS = replace(SMALL, threads=64)
# An odd number of steps also runs the remainder of every loop that the compiler has unrolled.
CASES = (
    Case(n_samples=2, n_steps=23, eager=True),
    Case(n_samples=2, n_steps=23, eager=True, reset=SUBTRACT),
    Case(n_samples=2, n_steps=51, hidden=5, limits=replace(SMALL, shared_bytes=352)),
    Case(n_samples=1, n_steps=16, hidden=40, density=0.3, limits=WARPS),
    Case(n_samples=1, n_steps=7, hidden=40, limits=WARPS, eager=True),
)
COUNTS = tuple(replace(case, reset=SUBTRACT, most_spikes=3) for case in CASES)
FLOATS: tuple[Callable[[], object], ...] = tuple(
    partial(compare, case) for case in (*CASES, *COUNTS)
)
INTEGERS = (
    partial(_integers, 23, eager=True),
    partial(_integers, 24, eager=False),
    partial(_integers, 23, eager=True, most_spikes=3),
)
RUNS = {
    **dict.fromkeys(
        [
            *("afferent_drive", "run_lif", "count_spikes", "list_spikes", "run_li"),
            *("run_lif_adjoint", "run_li_adjoint", "spike_time_gradients"),
            *("synapse_gradients", "sum_chunks"),
        ],
        FLOATS,
    ),
    **dict.fromkeys(["run_lif_chip", "run_li_chip"], INTEGERS),
}
"""The test that has to detect the mutants of each kernel."""


def _fails(run: Callable[[], object], gpu: Any) -> bool:
    gpu.faults.clear()
    gpu.arrays.clear()
    try:
        run()
    except Exception:
        return True
    return False


@pytest.mark.parametrize("name", RUNS)
def test_mutants_are_detected(name: str, record_property: Callable[[str, object], None]) -> None:
    from tests.training.engines.cuda.emulator.gpu import FOLDER
    from tests.training.engines.cuda.emulator.kernel import compile_kernel
    from tests.training.engines.cuda.emulator.plugin import GPU

    for run in RUNS[name]:
        run()
    survivors, tried = [], 0
    for mangled, whole in list(GPU.kernels.items()):
        if python_name(mangled) != name:
            continue
        for mutant in mutants(GPU.ptx[mangled]):
            GPU.kernels[mangled] = compile_kernel(mutant.ptx, FOLDER)
            tried += 1
            if not any(_fails(run, GPU) for run in RUNS[name]):
                survivors.append(f"line {mutant.line}: {mutant.what}")
        GPU.kernels[mangled] = whole
    GPU.faults.clear()
    record_property("mutants", f"{tried} of {name} are noticed")
    assert tried > 0
    assert not survivors, f"{name}: {survivors}"
