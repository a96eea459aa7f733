"""`Activity`: firing rates of all neurons, silent and saturated neurons, and overflows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmtool.network.graph import INPUT
from nmtool.tables import Table, Tabular, index_ranges

SATURATED = 0.5
"""Share of steps with a spike, mean over samples, from which a neuron counts as saturated."""

_OVERFLOWS = {"u_wraps": "currents that wrap around", "v_clips": "membranes that clip"}


@dataclass(frozen=True, eq=False, repr=False)
class Activity(Tabular):
    """Firing rates of the input and of all spiking neurons, mean over samples.

    >>> activity = Activity({"input": np.array([2.0, 0.0]), "hidden": np.array([9.0, 1.0])}, 10)
    >>> activity
    <Activity: input 1, hidden 5 spikes per neuron>
    >>> activity.silent("input"), activity.saturated("hidden")
    ([1], [0])

    Attributes:
        rates: per population and for `input`, [neurons] float64: spikes per sample.
        n_steps: number of steps of a sample.
        counts: totals over all samples, e.g. `u_wraps` and `v_clips` of integer networks.
        spiking_steps: as `rates`, steps with a spike per sample; by default those of `rates`.
    """

    rates: Mapping[str, NDArray[np.float64]]
    n_steps: int
    counts: Mapping[str, int] = field(default_factory=dict)
    spiking_steps: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    def silent(self, population: str) -> list[int]:
        """Indices of the neurons that never spike."""
        return np.flatnonzero(self.rates[population] == 0).tolist()

    def saturated(self, population: str) -> list[int]:
        """Indices of the neurons that spike at half of all steps or more."""
        least = SATURATED * max(self.n_steps, 1)
        steps = self.spiking_steps.get(population, self.rates[population])
        return np.flatnonzero(steps >= least).tolist()

    @property
    def spikes(self) -> bool:
        """True if the network has a spiking population."""
        return set(self.rates) > {INPUT}

    @property
    def overflows(self) -> dict[str, int]:
        """How often currents wrapped around (`u_wraps`) and membranes clipped (`v_clips`)."""
        return {name: self.counts[name] for name in _OVERFLOWS if name in self.counts}

    def sentences(self) -> list[tuple[str, str]]:
        """Silent and saturated populations, and overflows, each with its severity."""
        lines = [line for name in self.rates if name != INPUT for line in self._extremes(name)]
        if not self.spikes:
            lines.append(("No population of this network spikes.", ""))
        if any(self.overflows.values()):
            parts = [f"{_OVERFLOWS[name]} {count:,}" for name, count in self.overflows.items()]
            lines.append((f"Overflows of the integers: {', '.join(parts)}.", "warning"))
        return [*lines, (f"Saturated neurons spike at {SATURATED:.0%} of all steps or more.", "")]

    def _extremes(self, name: str) -> list[tuple[str, str]]:
        """Sentences on the silent and the saturated neurons of a population."""
        size, silent, saturated = self.rates[name].size, self.silent(name), self.saturated(name)
        subject, lines = f"{name}: {{:,}} of {size:,} neurons", list[tuple[str, str]]()
        if silent:
            text = f"{subject.format(len(silent))} never spike ({index_ranges(silent)})."
            lines.append((text, "warning" if len(silent) == size else ""))
        if saturated:
            text = f"{subject.format(len(saturated))} are saturated ({index_ranges(saturated)})."
            lines.append((text, "warning"))
        return lines

    def as_json(self) -> dict[str, Any]:
        """Rates and neurons by population, and overflows, as plain values for JSON."""
        populations = {
            name: {
                "neurons": rate.size,
                "spikes_per_neuron": _mean(rate),
                "median": _median(rate),
                "max": float(rate.max(initial=0)),
                "silent": self.silent(name),
                "saturated": self.saturated(name),
            }
            for name, rate in self.rates.items()
        }
        return {"populations": populations, "overflows": self.overflows}

    def tables(self) -> list[Table]:
        """A table with a row per population; the input comes first."""
        rows = [
            (
                *(name, rate.size, _mean(rate), _median(rate), float(rate.max(initial=0))),
                *(len(self.silent(name)), len(self.saturated(name))),
            )
            for name, rate in self.rates.items()
        ]
        header = ("", "neurons", "mean", "median", "max", "silent", "saturated")
        return [Table("spikes per neuron and sample", header, rows)]

    def __repr__(self) -> str:
        rates = ", ".join(f"{name} {_mean(rate):.3g}" for name, rate in self.rates.items())
        return f"<Activity: {rates} spikes per neuron>"


def _mean(values: NDArray[np.float64]) -> float:
    """Mean of values; 0 without values."""
    return float(values.mean()) if values.size else 0.0


def _median(values: NDArray[np.float64]) -> float:
    """Median of values; 0 without values."""
    return float(np.median(values)) if values.size else 0.0
