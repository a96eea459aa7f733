"""Run a network that trained in integers in the trainer's forward pass and in the simulator.

    python examples/trainer_against_simulator.py RUN DATA

RUN is what `nmtool train … --arithmetic integer` kept; DATA as for nmtool, its test split is
heard. Expected output, for any run:

    trainer: spikes compared …, different 0; spikes emitted …
    membranes compared …, different 0; predictions different 0
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from nmtool import IntegerNetwork, bin_events, load_dataset
from nmtool.hardware_sim.simulator import simulate
from nmtool.network import Network
from nmtool.quantisation import Calibration, DelayGrid
from nmtool.training.integer_arithmetic import Rounding
from nmtool.training.model import SpikingNetwork
from nmtool.verification.comparison import compare_recordings


@dataclass(frozen=True)
class Decided(Rounding):
    """Rounds to the integers that a run was left with."""

    integers: IntegerNetwork

    def __call__(self, network: Network) -> IntegerNetwork:
        return self.integers


def main(run: Path, data: str) -> None:
    network = Network.load(run / "network.npz")
    integers = IntegerNetwork.load(run / "integers.npz")
    events = load_dataset(data).test
    heard = bin_events(events, integers.dt_ms, integers.n_steps, integers.channels.group).raster

    rounding = Decided(8, DelayGrid(), {}, Calibration(), integers)
    trainer = SpikingNetwork(network, rounding=rounding)
    found = compare_recordings(simulate(integers, heard), trainer.record(heard))
    print(
        f"trainer: spikes compared {found.spikes_compared}, different {found.spikes_different}; "
        f"spikes emitted {found.spikes_emitted}"
    )
    print(
        f"membranes compared {found.membrane_compared}, different {found.membrane_different}; "
        f"predictions different {found.predictions_different}"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
