"""`Certificate` and `Check`: keys of the JSON, and sentences."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nmtool.arithmetic import SILENT_THRESHOLD
from nmtool.network.graph import INPUT, LI, LIF, InputChannels
from nmtool.network.integer_network import IntegerNetwork, IntegerPopulation, IntegerProjection
from nmtool.network.readout import Readout
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.verification import (
    SIMULATOR,
    Agreement,
    Certificate,
    Check,
    Divergence,
    StockCheck,
    compare_recordings,
)
from nmtool.verification.digest import artefact_digest
from nmtool.verification.faults import mutation_score
from nmtool.verification.join import joined

COUNTS = {
    *("spikes_compared", "spikes_different", "spikes_emitted"),
    *("membrane_compared", "membrane_different", "predictions_different", "seconds"),
}
STOCK = {
    *("stock_sample", "stock_first_step", "stock_steps"),
    *("stock_spikes_compared", "stock_spikes_different", "stock_spikes_emitted"),
    *("stock_membrane_compared", "stock_membrane_different", "stock_equals_fast"),
}
INTEGER = {"spikes_compared", "spikes_different", "spikes_shared", "predictions_different"}
EXTENT = {
    *("hash", "artefacts", "generated", "mutation"),
    *("overflows", "generated_overflows"),
}
"""Keys that describe the comparison and its extent."""

DIVERGENCE = {"sample", "step", "population", "neuron", "quantity", "expected", "actual"}


def recording(*places: tuple[int, int, int], membrane: int = 5) -> Recording:
    """A recording with spikes at these bins of (2, 10, 3), and two outputs that only integrate."""
    dense = np.zeros((2, 10, 3), np.bool_)
    for place in places:
        dense[place] = True
    outputs = np.full((2, 10, 2), membrane, np.int32)
    return Recording(Readout("out", "max"), {"hidden": Raster.from_dense(dense)}, {"out": outputs})


SPIKES = (0, 3, 1), (1, 7, 2)
RIGHT = recording(*SPIKES)


def check(actual: Recording = RIGHT, expected: Recording = RIGHT, **more: object) -> Check:
    comparison = compare_recordings(expected, actual)
    return Check(comparison, actual, 1.23456, **more)  # type: ignore[arg-type]


def stock(actual: Recording = RIGHT, first: int = 4) -> StockCheck:
    return StockCheck(1, first, 10, compare_recordings(RIGHT, actual))


EQUAL = check()
WRONG = check(recording(*SPIKES, (1, 2, 0)))
SILENT = check(recording(), recording())


def certificate(**checks: Check) -> Certificate:
    accuracy = {SIMULATOR: 1.0, **dict.fromkeys(checks, 0.5)}
    return Certificate(2, "1a2b", checks, accuracy)


# Tests of the class `Check`


def test_the_keys_of_a_check() -> None:
    assert set(EQUAL.as_json()) == COUNTS
    assert set(check(model="stock").as_json()) == COUNTS | {"model"}
    full = check(model="fast", stock=stock(), agreement=Agreement(60, 1, 2, 0))
    assert set(full.as_json()) == COUNTS | STOCK | {"model", "integer"}
    assert set(full.as_json()["integer"]) == INTEGER
    assert json.loads(json.dumps(full.as_json())) == full.as_json()


def test_the_values_of_a_check() -> None:
    backend = check(model="fast", stock=stock(first=3)).as_json()
    assert backend == {
        "spikes_compared": 60,
        "spikes_different": 0,
        "spikes_emitted": 2,
        "membrane_compared": 40,
        "membrane_different": 0,
        "predictions_different": 0,
        "seconds": 1.235,
        "model": "fast",
        "stock_sample": 1,
        "stock_first_step": 3,
        "stock_steps": 10,
        "stock_spikes_compared": 60,
        "stock_spikes_different": 0,
        "stock_spikes_emitted": 2,
        "stock_membrane_compared": 40,
        "stock_membrane_different": 0,
        "stock_equals_fast": True,
    }


def test_a_check_is_identical_where_nothing_differs() -> None:
    assert EQUAL.identical
    assert EQUAL.first_divergence is None
    assert not WRONG.identical
    assert WRONG.first_divergence == Divergence(1, 2, "hidden", 0, "spike", 0.0, 1.0)
    disagreeing = check(agreement=Agreement(60, 60, 0, 2))
    assert disagreeing.identical, "agreement of floats with integers is not required"


def test_a_differing_model_is_located_in_steps_of_the_sample() -> None:
    backend = check(stock=stock(recording(*SPIKES, (0, 2, 0)), first=4))
    assert not backend.identical
    assert backend.first_divergence == Divergence(1, 6, "hidden", 0, "spike", 0.0, 1.0)
    both = replace(WRONG, stock=backend.stock)
    assert both.first_divergence == WRONG.first_divergence, (
        "the comparison of all samples comes first"
    )


# Tests of the class `Certificate`


def test_the_keys_of_a_certificate() -> None:
    document = certificate(onnx=EQUAL, c=EQUAL).as_json()
    assert set(document) == {"samples", "accuracy", "backends", "first_divergence"} | EXTENT
    assert document["samples"] == 2
    assert document["accuracy"] == {SIMULATOR: 1.0, "onnx": 0.5, "c": 0.5}
    assert document["backends"] == {"onnx": EQUAL.as_json(), "c": EQUAL.as_json()}
    assert document["first_divergence"] is None
    answered = Certificate(2, "1a2b", {"onnx": EQUAL}, on_known_answers=True).as_json()
    assert set(answered) == {"samples", "backends", "first_divergence"} | EXTENT
    assert answered["hash"] == "1a2b"


def test_a_backend_that_differs() -> None:
    document = certificate(onnx=EQUAL, c=WRONG, lava=WRONG)
    assert not document.identical
    assert (document.spikes_compared, document.spikes_different) == (180, 2)
    assert document.first_divergence == ("c", WRONG.first_divergence)
    place = document.as_json()["first_divergence"]
    assert set(place) == DIVERGENCE | {"backend"}
    assert (place["backend"], place["sample"], place["step"]) == ("c", 1, 2)
    assert str(WRONG.first_divergence) in str(document)


def test_backends_that_do_not_differ() -> None:
    document = certificate(onnx=EQUAL, c=EQUAL)
    assert document.identical
    assert (document.spikes_compared, document.spikes_different) == (120, 0)
    assert document.first_divergence is None
    assert Certificate(0, "", {}).identical
    assert Certificate(0, "", {}).first_divergence is None


def test_a_certificate_of_silence_warns() -> None:
    document = certificate(onnx=SILENT)
    assert document.identical
    assert [weight for _, weight in document.sentences()] == ["", "warning"]
    assert [weight for _, weight in certificate(onnx=EQUAL).sentences()] == [""]
    nothing = check(expected=Recording(RIGHT.readout, {}, RIGHT.membrane), actual=RIGHT_MEMBRANE)
    assert [weight for _, weight in certificate(onnx=nothing).sentences()] == [""]


RIGHT_MEMBRANE = Recording(RIGHT.readout, {}, RIGHT.membrane)
"""Recording of a network without spiking neurons."""


def test_a_model_that_differs_is_an_alarm() -> None:
    document = certificate(lava=check(stock=stock(recording(*SPIKES, (0, 2, 0)))))
    weights = [weight for _, weight in document.sentences()]
    assert weights == ["", "", "", "alarm"]
    assert "10 steps of sample 1 from step 4" in str(document)
    assert "from step" not in str(certificate(lava=check(stock=stock(first=0))))


FLIPPED = recording(*SPIKES, (0, 2, 0))


@pytest.mark.parametrize(
    ("own", "fast", "stands_in", "same", "weights"),
    [
        (RIGHT, RIGHT, True, True, ["", ""]),
        (FLIPPED, FLIPPED, True, False, ["", "", "", ""]),
        (FLIPPED, RIGHT, False, False, ["", "", "", "alarm", ""]),
        (RIGHT, FLIPPED, False, False, ["", "", "alarm", ""]),
    ],
)
def test_both_models_of_lava_are_compared_with_each_other(
    own: Recording, fast: Recording, stands_in: bool, same: bool, weights: list[str]
) -> None:
    """Stock = fast = simulator; stock = fast ≠ simulator; stock ≠ fast, with either right."""
    reference = replace(stock(own), fast=compare_recordings(own, fast))
    assert reference.stands_in is stands_in
    backend = check(stock=reference)
    assert backend.identical is same
    assert backend.as_json()["stock_equals_fast"] is stands_in
    assert [weight for _, weight in certificate(lava=backend).sentences()] == weights
    assert ("proves nothing" in str(certificate(lava=backend))) is not stands_in
    if not same:
        assert backend.first_divergence is not None
        assert (backend.first_divergence.sample, backend.first_divergence.step) == (1, 6)


def test_a_wrong_export_raises_no_alarm_about_the_model() -> None:
    wrong = replace(WRONG, stock=replace(stock(), fast=compare_recordings(RIGHT, RIGHT)))
    document = certificate(lava=wrong)
    assert not document.identical
    assert document.as_json()["backends"]["lava"]["stock_equals_fast"] is True
    assert "alarm" not in [weight for _, weight in document.sentences()]


def test_agreement_is_printed() -> None:
    document = certificate(nir=check(agreement=Agreement(60, 1, 3, 0)))
    assert document.identical
    assert "75.0%" in str(document)
    assert [weight for _, weight in document.sentences()] == ["", ""]


@pytest.mark.parametrize("backend", [EQUAL, WRONG, SILENT], ids=["equal", "wrong", "silent"])
def test_one_line_for_repr_and_a_line_per_backend_for_print(backend: Check) -> None:
    document = certificate(onnx=backend, lava=replace(backend, model="fast", stock=stock()))
    for value in (backend, document):
        assert "\n" not in repr(value)
        assert len(repr(value)) < 300
    assert "onnx, lava" in repr(document)
    assert "spikes compared 120" in repr(document)
    assert str(document).count("spikes compared 60, different") == 3
    assert len(str(document).splitlines()) == len(document.sentences())


def test_the_summary_is_a_row_per_backend() -> None:
    document = certificate(onnx=EQUAL, lava=check(model="fast", stock=stock()))
    [table] = document.tables()
    assert [row[0] for row in table.rows] == ["simulator", "onnx", "lava (fast)", "lava (stock)"]
    assert [row[1] for row in table.rows] == ["100.00%", "50.00%", "50.00%", ""]
    assert table.rows[1][2:6] == ("60", "0", "0 of 40 (outputs)", "0")
    assert table.rows[1][6] == "0.617"
    assert document.summary() == str(table)
    alone = Certificate(2, "1a2b", {"onnx": EQUAL}, on_known_answers=True)
    assert [row[:2] for row in alone.tables()[0].rows] == [("onnx", "")]
    assert "2 known answers" in alone.summary()


def test_lasting_tables_have_digests_and_no_times() -> None:
    document = replace(certificate(c=EQUAL), artefacts={"c": "1" * 64})
    [table] = document.tables()
    lasting, digests = document.lasting_tables()
    assert [*lasting.header, "s per sample"] == [*table.header]
    assert [[*row] for row in lasting.rows] == [[*row[:-1]] for row in table.rows]
    assert digests.rows == [("c", "1" * 64)]
    assert len(replace(document, artefacts={}).lasting_tables()) == 1


def test_accuracies_on_some_classes_are_labelled() -> None:
    whole, part = (
        replace(certificate(onnx=EQUAL), class_samples=n) for n in ((1, 1, 0), (0, 2, 0))
    )
    both = joined(part, whole)
    assert both.class_samples == [1, 3, 0]
    assert both.tables()[0].title == "4 samples, 2 of 3 classes"
    assert both.as_json()["only_classes"] == "2 of 3 classes"
    complete = replace(whole, class_samples=(1, 1))
    assert complete.tables()[0].title == "2 samples"
    assert "only_classes" not in complete.as_json()


# Tests of one-unit faults, generated samples and overflows


SMALL = IntegerNetwork(
    InputChannels(3),
    [
        IntegerPopulation("hidden", 2, LIF, du=900, dv=300, vth=90, scale=1.0),
        IntegerPopulation("out", 2, LI, du=900, dv=300, vth=SILENT_THRESHOLD, scale=1.0),
    ],
    [
        IntegerProjection(INPUT, "hidden", np.full((3, 2), 100), np.full((3, 2), 2)),
        IntegerProjection("hidden", "out", np.full((2, 2), 10), np.full((2, 2), 1)),
    ],
    Readout("out", "max"),
    dt_ms=1.0,
    n_steps=10,
)
ONE_CHANNEL = Raster.from_dense(np.arange(3) == np.zeros((1, 10, 1)))
MUTATION = mutation_score(SMALL, ONE_CHANNEL, 30)
OVERFLOWS = {
    "u_wraps": 0,
    "v_clips": 3,
    "v_clips_outputs": 0,
    "neuron_updates": 40,
}


def test_the_score_is_printed_after_the_comparison() -> None:
    document = replace(certificate(onnx=EQUAL), mutation=MUTATION)
    lines = str(document).splitlines()
    assert lines[:1] == str(certificate(onnx=EQUAL)).splitlines()
    assert lines[1:] == [MUTATION.sentence(), f"  {MUTATION.least_tested()}"]
    all_seen = replace(MUTATION, seen=[True] * len(MUTATION.seen))
    lines = str(replace(document, mutation=all_seen)).splitlines()
    assert lines[1:] == [all_seen.sentence()]
    plain = json.loads(json.dumps(document.as_json()))
    assert plain["mutation"]["faults"] == len(MUTATION.faults) > 20
    assert plain["mutation"]["seen"] == MUTATION.n_seen


def test_generated_samples_count() -> None:
    document = replace(certificate(onnx=EQUAL), generated={"onnx": WRONG})
    assert not document.identical
    assert (document.spikes_compared, document.spikes_different) == (120, 1)
    assert document.first_divergence == ("onnx", WRONG.first_divergence)
    assert document.as_json()["generated"] == {"onnx": WRONG.as_json()}
    assert document.as_json()["backends"] == {"onnx": EQUAL.as_json()}
    assert "onnx, 2 generated samples: spikes compared 60, different 1" in str(document)


@pytest.mark.parametrize(
    ("counts", "weight"),
    [
        ({}, "warning"),
        ({"v_clips_outputs": 3}, ""),
        ({"u_wraps": 1}, "warning"),
    ],
)
def test_overflows_of_spiking_neurons_on_data_are_a_warning(
    counts: dict[str, int], weight: str
) -> None:
    document = replace(certificate(onnx=EQUAL), overflows=OVERFLOWS | counts)
    assert [w for _, w in document.sentences()] == ["", weight]
    text, _ = document.sentences()[1]
    assert "in 40 updates" in text
    assert f"u wraps {document.overflows['u_wraps']} times, v clips 3 times" in text
    known = replace(document, on_known_answers=True)
    generated = replace(certificate(onnx=EQUAL), generated_overflows=OVERFLOWS | counts)
    for variant in (known, generated):
        assert len(variant.sentences()) == 1, "the data may be fine"
        [(sentence, severity)] = variant.overflows_without_data()
        assert (sentence.startswith("overflows in "), severity) == (True, "")
    assert document.overflows_without_data() == []
    none = replace(document, overflows=dict.fromkeys(OVERFLOWS, 0))
    assert len(none.sentences()) == 1


# Tests of the digest of an artefact


def test_the_digest_of_a_file_is_that_of_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"abc")
    assert artefact_digest(tmp_path / "one") == hashlib.sha256(b"abc").hexdigest()


def test_the_digest_of_a_folder_is_that_of_its_names_and_files(tmp_path: Path) -> None:
    for name, text in (("run.py", "1"), ("package/a.py", "2"), ("package/b.py", "3")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    digest = artefact_digest(tmp_path)
    names = ("package/a.py", "package/b.py", "run.py")
    text = "".join(
        f"{hashlib.sha256(c).hexdigest()}  {n}\n"
        for n, c in zip(names, (b"2", b"3", b"1"), strict=True)
    )
    assert digest == hashlib.sha256(text.encode()).hexdigest()
    (tmp_path / "package/__pycache__").mkdir()
    (tmp_path / "package/__pycache__/a.pyc").write_text("4")
    assert artefact_digest(tmp_path) == digest
    (tmp_path / "package/b.py").rename(tmp_path / "package/c.py")
    assert artefact_digest(tmp_path) != digest
