"""Foreign tables: names of columns, cells, and sensors with positions and polarities."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from nmtool.data.incoming import FileConventions, read_incoming
from nmtool.data.incoming.csv_rows import read_csv
from nmtool.errors import DataError, UsageError
from tests.refusals import refused
from tests.thorough import examples

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


@settings(max_examples=examples(1))
@given(
    st.lists(st.tuples(st.integers(0, 8), st.integers(0, 5), st.integers(0, 1)), min_size=1),
    st.sampled_from([("x,y,p", False), ("X,Y,Polarity", True), ("x,y,polarity", False)]),
    st.sampled_from([None, (9, 6, 2), (20, 10, 3)]),
)
def test_positions_and_polarities_make_the_unit(
    tmp_path_factory: pytest.TempPathFactory,
    events: list[tuple[int, int, int]],
    columns: tuple[str, bool],
    size: tuple[int, int, int] | None,
) -> None:
    names, is_signed = columns
    folder = tmp_path_factory.mktemp("sensor")
    signed = [(x, y, 2 * p - 1 if is_signed else p) for x, y, p in events]
    rows = [(place % 2, 0, place, *event) for place, event in enumerate(signed)]
    _write(folder / "train.csv", f"sample,label,time_ms,{names}", rows)
    # The event of the test split has the largest coordinates, which determine the size of the
    # sensor.
    _write(folder / "test.csv", f"sample,label,time_ms,{names}", [(0, 0, 0, 8, 5, 1)])
    data = read_incoming(folder, FileConventions(sensor_size=size))
    width, height, polarities = (9, 6, 2) if size is None else size
    expected = [x + width * (y + height * p) for x, y, p in events]
    in_samples = [*expected[::2], *expected[1::2]]
    assert data.train.unit.tolist() == in_samples
    assert data.test.unit.tolist() == [8 + width * (5 + height)]
    assert data.train.n_units == data.test.n_units == width * height * polarities


def test_invalid_sensor_sizes_are_refused(tmp_path: Path) -> None:
    head = "sample,label,time_ms,x,y"
    path = _write(tmp_path / "x.csv", head, [(0, 1, 0.5, 3, 4)])
    for size in ((3, 5), (4, 4), (4, 5, 2)):
        with refused(DataError, "positions-range"):
            read_incoming(path, FileConventions(sensor_size=size))
    with refused(UsageError, "data-options-unused"):
        read_incoming(path, FileConventions(n_units=99))
    for malformed in ((0, 5), (4.5, 5), "4,", "4", 4):
        with refused(UsageError, "sensor-size-range"):
            FileConventions(sensor_size=malformed)
    _write(tmp_path / "below.csv", head, [(0, 1, 0.5, -3, 4)])
    with refused(DataError, "units-range"):
        read_incoming(tmp_path / "below.csv")
    _write(tmp_path / "polarity.csv", f"{head},p", [(0, 1, 0.5, 3, 4, -2)])
    with refused(DataError, "positions-range"):
        read_incoming(tmp_path / "polarity.csv")
    _write(tmp_path / "far.csv", head, [(0, 1, 0.5, (1 << 63) - 1, 4)])
    for large in (FileConventions(), FileConventions(sensor_size=(1 << 63, 1 << 40))):
        with refused(DataError, "units-count"):
            read_incoming(tmp_path / "far.csv", large)
    flat = _write(tmp_path / "flat.csv", HEAD, [(0, 1, 2, 3.5)])
    with refused(UsageError, "data-options-unused"):
        read_incoming(flat, FileConventions(sensor_size=(4, 4)))
    (tmp_path / "both").mkdir()
    _write(tmp_path / "both" / "train.csv", head, [(0, 1, 0.5, 3, 4)])
    _write(tmp_path / "both" / "test.csv", HEAD, [(0, 1, 2, 3.5)])
    with refused(DataError, "csv-columns"):
        read_incoming(tmp_path / "both")


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
        ("Trial,Gesture,X,Y,P,t_us", "sample=Trial,label=Gesture,time_us=t_us"),
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
