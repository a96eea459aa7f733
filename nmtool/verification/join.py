"""`joined`: the certificate of consecutive portions of the samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from nmtool.verification.certificate import Certificate, Check
from nmtool.verification.comparison import Agreement, Comparison, Divergence
from nmtool.verification.explanation import Explanation


def joined(left: Certificate, right: Certificate) -> Certificate:
    """Merge two certificates with the same backends; the samples of `right` follow those of `left`.

    Counts are added. One-unit faults and generated samples come from `left`, the first portion. The
    recording of a check, and the place and causes of its explanation, come from the first portion
    with a difference, else from the first portion.
    """
    n, m = left.samples, right.samples
    return replace(
        left,
        samples=n + m,
        checks={
            name: _merged_check(left.checks[name], right.checks[name], n, m) for name in left.checks
        },
        accuracy={
            name: (round(share * n) + round(right.accuracy[name] * m)) / (n + m)
            for name, share in left.accuracy.items()
        },
        overflows=_sum_counts(left.overflows, right.overflows),
        class_samples=[n + m for n, m in zip(left.class_samples, right.class_samples, strict=True)],
    )


def _merged_check(left: Check, right: Check, n_before: int, n_after: int) -> Check:
    """Merge the check of the first `n_before` samples with the check of the `n_after` next ones."""
    check = replace(
        left,
        comparison=_merged_comparison(left.comparison, right.comparison, n_before),
        seconds=left.seconds + right.seconds,
        explanation=_merged_explanation(
            left.explanation,
            _renumbered_explanation(right.explanation, n_before),
            n_before + n_after,
        ),
    )
    if left.agreement is not None and right.agreement is not None:
        check = replace(check, agreement=_merged_agreement(left.agreement, right.agreement))
    if left.comparison.identical and not right.comparison.identical:
        recorded_from = n_before + right.recorded_from
        check = replace(check, recording=right.recording, recorded_from=recorded_from)
    if right.stock is not None and (
        left.stock is None or _stock_differs(right) > _stock_differs(left)
    ):
        check = replace(check, stock=replace(right.stock, sample=n_before + right.stock.sample))
    return check


def _stock_differs(check: Check) -> bool:
    """True if the check of the fast neuron model found a difference."""
    stock = check.stock
    return stock is not None and not (stock.comparison.identical and stock.stands_in)


def _merged_comparison(left: Comparison, right: Comparison, n_before: int) -> Comparison:
    """Add the counts of two comparisons, and keep the first difference.

    Its sample is counted from the first sample of the first portion.
    """
    counts = _sum_counts(_counts(left), _counts(right))
    place = left.first_divergence or _renumbered_place(right.first_divergence, n_before)
    if counts["bins_emitted"] == counts["spikes_emitted"]:
        counts["bins_emitted"] = None
    return Comparison(**counts, first_divergence=place)


def _counts(comparison: Comparison) -> dict[str, int | None]:
    """The counts of a comparison by name, with the number of bins in any case."""
    bins = comparison.bins_emitted
    return {
        **comparison.as_json(),
        "bins_emitted": comparison.spikes_emitted if bins is None else bins,
    }


def _merged_agreement(left: Agreement, right: Agreement) -> Agreement:
    """Add the counts of two agreements."""
    return Agreement(**_sum_counts(vars(left), vars(right)))


def _sum_counts(left: Mapping[str, int | None], right: Mapping[str, int | None]) -> dict[str, Any]:
    """Add counts by name; a sum is None if the quantity was not compared."""
    return {
        name: None if count is None or (other := right[name]) is None else count + other
        for name, count in left.items()
    }


def _renumbered_place(place: Divergence | None, n_before: int) -> Divergence | None:
    """Make the sample index of a difference count from the first sample of all portions."""
    return None if place is None else replace(place, sample=n_before + place.sample)


def _merged_explanation(
    left: Explanation | None, right: Explanation | None, samples: int
) -> Explanation | None:
    """The first of two explanations, with the counts of both; `samples` is the sum of samples."""
    explanations = [explanation for explanation in (left, right) if explanation is not None]
    if not explanations:
        return None
    first = explanations[0]
    return replace(
        first,
        different={n: sum(e.different[n] for e in explanations) for n in first.different},
        samples_different=sum(e.samples_different for e in explanations),
        samples=samples,
    )


def _renumbered_explanation(explanation: Explanation | None, n_before: int) -> Explanation | None:
    """Make the sample index of an explanation count from the first sample of all portions."""
    if explanation is None:
        return None
    return replace(explanation, place=_renumbered_place(explanation.place, n_before))
