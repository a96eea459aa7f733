"""A rule of the readout that is only in the table is refused, never answered by the mean."""

from __future__ import annotations

from collections.abc import Iterator
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
from nmtool.network.graph import LI, LIF
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

FURTHER = {"median": Rule(LI, "median over n of v[n][c]"), "count": Rule(LIF, "spikes of c")}

TARGETS = [target for target in map(target_named, target_names()) if target.format]

pytestmark = pytest.mark.torch


@pytest.fixture(params=FURTHER)
def readout(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Readout]:
    monkeypatch.setitem(RULES, request.param, FURTHER[request.param])
    return Readout("out", request.param)


def network_of(readout: Readout, exporter: type[Format]) -> IntegerNetwork:
    network = chain_network(4, spiking=readout.kind == LIF, runs_in=exporter.arithmetic)
    return replace(network, readout=readout)


@pytest.mark.parametrize(
    "exporter", [f for f in all_formats() if f.writes or f.runs], ids=lambda f: f.name
)
def test_no_format_has_it(exporter: type[Format], readout: Readout, tmp_path: Path) -> None:
    network = network_of(readout, exporter)
    path = tmp_path / f"network{next(iter(exporter.extensions), '')}"
    artefact = exporter(path)
    artefact.network = network
    attempts = {
        "write": lambda: exporter.write(network, path),
        "run": lambda: artefact.run(Raster.silent(1, 9, 5)),
        "export": lambda: nm.export(network, path, to=exporter.name),
    }
    for attempt in attempts if exporter.writes else ["write", "run"]:
        with refused(DoesNotFitError, "format-does-not-fit") as caught:
            attempts[attempt]()
        assert codes(caught.value) == ["format-readout"], attempt
    assert not any(tmp_path.iterdir())
    for target in TARGETS:
        if target.format == exporter.name:
            assert codes(nm.check(network, target)[target.name].unsupported)[0] == "format-readout"


def test_no_function_scores_it(readout: Readout) -> None:
    network = network_of(readout, Format)
    membrane, spikes = np.zeros((1, 4, 1), np.int32), Raster.silent(1, 4, 1)
    for scores in (
        lambda: time_weights(readout, 4),
        lambda: membrane_scores(membrane, readout),
        lambda: spike_scores(spikes, readout),
        lambda: StreamScores(readout, 1, n_steps=4).add(membrane[0]),
        lambda: losses.membrane_scores(torch.from_numpy(membrane), readout),
        lambda: simulate(network, Raster.silent(1, 9, 5)).scores,
        lambda: nm.Session(network).step(9),
        # Nor one of another kind, or whose scores are no means.
        lambda: time_weights(Readout("out", MAX), 4),
        lambda: membrane_scores(membrane, Readout("out", FIRST_SPIKE)),
    ):
        with pytest.raises(ValueError, match="scores by the rule"):
            scores()
