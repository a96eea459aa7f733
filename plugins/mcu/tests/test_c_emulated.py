"""The C export on emulated processors: every spike, u and v is the simulator's.

Marked tests need real compilers and emulators. All others replace them by scripts.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import nmtool as nm
from nmtool.errors import BackendError, DoesNotFitError, MissingError
from nmtool.exporters.c.format import C
from nmtool.exporters.c.source import memory
from nmtool.exporters.formats import Place, format_named
from nmtool.network.integer_network import IntegerNetwork
from nmtool.raster import Raster
from nmtool.testing.networks import random_input, random_network, random_raster
from nmtool_mcu.emulated import emulated
from nmtool_mcu.processors import PROCESSORS, Processor, Region
from plugins.mcu.tests import fake_processors
from plugins.mcu.tests.fake_processors import on_processors
from tests.networks.drawn import integer_networks, seeds
from tests.networks.edges import word_network
from tests.networks.integers import large_network
from tests.refusals import codes, refused
from tests.thorough import examples

EVERY = pytest.mark.parametrize(
    "processor", PROCESSORS.values(), ids=lambda processor: processor.name
)
NETWORK = random_network(4, 2, False)
SPIKES = random_raster(9, 3, 60, NETWORK.channels.size)

needs_compiler = pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")


def assert_same(network: IntegerNetwork, spikes: Raster, processor: Processor) -> None:
    """Assert that every spike, u and v is equal, and that none is missing."""
    certificate = nm.verify(network, spikes, against=processor.name, deep=True)
    comparison = certificate.checks[processor.name].comparison
    rows = spikes.n_samples * spikes.n_steps
    assert comparison.identical, comparison.first_divergence
    assert comparison.spikes_compared == rows * sum(p.size for p in network.spiking)
    assert comparison.membrane_compared == 2 * rows * sum(p.size for p in network.populations)


# Tests with scripts in place of compilers and emulators


@needs_compiler
@EVERY
def test_a_network_is_compiled_run_and_read_back(
    processor: Processor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = fake_processors.install(processor, tmp_path, monkeypatch)
    assert_same(NETWORK, SPIKES, processor)
    calls = log.read_text().splitlines()
    compiling = next(call for call in calls if " -o " in call)
    for option in (*processor.compile_command[1:], "-std=c99", "-O2"):
        assert f" {option} " in f" {compiling} "
    running = calls[-1].split()
    assert running[: len(processor.emulator) - 1] == [*processor.emulator[1:]]


@needs_compiler
def test_the_file_that_is_compiled_is_the_export(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    processor = PROCESSORS["cortex-m"]
    fake_processors.install(processor, tmp_path, monkeypatch)
    compiler = tmp_path / "bin" / processor.compiler
    keeping = (
        f'for source do :; done; /bin/cp "${{source%/*}}/network.c" {tmp_path}/seen.c\nexec cc'
    )
    compiler.write_text(compiler.read_text().replace("exec cc", keeping))
    assert_same(NETWORK, SPIKES, processor)
    written = C.write(NETWORK, tmp_path / "network.c").path.read_bytes()
    assert (tmp_path / "seen.c").read_bytes() == written


@needs_compiler
def test_a_failing_processor_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    processor = PROCESSORS["riscv32"]
    fake_processors.install(processor, tmp_path, monkeypatch)
    emulator = tmp_path / "bin" / processor.emulator[0]
    emulator.write_text("#!/bin/sh\necho no such machine >&2\nexit 1\n")
    with refused(BackendError, "runtime-failed") as caught:
        nm.verify(NETWORK, SPIKES, against="riscv32")
    assert "no such machine" in caught.value.why


@pytest.mark.parametrize(("noun", "place"), [("constants", "flash"), ("variables", "ram")])
def test_memories_that_are_too_small_are_named_before_anything_compiles(
    noun: str, place: str, tmp_path: Path
) -> None:
    needed = dict(zip(("constants", "variables"), memory(NETWORK), strict=True))[noun]
    small = replace(PROCESSORS["cortex-m"], name="small", **{place: Region(0, needed - 1)})
    with refused(DoesNotFitError, "format-does-not-fit") as caught:
        emulated(small, Place("")).write(NETWORK, tmp_path / "network")
    assert codes(caught.value) == ["processor-memory"]
    assert caught.value.findings[0].where == noun
    assert f"{needed:,} bytes" in caught.value.findings[0].what
    assert f"has {needed - 1:,}" in caught.value.findings[0].what
    large = replace(small, **{place: Region(0, needed)})
    emulated(large, Place("")).write(NETWORK, tmp_path / "network")


def test_nothing_runs_without_the_programs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = format_named("riscv32").write(NETWORK, tmp_path / "network").path
    monkeypatch.setenv("PATH", "")
    with refused(MissingError, "processor-tools-missing"):
        format_named("riscv32")(path).run(SPIKES)


# Tests with real compilers and emulators


@on_processors
@settings(max_examples=examples(0.4))
@given(
    network=integer_networks(properties=C.expresses),
    seed=seeds,
    n_samples=st.integers(0, 4),
    n_steps=st.integers(1, 90),
)
def test_random_networks_equal_the_simulator(
    real: Processor, network: IntegerNetwork, seed: int, n_samples: int, n_steps: int
) -> None:
    spikes = random_input(network, seed, max(n_samples, 1), n_steps)
    assert_same(network, spikes, real)


@on_processors
@pytest.mark.parametrize("n_hidden", [1, 4])
@pytest.mark.parametrize("spiking_output", [False, True])
def test_layers_that_recur(real: Processor, n_hidden: int, spiking_output: bool) -> None:
    network = random_network(n_hidden, n_hidden, spiking_output)
    assert_same(network, random_raster(9, 4, 200, network.channels.size), real)


@on_processors
@pytest.mark.parametrize("sign", [1, -1])
def test_sums_beyond_32_bits_wrap(real: Processor, sign: int) -> None:
    dense = np.zeros((2, 12, 1200), bool)
    dense[0, [0, 1, 2, 5]], dense[1, 3, :900] = True, True
    assert_same(word_network(sign), Raster.from_dense(dense), real)


@on_processors
@pytest.mark.parametrize("name", ["digits", "yinyang", "spoken-digits"])
def test_zoo_networks_on_inputs_made_for_them(real: Processor, name: str) -> None:
    network = nm.load(f"zoo:{name}")
    certificate = nm.verify(network, against=real.name, deep=True)
    assert certificate.identical
    assert certificate.checks[real.name].comparison.spikes_compared > 0


@on_processors
def test_512_neurons(real: Processor) -> None:
    assert_same(large_network(), random_raster(3, 2, 100, 64), real)
