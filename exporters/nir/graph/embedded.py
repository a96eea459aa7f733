"""What NIR cannot hold, in a group of its own beside the graph: `/nmtool`.

`nir.read` looks at `/node` and `/version` only. The group holds the network as the bytes of its
own archive, so that reading it back loses no bit, how the graph was written, and known answers.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nmtool import integer_network as integer_networks
from nmtool import network as networks
from nmtool import storage
from nmtool.errors import FileFormatError
from nmtool.exporters.nir.options import NirOptions
from nmtool.integer_network import IntegerNetwork
from nmtool.network import Network

if TYPE_CHECKING:
    import h5py

GROUP = "nmtool"
VERSION = 1
FLOAT = "float"
SETTINGS, NETWORK, ANSWERS = "settings", "network.npz", "known_answers.npz"

CONVENTION = (
    "Euler steps of dt: I = (1 - dt/tau_syn) I + w_in dt/tau_syn x, "
    "v = (1 - dt/tau_mem) v + dt/tau_mem (v_leak + r I), spike where v > v_threshold, "
    "then v = v_reset; v and I start at 0; edges cost no step"
)
LOST = "decays truncate on the chip, not here"
"""What a graph does not have of integers."""


@dataclass(frozen=True)
class Settings:
    """How a graph was written, to execute it.

    Attributes:
        options: the choices.
        ahead: per population, how many steps it runs ahead of the network.
        recorded: per population, the node that passes on what it does.
    """

    options: NirOptions
    ahead: Mapping[str, int]
    recorded: Mapping[str, str]


@dataclass(frozen=True, eq=False)
class Extra:
    """The group's content.

    Attributes:
        about: JSON: `Settings`, and what is good to know for people and other programs.
        network: bytes of the network's archive.
        answers: bytes of known answers, empty if there are none.
    """

    about: Mapping[str, Any]
    network: bytes
    answers: bytes = b""

    def settings(self) -> Settings:
        """How the graph was written; raises `LookupError`, `TypeError` or `UsageError` where
        that is damaged."""
        about = self.about
        ahead = {str(name): operator.index(steps) for name, steps in about["ahead"].items()}
        if min(ahead.values(), default=0) < 0:
            raise FileFormatError(
                "a population runs a negative number of steps ahead",
                code="nir-ahead-negative",
                fix="export the network again",
            )
        recorded = {str(name): str(node) for name, node in about["recorded"].items()}
        return Settings(NirOptions(**about["options"]), ahead, recorded)


def pack_network(network: Network | IntegerNetwork) -> bytes:
    """The bytes of a network's archive."""
    if isinstance(network, IntegerNetwork):
        kind, version = integer_networks.FILE_KIND, integer_networks.FILE_VERSION
        return storage.pack_archive(kind, version, *integer_networks.pack(network))
    return storage.pack_archive(networks.FILE_KIND, networks.FILE_VERSION, *networks.pack(network))


def unpack_network(extra: Extra, carrier: str | Path) -> Network | IntegerNetwork:
    """The network in a file; raises `FileFormatError` where it is damaged."""
    network: Network | IntegerNetwork
    if extra.about.get("arithmetic") == FLOAT:
        kind, version = networks.FILE_KIND, networks.FILE_VERSION
        network = networks.unpack(storage.unpack_archive(extra.network, carrier, kind, version))
    else:
        kind, version = integer_networks.FILE_KIND, integer_networks.FILE_VERSION
        archive = storage.unpack_archive(extra.network, carrier, kind, version)
        network = integer_networks.unpack(archive)
    if network.content_hash != extra.about.get("hash"):
        raise FileFormatError(
            f"{carrier} is damaged",
            code="file-damaged",
            why="the content hash is that of another network",
            fix="export the network again",
        )
    return network


def about(network: Network | IntegerNetwork, settings: Settings) -> dict[str, Any]:
    """What a file says of itself."""
    integers = isinstance(network, IntegerNetwork)
    return {
        "version": VERSION,
        "arithmetic": network.arithmetic if isinstance(network, IntegerNetwork) else FLOAT,
        "hash": network.content_hash,
        "dt_ms": float(network.dt_ms),
        "n_steps": int(network.n_steps),
        "convention": CONVENTION,
        "lost": LOST if integers else "",
        **asdict(settings),
    }


def write(file: h5py.File, extra: Extra) -> None:
    """Add the group to a file; the same content gives the same bytes."""
    import h5py

    group = file.create_group(GROUP)
    text = json.dumps(extra.about, sort_keys=True)
    group.create_dataset(SETTINGS, data=text, dtype=h5py.string_dtype())
    group.create_dataset(NETWORK, data=np.frombuffer(extra.network, np.uint8))
    if extra.answers:
        group.create_dataset(ANSWERS, data=np.frombuffer(extra.answers, np.uint8))
