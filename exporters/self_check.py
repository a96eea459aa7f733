"""An artefact against the known answers it carries: needs neither data nor the original."""

from __future__ import annotations

from pathlib import Path

from nmtool.errors import FileFormatError, UsageError
from nmtool.exporters.formats import CARRIES, Format
from nmtool.graph import LIF
from nmtool.integer_network import IntegerNetwork
from nmtool.known_answers import KnownAnswers
from nmtool.network import Network


def carried_answers(format_: Format, path: str | Path) -> KnownAnswers:
    """The known answers in an artefact, which belong to the network in it.

    Raises:
        UsageError: the format carries none.
        FileFormatError: the artefact is damaged, or the answers are another network's.
    """
    if CARRIES not in format_.can:
        raise UsageError(
            f"{path} carries no known answers",
            code="answers-not-carried",
            why=f"there is no place for them in the format {format_.name}",
            fix="name DATA to compare on",
        )
    answers = format_.package.known_answers(path)
    network = format_.package.load(path)
    if network.content_hash != answers.network_hash or not _answered(network, answers):
        raise FileFormatError(
            f"the known answers in {path} are those of another network",
            code="answers-other-network",
            fix="export the network again",
        )
    return answers


def _answered(network: IntegerNetwork | Network, answers: KnownAnswers) -> bool:
    """Whether there is an answer of every population, of its size."""
    spikes, membrane = answers.recording.spikes, answers.recording.membrane
    sizes = {name: raster.n_neurons for name, raster in spikes.items()}
    sizes |= {name: v.shape[2] for name, v in membrane.items()}
    everyone = {p.name: p.size for p in network.populations}
    current = {name: u.shape[2] for name, u in answers.recording.current.items()}
    return (
        current in ({}, everyone)
        and sizes == everyone
        and set(spikes) == {p.name for p in network.populations if p.kind == LIF}
        and answers.spikes.n_neurons == network.channels.size
    )
