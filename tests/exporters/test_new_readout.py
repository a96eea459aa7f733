"""A new readout rule that no code implements is refused, and not replaced by the mean.

A mean with new weights per step needs no code, except the texts of exports.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import nmtool as nm
from nmtool.errors import DoesNotFitError
from nmtool.exporters.format import Format
from nmtool.exporters.formats import all_formats
from nmtool.hardware_sim.simulator import simulate
from nmtool.network.graph import LI
from nmtool.network.integer_network import IntegerNetwork
from nmtool.network.readout import (
    FIRST_SPIKE,
    MAX,
    RULES,
    Readout,
    Rule,
    StreamScores,
    membrane_scores,
    spike_scores,
    time_weights,
)
from nmtool.raster import Raster
from nmtool.targets import target_named, target_names
from nmtool.training.front import losses
from tests.networks.chains import chain_network
from tests.refusals import codes, refused

TARGETS = [target for target in map(target_named, target_names()) if target.format]

pytestmark = pytest.mark.torch


@pytest.fixture(autouse=True)
def _median(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RULES, "median", Rule(LI, "median over n of v[n][c]"))


def network_for(exporter: type[Format]) -> IntegerNetwork:
    network = chain_network(4, runs_in=exporter.arithmetic)
    return replace(network, readout=Readout("out", "median"))


@pytest.mark.parametrize(
    "exporter", [f for f in all_formats() if f.writes or f.runs], ids=lambda f: f.name
)
def test_no_format_supports_an_unknown_rule(exporter: type[Format], tmp_path: Path) -> None:
    network, path = network_for(exporter), tmp_path / f"n{next(iter(exporter.extensions), '')}"
    artefact = exporter(path)
    artefact.network = network
    attempts = [
        lambda: exporter.write(network, path),
        lambda: artefact.run(Raster.silent(1, 9, 5)),
        lambda: nm.export(network, path, to=exporter.name),
    ]
    for attempt in attempts if exporter.writes else attempts[:2]:
        with refused(DoesNotFitError, "format-does-not-fit") as caught:
            attempt()
        assert codes(caught.value) == ["format-readout"]
    assert not any(tmp_path.iterdir())
    for target in TARGETS:
        if target.format == exporter.name:
            assert codes(nm.check(network, target)[target.name].unsupported)[0] == "format-readout"


def test_no_function_scores_by_an_unknown_rule() -> None:
    network, readout = network_for(Format), Readout("out", "median")
    membrane, spikes = np.zeros((1, 4, 1), np.int32), Raster.silent(1, 4, 1)
    for scores in (
        lambda: time_weights(readout, 4),
        lambda: membrane_scores(membrane, readout),
        lambda: spike_scores(spikes, readout),
        lambda: StreamScores(readout, 1, n_steps=4).add(membrane[0]),
        lambda: losses.membrane_scores(torch.from_numpy(membrane), readout),
        lambda: simulate(network, Raster.silent(1, 9, 5)).scores,
        lambda: nm.Session(network).step(9),
        # These rules belong to another kind of population, or their scores are not weighted means.
        lambda: time_weights(Readout("out", MAX), 4),
        lambda: membrane_scores(membrane, Readout("out", FIRST_SPIKE)),
    ):
        with pytest.raises(ValueError, match="scores by the rule"):
            scores()


def test_new_weights_per_step_need_no_code(monkeypatch: pytest.MonkeyPatch) -> None:
    formula = "1/T * sum over n of v[n][c] * n/T"
    monkeypatch.setitem(RULES, "late", Rule(LI, formula, is_mean=True, weight=lambda x: x))
    network = replace(chain_network(4), readout=Readout("out", "late"), n_steps=4)
    membrane = np.array([[[8, -4], [0, 16], [32, 0], [-64, 48]]], np.int32)
    expected = [[(0 / 4 * 8 + 1 / 4 * 0 + 2 / 4 * 32 - 3 / 4 * 64) / 4, (4 + 36) / 4]]
    stream = StreamScores(network.readout, 2, n_steps=4)
    stream.add(membrane[0])
    assert membrane_scores(membrane, network.readout).tolist() == expected
    assert [stream.now().tolist()] == expected
    floats = torch.from_numpy(membrane).double()
    assert losses.membrane_scores(floats, network.readout).tolist() == expected
