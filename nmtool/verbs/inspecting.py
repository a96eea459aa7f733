"""`inspect`: what a file holds, as plain values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nmtool import recording, storage, zoo
from nmtool.answers import Answers, holds_answers
from nmtool.arguments import PATH, checked
from nmtool.data import teacher
from nmtool.data.teacher import Teacher
from nmtool.description import describe_network, describe_recording
from nmtool.recording import Recording
from nmtool.verbs.checking import ALL, check
from nmtool.verbs.loading import load


@checked(path=PATH)
def inspect(path: str | Path) -> dict[str, Any]:
    """Describe what a run, network, export, recording, teacher or answers hold, as plain values.

    `targets` says of each that comes with nmtool if the network is `faithful`, `approximate` or
    `unsupported` there; `check` says why.

    >>> import nmtool as nm
    >>> nm.inspect("network.npz")["targets"]["xylo-imu"]  # doctest: +SKIP
    'unsupported'

    Raises:
        FileFormatError: missing, damaged, or of another kind.
        UsageError: answers of a cross-validation that is not finished.
    """
    path = zoo.path(path) if zoo.is_name(path) else path
    if holds_answers(path):
        return Answers.load(path).as_json()
    kind = storage.archive_kind(path)
    if kind == recording.FILE_KIND:
        return describe_recording(Recording.load(path))
    if kind == teacher.FILE_KIND:
        return Teacher.load(path).as_json()
    network = load(path)
    words = {one.target.name: one.word for one in check(network, ALL).fits}
    return {**describe_network(network), "targets": words}
