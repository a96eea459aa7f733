"""`check`: whether a network fits one or more targets, what changes there, what is wasted."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from nmtool.arguments import checked
from nmtool.errors import Finding, UsageError
from nmtool.loading import Source, as_network
from nmtool.network.float_network import Network
from nmtool.network.integer_network import IntegerNetwork
from nmtool.progress import Progress, silent
from nmtool.quantisation import Quantisation, quantise_network
from nmtool.quantisation.quantising import quantised_already
from nmtool.tables import Result, Table
from nmtool.targets import LOIHI2, Target, target_named, target_names
from nmtool.targets.fit import APPROXIMATE, FAITHFUL, UNSUPPORTED, Fit, fit
from nmtool.targets.target import Memory

ALL = "all"
"""Word for all targets that come with nmtool."""


@dataclass(frozen=True, repr=False)
class CheckReport(Result):
    """A network on several targets, side by side.

    >>> import nmtool as nm
    >>> report = nm.check(nm.Network.layers([5, 8, 3], delays=10), ["loihi2", "xylo-imu"])
    >>> report
    <CheckReport: loihi2 approximate, xylo-imu unsupported>
    >>> report["xylo-imu"].unsupported[0].code
    'target-without-delays'

    Attributes:
        network_hash: content hash of the network.
        arithmetic: `loihi2`, or `float` if it was rounded for each target.
        fits: one per target, in the given order.
    """

    _json = "hash=network_hash arithmetic targets=fits"

    network_hash: str
    arithmetic: str
    fits: tuple[Fit, ...]

    def __getitem__(self, target: str) -> Fit:
        return {one.target.name: one for one in self.fits}[target]

    def __repr__(self) -> str:
        words = (f"{one.target.name} {one.verdict}" for one in self.fits)
        return f"<CheckReport: {', '.join(words)}>"

    @property
    def fits_everywhere(self) -> bool:
        """True if no target is unsupported."""
        return all(one.verdict != UNSUPPORTED for one in self.fits)

    @property
    def wasteful(self) -> tuple[Finding, ...]:
        """Findings on unused neurons, synapses and bits, on any target."""
        return tuple(dict.fromkeys(finding for one in self.fits for finding in one.wasteful))

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Everything that does not fit, changes or is wasteful, on any target."""
        each = [why for one in self.fits for why in (*one.unsupported, *one.approximate)]
        return tuple(dict.fromkeys([*each, *self.wasteful]))

    def sentences(self) -> list[tuple[str, str]]:
        """A sentence per target, with its severity: '', `warning` or `alarm`."""
        weights = {FAITHFUL: "", APPROXIMATE: "warning", UNSUPPORTED: "alarm"}
        return [(f"{one.target.name}: {one.words}", weights[one.verdict]) for one in self.fits]

    def tables(self) -> list[Table]:
        """The targets side by side, and the cores of each."""
        rows = [_row(one) for one in self.fits]
        header = ("target", "fit", "arithmetic", "cores", "binds", "findings")
        return [Table("targets", header, rows), *(t for one in self.fits for t in one.tables())]


@checked
def check(
    network: Source,
    targets: str | Path | Target | Sequence[str | Path | Target] = LOIHI2.name,
    *,
    relays: bool = False,
    quantising: Mapping[str, Any] = MappingProxyType({}),
    progress: Progress = silent,
) -> CheckReport:
    """Check a network against targets: everything that does not fit, changes or is wasted.

    >>> import nmtool as nm
    >>> report = nm.check(q.network, ["loihi2", "loihi1"])  # doctest: +SKIP
    >>> report["loihi2"].verdict  # doctest: +SKIP
    'faithful'

    Args:
        network: integer network, or float network, which is rounded for each target; a run, or a
            path.
        targets: names, `.toml` files, or `Target`s; `all`: every target that comes with nmtool.
        relays: when rounding, realise longer delays with relay populations, which take resources;
            by default they are clipped.
        quantising: arguments of `quantise_network` for a float network, e.g. `{"weight_bits": 4}`.
        progress: shows progress, e.g. `nmtool.progress_bar`.

    Raises:
        UsageError: a target is unknown, its file is wrong, or there are quantisation arguments for
            an integer network.
        FileFormatError: there is no network at that path.
    """
    chosen = [target_named(one) for one in several_targets(targets)]
    found = as_network(network)
    if (quantising or relays) and isinstance(found, IntegerNetwork):
        raise quantised_already(network, [*(["relays"] if relays else []), *quantising])
    fits: list[Fit] = []
    roundings: _Roundings = {}
    with progress("targets", len(chosen)) as advance:
        for target in chosen:
            fits.append(_fit(found, target, quantising, relays=relays, roundings=roundings))
            advance(1, target.name)
    arithmetic = found.arithmetic if isinstance(found, IntegerNetwork) else "float"
    return CheckReport(found.content_hash, arithmetic, tuple(fits))


def fits_of_format(
    network: Network | IntegerNetwork, name: str, options: object = None
) -> tuple[Fit, ...]:
    """Fits on the targets that are reached through a format, with the format itself first.

    Args:
        network: the network to be written.
        name: name of the format.
        options: how it is written, e.g. the lanes of a Verilog core.
    """
    lanes = getattr(options, "lanes", 1)
    targets = [target_named(one) for one in target_names()]
    led_to = [one for one in targets if one.format == name]
    led_to.sort(key=lambda one: one.name != name)
    roundings: _Roundings = {}
    return tuple(_fit(network, one, {}, lanes, roundings=roundings) for one in led_to)


_Roundings = dict[tuple[object, ...], Quantisation]
"""Integers of a float network by `Target.rounding`, computed once for equal targets."""


def _fit(
    network: Network | IntegerNetwork,
    target: Target,
    quantising: Mapping[str, Any],
    lanes: int = 1,
    *,
    relays: bool = False,
    roundings: _Roundings,
) -> Fit:
    from nmtool.exporters.formats import PLACES, format_named

    format_ = format_named(target.format) if target.format in PLACES else None
    changed: Collection[Finding] = ()
    if isinstance(network, Network):
        if format_ is not None and format_.holds_floats and not quantising:
            return Fit(target, unsupported=tuple(format_.reasons_against(network)))
        # Rounding clips delays; for a target without delays, all would be lost unnoticed.
        keeps = target.max_delay or relays
        kept = target if keeps else replace(target, max_delay=target.runs_in.max_delay)
        if kept.rounding not in roundings:
            how = {"relays": relays, **quantising}
            roundings[kept.rounding] = quantise_network(network, target=kept, **how)
        rounded = roundings[kept.rounding]
        network, changed = rounded.network, (_rounded(rounded), *rounded.findings)
    reasons = [] if format_ is None else format_.reasons_against(network)
    found = fit(network, target, misfits=reasons, changed=changed)
    if reasons:
        return found
    if target.fabric.family is not None:
        from nmtool.exporters.verilog import fabric

        uses = fabric.uses(network, target, lanes)
        lacking = fabric.too_small(target, uses)
    elif target.memory != Memory():
        from nmtool.exporters.c import sizes

        uses = sizes.uses(network, target)
        lacking = sizes.too_small(target, uses)
    else:
        return found
    return replace(found, uses=tuple(uses), unsupported=(*found.unsupported, *lacking))


def _rounded(rounded: Quantisation) -> Finding:
    """The finding on the rounding of a float network, with the largest error."""
    worst = max((one.rms_error for one in rounded.report.projections), default=0.0)
    what = f"the float network is rounded; weights change by up to {worst:.2%} of their rms"
    fix = "measure the accuracy lost: nmtool quantise --data DATA; training in integers avoids it"
    return Finding("floats-rounded", "network", what, fix)


def several_targets(
    targets: str | Path | Target | Sequence[str | Path | Target],
) -> Sequence[str | Path | Target]:
    """The named targets as a sequence; raises `UsageError` if there is none."""
    names = [targets] if isinstance(targets, str | Path | Target) else list(targets)
    if ALL in names:
        return target_names()
    if not names:
        raise UsageError(
            "no target is named", code="target-missing", fix=f"name one, or {ALL}, or leave it out"
        )
    return names


def _row(one: Fit) -> tuple[Any, ...]:
    cores = binds = ""
    if one.resources is not None and one.resources.cores is not None:
        cores = f"{one.resources.cores:,}{' (inferred)' if one.resources.is_inferred else ''}"
        binds = ", ".join(one.resources.binding)
    counts = {
        "do not fit": len(one.unsupported),
        "change": len(one.approximate),
        "wasteful": len(one.wasteful),
    }
    words = ", ".join(f"{count} {noun}" for noun, count in counts.items() if count)
    known = one.target.origin("arithmetic").mark if one.target.arithmetic else ""
    return one.target.name, one.verdict, known, cores, binds, words
