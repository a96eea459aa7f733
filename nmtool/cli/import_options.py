"""Options that say how files of others are to be understood."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from typing import Any

from nmtool.cli.arguments import count
from nmtool.errors import UsageError

NIR, MLGENN = "nir", "mlgenn"
_WORDS = {NIR: "NIR files", MLGENN: "checkpoints of mlGeNN"}

_FIELDS: Mapping[str, Mapping[str, str]] = {
    NIR: {
        "in_dt_ms": "dt_ms",
        "in_steps": "n_steps",
        "in_rule": "rule",
        "in_window": "window",
        "in_nir_dt": "nir_dt_s",
        "in_recurrent_step": "implied",
    },
    MLGENN: {
        "in_dt_ms": "dt_ms",
        "in_steps": "n_steps",
        "in_rule": "readout",
        "in_window": "window",
        "in_tau_mem_ms": "tau_mem_ms",
        "in_tau_syn_ms": "tau_syn_ms",
        "in_threshold": "threshold",
        "in_unscaled": "scaled",
        "in_epoch": "epoch",
        "in_sizes": "sizes",
        "in_populations": "populations",
        "in_group": "group",
    },
}
"""Per kind of input, what options set in `ImportOptions` and in `MlgennOptions`."""


def import_options(arguments: argparse.Namespace) -> Any:
    """Options for `nmtool.load` to read IN with; None where its kind takes none.

    Raises:
        UsageError: an option is for other inputs, out of range, or missing.
    """
    from nmtool.exporters.formats import artefact_at

    artefact = artefact_at(arguments.network)
    taken = None if artefact is None else artefact.reading_options
    if artefact is None or taken is None:
        _given(arguments, "")
        return None
    options = _given(arguments, artefact.name)
    if "implied" in options:
        from nmtool.exporters.nir.options import IMPLIED

        options["implied"] = options["implied"] == IMPLIED
    # NIR files say all that is needed; with options, the graph is read where nmtool wrote one.
    return taken(**options) if options or artefact.name != NIR else None


def _given(arguments: argparse.Namespace, kind: str) -> dict[str, Any]:
    """The options as given, by the fields they set; those for other kinds of input are refused."""
    fields = _FIELDS.get(kind, {})
    given = {}
    for name in dict.fromkeys(name for names in _FIELDS.values() for name in names):
        if getattr(arguments, name) is None:
            continue
        if name not in fields:
            kinds = " and ".join(_WORDS[one] for one, names in _FIELDS.items() if name in names)
            raise UsageError(
                f"--{name.replace('_', '-')} is for {kinds}, which {arguments.network} is not",
                code="import-options-unused",
                fix="leave it out",
            )
        given[fields[name]] = getattr(arguments, name)
    return given


def add_import_options(parser: argparse.ArgumentParser) -> None:
    """Add the options; those not given are None."""
    _add_common(parser.add_argument_group("Networks of others"))
    _add_nir(
        parser.add_argument_group(
            "NIR files of others",
            "One of the options --in… has the graph read even from a file that carries nmtool's "
            "own network.",
        )
    )
    _add_mlgenn(
        parser.add_argument_group(
            "Checkpoints of mlGeNN",
            "They do not say time constants and thresholds. VALUE is one for all populations, or "
            "NAME=VALUE,NAME=VALUE by mlGeNN's names of them.",
        )
    )


def _add_common(group: argparse._ArgumentGroup) -> None:
    from nmtool.readout import RULES

    group.add_argument(
        "--in-dt-ms",
        type=float,
        metavar="MS",
        help="step of the network in ms; by default that of --in-nir-dt, or 1 for checkpoints",
    )
    group.add_argument(
        "--in-steps", type=count, metavar="N", help="steps of a sample; by default those of 1 s"
    )
    group.add_argument(
        "--in-rule",
        choices=RULES,
        help="of the read-out; by default weighted for checkpoints; for NIR, max of the counts of "
        "outputs that spike, mean of the membranes of others",
    )
    group.add_argument(
        "--in-window", type=count, metavar="N", help="steps that --in-rule window averages"
    )


def _add_nir(group: argparse._ArgumentGroup) -> None:
    from nmtool.exporters.nir.options import NIR_DT_S, RECURRENT_STEPS

    group.add_argument(
        "--in-nir-dt",
        type=float,
        metavar="S",
        help=f"step in s that IN was made for, which NIR does not tell; default {NIR_DT_S:g}",
    )
    group.add_argument(
        "--in-recurrent-step",
        choices=RECURRENT_STEPS,
        help="implied (default): a connection that closes a loop costs a step by itself; "
        "explicit: only a Delay does",
    )


def _add_mlgenn(group: argparse._ArgumentGroup) -> None:
    for name, text in (
        ("--in-tau-mem-ms", "time constant of membranes in ms"),
        ("--in-tau-syn-ms", "time constant of synapses in ms"),
        ("--in-threshold", "of populations that spike"),
    ):
        group.add_argument(name, type=_per_population, metavar="VALUE", help=text)
    group.add_argument(
        "--in-unscaled",
        action="store_false",
        default=None,
        help="neurons and synapses were made with scale_i=False; by default currents are scaled, "
        "as mlGeNN's defaults for EventProp have it",
    )
    group.add_argument(
        "--in-epoch",
        metavar="EPOCH",
        help="what the names of the checkpoint's files begin with; by default the latest number",
    )
    group.add_argument(
        "--in-sizes",
        type=_sizes,
        metavar="NAME=N,…",
        help="neurons of populations, where the arrays leave them open",
    )
    group.add_argument(
        "--in-populations",
        type=lambda text: tuple(text.split(",")),
        metavar="NAME,…",
        help="all of mlGeNN's names, where those of files can be read in several ways",
    )
    group.add_argument(
        "--in-group",
        type=count,
        metavar="N",
        help="neighbouring channels of the data that share an input, default 1",
    )


def _per_population(text: str) -> float | dict[str, float]:
    """`20`, or `Hidden=20,Output=10`, for `type=`."""
    try:
        return _by_name(text, float) if "=" in text else float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"must be a number, or NAME=NUMBER,…, not '{text}'"
        ) from None


def _sizes(text: str) -> dict[str, int]:
    """`Input=700,Hidden=256`, for `type=`."""
    try:
        return _by_name(text, count)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be NAME=NUMBER,…, not '{text}'") from None


def _by_name(text: str, value: Callable[[str], Any]) -> dict[str, Any]:
    """Values by name; raises `ValueError` where a name is missing or comes twice."""
    pairs = [part.split("=") for part in text.split(",")]
    found = {name.strip(): value(number) for name, number in pairs}
    if len(found) < len(pairs) or "" in found:
        raise ValueError
    return found
