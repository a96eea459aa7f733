"""Shell completion for `nmtool setup completion SHELL`: a script that shtab generates."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

SHELLS = ("bash", "zsh", "fish")
EXAMPLES = (
    "nmtool setup completion bash > ~/.local/share/bash-completion/completions/nmtool; "
    "nmtool setup completion zsh > _nmtool, in a folder of $fpath; "
    "nmtool setup completion fish > ~/.config/fish/completions/nmtool.fish"
)


def write(shell: str) -> int:
    """Write the completion script for a shell to stdout."""
    from nmtool.cli.main import full_parser
    from nmtool.libraries import libraries_needed

    with libraries_needed("completion"):
        import shtab
    parser = full_parser()
    for action in _arguments_with_values(parser):
        if listed := getattr(action.type, "listed", None):
            action.choices = list(listed())
        # A shell completes the value of an option without choices as a path.
        if action.choices is None and action.type is None:
            action.complete = shtab.FILE  # type: ignore[attr-defined]
    sys.stdout.write(shtab.complete(parser, shell=shell) + "\n")
    return 0


def _arguments_with_values(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """All arguments that take a value, including arguments of commands."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for subparser in action.choices.values():
                yield from _arguments_with_values(subparser)
        elif action.nargs != 0:
            yield action
