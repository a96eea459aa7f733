"""Estimated resources of a core, compared with results of Yosys 0.52 and nextpnr 0.7."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import nmtool as nm
from nmtool.errors import DoesNotFitError
from nmtool.network.graph import LATE, LIF, SUBTRACT
from nmtool.targets import target_named
from nmtool_fpga.targets import FABRIC, Fabric
from nmtool_fpga.verilog.fabric import Shape, blocks, uses
from nmtool_fpga.verilog.format import Verilog
from nmtool_fpga.verilog.options import VerilogOptions
from tests.refusals import refused

DIGITS = Path(__file__).with_name("placed_digits.npz")
"""The network of 64 inputs, 100 neurons and 10 outputs that was synthesised as `digits`."""

MADE = [
    ("ecp5-85", "yinyang", 1, {"block RAMs": 5, "multipliers": 5}),
    ("ecp5-85", "yinyang", 4, {"block RAMs": 10, "multipliers": 5}),
    ("ecp5-85", "yinyang", 16, {"block RAMs": 39, "multipliers": 17}),
    ("ecp5-25", "digits", 1, {"block RAMs": 26, "look-up tables": 1983, "multipliers": 7}),
    ("ecp5-85", "digits", 2, {"block RAMs": 26, "multipliers": 7}),
    ("ecp5-85", "digits", 4, {"block RAMs": 27, "multipliers": 7}),
    ("ecp5-85", "digits", 8, {"block RAMs": 37, "multipliers": 11}),
    ("ecp5-85", "digits", 16, {"block RAMs": 58, "multipliers": 19}),
    ("ecp5-85", "spoken-digits", 1, {"block RAMs": 144, "look-up tables": 2153}),
    ("ecp5-85", "spoken-digits", 2, {"block RAMs": 144, "look-up tables": 2443}),
    ("ecp5-85", "spoken-digits", 4, {"block RAMs": 148, "look-up tables": 3047}),
    ("ecp5-85", "spoken-digits", 8, {"block RAMs": 141, "look-up tables": 3899}),
    ("ice40up5k", "digits", 1, {"large RAMs": 4, "look-up tables": 3244, "multipliers": 7}),
]


@pytest.mark.parametrize(("part", "network", "lanes", "counts"), MADE)
def test_counts_are_within_their_error_of_a_synthesis(
    part: str, network: str, lanes: int, counts: dict
) -> None:
    loaded = nm.IntegerNetwork.load(DIGITS) if network == "digits" else nm.zoo.load(network)
    resources = {use.resource: use for use in uses(loaded, target_named(part), lanes)}
    for resource, count in counts.items():
        error = abs(resources[resource].used - count) / count
        assert error <= resources[resource].error, (resource, resources[resource].used, count)


@pytest.mark.parametrize(
    ("part", "lanes", "more"),
    [
        ("ecp5-85", 1, 171),
        ("ecp5-85", 4, 157),
        ("ecp5-85", 8, 292),
        ("ecp5-85", 16, 506),
        ("ice40up5k", 1, 175),
        ("ice40up5k", 8, 268),
    ],
)
def test_subtracting_resets_take_more_look_up_tables(part: str, lanes: int, more: int) -> None:
    """Yosys counts `more` of them for zoo:digits, and the same number of everything else."""
    network, target = nm.zoo.load("digits"), target_named(part)
    late = [replace(p, reset=LATE) for p in network.spiking]
    silent = [p for p in network.populations if p.kind != LIF]
    changed = replace(network, populations=[*late, *silent])
    before, after = (
        {use.resource: use.used for use in uses(n, target, lanes)} for n in (network, changed)
    )
    assert after["look-up tables"] - before.pop("look-up tables") == pytest.approx(more, rel=0.1)
    assert all(after[resource] == used for resource, used in before.items())


@pytest.mark.parametrize(
    ("part", "lanes", "neurons", "channels", "counts"),
    [
        ("ecp5-85", 1, 2, 1, {"look-up tables": 135}),
        ("ecp5-85", 1, 3, 1, {"look-up tables": 175}),
        ("ecp5-85", 1, 15, 1, {"look-up tables": 300}),
        ("ecp5-85", 1, 15, 15, {"look-up tables": 351}),
        ("ecp5-85", 4, 15, 1, {"look-up tables": 351}),
        ("ecp5-85", 4, 1, 15, {"look-up tables": 166}),
        ("ecp5-85", 8, 15, 1, {"look-up tables": 654}),
        ("ecp5-85", 8, 1, 15, {"look-up tables": 322}),
        ("ecp5-85", 16, 15, 1, {"look-up tables": 1297}),
        ("ecp5-85", 16, 1, 15, {"look-up tables": 584}),
        ("ice40up5k", 1, 15, 1, {"look-up tables": 240}),
        ("ice40up5k", 1, 1, 15, {"look-up tables": 74, "large RAMs": 2}),
        ("ice40up5k", 8, 15, 1, {"look-up tables": 522, "block RAMs": 2}),
        ("ice40up5k", 8, 1, 15, {"look-up tables": 329, "large RAMs": 16}),
    ],
)
def test_counts_take_more_look_up_tables(
    part: str, lanes: int, neurons: int, channels: int, counts: dict[str, int]
) -> None:
    """Yosys counts as many more for zoo:digits with resets by subtraction."""
    network, target = nm.zoo.load("digits"), target_named(part)
    spiking = [replace(p, reset=SUBTRACT) for p in network.spiking]
    silent = [p for p in network.populations if p.kind != LIF]
    before, after = (
        {use.resource: use.used for use in uses(variant, target, lanes)}
        for variant in (
            replace(network, populations=[*spiking, *silent]),
            replace(
                network,
                populations=[*(replace(p, most_spikes=neurons) for p in spiking), *silent],
                channels=replace(network.channels, most_spikes=channels),
            ),
        )
    )
    more = {resource: used - before[resource] for resource, used in after.items()}
    tables = more.pop("look-up tables")
    assert tables == pytest.approx(counts.pop("look-up tables"), rel=0.2)
    assert more == dict.fromkeys(more, 0) | counts


def test_block_rams_follow_from_width_and_depth() -> None:
    assert blocks(Shape(14, 8192), "ecp5") == 7
    assert blocks(Shape(49, 110), "ecp5") == 2
    assert blocks(Shape(10, 16), "ecp5") == 0
    assert blocks(Shape(16, 256), "ice40up") == 1
    assert blocks(Shape(17, 256), "ice40up") == 2
    assert blocks(Shape(30, 1), "ice40up") == 0


@pytest.mark.parametrize(
    ("part", "lacks", "resource"),
    [
        ("ecp5-85", {"multipliers": 0}, "multipliers"),
        ("ice40up5k", {"large_rams": 0, "luts": 1 << 20}, "block RAMs"),
    ],
)
def test_a_resource_that_the_part_lacks_is_a_finding(part: str, lacks: dict, resource: str) -> None:
    target = target_named(part)
    target = replace(target, sections={FABRIC: replace(Fabric.of(target), **lacks)})
    network = nm.IntegerNetwork.load(DIGITS)
    resources = {use.resource: use for use in uses(network, target)}
    assert resources[resource].used > resources[resource].available
    (fit,) = nm.check(network, target).fits
    assert [finding.code for finding in fit.unsupported] == ["verilog-part-small"]
    assert resource in fit.unsupported[0].what


def test_the_exceeded_resource_is_named(tmp_path: Path) -> None:
    report = nm.check("zoo:spoken-digits", ["ecp5-25", "ecp5-85"])
    assert [fit.verdict for fit in report.fits] == ["unsupported", "faithful"]
    assert [finding.code for finding in report["ecp5-25"].unsupported] == ["verilog-part-small"]
    assert "block RAMs" in report["ecp5-85"].words
    options = VerilogOptions(part="ecp5-25")
    with refused(DoesNotFitError, "verilog-part-too-small") as caught:
        nm.export("zoo:spoken-digits", tmp_path / "core", to="verilog", options=options)
    assert [finding.code for finding in caught.value.findings] == ["verilog-part-small"]
    assert not list(tmp_path.iterdir())
    path = nm.export(
        "zoo:digits",
        tmp_path / "core",
        to="verilog",
        options=VerilogOptions(part="ecp5-25"),
    )
    Verilog(path).check_written()
