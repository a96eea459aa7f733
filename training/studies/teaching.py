"""`teach`: what networks hold training samples for, as a teacher that others learn from."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nmtool.arguments import checked
from nmtool.data.catalogue import as_dataset
from nmtool.data.dataset import Dataset
from nmtool.data.events import SpikeEvents
from nmtool.data.teacher import Teacher
from nmtool.errors import UsageError, check_type
from nmtool.loading import Source, as_network, options_behind, run_behind
from nmtool.network.float_network import Network
from nmtool.network.graph import LIF
from nmtool.network.integer_network import IntegerNetwork
from nmtool.progress import Progress, silent
from nmtool.running import record_portions

_log = logging.getLogger(__name__)


@checked
def teach(
    networks: Sequence[Source],
    data: Dataset | SpikeEvents | str | Path | None = None,
    *,
    gain: float | None = None,
    progress: Progress = silent,
) -> Teacher:
    """Ask networks for the class probabilities of all training samples, to train others on.

    Those of a network are softmax(gain·scores), as in its training; of several networks the mean.
    `Teacher.save` writes the file that `TrainOptions.teacher` names.

    >>> teach(["run"])  # doctest: +SKIP
    <Teacher: 1,297 samples, 10 classes>

    Args:
        networks: float or integer, runs, or paths, in a list.
        data: whose training samples they answer, those that validate too; by default the data of
            the first run among the networks.
        gain: what scores are multiplied by, in units of the membrane, or of ms for first spikes;
            by default the setting of the run that a network comes from. A smaller one spreads
            probabilities over more classes.
        progress: is shown how far it is.

    Raises:
        UsageError: there is no network; a gain or data are not known; the data have other
            channels or classes than a network.
        DataError: there is no training sample, or most events lie beyond a network's steps.
    """
    if not networks:
        raise UsageError(
            "there is no network to answer",
            code="networks-missing",
            fix="name one or more: networks or runs, in a list",
        )
    gains = [_gain(source) if gain is None else _positive(gain) for source in networks]
    dataset = _dataset(networks, data)
    events = dataset.undivided
    found = [as_network(source) for source in networks]
    total = np.zeros((events.n_samples, len(events.class_names)))
    for network, own_gain in zip(found, gains, strict=True):
        answered = record_portions(network, events, divided=True, progress=progress)
        parts = [one.scores for _, one in answered]
        total += _softmax(own_gain * _in_floats(network, np.concatenate(parts)))
    hashes = [network.content_hash for network in found]
    teacher = Teacher(total / len(found), dataset.content_hash, hashes)
    _log.info(
        f"the teacher's likeliest class is the label of {teacher.agreement(events.label):.1%} of "
        f"{events.n_samples:,} training samples"
    )
    return teacher


def _gain(source: Source) -> float:
    """Gain of the softmax that a network was trained with."""
    if (options := options_behind(source)) is None:
        name = source if isinstance(source, str | Path) else "a network"
        raise UsageError(
            f"the gain of {name} is not known",
            code="gain-unknown",
            why="it is no run of training",
            fix="give one, such as `gain=200`: scores are multiplied by it before the softmax",
        )
    return float(options.gain)


def _positive(gain: float) -> float:
    if not (np.isfinite(gain) and gain > 0):
        raise UsageError(
            f"gain must be positive, not {gain}",
            code="setting-range",
            fix="choose such a value, for instance that of the training",
        )
    return float(gain)


def _dataset(
    networks: Sequence[Source], data: Dataset | SpikeEvents | str | Path | None
) -> Dataset:
    """The data to answer; raises `UsageError` where none are named and no network is a run."""
    fix = "pass a Dataset, SpikeEvents, or the name of a data set"
    check_type(data, (Dataset, SpikeEvents, str, Path, type(None)), "data to answer", fix)
    if data is not None:
        return as_dataset(data)
    from nmtool.training.loop.run_data import data_of

    run = next((run for source in networks if (run := run_behind(source)) is not None), None)
    if run is None:
        raise UsageError(
            "there are no samples to answer",
            code="data-missing",
            fix="name the data that the teacher is to be of: `data=`",
        )
    return data_of(run)


def _in_floats(
    network: Network | IntegerNetwork, scores: NDArray[np.float64]
) -> NDArray[np.float64]:
    """[samples, classes]: scores in the unit in which training takes them."""
    if network.readout.kind == LIF:
        return scores * network.dt_ms
    if isinstance(network, IntegerNetwork):
        output = network.population(network.readout.population)
        return scores / output.unit
    return scores


def _softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """[samples, classes]: probabilities of the classes of each sample."""
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)
