"""Scripts that replace compilers and emulators of other processors.

The compiler is this computer's `cc`, without the options that choose a processor. The emulator runs
the program on this computer. Both record their arguments.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from nmtool.exporters.processors import PROCESSORS, Processor

_COMPILER = """\
#!/bin/sh
echo "$@" >> "{log}"
case $1 in -print-file-name=*) echo {library}; exit;; esac
for word do
    shift
    case $word in -m*|--*|-Wl,*|-static) ;; *) set -- "$@" "$word";; esac
done
exec cc "$@"
"""

_EMULATOR = """\
#!/bin/sh
echo "$@" >> "{log}"
for program do :; done
exec "$program"
"""

_SWAPPING_EMULATOR = """\
#!{python}
import pathlib, subprocess, sys
import numpy as np

def swap(path, width):
    np.fromfile(path, f"i{{width}}").byteswap().tofile(path)

swap("events", 8)
done = subprocess.run([sys.argv[-1]])
for path in pathlib.Path().glob("[0-9]*.*"):
    swap(path, 8 if path.suffix == ".spikes" else 4)
sys.exit(done.returncode)
"""
"""For a processor of the other byte order: converts files before and after the program runs."""


def install(
    processor: Processor,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    without: str = "",
) -> Path:
    """Put the scripts for a processor on the path.

    Args:
        processor: processor whose programs are replaced.
        folder: folder for the scripts.
        monkeypatch: changes the path.
        without: a program or library that is missing.

    Returns:
        The file to which the arguments of every call are written, a line each.
    """
    log, bin_folder = folder / "log", folder / "bin"
    bin_folder.mkdir()
    library = processor.library if without == processor.library else f"/lib/{processor.library}"
    swaps = processor.byte_order != ("<" if sys.byteorder == "little" else ">")
    emulator = _SWAPPING_EMULATOR if swaps else _EMULATOR
    for name, text in ((processor.compiler, _COMPILER), (processor.emulator[0], emulator)):
        if name != without:
            program = bin_folder / name
            program.write_text(text.format(log=log, library=library, python=sys.executable))
            program.chmod(0o755)
    tools = folder / "tools"
    tools.mkdir()
    # The new PATH contains these tools, but no real cross-compilers or emulators.
    for name in ("cc", "as", "ld"):
        if place := shutil.which(name):
            (tools / name).symlink_to(place)
    monkeypatch.setenv("PATH", os.pathsep.join([str(bin_folder), str(tools)]))
    return log


def _on(processors: Iterable[Processor]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    mark = pytest.mark.parametrize(
        "real", processors, ids=lambda processor: processor.name, indirect=True
    )
    return lambda test: pytest.mark.processors(mark(test))


on_processors = _on(PROCESSORS.values())
on_bare_processors = _on([processor for processor in PROCESSORS.values() if processor.flash])
"""Decorators that run a test on every emulated processor, or only on those without Linux."""
