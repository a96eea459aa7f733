"""An integer spiking network with synaptic delays, for FeNN.

arrays        reads arrays.npz: all the integers of the network
events        reads input spikes
known_answers reads known answers, and compares a run with them
memory        plans a core's memory: where weights are, and how many steps it can record at once
model         builds the network from PyFeNN's processes, and the code of a neuron's step
readout       turns the activity of the output population into a class
samples       runs samples, each from a fresh state
recording     writes the recorded activity to a file
traces        activity of a population during one sample
"""
