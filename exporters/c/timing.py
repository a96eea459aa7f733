"""Measure a network's C program: time on this computer, instructions on an emulated processor.

`measure` times samples. `instructions` counts instructions; how long they take depends on the
processor. All samples are read into memory before the first one runs, and no answers are stored.
The first pass is not measured; its spike counts must equal the simulator's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from string import Template

import numpy as np
from numpy.typing import NDArray

from nmtool.errors import BackendError
from nmtool.exporters.c import file
from nmtool.exporters.c.processor import Counter, Processor
from nmtool.exporters.c.program import NETWORK, run_program
from nmtool.exporters.c.source import index_type, step_arguments
from nmtool.exporters.output import temporary_folder
from nmtool.network.integer_network import IntegerNetwork
from nmtool.raster import Raster

PASSES = 5
"""Number of timed passes; the result is their median."""

_OFFSETS, _CHANNELS, _COUNTS = "offsets", "channels", "counts"

_CLOCK = """\
static int64_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}
"""
"""C code of `now`, which returns nanoseconds."""

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
"""C code of `now`, which returns the number of executed instructions."""

_TIMED_SAMPLE = Template("""\
            int64_t began = now();
            nmtool_reset();
            for (int64_t row = sample * $n_steps; row < (sample + 1) * $n_steps; row++) {
                run_step(row);
            }
            answer = nmtool_answer();
            printf("%lld\\n", (long long)(now() - began));
""")

_COUNTED_SAMPLE = Template("""\
            int64_t all = 0, most = 0, empty = now();
            empty = now() - empty; /* a reading of the counter takes instructions, too */
            nmtool_reset();
            for (int64_t row = sample * $n_steps; row < (sample + 1) * $n_steps; row++) {
                int64_t began = now();
                run_step(row);
                began = now() - began - empty;
                all += began;
                most = began > most ? began : most;
            }
            answer = nmtool_answer();
            printf("%lld\\n%lld\\n", (long long)all, (long long)most);
""")

_DRIVER_TEXT = Template("""\
#define _POSIX_C_SOURCE 199309L
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "$network"

static int64_t *offsets; /* of the channels of each sample's steps */
static nmtool_index *channels;
${declared_counts}static int64_t spikes[$n_populations + 1];
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
    nmtool_step($step_arguments, (int)(offsets[row + 1] - offsets[row]));
}

int main(void)
{
    const int64_t rows = (int64_t)$n_samples * $n_steps;

    offsets = content("$offsets", sizeof *offsets, (size_t)rows + 1);
    channels = content("$channels", sizeof *channels, (size_t)offsets[rows]);
${read_counts}    for (int64_t row = 0; row < rows; row++) {
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
$sample
        }
        fflush(stdout);
    }
    return 0;
}
""")


_ADDED_SPIKES = Template("        spikes[$index] += nmtool_n_spikes_$name;")

_ADDED_COUNTS = Template("""\
        for (int k = 0; k < nmtool_n_spikes_$name; k++) {
            spikes[$index] += nmtool_counts_$name[k];
        }""")
"""C code that counts the spikes of a population, which has a list of neurons or also of counts."""


def measure(
    network: IntegerNetwork,
    spikes: Raster,
    emitted: Mapping[str, int],
    *,
    passes: int = PASSES,
    on_progress: Callable[[int], None] | None = None,
) -> NDArray[np.float64]:
    """Compile a network for this computer and time it.

    Args:
        network: the network.
        spikes: the input, of at least one sample and step.
        emitted: the simulator's number of spikes on this input, by spiking population.
        passes: number of timed passes.
        on_progress: called with the number of samples finished since the last call.

    Returns:
        [samples] float64, nanoseconds from reset to answer: the median of all passes.

    Raises:
        MissingError: there is no C compiler.
        BackendError: compiler or program failed, or spike counts differ from the simulator's.
    """
    nanoseconds = _run(network, spikes, emitted, passes, on_progress, None)
    return np.median(nanoseconds.reshape(passes, spikes.n_samples), axis=0)


def instructions(
    network: IntegerNetwork,
    spikes: Raster,
    emitted: Mapping[str, int],
    processor: Processor,
    *,
    on_progress: Callable[[int], None] | None = None,
) -> NDArray[np.int64]:
    """Compile a network for another processor, and count its instructions in an emulator.

    Args:
        network, spikes, emitted, on_progress: as for `measure`.
        processor: a processor with an instruction counter.

    Returns:
        [samples, 2] int64: instructions of all steps of a sample, and of its longest step.

    Raises:
        MissingError: compiler or emulator are missing.
        BackendError: as for `measure`.
    """
    processor.require()
    return _run(network, spikes, emitted, 1, on_progress, processor).reshape(spikes.n_samples, 2)


def _run(
    network: IntegerNetwork,
    spikes: Raster,
    emitted: Mapping[str, int],
    passes: int,
    on_progress: Callable[[int], None] | None,
    processor: Processor | None,
) -> NDArray[np.int64]:
    """Compile and run the timing program; return the numbers it prints per sample and pass."""
    offset = spikes.step_offset()
    kind = np.dtype(index_type(network).removesuffix("_t"))
    inputs = {
        _OFFSETS: np.append(offset[:, :-1].ravel(), spikes.n_filled).astype(np.int64),
        _CHANNELS: spikes.neuron.astype(kind),
    }
    if network.channels.most_spikes > 1:
        inputs[_COUNTS] = spikes.bin_counts()
    numbers: list[int] = []
    first = len(network.populations)
    counter = None if processor is None else processor.counter
    lines = passes if counter is None else 2

    def on_line(line: str) -> None:
        numbers.append(int(line))
        done = len(numbers) - first
        if on_progress is not None and done > 0 and done % lines == 0:
            on_progress(1)

    with temporary_folder("c") as scratch:
        run_program(
            scratch,
            file.file_bytes(network, None),
            _driver(network, spikes, passes, counter),
            inputs,
            what="timing the compiled network",
            on_line=on_line,
            processor=processor,
            emulator_options=[] if counter is None else ["-icount", f"shift={counter.shift}"],
        )
    counted = dict(zip([p.name for p in network.populations], numbers[:first], strict=True))
    if any(counted[name] != count for name, count in emitted.items()):
        raise BackendError(
            "the spikes of the compiled network differ from the simulator's",
            code="timing-other-spikes",
            why=f"spikes in the compiled network: {counted}; in the simulator: {dict(emitted)}",
            fix="find the first difference with nmtool verify NETWORK DATA --against c",
        )
    return np.asarray(numbers[first:], np.int64)


def clock_text(counter: Counter | None) -> str:
    """C code of `now`, which returns nanoseconds, or with a counter executed instructions."""
    if counter is None:
        return _CLOCK
    return _INSTRUCTIONS.substitute(
        body=counter.body, ticks=counter.ticks, instructions=counter.instructions
    )


def _driver(network: IntegerNetwork, spikes: Raster, passes: int, counter: Counter | None) -> str:
    """C code of a `main` that times samples, or counts their instructions."""
    counts = [
        (_ADDED_COUNTS if population.most_spikes > 1 else _ADDED_SPIKES).substitute(
            index=index, name=population.name
        )
        for index, population in enumerate(network.populations)
        if population in network.spiking
    ]
    carries = network.channels.most_spikes > 1
    read_counts = f'    counts = content("{_COUNTS}", 1, (size_t)offsets[rows]);\n'
    at_row = ("&channels[offsets[row]]", "&counts[offsets[row]]")
    sample = _TIMED_SAMPLE if counter is None else _COUNTED_SAMPLE
    return _DRIVER_TEXT.substitute(
        network=NETWORK,
        offsets=_OFFSETS,
        channels=_CHANNELS,
        declared_counts="static uint8_t *counts;\n" if carries else "",
        read_counts=read_counts if carries else "",
        step_arguments=step_arguments(network, *at_row),
        n_populations=len(network.populations),
        n_samples=spikes.n_samples,
        n_steps=spikes.n_steps,
        passes=passes,
        counts="\n".join(counts),
        clock=clock_text(counter),
        sample=sample.substitute(n_steps=spikes.n_steps).rstrip("\n"),
    )
