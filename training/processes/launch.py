"""Read the environment variables that torchrun sets for its processes; needs no torch."""

from __future__ import annotations

import os
from dataclasses import dataclass

from nmtool.errors import UsageError

_NUMBERS = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_PORT")
_WORDS = ("MASTER_ADDR",)


@dataclass(frozen=True)
class Launch:
    """The rank of this process in a torchrun job.

    Attributes:
        rank: number of this process, from 0.
        size: number of processes.
        local_rank: number of this process on this machine, from 0.
        local_size: number of processes on this machine.
        address, port: address and port of the job's key-value store.
        attempt: identifier, unique for every job and every restart by torchrun.
    """

    rank: int
    size: int
    local_rank: int
    local_size: int
    address: str
    port: int
    attempt: str

    @property
    def command(self) -> str:
        """The command that starts a job with as many processes as this one."""
        here = f"--nproc-per-node {self.local_size}" if self.size == self.local_size else "…"
        return f"torchrun {here} -m nmtool"


def launched() -> Launch | None:
    """The `Launch` of this process; None if it is the only process.

    Raises:
        UsageError: the environment variables are contradictory.
    """
    variables = {name: os.environ.get(name, "") for name in (*_NUMBERS, *_WORDS)}
    if not all(variables.values()):
        return None
    numbers = {name: int(variables[name]) for name in _NUMBERS if variables[name].isdecimal()}
    if len(numbers) < len(_NUMBERS) or numbers["RANK"] >= numbers["WORLD_SIZE"]:
        raise UsageError(
            "the environment variables of torchrun are incomplete or contradictory",
            code="torchrun-environment-damaged",
            why=", ".join(f"{name}={value}" for name, value in variables.items()),
            fix="start the job with torchrun, or a single process without these variables",
        )
    if numbers["WORLD_SIZE"] == 1:
        return None
    return Launch(
        rank=numbers["RANK"],
        size=numbers["WORLD_SIZE"],
        local_rank=numbers["LOCAL_RANK"],
        local_size=numbers["LOCAL_WORLD_SIZE"],
        address=variables["MASTER_ADDR"],
        port=numbers["MASTER_PORT"],
        attempt="/".join(
            os.environ.get(f"TORCHELASTIC_{name}", "") for name in ("RUN_ID", "RESTART_COUNT")
        ),
    )
