"""Flags for writing formats, and for reading files from other tools."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from nmtool.cli import flags
from nmtool.cli.arguments import count, group
from nmtool.cli.flags import flag
from nmtool.errors import UsageError

if TYPE_CHECKING:
    from nmtool.exporters.nir.options import NirOptions
    from nmtool.exporters.verilog.options import VerilogOptions

NIR, MLGENN = "nir", "mlgenn"
READING = {NIR: "ImportOptions", MLGENN: "MlgennOptions"}
"""Class of reading options, by kind of input."""
_WORDS = {NIR: "NIR files", MLGENN: "checkpoints of mlGeNN"}
_IN = "in_"


def add_writing_options(parser: argparse.ArgumentParser) -> None:
    """Add a flag per option of NIR files and of Verilog."""
    flags.add(
        group(parser, "NIR files"),
        "NirOptions",
        form=_choice("FORMS"),
        readout=_choice("READOUTS"),
        hops=_choice("HOPS"),
        nir_dt_s=flag("--nir-dt", metavar="S"),
    )
    flags.add(group(parser, "Verilog"), "VerilogOptions", part=flag(metavar="FPGA"))


def writing_options(arguments: argparse.Namespace) -> NirOptions | VerilogOptions | None:
    """The options given for NIR or for Verilog; None if there are none.

    Raises:
        UsageError: options are out of range, or are given for both formats.
    """
    nir, verilog = (flags.given(arguments, name) for name in ("NirOptions", "VerilogOptions"))
    if nir and verilog:
        raise UsageError(
            "options for NIR files and options for Verilog cannot be combined",
            code="writing-options-mixed",
            why=f"{', '.join(verilog)} are for Verilog",
            fix="leave out the options of the format that you are not writing",
        )
    if nir:
        from nmtool.exporters.nir.options import NirOptions

        return NirOptions(**nir)
    if verilog:
        from nmtool.exporters.verilog.options import VerilogOptions

        return VerilogOptions(**verilog)
    return None


def add_reading_options(parser: argparse.ArgumentParser) -> None:
    """Add a flag `--in…` per option for reading files from other tools."""
    shared = group(parser, "Networks from other tools")
    flags.add(
        shared,
        READING[NIR],
        dest_prefix=_IN,
        only=("dt_ms", "n_steps", "rule", "window"),
        dt_ms=flag(
            metavar="MS",
            help="time step of the network in ms; default: --in-nir-dt, or 1 for checkpoints",
        ),
        n_steps=flag("--in-steps", type=count, metavar="N"),
        rule=flag(
            choices=flags.words("nmtool.network.readout.RULES"),
            help="rule of the readout. Default: weighted for checkpoints; for NIR, max (spike "
            "counts) if the output spikes, else mean (membranes)",
        ),
        window=flag(type=count),
    )
    flags.add(
        parser.add_argument_group(
            "NIR files from other tools",
            "A NIR file written by nmtool also carries the network itself; with any of these "
            "options, the graph is read instead.",
        ),
        READING[NIR],
        dest_prefix=_IN,
        nir_dt_s=flag("--in-nir-dt", metavar="S"),
    )
    flags.add(
        parser.add_argument_group(
            "Checkpoints of mlGeNN",
            "Checkpoints lack time constants and thresholds. VALUE is one number for all "
            "populations, or NAME=VALUE,NAME=VALUE with mlGeNN's names.",
        ),
        READING[MLGENN],
        dest_prefix=_IN,
        readout=None,  # The option `--in-rule` sets the rule of the readout.
        tau_mem_ms=flag(type=_per_population, metavar="VALUE"),
        tau_syn_ms=flag(type=_per_population, metavar="VALUE"),
        threshold=flag(type=_per_population, metavar="VALUE"),
        scaled=flag(
            "--in-unscaled",
            help="the neurons and synapses have scale_i=False: their currents are not scaled "
            "(default: they are scaled, as mlGeNN does for EventProp)",
        ),
        epoch=flag(metavar="EPOCH"),
        sizes=flag(type=_sizes, metavar="NAME=N,…"),
        populations=flag(type=lambda text: tuple(text.split(",")), metavar="NAME,…"),
        group=flag(type=count),
        fixed_point=flag(type=count, metavar="BITS"),
    )


def reading_options(arguments: argparse.Namespace, path: str) -> Any:
    """Options with which `nmtool.load` reads IN; None if the format of IN has none.

    Raises:
        UsageError: a flag is for another kind of input, out of range, or missing.
    """
    from nmtool.exporters.formats import artefact_at

    artefact = artefact_at(path)
    kind = "" if artefact is None else artefact.name
    by_kind = {
        name: flags.given(arguments, options_class, prefix=_IN)
        for name, options_class in READING.items()
    }
    if "rule" in by_kind[NIR]:
        by_kind[MLGENN]["readout"] = by_kind[NIR]["rule"]
    applicable = {_IN + name for name in by_kind.get(kind, ())}
    applicable |= {"in_rule"} if kind == MLGENN else set()
    for others in by_kind.values():
        for name in others:
            dest = "in_rule" if name == "readout" else _IN + name
            if dest not in applicable:
                kinds = [
                    _WORDS[kind_of_input]
                    for kind_of_input, values in by_kind.items()
                    if name in values
                ]
                name = arguments.parser.flag(dest)
                raise UsageError(
                    f"{name} applies to {' and '.join(kinds)} only, not to {path}",
                    code="import-options-unused",
                    fix="leave it out",
                )
    if artefact is None or artefact.reading_options is None:
        return None
    # A NIR file can be read without options. With options, nmtool always reads the graph, even if
    # the file also embeds a network of nmtool.
    options = by_kind[kind]
    return artefact.reading_options(**options) if options or kind != NIR else None


def _choice(constant: str) -> flags.Flag:
    """A flag that takes one of the words in a constant of `nmtool.exporters.nir.options`."""
    return flag(choices=flags.words(f"nmtool.exporters.nir.options.{constant}"))


def _per_population(text: str) -> float | dict[str, float]:
    """Parse `20`, or `Hidden=20,Output=10` to numbers by name; for `type=`."""
    try:
        return _by_name(text, float) if "=" in text else float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"must be a number, or NAME=NUMBER,…, not '{text}'"
        ) from None


def _sizes(text: str) -> dict[str, int]:
    """Parse `Input=700,Hidden=256` to numbers by name; for `type=`."""
    try:
        return _by_name(text, count)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be NAME=NUMBER,…, not '{text}'") from None


def _by_name(text: str, value: Callable[[str], Any]) -> dict[str, Any]:
    """Parse `NAME=VALUE,…` to values by name; `ValueError` for missing or repeated names."""
    pairs = [part.split("=") for part in text.split(",")]
    values = {name.strip(): value(number) for name, number in pairs}
    if len(values) < len(pairs) or "" in values:
        raise ValueError
    return values
