"""The engines: the same kernels' arithmetic on a CPU and on an NVIDIA GPU."""
