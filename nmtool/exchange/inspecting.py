"""`inspect`: describe the content of a file as plain values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nmtool import storage, zoo
from nmtool.arguments import checked
from nmtool.description import describe_network, describe_recording
from nmtool.evaluation.answers import Answers, holds_answers
from nmtool.loading import load
from nmtool.options import ReadingOptions
from nmtool.progress import Progress, silent
from nmtool.recording import Recording
from nmtool.targets.checking import ALL, check


@checked
def inspect(
    path: str | Path,
    *,
    reading: ReadingOptions | None = None,
    targets: bool = False,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Describe a run, network, export, recording or answers as plain values.

    >>> import nmtool as nm
    >>> nm.inspect("zoo:digits")["neurons"]
    110
    >>> nm.inspect("zoo:digits", targets=True)["targets"]["loihi1"]
    'faithful'

    Args:
        path: run folder, or file of a network, export, recording or answers.
        reading: options for reading files of other tools, such as `nmtool.ImportOptions`.
        targets: add a verdict for every target that comes with nmtool: `faithful`, `approximate`
            or `unsupported`; `check` gives the reasons.
        progress: shows progress, e.g. `nmtool.progress_bar`.

    Raises:
        FileFormatError: the file is missing, damaged, or of another kind.
        UsageError: the cross-validation is not finished.
    """
    path = zoo.path(path) if zoo.is_name(path) else path
    if holds_answers(path):
        return Answers.load(path).as_json()
    if storage.archive_kind(path) == Recording.file_kind:
        return describe_recording(Recording.load(path))
    network = load(path, reading)
    described = describe_network(network)
    if not targets:
        return described
    fits = check(network, ALL, progress=progress).fits
    return {**described, "targets": {fit.target.name: fit.verdict for fit in fits}}
