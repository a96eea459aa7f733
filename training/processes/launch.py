"""Read what torchrun tells the processes it starts from the environment; needs no torch."""

from __future__ import annotations

import os
from dataclasses import dataclass

from nmtool.errors import UsageError

_NUMBERS = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_PORT")
_WORDS = ("MASTER_ADDR",)


@dataclass(frozen=True)
class Launch:
    """The place of this process in a job of several.

    Attributes:
        rank: its number, from 0.
        size: processes of the job.
        local_rank: its number on this machine, from 0.
        local_size: processes on this machine.
        address, port: where the job's key-value store listens.
        attempt: tells this job, and each time torchrun restarts it, from all others.
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
        """The words that start such a job."""
        here = f"--nproc-per-node {self.local_size}" if self.size == self.local_size else "…"
        return f"torchrun {here} -m nmtool"


def launched() -> Launch | None:
    """The launch of this process; None unless it is one of several.

    Raises:
        UsageError: the environment contradicts itself.
    """
    found = {name: os.environ.get(name, "") for name in (*_NUMBERS, *_WORDS)}
    if not all(found.values()):
        return None
    numbers = {name: int(found[name]) for name in _NUMBERS if found[name].isdecimal()}
    if len(numbers) < len(_NUMBERS) or numbers["RANK"] >= numbers["WORLD_SIZE"]:
        raise UsageError(
            "the environment of a torchrun job is damaged",
            code="torchrun-environment-damaged",
            why=", ".join(f"{name}={value}" for name, value in found.items()),
            fix="start the job with torchrun, or alone without these variables",
        )
    if numbers["WORLD_SIZE"] == 1:
        return None
    return Launch(
        rank=numbers["RANK"],
        size=numbers["WORLD_SIZE"],
        local_rank=numbers["LOCAL_RANK"],
        local_size=numbers["LOCAL_WORLD_SIZE"],
        address=found["MASTER_ADDR"],
        port=numbers["MASTER_PORT"],
        attempt="/".join(
            os.environ.get(f"TORCHELASTIC_{name}", "") for name in ("RUN_ID", "RESTART_COUNT")
        ),
    )
