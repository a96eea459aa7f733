"""Checks that a network has the channels and classes of the data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nmtool.errors import UsageError
from nmtool.network.graph import count_inputs

if TYPE_CHECKING:
    from nmtool.data.events import SpikeEvents
    from nmtool.network.any_network import AnyNetwork

_OTHER_DATA = "the network was made for other data"


def check_fit(network: AnyNetwork, events: SpikeEvents) -> None:
    """Raise `UsageError` unless the data have as many channels and classes as the network."""
    size, group = network.channels.size, network.channels.group
    if count_inputs(events.n_units, group) != size:
        grouped = f" in groups of {group}" if group > 1 else ""
        raise UsageError(
            f"the data have {events.n_units} channels{grouped}, but the network has {size}",
            code="data-channels-differ",
            fix="use the data that the network was made for, or train a new network on these data",
            why=_OTHER_DATA,
        )
    if len(events.class_names) != len(network.class_names):
        raise UsageError(
            f"the data have {len(events.class_names)} classes, but the network has "
            f"{len(network.class_names)}",
            code="data-classes-differ",
            fix="use the data that the network was made for, or train a new network on these data",
            why=_OTHER_DATA,
        )


def check_analogue(network: AnyNetwork, events: SpikeEvents) -> None:
    """Raise `UsageError` unless the data are counts of numbers by the rule of the network."""
    in_data, in_network = events.analogue, network.channels.analogue
    if in_data == in_network:
        return
    words = [str(rule) if rule else "spikes, not numbers" for rule in (in_data, in_network)]
    if in_network is None:
        fix = (
            "train a network on these data, or give this one the data's rule: replace(network, "
            f"channels=InputChannels({network.channels.size}, "
            f"most_spikes={in_data.largest if in_data else 1}, analogue=events.analogue))"
        )
    else:
        fix = (
            "make the events by the network's rule: SpikeEvents.from_values(values, labels, "
            "**network.channels.analogue.as_json())"
        )
    raise UsageError(
        f"the input of the data ({words[0]}) differs from that of the network ({words[1]})",
        code="data-analogue-differs",
        why="a count stands for another number",
        fix=fix,
    )


def check_same_classes(network: AnyNetwork, events: SpikeEvents) -> None:
    """Raise the errors of `check_fit`, or `UsageError` if the names of the classes differ."""
    check_fit(network, events)
    pairs = zip(events.class_names, network.class_names, strict=True)
    for number, (in_data, in_network) in enumerate(pairs):
        if in_data != in_network:
            raise UsageError(
                f"class {number} is '{in_data}' in the data, but '{in_network}' in the network",
                code="class-names-differ",
                why=_OTHER_DATA,
                fix="name the classes as in the network, or train a new network on these data",
            )
