"""Processors: their compilers, and missing programs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import nmtool as nm
from nmtool.errors import MissingError
from nmtool.exporters.formats import formats_that_run, formats_that_write
from nmtool_mcu.processors import PROCESSORS, Processor, Region
from plugins.mcu.tests import fake_processors
from tests.refusals import refused

EVERY = pytest.mark.parametrize(
    "processor", PROCESSORS.values(), ids=lambda processor: processor.name
)


@EVERY
def test_a_processor_runs_networks_but_is_no_format_of_exports(processor: Processor) -> None:
    assert processor.name in formats_that_run()
    assert processor.name not in formats_that_write()


def test_the_linker_script_has_the_memories_of_the_machine() -> None:
    placed = replace(
        PROCESSORS["riscv32"],
        options=("-mx",),
        flash=Region(0, 4096),
        ram=Region(0x2000_0000, 1 << 16),
    )
    assert placed.compile_command[1:] == [
        "-mx",
        "-Wl,--defsym=__flash=0x0,--defsym=__flash_size=0x1000",
        "-Wl,--defsym=__ram=0x20000000,--defsym=__ram_size=0x10000",
    ]


@EVERY
@pytest.mark.parametrize("lacks", ["compiler", "emulator", "library"])
def test_missing_programs_are_named_with_their_packages(
    processor: Processor, lacks: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = processor.emulator[0] if lacks == "emulator" else getattr(processor, lacks)
    fake_processors.install(processor, tmp_path, monkeypatch, without=gone)
    with refused(MissingError, "processor-tools-missing") as caught:
        processor.require()
    assert processor.title in caught.value.what
    assert caught.value.why == f"missing: {gone}"
    assert caught.value.fix == f"apt install {' '.join(processor.packages)}"
    part = next(candidate for candidate in nm.doctor().parts if candidate.name == processor.title)
    assert (part.state, part.detail, part.fix) == (
        "missing",
        caught.value.why,
        caught.value.fix,
    )


@EVERY
def test_doctor_names_the_installed_programs(
    processor: Processor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_processors.install(processor, tmp_path, monkeypatch)
    part = next(candidate for candidate in nm.doctor().parts if candidate.name == processor.title)
    assert (part.state, part.fix) == ("fine", "")
    assert part.detail == f"{processor.compiler}, {processor.emulator[0]}"
    assert part.gives == f"nmtool verify --against {processor.name}"
