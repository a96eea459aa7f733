"""Ranks, the processes of a data-parallel job: each runs a share of every batch.

Ranks have the same parameters and draw the same batches with the same random numbers. Results
therefore do not depend on the number of ranks, except for the order of float additions. Between
forward and backward pass, ranks sum the spike counts of the batch; after the backward pass, they
sum their gradients:

    loss = Σ_r (n_r/N)·loss_r        with n_r of the N samples on rank r, and their mean loss_r

Methods marked *collective* must be called by all ranks in the same order; otherwise all ranks wait
forever.
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
"""Timeout for a rank that is alive but does not respond: it may be loading data."""

_POLL_S = 1e-4


@dataclass(frozen=True)
class Ranks:
    """This process in a data-parallel job; without arguments, a single process.

    Attributes:
        rank: number of this process, from 0.
        size: number of processes.
        local_rank: number of this process on this machine, from 0.
        device: torch device of this process.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    device: str = "cpu"

    @classmethod
    def from_environment(cls, device: str = "cpu") -> Ranks:
        """Join the torchrun job of this process, if there is one; collective.

        Args:
            device: device of this process: the CPU, with communication by gloo, or its own GPU such
                as `cuda:1`, with communication by NCCL.

        Raises:
            MissingError: torch was built without gloo or NCCL.
            RankError: the other ranks cannot be reached.
            UsageError: two processes use the same GPU.
        """
        launch = launched()
        if launch is None:
            return cls(device=device)
        on_gpu = torch.device(device).type == "cuda"
        _join(launch, "nccl" if on_gpu else "gloo")
        rank = launch.rank
        ranks = cls(rank, launch.size, launch.local_rank, device)
        if on_gpu:
            # Old versions of torch do not identify GPUs. If two ranks then share a GPU, NCCL fails.
            ranks.check_own_gpus(getattr(torch.cuda.get_device_properties(device), "uuid", rank))
        # The first message opens the connections between ranks. From then on, a rank notices the
        # loss of another rank.
        ranks.barrier()
        return ranks

    @property
    def is_first(self) -> bool:
        """True for rank 0, which writes files and messages."""
        return self.rank == 0

    @property
    def is_first_on_machine(self) -> bool:
        """True for the first rank on its machine."""
        return self.local_rank == 0

    def share(self, n: int) -> slice:
        """This rank's contiguous share of n samples; may be empty for fewer samples than ranks."""
        return slice(n * self.rank // self.size, n * (self.rank + 1) // self.size)

    def take(self, events: SpikeEvents) -> SpikeEvents:
        """Select the samples of this rank's share."""
        return events.take(np.arange(events.n_samples)[self.share(events.n_samples)])

    def sum(self, numbers: ArrayLike) -> NDArray[np.float64]:
        """Collective: sum an array of any shape over ranks; every rank gets the result."""
        array = np.array(numbers, np.float64)
        if self.size == 1:
            return array
        tensor = torch.from_numpy(array).to(self.device)
        _wait(distributed.all_reduce, tensor)
        return tensor.cpu().numpy()

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Collective: sum `.grad` over ranks; a missing gradient counts as 0."""
        if self.size == 1:
            return
        trained = [parameter for parameter in parameters if parameter.requires_grad]
        flat = torch.cat([_gradient(parameter).reshape(-1) for parameter in trained])
        _wait(distributed.all_reduce, flat)
        for parameter, part in zip(trained, _parts(flat, trained), strict=True):
            parameter.grad = part

    def copy_from_first(self, parameters: Iterable[nn.Parameter]) -> None:
        """Collective: copy the parameters of the first rank to all ranks."""
        if self.size == 1:
            return
        copied = list(parameters)
        flat = torch.cat([parameter.detach().reshape(-1) for parameter in copied])
        _wait(distributed.broadcast, flat, src=0)
        with torch.no_grad():
            for parameter, part in zip(copied, _parts(flat, copied), strict=True):
                parameter.copy_(part)

    def check_same(self, subject: str, *numbers: int) -> None:
        """Collective: raise `UsageError` unless all ranks pass the same numbers (below 2⁵³)."""
        table = np.zeros((self.size, len(numbers)))
        table[self.rank] = numbers
        table = self.sum(table)
        if (table != table[0]).any():
            raise UsageError(
                f"the processes of this training job differ in {subject}",
                code="ranks-differ",
                fix="start all of them with the same command, the same data, and the same run "
                "folder, shared between machines",
            )

    def check_own_gpus(self, gpu: object) -> None:
        """Collective: raise `UsageError` if two ranks use the same GPU.

        Ranks communicate through the job's key-value store, because NCCL hangs or fails if two
        ranks share a GPU.

        Args:
            gpu: unique identifier of this rank's GPU, which is compared as text.
        """
        store = distributed.PrefixStore("gpus", distributed.distributed_c10d._get_default_store())
        store.set(str(self.rank), str(gpu))
        others = [rank for rank in range(self.size) if rank != self.rank]
        sharing = [rank for rank in others if store.get(str(rank)).decode() == str(gpu)]
        if sharing:
            raise UsageError(
                f"the processes {self.rank} and {sharing[0]} of this training job use the same GPU",
                code="gpu-shared",
                why="CUDA_VISIBLE_DEVICES shows only that GPU to both",
                fix="list as many GPUs as there are processes, or show a different GPU to each "
                "process",
            )

    def barrier(self) -> None:
        """Collective: wait until all ranks have reached this point."""
        self.sum(0.0)

    @contextmanager
    def one_rank_per_machine_first(self) -> Iterator[None]:
        """Collective: the first rank of each machine runs the block before the others.

        It is used for files that one rank downloads and the other ranks then read.
        """
        if not self.is_first_on_machine:
            self.barrier()
        yield
        if self.is_first_on_machine:
            self.barrier()

    def leave(self) -> None:
        """Collective: leave the job when training is done."""
        if self.size > 1:
            self.barrier()
            distributed.destroy_process_group()


ALONE = Ranks()
"""A single process, without a job."""


def _join(launch: Launch, backend: str) -> None:
    """Join the job's process group; raises `MissingError` or `RankError`."""
    if not (distributed.is_available() and distributed.is_backend_available(backend)):
        raise MissingError(
            f"data-parallel training needs torch with {backend}",
            code="torch-without-ranks",
            fix=f"install torch built with {backend}, or train in one process",
        )
    try:
        distributed.init_process_group(
            backend, timeout=PATIENCE, rank=launch.rank, world_size=launch.size
        )
    except RuntimeError as error:
        raise RankError(
            "the processes of this training job cannot reach each other",
            code="ranks-unreachable",
            why=_reason(error),
            fix="check the address and port given to torchrun",
        ) from error


def _gradient(parameter: nn.Parameter) -> Tensor:
    """The gradient of a parameter; zeros if there is none."""
    return torch.zeros_like(parameter) if parameter.grad is None else parameter.grad


def _parts(flat: Tensor, like: list[nn.Parameter]) -> list[Tensor]:
    """Split a flat tensor into tensors with the shapes of parameters."""
    parts = flat.split([parameter.numel() for parameter in like])
    return [part.view_as(parameter) for part, parameter in zip(parts, like, strict=True)]


def _wait(collective: Any, tensor: Tensor, **arguments: Any) -> None:
    """Run a collective operation of torch; signals are handled while it waits.

    Raises:
        RankError: another rank was lost.
    """
    try:
        work = collective(tensor, async_op=True, **arguments)
        while not work.is_completed():
            time.sleep(_POLL_S)
        work.wait()
    except RuntimeError as error:
        raise RankError(
            RankError.LOST,
            code="rank-lost",
            why=_reason(error),
            fix="check the last output of that process, then start the job again",
        ) from error


def _reason(error: RuntimeError) -> str:
    """Torch's message, without source location and advice."""
    line = str(error).partition("\n")[0]
    if line.startswith("["):
        line = line.partition("] ")[2]
    return line.partition(". ")[0]
