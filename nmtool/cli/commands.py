"""The commands, and spellings of earlier releases, which answer until 1.0."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

START = "to start with"
TRAINING = "training"
CHIPS = "chips and formats"
LOOK = "a look at things"
COMPUTER = "this computer"


@dataclass(frozen=True)
class Command:
    """A command; the module of its name in this folder has its arguments and runs it.

    Attributes:
        subject: heads it in the help of all commands.
        text: what it does.
        first: the flags to start with, at most five; none where all stand together.
    """

    subject: str
    text: str
    first: tuple[str, ...] = ()


COMMANDS: Mapping[str, Command] = {
    "demo": Command(START, "the whole story on built-in data: train, quantise, export, verify"),
    "train": Command(
        START,
        "learn weights and delays: of a new network, from another run, or one per fold",
        ("--output", "--config", "--hidden", "--steps", "--epochs"),
    ),
    "evaluate": Command(
        START,
        "accuracy and activity of a network on data; of an export, in its own runtime",
        ("--split", "--samples", "--classes", "--predictions", "--json"),
    ),
    "quantise": Command(
        START,
        "round a network to the integers of a chip",
        ("--output", "--data", "--weight-bits", "--delay-bits", "--target"),
    ),
    "verify": Command(
        START,
        "compare backends spike for spike",
        ("--against", "--samples", "--split", "--exercise", "--artefact"),
    ),
    "sweep": Command(TRAINING, "search training settings by validation accuracy"),
    "compare": Command(
        TRAINING,
        "how far apart two kinds of networks are, and how sure that is",
        ("--data", "--with", "--split", "--samples"),
    ),
    "check": Command(
        CHIPS,
        "does a network fit a chip, what changes there, what is wasted; with data, what it costs",
        ("--target", "--data", "--samples", "--plot", "--by"),
    ),
    "export": Command(
        CHIPS,
        "write a network in another format",
        ("--output", "--to", "--data", "--force"),
    ),
    "convert": Command(
        CHIPS,
        "turn a network of any format into any other, and check what was written",
        ("--to", "--force", "--data", "--no-verify", "--in-nir-dt"),
    ),
    "zoo": Command(CHIPS, "trained and verified networks that come with nmtool"),
    "report": Command(
        LOOK,
        "one page on everything that is known about a run or a network",
        ("--output", "--against", "--target", "--samples", "--force"),
    ),
    "inspect": Command(LOOK, "what a file holds"),
    "data": Command(LOOK, "what a data set holds; files of others as a data set"),
    "doctor": Command(COMPUTER, "what is installed here, what is missing, and how to get it"),
    "setup": Command(COMPUTER, "install what Lava, brian2-loihi or FeNN runs in, or completion"),
}

ALSO = {"quantize": "quantise"}
"""Other spellings of commands."""

OLD: Mapping[str, str] = {
    "finetune": "train --start RUN",
    "crossvalidate": "train DATA --by NAME|N",
    "teach": "train DATA --teacher NETWORK …",
    "join": "convert NETWORK … OUT --join",
    "run": "evaluate EXPORT DATA",
    "cost": "check NETWORK … --data DATA",
    "lava": "setup lava",
    "brian2-loihi": "setup brian2-loihi",
    "completion": "setup completion SHELL",
}
"""Earlier spellings, each with the one of today; `nmtool.cli.old` has their arguments."""

TOGETHER = ("train", "finetune")
"""Commands whose processes, where torchrun starts several, work on one thing."""
