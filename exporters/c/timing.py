"""Time that the C program of a network takes, sample by sample, on this machine.

On an emulated processor it is the number of instructions that counts, which is no time.

The samples lie in memory before the first is timed: reading input and keeping answers are left
out. A first pass is not timed; the spikes it counts must be those of the simulator.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from string import Template

import numpy as np
from numpy.typing import NDArray

from nmtool.errors import BackendError
from nmtool.exporters.c import file
from nmtool.exporters.c.program import NETWORK, run_program
from nmtool.exporters.c.source import index_type
from nmtool.exporters.processors import Counter, Processor
from nmtool.network.integer_network import IntegerNetwork
from nmtool.raster import Raster

PASSES = 5
"""Timed runs of every sample, of which the median counts."""

_OFFSETS, _CHANNELS = "offsets", "channels"

_CLOCK = """\
static int64_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}
"""
"""Nanoseconds."""

_INSTRUCTIONS = Template("""\
static uint32_t counter(void)
{
$body
}

static int64_t now(void)
{
    static int64_t ticks;
    static uint32_t last;
    uint32_t latest = counter();

    ticks += (uint32_t)(latest - last);
    last = latest;
    return (ticks * $instructions + $ticks / 2) / $ticks;
}
""")
"""Instructions."""

_OVERHEAD = """\
    int64_t empty = now();

    printf("%lld\\n", (long long)(now() - empty));
"""

_DRIVER_TEXT = Template("""\
#define _POSIX_C_SOURCE 199309L
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "$network"

static int64_t *offsets; /* of the channels of each sample's steps */
static nmtool_index *channels;
static int64_t spikes[$n_populations + 1];
static volatile int answer;

static void *content(const char *name, size_t size, size_t count)
{
    FILE *file = fopen(name, "rb");
    void *values = malloc(size * count + 1);

    if (file == NULL || values == NULL || fread(values, size, count, file) != count) {
        fputs("the samples could not be read\\n", stderr);
        exit(1);
    }
    fclose(file);
    return values;
}

$clock
static void run_step(int64_t row)
{
    nmtool_step(&channels[offsets[row]], (int)(offsets[row + 1] - offsets[row]));
}

int main(void)
{
    const int64_t rows = (int64_t)$n_samples * $n_steps;

    offsets = content("$offsets", sizeof *offsets, (size_t)rows + 1);
    channels = content("$channels", sizeof *channels, (size_t)offsets[rows]);
    for (int64_t row = 0; row < rows; row++) {
        if (row % $n_steps == 0) {
            nmtool_reset();
        }
        run_step(row);
$counts
    }
    for (int i = 0; i < $n_populations; i++) {
        printf("%lld\\n", (long long)spikes[i]);
    }
    for (int pass = 0; pass < $passes; pass++) {
        for (int64_t sample = 0; sample < $n_samples; sample++) {
            int64_t began = now();
            nmtool_reset();
            for (int64_t row = sample * $n_steps; row < (sample + 1) * $n_steps; row++) {
                run_step(row);
            }
            answer = nmtool_answer();
            printf("%lld\\n", (long long)(now() - began));
        }
        fflush(stdout);
    }
$overhead    return 0;
}
""")


def measure(
    network: IntegerNetwork,
    spikes: Raster,
    emitted: Mapping[str, int],
    *,
    passes: int = PASSES,
    on_progress: Callable[[int], None] | None = None,
    processor: Processor | None = None,
) -> NDArray[np.float64]:
    """Compile a network and time it, or count its instructions on an emulated processor.

    Args:
        network: what to run, with the compiler's options for exports.
        spikes: the input, of at least one sample and step.
        emitted: by spiking population, the spikes that the simulator counts on this input.
        passes: timed runs of every sample.
        on_progress: called with the number of samples finished since the last call.
        processor: with a counter of instructions; None for this computer.

    Returns:
        [samples] float64, from reset to answer: the median of all passes in nanoseconds, or
        instructions, which are the same in every pass.

    Raises:
        MissingError: there is no C compiler, or nothing to emulate the processor with.
        BackendError: it failed, the program did, or the program's spikes are not the simulator's.
    """
    flat = spikes.step_offset()
    kind = np.dtype(index_type(network).removesuffix("_t"))
    inputs = {
        _OFFSETS: np.append(flat[:, :-1].ravel(), spikes.n_spikes).astype(np.int64),
        _CHANNELS: spikes.neuron.astype(kind),
    }
    said: list[int] = []
    first = len(network.populations)

    def on_line(line: str) -> None:
        said.append(int(line))
        if on_progress is not None and len(said) > first and (len(said) - first) % passes == 0:
            on_progress(1)

    counter = None
    if processor is not None:
        processor.require()
        counter = processor.counter
        assert counter is not None, "the processor has no counter of instructions"
    with tempfile.TemporaryDirectory(prefix="nmtool-c-") as scratch:
        run_program(
            Path(scratch),
            file.file_bytes(network, None),
            _driver(network, spikes, passes, counter),
            inputs,
            what="timing the compiled network",
            on_line=on_line,
            processor=processor,
            emulator_options=[] if counter is None else ["-icount", f"shift={counter.shift}"],
        )
    overhead = 0 if counter is None else said.pop()
    counted = dict(zip([p.name for p in network.populations], said[:first], strict=True))
    if any(counted[name] != count for name, count in emitted.items()):
        raise BackendError(
            "the compiled network does not spike as the simulator does",
            code="timing-other-spikes",
            why=f"it emitted {counted}, the simulator {dict(emitted)}",
            fix="nmtool verify NETWORK DATA --against c shows where they part",
        )
    return np.median(np.reshape(said[first:], (passes, spikes.n_samples)), axis=0) - overhead


def clock_text(counter: Counter | None) -> str:
    """The C function `now`, which returns nanoseconds, or instructions where they are counted."""
    if counter is None:
        return _CLOCK
    return _INSTRUCTIONS.substitute(
        body=counter.body, ticks=counter.ticks, instructions=counter.instructions
    )


def _driver(network: IntegerNetwork, spikes: Raster, passes: int, counter: Counter | None) -> str:
    counts = [
        f"        spikes[{index}] += nmtool_n_spikes_{population.name};"
        for index, population in enumerate(network.populations)
        if population in network.spiking
    ]
    return _DRIVER_TEXT.substitute(
        network=NETWORK,
        offsets=_OFFSETS,
        channels=_CHANNELS,
        n_populations=len(network.populations),
        n_samples=spikes.n_samples,
        n_steps=spikes.n_steps,
        passes=passes,
        counts="\n".join(counts),
        clock=clock_text(counter),
        overhead="" if counter is None else _OVERHEAD,
    )
