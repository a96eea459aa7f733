"""The comment at the head of an exported C file: its network, its size, and how to use it."""

from __future__ import annotations

import textwrap
from string import Template

import numpy as np

from nmtool.dynamics import HOP_LATENCY
from nmtool.exporters.c.answers import Carried
from nmtool.exporters.c.readout import scoring
from nmtool.exporters.c.source import described, memory, sending, step_arguments
from nmtool.exporters.c.text import WIDTH, json_string
from nmtool.network.graph import INPUT
from nmtool.network.integer_network import IntegerNetwork
from nmtool.tables import exact
from nmtool.targets.footprint import integer_footprint
from nmtool.version import __version__

_ABOUT = Template("""\
A spiking network in integers, in $files. Written by nmtool $version.

$n_channels input channels, steps of $dt_ms ms, samples of $n_steps steps. Populations:
$populations
Projections:
$projections
Classes, of which '$output' has a neuron each:
$classes

Check this file on any computer. It runs inputs with known answers, says whether anything
differs, and ends with 0 if nothing does:

    cc -std=c99 -O2 -DNMTOOL_MAIN -o check FILE.c && ./check

Classify a file of events with the same program. EVENTS.csv has a row per event. Its first line
names the columns, in any order: sample, unit (from 0), time_ms, and perhaps label, the name of
the sample's class. Rows of a sample stand together, their times ascend. A sample without events
has a row without unit and time. `nmtool data DATA:test -o EVENTS.csv` writes such a file:

    ./check EVENTS.csv

Build it in: compile it without NMTOOL_MAIN, and $declare.

$usage

A spike at t ms belongs to step floor(t / $dt_ms), each channel at most $often to a step.$grouped
The answer is $answer.
A spike of step n over a synapse of delay d arrives at step n + $latency + d.

The arithmetic is $arithmetic: that of Lava 0.10.0's fixed-point models of Loihi 2, bit by bit$more.
Integers only, of 32 bits but for products with decays and for scores, of 64. No allocation, no
recursion, no library; only the check prints. There are $constants bytes of constants, names of
classes apart, and $variables of variables, all of them static: one network, one thread.
$work
Network $hash""")

_ALONE = Template("""\
    nmtool_reset();             before every sample
    ${step}every $dt_ms ms, with the channels that spiked since the last call
    class = nmtool_answer();    after $n_steps steps, or whenever an answer is wanted""")

_PAIRED = Template("""\
    ${prefix}_reset();              before every sample
    ${step}every $dt_ms ms, with the channels that spiked meanwhile
    class = ${prefix}_answer();     after $n_steps steps, or whenever an answer is wanted
    scores = ${prefix}_scores();    of every class, to reject what is too close to call""")

_WORK = Template("""
Operations of a step:
    $updates neurons are updated
$spikes
$measured
Packed without gaps, as on a chip, it has $parameters bytes of parameters and $state of state.
""")

_UNBROKEN = "\N{NO-BREAK SPACE}"


def about(network: IntegerNetwork, carried: Carried | None = None, prefix: str = "") -> str:
    """The comment at the head of a C file, and of its header if names have a prefix.

    Args:
        network: the network in the file.
        carried: known answers in the file, whose operations are counted; None if there are none.
        prefix: prefix of names; '' for a file without header.
    """
    usage = Template(_PAIRED.safe_substitute(prefix=prefix)) if prefix else _ALONE
    readout, group = network.readout, network.channels.group
    constants, variables = memory(network)
    text = _ABOUT.substitute(
        version=__version__,
        n_channels=network.channels.size,
        dt_ms=exact(network.dt_ms),
        n_steps=network.n_steps,
        populations=_populations(network),
        projections=_projections(network),
        output=readout.population,
        classes=_classes(network),
        grouped=f"\nChannel c is the data's channels {group}c ... {group}c + {group - 1} together."
        if group > 1
        else "",
        answer=scoring(network).described,
        latency=HOP_LATENCY,
        arithmetic=network.arithmetic,
        constants=constants,
        variables=variables,
        hash=network.content_hash,
        files="C99, a file and its header" if prefix else "one file of C99",
        declare="include the header" if prefix else 'declare what "Interface" below declares',
        usage=usage.substitute(
            dt_ms=exact(network.dt_ms),
            n_steps=network.n_steps,
            step=step_call(network, f"{prefix or 'nmtool'}_", len(prefix) + 23 if prefix else 28),
        ),
        often=how_often(network),
        more=",\nwhich have no counts of spikes" if network.has_counts else "",
        work=_operations(network, carried) if prefix else "",
    )
    lines = [f" * {line}".rstrip() for line in text.splitlines()]
    return "\n".join(["/*", *lines, " */\n"])


def how_often(network: IntegerNetwork) -> str:
    """How often a channel spikes in a step at most, in words."""
    most = network.channels.most_spikes
    return "once" if most == 1 else f"{most} times"


def step_call(
    network: IntegerNetwork, prefix: str, width: int, state: str = "", indent: str = "    "
) -> str:
    """The call of a step, filled with spaces to the next column, which may be on the next line.

    Args:
        network: the network.
        prefix: prefix of the function's name, with its underscore.
        width: width of the column.
        state: arguments before the channels.
        indent: what begins a line.
    """
    call = f"{prefix}step({state}{step_arguments(network, 'channels', 'counts')}, n);"
    return call.ljust(width) if len(call) < width else f"{call}\n{indent}{' ' * width}"


def _populations(network: IntegerNetwork) -> str:
    """The lines of the head comment that describe the populations."""
    return "\n".join(
        f"    {population.name}: {described(population)}" for population in network.populations
    )


def _projections(network: IntegerNetwork) -> str:
    """The lines of the head comment that describe the projections."""
    lines = [
        f"    {p.source} -> {p.target}: {p.shape[0]} x {p.shape[1]} synapses of {p.weight_bits} "
        f"bits, delays {p.delay.min()} ... {p.delay.max()}"
        for p in network.projections
    ]
    return "\n".join(lines) or "    none"


def _operations(network: IntegerNetwork, carried: Carried | None) -> str:
    """The lines of the head comment that give the operations of a step.

    If the file has known answers, the lines also give the numbers of spikes and additions per step
    of the known answers.
    """
    fan_outs: dict[str, int] = {}
    for p in network.projections:
        fan_outs[p.source] = fan_outs.get(p.source, 0) + p.shape[1]
    measured = ""
    if carried is not None and carried.answers.spikes.n_samples:
        answers = carried.answers
        senders = sending(answers.spikes, answers.recording)
        none = np.zeros((answers.spikes.n_samples, answers.spikes.n_steps), np.int64)
        added = sum((senders[p.source] * p.shape[1] for p in network.projections), none)
        rasters = (answers.spikes, *answers.recording.spikes.values())
        n_spikes = sum(raster.n_spikes for raster in rasters) / none.size
        measured = (
            f"Of the known answers, a step has {n_spikes:.1f} spikes, input among them, "
            f"and {added.mean():,.1f} additions,\nat most {added.max():,}."
        )
    size = integer_footprint(network)
    return _WORK.substitute(
        updates=sum(p.size for p in network.populations),
        spikes="\n".join(
            f"    {_sent_at_once(network, source)} takes {fan:,} additions"
            for source, fan in fan_outs.items()
        ),
        measured=measured,
        parameters=size.parameters,
        state=size.state,
    )


def _sent_at_once(network: IntegerNetwork, source: str) -> str:
    """What a source sends over each synapse at once: a spike, or all spikes of a step."""
    if network.spike_limits[source] == 1:
        return f"a spike of {source}"
    sender = "a channel" if source == INPUT else f"a neuron of {source}"
    return f"{sender} that spikes, however often,"


def _classes(network: IntegerNetwork) -> str:
    """The lines of the head comment that list the class names."""
    names = [f"{i} {json_string(name)}" for i, name in enumerate(network.class_names)]
    words = ", ".join(name.replace(" ", _UNBROKEN) for name in names)
    indent = " " * 4
    wrap = textwrap.TextWrapper(
        WIDTH - 4,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return wrap.fill(words).replace(_UNBROKEN, " ")
