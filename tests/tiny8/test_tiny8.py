"""An arithmetic in a package of its own is checked, used and, with an unknown reset, refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.packages import install, python

FILES = ("pyproject.toml", "nmtool_tiny8.py", "nmtool_tiny8_chip.py")
CHECKED = """
import nmtool as nm
from nmtool.arithmetic import arithmetic_named
from nmtool.testing import check_arithmetic

check_arithmetic(arithmetic_named("tiny8"), 1)
network = nm.quantise(nm.Network.layers([4, 8, 2], delays=5), target="tiny8", calibrate_on="none")
print(network.network.arithmetic)
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of the package's files."""
    for name in FILES:
        shutil.copy(Path(__file__).with_name(name), tmp_path)
    return tmp_path


def test_the_installed_arithmetic_passes_its_checks(package: Path) -> None:
    install(package)
    assert python("-c", CHECKED, folder=package) == "tiny8\n"


def test_an_arithmetic_with_an_unimplemented_reset_is_refused_by_name(package: Path) -> None:
    module = package / "nmtool_tiny8.py"
    text = module.read_text()
    assert text.count('"zero"') == 1
    module.write_text(text.replace('"zero"', '"subtract"'))
    install(package)
    asked = """
import nmtool as nm
from nmtool.arithmetic import arithmetic_named, arithmetics
try:
    arithmetic_named("tiny8")
except nm.NmtoolError as error:
    print(error.code, "neuron.reset" in error.why, *arithmetics())
"""
    said = python("-c", asked, folder=package).split()
    assert said[:2] == ["plugin-broken", "True"]
    assert "tiny8" not in said
    assert "loihi2" in said
