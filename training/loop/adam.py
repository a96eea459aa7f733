"""Adam with decoupled weight decay, number for number that of torch.

torch's own optimisers load torch's compiler, which nothing here uses: almost half of what a short
run computes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

BETA1, BETA2 = 0.9, 0.999
"""Decay of the two moments per update."""

EPSILON = 1e-8
"""Added to the root of the second moment, so that nothing is divided by 0."""


class Adam:
    """AdamW (Loshchilov & Hutter 2019) on groups of parameters.

    Args:
        groups: dicts of `params`, `lr` and, where they decay, `weight_decay`.

    Attributes:
        param_groups: the same; a changed `lr` counts from the next step on.
        state: per parameter `step`, a number, and the moments `exp_avg` and `exp_avg_sq`, of the
            parameter's shape; empty before its first step.
    """

    def __init__(self, groups: Iterable[dict[str, Any]]) -> None:
        self.param_groups = [{"weight_decay": 0.0, **group} for group in groups]
        self.state: dict[nn.Parameter, dict[str, Tensor]] = {}

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Update every parameter that has a gradient."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._update(parameter, parameter.grad, group["lr"], group["weight_decay"])

    def _update(self, parameter: nn.Parameter, grad: Tensor, lr: float, decay: float) -> None:
        state = self.state.get(parameter) or self._first(parameter)
        state["step"] += 1
        if decay:
            parameter.mul_(1 - lr * decay)
        mean = state["exp_avg"].lerp_(grad, 1 - BETA1)
        square = state["exp_avg_sq"].mul_(BETA2).addcmul_(grad, grad, value=1 - BETA2)
        step = state["step"].item()
        root = (1 - BETA2**step) ** 0.5
        scale = (square.sqrt() / root).add_(EPSILON)
        parameter.addcdiv_(mean, scale, value=-(lr / (1 - BETA1**step)))

    def _first(self, parameter: nn.Parameter) -> dict[str, Tensor]:
        """The state of a parameter before its first step."""
        moments = {name: torch.zeros_like(parameter) for name in ("exp_avg", "exp_avg_sq")}
        state = self.state[parameter] = {"step": torch.tensor(0.0), **moments}
        return state
