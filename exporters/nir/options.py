"""Options for writing networks as NIR, and for reading NIR files from other tools."""

from __future__ import annotations

import math
from dataclasses import Field, dataclass
from typing import Any, ClassVar

from nmtool.arguments import Count, keywords_checked
from nmtool.data.binning import default_steps
from nmtool.errors import UsageError
from nmtool.network.readout import RULES
from nmtool.options import ReadingOptions, WritingOptions, option

DELAYED, FREE = HOPS = ("delayed", "free")
POPULATION, CURRENT = READOUTS = ("population", "current")

_RESET = (
    "a reset to v_reset in the step of the spike (snnTorch and norse write a reset to 0 even for "
    "layers that reset otherwise; nmtool.from_snntorch reads the resets of snnTorch modules)"
)

NIR_DT_S = 1e-4
"""Nominal step of NIR's simulators in s; snnTorch allows no other."""


@keywords_checked
@dataclass(frozen=True)
class NirOptions(WritingOptions):
    """Options of the NIR export.

    >>> NirOptions(hops="free").readout
    'population'

    Attributes:
        readout: last node of the graph. `population`: the output population. `current`: the input
            current of the output population, for tools without integrators.
        hops: `delayed`: written delays include the one step that every hop takes. `free`: written
            delays do not include this step; populations may spike earlier in the file than in
            nmtool, so that written delays are as short as possible.
        nir_dt_s: time step in s that scales written time constants and delays; only the ratios of
            time constants and delays to this step matter.

    Raises:
        UsageError: a choice is unknown, or the step is not positive.
    """

    heading: ClassVar[str] = "NIR files"

    readout: str = option(POPULATION, choices=READOUTS)
    hops: str = option(DELAYED, choices=HOPS)
    nir_dt_s: float = option(NIR_DT_S, flag="nir-dt", metavar="S")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1e-9 <= self.nir_dt_s <= 1e3:
            raise _step_out_of_range("1e-9 … 1000 s", self.nir_dt_s, "seconds, e.g. 1e-3")

    def unknown(self, declared: Field[Any], value: object) -> UsageError:
        return UsageError(
            f"unknown {declared.name.replace('_', ' ')} {value!r} of a NIR file",
            code="nir-option-unknown",
            fix=f"use one of {', '.join(declared.metadata['choices'])}",
        )

    def unused_by(self, name: str) -> UsageError:
        fix = "leave them out, or write a NIR file: `to=nir`"
        if self.nir_dt_s != NIR_DT_S:
            fix += f"; to read a NIR file with this step, `nir_dt_s={self.nir_dt_s:g}`"
        return UsageError(
            f"options of NIR files do not apply to the format {name}",
            code="nir-options-unused",
            why=self.given(),
            fix=fix,
        )


def _step_out_of_range(allowed: str, step: float, example: str) -> UsageError:
    return UsageError(
        f"a time step must be {allowed}, not {step}",
        code="nir-step-range",
        fix=f"give it in {example}",
    )


@keywords_checked
@dataclass(frozen=True)
class ImportOptions(ReadingOptions):
    """Options for reading a NIR file from another tool.

    >>> options = ImportOptions(nir_dt_s=1e-3)
    >>> options.step_ms, options.steps
    (1.0, 1000)
    >>> options.assumed(loops=False, resets=False, rule="mean")
    '1,000 steps per sample (`n_steps=1000`); the readout mean (`rule=mean`)'

    Attributes:
        nir_dt_s: time step in s for which the file was made, since files do not contain it; by
            default 1e-4.
        dt_ms: time step of the network in ms; by default the time step of the file.
        n_steps: number of steps of a sample; by default the number in 1000 ms.
        rule: rule of the readout; by default `max` (of spike counts) if the output spikes, else
            `mean` (of membranes).
        window: number of steps that the readout rule "window" averages.
        gains_as_written: read a w_in of 1 in CubaLIF, and an r of 1 in IF, as NIR defines them: the
            smaller the step, the less an input adds. By default, such nodes are refused, because
            several tools write 1 although their neurons add inputs whole.
    """

    note: ClassVar[str] = (
        "A NIR file written by nmtool also carries the network itself; with any of these options, "
        "the graph is read instead."
    )
    files: ClassVar[str] = "NIR files"

    nir_dt_s: float | None = option(None, flag="nir-dt", metavar="S")
    dt_ms: float | None = option(
        None,
        help="time step of the network in ms; default: --in-nir-dt, or 1 for checkpoints",
        metavar="MS",
    )
    n_steps: Count | None = option(None, flag="steps")
    rule: str | None = option(
        None,
        help="rule of the readout. Default: weighted for checkpoints; for NIR, max (spike counts) "
        "if the output spikes, else mean (membranes)",
        words=RULES,
    )
    window: Count | None = option(None)
    gains_as_written: bool = option(False)

    def __post_init__(self) -> None:
        super().__post_init__()
        for value, example in ((self.step_s, "s, e.g. 0.001"), (self.step_ms, "ms, e.g. 1.0")):
            if not (math.isfinite(value) and value > 0):
                raise _step_out_of_range("positive and finite", value, example)

    @property
    def step_s(self) -> float:
        """The time step of the file in s."""
        return NIR_DT_S if self.nir_dt_s is None else self.nir_dt_s

    @property
    def step_ms(self) -> float:
        """The time step of the network in ms."""
        return self.step_s * 1e3 if self.dt_ms is None else self.dt_ms

    @property
    def steps(self) -> int:
        """Number of steps of a sample."""
        return default_steps(self.step_ms) if self.n_steps is None else self.n_steps

    def assumed(self, *, loops: bool, resets: bool, rule: str) -> str:
        """List what the import assumes, because neither file nor options state it; '' if nothing.

        Args:
            loops: True if the graph has loops whose step is not confirmed.
            resets: True if the graph has neurons whose kind of reset is not confirmed.
            rule: rule of the readout.
        """
        assumptions = {
            f"a step of {self.step_s * 1e3:g} ms (`nir_dt_s={self.step_s:g}`)": self.nir_dt_s,
            f"{self.steps:,} steps per sample (`n_steps={self.steps}`)": self.n_steps,
            f"the readout {rule} (`rule={rule}`)": self.rule,
        }
        if loops:
            assumptions["a step for connections that close a loop"] = None
        if resets:
            assumptions[_RESET] = None
        return "; ".join(text for text, option in assumptions.items() if option is None)
