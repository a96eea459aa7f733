"""CUDA kernels of EventProp: plain arrays in, plain arrays out.

Sequential loops over time use one block of threads per sample for all steps: samples never wait for
each other, and the number of launches does not depend on the number of steps. Every neuron belongs
to one thread, which alone adds to its drive or gradient, in a fixed order. There are therefore no
floating-point atomics, and results are reproducible bit for bit.

Sums over several threads use shared memory, so that Numba's simulator, which has no warp
operations, runs the same code as a GPU.

Layouts: `[samples, steps, neurons]` forward, where neighbouring threads are neighbouring neurons;
`[samples, neurons, steps]` backward, where kernels read whole traces of a neuron.
"""
