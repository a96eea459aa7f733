"""Logs of epochs for TensorBoard and as CSV."""

from __future__ import annotations

import csv
import io
import sys
from pathlib import Path
from types import ModuleType

import pytest

import nmtool as nm
from nmtool.errors import MissingError
from tests.refusals import refused
from tests.training.small_data import small_dataset, small_options

pytestmark = pytest.mark.torch


class Writer:
    """Replaces torch's `SummaryWriter`."""

    points: list[tuple[str, float, int]]

    def __init__(self, folder: str) -> None:
        Writer.points = []

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *error: object) -> None:
        self.points.append(("closed", 0.0, 0))

    def add_scalar(self, name: str, value: float, step: int) -> None:
        self.points.append((name, value, step))

    def flush(self) -> None:
        pass


def test_a_point_per_number_and_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in = ModuleType("torch.utils.tensorboard")
    stand_in.SummaryWriter = Writer  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", stand_in)
    with nm.tensorboard("logs") as on_epoch:
        run = nm.train(small_dataset(), small_options(epochs=2), on_epoch=on_epoch)
    losses = [(value, step) for name, value, step in Writer.points if name == "loss"]
    assert losses == [(entry["loss"], entry["epoch"]) for entry in run.log]
    assert "spikes_per_neuron/hidden" in {name for name, _, _ in Writer.points}
    assert Writer.points[-1][0] == "closed"


def test_without_tensorboard(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with refused(MissingError, "library-missing"), nm.tensorboard(tmp_path / "logs"):
        pass
    assert not (tmp_path / "logs").exists()


def test_the_log_is_a_table(tmp_path: Path) -> None:
    run = nm.train(small_dataset(), small_options(epochs=2), folder=tmp_path / "run")
    text = (tmp_path / "run/log.csv").read_text("utf-8")
    assert text == run.as_csv() == nm.Run.load(tmp_path / "run").as_csv()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [float(row["loss"]) for row in rows] == [entry["loss"] for entry in run.log]
    assert [row["epoch"] for row in rows] == ["1", "2"]
    rates = [float(row["spikes_per_neuron.hidden"]) for row in rows]
    assert rates == [entry["spikes_per_neuron"]["hidden"] for entry in run.log]
