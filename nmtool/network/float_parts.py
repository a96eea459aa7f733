"""`Population` and `Projection`: the parts of a float network, in the paper's units."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmtool.arguments import ARRAY, NUMBERS, WORD, check_fields
from nmtool.arithmetic import MAX_FLOAT_DELAY
from nmtool.errors import NetworkError
from nmtool.network import graph
from nmtool.network.any_network import AnyPopulation, AnyProjection
from nmtool.network.graph import LATE, LIF, RESET_BY, TO_ZERO
from nmtool.storage import Archive
from nmtool.values import plain_array, read_only


@dataclass(frozen=True, eq=False, repr=False)
class Population(AnyPopulation):
    """Neurons of one kind, with their constants.

    >>> Population("hidden", 2, "lif", tau_mem_ms=[5.0, 20.0], tau_syn_ms=10.0)
    <Population 'hidden': 2 lif>

    Attributes:
        name: name of the population, unique in the network.
        size: number of neurons.
        kind: `lif` neurons spike and reset, `li` neurons only integrate.
        tau_mem_ms, tau_syn_ms: [size] float64, time constants in ms, 0 and ∞ allowed.
        threshold: [size] float64, θ; unused by `li`.
        bias: [size] float64, constant input current in the units of V.
        reset: what a spike does to V: `zero` sets it to 0, `subtract` subtracts `reset_by`, and
            `late` subtracts it in the next step, after the decay, as snnTorch does by default.
        reset_by: [size] float64, the subtracted constant, by default θ; None with `zero`.
        most_spikes: largest number of spikes of a neuron in a step, 1 … 255. With more than 1, a
            neuron spikes again while V is above θ after its reset, which must be `subtract`.

    A scalar applies to all neurons.
    """

    in_arrays = described = ("tau_mem_ms", "tau_syn_ms", "threshold", "bias")
    stand_ins = MappingProxyType({RESET_BY.name: "threshold"})

    kind: str = LIF
    tau_mem_ms: ArrayLike = 20.0
    tau_syn_ms: ArrayLike = 5.0
    threshold: ArrayLike = 1.0
    bias: ArrayLike = 0.0

    def __post_init__(self) -> None:
        graph.check_population(self.name, self.kind, self.size)
        self.check_properties()
        constants = (*self.in_arrays, *([RESET_BY.name] if self.reset_by is not None else []))
        check_fields(self, **dict.fromkeys(constants, NUMBERS))
        for key in constants:
            object.__setattr__(self, key, read_only(self._per_neuron(key, np.float64)))
        for key in ("tau_mem_ms", "tau_syn_ms"):
            if not (self.values(key) >= 0).all():
                raise NetworkError(
                    f"population '{self.name}': {key} must not be negative or NaN",
                    code="time-constant-range",
                    fix="give a positive number of ms, or 0 for a state without memory",
                )
        if not _are_positive(self.values("threshold")):
            raise NetworkError(
                f"population '{self.name}': thresholds must be positive and finite",
                code="threshold-range",
                fix="give positive numbers, in units of the membrane",
            )
        if self.reset_by is not None and not _are_positive(self.values("reset_by")):
            raise NetworkError(
                f"population '{self.name}': reset_by must be positive and finite",
                code="property-range",
                fix="give positive numbers, in units of the membrane, or leave out reset_by for "
                "the threshold",
            )
        if not np.isfinite(self.values("bias")).all():
            raise NetworkError(
                f"population '{self.name}': the bias must be finite",
                code="bias-not-finite",
                fix="replace NaN and infinity by numbers",
            )

    @property
    def drop(self) -> NDArray[np.float64]:
        """[size] float64: what a spike subtracts from V, negative if late; 0 for a reset to 0.

        This number says all about the reset to the loops of the simulators.
        """
        if self.reset == TO_ZERO:
            return np.zeros(self.size)
        return -self.values("reset_by") if self.reset == LATE else self.values("reset_by")

    def values(self, key: str) -> NDArray[np.float64]:
        """[size] float64: a constant of each neuron, by its name, such as `tau_mem_ms`."""
        return getattr(self, key)


def _are_positive(constants: NDArray[np.float64]) -> bool:
    return bool((np.isfinite(constants) & (constants > 0)).all())


@dataclass(frozen=True, eq=False, repr=False)
class Projection(AnyProjection):
    """Synapses from one population (or the input) to another.

    >>> Projection("input", "hidden", weight=[[0.5, -0.2]], delay=[[0, 7]])
    <Projection input → hidden: 1 × 2 synapses, delays 0 … 7>

    Attributes:
        source, target: population names; source may be `input`.
        weight: [pre, post] float64, in the paper's units.
        delay: [pre, post] int32, in steps; a spike of step n arrives at n + 1 + delay.
    """

    weight: NDArray[np.float64]
    delay: NDArray[np.int32]

    def __post_init__(self) -> None:
        check_fields(self, source=WORD, target=WORD, weight=ARRAY, delay=ARRAY)
        weight, delay = read_only(self.weight, np.float64), plain_array(self.delay)
        self._check_shapes(weight, delay)
        if not np.isfinite(weight).all():
            raise NetworkError(
                f"{self._label}: a weight is not finite",
                code="weights-not-finite",
                fix="replace NaN and infinity by numbers",
            )
        in_range = ((delay >= 0) & (delay <= MAX_FLOAT_DELAY)).all()
        if not np.array_equal(delay, np.trunc(delay)) or not in_range:
            raise NetworkError(
                f"{self._label}: delays must be whole steps from 0 to {MAX_FLOAT_DELAY}",
                code="delays-not-steps",
                fix="round delays to steps: milliseconds divided by dt_ms",
            )
        object.__setattr__(self, "weight", weight)
        object.__setattr__(self, "delay", read_only(delay, np.int32))

    @staticmethod
    def _weight_in(archive: Archive, name: str) -> NDArray:
        weight = archive.array(name)
        # If smaller types were allowed, a small file could become a huge array of float64.
        if weight.dtype.itemsize < 4:
            raise ValueError(f"'{name}' is {weight.dtype}, not float64")
        return weight
