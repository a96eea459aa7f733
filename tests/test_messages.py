"""Every error and finding has a code and a fix, and every code has one class."""

from __future__ import annotations

import pickle

import pytest

from nmtool import errors
from nmtool.errors import Finding, NmtoolError
from tests.messages import CODE, KINDS, Message, messages


@pytest.fixture(scope="module")
def every() -> list[Message]:
    return list(messages())


def test_every_error_has_a_code(every: list[Message]) -> None:
    assert len(every) > 300
    passed_on = "{error.code}"  # An error that is raised again keeps its code.
    without = [m for m in every if not CODE.fullmatch(m.code) and m.code != passed_on]
    assert [f"{message.place}:{message.line} {message.code!r}" for message in without] == []


def test_every_error_has_a_fix(every: list[Message]) -> None:
    without = [m for m in every if "fix" not in dict(m.words) and not m.carries]
    assert [f"{message.place}:{message.line} {message.code}" for message in without] == []


def test_a_code_has_one_class(every: list[Message]) -> None:
    """A script can derive the exit code from the code of an error."""
    classes: dict[str, set[str]] = {}
    for message in every:
        classes.setdefault(message.code, set()).add(message.kind)
    classes.pop("{error.code}", None)
    assert {code: kinds for code, kinds in classes.items() if len(kinds) > 1} == {}


@pytest.mark.parametrize(
    "kind", [k for k in KINDS.values() if issubclass(k, NmtoolError)], ids=lambda k: k.__name__
)
def test_pickled_errors_keep_all_fields(kind: type[NmtoolError]) -> None:
    finding = Finding("some-code", "a → b", "it does not fit", "make it smaller", why="it is big")
    error = kind("what", code="another-code", why="why", fix="fix", findings=[finding])
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert vars(again) == vars(error)
    assert str(again) == str(error)


def test_the_text_of_an_error_has_all_fields() -> None:
    finding = Finding("some-code", "a → b", "it does not fit", "make it smaller", why="it is big")
    shown = str(
        errors.DataError("what", code="another-code", why="why", fix="fix", findings=[finding])
    )
    for part in ("another-code", "what", "why", "fix", *vars(finding).values()):
        assert part in shown
