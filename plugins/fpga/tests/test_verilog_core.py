"""The Verilog core and its parts against nmtool, in Icarus."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from nmtool.network.readout import FIRST_SPIKE, StreamScores
from nmtool_fpga.verilog.layout import misfits
from plugins.fpga.tests.verilog.cases import RTL, Case, all_cases, classes, first_spikes, verdict
from plugins.fpga.tests.verilog.modules import MODULES, Answers
from plugins.fpga.tests.verilog_clocks import recorded

CASES = all_cases()
CLOCKS = recorded()
needs_icarus = pytest.mark.skipif(shutil.which("iverilog") is None, reason="no iverilog is found")


def in_clocks(name: str) -> str:
    """The expected output of a test bench, with the clocks of `tests/verilog_clocks.txt`."""
    return f"same in {CLOCKS[name]} clocks"


def named(cases: list) -> dict:
    return {"argvalues": cases, "ids": [case.name for case in cases]}


@needs_icarus
@pytest.mark.parametrize("case", **named(MODULES))
def test_part_of_the_core_equals_the_simulator(case, tmp_path: Path):
    command = case.write(tmp_path / "case")
    sources = [RTL / f"nmtool_{name}.v" for name in case.sources]
    assert verdict(tmp_path / "case", command, sources) == in_clocks(case.name)


@needs_icarus
@pytest.mark.parametrize("case", **named(CASES))
def test_core_outputs_the_words_of_the_simulator(case: Case, tmp_path: Path):
    command = case.write(tmp_path / "case")
    assert verdict(tmp_path / "case", command, sorted(RTL.glob("*.v"))) == in_clocks(case.name)


@pytest.mark.parametrize("case", **named(CASES))
def test_cases_fit_the_core(case: Case):
    assert not misfits(case.network)


@pytest.mark.parametrize("case", **named([c for c in MODULES if isinstance(c, Answers)]))
def test_expected_classes_are_those_of_the_scores(case: Answers):
    random = np.random.default_rng(case.seed)
    trace = case.traces(random, case.n_steps)
    scores = StreamScores(case.readout, case.n_classes, case.n_steps)
    spikes = case.readout.rule == FIRST_SPIKE
    ours = first_spikes(trace) if spikes else classes(trace, case.readout, case.n_steps)
    theirs = []
    for row in trace:
        scores.add(row[None] if spikes else row[None].astype(np.int32))
        theirs.append(int(scores.now().argmax()))
    # The weights exp(−n/T) depend on the number of steps T. In hardware, T is always the number of
    # steps of a whole sample, so that only the last answer is comparable.
    only_last = case.readout.weights_steps
    assert ours[-1:] == theirs[-1:] if only_last else ours == theirs
