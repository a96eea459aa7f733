"""How a NIR file of others is to be understood."""

from __future__ import annotations

import math
from dataclasses import dataclass

from nmtool.data.binning import default_steps
from nmtool.errors import UsageError
from nmtool.exporters.nir.options import NIR_DT_S


@dataclass(frozen=True)
class ImportOptions:
    """How a foreign file is to be understood.

    Attributes:
        nir_dt_s: the step in s that it was made for, which NIR does not tell.
        dt_ms: the step of the network in ms; by default the same.
        n_steps: steps of a sample; by default 1000 ms.
        rule: of the read-out; by default `max` of spike counts for an output that spikes, `mean`
            of the membranes for others.
        implied: whether a connection that closes a loop costs a step by itself.
    """

    nir_dt_s: float = NIR_DT_S
    dt_ms: float | None = None
    n_steps: int | None = None
    rule: str | None = None
    implied: bool = True

    def __post_init__(self) -> None:
        for value in (self.nir_dt_s, self.step_ms):
            if not (math.isfinite(value) and value > 0):
                raise UsageError(
                    f"a time step must be positive and finite, not {value}", code="nir-import-step"
                )

    @property
    def step_ms(self) -> float:
        """The step of the network in ms."""
        return self.nir_dt_s * 1e3 if self.dt_ms is None else self.dt_ms

    @property
    def steps(self) -> int:
        """Steps of a sample."""
        return default_steps(self.step_ms) if self.n_steps is None else self.n_steps
