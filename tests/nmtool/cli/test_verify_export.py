"""`nmtool verify EXPORT`: its known answers, and flags that need data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from nmtool.hardware_sim.known_answers import known_answers
from nmtool.network.integer_network import IntegerNetwork
from tests.nmtool.cli.conftest import Nmtool
from tests.nmtool.cli.fake_lava import FakeLava

pytestmark = pytest.mark.usefixtures("data", "integers")


def test_known_answers_of_another_network_are_refused(
    nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch
) -> None:
    FakeLava().install(monkeypatch)
    assert nmtool("export", "integers.npz", "--to", "lava", "-o", "folder").code == 0
    network = IntegerNetwork.load("integers.npz")
    known_answers(replace(network, dt_ms=2.0)).save("folder/known_answers.npz")
    result = nmtool("verify", "folder")
    assert (result.code, result.out, result.error) == (2, "", "answers-other-network")
    assert "folder" in result.err
    Path("folder/known_answers.npz").unlink()
    assert nmtool("verify", "folder").error == "answers-missing"


@pytest.mark.parametrize(
    ("words", "error", "phrase"),
    [
        (["integers.npz"], "answers-not-carried", "integers.npz"),
        (["integers.npz", "two"], "backend-missing", "--against"),
        (["folder", "--against", "json"], "data-missing", ""),
        (["folder", "--samples", "3"], "data-missing", "--samples"),
        (["folder", "--deep"], "data-missing", ""),
        (["folder", "--validation", "3"], "data-missing", "--validation"),
        (["folder", "--data-dir", "here"], "data-missing", "--data-dir"),
        (["folder", "--units", "4"], "data-missing", "--units"),
        (["folder", "--exercise"], "data-missing", "--exercise"),
        (["network.c", "--option", "lava.model=stock"], "backend-options-unused", " c\n"),
        (["network.c", "--option", "c.speed=1"], "backend-option-unknown", "speed"),
        (["nowhere"], "file-missing", "nowhere"),
        (["nowhere", "two"], "file-missing", "nowhere"),
        (["nowhere.onnx"], "file-missing", "nowhere.onnx"),
    ],
)
def test_incomplete_comparisons_are_refused(
    words: list[str], error: str, phrase: str, nmtool: Nmtool
) -> None:
    assert nmtool("export", "integers.npz", "--to", "lava", "-o", "folder").code == 0
    assert nmtool("export", "integers.npz", "-o", "network.c").code == 0
    result = nmtool("verify", *words)
    assert (result.code, result.out, result.error) == (2, "", error)
    assert phrase in result.err
