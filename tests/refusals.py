"""Errors in tests are named by class and code, never by their texts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import pytest

from nmtool.errors import Finding, NmtoolError

_Error = TypeVar("_Error", bound=NmtoolError)


@contextmanager
def refused(kind: type[_Error], code: str) -> Iterator[pytest.ExceptionInfo[_Error]]:
    """Expect exactly this class of error, with this code; yields pytest's `ExceptionInfo`.

    To assert values that the error must name, use the yielded object after the block:
    `assert "hidden" in caught.value.what`.
    """
    with pytest.raises(kind) as caught:
        yield caught
    assert (type(caught.value), caught.value.code) == (kind, code), str(caught.value)


def codes(refusal: NmtoolError | list[Finding] | tuple[Finding, ...]) -> list[str]:
    """Codes of findings, or of the findings of an error, in their order."""
    return [finding.code for finding in getattr(refusal, "findings", refusal)]  # type: ignore[union-attr]
