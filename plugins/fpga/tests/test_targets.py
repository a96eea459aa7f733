"""Targets of FPGAs and of designs for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from nmtool.errors import UsageError
from nmtool.targets import target_named
from nmtool.targets.checking import fits_of_format
from tests.networks.chains import chain_network
from tests.refusals import refused


def test_an_export_is_checked_on_every_part() -> None:
    names = [fit.target.name for fit in fits_of_format(chain_network(4), "verilog")]
    assert names == ["verilog", "ecp5-25", "ecp5-45", "ecp5-85", "ice40up5k"]


@pytest.mark.parametrize(
    ("figure", "where"),
    [("luts = { value = 5", "fabric.family"), ("family = { value = 'ecp5'", "fabric")],
)
def test_a_fabric_needs_its_family_and_its_resources(
    figure: str, where: str, tmp_path: Path
) -> None:
    file = tmp_path / "mine.toml"
    head = 'name = "mine"\nkind = "chip"\narithmetic = { value = "loihi2", mark = "inferred" }\n'
    file.write_text(f"{head}[fabric]\n{figure}, mark = 'inferred' }}\n")
    with refused(UsageError, "target-file") as caught:
        target_named(file)
    assert [(finding.code, finding.where) for finding in caught.value.findings] == [
        ("target-value", where)
    ]


def test_a_beginning_that_only_one_target_has_is_no_family() -> None:
    with refused(UsageError, "target-unknown"):
        target_named("catalyst")
