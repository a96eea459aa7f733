"""Settings from recipes and files."""

from __future__ import annotations

from pathlib import Path

import pytest

from nmtool.errors import UsageError
from nmtool.toml_files import read_toml
from nmtool.training.options import TrainOptions
from nmtool.training.recipes import read_settings, recipe_names
from tests.refusals import refused

pytestmark = pytest.mark.torch


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_there_are_recipes() -> None:
    names = recipe_names()
    assert {"digits", "yinyang", "fsdd700"} <= set(names)
    assert names == sorted(names)


def test_options_by_the_name_of_a_recipe() -> None:
    options = TrainOptions.from_file("digits")
    assert (options.steps, options.hidden, options.average) == (80, 100, 0.99)
    assert options.shift == TrainOptions().shift


@pytest.mark.parametrize("name", ["fsdd700", "fsdd700_integer"])
def test_recipes_fix_the_validation_split(name: str) -> None:
    """Data sets with their own validation split, such as digits and yinyang, need no rule."""
    assert TrainOptions.from_file(name).validation == "last 300"


def test_a_file_called_like_a_recipe_changes_nothing() -> None:
    Path("digits").write_text("hidden = 7")
    Path("digits.toml").write_text("hidden = 8")
    assert read_settings("digits")["hidden"] == 100
    assert read_settings("digits.toml") == {"hidden": 8}
    assert read_settings("./digits") == read_settings(Path("digits")) == {"hidden": 7}


def test_a_file_in_another_folder() -> None:
    Path("below").mkdir()
    Path("below/my.toml").write_text("hidden = 7")
    assert TrainOptions.from_file("below/my.toml") == TrainOptions(hidden=7)
    assert read_settings("my.toml", folder=Path("below")) == {"hidden": 7}
    assert read_settings(Path("below/my.toml").absolute(), folder=Path("no")) == {"hidden": 7}
    assert read_settings("digits", folder=Path("below"))["hidden"] == 100


@pytest.mark.parametrize(("word", "meant"), [("digit", "digits"), ("fsd700", "fsdd700")])
def test_a_recipe_that_does_not_exist(word: str, meant: str) -> None:
    with refused(UsageError, "recipe-unknown") as caught:
        TrainOptions.from_file(word)
    assert f"'{word}'" in caught.value.what
    assert f"'{meant}'" in caught.value.fix
    assert all(name in caught.value.fix for name in recipe_names())


@pytest.mark.parametrize("file", ["no.toml", "folder.toml", "./no"])
def test_a_file_that_cannot_be_read(file: str) -> None:
    Path("folder.toml").mkdir()
    with refused(UsageError, "config-unreadable") as caught:
        TrainOptions.from_file(file)
    assert Path(file).name in caught.value.what
    assert caught.value.why


@pytest.mark.parametrize("content", [b"hidden = ", b"\xff\xfe"])
def test_a_file_that_is_not_toml(content: bytes) -> None:
    Path("my.toml").write_bytes(content)
    with refused(UsageError, "config-invalid") as caught:
        read_toml(Path("my.toml"))
    assert "my.toml" in caught.value.what
    assert caught.value.why


def test_a_setting_that_is_wrong_is_named_with_its_file() -> None:
    Path("my.toml").write_text("hiden = 3")
    with refused(UsageError, "setting-unknown") as caught:
        TrainOptions.from_file("my.toml")
    assert "my.toml" in caught.value.what
