"""Output on a terminal: one line per epoch, tables that fit, coloured verdicts."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from nmtool.cli import console
from nmtool.cli.main import main
from nmtool.errors import Finding
from nmtool.tables import Table
from tests.nmtool.cli.cases import SETTINGS
from tests.nmtool.cli.fake_lava import FakeLava, flip_spike
from tests.screen import Screen, here

VERIFY = ("verify", "integers.npz", "two", "--against", "lava", "--threads", "1")


def train(columns: int, monkeypatch: pytest.MonkeyPatch, **environment: str) -> Screen:
    words = ["train", "two", "-o", f"run{columns}", *SETTINGS, "--steps", "20"]
    return here(partial(main, words), columns, monkeypatch, environment)


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.torch
@pytest.mark.parametrize("columns", [80, 100, 120])
@pytest.mark.usefixtures("data")
def test_a_line_per_epoch(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = train(columns, monkeypatch)
    assert seen.code == 0, seen.lines
    first = next(i for i, line in enumerate(seen.lines) if line.startswith("epoch"))
    epochs = seen.lines[first : first + 3]
    assert [line[:11] for line in epochs] == [f"epoch   {n}/3" for n in (1, 2, 3)]
    assert all("loss" in line and "validation" in line for line in epochs)
    assert all(len(line) <= columns for line in seen.lines)
    assert any(" best" in line for line in epochs)
    assert seen.colour_of("best") == "green"
    assert epochs[0].endswith("left") == (columns == 120)
    assert seen.lines[first + 3].startswith("best epoch ")
    assert seen.lines[-1] == f"run{columns}/network.npz written"
    assert "training" in seen.raw, "there was a bar"
    assert not any("training" in line or "━" in line for line in seen.lines), "and it is gone"


@pytest.mark.torch
@pytest.mark.usefixtures("data")
def test_a_dumb_terminal_gets_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = train(80, monkeypatch, TERM="dumb")
    assert seen.code == 0
    assert "\x1b" not in seen.raw
    assert sum(line.startswith("epoch ") for line in seen.lines) == 3


@pytest.mark.usefixtures("data", "integers")
def test_identical_is_green_and_different_red(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeLava().install(monkeypatch)
    same = here(partial(main, VERIFY), 80, monkeypatch)
    assert (same.code, same.lines[-1]) == (0, "identical")
    assert same.colour_of("identical") == same.colour_of("different 0") == "green"
    FakeLava({"fast": flip_spike(1, 5, 1)}).install(monkeypatch)
    other = here(partial(main, VERIFY), 80, monkeypatch)
    assert (other.code, other.lines[-1]) == (1, "different")
    assert other.colour_of("different 1") == other.colour_of("first divergence") == "red"
    plain = here(partial(main, VERIFY), 80, monkeypatch, {"NO_COLOR": "1"})
    assert {colour for line in plain.colours for colour in line} == {"default"}
    assert plain.lines[-3:] == other.lines[-3:]


@pytest.mark.usefixtures("integers")
def test_verdicts_of_check_are_coloured(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("tiny.toml").write_text(
        "name = 'tiny'\nkind = 'chip'\n[holds]\nmax_delay = { value = 2, mark = 'inferred' }\n"
    )
    words = ["check", "integers.npz", "--target", "tiny.toml"]
    seen = here(partial(main, words), 80, monkeypatch)
    assert seen.colour_of("tiny: ") == "red"
    assert all(len(line) <= 80 for line in seen.lines)


FILE = "results/of/a/long/november/and/of/more/networks/network.npz"


def test_tables_fit_and_numbers_are_not_wrapped(monkeypatch: pytest.MonkeyPatch) -> None:
    def call() -> int:
        header = ("file", "spikes different", "what it is")
        rows = [(FILE, 1_234_567, "a sentence that is long"), ("b.npz", 5, "short")]
        console.print_table(Table("networks", header, rows))
        return 0

    for columns in (50, 80, 120):
        seen = here(call, columns, monkeypatch)
        assert all(len(line) <= columns for line in seen.lines)
        assert sum("1,234,567" in line for line in seen.lines) == 1
        whole = any(line.split()[:1] == [FILE] for line in seen.lines)
        assert whole == (columns == 120)


def test_columns_that_do_not_fit_become_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    header = ("population", *(f"accumulators{n}" for n in range(8)))
    rows = [("hidden", *range(28_000, 28_008)), ("output", *range(8))]

    def call() -> int:
        console.print_table(Table("cores", header, rows))
        return 0

    seen = here(call, 80, monkeypatch)
    assert all(len(line) <= 80 for line in seen.lines)
    assert not any("…" in line for line in seen.lines)
    assert [line.split() for line in seen.lines if "accumulators3" in line] == [
        ["accumulators3", "28,003", "3"]
    ]
    wide = here(call, 160, monkeypatch)
    assert [line.split()[0] for line in wide.lines if "28,003" in line] == ["hidden"]


def test_findings_are_indented_from_the_second_line_on(monkeypatch: pytest.MonkeyPatch) -> None:
    finding = Finding("delay-range", "a → b", "word " * 20, "cut them")

    def call() -> int:
        console.print_finding_remarks([finding])
        return 0

    seen = here(call, 60, monkeypatch)
    assert seen.lines[0].startswith("delay-range a → b: word")
    assert len(seen.lines) > 1
    assert all(line.startswith("    ") and len(line) <= 60 for line in seen.lines[1:])
    assert seen.colour_of("delay-range") == "brown"  # pyte calls yellow "brown".
