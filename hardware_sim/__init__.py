from nmtool.machine import check_numba_threads

check_numba_threads()
