"""HDF5 filters that are part of HDF5 itself."""

PLAIN_FILTERS = frozenset({1, 2, 3, 4, 32000})
"""HDF5's numbers of the filters deflate, shuffle, checksum, szip and lzf. For any other filter,
HDF5 loads a plug-in, which is foreign code."""
