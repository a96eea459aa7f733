"""The Makefile of a firmware folder: for this computer, and for each bare processor."""

from __future__ import annotations

import shlex
from string import Template

from nmtool_mcu.processors import PROCESSORS, Processor

_HEAD = Template("""\
# make             builds build/host, for this computer
# make run         classifies EVENTS, a table as `nmtool data DATA:test -o events.csv` writes it
# make $bare
#                  builds for that processor; run-NAME runs that in QEMU, size-NAME tells its memory
CFLAGS ?= -std=c99 -O2 -Wall -Wextra
EVENTS ?= events.csv
SOURCES = main.c $prefix.c

.PHONY: all run clean $phony

all: build/host

build/host: $$(SOURCES) $prefix.h
	mkdir -p build
	$$(CC) $$(CFLAGS) -o $$@ $$(SOURCES)

run: build/host
	build/host $$(EVENTS)
""")

_PROCESSOR = Template("""
# $title. The addresses are those of the emulated machine: give those of your part instead.
$name: build/$name.elf

build/$name.elf: $$(SOURCES) $prefix.h
	mkdir -p build
	$compile $$(CFLAGS) -o $$@ $$(SOURCES)

run-$name: build/$name.elf
	$emulator $$< -append $$(EVENTS)

size-$name: build/$name.elf
	$size $$<
""")

_CLEAN = """
clean:
	rm -rf build
"""


def makefile(prefix: str) -> str:
    """The text of the Makefile.

    Args:
        prefix: prefix of the network's files.
    """
    phony = " ".join(f"{kind}{name}" for name in PROCESSORS for kind in ("", "run-", "size-"))
    names = ", make ".join(PROCESSORS)
    head = _HEAD.substitute(prefix=prefix, bare=names, phony=phony)
    return "".join(
        [head, *(_rules(processor, prefix) for processor in PROCESSORS.values()), _CLEAN]
    )


def _rules(processor: Processor, prefix: str) -> str:
    return _PROCESSOR.substitute(
        title=processor.title,
        name=processor.name,
        prefix=prefix,
        compile=shlex.join(processor.compile_command),
        emulator=shlex.join(processor.emulator),
        size=processor.compiler.removesuffix("gcc") + "size",
    )
