"""NetX files, the HDF5 format of lava-dl: chains of dense layers, written and read.

Written layers have a delay per synapse, or are recurrent and have no delays, since lava-dl's reader
uses the same delays for feed-forward and recurrent synapses. nmtool embeds the network itself in
the files that it writes, and reads it back without loss.
"""
