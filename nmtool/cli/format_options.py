"""Flags for writing formats, and for reading files from other tools.

Flags, headings and messages follow from the classes of options in the formats' packages.
"""

from __future__ import annotations

import argparse
from collections import Counter
from typing import TYPE_CHECKING, Any

from nmtool.cli import flags
from nmtool.cli.arguments import group
from nmtool.errors import UsageError

if TYPE_CHECKING:
    from nmtool.exporters.nir.options import NirOptions
    from nmtool.exporters.verilog.options import VerilogOptions

WRITING, READING = "WritingOptions", "ReadingOptions"
"""Bases of the classes of options, in `nmtool.options`."""
_IN = "in_"


def add_writing_options(parser: argparse.ArgumentParser) -> None:
    """Add a flag per option of every format."""
    for name in flags.options_of_formats(WRITING):
        flags.add(group(parser, flags.class_texts(name)["heading"]), name)


def writing_options(arguments: argparse.Namespace) -> NirOptions | VerilogOptions | None:
    """The options given for writing a format; None if there are none.

    Raises:
        UsageError: options are out of range, or are given for several formats.
    """
    import nmtool

    classes = flags.options_of_formats(WRITING)
    given = {name: values for name in classes if (values := flags.given(arguments, name))}
    if len(given) > 1:
        headings = [flags.class_texts(name)["heading"] for name in given]
        *_, last = given.values()
        raise UsageError(
            f"{' and '.join(f'options for {heading}' for heading in headings)} cannot be combined",
            code="writing-options-mixed",
            why=f"{', '.join(last)} are for {headings[-1]}",
            fix="leave out the options of the format that you are not writing",
        )
    return next((getattr(nmtool, name)(**values) for name, values in given.items()), None)


def add_reading_options(parser: argparse.ArgumentParser) -> None:
    """Add a flag `--in…` per option for reading files from other tools."""
    shared = group(parser, "Networks from other tools")
    options = {name: flags.read(name) for name in flags.options_of_formats(READING)}
    uses = Counter(option.word for parameters in options.values() for option in parameters)
    for name, parameters in options.items():
        common = [option.name for option in parameters if uses[option.word] > 1]
        flags.add(shared, name, dest_prefix=_IN, only=common)
    for name in options:
        texts = flags.class_texts(name)
        own = parser.add_argument_group(texts["heading"], texts["note"])
        flags.add(own, name, dest_prefix=_IN)


def reading_options(arguments: argparse.Namespace, path: str) -> Any:
    """Options with which `nmtool.load` reads IN; None if the format of IN has none.

    Raises:
        UsageError: a flag is for another kind of input, out of range, or missing.
    """
    from nmtool.exporters.formats import artefact_at

    artefact = artefact_at(path)
    reading = None if artefact is None else artefact.reading_options
    classes = flags.options_of_formats(READING)
    given = {name: flags.given(arguments, name, prefix=_IN) for name in classes}
    words = {
        name: [option.word for option in flags.read(name) if option.name in values]
        for name, values in given.items()
    }
    applicable = [] if reading is None else words[reading.__name__]
    for word in (word for listed in words.values() for word in listed):
        if word not in applicable:
            users = [name for name, listed in words.items() if word in listed]
            files = " and ".join(flags.class_texts(name)["files"] for name in users)
            raise UsageError(
                f"--in-{word} applies to {files} only, not to {path}",
                code="import-options-unused",
                fix="leave it out",
            )
    if artefact is None or reading is None:
        return None
    # A file of a format that nmtool writes can be read without options. With options, nmtool always
    # reads the foreign content, even if the file also embeds a network of nmtool.
    options = given[reading.__name__]
    return reading(**options) if options or not artefact.writes else None
