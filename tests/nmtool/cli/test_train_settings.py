"""Options of the command line for every setting of a run."""

from __future__ import annotations

import argparse
from dataclasses import Field, fields
from typing import Any

import pytest

from nmtool.cli.train_settings import add_settings, given_settings
from nmtool.training.options import TrainOptions

pytestmark = pytest.mark.torch


@pytest.mark.parametrize("option", fields(TrainOptions), ids=lambda option: option.name)
def test_every_setting_is_an_option(option: Field[Any]) -> None:
    parser = argparse.ArgumentParser()
    add_settings(parser)
    value = getattr(TrainOptions(), option.name)
    words = ["--" + option.name.removesuffix("_ms").replace("_", "-")]
    if isinstance(value, tuple):
        words += map(str, value)
    elif value is None:
        words.append("none" if "Path" not in option.type else "t.npz")
    elif not isinstance(value, bool):
        words.append(str(value))
    elif not value:
        words = [words[0].replace("--", "--no-")]
    options = TrainOptions().with_settings(given_settings(parser.parse_args(words)), "words")
    if words[-1] != "t.npz" and option.name != "validation_by":
        assert getattr(options, option.name) == value
