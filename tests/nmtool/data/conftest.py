from __future__ import annotations

import pytest

from nmtool.data import SpikeEvents


@pytest.fixture
def events() -> SpikeEvents:
    """Four samples of 5 units and 2 classes; sample 1 is empty."""
    return SpikeEvents(
        time_ms=[0.0, 1.5, 1.5, 250.0, 3.0, 0.5],
        unit=[0, 4, 1, 2, 3, 0],
        offset=[0, 4, 4, 5, 6],
        label=[1, 0, 1, 0],
        n_units=5,
        class_names=("no", "yes"),
    )
