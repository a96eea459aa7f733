"""Manifests of runs: all fields, missing fields, and fields of wrong types."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nmtool.data import Dataset
from nmtool.training.loop.manifest import Manifest
from nmtool.training.loop.run_data import is_data_of
from nmtool.training.loop.run_folder import RunFolder
from tests.training.small_data import small_dataset, small_events, small_options


@pytest.mark.parametrize("validation", ["0", "12", "last 5"])
def test_a_manifest_is_read_as_it_was_written(validation: str) -> None:
    options = small_options(validation=validation)
    data = Dataset.of(train=replace(small_events(40, 1), groups={"speaker": np.arange(40) % 4}))
    divided = data.with_validation(options.validation_rule)
    manifest = Manifest.of(options, divided, ranks=2, initial="abc")
    assert Manifest.read(manifest.as_json()) == manifest
    assert [*manifest.as_json()][-3:] == ["ranks", "initial", "options"]
    for name in ("train_index_hash", "hold_out"):
        assert (name in manifest.as_json()) == (divided.validation_rule is not None)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, -1) for name in ("units", "validation_samples", "ranks")),
        *((name, "3") for name in ("units", "in_memory", "hold_out", "reset_change", "options")),
        *((name, 3) for name in ("nmtool", "data", "data_hash", "train_index_hash", "start")),
    ],
)
def test_invalid_fields_are_refused(name: str, value: Any) -> None:
    manifest = Manifest.of(small_options(), small_dataset(), ranks=1).as_json()
    with pytest.raises(ValueError, match=name):
        Manifest.read({**manifest, name: value})


@pytest.mark.parametrize(
    "name", ["nmtool", "data", "data_hash", "units", "validation_samples", "ranks", "options"]
)
def test_missing_fields_are_refused(name: str) -> None:
    manifest = Manifest.of(small_options(), small_dataset(), ranks=1).as_json()
    del manifest[name]
    with pytest.raises(ValueError, match=name):
        Manifest.read(manifest)


def test_another_hash_means_other_data(tmp_path: Path) -> None:
    data, folder = small_dataset(), RunFolder(tmp_path / "run")
    manifest = Manifest.of(small_options(), data, ranks=1)
    for content_hash, is_same in ((data.content_hash, True), ("unknown", False)):
        folder.create(replace(manifest, data_hash=content_hash), anew=True)
        assert is_data_of(folder, data) == is_same
