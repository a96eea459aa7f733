"""Synapses of a layer as a device runs them, and the gradients that come back for them."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from nmtool.dynamics import HOP_LATENCY


@dataclass(frozen=True, eq=False)
class Synapses:
    """A projection in one pass: the numbers that run, and the parameters that they come from.

    Attributes:
        weight: [pre, post] float, jumps of u (already multiplied by b).
        delay: [pre, post] uint8 or int16, whole steps.
        integer: [pre, post] int32, the shifted weights that a chip adds up; None in floats.
        weight_parameter: [pre, post] float, in the paper's units; None where nothing learns.
        delay_parameter: [pre, post] float, in steps. The gradients of what runs go straight
            through to both parameters.
    """

    weight: Tensor
    delay: Tensor
    integer: Tensor | None = None
    weight_parameter: Tensor | None = None
    delay_parameter: Tensor | None = None

    @property
    def arrival_span(self) -> int:
        """Steps from a spike to its last arrival."""
        return HOP_LATENCY + (int(self.delay.max()) if self.delay.numel() else 0)


@dataclass(frozen=True, eq=False)
class SynapseGradients:
    """Gradients of a projection, summed over samples.

    Attributes:
        weight: [pre, post] float, by jumps of u.
        delay: [pre, post] float, by delays in steps.
    """

    weight: Tensor
    delay: Tensor


@dataclass(frozen=True, eq=False)
class Gradients:
    """Result of a layer's backward pass.

    Attributes:
        afferent, recurrent: of the synapses; recurrent is None without recurrence.
        source_time: [source spikes] float, ∂L/∂t per ms of the afferent spikes; None unless
            asked for.
    """

    afferent: SynapseGradients
    recurrent: SynapseGradients | None
    source_time: Tensor | None
