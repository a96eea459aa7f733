"""What a spike does to the membrane, after any arithmetic's step.

A population states its reset as one number, `drop`, in units of v:

    drop = 0    v becomes 0
    drop > 0    v becomes v − drop; it may still be above the threshold, and the neuron then spikes
                again in the next step
    drop < 0    v stays; the next step adds drop to v after the decay, before it clips

The functions are plain Python, so that one text serves the interpreter and numba. `peak` may also
be an array.
"""

from __future__ import annotations


def v_after(peak: int, spiked: bool, drop: int) -> int:
    """v at the end of a step.

    Args:
        peak: v before the reset.
        spiked: True if the neuron spiked.
        drop: the reset.
    """
    if not spiked or drop < 0:
        return peak
    return peak - drop if drop else drop


def owed_after(spiked: bool, drop: int) -> int:
    """What the next step adds to v, beside u and the bias: 0, or a late reset."""
    # `drop - drop` is a zero of the type of drop, so that compiled loops keep one type.
    return min(drop, drop - drop) if spiked else drop - drop
