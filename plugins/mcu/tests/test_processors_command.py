"""`nmtool verify --against` a processor without an installed emulator."""

from __future__ import annotations

import pytest

from nmtool_mcu.processors import PROCESSORS, Processor
from tests.nmtool.cli.conftest import Nmtool


@pytest.mark.parametrize("processor", PROCESSORS.values(), ids=lambda processor: processor.name)
@pytest.mark.usefixtures("integers")
def test_the_command_names_the_missing_packages(
    processor: Processor, nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    printed = nmtool("verify", "integers.npz", "two", "--against", processor.name)
    assert (printed.code, printed.out, printed.error) == (3, "", "processor-tools-missing")
    assert f"apt install {' '.join(processor.packages)}" in printed.err
