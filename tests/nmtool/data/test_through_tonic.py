"""Data sets in tonic's own layouts, read by tonic itself, offline, with its transforms."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nmtool as nm

torch = pytest.importorskip("torch")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    tonic = pytest.importorskip("tonic")
    from tonic import collation, transforms

pytestmark = pytest.mark.torch

SIZE = (34, 34, 2)


def present(kind: type, *arguments: Any, **more: Any) -> Any:
    """A data set of tonic whose files exist; tonic itself would look for their archives."""
    return type(kind.__name__, (kind,), {"_check_exists": lambda self: True})(*arguments, **more)


def write_nmnist(folder: Path) -> dict[tuple[int, int], np.ndarray]:
    """Write two samples of each of three digits, 5 bytes per event: x, y, p with 23 bits of µs."""
    random = np.random.default_rng(0)
    written = {}
    for digit in (0, 3, 7):
        place = folder / "NMNIST" / "Train" / str(digit)
        place.mkdir(parents=True)
        for number in range(2):
            n = 50
            t = np.sort(random.integers(0, 300_000, n))
            x, y, p = random.integers(0, 34, n), random.integers(0, 34, n), random.integers(0, 2, n)
            low = [x, y, (p << 7) | (t >> 16), (t >> 8) & 255, t & 255]
            (place / f"{number:05d}.bin").write_bytes(np.column_stack(low).astype("u1").tobytes())
            written[digit, number] = np.column_stack([t, x, y, p])
    return written


def test_an_shd_file(tmp_path: Path, events: nm.SpikeEvents) -> None:
    (tmp_path / "SHD").mkdir()
    in_layout = nm.SpikeEvents.from_lists(
        [[0.0, 1.953125, 250.0], [], [3.90625]], [[0, 699, 1], [], [350]], [1, 0, 1], n_units=700
    )
    nm.write_shd(tmp_path / "SHD" / "shd_train.h5", in_layout)
    dataset = present(tonic.datasets.SHD, str(tmp_path), train=True)
    spikes = nm.SpikeEvents.from_tonic(dataset)
    assert spikes.n_units == 700
    assert spikes.class_names == ("0", "1")
    assert spikes.label.tolist() == [1, 0, 1]
    assert spikes.unit.tolist() == in_layout.unit.tolist()
    assert np.abs(spikes.time_ms - in_layout.time_ms).max() < 0.001


def test_n_mnist(tmp_path: Path) -> None:
    written = write_nmnist(tmp_path)
    events = nm.SpikeEvents.from_tonic(present(tonic.datasets.NMNIST, str(tmp_path)))
    assert events.n_units == 34 * 34 * 2
    assert events.label.tolist() == [0, 0, 3, 3, 7, 7]
    assert events.class_names[3] == "3 - three"
    for sample, rows in zip(events, written.values(), strict=True):
        t, x, y, p = rows.T
        expected = sorted(zip(t / 1000, x + 34 * (y + 34 * p), strict=True))
        assert sorted(zip(sample.time_ms, sample.unit, strict=True)) == expected
    nm.write_shd(tmp_path / "nmnist_train.h5", events)
    assert nm.load_dataset(tmp_path).train.unit.tolist() == events.unit.tolist()


def test_frames_of_a_loader(tmp_path: Path) -> None:
    write_nmnist(tmp_path)
    frames = transforms.ToFrame(sensor_size=SIZE, time_window=10_000, include_incomplete=True)
    dataset = present(tonic.datasets.NMNIST, str(tmp_path), transform=frames)
    whole = nm.SpikeEvents.from_torch(dataset, dt_ms=10.0)
    assert whole.n_units == 34 * 34 * 2
    assert whole.class_names[7] == "7 - seven"
    for batch_first in (True, False):
        loader = torch.utils.data.DataLoader(
            dataset, batch_size=4, collate_fn=collation.PadTensors(batch_first=batch_first)
        )
        events = nm.SpikeEvents.from_torch(loader, dt_ms=10.0, time_first=not batch_first)
        assert events.label.tolist() == [0, 0, 3, 3, 7, 7]
        assert events.class_names == whole.class_names
        assert events.unit.tolist() == whole.unit.tolist()
        assert events.time_ms.tolist() == whole.time_ms.tolist()
    part = torch.utils.data.Subset(dataset, [5, 0])
    assert nm.SpikeEvents.from_torch(part, dt_ms=10.0).label.tolist() == [7, 0]


def test_transforms_of_tonic_run_on_samples_of_nmtool(events: nm.SpikeEvents) -> None:
    frames = transforms.ToFrame(sensor_size=(5, 1, 1), time_window=1000, include_incomplete=True)
    ours = nm.torch_dataset(events[:1], transform=frames)
    frame, label = ours[0]
    assert label == 1
    assert frame.reshape(len(frame), -1).nonzero()[1].tolist()[:3] == [0, 1, 4]
    back = nm.SpikeEvents.from_tonic(nm.torch_dataset(events))
    assert back.time_ms.tolist() == events.time_ms.tolist()
    assert back.unit.tolist() == events.unit.tolist()
    assert back.class_names == events.class_names
