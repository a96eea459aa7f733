"""Foreign tables: names of columns, and cells."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nmtool.data.incoming import FileConventions, read_incoming
from nmtool.data.incoming.csv_rows import read_csv
from nmtool.errors import DataError, UsageError
from tests.refusals import refused

HEAD = "sample,label,unit,time_ms"


def _write(path: Path, head: str, rows: Sequence[Sequence[Any]]) -> Path:
    text = "\n".join([head, *(",".join(map(str, row)) for row in rows)]) + "\n"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("head", ["Sample,LABEL,Unit,Time_ms", "sample, label ,UNIT,TIME_MS"])
def test_names_of_columns_in_any_case(head: str, tmp_path: Path) -> None:
    train = read_incoming(_write(tmp_path / "x.csv", head, [(0, 1, 2, 3.5)])).train
    assert (train.label.tolist(), train.unit.tolist(), train.time_ms.tolist()) == ([1], [2], [3.5])


def test_numbers_are_plain_decimals_and_other_cells_are_names(tmp_path: Path) -> None:
    """Python itself would read 01_02 as 102, and ٣ as 3."""
    rows = [(0, "1_0", "+2.0", "1.5e1", "01_02"), (1, "\u0663", "007", ".5", "inf_1")]
    train = read_incoming(_write(tmp_path / "x.csv", f"{HEAD},who", rows)).train
    assert train.class_names == ("1_0", "\u0663")
    assert (train.unit.tolist(), train.time_ms.tolist()) == ([2, 7], [15.0, 0.5])
    assert read_csv(tmp_path / "x.csv")["train"].groups == {"who": ["01_02", "inf_1"]}


def test_rows_of_a_sample_may_write_its_cells_differently(tmp_path: Path) -> None:
    rows = [("a", "x", 2, 3.5, "7"), (" a", "x ", 0, 1.5, "7.0"), ("a", "x", "", "", "+7")]
    path = _write(tmp_path / "x.csv", f"{HEAD},who", rows)
    train = read_incoming(path).train
    assert (train.unit.tolist(), train.time_ms.tolist()) == ([0, 2], [1.5, 3.5])
    assert train.groups["who"].tolist() == [7]
    _write(path, f"{HEAD},who", [*rows, ("a", "x", 1, 9, "8")])
    with refused(DataError, "csv-sample-differs") as caught:
        read_csv(path)
    assert caught.value.what.startswith("line 5: ")


@pytest.mark.parametrize(
    "columns",
    ["sample=trial,label=gesture,unit=pixel,time_us=t", {"sample": "trial", "label": "gesture"}],
)
def test_columns_of_other_names(columns: Any, tmp_path: Path) -> None:
    head = "trial,gesture,pixel,t,Speaker"
    if isinstance(columns, dict):
        head = "trial,gesture,unit,time_us,Speaker"
    path = _write(tmp_path / "x.csv", head, [(7, "wave", 2, 1500, 4)])
    train = read_incoming(path, FileConventions(columns=columns)).train
    assert (train.class_names, train.unit.tolist()) == (("wave",), [2])
    assert (train.time_ms.tolist(), train.groups["Speaker"].tolist()) == ([1.5], [4])


def test_missing_columns_are_refused(tmp_path: Path) -> None:
    path = _write(tmp_path / "x.csv", HEAD, [(0, 1, 2, 3.5)])
    with refused(DataError, "csv-columns") as caught:
        read_incoming(path, FileConventions(columns={"unit": "pixel"}))
    assert "pixel" in caught.value.what
    for columns in ("unit", "colour=c", "unit="):
        with refused(UsageError, "column-unknown"):
            FileConventions(columns=columns)
    np.savez(tmp_path / "x.npz", spikes=np.ones((1, 2, 3)), labels=[0], dt_ms=1.0)
    with refused(UsageError, "data-options-unused"):
        read_incoming(tmp_path / "x.npz", FileConventions(columns="unit=pixel"))


def test_columns_with_unknown_names_are_groups(tmp_path: Path) -> None:
    path = _write(tmp_path / "x.csv", f"{HEAD},p,x", [(0, 1, 3, 0.5, 2, 9), (1, 0, 1, 0.5, 1, 9)])
    train = read_incoming(path).train
    assert (train.n_units, train.groups["p"].tolist(), train.groups["x"].tolist()) == (
        4,
        [2, 1],
        [9, 9],
    )


@pytest.mark.parametrize(
    ("head", "columns"),
    [
        (
            "Trial,Gesture,Subject,Channel,t_us",
            "sample=Trial,label=Gesture,time_us=t_us,unit=Channel",
        ),
        ("recording_id,word,time_ms,address", "sample=recording_id,label=word,unit=address"),
        ("a,b,c", "time_us=t,unit=pixel"),
    ],
)
def test_an_example_names_the_columns_of_the_file(head: str, columns: str, tmp_path: Path) -> None:
    file = tmp_path / "events.csv"
    file.write_text(head + "\n")
    with refused(DataError, "csv-columns") as caught:
        read_csv(file)
    assert f"`columns='{columns}'`" in caught.value.fix
    assert head.replace(",", ", ") in caught.value.what


def test_a_misspelt_column_gets_a_suggestion(tmp_path: Path) -> None:
    file = tmp_path / "events.csv"
    file.write_text("Trial,label,unit,time_ms\n")
    with refused(DataError, "csv-columns") as caught:
        read_csv(file, {"sample": "Trail"})
    assert "Trial?" in caught.value.fix
