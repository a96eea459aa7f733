"""Handwritten digits in a code of your choice: `python -m benchmarks.images CODE FOLDER`.

The built-in data set `digits` has latencies of edges. Here, each of the 64 pixels of the same
images is a channel, or, as in the splits of `digits`, the same samples are coded in another way:

latency     a spike per pixel, the earlier the brighter
rate        random spikes, the more the brighter
counts8     the brightness itself in every step, in 8 bits
counts4     the same in 4 bits

All codes last 60 steps of 1 ms.

    python -m benchmarks.images counts8 counts8
    nmtool train counts8 -o run --dt 1 --steps 80
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nmtool.data import Dataset, SpikeEvents
from nmtool.data.digits import CLASS_NAMES, RANGES
from nmtool.data.encoders import encode_latency, encode_rate
from nmtool.data.incoming import write_dataset
from nmtool.libraries import libraries_needed

STEPS = 60
"""Duration of a code, in steps of 1 ms."""

BRIGHTEST = 16.0

Code = Callable[[NDArray[np.float64], NDArray[np.int64]], SpikeEvents]


def _latency(images: NDArray[np.float64], labels: NDArray[np.int64]) -> SpikeEvents:
    return encode_latency(images, labels, span_ms=STEPS, class_names=CLASS_NAMES)


def _rate(images: NDArray[np.float64], labels: NDArray[np.int64]) -> SpikeEvents:
    return encode_rate(images, labels, steps=STEPS, class_names=CLASS_NAMES)


def _counts(bits: int) -> Code:
    """The code that shows an image in every step."""

    def code(images: NDArray[np.float64], labels: NDArray[np.int64]) -> SpikeEvents:
        shown = np.repeat(images[:, None], STEPS, axis=1)
        scale = 1 / ((1 << bits) - 1)
        return SpikeEvents.from_values(
            shown, labels, bits=bits, signed=False, scale=scale, class_names=CLASS_NAMES
        )

    return code


CODES: Mapping[str, Code] = {
    "latency": _latency,
    "rate": _rate,
    "counts8": _counts(8),
    "counts4": _counts(4),
}


def images(code: str) -> Dataset:
    """The images in a code, in the splits of `digits`.

    Raises:
        MissingError: scikit-learn is not installed.
    """
    with libraries_needed("train"):
        from sklearn.datasets import load_digits
    pixels, labels = load_digits(return_X_y=True)

    def events_of(split: str) -> SpikeEvents:
        samples = slice(*RANGES[split])
        return CODES[code](pixels[samples] / BRIGHTEST, labels[samples])

    return Dataset.of(
        train=events_of("train"), validation=events_of("validation"), test=events_of("test")
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.images",
        description="Write images of handwritten digits as a data set.",
    )
    parser.add_argument("code", choices=CODES)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="data set to write")
    options = parser.parse_args(arguments)
    for file in write_dataset(images(options.code), options.folder, options.folder.name):
        print(file)
    return 0


if __name__ == "__main__":
    sys.exit(main())
