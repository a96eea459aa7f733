"""The training engine for NVIDIA GPUs, in Numba's CUDA, with the mathematics of `engines/cpu`.

`available.require` checks the requirements; import the other modules only afterwards.
"""

from __future__ import annotations

from typing import Any

import numba

_config: Any = numba.config

SIMULATED = bool(_config.ENABLE_CUDASIM)
"""True if kernels run in Numba's simulator: NUMBA_ENABLE_CUDASIM was 1 when numba was imported."""
