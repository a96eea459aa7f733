"""Write known answers, and a `main` that checks them, into a C file; read the answers back.

If `main` gets the path of a file of events, it prints the classes of its samples instead
(`events.py`).

u and v of all neurons are stored as one checksum per population and step. A difference in any
single state changes the checksum. When the answers are read back, the states are recomputed from
the network in the file, and used if their checksums agree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from string import Template
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmtool.errors import DataError
from nmtool.exporters.c.events import classifying
from nmtool.exporters.c.source import step_arguments
from nmtool.exporters.c.text import array
from nmtool.known_answers import KnownAnswers
from nmtool.network.graph import INPUT, LIF
from nmtool.network.integer_network import IntegerNetwork, IntegerPopulation
from nmtool.raster import Raster
from nmtool.recording import Recording

MAX_ROWS = 1 << 24
"""Largest number of rows (samples × steps) of known answers: compilers handle such arrays."""

MAX_STATES = 1 << 27
"""Largest number of states (samples × steps × neurons) for which u and v are recomputed."""

END = -1
"""Row number that ends a list of spikes."""

_MAIN = Template("""\
#ifdef NMTOOL_MAIN
$classifying
$answers
int main(int argc, char **argv)
{
    return argc > 1 ? classify(argv[1]) : check_answers();
}
#endif
""")

_NONE = """\
static int check_answers(void)
{
    fputs("this file carries no known answers to check; nmtool export writes them\\n", stderr);
    return 2;
}
"""

_ANSWERS = Template("""\
/* ---- Known answers to $n_samples samples of $n_steps steps, and what compares. ---- */

/* Spikes by row, which is sample * $n_steps + step, then neuron; row $end ends a list. */
$arrays

struct spike_list {
    const int32_t *row;
    const int32_t *neuron;
$count_member};

static long spikes_compared, spikes_different, membranes_compared, membranes_different;
$sums_counted
/* The first difference; neuron -1 is any neuron of the population. */
static struct {
    int32_t row;
    const char *population;
    const char *quantity;
    int32_t neuron;
    long expected;
    long found;
} first = {-1, "", "", 0, 0, 0};

static void differ(int32_t row, const char *population, const char *quantity, int32_t neuron,
                   long expected, long found)
{
    if (first.row < 0) {
        first.row = row;
        first.population = population;
        first.quantity = quantity;
        first.neuron = neuron;
        first.expected = expected;
        first.found = found;
    }
}

static void tell_first(void)
{
    if (first.row < 0) {
        return;
    }
    printf("first difference: sample %ld, step %ld, %s", (long)(first.row / $n_steps),
           (long)(first.row % $n_steps), first.population);
    if (first.neuron >= 0) {
        printf("[%ld], %s: expected %ld, got %ld\\n", (long)first.neuron, first.quantity,
               first.expected, first.found);
    } else {
        printf(", %s of one neuron or more\\n", first.quantity);
    }
}

$comparing
static void run_step(int32_t row)
{
    static struct spike_list input = {$input};
$lists
    static nmtool_index channels[$n_channels];
${counts}    int n = 0;

    for (; *input.row == row; input.row++, input.neuron++$next_count) {
${keep_count}        channels[n++] = (nmtool_index)*input.neuron;
    }
    nmtool_step($step_arguments, n);
$comparisons
}

static int check_answers(void)
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
$sums_told    tell_first();
    return spikes_different || membranes_different$sums_differ;
}
""")

_COMPARE_SPIKES = """\
static void compare_spikes(struct spike_list *expected, int32_t row, const char *population,
                           const nmtool_index *found, int n_found, int n_neurons)
{
    int k = 0;

    while (*expected->row == row || k < n_found) {
        int32_t due = *expected->row == row ? *expected->neuron : INT32_MAX;
        int32_t got = k < n_found ? (int32_t)found[k] : INT32_MAX;
        if (due != got) {
            spikes_different++;
            differ(row, population, "spike", due < got ? due : got, due < got, got < due);
        }
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

_COMPARE_COUNTS = """\
/* Spikes per neuron; a list without counts has one of each neuron in it. */
static void compare_spikes(struct spike_list *expected, int32_t row, const char *population,
                           const nmtool_index *found, const uint8_t *counts, int n_found,
                           int n_neurons)
{
    int k = 0;

    while (*expected->row == row || k < n_found) {
        int32_t due = *expected->row == row ? *expected->neuron : INT32_MAX;
        int32_t got = k < n_found ? (int32_t)found[k] : INT32_MAX;
        int n_due = due <= got ? *expected->count : 0;
        int n_got = got > due ? 0 : counts != NULL ? counts[k] : 1;
        if (n_due != n_got) {
            spikes_different++;
            differ(row, population, n_due > 1 || n_got > 1 ? "spikes" : "spike",
                   due < got ? due : got, n_due, n_got);
        }
        if (due <= got) {
            expected->row++;
            expected->neuron++;
            expected->count++;
        }
        if (got <= due) {
            k++;
        }
    }
    spikes_compared += n_neurons;
}
"""

_COMPARE_MEMBRANES = """\
static void compare_membranes(const int32_t *expected, int32_t row, const char *population,
                              const int32_t *found, int n_neurons)
{
    expected += (long)row * n_neurons;
    for (int i = 0; i < n_neurons; i++) {
        if (expected[i] != found[i]) {
            membranes_different++;
            differ(row, population, "v", i, expected[i], found[i]);
        }
    }
    membranes_compared += n_neurons;
}
"""

_SUMS_COUNTED = """\
static long states_compared, steps_different;
"""

_COMPARE_STATES = """\
/* One sum over u and v of a population after a step; any single state that differs changes it. */
static void compare_states(const uint32_t *expected, int32_t row, const char *population,
                           const int32_t *current, const int32_t *membrane, int n_neurons)
{
    uint32_t sum = 2166136261u;

    for (int i = 0; i < 2 * n_neurons; i++) {
        uint32_t word = (uint32_t)(i < n_neurons ? current[i] : membrane[i - n_neurons]);
        sum = (sum ^ word) * 16777619u;
        sum ^= sum >> 15;
    }
    if (sum != expected[row]) {
        steps_different++;
        differ(row, population, "u or v", -1, 0, 0);
    }
    states_compared += 2 * n_neurons;
}
"""

_SUMS_TOLD = """\
    printf("u and v compared %ld, steps different %ld\\n", states_compared, steps_different);
"""

_STATES_OF = Template(
    '    compare_states(known_states_$name, row, "$name", current_$name, nmtool_membrane_$name, '
    "$size);"
)

_LIST = Template("    static struct spike_list expected_$name = {$arrays};")
_SPIKES_OF = Template(
    '    compare_spikes(&expected_$name, row, "$name", nmtool_spikes_$name, '
    "${counts}nmtool_n_spikes_$name, $size);"
)
_MEMBRANES_OF = Template(
    '    compare_membranes(known_membrane_$name, row, "$name", nmtool_membrane_$name, $size);'
)


Sums = Mapping[str, NDArray[np.uint32]]
"""Checksums by population, [samples, steps]; empty if u and v are unknown."""


@dataclass(frozen=True, eq=False)
class Carried:
    """Known answers as a C file stores them, with checksums in place of u and v.

    Attributes:
        answers: known answers without u and v.
        sums: checksums of u and v.
    """

    answers: KnownAnswers
    sums: Sums

    @classmethod
    def of(cls, answers: KnownAnswers) -> Carried:
        """Replace u and v in known answers by checksums."""
        recording = answers.recording
        sums = {name: checksums(u, recording.v[name]) for name, u in recording.current.items()}
        shallow = replace(recording, current={}, potential={})
        return cls(replace(answers, recording=shallow), sums)

    def with_states(self, network: IntegerNetwork) -> KnownAnswers | None:
        """The answers with recomputed u and v; None if their checksums differ.

        Raises:
            DataError: there are more states than `MAX_STATES`.
        """
        from nmtool.hardware_sim.simulator import simulate

        if not self.sums:
            return self.answers
        _check_states(network, self.answers.spikes)
        deep = simulate(network, self.answers.spikes, deep=True)
        for name, sums in self.sums.items():
            if not np.array_equal(sums, checksums(deep.current[name], deep.v[name])):
                return None
        recording = self.answers.recording
        recording = replace(recording, current=deep.current, potential=deep.potential)
        factors = network.decay_factors()
        return replace(self.answers, recording=recording, decay_factors=factors)


def checksums(u: NDArray[np.int32], v: NDArray[np.int32]) -> NDArray[np.uint32]:
    """[samples, steps] uint32: checksums of u and v [samples, steps, neurons], as in C."""
    words = np.concatenate([u, v], axis=2).astype(np.int32).view(np.uint32)
    sums = np.full(words.shape[:2], 2166136261, np.uint32)
    for neuron in range(words.shape[2]):
        sums = (sums ^ words[:, :, neuron]) * np.uint32(16777619)
        sums ^= sums >> np.uint32(15)
    return sums


def checking_main(network: IntegerNetwork, carried: Carried | None) -> str:
    """C code of the check program, which is compiled if NMTOOL_MAIN is defined.

    Raises:
        DataError: the answers have no steps, or more than `MAX_ROWS` steps in total.
    """
    answers = _NONE if carried is None else _answers_code(network, carried)
    return _MAIN.substitute(classifying=classifying(network), answers=answers)


def _answers_code(network: IntegerNetwork, carried: Carried) -> str:
    """C code of the known answers, and of `check_answers`, which runs and compares them."""
    answers, sums = carried.answers, carried.sums
    _check_size(answers.spikes.n_samples, answers.spikes.n_steps)
    recording = answers.recording
    rasters = {INPUT: answers.spikes, **recording.spikes}
    arrays = [_spike_arrays(name, raster, network.has_counts) for name, raster in rasters.items()]
    arrays += [
        array("int32_t", f"known_membrane_{name}", v) for name, v in recording.membrane.items()
    ]
    arrays += [array("uint32_t", f"known_states_{name}", rows) for name, rows in sums.items()]
    lines = [
        (_SPIKES_OF if p.kind == LIF else _MEMBRANES_OF).substitute(
            name=p.name, size=p.size, counts=_counts_of(network, p)
        )
        for p in network.populations
    ]
    lines += [
        _STATES_OF.substitute(name=p.name, size=p.size)
        for p in network.populations
        if p.name in sums
    ]
    # The file only contains the functions that it calls, since compilers warn about unused
    # functions.
    compare_spikes = _COMPARE_COUNTS if network.has_counts else _COMPARE_SPIKES
    comparing = [compare_spikes] if network.spiking else []
    comparing += [_COMPARE_MEMBRANES] if network.integrating else []
    comparing += [_COMPARE_STATES] if sums else []
    return _ANSWERS.substitute(
        n_samples=answers.spikes.n_samples,
        n_steps=answers.spikes.n_steps,
        end=END,
        arrays="\n".join(arrays),
        comparing="\n".join(comparing),
        lists="\n".join(
            _LIST.substitute(name=name, arrays=_array_names(network, name))
            for name in recording.spikes
        ),
        n_channels=network.channels.size,
        **_input_code(network),
        comparisons="\n".join(lines),
        hash=network.content_hash,
        sums_counted=_SUMS_COUNTED if sums else "",
        sums_told=_SUMS_TOLD if sums else "",
        sums_differ=" || steps_different" if sums else "",
    )


def _check_size(n_samples: int, n_steps: int) -> None:
    """Raise `DataError` if known answers have no step, or too many."""
    if n_samples < 0 or n_steps < 1 or n_samples * n_steps > MAX_ROWS:
        raise DataError(
            f"known answers in a C file cannot have {n_samples} samples of {n_steps} steps",
            code="c-answers-size",
            fix=f"use at least one step per sample, and at most {MAX_ROWS} steps in total",
        )


def _check_states(network: IntegerNetwork, spikes: Raster) -> None:
    """Raise `DataError` if recomputing u and v would take too much memory."""
    values = spikes.n_samples * spikes.n_steps * sum(p.size for p in network.populations)
    if values > MAX_STATES:
        raise DataError(
            f"{values} values of u and v (neurons times steps) are too many for a C file",
            code="c-answers-size",
            fix=f"use shorter or fewer samples, for at most {MAX_STATES} values",
        )


def _spike_arrays(name: str, raster: Raster, counts: bool) -> str:
    """C arrays of a population's expected spikes: row, neuron and, with `counts`, count."""
    row = raster.sample_index() * raster.n_steps + raster.step
    arrays = [
        array("int32_t", f"known_row_{name}", np.append(row, END)),
        array("int32_t", f"known_neuron_{name}", np.append(raster.neuron, 0)),
    ]
    if counts:
        arrays.append(array("uint8_t", f"known_count_{name}", np.append(raster.bin_counts(), 0)))
    return "\n".join(arrays)


def _array_names(network: IntegerNetwork, name: str) -> str:
    """C expressions of a `spike_list` at its beginning."""
    quantities = ("row", "neuron", "count") if network.has_counts else ("row", "neuron")
    return ", ".join(f"known_{quantity}_{name}" for quantity in quantities)


def _counts_of(network: IntegerNetwork, population: IntegerPopulation) -> str:
    """The argument of `compare_spikes` with the counts of a population, if it takes any."""
    if not network.has_counts:
        return ""
    return f"nmtool_counts_{population.name}, " if population.most_spikes > 1 else "NULL, "


def _input_code(network: IntegerNetwork) -> dict[str, str]:
    """The parts of `run_step` that pass the input to `nmtool_step`."""
    carries = network.channels.most_spikes > 1
    size = network.channels.size
    return {
        "count_member": "    const uint8_t *count;\n" if network.has_counts else "",
        "input": _array_names(network, INPUT),
        "counts": f"    static uint8_t counts[{size}];\n" if carries else "",
        "keep_count": "        counts[n] = *input.count;\n" if carries else "",
        "next_count": ", input.count++" if carries else "",
        "step_arguments": step_arguments(network, "channels", "counts"),
    }


def answers_header(answers: KnownAnswers) -> dict[str, Any]:
    """JSON header of the known answers, without their arrays."""
    return {
        "network_hash": answers.network_hash,
        "n_samples": answers.spikes.n_samples,
        "n_steps": answers.spikes.n_steps,
        "counts": {name: int(count) for name, count in answers.recording.counts.items()},
    }


def read_back(
    network: IntegerNetwork, header: Mapping[str, Any], arrays: Mapping[str, NDArray]
) -> Carried:
    """Read the answers written by `answers_header` and `checking_main`.

    Raises:
        LookupError, TypeError, ValueError, DataError: arrays or entries are missing or invalid.
    """
    n_samples, n_steps = int(header["n_samples"]), int(header["n_steps"])
    _check_size(n_samples, n_steps)

    def raster(name: str, n_neurons: int) -> Raster:
        row = arrays[f"known_row_{name}"][:-1]
        first = np.arange(n_samples + 1) * n_steps
        neuron = arrays[f"known_neuron_{name}"][:-1]
        count = arrays[f"known_count_{name}"][:-1] if network.has_counts else None
        offset = np.searchsorted(row, first)
        return Raster(offset, row % n_steps, neuron, n_steps, n_neurons, count)

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
    answers = KnownAnswers(
        str(header["network_hash"]), raster(INPUT, network.channels.size), recording
    )
    names = [f"known_states_{p.name}" for p in network.populations]
    sums = {
        p.name: arrays[name].astype(np.uint32).reshape(n_samples, n_steps)
        for p, name in zip(network.populations, names, strict=True)
        if name in arrays
    }
    return Carried(answers, sums)
