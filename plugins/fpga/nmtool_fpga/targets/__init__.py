"""The targets of this plug-in: an attribute per file, read when it is first used."""

from nmtool.targets.reading import targets_of

__getattr__ = targets_of(__name__)
