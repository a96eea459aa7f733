"""Texts for the README.md of exports that run without nmtool, and values for their variables."""

from __future__ import annotations

from string import Template

from nmtool.known_answers import KnownAnswers
from nmtool.network.graph import LI
from nmtool.network.integer_network import IntegerNetwork
from nmtool.paths import EXPORT_ANSWERS, EXPORT_EVENTS
from nmtool.tables import exact
from nmtool.version import __version__

OPENING = """\

Written by nmtool $version. Content hash of the integers: `$hash`.

$channels input channels, $steps steps of $dt ms per sample.

## The answer

Class c is neuron c of `$readout`. After a sample of T steps, by the rule `$rule`,

    score of class c = $formula

where n counts steps from 0$variable.
The class with the largest score is the answer, the lowest of equals. `run.py` prints it with the
score of the runner-up: reject samples where the two are close, by a margin that your data tell.

| class | name |
|---|---|
$classes
"""
"""Text below the title: the network in a few numbers, and its readout."""

PRINTED = """\
It prints the class of every sample, its name and its score, and says how many classes are those
that the samples are labelled with. `--predictions` writes classes as a table, with the scores of
all classes; `--json` prints lines of JSON instead, for programs.
"""
"""Text on the output of the script, below the commands."""

EVENTS = """\
`EVENTS` has one of two forms.

**A table**, a file that ends in .csv, with a row per event. Its first line names the columns:
`sample` (a number or name), `unit` (0 … $last_unit), `time_ms` (from the start of the sample), and
perhaps `label`, the name of the sample's class. A sample without events is a row without unit and
time. Samples last $steps steps; a spike at t ms belongs to step floor(t / $dt).$grouped
nmtool writes such a table of any data set, and reads it:

    nmtool data DATA:test -o events.csv --samples 10
    nmtool data events.csv -o FOLDER --units $units

**An archive** of numpy: `offset` [samples + 1], `step` and `neuron` [spikes] and the scalar
`n_steps`, which may be any number. The spikes of sample s are offset[s]:offset[s + 1], sorted by
step, then neuron, both counted from 0; at most one spike per step and channel:

    numpy.savez("EVENTS.npz", offset=[0, 2], step=[0, 3], neuron=[1, 0], n_steps=$steps)

`RECORDING.npz` holds `spikes.<population>.offset`, `.step` and `.neuron` in the same form,
`membrane.<population>` [samples, steps, neurons] of populations that do not spike, and with
`--deep` also `current.<population>` (u) and `potential.<population>` (v). A spike of step n over a
delay d arrives at step n + 1 + d."""
"""Text on the files that the script reads and writes; a format may continue its last line."""

_ANSWERS = """
| `$package/known_answers.py` | compares with known answers |
| `known_answers.npz` | $samples samples of $steps steps and what the network answers to them |

`python run.py known_answers.npz` runs these samples and compares $compared.
It says what differs, and its exit code is 1 where anything does. `nmtool verify FOLDER` does the
same, and looks for changed files first. In the archive, `spikes.input` is the input; everything
else is named as in RECORDING.npz, below$states."""

_STATES = """, but
u and v of all neurons. `u.<population>` and `v.<population>` hold what a step adds to them, in the
units that the header names: u = keep·u/4096 + added and v = keep·v/4096 + u + added, where the
products are cut toward zero; after a spike, v is what is added"""


def values(
    network: IntegerNetwork,
    answers: KnownAnswers | None,
    n_samples: int,
    package: str,
    arguments: str,
) -> dict[str, str]:
    """Values for the variables in the README templates of this module.

    Args:
        network: the network in the folder.
        answers: known answers in the folder; None if there are none.
        n_samples: number of data samples in the folder.
        package: folder of the modules.
        arguments: arguments of the script, as a usage line.
    """
    files = [EXPORT_EVENTS] * bool(n_samples) + [EXPORT_ANSWERS] * (answers is not None)
    group = network.channels.group
    units = network.channels.size * group
    variables = {
        "version": __version__,
        "hash": network.content_hash,
        "answers": _about(answers, package),
        "samples": f"\n| `{EXPORT_EVENTS}` | {n_samples} samples of data with their classes |"
        if n_samples
        else "",
        "commands": "\n".join(f"    python run.py {words}" for words in (*files, arguments)),
        "channels": network.channels.size,
        "steps": network.n_steps,
        "dt": exact(network.dt_ms),
        "units": units,
        "last_unit": units - 1,
        "grouped": f" Channel c is the units {group}c … {group}c + {group - 1} together."
        if group > 1
        else "",
        "readout": network.readout.population,
        "rule": network.readout.words,
        "formula": network.readout.formula,
        "variable": f" and v are the membranes of `{network.readout.population}`"
        if network.readout.kind == LI
        else "",
        "classes": "\n".join(
            f"| {index} | {_table_cell(name)} |" for index, name in enumerate(network.class_names)
        ),
    }
    return {name: str(value) for name, value in variables.items()}


def _table_cell(name: str) -> str:
    """A name, escaped for a cell of a Markdown table."""
    return "".join(
        character if character.isalnum() or character in " -.:_'()" else f"&#{ord(character)};"
        for character in name
    )


def _about(answers: KnownAnswers | None, package: str) -> str:
    """Text of the README on the known answers; '' if there are none."""
    if answers is None:
        return ""
    return Template(_ANSWERS).substitute(
        package=package,
        samples=answers.spikes.n_samples,
        steps=answers.spikes.n_steps,
        compared="every spike, u and v" if answers.is_deep else "every spike and membrane",
        states=_STATES if answers.is_deep else "",
    )
