"""A GPU on the CPU: the CUDA engine's compiled kernels run and checked, launched as on a card.

numba-cuda types, compiles and links the kernels, and launches them through a driver (`driver.c`)
that has no GPU. Each launch runs the kernel's PTX, translated into C++ (`translation.py`,
`kernel.py`), thread by thread (`grid.h`). `plugin.py` puts all of it in place for pytest:

    python -m pytest -p tests.training.engines.cuda.emulator.plugin -m cuda tests/training

Everything that follows from NVIDIA's machine code (registers, timing, what happens between threads
that no barrier orders) is not here, nor is torch's side of a GPU: tensors lie on the CPU.
"""

from __future__ import annotations

ACTIVE = False
"""True while the plugin is loaded."""
