"""Train on handwritten digits, quantise, check the integers, and export to Lava.

Run it in the environment that `make demo` makes; it takes about a minute on two cores:

    python examples/train_and_export.py OUTPUT_FOLDER

Expected output (decimals may differ between machines):

    validation accuracy  float 0.9…  integers 0.9…
    OUTPUT_FOLDER/digits.npz and OUTPUT_FOLDER/lava written
"""

from __future__ import annotations

import sys
from pathlib import Path

import nmtool as nm


def main(output: Path, epochs: int = 10) -> None:
    data = nm.load_dataset("digits")
    options = nm.TrainOptions(hidden=64, steps=100, epochs=epochs, gain=100.0, rate=3.0)
    network = nm.train(data, options, progress=nm.progress_bar).network
    integers = nm.quantise(network, calibrate_on=data.train).network

    validation = data.split("validation")
    in_float, in_integers = (nm.evaluate(n, validation).accuracy for n in (network, integers))
    print(f"validation accuracy  float {in_float:.3f}  integers {in_integers:.3f}")

    output.mkdir(parents=True, exist_ok=True)
    integers.save(output / "digits.npz")
    nm.export(integers, output / "lava", to="lava", samples=data, force=True)
    print(f"{output / 'digits.npz'} and {output / 'lava'} written")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
