"""What a spike does to the membrane, after any arithmetic's step.

A population states its reset as one number, `drop`, in units of v:

    drop = 0    v becomes 0
    drop > 0    v becomes v − drop; it may still be above the threshold, and the neuron then spikes
                again in the next step
    drop < 0    v stays; the next step adds drop to v after the decay, before it clips

A neuron whose `most_spikes` is more than 1 has a drop > 0, and spikes again within the step, up to
`most_spikes` times, while v is above the threshold.

All functions but `spike_counts` are plain Python, so that one text serves the interpreter and
numba. `peak` may also be an array, except in `spikes_in`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def spikes_in(peak: int, spiked: bool, silent: int, drop: int, most: int) -> int:
    """Number of spikes of a neuron in a step.

    Args:
        peak: v before the reset.
        spiked: True if the neuron spiked.
        silent: largest v at which the neuron stays silent.
        drop: the reset; positive if `most` is more than 1.
        most: largest number of spikes.
    """
    spikes = int(spiked)
    while spiked and spikes < most and peak - spikes * drop > silent:
        spikes += 1
    return spikes


def spike_counts(
    peak: NDArray[np.int64],
    silent: int | NDArray[np.int64],
    drop: int | NDArray[np.int64],
    most: int | NDArray[np.int64],
) -> NDArray[np.int64]:
    """Numbers of spikes of many neurons in a step: `spikes_in` in closed form.

    >>> spike_counts(np.array([4, 5, 14, 15, 99]), silent=4, drop=10, most=3)
    array([0, 1, 1, 2, 3])

    Args:
        peak: v of each neuron before the reset, of any shape.
        silent, drop, most: as for `spikes_in`.
    """
    # Neurons with a drop of 0 or less spike at most once.
    return np.clip(-((silent - peak) // np.maximum(drop, 1)), 0, most)


def v_after(peak: int, spikes: int, drop: int) -> int:
    """v at the end of a step.

    Args:
        peak: v before the reset.
        spikes: number of spikes of the neuron in this step.
        drop: the reset.
    """
    if not spikes or drop < 0:
        return peak
    return peak - spikes * drop if drop else drop


def owed_after(spiked: bool, drop: int) -> int:
    """What the next step adds to v, beside u and the bias: 0, or a late reset."""
    # `drop - drop` is a zero of the type of drop, so that compiled loops keep one type.
    return min(drop, drop - drop) if spiked else drop - drop
