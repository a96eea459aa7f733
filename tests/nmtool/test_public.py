from __future__ import annotations

import inspect
import re
from importlib.metadata import PackageNotFoundError, version

import pytest

import nmtool
from nmtool import errors

NAMES = [name for name in nmtool.__all__ if name != "__version__"]
ERRORS = [
    name
    for name, value in vars(errors).items()
    if isinstance(value, type) and issubclass(value, errors.NmtoolError)
]

EXPECTED = {
    *("Network", "Population", "Projection", "InputChannels", "Readout", "Raster"),
    *("IntegerNetwork", "IntegerPopulation", "IntegerProjection"),
    *("quantise", "Quantisation", "Calibration", "compare", "Comparison", "Recording"),
    *("SpikeEvents", "load_dataset", "bin_events"),
}


def test_the_public_names_are_these() -> None:
    assert set(NAMES) == EXPECTED | set(ERRORS)
    assert sorted(nmtool.__all__) == nmtool.__all__


def test_nothing_else_looks_public() -> None:
    found = {
        name
        for name, value in vars(nmtool).items()
        if not name.startswith("_") and not inspect.ismodule(value)
    }
    assert found == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_name_says_what_it_is(name: str) -> None:
    value = getattr(nmtool, name)
    assert value.__module__.startswith("nmtool.")
    assert inspect.getdoc(value)
    assert not inspect.getdoc(value).startswith(f"{name}(")
    for member, defined in vars(value).items() if isinstance(value, type) else ():
        function = getattr(defined, "__func__", getattr(defined, "fget", defined))
        if inspect.isfunction(function) and not member.startswith("_"):
            assert inspect.getdoc(function), member


@pytest.mark.parametrize("name", NAMES)
def test_the_module_s_overview_names_it(name: str) -> None:
    assert re.search(rf"^    {name} +\S", nmtool.__doc__, re.MULTILINE)


def test_the_overview_names_nothing_else() -> None:
    listed = re.findall(r"^    (\w+)  +\S", nmtool.__doc__, re.MULTILINE)
    assert sorted(listed) == sorted(NAMES)


@pytest.mark.parametrize("name", ERRORS)
def test_errors_say_what_why_and_how_to_fix(name: str) -> None:
    error = getattr(nmtool, name)("it broke", why="it was old", fix="buy another")
    assert str(error) == "it broke\nwhy: it was old\nfix: buy another"
    assert str(getattr(nmtool, name)("it broke")) == "it broke"
    assert isinstance(error, nmtool.NmtoolError)


def test_exit_codes_of_errors() -> None:
    codes = {name: getattr(nmtool, name).exit_code for name in ERRORS}
    others = {"DoesNotFitError": 1, "MissingError": 3, "BackendError": 3, "RankError": 3}
    assert codes == {name: others.get(name, 2) for name in ERRORS}


def test_the_version_is_one_everywhere() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", nmtool.__version__)
    try:
        installed = version("nmtool")
    except PackageNotFoundError:
        installed = nmtool.__version__
    assert installed == nmtool.__version__
