"""The argument parser, which raises nmtool's own errors."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from nmtool.cli import help
from nmtool.errors import Finding, UsageError, nearest, suggestion


class Parser(argparse.ArgumentParser):
    """A parser that takes options by their full names only and raises `UsageError`."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{**settings, "allow_abbrev": False})

    def error(self, message: str) -> NoReturn:
        """Raise `UsageError` instead of exiting."""
        fix = f"see {self.prog} --help"
        if message.startswith("the following arguments are required"):
            fix = f"{self.format_usage().strip()}; {fix}"
        raise UsageError(message, code="command-line", fix=fix)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        # The error message of argparse lists all choices, but does not suggest the choice nearest
        # to the typed word.
        if action.choices is None or value in action.choices:
            return
        name = "/".join(action.option_strings) or action.metavar or action.dest
        choices = [str(choice) for choice in action.choices]
        raise UsageError(
            f"{name} cannot be '{value}'",
            code="command-line",
            fix=f"{suggestion(str(value), choices)}; see {self.prog} --help",
        )

    def check_options(self, words: Sequence[str]) -> None:
        """Raise `UsageError` for options that the command lacks."""
        actions = self._option_string_actions
        options = [word.partition("=")[0] for word in words if word.startswith("--")]
        if "--" in options:
            options = options[: options.index("--")]
        names = [name for name, action in actions.items() if action.help != argparse.SUPPRESS]
        see = f"see {self.prog} --help"
        findings = []
        for word in dict.fromkeys(word for word in options if word not in actions):
            near = nearest(word, names)
            fix = f"did you mean {near}? {see}" if near else see
            what = f"{self.prog} has no such option"
            findings.append(Finding("no-such-option", word, what, fix))
        if len(findings) == 1:
            finding = findings[0]
            raise UsageError(
                f"{self.prog} has no option {finding.where}", code="option-unknown", fix=finding.fix
            )
        if findings:
            raise UsageError(
                f"{self.prog} has none of these {len(findings)} options",
                code="option-unknown",
                fix=see,
                findings=findings,
            )

    def flag(self, dest: str) -> str:
        """The flag that sets the value `dest`."""
        [action] = [candidate for candidate in self._actions if candidate.dest == dest]
        return action.option_strings[-1]

    def flags(self) -> dict[str, str]:
        """Flags and positional arguments, as users write them, by the names of their values.

        Options for reading files of other tools (`--in…`) are also listed without the prefix
        `in_`. If an option for writing has the same name without the prefix, the option for reading
        is listed, since messages are about the file that is read. An option that is given by key
        is listed as `--in KEY=`.
        """
        names = {
            action.dest: str([action.metavar or action.dest, *action.option_strings][-1])
            for action in self._actions
        }
        without_prefix = {dest.removeprefix("in_"): flag for dest, flag in names.items()}
        keys = {
            key: f"{names[action.dest]} {key}="
            for action in self._actions
            for key in getattr(action.type, "keys", ())
        }
        return {**names, **without_prefix, **keys}

    def format_usage(self) -> str:
        """The line with the usage of the command."""
        return f"usage: {self.usage or help.usage(self)}\n"

    def format_help(self) -> str:
        """The help of the command, with options in groups."""
        formatter = self._get_formatter()
        formatter.add_usage(self.usage or help.usage(self), self._actions, [])
        formatter.add_text(self.description)
        for title, text, actions in help.sections(self):
            formatter.start_section(title)
            formatter.add_text(text)
            formatter.add_arguments(actions)
            formatter.end_section()
        formatter.add_text(self.epilog)
        return formatter.format_help()

    def _print_message(self, message: str, file: Any = None) -> None:
        """Write a message; if writing fails, raise the error."""
        # argparse's own method ignores errors of writing, for example on a full disk.
        (file or sys.stderr).write(message)
