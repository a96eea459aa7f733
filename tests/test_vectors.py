"""The conformance vectors equal the output of `tests/vectors.py`, and the simulators pass them.

Runtimes pass them in the conformance tests of their formats.
"""

from __future__ import annotations

import re

import numpy as np
import pytest

import nmtool as nm
from nmtool.exporters.json.file import KINDS
from nmtool.exporters.json.format import Json
from nmtool.hardware_sim.reference import run_reference
from nmtool.hardware_sim.simulator import simulate
from nmtool.network.graph import LATE, LI, RESETS, SUBTRACT
from nmtool.network.integer_network import IntegerNetwork
from nmtool.network.readout import RULES
from nmtool.recording import Recording
from nmtool.verification.comparison import compare_recordings
from tests.vectors import FOLDER, VECTORS, M, content

PAGE = FOLDER.parent / "standard.md"
NAMES = list(VECTORS)
WITH_RESETS = [name for name in NAMES if name.startswith("reset-")]
WITH_COUNTS = [name for name in NAMES if name.startswith("counts-")]
"""Vectors of `loihi2-resets` and of `loihi2-counts`; the others are of `loihi2`."""

every_vector = pytest.mark.parametrize("name", NAMES)


def read(name: str) -> Json:
    return Json(FOLDER / f"{name}.json")


def assert_passes(name: str, actual: Recording) -> None:
    """Assert that every spike, u, v and class is equal."""
    expected = read(name).known_answers().recording
    comparison = compare_recordings(expected, actual)
    assert comparison.identical, comparison.first_divergence
    assert set(actual.current) == set(expected.current)
    assert np.array_equal(actual.predictions, expected.predictions)


# Tests of the content of the vectors


@every_vector
def test_the_script_makes_the_same_bytes(name: str) -> None:
    assert (FOLDER / f"{name}.json").read_bytes() == content(name)


def test_the_folder_has_only_vectors_and_the_page_links_each() -> None:
    files = [*FOLDER.iterdir()]
    assert {file.name for file in files} == {f"{name}.json" for name in NAMES}
    assert sum(file.stat().st_size for file in files) < 490_000
    linked = re.findall(r"\(vectors/([a-z0-9-]+)\.json\)", PAGE.read_text("utf-8"))
    assert linked == NAMES


def networks() -> list[IntegerNetwork]:
    return [read(name).integers for name in NAMES]


def states(quantity: str, kind: str = "") -> set[int]:
    """All values of u or v in the populations of a kind."""
    seen: set[int] = set()
    for name in NAMES:
        recording, network = read(name).known_answers().recording, read(name).integers
        for population in network.populations:
            if kind in ("", population.kind):
                v = recording.membrane if population.kind == LI else recording.potential
                array = (recording.current if quantity == "u" else v)[population.name]
                seen |= set(np.unique(array).tolist())
    return seen


def test_vectors_cover_the_ranges_of_all_constants() -> None:
    projections = [p for network in networks() for p in network.projections]
    populations = [p for network in networks() for p in network.populations]
    forms = {(p.weight_bits, p.weight_exponent) for p in projections}
    assert forms == {(b, e) for b in range(2, 9) for e in range(b - 8, 8)}
    for bits in range(2, 9):
        signs = {p.sign_mode for p in projections if p.weight_bits == bits}
        assert signs == {"mixed", "excitatory", "inhibitory"}
    assert {int(d) for p in projections for d in p.delay.flat} == set(range(62))
    assert {p.bias_exponent for p in populations if (p.bias > 0).any() and (p.bias < 0).any()} == {
        *range(8)
    }
    for key, ends in (("du", {0, 4095}), ("dv", {0, 4095}), ("vth", {0, 131071, 1 << 17})):
        assert ends <= {getattr(p, key) for p in populations}
    assert {network.readout.rule for network in networks()} == set(RULES)


def test_vectors_reach_every_limit_of_a_state() -> None:
    m = 1 << 23
    u, v = states("u"), states("v")
    assert {m, m - 1, 1 - m, m + 1} <= u
    assert min(u) < -(2**31) + 2**27
    assert max(u) > 2**31 - 2**27
    assert {m - 1, m - 2, 1 - m, 2 - m} <= v
    assert (max(v), min(v)) == (m - 1, 1 - m)


def test_vectors_cover_resets_and_their_limits() -> None:
    with_resets = [name for name in NAMES if read(name).content["format"] == KINDS["resets"]]
    assert with_resets == WITH_RESETS
    for reset in (SUBTRACT, LATE):
        network = read(f"reset-{reset}").integers
        constants = {(p.vth, p.reset_by) for p in network.populations if p.reset == reset}
        assert {(0, 1), (0, 131071), (131071, 1), (131071, 262142)} <= constants
        v = np.concatenate([*read(f"reset-{reset}").known_answers().recording.potential.values()])
        assert v.min() == 1 - (1 << 23)
    network, spikes = (
        read("reset-mixed").integers,
        read("reset-mixed").known_answers().recording.spikes,
    )
    assert {population.reset for population in network.populations} == {*RESETS}
    assert spikes["a"].dense()[0, -1].any(), "the second sample must not get its reset"


def test_vectors_cover_counts_and_their_limits() -> None:
    with_counts = [name for name in NAMES if read(name).content["format"] == KINDS["counts"]]
    assert with_counts == WITH_COUNTS
    networks, answers = (
        {name: part(read(name)) for name in WITH_COUNTS}
        for part in (lambda file: file.integers, lambda file: file.known_answers())
    )
    assert {1, 2, 254, 255} <= {*answers["counts-input"].spikes.bin_counts().tolist()}
    assert "reset" not in networks["counts-input"].properties
    weight = sum(p.shifted_weight.astype(np.int64) for p in networks["counts-sum"].projections)
    sums = answers["counts-sum"].spikes.dense_counts()[0].astype(np.int64) @ weight
    assert 1 << 25 < sums[1, 0] < 1 << 31 < sums[3, 0] == -sums[3, 1]
    spikes = answers["counts-spikes"].recording.spikes
    for population in networks["counts-spikes"].spiking:
        theta, drop, most = 64 * population.vth, population.drop, population.most_spikes
        v = [theta + n * drop + by for n in (0, 1, most) for by in (0, 1)] + [M]
        expected = [min(most, -(-(min(peak, M - 1) - theta) // drop)) for peak in v]
        counts = spikes[population.name].dense_counts()[0]
        assert population.dv == 0 or counts[1].tolist() == expected
        assert population.dv > 0 or counts[2, -1] > 0, "it does not spike on"
    assert max(raster.most_spikes for raster in spikes.values()) == 255


def test_each_readout_rule_gives_different_classes() -> None:
    recordings = [
        read(f"readout-{rule}".replace("_", "-")).known_answers().recording for rule in RULES
    ]
    classes = {tuple(recording.predictions.tolist()) for recording in recordings}
    assert len(classes) == len(RULES)


# Tests of the simulators


@every_vector
def test_the_simulators(name: str) -> None:
    network, spikes = read(name).integers, read(name).known_answers().spikes
    assert_passes(name, run_reference(network, spikes))
    assert_passes(name, simulate(network, spikes, deep=True))


def test_the_command_line_verifies_one() -> None:
    certificate = nm.verify(FOLDER / "loops.json")
    assert certificate.identical
    assert certificate.checks["json"].comparison.spikes_compared > 0
