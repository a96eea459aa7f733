"""From a float network to integers: every integer decided once, everything given up told.

In the order of reading:

    pipeline      the recommended way: calibrate on data, choose ranges, round
    conversion    `round_network`: one population after another becomes integers
    scale         how many integers one unit is worth: the bounds that decide it
    weights       how far a projection's integers reach; weights that became 0
    delays        the delays that are held; those that are too long
    neurons       decays, thresholds and biases; those that cannot be held as they are
    calibration   what data show of currents and membranes; overflows that count
    report        what rounding changed, in numbers

Every chapter returns its `Finding`s with its integers. What a chip holds is a `Target`. Networks
are run in `calibration` and `weights` only, by the integer simulator.
"""

from nmtool.quantisation.calibration import (
    CALIBRATION_SAMPLES,
    calibrate,
    halve_overflowing_scales,
    overflows,
)
from nmtool.quantisation.conversion import round_network
from nmtool.quantisation.delays import DelayGrid
from nmtool.quantisation.pipeline import quantise_network
from nmtool.quantisation.report import (
    PopulationReport,
    ProjectionReport,
    Quantisation,
    QuantisationReport,
    RoundingCost,
)
from nmtool.quantisation.scale import Calibration
from nmtool.quantisation.weights import search_ranges, weight_ranges

__all__ = [
    "CALIBRATION_SAMPLES",
    "Calibration",
    "DelayGrid",
    "PopulationReport",
    "ProjectionReport",
    "Quantisation",
    "QuantisationReport",
    "RoundingCost",
    "calibrate",
    "halve_overflowing_scales",
    "overflows",
    "quantise_network",
    "round_network",
    "search_ranges",
    "weight_ranges",
]
