"""`nmtool lava setup` and `nmtool lava status`."""

from __future__ import annotations

import argparse

from nmtool.cli.environment import add_arguments, answer

__all__ = ["add_arguments", "run"]


def run(arguments: argparse.Namespace) -> int:
    from nmtool.exporters.lava import environment

    return answer(arguments, environment.REFEREE, environment.set_up_lava, environment.find)
