"""`check`: fit of a network to targets, with all changes and wasted resources."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from nmtool.arguments import checked
from nmtool.errors import Finding, UsageError
from nmtool.exporters.formats import format_named, places
from nmtool.loading import Source, as_network
from nmtool.network.float_network import Network
from nmtool.network.integer_network import IntegerNetwork
from nmtool.progress import Progress, silent
from nmtool.quantisation import Quantisation, quantise_network
from nmtool.tables import Result, Table, in_json
from nmtool.targets import LOIHI2, Target, target_named, target_names
from nmtool.targets.fit import APPROXIMATE, FAITHFUL, UNSUPPORTED, Fit, fit

ALL = "all"
"""Name that stands for all targets that come with nmtool."""


@dataclass(frozen=True, repr=False)
class CheckReport(Result):
    """Fit of a network to several targets.

    >>> import nmtool as nm
    >>> mine = nm.Target("mine", max_delay=0)
    >>> report = nm.check(nm.Network.layers([5, 8, 3], delays=10), ["loihi2", mine])
    >>> report
    <CheckReport: loihi2 approximate, mine unsupported>
    >>> report["mine"].unsupported[0].code
    'target-without-delays'

    Attributes:
        network_hash: content hash of the network.
        arithmetic: name of the network's arithmetic; `float` if it was rounded for each target.
        fits: one fit per target, in the given order.
    """

    network_hash: str = field(metadata=in_json("hash"))
    arithmetic: str
    fits: tuple[Fit, ...] = field(metadata=in_json("targets"))

    def __getitem__(self, target: str) -> Fit:
        return {outcome.target.name: outcome for outcome in self.fits}[target]

    def __repr__(self) -> str:
        words = (f"{outcome.target.name} {outcome.verdict}" for outcome in self.fits)
        return f"<CheckReport: {', '.join(words)}>"

    @property
    def fits_everywhere(self) -> bool:
        """True if no target is unsupported."""
        return all(outcome.verdict != UNSUPPORTED for outcome in self.fits)

    @property
    def wasteful(self) -> tuple[Finding, ...]:
        """Findings on unused neurons, synapses and bits, on any target."""
        return tuple(
            dict.fromkeys(finding for outcome in self.fits for finding in outcome.wasteful)
        )

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings on any target: parts that do not fit, changes and waste."""
        findings = [
            why for outcome in self.fits for why in (*outcome.unsupported, *outcome.approximate)
        ]
        return tuple(dict.fromkeys([*findings, *self.wasteful]))

    def sentences(self) -> list[tuple[str, str]]:
        """A sentence per target, each with its severity: '', `warning` or `alarm`."""
        severities = {FAITHFUL: "", APPROXIMATE: "warning", UNSUPPORTED: "alarm"}
        return [
            (f"{outcome.target.name}: {outcome.words}", severities[outcome.verdict])
            for outcome in self.fits
        ]

    def tables(self) -> list[Table]:
        """A table with a row per target, and tables of each target's cores or other resources."""
        rows = [_table_row(outcome) for outcome in self.fits]
        header = ("target", "fit", "arithmetic known by", "cores", "binds", "findings")
        return [
            Table("targets", header, rows),
            *(t for outcome in self.fits for t in outcome.tables()),
        ]


@checked
def check(
    network: Source,
    target: str | Path | Target | Sequence[str | Path | Target] = LOIHI2.name,
    *,
    progress: Progress = silent,
) -> CheckReport:
    """Check a network against targets: list all parts that do not fit, change or are wasted.

    >>> import nmtool as nm
    >>> report = nm.check(q.network, ["loihi2", "loihi1"])  # doctest: +SKIP
    >>> report["loihi2"].verdict  # doctest: +SKIP
    'faithful'

    Args:
        network: integer network, a run, a torch model, or a path. A float network is quantised for
            each target with the default bits; delays beyond the target's limit are clipped.
        target: one or several of: name, `.toml` file, `Target`; `all`: every target that comes with
            nmtool.
        progress: shows progress, e.g. `nmtool.progress_bar`.

    Raises:
        UsageError: a target is unknown, or a target's file is wrong.
        FileFormatError: there is no network at the path.
    """
    chosen = [target_named(choice) for choice in several_targets(target)]
    loaded_network = as_network(network)
    fits: list[Fit] = []
    roundings: _Roundings = {}
    with progress("targets", len(chosen)) as advance:
        for chip in chosen:
            fits.append(_fit_to_target(loaded_network, chip, roundings=roundings))
            advance(1, chip.name)
    return CheckReport(loaded_network.content_hash, loaded_network.arithmetic, tuple(fits))


def fits_of_format(
    network: Network | IntegerNetwork, name: str, options: object = None
) -> tuple[Fit, ...]:
    """Fits of a network to all targets of a format; the target with the format's name is first.

    Args:
        network: the network to be written.
        name: name of the format.
        options: options of the export; None for the defaults.
    """
    targets = [target_named(target_name) for target_name in target_names()]
    of_format = [target for target in targets if target.format == name]
    of_format.sort(key=lambda target: target.name != name)
    roundings: _Roundings = {}
    return tuple(
        _fit_to_target(network, target, options, roundings=roundings) for target in of_format
    )


_Roundings = dict[tuple[object, ...], Quantisation]
"""Integers of a float network, by `Target.rounding`: targets with equal rounding share them."""


def _fit_to_target(
    network: Network | IntegerNetwork,
    target: Target,
    options: object = None,
    *,
    roundings: _Roundings,
) -> Fit:
    """Determine the fit of a network to a target; a float network is rounded for the target."""
    format_ = format_named(target.format) if target.format in places() else None
    changed: Collection[Finding] = ()
    if isinstance(network, Network):
        if format_ is not None and format_.holds_floats:
            return Fit(target, unsupported=tuple(format_.reasons_against(network, options)))
        # Rounding clips delays to the limit of the target. For a target without delays, it would
        # set all delays to 0, and the fit would not report the delays.
        rounding_target = (
            target if target.max_delay else replace(target, max_delay=target.runs_in.max_delay)
        )
        if rounding_target.rounding not in roundings:
            roundings[rounding_target.rounding] = quantise_network(network, target=rounding_target)
        rounded = roundings[rounding_target.rounding]
        network, changed = rounded.network, (_rounding_finding(rounded), *rounded.findings)
    reasons = [] if format_ is None else format_.reasons_against(network, options)
    outcome = fit(network, target, misfits=reasons, changed=changed)
    if reasons or format_ is None:
        return outcome
    uses = format_.uses(network, target, options)
    lacking = format_.lacking(uses, target)
    return replace(outcome, uses=tuple(uses), unsupported=(*outcome.unsupported, *lacking))


def _rounding_finding(rounded: Quantisation) -> Finding:
    """The finding that a float network was rounded, with the largest rms error of a projection."""
    worst = max((projection.rms_error for projection in rounded.report.projections), default=0.0)
    what = f"the float network is rounded; the rms error of its weights is up to {worst:.2%}"
    fix = "measure the accuracy lost: nmtool quantise --data DATA; training in integers avoids it"
    return Finding("floats-rounded", "network", what, fix)


def several_targets(
    target: str | Path | Target | Sequence[str | Path | Target],
) -> Sequence[str | Path | Target]:
    """Convert one target or several to a sequence; raise `UsageError` if there is no target."""
    names = [target] if isinstance(target, str | Path | Target) else list(target)
    if ALL in names:
        return target_names()
    if not names:
        raise UsageError(
            "no target is named", code="target-missing", fix=f"name a target, or '{ALL}'"
        )
    return names


def _table_row(outcome: Fit) -> tuple[Any, ...]:
    """A row of the table of fits: target, verdict, mark, cores, limiting resources, findings."""
    cores = binds = ""
    if outcome.resources is not None and outcome.resources.cores is not None:
        cores = (
            f"{outcome.resources.cores:,}{' (inferred)' if outcome.resources.is_inferred else ''}"
        )
        binds = ", ".join(outcome.resources.binding)
    counts = {
        "do not fit": len(outcome.unsupported),
        "change": len(outcome.approximate),
        "wasteful": len(outcome.wasteful),
    }
    words = ", ".join(f"{count} {noun}" for noun, count in counts.items() if count)
    mark = outcome.target.origin("arithmetic").mark if outcome.target.arithmetic else ""
    return outcome.target.name, outcome.verdict, mark, cores, binds, words
