"""`yinyang`: the Yin-Yang data set, generated with the published seeds.

L. Kriener, J. Göltz, M. A. Petrovici, *The Yin-Yang dataset*, arXiv:2102.08211. A point
(x, y) of the unit square belongs to `yin`, `yang` or one of the two `dot`s. To balance the classes,
a class is drawn first, then points until a point belongs to this class.

Units 0…3 spike once each, for x, y, 1 − x and 1 − y, at

    time = t_min + value·(t_max − t_min)

with t_min = 10 ms and t_max = 40 ms: the encoding of Wunderlich & Pehle 2021
(doi:10.1038/s41598-021-91786-z), made for τ_mem = 20 ms and τ_syn = 5 ms. Their fifth unit, with
a bias spike at 20 ms, is left out.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from nmtool.data.events import SpikeEvents
from nmtool.data.latency import from_latencies

DURATION_MS = 80.0
"""Duration to simulate, in ms."""

T_MIN_MS = 10.0
T_MAX_MS = 40.0

RADIUS = 0.5
"""Radius of the whole figure, whose centre is (RADIUS, RADIUS)."""

DOT_RADIUS = 0.1

CLASS_NAMES = ("yin", "yang", "dot")
YIN, YANG, DOT = range(3)

PUBLISHED = {"train": (5000, 42), "validation": (1000, 41), "test": (1000, 40)}
"""Number of samples and seed of each split."""


def load_yinyang(split: str) -> SpikeEvents:
    """The samples of a published split: `train`, `validation` or `test`."""
    values, label = sample_points(*PUBLISHED[split])
    latency = T_MIN_MS + values * (T_MAX_MS - T_MIN_MS)
    return from_latencies(latency, label, CLASS_NAMES)


def sample_points(n: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Draw points of the yin-yang symbol, with their labels.

    Returns:
        [n, 4] float64 values x, y, 1 − x, 1 − y in 0…1, and [n] int64 labels.

    The published splits come from NumPy's legacy generator, with draws in this order.
    """
    random = np.random.RandomState(seed)
    points = np.empty((n, 2))
    label = np.empty(n, np.int64)
    for i in range(n):
        label[i] = random.randint(len(CLASS_NAMES))
        points[i] = _point_of(int(label[i]), random)
    return np.hstack([points, 1.0 - points]), label


def _point_of(wanted: int, random: np.random.RandomState) -> tuple[float, float]:
    """Draw points until one belongs to the class `wanted`, and return it."""
    while True:
        x, y = (2.0 * RADIUS * random.rand(2)).tolist()
        inside = _distance(x, y, RADIUS) <= RADIUS
        if inside and region(x, y) == wanted:
            return x, y


def region(x: float, y: float) -> int:
    """Class of a point inside the figure: `YIN`, `YANG` or `DOT`."""
    left, right = _distance(x, y, 0.5 * RADIUS), _distance(x, y, 1.5 * RADIUS)
    if min(left, right) < DOT_RADIUS:
        return DOT
    on_right_dot = right <= DOT_RADIUS
    in_left_lobe = DOT_RADIUS < left <= 0.5 * RADIUS
    in_upper_half = y > RADIUS and right > 0.5 * RADIUS
    return YANG if on_right_dot or in_left_lobe or in_upper_half else YIN


def _distance(x: float, y: float, centre_x: float) -> float:
    dx, dy = x - centre_x, y - RADIUS
    return math.sqrt(dx * dx + dy * dy)
