"""Find the teacher of a run by the name in its settings, and check it by its content hash."""

from __future__ import annotations

from pathlib import Path

from nmtool.data.teacher import Teacher
from nmtool.errors import UsageError
from nmtool.training.loop.run_folder import RunFolder
from nmtool.training.options import TrainOptions


def teacher_of(
    options: TrainOptions, run: RunFolder | None = None, *, resumed: bool = False
) -> Teacher | None:
    """Read the teacher that the settings name; None if they name no teacher.

    Args:
        options: settings of the run that learns from the teacher.
        run: the previous run, in resumed training and fine-tuning; a relative path of the teacher
            is looked up in the working folder and in the parent folders of that run.
        resumed: True if `run` is resumed, which requires the same teacher.

    Raises:
        FileFormatError: there is no such file, or it cannot be read.
        DataError: the rows of the file are not probabilities.
        UsageError: the teacher has changed.
    """
    if options.teacher is None:
        return None
    file = Path(options.teacher)
    teacher = Teacher.load(file if run is None else run.find_file(file))
    if resumed and run is not None and run.manifest().teacher != teacher.content_hash:
        raise UsageError(
            f"{options.teacher} is not the teacher with which the run in {run.path} began",
            code="resume-teacher-differs",
            why="the probabilities in the file have changed since the run began",
            fix="restore the file, or start a new run",
        )
    return teacher
