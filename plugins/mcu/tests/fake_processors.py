"""Scripts that replace compilers and emulators of other processors.

The compiler is this computer's `cc`, without the options that choose a processor. The emulator runs
the program on this computer. Both record their arguments.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from nmtool_mcu.processors import PROCESSORS, Processor

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
    for name, text in ((processor.compiler, _COMPILER), (processor.emulator[0], _EMULATOR)):
        if name != without:
            program = bin_folder / name
            program.write_text(text.format(log=log, library=library))
            program.chmod(0o755)
    tools = folder / "tools"
    tools.mkdir()
    # The new PATH contains these tools, but no real cross-compilers or emulators.
    for name in ("cc", "as", "ld"):
        if place := shutil.which(name):
            (tools / name).symlink_to(place)
    monkeypatch.setenv("PATH", os.pathsep.join([str(bin_folder), str(tools)]))
    return log


def on_processors(test: Callable[..., None]) -> Callable[..., None]:
    """Run a test on every emulated processor."""
    every = pytest.mark.parametrize("real", PROCESSORS.values(), ids=PROCESSORS, indirect=True)
    return pytest.mark.processors(every(test))
