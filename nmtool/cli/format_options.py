"""Flags for writing formats, and for reading files from other tools.

Flags, keys, headings and messages follow from the classes of options in the formats' packages.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from nmtool.cli import flags
from nmtool.cli.arguments import group
from nmtool.cli.flags import Parameter
from nmtool.errors import UsageError, suggestion

if TYPE_CHECKING:
    from nmtool.options import WritingOptions

WRITING, READING = "WritingOptions", "ReadingOptions"
"""Bases of the classes of options, in `nmtool.options`."""
_IN = "in_"


def add_writing_options(parser: argparse.ArgumentParser) -> None:
    """Add a flag per option of every format."""
    for name in flags.options_of_formats(WRITING):
        flags.add(group(parser, flags.class_texts(name)["heading"]), name)


def writing_options(arguments: argparse.Namespace) -> WritingOptions | None:
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
    """Add flags `--in-…` for reading files from other tools, and `--in KEY=VALUE`.

    The options of a class that has a text `keys` are keys, unless another class gives them a flag.
    """
    texts = {name: flags.class_texts(name) for name in flags.options_of_formats(READING)}
    notes = {name: about["note"] for name, about in texts.items() if "keys" not in about}
    reading_group = parser.add_argument_group("Networks from other tools", " ".join(notes.values()))
    words: list[str] = []
    for name in notes:
        flags.add(reading_group, name, dest_prefix=_IN)
        words += [option.word for option in flags.read(name)]
    keys: dict[str, Parameter] = {}
    listed_keys = ""
    for name, about in texts.items():
        if "keys" in about:
            own = {option.name: option for option in flags.read(name) if option.word not in words}
            listed_keys += f"; for {about['files']}: {', '.join(own)} ({about['keys']})"
            keys |= own
    reading_group.add_argument(
        "--in",
        dest=_IN,
        action="append",
        default=[],
        type=_key_and_value(keys, [f"--in-{word}" for word in words]),
        metavar="KEY=VALUE",
        help=f"set an option by name; repeat --in for several{listed_keys}",
    )


def reading_options(arguments: argparse.Namespace, path: str) -> Any:
    """Options with which `nmtool.load` reads IN; None if the format of IN has none.

    Raises:
        UsageError: a flag or key is for another kind of input, out of range, or missing.
    """
    from nmtool.exporters.formats import artefact_at

    artefact = artefact_at(path)
    reading = None if artefact is None else artefact.reading_options
    given: dict[str, dict[str, Any]] = {}
    spelled: dict[str, list[str]] = {}
    for name in flags.options_of_formats(READING):
        words = {option.name: option.word for option in flags.read(name)}
        by_flag = flags.given(arguments, name, prefix=_IN)
        by_key = {key: value for key, value in getattr(arguments, _IN) if key in words}
        given[name] = by_flag | by_key
        spelled[name] = [f"--in-{words[key]}" for key in by_flag]
        spelled[name] += [f"--in {key}" for key in by_key]
    applicable = [] if reading is None else spelled[reading.__name__]
    for flag in (flag for listed in spelled.values() for flag in listed):
        if flag not in applicable:
            users = [name for name, listed in spelled.items() if flag in listed]
            files = " and ".join(flags.class_texts(name)["files"] for name in users)
            raise UsageError(
                f"{flag} applies to {files} only, not to {path}",
                code="import-options-unused",
                fix="leave it out",
            )
    if artefact is None or reading is None:
        return None
    # A file of a format that nmtool writes can be read without options. With options, nmtool always
    # reads the foreign content, even if the file also embeds a network of nmtool.
    values = given[reading.__name__]
    return reading(**values) if values or not artefact.writes else None


def _key_and_value(
    keys: Mapping[str, Parameter], names: list[str]
) -> Callable[[str], tuple[str, Any]]:
    """Make a `type=` that parses KEY=VALUE.

    Args:
        keys: the options that are given by key; the attribute `keys` of the result lists them.
        names: the flags of other options, for the error on an unknown key.
    """

    def key_and_value(text: str) -> tuple[str, Any]:
        """Parse the value as its option requires; raises an error for unknown keys."""
        key, equals, value = text.partition("=")
        if not equals:
            raise argparse.ArgumentTypeError(f"must be KEY=VALUE, not '{text}'")
        if key not in keys:
            near = suggestion(key, [*keys, *names])
            raise argparse.ArgumentTypeError(f"there is no key '{key}'; {near}")
        parse = (flags.keywords(keys[key]) or {}).get("type", str)
        try:
            return key, parse(value)
        except argparse.ArgumentTypeError as error:
            raise argparse.ArgumentTypeError(f"{key} {error}") from None

    key_and_value.keys = keys  # type: ignore[attr-defined]
    return key_and_value
