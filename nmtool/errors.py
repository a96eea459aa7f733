"""All errors that nmtool raises on purpose, with the exit codes of the command line.

    NmtoolError
    ├── InputError (2)               wrong arguments or files
    │   ├── DataError                spike events, labels, HDF5 files
    │   ├── FileFormatError          damaged, of another kind, or written by a newer nmtool
    │   ├── NetworkError             an inconsistent network
    │   ├── UsageError               wrong options, or options that exclude each other
    │   └── StorageError             a file could not be written; an earlier file is untouched
    ├── DoesNotFitError (1)          the network does not fit the target
    ├── ArtefactError (1)            an export contains a different network
    └── MissingError (3)             something needed is not installed or did not start
        ├── BackendError             an external runtime (Lava) failed or hung
        └── RankError                another process of a data-parallel job is gone

Each error has a stable code and says what is wrong, why, and how to fix it. An error may list
several problems, each as a `Finding`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from typing import Any, TypeVar


@dataclass(frozen=True)
class Finding:
    """A single problem in a network, a file or a data set.

    >>> import nmtool as nm
    >>> target = nm.Target("mine", max_delay=0)
    >>> finding = nm.check(nm.Network.layers([5, 8, 3], delays=10), target).findings[0]
    >>> finding.code, finding.where
    ('target-without-delays', 'input → hidden')
    >>> finding.what
    '35 synapses have a delay, but mine has no delays'

    Attributes:
        code: stable identifier, for scripts, e.g. `delay-range`.
        where: the population, projection, node or layer.
        what: the problem, in a sentence.
        fix: how the problem was solved, or how to solve it.
        why: the reason, where it is not obvious.
    """

    code: str
    where: str
    what: str
    fix: str
    why: str = ""

    def __post_init__(self) -> None:
        for part in ("where", "what", "fix", "why"):
            object.__setattr__(self, part, message(getattr(self, part)))

    def __str__(self) -> str:
        why = f" (why: {self.why})" if self.why else ""
        return f"[{self.code}] {self.where}: {self.what}{why}; fix: {self.fix}"

    def as_line(self, kind: str) -> str:
        """The finding as one line of a log.

        Args:
            kind: `remark`, or `next` for a suggestion.
        """
        return f"{kind}[{self.code}]: {self.what}; {self.fix}"

    @property
    def kind(self) -> tuple[str, ...]:
        """Key that is equal for similar findings: their texts without numbers and names."""
        return self.code, *(_VARYING.sub("…", text) for text in (self.what, self.why, self.fix))


_VARYING = re.compile(r"'[^']*'|-?\d[\d.,]*(e[-+]?\d+)?")

MOST_ALIKE, MOST_SHOWN = 3, 20
"""Largest number of similar findings, and of all findings, that are shown one by one; more are
merged into one line."""


def grouped(findings: Iterable[Finding]) -> list[Finding]:
    """For display, replace more than three similar findings by the first of them and their number.

    Findings are similar if they differ only in their place, numbers and quoted names. Up to three
    findings that differ only in their place become one finding with all places. If more than
    `MOST_SHOWN` findings remain, the last of them counts the others.

    >>> many = [Finding("delay-range", f"node {n}", f"{n} steps", "shorten it") for n in range(62)]
    >>> [str(finding) for finding in grouped(many)]
    ['[delay-range] 62 places, first node 0: 0 steps; fix: shorten it']
    >>> equal = [Finding("delay-range", name, "2 steps", "shorten it") for name in ("in", "out")]
    >>> [str(finding) for finding in grouped(equal)]
    ['[delay-range] in, out: 2 steps; fix: shorten it']
    """
    by_kind: dict[tuple[str, ...], list[Finding]] = {}
    for finding in findings:
        by_kind.setdefault(finding.kind, []).append(finding)
    summary: list[Finding] = []
    for group in by_kind.values():
        if len(group) > MOST_ALIKE:
            group = [replace(group[0], where=f"{len(group):,} places, first {group[0].where}")]
        places: dict[Finding, list[str]] = {}
        for finding in group:
            places.setdefault(replace(finding, where=""), []).append(finding.where)
        summary += [replace(text, where=", ".join(where)) for text, where in places.items()]
    if (others := len(summary) - MOST_SHOWN + 1) > 1:
        first = summary[MOST_SHOWN - 1]
        summary[MOST_SHOWN - 1 :] = [replace(first, where=f"{others:,} more, first {first.where}")]
    return summary


_Error = TypeVar("_Error", bound="NmtoolError")


_NEW_LINE = re.compile(r"\n(?! )")


class NmtoolError(Exception):
    """Base class of all errors that nmtool raises on purpose.

    >>> import nmtool as nm
    >>> nm.load("no-such-run")
    Traceback (most recent call last):
        ...
    nmtool.errors.FileFormatError: [file-missing] there is no file or folder no-such-run
    fix: check its name and the folder you are in

    Args:
        what: what is wrong, in the user's words.
        code: stable identifier in kebab case, for scripts, e.g. `split-empty`; it stays the same
            if the text changes.
        why: the reason, where it is not obvious.
        fix: how to solve the problem.
        findings: the individual problems, if there may be several.
    """

    exit_code = 2

    def __init__(
        self,
        what: str,
        *,
        code: str,
        why: str = "",
        fix: str = "",
        findings: Iterable[Finding] = (),
    ) -> None:
        self.what = message(what)
        super().__init__(self.what)
        self.code = code
        # Lines of a log are indented, so that none of them looks like a line of nmtool.
        self.why = message(_NEW_LINE.sub("\n  ", why), LONGEST_LOG, keep="\n")
        self.fix = message(fix)
        self.findings = tuple(findings)

    def __str__(self) -> str:
        parts = [f"[{self.code}] {self.what}"]
        parts += [f"- {finding}" for finding in grouped(self.findings)]
        if self.why:
            parts.append(f"why: {self.why}")
        if self.fix:
            parts.append(f"fix: {self.fix}")
        return "\n".join(parts)

    @property
    def clause(self) -> str:
        """What is wrong and why, as part of a sentence."""
        return f"{self.what}, since {self.why}" if self.why else self.what

    def restated(self, what: str, kind: type[_Error], *, fix: str = "") -> _Error:
        """A copy of the error, of class `kind`, with another text and, if given, another fix.

        Code, why and findings stay the same.

        Args:
            what: the new text, e.g. with the name of the file added.
            kind: class of the new error.
            fix: the new fix; '' keeps the fix of the error.
        """
        return kind(what, code=self.code, why=self.why, fix=fix or self.fix, findings=self.findings)

    def __reduce__(self) -> tuple[Any, ...]:
        # By default, a pickled exception keeps only its positional arguments.
        return _rebuilt, (type(self), self.what, self.__dict__)


def _rebuilt(kind: type[NmtoolError], what: str, state: dict[str, Any]) -> NmtoolError:
    """Make an error from its pickled class, text and attributes."""
    error = kind(what, code=state["code"])
    error.__dict__.update(state)
    return error


class InputError(NmtoolError):
    """Wrong usage or bad input."""


class DataError(InputError):
    """Spike events, labels or their files are missing, damaged or out of range."""


class FileFormatError(InputError):
    """A file is damaged, is not of the expected kind, or comes from a newer version."""


class NetworkError(InputError):
    """A network is inconsistent."""


class UsageError(InputError):
    """Options are wrong, or exclude each other."""


class StorageError(InputError):
    """A file could not be written. An earlier file at the path is untouched."""


class DoesNotFitError(NmtoolError):
    """The network does not fit the target."""

    exit_code = 1


class ArtefactError(NmtoolError):
    """An export contains a different network than expected."""

    exit_code = 1


class MissingError(NmtoolError):
    """Something needed is missing: a library, an environment, a device."""

    exit_code = 3


class BackendError(MissingError):
    """An external runtime failed, hung or died."""


class RankError(MissingError):
    """Another process of a data-parallel job is gone or cannot be reached."""

    LOST = "another process of this training job ended unexpectedly"


LONGEST, LONGEST_REASON, LONGEST_MESSAGE, LONGEST_LOG = 60, 300, 1000, 4000
"""Largest number of characters shown of a name, of a library's error, of any text of a message, and
of a `why`, which may be the last lines of a program's log."""

_CONTROLS = (
    r"\0-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    r"\ud800-\udfff\ufeff\ufff9-\ufffb\ufffe\uffff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    r"\U000e0000-\U000e007f"
)
"""Characters that move the cursor, change the direction of text or are invisible; halves of
surrogate pairs; and two that XML forbids, for figures."""
_JOINED = rf"[^\0-\x9f\s\u200c\u200d{_CONTROLS}]"
"""Characters between which joiners are part of the spelling, as in Persian and in emoji."""
_HIDDEN = re.compile(rf"[{_CONTROLS}]|(?<!{_JOINED})[\u200c\u200d]|[\u200c\u200d](?!{_JOINED})")


def visible(text: str, keep: str = "") -> str:
    """A text for a screen or page: control, direction and invisible characters become escapes.

    Text from files could otherwise move a terminal's cursor, set its title, or show letters in
    another order. Letters of all scripts, spaces and emoji are not changed, and a text that is
    already visible stays the same.

    >>> print(visible("\\x1b[31mred\\n"), visible("naïve 日本 👩\u200d💻"))
    \\x1b[31mred\\n naïve 日本 👩\u200d💻

    Args:
        text: any text.
        keep: characters to leave as they are, such as line breaks.
    """
    if text.isprintable():
        return text

    def shown(hidden: re.Match[str]) -> str:
        """The escape of a character, as in Python's strings."""
        return hidden[0] if hidden[0] in keep else hidden[0].encode("unicode_escape").decode()

    return _HIDDEN.sub(shown, text)


def message(text: str, longest: int = LONGEST_MESSAGE, keep: str = "") -> str:
    """A text of a message: made `visible`, and without its middle if it is very long.

    >>> len(message("a" * 200_000))
    1000

    Args:
        text: any text.
        longest: largest number of characters.
        keep: as for `visible`.
    """
    # The text is cut before and after, since escapes are longer than what they stand for.
    return _without_middle(visible(_without_middle(text, longest), keep), longest)


def _without_middle(text: str, longest: int) -> str:
    """A text, cut to its beginning and, for a third of `longest` characters, its end."""
    end = longest // 3
    return text if len(text) <= longest else f"{text[: longest - end - 1]}…{text[-end:]}"


def printable(name: object, longest: int = LONGEST) -> str:
    """A name from a file, made short and `visible` for messages.

    >>> printable("two\\nlines"), printable("a" * 80, longest=3)
    ('two\\\\nlines', 'aaa…')
    """
    text = str(name)
    shown = visible(text[: longest + 1])
    return shown if len(shown) <= longest else f"{shown[:longest]}…"


def quoted(value: object) -> str:
    """A value from a file as Python writes it, made short; only its type if Python cannot write it.

    >>> quoted("ten"), len(quoted("ten" * 1000)), quoted(1 << 20_000)
    ("'ten'", 61, 'an extreme int')
    """
    try:
        return printable(repr(value))
    except (ValueError, RecursionError):  # A number of 4,300 digits, or lists in 1,000 lists.
        return f"an extreme {type(value).__name__}"


def listed(names: Iterable[object], most: int = 10, *, quote: str = "") -> str:
    """The first names of a list, made `printable`, and the number of further names.

    >>> listed(["cat", "dog", "emu", "yak"], most=2, quote="'")
    "'cat', 'dog' and 2 more"
    """
    names = list(names)
    shown = ", ".join(f"{quote}{printable(name)}{quote}" for name in names[:most])
    return f"{shown} and {len(names) - most:,} more" if len(names) > most else shown


def reason(error: Exception) -> str:
    """Class and message of a library's error in one short line; some messages quote a file.

    >>> reason(ValueError("two\\nlines"))
    'ValueError: two lines'
    """
    return printable(f"{type(error).__name__}: {' '.join(str(error).split())}", LONGEST_REASON)


def suggestion(word: str, known: Sequence[str], *, also: str = "") -> str:
    """A `fix` for an unknown word: the nearest known word, and a list of all known words."""
    near = nearest(word, known)
    guess = f"did you mean '{near}'? " if near else ""
    return f"{guess}use one of {', '.join(known)}{also}"


def nearest(word: str, known: Sequence[str]) -> str | None:
    """The known word that is most similar to `word`; None if no word is similar.

    A name may lack its unit: `dt` matches `dt_ms`.
    """
    if f"{word}_ms" in known:
        return f"{word}_ms"
    return next(iter(difflib.get_close_matches(word.lower(), known, 1)), None)


def check_type(value: object, kind: type | tuple[type, ...], what: str, fix: str) -> None:
    """Raise `UsageError` unless an argument of a public function has the expected type.

    Args:
        value: the argument.
        kind: expected type, or several.
        what: name of the argument, e.g. `the input of a network`.
        fix: what to pass.
    """
    if not isinstance(value, kind):
        article = "an" if type(value).__name__[0] in "AEIOUaeiou" else "a"
        raise UsageError(
            f"{what} cannot be {article} {type(value).__name__}", code="argument-type", fix=fix
        )


def check_path(value: object, what: str = "a path") -> None:
    """Raise `UsageError` unless an argument is a path."""
    check_type(value, (str, PathLike), what, "name a file or folder, as text or as a Path")
