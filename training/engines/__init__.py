"""Training engines: EventProp kernels for CPUs and for NVIDIA GPUs."""

from nmtool.machine import check_numba_threads

check_numba_threads()
