"""`simulate`: run a network in its own arithmetic, on all samples at once or in portions."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial

from nmtool.arguments import checked
from nmtool.data.events import SpikeEvents
from nmtool.data.samples import Samples, bin_for, portions_for
from nmtool.errors import NetworkError, UsageError
from nmtool.float_simulator import simulate_floats, with_states
from nmtool.libraries import libraries_needed
from nmtool.loading import Source, as_network
from nmtool.network.float_network import Network
from nmtool.network.integer_network import IntegerNetwork
from nmtool.progress import Advance, Progress, silent
from nmtool.raster import Raster
from nmtool.recording import Recording

_log = logging.getLogger(__name__)

Record = Callable[..., Recording]
"""A function that simulates a raster and returns a recording; its `on_progress` counts samples."""


@checked
def simulate(
    network: Source,
    spikes: Raster | SpikeEvents,
    *,
    deep: bool = False,
    progress: Progress = silent,
) -> Recording:
    """Run a network in its own arithmetic, every sample from a fresh state.

    Integer networks run bit for bit as on the chip. Float networks run as in training, on torch.
    Without torch, or if training cannot run them (e.g. τ_syn = 0), they run in float64, which is
    slower (`nmtool.float_simulator`).

    >>> simulate(q.network, data.test)  # doctest: +SKIP
    <Recording: 300 samples, hidden 61,234 spikes, output membranes>

    Args:
        network: float or integer network, a run, a torch model, or a path.
        spikes: input spikes, as events or as a raster.
        deep: also record u and v of every population at every step. For float networks they are
            computed from the recorded spikes, in float64, in membrane units.
        progress: shows progress, e.g. `nmtool.progress_bar`.

    Returns:
        Spikes of the spiking populations, and membranes of all other populations.

    Raises:
        DataError: the channels of the input differ from those of the network.
        UsageError: `spikes` are neither events nor a raster, or do not fit the network.
    """
    model = as_network(network)
    raster = spikes if isinstance(spikes, Raster) else bin_for(model, spikes).raster
    label, record = recorder_of(model, deep)
    with progress(label, raster.n_samples) as advance:
        return record(raster, on_progress=advance)


def recorder_of(network: Network | IntegerNetwork, deep: bool) -> tuple[str, Record]:
    """Name of the runtime for a network's arithmetic, and a function that runs the network."""
    if isinstance(network, IntegerNetwork):
        from nmtool.hardware_sim.simulator import simulate as simulate_integers

        return "integer simulator", partial(simulate_integers, network, deep=deep)
    record = _float_recorder(network)
    return "float network", with_states(network, record) if deep else record


def _float_recorder(network: Network) -> Record:
    """A function that runs a float network on torch.

    Without torch, or if training cannot run the network, the function runs it in float64.
    """
    if has_torch():
        with libraries_needed("train"):
            from nmtool.training.front.model import SpikingNetwork

        try:
            return SpikingNetwork(network, max_delay=network.max_delay).record
        except (NetworkError, UsageError) as error:
            _log.info(f"the network runs in float64 instead of on torch: {error.what}")
    return partial(simulate_floats, network)


def record_portions(
    network: Network | IntegerNetwork,
    data: SpikeEvents | Samples,
    *,
    progress: Progress = silent,
) -> Iterator[tuple[Samples, Recording]]:
    """Run a network on samples; yield each portion of the samples with its recording.

    Args:
        network, data, progress: as for `evaluate`, which raises the same errors.
    """
    portions = portions_for(network, data, measures=True)
    label, record = recorder_of(network, deep=False)
    n_samples = data.raster.n_samples if isinstance(data, Samples) else data.n_samples
    return portion_by_portion(portions, record, progress(label, n_samples))


def portion_by_portion(
    portions: Iterator[Samples], record: Record, work: AbstractContextManager[Advance]
) -> Iterator[tuple[Samples, Recording]]:
    """Run portions of samples, show progress, and yield each portion with its recording."""
    with work as advance:
        for samples in portions:
            yield samples, record(samples.raster, on_progress=advance)


def has_torch() -> bool:
    """True if torch is installed."""
    return importlib.util.find_spec("torch") is not None
