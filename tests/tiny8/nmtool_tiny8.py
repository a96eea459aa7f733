"""`TINY8`: an arithmetic with states of 8 bits, whose sums clip.

`test_tiny8.py` installs it as a package; other tests register the value.
"""

from __future__ import annotations

from nmtool.arithmetic import Arithmetic, Neuron
from nmtool.hardware_sim.step import Step

TINY8 = Arithmetic(
    "tiny8",
    Neuron(8, "clips", "clips", "multiply", 7, "down", "above", "zero", "this step", 1, bias=False),
    module=__name__,
    state_shift=1,
    lowest=-128,
    lost_u=0,
    lost_v=1,
    weight_limit=16,
    sign_bit=False,
    sum_limit=128,
    word=3,
    weight_bits=(5,),
    max_weight_exponent=0,
    delay_bits=(1, 2, 3, 4),
    max_delay=15,
    max_du=128,
    max_dv=127,
    max_threshold=63,
    bias_limit=0,
    max_bias_exponent=0,
    drive_limit=128,
)


def neuron_step(a: int, u: int, v: int, bias: int, keep_u: int, keep_v: int, vth: int) -> Step:
    u = ((u * keep_u) >> 7) + (a << 1)
    wrapped = u > 127 or u < -128
    if wrapped:
        u = 127 if u > 0 else -128
    v = ((v * keep_v) >> 7) + u + bias
    clipped = v > 127 or v < -128
    if clipped:
        v = 127 if v > 0 else -128
    spiked = v > (vth << 1)
    return Step(u, 0 if spiked else v, spiked, wrapped, clipped, v)
