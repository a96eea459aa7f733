"""The engines: the same kernels' arithmetic on a CPU and on an NVIDIA GPU."""

from nmtool.machine import check_numba_threads

check_numba_threads()
