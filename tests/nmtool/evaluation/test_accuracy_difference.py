"""Paired differences of accuracies and their interval."""

from __future__ import annotations

import numpy as np
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as arrays

from nmtool.errors import UsageError
from nmtool.evaluation.accuracy_difference import AccuracyDifference
from tests.refusals import refused

SHAPES = st.tuples(st.integers(1, 5), st.integers(1, 40))


@given(SHAPES.flatmap(lambda shape: st.tuples(*[arrays.arrays(np.bool_, shape)] * 2)))
def test_differences_are_those_of_single_samples(rows: tuple[np.ndarray, np.ndarray]) -> None:
    paired = AccuracyDifference(*rows)
    n_samples = rows[0].shape[1]
    gained = paired.only_first - paired.only_second
    np.testing.assert_allclose(paired.points, 100 * gained / n_samples, atol=1e-9)
    low, high = paired.interval()
    assert -100 <= low <= high <= 100
    mirrored = AccuracyDifference(rows[1], rows[0]).interval()
    np.testing.assert_allclose(mirrored, (-high, -low), atol=1e-9)


def test_the_interval_of_equal_networks_is_the_rule_of_three() -> None:
    """A larger share of different predictions would have been seen with 95 % probability."""
    right = np.random.default_rng(0).random((4, 50)) < 0.8
    equal = AccuracyDifference(right, right)
    assert equal.all_agree
    assert equal.interval() == (-6.0, 6.0)
    assert 0.95 < 1 - (1 - 0.06) ** 50
    assert AccuracyDifference(right[:, :2], right[:, :2]).interval() == (-100.0, 100.0)
    by_speaker = AccuracyDifference(right, right, {"speaker": np.arange(50) % 5})
    assert by_speaker.interval() == (-60.0, 60.0)
    assert not AccuracyDifference(right, ~right).all_agree


def test_one_pair_gives_the_interval_of_a_proportion() -> None:
    """The second network is always wrong, so the difference is the accuracy of the first."""
    right = np.arange(400) % 5 != 0
    low, high = AccuracyDifference(right[None], np.zeros((1, 400), np.bool_)).interval()
    spread = 100 * np.sqrt(0.8 * 0.2 / 400)
    np.testing.assert_allclose((low, high), (80 - 1.96 * spread, 80 + 1.96 * spread), atol=0.3)


def test_pairs_that_disagree_widen_the_interval() -> None:
    """All samples of a pair have the same difference, so only the draw of pairs matters."""
    first = np.zeros((8, 100), np.bool_)
    first[:4] = True
    low, high = AccuracyDifference(first, ~first).interval()
    np.testing.assert_allclose((low, high), (-75.0, 75.0), atol=26)
    assert low < -40 < 40 < high


def test_the_interval_depends_on_the_seed() -> None:
    rng = np.random.default_rng(1)
    paired = AccuracyDifference(rng.random((3, 60)) < 0.8, rng.random((3, 60)) < 0.7)
    assert paired.interval(3) == paired.interval(3) != paired.interval(4)


# Tests with clusters


def _moments(x: np.ndarray, drawn: np.ndarray) -> float:
    """Variance of the mean of x [rows, columns] where rows and columns are drawn (Owen 2007).

    The counts n of K draws from K values have E[n nᵀ] = I + (1 − 1/K)·11ᵀ. Counts of rows and of
    columns are independent.
    """
    rows, columns = (np.eye(k) + (1 - 1 / k) for k in drawn)
    return float(((rows @ x @ columns) * x).sum() / x.size**2 - x.mean() ** 2)


def test_clusters_of_one_sample_change_nothing() -> None:
    rng = np.random.default_rng(2)
    rows = rng.random((3, 80)) < 0.8, rng.random((3, 80)) < 0.7
    expected = AccuracyDifference(*rows).interval(5)
    assert AccuracyDifference(*rows, {"sample": np.arange(80)}).interval(5) == expected
    assert "clusters" not in AccuracyDifference(*rows).as_json()


def test_one_column_gives_the_interval_of_the_means_of_its_clusters() -> None:
    """For thirty clusters of ten, the variance is that of their means, divided by thirty."""
    rng = np.random.default_rng(4)
    share = rng.random(30)
    right = rng.random((1, 300)) < np.repeat(share, 10)
    paired = AccuracyDifference(
        right, np.zeros_like(right), {"speaker": np.repeat(np.arange(30) * 7, 10)}
    )
    means = right.reshape(30, 10).mean(axis=1)
    spread = 100 * np.sqrt(means.var() / 30)
    middle = 100 * means.mean()
    np.testing.assert_allclose(
        paired.interval(), (middle - 1.96 * spread, middle + 1.96 * spread), atol=0.06 * spread
    )
    low, high = AccuracyDifference(right, np.zeros_like(right)).interval()
    assert high - low < 0.6 * 2 * 1.96 * spread


def test_two_columns_are_drawn_independently() -> None:
    """The variance of the draws equals the closed form for the pigeonhole bootstrap."""
    rng = np.random.default_rng(6)
    share = np.clip(0.5 + rng.normal(0, 0.15, (24, 1)) + rng.normal(0, 0.15, (1, 20)), 0, 1)
    x = rng.random((24, 20)) < share
    # The samples are shuffled, because their order must not matter.
    order = rng.permutation(x.size)
    speaker, recording = (index.ravel()[order] for index in np.indices(x.shape))
    right = x.ravel()[order][None]
    paired = AccuracyDifference(right, ~right, {"speaker": speaker, "recording": recording})
    gain = 2.0 * x - 1
    spread = 100 * np.sqrt(_moments(gain, np.array(x.shape)))
    middle = 100 * gain.mean()
    np.testing.assert_allclose(
        paired.interval(), (middle - 1.96 * spread, middle + 1.96 * spread), atol=0.08 * spread
    )


def test_clusters_of_different_sizes_weigh_by_their_samples() -> None:
    """With two clusters, of 1 and 9 samples, a draw gives one of three means."""
    column = np.array([3] + [1] * 9)
    right = (column == 3)[None]
    paired = AccuracyDifference(right, np.zeros_like(right), {"speaker": column})
    assert paired.points.tolist() == [10.0]
    assert paired.interval() == (0.0, 100.0)


def test_clusters_and_pairs_are_drawn_together() -> None:
    """Pairs that disagree widen an interval that clusters alone would make narrow."""
    first = np.zeros((8, 60), np.bool_)
    first[:4] = True
    column = np.arange(60) // 6
    low, high = AccuracyDifference(first, ~first, {"speaker": column}).interval()
    assert low < -40 < 40 < high
    assert (low, high) == AccuracyDifference(
        first, ~first, {"speaker": column, "block": column}
    ).interval()


def test_the_interval_has_its_nominal_coverage() -> None:
    """Clusters have different differences, with a mean of 70 points.

    An interval that treats samples as independent is too narrow, and misses the mean.
    """
    rng = np.random.default_rng(8)
    column = np.repeat(np.arange(25), 12)
    n_trials, hits, plain_hits = 150, 0, 0
    for _ in range(n_trials):
        share = rng.beta(3.5, 1.5, 25)  # The mean of this distribution is 0.7.
        right = rng.random((1, 300)) < share[column]
        low, high = AccuracyDifference(right, np.zeros_like(right), {"speaker": column}).interval()
        hits += low <= 70 <= high
        p = right.mean()
        plain_hits += abs(100 * p - 70) <= 196 * np.sqrt(p * (1 - p) / 300)
    assert 0.89 * n_trials <= hits <= 0.99 * n_trials
    assert plain_hits < 0.8 * n_trials


def test_clusters_are_counted_and_printed() -> None:
    right = np.arange(12)[None] % 3 > 0
    clusters = {"speaker": np.arange(12) // 6, "blocks of 4": np.arange(12) // 4}
    paired = AccuracyDifference(right, ~right, clusters)
    assert paired.cluster_counts == {"speaker": 2, "blocks of 4": 3}
    assert paired.as_json()["clusters"] == paired.cluster_counts
    assert repr(paired).endswith("by speaker and blocks of 4>")


def test_invalid_clusters_are_refused() -> None:
    right = np.ones((1, 4), np.bool_)
    with refused(UsageError, "clusters-single") as caught:
        AccuracyDifference(right, right, {"speaker": np.zeros(4, np.int64)})
    assert "speaker" in caught.value.what
    with refused(UsageError, "clusters-count"):
        AccuracyDifference(right, right, {"speaker": np.arange(3)})


def test_draws_in_portions_are_those_of_one_draw() -> None:
    """The interval for a seed must not depend on the number of draws that fit into memory."""
    rng = np.random.default_rng(3)
    first, second = rng.random((2, 3, 60)) < 0.6
    drawn = np.random.default_rng(7)
    pairs, samples = (drawn.multinomial(n, np.full(n, 1 / n), 10_000) for n in (3, 60))
    gain = first.astype(int) - second
    points = 100 * np.einsum("dp,ps,ds->d", pairs, gain, samples) / gain.size
    expected = np.quantile(points, [0.025, 0.975])
    np.testing.assert_allclose(AccuracyDifference(first, second).interval(7), expected, atol=1e-9)
