"""Check that a network has the channels and classes of the data."""

from __future__ import annotations

from nmtool.data.events import SpikeEvents
from nmtool.errors import UsageError
from nmtool.network.float_network import Network
from nmtool.network.graph import count_inputs
from nmtool.network.integer_network import IntegerNetwork

_OTHER_DATA = "it was made for other data"


def check_fit(network: Network | IntegerNetwork, events: SpikeEvents) -> None:
    """Raise `UsageError` unless the data have the network's channels and as many classes."""
    size, group = network.channels.size, network.channels.group
    if count_inputs(events.n_units, group) != size:
        grouped = f" in groups of {group}" if group > 1 else ""
        raise UsageError(
            f"the data have {events.n_units} channels{grouped}, the network listens to {size}",
            code="data-channels-differ",
            fix="name the data that it was made for, or make and train it for these",
            why=_OTHER_DATA,
        )
    if len(events.class_names) != len(network.class_names):
        raise UsageError(
            f"the data have {len(events.class_names)} classes, the network answers with "
            f"{len(network.class_names)}",
            code="data-classes-differ",
            fix="name the data that it was made for, or make and train it for these",
            why=_OTHER_DATA,
        )


def check_same_classes(network: Network | IntegerNetwork, events: SpikeEvents) -> None:
    """Check the fit as `check_fit` does, and that classes have the network's names in its order."""
    check_fit(network, events)
    named = zip(events.class_names, network.class_names, strict=True)
    for number, (in_data, in_network) in enumerate(named):
        if in_data != in_network:
            raise UsageError(
                f"the data call class {number} '{in_data}', the network calls it '{in_network}'",
                code="class-names-differ",
                why=_OTHER_DATA,
                fix="name the classes as the network does, or train a new network on these data",
            )
