"""Display of values: a line for `repr`, tables for `summary` and notebooks."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

from nmtool.data import Dataset, SpikeEvents
from nmtool.data.samples import Samples
from nmtool.evaluation.accuracy_difference import AccuracyDifference
from nmtool.evaluation.evaluation import Evaluation, evaluate
from nmtool.exchange.exporting import Conversion
from nmtool.hardware_sim.simulator import simulate
from nmtool.known_answers import KnownAnswers
from nmtool.network.float_network import Network
from nmtool.network.float_parts import Population, Projection
from nmtool.network.graph import INPUT, LI, InputChannels
from nmtool.network.readout import Readout
from nmtool.quantisation import Quantisation, round_network
from nmtool.quantisation.report import RoundingCost
from nmtool.raster import Raster
from nmtool.tables import (
    NOT_IN_JSON,
    Plain,
    Result,
    Table,
    Tabular,
    brief,
    counted,
    in_json,
    plain,
    shown,
)
from nmtool.training.learning import Run
from nmtool.training.options import TrainOptions
from nmtool.training.studies.results import SearchResult, TrialResult
from nmtool.verification import SIMULATOR, Certificate, Check, Comparison, StockCheck
from nmtool.verification.comparison import Divergence, compare_recordings
from nmtool.walkthrough import Demonstration
from tests.hidden import EVIL, SHOWN, hidden

# Tests of tables


def test_a_table_in_plain_text() -> None:
    table = Table("trials", ("name", "", "share"), [("a", 1, 0.5), ("longer", 1200, None)])
    assert str(table).splitlines() == [
        "trials",
        "name           share",
        "a           1  0.5",
        "longer  1,200",
    ]


def test_columns_of_numbers_are_right_aligned() -> None:
    table = Table("t", ("a", "b", "c"), [(1, "x", 2.5), (2, 3, True)])
    assert table.right_aligned() == [True, False, True]
    assert Table("t", ("a",), []).right_aligned() == [True]


def test_a_table_without_rows_or_header() -> None:
    assert str(Table("nothing", ("a", "b"), [])) == "nothing\na  b"
    assert str(Table("plain", ("", ""), [("a", "b")])) == "plain\na  b"


def test_a_table_in_a_notebook_escapes_html() -> None:
    html = Table("<t>", ("a & b", "n"), [("<script>", 1234)])._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert "<caption>&lt;t&gt;</caption>" in html
    assert "a &amp; b" in html
    assert '<td style="text-align:right">1,234</td>' in html
    assert balanced(html)


def balanced(html: str) -> bool:
    """True if all tags are closed in order."""
    open_tags: list[str] = []
    for closing, tag in re.findall(r"<(/?)(\w+)[^>]*>", html):
        if not closing:
            open_tags.append(tag)
        elif not open_tags or open_tags.pop() != tag:
            return False
    return not open_tags


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        ("", ""),
        ("a", "a"),
        (0, "0"),
        (-1234, "-1,234"),
        (0.0, "0"),
        (1 / 3, "0.3333"),
        (12345.6, "12,346"),
        (1e9, "1e+09"),
        (float("inf"), "inf"),
        (float("nan"), "nan"),
    ],
)
def test_values_are_formatted_for_display(value: Any, text: str) -> None:
    assert shown(value) == text


@given(st.integers())
def test_whole_numbers_are_shown_exactly(value: int) -> None:
    assert int(shown(value).replace(",", "")) == value


def test_the_base_class_has_no_tables() -> None:
    with pytest.raises(NotImplementedError):
        Tabular().tables()


# Tests of the declarations of a class


@dataclass(frozen=True)
class Place:
    """A value without declarations for its display."""

    name: str
    path: Path


@dataclass(frozen=True, repr=False)
class Score(Result):
    """A value with all declarations for its display."""

    _left_out = ("", None)

    samples: int
    right: int = field(metadata=NOT_IN_JSON)
    place: Place = field(metadata=in_json("where"))
    notes: tuple[str, ...] = ()
    loss: float | None = None
    by_class: Mapping[str, int] = field(default_factory=dict, metadata=NOT_IN_JSON)

    def _line(self) -> str:
        size, notes = counted(self.samples, "sample"), counted(len(self.notes), "note")
        return f"{self.share:.1%} of {size} at {self.place.name!r}, {notes}"

    @property
    def share(self) -> float:
        """Share of samples with the right class."""
        return self.right / self.samples


SCORE = Score(4000, 3000, Place("home", Path("a/b")), ("one", "two"))


def test_a_line_makes_the_repr() -> None:
    class Named(Score):
        def _line(self) -> str:
            return f" '{self.place.name}': {self.right} right"

    assert repr(SCORE) == "<Score: 75.0% of 4,000 samples at 'home', 2 notes>"
    assert (
        repr(Score(1, 1, SCORE.place, ("one",))) == "<Score: 100.0% of 1 sample at 'home', 1 note>"
    )
    assert repr(Named(2, 1, SCORE.place)) == "<Named 'home': 1 right>"


def test_a_value_without_a_line_has_the_repr_of_its_kind() -> None:
    @dataclass(frozen=True)
    class Shown(Tabular):
        size: int

    class Other(Tabular):
        pass

    assert repr(Shown(3)).endswith("Shown(size=3)")
    assert re.fullmatch(r"<\S*Other object at 0x[0-9a-f]+>", repr(Other()))


def test_json_has_the_declared_fields() -> None:
    content = SCORE.as_json()
    assert content == {
        "samples": 4000,
        "where": {"name": "home", "path": "a/b"},
        "notes": ["one", "two"],
    }
    assert list(content) == ["samples", "where", "notes"]
    lost = Score(4, 0, Place("", Path("a")), loss=0.0)
    where = {"name": "", "path": "a"}
    assert lost.as_json() == {"samples": 4, "where": where, "notes": [], "loss": 0.0}


def test_json_has_all_fields_by_default() -> None:
    @dataclass(frozen=True)
    class All(Plain):
        second: int
        first: Any
        unknown: float | None = None

    content = All(2, {"a": SCORE.place}).as_json()
    assert content == {
        "second": 2,
        "first": {"a": {"name": "home", "path": "a/b"}},
        "unknown": None,
    }
    assert list(content) == ["second", "first", "unknown"]


def test_tables_have_a_row_per_field() -> None:
    (table,) = SCORE.tables()
    assert (table.title, table.header) == ("score", ("", "value"))
    assert table.rows == [("samples", "4,000"), ("right", "3,000"), ("place", str(SCORE.place))]
    (table,) = Score(4, 0, SCORE.place, loss=0.25, by_class={"a": 1}).tables()
    assert table.rows[-1] == ("loss", "0.25")


class Side(Enum):
    LEFT = "left"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("text", "text"),
        (True, True),
        (1.5, 1.5),
        (np.float64(1.5), 1.5),
        (np.bool_(True), True),
        (np.arange(4).reshape(2, 2), [[0, 1], [2, 3]]),
        ((1, [2, (np.int64(3),)]), [1, [2, [3]]]),
        (MappingProxyType({"a": Path("b"), "c": ()}), {"a": "b", "c": []}),
        ([Side.LEFT], ["left"]),
        (SCORE.place, {"name": "home", "path": "a/b"}),
        ([Readout("out", "mean")], [{"population": "out", "rule": "mean"}]),
    ],
)
def test_values_in_the_types_of_json(value: Any, expected: Any) -> None:
    content = plain(value)
    assert content == expected
    assert type(content) is type(expected)
    assert json.loads(json.dumps(content)) == expected


# Tests with every kind of value that has a display

RANDOM = np.random.default_rng(1)


def projection(source: str, target: str, pre: int, post: int) -> Projection:
    delay = RANDOM.integers(0, 62, (pre, post))
    return Projection(source, target, RANDOM.normal(0.05, 0.1, (pre, post)), delay)


NETWORK = Network(
    InputChannels(700),
    [Population("hidden", 512), Population("out", 20, LI)],
    [
        projection(INPUT, "hidden", 700, 512),
        projection("hidden", "hidden", 512, 512),
        projection("hidden", "out", 512, 20),
    ],
    Readout("out", "mean"),
    dt_ms=1.0,
    n_steps=40,
    class_names=[f"class {number}" for number in range(20)],
)
N_SAMPLES = 3
EVENTS = SpikeEvents(
    np.sort(RANDOM.uniform(0, 30, 900)),
    RANDOM.integers(0, 700, 900),
    [0, 900, 900, 900],
    [0, 1, 19],
    700,
    NETWORK.class_names,
)
RASTER = Raster.from_dense(RANDOM.random((N_SAMPLES, 40, 700)) < 0.02)
SAMPLES = Samples(RASTER, np.array([0, 1, 19]))
DIVERGENCE = Divergence(2, 39, "hidden", 511, "spike", 1.0, 0.0)


def values() -> dict[str, Any]:
    """A value of each class, by the name of the class."""
    rounded = round_network(NETWORK)
    integers = rounded.network
    recording = simulate(integers, RASTER)
    comparison = compare_recordings(recording, recording)
    different = Comparison(10**9, 10**6, 10**7, 10**9, 10**6, 10**4, DIVERGENCE)
    stock = StockCheck(2, 13, 81, different)
    check = Check(different, recording, 1.5, "fast", stock)
    evaluation = evaluate(integers, SAMPLES)
    cost = RoundingCost("3 samples", 3, 0.5, 0.25, 0.75, 0.5, 1, 2)
    certificate = Certificate(
        N_SAMPLES,
        integers.content_hash,
        {"lava": check, "onnx": Check(comparison, recording, 0.1)},
        {SIMULATOR: 0.5, "lava": 0.25, "onnx": 0.5},
    )
    entry = {
        "epoch": 1,
        "loss": 1.5,
        "train_accuracy": 0.25,
        "validation_accuracy": 0.5,
        "silent_neurons": 3,
        "spikes_per_neuron": {"hidden": 2.0},
    }
    trials = (
        TrialResult("the defaults", True, {}, "finished", 0.75),
        TrialResult("trial 0", False, {"lr": 0.01}, "finished", 0.5),
        TrialResult("trial 1", False, {"lr": 0.5}, "failed", reason="it diverged"),
    )
    chosen = (Path("study"), "the defaults", TrainOptions(), "the defaults are chosen")
    instances = [
        NETWORK,
        NETWORK.populations[0],
        NETWORK.projections[0],
        integers,
        integers.populations[0],
        integers.projections[0],
        RASTER,
        EVENTS,
        SAMPLES,
        Dataset("mine", ("train", "test"), lambda split: EVENTS),
        recording,
        Quantisation(integers, rounded.report, cost),
        rounded.report,
        cost,
        evaluation,
        check,
        certificate,
        different,
        AccuracyDifference(np.ones((2, 5), np.bool_), np.zeros((2, 5), np.bool_)),
        Conversion("in.nir", Path(__file__), "npz", integers, 100),
        Run(TrainOptions(), NETWORK, integers, [entry], Path("run")),
        SearchResult(*chosen, trials, {"lr": 0.003}),
        KnownAnswers(integers.content_hash, RASTER, recording),
        Demonstration(evaluation, rounded, certificate),
    ]
    return {type(value).__name__: value for value in instances}


VALUES = values()


@pytest.mark.parametrize("name", VALUES)
def test_every_value_has_one_line_for_its_repr(name: str) -> None:
    line = repr(VALUES[name])
    assert line.lstrip("<").startswith(name)
    assert "\n" not in line
    assert len(line) < 300
    assert "array(" not in line


@pytest.mark.parametrize("name", VALUES)
def test_every_value_has_a_summary_and_shows_itself_in_notebooks(name: str) -> None:
    value = VALUES[name]
    tables = value.tables()
    assert tables
    for table in tables:
        assert all(len(row) == len(table.header) for row in table.rows)
    assert value.summary() == "\n\n".join(map(str, tables))
    html = value._repr_html_()
    assert html.count("<table>") == len(tables)
    assert balanced(html)


def test_tables_contain_the_values() -> None:
    def cells(name: str) -> dict[str, Any]:
        """Cells of the first table with two columns."""
        return dict(VALUES[name].tables()[0].rows)

    assert cells("Network")["hash"] == NETWORK.content_hash
    assert cells("Network")["neurons"] == "532"
    assert cells("Raster") == {
        "samples": N_SAMPLES,
        "steps": 40,
        "neurons": 700,
        "spikes": RASTER.n_spikes,
        "spikes per sample": RASTER.n_spikes / N_SAMPLES,
        "samples without spikes": 0,
    }
    assert VALUES["Samples"].tables()[1].rows == [(0, 1), (1, 1), (19, 1)]
    assert cells("Comparison")["first divergence"] == str(DIVERGENCE)
    assert cells("Comparison")["spikes different"] == "1,000,000"
    assert VALUES["IntegerPopulation"].tables()[0].rows[0][:3] == ("hidden", "lif", 512)
    row = dict(zip(*_columns(VALUES["IntegerProjection"]), strict=True))
    assert (row["source"], row["target"], row["shape"]) == (INPUT, "hidden", "700×512")
    assert row["bits"].startswith("8 ×2^")
    rows = VALUES["AccuracyDifference"].tables()[0].rows
    assert [tuple(row) for row in rows] == [
        (1, "100.00%", "0.00%", "+100.00", 5, 0),
        (2, "100.00%", "0.00%", "+100.00", 5, 0),
        ("mean", "100.00%", "0.00%", "+100.00", "", ""),
    ]
    assert [table.title for table in VALUES["Check"].tables()][1].startswith("stock model")
    assert [row[0] for row in VALUES["Run"].tables()[0].rows] == [1]


def _columns(value: Tabular) -> tuple[Any, Any]:
    table = value.tables()[0]
    return table.header, table.rows[0]


def test_empty_values_can_be_printed() -> None:
    nothing = Raster.silent(0, 10, 4)
    assert "0 spikes" in repr(nothing)
    assert "spikes per sample" in nothing.summary()
    empty = SpikeEvents([], [], [0], [], 4, ["a"])
    assert "0 samples" in repr(empty)
    assert empty.summary()
    samples = Samples(nothing, np.zeros(0, np.int64))
    assert len(samples.tables()[1].rows) == 0
    run = Run(TrainOptions(), NETWORK, None, [])
    assert "\n" not in repr(run)
    assert run.tables()[0].rows == []


@pytest.mark.torch
def test_a_spiking_network_prints_neither_arrays_nor_modules() -> None:
    from nmtool.training.front.model import SpikingNetwork

    model = SpikingNetwork(NETWORK)
    assert repr(model) == str(model)
    assert repr(model) == f"<SpikingNetwork:{repr(NETWORK)[len('<Network:') : -1]}, on cpu>"
    assert model.summary() == model.to_network().summary()
    assert model._repr_html_().count("<table>") == 3


def test_evaluations_omit_unknown_values() -> None:
    evaluation = VALUES["Evaluation"]
    assert isinstance(evaluation, Evaluation)
    rows = dict(evaluation.tables()[0].rows)
    assert "loss" not in rows
    assert evaluation.only_classes
    assert rows[f"accuracy, {evaluation.only_classes}"] == f"{evaluation.accuracy:.2%}"


@pytest.mark.parametrize(
    ("value", "places", "text"),
    [(2.3, 3, "2.300"), (-1e9, 3, "-1.0e+09"), (float("inf"), 3, "inf"), (999999, 0, "999,999")],
)
def test_large_numbers_have_exponents(value: float, places: int, text: str) -> None:
    assert brief(value, places) == text


def test_hidden_characters_are_shown_as_escapes() -> None:
    table = Table(EVIL, (EVIL, "n"), [(EVIL, 1), ("é", 2)])
    data = Dataset.of(name=EVIL, train=SpikeEvents([], [], [0], [], 4, ["a"]))
    for text in (str(table), table._repr_html_(), repr(data)):
        assert hidden(text) == []
        assert SHOWN in text
    assert str(table).count("\n") == 3
    assert table.rows[0][0] == EVIL
