"""Weight ranges and scales of a network that trains in a chip's integers, epoch by epoch."""

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
    """The training samples that drive and scales are set on, binned to a network."""
    count = min(CALIBRATION_SAMPLES_IN_TRAINING, train.n_samples)
    return network.bin(train.take(np.arange(count))).raster


@dataclass(frozen=True, eq=False)
class Calibrator:
    """Chooses weight ranges and scales for training in integers, from samples.

    Attributes:
        weight_bits: 2 … 8.
        delays: which delays are held.
        samples: input that stands for what the network will hear.
    """

    weight_bits: int
    delays: DelayGrid
    samples: Raster

    @classmethod
    def of(cls, options: TrainOptions, samples: Raster) -> Calibrator:
        """The bits that options ask for."""
        return cls(options.weight_bits, options.delay_grid, samples)

    def rounding(self, network: Network) -> Rounding:
        """Ranges of least error for its weights, and the head-room its outputs need."""
        ranges = weight_ranges(network, self.weight_bits, self.delays.target)
        blind = Rounding(self.weight_bits, self.delays, ranges, Calibration())
        seen = calibrate(network, self.samples, to_integers=blind.to_integers)
        return replace(blind, calibration=seen)

    def to_integers(
        self, network: Network, portions: Callable[[], Iterable[Raster]]
    ) -> IntegerNetwork:
        """Round a network so that nothing overflows on any of the given samples.

        Args:
            network: the float network.
            portions: all samples, a portion at a time.
        """
        return self.without_overflow(network, self.rounding(network)(network), portions)

    def without_overflow(
        self,
        network: Network,
        integers: IntegerNetwork,
        portions: Callable[[], Iterable[Raster]],
    ) -> IntegerNetwork:
        """The integers with scales such that nothing overflows on any of the given samples.

        Where something does, scales are halved (`nmtool.quantisation.halve_overflowing_scales`).

        Args:
            network: the float network.
            integers: what it was rounded to so far.
            portions: all samples, a portion at a time.
        """
        rounding = self.rounding(network)
        while faulty := [part for part in portions() if overflows(integers, part)]:
            spikes, seen = Raster.concatenate(faulty), rounding.calibration
            seen = halve_overflowing_scales(network, spikes, seen, to_integers=rounding.to_integers)
            rounding = replace(rounding, calibration=seen)
            integers = rounding(network)
        return integers
