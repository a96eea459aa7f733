from __future__ import annotations

import numpy as np
import pytest

from nmtool.data.yinyang import (
    DOT,
    PUBLISHED,
    YANG,
    YIN,
    load_yinyang,
    region,
    sample_points,
)

# These are rows of the arrays (float32) that were published with the paper: index, x, y, 1 - x, 1 -
# y, label. The last row of each split depends on every number that was drawn before this row.
PUBLISHED_ROWS = {
    "train": [
        (0, 0.6803075671195984, 0.4504992663860321, 0.319692462682724, 0.5495007634162903, 2),
        (1, 0.09767211228609085, 0.6842330098152161, 0.9023278951644897, 0.31576696038246155, 1),
        (4999, 0.7690797448158264, 0.5883389115333557, 0.23092027008533478, 0.4116610586643219, 2),
    ],
    "validation": [
        (0, 0.6805727481842041, 0.32097339630126953, 0.3194272816181183, 0.6790266036987305, 0),
        (1, 0.6685157418251038, 0.9174478650093079, 0.33148428797721863, 0.08255214989185333, 1),
        (999, 0.7107040882110596, 0.8047333359718323, 0.28929591178894043, 0.19526664912700653, 1),
    ],
    "test": [
        (0, 0.23409664630889893, 0.4017249643802643, 0.7659033536911011, 0.5982750058174133, 2),
        (1, 0.7513290047645569, 0.4682425260543823, 0.24867098033428192, 0.5317574739456177, 2),
        (999, 0.328340619802475, 0.38998302817344666, 0.6716594099998474, 0.610016942024231, 1),
    ],
}
PUBLISHED_CLASS_SIZES = {
    "train": [1681, 1702, 1617],
    "validation": [316, 336, 348],
    "test": [350, 316, 334],
}


@pytest.mark.parametrize("split", PUBLISHED)
def test_published_values_are_reproduced(split: str) -> None:
    values, label = sample_points(*PUBLISHED[split])
    for row, *expected, expected_label in PUBLISHED_ROWS[split]:
        assert values[row].astype(np.float32).tolist() == expected
        assert label[row] == expected_label
    assert np.bincount(label).tolist() == PUBLISHED_CLASS_SIZES[split]


@pytest.mark.parametrize(
    ("x", "y", "expected"),
    [
        (0.25, 0.5, DOT),
        (0.75, 0.5, DOT),
        (0.5, 0.9, YANG),
        (0.5, 0.1, YIN),
        (0.25, 0.35, YANG),
        (0.75, 0.65, YIN),
    ],
)
def test_regions_of_the_figure(x: float, y: float, expected: int) -> None:
    assert region(x, y) == expected


def test_values_are_encoded_as_spike_times() -> None:
    values, label = sample_points(*PUBLISHED["test"])
    events = load_yinyang("test")
    time = np.empty_like(values)
    time[events.sample_index(), events.unit] = events.time_ms
    np.testing.assert_allclose(time, 10 + 30 * values, rtol=1e-14)
    assert np.array_equal(events.label, label)
    assert events.class_names == ("yin", "yang", "dot")
    assert events.n_units == 4
