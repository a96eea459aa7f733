"""`ResetChange`: what it costs to train on with another reset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmtool.evaluation.accuracy_difference import AccuracyDifference
from nmtool.tables import counted
from nmtool.values import packed_bits, unpacked_bits


@dataclass(frozen=True, eq=False)
class ResetChange:
    """A reset that is not the one of the run from which training started.

    Both runs' networks are compared as they are saved, each with its own reset, and in the integers
    if the run trained in integers.

    Attributes:
        reset: reset of this run.
        instead_of: by population with another reset in the first run, that reset.
        before: [samples] bool: validation samples that the network of the first run classifies
            correctly.
        after: the same for the best network of this run; None until training has ended.
    """

    reset: str
    instead_of: Mapping[str, str]
    before: NDArray[np.bool_]
    after: NDArray[np.bool_] | None = None

    @property
    def cost(self) -> AccuracyDifference | None:
        """Accuracy of this run minus that of the first run; None until training has ended."""
        if self.after is None:
            return None
        names = (self.reset, resets_line(self.instead_of))
        return AccuracyDifference(self.after[None], self.before[None], names=[names])

    def as_json(self) -> dict[str, Any]:
        """Plain values for JSON; `from_json` is the inverse."""
        values = {"reset": self.reset, "instead_of": dict(self.instead_of)}
        right = {"before": self.before, "after": self.after}
        return values | {k: packed_bits(bits) for k, bits in right.items() if bits is not None}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> ResetChange:
        """The change that `as_json` wrote; raises an error of `storage.DAMAGE` for other values."""
        after = unpacked_bits(values["after"]) if "after" in values else None
        before = unpacked_bits(values["before"])
        if after is not None and after.size != before.size:
            raise ValueError(f"{before.size} samples before, but {after.size} after")
        instead_of = {str(name): str(reset) for name, reset in values["instead_of"].items()}
        return cls(str(values["reset"]), instead_of, before, after)


def resets_line(resets: Mapping[str, str]) -> str:
    """Resets by population as text.

    >>> resets_line({"hidden1": "subtract", "hidden2": "subtract", "output": "late"})
    'subtract (hidden1, hidden2), late (output)'
    """
    names = {
        reset: [name for name, other in resets.items() if other == reset]
        for reset in resets.values()
    }
    return ", ".join(f"{reset} ({', '.join(those)})" for reset, those in names.items())


def cost_line(cost: AccuracyDifference) -> str:
    """The accuracies with both resets, and their difference with its interval, as text."""
    [(reset, others)], (low, high) = cost.names, cost.interval()
    samples = counted(cost.first.size, "validation sample")
    return (
        f"the reset is {reset} instead of {others}: {cost.first.mean():.2%} on {samples}, "
        f"{cost.second.mean():.2%} before ({cost.points.mean():+.2f} points, 95 % interval "
        f"{low:+.2f} … {high:+.2f})"
    )
