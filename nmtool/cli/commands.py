"""The commands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

START = "to start with"
TRAINING = "training"
CHIPS = "chips and formats"
LOOK = "results and data"
COMPUTER = "this computer"


@dataclass(frozen=True)
class Command:
    """A command. The module of the same name in this folder defines its arguments and runs it.

    Attributes:
        subject: title of its group in `nmtool --help`.
        text: purpose of the command, for help.
        first: flags in a group of their own at the top of its help, at most five; empty: no such
            group.
    """

    subject: str
    text: str
    first: tuple[str, ...] = ()


COMMANDS: Mapping[str, Command] = {
    "demo": Command(
        START, "see the whole way once: train, round, export and verify handwritten digits"
    ),
    "train": Command(
        START,
        "learn weights and delays: from scratch, from another run, or once per fold",
        ("--output", "--config", "--hidden", "--steps", "--epochs"),
    ),
    "evaluate": Command(
        START,
        "accuracy and activity on data; an export runs in its own runtime",
        ("--samples", "--classes", "--predictions", "--json"),
    ),
    "quantise": Command(
        START,
        "round a trained network to a chip's integers, and say what that costs",
        ("--output", "--data", "--weight-bits", "--delay-bits", "--target"),
    ),
    "verify": Command(
        START,
        "compare a network with its exports, or with a recording, spike for spike",
        ("--against", "--samples", "--exercise", "--artefact"),
    ),
    "search": Command(
        TRAINING,
        "try other training settings, and keep the best by validation accuracy",
        ("--output", "--budget", "--config", "--device"),
    ),
    "join": Command(TRAINING, "combine networks into one, an ensemble whose outputs are added"),
    "compare": Command(
        TRAINING,
        "difference in accuracy between two kinds of networks, with its interval",
        ("--data", "--with", "--cluster"),
    ),
    "check": Command(
        CHIPS,
        "does it fit a chip, and what would change? with data, the cost per inference",
        ("--target", "--data", "--samples", "--energy-of", "--json"),
    ),
    "export": Command(
        CHIPS,
        "write a network for a chip, a runtime or another library",
        ("--output", "--to", "--data", "--force"),
    ),
    "convert": Command(
        CHIPS,
        "from one format to another, with the result checked",
        ("--to", "--force", "--data", "--in-nir-dt"),
    ),
    "zoo": Command(CHIPS, "trained and verified networks to try things on"),
    "report": Command(
        LOOK,
        "everything about a run or a network, on one page",
        ("--output", "--against", "--target", "--samples", "--force"),
    ),
    "inspect": Command(LOOK, "what is in a file"),
    "data": Command(LOOK, "describe a data set, or make one from your own files"),
    "doctor": Command(COMPUTER, "what is installed, what is missing, and how to get it"),
    "setup": Command(COMPUTER, "install reference simulators, or shell completion"),
}

ALSO = {"quantize": "quantise"}
"""Other spellings of commands."""

DATA_PARALLEL = ("train",)
"""Commands that torchrun may start as several processes of one job."""
