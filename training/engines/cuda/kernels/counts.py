"""Bins of several spikes: their numbers, where neurons or channels may spike more than once a step.

Kernels get the numbers of spikes of a list of bins as bytes. While a population runs, they are
32-bit integers, so that threads of neighbouring neurons write to different words. If each bin has
one spike, kernels get `no_counts`, which has other dimensions. Numba compiles a kernel for each
number of dimensions, and leaves out branches on `ndim` that do not apply: kernels for one spike per
bin have no instruction for counts.
"""

from __future__ import annotations

import torch
from torch import Tensor

from nmtool.training.engines.cuda.kernels.compiled import device_function, index

LISTED = 1
"""Dimensions of numbers in the order of a list of bins; `no_counts` has two."""

DENSE = 3
"""Dimensions of numbers [samples, T, neurons]."""


def no_counts(like: Tensor, dtype: torch.dtype = torch.uint8) -> Tensor:
    """The numbers of spikes where each bin has one, on the device of a tensor."""
    return torch.empty((0, 0), dtype=dtype, device=like.device)


@device_function
def of_listed(value, count, k):
    """A value per spike times the number of spikes of bin k in a list."""
    if count.ndim == LISTED:
        return value * count[index(k)]
    return value


@device_function
def of_dense(weight, i, j, spikes, s, n):
    """Weight from neuron i to j times the number of spikes of neuron i in step n of sample s."""
    if spikes.ndim == DENSE:
        return weight[i, j] * weight.dtype.type(spikes[index(s), index(n), i])
    return weight[i, j]
