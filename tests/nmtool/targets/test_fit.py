"""Words and findings of a network on a target."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given

import nmtool as nm
from nmtool.arithmetic import SILENT_THRESHOLD
from nmtool.errors import Finding
from nmtool.integer_network import IntegerNetwork, IntegerPopulation, IntegerProjection
from nmtool.targets import LOIHI2, Target, target_named
from nmtool.targets.fit import APPROXIMATE, FAITHFUL, UNSUPPORTED, Fit, fit
from nmtool.targets.target import LOIHI2_NEURON, Chip, Core, Neuron
from tests.networks.drawn import integer_networks


def network(
    weight: list[list[int]] | None = None,
    delay: int = 3,
    *,
    du: int = 1023,
    dv: int = 512,
    vth: int = 100,
    bias: int = 0,
    bits: int = 8,
    exponent: int = 0,
) -> IntegerNetwork:
    """Two channels, two hidden neurons and an output."""
    entry = np.array([[2, -4], [6, 8]] if weight is None else weight)
    out = np.array([[2], [-6]])
    return IntegerNetwork(
        nm.InputChannels(2),
        [
            IntegerPopulation("hidden", 2, "lif", du, dv, vth, 1.0, 0, bias),
            IntegerPopulation("out", 1, "li", du, dv, SILENT_THRESHOLD, 1.0),
        ],
        [
            IntegerProjection("input", "hidden", entry, np.full((2, 2), delay), bits, exponent),
            IntegerProjection("hidden", "out", out, np.zeros((2, 1), int)),
        ],
        nm.Readout("out", "max"),
        1.0,
        10,
    )


def codes(found: Fit) -> tuple[list[str], list[str], list[str]]:
    kinds = (found.unsupported, found.approximate, found.wasteful)
    unsupported, approximate, wasteful = ([one.code for one in kind] for kind in kinds)
    return unsupported, approximate, wasteful


def test_the_same_arithmetic_is_faithful() -> None:
    found = fit(network(), LOIHI2)
    assert (found.word, *codes(found)) == (FAITHFUL, [], [], [])
    assert found.words == "faithful, 2 of 128 cores"
    assert found.as_json()["word"] == FAITHFUL
    assert fit(network(), target_named("c")).resources is None


def test_findings_of_formats_and_of_rounding_are_taken_over() -> None:
    one = Finding("some-code", "hidden", "it does not go", "leave it")
    assert fit(network(), LOIHI2, misfits=[one]).word == UNSUPPORTED
    found = fit(network(), LOIHI2, changed=[one])
    assert (found.word, found.approximate) == (APPROXIMATE, (one,))


@pytest.mark.parametrize(
    ("limits", "made", "code"),
    [
        ({"max_delay": 2}, {}, "target-delay-range"),
        ({"max_delay": 0}, {}, "target-without-delays"),
        ({"weight_bits": (4, 5)}, {}, "target-weight-bits"),
        ({"max_weight_exponent": 1}, {"exponent": 2}, "target-weight-exponent"),
        ({"max_du": 1022}, {}, "target-constant-range"),
        ({"max_dv": 511}, {}, "target-constant-range"),
        ({"max_threshold": 99}, {}, "target-constant-range"),
        ({"bias_limit": 7}, {"bias": 7}, "target-constant-range"),
        ({"bias_limit": 7}, {"bias": -8}, "target-constant-range"),
        ({"neuron": replace(LOIHI2_NEURON, bias=False)}, {"bias": 1}, "target-without-bias"),
        ({"chip": Chip(inputs=1)}, {}, "chip-exceeded"),
    ],
)
def test_what_a_target_does_not_hold(limits: dict, made: dict, code: str) -> None:
    found = fit(network(**made), replace(Target("t"), **limits))
    assert found.word == UNSUPPORTED
    assert {one.code for one in found.unsupported} == {code}


@pytest.mark.parametrize(
    ("limits", "made"),
    [
        ({"max_delay": 3}, {}),
        ({"max_delay": 0}, {"delay": 0}),
        ({"max_weight_exponent": 2}, {"exponent": 2}),
        ({"max_du": 1023, "max_dv": 512, "max_threshold": 100}, {}),
        ({"bias_limit": 8}, {"bias": 7}),
        ({"bias_limit": 8}, {"bias": -8}),
        ({"neuron": replace(LOIHI2_NEURON, bias=False)}, {}),
    ],
)
def test_what_it_just_holds(limits: dict, made: dict) -> None:
    assert fit(network(**made), replace(Target("t"), **limits)).word == FAITHFUL


@given(network=integer_networks())
def test_held_as_a_network_checks_itself(network: IntegerNetwork) -> None:
    """The constants that just hold a network, and one less of the longest delay."""
    constants = {
        "max_delay": network.max_delay,
        "max_du": max(p.du for p in network.populations),
        "max_dv": max(p.dv for p in network.populations),
        "weight_bits": tuple(sorted({p.weight_bits for p in network.projections})) or (8,),
    }
    target = Target("just", **constants)
    network.check(target)
    assert fit(network, target).unsupported == ()


@pytest.mark.parametrize(
    ("neuron", "code"),
    [
        ({"decay": "shift"}, []),
        ({"decay_bits": 11}, ["target-decay"]),
        ({"decay_bits": 15}, []),
        ({"rounding": "down"}, ["target-rounding"]),
        ({"compare": "at least"}, ["target-compare"]),
        ({"reset": "subtract"}, ["target-reset"]),
        ({"current": "step before"}, ["target-current"]),
        ({"reset": None}, ["target-neuron-unknown"]),
        ({"state_bits": None}, ["target-neuron-unknown"]),
        ({"state_bits": 32}, []),
        ({"state_bits": 14}, []),
        ({"state_bits": 13}, ["target-state-bits"]),
    ],
)
def test_every_difference_of_a_neuron_is_named(neuron: dict, code: list[str]) -> None:
    """Decays of 1024 and 512 of 4096 are shifts; a threshold of 100·64 takes 13 bits and a sign."""
    target = Target("t", arithmetic="", neuron=replace(LOIHI2_NEURON, **neuron))
    assert codes(fit(network(), target))[:2] == ([], code)


def test_decays_that_are_no_shift_say_what_they_become() -> None:
    target = Target("t", arithmetic="", neuron=replace(LOIHI2_NEURON, decay="shift"))
    first, second = fit(network(du=1199, dv=400), target).approximate[:2]
    ratio = np.log(1 - 1200 / 4096) / np.log(1 - 1024 / 4096)
    assert f"{ratio:.2f}" in first.what
    ratio = np.log(1 - 400 / 4096) / np.log(1 - 512 / 4096)
    assert f"{ratio:.2f}" in second.what


def test_overflow_matters_only_where_some_input_can_reach_it() -> None:
    """A sum of 8·64·2^7 = 2^16 decays by a 128th per step: u reaches 2^23."""
    grows = Target("t", neuron=replace(LOIHI2_NEURON, u_overflow="grows"))
    wide = network([[254, 0], [2, 0]], exponent=7, du=15)
    narrow = network([[254, 0], [2, 0]], exponent=7, du=2047)
    assert codes(fit(wide, grows))[1] == ["target-overflow"]
    assert codes(fit(narrow, grows))[1] == []
    assert codes(fit(wide, LOIHI2))[1] == []


def test_what_is_wasteful() -> None:
    found = fit(network([[2, 0], [0, 0]]), replace(LOIHI2, core=replace(LOIHI2.core, dense=True)))
    assert {(one.code, one.where) for one in found.wasteful} >= {
        ("channels-unheard", "input"),
        ("neurons-undriven", "hidden"),
        ("zeros-stored", "input → hidden"),
    }
    unheard = network()
    muted = replace(unheard.projections[1], weight=np.array([[2], [0]]))
    unheard = replace(unheard, projections=[unheard.projections[0], muted])
    assert ("neurons-unheard", "hidden") in {
        (one.code, one.where) for one in fit(unheard, LOIHI2).wasteful
    }
    assert fit(network(), LOIHI2).wasteful == ()


@pytest.mark.parametrize(
    ("weight", "bits", "used"),
    [
        ([[16, -32], [48, 16]], 8, 5),
        ([[16, 32], [48, 16]], 8, 4),
        ([[128, -128], [128, 128]], 8, 2),
        ([[2, -4], [6, 8]], 8, None),
        ([[4, -8], [12, 8]], 8, 7),
        ([[4, -8], [12, 8]], 7, None),
    ],
)
def test_bits_that_carry_nothing(weight: list, bits: int, used: int | None) -> None:
    made = network(weight, bits=bits)
    wasted = [one for one in fit(made, LOIHI2).wasteful if one.code == "bits-unused"]
    wasted = [one for one in wasted if one.where == "input → hidden"]
    if used is None:
        assert not wasted
        return
    assert f"--weight-bits {used}," in wasted[0].fix
    # What is said holds: the same weights are legal in so many bits, and not in one less.
    replace(made.projections[0], weight_bits=used)
    if used > 2:
        with pytest.raises(nm.NetworkError):
            replace(made.projections[0], weight_bits=used - 1)


def test_a_target_that_says_nothing_of_its_neuron_is_never_faithful() -> None:
    found = fit(network(), Target("t", arithmetic="", neuron=Neuron(), core=Core()))
    assert codes(found)[1] == ["target-neuron-unknown"]
