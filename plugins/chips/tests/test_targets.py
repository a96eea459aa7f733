"""Targets of these chips: their capacities, bits and arithmetic, computed by hand."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import pytest

import nmtool as nm
from nmtool.errors import UsageError
from nmtool.network.float_network import Network
from nmtool.quantisation import round_network
from nmtool.targets import Target, target_named, target_names
from nmtool.targets.fit import fit
from nmtool.targets.resources import Resources, findings, resources
from nmtool.targets.target import SOFTWARE, Core
from nmtool.training.options import TrainOptions
from tests.nmtool.targets.test_resources import recurrent
from tests.refusals import refused


def test_the_targets_of_formats() -> None:
    names = ("netx", "brian2-loihi")
    assert {"fenn", *names} <= set(target_names())
    assert all(target_named(name).kind == SOFTWARE for name in names)


def test_chips_of_xylo_are_a_family() -> None:
    with refused(UsageError, "target-family") as caught:
        target_named("xylo")
    assert re.findall(r"xylo-\w+", caught.value.fix) == ["xylo-audio2", "xylo-audio3", "xylo-imu"]


def test_chips_of_xylo_have_no_delays() -> None:
    assert target_named("xylo-audio3").max_delay == 0
    with refused(UsageError, "max-delay-beyond-chip") as caught:
        TrainOptions(arithmetic="integer", max_delay=61, target="xylo-audio3")
    assert "has no delays" in caught.value.what


FAN_OUT = "synapses from one hidden neuron to hidden neurons"
BETWEEN = "synapses between hidden neurons"
FED, READ = "hidden neurons that inputs reach", "hidden neurons that outputs read from"


@pytest.mark.parametrize(
    ("name", "sizes", "exceeded"),
    [
        ("xylo-audio2", (16, 64, 8), []),
        ("xylo-audio2", (17, 65, 9), ["input channels", "outputs", FAN_OUT]),
        ("xylo-audio3", (16, 128, 32), []),
        ("xylo-audio3", (17, 129, 33), ["input channels", "outputs", FED, READ]),
        ("xylo-audio3", (16, 179, 32), [BETWEEN, FED, READ]),
        ("xylo-imu", (16, 128, 16), []),
        ("xylo-imu", (17, 129, 17), ["input channels", "outputs", FED, READ]),
        ("xylo-imu", (16, 513, 16), ["hidden neurons", BETWEEN, FAN_OUT, FED, READ]),
    ],
)
def test_recurrent_networks_on_chips_of_xylo(
    name: str, sizes: tuple[int, int, int], exceeded: list[str]
) -> None:
    network, target = recurrent(*sizes, longest=0), target_named(name)
    assert [finding.where for finding in findings(Resources(target, ()), network)] == exceeded


@pytest.mark.parametrize(
    ("name", "hidden"), [("xylo-audio2", 1000), ("xylo-audio3", 992), ("xylo-imu", 496)]
)
def test_hidden_neurons_without_synapses_of_chips_of_xylo(name: str, hidden: int) -> None:
    target = target_named(name)
    for size, exceeded in ((hidden, []), (hidden + 1, ["hidden neurons"])):
        network = recurrent(1, size, 1, longest=0)
        silent = [replace(p, weight=0 * p.weight) for p in network.projections]
        overruns = findings(Resources(target, ()), replace(network, projections=silent))
        assert [finding.where for finding in overruns] == exceeded


def test_weights_of_nine_bits_take_nine() -> None:
    floats = nm.Network.layers([4, 3, 2])
    network = nm.quantise(floats, target="fenn", calibrate_on="none").network
    hidden, _ = resources(network, Target("t", core=Core(synapse_bytes=100))).populations
    assert (hidden.synapses, hidden.bytes_per_neuron) == (7, math.ceil(7 * 9 / 8))


def test_bits_and_delays_are_by_default_the_most_of_fenn() -> None:
    network = Network.layers([8, 20, 2], delays=70, seed=1)
    by_name = round_network(network, target="fenn").network
    assert by_name == round_network(network, target=target_named("fenn")).network
    assert ({p.weight_bits for p in by_name.projections}, by_name.max_delay) == ({9}, 63)
    options = TrainOptions(arithmetic="integer", target="fenn")
    assert (options.weight_bits, options.delay_bits) == (8, 6)


def test_fixes_name_the_target_of_fenn() -> None:
    network = recurrent(1, 2, 1, longest=0)
    fixes = [finding.fix for finding in fit(network, target_named("fenn")).unsupported]
    assert "quantise the float network for it: `target=fenn`" in fixes
