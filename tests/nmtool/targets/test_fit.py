"""Verdicts and findings for networks on targets."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given

import nmtool as nm
from nmtool.arithmetic import SILENT_THRESHOLD, Neuron
from nmtool.errors import Finding
from nmtool.network.integer_network import IntegerNetwork, IntegerPopulation, IntegerProjection
from nmtool.targets import LOIHI2, Origin, Target, target_named
from nmtool.targets.fit import APPROXIMATE, FAITHFUL, UNSUPPORTED, Fit, fit
from nmtool.targets.target import Chip, Core
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
    other: int = 0,
) -> IntegerNetwork:
    """Two channels, two hidden neurons and an output, behind the delay `other`."""
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
            IntegerProjection("hidden", "out", out, np.full((2, 1), other)),
        ],
        nm.Readout("out", "max"),
        1.0,
        10,
    )


def codes(fitting: Fit) -> tuple[list[str], list[str], list[str]]:
    kinds = (fitting.unsupported, fitting.approximate, fitting.wasteful)
    unsupported, approximate, wasteful = ([finding.code for finding in kind] for kind in kinds)
    return unsupported, approximate, wasteful


def test_the_same_arithmetic_is_faithful() -> None:
    fitting = fit(network(), LOIHI2)
    assert (fitting.verdict, *codes(fitting)) == (FAITHFUL, [], [], [])
    assert fitting.words == "faithful, 2 of 128 cores"
    assert fitting.as_json()["verdict"] == FAITHFUL
    assert fit(network(), target_named("c")).resources is None


def test_findings_of_formats_and_of_rounding_are_taken_over() -> None:
    finding = Finding("some-code", "hidden", "it does not go", "leave it")
    assert fit(network(), LOIHI2, misfits=[finding]).verdict == UNSUPPORTED
    fitting = fit(network(), LOIHI2, changed=[finding])
    assert (fitting.verdict, fitting.approximate) == (APPROXIMATE, (finding,))


@pytest.mark.parametrize(
    ("limits", "design", "code"),
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
        ({"bias_limit": 1}, {"bias": -1}, "target-without-bias"),
        ({"bias_limit": 0}, {"bias": 1}, "target-without-bias"),
        ({"delay_bits": (1, 2)}, {"delay": 61, "other": 1}, "target-delay-bits"),
        ({"drive_limit": 8}, {}, "target-drive"),
        ({"neuron": replace(LOIHI2.neuron, bias=False)}, {"bias": 1}, "target-without-bias"),
        ({"chip": Chip(inputs=1)}, {}, "chip-exceeded"),
    ],
)
def test_networks_beyond_a_limit_are_unsupported(limits: dict, design: dict, code: str) -> None:
    fitting = fit(network(**design), replace(Target("t"), **limits))
    assert fitting.verdict == UNSUPPORTED
    assert {finding.code for finding in fitting.unsupported} == {code}


@pytest.mark.parametrize(
    ("limits", "design"),
    [
        ({"max_delay": 3}, {}),
        ({"max_delay": 0}, {"delay": 0}),
        ({"max_weight_exponent": 2}, {"exponent": 2}),
        ({"max_du": 1023, "max_dv": 512, "max_threshold": 100}, {}),
        ({"bias_limit": 8}, {"bias": 7}),
        ({"bias_limit": 8}, {"bias": -8}),
        ({"bias_limit": 0}, {}),
        ({"bias_limit": 1}, {}),
        ({"delay_bits": (1, 2)}, {"delay": 60, "other": 20}),
        ({"drive_limit": 9}, {}),
        ({"neuron": replace(LOIHI2.neuron, bias=False)}, {}),
    ],
)
def test_networks_at_a_limit_are_faithful(limits: dict, design: dict) -> None:
    assert fit(network(**design), replace(Target("t"), **limits)).verdict == FAITHFUL


@given(network=integer_networks())
def test_a_target_with_exactly_the_limits_of_a_network_runs_it(network: IntegerNetwork) -> None:
    """The target's limits are the largest constants of the network."""
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
        ({"decay_bits": None}, ["target-neuron-unknown"]),
        ({"decay": "shift", "decay_bits": None}, []),
        ({"spikes_per_step": None}, ["target-neuron-unknown"]),
        ({"spikes_per_step": 16}, ["target-spikes-per-step"]),
        ({"bias": None}, []),
        ({"state_bits": 32}, []),
        ({"state_bits": 16}, []),
        ({"state_bits": 15}, ["target-overflow"]),
        ({"state_bits": 13}, ["target-state-bits", "target-overflow", "target-overflow"]),
    ],
)
def test_every_difference_of_a_neuron_is_named(neuron: dict, code: list[str]) -> None:
    """Decays of 1024/4096 and 512/4096 are shifts; a threshold of 100·64 takes 13 bits and a sign.

    Sums of 8 and 6 times 64 leave currents below 2^11 and membranes below 2^14 and 12,289.
    """
    target = Target("t", arithmetic="", neuron=replace(LOIHI2.neuron, **neuron))
    assert codes(fit(network(), target))[:2] == ([], code)


@pytest.mark.parametrize("reset", ["zero", "subtract", "late"])
@pytest.mark.parametrize("figure", ["zero", "subtract"])
def test_a_population_that_resets_otherwise_is_named(reset: str, figure: str) -> None:
    """If all populations reset to zero, a target that does not is one finding."""
    subject = network()
    hidden = replace(subject.populations[0], reset=reset)
    subject = replace(subject, populations=[hidden, *subject.populations[1:]])
    target = Target("t", neuron=replace(LOIHI2.neuron, reset=figure))
    places = [(f.code, f.where) for f in fit(subject, target).approximate]
    where = "neurons" if reset == "zero" else "hidden"
    assert places == ([] if reset == figure else [("target-reset", where)])


def test_a_target_that_subtracts_the_threshold_subtracts_no_other_constant() -> None:
    subject = network()
    hidden = replace(subject.populations[0], reset="subtract", reset_by=99)
    subject = replace(subject, populations=[hidden, *subject.populations[1:]])
    target = Target("t", neuron=replace(LOIHI2.neuron, reset="subtract"))
    (finding,) = fit(subject, target).approximate
    assert (finding.code, finding.where) == ("target-reset", "hidden")
    assert re.findall(r"\d+", finding.what) == ["100", "99"]


def test_a_format_says_which_resets_it_expresses() -> None:
    subject = network()
    hidden = replace(subject.populations[0], reset="late")
    subject = replace(subject, populations=[hidden, *subject.populations[1:]])
    report = nm.check(subject, ["c", "lava", "loihi1"])
    assert [fitting.verdict for fitting in report.fits] == [FAITHFUL, UNSUPPORTED, APPROXIMATE]
    assert codes(report["lava"])[:2] == (["property-not-expressed"], [])
    assert codes(report["loihi1"])[:2] == ([], ["target-reset"])


def test_decays_that_are_no_shift_give_the_change_of_time_constants() -> None:
    target = Target("t", arithmetic="", neuron=replace(LOIHI2.neuron, decay="shift"))
    first, second = fit(network(du=1199, dv=400), target).approximate[:2]
    ratio = np.log(1 - 1200 / 4096) / np.log(1 - 1024 / 4096)
    assert f"{ratio:.2f}" in first.what
    ratio = np.log(1 - 400 / 4096) / np.log(1 - 512 / 4096)
    assert f"{ratio:.2f}" in second.what


def test_overflow_matters_only_where_some_input_can_reach_it() -> None:
    """With input 8·64·2^7 = 2^16 and a decay of 1/128 per step, u can reach 2^23."""
    grows = Target("t", neuron=replace(LOIHI2.neuron, u_overflow="grows"))
    wide = network([[254, 0], [2, 0]], exponent=7, du=15)
    narrow = network([[254, 0], [2, 0]], exponent=7, du=2047)
    assert codes(fit(wide, grows))[1] == ["target-overflow"]
    assert codes(fit(narrow, grows))[1] == []
    assert codes(fit(wide, LOIHI2))[1] == []


@pytest.mark.parametrize(
    ("neuron", "expected"),
    [
        ({}, []),
        ({"u_overflow": None}, ["target-overflow"]),
        ({"u_overflow": "clips"}, ["target-overflow"]),
        ({"v_overflow": None}, ["target-overflow"] * 2),
        ({"v_overflow": "wraps"}, ["target-overflow"] * 2),
        ({"state_bits": 16}, ["target-overflow"] * 4),
        ({"state_bits": 32}, ["target-overflow"] * 3),
        ({"state_bits": 1 << 40, "v_overflow": "clips"}, ["target-overflow"] * 3),
    ],
)
def test_states_beyond_24_bits_or_the_targets(neuron: dict, expected: list[str]) -> None:
    """Hidden currents can reach 2^23, those of the output 6·256·64; membranes have no leak."""
    target = Target("t", arithmetic="", neuron=replace(LOIHI2.neuron, **neuron))
    wide = network([[254, 0], [2, 0]], exponent=7, du=15, dv=0)
    assert codes(fit(wide, target))[1] == expected


def test_unknown_biases_of_a_target_give_a_finding() -> None:
    target = Target("t", arithmetic="", neuron=replace(LOIHI2.neuron, bias=None))
    assert codes(fit(network(bias=1), target))[1] == ["target-neuron-unknown"]


def test_targets_with_real_numbers_need_no_state_bits() -> None:
    neuron = replace(LOIHI2.neuron, rounding="none", state_bits=None, decay_bits=None)
    target = Target("t", arithmetic="", neuron=neuron)
    assert codes(fit(network(), target))[1] == ["target-rounding"]


@pytest.mark.parametrize(("bias", "extreme"), [(10, 10), (-11, -11), ([3, 10], 10)])
def test_a_bias_beyond_the_limit_is_named_exactly(bias: int, extreme: int) -> None:
    (finding,) = fit(network(bias=bias), Target("t", bias_limit=10)).unsupported
    assert re.findall(r"-?\d+", finding.what) == [str(extreme), "-10", "9"]


def test_drive_is_checked_where_a_target_limits_it() -> None:
    """Formats add exactly beyond 2^15, the limit for quantised networks."""
    strong = network([[254, 0], [254, 0]], exponent=7)
    assert fit(strong, Target("t")).verdict == FAITHFUL
    origins = {"holds.drive_limit": Origin("measured", "bench")}
    assert codes(fit(strong, Target("t", origins=origins)))[0] == ["target-drive"]


def test_fixes_name_installed_targets_only(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = {"loihi2": LOIHI2, "short": Target("short", max_delay=2)}
    monkeypatch.setattr("nmtool.targets.fit.target_names", lambda: [*installed])
    monkeypatch.setattr("nmtool.targets.fit.target_named", installed.__getitem__)
    own = [Target("mine", max_delay=2), replace(LOIHI2, max_delay=2)]
    for target, word in ((installed["short"], "short"), *((target, "TARGET") for target in own)):
        (finding,) = fit(network(), target).unsupported
        assert f"`target={word}`" in finding.fix
    with pytest.raises(TypeError):
        Target(max_delay=2)  # type: ignore[call-arg]


def test_few_bits_represent_long_delays_with_a_stride() -> None:
    target = Target("mine", delay_bits=(1, 2, 3, 4), max_delay=60)
    floats = nm.Network.layers([5, 8, 3], delays=60)
    integers = nm.quantise(floats, target=target).network
    assert integers.max_delay > 15
    assert len(np.unique(np.concatenate([p.delay.ravel() for p in integers.projections]))) <= 16
    assert not fit(integers, target).unsupported


def test_delays_of_synapses_without_weight_take_no_bits() -> None:
    late = network([[0, 2], [2, 2]])
    delay = np.array([[61, 2], [0, 2]])
    entry = replace(late.projections[0], delay=delay)
    late = replace(late, projections=[entry, late.projections[1]])
    assert fit(late, Target("t", delay_bits=(1,))).verdict == FAITHFUL


@pytest.mark.parametrize(
    ("core", "code"),
    [
        (Core(synapses=1), "neuron-beyond-core"),
        (Core(fan_in=1), "fan-in-exceeded"),
        (Core(axons_in=1), "axons-in-exceeded"),
        (Core(accumulators=1), "neuron-beyond-core"),
    ],
)
@pytest.mark.parametrize("chip", [Chip(), Chip(cores=1)])
def test_one_figure_of_a_core_is_enough(core: Core, chip: Chip, code: str) -> None:
    fitting = fit(network(), Target("t", core=core, chip=chip))
    assert set(codes(fitting)[0]) == {code}


def test_dense_storage_alone_determines_no_cores() -> None:
    assert fit(network(), Target("t", core=Core(dense=True))).resources is None


@pytest.mark.parametrize(
    ("dense", "capacity", "word", "code"),
    [
        (True, 5, UNSUPPORTED, "chip-exceeded"),
        (None, 5, FAITHFUL, "zeros-perhaps-stored"),
        (False, 5, FAITHFUL, None),
        (None, 2, UNSUPPORTED, "chip-exceeded"),
    ],
)
@pytest.mark.parametrize("core", [Core(), Core(neurons=100)])
def test_a_chip_that_is_too_small_for_weights_of_zero(
    core: Core, dense: bool | None, capacity: int, word: str, code: str | None
) -> None:
    """Three of its six synapses have weight 0."""
    target = replace(LOIHI2, core=replace(core, dense=dense), chip=Chip(synapses=capacity))
    fitting = fit(network([[2, 0], [0, 0]]), target)
    codes_of_waste = {finding.code for finding in (*fitting.unsupported, *fitting.wasteful)}
    assert fitting.verdict == word
    assert codes_of_waste & {"chip-exceeded", "zeros-perhaps-stored"} == ({code} if code else set())


def test_unused_channels_neurons_and_zeros_are_wasteful() -> None:
    fitting = fit(network([[2, 0], [0, 0]]), replace(LOIHI2, core=replace(LOIHI2.core, dense=True)))
    assert {(finding.code, finding.where) for finding in fitting.wasteful} >= {
        ("channels-unconnected", "input"),
        ("neurons-undriven", "hidden"),
        ("zeros-stored", "input → hidden"),
    }
    unconnected = network()
    muted = replace(unconnected.projections[1], weight=np.array([[2], [0]]))
    unconnected = replace(unconnected, projections=[unconnected.projections[0], muted])
    assert ("neurons-unconnected", "hidden") in {
        (finding.code, finding.where) for finding in fit(unconnected, LOIHI2).wasteful
    }
    assert fit(network(), LOIHI2).wasteful == ()


@pytest.mark.parametrize(
    ("weight", "is_one_to_one"),
    [([[2, 0], [0, 4]], True), ([[2, 4], [0, 0]], True), ([[2, 4], [2, 0]], False)],
)
def test_zeros_of_one_to_one_projections_have_their_own_fix(
    weight: list, is_one_to_one: bool
) -> None:
    dense = replace(LOIHI2, core=replace(LOIHI2.core, dense=True))
    fixes = [f.fix for f in fit(network(weight), dense).wasteful if f.code == "zeros-stored"]
    assert ["one-to-one" in fix for fix in fixes] == [is_one_to_one]


@pytest.mark.parametrize(("dv", "codes_of_decays"), [(1023, []), (1400, ["target-decay"])])
def test_a_time_constant_that_hardly_changes_is_no_finding(
    dv: int, codes_of_decays: list[str]
) -> None:
    shifting = replace(LOIHI2, neuron=replace(LOIHI2.neuron, decay="shift"))
    slow = replace(network().populations[0], dv=dv)
    changed = replace(network(), populations=[slow, *network().populations[1:]])
    approximations = [f.code for f in fit(changed, shifting).approximate if f.where == slow.name]
    assert [code for code in approximations if code == "target-decay"] == codes_of_decays


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
def test_unused_bits_of_weights(weight: list, bits: int, used: int | None) -> None:
    integers = network(weight, bits=bits)
    wasted = [
        finding for finding in fit(integers, LOIHI2).wasteful if finding.code == "bits-unused"
    ]
    wasted = [finding for finding in wasted if finding.where == "input → hidden"]
    if used is None:
        assert not wasted
        return
    assert f"`weight_bits={used}` " in wasted[0].fix
    # The finding is correct if the weights are legal in that many bits, but not in one bit less.
    replace(integers.projections[0], weight_bits=used)
    if used > 2:
        with pytest.raises(nm.NetworkError):
            replace(integers.projections[0], weight_bits=used - 1)


def test_a_target_with_an_unknown_neuron_is_never_faithful() -> None:
    fitting = fit(network(), Target("t", arithmetic="", neuron=Neuron(), core=Core()))
    assert codes(fitting)[1] == ["target-neuron-unknown"]


def test_a_clock_population_causes_no_findings() -> None:
    """Clock neurons, which an import adds, spike in every step for any decays and state bits."""
    floats = nm.Network.layers([2, 2], n_steps=10)
    clock = nm.Population("clock", 1, "lif", tau_mem_ms=0.0, tau_syn_ms=0.0, bias=2.0)
    sends = nm.Projection("clock", "output", np.ones((1, 2)), np.full((1, 2), 3))
    clocked = replace(
        floats,
        populations=[*floats.populations, clock],
        projections=[*floats.projections, sends],
    )
    rounded = nm.round_network(clocked)
    assert [finding.code for finding in rounded.findings if finding.where == "clock"] == []
    narrow = Target("t", max_delay=0, neuron=replace(LOIHI2.neuron, state_bits=8))
    fitting = fit(rounded.network, narrow)
    assert "target-state-bits" not in [finding.code for finding in fitting.approximate]
    (delayed,) = [finding for finding in fitting.unsupported if finding.where == "clock → output"]
    assert delayed.code == "target-without-delays"
    assert "max_delay" not in delayed.fix, "training cannot change the delays of a clock"


def test_no_smaller_network_is_advised_for_an_unrolled_convolution() -> None:
    """Five neurons see two of twelve channels each, one of them three: 49 of 60 weights are 0."""
    dense = replace(LOIHI2, core=replace(LOIHI2.core, dense=True))
    floats = nm.Network.layers([12, 5])
    weight = np.zeros((12, 5))
    for neuron in range(5):
        weight[2 * neuron : 2 * neuron + 2, neuron] = 1.0
    weight[1, 1] = 1.0
    projection = replace(floats.projections[0], weight=weight)
    fitting = fit(nm.round_network(replace(floats, projections=[projection])).network, dense)
    (fix,) = [f.fix for f in fitting.wasteful if f.code == "zeros-stored"]
    assert fix == "use a target with sparse storage"
