"""`soft_labels`: class probabilities of training samples by trained networks, for distillation.

A network is nearly certain of the samples it was trained on, so that its probabilities add little
to the labels. In a cross-validation, each network is applied to the fold it was not trained on, and
its probabilities show which classes look similar in unfamiliar samples.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nmtool.arguments import checked
from nmtool.data.catalogue import as_dataset
from nmtool.data.dataset import Dataset
from nmtool.data.events import SpikeEvents
from nmtool.data.teacher import Teacher
from nmtool.errors import UsageError, check_type
from nmtool.evaluation.answers import Answers, answers_file, holds_answers
from nmtool.loading import Source, as_network, options_behind, run_behind
from nmtool.network.float_network import Network
from nmtool.network.graph import LIF
from nmtool.network.integer_network import IntegerNetwork
from nmtool.progress import Progress, silent
from nmtool.running import record_portions
from nmtool.training.studies.series import FOLDS, run_folder

_log = logging.getLogger(__name__)


@checked
def soft_labels(
    networks: Sequence[Source],
    data: Dataset | SpikeEvents | str | Path | None = None,
    *,
    gain: float | None = None,
    progress: Progress = silent,
) -> Teacher:
    """Soft labels from one or more trained networks (distillation), for all training samples.

    A network's probabilities are softmax(gain·scores), as in its training; those of several
    networks are averaged. In a cross-validation, each sample is classified by the networks of its
    fold, which were not trained on it. `Teacher.save` writes the file that `TrainOptions.teacher`
    names.

    >>> soft_labels(["run"])  # doctest: +SKIP
    <Teacher: 1,297 samples, 10 classes>

    Args:
        networks: a list of float or integer networks, runs, paths, or folders of finished
            cross-validations of the training split.
        data: data set whose training samples get soft labels, including those drawn for validation;
            by default the data of the first run among the networks.
        gain: factor on the scores before the softmax, per unit of the membrane, or per ms for first
            spikes; by default the gain of each network's training run. A smaller gain spreads the
            probabilities over more classes.
        progress: shows progress in samples, e.g. `nmtool.progress_bar`.

    Raises:
        UsageError: there is no network; a gain or the data are unknown; the data have other
            channels or classes than a network.
        DataError: there is no training sample, or most events lie beyond a network's steps.
    """
    if not networks:
        raise UsageError(
            "there is no network to take soft labels from",
            code="networks-missing",
            fix="pass a list of one or more networks or runs",
        )
    dataset = _dataset(networks, data)
    events = dataset.undivided
    total = np.zeros((events.n_samples, len(events.class_names)))
    hashes: list[str] = []
    for source in networks:
        for member in _members(source, dataset):
            network = as_network(member.source)
            factor = _gain(member.source) if gain is None else _checked_gain(gain)
            probabilities = _probabilities(network, events[member.samples], factor, progress)
            total[member.samples] += probabilities / member.n_networks
            hashes.append(network.content_hash)
    teacher = Teacher(total / len(networks), dataset.content_hash, hashes)
    _log.info(
        "the teacher's most probable class equals the label for "
        f"{teacher.agreement(events.label):.1%} of {events.n_samples:,} training samples"
    )
    return teacher


class _Member(NamedTuple):
    """A teacher network, and the samples that it labels.

    Attributes:
        source: the network.
        samples: [labelled] int64, indices of the samples in the training split; by default all.
        n_networks: number of networks that label each of these samples.
    """

    source: Source
    samples: NDArray[np.int64] | slice = slice(None)
    n_networks: int = 1


def _members(source: Source, dataset: Dataset) -> list[_Member]:
    """The teacher networks of a source: itself, or the runs of a cross-validation with their folds.

    Raises:
        UsageError: the cross-validation is not finished, or divided other samples.
    """
    if not (isinstance(source, str | Path) and holds_answers(source)):
        return [_Member(source)]
    answers = Answers.load(source)
    answers.check_finished()
    if answers.splits != ("train",):
        raise UsageError(
            f"the cross-validation {source} has folds of the splits {' '.join(answers.splits)}",
            code="teacher-folds-splits",
            why="a teacher needs soft labels of exactly the training samples",
            fix="cross-validate only the training split: leave out --splits",
        )
    answers.check_answer_to(dataset.undivided, dataset.name)
    folder = answers_file(source).parent
    return [
        _Member(
            run_folder(folder / FOLDS, fold, seed),
            np.flatnonzero(answers.fold == fold),
            len(answers.seeds),
        )
        for seed in answers.seeds
        for fold in range(answers.n_folds)
    ]


def _probabilities(
    network: Network | IntegerNetwork,
    events: SpikeEvents,
    gain: float,
    progress: Progress,
) -> NDArray[np.float64]:
    """Class probabilities by a network, [samples, classes]: softmax(gain·scores)."""
    recordings = record_portions(network, events, progress=progress)
    scores = np.concatenate([recording.scores for _, recording in recordings])
    return _softmax(gain * _in_training_units(network, scores))


def _gain(source: Source) -> float:
    """The gain with which a network was trained."""
    if (options := options_behind(source)) is None:
        name = source if isinstance(source, str | Path) else "a network"
        raise UsageError(
            f"the gain of {name} is unknown",
            code="gain-unknown",
            why="only training runs have a gain",
            fix="give a factor for the scores before the softmax, such as `gain=200`",
        )
    return float(options.gain)


def _checked_gain(gain: float) -> float:
    """The gain as a float; raises `UsageError` unless it is positive."""
    if not (np.isfinite(gain) and gain > 0):
        raise UsageError(
            f"gain must be positive, not {gain}",
            code="setting-range",
            fix="choose a positive number, for instance the gain used in training",
        )
    return float(gain)


def _dataset(
    networks: Sequence[Source], data: Dataset | SpikeEvents | str | Path | None
) -> Dataset:
    """The data to label; raises `UsageError` if none are named and no network is a run."""
    fix = "pass a Dataset, SpikeEvents, or the name of a data set"
    check_type(data, (Dataset, SpikeEvents, str, Path, type(None)), "data for soft labels", fix)
    if data is not None:
        return as_dataset(data)
    from nmtool.training.loop.run_data import data_of

    run = next((run for source in networks if (run := run_behind(source)) is not None), None)
    if run is None:
        raise UsageError(
            "there are no samples to compute soft labels for",
            code="data-missing",
            fix="name the data whose training samples get soft labels: `data=`",
        )
    return data_of(run)


def _in_training_units(
    network: Network | IntegerNetwork, scores: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Convert scores of a recording, [samples, classes], to the units of training."""
    if network.readout.kind == LIF:
        return scores * network.dt_ms
    if isinstance(network, IntegerNetwork):
        output = network.population(network.readout.population)
        return scores / output.unit
    return scores


def _softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Class probabilities from scores, both [samples, classes]."""
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)
