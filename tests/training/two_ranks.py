"""Checks with two ranks, run by torchrun: `python -m tests.training.two_ranks`.

An `AssertionError` in one rank ends both.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import nn

from nmtool.errors import UsageError
from nmtool.raster import Raster
from nmtool.training.front.losses import RateTarget, WholeBatch, rate_targets
from nmtool.training.front.model import SpikingNetwork
from nmtool.training.processes.ranks import Ranks
from tests.networks.trainable import random_input, random_network
from tests.refusals import refused


def check_sums(ranks: Ranks) -> None:
    assert ranks.size == 2
    assert ranks.sum([1, ranks.rank]).tolist() == [2.0, 1.0]
    assert ranks.sum(2**51 + ranks.rank).item() == 2**52 + 1


def check_gradients(ranks: Ranks) -> None:
    both, single, fixed = (nn.Parameter(torch.ones(shape)) for shape in ((2, 3), (4,), (2,)))
    fixed.requires_grad_(False)
    loss = both.sum() * (ranks.rank + 1)
    if not ranks.is_first:
        loss = loss + 5 * single.sum()
    loss.backward()
    ranks.sum_gradients([both, single, fixed])
    torch.testing.assert_close(both.grad, torch.full((2, 3), 3.0))
    torch.testing.assert_close(single.grad, torch.full((4,), 5.0))
    assert fixed.grad is None


def check_copies(ranks: Ranks) -> None:
    parameters = [nn.Parameter(torch.full((n,), float(ranks.rank + n))) for n in (2, 3)]
    parameters[1].requires_grad_(False)
    ranks.copy_from_first(parameters)
    assert [parameter.tolist() for parameter in parameters] == [[2.0] * 2, [3.0] * 3]


def check_differences(ranks: Ranks) -> None:
    ranks.check_same("nothing", 3, 4)
    with refused(UsageError, "ranks-differ") as caught:
        ranks.check_same("their number", 3, ranks.rank)
    assert caught.value.what.endswith("their number")


def check_gpus(ranks: Ranks) -> None:
    with refused(UsageError, "gpu-shared") as caught:
        ranks.check_own_gpus("GPU-0")
    assert f"{ranks.rank} and {1 - ranks.rank}" in caught.value.what
    # Both ranks wait here, because the other rank may not have read this rank's name yet.
    ranks.barrier()
    ranks.check_own_gpus(f"GPU-{1 + ranks.rank}")


def check_order(ranks: Ranks) -> None:
    fetched = Path(tempfile.gettempdir(), f"two_ranks_{int(ranks.sum(_number(ranks)))}")
    with ranks.one_rank_per_machine_first():
        assert fetched.exists() != ranks.is_first_on_machine
        fetched.touch()
    ranks.barrier()
    fetched.unlink(missing_ok=True)


def _number(ranks: Ranks) -> int:
    """A number that no other job has at the same time."""
    return int(np.random.default_rng().integers(2**40)) if ranks.is_first else 0


def check_batch(ranks: Ranks, n_samples: int) -> None:
    """Gradients of a batch that two ranks share equal those of the whole batch."""
    network = random_network("two layers", seed=1)
    spikes = random_input(network, n_samples, seed=2)
    whole, shared = (SpikingNetwork(network, dtype=torch.float64) for _ in range(2))
    targets = rate_targets(whole, RateTarget(0.5, 2.0))
    _backward(whole, spikes, 1 / n_samples, targets)
    share = spikes.take(np.arange(n_samples)[ranks.share(n_samples)])
    regulariser = WholeBatch(targets)
    counts = {
        name: raster.counts().sum(axis=0) for name, raster in whole.record(spikes).spikes.items()
    }
    regulariser.set_batch(counts, n_samples)
    if share.n_samples:
        _backward(shared, share, 1 / n_samples, regulariser.push)
    ranks.sum_gradients(shared.parameters())
    for left, right in zip(whole.parameters(), shared.parameters(), strict=True):
        torch.testing.assert_close(right.grad, left.grad, rtol=1e-9, atol=1e-12)


def _backward(model: SpikingNetwork, spikes: Raster, factor: float, push: dict) -> None:
    activity = model(spikes, push)
    (factor * (activity.membrane["output"] ** 2).sum()).backward()


if __name__ == "__main__":
    here = Ranks.from_environment()
    checks = (check_sums, check_gradients, check_copies, check_differences, check_order, check_gpus)
    for check in checks:
        check(here)
    for samples in (5, 1):
        check_batch(here, samples)
    here.leave()
    # The text is written at once, since both ranks write to the same pipe.
    sys.stdout.write(f"rank {here.rank} is content\n")
