"""What it costs to train on with another reset: compared, recorded, resumed, and said."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nmtool as nm
from nmtool.errors import FileFormatError
from nmtool.training.loop.manifest import resets_line
from nmtool.training.loop.run_folder import RunFolder
from tests.refusals import refused
from tests.training.small_data import small_dataset, small_options
from tests.training.stops import stop_after

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run whose neurons subtract the threshold."""
    folder = tmp_path_factory.mktemp("start") / "run"
    options = small_options(epochs=1, reset="subtract")
    nm.train(small_dataset(), options, folder=folder)
    return folder


@pytest.mark.parametrize("arithmetic", ["float", "integer"])
@pytest.mark.parametrize("reset", ["zero", "late"])
def test_the_cost_is_that_of_comparing_both_runs(
    reset: str, arithmetic: str, start: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "nmtool")
    settings = {"epochs": 2, "reset": reset, "arithmetic": arithmetic}
    run = nm.finetune(start, settings, small_dataset(), folder=tmp_path / "run")
    expected = nm.compare_accuracy([run], [start], small_dataset().validation)
    cost = run.reset_cost
    assert cost is not None
    assert np.array_equal(cost.first, expected.first)
    assert np.array_equal(cost.second, expected.second)
    assert cost.interval() == expected.interval()
    assert cost.first.mean() == run.best["validation_accuracy"]
    assert [*cost.names] == [(reset, "subtract (hidden)")]

    [line] = [text for text in caplog.messages if text.startswith("the reset is ")]
    low, high = cost.interval()
    assert f"{reset} instead of subtract (hidden): {cost.first.mean():.2%} on 20 " in line
    assert f", {cost.second.mean():.2%} before ({cost.points[0]:+.2f} points" in line
    assert f" {low:+.2f} … {high:+.2f})" in line
    again = nm.Run.load(tmp_path / "run")
    assert again.sentences() == run.sentences()
    assert again.sentences()[-1] == (f"T{line[1:]}.", "")
    assert again.as_json()["reset_cost"]["points"] == cost.points.mean()
    assert nm.finetune(start, settings, small_dataset()).sentences() == run.sentences()


def test_a_run_with_the_same_reset_has_no_such_cost(start: Path, tmp_path: Path) -> None:
    run = nm.finetune(start, {"epochs": 1}, small_dataset(), folder=tmp_path / "run")
    assert run.reset_cost is None
    assert len(run.sentences()) == 1
    assert "reset_cost" not in run.as_json()
    assert "reset_change" not in json.loads((tmp_path / "run" / "run.json").read_text())


def test_without_validation_samples_the_cost_is_unknown(
    start: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = nm.Dataset.of(train=small_dataset().train)
    for reset, codes in (("zero", ["remark[reset-cost-unknown]"]), ("subtract", [])):
        caplog.clear()
        settings = {"epochs": 1, "reset": reset, "validation": 0}
        run = nm.finetune(start, settings, data, folder=tmp_path / reset)
        assert run.reset_cost is None
        assert "reset_change" not in json.loads((tmp_path / reset / "run.json").read_text())
        assert [text.partition(":")[0] for text in caplog.messages] == codes


def test_more_epochs_make_the_cost_unknown_until_they_end(start: Path, tmp_path: Path) -> None:
    folder, settings = tmp_path / "run", {"epochs": 1, "reset": "zero"}
    first = nm.finetune(start, settings, small_dataset(), folder=folder).reset_cost
    assert first is not None
    options = RunFolder(folder).options().with_settings({"epochs": 2}, "test")
    with pytest.raises(KeyboardInterrupt):
        nm.train(small_dataset(), options, folder=folder, resume=True, on_batch=stop_after(1))
    assert nm.Run.load(folder).reset_cost is None
    run = nm.train(small_dataset(), folder=folder, resume=True)
    assert run.reset_cost is not None
    assert np.array_equal(run.reset_cost.second, first.second)
    assert run.reset_cost.first.mean() == run.best["validation_accuracy"]


@pytest.mark.parametrize(
    "damage",
    [
        {"before": "20:00"},
        {"before": "xyz"},
        {"before": None},
        {"after": "3:00"},
        {"instead_of": ["hidden"]},
    ],
)
def test_a_damaged_record_is_refused(damage: dict[str, Any], start: Path, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    nm.finetune(start, {"epochs": 1, "reset": "zero"}, small_dataset(), folder=folder.path)
    content = json.loads(folder.manifest_file.read_text())
    content["reset_change"] |= damage
    folder.manifest_file.write_text(json.dumps(content))
    with refused(FileFormatError, "file-damaged") as caught:
        nm.Run.load(folder.path)
    assert "reset_change" in caught.value.why


def test_populations_with_the_same_reset_are_named_together() -> None:
    resets = {"a": "late", "b": "subtract", "c": "late"}
    assert resets_line(resets) == "late (a, c), subtract (b)"
