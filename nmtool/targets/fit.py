"""Fit of a network to a target: faithful, approximate or unsupported, with findings.

    faithful      every u, v and spike equals the simulator's
    approximate   the network runs with changes, which the findings list
    unsupported   the network does not run on the target, or does not fit

Misfits of a format come from the format's own package (`misfits`), and changes by rounding from the
quantiser: both are arguments of `fit`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np

from nmtool.arithmetic import Arithmetic, Neuron
from nmtool.errors import Finding
from nmtool.network.graph import INPUT, LIF, MOST_SPIKES, RESET, RESET_BY
from nmtool.network.integer_network import IntegerNetwork, IntegerPopulation, IntegerProjection
from nmtool.network.properties import refusals
from nmtool.quantisation.scale import current_ceiling, membrane_ceiling
from nmtool.tables import Plain, Result, Table, in_json, plain
from nmtool.targets.reading import target_named, target_names
from nmtool.targets.resources import Resources, assumes_zeros, findings, longest_delay, resources
from nmtool.targets.target import Core, Memory, Target

_DECAY_TOLERANCE = 0.005
"""Largest relative change of a time constant without a finding."""
_STRUCTURAL_ZEROS = 0.8
"""If more than this share of weights is 0, the zeros belong to the network's structure.

An example is an unrolled convolution.
"""

_OF_NEURONS = (RESET, RESET_BY, MOST_SPIKES)
"""Properties of networks of which the figures of a target's neuron say what the target does."""

FAITHFUL, APPROXIMATE, UNSUPPORTED = "faithful", "approximate", "unsupported"


@dataclass(frozen=True)
class Use(Plain):
    """Use of one resource of a part by a network, such as a memory.

    Attributes:
        resource: name of the resource.
        used: amount that the network takes.
        available: available amount.
        error: largest relative error of the estimate `used`, compared with synthesis; 0 if `used`
            is a count or an upper bound.
    """

    resource: str
    used: int
    available: int = field(metadata=in_json("held"))
    error: float = 0.0

    @property
    def share(self) -> float:
        """Share of the available amount that is used."""
        return self.used / max(self.available, 1)

    def __str__(self) -> str:
        return f"{self.used:,} of {self.available:,} {self.resource}"


@dataclass(frozen=True, repr=False)
class Fit(Result):
    """Fit of a network to one target.

    >>> import nmtool as nm
    >>> fit = nm.check(nm.Network.layers([5, 8, 3], delays=10), "loihi2")["loihi2"]
    >>> fit.words, [finding.code for finding in fit.approximate]
    ('approximate, 2 of 128 cores', ['floats-rounded'])

    Attributes:
        target: the target.
        unsupported: findings on why the target cannot run the network; empty if it can.
        approximate: findings on everything that changes on the target.
        wasteful: findings on unused neurons, synapses and bits.
        resources: the cores that the network takes; None if the target has no figures on cores.
        uses: resources of a part that the format counts; empty for all other targets.
    """

    target: Target
    unsupported: tuple[Finding, ...] = ()
    approximate: tuple[Finding, ...] = ()
    wasteful: tuple[Finding, ...] = ()
    resources: Resources | None = None
    uses: tuple[Use, ...] = ()

    def _line(self) -> str:
        return f"{self.target.name}: {self.words}"

    @property
    def verdict(self) -> str:
        """The verdict: `faithful`, `approximate` or `unsupported`."""
        if self.unsupported:
            return UNSUPPORTED
        return APPROXIMATE if self.approximate else FAITHFUL

    @property
    def words(self) -> str:
        """Verdict and scarcest resource, e.g. `faithful, 96 of 100 bytes of RAM`."""
        if any(finding.code == "target-arithmetic" for finding in self.unsupported):
            return f"{self.verdict}: the arithmetic differs; quantise the float network for it"
        if self.uses:
            scarcest = max(self.uses, key=lambda usage: usage.share)
            return f"{self.verdict}, {scarcest}"
        if self.resources is None or self.resources.cores is None:
            return self.verdict
        return f"{self.verdict}, {self.resources.in_words()}"

    def as_json(self) -> dict[str, Any]:
        """The content as plain values for JSON, under names that scripts can rely on."""
        return plain(
            {
                "target": self.target.name,
                "verdict": self.verdict,
                "unsupported": self.unsupported,
                "approximate": self.approximate,
                "wasteful": self.wasteful,
                "resources": self.resources,
                "uses": self.uses,
            }
        )

    def tables(self) -> list[Table]:
        """A table of the used resources of a part, or of the cores of a chip."""
        if self.uses:
            bound = "" if self.target.memory == Memory() else "upper bound"
            rows = [
                (
                    usage.resource,
                    f"{usage.used:,}",
                    f"{usage.available:,}",
                    f"± {usage.error:.0%}" if usage.error else bound,
                )
                for usage in self.uses
            ]
            return [Table(self.target.name, ("", "used", "available", "estimate"), rows)]
        return [] if self.resources is None else self.resources.tables()


def fit(
    network: IntegerNetwork,
    target: Target,
    *,
    misfits: Iterable[Finding] = (),
    changed: Iterable[Finding] = (),
) -> Fit:
    """Find all parts of a network that do not fit, that change, or that are wasted.

    >>> from nmtool.targets import target_named
    >>> fit(network, target_named("loihi2")).verdict  # doctest: +SKIP
    'faithful'

    Args:
        network: the integer network.
        target: a chip or a format.
        misfits: findings on parts that the target's export format cannot represent.
        changed: findings on the rounding of a float network to the integers of `network`.
    """
    core, chip = target.core, target.chip
    # `dense` says whether zeros take memory, and is not a capacity.
    has_capacities = replace(core, dense=None) != Core()
    demand = resources(network, target) if has_capacities else None
    demand_or_empty = demand or Resources(target, ())
    exceeded = findings(demand_or_empty, network) if has_capacities or chip != type(chip)() else []
    only_if_zeros_stored: list[Finding] = []
    if exceeded and assumes_zeros(network, target):
        exceeded, only_if_zeros_stored = _separate_by_zeros(exceeded, network, target)
    if not target.format:
        misfits = [*misfits, *refusals(network, _OF_NEURONS, target.label)]
    unsupported = [*misfits, *_beyond_limits(network, target), *exceeded]
    approximate = [*changed, *_arithmetic_findings(network, target)]
    wasteful = [*only_if_zeros_stored, *_wasteful(network, target)]
    return Fit(target, tuple(unsupported), tuple(approximate), tuple(wasteful), demand)


def _separate_by_zeros(
    exceeded: Iterable[Finding], network: IntegerNetwork, target: Target
) -> tuple[list[Finding], list[Finding]]:
    """Separate the capacities that are exceeded only if weights of 0 take memory.

    Returns:
        Findings on capacities that are exceeded even if weights of 0 take no memory; and findings
        on capacities that are exceeded only if weights of 0 take memory.
    """
    sparse = replace(target, core=replace(target.core, dense=False))
    certain = findings(resources(network, sparse), network)
    places = {(finding.code, finding.where) for finding in certain}
    only_if_zeros_stored = [
        Finding(
            "zeros-perhaps-stored",
            finding.where,
            f"if weights of 0 take memory, which is unknown for the target: {finding.what}",
            f"set dense in [core] of the target's file; if it is true: {finding.fix}",
        )
        for finding in exceeded
        if (finding.code, finding.where) not in places
    ]
    return certain, only_if_zeros_stored


def _beyond_limits(network: IntegerNetwork, target: Target) -> Iterator[Finding]:
    """Findings on integers beyond the target's limits."""
    name = target.title or target.name
    if network.runs_in != target.runs_in:
        what = (
            f"the network's arithmetic is {network.arithmetic}, that of {name} is "
            f"{target.runs_in.name}"
        )
        fix = f"quantise the float network for it: `target={_target_argument(target)}`"
        yield Finding("target-arithmetic", "network", what, fix)
        return
    stride = max(math.gcd(*(_delay_step(connection) for connection in network.projections)), 1)
    for projection in network.projections:
        where = f"{projection.source} → {projection.target}"
        delay_bits = (longest_delay(projection) // stride).bit_length()
        if delay_bits > target.delay_bits[-1]:
            what = (
                f"its delays need {delay_bits} bits with a stride of {stride}, but those of "
                f"{name} have "
            )
            what += f"{target.delay_bits[-1]}"
            fix = f"quantise for it: `delay_bits={target.delay_bits[-1]}`"
            yield Finding("target-delay-bits", where, what, fix)
        beyond = int((projection.delay[projection.weight != 0] > target.max_delay).sum())
        if beyond and not target.max_delay:
            what = f"{beyond:,} synapses have a delay, but {name} has no delays"
            fix = "train without delays, `max_delay=0`, or choose a target with delays"
            if projection.source in _clocks(network):
                fix = (
                    "choose a target with delays: without delays, a constant input would start "
                    "too early"
                )
            yield Finding("target-without-delays", where, what, fix)
        elif beyond:
            what = f"{beyond:,} delays are longer than the {target.max_delay} steps of {name}"
            fix = "clip them by quantising for it, or train with its longest delay"
            yield Finding(
                "target-delay-range", where, what, f"{fix}: `target={_target_argument(target)}`"
            )
        if projection.weight_bits not in target.weight_bits:
            allowed = ", ".join(map(str, target.weight_bits))
            what = (
                f"its weights have {projection.weight_bits} bits, but those of {name} have "
                f"{allowed}"
            )
            fix = f"quantise for it: `weight_bits={target.weight_bits[-1]}`"
            yield Finding("target-weight-bits", where, what, fix)
        if projection.weight_exponent not in target.weight_exponents(projection.weight_bits):
            what = (
                f"its weight exponent {projection.weight_exponent} is outside the range of {name}"
            )
            yield Finding("target-weight-exponent", where, what, f"quantise for {name}")
    for population in network.populations:
        for what in _constants_beyond(population, target):
            fix = f"quantise the float network for it: `target={_target_argument(target)}`"
            yield Finding("target-constant-range", population.name, f"{what} of {name}", fix)
        if population.bias.any() and not _supports_biases(target):
            what = (
                f"{np.count_nonzero(population.bias)} neurons have a bias, but {name} has no biases"
            )
            yield Finding("target-without-bias", population.name, what, "train without biases")
        drive = network.largest_sum(population) if _limits_drive(target) else 0
        if drive >= target.drive_limit:
            what = f"the positive or the negative weights onto a neuron sum to {drive:,}, but on "
            what += f"{name} such a sum must be below {target.drive_limit:,}"
            fix = f"quantise the float network for it: `target={_target_argument(target)}`"
            yield Finding("target-drive", population.name, what, fix)


def _clocks(network: IntegerNetwork) -> list[str]:
    """Names of populations that spike in every step for any input, such as clocks of imports."""
    driven = {p.target for p in network.projections}
    return [
        p.name
        for p in network.spiking
        if p.name not in driven and (p.bias >= p.runs_in.firing_level(p.vth)).all()
    ]


def _delay_step(projection: IntegerProjection) -> int:
    """Greatest common divisor of a projection's delays, in steps; 0 without delays."""
    return int(np.gcd.reduce(projection.delay[projection.weight != 0]))


def _supports_biases(target: Target) -> bool:
    """True if neurons of the target can have a bias."""
    return target.neuron.bias is not False and target.bias_limit > 1


def _limits_drive(target: Target) -> bool:
    """True if the target has its own limit on the sum of arriving weights."""
    # The default limit needs no check: quantised networks are within it, and the formats add
    # larger sums exactly.
    return "holds.drive_limit" in target.origins or target.drive_limit < Target.drive_limit


def _target_argument(target: Target) -> str:
    """The target in a suggested command: its name if it comes with nmtool, else `TARGET`."""
    is_packaged = target.name in target_names() and target_named(target.name) == target
    return target.name if is_packaged else "TARGET"


def _constants_beyond(population: IntegerPopulation, target: Target) -> Iterator[str]:
    """Yield a phrase for each constant of a population that is beyond the target's limits."""
    pairs = [
        ("du", population.du, target.max_du),
        ("dv", population.dv, target.max_dv),
        ("bias exponent", population.bias_exponent, target.max_bias_exponent),
    ]
    if population.kind == LIF:
        pairs.append(("threshold", population.vth, target.max_threshold))
    for noun, value, limit_of_target in pairs:
        if value > limit_of_target:
            yield f"its {noun} is {value}, above the limit {limit_of_target}"
    bias, limit = np.asarray(population.bias_mantissa, np.int64), target.bias_limit
    # The range of the bias includes −limit, but not +limit.
    reach = np.maximum(bias + 1, -bias)
    if reach.max() > limit and _supports_biases(target):
        yield f"its bias is {bias[reach.argmax()]}, outside the range {-limit} … {limit - 1}"


def _arithmetic_findings(network: IntegerNetwork, target: Target) -> Iterator[Finding]:
    """Findings on differences between the target's neuron and the neuron of `network.runs_in`."""
    neuron, reference = target.neuron, network.runs_in.neuron
    if neuron == reference:
        yield from _other_resets(network, target)
        return
    if unknown := _unknown_figures(network, neuron):
        words = ", ".join(figure.replace("_", " ") for figure in unknown)
        yield Finding(
            "target-neuron-unknown",
            "neurons",
            f"these properties of {target.name} are unknown: {words}",
            "measure them on the target",
        )
    yield from _narrow_states(network, neuron.state_bits or reference.state_bits or 0)
    yield from _overflows(network, neuron)
    decay_bits = reference.decay_bits or 0
    if neuron.decay == "shift":
        yield from _decay_findings(network)
    elif neuron.decay_bits is not None and neuron.decay_bits < decay_bits:
        what = f"decay factors have {neuron.decay_bits} bits, not {decay_bits}"
        yield Finding(
            "target-decay", "neurons", what, "time constants will differ from those of the network"
        )
    if neuron.rounding not in (None, reference.rounding):
        what = f"rounding of decayed states is {neuron.rounding}, not {reference.rounding}"
        fix = "spikes differ where a membrane comes close to its threshold"
        yield Finding("target-rounding", "neurons", what, fix)
    if neuron.compare not in (None, reference.compare):
        what = (
            f"a neuron spikes if its membrane is {neuron.compare} the threshold, not "
            f"{reference.compare} it"
        )
        fix = "spikes differ only where a membrane equals its threshold"
        yield Finding("target-compare", "neurons", what, fix)
    yield from _other_resets(network, target)
    if neuron.current not in (None, reference.current):
        what = f"the membrane adds the current of the {neuron.current}, not of {reference.current}"
        fix = "every hop takes one step more: shorten delays by one"
        yield Finding("target-current", "neurons", what, fix)
    most = max((p.most_spikes for p in network.spiking), default=1)
    if neuron.spikes_per_step is not None and most > max(1, neuron.spikes_per_step):
        what = f"a neuron can spike only {neuron.spikes_per_step} times per step, not {most} times"
        fix = f"train with most_spikes={neuron.spikes_per_step}"
        yield Finding("target-counts", "neurons", what, fix)
    elif most == 1 and neuron.spikes_per_step not in (None, reference.spikes_per_step):
        what = f"a neuron can spike up to {neuron.spikes_per_step} times per step, not "
        what += f"{reference.spikes_per_step}"
        fix = "spikes differ where a membrane is far above its threshold"
        yield Finding("target-spikes-per-step", "neurons", what, fix)


def _other_resets(network: IntegerNetwork, target: Target) -> Iterator[Finding]:
    """Findings on spikes that reset the membrane otherwise than in the network."""
    reset, usual = target.neuron.reset, network.runs_in.neuron.reset
    if reset is None or (target.format and reset == usual):
        # An export format has findings of its own on resets that it cannot express.
        return
    fix = f"the membrane after a spike differs; train with the reset {reset}"
    if RESET.name not in network.properties:
        if reset != usual:
            what = f"the reset after a spike is {reset}, not {usual}"
            yield Finding("target-reset", "neurons", what, fix)
        return
    for population in network.spiking:
        if population.reset != reset:
            what = f"the reset after its spikes is {reset}, not {population.reset}"
        elif population.drop and population.reset_by != population.vth:
            what = f"its spikes subtract the threshold {population.vth}, not {population.reset_by}"
        else:
            continue
        yield Finding("target-reset", population.name, what, fix)


def _unknown_figures(network: IntegerNetwork, neuron: Neuron) -> list[str]:
    """Names of properties of the target's neuron that are unknown, but matter for the network."""
    # If a state can exceed the target's bits, `_overflows` yields a finding on these two rules.
    without = {"u_overflow", "v_overflow"}
    if neuron.rounding == "none":  # States are real numbers, so that numbers of bits do not matter.
        without |= {"state_bits", "decay_bits"}
    if neuron.decay == "shift":
        without.add("decay_bits")
    if not any(population.bias.any() for population in network.populations):
        without.add("bias")
    names = [field.name for field in fields(neuron) if field.name not in without]
    return [name for name in names if getattr(neuron, name) is None]


def _narrow_states(network: IntegerNetwork, bits: int) -> Iterator[Finding]:
    """Findings on thresholds that need more bits than the states of the target have."""
    # A population that serves as a clock spikes in every step, even if its states have few bits.
    clocks = _clocks(network)
    for population in [p for p in network.spiking if p.name not in clocks]:
        needed = int(population.vth << population.runs_in.state_shift).bit_length() + 1
        if needed > bits:
            what = f"its threshold needs states of {needed} bits, but states have {bits}"
            fix = f"scale states down; they lose their last {needed - bits} bits"
            yield Finding("target-state-bits", population.name, what, fix)


def _overflows(network: IntegerNetwork, neuron: Neuron) -> Iterator[Finding]:
    """Findings on populations with a state that some input could drive beyond the target's bits."""
    runs_in = network.runs_in
    reference, state_bits = runs_in.neuron, runs_in.neuron.state_bits or 0
    target_bits = neuron.state_bits or state_bits
    bits = min(target_bits, state_bits)
    for population in network.populations:
        drive = network.largest_sum(population)
        current = current_ceiling(drive, population.du, runs_in) * runs_in.state_one
        bias = float(np.abs(population.bias).max(initial=0))
        membrane = membrane_ceiling(current + bias, population.dv, runs_in)
        for noun, reach, rule, reference_rule in (
            ("current", current, neuron.u_overflow, reference.u_overflow),
            ("membrane", membrane, neuron.v_overflow, reference.v_overflow),
        ):
            if reach >= 1 << (bits - 1) and (target_bits != state_bits or rule != reference_rule):
                outcome = f"it {rule}" if rule else "its behaviour is unknown"
                if target_bits > bits:
                    outcome = f"it grows up to {target_bits} bits"
                what = f"some input could drive its {noun} beyond {bits} bits, where {outcome}"
                fix = "compare on data: nmtool verify counts overflows"
                if bits < state_bits:
                    fix = "scale states down; they lose their last bits"
                yield Finding("target-overflow", population.name, what, fix)


def _decay_findings(network: IntegerNetwork) -> Iterator[Finding]:
    """Findings on time constants that change, since the target's decays are powers of two."""
    for population in network.populations:
        decay_unit = population.runs_in.decay_one
        decays = (
            ("synaptic", decay_unit - population.keep_u),
            ("membrane", decay_unit - population.keep_v),
        )
        for noun, decay in decays:
            if 0 < decay < decay_unit and decay & (decay - 1):
                nearest = 2.0 ** round(math.log2(decay))
                change = math.log1p(-decay / decay_unit) / math.log1p(
                    -min(nearest, decay_unit - 1) / decay_unit
                )
                if abs(change - 1) < _DECAY_TOLERANCE:
                    continue
                what = f"decays are shifts: its {noun} time constant becomes {change:.2f} times as "
                what += "long"
                fix = "train with a time constant that is a power of two steps"
                yield Finding("target-decay", population.name, what, fix)


def _wasteful(network: IntegerNetwork, target: Target) -> Iterator[Finding]:
    """Findings on neurons and synapses without effect, and on unused bits."""
    reaching = _reaching_output(network)
    driven = {p.name: (p.bias != 0) for p in network.populations}
    for projection in network.projections:
        driven[projection.target] = driven[projection.target] | (projection.weight != 0).any(axis=0)
    silent = int((~reaching[INPUT]).sum())
    if silent:
        what = f"{silent:,} of {network.channels.size:,} channels have no path to the output"
        yield Finding("channels-unconnected", "input", what, "leave them out of the data")
    for population in network.populations:
        without_input = ~driven[population.name]
        without_path = ~reaching[population.name] & ~without_input
        if without_input.any():
            what = f"{without_input.sum():,} of {population.size:,} neurons have no input"
            yield Finding("neurons-undriven", population.name, what, "remove them")
        if without_path.any():
            what = (
                f"{without_path.sum():,} of {population.size:,} neurons have no path to the output"
            )
            yield Finding("neurons-unconnected", population.name, what, "remove them")
    for projection in network.projections:
        where = f"{projection.source} → {projection.target}"
        zeros = 1 - np.count_nonzero(projection.weight) / max(projection.weight.size, 1)
        if zeros >= 0.2 and target.core.dense:
            what = f"{zeros:.0%} of its synapses have weight 0 and still take memory"
            fix = "train a smaller network, or use a target with sparse storage"
            if _is_one_to_one(projection.weight):
                fix = "use a target with sparse storage: these are one-to-one connections"
            elif zeros > _STRUCTURAL_ZEROS:
                fix = "use a target with sparse storage"
            yield Finding("zeros-stored", where, what, fix)
        spare = _spare_bits(projection.weight, projection.weight_bits, projection.runs_in)
        if spare and projection.weight.any():
            what = (
                f"its {projection.weight_bits}-bit weights use only "
                f"{projection.weight_bits - spare} bits"
            )
            fix = (
                f"`weight_bits={projection.weight_bits - spare}` is enough for it, but applies to "
                "all "
            )
            fix += "projections"
            yield Finding("bits-unused", where, what, fix)


def _reaching_output(network: IntegerNetwork) -> dict[str, np.ndarray]:
    """By source, [neurons] bool: True for neurons with a path of synapses to the output."""
    reaching = {p.name: np.zeros(p.size, bool) for p in network.populations}
    reaching[INPUT] = np.zeros(network.channels.size, bool)
    reaching[network.readout.population][:] = True
    changed_any = True
    while changed_any:
        changed_any = False
        for projection in network.projections:
            extended = reaching[projection.source] | (
                projection.weight[:, reaching[projection.target]] != 0
            ).any(axis=1)
            changed_any = changed_any or bool((extended != reaching[projection.source]).any())
            reaching[projection.source] = extended
    return reaching


def _is_one_to_one(weight: np.ndarray) -> bool:
    """True if each source neuron, or each target neuron, has at most one synapse, as in relays."""
    synapses = weight != 0
    return bool((synapses.sum(axis=0) <= 1).all() or (synapses.sum(axis=1) <= 1).all())


def _spare_bits(weight: np.ndarray, weight_bits: int, runs_in: Arithmetic) -> int:
    """Number of weight bits that are unused, since all weights are multiples of a larger step."""
    used = int(np.bitwise_or.reduce(np.abs(weight.astype(np.int64)), axis=None))
    if not used:
        return 0
    mixed = weight.min() < 0 < weight.max()
    step = runs_in.weight_step(weight_bits, mixed)
    spare = (used & -used).bit_length() - step.bit_length()
    return max(0, min(spare, weight_bits - 2))
