"""Images in several codes: the same samples in the same splits, and a folder keeps the numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nmtool as nm
from benchmarks import images
from nmtool.network.analogue import AnalogueInput

sklearn = pytest.importorskip("sklearn.datasets")


@pytest.mark.parametrize("code", images.CODES)
def test_all_codes_have_the_samples_of_the_built_in_data_set(code: str) -> None:
    coded, digits = images.images(code), nm.load_dataset("digits")
    for split in ("train", "validation", "test"):
        events = coded.filled_split(split)
        assert np.array_equal(events.label, digits.filled_split(split).label)
        assert events.class_names == digits.filled_split(split).class_names
        assert events.n_units == 64
        assert events.last_ms.max() <= images.STEPS


def test_a_folder_keeps_the_brightness_and_its_scale(tmp_path: Path) -> None:
    assert images.main(["counts4", str(tmp_path / "digits")]) == 0
    events = nm.load_dataset(tmp_path / "digits").test
    assert events.analogue == AnalogueInput(1 / 15, 4)
    pixels, labels = sklearn.load_digits(return_X_y=True)
    assert np.array_equal(events.label, labels[1497:])
    counts = np.zeros(64, int)
    counts[events[0].unit] = events[0].count
    assert counts.tolist() == np.rint(pixels[1497] / 16 * 15).astype(int).tolist()
