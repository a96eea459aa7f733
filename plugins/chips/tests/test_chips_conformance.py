"""The formats of chips keep the promises that `nmtool.testing` checks."""

from __future__ import annotations

from pathlib import Path

import pytest

from nmtool.testing import Promise
from nmtool_chips.fenn.format import Fenn
from tests.promises import assert_the_step_has_all_digits, promises
from tests.vectors import VECTORS

NO_CHAIN = {
    "populations may feed each other through relays",
    *(
        f"vector {name}"
        for name in VECTORS
        if name not in ("chain", "chain-in-order", "delays", "fresh-state")
    ),
}
"""Networks that NetX refuses: it represents chains of layers with a single scale."""

_BIASED = ("one-step", "v-limits", "thresholds", "biases", "unused", "readout-", "mixed-")
_OVERFLOWING = ("u-limits", "u-twice", "u-word", "a-sum")
BIASED_OR_OVERFLOWING = {
    f"vector {name}" for name in VECTORS if name.startswith(_BIASED) or name in _OVERFLOWING
}
"""Networks that brian2-loihi refuses; overflows are only known when it runs."""


@pytest.mark.parametrize(
    ("promise", "outcomes"),
    [
        *promises("brian2-loihi", pytest.mark.brian2_loihi, refused=BIASED_OR_OVERFLOWING),
        *promises("fenn", pytest.mark.fenn, any_network=False),
        *promises("mlgenn"),
        *promises("netx", pytest.mark.lava, any_network=False, refused=NO_CHAIN),
    ],
)
def test_promises(promise: Promise, outcomes: set[bool], tmp_path: Path) -> None:
    assert promise(tmp_path) in outcomes


def test_the_step_is_written_with_all_digits(tmp_path: Path) -> None:
    assert_the_step_has_all_digits(Fenn, tmp_path)
