"""The teacher of a run: found by the name in its settings, known by its content hash."""

from __future__ import annotations

from pathlib import Path

from nmtool.data.teacher import Teacher
from nmtool.errors import UsageError
from nmtool.training.loop.run_folder import RunFolder
from nmtool.training.options import TrainOptions


def teacher_of(
    options: TrainOptions, run: RunFolder | None = None, *, resumed: bool = False
) -> Teacher | None:
    """Read the teacher that settings name; None where they name none.

    Args:
        options: of the run that is to learn from it.
        run: the run that it goes on from, if from any: the file is looked for in the working
            folder and in the folders that the run lies in.
        resumed: it goes on as that run, so that the teacher must be the same.

    Raises:
        FileFormatError: there is no such file, or it cannot be read.
        DataError: its rows are no probabilities.
        UsageError: it is another one than before.
    """
    if options.teacher is None:
        return None
    file = Path(options.teacher)
    teacher = Teacher.load(file if run is None else run.find_file(file))
    if resumed and run is not None and run.teacher != teacher.content_hash:
        raise UsageError(
            f"the run in {run.path} had another teacher in {options.teacher}",
            code="resume-teacher-differs",
            why="the file holds other probabilities than when the run began",
            fix="bring back the file, or start a new run",
        )
    return teacher
