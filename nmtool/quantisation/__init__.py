"""Post-training quantisation: from a float network to integers, with a report of all changes.

In the order of reading:

    quantising    `quantise`: samples for calibration and for comparison, and the accuracy lost
    pipeline      the recommended sequence: calibrate on data, choose ranges, round
    conversion    `round_network`: rounding, one population after another
    scale         number of integer weight units per unit of u, and the bounds that limit it
    weights       ranges of a projection's weights; weights that became 0
    delays        the grid of possible delays; delays that are too long
    neurons       decays, thresholds and biases; constants that the target cannot represent
    calibration   ranges of currents and membranes on data; overflows that matter
    report        rounding errors, and accuracy lost

Besides integers, modules return `Finding`s on values that the target cannot represent. The limits
of a chip are a `Target`. `calibration`, `weights` and `pipeline` run integer networks; `quantising`
also runs float networks.
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
