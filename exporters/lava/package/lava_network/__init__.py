"""An integer spiking network with synaptic delays, for Lava 0.10.0.

arrays        reads arrays.npz: all the integers of the network
events        reads input spikes
known_answers reads known answers, and compares a run with them
process       builds the network from Lava's own processes (LIF, DelayDense, RingBuffer)
models        faster models for the same processes
readout       turns the activity of the output population into a class
samples       runs samples, each from a fresh state
traces        activity of a population during one sample
recording     writes the recorded activity to a file
watch         starts and stops Lava so that a failure does not hang the program
lava_import   makes Lava importable, also on Python 3.11 to 3.13
"""

from .lava_import import make_lava_importable

make_lava_importable()
