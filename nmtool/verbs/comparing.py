"""`compare_accuracy`: two kinds of networks on the same samples, with an interval."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmtool.arguments import LIST, checked, optional
from nmtool.data.events import SpikeEvents
from nmtool.data.samples import Samples, bin_for
from nmtool.data.stored import StoredEvents
from nmtool.errors import UsageError
from nmtool.folders import RUN_INTEGERS, RUN_NETWORK
from nmtool.integer_network import IntegerNetwork
from nmtool.paired import Paired
from nmtool.progress import Progress, silent
from nmtool.verbs.loading import Source, as_network
from nmtool.verbs.running import answers


@checked(first=LIST, second=optional(LIST))
def compare_accuracy(
    first: Sequence[Source],
    second: Sequence[Source] | None = None,
    data: SpikeEvents | None = None,
    *,
    progress: Progress = silent,
) -> Paired:
    """Compare the networks of each pair on the same samples, the first beside the first.

    >>> compare_accuracy([run], data=data.test)  # doctest: +SKIP
    <Paired: 1 pairs on 300 samples, +0.33 points, 95 % interval -0.67 … +1.33>

    Args:
        first: networks, runs, or paths, for instance one per seed.
        second: as many; by default the float weights of runs that trained in integers.
        data: the samples.
        progress: is shown how far it is.

    Raises:
        UsageError: there are none, or not as many, a run has no integers, or the data do not fit
            a network.
        DataError: there is no sample, or most events lie beyond a network's steps.
    """
    pairs = network_pairs(first, second)
    if data is None:
        raise UsageError(
            "there are no samples to compare on", code="data-missing", fix="pass data=data.test"
        )
    binned: dict[tuple[Any, ...], Samples] = {}

    def right(source: Source) -> NDArray[np.bool_]:
        """[samples] bool: what a network classifies rightly."""
        network = as_network(source)
        alike = (network.dt_ms, network.n_steps, network.channels, tuple(network.class_names))
        samples: SpikeEvents | Samples = data
        if not isinstance(data, StoredEvents):
            if alike not in binned:
                binned[alike] = bin_for(network, data, measures=True)
            samples = binned[alike]
        found = answers(network, samples, progress=progress)
        return np.concatenate([one.predictions == part.label for part, one in found])

    # Pair by pair: who watches sees the networks in the order in which they were named.
    rows = [(right(one), right(other)) for one, other in pairs]
    return Paired(np.stack([row[0] for row in rows]), np.stack([row[1] for row in rows]))


def network_pairs(
    first: Sequence[Source], second: Sequence[Source] | None = None
) -> list[tuple[Source, Source]]:
    """The networks to compare, as pairs; arguments and errors as for `compare_accuracy`."""
    if second is None:
        return [_integers_and_floats(one) for one in first]
    if not first or len(first) != len(second):
        raise UsageError(
            f"{len(first)} networks cannot be paired with {len(second)}",
            code="pairs-uneven",
            fix="name as many, in the same order",
        )
    return list(zip(first, second, strict=True))


def _integers_and_floats(run: Source) -> tuple[Source, Source]:
    """The integers that a run trained in, and its own float weights."""
    if isinstance(run, str | Path) and (Path(run) / RUN_INTEGERS).is_file():
        return str(Path(run) / RUN_INTEGERS), str(Path(run) / RUN_NETWORK)
    integers = getattr(run, "integers", None)
    if isinstance(integers, IntegerNetwork):
        return integers, run.network  # type: ignore[union-attr]
    raise UsageError(
        f"{run} is no run that trained in integers",
        code="runs-without-integers",
        fix="say what it is compared with: --with NETWORK …",
    )
