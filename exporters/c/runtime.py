"""Run a C file, compiled with a driver that sends events and records states.

Only text that this version of nmtool generates is compiled. A user's file is compared with the text
for its network, and refused if it differs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from string import Template

import numpy as np
from numpy.typing import NDArray

from nmtool.exporters.c.processor import Processor
from nmtool.exporters.c.program import NETWORK, file_dtype, run_program
from nmtool.exporters.c.source import step_arguments
from nmtool.exporters.output import temporary_folder
from nmtool.network.graph import LIF
from nmtool.network.integer_network import IntegerNetwork, IntegerPopulation
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.values import frozen

_EVENTS = "events"

_DRIVER_TEXT = Template("""\
#include <stdio.h>

#include "$network"

static FILE *events, *files[$n_populations][3];
/* Row, which is sample * steps + step, channel and number of spikes; row -1 at the end. */
static int64_t event[3];

static void next_event(void)
{
    if (fread(event, sizeof event, 1, events) != 1) {
        event[0] = -1;
    }
}

static void record(int population, int64_t row, const nmtool_index *spikes, const uint8_t *counts,
                   int n_spikes, const int32_t *v, const int32_t *u, size_t size)
{
    FILE **file = files[population];

    for (int k = 0; file[0] != NULL && k < n_spikes; k++) {
        int64_t spike[3] = {row, spikes[k], counts == NULL ? 1 : counts[k]};
        fwrite(spike, sizeof spike, 1, file[0]);
    }
    if (file[1] != NULL) {
        fwrite(v, sizeof *v, size, file[1]);
    }
    if (file[2] != NULL) {
        fwrite(u, sizeof *u, size, file[2]);
    }
}

static void run_step(int64_t row)
{
    static nmtool_index channels[$n_channels];
    static uint8_t counts[$n_channels];
    int n = 0;

    for (; event[0] == row; next_event()) {
        counts[n] = (uint8_t)event[2];
        channels[n++] = (nmtool_index)event[1];
    }
    nmtool_step($step_arguments, n);
$records
}

int main(void)
{
    static const char *names[$n_populations][3] = {
$names
    };
    int failed = 0;

    events = fopen("$events", "rb");
    if (events == NULL) {
        return 1;
    }
    for (int i = 0; i < $n_populations * 3; i++) {
        const char *name = names[i / 3][i % 3];
        files[i / 3][i % 3] = name == NULL ? NULL : fopen(name, "wb");
        failed |= name != NULL && files[i / 3][i % 3] == NULL;
    }
    next_event();
    for (int64_t row = 0; !failed && row < (int64_t)$n_samples * $n_steps; row++) {
        if (row % $n_steps == 0) {
            nmtool_reset();
        }
        run_step(row);
        if (row % $n_steps == $n_steps - 1) {
            puts("sample");
            fflush(stdout);
        }
    }
    for (int i = 0; !failed && i < $n_populations * 3; i++) {
        FILE *file = files[i / 3][i % 3];
        failed |= file != NULL && (ferror(file) || fclose(file) != 0);
    }
    if (failed) {
        fputs("the recording could not be written\\n", stderr);
    }
    return failed;
}
""")

_RECORD = Template("    record($index, row, $spikes, nmtool_membrane_$name, current_$name, $size);")


def run(
    content: bytes,
    network: IntegerNetwork,
    spikes: Raster,
    deep: bool,
    on_progress: Callable[[int], None] | None,
    adapt: Callable[[str], str] = str,
    processor: Processor | None = None,
) -> Recording:
    """Run every sample from a fresh state.

    Args:
        content: the C file of the network.
        network: the network in the file.
        spikes: the input, of at least one step.
        deep: also record u and v of every population.
        on_progress: called with the number of samples finished since the last call.
        adapt: function that replaces the names in a driver's text by those of this program.
        processor: processor to emulate; None: run on this computer.

    Raises:
        MissingError: there is no C compiler.
        BackendError: the compiler or the program failed.
    """
    driver = adapt(_driver(network, spikes, deep))
    row = spikes.sample_index() * spikes.n_steps + spikes.step
    events = np.stack([row, spikes.neuron, spikes.bin_counts()], axis=1).astype(np.int64)
    with temporary_folder("c") as scratch:
        run_program(
            scratch,
            content,
            driver,
            {_EVENTS: events},
            what="running the compiled network",
            on_line=lambda _: on_progress(1) if on_progress is not None else None,
            processor=processor,
        )
        return _recording(scratch, network, spikes, deep, processor)


def _quantities(population: IntegerPopulation, deep: bool) -> list[str]:
    """The names of spikes, v and u, in this order; '' for a quantity that is not recorded."""
    spikes = population.kind == LIF
    return ["spikes" if spikes else "", "v" if deep or not spikes else "", "u" if deep else ""]


def _driver(network: IntegerNetwork, spikes: Raster, deep: bool) -> str:
    """C code of a `main` that sends events and records states."""
    names = [
        [f'"{index}.{quantity}"' if quantity else "NULL" for quantity in _quantities(p, deep)]
        for index, p in enumerate(network.populations)
    ]
    records = [
        _RECORD.substitute(
            index=index,
            name=p.name,
            size=p.size,
            spikes=_spikes_of(p),
        )
        for index, p in enumerate(network.populations)
    ]
    return _DRIVER_TEXT.substitute(
        network=NETWORK,
        events=_EVENTS,
        n_populations=len(network.populations),
        n_channels=network.channels.size,
        step_arguments=step_arguments(network, "channels", "counts"),
        n_samples=spikes.n_samples,
        n_steps=spikes.n_steps,
        names=",\n".join(f"        {{{', '.join(row)}}}" for row in names),
        records="\n".join(records),
    )


def _spikes_of(population: IntegerPopulation) -> str:
    """The arguments of `record` with the spikes of a population in a step."""
    if population.kind != LIF:
        return "NULL, NULL, 0"
    name = population.name
    counts = f"nmtool_counts_{name}" if population.most_spikes > 1 else "NULL"
    return f"nmtool_spikes_{name}, {counts}, nmtool_n_spikes_{name}"


def _recording(
    folder: Path,
    network: IntegerNetwork,
    spikes: Raster,
    deep: bool,
    processor: Processor | None,
) -> Recording:
    word, long_word = (file_dtype(kind, processor) for kind in (np.int32, np.int64))

    def files(quantity: str) -> Iterator[tuple[IntegerPopulation, Path]]:
        for index, population in enumerate(network.populations):
            if quantity in _quantities(population, deep):
                yield population, folder / f"{index}.{quantity}"

    def states(quantity: str) -> dict[str, NDArray[np.int32]]:
        return {p.name: _states(path, p.size, spikes, word) for p, path in files(quantity)}

    rasters = {p.name: _spikes(path, p.size, spikes, long_word) for p, path in files("spikes")}
    return Recording.of(network, rasters, states("v"), states("u"))


def _states(path: Path, size: int, spikes: Raster, word: np.dtype) -> NDArray[np.int32]:
    """Read u or v of a population from a file: [samples, steps, neurons] int32."""
    states = frozen(np.fromfile(path, word).astype(np.int32))
    return states.reshape(spikes.n_samples, spikes.n_steps, size)


def _spikes(path: Path, size: int, spikes: Raster, long_word: np.dtype) -> Raster:
    row, neuron, count = np.fromfile(path, long_word).astype(np.int64).reshape(-1, 3).T
    first = np.arange(spikes.n_samples + 1) * spikes.n_steps
    offset = np.searchsorted(row, first)
    return Raster(offset, row % spikes.n_steps, neuron, spikes.n_steps, size, count)
