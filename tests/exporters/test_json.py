"""JSON files: their content, and errors of damaged and foreign files."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nmtool as nm
from nmtool.errors import DoesNotFitError, FileFormatError
from nmtool.exporters.json.file import (
    KIND,
    KINDS,
    VERSION,
    _digest,
    document_of,
)
from nmtool.exporters.json.format import Json
from nmtool.hardware_sim.known_answers import known_answers
from nmtool.hardware_sim.simulator import simulate
from nmtool.known_answers import KnownAnswers
from nmtool.network.graph import LATE, RESETS, TO_ZERO
from nmtool.network.integer_network import IntegerNetwork
from nmtool.testing.networks import answers_to, random_input, random_network, random_raster
from tests.networks.resets import counting
from tests.refusals import refused

FILE = "nmtool.exporters.json.file"

NETWORK = random_network(3, n_hidden=2, spiking_output=False)
SPIKES = random_raster(3, 2, 12, NETWORK.channels.size)
RECORDING = simulate(NETWORK, SPIKES, deep=True)
ANSWERS = KnownAnswers(NETWORK.content_hash, SPIKES, RECORDING, NETWORK.decay_factors())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return Json.write(NETWORK, tmp_path / "network.json", answers=ANSWERS).path


def edited(path: Path, **changes: Any) -> Json:
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **changes}), "utf-8")
    return Json(path)


def test_each_step_is_a_line_of_json(path: Path) -> None:
    text = path.read_text("utf-8")
    samples = json.loads(text)["samples"]
    lines = [line.strip().rstrip(",") for line in text.splitlines()]
    dense = {name: raster.dense() for name, raster in RECORDING.spikes.items()}
    for number, sample in enumerate(samples):
        assert sample["class"] == RECORDING.predictions[number]
        for n, step in enumerate(sample["steps"]):
            assert json.dumps(step) in lines
            assert step["input"] == np.flatnonzero(SPIKES.dense()[number, n]).tolist()
            for population in NETWORK.populations:
                expected = {
                    "u": RECORDING.current[population.name][number, n].tolist(),
                    "v": RECORDING.v[population.name][number, n].tolist(),
                }
                if population.kind == "lif":
                    spiked = dense[population.name][number, n]
                    expected["spikes"] = np.flatnonzero(spiked).tolist()
                assert step[population.name] == expected


def test_white_space_and_the_order_of_keys_do_not_matter(path: Path) -> None:
    document = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps(dict(reversed(document.items())), indent=3), "utf-8")
    assert Json(path).network == NETWORK
    assert Json(path).known_answers().to_bytes() == ANSWERS.to_bytes()


@pytest.mark.parametrize("key", ["n_steps", "samples", "counts", "network_hash", "dt_ms", "other"])
def test_a_changed_file_is_refused(path: Path, key: str) -> None:
    with refused(FileFormatError, "file-damaged"):
        _ = edited(path, **{key: 7}).network


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"format": 1}', "7", '{"format": "certificate"}']
)
def test_other_json_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "other.json").write_text(text)
    with refused(FileFormatError, "file-damaged"):
        nm.load(tmp_path / "other.json")


@pytest.mark.parametrize("limit", ["nmtool.storage.MAX_JSON_MEMORY", f"{FILE}.MAX_BYTES"])
def test_a_network_that_could_not_be_read_again_is_not_written(
    limit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limit, 1000)
    with refused(DoesNotFitError, "json-too-large"):
        nm.export(NETWORK, tmp_path / "network.json")
    assert not (tmp_path / "network.json").exists()


def test_a_newer_file_is_refused(path: Path) -> None:
    with refused(FileFormatError, "file-newer"):
        _ = edited(path, format=KIND, version=VERSION + 1).network


def test_answers_without_u_and_v(tmp_path: Path) -> None:
    shallow = replace(ANSWERS, recording=simulate(NETWORK, SPIKES), decay_factors={})
    artefact = Json.write(NETWORK, tmp_path / "network.json", answers=shallow)
    assert artefact.known_answers().to_bytes() == shallow.to_bytes()
    assert nm.verify(artefact.path).identical


def _sealed(path: Path, document: dict[str, Any]) -> Path:
    """Write a changed document with its own digest."""
    del document["digest"]
    path.write_text(json.dumps({**document, "digest": _digest(document)}), "utf-8")
    return path


def _step(document: dict[str, Any]) -> dict[str, Any]:
    """The first step with input."""
    return next(step for sample in document["samples"] for step in sample["steps"] if step["input"])


def with_reset(reset: str) -> IntegerNetwork:
    """The network; spikes of its first population subtract, unless they reset to zero."""
    reset_by = None if reset == TO_ZERO else 70
    first = replace(NETWORK.populations[0], reset=reset, reset_by=reset_by)
    return replace(NETWORK, populations=[first, *NETWORK.populations[1:]])


@pytest.mark.parametrize("reset", RESETS)
def test_files_with_resets_have_identifiers_of_their_own(reset: str, tmp_path: Path) -> None:
    """Readers without resets refuse either of them, instead of ignoring the keys of resets."""
    network, is_other = with_reset(reset), reset != TO_ZERO
    path = Json.write(network, tmp_path / "network.json", answers=known_answers(network)).path
    document = json.loads(path.read_text("utf-8"))
    identifiers = (KINDS["resets"], "loihi2-resets") if is_other else (KIND, "loihi2")
    assert (document["format"], document["arithmetic"]) == identifiers
    assert ["reset" in entry for entry in document["populations"]] == [is_other, False, False]
    assert Json(path).network == network
    assert nm.verify(path).identical
    assert KIND not in KINDS["resets"]


@pytest.mark.parametrize(
    "change",
    [
        {"format": KIND},
        {"arithmetic": "loihi2"},
        {"format": KIND, "arithmetic": "loihi2"},
        {"arithmetic": "other-resets"},
    ],
)
def test_resets_that_are_not_announced_are_refused(change: dict[str, str], tmp_path: Path) -> None:
    path = Json.write(with_reset(LATE), tmp_path / "network.json").path
    document = json.loads(path.read_text("utf-8"))
    with pytest.raises(FileFormatError):
        _ = Json(_sealed(path, document | change)).network


def test_files_with_counts_have_identifiers_and_pairs(tmp_path: Path) -> None:
    """Only sources with a `most_spikes` above 1 have pairs."""
    network = counting(random_network(4, 2, False))
    answers = answers_to(network, random_input(network, 3, 2, 30))
    path = Json.write(network, tmp_path / "network.json", answers=answers).path
    document = json.loads(path.read_text("utf-8"))
    assert (document["format"], document["arithmetic"]) == (KINDS["counts"], "loihi2-counts")
    assert document["channels"]["most_spikes"] == 9
    assert ["most_spikes" in entry for entry in document["populations"]] == [True, False, False]
    counts = {"input": answers.spikes, **answers.recording.spikes}
    dense = {name: raster.dense_counts() for name, raster in counts.items()}
    for number, sample in enumerate(document["samples"]):
        for n, step in enumerate(sample["steps"]):
            seen = {"input": step["input"], "h0": step["h0"]["spikes"]}
            for name, pairs in seen.items():
                row = dense[name][number, n]
                places = np.flatnonzero(row)
                assert pairs == np.stack([places, row[places]], axis=1).tolist()
            assert step["h1"]["spikes"] == np.flatnonzero(dense["h1"][number, n]).tolist()
    assert answers.recording.spikes["h0"].most_spikes > 1
    assert Json(path).network == network
    assert Json(path).known_answers().to_bytes() == answers.to_bytes()


INVALID_COUNTS: dict[str, Callable[[dict[str, Any]], object]] = {
    "another format": lambda d: d.update(format=KIND),
    "the format of resets": lambda d: d.update(format=KINDS["resets"]),
    "another arithmetic": lambda d: d.update(arithmetic="loihi2"),
    "the arithmetic of resets": lambda d: d.update(arithmetic="loihi2-resets"),
    "both of resets": lambda d: d.update(format=KINDS["resets"], arithmetic="loihi2-resets"),
    "neither": lambda d: d.update(format=KIND, arithmetic="loihi2"),
    "no spikes per step": lambda d: d["channels"].update(most_spikes=0),
    "no count": lambda d: _step(d).update(input=[[0]]),
    "a number in place of a pair": lambda d: _step(d).update(input=[0]),
    "three numbers": lambda d: _step(d).update(input=[[0, 1, 1]]),
    "a count of 0": lambda d: _step(d).update(input=[[0, 0]]),
    "a count beyond the limit": lambda d: _step(d).update(input=[[0, 10]]),
    "a fraction": lambda d: _step(d).update(input=[[0, 1.5]]),
    "channels that descend": lambda d: _step(d).update(input=[[1, 1], [0, 1]]),
    "pairs of a population without counts": lambda d: _step(d)["h1"].update(spikes=[[0, 1]]),
    "a limit beyond 255": lambda d: d["channels"].update(most_spikes=256),
    "counts beside another reset": lambda d: d["populations"][0].update(reset="late"),
}


@pytest.mark.parametrize("name", INVALID_COUNTS)
def test_counts_that_the_standard_calls_invalid_are_refused(name: str, tmp_path: Path) -> None:
    network = counting(random_network(4, 2, False))
    answers = answers_to(network, random_input(network, 3, 2, 30))
    path = Json.write(network, tmp_path / "network.json", answers=answers).path
    document = json.loads(path.read_text("utf-8"))
    INVALID_COUNTS[name](document)
    with pytest.raises(FileFormatError):
        Json(_sealed(path, document)).known_answers()


def announced(extension: str) -> dict[str, Any]:
    """The document of a network of `loihi2`, whose identifiers are those of an extension."""
    document = document_of(NETWORK, None) | {"digest": ""}
    return document | {"format": KINDS[extension], "arithmetic": f"loihi2-{extension}"}


def defaults(document: dict[str, Any], *names: str) -> dict[str, Any]:
    """Write the default of these properties into all populations."""
    for entry in document["populations"]:
        entry |= {name: {"reset": "zero", "most_spikes": 1}[name] for name in names}
    return document


def test_defaults_may_be_written_where_the_identifiers_announce_their_keys(tmp_path: Path) -> None:
    """Also if no population has anything else."""
    for document in (
        announced("resets"),
        defaults(announced("resets"), "reset"),
        announced("counts"),
        defaults(announced("counts"), "reset", "most_spikes"),
    ):
        assert Json(_sealed(tmp_path / "network.json", document)).network == NETWORK
    plain = announced("resets") | {"format": KIND, "arithmetic": "loihi2"}
    for document in (
        defaults(plain, "reset"),
        defaults(announced("resets"), "most_spikes"),
        announced("resets") | {"channels": {"size": 5, "most_spikes": 1}},
    ):
        with refused(FileFormatError, "file-damaged"):
            _ = Json(_sealed(tmp_path / "network.json", document)).network


def test_the_subtracted_constant_is_the_threshold_by_default(tmp_path: Path) -> None:
    document = announced("resets")
    first, *_ = document["populations"]
    first |= {"reset": "subtract", "vth": 50}
    population = Json(_sealed(tmp_path / "network.json", document)).integers.populations[0]
    assert (population.reset, population.reset_by) == ("subtract", 50)


def test_a_population_that_does_not_spike_has_no_reset(tmp_path: Path) -> None:
    document = defaults(announced("resets"), "reset")
    assert document["populations"][-1]["kind"] == "li"
    assert Json(_sealed(tmp_path / "network.json", dict(document))).network == NETWORK
    document["populations"][-1]["reset"] = "late"
    with refused(FileFormatError, "property-conflict"):
        _ = Json(_sealed(tmp_path / "network.json", document | {"digest": ""})).network


INVALID: dict[str, Callable[[dict[str, Any]], object]] = {
    "a name twice": lambda d: d["populations"].append(d["populations"][0]),
    "no population": lambda d: d.update(populations=[], projections=[]),
    "no readout": lambda d: d.pop("readout"),
    "no sample": lambda d: d.update(samples=[]),
    "no kind": lambda d: d["populations"][0].pop("kind"),
    "no delay": lambda d: d["projections"][0].pop("delay"),
    "no input": lambda d: _step(d).pop("input"),
    "a channel twice": lambda d: _step(d).update(input=[0, 0]),
    "channels that descend": lambda d: _step(d).update(input=[1, 0]),
    "a channel below 0": lambda d: _step(d).update(input=[-1]),
    "a channel beyond the last": lambda d: _step(d).update(input=[d["channels"]["size"]]),
}
"""Files that docs/standard.md calls invalid."""


@pytest.mark.parametrize("name", INVALID)
def test_files_that_the_standard_calls_invalid_are_refused(path: Path, name: str) -> None:
    document = json.loads(path.read_text("utf-8"))
    assert nm.verify(_sealed(path, dict(document))).identical
    INVALID[name](document)
    with pytest.raises(FileFormatError):
        nm.verify(_sealed(path, document))


DEFAULTS = {"arithmetic": "loihi2", "weight_bits": 8, "weight_exponent": 0, "group": 1}


@pytest.mark.parametrize("key", [*DEFAULTS, "class"])
def test_keys_with_defaults_may_be_missing(path: Path, key: str) -> None:
    document = json.loads(path.read_text("utf-8"))
    for part in (document, document["channels"], *document["projections"], *document["samples"]):
        if key == "class" or part.get(key) == DEFAULTS[key]:
            part.pop(key, None)
    assert nm.verify(_sealed(path, document)).identical
