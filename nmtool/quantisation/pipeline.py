"""The recommended way to integers: a grid of delays, ranges of weights, calibration, rounding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from nmtool.arithmetic import LOIHI2, Limits
from nmtool.errors import Finding, UsageError
from nmtool.network.float_network import Network
from nmtool.network.integer_network import IntegerPopulation
from nmtool.progress import Progress, silent
from nmtool.quantisation.calibration import calibrate, halve_overflowing_scales
from nmtool.quantisation.conversion import DATA, SCALES, STATIC, round_network
from nmtool.quantisation.delays import DelayGrid
from nmtool.quantisation.report import Quantisation
from nmtool.quantisation.scale import MEMBRANE, Calibration
from nmtool.quantisation.weights import search_ranges, weight_ranges
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.verification.comparison import spike_agreement

LARGEST, ERROR, SEARCH = RANGES = ("largest", "error", "search")
"""Ranges of integer weights: up to the largest, or with the least error of weights or answers."""


def quantise_network(
    network: Network,
    spikes: Raster | None = None,
    *,
    weight_bits: int | None = None,
    delay_bits: int | None = None,
    ranges: str = ERROR,
    scale: str = STATIC,
    relays: bool = False,
    target: Limits = LOIHI2,
    float_run: Callable[[Raster], Recording] | None = None,
    progress: Progress = silent,
) -> Quantisation:
    """Round a network with the head-room that samples show, and the ranges that suit it.

    Args:
        network: what training learnt.
        spikes: input of samples that stand for what the network will hear; without them,
            membranes of outputs get room for every possible input.
        weight_bits, delay_bits: of every projection; by default the most that the target holds.
        ranges: one of `RANGES`; `search` needs samples and `float_run`.
        scale: `static` or `data`, see `round_network`; `data` needs samples.
        relays: delays beyond those that are held leave from relays (`Network.with_relays`), and
            are not cut.
        target: what its integers are for.
        float_run: runs the float network. With it, spiking membranes have the room that keeps
            most of its spikes; without it, room for all inhibition that samples show.
        progress: is shown what is being done.

    Raises:
        UsageError: bits that the target does not have, unknown ranges or scale, or no samples
            where they need them.
    """
    check_choices(ranges, scale, has_data=spikes is not None)
    weight_bits = target.weight_bits[-1] if weight_bits is None else weight_bits
    delay_bits = target.delay_bits[-1] if delay_bits is None else delay_bits
    # Synapses of weight 0 deliver nothing, after whatever delay.
    used = [p.delay[p.weight != 0].max(initial=0) for p in network.projections]
    delays = DelayGrid.spanning(delay_bits, int(max(used, default=0)), target=target)
    if relays:
        network = network.with_relays(delays.longest)
    to_integers = partial(round_network, weight_bits=weight_bits, delays=delays, target=target)
    ranges_by_projection = (
        None if ranges == LARGEST else weight_ranges(network, weight_bits, target)
    )
    if spikes is None:
        return to_integers(network, ranges=ranges_by_projection)
    with progress(f"calibrating on {spikes.n_samples} training samples"):
        seen = calibrate(
            network, spikes, to_integers=partial(to_integers, ranges=ranges_by_projection)
        )
    if ranges_by_projection is not None and ranges == SEARCH:
        assert float_run is not None
        scores = float_run(spikes).scores
        with progress("searching ranges") as advance:
            ranges_by_projection = search_ranges(
                ranges_by_projection,
                lambda tried: to_integers(network, ranges=tried, calibration=seen).network,
                spikes,
                scores,
                on_try=lambda least: advance(spikes.n_samples, f"least error {least:.4f}"),
            )
        seen = halve_overflowing_scales(
            network, spikes, seen, to_integers=partial(to_integers, ranges=ranges_by_projection)
        )
    final = partial(to_integers, ranges=ranges_by_projection, scale=scale)
    if float_run is None:
        return final(network, calibration=seen)
    return _with_fitting_room(network, spikes, seen, final, float_run)


def _with_fitting_room(
    network: Network,
    spikes: Raster,
    seen: Calibration,
    to_integers: Callable[..., Quantisation],
    float_run: Callable[[Raster], Recording],
) -> Quantisation:
    """Halve the room of spiking membranes for inhibition while that keeps more spikes.

    A few neurons that are inhibited far below 0 and never spike would otherwise set the scale of
    all others, whose weights then leave bits unused. A membrane without the room stops at the
    lowest value and comes back from there somewhat sooner.
    """
    from nmtool.hardware_sim.simulator import simulate

    found = to_integers(network, calibration=seen)
    cut = _limited_by_inhibition(found)
    if not cut:
        return found
    expected = float_run(spikes)

    def run(rounded: Quantisation) -> tuple[float, int]:
        """Share of the spikes that are kept, and wraps of currents."""
        answers = simulate(rounded.network, spikes)
        agreement = spike_agreement(expected, answers.without_others(expected))
        return agreement.share, answers.counts["u_wraps"]

    at_first = share = run(found)[0]
    best, names = seen, set[str]()
    while cut:
        tried = replace(
            best,
            membrane={n: v / 2 if n in cut else v for n, v in best.membrane.items()},
            at_most={n: bound for n, bound in best.at_most.items() if n not in cut},
        )
        rounded = to_integers(network, calibration=tried)
        kept, wraps = run(rounded)
        if kept <= share or wraps:
            break
        found, best, share, names = rounded, tried, kept, names | cut
        cut = _limited_by_inhibition(found)
    more = (_inhibition_cut(found.network.population(n), seen, at_first, share) for n in names)
    report = replace(found.report, findings=(*found.findings, *more))
    return replace(found, report=report)


def _limited_by_inhibition(found: Quantisation) -> set[str]:
    """Names of the spiking populations whose scale is that of their membranes."""
    spiking = {population.name for population in found.network.spiking}
    return {one.name for one in found.report.populations if one.limit == MEMBRANE} & spiking


def _inhibition_cut(
    population: IntegerPopulation, seen: Calibration, before: float, after: float
) -> Finding:
    lowest = population.runs_in.state_limit / population.unit
    return Finding(
        "inhibition-cut",
        population.name,
        f"its membrane stops at {-lowest:.3g}, where inhibition pushes it to "
        f"{-seen.membrane[population.name]:.3g}",
        f"leave it so: {after:.1%} of the spikes on calibration data are shared, with room for all "
        f"inhibition {before:.1%}; a network trained with weaker inhibition does not need it",
    )


def check_choices(ranges: str, scale: str, *, has_data: bool) -> None:
    """Raise `UsageError` for unknown ranges or scale, and where they need data that are missing."""
    for name, value, known in (("ranges", ranges, RANGES), ("scale", scale, SCALES)):
        if value not in known:
            raise UsageError(
                f"unknown {name} '{value}'",
                code="quantise-option-unknown",
                fix=f"use one of {', '.join(known)}",
            )
    for name, value, needs in (("scale", scale, DATA), ("ranges", ranges, SEARCH)):
        if value == needs and not has_data:
            raise UsageError(
                f"{name} '{value}' needs calibration data",
                code="calibration-data-missing",
                fix="name them: `calibrate_on=`",
            )
