"""Parameters of the tests that hold the formats of the core and of plug-ins to their promises."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nmtool.exporters.format import Format
from nmtool.testing import format_promises
from tests.networks.chains import chain_network
from tests.thorough import ROUNDS


def promises(
    format_: type[Format] | str,
    *marks: pytest.MarkDecorator,
    any_network: bool = True,
    refused: Collection[str] = (),
    often: Collection[str] | None = None,
) -> list[Any]:
    """Parameters (promise, outcomes) of a test of each promise; outcome False: it is refused.

    Args:
        format_: class or name of the format.
        marks: marks of the tests that need its runtime.
        any_network: False for a format that does not represent all random networks.
        refused: promises whose networks the format refuses.
        often: vectors that run in it before a merge; the others are `long`. Default: all.
    """
    parameters = []
    for promise in format_promises(format_, examples=ROUNDS):
        outcomes = {promise.name not in refused}
        if promise.name.startswith("random") and not any_network:
            outcomes = {True, False}
        rare = often is not None and promise.name.startswith("vector") and promise.name not in often
        own = [*marks * promise.needs_runtime, *[pytest.mark.long] * rare]
        parameters.append(pytest.param(promise, outcomes, id=str(promise), marks=own))
    return parameters


def assert_the_step_has_all_digits(format_: type[Format], folder: Path) -> None:
    """Assert that an export states the length of a step for users, not rounded."""
    network = replace(chain_network(4, runs_in=format_.arithmetic), dt_ms=1 / 3)
    format_.write(network, folder / f"network{next(iter(format_.extensions), '')}")
    text = b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())
    assert b"of 0.3333333333333333 ms" in text
    assert b"0.333333 ms" not in text
