from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from nmtool.errors import DataError
from nmtool.raster import Raster
from tests.refusals import refused

shapes = st.tuples(st.integers(0, 4), st.integers(1, 6), st.integers(1, 5))
dense_rasters = shapes.flatmap(lambda shape: hnp.arrays(np.bool_, shape))
counts = st.sampled_from([0, 0, 1, 2, 255]) | st.integers(0, 255)
dense_counts = shapes.flatmap(lambda shape: hnp.arrays(np.uint8, shape, elements=counts))


def events(dense: NDArray[np.bool_]) -> list[tuple[int, int, int]]:
    return [tuple(map(int, place)) for place in np.argwhere(dense)]


@given(dense_rasters)
def test_dense_and_back(dense: NDArray[np.bool_]) -> None:
    raster = Raster.from_dense(dense)
    assert np.array_equal(raster.dense(), dense)
    assert (raster.n_samples, raster.n_steps, raster.n_neurons) == dense.shape
    assert raster.n_spikes == dense.sum()
    assert raster.n_bins == dense.size
    assert (raster.offset.dtype, raster.step.dtype, raster.neuron.dtype) == ("i8", "i4", "i4")


@given(dense_rasters, st.randoms(use_true_random=False), st.integers(1, 3))
def test_unsorted_events_with_doubles(dense: NDArray[np.bool_], random, times: int) -> None:
    shuffled = events(dense) * times
    random.shuffle(shuffled)
    sample, step, neuron = np.array(shuffled, int).reshape(-1, 3).T
    raster = Raster.from_events(sample, step, neuron, dense.shape)
    assert np.array_equal(raster.dense(), dense)


def test_events_of_a_shape_beyond_32_bits() -> None:
    shape = (3, 60_000, 40_000)
    sample, step, neuron = np.array([[2, 59_999, 39_999], [0, 0, 1], [2, 59_999, 39_999]]).T
    raster = Raster.from_events(sample, step, neuron, shape)
    assert raster.offset.tolist() == [0, 1, 1, 2]
    assert raster.step.tolist() == [0, 59_999]
    assert raster.neuron.tolist() == [1, 39_999]


@pytest.mark.parametrize("place", [(2, 0, 0), (0, 3, 0), (0, 0, 4), (-1, 0, 0), (0, -1, 0)])
def test_events_outside_the_shape_are_refused(place: tuple[int, int, int]) -> None:
    with refused(DataError, "raster-range"):
        Raster.from_events(*np.array([place, (0, 0, 0)]).T, (2, 3, 4))


@given(dense_rasters)
def test_views_equal_naive_computations(dense: NDArray[np.bool_]) -> None:
    raster = Raster.from_dense(dense)
    n_samples, n_steps, n_neurons = dense.shape
    assert raster.flat_index().tolist() == np.flatnonzero(dense).tolist()
    assert raster.sample_index().tolist() == [sample for sample, _, _ in events(dense)]
    assert raster.counts().tolist() == dense.sum(axis=1).tolist()
    first = [
        [next((n for n in range(n_steps) if dense[s, n, i]), n_steps) for i in range(n_neurons)]
        for s in range(n_samples)
    ]
    assert raster.first_step().tolist() == first
    edges = raster.step_offset()
    assert edges.shape == (n_samples, n_steps + 1)
    for s in range(n_samples):
        for n in range(n_steps):
            spikes = raster.neuron[edges[s, n] : edges[s, n + 1]]
            assert spikes.tolist() == np.flatnonzero(dense[s, n]).tolist()


@given(dense_rasters, st.data())
def test_take_picks_and_repeats_samples(dense: NDArray[np.bool_], data: st.DataObject) -> None:
    some = st.integers(0, len(dense) - 1) if len(dense) else st.nothing()
    picked = data.draw(st.lists(some, max_size=5)) if len(dense) else []
    taken = Raster.from_dense(dense).take(picked)
    assert np.array_equal(taken.dense(), dense[np.array(picked, int)])


@given(dense_rasters, st.integers(1, 6))
def test_first_steps_drop_later_steps(dense: NDArray[np.bool_], n_steps: int) -> None:
    n_steps = min(n_steps, dense.shape[1])
    cut = Raster.from_dense(dense).first_steps(n_steps)
    assert np.array_equal(cut.dense(), dense[:, :n_steps])


@given(dense_rasters, st.integers(1, 6), st.data())
def test_steps_after_a_first_step(
    dense: NDArray[np.bool_], n_steps: int, data: st.DataObject
) -> None:
    """Start at one step for all samples or one per sample; steps beyond the ends are silent."""
    starts = st.integers(-7, 7)
    first = np.array([data.draw(starts) for _ in dense], np.int64)
    wide = np.pad(dense, ((0, 0), (7, 13), (0, 0)))
    expected = [wide[i, 7 + start : 7 + start + n_steps] for i, start in enumerate(first)]
    raster = Raster.from_dense(dense)
    part = raster.steps_from(first, n_steps)
    assert (part.n_samples, part.n_steps, part.n_neurons) == (len(dense), n_steps, wide.shape[2])
    assert np.array_equal(part.dense(), np.reshape(expected, part.dense().shape))
    step = data.draw(starts)
    moved = raster.steps_from(step, n_steps).dense()
    assert np.array_equal(moved, wide[:, 7 + step : 7 + step + n_steps])


@given(dense_rasters, st.data())
def test_concatenate_undoes_take(dense: NDArray[np.bool_], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(dense)))
    whole = Raster.from_dense(dense)
    parts = [whole.take(np.arange(cut)), whole.take(np.arange(cut, len(dense)))]
    joined = Raster.concatenate(parts)
    assert np.array_equal(joined.dense(), dense)
    assert joined.n_samples == len(dense)


def test_a_silent_raster() -> None:
    silent = Raster.silent(3, 4, 5)
    assert (silent.n_samples, silent.n_spikes, silent.n_bins) == (3, 0, 60)
    assert not silent.dense().any()


@pytest.mark.parametrize(
    ("offset", "step", "neuron", "code"),
    [
        ([1, 2], [0, 1], [0, 0], "offsets-not-ascending"),
        ([], [], [], "offsets-not-ascending"),
        ([0, 2, 1, 2], [0, 1], [0, 0], "offsets-not-ascending"),
        ([0, 1], [0, 1], [0, 0], "raster-lengths"),
        ([0, 2], [0, 1], [0], "raster-lengths"),
        ([0, 1], [4], [0], "raster-range"),
        ([0, 1], [-1], [0], "raster-range"),
        ([0, 1], [0], [5], "raster-range"),
        ([0, 1], [0], [-1], "raster-range"),
        ([0, 2], [1, 0], [0, 0], "raster-order"),
        ([0, 2], [1, 1], [2, 0], "raster-order"),
        ([0, 2], [1, 1], [2, 2], "raster-order"),
    ],
)
def test_inconsistent_arrays_are_refused(offset, step, neuron, code: str) -> None:
    with refused(DataError, code):
        Raster(np.array(offset, int), np.array(step, int), np.array(neuron, int), 4, 5)


@pytest.mark.parametrize(
    ("count", "code"),
    [
        ([1], "raster-lengths"),
        ([0, 2], "raster-counts"),
        ([1, 256], "raster-counts"),
        ([-1, 1], "raster-counts"),
        ([1.0, 2.0], "raster-not-integers"),
    ],
)
def test_inconsistent_counts_are_refused(count: list[float], code: str) -> None:
    with refused(DataError, code):
        Raster(np.array([0, 2]), np.array([0, 1]), np.array([0, 0]), 4, 5, np.array(count))


def test_counts_of_one_are_no_counts() -> None:
    lists = np.array([0, 2]), np.array([0, 1]), np.array([0, 0])
    assert Raster(*lists, 4, 5, np.array([1, 1])) == Raster(*lists, 4, 5)
    assert Raster(*lists, 4, 5, np.array([1, 2])) != Raster(*lists, 4, 5)


@pytest.mark.parametrize(
    "lists",
    [
        ([[0, 1]], [0], [0]),
        ([0, 2], [[0, 1]], [[0, 1]]),
        ([0, 1], [0.5], [0]),
        ([0, 1], [0], [np.nan]),
        ([0, 1], [True], [0]),
        ([0, 1], ["0"], [0]),
    ],
)
def test_lists_must_have_integers(lists) -> None:
    with refused(DataError, "raster-not-integers"):
        Raster(*lists, 4, 5)


@pytest.mark.parametrize("shape", [(-1, 4, 5), (1, -1, 5), (1, 4, -1)])
def test_negative_sizes_are_refused(shape: tuple[int, int, int]) -> None:
    with refused(DataError, "raster-size-negative"):
        Raster.silent(*shape)


@pytest.mark.parametrize("shape", [(10**13, 4, 5), (1, 10**13, 5), (1, 4, 10**13)])
def test_sizes_beyond_32_bits_are_refused(shape: tuple[int, int, int]) -> None:
    with refused(DataError, "raster-too-large"):
        Raster.silent(*shape)


@pytest.mark.parametrize("place", [2**32, -(2**32), 2**63])
def test_numbers_beyond_32_bits_are_refused(place: int) -> None:
    with refused(DataError, "raster-range"):
        Raster(np.array([0, 1]), np.array([place]), np.array([0]), 4, 5)


def test_steps_restart_in_every_sample() -> None:
    raster = Raster(np.array([0, 1, 2]), np.array([3, 0]), np.array([4, 0]), 4, 5)
    assert events(raster.dense()) == [(0, 3, 4), (1, 0, 0)]


@given(st.integers(0, 9), st.integers(1, 12))
def test_batches_are_all_samples_in_order(n_samples: int, at_once: int) -> None:
    raster = Raster.from_dense(np.random.default_rng(n_samples).random((n_samples, 4, 3)) < 0.4)
    parts = list(raster.batches(at_once))
    assert len(parts) == max(1, -(-n_samples // at_once))
    assert all(0 < part.n_samples <= at_once for part in parts) or n_samples == 0
    np.testing.assert_array_equal(np.concatenate([part.dense() for part in parts]), raster.dense())


@pytest.mark.parametrize("value", [0.5, float("nan"), 1j, -1, np.int8(-128)])
def test_numbers_that_are_not_counts_are_refused(value: complex) -> None:
    with refused(DataError, "dense-not-spikes"):
        Raster.from_dense(np.full((1, 2, 3), value))


@pytest.mark.parametrize(
    ("count", "code"),
    [
        (-1, "dense-not-spikes"),
        (np.int8(-128), "dense-not-spikes"),
        (256.0, "dense-counts-large"),
        (np.uint64(1 << 63), "dense-counts-large"),
    ],
)
def test_counts_that_do_not_fit_are_refused(count: float, code: str) -> None:
    with refused(DataError, code):
        Raster.from_dense(np.full((1, 2, 3), count))
    assert Raster.from_dense(np.full((1, 2, 3), 255.0)).n_spikes == 6 * 255


@given(dense_counts, st.sampled_from([np.uint8, np.int64, np.float32]))
def test_dense_counts_and_back(dense: NDArray[np.uint8], dtype: type) -> None:
    raster = Raster.from_dense(dense.astype(dtype))
    assert np.array_equal(raster.dense_counts(), dense)
    assert np.array_equal(raster.dense(), dense > 0)
    assert np.array_equal(raster.counts(), dense.sum(axis=1, dtype=np.int64))
    assert (raster.n_spikes, raster.n_filled) == (dense.sum(), np.count_nonzero(dense))
    assert raster.most_spikes == max(1, dense.max(initial=0))
    assert (raster.count is None) == (dense.max(initial=0) <= 1)
    cells = dict(raster.tables()[0].rows)
    assert cells["spikes"] == raster.n_spikes
    assert cells.get("bins with spikes", raster.n_spikes) == raster.n_filled


@given(dense_counts, st.data())
def test_parts_of_a_raster_keep_its_counts(dense: NDArray[np.uint8], data: st.DataObject) -> None:
    raster, n_samples = Raster.from_dense(dense), len(dense)
    picked = data.draw(st.lists(st.integers(0, n_samples - 1), max_size=5)) if n_samples else []
    assert np.array_equal(raster.take(picked).dense_counts(), dense[np.array(picked, int)])
    cut = data.draw(st.integers(1, dense.shape[1]))
    assert np.array_equal(raster.first_steps(cut).dense_counts(), dense[:, :cut])
    parts = [raster.take(np.arange(n_samples)), Raster.from_dense(dense > 0)]
    joined = Raster.concatenate(parts).dense_counts()
    assert np.array_equal(joined, np.concatenate([dense, dense > 0]))


@given(dense_counts, st.randoms(use_true_random=False), st.integers(1, 255))
def test_events_of_a_bin_add_up_to_a_limit(
    dense: NDArray[np.uint8], random, most_spikes: int
) -> None:
    """The events of a bin come one by one, or as two events with counts."""
    places = np.argwhere(dense).tolist()
    alone = [place for place in places for _ in range(int(dense[tuple(place)]))]
    parts = [(place, random.randint(1, int(dense[tuple(place)]))) for place in places]
    rests = [(place, int(dense[tuple(place)]) - part) for place, part in parts]
    paired = [pair for pair in [*parts, *rests] if pair[1]]
    random.shuffle(alone)
    random.shuffle(paired)
    expected = np.minimum(dense, most_spikes)
    sample, step, neuron = np.array(alone, int).reshape(-1, 3).T
    single = Raster.from_events(sample, step, neuron, dense.shape, most_spikes=most_spikes)
    sample, step, neuron = np.array([place for place, _ in paired], int).reshape(-1, 3).T
    count = np.array([part for _, part in paired], int)
    counted = Raster.from_events(
        sample, step, neuron, dense.shape, count=count, most_spikes=most_spikes
    )
    assert np.array_equal(single.dense_counts(), expected)
    assert single == counted


@pytest.mark.parametrize("most_spikes", [1, 3])
@pytest.mark.parametrize("count", [[0, 1], [2, -1]])
def test_events_without_a_positive_count_are_refused(count: list[int], most_spikes: int) -> None:
    places = np.zeros((3, 2), int)
    with refused(DataError, "raster-counts"):
        Raster.from_events(*places, (1, 1, 1), count=np.array(count), most_spikes=most_spikes)
