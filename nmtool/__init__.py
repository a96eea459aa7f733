"""nmtool: train spiking networks with delays, quantise them, and prove the deployed ones equal.

The data types and pure functions that every other room is built on. Nothing here runs a network:
training lives in `training`, execution in `hardware_sim`, file formats in `exporters`.
"""

from nmtool.version import __version__

__all__ = ["__version__"]
