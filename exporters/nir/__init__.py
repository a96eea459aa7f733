"""NIR files (neuromorphs/NIR): written with a delay per synapse, read, and run.

NIR uses real numbers and seconds. A file represents the network in standard nodes, as far as NIR
can, and also embeds the network itself, so that nmtool reads it back without loss. A run is
compared with a float reference; the difference from the chip's integers is reported. Only writing
needs the library `nir`.
"""
