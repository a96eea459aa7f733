"""`compare_accuracy`: two kinds of networks on the same samples, with a confidence interval."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmtool.arguments import EVENTS, GROUPING, check_all, checked
from nmtool.data.catalogue import load_dataset
from nmtool.data.dataset import Dataset
from nmtool.data.dividing import Grouping, group_of, grouping_name
from nmtool.data.events import SpikeEvents
from nmtool.data.samples import Samples
from nmtool.errors import UsageError
from nmtool.evaluation.accuracy_difference import AccuracyDifference
from nmtool.evaluation.answers import Answers, holds_answers
from nmtool.loading import Source, as_network, as_samples, with_validation_of
from nmtool.network.integer_network import IntegerNetwork
from nmtool.paths import RUN_INTEGERS, RUN_NETWORK
from nmtool.progress import Progress, silent
from nmtool.running import record_portions

_IN_MEMORY = "a network in memory"

Compared = Source | Answers
"""A network, a run or a path; or stored answers, in which each seed stands for a network."""


@checked
def compare_accuracy(
    first: Sequence[Compared],
    second: Sequence[Compared] | None = None,
    data: SpikeEvents | Dataset | str | Path | None = None,
    *,
    clusters: Sequence[Grouping] = (),
    progress: Progress = silent,
) -> AccuracyDifference:
    """Compare two lists of networks pair by pair, on the same samples.

    >>> compare_accuracy([run], data=data.test)  # doctest: +SKIP
    <AccuracyDifference: +0.33 points, pairs 1, samples 300, 95 % interval -0.67 … +1.33>
    >>> compare_accuracy([run], data=data.test, clusters=[10]).interval()  # doctest: +SKIP
    (-0.69, 1.35)

    Args:
        first: networks, runs, or paths, for instance one per seed. `Answers`, and their files and
            folders (`nmtool.cross_validate`), count as one network per seed.
        second: the same number of networks; by default the float weights of runs that trained in
            integers.
        data: samples, a data set, or its name, e.g. `digits:test`; not needed for `Answers`.
        clusters: draw clusters instead of single samples for the confidence interval: columns of
            the files, such as `speaker`, or a number N for blocks of N neighbouring samples.
            If there are several, each is drawn independently (`AccuracyDifference.interval`).
        progress: shows progress, e.g. `nmtool.progress_bar`.

    Raises:
        UsageError: there are no networks, or the lists differ in length; a run has no integers; the
            data do not fit a network; `Answers` have other samples or folds, or are unfinished; or
            the samples have no such clusters.
        DataError: there is no sample, or most events lie beyond a network's steps.
    """
    pairs = network_pairs(first, second)
    answered = [side for pair in pairs for side in pair if isinstance(side, Answers)]
    for side in answered:
        side.check_finished()
        answered[0].check_same_samples(side)
    if data is None and len(answered) < 2 * len(pairs):
        raise UsageError(
            "there are no samples to compare on",
            code="data-missing",
            fix="name the data: `data=`",
        )
    networks = [source for pair in pairs for source in pair if not isinstance(source, Answers)]
    data = load_dataset(data) if isinstance(data, str | Path) else data
    events = as_samples(data, networks, progress)
    named = {}
    if isinstance(data, Dataset):
        split = with_validation_of(networks, data).default_split
        named = {"data": data.name, "split": split}
    elif data is None:
        named = {"data": answered[0].data, "split": ", ".join(answered[0].splits)}
    if events is not None:
        EVENTS.check("data", events)
    if events is not None and answered:
        answered[0].check_answer_to(events, "the data")
    clustered = _numbered_clusters(clusters, answered[0] if events is None else events)
    # Networks with the same steps and channels share the binned samples. If the data are too large
    # for a single portion, every network bins them again, so that binned samples need not stay in
    # memory.
    binned: dict[tuple[Any, ...], Samples] = {}

    def right(source: Compared) -> NDArray[np.bool_]:
        """[samples] bool: True for samples that a network classifies correctly."""
        if isinstance(source, Answers):
            return source.right[0]
        assert events is not None
        network = as_network(source)
        binning = (network.dt_ms, network.n_steps, network.channels, tuple(network.class_names))
        answers = []
        for part, answer in record_portions(
            network, binned.get(binning, events), progress=progress
        ):
            if part.label.size == events.n_samples:
                binned[binning] = part
            answers.append(answer.predictions == part.label)
        return np.concatenate(answers)

    # Networks are evaluated pair by pair, so that the progress bar shows them in the given order.
    rows = [(right(ours), right(theirs)) for ours, theirs in pairs]
    first_right, second_right = (np.stack(column) for column in zip(*rows, strict=True))
    names = [(compared_name(ours), compared_name(theirs)) for ours, theirs in pairs]
    if all(name == _IN_MEMORY for pair in names for name in pair):
        names = []
    return AccuracyDifference(first_right, second_right, clustered, names, **named)


def network_pairs(
    first: Sequence[Compared], second: Sequence[Compared] | None = None
) -> list[tuple[Compared, Compared]]:
    """The networks to compare, as pairs; arguments and errors as for `compare_accuracy`.

    Files of answers are read, and each seed of answers counts as a network.
    """
    first_side, second_side = (
        _one_per_seed(first),
        None if second is None else _one_per_seed(second),
    )
    if not first_side or (second_side is not None and len(first_side) != len(second_side)):
        raise UsageError(
            f"{len(first_side)} networks cannot be paired with {len(second_side or ())} others",
            code="pairs-uneven",
            why="networks are compared in pairs; answers count as one network per seed",
            fix="give as many networks after `second=` as before it, in the same order; to compare "
            "one network with several, repeat its name",
        )
    if second_side is None:
        return [_integers_and_floats(source) for source in first_side]
    return list(zip(first_side, second_side, strict=True))


def compared_name(source: Compared) -> str:
    """Name of one side of a pair: its path, or for answers their path and seed."""
    if not isinstance(source, Answers):
        path = source if isinstance(source, str | Path) else getattr(source, "folder", None)
        return _IN_MEMORY if path is None else str(path)
    name = source.model if source.path is None else str(source.path)
    return f"{name} seed {source.seeds[0]}"


def _one_per_seed(sources: Sequence[Compared]) -> list[Compared]:
    """Replace answers, and paths of answers, by separate answers for each seed."""
    sides: list[Compared] = []
    for source in sources:
        if isinstance(source, str | Path) and holds_answers(source):
            source = Answers.load(source)
        sides += source.each_seed() if isinstance(source, Answers) else [source]
    return sides


def _numbered_clusters(
    clusters: Sequence[Grouping], samples: SpikeEvents | Answers
) -> dict[str, NDArray[np.int64]]:
    """Number of each sample's cluster, [samples] int64, by name of the grouping."""
    check_all("clusters", clusters, GROUPING)
    n_samples = samples.label.size
    return {
        grouping_name(grouping): group_of(grouping, samples.groups, n_samples)
        for grouping in clusters
    }


def _integers_and_floats(run: Compared) -> tuple[Source, Source]:
    """The integer network and the float network of a run that trained in integers."""
    if isinstance(run, str | Path) and (Path(run) / RUN_INTEGERS).is_file():
        return str(Path(run) / RUN_INTEGERS), str(Path(run) / RUN_NETWORK)
    integers = getattr(run, "integers", None)
    if isinstance(integers, IntegerNetwork):
        return integers, run.network  # type: ignore[union-attr]
    if isinstance(run, Answers):
        raise UsageError(
            f"there is nothing to compare {compared_name(run)} with",
            code="runs-without-integers",
            why="a cross-validation stores predictions in one arithmetic only",
            fix="name another cross-validation: `second=[FOLDER2]`",
        )
    raise UsageError(
        f"there is nothing to compare {compared_name(run)} with",
        code="runs-without-integers",
        why="only runs that trained in integers can be compared with their own float weights",
        fix="name other networks: `second=[NETWORK, …]`",
    )
