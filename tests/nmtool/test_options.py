"""Options check their types and choices, and the command line finds those of every format."""

from __future__ import annotations

from dataclasses import Field, dataclass
from typing import Any

import pytest

import nmtool as nm
from nmtool.arguments import Count
from nmtool.cli import flags
from nmtool.errors import UsageError
from nmtool.exporters.formats import all_formats
from nmtool.options import Options, option
from tests.refusals import refused


@dataclass(frozen=True)
class Some(Options):
    size: Count | None = option(None, flag="n")
    colour: str = option("red", choices=("red", "blue"))

    def unknown(self, declared: Field[Any], value: object) -> UsageError:
        return UsageError(f"{declared.name} {value}", code="colour-unknown", fix="use red")


def test_types_and_choices_are_checked() -> None:
    assert Some(3, "blue").as_json() == {"size": 3, "colour": "blue"}
    with refused(UsageError, "argument-type"):
        Some(size="3")  # type: ignore[arg-type]
    with refused(UsageError, "argument-type"):
        Some(colour=None)  # type: ignore[arg-type]
    with refused(UsageError, "colour-unknown"):
        Some(colour="green")


@pytest.mark.parametrize("wrong", [{"dt_ms": "1"}, {"n_steps": 1.5}, {"rule": 3}])
def test_options_of_foreign_files_have_types(wrong: dict[str, Any]) -> None:
    with refused(UsageError, "argument-type"):
        nm.ImportOptions(**wrong)


@pytest.mark.parametrize("base", ["WritingOptions", "ReadingOptions"])
def test_the_options_of_every_format_have_flags(base: str) -> None:
    attribute = base.replace("Options", "_options").lower()
    classes = [getattr(format_class, attribute) for format_class in all_formats()]
    own = {cls.__name__ for cls in classes if cls and cls.__module__.endswith(".options")}
    assert set(flags.options_of_formats(base)) == own != set()
    for name in own:
        text = "heading" if base == "WritingOptions" else "files"
        assert flags.class_texts(name)[text] == getattr(getattr(nm, name), text)
        assert [entry.name for entry in flags.read(name)] == [*getattr(nm, name).__match_args__]
