"""One step of one neuron, in float64."""

from __future__ import annotations

from nmtool.hardware_sim.step import Step


def neuron_step(
    a: float, u: float, v: float, bias: float, keep_u: float, keep_v: float, vth: float
) -> Step:
    """One step of one neuron; floats never overflow.

    The order of the sums is fixed: initial networks, whose hashes are stored, depend on it.

    Args:
        a: sum of the weights that arrive at this step.
        u, v: state after the previous step.
        bias: bias that is added to v in each step.
        keep_u, keep_v: shares of u and v that remain after a step, 0 … 1.
        vth: threshold; ∞ where neurons do not spike.
    """
    u = a + keep_u * u
    v = keep_v * v + (u + bias)
    spiked = v > vth
    # The fields of `Step` are declared as integers, because all other step functions return
    # integers.
    return Step(u, 0.0 if spiked else v, spiked, False, False, v)  # type: ignore[arg-type]
