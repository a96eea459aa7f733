"""The C program of a network with its state in a struct, derived from the program of the C file.

Variables become members of the struct, and functions that use them get a pointer to it. Only
`network.c` of the C exporter states the arithmetic.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from nmtool.exporters.c.source import program_values
from nmtool.exporters.c.text import renamed, template
from nmtool.exporters.templates import filled
from nmtool.network.integer_network import IntegerNetwork

_DEFAULT_PREFIX = "nmtool_"
_STATE = "nmtool_state"
_PLACE = "@here@"
_POINTER = f"struct {_STATE} *net"

_VARIABLE = re.compile(
    r"^(?:static )?((?:u?int\d+_t|int|nmtool_index)) (\w+)((?:\[[^\]\n]*\])*);( /\*.*\*/)?\n",
    re.MULTILINE,
)
_FUNCTION = re.compile(r"^(?:static |const )*\w+ \*?(\w+)\(([^)]*)\)(?=\n\{)", re.MULTILINE)
_DECLARED = re.compile(r"^(?:const )?\w+ \*?(\w+)\(([^)]*)\);", re.MULTILINE)
_WORD = re.compile(r'/\*.*?\*/|"(?:\\.|[^"\\])*"|\b(\w+)\b(\()?', re.DOTALL)
_STATELESS = {"low_word", "decayed", "neuron_step"}


_STRUCT = """\
/* Everything that changes while the network runs; a struct for each stream. After a step,
//% if neuron_counts
   spikes_NAME are the neurons that spiked, ascending, n_spikes_NAME of them, counts_NAME how often
   each of them did where it can be more than once, and membrane_NAME the
//% else neuron_counts
   spikes_NAME are the neurons that spiked, ascending, n_spikes_NAME of them, and membrane_NAME the
//% end neuron_counts
   membrane of each neuron$when. */
struct $state {
$members
};"""
_ABOUT = """\
/*
 * A spiking network in integers, in C99. Written by nmtool $version.
 *
 * $n_channels input channels, steps of $dt_ms ms, samples of $n_steps steps.
//% if grouped
 * Channel c is the data's channels ${group}c ... ${group}c + $last_of_group together.
//% end grouped
 * A spike at t ms belongs to step floor(t / $dt_ms), each channel at most $often to a step.
 *
 *     static struct nmtool_state net;
 *
 *     nmtool_reset(&net);                before every sample
//% if channel_counts
 *     nmtool_step(&net, channels, counts, n);
 *                                        every $dt_ms ms, with the channels that spiked meanwhile
//% else channel_counts
 *     nmtool_step(&net, channels, n);    every $dt_ms ms, with the channels that spiked meanwhile
//% end channel_counts
 *     class = nmtool_answer(&net);       after $n_steps steps, or whenever an answer is wanted
 *
 * The answer is $answer.
 *
 * Integers only, of 32 bits but for products with decays and for scores, of 64. No allocation, no
 * recursion, no library, and no state but the struct: networks and streams run side by side.
 *
 * Network $hash
 */
"""


@dataclass(frozen=True)
class _Parts:
    """The parts of a program that depend on the location of its state.

    Attributes:
        members: declarations in the struct, a line each.
        variables: names of the variables that became members.
        functions: names of functions that take a pointer to the struct.
    """

    members: list[str]
    variables: set[str]
    functions: set[str]


def header(network: IntegerNetwork, prefix: str) -> str:
    """Text of the header file: functions, the struct of the state, and names of classes."""
    known, group = _values(network), network.channels.group
    known |= {"grouped": group > 1, "last_of_group": group - 1, "prefix": prefix}
    known["answer"] = known["answer"].replace("\n", "\n * ")
    known |= {"comment": filled(_ABOUT, known), "interface": _interface(network)}
    return renamed(filled(template("header.h"), known), prefix)


def code(network: IntegerNetwork, prefix: str) -> str:
    """Text of the C file, which includes the header file."""
    return renamed(_code(network, f'#include "{prefix}.h"'), prefix)


def code_alone(network: IntegerNetwork, prefix: str) -> str:
    """Text of the C file with the content of its header, for a driver that includes it."""
    return renamed(_code(network, _interface(network)), prefix)


def driver(network: IntegerNetwork, text: str, prefix: str) -> str:
    """Adapt the driver of a C file to this program, with one static state."""
    parts = _parts(network)
    place = f"static struct {_STATE} state;\nstatic struct {_STATE} *const net = &state;\n\n"
    head, include, rest = text.partition('.c"\n')
    return renamed(head + include + place + _with_state(rest, parts), prefix)


def _values(network: IntegerNetwork) -> dict[str, Any]:
    return program_values(network, _DEFAULT_PREFIX.rstrip("_"))


def _parts(network: IntegerNetwork) -> _Parts:
    """Find the variables and functions of a program that depend on its state."""
    plain = filled(template("network.c"), {**_values(network), "interface": ""})
    variables = _VARIABLE.findall(plain)
    members = [
        f"    {kind} {name.removeprefix(_DEFAULT_PREFIX)}{dims};{comment}"
        for kind, name, dims, comment in variables
    ]
    functions = {name for name, _ in _FUNCTION.findall(plain)} - _STATELESS
    return _Parts(members, {name for _, name, _, _ in variables}, functions)


def _interface(network: IntegerNetwork) -> str:
    """Declarations of the header: functions, the struct, and names of classes."""
    parts, known = _parts(network), _values(network)
    struct = filled(_STRUCT, {**known, "state": _STATE, "members": "\n".join(parts.members)})
    text = filled(template("interface.h"), {**known, "state": _PLACE}).rstrip()
    return _with_state(text, parts, declared=True).replace(_PLACE, struct)


def _code(network: IntegerNetwork, declarations: str) -> str:
    """The code of the C file after the given declarations."""
    plain = filled(template("network.c"), {**_values(network), "interface": _PLACE})
    code = _with_state(_VARIABLE.sub("", plain), _parts(network))
    return code.replace(_PLACE, declarations)


def _with_state(text: str, parts: _Parts, *, declared: bool = False) -> str:
    """Turn variables into members of `net`, and pass `net` to all functions that use them."""
    heads = (_DECLARED if declared else _FUNCTION).finditer(text)
    starts = {match.start(1) for match in heads}

    def replaced(match: re.Match[str]) -> str:
        name, is_call = match[1], match[2]
        if name in parts.variables:
            return f"net->{name.removeprefix(_DEFAULT_PREFIX)}"
        if name not in parts.functions or not is_call:
            return match[0]
        argument = _POINTER if match.start(1) in starts else "net"
        no_arguments = text[match.end() :].startswith((")", "void)"))
        return f"{name}({argument}" + ("" if no_arguments else ", ")

    return re.sub(rf"({re.escape(_POINTER)})void\)", r"\1)", _WORD.sub(replaced, text))
