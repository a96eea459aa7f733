"""Checkpoints of mlGeNN: the imported network compared with mlGeNN's equations."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from nmtool.arithmetic import MAX_FLOAT_DELAY
from nmtool.dynamics import current_gain, decay, membrane_gain
from nmtool.errors import FileFormatError, NetworkError, UsageError
from nmtool.float_simulator import simulate_floats
from nmtool.network.float_network import Network
from nmtool.network.graph import INPUT
from nmtool.network.integer_network import IntegerNetwork
from nmtool.raster import Raster
from nmtool_chips.mlgenn.checkpoint import checkpoints
from nmtool_chips.mlgenn.format import Mlgenn
from nmtool_chips.mlgenn.options import MlgennOptions
from tests.refusals import codes, refused
from tests.thorough import examples

STEPS = 40
SIZES = {"In": 6, "Hid": 5, "Out": 3}
OPTIONS = MlgennOptions(
    n_steps=STEPS,
    tau_mem_ms={"Hid": 15.0, "Out": 20.0},
    tau_syn_ms=4.0,
    threshold={"Hid": 1.0},
)
SAME_CONSTANTS = MlgennOptions(n_steps=STEPS, tau_mem_ms=20.0, tau_syn_ms=5.0, threshold=1.0)


def load(folder: Path, options: MlgennOptions | None = None) -> Network | IntegerNetwork:
    return Mlgenn(folder).read(options or MlgennOptions())


def arrays(seed: int = 0, scale: float = 4.0) -> dict[str, np.ndarray]:
    """Arrays of a checkpoint: flat float32 weights, and delays of two connections."""
    rng = np.random.default_rng(seed)

    def normal(pre: str, post: str, mean: float) -> np.ndarray:
        size = SIZES[pre] * SIZES[post]
        return (scale * rng.normal(mean, 1.0, size)).astype(np.float32)

    return {
        "Conn_In_Hid-g": normal("In", "Hid", 1.0),
        "Conn_In_Hid-d": rng.uniform(0, 9, 30).astype(np.float32),
        "Conn_Hid_Hid-g": normal("Hid", "Hid", 0.0),
        "Conn_Hid_Hid-d": rng.integers(0, 4, 25).astype(np.uint8),
        "Conn_Hid_Out-g": normal("Hid", "Out", 0.0),
    }


def written(folder: Path, values: dict[str, np.ndarray], epoch: int = 3) -> Path:
    for name, value in values.items():
        np.save(folder / f"{epoch}-{name}.npy", value)
    return folder


def mlgenn(values: dict[str, np.ndarray], spikes: np.ndarray, scaled: bool) -> np.ndarray:
    """[steps, outputs]: membranes by the equations in mlGeNN's models.

    In every step, arriving weights are added to inSyn, then V ← αV + scale·inSyn, inSyn ← β·inSyn,
    and a neuron with V ≥ ϑ spikes. A spike arrives after one step of latency and its delay.
    """
    syn = {name: np.zeros(SIZES[name]) for name in ("Hid", "Out")}
    v = {name: np.zeros(SIZES[name]) for name in ("Hid", "Out")}
    due = {name: np.zeros((STEPS + 20, SIZES[name])) for name in ("Hid", "Out")}
    beta, rows = float(decay(4.0, 1.0)), []
    for n in range(STEPS):
        for name, tau in (("Hid", 15.0), ("Out", 20.0)):
            scale = float(membrane_gain(tau, 1.0) * current_gain(4.0, 1.0)) if scaled else 1.0
            syn[name] += due[name][n]
            v[name] = float(decay(tau, 1.0)) * v[name] + scale * syn[name]
            syn[name] *= beta
        fired = {"In": spikes[n], "Hid": v["Hid"] >= 1.0}
        v["Hid"][fired["Hid"]] = 0.0
        rows.append(v["Out"].copy())
        for pre, post in (("In", "Hid"), ("Hid", "Hid"), ("Hid", "Out")):
            weight = values[f"Conn_{pre}_{post}-g"].reshape(SIZES[pre], SIZES[post])
            delay = values.get(f"Conn_{pre}_{post}-d", np.zeros(weight.size)).reshape(weight.shape)
            for i in np.flatnonzero(fired[pre]):
                for j in range(SIZES[post]):
                    step = n + 1 + int(np.floor(float(delay[i, j]) + 0.5))
                    due[post][step, j] += float(weight[i, j])
    return np.array(rows)


@settings(max_examples=examples(0.8), deadline=None)
@given(seed=st.integers(0, 10_000), scaled=st.booleans())
def test_an_imported_network_has_the_spikes_of_mlgenn(
    seed: int, scaled: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    values = arrays(seed, 4.0 if scaled else 0.3)
    folder = written(tmp_path_factory.mktemp("run"), values)
    network = load(folder, replace(OPTIONS, scaled=scaled))
    spikes = np.random.default_rng(seed).random((STEPS, SIZES["In"])) < 0.2
    recording = simulate_floats(network, Raster.from_dense(spikes[None]))
    expected = mlgenn(values, spikes, scaled)
    assert recording.membrane["Out"][0] == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_a_membrane_that_meets_the_threshold_spikes(tmp_path: Path) -> None:
    """With one synapse of weight 1 and no memory, V becomes exactly ϑ = 1."""
    values = {"Conn_In_Hid-g": np.ones(1), "Conn_Hid_Out-g": np.ones(1)}
    options = replace(SAME_CONSTANTS, n_steps=4, tau_mem_ms=0.0, tau_syn_ms=0.0, sizes={"In": 1})
    options = replace(options, scaled=False)
    network = load(written(tmp_path, values), options)
    spikes = Raster.from_dense(np.eye(4, 1, dtype=np.bool_)[None])
    assert simulate_floats(network, spikes).spikes["Hid"].n_spikes == 1


def test_the_last_epoch_is_the_default(tmp_path: Path) -> None:
    for epoch in (9, 10):
        written(tmp_path, arrays(epoch), epoch)
    (tmp_path / "notes.txt").write_text("not a checkpoint")
    last, earlier = load(tmp_path, OPTIONS), load(tmp_path, replace(OPTIONS, epoch=9))
    for network, epoch in ((last, 10), (earlier, 9)):
        expected = arrays(epoch)["Conn_Hid_Hid-g"].reshape(5, 5)
        (loop,) = (p for p in network.projections if p.source == "Hid" == p.target)
        assert np.array_equal(loop.weight, expected)
    assert {p.source for p in last.projections} == {INPUT, "Hid"}


def test_halves_round_away_from_zero(tmp_path: Path) -> None:
    values = arrays() | {"Conn_In_Hid-d": np.full(30, 2.5)}
    network = load(written(tmp_path, values), OPTIONS)
    (first,) = (p for p in network.projections if p.source == INPUT)
    assert (first.delay == 3).all()


def test_the_longest_delay_of_floats(tmp_path: Path) -> None:
    values = arrays() | {"Conn_In_Hid-d": np.full(30, 65535.4)}
    assert load(written(tmp_path, values), OPTIONS).max_delay == MAX_FLOAT_DELAY


def test_names_with_underscores(tmp_path: Path) -> None:
    values = {
        name.replace("Hid", "Hid_1"): value
        for name, value in arrays().items()
        if not name.endswith("-d")
    }
    network = load(written(tmp_path, values), SAME_CONSTANTS)
    assert [p.name for p in network.populations] == ["Hid_1", "Out"]


def test_ambiguous_names_need_the_populations(tmp_path: Path) -> None:
    written(tmp_path, {"Conn_A_B_C-g": np.ones(6)})
    with refused(UsageError, "mlgenn-names-ambiguous"):
        load(tmp_path, SAME_CONSTANTS)
    options = replace(SAME_CONSTANTS, populations=("A_B", "C"), sizes={"C": 2})
    assert load(tmp_path, options).channels.size == 3
    with refused(UsageError, "mlgenn-names-unsplit") as caught:
        load(tmp_path, replace(SAME_CONSTANTS, populations=("A", "C")))
    assert "A_B_C" in caught.value.what


def test_names_with_too_many_readings_are_refused(tmp_path: Path) -> None:
    values = {f"Conn_{'_'.join('ABCDEFGHIJK')}{number}-g": np.ones(6) for number in range(5)}
    with refused(UsageError, "mlgenn-names-too-many"):
        load(written(tmp_path, values), SAME_CONSTANTS)


def test_unknown_sizes_must_be_given(tmp_path: Path) -> None:
    values = {k: v for k, v in arrays().items() if k.endswith("-g") and "Hid_Hid" not in k}
    written(tmp_path, values)
    with refused(UsageError, "mlgenn-settings-missing") as caught:
        load(tmp_path, OPTIONS)
    assert codes(caught.value) == ["mlgenn-size-missing"] * 3
    assert [finding.where for finding in caught.value.findings] == ["In", "Out", "Hid"]
    network = load(tmp_path, replace(OPTIONS, sizes={"Out": 3}))
    assert network.channels.size == 6
    with refused(FileFormatError, "mlgenn-sizes-differ") as caught:
        load(tmp_path, replace(OPTIONS, sizes={"In": 4}))
    assert {finding.code for finding in caught.value.findings} == {"mlgenn-weight-count"}
    (first,) = (finding for finding in caught.value.findings if finding.where == "Conn_In_Hid")
    assert "30" in first.what


@pytest.mark.parametrize(
    ("change", "code", "where"),
    [
        ({"Conn_In_Hid-d": np.full(30, -0.6)}, "mlgenn-delay-range", "Conn_In_Hid"),
        ({"Conn_In_Hid-d": np.full(30, 65535.5)}, "mlgenn-delay-range", "Conn_In_Hid"),
        ({"Conn_In_Hid-d": np.zeros(29)}, "mlgenn-delay-count", "Conn_In_Hid"),
        ({"Conn_Hid_Out-g": np.full(15, np.nan)}, "mlgenn-not-finite", "3-Conn_Hid_Out-g.npy"),
        ({"Conn_Hid_Out-g": np.array(["a"] * 15)}, "mlgenn-no-numbers", "3-Conn_Hid_Out-g.npy"),
        ({"Conn_Hid_Out-g": np.zeros(15, complex)}, "mlgenn-no-numbers", "3-Conn_Hid_Out-g.npy"),
        ({"Conn_Hid_Out-ind": np.zeros(15)}, "mlgenn-variable", "Conn_Hid_Out"),
        ({"Out-Bias": np.zeros(3)}, "mlgenn-population-variable", "3-Out-Bias.npy"),
        ({"Conn_Hid_Out-weight": np.zeros(15)}, "mlgenn-variable", "Conn_Hid_Out"),
        ({"Conn_Hid_Hid-g": np.zeros(24)}, "mlgenn-delay-count", "Conn_Hid_Hid"),
        ({"Conn_Out_Late-d": np.zeros(9)}, "mlgenn-no-weights", "Conn_Out_Late"),
    ],
)
def test_invalid_arrays_are_refused(
    change: dict[str, np.ndarray], code: str, where: str, tmp_path: Path
) -> None:
    with refused(FileFormatError, "mlgenn-unreadable") as caught:
        load(written(tmp_path, arrays() | change), OPTIONS)
    (finding,) = caught.value.findings
    assert (finding.code, finding.where) == (code, where)
    assert finding.fix


def test_all_invalid_files_are_listed(tmp_path: Path) -> None:
    written(tmp_path, arrays() | {"Conn_In_Hid-g": np.zeros(0)})
    for name in ("Hid_Out-g", "Hid_Hid-g"):
        (tmp_path / f"3-Conn_{name}.npy").write_bytes(b"\x93NUMPY\x01\x00")
    with refused(FileFormatError, "mlgenn-unreadable") as caught:
        load(tmp_path, OPTIONS)
    assert [(finding.code, finding.where) for finding in caught.value.findings] == [
        ("mlgenn-damaged", "3-Conn_Hid_Hid-g.npy"),
        ("mlgenn-damaged", "3-Conn_Hid_Out-g.npy"),
        ("mlgenn-delay-count", "Conn_In_Hid"),
    ]


def test_headers_that_claim_too_much_are_refused(tmp_path: Path) -> None:
    """A header that claims 10^12 numbers is refused before memory is allocated."""
    written(tmp_path, arrays())
    header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,), }"
    content = (
        b"\x93NUMPY\x01\x00" + (118).to_bytes(2, "little") + header.ljust(117).encode() + b"\n"
    )
    (tmp_path / "3-Conn_Hid_Out-g.npy").write_bytes(content)
    with refused(FileFormatError, "mlgenn-unreadable") as caught:
        load(tmp_path, OPTIONS)
    assert codes(caught.value) == ["mlgenn-damaged"]


def test_objects_are_not_unpickled(tmp_path: Path) -> None:
    written(tmp_path, arrays())
    np.save(tmp_path / "3-Conn_Hid_Out-g.npy", np.array([{}], object), allow_pickle=True)
    with refused(FileFormatError, "mlgenn-unreadable") as caught:
        load(tmp_path, OPTIONS)
    assert codes(caught.value) == ["mlgenn-damaged"]


@settings(max_examples=examples(2), deadline=None)
@given(cut=st.integers(0, 200), flip=st.integers(0, 127))
def test_damaged_files_give_the_network_or_an_error(
    cut: int, flip: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Truncated files and changed headers give the network or a clear error."""
    folder = written(tmp_path_factory.mktemp("run"), arrays())
    path = folder / "3-Conn_Hid_Out-g.npy"
    content = bytearray(path.read_bytes())
    content[flip] ^= 0xFF
    path.write_bytes(bytes(content[:cut] if cut < 188 else content))
    with contextlib.suppress(FileFormatError, UsageError):
        assert load(folder, OPTIONS).population("Out").size == SIZES["Out"]


@pytest.mark.parametrize(
    ("where", "code"), [("nothing", "file-missing"), ("empty", "mlgenn-no-checkpoint")]
)
def test_a_missing_checkpoint_is_refused(where: str, code: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with refused(FileFormatError, code) as caught:
        load(tmp_path / where)
    assert where in caught.value.what


def test_a_missing_epoch_is_refused(tmp_path: Path) -> None:
    with refused(FileFormatError, "mlgenn-no-checkpoint") as caught:
        load(written(tmp_path, arrays()), MlgennOptions(epoch=8))
    assert "8" in caught.value.what
    assert "3" in caught.value.fix
    for epoch in range(20):
        np.save(tmp_path / f"{epoch}-Conn_In_Hid-g.npy", np.ones(30))
    with refused(FileFormatError, "mlgenn-no-checkpoint") as caught:
        load(tmp_path, MlgennOptions(epoch=20))
    assert "0, …, 13, 14, 15, 16, 17, 18, 19" in caught.value.fix


def test_checkpoints_named_by_words(tmp_path: Path) -> None:
    for seed, name in enumerate(("best", "last", "12", "3")):
        for key, value in arrays(seed).items():
            np.save(tmp_path / f"{name}-{key}.npy", value)
        epoch = {"best": "best", "last": None}.get(name, name)
        if epoch is None:
            with refused(UsageError, "mlgenn-latest-unclear") as caught:
                load(tmp_path, OPTIONS)
            assert "best, last" in caught.value.why
        else:
            expected = load(tmp_path, replace(OPTIONS, epoch="12" if name == "3" else epoch))
            assert load(tmp_path, OPTIONS).content_hash == expected.content_hash
    assert checkpoints(tmp_path) == ["best", "last", "3", "12"]


def test_old_and_new_names_of_variables_are_read(tmp_path: Path) -> None:
    (tmp_path / "newer").mkdir()
    newer = {
        name.replace("-g", "-weight").replace("-d", "-delay"): value
        for name, value in arrays().items()
    }
    hashes = {
        load(folder, OPTIONS).content_hash
        for folder in (written(tmp_path, arrays()), written(tmp_path / "newer", newer))
    }
    assert len(hashes) == 1


def test_two_outputs_are_refused(tmp_path: Path) -> None:
    with refused(UsageError, "mlgenn-role-unclear") as caught:
        load(written(tmp_path, arrays() | {"Conn_Hid_Other-g": np.zeros(10)}), OPTIONS)
    assert "Other, Out" in caught.value.why


def test_values_for_unknown_populations_are_refused(tmp_path: Path) -> None:
    with refused(UsageError, "mlgenn-population-unknown") as caught:
        load(written(tmp_path, arrays()), MlgennOptions(threshold={"Hidden": 1.0}))
    assert "Hidden" in caught.value.what


def test_all_missing_settings_are_listed(tmp_path: Path) -> None:
    values = {"Conn_In_Hid-g": np.ones(6), "Conn_Hid_Out-g": np.ones(4)}
    with refused(UsageError, "mlgenn-settings-missing") as caught:
        load(written(tmp_path, values), MlgennOptions(tau_mem_ms={"Hid": 1.0}))
    value, size = "mlgenn-value-missing", "mlgenn-size-missing"
    assert [(finding.code, finding.where, finding.fix) for finding in caught.value.findings] == [
        (value, "Out", "`tau_mem_ms=VALUE`"),
        (value, "Out", "`tau_syn_ms=VALUE`"),
        (value, "Hid", "`tau_syn_ms=VALUE`"),
        (value, "Hid", "`threshold=VALUE`"),
        (size, "In", "`sizes=NAME:N`"),
        (size, "Out", "`sizes=NAME:N`"),
        (size, "Hid", "`sizes=NAME:N`"),
    ]
    for option in ("tau_mem_ms=VALUE", "tau_syn_ms=VALUE", "threshold=VALUE", "sizes=NAME:N"):
        assert f"`{option}`" in caught.value.fix


def test_a_sample_lasts_one_second_by_default(tmp_path: Path) -> None:
    network = load(written(tmp_path, arrays()), replace(OPTIONS, n_steps=None, dt_ms=2.0))
    assert network.n_steps == 500


def test_the_readout_rule_window_is_imported(tmp_path: Path) -> None:
    options = replace(OPTIONS, readout="window", window=12)
    readout = load(written(tmp_path, arrays()), options).readout
    assert (readout.population, readout.rule, readout.window) == ("Out", "window", 12)


# Tests of checkpoints that are rounded to integers as in PyFeNN's examples


def pyfenn_rounded(weight: np.ndarray, bits: int) -> np.ndarray:
    """The formula of `pyfenn.utils.quantise`."""
    positive, negative = weight[weight > 0], weight[~(weight > 0)]
    limit = max(np.percentile(positive, 99.0), np.percentile(-negative, 99.0))
    return np.round(np.clip(weight, -limit, limit) * 2.0**bits).astype(int)


@pytest.mark.parametrize("scaled", [True, False])
def test_integers_equal_the_formula_of_pyfenn(scaled: bool, tmp_path: Path) -> None:
    values = arrays(scale=0.2)
    values["Conn_Hid_Out-g"] *= 8
    options = replace(SAME_CONSTANTS, fixed_point=8, scaled=scaled)
    network = load(written(tmp_path, values), options)
    assert isinstance(network, IntegerNetwork)
    assert network.arithmetic == "fenn16"
    bits = {"Hid": 8, "Out": 8}
    while np.abs(pyfenn_rounded(values["Conn_Hid_Out-g"], bits["Out"])).max() > 255:
        bits["Out"] -= 1
    assert bits["Out"] < 8
    assert [(p.source, p.target) for p in network.projections] == [
        ("Hid", "Hid"),
        ("Hid", "Out"),
        (INPUT, "Hid"),
    ]
    for projection, name in zip(network.projections, ("Hid_Hid", "Hid_Out", "In_Hid"), strict=True):
        expected = pyfenn_rounded(values[f"Conn_{name}-g"].astype(float), bits[projection.target])
        assert projection.weight.ravel().tolist() == expected.tolist()
    gain = float(membrane_gain(20.0, 1.0) * current_gain(5.0, 1.0)) if scaled else 1.0
    hidden, output = network.population("Hid"), network.population("Out")
    assert hidden.vth == round(256 / gain)
    assert output.scale == 2.0 ** bits["Out"] / gain
    for population in (hidden, output):
        factors = [round(32768 * float(decay(tau, 1.0))) for tau in (5.0, 20.0)]
        assert [population.keep_u, population.keep_v] == factors
    assert network.source_hash == load(tmp_path, replace(options, fixed_point=None)).content_hash


def test_an_infinite_time_constant_gets_the_largest_15_bit_factor(tmp_path: Path) -> None:
    options = replace(SAME_CONSTANTS, tau_mem_ms=1e9, scaled=False, fixed_point=8)
    network = load(written(tmp_path, arrays(scale=0.2)), options)
    assert isinstance(network, IntegerNetwork)
    assert {population.keep_v for population in network.populations} == {32767}


def test_a_threshold_beyond_16_bits_is_refused(tmp_path: Path) -> None:
    options = replace(SAME_CONSTANTS, threshold=1000.0, fixed_point=8)
    with refused(NetworkError, "constant-range"):
        load(written(tmp_path, arrays(scale=0.2)), options)


def test_a_delay_beyond_six_bits_is_refused(tmp_path: Path) -> None:
    values = arrays(scale=0.2)
    values["Conn_Hid_Hid-d"] = np.full(25, 256 + 9)
    with refused(NetworkError, "delays-not-steps"):
        load(written(tmp_path, values), replace(SAME_CONSTANTS, fixed_point=8))
