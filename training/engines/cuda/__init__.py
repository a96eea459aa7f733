"""The training engine for NVIDIA GPUs, in Numba's CUDA, with the mathematics of `engines/cpu`.

`available.require` checks the requirements; import the other modules only afterwards.

A block of threads runs the time loop of a sample, and each neuron belongs to one thread, so that
two threads never add to the same number: there are no floating-point atomics and no grid-wide
barriers. Sums have a fixed order, over the samples of a chunk, then over chunks, whose size depends
on shapes alone. Torch adds the losses, norms and gradients of axonal delays, in an order that
depends on the GPU: results should repeat on one model of GPU with one version of torch.

No GPU has run this engine. What could only be decided on one has not been done:

- Blocks of `afferent_drive` have 32 post-neurons for delays of up to 383 steps in float32, and 16
  for twice as many: Numba cannot request more than 48 KB of shared memory.
- Afferent and recurrent gradients of a layer are independent, but do not run on two streams.
- The host waits while the spikes of a batch are copied from ordinary memory.
- On compute capability 12.0, `run_lif_adjoint` spills: it has 64 registers per thread.

In an update of one hidden and one output population without recurrence, the host waits nine times
for the device: for the longest delay of each projection and the longest arrival of each layer, the
number of hidden spikes, the three numbers of the log, and the check of gradients. A projection adds
one wait, a spiking population two, a portion one.
"""

from __future__ import annotations

from typing import Any

import numba

_config: Any = numba.config

SIMULATED = bool(_config.ENABLE_CUDASIM)
"""True if kernels run in Numba's simulator: NUMBA_ENABLE_CUDASIM was 1 when numba was imported."""
