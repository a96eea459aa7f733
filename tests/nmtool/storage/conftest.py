from __future__ import annotations

from pathlib import Path

import pytest

from tests.nmtool.storage.archives import KINDS, SAMPLES


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("storage")


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def path(kind: str, tmp_path: Path) -> Path:
    """An undamaged file of a kind, alone in its folder."""
    (tmp_path / "saved").mkdir()
    SAMPLES[kind].save(tmp_path / "saved" / "file.npz")
    return tmp_path / "saved" / "file.npz"
