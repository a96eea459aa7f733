"""Numba kernels of EventProp on the CPU: plain arrays in, plain arrays out.

The passes over synapses are not sequential in time. They go post-neuron by post-neuron, keep the
neuron's traces of a few samples (a *tile*) in the first-level cache, and stream every synapse
once per tile. Only a population's own spikes are sent inside the time loop.

Layouts: `[samples, steps, neurons]` where time is sequential, `[post, pre]` where synapses are
streamed. Every sum has a fixed order, so that results do not depend on the number of threads.
"""
