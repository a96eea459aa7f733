"""Training that has left the numbers: noticed before it reaches the parameters."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import linalg

from nmtool.errors import UsageError


def check_loss(loss: float, update: int) -> None:
    """Raise `UsageError` unless the loss of an update (counted from 0) is a number."""
    if not math.isfinite(loss):
        raise _diverged(f"the loss of update {update + 1} is {loss}")


def check_gradients(parameters: Iterable[torch.nn.Parameter], update: int) -> None:
    """Raise `UsageError` unless all gradients of an update (counted from 0) are finite.

    Those of a finite loss may not be: they grow from spike to spike where neurons are recurrent.
    """
    gradients = (parameter.grad for parameter in parameters)
    largest = [linalg.vector_norm(grad, math.inf) for grad in gradients if grad is not None]
    if largest and not torch.stack(largest).isfinite().all():
        raise _diverged(f"gradients of update {update + 1} are not finite")


def _diverged(how: str) -> UsageError:
    return UsageError(
        f"training diverged: {how}",
        code="training-diverged",
        fix="start again with smaller learning rates (lr, delay_lr) or a smaller gain",
    )
