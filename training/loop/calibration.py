"""Weight ranges and scales in quantisation-aware training, chosen anew before every epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np

from nmtool.data import SpikeEvents
from nmtool.network.float_network import Network
from nmtool.network.integer_network import IntegerNetwork
from nmtool.quantisation import Calibration, DelayGrid, weight_ranges
from nmtool.quantisation.calibration import (
    CALIBRATION_SAMPLES_IN_TRAINING,
    calibrate,
    halve_overflowing_scales,
    overflows,
)
from nmtool.raster import Raster
from nmtool.training.front.rounding import Rounding
from nmtool.training.options import TrainOptions


def first_samples(network: Network, train: SpikeEvents) -> Raster:
    """Bin the first training samples for a network, to choose initial weights and scales."""
    count = min(CALIBRATION_SAMPLES_IN_TRAINING, train.n_samples)
    return network.bin(train.take(np.arange(count))).raster


@dataclass(frozen=True, eq=False)
class Calibrator:
    """Chooses weight ranges and scales for training in integers, from samples.

    Attributes:
        weight_bits: bits per weight, 2 … 8.
        delays: grid of the representable delays.
        samples: input raster of representative samples.
    """

    weight_bits: int
    delays: DelayGrid
    samples: Raster

    @classmethod
    def of(cls, options: TrainOptions, samples: Raster) -> Calibrator:
        """Make the calibrator from the settings of a run."""
        return cls(options.weight_bits, options.delay_grid, samples)

    def rounding(self, network: Network) -> Rounding:
        """Choose weight ranges with the least error, and calibrate the scales on the samples."""
        ranges = weight_ranges(network, self.weight_bits, self.delays.target)
        uncalibrated = Rounding(self.weight_bits, self.delays, ranges, Calibration())
        calibration = calibrate(network, self.samples, to_integers=uncalibrated.to_integers)
        return replace(uncalibrated, calibration=calibration)

    def to_integers(
        self, network: Network, portions: Callable[[], Iterable[Raster]]
    ) -> IntegerNetwork:
        """Round a network so that nothing overflows on any of the given samples.

        Args:
            network: the float network.
            portions: function that returns all samples, a portion at a time.
        """
        rounding = self.rounding(network)
        return without_overflow(network, rounding(network), rounding, portions)


def without_overflow(
    network: Network,
    integers: IntegerNetwork,
    rounding: Rounding,
    portions: Callable[[], Iterable[Raster]],
) -> IntegerNetwork:
    """Round a network again with smaller scales until nothing overflows on the given samples.

    Scales of overflowing populations are halved (`nmtool.quantisation.halve_overflowing_scales`).

    Args:
        network: the float network.
        integers: its integer network with the current scales.
        rounding: the rounding whose scales are halved.
        portions: function that returns all samples, a portion at a time.
    """
    while faulty := [part for part in portions() if overflows(integers, part)]:
        spikes, calibration = Raster.concatenate(faulty), rounding.calibration
        calibration = halve_overflowing_scales(
            network, spikes, calibration, to_integers=rounding.to_integers
        )
        rounding = replace(rounding, calibration=calibration)
        integers = rounding(network)
    return integers
