"""`Mlgenn`: the format of mlGeNN's checkpoints."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from nmtool.dynamics import drive_scale
from nmtool.errors import UsageError
from nmtool.exporters.format import Format
from nmtool.network.float_network import Network
from nmtool.network.float_parts import Population, Projection
from nmtool.network.graph import INPUT, LI, LIF, InputChannels, by_name
from nmtool.network.integer_network import IntegerNetwork
from nmtool.network.readout import Readout, rules_of
from nmtool.rounding import round_half_away
from nmtool_chips import MLGENN
from nmtool_chips.mlgenn.checkpoint import Connection, checkpoints, read_connections
from nmtool_chips.mlgenn.fixed_point import in_fixed_point
from nmtool_chips.mlgenn.options import MlgennOptions
from nmtool_chips.mlgenn.sizes import check_sizes, known_sizes

_log = logging.getLogger("nmtool.chips.mlgenn")


class Mlgenn(Format, name="mlgenn", place=MLGENN):
    """A folder of mlGeNN's checkpoints.

    Its files are `<epoch>-Conn_<Source>_<Target>-<variable>.npy`. Variables are `g` (in newer
    versions `weight`) and, for delays in steps, `d` (`delay`); both are arrays [pre·post] in C
    order.
    """

    reading_options = MlgennOptions

    def decode(self, options: MlgennOptions | None = None) -> Network | IntegerNetwork:
        """Read the network of a checkpoint.

        Args:
            options: settings that the files do not contain, such as time constants.

        Raises:
            FileFormatError: the checkpoint is missing, or arrays are damaged or have the wrong type
                or size; all such arrays are listed.
            UsageError: options are missing, all of which are listed; names are ambiguous; or
                options are for an unknown population.
            NetworkError: time constants, thresholds or names are invalid.
        """
        if options is None:
            raise UsageError(
                f"{self.path} contains checkpoints of mlGeNN, which need further constants",
                code="mlgenn-constants",
                why="the files lack time constants and thresholds",
                fix=f"convert them to a network: nmtool convert {self.path} network.npz "
                "--in tau_mem_ms=… --in tau_syn_ms=… --in threshold=…",
            )
        connections = read_connections(self.path, options.epoch, options.populations)
        network, epochs = _network(self.path, connections, options), checkpoints(self.path)
        if options.epoch is None and len(epochs) > 1:
            _log.warning(f"checkpoint {epochs[-1]}, the latest of {len(epochs)}")
        if options.fixed_point is None:
            return network
        return in_fixed_point(network, connections, options)


def _network(folder: Path, connections: list[Connection], options: MlgennOptions) -> Network:
    source, output, inner = _roles(connections, folder)
    options.check_names({source, *inner})
    sizes = known_sizes(connections, options.sizes)
    spiking = [name for name in inner if _is_spiking(name, output, options)]
    unsized = [name for name in (source, *inner) if name not in sizes]
    options.check_complete(folder, inner, spiking, unsized)
    check_sizes(connections, sizes, folder)
    populations = [_population(name, sizes[name], name in spiking, options) for name in inner]
    return Network(
        InputChannels(sizes[source], options.group),
        populations,
        [_projection(connection, sizes, populations, options) for connection in connections],
        Readout(output, options.readout, options.window),
        options.dt_ms,
        options.steps,
    )


def _roles(connections: list[Connection], folder: str | Path) -> tuple[str, str, list[str]]:
    """Names of the input, of the output, and of all populations except the input."""
    sources = dict.fromkeys(connection.source for connection in connections)
    targets = dict.fromkeys(connection.target for connection in connections)
    first = [name for name in sources if name not in targets]
    last = [
        name
        for name in targets
        if not any(
            connection.source == name and connection.target != name for connection in connections
        )
    ]
    for role, candidates in (("input", first), ("output", last)):
        if len(candidates) != 1:
            raise UsageError(
                f"it is not clear which population of {folder} is the {role}",
                code="mlgenn-role-unclear",
                why=f"populations without a {'source' if role == 'input' else 'target'}: "
                f"{', '.join(candidates) or 'none'}",
                fix="leave out files of other populations: a network has one input and one output",
            )
    return first[0], last[0], list(targets)


def _is_spiking(name: str, output: str, options: MlgennOptions) -> bool:
    return name != output or options.readout in rules_of(LIF)


def _population(name: str, size: int, spikes: bool, options: MlgennOptions) -> Population:
    return Population(
        name,
        size,
        LIF if spikes else LI,
        options.value("tau_mem_ms", name),
        options.value("tau_syn_ms", name),
        math.nextafter(options.value("threshold", name), 0.0) if spikes else 1.0,
    )


def _projection(
    connection: Connection,
    sizes: Mapping[str, int],
    populations: Sequence[Population],
    options: MlgennOptions,
) -> Projection:
    shape = sizes[connection.source], sizes[connection.target]
    delay = (
        np.zeros(shape)
        if connection.delay is None
        else round_half_away(connection.delay).reshape(shape)
    )
    target = by_name(populations, connection.target)
    weight = connection.weight.reshape(shape)
    if not options.scaled:
        tau_mem_ms, tau_syn_ms = target.values("tau_mem_ms"), target.values("tau_syn_ms")
        weight = weight / drive_scale(tau_mem_ms, tau_syn_ms, options.dt_ms)
    is_inner = any(p.name == connection.source for p in populations)
    return Projection(
        connection.source if is_inner else INPUT, connection.target, weight, delay.astype(np.int32)
    )
