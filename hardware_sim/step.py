"""One neuron, one step, in the arithmetic `loihi2`: the only place that states it.

With M = 2^23, trunc(x) = sign(x)·(|x| >> 12) and int32(x) the low 32 bits of x with sign:

    u ← int32(trunc(u·(4096 − (du + 1))) + (a << 6))    then u > M → u − 2M;  u ≤ −M → u + 2M
    v ← int32(trunc(v·(4096 − dv)) + u + bias)           clipped to ±(M − 1)
    spike iff v > vth << 6, then v ← 0; `resets.py` has the other resets

as in the fixed-point models of Lava 0.10.0 (`lava.proc.lif.models.PyLifModelBitAcc`).
"""

from __future__ import annotations

from typing import NamedTuple

from nmtool.arithmetic import DECAY_SHIFT, STATE_LIMIT, STATE_SHIFT

_HALF_WORD = 1 << 31
_WORD_MASK = (1 << 32) - 1


class Step(NamedTuple):
    """Outcome of one step.

    Attributes:
        u, v: the new state, if the neuron resets to zero: v is 0 after a spike.
        spiked: true where the neuron spiked.
        wrapped, clipped: true where u wrapped around, and where v saturated.
        peak: v before a reset.
    """

    u: int
    v: int
    spiked: bool
    wrapped: bool
    clipped: bool
    peak: int


def neuron_step(a: int, u: int, v: int, bias: int, keep_u: int, keep_v: int, vth: int) -> Step:
    """The whole step of one neuron.

    Plain Python on scalars and without calls, so that one text serves the interpreter,
    `numba.njit` and `numba.cuda.jit`. Numba needs 64-bit integers as arguments.

    Args:
        a: sum of the shifted weights that arrive at this step.
        u, v: state after the previous step.
        bias: added to v each step.
        keep_u, keep_v: numerators over 4096 of the decay factors, from `LOIHI2.keep_u` and
            `LOIHI2.keep_v` of `nmtool.arithmetic`.
        vth: threshold, compared with v after a shift by 6 bits.
    """
    product = u * keep_u
    decayed = product >> DECAY_SHIFT if product >= 0 else -((-product) >> DECAY_SHIFT)
    u = ((decayed + (a << STATE_SHIFT) + _HALF_WORD) & _WORD_MASK) - _HALF_WORD
    wrapped = u > STATE_LIMIT or u <= -STATE_LIMIT
    if wrapped:
        u += -2 * STATE_LIMIT if u > 0 else 2 * STATE_LIMIT

    product = v * keep_v
    decayed = product >> DECAY_SHIFT if product >= 0 else -((-product) >> DECAY_SHIFT)
    v = ((decayed + u + bias + _HALF_WORD) & _WORD_MASK) - _HALF_WORD
    clipped = v >= STATE_LIMIT or v <= -STATE_LIMIT
    if clipped:
        v = STATE_LIMIT - 1 if v > 0 else 1 - STATE_LIMIT

    spiked = v > (vth << STATE_SHIFT)
    return Step(u, 0 if spiked else v, spiked, wrapped, clipped, v)
