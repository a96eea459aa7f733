"""From `Network` to `IntegerNetwork`: scales, rounding, and an account of what they cost.

`quantise` decides every integer once. It cannot run a network; what data say about the size of
currents and membranes comes in as `Calibration`.
"""

from nmtool.quantise.calibration import Calibration
from nmtool.quantise.delays import DelayGrid
from nmtool.quantise.quantise import Quantisation, quantise
from nmtool.quantise.ranges import weight_ranges
from nmtool.quantise.report import PopulationReport, ProjectionReport, QuantisationReport

__all__ = [
    "Calibration",
    "DelayGrid",
    "PopulationReport",
    "ProjectionReport",
    "Quantisation",
    "QuantisationReport",
    "quantise",
    "weight_ranges",
]
