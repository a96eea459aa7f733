"""Conversion of rasters to input words of the core, and of output words to recordings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from nmtool.errors import BackendError
from nmtool.hardware_sim.simulator import simulate
from nmtool.network.integer_network import IntegerNetwork
from nmtool.testing.networks import random_raster, with_resets
from nmtool.verification.comparison import compare_recordings
from nmtool_fpga.verilog.words import expected_text, input_text, read_recording
from tests.networks.drawn import integer_networks, seeds
from tests.refusals import refused
from tests.thorough import examples


@given(seed=seeds, most=st.sampled_from([1, 2, 15]))
def test_input_words_begin_samples_and_end_steps(seed: int, most: int) -> None:
    """A spiking channel has one word, whose bits from 20 on are its further spikes."""
    spikes = random_raster(seed, 2, 12, 5, most)
    dense, lines = spikes.dense_counts().astype(int), []
    for sample in range(spikes.n_samples):
        lines.append("2 0")
        for step in range(spikes.n_steps):
            counts = dense[sample, step]
            lines += [f"0 {counts[c] - 1 << 20 | c:x}" for c in np.flatnonzero(counts)]
            lines.append("1 0")
    assert input_text(spikes).splitlines() == lines


@settings(max_examples=examples(2))
@given(drawn=integer_networks(), seed=seeds, deep=st.booleans(), most=st.sampled_from([1, 2, 15]))
def test_expected_words_are_read_as_the_recording(
    tmp_path_factory: pytest.TempPathFactory,
    drawn: IntegerNetwork,
    seed: int,
    deep: bool,
    most: int,
) -> None:
    """The text that testbenches compare has the same words as the bytes that they record."""
    network = with_resets(drawn, seed, most)
    channels = network.channels
    spikes = random_raster(seed, 2, 9, channels.size, channels.most_spikes)
    recording = simulate(network, spikes, deep=deep)
    first, *lines = expected_text(network, recording, 9, deep).splitlines()
    packed = []
    for kind, population, index, value in ([int(w, 16) for w in line.split()] for line in lines):
        packed.append(kind << 62 | population << 49 | index << 25 | value)
    path = tmp_path_factory.getbasetemp() / "words.bin"
    np.array(packed, "<u8").tofile(path)
    read = read_recording(path, network, spikes, deep)
    assert compare_recordings(recording, read).identical
    bins, values = map(int, first.split())
    states = [*recording.membrane.values(), *recording.current.values()]
    assert bins == sum(raster.n_bins for raster in recording.spikes.values())
    assert values == sum(array.size for array in [*states, *recording.potential.values()])


@pytest.mark.parametrize("lost", ["an end", "a value"])
def test_missing_words_are_an_error(lost: str, tmp_path: Path) -> None:
    network = next(n for n in _networks() if n.integrating)
    spikes = random_raster(0, 2, 9, network.channels.size)
    lines = expected_text(network, simulate(network, spikes), 9, False).splitlines()[1:]
    words = [[int(part, 16) for part in line.split()] for line in lines]
    kind = {"an end": 3, "a value": 1}[lost]
    words.remove(next(word for word in words if word[0] == kind))
    packed = [k << 62 | p << 49 | i << 25 | v for k, p, i, v in words]
    np.array(packed, "<u8").tofile(tmp_path / "words")
    with refused(BackendError, "verilog-words-missing"):
        read_recording(tmp_path / "words", network, spikes, False)


def _networks():
    from tests.networks.chains import chain_network

    return (chain_network(seed) for seed in range(10))
