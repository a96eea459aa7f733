"""`Backend`: what every format that runs networks can do, Lava, NIR and ONNX alike.

Each package `nmtool.exporters.<format>` is one, by functions of these names; a type checker sees
that (`nmtool/exporters/formats.py`). Most check themselves by `check_integers`. Lava also runs
its own model beside the fast one, and NIR, which holds real numbers, is compared with its own
reference: both in their `check`, so that no caller treats them apart.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from nmtool.integer_network import IntegerNetwork
from nmtool.known_answers import KnownAnswers
from nmtool.network import Network
from nmtool.progress import Progress, silent
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.verification.certificate import Check
from nmtool.verification.comparison import compare_recordings


class Backend(Protocol):
    """A format that networks are written to, read from and run in."""

    def require(self) -> None:
        """Raise `MissingError` unless everything that running needs is here."""

    def export(
        self,
        network: Any,
        path: str | Path,
        /,
        *,
        answers: KnownAnswers | None = None,
        force: bool = False,
    ) -> Path:
        """Write a network; formats of real numbers take float ones as they are."""

    def load(self, path: str | Path, /) -> IntegerNetwork | Network:
        """Read the network in an artefact."""

    def known_answers(self, path: str | Path, /) -> KnownAnswers:
        """Read the inputs and answers that an artefact carries."""

    def check_written(self, path: str | Path, /) -> None:
        """Raise `FileFormatError` unless what runs of an artefact is what would be written.

        That is: for the network in it, with the same options and answers. Nothing of it is
        executed. Everything that differs is a finding.
        """

    def run(
        self,
        path: str | Path,
        spikes: Raster,
        /,
        *,
        deep: bool = False,
        on_progress: Callable[[int], None] | None = None,
    ) -> Recording:
        """Run an artefact, every sample from a fresh state."""

    def check(
        self,
        path: str | Path,
        spikes: Raster,
        /,
        *,
        simulated: Recording | None,
        answers: Recording | None = None,
        deep: bool = False,
        progress: Progress = silent,
    ) -> Check:
        """Run an artefact and compare what it answers.

        Args:
            path: the artefact.
            spikes: its input.
            simulated: what the integer simulator answers; None where the network is float.
            answers: what the artefact itself must answer, where that is known already; by
                default `simulated`, or what the format's own reference says.
            deep: compare u and v of every neuron, too.
            progress: is shown what is being done.
        """


Run = Callable[..., Recording]
"""`Backend.run` of a format."""


def check_integers(
    run: Run,
    name: str,
    path: str | Path,
    spikes: Raster,
    /,
    *,
    simulated: Recording | None,
    answers: Recording | None = None,
    deep: bool = False,
    progress: Progress = silent,
) -> Check:
    """`Backend.check` of a format of integers, whose answers must be the simulator's.

    Args:
        run: runs an artefact.
        name: of the format, for the progress.
        path, spikes, simulated, answers, deep, progress: as in `Backend.check`.
    """
    expected = simulated if answers is None else answers
    assert expected is not None, "a format of integers has no float networks"
    actual, seconds = timed_run(run, name, path, spikes, deep=deep, progress=progress)
    return Check(compare_recordings(expected, actual), actual, seconds)


def timed_run(
    run: Run,
    label: str,
    path: str | Path,
    spikes: Raster,
    /,
    *,
    progress: Progress,
    **options: Any,
) -> tuple[Recording, float]:
    """Run an artefact, and measure the seconds that takes.

    Args:
        run: runs an artefact, with these options.
        label: of the progress.
        path, spikes: the artefact and its input.
        progress: is shown the samples that are finished.
        options: passed on to `run`.
    """
    began = time.perf_counter()
    with progress(label, spikes.n_samples) as advance:
        actual = run(path, spikes, on_progress=advance, **options)
    return actual, time.perf_counter() - began
