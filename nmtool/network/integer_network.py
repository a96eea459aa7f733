"""`IntegerNetwork`: a network in exactly the integers that a chip runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmtool.arguments import ARRAY, NUMBER, NUMBERS, WORD, check_fields
from nmtool.arithmetic import (
    LOIHI2,
    Arithmetic,
    Limits,
    arithmetic_named,
    bits_in_words,
    shifted,
)
from nmtool.description import projection_line
from nmtool.errors import NetworkError
from nmtool.network import graph
from nmtool.network.any_network import AnyNetwork, AnyPopulation, AnyProjection
from nmtool.network.graph import LATE, LI, LIF, RESET_BY, TO_ZERO
from nmtool.network.properties import Property
from nmtool.storage import Archive
from nmtool.values import plain_array, read_only

MIXED, EXCITATORY, INHIBITORY = "mixed", "excitatory", "inhibitory"

OF_PROJECTIONS = ("weight", "delay", "weight exponent")
"""Kinds of stored numbers in projections; all other kinds are in populations."""


def sign_mode(weight: NDArray) -> str:
    """Sign mode that the chip's tools infer from a weight matrix; excitatory if all are 0."""
    if weight.min(initial=0) >= 0:
        return EXCITATORY
    return INHIBITORY if weight.max(initial=0) <= 0 else MIXED


@dataclass(frozen=True, eq=False, repr=False)
class IntegerPopulation(AnyPopulation):
    """Neurons of one kind, whose constants are integers of a chip.

    The ranges below are those of the arithmetic `loihi2`.

    >>> numbers = {"du": 400, "dv": 200, "vth": 80, "scale": 1.0}
    >>> IntegerPopulation("hidden", 2, "lif", **numbers, bias_mantissa=[0, 3], bias_exponent=2).bias
    array([ 0, 12])

    Attributes:
        name, size, kind: as in `nmtool.Population`.
        du: current decay, 0 … 4095; each step u is multiplied by (4095 − du)/4096, so that 4095
            means no memory.
        dv: membrane decay, 0 … 4095; each step v is multiplied by (4096 − dv)/4096.
        vth: threshold; a neuron spikes if v > vth·64. In `li` populations, vth is 2^17: v is
            always below 2^17·64.
        bias_mantissa: [size] int16, −4096 … 4095.
        bias_exponent: 0 … 7; bias_mantissa·2^bias_exponent is added to v each step.
        scale: integer weight units per unit of u: v is 64·scale times the float membrane. It has no
            effect on a simulation, and is used to convert integers back to floats.
        arithmetic: name of the arithmetic of these constants. Other arithmetics have other ranges
            and decays, and may spike if v equals the threshold.
        reset: as in `nmtool.Population`.
        reset_by: c, 1 … vth + 131071: a spike subtracts c·64 from v, by default vth·64; None with
            the reset `zero`.
        most_spikes: as in `nmtool.Population`.
    """

    in_header = ("du", "dv", "vth", "scale", "bias_exponent")
    in_arrays = ("bias_mantissa",)
    described = ("du", "dv", "vth", "scale", "bias")
    stand_ins = MappingProxyType({RESET_BY.name: "vth"})

    du: int
    dv: int
    vth: int
    scale: float
    bias_exponent: int = 0
    bias_mantissa: ArrayLike = 0
    arithmetic: str = LOIHI2.name

    def __post_init__(self) -> None:
        graph.check_population(self.name, self.kind, self.size)
        check_fields(self, arithmetic=WORD)
        check_fields(self, du=NUMBER, dv=NUMBER, vth=NUMBER, scale=NUMBER, bias_exponent=NUMBER)
        check_fields(self, bias_mantissa=NUMBERS)
        bias = self._per_neuron("bias_mantissa")
        if not 0 < self.scale < math.inf:
            raise NetworkError(
                f"population '{self.name}': the scale must be positive and finite, "
                f"not {self.scale}",
                code="scale-range",
                fix="give the integer value of one unit of the membrane",
            )
        self.check(self.runs_in)
        for key in ("du", "dv", "vth", "bias_exponent"):
            object.__setattr__(self, key, int(getattr(self, key)))
        self.check_properties()
        object.__setattr__(self, "bias_mantissa", read_only(bias, np.int16))

    def check(self, target: Limits) -> None:
        """Raise `NetworkError` unless these constants are within a target's limits."""
        self._check_range("du", self.du, target.max_du)
        self._check_range("dv", self.dv, target.max_dv)
        self._check_range("bias_exponent", self.bias_exponent, target.max_bias_exponent)
        if self.kind == LIF:
            least = self.runs_in.least_threshold
            self._check_range("vth", self.vth, target.max_threshold, least)
        elif self.vth != (silent := self.runs_in.silent_threshold):
            raise NetworkError(
                f"population '{self.name}': vth of a li population must be {silent}, not "
                f"{self.vth}",
                code="li-threshold",
                fix=f"set vth to {silent}, which no membrane reaches",
            )
        bias = plain_array(self.bias_mantissa)
        bias, limit = bias[bias != 0], target.bias_limit
        if (bias != np.trunc(bias)).any() or (bias < -limit).any() or (bias >= limit).any():
            span = f"whole numbers in {-limit} … {limit - 1}" if limit else "0"
            raise NetworkError(
                f"population '{self.name}': bias mantissas must be {span}",
                code="bias-mantissa-range",
                fix="raise bias_exponent, and divide the mantissas"
                if limit
                else f"leave out biases: {target.runs_in.name} has none",
            )

    def values_of(self, declared: Property) -> range | tuple[Any, ...] | None:
        """The values that a property can have; of `reset_by`, those that keep v in its range."""
        if declared is RESET_BY:
            return self.runs_in.reset_constants(self.vth)
        return super().values_of(declared)

    def _check_range(self, key: str, value: int, limit: int, least: int = 0) -> None:
        """Raise `NetworkError` unless a constant is a whole number in `least` … `limit`."""
        if not least <= value <= limit or int(value) != value:
            raise NetworkError(
                f"population '{self.name}': {key} must be a whole number in {least} … {limit}, "
                f"not {value}",
                code="constant-range",
                fix="choose a number in the chip's range",
            )

    @property
    def bias(self) -> NDArray[np.int64]:
        """[size] int64: the bias, added to v each step."""
        return np.asarray(self.bias_mantissa, np.int64) << self.bias_exponent

    @property
    def runs_in(self) -> Arithmetic:
        """The arithmetic named by `arithmetic`, with its limits and rules."""
        return arithmetic_named(self.arithmetic)

    @property
    def keep_u(self) -> int:
        """Part of u that each step keeps, as a numerator over `runs_in.decay_one`."""
        return self.runs_in.keep_u(self.du)

    @property
    def keep_v(self) -> int:
        """Part of v that each step keeps, as a numerator over `runs_in.decay_one`."""
        return self.runs_in.keep_v(self.dv)

    @property
    def drop(self) -> int:
        """What a spike subtracts from v: c·64 in `loihi2`, −c·64 if it is late, 0 for a reset to 0.

        This number says all about the reset to the loops of the simulators.
        """
        if self.reset == TO_ZERO:
            return 0
        drop = int(self.reset_by) << self.runs_in.state_shift
        return -drop if self.reset == LATE else drop

    @property
    def unit(self) -> float:
        """Integer value of u or v that stands for 1 in the float network: 64·scale in `loihi2`."""
        return self.scale * self.runs_in.state_one


@dataclass(frozen=True, eq=False, repr=False)
class IntegerProjection(AnyProjection):
    """Synapses from one population to another, with integer weights and delays of a chip.

    >>> synapses = IntegerProjection("input", "hidden", weight=[[90, -2]], delay=[[0, 7]])
    >>> synapses
    <IntegerProjection input → hidden: 1 × 2 synapses, delays 0 … 7, 8 bits>
    >>> synapses.sign_mode
    'mixed'

    Attributes:
        source, target: population names; source may be `input`.
        weight: [pre, post] int16, multiples of the spacing that follows from `weight_bits` and the
            sign mode (mixed 8-bit weights are even), as in Lava.
        delay: [pre, post] uint8, 0 … 61 steps.
        weight_bits: number of bits per weight, 2 … 8.
        weight_exponent: left shift of the projection's summed weights, right if negative;
            weight_bits − 8 … 7.
        arithmetic: name of the arithmetic of these numbers. Other arithmetics have other ranges.
    """

    in_header = ("weight_bits", "weight_exponent")
    described = (*in_header, "sign_mode")

    weight: NDArray[np.int16]
    delay: NDArray[np.uint8]
    weight_bits: int = 8
    weight_exponent: int = 0
    arithmetic: str = LOIHI2.name

    def __post_init__(self) -> None:
        check_fields(self, source=WORD, target=WORD, weight=ARRAY, delay=ARRAY, arithmetic=WORD)
        check_fields(self, weight_bits=NUMBER, weight_exponent=NUMBER)
        weight, delay = plain_array(self.weight), plain_array(self.delay)
        self._check_shapes(weight, delay)
        self._check_limits(self.runs_in, weight, delay)
        for key in self.in_header:
            object.__setattr__(self, key, int(getattr(self, key)))
        object.__setattr__(self, "weight", read_only(weight, np.int16))
        object.__setattr__(self, "delay", read_only(delay, np.uint8))

    def check(self, target: Limits) -> None:
        """Raise `NetworkError` unless these synapses are within a target's limits."""
        self._check_limits(target, self.weight, self.delay)

    def _check_limits(self, target: Limits, weight: NDArray, delay: NDArray) -> None:
        """Raise `NetworkError` unless bits, exponent, weights and delays are within limits."""
        bits = target.weight_bits
        if self.weight_bits not in bits:
            raise NetworkError(
                f"{self._label}: weights must have {bits_in_words(bits)}, not {self.weight_bits}",
                code="projection-bits-range",
                fix="choose one of these numbers of bits",
            )
        exponents = target.weight_exponents(self.weight_bits)
        if self.weight_exponent not in exponents:
            raise NetworkError(
                f"{self._label}: weight_exponent must be {exponents[0]} … {exponents[-1]}, "
                f"not {self.weight_exponent}",
                code="projection-exponent-range",
                fix="choose an exponent in this range",
            )
        self._check_weights(weight)
        longest = target.max_delay
        if (delay != np.trunc(delay)).any() or (delay < 0).any() or (delay > longest).any():
            raise NetworkError(
                f"{self._label}: delays must be whole steps from 0 to {longest}",
                code="delays-not-steps",
                fix="round delays to steps, and clip longer ones",
            )

    def __repr__(self) -> str:
        return f"<IntegerProjection {projection_line(self)}, {self.weight_bits} bits>"

    def _check_weights(self, weight: NDArray) -> None:
        """Raise `NetworkError` unless weights are in range and multiples of the spacing."""
        # The weights are compared without abs(), because abs() of the smallest integer of a type is
        # negative.
        limit = self.runs_in.weight_limit
        if not ((weight > -limit) & (weight < limit)).all():
            raise NetworkError(
                f"{self._label}: weights must lie strictly between −{limit} and {limit}",
                code="weights-range",
                fix="halve the weights until they fit, and raise weight_exponent by 1 each time",
            )
        signs = sign_mode(weight)
        step = self.runs_in.weight_step(self.weight_bits, signs == MIXED)
        if (weight % step != 0).any():
            raise NetworkError(
                f"{self._label}: {signs} {self.weight_bits}-bit weights must be multiples of "
                f"{step}",
                code="weights-step",
                fix="round the weights, e.g. by nmtool.round_network",
            )

    @property
    def runs_in(self) -> Arithmetic:
        """The arithmetic named by `arithmetic`, with its limits and rules."""
        return arithmetic_named(self.arithmetic)

    @property
    def sign_mode(self) -> str:
        """`mixed`, `excitatory` or `inhibitory`, as inferred by the chip's tools."""
        return sign_mode(self.weight)

    @property
    def shifted_weight(self) -> NDArray[np.int32]:
        """[pre, post] int32: weight·2^weight_exponent, the amount that a spike delivers."""
        return shifted(self.weight.astype(np.int32), self.weight_exponent)


@dataclass(frozen=True, eq=False, repr=False)
class IntegerNetwork(AnyNetwork):
    """A network in which all weights, delays and constants are integers of a chip.

    >>> import nmtool as nm
    >>> integers = nm.quantise(nm.Network.layers([5, 8, 3]), calibrate_on="none").network
    >>> integers.projections[0].weight.dtype, integers.projections[0].delay.dtype
    (dtype('int16'), dtype('uint8'))

    Attributes:
        channels, readout, dt_ms, n_steps, class_names: as in `nmtool.Network`.
        populations, projections: as in `nmtool.Network`, but in integers.
        source_hash: content hash of the float network that was quantised; '' if unknown.
        arithmetic: name of the arithmetic of the network and all of its parts, e.g. `loihi2`.
    """

    part_types = (IntegerPopulation, IntegerProjection)
    file_kind = "nmtool integer network"
    in_header = ("arithmetic", "source_hash")

    populations: Sequence[IntegerPopulation]
    projections: Sequence[IntegerProjection]
    source_hash: str = ""
    arithmetic: str = LOIHI2.name

    def _check_arithmetic(self) -> None:
        """Raise `NetworkError` unless all parts have the network's arithmetic."""
        check_fields(self, arithmetic=WORD, source_hash=WORD)
        arithmetic_named(self.arithmetic)
        parts: list[IntegerPopulation | IntegerProjection] = [*self.populations, *self.projections]
        for part in parts:
            if part.arithmetic != self.arithmetic:
                raise NetworkError(
                    f"the arithmetic of the network is {self.arithmetic}, but that of a part is "
                    f"{part.arithmetic}: {part!r}",
                    code="arithmetics-differ",
                    fix="give network, populations and projections the same `arithmetic`",
                )

    def check(self, target: Limits) -> None:
        """Raise `NetworkError` unless the network is within a target's limits.

        The limits of the arithmetic are checked when a network is made. A target's limits may be
        narrower.
        """
        for population in self.populations:
            population.check(target)
        for projection in self.projections:
            projection.check(target)

    def population(self, name: str) -> IntegerPopulation:
        """The population with this name."""
        return graph.by_name(self.populations, name)

    @property
    def spiking(self) -> list[IntegerPopulation]:
        """The populations that spike."""
        return [p for p in self.populations if p.kind == LIF]

    @property
    def integrating(self) -> list[IntegerPopulation]:
        """The populations that only integrate."""
        return [p for p in self.populations if p.kind == LI]

    @property
    def runs_in(self) -> Arithmetic:
        """The arithmetic named by `arithmetic`, with its limits and rules."""
        return arithmetic_named(self.arithmetic)

    def decay_factors(self) -> dict[str, tuple[int, int]]:
        """The decay factors `keep_u` and `keep_v` of every population, by its name."""
        return {p.name: (p.keep_u, p.keep_v) for p in self.populations}

    def largest_sum(self, population: IntegerPopulation) -> int:
        """Largest magnitude of the sum of the positive or negative weights onto one neuron.

        A weight counts as often as its source can spike in a step.
        """
        positive = negative = np.zeros(population.size, np.int64)
        most_spikes = self.spike_limits
        for projection in self.projections:
            if projection.target == population.name:
                weight = projection.shifted_weight.astype(np.int64) * most_spikes[projection.source]
                positive = positive + np.maximum(weight, 0).sum(axis=0)
                negative = negative + np.maximum(-weight, 0).sum(axis=0)
        return int(max(positive.max(), negative.max()))

    def check_sums(self) -> None:
        """Raise `NetworkError` if sums of arriving weights can clip.

        Sums that clip depend on the order of the weights. The simulators add weights in the order
        that the arithmetic defines, but training adds them in another order.
        """
        limit = self.runs_in.sum_limit
        for population in self.populations if limit else ():
            if (total := self.largest_sum(population)) >= limit:
                raise NetworkError(
                    f"population '{population.name}': the positive or the negative weights onto a "
                    f"neuron sum to {total:,}",
                    code="sums-clip",
                    why=f"in {self.arithmetic}, a sum clips at {limit:,} after each weight; a sum "
                    "that clips depends on the order of its weights, and training adds the weights "
                    "in another order",
                    fix="quantise the float network with nmtool, and train with the result; this "
                    "network can be simulated, verified and exported as it is",
                )

    @classmethod
    def _unpack(cls, archive: Archive) -> IntegerNetwork:
        arithmetic = str(archive.header.get("arithmetic", LOIHI2.name))
        fields = cls._fields_in(archive, arithmetic=arithmetic)
        return cls(**fields, arithmetic=arithmetic, source_hash=str(archive.header["source_hash"]))
