"""Arguments that several commands share, and a parser whose complaints read like all others."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from nmtool.cli import help
from nmtool.errors import Finding, UsageError, nearest, suggestion

NETWORK = "run folder, network file, integer network file or export"
DATA = "digits, yinyang, shd, ssc, tonic:NAME or a folder in SHD layout"


class Parser(argparse.ArgumentParser):
    """A parser that takes options by their full names only and raises `UsageError`."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{**settings, "allow_abbrev": False})

    def error(self, message: str) -> NoReturn:
        """Raise `UsageError` instead of leaving the program."""
        fix = f"see {self.prog} --help"
        if message.startswith("the following arguments are required"):
            fix = f"{self.format_usage().strip()}; {fix}"
        raise UsageError(message, code="command-line", fix=fix)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        # argparse's own names all choices, but not the one that was probably meant.
        if action.choices is None or value in action.choices:
            return
        name = "/".join(action.option_strings) or action.metavar or action.dest
        known = [str(one) for one in action.choices]
        raise UsageError(
            f"{name} cannot be '{value}'",
            code="command-line",
            fix=f"{suggestion(str(value), known)}; see {self.prog} --help",
        )

    def check_options(self, words: Sequence[str]) -> None:
        """Raise `UsageError` where a word is an option that there is not."""
        known = self._option_string_actions
        given = [word.partition("=")[0] for word in words if word.startswith("--")]
        if "--" in given:
            given = given[: given.index("--")]
        shown = [name for name, action in known.items() if action.help != argparse.SUPPRESS]
        see = f"see {self.prog} --help"
        findings = []
        for word in dict.fromkeys(word for word in given if word not in known):
            near = nearest(word, shown)
            fix = f"did you mean {near}? {see}" if near else see
            what = f"{self.prog} has no such option"
            findings.append(Finding("no-such-option", word, what, fix))
        if len(findings) == 1:
            one = findings[0]
            raise UsageError(
                f"{self.prog} has no option {one.where}", code="option-unknown", fix=one.fix
            )
        if findings:
            raise UsageError(
                f"{self.prog} has none of {len(findings)} options",
                code="option-unknown",
                fix=see,
                findings=findings,
            )

    def format_usage(self) -> str:
        return f"usage: {self.usage or help.usage(self)}\n"

    def format_help(self) -> str:
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
        # argparse's own says nothing where help cannot be written.
        (file or sys.stderr).write(message)


def count(text: str) -> int:
    """A whole number from 1 on, for `type=`."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 on, not '{text}'")
    return number


def validation_amount(text: str) -> str:
    """A share or number of samples to hold out, for `type=`."""
    from nmtool.data.validation_split import amount

    found = amount(text)
    if found is None or found == "0":
        raise argparse.ArgumentTypeError(f"must be like 0.2, 300 or 'last 300', not '{text}'")
    return found


def add_network(parser: argparse.ArgumentParser, text: str = NETWORK) -> None:
    """Add the positional argument NETWORK."""
    parser.add_argument("network", metavar="NETWORK", help=text)


def add_data(parser: argparse.ArgumentParser) -> None:
    """Add the positional argument DATA and the options that say how it is found."""
    parser.add_argument("data", metavar="DATA", help=DATA)
    add_data_options(parser)


def add_data_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how DATA is found."""
    parser.add_argument("--data-dir", metavar="DIR", help="where downloaded data sets are kept")
    parser.add_argument(
        "--units", type=count, metavar="N", help="channels of a folder whose files do not say it"
    )


def add_choice_of_samples(parser: argparse.ArgumentParser) -> None:
    """Add `--split`, `--validation` and `--samples`."""
    from nmtool.data import SPLITS

    parser.add_argument("--split", choices=SPLITS, default="test", help="default test")
    parser.add_argument(
        "--validation",
        type=validation_amount,
        metavar="SHARE|N",
        help="take a share or a number of the training samples as validation split, where the data "
        "have none, drawn per class, or 'last N' of them; by default those that validated the run, "
        "where there is one",
    )
    parser.add_argument(
        "--samples",
        type=count,
        metavar="N",
        help="only N samples, drawn so that every class has its share, the same ones each time",
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add `--json`."""
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def add_trust(parser: argparse.ArgumentParser) -> None:
    """Add `--trust`, the word for running code of others."""
    parser.add_argument(
        "--trust",
        action="store_true",
        help="run an export although it differs from what this nmtool writes: a Lava folder is "
        "code, which may do anything",
    )


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add `--device`."""
    parser.add_argument(
        "--device",
        choices=("auto", "cpu", "cuda"),
        default="auto",
        help="where to train; auto takes the GPU if there is everything it needs (default auto)",
    )


def add_force(parser: argparse._ActionsContainer, what: str) -> None:
    """Add `--force`, which replaces an earlier result."""
    parser.add_argument("--force", action="store_true", help=f"replace {what}")
