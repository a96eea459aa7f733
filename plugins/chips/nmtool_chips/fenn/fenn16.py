"""The arithmetic `fenn16`: its properties, and the step of a neuron, which only this file states.

With clip(x) to −2^15 … 2^15 − 1 and >> an arithmetic shift, which floors:

    u ← clip(((u·keep_u + 2^14) >> 15) + a)
    v ← clip(((v·keep_v + 2^14) >> 15) + u)
    spike iff v ≥ vth, then v ← 0

as FeNN's vector lanes compute it for neurons that nmtool exports. a is the sum of the arriving
weights, clipped to the same range after each weight. `docs/arithmetic-fenn16.md` defines the
arithmetic; its source are experiments with FeNN's instruction-set simulator.
"""

from __future__ import annotations

from nmtool.arithmetic import Arithmetic, Neuron
from nmtool.hardware_sim.step import Step

DECAY_SHIFT = 15
HALF = 1 << (DECAY_SHIFT - 1)
LOWEST, HIGHEST = -(1 << 15), (1 << 15) - 1

FENN16 = Arithmetic(
    "fenn16",
    Neuron(
        state_bits=16,
        u_overflow="clips",
        v_overflow="clips",
        decay="multiply",
        decay_bits=15,
        rounding="nearest",
        compare="at least",
        reset="zero",
        current="this step",
        spikes_per_step=1,
        bias=False,
    ),
    module=__name__,
    state_shift=0,
    lowest=-(1 << 15),
    lost_u=1,
    lost_v=1,
    weight_limit=256,
    sign_bit=False,
    sum_limit=1 << 15,
    word=32,
    weight_bits=(2, 3, 4, 5, 6, 7, 8, 9),
    max_weight_exponent=0,
    max_delay=63,
    max_du=(1 << 15) - 1,
    max_dv=(1 << 15) - 1,
    max_threshold=(1 << 15) - 1,
    bias_limit=0,
    max_bias_exponent=0,
)


def neuron_step(a: int, u: int, v: int, bias: int, keep_u: int, keep_v: int, vth: int) -> Step:
    """One step of one neuron; in the resulting `Step`, `wrapped` is True if u clipped.

    Like the step of `loihi2`, it is plain Python on scalars without calls.

    Args:
        a: sum of the weights that arrive at this step.
        u, v: state after the previous step.
        bias: added to v each step; 0, since populations in `fenn16` have no bias.
        keep_u, keep_v: numerators over 32768 of the decay factors.
        vth: threshold.
    """
    u = ((u * keep_u + HALF) >> DECAY_SHIFT) + a
    wrapped = u > HIGHEST or u < LOWEST
    if wrapped:
        u = HIGHEST if u > 0 else LOWEST

    v = ((v * keep_v + HALF) >> DECAY_SHIFT) + u + bias
    clipped = v > HIGHEST or v < LOWEST
    if clipped:
        v = HIGHEST if v > 0 else LOWEST

    spiked = v >= vth
    return Step(u, 0 if spiked else v, spiked, wrapped, clipped, v)
