"""Memory and instructions of a C program on microcontrollers, and upper bounds of the memory."""

from __future__ import annotations

import subprocess
from pathlib import Path
from string import Template

import numpy as np
import pytest
from hypothesis import given, settings

import nmtool as nm
from nmtool.exporters.c.compiler import compile_program
from nmtool.exporters.c.cost import bounds
from nmtool.exporters.c.format import C
from nmtool.exporters.c.runtime import measure
from nmtool.hardware_sim.simulator import simulate
from nmtool.network.integer_network import IntegerNetwork
from nmtool.raster import Raster
from nmtool.targets import target_named
from nmtool.targets.checking import fits_of_format
from nmtool.testing.networks import random_network, random_raster
from nmtool_mcu.processors import Processor
from plugins.mcu.benchmarks.processors import deepest_stack, measure_sizes
from plugins.mcu.tests.fake_processors import on_processors
from tests.networks.chains import chain_network
from tests.networks.drawn import integer_networks
from tests.networks.integers import large_network
from tests.thorough import examples

KIB = 1 << 10


# Tests of bounds that are known without compiling


def test_256_kb_are_too_few() -> None:
    """The ring buffer of 1,024 neurons with delays of up to 61 steps takes all of the RAM."""
    network = large_network(max_delay=61, n_hidden=1024)
    report = nm.check(network, ["cortex-m4", "esp32-c3"])
    cortex, esp = report["cortex-m4"], report["esp32-c3"]
    assert [finding.code for finding in cortex.unsupported] == ["target-memory"] * 2
    assert "267,184 bytes of RAM" in cortex.unsupported[1].what
    assert "262,144" in cortex.unsupported[1].what
    assert "nRF52840" in cortex.unsupported[1].where
    assert esp.unsupported == ()
    assert {row[-1] for row in esp.tables()[0].rows} == {"upper bound"}
    assert esp.verdict == "faithful"


@pytest.mark.parametrize("name", ["cortex-m4", "esp32-c3"])
def test_targets_of_processors_lead_to_c(name: str) -> None:
    target = target_named(name)
    assert target.format == "c"
    assert target.memory.ram is not None
    assert target.memory.ram >= 256 * KIB
    assert {"memory.flash", "memory.ram"} <= {*target.origins}


def test_an_export_to_c_is_checked_on_microcontrollers() -> None:
    fits = fits_of_format(chain_network(4), "c")
    assert [fit.target.name for fit in fits] == ["c", "cortex-m4", "esp32-c3"]
    assert {fit.verdict for fit in fits} == {"faithful"}


# Tests of sizes after compiling


def test_the_deepest_chain_of_calls_counts() -> None:
    node = 'node: {{ title: "{0}" label: "{0}\\nnetwork.c:1:2\\n{1} bytes (static)" }}\n'
    nodes = "".join(node.format(*frame) for frame in [("a", 8), ("b", 16), ("c", 100), ("d", 4)])
    library = 'node: { title: "memset" label: "memset\\n<built-in>" shape : ellipse }\n'
    edge = 'edge: { sourcename: "%s" targetname: "%s" label: "network.c:3:4" }\n'
    edges = "".join(edge % pair for pair in [("a", "b"), ("b", "d"), ("a", "memset")])
    assert deepest_stack(nodes + library + edges) == 100
    assert deepest_stack((nodes + library + edges).replace("100", "20")) == 28
    assert deepest_stack("") == 0


@on_processors
@settings(max_examples=examples(0.8))
@given(network=integer_networks(properties=C.expresses))
def test_no_drawn_network_takes_more_than_its_bounds(
    real: Processor, network: IntegerNetwork
) -> None:
    sizes, most = measure_sizes(network, real), bounds(network)
    assert sizes.flash <= most.flash
    assert sizes.ram <= most.ram
    assert sizes.stack <= most.stack


@on_processors
def test_no_known_network_takes_more_than_its_bounds(real: Processor) -> None:
    zoo = [nm.load(f"zoo:{name}") for name in ("yinyang", "digits", "spoken-digits")]
    deep = [random_network(n, n, bool(n % 2)) for n in (1, 4, 12, 20)]
    for network in [*zoo, *deep, large_network()]:
        sizes, most = measure_sizes(network, real), bounds(network)
        assert sizes.flash <= most.flash
        assert sizes.ram <= most.ram
        assert 0 < sizes.stack <= most.stack


_LOOPS = {
    "cortex-m": '"1: subs %0, %0, #1\\n bne 1b"',
    "riscv32": '"1: addi %0, %0, -1\\n bnez %0, 1b"',
}
_COUNTING = Template("""\
#include <stdint.h>
#include <stdio.h>

$clock
int main(void)
{
    for (uint32_t n = 1; n <= 100000000; n *= 10) {
        uint32_t left = n;
        int64_t began = now();
        __asm__ volatile($loop : "+r"(left) : : "cc");
        printf("%ld\\n", (long)(now() - began));
    }
    return 0;
}
""")


@on_processors
def test_instructions_of_a_loop_are_counted_exactly(real: Processor, tmp_path: Path) -> None:
    """An iteration has two instructions; all others are the same for any number of iterations."""
    text = _COUNTING.substitute(clock=real.clock, loop=_LOOPS[real.name])
    source, program = tmp_path / "counting.c", tmp_path / "counting"
    source.write_text(text)
    compile_program(source, program, real)
    command = real.run_command(program, timed=True)
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    counts = np.array([int(word) for word in done.stdout.split()])
    overhead = counts - 2 * 10 ** np.arange(9)
    # The first reading of the counter also starts the timer, and therefore has another overhead.
    assert (overhead[1:] == overhead[1]).all()
    assert 0 < overhead[1] < 100


@on_processors
def test_the_same_sample_takes_the_same_instructions(real: Processor) -> None:
    network = random_network(4, 2, False)
    busy = random_raster(9, 1, 50, network.channels.size)
    spikes = Raster.concatenate([busy, busy, Raster.silent(1, 50, network.channels.size), busy])
    emitted = {name: raster.n_spikes for name, raster in simulate(network, spikes).spikes.items()}
    counts = measure(network, spikes, emitted, real)[0]
    assert (counts[[1, 3]] == counts[0]).all()
    neurons = sum(population.size for population in network.populations)
    assert (counts[:, 0] > 50 * neurons).all()
    assert (counts[:, 0] <= 50 * counts[:, 1]).all()
    assert counts[2, 0] < counts[0, 0]
