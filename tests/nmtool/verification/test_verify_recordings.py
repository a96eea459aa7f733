"""`verify` against foreign recordings: the file, its errors, and constant shifts."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import nmtool as nm
from nmtool.errors import DataError, FileFormatError, UsageError
from nmtool.float_simulator import arriving, membrane, simulate_floats, step_network
from nmtool.hardware_sim.simulator import simulate
from nmtool.network.graph import INPUT
from nmtool.raster import Raster
from nmtool.testing.networks import random_network, random_raster
from tests import faults
from tests.networks.layered import layered_network, noise
from tests.refusals import codes, refused

FLOATS, NOISE = layered_network(max_delay=3), noise(3)
RAN = simulate_floats(FLOATS, NOISE, deep=True)
INTEGERS, INPUTS = random_network(0, 2, False), random_raster(1, 4, 70, 5)
ANSWERED = simulate(INTEGERS, INPUTS, deep=True)
SHAPE = "samples steps neurons"


def arrays(recording: Any) -> dict[str, NDArray]:
    """Arrays of a recording's file: spikes, and membranes of populations that do not spike."""
    values: dict[str, NDArray] = {n: r.dense() for n, r in recording.spikes.items()}
    return values | {name: np.array(v) for name, v in recording.membrane.items()}


def hop_free(network: nm.Network, spikes: Raster) -> dict[str, NDArray]:
    """Run the network as other tools do: only recurrent hops take a step."""
    steps, n_steps = step_network(network), spikes.n_steps
    emitted = {INPUT: spikes.first_steps(n_steps + 1).dense()}
    traces: dict[str, NDArray] = {}
    for population in steps.populations:
        feeds = [p for p in steps.projections if p.target == population.name]
        loops = [p for p in feeds if p.source == population.name]
        into = arriving([p for p in feeds if p not in loops], emitted)
        into = np.concatenate([into[:, 1:], np.zeros_like(into[:, :1])], axis=1)
        if population.kind == "li":
            traces[population.name] = membrane(population, into)[:, :n_steps]
            continue
        spiked = np.zeros(into.shape, bool)
        for n in range(n_steps):
            back = arriving(loops, {population.name: spiked}) if loops else 0
            spiked[:, n] = _spikes(population, into + back)[:, n]
        emitted[population.name] = spiked
        traces[population.name] = spiked[:, :n_steps]
    return traces


def _spikes(population: Any, into: NDArray) -> NDArray[np.bool_]:
    u = np.zeros(into[:, 0].shape)
    v, spikes = u.copy(), np.zeros(into.shape, bool)
    for n in range(into.shape[1]):
        u = (1 - population.lose_u) * u + into[:, n]
        v = (1 - population.lose_v) * v + u + population.drive
        spikes[:, n] = v > population.threshold
        v = np.where(spikes[:, n], 0, v)
    return spikes


def written(folder: Path, values: dict[str, Any], **more: Any) -> Path:
    path = folder / "recording.npz"
    np.savez_compressed(path, **{"axes": SHAPE, **values, **more})
    return path


# Tests of recordings that agree


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.float32, np.float64])
def test_floats_with_the_float_simulator(dtype: type, tmp_path: Path) -> None:
    values = {n: a.astype(dtype) if a.dtype == bool else a for n, a in arrays(RAN).items()}
    certificate = nm.verify(FLOATS, NOISE, against=written(tmp_path, values), faults=True)
    (check,) = certificate.checks.values()
    assert (certificate.identical, certificate.mutation, [*certificate.checks]) == (
        True,
        None,
        ["recording.npz"],
    )
    assert check.comparison.spikes_compared == NOISE.n_samples * 60 * 13
    assert check.comparison.spikes_emitted > 100
    assert check.comparison.membrane_compared == NOISE.n_samples * 60 * 3
    assert [*certificate.artefacts] == ["recording.npz"]


def test_membranes_in_float16(tmp_path: Path) -> None:
    values = {"out": arrays(RAN)["out"].astype(np.float16)}
    assert nm.verify(FLOATS, NOISE, against=written(tmp_path, values)).identical
    values["out"][0, 30] += 0.005 * np.abs(values["out"]).max()
    assert not nm.verify(FLOATS, NOISE, against=written(tmp_path, values)).identical


def test_steps_first_with_u_and_v_of_every_neuron(tmp_path: Path) -> None:
    values = arrays(RAN)
    values |= {f"v.{name}": v.astype(np.float32) for name, v in RAN.potential.items()}
    values |= {f"u.{name}": u for name, u in RAN.current.items()}
    moved = {name: np.moveaxis(v, 1, 0) for name, v in values.items()}
    path = written(tmp_path, moved, axes="steps samples neurons")
    (check,) = nm.verify(FLOATS, NOISE, against=[path]).checks.values()
    assert check.identical
    assert check.comparison.membrane_compared == NOISE.n_samples * 60 * (3 + 13 + 16)


def test_integers_in_files_of_numpy_and_of_nmtool(tmp_path: Path) -> None:
    ANSWERED.save(tmp_path / "own.npz")
    values = {n: a.astype(np.float64) for n, a in arrays(ANSWERED).items()}
    path = written(tmp_path, values, predictions=ANSWERED.predictions)
    recordings = [path, tmp_path / "own.npz", ANSWERED]
    certificate = nm.verify(INTEGERS, INPUTS, against=recordings, faults=True)
    assert [*certificate.checks] == ["recording.npz", "own.npz", "recording"]
    assert certificate.identical
    assert certificate.mutation is not None
    assert certificate.checks["own.npz"].comparison.membrane_compared > 0


def test_some_populations_are_enough(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = written(tmp_path, {"second": arrays(RAN)["second"]})
    (check,) = nm.verify(FLOATS, NOISE, against=path).checks.values()
    assert check.identical
    assert check.comparison.spikes_compared == NOISE.n_samples * 60 * 5
    assert "first, out" in caplog.text


# Tests of recordings that differ


def test_a_difference_has_its_place_and_cause(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    projections = [*INTEGERS.projections]
    at = next(i for i, p in enumerate(projections) if (p.source, p.target) == (INPUT, "h0"))
    weight = projections[at].weight.copy()
    spot = np.unravel_index(int(np.argmax(np.abs(weight))), weight.shape)
    weight[spot] = 0
    projections[at] = replace(projections[at], weight=weight)
    other = simulate(replace(INTEGERS, projections=projections), INPUTS, deep=True)
    values = arrays(other) | {f"v.{n}": v for n, v in other.potential.items()}
    values |= {f"u.{n}": u.astype(float) for n, u in other.current.items()}
    certificate = nm.verify(INTEGERS, INPUTS, against=written(tmp_path, values))
    (check,) = certificate.checks.values()
    assert "compared with integers" in caplog.text
    assert not check.identical
    assert check.first_divergence is not None
    assert check.explanation is not None
    assert ("weight", "h0") in {(c.kind, c.population) for c in check.explanation.causes}


def test_predictions_are_compared(tmp_path: Path) -> None:
    wrong = ANSWERED.predictions.copy()
    wrong[1] += 1
    path = written(tmp_path, {"h0": arrays(ANSWERED)["h0"]}, predictions=wrong)
    (check,) = nm.verify(INTEGERS, INPUTS, against=path).checks.values()
    assert check.comparison.predictions_different == 1
    assert check.comparison.spikes_different == 0
    assert not check.identical
    assert "predictions different 1" in str(nm.verify(INTEGERS, INPUTS, against=path))


def test_quantities_that_were_not_recorded_are_not_counted(tmp_path: Path) -> None:
    path = written(tmp_path, {"h0": arrays(ANSWERED)["h0"]})
    certificate = nm.verify(INTEGERS, INPUTS, against=path)
    (check,) = certificate.checks.values()
    assert check.identical
    assert check.as_json()["predictions_different"] is None
    assert check.as_json()["membrane_compared"] == 0
    row = dict(zip(certificate.tables()[0].header, certificate.tables()[0].rows[-1], strict=True))
    assert (row["u, v different"], row["predictions different"]) == ("", "")


def test_a_network_is_not_a_recording(tmp_path: Path) -> None:
    INTEGERS.save(tmp_path / "changed.npz")
    with refused(FileFormatError, "file-kind") as caught:
        nm.verify(INTEGERS, INPUTS, against=tmp_path / "changed.npz")
    assert "is a network" in caught.value.what


def test_only_outputs_are_counted_without_deep() -> None:
    for deep, of in ((False, " (outputs)"), (True, "")):
        actual = nm.simulate(INTEGERS, INPUTS, deep=deep)
        certificate = nm.verify(INTEGERS, INPUTS, against=actual, deep=deep)
        [table] = certificate.tables()
        (check,) = certificate.checks.values()
        cell = table.rows[-1][table.header.index("u, v different")]
        assert cell == f"0 of {check.comparison.membrane_compared:,}{of}"


@pytest.mark.parametrize("later", [1, -1, 2])
def test_a_constant_shift_is_reported(later: int, tmp_path: Path) -> None:
    longer = simulate_floats(FLOATS, NOISE.first_steps(70))
    moved = {}
    for name, values in arrays(longer).items():
        before = np.zeros_like(values[:, : max(0, later)])
        moved[name] = np.concatenate([before, values[:, max(0, -later) :]], axis=1)[:, :60]
    certificate = nm.verify(FLOATS, NOISE, against=written(tmp_path, moved))
    (check,) = certificate.checks.values()
    assert not certificate.identical
    assert check.shift_explains
    assert check.steps_later == dict.fromkeys(("first", "second", "out"), later)
    assert "[recording-shifted]" in str(certificate)
    assert ("hops='free'" in str(certificate)) is (later < 0)
    assert certificate.as_json()["backends"]["recording.npz"]["steps_later"]["out"] == later


def test_a_shift_that_does_not_explain_everything_is_not_reported(tmp_path: Path) -> None:
    values = arrays(RAN)
    values["first"] = np.roll(values["first"], 1, axis=1)
    values["first"][:, 0] = 0
    values["first"][0, 30] ^= True
    (check,) = nm.verify(FLOATS, NOISE, against=written(tmp_path, values)).checks.values()
    assert not check.identical
    assert check.steps_later == {}


def test_frameworks_whose_hops_take_no_step(tmp_path: Path) -> None:
    values = hop_free(FLOATS, NOISE)
    path = written(tmp_path, values)
    (check,) = nm.verify(FLOATS, NOISE, against=path).checks.values()
    assert check.shift_explains
    expected = {"first": -1, "second": -2, "out": -3}
    assert check.steps_later == expected
    free = nm.verify(FLOATS, NOISE, against=written(tmp_path, values, hops="free"))
    (check,) = free.checks.values()
    assert free.identical
    assert check.steps_later == expected
    values["second"][1, 20] ^= True
    certificate = nm.verify(FLOATS, NOISE, against=written(tmp_path, values, hops="free"))
    (check,) = certificate.checks.values()
    assert check.comparison.spikes_different == 5
    assert check.first_divergence is not None
    assert (check.first_divergence.sample, check.first_divergence.step) == (1, 20)


@pytest.mark.parametrize("short", ["first", "out"])
def test_an_array_may_be_shorter_if_hops_are_free(short: str, tmp_path: Path) -> None:
    values = hop_free(FLOATS, NOISE)
    values[short] = values[short][:, :-2]
    for order in (1, -1):
        path = written(tmp_path, dict([*values.items()][::order]), hops="free")
        (check,) = nm.verify(FLOATS, NOISE, against=path).checks.values()
        assert check.identical
        n_steps = values[short].shape[1]
        assert check.comparison.spikes_compared == NOISE.n_samples * n_steps * 13


@pytest.mark.parametrize("name", ["axes", "hops", "predictions"])
def test_populations_may_have_names_that_files_reserve(name: str) -> None:
    network = nm.Network(
        FLOATS.channels,
        [replace(p, name=name if p.name == "first" else p.name) for p in FLOATS.populations],
        [
            replace(
                p,
                source=name if p.source == "first" else p.source,
                target=name if p.target == "first" else p.target,
            )
            for p in FLOATS.projections
        ],
        FLOATS.readout,
        FLOATS.dt_ms,
        FLOATS.n_steps,
    )
    assert nm.verify(network, NOISE, against=simulate_floats(network, NOISE)).identical


@pytest.mark.parametrize("in_memory", [True, False])
def test_counts_of_spikes_are_read(in_memory: bool, tmp_path: Path) -> None:
    network = faults.counting(faults.live_network(0, recurrent=True), 4)
    spikes = faults.live_input(0, most_spikes=4)
    recording = nm.simulate(network, spikes)
    assert max(raster.most_spikes for raster in recording.spikes.values()) == 4
    against: Any = recording
    if not in_memory:
        against, counts = tmp_path / "other.npz", recording.spikes
        dense = {name: raster.dense_counts().astype(float) for name, raster in counts.items()}
        np.savez(against, axes=SHAPE, **dense, **recording.membrane)
    certificate = nm.verify(network, spikes, against=against)
    [check] = certificate.checks.values()
    assert check.identical
    assert f"{check.comparison.emitted}\n" in f"{certificate}\n"
    assert " bins" in check.comparison.emitted


# Tests of recordings that do not fit


def unfit(changes: dict[str, Any]) -> dict[str, Any]:
    return {n: v for n, v in {**arrays(RAN), "axes": SHAPE, **changes}.items() if v is not None}


FIRST = arrays(RAN)["first"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"axes": None}, ["recording-axes"]),
        ({"axes": "neurons"}, ["recording-axes"]),
        ({"hops": "none"}, ["recording-hops"]),
        ({"frist": FIRST}, ["recording-population"]),
        ({"w.first": FIRST}, ["recording-population"]),
        ({"first": FIRST * 2.0}, ["recording-values"]),
        ({"out": arrays(RAN)["out"] * np.nan}, ["recording-values"]),
        ({"first": np.array(["a"])}, ["recording-dtype"]),
        ({"first": FIRST[:, :-1]}, ["recording-shape"]),
        ({"first": FIRST[0]}, ["recording-shape"]),
        ({"first": FIRST[..., 1:], "second": FIRST * 3}, ["recording-shape"] * 2),
        ({"first": np.moveaxis(FIRST, 0, 1)}, ["recording-shape"]),
        ({"predictions": np.ones(2)}, ["recording-predictions"]),
        ({"predictions": np.full(3, 0.5)}, ["recording-predictions"]),
        ({"predictions": np.array([np.inf, 0, 0])}, ["recording-predictions"]),
        ({"predictions": np.array([0, 3, 0])}, ["recording-predictions"]),
        ({"predictions": np.array([0, -1, 0])}, ["recording-predictions"]),
        ({"predictions": np.array([0, 2**64 - 1, 0], np.uint64)}, ["recording-predictions"]),
        ({"v.out": arrays(RAN)["out"]}, ["recording-twice"]),
        (dict.fromkeys(("first", "second", "out")), ["recording-empty"]),
    ],
)
def test_recordings_that_do_not_fit_are_refused(
    changes: dict[str, Any], expected: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "recording.npz"
    np.savez(path, **unfit(changes))
    with refused(DataError, "recording-unfit") as caught:
        nm.verify(FLOATS, NOISE, against=path)
    assert codes(caught.value) == expected
    assert all(finding.fix for finding in caught.value.findings)


def test_swapped_axes_are_reported(tmp_path: Path) -> None:
    path = written(tmp_path, arrays(RAN), axes="steps samples neurons")
    with refused(DataError, "recording-unfit") as caught:
        nm.verify(FLOATS, NOISE, against=path)
    assert "axes" in caught.value.findings[0].fix
    shorter = {name: values[:, :-2] for name, values in arrays(RAN).items()}
    with refused(DataError, "recording-unfit") as caught:
        nm.verify(FLOATS, NOISE, against=written(tmp_path, shorter))
    assert "hops='free'" in caught.value.findings[0].fix


def test_invalid_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    with refused(FileFormatError, "file-missing"):
        nm.verify(FLOATS, NOISE, against=path)
    path.write_bytes(b"nothing")
    with refused(FileFormatError, "archive-damaged"):
        nm.verify(FLOATS, NOISE, against=path)
    np.savez(path, axes=np.array([{}], object))
    with refused(FileFormatError, "archive-damaged"):
        nm.verify(FLOATS, NOISE, against=path)


def test_a_recording_needs_the_recorded_samples(tmp_path: Path) -> None:
    path = written(tmp_path, arrays(ANSWERED))
    with refused(UsageError, "recording-data"):
        nm.verify(INTEGERS, against=path)
    with refused(UsageError, "recording-data"):
        nm.verify(INTEGERS, INPUTS, against=path, exercise=True)


def test_a_wrong_type_is_refused() -> None:
    with refused(UsageError, "argument-type"):
        nm.verify(FLOATS, NOISE, against=3)  # type: ignore[arg-type]


def test_recorded_v_of_spiking_neurons_beside_a_backend(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    states = {f"v.{name}": v for name, v in ANSWERED.potential.items()}
    certificate = nm.verify(INTEGERS, INPUTS, against=["onnx", str(written(tmp_path, states))])
    assert [*certificate.checks] == ["onnx", "recording.npz"]
    assert certificate.identical


def test_a_recording_is_compared_beside_a_backend(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("nir")
    caplog.set_level(logging.ERROR)
    certificate = nm.verify(FLOATS, NOISE, against=["nir", str(written(tmp_path, arrays(RAN)))])
    assert [*certificate.checks] == ["nir", "recording.npz"]
    assert certificate.identical
