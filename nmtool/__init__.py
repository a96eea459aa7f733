"""nmtool: train spiking networks with delays, quantise them, and prove the deployed ones equal.

The data types and pure functions that every other room is built on. Nothing here runs a network:
training lives in `training`, execution in `hardware_sim`, file formats in `exporters`.

Networks:

    Network             what training learns: populations and projections in the paper's units
    Population          its neurons of one kind, `lif` or `li`
    Projection          its synapses from one population to another: weights and delays
    InputChannels       the channels a network listens to
    Readout             which population answers, and how its activity becomes a class

Integers:

    quantise            from a `Network` to the integers of a chip
    Quantisation        what it returns: the integer network and an account of the cost
    Calibration         what data showed about currents and membranes, for `quantise`
    IntegerNetwork      what a chip runs, exactly
    IntegerPopulation   its neurons
    IntegerProjection   its synapses

Data:

    load_dataset        a data set by name or folder
    SpikeEvents         labelled spike trains in milliseconds
    bin_events          from `SpikeEvents` to a `Raster`
    Raster              binned spikes of many samples

Results:

    Recording           what running a network produced, the same for every backend
    compare             two recordings, spike for spike
    Comparison          what it returns: counts, and the first place where they differ

Errors, each with what is wrong, why, and how to fix it:

    NmtoolError         base of all of them
    InputError          wrong usage or bad input
    DataError           spike events, labels or their files
    FileFormatError     a damaged or foreign file
    NetworkError        a network that contradicts itself
    UsageError          options that do not go together
    StorageError        a file that could not be written
    DoesNotFitError     the target cannot hold the network
    MissingError        something needed is not installed
    BackendError        an external runtime failed
    RankError           another process of a data-parallel job is gone

`__version__` is the version of nmtool.
"""

from nmtool.data import SpikeEvents, bin_events, load_dataset
from nmtool.errors import (
    BackendError,
    DataError,
    DoesNotFitError,
    FileFormatError,
    InputError,
    MissingError,
    NetworkError,
    NmtoolError,
    RankError,
    StorageError,
    UsageError,
)
from nmtool.graph import InputChannels
from nmtool.integer_network import IntegerNetwork, IntegerPopulation, IntegerProjection
from nmtool.network import Network, Population, Projection
from nmtool.quantisation import Calibration, Quantisation, round_network
from nmtool.raster import Raster
from nmtool.readout import Readout
from nmtool.recording import Recording
from nmtool.verification.comparison import Comparison, compare
from nmtool.version import __version__

__all__ = [
    "BackendError",
    "Calibration",
    "Comparison",
    "DataError",
    "DoesNotFitError",
    "FileFormatError",
    "InputChannels",
    "InputError",
    "IntegerNetwork",
    "IntegerPopulation",
    "IntegerProjection",
    "MissingError",
    "Network",
    "NetworkError",
    "NmtoolError",
    "Population",
    "Projection",
    "Quantisation",
    "RankError",
    "Raster",
    "Readout",
    "Recording",
    "SpikeEvents",
    "StorageError",
    "UsageError",
    "__version__",
    "bin_events",
    "compare",
    "load_dataset",
    "round_network",
]
