"""Arithmetics of plug-ins: what is not implemented is refused by name, and fails alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from nmtool import arithmetic, plugins
from nmtool.arithmetic import (
    LOIHI2,
    Arithmetic,
    Neuron,
    arithmetic_named,
    arithmetics,
    check_implemented,
)
from nmtool.errors import MissingError, NetworkError, UsageError
from tests.refusals import refused
from tests.tiny8.nmtool_tiny8 import TINY8

SUBTRACTING = replace(TINY8, name="subtracting", neuron=replace(TINY8.neuron, reset="subtract"))


@pytest.mark.parametrize("right", [LOIHI2, TINY8], ids=repr)
@pytest.mark.parametrize(
    "changes",
    [
        {"state_bits": 31},
        {"u_overflow": "grows"},
        {"v_overflow": "wraps"},
        {"v_overflow": "grows"},
        {"decay": "shift"},
        {"decay_bits": 17},
        {"rounding": "away from zero"},
        {"rounding": "none"},
        {"reset": "subtract"},
        {"current": "step before"},
        {"spikes_per_step": 31},
        *({field.name: None} for field in fields(Neuron)),
    ],
    ids=str,
)
def test_a_step_that_is_not_implemented(right: Arithmetic, changes: dict[str, Any]) -> None:
    check_implemented(right)
    with refused(UsageError, "arithmetic-not-implemented") as caught:
        check_implemented(replace(right, neuron=replace(right.neuron, **changes)))
    assert [finding.where for finding in caught.value.findings] == [f"neuron.{next(iter(changes))}"]


@pytest.mark.parametrize(
    ("right", "changes"),
    [
        (LOIHI2, {"lowest": -(1 << 23)}),
        (LOIHI2, {"drive_limit": 1 << 31}),
        (LOIHI2, {"weight_bits": (8, 4)}),
        (LOIHI2, {"weight_bits": (8, 10)}),
        (LOIHI2, {"weight_limit": 257}),
        (LOIHI2, {"max_delay": 256}),
        (LOIHI2, {"max_threshold": 1 << 17}),
        (LOIHI2, {"max_du": 4096}),
        (LOIHI2, {"lost_v": 2}),
        (LOIHI2, {"bias_limit": (1 << 15) + 1}),
        (TINY8, {"sum_limit": 0}),
        (TINY8, {"drive_limit": 129}),
        (TINY8, {"max_dv": 128}),
        (TINY8, {"lowest": 0}),
        (TINY8, {"word": 0}),
        (TINY8, {"state_shift": 7}),
        (TINY8, {"weight_limit": 1}),
        (TINY8, {"module": "nmtool.dynamics"}),
        (TINY8, {"module": "no_such_module"}),
    ],
    ids=str,
)
def test_ranges_that_are_not_implemented(right: Arithmetic, changes: dict[str, Any]) -> None:
    with refused(UsageError, "arithmetic-not-implemented") as caught:
        check_implemented(replace(right, **changes))
    assert next(iter(changes)) in [finding.where for finding in caught.value.findings]


def test_a_bias_needs_a_range() -> None:
    with refused(UsageError, "arithmetic-not-implemented"):
        check_implemented(replace(TINY8, neuron=replace(TINY8.neuron, bias=True)))


@pytest.fixture
def of_plugins(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two plug-ins: a good one, and one with an unimplemented reset."""
    entries = {
        name: EntryPoint(name, f"{place}:{attribute}", plugins.ARITHMETICS)
        for name, place, attribute in (
            (TINY8.name, "tests.tiny8.nmtool_tiny8", "TINY8"),
            (SUBTRACTING.name, __name__, "SUBTRACTING"),
        )
    }
    monkeypatch.setattr(plugins, "registered", lambda group: entries)
    for cached in (plugins.loaded, arithmetic.arithmetics):
        cached.cache_clear()
    yield
    for cached in (plugins.loaded, arithmetic.arithmetics):
        cached.cache_clear()


@pytest.mark.usefixtures("of_plugins")
def test_a_refused_arithmetic_is_left_out_and_named(caplog: pytest.LogCaptureFixture) -> None:
    assert [*arithmetics()] == ["loihi2", "tiny8"]
    assert arithmetic_named("tiny8") == TINY8
    assert "subtracting" in caplog.text
    with refused(MissingError, "plugin-broken") as caught:
        arithmetic_named("subtracting")
    assert "neuron.reset" in caught.value.why
    with refused(NetworkError, "arithmetic-unknown"):
        arithmetic_named("loihi3")
