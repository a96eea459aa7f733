"""Kinds of NIR nodes that nmtool reads, and the arrays that NIR defines for them."""

from __future__ import annotations

from collections.abc import Mapping

INPUT, OUTPUT, IDENTITY = "Input", "Output", "Identity"
LINEAR, AFFINE, SCALE, DELAY, FLATTEN = "Linear", "Affine", "Scale", "Delay", "Flatten"
CONV1D, CONV2D, SUM_POOL, AVG_POOL = "Conv1d", "Conv2d", "SumPool2d", "AvgPool2d"
LIF, CUBA_LIF, IF, THRESHOLD = "LIF", "CubaLIF", "IF", "Threshold"
LI, CUBA_LI, INTEGRATOR = "LI", "CubaLI", "I"

SPIKING = (LIF, CUBA_LIF, IF, THRESHOLD)
INTEGRATING = (LI, CUBA_LI, INTEGRATOR)
NEURONS = (*SPIKING, *INTEGRATING)
MATRICES = (LINEAR, AFFINE)
CONVOLUTIONS, POOLS = (CONV1D, CONV2D), (SUM_POOL, AVG_POOL)
WINDOWS = (*CONVOLUTIONS, *POOLS)
"""Kinds with sliding windows, which nmtool reads but does not write."""

NEEDED: Mapping[str, tuple[str, ...]] = {
    INPUT: ("shape",),
    OUTPUT: ("shape",),
    IDENTITY: (),
    FLATTEN: (),
    SCALE: ("scale",),
    DELAY: ("delay",),
    LINEAR: ("weight",),
    AFFINE: ("weight", "bias"),
    **dict.fromkeys(CONVOLUTIONS, ("weight", "bias", "stride", "padding", "dilation", "groups")),
    **dict.fromkeys(POOLS, ("kernel_size", "stride", "padding")),
    LIF: ("tau", "r", "v_leak", "v_threshold"),
    CUBA_LIF: ("tau_syn", "tau_mem", "r", "v_leak", "v_threshold"),
    IF: ("r", "v_threshold"),
    THRESHOLD: ("threshold",),
    LI: ("tau", "r", "v_leak"),
    CUBA_LI: ("tau_syn", "tau_mem", "r", "v_leak"),
    INTEGRATOR: ("r",),
}
"""The arrays that a node must have, by kind; other kinds cannot be imported."""

OPTIONAL: Mapping[str, tuple[str, ...]] = {
    FLATTEN: ("start_dim", "end_dim"),
    **dict.fromkeys(CONVOLUTIONS, ("input_shape",)),
    **dict.fromkeys(NEURONS, ("v_reset", "w_in")),
}
