"""Runs of written files give exactly the spikes of the network in real numbers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, reject, settings, strategies as st

from nmtool.arithmetic import SILENT_THRESHOLD
from nmtool.batches import MAX_SAMPLES
from nmtool.errors import DoesNotFitError
from nmtool.exporters.nir.format import Nir
from nmtool.exporters.nir.options import HOPS, READOUTS, NirOptions
from nmtool.hardware_sim.simulator import simulate
from nmtool.network.float_network import Network
from nmtool.network.graph import INPUT, LI, LIF, InputChannels
from nmtool.network.integer_network import IntegerNetwork, IntegerPopulation, IntegerProjection
from nmtool.network.readout import Readout
from nmtool.recording import Recording
from nmtool.testing.networks import random_network, random_raster
from nmtool.training.mathematics.reference import forward
from nmtool.verification.comparison import FLOAT_TOLERANCE, compare_recordings, spike_agreement
from tests.networks.drawn import float_networks, integer_networks, rasters
from tests.networks.edges import scattered_network
from tests.networks.layered import in_general_position, layered_network, noise
from tests.thorough import examples

pytest.importorskip("nir")

writing_options = st.builds(
    NirOptions,
    readout=st.sampled_from(READOUTS),
    hops=st.sampled_from(HOPS),
    nir_dt_s=st.sampled_from([1e-4, 1e-3, 0.37]),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("nir")


def assert_as_expected(expected: Recording, actual: Recording) -> None:
    comparison = compare_recordings(expected, actual, tolerance=FLOAT_TOLERANCE)
    assert comparison.identical, comparison


def written(network: Network | IntegerNetwork, path: Path, options: NirOptions) -> Path | None:
    """Write a file; None if the options cannot represent the network."""
    try:
        return Nir.write(network, path, options=options, force=True).path
    except DoesNotFitError:
        return None


@settings(max_examples=examples(1))
@given(
    network=st.one_of(integer_networks(), float_networks().map(in_general_position)),
    options=writing_options,
    data=st.data(),
)
def test_a_file_gives_the_recording_of_its_network(
    folder: Path, network: Network | IntegerNetwork, options: NirOptions, data: st.DataObject
) -> None:
    path = written(network, folder / "network.nir", options)
    if path is None:
        reject()
    spikes = data.draw(rasters(network.channels.size))
    assert_as_expected(Nir.reference(network, spikes), Nir(path).run(spikes))


@pytest.mark.parametrize("bias", [0.0, 0.3])
def test_the_reference_equals_the_trainer(bias: float) -> None:
    network, spikes = layered_network(max_delay=9), noise()
    populations = [replace(p, bias=bias * np.arange(p.size)) for p in network.populations]
    network = in_general_position(replace(network, populations=populations))
    expected, actual = forward(network, spikes), Nir.reference(network, spikes)
    for name, raster in actual.spikes.items():
        assert raster.n_spikes > 100
        np.testing.assert_array_equal(raster.flat_index(), expected.spikes[name].flat_index())
    np.testing.assert_allclose(actual.membrane["out"], expected.membrane["out"], rtol=1e-9)


def test_the_reference_equals_the_simulator_if_nothing_is_truncated() -> None:
    """v never leaks, and less than one unit of u remains after a step."""
    network = IntegerNetwork(
        InputChannels(3),
        [
            IntegerPopulation("hidden", 4, LIF, du=4094, dv=0, vth=100, scale=1.0),
            IntegerPopulation("out", 2, LI, du=4094, dv=0, vth=SILENT_THRESHOLD, scale=1.0),
        ],
        [
            IntegerProjection(INPUT, "hidden", np.arange(12).reshape(3, 4), np.full((3, 4), 7)),
            IntegerProjection("hidden", "hidden", np.full((4, 4), 3), np.zeros((4, 4))),
            IntegerProjection("hidden", "out", np.full((4, 2), 5), np.full((4, 2), 61)),
        ],
        Readout("out", "mean"),
        dt_ms=1.0,
        n_steps=150,
    )
    spikes = random_raster(3, 3, 150, 3)
    integers, floats = simulate(network, spikes), Nir.reference(network, spikes)
    agreement = spike_agreement(integers, floats)
    assert agreement.spikes_shared > 50
    assert (agreement.spikes_different, agreement.share) == (0, 1.0)
    np.testing.assert_allclose(floats.membrane["out"] * 64, integers.membrane["out"], rtol=1e-3)


@pytest.mark.parametrize("seed", range(3))
def test_the_difference_to_integers_is_reported(seed: int, tmp_path: Path) -> None:
    network = random_network(seed, n_hidden=2, spiking_output=False)
    spikes = random_raster(seed, 2, 70, 5)
    path = Nir.write(network, tmp_path / "network.nir").path
    actual = Nir(path).run(spikes)
    agreement = spike_agreement(simulate(network, spikes), actual)
    bins = sum(raster.n_bins for raster in actual.spikes.values())
    assert agreement.spikes_compared == bins
    assert 0.0 <= agreement.share <= 1.0


def test_delays_and_loops(tmp_path: Path) -> None:
    network, spikes = layered_network(max_delay=9), noise()
    path = Nir.write(network, tmp_path / "x.nir").path
    actual = Nir(path).run(spikes)
    assert all(raster.n_spikes > 100 for raster in actual.spikes.values())
    assert_as_expected(Nir.reference(network, spikes), actual)


def test_unconnected_populations(tmp_path: Path) -> None:
    network = scattered_network()
    spikes = random_raster(0, 2, 25, 2)
    path = Nir.write(network, tmp_path / "x.nir").path
    assert_as_expected(Nir.reference(network, spikes), Nir(path).run(spikes))


def test_samples_do_not_affect_each_other(tmp_path: Path) -> None:
    """Results are bit-identical for any number of samples that run together."""
    network, spikes = layered_network(max_delay=9), noise(MAX_SAMPLES + 3)
    path = Nir.write(network, tmp_path / "x.nir").path
    finished: list[int] = []
    for run in (
        lambda some, **more: Nir(path).run(some, **more),
        lambda some, **more: Nir.reference(network, some, **more),
    ):
        together = run(spikes, on_progress=finished.append)
        alone = [run(spikes.take([sample])) for sample in (0, 1, MAX_SAMPLES + 2)]
        for sample, recording in zip((0, 1, MAX_SAMPLES + 2), alone, strict=True):
            assert np.array_equal(together.membrane["out"][sample], recording.membrane["out"][0])
            for name, raster in recording.spikes.items():
                expected = together.spikes[name].take([sample]).flat_index()
                assert np.array_equal(raster.flat_index(), expected)
        assert run(spikes.take([])).membrane["out"].shape == (0, 60, 3)
    assert finished == [MAX_SAMPLES, 3] * 2


def test_a_changed_weight_is_detected(tmp_path: Path) -> None:
    network, spikes = layered_network(max_delay=4), noise()
    other = network.with_projections(
        [replace(p, weight=p.weight * (1 + 1e-3)) for p in network.projections]
    )
    path = Nir.write(other, tmp_path / "x.nir").path
    comparison = compare_recordings(
        Nir.reference(network, spikes), Nir(path).run(spikes), tolerance=FLOAT_TOLERANCE
    )
    assert comparison.membrane_different > 100
