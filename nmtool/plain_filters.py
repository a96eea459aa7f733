"""Filters of HDF5 that are no code of others."""

PLAIN_FILTERS = frozenset({1, 2, 3, 4, 32000})
"""Deflate, shuffle, checksum, szip and lzf: HDF5 looks for every other one in a folder of plug-ins,
which are libraries that it loads."""
