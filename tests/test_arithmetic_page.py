"""The worked examples and limits in docs/arithmetic.md agree with the code."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from nmtool.arithmetic import LOIHI2, MAX_WEIGHT, SILENT_THRESHOLD
from nmtool.hardware_sim.reference import run_reference
from nmtool.hardware_sim.step import neuron_step
from nmtool.network.graph import MAX_CHANNELS, MAX_STEPS, InputChannels
from nmtool.network.integer_network import IntegerNetwork, IntegerPopulation, IntegerProjection
from nmtool.network.readout import RULES, Readout
from nmtool.raster import Raster

PAGE = (Path(__file__).parents[1] / "docs/arithmetic.md").read_text("utf-8").replace("−", "-")
ROW = r"\|(?:[^|\n]*\|)+\n"
NEURONS = re.findall(
    rf"^du = (\d+), dv = (\d+), vth = (\d+), B = (-?\d+):\n\n{ROW}{ROW}((?:{ROW})+)", PAGE, re.M
)
NETWORKS = re.findall(rf"^```json\n(.*?)^```$.*?\n{ROW}\|---.*?\n((?:{ROW})+)", PAGE, re.M | re.S)


def cells(rows: str) -> list[list[str]]:
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows.splitlines()]


def numbers(cell: str) -> list[int]:
    return [int(number) for number in cell.split(",") if number]


@pytest.mark.parametrize("example", NEURONS)
def test_examples_of_a_neuron(example: tuple[str, ...]) -> None:
    du, dv, vth, bias = (int(number) for number in example[:4])
    u = v = 0
    for n, (step, a, new_u, new_v, spike) in enumerate(cells(example[4])):
        outcome = neuron_step(int(a), u, v, bias, LOIHI2.keep_u(du), LOIHI2.keep_v(dv), vth)
        u, v = outcome.u, outcome.v
        assert (n, u, v, outcome.spiked) == (int(step), int(new_u), int(new_v), spike == "yes")


@pytest.mark.parametrize(("text", "rows"), NETWORKS)
def test_an_example_of_a_network(text: str, rows: str) -> None:
    content, steps = json.loads(text), cells(rows)
    [population] = [IntegerPopulation(**entry, scale=1.0) for entry in content["populations"]]
    projections = [IntegerProjection(**entry) for entry in content["projections"]]
    n_channels = next(p.shape[0] for p in projections if p.source == "input")
    dense = np.zeros((1, len(steps), n_channels), bool)
    for n, row in enumerate(steps):
        dense[0, n, numbers(row[1])] = True
    readout = Readout(population.name, "first_spike")
    network = IntegerNetwork(
        InputChannels(n_channels), [population], projections, readout, 1.0, len(steps)
    )
    recording = run_reference(network, Raster.from_dense(dense))
    for n, row in enumerate(steps):
        assert int(row[0]) == n
        assert numbers(row[2]) == recording.current[population.name][0, n].tolist()
        assert numbers(row[3]) == recording.potential[population.name][0, n].tolist()
        spikes = recording.spikes[population.name].dense()[0, n]
        assert numbers(row[4]) == np.flatnonzero(spikes).tolist()


def test_there_are_examples() -> None:
    assert (len(NEURONS), len(NETWORKS)) == (3, 1)


def test_limits() -> None:
    limits = dict(re.findall(r"^\| ([^|]+?) \| ([^|]+?) \|$", PAGE, re.M))
    assert limits["delay, d"] == f"0 … {LOIHI2.max_delay} steps"
    assert limits["du, dv"] == f"0 … {LOIHI2.max_du}"
    assert LOIHI2.max_du == LOIHI2.max_dv
    assert limits["weight, w"].startswith(f"{1 - MAX_WEIGHT} … {MAX_WEIGHT - 1},")
    assert (
        limits["bits of a projection, b"]
        == f"{min(LOIHI2.weight_bits)} … {max(LOIHI2.weight_bits)}"
    )
    assert limits["exponent of a projection, e"] == f"b - 8 … {LOIHI2.max_weight_exponent}"
    assert [LOIHI2.weight_exponents(b)[0] for b in LOIHI2.weight_bits] == [
        b - 8 for b in LOIHI2.weight_bits
    ]
    assert str(SILENT_THRESHOLD) in limits["vth"]
    assert limits["vth"].startswith(f"0 … {LOIHI2.max_threshold} ")
    assert limits["bias mantissa, p"] == f"{-LOIHI2.bias_limit} … {LOIHI2.bias_limit - 1}"
    assert limits["bias exponent, q"] == f"0 … {LOIHI2.max_bias_exponent}"
    assert (limits["channels"], MAX_CHANNELS) == ("1 … 2^24", 2**24)
    assert (limits["steps of a sample, T"], MAX_STEPS) == ("1 … 2^22", 2**22)


def test_rules() -> None:
    kinds = re.findall(r"^\| `(\w+)` \| `(lif?)`", PAGE, re.M)
    assert kinds == [(name, rule.kind) for name, rule in RULES.items()]
