"""`load` reads checkpoints of mlGeNN with options, which are refused for other files."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nmtool as nm
from nmtool.errors import UsageError
from nmtool.exporters.formats import format_named, formats_that_run
from nmtool.exporters.nir.options import ImportOptions
from nmtool_chips.mlgenn.format import Mlgenn
from nmtool_chips.mlgenn.options import MlgennOptions
from tests.nmtool.cli import cases
from tests.refusals import refused

OPTIONS = MlgennOptions(n_steps=30, tau_mem_ms=20.0, tau_syn_ms=5.0)


@pytest.fixture
def checkpoints(tmp_path: Path) -> Path:
    """Checkpoints of two epochs of a network without hidden population."""
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    for epoch in (3, 4):
        weight = np.full(8, epoch, np.float32)
        np.save(folder / f"{epoch}-Conn_In_Out-g.npy", weight)
    return folder


def test_checkpoints_need_the_missing_constants(checkpoints: Path) -> None:
    with refused(UsageError, "mlgenn-constants") as caught:
        nm.load(checkpoints)
    assert str(checkpoints) in caught.value.what


def test_the_latest_checkpoint_is_loaded_and_logged(
    checkpoints: Path, caplog: pytest.LogCaptureFixture
) -> None:
    options = MlgennOptions(**vars(OPTIONS) | {"sizes": {"In": 4, "Out": 2}})
    with caplog.at_level(logging.INFO, "nmtool"):
        network = nm.load(checkpoints, options)
    [record] = caplog.records
    assert (record.levelno, record.name) == (logging.WARNING, "nmtool.chips.mlgenn")
    assert "checkpoint 4" in record.getMessage()
    assert network.content_hash == Mlgenn(checkpoints).decode(options).content_hash
    caplog.clear()
    first = nm.load(checkpoints, MlgennOptions(**vars(options) | {"epoch": 3}))
    assert caplog.records == []
    assert first.content_hash != network.content_hash


@pytest.mark.parametrize("name", ["npz", "c", "nir"])
def test_options_for_other_files_are_refused(name: str, tmp_path: Path) -> None:
    if name == "nir":
        pytest.importorskip("nir")
    network = cases.float_network() if name == "npz" else cases.integer_network()
    path = nm.export(network, tmp_path / f"network.{name}")
    with refused(UsageError, "import-options-unused") as caught:
        nm.load(path, OPTIONS)
    assert str(path) in caught.value.what


def test_options_of_another_format_are_refused(checkpoints: Path) -> None:
    with refused(UsageError, "import-options-unused"):
        nm.load(checkpoints, ImportOptions())


@pytest.mark.parametrize(
    "wrong",
    [{"threshold": "1"}, {"sizes": 3}, {"populations": "Input"}, {"epoch": 1.5}, {"scaled": 1}],
)
def test_options_have_types(wrong: dict[str, Any]) -> None:
    with refused(UsageError, "argument-type"):
        nm.MlgennOptions(**wrong)


def test_a_wrong_name_of_an_option_gets_a_suggestion() -> None:
    with pytest.raises(TypeError, match="did you mean 'sizes'"):
        nm.MlgennOptions(size={})


def test_checkpoints_can_only_be_read() -> None:
    exporter = format_named("mlgenn")
    abilities = (exporter.writes, exporter.reads, exporter.runs, exporter.carries)
    assert abilities == (False, True, False, False)
    assert "mlgenn" not in formats_that_run()
    with refused(UsageError, "runtime-none"):
        nm.verify(cases.integer_network(), against=["mlgenn"])
