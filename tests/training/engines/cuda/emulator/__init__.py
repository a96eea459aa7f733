"""An emulated GPU: the CUDA engine's compiled kernels run and are checked on the CPU.

numba-cuda types, compiles and links the kernels, and launches them through a driver (`driver.c`)
that has no GPU. Each launch runs the kernel's PTX, translated into C++ (`translation.py`,
`kernel.py`), thread by thread (`grid.h`). `plugin.py` installs the emulated GPU for pytest:

    python -m pytest -p tests.training.engines.cuda.emulator.plugin -m cuda tests/training

Properties of NVIDIA's machine code are not emulated: registers, timing, and interactions of threads
without barriers. Nor are torch's operations on a GPU: tensors are on the CPU.
"""

from __future__ import annotations

ACTIVE = False
"""True while the plugin is loaded."""
