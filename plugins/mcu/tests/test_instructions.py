"""`cost` on microcontrollers: instructions, which an emulator counts."""

from __future__ import annotations

import pytest

import nmtool as nm
from nmtool.targets import target_named, target_names
from nmtool_mcu.processors import PROCESSORS, Processor
from plugins.mcu.tests.fake_processors import on_processors
from tests.nmtool.cli import cases

EVENTS = cases.spike_events(cases.N_TEST, 2)
MICROCONTROLLERS = {
    target.processor: target for name in target_names() if (target := target_named(name)).processor
}
"""Targets by the name of their processor."""


@on_processors
def test_instructions_of_a_microcontroller(real: Processor) -> None:
    cost = nm.cost(cases.integer_network(), EVENTS, target=MICROCONTROLLERS[real.name])
    spread = cost.latency.spread
    assert spread is not None
    assert cost.latency.unit == "instructions"
    assert spread.step_mean == pytest.approx(spread.mean / 30)
    assert spread.step_worst is not None
    assert spread.step_mean < spread.step_worst < spread.mean
    assert cost.footprint["C program"].parameters > 0


@pytest.mark.parametrize("processor", PROCESSORS.values(), ids=PROCESSORS)
def test_without_an_emulator_only_instructions_are_missing(
    processor: Processor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    target = MICROCONTROLLERS[processor.name]
    cost = nm.cost(cases.integer_network(), EVENTS, target=target)
    assert f"apt install {' '.join(processor.packages)}" in cost.latency.absent
    assert cost.operations["neuron_steps"].total == 30 * 5 * 6
