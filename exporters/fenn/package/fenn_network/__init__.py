"""An integer spiking network with synaptic delays, for FeNN.

arrays        reads arrays.npz: all the integers of the network
events        reads input spikes
known_answers reads known answers and compares
memory        memory of a core: what the network takes, and how many steps it records at once
model         builds the network from PyFeNN's processes; the neuron is text there
readout       turns what the output did into a class
samples       runs samples, each from a fresh state
recording     writes what was recorded
traces        activity of a population during one sample
"""
