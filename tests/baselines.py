"""Record what a version of nmtool answers to a fixed list of commands, and compare two records.

    python -m tests.baselines record OLD.json --nmtool OLD/.venv/bin/nmtool --recipes FOLDER \
        --speech FSDD700
    python -m tests.baselines compare OLD.json NEW.json

Recorded are the networks that training makes (by content hash and by the digest of every file),
exports byte for byte, the certificates of every backend, the numbers of the other commands and
the help of each. Times are left out. Two recordings are comparable on one machine only, because
training in floats depends on how a processor adds.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

COMMANDS = (
    *("demo", "train", "sweep", "finetune", "evaluate", "cost", "compare", "quantize"),
    *("export", "convert", "run", "verify", "inspect", "data", "lava"),
)
EXPORTS = ("network.onnx", "network.nir", "network.c", "lava")
SECONDS = frozenset({"seconds", "seconds_per_sample"})
THREADS = ("--threads", "1")


class Recorder:
    """Runs commands in one folder and keeps what they answer.

    Args:
        nmtool: the executable.
        folder: where everything is made.
    """

    def __init__(self, nmtool: str, folder: Path) -> None:
        self.nmtool = nmtool
        self.folder = folder
        self.found: dict[str, Any] = {}

    def keep(self, name: str, *words: str, is_json: bool = True) -> None:
        """Run a command and keep its exit code and output under a name."""
        print(name, file=sys.stderr, flush=True)
        more = ("--json",) if is_json else ()
        done = subprocess.run(
            [self.nmtool, *words, *more], cwd=self.folder, capture_output=True, text=True
        )
        answer: Any = done.stdout
        if is_json and done.returncode in (0, 1) and done.stdout:
            answer = without_seconds(json.loads(done.stdout))
        self.found[name] = {"exit code": done.returncode, "answer": answer}
        if done.returncode > 1:
            self.found[name]["stderr"] = done.stderr

    def keep_files(self, name: str, path: str) -> None:
        """Keep the digest of a file, or of every file in a folder."""
        root = self.folder / path
        files = sorted(root.rglob("*")) if root.is_dir() else [root]
        self.found[name] = {
            str(file.relative_to(self.folder)): hashlib.sha256(_content(file)).hexdigest()
            for file in files
            if file.is_file() and "__pycache__" not in file.parts
        }


def _content(file: Path) -> bytes:
    """The bytes of a file, without the seconds that an epoch took.

    They are in the log and in the header of the checkpoint, which holds the log, too.
    """
    if not file.is_file():
        return b"missing"
    if file.name == "checkpoint.npz":
        with zipfile.ZipFile(file) as archive:
            names = sorted(set(archive.namelist()) - {"header.npy"})
            return b"".join(name.encode() + archive.read(name) for name in names)
    if file.name != "log.jsonl":
        return file.read_bytes()
    lines = [without_seconds(json.loads(line)) for line in file.read_text().splitlines()]
    return json.dumps(lines).encode()


def without_seconds(value: Any) -> Any:
    """Remove times, which differ from run to run, from a JSON value."""
    if isinstance(value, dict):
        return {k: without_seconds(v) for k, v in value.items() if k not in SECONDS}
    return [without_seconds(entry) for entry in value] if isinstance(value, list) else value


def record(nmtool: str, recipes: Path, speech: str | None, folder: Path) -> dict[str, Any]:
    """Everything a version answers, by the name of what was asked."""
    recorder = Recorder(nmtool, folder)
    for command in COMMANDS:
        recorder.keep(f"help {command}", command, "--help", is_json=False)
    recorder.keep("demo", "demo", "-o", "demo", *THREADS)
    recorder.keep_files("files of demo", "demo")
    for name in ("digits", "yinyang"):
        recipe = str(recipes / f"{name}.toml")
        recorder.keep(
            f"train {name}", "train", name, "-o", name, "--config", recipe, "--epochs", "3",
            *THREADS,
        )  # fmt: skip
        recorder.keep_files(f"files of {name}", name)
    _record_uses(recorder)
    if speech:
        _record_speech(recorder, recipes, speech)
    return recorder.found


def _record_uses(recorder: Recorder) -> None:
    """Ask every other command about the network of the digits."""
    few = ("--samples", "20")
    recorder.keep("data", "data", "digits")
    recorder.keep("evaluate", "evaluate", "digits", "digits", *THREADS)
    for more in ((), ("--weight-bits", "4", "--delay-bits", "4"), ("--scale", "data")):
        name = " ".join(("quantize", *more))
        file = name.replace(" ", "_") + ".npz"
        recorder.keep(name, "quantize", "digits", "-o", file, "--data", "digits", *more)
        recorder.keep_files(f"file of {name}", file)
    recorder.keep("evaluate integers", "evaluate", "quantize.npz", "digits", *THREADS)
    recorder.keep("cost", "cost", "quantize.npz", "digits", "--target", "loihi1", *few)
    recorder.keep("inspect", "inspect", "quantize.npz")
    recorder.keep(
        "compare", "compare", "quantize.npz", "--with", "digits", "--data", "digits", *few
    )
    for path in EXPORTS:
        to = ("--to", "lava") if path == "lava" else ()
        recorder.keep(
            f"export {path}", "export", "quantize.npz", "-o", path, "--data", "digits", *to
        )
        recorder.keep_files(f"files of {path}", path)
        recorder.keep(f"certificate of {path}", "verify", path)
        recorder.keep(f"run {path}", "run", path, "digits", *few)
    chain = ("--feedforward", "--init-delay-input", "0", "--no-train-delays")
    recorder.keep(
        "train chain", "train", "digits", "-o", "chain", "--epochs", "1", "--steps", "100", *chain,
        *THREADS,
    )  # fmt: skip
    recorder.keep("export network.net", "export", "chain", "-o", "network.net", "--data", "digits")
    recorder.keep_files("file of network.net", "network.net")
    against = [word for name in ("onnx", "nir", "c", "lava") for word in ("--against", name)]
    recorder.keep("verify", "verify", "quantize.npz", "digits", *against, *few)
    recorder.keep("verify deep", "verify", "quantize.npz", "digits", *against[:2], *few, "--deep")
    recorder.keep("verify floats", "verify", "digits", "digits", *against[:2], *few)
    recorder.keep("convert", "convert", "network.onnx", "again.c")
    recorder.keep("finetune", "finetune", "digits", "-o", "tuned", "--epochs", "1", *THREADS)
    recorder.keep_files("files of finetune", "tuned")


def _record_speech(recorder: Recorder, recipes: Path, speech: str) -> None:
    """One epoch of each recipe for spoken digits."""
    for name in ("fsdd700", "fsdd700_integer"):
        config = ("--config", str(recipes / f"{name}.toml"), "--epochs", "1")
        recorder.keep(f"train {name}", "train", speech, "-o", name, *config, *THREADS)
        recorder.keep_files(f"files of {name}", name)
    four = ("--config", str(recipes / "fsdd700_four_bits.toml"), "--epochs", "1")
    recorder.keep("four bits", "finetune", "fsdd700_integer", "-o", "four", *four, *THREADS)
    recorder.keep_files("files of four bits", "four")


def differences(old: Any, new: Any, where: str = "") -> Iterator[str]:
    """A line for every value that is not the same in both."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(key for key in new if key not in old)]:
            missing = "(missing)"
            yield from differences(old.get(key, missing), new.get(key, missing), f"{where}/{key}")
    elif old != new:
        yield f"{where}: {old!r} → {new!r}"


def main() -> int:
    """Record or compare; exit code 1 where two recordings differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    recording = commands.add_parser("record")
    recording.add_argument("output", type=Path)
    recording.add_argument("--nmtool", required=True, help="the executable to ask")
    recording.add_argument("--recipes", type=Path, required=True, help="folder of the recipes")
    recording.add_argument("--speech", help="folder of the data set fsdd700")
    comparing = commands.add_parser("compare")
    comparing.add_argument("old", type=Path)
    comparing.add_argument("new", type=Path)
    arguments = parser.parse_args()
    if arguments.command == "compare":
        old, new = (json.loads(path.read_text()) for path in (arguments.old, arguments.new))
        lines = list(differences(old, new))
        print("\n".join(lines) or "no difference")
        return 1 if lines else 0
    with tempfile.TemporaryDirectory(prefix="nmtool-baselines-") as scratch:
        found = record(
            arguments.nmtool, arguments.recipes.resolve(), arguments.speech, Path(scratch)
        )
    arguments.output.write_text(json.dumps(found, indent=1, sort_keys=True))
    return 0


if __name__ == "__main__":
    sys.exit(main())
