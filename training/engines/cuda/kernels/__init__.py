"""CUDA kernels of EventProp: plain arrays in, plain arrays out.

What is sequential in time is one block of threads per sample that stays for all steps: samples
never wait for each other, and the number of launches does not depend on the number of steps.
A thread owns neurons: whatever is added to a neuron's drive or gradient is added by one thread,
in one order. There are therefore no floating-point atomics, and results repeat bit for bit.

Sums over several threads go through shared memory, so that Numba's simulator, which has no warp
operations, runs the very code that a GPU runs.

Layouts: `[samples, steps, neurons]` forward, where neighbouring threads are neighbouring neurons;
`[samples, neurons, steps]` backward, where whole traces of a neuron are gathered from.
"""
