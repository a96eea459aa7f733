"""The comment at the head of an exported C file: all that somebody who builds it in has to read."""

from __future__ import annotations

import textwrap
from string import Template

from nmtool.dynamics import HOP_LATENCY
from nmtool.exporters.c.readout import described_answer
from nmtool.exporters.c.source import described, memory
from nmtool.exporters.c.text import WIDTH, harmless
from nmtool.integer_network import IntegerNetwork
from nmtool.version import __version__

_ABOUT = Template("""\
A spiking network in integers, in one file of C99. Written by nmtool $version.

$n_channels input channels, steps of $dt_ms ms, samples of $n_steps steps. Populations:
$populations
Projections:
$projections
Classes, of which '$output' has a neuron each:
$classes

Check this file on any computer. It runs inputs with known answers, says whether anything
differs, and ends with 0 if nothing does:

    cc -std=c99 -O2 -DNMTOOL_MAIN -o check FILE.c && ./check

Build it in: compile it without NMTOOL_MAIN, and declare what "Interface" below declares.

    nmtool_reset();             before every sample
    nmtool_step(channels, n);   every $dt_ms ms, with the channels that spiked since the last call
    class = nmtool_answer();    after $n_steps steps, or whenever an answer is wanted

A spike at t ms belongs to step floor(t / $dt_ms), each channel at most once to a step.$grouped
The answer is $answer.
A spike of step n over a synapse of delay d arrives at step n + $latency + d.

The arithmetic is $arithmetic: that of Lava 0.10.0's fixed-point models of Loihi 2, bit by bit.
Integers only, of 32 bits but for products with decays and for scores, of 64. No allocation, no
recursion, no library; only the check prints. There are $constants bytes of constants and
$variables of variables, all of them static: one network, one thread.

Network $hash""")

_UNBROKEN = "\N{NO-BREAK SPACE}"


def about(network: IntegerNetwork) -> str:
    """The comment."""
    readout, group = network.readout, network.channels.group
    constants, variables = memory(network)
    text = _ABOUT.substitute(
        version=__version__,
        n_channels=network.channels.size,
        dt_ms=f"{network.dt_ms:g}",
        n_steps=network.n_steps,
        populations=_populations(network),
        projections=_projections(network),
        output=readout.population,
        classes=_classes(network),
        grouped=f"\nChannel c is the data's channels {group}c ... {group}c + {group - 1} together."
        if group > 1
        else "",
        answer=described_answer(readout),
        latency=HOP_LATENCY,
        arithmetic=network.arithmetic,
        constants=constants,
        variables=variables,
        hash=network.content_hash,
    )
    lines = [f" * {line}".rstrip() for line in text.splitlines()]
    return "\n".join(["/*", *lines, " */\n"])


def _populations(network: IntegerNetwork) -> str:
    return "\n".join(
        f"    {population.name}: {described(population)}" for population in network.populations
    )


def _projections(network: IntegerNetwork) -> str:
    lines = [
        f"    {p.source} -> {p.target}: {p.shape[0]} x {p.shape[1]} synapses of {p.weight_bits} "
        f"bits, delays {p.delay.min()} ... {p.delay.max()}"
        for p in network.projections
    ]
    return "\n".join(lines) or "    none"


def _classes(network: IntegerNetwork) -> str:
    names = [f"{i} {harmless(name)}" for i, name in enumerate(network.class_names)]
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
