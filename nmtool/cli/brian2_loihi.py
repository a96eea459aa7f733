"""`nmtool brian2-loihi setup` and `nmtool brian2-loihi status`."""

from __future__ import annotations

import argparse

from nmtool.cli.environment import add_arguments, answer

__all__ = ["add_arguments", "run"]


def run(arguments: argparse.Namespace) -> int:
    from nmtool.exporters.brian2_loihi import environment

    return answer(arguments, environment.REFEREE, environment.set_up_brian2_loihi, environment.find)
