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
    "demo": Command(START, "train, quantise, export and verify on built-in data"),
    "train": Command(
        START,
        "train weights and delays: a new network, from another run, or one network per fold",
        ("--output", "--config", "--hidden", "--steps", "--epochs"),
    ),
    "evaluate": Command(
        START,
        "accuracy and activity of a network on data; an export runs in its own runtime",
        ("--samples", "--classes", "--predictions", "--json"),
    ),
    "quantise": Command(
        START,
        "round a trained network to a chip's integers (post-training quantisation)",
        ("--output", "--data", "--weight-bits", "--delay-bits", "--target"),
    ),
    "verify": Command(
        START,
        "compare backends spike for spike",
        ("--against", "--samples", "--exercise", "--artefact"),
    ),
    "search": Command(
        TRAINING,
        "try training settings: hyperparameter search by validation accuracy",
        ("--output", "--budget", "--config", "--device"),
    ),
    "join": Command(TRAINING, "combine networks into one, an ensemble, whose outputs are added"),
    "compare": Command(
        TRAINING,
        "difference in accuracy between two kinds of networks, with a confidence interval",
        ("--data", "--with", "--cluster"),
    ),
    "check": Command(
        CHIPS,
        "check whether a network fits a chip, with all changes; with data, its cost per inference",
        ("--target", "--data", "--samples", "--energy-of", "--json"),
    ),
    "export": Command(
        CHIPS,
        "write a network in another format",
        ("--output", "--to", "--data", "--force"),
    ),
    "convert": Command(
        CHIPS,
        "convert a network between any two formats, and check the result",
        ("--to", "--force", "--data", "--in-nir-dt"),
    ),
    "zoo": Command(CHIPS, "trained and verified networks that come with nmtool"),
    "report": Command(
        LOOK,
        "one page with everything known about a run or a network",
        ("--output", "--against", "--target", "--samples", "--force"),
    ),
    "inspect": Command(LOOK, "describe the content of a file"),
    "data": Command(LOOK, "describe a data set, or make one from files of other tools"),
    "doctor": Command(COMPUTER, "installed and missing parts, and how to install them"),
    "setup": Command(COMPUTER, "install environments of reference simulators"),
}

ALSO = {"quantize": "quantise"}
"""Other spellings of commands."""

DATA_PARALLEL = ("train",)
"""Commands that torchrun may start as several processes of one job."""
