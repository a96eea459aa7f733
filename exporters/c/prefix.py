"""Prefixes of names in C files with headers, so that a program can contain several networks.

All code is first written with the default names, `nmtool_…`, and renamed at the end.
"""

from __future__ import annotations

import re

from nmtool.errors import UsageError, quoted
from nmtool.exporters.c import templates
from nmtool.exporters.c.readout import scoring
from nmtool.exporters.c.source import interface, program
from nmtool.network.integer_network import IntegerNetwork

_PREFIX = re.compile(r"[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)*")
_LONGEST = 40
_DEFAULT_PREFIX = "nmtool_"
_DEFAULT_NAME = re.compile(rf'"(?:\\.|[^"\\])*"|\b{_DEFAULT_PREFIX}')
_WORD = re.compile(r"[A-Za-z_]\w*")
_IN_DRIVER = ("run_step",)
"""Names in nmtool's drivers; renaming must not produce them either."""


def is_prefix(text: object) -> bool:
    """True for a valid prefix of names in C and C++, to be followed by an underscore."""
    return isinstance(text, str) and len(text) <= _LONGEST and bool(_PREFIX.fullmatch(text))


def check_prefix(prefix: str) -> None:
    """Raise `UsageError` for an invalid prefix."""
    if not is_prefix(prefix):
        raise UsageError(
            f"{quoted(prefix)} is not a valid prefix for names in C",
            code="c-prefix",
            why=f"a prefix begins with a letter, and has at most {_LONGEST} characters: letters, "
            "digits, and single underscores between them",
            fix="choose a word, e.g. `prefix=kws`",
        )


def renamed(code: str, prefix: str) -> str:
    """Replace `nmtool_` by a prefix in all names of C code, but not within strings.

    >>> renamed('nmtool_step(); puts("nmtool_step");', "kws")
    'kws_step(); puts("nmtool_step");'

    Raises:
        UsageError: the code already contains a new name.
    """
    words = {*_WORD.findall(code), *_IN_DRIVER}
    new_names = {
        f"{prefix}_{word.removeprefix(_DEFAULT_PREFIX)}"
        for word in words
        if word.startswith(_DEFAULT_PREFIX)
    }
    taken_names = sorted(new_names & words) if f"{prefix}_" != _DEFAULT_PREFIX else []
    if taken_names:
        raise UsageError(
            f"the prefix '{prefix}' would give two objects the same name {taken_names[0]}",
            code="c-prefix-taken",
            fix="choose another prefix",
        )
    return _DEFAULT_NAME.sub(
        lambda match: f"{prefix}_" if match[0] == _DEFAULT_PREFIX else match[0], code
    )


def shared_interface(network: IntegerNetwork) -> str:
    """The common declarations of a C file and its header, for C and C++."""
    return templates.SHARED.substitute(
        interface=interface(network),
        n_channels=network.channels.size,
        n_steps=network.n_steps,
        n_classes=len(network.class_names),
        readout=network.readout.population,
        scores=f"{network.readout.formula},\n   {scoring(network).differs}",
    )


def program_with_header(network: IntegerNetwork) -> str:
    """The code of a C file that has a header file, with the default names `nmtool_…`."""
    shared = program(network, shared_interface(network), templates.IN_HEADER)
    return "\n".join([shared, templates.SCORES])
