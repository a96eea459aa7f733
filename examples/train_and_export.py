"""Train on handwritten digits, quantise, check the integers, and export to Lava.

Run it in the environment that `make demo` makes, about a minute on two cores:

    python examples/train_and_export.py OUTPUT_FOLDER

Expected output (digits after the point may differ between machines):

    validation accuracy  float 0.9…  integers 0.9…
    OUTPUT_FOLDER/digits.npz and OUTPUT_FOLDER/lava written
"""

from __future__ import annotations

import sys
from pathlib import Path

from nmtool import bin_events, load_dataset, round_network
from nmtool.exporters import lava
from nmtool.hardware_sim.calibrate import calibrate
from nmtool.hardware_sim.simulator import simulate
from nmtool.training.model import SpikingNetwork
from nmtool.training.options import TrainOptions
from nmtool.training.trainer import Trainer


def main(output: Path, epochs: int = 10) -> None:
    dataset = load_dataset("digits")
    assert dataset.validation is not None
    options = TrainOptions(hidden=64, steps=100, epochs=epochs, gain=100.0, rate=3.0)
    network = Trainer(options, dataset.train, dataset.validation).run()

    def binned(events):
        return bin_events(events, network.dt_ms, network.n_steps, network.channels.group).raster

    some = binned(dataset.train.take(range(200)))
    integers = round_network(network, calibration=calibrate(network, some)).network

    heard, label = binned(dataset.validation), dataset.validation.label
    in_float = SpikingNetwork(network).record(heard).accuracy(label)
    in_integers = simulate(integers, heard).accuracy(label)
    print(f"validation accuracy  float {in_float:.3f}  integers {in_integers:.3f}")

    output.mkdir(parents=True, exist_ok=True)
    integers.save(output / "digits.npz")
    lava.export(integers, output / "lava", force=True)
    print(f"{output / 'digits.npz'} and {output / 'lava'} written")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
