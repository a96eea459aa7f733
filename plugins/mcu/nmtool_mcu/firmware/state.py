"""The C program of a network with its state in a struct, derived from the program of the C file.

Variables become members of the struct, and functions that use them get a pointer to it. Only
`nmtool.exporters.c.templates` states the arithmetic.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from string import Template

from nmtool.exporters.c import templates
from nmtool.exporters.c.about import how_often, step_call
from nmtool.exporters.c.prefix import renamed, shared_interface
from nmtool.exporters.c.readout import scoring
from nmtool.exporters.c.source import last_step, most_neuron_spikes, program, when_recorded
from nmtool.network.integer_network import IntegerNetwork
from nmtool.tables import exact
from nmtool.version import __version__

_DEFAULT_PREFIX = "nmtool_"
_STATE = "nmtool_state"
_POINTER = f"struct {_STATE} *net"

_VARIABLE = re.compile(
    r"^(?:static )?((?:u?int\d+_t|int|nmtool_index)) (\w+)((?:\[[^\]\n]*\])*);( /\*.*\*/)?\n",
    re.MULTILINE,
)
_EXTERN = re.compile(r"^extern (?!const).*;\n?", re.MULTILINE)
_FUNCTION = re.compile(r"^(?:static |const )*\w+ \*?(\w+)\(([^)]*)\)(?=\n\{)", re.MULTILINE)
_DECLARED = re.compile(r"^(?:const )?\w+ \*?(\w+)\(([^)]*)\);", re.MULTILINE)
_WORD = re.compile(r'/\*.*?\*/|"(?:\\.|[^"\\])*"|\b(\w+)\b(\()?', re.DOTALL)
_STATELESS = {"low_word", "decayed", "neuron_step"}


_AFTER_STRUCT = "/* Begin a sample:"
_STRUCT = Template("""\
/* Everything that changes while the network runs; a struct for each stream. After a step,
   spikes_NAME are the neurons that spiked, ascending, n_spikes_NAME of them, ${counted}and \
membrane_NAME the
   membrane of each neuron$when. */
struct $state {
$members
};

""")
_COUNTED_SPIKES = """\
counts_NAME how often
   each of them did where it can be more than once, """
_ABOUT = Template("""\
/*
 * A spiking network in integers, in C99. Written by nmtool $version.
 *
 * $n_channels input channels, steps of $dt_ms ms, samples of $n_steps steps.$grouped
 * A spike at t ms belongs to step floor(t / $dt_ms), each channel at most $often to a step.
 *
 *     static struct nmtool_state net;
 *
 *     nmtool_reset(&net);                before every sample
 *     ${step}every $dt_ms ms, with the channels that spiked meanwhile
 *     class = nmtool_answer(&net);       after $n_steps steps, or whenever an answer is wanted
 *
 * The answer is $answer.
 *
 * Integers only, of 32 bits but for products with decays and for scores, of 64. No allocation, no
 * recursion, no library, and no state but the struct: networks and streams run side by side.
 *
 * Network $hash
 */
""")


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
    text = templates.HEADER.substitute(
        comment=_about(network), interface=_interface(network), prefix=prefix
    )
    return renamed(text, prefix)


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


def _about(network: IntegerNetwork) -> str:
    """The comment at the head of the header."""
    group = network.channels.group
    together = (
        f"\n * Channel c is the data's channels {group}c ... {group}c + {group - 1} together."
    )
    return _ABOUT.substitute(
        version=__version__,
        n_channels=network.channels.size,
        dt_ms=exact(network.dt_ms),
        n_steps=network.n_steps,
        grouped=together if group > 1 else "",
        answer=scoring(network).described.replace("\n", "\n * "),
        hash=network.content_hash,
        often=how_often(network),
        step=step_call(network, "nmtool_", 35, "&net, ", " *     "),
    )


def _program(network: IntegerNetwork) -> str:
    """Code of the same network as in the C file, with its state in static variables."""
    return "\n".join([program(network, " "), templates.SCORES])


def _parts(network: IntegerNetwork) -> _Parts:
    """Find the variables and functions of a program that depend on its state."""
    plain = _program(network)
    variables = _VARIABLE.findall(plain)
    members = [
        f"    {kind} {name.removeprefix(_DEFAULT_PREFIX)}{dims};{comment}"
        for kind, name, dims, comment in variables
    ]
    functions = {name for name, _ in _FUNCTION.findall(plain)} - _STATELESS
    return _Parts(members, {name for _, name, _, _ in variables}, functions)


def _interface(network: IntegerNetwork) -> str:
    """Declarations of the header: functions, the struct, and names of classes."""
    parts = _parts(network)
    struct = _STRUCT.substitute(
        counted=_COUNTED_SPIKES if most_neuron_spikes(network) > 1 else "",
        when=when_recorded(network),
        state=_STATE,
        members="\n".join(parts.members),
    )
    text = _with_state(shared_interface(network), parts, declared=True)
    first = _EXTERN.search(text)
    assert first is not None, "every network has a population"
    text = text[: first.start()] + _EXTERN.sub("", text[first.start() :])
    text = text.replace(last_step(network), "")
    return text.replace(_AFTER_STRUCT, f"{struct}{_AFTER_STRUCT}", 1)


def _code(network: IntegerNetwork, declarations: str) -> str:
    """The code of the C file after the given declarations."""
    parts = _parts(network)
    plain = "\n".join([program(network, "@declarations@", templates.IN_HEADER), templates.SCORES])
    plain = _VARIABLE.sub("", plain)
    return _with_state(plain, parts).replace("@declarations@", declarations)


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
