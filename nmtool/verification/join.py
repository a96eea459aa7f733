"""`join`: merge the certificates of consecutive portions of the samples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from nmtool.verification.certificate import Certificate, Check
from nmtool.verification.comparison import Agreement, Comparison, Divergence
from nmtool.verification.explanation import Explanation


def join(portions: Iterable[Certificate]) -> Certificate:
    """Merge the certificates of one network on consecutive portions of samples.

    Counts are added. Coverage and generated samples come from the portion that has them; recording
    and explanation of a check come from the first portion that differs, else from the first one,
    so that no other need be in memory.

    Args:
        portions: at least one, of the same backends, in the order of their samples.
    """
    whole: Certificate | None = None
    for portion in portions:
        whole = portion if whole is None else _add(whole, portion)
    assert whole is not None
    return whole


def _add(one: Certificate, other: Certificate) -> Certificate:
    """The certificate of the samples of both, those of `other` after those of `one`."""
    n, m = one.samples, other.samples
    return replace(
        one,
        samples=n + m,
        checks={name: _check(one.checks[name], other.checks[name], n) for name in one.checks},
        accuracy={
            name: (round(share * n) + round(other.accuracy[name] * m)) / (n + m)
            for name, share in one.accuracy.items()
        },
        overflows=_sum(one.overflows, other.overflows),
        class_samples=[n + m for n, m in zip(one.class_samples, other.class_samples, strict=True)],
    )


def _check(one: Check, other: Check, first: int) -> Check:
    """Merge a check of the samples before index `first` with one of those from there on."""
    comparison = _comparison(one.comparison, other.comparison, first)
    found = replace(one, comparison=comparison, seconds=one.seconds + other.seconds)
    if one.agreement is not None and other.agreement is not None:
        found = replace(found, agreement=_sums(one.agreement, other.agreement))
    if one.comparison.identical and not other.comparison.identical:
        explanation = _later(other.explanation, first)
        found = replace(found, recording=other.recording, explanation=explanation)
    if other.stock is not None and (one.stock is None or _differs(other) > _differs(one)):
        found = replace(found, stock=replace(other.stock, sample=first + other.stock.sample))
    return found


def _differs(check: Check) -> bool:
    """True if the check of the fast model found a difference."""
    stock = check.stock
    return stock is not None and not (stock.comparison.identical and stock.stands_in)


def _comparison(one: Comparison, other: Comparison, first: int) -> Comparison:
    counts = _sum(one.as_json(), other.as_json())
    place = one.first_divergence or _from(other.first_divergence, first)
    return Comparison(**counts, first_divergence=place)


def _sums(one: Agreement, other: Agreement) -> Agreement:
    return Agreement(**_sum(vars(one), vars(other)))


def _sum(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {name: count + other[name] for name, count in one.items()}


def _from(place: Divergence | None, first: int) -> Divergence | None:
    return None if place is None else replace(place, sample=first + place.sample)


def _later(explanation: Explanation | None, first: int) -> Explanation | None:
    if explanation is None:
        return None
    return replace(explanation, place=_from(explanation.place, first))
