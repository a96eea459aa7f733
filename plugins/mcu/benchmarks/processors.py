"""Memory and instructions of C exports.

    python -m plugins.mcu.benchmarks.processors

It measures the networks of the zoo and a network of 512 neurons. The compiler reports flash, RAM
and stack; next to flash and RAM, the table has the upper bounds that `nmtool check` uses. QEMU
counts the instructions of a step; its duration depends on the processor.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path

import nmtool as nm
from benchmarks.report import markdown
from nmtool.exporters.c import file
from nmtool.exporters.c.compiler import compile_program
from nmtool.exporters.c.cost import Sizes, bounds
from nmtool.exporters.c.runtime import NETWORK, measure
from nmtool.hardware_sim.known_answers import known_answers
from nmtool.network.integer_network import IntegerNetwork
from nmtool.raster import Raster
from nmtool_mcu.processors import PROCESSORS, Processor

N_SAMPLES = 20
SETS = {"yinyang": "yinyang", "digits": "digits", "spoken-digits": None}
"""Networks of the zoo, and the data with their test samples. None if the data need a download: the
inputs of the network's known answers are used instead."""

_SECTION = re.compile(r"^\.s?(text|rodata|data|bss)\S*\s+(\d+)", re.MULTILINE)
_FLASH, _RAM = ("text", "rodata", "data"), ("data", "bss")
_NODE = re.compile(r'^node: \{ title: "([^"]+)" label: "[^"]*?(\d+) bytes \(', re.MULTILINE)
_CALL = re.compile(r'^edge: \{ sourcename: "([^"]+)" targetname: "([^"]+)"', re.MULTILINE)


def cases() -> dict[str, tuple[IntegerNetwork, Raster]]:
    """Make the networks to measure, by name, each with samples on which to count instructions."""
    networks = {}
    for name, data in SETS.items():
        network = nm.load(f"zoo:{name}")
        assert isinstance(network, IntegerNetwork)
        if data is None:
            spikes = known_answers(network).spikes
        else:
            events = nm.load_dataset(data).test[:N_SAMPLES]
            binned = nm.bin_events(events, network.dt_ms, network.n_steps, network.channels.group)
            spikes = binned.raster
        networks[name] = (network, spikes)
    large = nm.round_network(nm.Network.layers([64, 512, 10], delays=15)).network
    networks["512 neurons"] = (large, known_answers(large).spikes)
    return networks


def measure_sizes(network: IntegerNetwork, processor: Processor) -> Sizes:
    """Compile a network for a processor, and return its sizes.

    Args:
        network: an integer network.
        processor: a processor whose compiler is GCC.

    Raises:
        MissingError: the compiler is not installed.
        BackendError: the compiler failed.
    """
    processor.require()
    with tempfile.TemporaryDirectory(prefix="nmtool-sizes-") as name:
        source, compiled = Path(name, NETWORK), Path(name, "network.o")
        source.write_bytes(file.written(network)[""])
        compile_program(source, compiled, processor, "-c", "-fcallgraph-info=su")
        program = processor.compiler.removesuffix("gcc") + "size"
        output = subprocess.run(
            [program, "-A", compiled], capture_output=True, text=True, check=True
        )
        sections = [(kind, int(size)) for kind, size in _SECTION.findall(output.stdout)]
        calls = compiled.with_suffix(".ci").read_text(encoding="utf-8")
    flash, ram = (sum(size for kind, size in sections if kind in kinds) for kinds in (_FLASH, _RAM))
    return Sizes(flash, ram, deepest_stack(calls))


def deepest_stack(calls: str) -> int:
    """Stack in bytes that the deepest chain of calls takes.

    Args:
        calls: content of a file written by GCC's -fcallgraph-info=su, without recursion.
    """
    frames = {name: int(size) for name, size in _NODE.findall(calls)}
    callees: dict[str, list[str]] = {}
    for caller, callee in _CALL.findall(calls):
        callees.setdefault(caller, []).append(callee)

    def depth(name: str) -> int:
        """Stack in bytes of a function and its deepest callee."""
        return frames.get(name, 0) + max(map(depth, callees.get(name, [])), default=0)

    return max(map(depth, frames), default=0)


def rows() -> list[tuple[str, ...]]:
    """Measure every network on every processor with an instruction counter: a row for each pair."""
    table: list[tuple[str, ...]] = []
    for name, (network, spikes) in cases().items():
        recording = nm.simulate(network, spikes)
        emitted = {key: raster.n_spikes for key, raster in recording.spikes.items()}
        upper = bounds(network)
        for processor in PROCESSORS.values():
            sizes = measure_sizes(network, processor)
            counts = measure(network, spikes, emitted, processor)[0]
            table.append(
                (
                    *(name, processor.title),
                    *(f"{sizes.flash:,}", f"{upper.flash:,}", f"{sizes.ram:,}", f"{upper.ram:,}"),
                    f"{sizes.stack:,}",
                    f"{counts[:, 0].mean() / spikes.n_steps:,.0f}",
                    f"{counts[:, 1].max():,}",
                )
            )
    return table


def main() -> None:
    """Print the table."""
    header = ("network", "processor", "flash", "at most", "RAM", "at most", "stack")
    steps = ("instructions per step", "instructions of the longest step")
    print(markdown((*header, *steps), rows()))


if __name__ == "__main__":
    main()
