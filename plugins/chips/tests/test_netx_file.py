"""NetX files: networks written and read back, foreign files imported or refused."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import nmtool as nm
from nmtool.arithmetic import SILENT_THRESHOLD
from nmtool.errors import (
    DoesNotFitError,
    FileFormatError,
    Finding,
    MissingError,
)
from nmtool.exporters.formats import formats_that_run, formats_that_write
from nmtool.hardware_sim.known_answers import known_answers
from nmtool.network.graph import LI, LIF
from nmtool.setup.installation import install_command
from nmtool.targets.fit import FAITHFUL, UNSUPPORTED
from nmtool.testing.networks import random_network, random_raster
from nmtool_chips.netx.chain import layers_of
from nmtool_chips.netx.format import Netx
from plugins.chips.tests.netx_files import NEURON, dense, write_foreign
from tests.networks.chains import chain_network
from tests.networks.drawn import seeds
from tests.nmtool.cli import cases
from tests.refusals import codes, refused
from tests.thorough import examples

NETWORK = chain_network(3)
ANSWERS = known_answers(NETWORK)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("netx")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """An undamaged file."""
    return Netx.write(NETWORK, tmp_path / "network.net", answers=ANSWERS).path


# Tests of writing and reading


@settings(max_examples=examples(1.5))
@given(seed=seeds, recurrent=st.booleans(), n_hidden=st.integers(0, 3), spiking=st.booleans())
def test_round_trip(folder: Path, seed: int, recurrent: bool, n_hidden: int, spiking: bool) -> None:
    network = chain_network(seed, recurrent=recurrent, n_hidden=n_hidden, spiking=spiking)
    path = Netx.write(network, folder / "network.net", force=True).path
    assert Netx(path).network.content_hash == network.content_hash


def test_layers_without_the_embedded_network_give_the_same_integers(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        del file["nmtool"]
    network = Netx(path).network
    assert [p.name for p in network.populations] == ["layer1", "layer2", "layer3"]
    assert (network.dt_ms, network.n_steps, network.channels.size) == (2.0, 70, 5)
    assert [p.kind for p in network.populations] == [LIF, LIF, LI]
    for mine, theirs in zip(NETWORK.populations, network.populations, strict=True):
        assert (mine.du, mine.dv, mine.vth) == (theirs.du, theirs.dv, theirs.vth)
        assert np.array_equal(mine.bias, theirs.bias)
    for ours, foreign in zip(NETWORK.projections, network.projections, strict=True):
        assert np.array_equal(ours.shifted_weight, foreign.shifted_weight)
        assert np.array_equal(ours.delay, foreign.delay)
    with refused(FileFormatError, "answers-missing"):
        Netx(path).known_answers()


def test_a_missing_h5py_is_an_error(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    spikes = random_raster(0, 1, 20, 5)
    for use in (
        lambda path: Netx(path).read(),
        lambda path: Netx(path).known_answers(),
        lambda path: Netx(path).run(spikes),
        lambda path: Netx.write(NETWORK, path, force=True).path,
    ):
        with refused(MissingError, "library-missing") as caught:
            use(path)
        assert caught.value.fix == install_command(broken=["h5py"])


# Tests of networks that NetX cannot represent, and of all reasons


def test_skips_feedback_and_delayed_loops_are_refused() -> None:
    layers, findings = layers_of(random_network(3, 2, False))
    assert layers == []
    assert [(finding.code, finding.where) for finding in findings] == [
        ("netx-not-in-chain", "projection input → out"),
        ("netx-not-in-chain", "projection h1 → h0"),
    ]
    one_layer = random_network(3, 1, False)
    projections = [p for p in one_layer.projections if (p.source, p.target) != ("input", "out")]
    _, findings = layers_of(replace(one_layer, projections=projections))
    assert "netx-recurrent-delays" in codes(findings)


def test_parallel_projections_and_unconnected_populations_are_refused() -> None:
    projections = [*NETWORK.projections, NETWORK.projections[0]]
    unconnected = replace(NETWORK.population("out"), name="unconnected")
    network = replace(
        NETWORK,
        projections=projections,
        populations=[*NETWORK.populations, unconnected],
        readout=replace(NETWORK.readout, population="unconnected"),
    )
    with refused(DoesNotFitError, "netx-does-not-fit") as caught:
        Netx.write(network, "never.net")
    assert [(finding.code, finding.where) for finding in caught.value.findings] == [
        ("netx-not-reached", "population unconnected"),
        ("netx-projection-twice", "projection input → h0"),
        ("netx-readout-not-last", "population unconnected"),
    ]
    assert all("lava" in finding.fix for finding in caught.value.findings)


@pytest.mark.parametrize(
    ("weight", "code"),
    [
        (np.zeros((2, 3)), "netx-weights-zero"),
        (np.array([[-8, 0, -3], [-1, -1, -5]]), "netx-weights-bits"),
        (np.array([[-1, -1, -1], [-1, -1, -1]]), "netx-weights-bits"),
    ],
)
def test_weights_that_the_reader_would_change_are_refused(weight: np.ndarray, code: str) -> None:
    (finding,) = _refused_weights(weight, 8, 0)
    assert (finding.code, finding.where) == (code, "population out")


def test_weight_exponents_are_limited_by_the_shifted_weights() -> None:
    small = np.array([[4, -8, 2], [20, 6, -30]])
    assert codes(_refused_weights(small, 8, 2)) == []
    assert codes(_refused_weights(small * 4, 8, 3)) == ["netx-weights-signs"]
    assert codes(_refused_weights(abs(small), 8, 5)) == ["netx-weights-range"]


def _refused_weights(weight: np.ndarray, bits: int, exponent: int) -> list[Finding]:
    base = chain_network(1, n_hidden=0)
    projection = replace(
        base.projections[0],
        weight=weight,
        delay=np.zeros_like(weight),
        weight_bits=bits,
        weight_exponent=exponent,
    )
    out = replace(base.populations[0], size=3, bias_mantissa=0)
    network = replace(
        base,
        channels=replace(base.channels, size=2),
        populations=[out],
        projections=[projection],
        class_names=(),
    )
    return layers_of(network)[1]


def test_biases_that_are_no_multiples_of_64_are_refused() -> None:
    population = replace(NETWORK.populations[0], bias_exponent=3, bias_mantissa=5)
    others = NETWORK.populations[1:]
    _, findings = layers_of(replace(NETWORK, populations=[population, *others]))
    assert [(finding.code, finding.where) for finding in findings] == [
        ("netx-bias-step", "population h0")
    ]


def test_biases_beyond_the_range_of_netx_are_refused() -> None:
    others = NETWORK.populations[1:]
    for exponent, mantissa, fits in (
        *((6, 4095, True), (6, -4096, True), (7, 2047, True), (7, -2048, True)),
        *((7, 2048, False), (7, -2049, False)),
    ):
        changed = {"bias_exponent": exponent, "bias_mantissa": mantissa}
        population = replace(NETWORK.populations[0], **changed)
        layers, findings = layers_of(replace(NETWORK, populations=[population, *others]))
        assert codes(findings) == ([] if fits else ["netx-bias-range"])
        assert layers[0].bias[0] * 64 == mantissa << exponent


# Tests of files from other tools


def test_a_file_from_lava_dl_is_imported(tmp_path: Path) -> None:
    first = dense(64, 7, 1, delay=np.arange(7, dtype=np.float32) * 3, bias=np.arange(7) - 3.0)
    last = dense(7, 4, 2, neuron={**NEURON, "vThMant": SILENT_THRESHOLD})
    path = write_foreign(
        tmp_path / "foreign.net",
        {"type": b"input", "shape": np.array([1, 1, 64])},
        {"type": b"flatten", "shape": np.array([64, 1, 1])},
        {**first, "neuron": {**NEURON, "type": b"LOIHI", "wgtExp": 0}},
        last,
    )
    network = Netx(path).network
    hidden, out = network.populations
    assert (hidden.name, hidden.kind, hidden.size, hidden.vth) == ("layer2", LIF, 7, 80)
    assert (hidden.du, hidden.dv) == (1023, 128)
    assert hidden.bias.tolist() == [64 * (index - 3) for index in range(7)]
    assert (out.name, out.kind, out.vth) == ("layer3", LI, SILENT_THRESHOLD)
    assert (network.channels.size, network.dt_ms, network.n_steps) == (64, 2.0, 30)
    assert np.array_equal(network.projections[0].weight, first["weight"].T)
    assert np.array_equal(network.projections[0].delay, np.tile(np.arange(7) * 3, (64, 1)))
    assert not network.projections[1].delay.any()


@pytest.mark.parametrize(
    ("delay", "expected"),
    [
        (np.float32(4), np.full((3, 5), 4)),
        (np.arange(3), np.repeat(np.arange(3)[:, None], 5, axis=1)),
        (np.arange(5), np.repeat(np.arange(5)[None, :], 3, axis=0)),
        (np.arange(15).reshape(3, 5), np.arange(15).reshape(3, 5)),
    ],
)
def test_delays_of_every_shape(delay: Any, expected: np.ndarray, tmp_path: Path) -> None:
    path = write_foreign(tmp_path / "foreign.net", dense(5, 3, delay=delay))
    assert np.array_equal(Netx(path).network.projections[0].delay, expected.T)


def test_recurrent_layers_and_defaults(tmp_path: Path) -> None:
    loop = np.array([[2, -4, 6], [8, 10, -12], [0, 0, 40]])
    layer = dense(5, 3, type=b"dense_rec", weight_rec=loop)
    network = Netx(write_foreign(tmp_path / "foreign.net", layer, simulation=False)).network
    assert [(p.source, p.target) for p in network.projections] == [
        ("input", "layer0"),
        ("layer0", "layer0"),
    ]
    assert np.array_equal(network.projections[1].weight, loop.T)
    assert (network.dt_ms, network.n_steps, network.readout.rule) == (1.0, 1000, "first_spike")


@given(st.sampled_from([0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 2.0, 10.0]), st.integers(1, 5000))
def test_a_sample_keeps_its_number_of_steps(folder: Path, dt_ms: float, n_steps: int) -> None:
    path = write_foreign(folder / "timed.net", dense(2, 2), simulation=False)
    with h5py.File(path, "r+") as file:
        file["simulation/Ts"], file["simulation/tSample"] = dt_ms, dt_ms * n_steps
    network = Netx(path).network
    assert (network.dt_ms, network.n_steps) == (dt_ms, n_steps)


def test_part_of_a_step_counts_as_a_whole_step(tmp_path: Path) -> None:
    path = write_foreign(tmp_path / "timed.net", dense(2, 2), simulation=False)
    for duration, n_steps in ((20.5, 11), (1e-3, 1), (20.0, 10)):
        with h5py.File(path, "a") as file:
            file.pop("simulation", None)
            file["simulation/Ts"], file["simulation/tSample"] = 2.0, duration
        assert Netx(path).network.n_steps == n_steps


@pytest.mark.parametrize("key", ["Ts", "tSample"])
@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan, 0.0, -5.0])
def test_invalid_time_steps_are_refused(key: str, value: float, tmp_path: Path) -> None:
    path = write_foreign(tmp_path / "timed.net", dense(2, 2))
    with h5py.File(path, "r+") as file:
        del file[f"simulation/{key}"]
        file[f"simulation/{key}"] = value
    with refused(FileFormatError, "netx-time-invalid") as caught:
        Netx(path).read()
    assert f"/simulation/{key} is {value}" in caught.value.what
    assert str(path) in caught.value.what


@pytest.mark.parametrize("times", [{"Ts": 1e-320}, {"Ts": 1e-320, "tSample": 1e300}])
def test_too_many_steps_are_refused(times: dict[str, float], tmp_path: Path) -> None:
    path = write_foreign(tmp_path / "timed.net", dense(2, 2), simulation=False)
    with h5py.File(path, "r+") as file:
        for key, value in times.items():
            file[f"simulation/{key}"] = value
    with refused(FileFormatError, "netx-file-unfit") as caught:
        Netx(path).read()
    (finding,) = caught.value.findings
    assert finding.code == "netx-steps-limit"
    assert "4194304 steps of 9.99989e-321 ms" in finding.what


def test_everything_that_does_not_fit_is_listed(tmp_path: Path) -> None:
    path = write_foreign(
        tmp_path / "foreign.net",
        {"type": b"input", "shape": np.array([3, 16, 16]), "neuron": NEURON},
        {"type": b"pool", "shape": np.array([3, 8, 8])},
        dense(6, 4, delay=62, bias=np.full(4, 5000)),
        dense(5, 4, 1, neuron={**NEURON, "iDecay": 0, "vDecay": 4096}),
        dense(4, 4, neuron={**NEURON, "vThMant": SILENT_THRESHOLD}),
        dense(4, 4, neuron={**NEURON, "type": b"SDNN"}),
        dense(4, 4, neuron={**NEURON, "gradedSpike": True}),
        dense(4, 4, neuron=None),
        dense(4, 4, type=b"dense_rec", weight_rec=np.eye(4), delay=1),
        dense(4, 2, weight=np.array([[255, -1, 2, 3], [0, 0, 0, -7]])),
        dense(2, 2, neuron={**NEURON, "refDelay": np.array([1, 3])}),
        dense(2, 2, type=b"dense_rec", weight_rec=np.eye(2), delay_rec=np.eye(2)),
        {"type": b"average", "shape": np.array([2])},
        {"type": b"input", "shape": np.array([2])},
        {"type": b"conv", "shape": np.array([4, 6, 7]), "neuron": NEURON},
    )
    with refused(FileFormatError, "netx-file-unfit") as caught:
        Netx(path).read()
    findings = caught.value.findings
    assert [(finding.where, finding.code) for finding in findings] == [
        ("layer 0", "netx-layer-kind"),
        ("layer 1", "netx-layer-kind"),
        ("layer 5", "netx-neuron-kind"),
        ("layer 6", "netx-graded-spikes"),
        ("layer 7", "netx-neurons-missing"),
        ("layer 8", "netx-recurrent-delays"),
        ("layer 10", "netx-refractory"),
        ("layer 11", "netx-recurrent-delays"),
        ("layer 12", "netx-layer-kind"),
        ("layer 13", "netx-input-late"),
        ("layer 14", "netx-layer-kind"),
        ("layer 2", "netx-bias-range"),
        ("layer 2", "netx-delay-range"),
        ("layer 3", "netx-decay-range"),
        ("layer 3", "netx-decay-range"),
        ("layer 3", "netx-inputs-differ"),
        ("layer 4", "netx-threshold-range"),
        ("layer 9", "netx-weights-signs"),
    ]
    for word in ("pool", "[3, 8, 8]", "conv", "[4, 6, 7]", "SDNN", "iDecay", "vDecay", "62"):
        assert word in str(caught.value)


def test_a_file_from_mlgenn_is_imported(tmp_path: Path) -> None:
    """Null data spaces are absent values; odd weights of both signs become two projections."""
    whole, graded = h5py.Empty("i4"), h5py.Empty("?")
    random = np.random.default_rng(1)
    first, loop = (random.integers(-128, 128, shape) for shape in ((6, 9), (6, 6)))
    neuron = {**NEURON, "gradedSpike": graded, "refDelay": 0}
    absent = {"inFeatures": whole, "outFeatures": whole, "bias": whole, "delay": whole}
    loops = {"weight_rec": loop.astype(np.float32), "delay_rec": np.zeros((6, 6), np.int32)}
    path = write_foreign(
        tmp_path / "mlgenn.net",
        {"type": b"input", "shape": np.array([9])},
        dense(9, 6, weight=first, neuron=neuron, type=b"dense_rec", **loops, **absent),
        dense(6, 4, neuron={**neuron, "vThMant": 1 << 16}, **absent),
        simulation=False,
    )
    network = Netx(path).network
    matrices = {("input", "layer1"): first, ("layer1", "layer1"): loop}
    for ends, weight in matrices.items():
        parts = [p.weight for p in network.projections if (p.source, p.target) == ends]
        assert len(parts) == 2
        assert np.array_equal(sum(parts).T, weight)
    assert not any(p.delay.any() for p in network.projections)
    assert [p.kind for p in network.populations] == [LIF, LIF]


def test_the_largest_decay_of_the_current_is_imported(tmp_path: Path) -> None:
    layer = dense(5, 4, neuron={**NEURON, "iDecay": 4096, "vDecay": 0})
    network = Netx(write_foreign(tmp_path / "foreign.net", layer)).network
    assert (network.populations[0].du, network.populations[0].dv) == (4095, 0)
    written = Netx.write(network, tmp_path / "own.net").path
    assert Netx(written).network.content_hash == network.content_hash
    layer["neuron"] = {**NEURON, "iDecay": 4097}
    with refused(FileFormatError, "netx-file-unfit") as caught:
        Netx(write_foreign(tmp_path / "foreign.net", layer)).read()
    assert codes(caught.value) == ["netx-decay-range"]


def test_assumed_time_steps_are_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    Netx(write_foreign(tmp_path / "timed.net", dense(5, 4))).read()
    assert not caplog.records
    network = Netx(write_foreign(tmp_path / "foreign.net", dense(5, 4), simulation=False)).network
    assert (network.dt_ms, network.n_steps) == (1.0, 1000)
    (remark,) = [record.getMessage() for record in caplog.records]
    assert "1 ms" in remark
    assert "1000 ms" in remark


def test_a_file_without_dense_layers(tmp_path: Path) -> None:
    path = write_foreign(tmp_path / "f.net", {"type": b"input", "shape": np.array([5])})
    with refused(FileFormatError, "netx-file-unfit") as caught:
        Netx(path).read()
    assert codes(caught.value) == ["netx-no-layer"]


# Tests of networks that do not fit, in `check` and `export`, and of `load`

CHAIN = chain_network(4)


def test_a_loop_beside_the_chain_does_not_fit() -> None:
    """Export to the format reports the same findings."""
    loop = replace(CHAIN.projections[-1], source="input")
    beside = replace(CHAIN, projections=[*CHAIN.projections, _wired(CHAIN, loop)])
    report = nm.check(beside, ["netx", "c"])
    assert [fit.verdict for fit in report.fits] == [UNSUPPORTED, FAITHFUL]
    with refused(nm.DoesNotFitError, "netx-does-not-fit") as caught:
        nm.export(beside, "nowhere.net")
    assert report["netx"].unsupported == caught.value.findings


def _wired(network: nm.IntegerNetwork, like: nm.IntegerProjection) -> nm.IntegerProjection:
    shape = network.channels.size, like.shape[1]
    return replace(like, weight=np.full(shape, 2), delay=np.zeros(shape, int))


def test_every_misfit_is_a_finding(tmp_path: Path) -> None:
    with refused(DoesNotFitError, "netx-does-not-fit") as caught:
        nm.export(cases.integer_network(), tmp_path / "network.net")
    assert codes(caught.value)
    assert all(code.startswith("netx-") for code in codes(caught.value))
    assert "hidden" in str(caught.value)


def test_foreign_files_are_loaded(tmp_path: Path) -> None:
    path = write_foreign(tmp_path / "foreign.net", dense(5, 3))
    network = nm.load(path)
    assert [population.name for population in network.populations] == ["layer0"]


def test_networks_are_written_read_run_and_carried() -> None:
    assert Netx.writes
    assert Netx.reads
    assert Netx.runs
    assert Netx.carries
    assert not Netx.holds_floats
    assert "netx" in formats_that_write()
    assert "netx" in formats_that_run()
