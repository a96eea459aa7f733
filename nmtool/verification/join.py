"""`join`: merge the certificates of consecutive portions of the samples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from nmtool.verification.certificate import Certificate, Check
from nmtool.verification.comparison import Agreement, Comparison, Divergence
from nmtool.verification.explanation import Explanation


def join(portions: Iterable[Certificate]) -> Certificate:
    """Merge the certificates of one network on consecutive portions of samples.

    Counts are added. Coverage and generated samples come from the first portion. The recording and
    explanation of a check come from the first portion that differs, else from the first one, so
    that one recording at a time is in memory.

    Args:
        portions: at least one, of the same backends, in the order of their samples.
    """
    whole: Certificate | None = None
    for portion in portions:
        whole = portion if whole is None else _add(whole, portion)
    assert whole is not None
    return whole


def _add(left: Certificate, right: Certificate) -> Certificate:
    """One certificate for the samples of `left` followed by the samples of `right`."""
    n, m = left.samples, right.samples
    return replace(
        left,
        samples=n + m,
        checks={name: _check(left.checks[name], right.checks[name], n) for name in left.checks},
        accuracy={
            name: (round(share * n) + round(right.accuracy[name] * m)) / (n + m)
            for name, share in left.accuracy.items()
        },
        overflows=_sum(left.overflows, right.overflows),
        class_samples=[n + m for n, m in zip(left.class_samples, right.class_samples, strict=True)],
    )


def _check(left: Check, right: Check, first: int) -> Check:
    """Merge the check of the samples before index `first` with the check of later samples."""
    comparison = _comparison(left.comparison, right.comparison, first)
    check = replace(left, comparison=comparison, seconds=left.seconds + right.seconds)
    if left.agreement is not None and right.agreement is not None:
        check = replace(check, agreement=_sums(left.agreement, right.agreement))
    if left.comparison.identical and not right.comparison.identical:
        explanation = _explanation_from(right.explanation, first)
        check = replace(check, recording=right.recording, explanation=explanation)
    if right.stock is not None and (
        left.stock is None or _stock_differs(right) > _stock_differs(left)
    ):
        check = replace(check, stock=replace(right.stock, sample=first + right.stock.sample))
    return check


def _stock_differs(check: Check) -> bool:
    """True if the check of the fast model found a difference."""
    stock = check.stock
    return stock is not None and not (stock.comparison.identical and stock.stands_in)


def _comparison(left: Comparison, right: Comparison, first: int) -> Comparison:
    counts = _sum(left.as_json(), right.as_json())
    place = left.first_divergence or _place_from(right.first_divergence, first)
    return Comparison(**counts, first_divergence=place)


def _sums(left: Agreement, right: Agreement) -> Agreement:
    return Agreement(**_sum(vars(left), vars(right)))


def _sum(left: Mapping[str, int | None], right: Mapping[str, int | None]) -> dict[str, Any]:
    """Sums by name; None for numbers that were not compared."""
    return {
        name: None if count is None or (other := right[name]) is None else count + other
        for name, count in left.items()
    }


def _place_from(place: Divergence | None, first: int) -> Divergence | None:
    return None if place is None else replace(place, sample=first + place.sample)


def _explanation_from(explanation: Explanation | None, first: int) -> Explanation | None:
    if explanation is None:
        return None
    return replace(explanation, place=_place_from(explanation.place, first))
