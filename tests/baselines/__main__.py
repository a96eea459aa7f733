"""Record the results of a version of nmtool, and compare two recordings.

    python -m tests.baselines record NEW.json --nmtool .venv/bin/nmtool
    python -m tests.baselines compare tests/baselines/recorded.json NEW.json

A recording has the results of the commands in `table.py` and of the functions in `library.py`:
numbers, digests of written files, exit codes and codes of errors. Times, versions, paths and help
texts are left out. Results computed from stored integers are the same on every machine. Results
that depend on floats are not: between recordings of two machines, their differences are remarks. A
recording is written after every result. It needs Icarus, a C compiler and Lava's environment.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.baselines.comparison import KINDS, compare, report
from tests.baselines.recorder import TOOLS, record
from tests.baselines.table import FLOATS, INTEGERS, SPEECH, Ask


def main() -> int:
    """Record or compare; the exit code is 1 if two recordings differ in more than remarks."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    recording = commands.add_parser("record")
    recording.add_argument("output", type=Path)
    recording.add_argument("--nmtool", type=Path, required=True, help="the executable to ask")
    recording.add_argument("--speech", help="folder of the data set fsdd700, to train on it, too")
    recording.add_argument("--kind", choices=KINDS, help="answers to record; default both")
    comparing = commands.add_parser("compare")
    comparing.add_argument("old", type=Path)
    comparing.add_argument("new", type=Path)
    comparing.add_argument("--leaves", type=int, default=5, help="values shown per name")
    options = parser.parse_args()
    if options.command == "compare":
        differences = compare(
            *(json.loads(path.read_text()) for path in (options.old, options.new))
        )
        print("\n".join(report(differences, leaves=options.leaves)))
        return 1 if any(not difference.remark for difference in differences) else 0
    nmtool = options.nmtool.absolute()
    _check_tools(nmtool)
    asks: dict[str, Iterable[Ask]] = {"integers": INTEGERS, "floats": FLOATS}
    if options.speech:
        folder = str(Path(options.speech).absolute())
        speech = (ask._replace(words=ask.words.format(speech=folder)) for ask in SPEECH)
        asks["floats"] = (*FLOATS, *speech)
    if options.kind:
        asks = {options.kind: asks[options.kind]}
    with tempfile.TemporaryDirectory(prefix="baselines-") as scratch:
        for answers in record(nmtool, asks, Path(scratch).resolve()):
            options.output.write_text(written(answers))
    return 0


def written(recording: dict[str, Any]) -> str:
    """A recording as JSON with a line per result, so that diffs of its file are readable."""

    def one_line(key: str, value: Any) -> str:
        return f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False, separators=(',', ':'))}"

    parts = [one_line("machine", recording["machine"])]
    for kind in KINDS:
        answers = ",\n".join(one_line(name, answer) for name, answer in recording[kind].items())
        parts.append(f"{json.dumps(kind)}: {{\n{answers}\n}}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _check_tools(nmtool: Path) -> None:
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    lava = subprocess.run([nmtool, "setup", "lava", "--status"], capture_output=True, text=True)
    if lava.returncode:
        missing.append("Lava (nmtool setup lava)")
    if missing:
        sys.exit(f"cannot record everything, since these are missing: {', '.join(missing)}")


if __name__ == "__main__":
    sys.exit(main())
