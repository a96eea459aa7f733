"""Known answers in a C file: arrays, a `main` that compares, and the same answers read back."""

from __future__ import annotations

from collections.abc import Mapping
from string import Template
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmtool.errors import DataError
from nmtool.exporters.c.arrays import array
from nmtool.graph import INPUT, LIF
from nmtool.integer_network import IntegerNetwork, IntegerPopulation
from nmtool.known_answers import KnownAnswers
from nmtool.raster import Raster
from nmtool.recording import Recording

MAX_ROWS = 1 << 24
"""Steps of all samples together; nobody compiles a file of more."""

END = -1
"""The row after the last spike of a list."""

_NONE = """\
#ifdef NMTOOL_MAIN
#error "this file carries no known answers to check; nmtool export writes them"
#endif
"""

_MAIN = Template("""\
#ifdef NMTOOL_MAIN
/* ---- Known answers to $n_samples samples of $n_steps steps, and what compares. ---- */

#include <stdio.h>

/* Spikes by row, which is sample * $n_steps + step, then neuron; row $end ends a list. */
$arrays

struct spike_list {
    const int32_t *row;
    const int32_t *neuron;
};

static long spikes_compared, spikes_different, membranes_compared, membranes_different;

$comparing
static void run_step(int32_t row)
{
    static struct spike_list input = {known_row_input, known_neuron_input};
$lists
    static nmtool_index channels[$n_channels];
    int n = 0;

    for (; *input.row == row; input.row++, input.neuron++) {
        channels[n++] = (nmtool_index)*input.neuron;
    }
    nmtool_step(channels, n);
$comparisons
}

int main(void)
{
    for (int32_t row = 0; row < $n_samples * $n_steps; row++) {
        if (row % $n_steps == 0) {
            nmtool_reset();
        }
        run_step(row);
    }
    printf("network $hash\\n");
    printf("spikes compared %ld, different %ld\\n", spikes_compared, spikes_different);
    printf("membranes compared %ld, different %ld\\n", membranes_compared, membranes_different);
    return spikes_different || membranes_different;
}
#endif
""")

_COMPARE_SPIKES = """\
static void compare_spikes(struct spike_list *expected, int32_t row, const nmtool_index *found,
                           int n_found, int n_neurons)
{
    int k = 0;

    while (*expected->row == row || k < n_found) {
        int32_t due = *expected->row == row ? *expected->neuron : INT32_MAX;
        int32_t got = k < n_found ? (int32_t)found[k] : INT32_MAX;
        spikes_different += due != got;
        if (due <= got) {
            expected->row++;
            expected->neuron++;
        }
        if (got <= due) {
            k++;
        }
    }
    spikes_compared += n_neurons;
}
"""

_COMPARE_MEMBRANES = """\
static void compare_membranes(const int32_t *expected, const int32_t *found, int n_neurons)
{
    for (int i = 0; i < n_neurons; i++) {
        membranes_different += expected[i] != found[i];
    }
    membranes_compared += n_neurons;
}
"""

_LIST = Template(
    "    static struct spike_list expected_$name = {known_row_$name, known_neuron_$name};"
)
_SPIKES_OF = Template(
    "    compare_spikes(&expected_$name, row, nmtool_spikes_$name, nmtool_n_spikes_$name, $size);"
)
_MEMBRANES_OF = Template(
    "    compare_membranes(&known_membrane_$name[row * $size], nmtool_membrane_$name, $size);"
)


def checking_main(network: IntegerNetwork, answers: KnownAnswers | None) -> str:
    """The part of a file that is compiled where NMTOOL_MAIN is defined.

    Raises:
        DataError: there are more answers than `MAX_ROWS`.
    """
    if answers is None:
        return _NONE
    _check_size(answers.spikes.n_samples, answers.spikes.n_steps)
    recording = answers.recording
    rasters = {INPUT: answers.spikes, **recording.spikes}
    arrays = [_spike_arrays(name, raster) for name, raster in rasters.items()]
    arrays += [
        array("int32_t", f"known_membrane_{name}", v) for name, v in recording.membrane.items()
    ]
    return _MAIN.substitute(
        n_samples=answers.spikes.n_samples,
        n_steps=answers.spikes.n_steps,
        end=END,
        arrays="\n".join(arrays),
        comparing="\n".join(_comparing(network)),
        lists="\n".join(_LIST.substitute(name=name) for name in recording.spikes),
        n_channels=network.channels.size,
        comparisons="\n".join(map(_comparison, network.populations)),
        hash=network.content_hash,
    )


def _check_size(n_samples: int, n_steps: int) -> None:
    if n_samples < 0 or n_steps < 1 or n_samples * n_steps > MAX_ROWS:
        raise DataError(
            f"{n_samples} samples of {n_steps} steps cannot be known answers in a C file",
            code="c-answers-size",
            fix=f"use samples of at least one step, and of {MAX_ROWS} in all",
        )


def _comparing(network: IntegerNetwork) -> list[str]:
    """The functions that are called; a compiler minds others."""
    found = [_COMPARE_SPIKES] if network.spiking else []
    return [*found, _COMPARE_MEMBRANES] if network.integrating else found


def _spike_arrays(name: str, raster: Raster) -> str:
    row = raster.sample_index() * raster.n_steps + raster.step
    return "\n".join(
        [
            array("int32_t", f"known_row_{name}", np.append(row, END)),
            array("int32_t", f"known_neuron_{name}", np.append(raster.neuron, 0)),
        ]
    )


def _comparison(population: IntegerPopulation) -> str:
    line = _SPIKES_OF if population.kind == LIF else _MEMBRANES_OF
    return line.substitute(name=population.name, size=population.size)


def header(answers: KnownAnswers) -> dict[str, Any]:
    """What the arrays do not say, as JSON."""
    return {
        "network_hash": answers.network_hash,
        "n_samples": answers.spikes.n_samples,
        "n_steps": answers.spikes.n_steps,
        "counts": {name: int(count) for name, count in answers.recording.counts.items()},
    }


def read_back(
    network: IntegerNetwork, header: Mapping[str, Any], arrays: Mapping[str, NDArray]
) -> KnownAnswers:
    """The answers from what `header` and `checking_main` wrote.

    Raises:
        LookupError, TypeError, ValueError, DataError: something is missing or wrong.
    """
    n_samples, n_steps = int(header["n_samples"]), int(header["n_steps"])
    _check_size(n_samples, n_steps)

    def raster(name: str, n_neurons: int) -> Raster:
        row = arrays[f"known_row_{name}"][:-1]
        first = np.arange(n_samples + 1) * n_steps
        neuron = arrays[f"known_neuron_{name}"][:-1]
        return Raster(np.searchsorted(row, first), row % n_steps, neuron, n_steps, n_neurons)

    recording = Recording(
        network.readout,
        {p.name: raster(p.name, p.size) for p in network.spiking},
        {
            p.name: arrays[f"known_membrane_{p.name}"]
            .astype(np.int32)
            .reshape(n_samples, n_steps, p.size)
            for p in network.integrating
        },
        counts={str(name): int(count) for name, count in header["counts"].items()},
    )
    return KnownAnswers(
        str(header["network_hash"]), raster(INPUT, network.channels.size), recording
    )
