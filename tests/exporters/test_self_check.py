"""The known answers that artefacts carry belong to the network in them, or are refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from nmtool.errors import FileFormatError, UsageError
from nmtool.exporters import c, formats, lava, netx
from nmtool.hardware_sim.known_answers import known_answers
from tests.exporters.netx_nets import chain_network
from tests.refusals import refused

NETWORK = chain_network(3)
ANSWERS = known_answers(NETWORK)
PACKAGES = {"c": c, "lava": lava, "netx": netx}


@pytest.mark.parametrize("name", PACKAGES)
def test_answers_come_back(name: str, tmp_path: Path) -> None:
    path = PACKAGES[name].export(NETWORK, tmp_path / "network", answers=ANSWERS)
    assert formats.by_name(name).known_answers(path).to_bytes() == ANSWERS.to_bytes()


@pytest.mark.parametrize("name", PACKAGES)
def test_answers_of_another_network_are_refused(name: str, tmp_path: Path) -> None:
    answers = replace(ANSWERS, network_hash="0" * 64)
    path = PACKAGES[name].export(NETWORK, tmp_path / "network", answers=answers)
    with refused(FileFormatError, "answers-other-network") as caught:
        formats.by_name(name).known_answers(path)
    assert str(path) in caught.value.what


@pytest.mark.parametrize("name", PACKAGES)
def test_an_artefact_without_answers(name: str, tmp_path: Path) -> None:
    path = PACKAGES[name].export(NETWORK, tmp_path / "network")
    with refused(FileFormatError, "answers-missing") as caught:
        formats.by_name(name).known_answers(path)
    assert str(path) in caught.value.what


def test_a_format_without_a_place_for_answers() -> None:
    only_written = replace(formats.by_name("c"), can=frozenset({formats.WRITES}))
    with refused(UsageError, "answers-not-carried") as caught:
        only_written.known_answers("network.c")
    assert "network.c" in caught.value.what
