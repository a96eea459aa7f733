"""From `Network` to `IntegerNetwork`: scales, rounding, and an account of what they cost.

`round_network` decides every integer once. It cannot run a network; what data say about the size of
currents and membranes comes in as `Calibration`.
"""

from nmtool.quantisation.conversion import Quantisation, round_network
from nmtool.quantisation.delays import DelayGrid
from nmtool.quantisation.ranges import weight_ranges
from nmtool.quantisation.report import PopulationReport, ProjectionReport, QuantisationReport
from nmtool.quantisation.scale import Calibration

__all__ = [
    "Calibration",
    "DelayGrid",
    "PopulationReport",
    "ProjectionReport",
    "Quantisation",
    "QuantisationReport",
    "round_network",
    "weight_ranges",
]
