"""What was just written: read back, and its known answers executed by its own runtime."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nmtool.cli import console, failures
from nmtool.cli.lava_check import FAST, LavaCheck
from nmtool.cli.loading import Samples, load_any
from nmtool.cli.progress import progress
from nmtool.cli.real_check import agreement
from nmtool.cli.verdict import Verdict, findings, print_verdict
from nmtool.errors import FileFormatError, MissingError

if TYPE_CHECKING:
    from nmtool.exporters.formats import Format
    from nmtool.known_answers import KnownAnswers


@dataclass(frozen=True)
class WrittenCheck:
    """How a written file or folder stands beside the network it was made from.

    Attributes:
        backend: its runtime, '' where the format has none.
        unlike: what reading it back gave instead of the network; '' where that is equal.
        verdict: how its runtime answers; None where it was not asked.
        not_executed: why it was not.
    """

    backend: str
    unlike: str
    verdict: Verdict | None = None
    not_executed: str = ""

    @property
    def passed(self) -> bool:
        """Whether nothing differs, as far as it was looked at."""
        return not self.unlike and (self.verdict is None or self.verdict.identical)

    def as_json(self) -> dict[str, Any]:
        """What scripts ask for: `read_back`, `executed`, why not, and the findings if so."""
        verdicts = {} if self.verdict is None else {self.backend: self.verdict}
        return {
            "read_back": not self.unlike,
            "executed": bool(verdicts),
            "not_executed": self.not_executed,
            **findings(verdicts),
        }

    def tell(self) -> None:
        """The same in words."""
        if self.unlike:
            console.tell(f"read back: differs, {self.unlike}", style="bold red")
        else:
            console.tell("read back: equal")
        if self.verdict is not None:
            print_verdict(self.backend, self.verdict)
        if self.not_executed:
            console.tell(f"not executed: {self.not_executed}")


def check_written(path: Path, chosen: Format | None, content_hash: str) -> WrittenCheck:
    """Read a file or folder back and, if that gives the network, execute it.

    Args:
        path: what was written.
        chosen: its format, whose answers it carries; None for nmtool's own files.
        content_hash: of the network it was made from.

    Raises:
        BackendError: the runtime is there and failed.
    """
    backend = chosen.name if chosen else ""
    if unlike := _unlike(path, content_hash):
        return WrittenCheck(backend, unlike, not_executed="it is not what was to be written")
    if chosen is None:
        return WrittenCheck(backend, "", not_executed="nmtool's own files have no other runtime")
    if missing := _missing(chosen):
        return WrittenCheck(backend, "", not_executed=missing)
    from nmtool.exporters.self_check import carried_answers

    return WrittenCheck(backend, "", executed(chosen, path, carried_answers(chosen, path)))


def _unlike(path: Path, content_hash: str) -> str:
    try:
        found = load_any(str(path)).content_hash
    except FileFormatError as error:
        return str(error)
    return "" if found == content_hash else f"its hash is {found}, not {content_hash}"


def _missing(chosen: Format) -> str:
    """What the runtime of a format lacks here, '' if nothing."""
    try:
        chosen.package.require()
    except (ImportError, MissingError) as error:
        told = failures.for_people(error)
        if told is None:
            raise
        return f"{told.what} (fix: {told.fix})" if told.fix else told.what
    return ""


def executed(chosen: Format, path: Path, answers: KnownAnswers, model: str = FAST) -> Verdict:
    """How an artefact answers to the inputs it carries; `model` is that of Lava."""
    from nmtool.exporters import lava, self_check

    if chosen.package is lava:
        return _executed_in_lava(path, answers, model)
    began = time.perf_counter()
    with progress(chosen.name, answers.spikes.n_samples) as advance:
        actual = chosen.package.run(path, answers.spikes, on_progress=advance)
    seconds = time.perf_counter() - began
    return Verdict(
        self_check.compared(chosen, answers.recording, actual),
        None,
        seconds,
        integers=agreement(chosen, path, answers.spikes, actual),
    )


def _executed_in_lava(folder: Path, answers: KnownAnswers, model: str) -> Verdict:
    """As on data, Lava's own model beside the fast one; inputs that are made have no classes."""
    from nmtool.exporters import lava
    from nmtool.exporters.lava import environment

    check = LavaCheck(environment.find(), model, artefact=folder)
    unlabelled = Samples(answers.spikes, answers.recording.predictions)
    return replace(check(lava.load(folder), unlabelled, answers.recording), accuracy=None)
