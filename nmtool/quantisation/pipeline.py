"""The recommended quantisation: grid of delays, ranges of weights, calibration, rounding."""

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
from nmtool.tables import counted
from nmtool.verification.comparison import spike_agreement

LARGEST, ERROR, SEARCH = RANGES = ("largest", "error", "search")
"""Rules for ranges of integer weights: up to the largest weight; smallest error of the weights;
smallest error of the scores."""


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
    """Round a network, with suitable ranges of weights, and head-room of membranes from samples.

    Args:
        network: the float network.
        spikes: input raster of representative samples; without it, membranes of outputs get
            head-room for every possible input.
        weight_bits, delay_bits: bits per weight and per delay in every projection; by default the
            target's maxima.
        ranges: one of `RANGES`; `search` needs samples and `float_run`.
        scale: `static` or `data`, see `round_network`; `data` needs samples.
        relays: realise delays beyond the target's longest with relay populations
            (`Network.with_relays`); by default they are clipped.
        target: chip or format to round for.
        float_run: runs the float network. With it, membranes of spiking populations get the
            head-room with which most spikes agree with the float network; without it, they get
            head-room for all inhibition on the samples.
        progress: shows progress, e.g. `nmtool.progress_bar`.

    Raises:
        UsageError: the target does not have these bits, ranges or scale are unknown, or samples
            are missing.
    """
    _check_choices(ranges, scale, has_data=spikes is not None)
    weight_bits = target.weight_bits[-1] if weight_bits is None else weight_bits
    delay_bits = target.delay_bits[-1] if delay_bits is None else delay_bits
    # Synapses of weight 0 are ignored, because their delays have no effect.
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
    with progress(f"calibrating on {counted(spikes.n_samples, 'training sample')}"):
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
    return _reduce_head_room(network, spikes, seen, final, float_run)


def _reduce_head_room(
    network: Network,
    spikes: Raster,
    seen: Calibration,
    to_integers: Callable[..., Quantisation],
    float_run: Callable[[Raster], Recording],
) -> Quantisation:
    """Halve the head-room for inhibition as long as more spikes agree with the float network.

    With full head-room, a few neurons that are inhibited far below 0 and never spike would limit
    the scale of their whole population, and its weights would leave bits unused. With less
    head-room, the membranes of these few neurons stop at the lowest value and recover somewhat
    sooner.
    """
    from nmtool.hardware_sim.simulator import simulate

    quantisation = to_integers(network, calibration=seen)
    limited = _limited_by_inhibition(quantisation)
    if not limited:
        return quantisation
    expected = float_run(spikes)

    def spikes_and_wraps(rounded: Quantisation) -> tuple[float, int]:
        """Share of spikes that agree with the float network, and number of wraps of currents."""
        integer_recording = simulate(rounded.network, spikes)
        agreement = spike_agreement(
            expected, integer_recording.only({*expected.spikes, *expected.membrane})
        )
        return agreement.share, integer_recording.counts["u_wraps"]

    initial_share = share = spikes_and_wraps(quantisation)[0]
    best, names = seen, set[str]()
    while limited:
        tried = replace(
            best,
            membrane={n: v / 2 if n in limited else v for n, v in best.membrane.items()},
            at_most={n: bound for n, bound in best.at_most.items() if n not in limited},
        )
        rounded = to_integers(network, calibration=tried)
        new_share, wraps = spikes_and_wraps(rounded)
        if new_share <= share or wraps:
            break
        quantisation, best, share, names = rounded, tried, new_share, names | limited
        limited = _limited_by_inhibition(quantisation)
    more = (
        _inhibition_finding(quantisation.network.population(n), seen, initial_share, share)
        for n in names
    )
    report = replace(quantisation.report, findings=(*quantisation.findings, *more))
    return replace(quantisation, report=report)


def _limited_by_inhibition(quantisation: Quantisation) -> set[str]:
    """Names of spiking populations whose scale is limited by the head-room of the membrane."""
    spiking = {population.name for population in quantisation.network.spiking}
    return {
        population.name
        for population in quantisation.report.populations
        if population.limit == MEMBRANE
    } & spiking


def _inhibition_finding(
    population: IntegerPopulation, seen: Calibration, before: float, after: float
) -> Finding:
    """The finding that a population's membranes are clipped under strong inhibition."""
    lowest = population.runs_in.state_limit / population.unit
    return Finding(
        "inhibition-cut",
        population.name,
        f"its membrane is clipped at {-lowest:.3g}, while inhibition reaches "
        f"{-seen.membrane[population.name]:.3g}",
        f"nothing has to be done: {after:.1%} of the spikes on calibration data agree with the "
        f"float network, {before:.1%} without clipping; to avoid clipping, train with weaker "
        "inhibition",
    )


def _check_choices(ranges: str, scale: str, *, has_data: bool) -> None:
    """Raise `UsageError` if ranges or scale are unknown, or need data that are missing."""
    for name, value, choices in (("ranges", ranges, RANGES), ("scale", scale, SCALES)):
        if value not in choices:
            raise UsageError(
                f"unknown {name} '{value}'",
                code="quantise-option-unknown",
                fix=f"use one of {', '.join(choices)}",
            )
    for name, value, needs in (("scale", scale, DATA), ("ranges", ranges, SEARCH)):
        if value == needs and not has_data:
            raise UsageError(
                f"{name} '{value}' needs calibration data",
                code="calibration-data-missing",
                fix="name the data: `calibrate_on=`",
            )
