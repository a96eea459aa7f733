"""`compare_accuracy`: two kinds of networks on the same samples, with an interval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmtool.data.events import SpikeEvents
from nmtool.data.samples import Samples, bin_for
from nmtool.errors import UsageError
from nmtool.integer_network import IntegerNetwork
from nmtool.network import Network
from nmtool.paired import Paired
from nmtool.progress import Progress, silent
from nmtool.verbs.running import evaluate


def compare_accuracy(
    first: Sequence[Network | IntegerNetwork],
    second: Sequence[Network | IntegerNetwork],
    data: SpikeEvents,
    *,
    progress: Progress = silent,
) -> Paired:
    """Compare the networks of each pair on the same samples, the first beside the first.

    >>> compare_accuracy([run.integers], [run.network], data.test)  # doctest: +SKIP
    <Paired: 1 pairs on 300 samples, +0.33 points, 95 % interval -0.67 … +1.33>

    Args:
        first, second: as many, for instance integers and the floats they were made of, a pair
            per seed.
        data: the samples.
        progress: is shown how far it is.

    Raises:
        UsageError: there are none, or not as many, or the data do not fit a network.
        MissingError: a network is float, and torch is not installed.
    """
    if not first or len(first) != len(second):
        raise UsageError(
            f"{len(first)} networks cannot be paired with {len(second)}",
            code="pairs-uneven",
            fix="name as many after --with, in the same order",
        )
    binned: dict[tuple[Any, ...], Samples] = {}

    def right(network: Network | IntegerNetwork) -> NDArray[np.bool_]:
        """[samples] bool: what a network classifies rightly."""
        alike = (network.dt_ms, network.n_steps, network.channels, tuple(network.class_names))
        if alike not in binned:
            binned[alike] = bin_for(network, data)
        samples = binned[alike]
        found = evaluate(network, samples, progress=progress)
        return found.recording.predictions == samples.label

    # Pair by pair: who watches sees the networks in the order in which they were named.
    rows = [(right(one), right(other)) for one, other in zip(first, second, strict=True)]
    return Paired(np.stack([row[0] for row in rows]), np.stack([row[1] for row in rows]))
