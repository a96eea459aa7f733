"""Every format's package is a `Backend`: functions, and the names of their arguments."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nmtool.exporters.formats import FORMATS, RUNS, Format
from nmtool.hardware_sim.simulator import simulate
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.verification.backend import Backend, check_integers, timed_run
from tests.nmtool.cli import cases
from tests.nmtool.cli.fake_lava import flip_spike

FUNCTIONS = {
    name: function
    for name, function in vars(Backend).items()
    if inspect.isfunction(function) and not name.startswith("_")
}
BACKENDS = [one for one in FORMATS if RUNS in one.can]
RASTER = Raster.from_dense(np.random.default_rng(0).random((3, 30, cases.N_UNITS)) < 0.2)


def test_the_protocol_has_these_functions() -> None:
    assert set(FUNCTIONS) == {
        *("require", "export", "load", "known_answers"),
        *("check_written", "run", "check"),
    }


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("one", BACKENDS, ids=lambda one: one.name)
def test_every_format_has_the_functions_of_the_protocol(one: Format, function: str) -> None:
    asked = list(inspect.signature(FUNCTIONS[function]).parameters.values())[1:]  # without self
    given = inspect.signature(getattr(one.package, function)).parameters
    by_place = [p for p in asked if p.kind is inspect.Parameter.POSITIONAL_ONLY]
    places = [p for p in given.values() if p.kind is not inspect.Parameter.KEYWORD_ONLY]
    assert len(places) == len(by_place)
    for parameter in asked:
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            own = given[parameter.name]
            assert own.kind is inspect.Parameter.KEYWORD_ONLY
            assert own.default == parameter.default
    known = {parameter.name for parameter in asked}
    for own in given.values():
        if own.kind is inspect.Parameter.KEYWORD_ONLY and own.name not in known:
            assert own.default is not inspect.Parameter.empty, own.name


@pytest.mark.parametrize("one", BACKENDS, ids=lambda one: one.name)
def test_every_format_offers_them(one: Format) -> None:
    assert set(FUNCTIONS) <= set(one.package.__all__)  # type: ignore[attr-defined]


# `check_integers`, which most formats check themselves by.


def runs(fault: Callable[[Recording], Recording], asked: list[Any]) -> Callable[..., Recording]:
    """A backend that simulates, with a fault."""

    def run(path: Path, spikes: Raster, *, deep: bool, on_progress: Any) -> Recording:
        asked.append((path, deep))
        on_progress(spikes.n_samples)
        return fault(simulate(cases.integer_network(), spikes, deep=deep))

    return run


def test_what_is_expected_is_what_the_simulator_answers() -> None:
    network, asked = cases.integer_network(), []
    right = simulate(network, RASTER, deep=True)
    same = runs(lambda recording: recording, asked)
    found = check_integers(same, "x", "path", RASTER, simulated=right, deep=True)
    assert found.identical
    assert found.comparison.membrane_compared == RASTER.n_samples * 30 * (2 + 5 + 3)
    assert found.recording.spikes["hidden"].n_spikes == right.spikes["hidden"].n_spikes > 0
    assert found.seconds > 0
    assert asked == [("path", True)]
    wrong = runs(flip_spike(1, 2, 0), asked)
    shallow = simulate(network, RASTER)
    assert check_integers(wrong, "x", "path", RASTER, simulated=shallow).first_divergence


def test_answers_that_are_known_go_before_the_simulator_s() -> None:
    right = simulate(cases.integer_network(), RASTER)
    other = flip_spike(1, 2, 0)(right)
    same = runs(lambda recording: recording, [])
    found = check_integers(same, "x", "path", RASTER, simulated=right, answers=other)
    assert found.comparison.spikes_different == 1
    assert check_integers(same, "x", "path", RASTER, simulated=None, answers=right).identical


def test_progress_is_shown() -> None:
    seen: list[Any] = []

    @contextmanager
    def progress(label: str, total: int | None = None, remark: str = "") -> Any:
        seen.append((label, total, remark))
        yield lambda n, remark="": seen.append(n)

    actual, seconds = timed_run(
        runs(lambda recording: recording, []), "x", "path", RASTER, progress=progress, deep=False
    )
    assert seen == [("x", RASTER.n_samples, ""), RASTER.n_samples]
    assert actual.n_samples == RASTER.n_samples
    assert seconds > 0
