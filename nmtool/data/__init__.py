"""Labelled spike events: their sources, and their conversion to input spikes.

`load_dataset` finds a data set by name or folder. Its splits are `SpikeEvents`, and `bin_events`
bins these into a `Raster`, the input of networks. Nothing here runs a network.
"""

from nmtool.data.binning import Binned, bin_events, default_steps
from nmtool.data.catalogue import NAMES, load_dataset
from nmtool.data.dataset import Dataset
from nmtool.data.description import describe
from nmtool.data.dividing import SplitRule
from nmtool.data.events import SpikeEvents
from nmtool.data.fit import check_fit, check_same_classes
from nmtool.data.incoming import read_incoming
from nmtool.data.shd import Layout, read_layout, read_shd, split_files, write_shd
from nmtool.splits import SPLITS

__all__ = [
    "NAMES",
    "SPLITS",
    "Binned",
    "Dataset",
    "Layout",
    "SpikeEvents",
    "SplitRule",
    "bin_events",
    "check_fit",
    "check_same_classes",
    "default_steps",
    "describe",
    "load_dataset",
    "read_incoming",
    "read_layout",
    "read_shd",
    "split_files",
    "write_shd",
]
