"""A full disk while a file is saved gives an error, and leaves existing files unchanged.

A limit on the size of files replaces a full disk: writing beyond it fails with EFBIG.
"""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from nmtool.training import learning
from tests.nmtool.cli import cases
from tests.nmtool.cli.conftest import Nmtool
from tests.nmtool.cli.runs import assert_same_run
from tests.training.stops import stop_after

FULL = f"  why: {os.strerror(errno.EFBIG)}\n"


@contextmanager
def _files_up_to(n_bytes: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def _contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("n_bytes", [0, 100, 2000])
def test_quantise_over_an_existing_file(
    n_bytes: int, nmtool: Nmtool, tmp_path: Path, floats: Path, integers: Path
) -> None:
    before = _contents(tmp_path)
    with _files_up_to(n_bytes):
        result = nmtool("quantise", floats, "-o", integers, "--weight-bits", "4", "--force")
    assert (result.code, result.out, result.error) == (2, "", "file-not-written")
    assert str(integers) in result.err
    assert FULL in result.err
    assert _contents(tmp_path) == before


def test_export_over_an_existing_folder(nmtool: Nmtool, tmp_path: Path, integers: Path) -> None:
    words = ("export", integers, "--to", "lava", "-o", "folder")
    assert nmtool(*words).code == 0
    before = _contents(tmp_path)
    with _files_up_to(2000):
        result = nmtool(*words, "--force")
    assert (result.code, result.out, result.error) == (2, "", "file-not-written")
    assert FULL in result.err
    assert _contents(tmp_path) == before


@pytest.mark.torch
def test_train(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, data: Path) -> None:
    words = ("train", data, *cases.SETTINGS)
    assert nmtool(*words, "-o", "whole").code == 0
    with monkeypatch.context() as patch:
        patch.setattr(learning, "train", partial(learning.train, on_batch=stop_after(1)))
        assert nmtool(*words, "-o", "run").code == 130
    before = _contents(tmp_path / "run")
    room = max(len(content) for content in before.values()) - 1
    with _files_up_to(room):
        result = nmtool("train", data, "-o", "run", "--resume")
    assert (result.code, result.out, result.error) == (2, "", "file-not-written")
    assert "run/checkpoint.npz" in result.err
    assert FULL in result.err
    after = _contents(tmp_path / "run")
    assert after["checkpoint.npz"] == before["checkpoint.npz"]
    assert after.keys() == before.keys()
    assert nmtool("train", data, "-o", "run", "--resume").code == 0
    assert_same_run("run", "whole")


@pytest.mark.torch
def test_train_without_space_for_its_first_file(nmtool: Nmtool, data: Path) -> None:
    with _files_up_to(10):
        result = nmtool("train", data, *cases.SETTINGS, "-o", "run")
    assert (result.code, result.out, result.error) == (2, "", "file-not-written")
    assert "run/run.json" in result.err
    assert list(Path("run").iterdir()) == []
    assert nmtool("train", data, *cases.SETTINGS, "-o", "run").code == 0
