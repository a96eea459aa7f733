"""The processes of a data-parallel job, called ranks: each runs its share of every batch.

Ranks hold the same parameters and draw the same batches with the same random numbers. What a
batch means therefore does not depend on how many they are, except for the order in which floats
are added. Between the passes they add up what the batch did, after the backward pass their
gradients:

    loss = Σ_r (n_r/N)·loss_r        n_r samples of rank r, N of the batch, loss_r their mean

A method marked *collective* is called by all ranks in the same order, or all of them wait.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, distributed, nn

from nmtool.data import SpikeEvents
from nmtool.errors import MissingError, RankError, UsageError
from nmtool.training.processes.launch import Launch, launched

PATIENCE = timedelta(minutes=30)
"""Longest wait for a rank that is alive and does not answer: it may be loading data."""

_POLL_S = 1e-4


@dataclass(frozen=True)
class Ranks:
    """This process among those that train together; without arguments, a process alone.

    Attributes:
        rank: its number, from 0.
        size: number of processes.
        local_rank: its number on this machine, from 0.
        device: what it computes on, as torch calls it.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    device: str = "cpu"

    @classmethod
    def from_environment(cls, device: str = "cpu") -> Ranks:
        """Join the job that torchrun started this process for, if it did; collective.

        Args:
            device: what this process computes on: the CPU, where ranks talk through gloo, or a
                GPU of its own such as `cuda:1`, where they talk through NCCL.

        Raises:
            MissingError: this torch cannot do it.
            RankError: the others cannot be reached.
            UsageError: two processes compute on the same GPU.
        """
        launch = launched()
        if launch is None:
            return cls(device=device)
        on_gpu = torch.device(device).type == "cuda"
        _join(launch, "nccl" if on_gpu else "gloo")
        rank = launch.rank
        ranks = cls(rank, launch.size, launch.local_rank, device)
        if on_gpu:
            # Old versions of torch know no name of a card; NCCL then fails where it is shared.
            ranks.check_own_gpus(getattr(torch.cuda.get_device_properties(device), "uuid", rank))
        # Connections are made by the first message; from then on a lost rank is noticed.
        ranks.barrier()
        return ranks

    @property
    def is_first(self) -> bool:
        """True for the rank that writes files and messages."""
        return self.rank == 0

    @property
    def is_first_on_machine(self) -> bool:
        """True for the first rank on its machine."""
        return self.local_rank == 0

    def share(self, n: int) -> slice:
        """This rank's part of n samples, neighbours; may be empty with fewer samples than ranks."""
        return slice(n * self.rank // self.size, n * (self.rank + 1) // self.size)

    def take(self, events: SpikeEvents) -> SpikeEvents:
        """The samples that are this rank's share."""
        return events.take(np.arange(events.n_samples)[self.share(events.n_samples)])

    def sum(self, numbers: ArrayLike) -> NDArray[np.float64]:
        """Collective: numbers of any shape, added over ranks; every rank gets the same."""
        array = np.array(numbers, np.float64)
        if self.size == 1:
            return array
        tensor = torch.from_numpy(array).to(self.device)
        _wait(distributed.all_reduce, tensor)
        return tensor.cpu().numpy()

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Collective: add up `.grad` over ranks; where there is none it counts as 0."""
        if self.size == 1:
            return
        trained = [parameter for parameter in parameters if parameter.requires_grad]
        flat = torch.cat([_gradient(parameter).reshape(-1) for parameter in trained])
        _wait(distributed.all_reduce, flat)
        for parameter, part in zip(trained, _parts(flat, trained), strict=True):
            parameter.grad = part

    def copy_from_first(self, parameters: Iterable[nn.Parameter]) -> None:
        """Collective: give all ranks the parameters of the first."""
        if self.size == 1:
            return
        copied = list(parameters)
        flat = torch.cat([parameter.detach().reshape(-1) for parameter in copied])
        _wait(distributed.broadcast, flat, src=0)
        with torch.no_grad():
            for parameter, part in zip(copied, _parts(flat, copied), strict=True):
                parameter.copy_(part)

    def check_same(self, what: str, *numbers: int) -> None:
        """Collective: raise `UsageError` unless all ranks have the same numbers below 2⁵³."""
        table = np.zeros((self.size, len(numbers)))
        table[self.rank] = numbers
        table = self.sum(table)
        if (table != table[0]).any():
            raise UsageError(
                f"the processes of this training job differ in {what}",
                code="ranks-differ",
                fix="start all of them with the same command, data and, shared between "
                "machines, the same folder for the run",
            )

    def check_own_gpus(self, gpu: object) -> None:
        """Collective: raise `UsageError` unless every rank has a GPU of its own.

        Ranks exchange words through the job's key-value store, because NCCL hangs or fails where
        two of them share a GPU.

        Args:
            gpu: this rank's, as a name (by `str`) that no other GPU has.
        """
        store = distributed.PrefixStore("gpus", distributed.distributed_c10d._get_default_store())
        store.set(str(self.rank), str(gpu))
        others = [rank for rank in range(self.size) if rank != self.rank]
        sharing = [rank for rank in others if store.get(str(rank)).decode() == str(gpu)]
        if sharing:
            raise UsageError(
                f"the processes {self.rank} and {sharing[0]} of this training job use the same GPU",
                code="gpu-shared",
                why="CUDA_VISIBLE_DEVICES shows them no other",
                fix="let it name as many GPUs as there are processes, or one for each of them",
            )

    def barrier(self) -> None:
        """Collective: wait until all ranks have come to this point."""
        self.sum(0.0)

    @contextmanager
    def one_rank_per_machine_first(self) -> Iterator[None]:
        """Collective: the first rank of each machine goes through the block before the others.

        For what is fetched once and then found by all.
        """
        if not self.is_first_on_machine:
            self.barrier()
        yield
        if self.is_first_on_machine:
            self.barrier()

    def leave(self) -> None:
        """Collective: end the job when its work is done."""
        if self.size > 1:
            self.barrier()
            distributed.destroy_process_group()


ALONE = Ranks()
"""A process that trains by itself."""


def _join(launch: Launch, backend: str) -> None:
    if not (distributed.is_available() and distributed.is_backend_available(backend)):
        raise MissingError(
            f"several processes cannot train together: this torch has no {backend}",
            code="torch-without-ranks",
            fix="install a torch built with it, or train in one process",
        )
    try:
        distributed.init_process_group(
            backend, timeout=PATIENCE, rank=launch.rank, world_size=launch.size
        )
    except RuntimeError as error:
        raise RankError(
            "the processes of this training job do not find each other",
            code="ranks-unreachable",
            why=_reason(error),
            fix="check the address and port that torchrun was given",
        ) from error


def _gradient(parameter: nn.Parameter) -> Tensor:
    return torch.zeros_like(parameter) if parameter.grad is None else parameter.grad


def _parts(flat: Tensor, like: list[nn.Parameter]) -> list[Tensor]:
    parts = flat.split([parameter.numel() for parameter in like])
    return [part.view_as(parameter) for part, parameter in zip(parts, like, strict=True)]


def _wait(collective: Any, tensor: Tensor, **more: Any) -> None:
    """Run a collective operation of torch; signals are heeded while it waits for others.

    Raises:
        RankError: another rank is gone.
    """
    try:
        work = collective(tensor, async_op=True, **more)
        while not work.is_completed():
            time.sleep(_POLL_S)
        work.wait()
    except RuntimeError as error:
        raise RankError(
            RankError.LOST,
            code="rank-lost",
            why=_reason(error),
            fix="see what that process said last, then start the job again",
        ) from error


def _reason(error: RuntimeError) -> str:
    """Torch's message, without the place in its source and without its advice."""
    first = str(error).partition("\n")[0]
    if first.startswith("["):
        first = first.partition("] ")[2]
    return first.partition(". ")[0]
