"""Synapses of a layer in one pass, and their gradients."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from nmtool.dynamics import HOP_LATENCY


@dataclass(frozen=True, eq=False)
class Synapses:
    """Weights and delays of a projection in one pass, and the parameters that they come from.

    Attributes:
        weight: [pre, post] float, jumps of u (already multiplied by b).
        delay: [pre, post] uint8 or int16, in whole steps.
        integer: [pre, post] int32, shifted weights of the chip; None for floats.
        weight_parameter: [pre, post] float, in the paper's units; None without training.
        delay_parameter: [pre, post] float, in steps. Both parameters receive the gradients of
            `weight` and `delay` (straight-through estimator).
    """

    weight: Tensor
    delay: Tensor
    integer: Tensor | None = None
    weight_parameter: Tensor | None = None
    delay_parameter: Tensor | None = None

    @property
    def arrival_span(self) -> int:
        """Number of steps from a spike to its last arrival."""
        return HOP_LATENCY + (int(self.delay.max()) if self.delay.numel() else 0)


@dataclass(frozen=True, eq=False)
class SynapseGradients:
    """Gradients of a projection, summed over samples.

    Attributes:
        weight: [pre, post] float, with respect to jumps of u.
        delay: [pre, post] float, with respect to delays in steps.
    """

    weight: Tensor
    delay: Tensor


@dataclass(frozen=True, eq=False)
class Gradients:
    """Result of a layer's backward pass.

    Attributes:
        afferent, recurrent: gradients of the synapses; recurrent is None without recurrence.
        source_time: [filled bins of the source] float, ∂L/∂t per ms of each afferent spike of a
            bin; None unless requested.
    """

    afferent: SynapseGradients
    recurrent: SynapseGradients | None
    source_time: Tensor | None
