"""Training in the integers of `fenn16`: the forward pass equals the simulator's, bit by bit."""

from __future__ import annotations

import pytest
import torch

from nmtool.quantisation import DelayGrid
from nmtool.training.engines.cuda.available import require
from nmtool.training.engines.devices import Cuda
from nmtool_chips.fenn.fenn16 import FENN16
from tests.networks.trainable import random_input, random_network, with_readout
from tests.training.engines.cuda.engines import SMALL, needs_device, unless_simulated
from tests.training.integer_runs import (
    FAULTS,
    assert_all_spiked,
    assert_identical,
    rounding_of,
    run_both,
    too_loud,
)

pytestmark = pytest.mark.torch


@pytest.mark.parametrize(
    ("seed", "topology", "rule", "bits", "grid", "dtype"),
    [
        (4, "two layers", "mean", 9, DelayGrid(1, 63, target=FENN16), torch.float32),
        (5, "recurrent", "first_spike", 8, DelayGrid(6, 1, target=FENN16), torch.float64),
        (6, "feedback and skips", "max", 3, DelayGrid(6, 1, target=FENN16), torch.float32),
    ],
)
def test_identical_for_any_bits(
    seed: int, topology: str, rule: str, bits: int, grid: DelayGrid, dtype: torch.dtype
) -> None:
    network = with_readout(random_network(topology, seed, max_delay=61, n_steps=90), rule)
    spikes = random_input(network, 3, seed)
    both = run_both(network, rounding_of(network, bits, grid), spikes, dtype=dtype)
    assert_identical(*both)
    assert_all_spiked(both[-1])
    assert max(p.delay.max() for p in both[0].to_integers().projections) > 50


@pytest.mark.parametrize(("topology", "bits"), [("recurrent", 2), ("two layers", 8)])
def test_identical_where_states_overflow(topology: str, bits: int) -> None:
    network = random_network(topology, seed=bits)
    spikes = random_input(network, 2, bits, density=1.0)
    rounding = too_loud(rounding_of(network, bits, DelayGrid(target=FENN16)))
    both = run_both(network, rounding, spikes)
    assert_identical(*both)
    assert_all_spiked(both[-1])
    assert all(both[-1].counts[name] > 0 for name in FAULTS)


@pytest.mark.cuda
@needs_device
@pytest.mark.parametrize("loud", [pytest.param(False, marks=unless_simulated), True])
def test_integers_on_a_gpu_are_those_of_the_chip(loud: bool) -> None:
    size = {"channels": 6, "hidden": 6, "second": 5, "n_steps": 24, "max_delay": 5}
    network = random_network("recurrent", seed=4, **size)
    spikes = random_input(network, 2, seed=2, density=1.0 if loud else 0.3)
    rounding = rounding_of(network, 9, DelayGrid(2, 2, target=FENN16))
    if loud:
        rounding = too_loud(rounding_of(network, delays=DelayGrid(target=FENN16)))
    both = run_both(network, rounding, spikes, device=Cuda("cuda", require(), SMALL))
    assert_identical(*both)
    assert_all_spiked(both[-1])
    assert not loud or all(both[-1].counts[name] > 0 for name in FAULTS)
