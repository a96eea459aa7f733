"""`simulate`: a network in its own arithmetic, at once or a portion of the samples at a time."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial

from nmtool.arguments import checked
from nmtool.data.events import SpikeEvents
from nmtool.data.samples import Samples, bin_for, portions_for
from nmtool.errors import NetworkError, UsageError, libraries_needed
from nmtool.float_simulator import simulate_floats, with_states
from nmtool.loading import Source, as_network
from nmtool.network.float_network import Network
from nmtool.network.integer_network import IntegerNetwork
from nmtool.progress import Advance, Progress, shown_by, silent
from nmtool.raster import Raster
from nmtool.recording import Recording

_log = logging.getLogger(__name__)

SIMULATOR = "hardware_sim"
"""The name of the integer simulator among runtimes."""

Record = Callable[..., Recording]
"""From a raster, and a function that counts samples, `on_progress`, to a recording."""


@checked
def simulate(
    network: Source,
    spikes: Raster | SpikeEvents,
    *,
    deep: bool = False,
    progress: Progress = silent,
) -> Recording:
    """Run a network in its own arithmetic, every sample from a fresh state.

    Integers run bit for bit as on the chip. Floats run as in training, on torch; what training
    cannot run, such as synapses without memory (τ_syn = 0), and everything where torch is not
    installed, runs in float64 and slower (`nmtool.float_simulator`).

    >>> simulate(q.network, data.test)  # doctest: +SKIP
    <Recording: 300 samples, hidden 61,234 spikes, output membranes>

    Args:
        network: float or integer, a run, or the path of one.
        spikes: the input, binned or not.
        deep: also record u and v of every population at every step. Of floats they are those that
            belong to the recorded spikes, float64, in units of the membrane.
        progress: is shown how far it is.

    Returns:
        Spikes of every spiking population, membranes of the others.

    Raises:
        DataError: the input has other channels than the network.
        UsageError: events that do not fit the network, or what is no spikes.
    """
    progress = shown_by(progress)
    found = as_network(network)
    raster = spikes if isinstance(spikes, Raster) else bin_for(found, spikes).raster
    label, record = recorder_of(found, deep)
    with progress(label, raster.n_samples) as advance:
        return record(raster, on_progress=advance)


def recorder_of(network: Network | IntegerNetwork, deep: bool) -> tuple[str, Record]:
    """Name and function of the runtime for a network's own arithmetic."""
    if isinstance(network, IntegerNetwork):
        from nmtool.hardware_sim.simulator import simulate as simulate_integers

        return "integer simulator", partial(simulate_integers, network, deep=deep)
    record = _float_recorder(network)
    return "float network", with_states(network, record) if deep else record


def _float_recorder(network: Network) -> Record:
    """Run a float network on torch, or in float64 where torch or training cannot."""
    if has_torch():
        with libraries_needed("train"):
            from nmtool.training.front.model import SpikingNetwork

        try:
            return SpikingNetwork(network, max_delay=network.max_delay).record
        except (NetworkError, UsageError) as error:
            _log.info(f"runs in float64, not on torch: {error.what}")
    return partial(simulate_floats, network)


def record_portions(
    network: Network | IntegerNetwork,
    data: SpikeEvents | Samples,
    *,
    divided: bool = False,
    progress: Progress = silent,
) -> Iterator[tuple[Samples, Recording]]:
    """Run a network on samples; those of a set on disk come a portion at a time.

    Args:
        network, data, progress: as for `evaluate`, which says what is raised, too.
        divided: samples in memory come a portion at a time, too, for whoever keeps little of what
            is recorded.
    """
    portions = portions_for(network, data, measures=True, divided=divided)
    label, record = recorder_of(network, deep=False)
    n_samples = data.raster.n_samples if isinstance(data, Samples) else data.n_samples
    return portion_by_portion(portions, record, shown_by(progress)(label, n_samples))


def portion_by_portion(
    portions: Iterator[Samples], record: Record, work: AbstractContextManager[Advance]
) -> Iterator[tuple[Samples, Recording]]:
    with work as advance:
        for samples in portions:
            yield samples, record(samples.raster, on_progress=advance)


def has_torch() -> bool:
    """True where floats run on torch."""
    return importlib.util.find_spec("torch") is not None
