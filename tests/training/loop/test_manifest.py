"""Manifests of runs: missing fields, and fields of wrong types."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nmtool.data import Dataset
from nmtool.training.loop.manifest import UNKNOWN, Manifest
from nmtool.training.loop.run_data import is_data_of
from nmtool.training.loop.run_folder import RunFolder
from tests.training.small_data import small_dataset, small_events, small_options


@pytest.mark.parametrize("validation", ["0", "12", "last 5"])
def test_a_manifest_is_read_as_it_was_written(validation: str) -> None:
    options = small_options(validation=validation)
    data = Dataset.of(train=replace(small_events(40, 1), groups={"speaker": np.arange(40) % 4}))
    divided = data.with_validation(options.validation_rule)
    manifest = Manifest.of(options, divided, None, ranks=2, initial="abc")
    assert Manifest.read(manifest.as_json()) == manifest
    assert [*manifest.as_json()][-3:] == ["ranks", "initial", "options"]
    assert ("train_index_hash" in manifest.as_json()) == (divided.validation_rule is not None)


def test_a_missing_rule_is_written_and_an_unknown_rule_is_not() -> None:
    manifest = Manifest(data="small", ranks=1, options={})
    assert manifest.as_json() == {"data": "small", "ranks": 1, "options": {}}
    assert Manifest.read({"options": {}}).hold_out == UNKNOWN
    assert replace(manifest, hold_out=None).as_json()["hold_out"] is None
    assert Manifest.read({"options": {}, "hold_out": None}).hold_out is None


@pytest.mark.parametrize("number", [-1, "3", 2.5, None, [3]])
def test_invalid_numbers_count_as_missing(number: Any) -> None:
    values = dict.fromkeys(("units", "validation_samples", "ranks"), number)
    manifest = Manifest.read({"options": {}, **values})
    assert (manifest.units, manifest.validation_samples, manifest.ranks) == (None, None, 1)


@pytest.mark.parametrize("content", [None, 3, ["a"], {}])
def test_an_invalid_hash_means_other_data(content: Any, tmp_path: Path) -> None:
    data, folder = small_dataset(), RunFolder(tmp_path / "run")
    for content_hash, is_same in ((data.content_hash, True), (UNKNOWN, True), (content, False)):
        options = small_options().as_json()
        manifest = Manifest(data=data.name, data_hash=content_hash, ranks=1, options=options)
        folder.create(manifest, anew=True)
        assert is_data_of(folder, data) == is_same
