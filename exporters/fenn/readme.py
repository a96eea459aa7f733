"""The README.md of an export: what is in the folder, how to run it, with which PyFeNN."""

from __future__ import annotations

from string import Template

from nmtool.exporters.fenn.environment import GENN, RISCV_ISE
from nmtool.exporters.lava.readme import in_table
from nmtool.known_answers import KnownAnswers
from nmtool.network.graph import LI
from nmtool.network.integer_network import IntegerNetwork
from nmtool.paths import EXPORT_ANSWERS, EXPORT_EVENTS
from nmtool.tables import exact
from nmtool.version import __version__

_TEXT = Template("""\
# A spiking network for FeNN

Written by nmtool $version. Content hash of the integers: `$hash`.

$channels input channels, $steps steps of $dt ms per sample.

## The answer

Class c is neuron c of `$readout`. After a sample of T steps, by the rule `$rule`,

    score of class c = $formula

where n counts steps from 0$variable.
The class with the largest score is the answer, the lowest of equals. `run.py` prints it with the
score of the runner-up.

| class | name |
|---|---|
$classes

## The network

A step of a neuron, in integers of 16 bits that saturate, with products rounded to nearest:

    u = keep_u·u/32768 + a       a: weights that arrive at this step, added one by one
    v = keep_v·v/32768 + u
    a spike when v >= vth, then v = 0

A spike of step n over a delay d arrives at step n + 1 + d.

| population | neurons | kind | keep_u | keep_v | vth |
|---|---|---|---|---|---|
$populations

| projection | synapses | delays | weights |
|---|---|---|---|
$projections

## What is here

| file | |
|---|---|
| `run.py` | runs samples from a file and says their classes |$samples
| `fenn_network/arrays.npz` | the integers; `numpy.load(..., allow_pickle=False)` opens it |
| `fenn_network/model.py` | holds the neuron's code, packs weights and delays, builds processes |
| `fenn_network/memory.py` | says how many steps a core records at once, and where weights lie |
| `fenn_network/readout.py` | turns what the output did into a class |
| `fenn_network/events.py` | reads samples |$answers

nmtool is not needed to run it. PyFeNN is: it is built from its sources, with git, g++, make,
pkg-config and the headers of libffi and Python. (The `pyfenn` of the package index is another
project.)

    git clone $riscv_ise && cd riscv_ise
    git checkout $riscv_commit
    git clone $genn && git -C genn checkout $genn_commit
    sed -i '0,/#include/s//#include <vector>\\n#include/' include/assembler/assembler.h
    python3 -m venv fenn && fenn/bin/pip install numpy psutil pkgconfig pybind11 setuptools wheel
    fenn/bin/pip install --no-build-isolation .

It was run in PyFeNN's instruction-set simulator. No such network has run on a board yet.

## Run it

$commands

It prints the class of every sample, its name and its score, and says how many classes are those
that the samples are labelled with. `--predictions` writes classes as a table, with the scores of
all classes; `--json` prints lines of JSON instead, for programs. `--deep` records u and v of all
neurons: u is a variable of its own then, which the neuron's code gets a line for. `--board` runs on
a board.

`EVENTS` has one of two forms.

**A table**, a file that ends in .csv, with a row per event. Its first line names the columns:
`sample` (a number or name), `unit` (0 … $last_unit), `time_ms` (from the start of the sample), and
perhaps `label`, the name of the sample's class. A sample without events is a row without unit and
time. Samples last $steps steps; a spike at t ms belongs to step floor(t / $dt).$grouped

**An archive** of numpy: `offset` [samples + 1], `step` and `neuron` [spikes] and the scalar
`n_steps`, which may be any number. The spikes of sample s are offset[s]:offset[s + 1], sorted by
step, then neuron, both counted from 0; at most one spike per step and channel:

    numpy.savez("EVENTS.npz", offset=[0, 2], step=[0, 3], neuron=[1, 0], n_steps=$steps)

`RECORDING.npz` holds `spikes.<population>.offset`, `.step` and `.neuron` in the same form,
`membrane.<population>` [samples, steps, neurons] of populations that do not spike, and with
`--deep` also `current.<population>` (u) and `potential.<population>` (v).
""")

_ANSWERS = """
| `fenn_network/known_answers.py` | compares with known answers |
| `known_answers.npz` | $samples samples of $steps steps and what the network answers to them |

`python run.py known_answers.npz` runs these samples and compares $compared.
It says what differs, and its exit code is 1 where anything does. `nmtool verify FOLDER` does the
same, and looks for changed files first."""

_ARGUMENTS = "EVENTS [RECORDING.npz] [--predictions FILE.csv] [--deep] [--board]"


def readme_text(
    network: IntegerNetwork, answers: KnownAnswers | None = None, n_samples: int = 0
) -> str:
    """The text for a network, and the answers and so many samples of data beside it.

    The same text for the same content.
    """
    files = [EXPORT_EVENTS] * bool(n_samples) + [EXPORT_ANSWERS] * (answers is not None)
    group = network.channels.group
    units = network.channels.size * group
    return _TEXT.substitute(
        version=__version__,
        hash=network.content_hash,
        answers=_about(answers),
        samples=f"\n| `{EXPORT_EVENTS}` | {n_samples} samples of data with their classes |"
        if n_samples
        else "",
        commands="\n".join(f"    python run.py {words}" for words in (*files, _ARGUMENTS)),
        channels=network.channels.size,
        steps=network.n_steps,
        dt=exact(network.dt_ms),
        last_unit=units - 1,
        grouped=f" Channel c is the units {group}c … {group}c + {group - 1} together."
        if group > 1
        else "",
        readout=network.readout.population,
        rule=network.readout.words,
        formula=network.readout.formula,
        variable=f" and v are the membranes of `{network.readout.population}`"
        if network.readout.kind == LI
        else "",
        riscv_ise=RISCV_ISE.url,
        riscv_commit=RISCV_ISE.commit,
        genn=GENN.url,
        genn_commit=GENN.commit,
        classes="\n".join(
            f"| {index} | {in_table(name)} |" for index, name in enumerate(network.class_names)
        ),
        populations="\n".join(
            f"| {p.name} | {p.size} | {p.kind} | {p.keep_u} | {p.keep_v} | "
            f"{'' if p.kind == LI else p.vth} |"
            for p in network.populations
        ),
        projections="\n".join(
            f"| {p.source} → {p.target} | {p.weight.size} | {p.delay.min()} … {p.delay.max()} "
            f"| {p.weight.min()} … {p.weight.max()} |"
            for p in network.projections
        ),
    )


def _about(answers: KnownAnswers | None) -> str:
    if answers is None:
        return ""
    return Template(_ANSWERS).substitute(
        samples=answers.spikes.n_samples,
        steps=answers.spikes.n_steps,
        compared="every spike, u and v" if answers.is_deep else "every spike and membrane",
    )
