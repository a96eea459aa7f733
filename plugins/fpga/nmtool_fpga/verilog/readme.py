"""The README.md of a Verilog export: ports, memories, latency, checking and building."""

from __future__ import annotations

from string import Template

from nmtool.exporters.c.readout import words
from nmtool.known_answers import KnownAnswers
from nmtool.network.integer_network import IntegerNetwork
from nmtool.tables import exact
from nmtool.version import __version__
from nmtool_fpga.verilog.layout import Layout
from nmtool_fpga.verilog.options import VerilogOptions

_TEXT = Template("""\
# A spiking network in Verilog

Written by nmtool $version. Content hash of the integers: `$hash`.

$channels input channels, $steps steps of $dt ms per sample, $lanes.

The core in `rtl/` is the same for every network. It follows spikes: a spike adds a row of weights
to sums that wait for their step, $lanes_words. What makes it this network are widths and depths in
`rtl/nmtool_top.v` and the contents of memories in `mem/`. It needs nothing of a vendor: Verilog of
2005, memories that every synthesis infers.

## Check it

    make check              # Icarus Verilog
    make check-verilator    # Verilator, much faster once it is compiled
    make lint$answers

## The ports of `nmtool_top`

One clock, a synchronous reset that is high for at least four clocks, and two streams: a word passes
in a clock in which `valid` and `ready` are both 1. After the reset, begin a sample, and in every
step send its spikes and a word that ends it.

| `in_kind` | `in_channel` | |
|---|---|---|
| 0 | 0 … $last_channel | a spike of this channel, at most $most_in in a step$in_counts |
| 1 | | the end of a step |
| 2 | | begin a sample: all state becomes 0 |

| `out_kind` | `out_population`, `out_index` | `out_value` |
|---|---|---|
| 0 | a spike of this neuron | $further|
| 1 | the membrane v of this neuron$of_whom | 25 bits with a sign |
| 2 | its current u, with `DEEP` = 1 | 25 bits with a sign |
| 3 | the end of a step | |

| population | | neurons |
|---|---|---|
$populations

What a spike of step n adds over a delay d arrives at step n + 1 + d. What comes out before the end
of step n is what neurons do in step n.

`answer` is the class after every step, told by `answer_valid`: of the rule `$rule`, $formula,
where n counts steps from 0$rounded. `error` stays 1 from the first spike of a channel that
does not exist$or_too_many.

`load_valid`, `load_first` and `load_data` replace the contents of memories between samples, byte by
byte: first the number of a memory with `load_first`, then its words from address 0 on, each in
$load_bytes bytes, the highest first. In this order the memories are numbered: $memories.

## Time

A step takes at most $clocks clocks, whatever comes in: $latency.
On average it takes about as many as spikes add words, and no fewer than there are neurons$slices.
A sample begins with $clearing clocks that clear all sums.$count_clocks

## Memory

| memory | words | bits |
|---|---|---|
$sizes

## Files

| | |
|---|---|
| `rtl/`, `mem/` | the core, and what it holds; `$$readmemh` reads `mem/` from the working folder |
| `boards/` | tops for boards, with a serial line; `ecp5.ys`, what Yosys does besides for an ECP5 |
| `sim/` | benches for Icarus and Verilator$known |
| `network.npz`, `nmtool.json` | what nmtool reads back, and digests of all files |
""")

_IN_COUNTS = "; the upper four of the 24 bits say how many more it has"

_COUNT_CLOCKS = """
Several spikes of a source in a step add its words once per digit 1 of their binary number."""

_ANSWERS = """

Both end with the number of spikes compared and of those that differ: $samples samples of $steps
steps, $what."""


def readme_text(
    network: IntegerNetwork, answers: KnownAnswers | None, options: VerilogOptions
) -> str:
    """Write the README of an export with these known answers and options."""
    layout = Layout(network, options.lanes)
    clocks = layout.most_clocks(options.deep)
    seconds_at_100_mhz = clocks / 100e6
    lanes = options.lanes
    sizes = [(name, *memory.bits.shape) for name, memory in layout.memories.items()]
    rounded = words(network.readout).rounded
    p = layout.parameters
    ring = ((p["WORDS"] + 1) // 2 * 2 * lanes) << p["SLOT_BITS"]
    sizes += [("sums that wait", ring, p["ACC_BITS"]), ("u and v", p["WORDS"] * lanes, 49)]
    most_in = network.channels.most_spikes
    return _TEXT.substitute(
        version=__version__,
        hash=network.content_hash,
        channels=network.channels.size,
        last_channel=network.channels.size - 1,
        most_in="one" if most_in == 1 else most_in,
        in_counts=_IN_COUNTS if p["IN_COUNT_BITS"] else "",
        further="how many more it has in this step " if p["COUNT_BITS"] else "",
        or_too_many=f", or word of more than {most_in} spikes" if p["IN_COUNT_BITS"] else "",
        count_clocks=_COUNT_CLOCKS if network.has_counts else "",
        steps=network.n_steps,
        dt=exact(network.dt_ms),
        lanes=f"{lanes} lane{'s' * (lanes > 1)}",
        lanes_words=f"{lanes} in a clock" if lanes > 1 else "one in a clock",
        answers="" if answers is None else _about(answers, options),
        of_whom=", of every neuron with `DEEP` = 1, else where it does not spike"
        if not options.deep
        else "",
        populations="\n".join(
            f"| {number} | {population.name} | {population.size} {population.kind} |"
            for number, population in enumerate(network.populations)
        ),
        rule=network.readout.words,
        formula=network.readout.formula,
        rounded=f"; {rounded} is rounded to 15 bits" if rounded else "",
        load_bytes=-(-p["LOAD_BITS"] // 8),
        memories=", ".join(f"{number} {name}" for number, name in enumerate(layout.memories)),
        clocks=f"{clocks:,}",
        clearing=f"{layout.clearing_clocks:,}",
        latency=f"{seconds_at_100_mhz * 1e3:.3g} ms at 100 MHz, of {exact(network.dt_ms)} ms",
        slices="" if layout.slices == 1 else f" by {layout.slices}",
        sizes="\n".join(f"| {name} | {words:,} | {bits} |" for name, words, bits in sizes),
        known="" if answers is None else ", and the known answers that they compare",
    )


def _about(answers: KnownAnswers, options: VerilogOptions) -> str:
    """Text of the README on the known answers."""
    spikes = answers.spikes
    return Template(_ANSWERS).substitute(
        samples=spikes.n_samples,
        steps=spikes.n_steps,
        what="with u and v of every neuron" if options.deep else "and every membrane that is told",
    )
