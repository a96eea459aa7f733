"""Run the commands of the table in an empty folder, and record their results as numbers."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py

from tests.baselines.table import Ask

Recording = dict[str, dict[str, Any]]
"""A recording: `machine`, and the results by kind and name."""

VARYING = frozenset({"seconds", "seconds_per_sample", "nmtool", "versions", "this report"})
"""Keys of JSON whose values differ between runs or versions with the same results."""

KEEP = 16
"""Largest list of numbers that is recorded in full; longer ones become sum and digest."""

SAMPLE = 8
"""Number of entries that are recorded of a longer list of words."""

ROOM = 2000
"""Largest result in characters of JSON; of longer ones the deepest parts are folded."""

FOLDED = 120
"""Smallest part in characters that may be folded into sum and digest."""

MOST_LINES = 25
"""Number of lines of text that are recorded; the numbers of further ones are digested."""

LONGEST = 160
"""Characters of a line that are recorded; all numbers of a longer line are digested."""

SKIPPED = ("log.csv", "trials.json")
"""Files that repeat the content of others, or contain times."""

TOOLS = ("cc", "iverilog")
LIBRARIES = (
    *("numpy", "h5py", "numba", "llvmlite", "torch", "onnx", "onnxruntime", "nir"),
    *("scikit-learn", "optuna", "matplotlib"),
)
_MACHINE = f"""
import importlib.metadata, json, platform
versions = {{"Python": platform.python_version()}}
for name in {LIBRARIES!r}:
    try:
        versions[name] = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        versions[name] = "missing"
print(json.dumps(versions))
"""

_ERROR = re.compile(r"^error\[([a-z0-9-]+)\]", re.MULTILINE)
_FINDING = re.compile(r"^ *([a-z0-9]+(?:-[a-z0-9]+)+) [^:\n]*: ", re.MULTILINE)
_TIME = re.compile(r"\b[\d.,]+ (?:s|min|seconds|minutes)\b")
_TIME_COLUMN = "s per sample"


def record(nmtool: Path, asks: Mapping[str, Iterable[Ask]], folder: Path) -> Iterator[Recording]:
    """Run all commands; yields the recording after every result, last the complete one.

    Args:
        nmtool: the executable, in the folder of its interpreter.
        asks: commands by kind, `integers`, `floats` or both.
        folder: folder in which the commands run.
    """
    python = nmtool.with_name("python")
    scripts = Path(__file__).parent
    _script(python, folder, scripts / "material.py")
    recording: Recording = {"machine": machine(python), "integers": {}, "floats": {}}
    material = {"files": digests(folder, folder)}
    for kind, several in asks.items():
        recording[kind]["material"] = material
        for ask in several:
            print(f"{_cpu_seconds():5.0f} s  {ask.name}", file=sys.stderr, flush=True)
            recording[kind][ask.name] = answer(nmtool, ask, folder)
            yield recording
        answers = json.loads(_script(python, folder, scripts / "library.py", kind))
        recording[kind] |= {f"nm {name}": fitted(value) for name, value in answers.items()}
        yield recording


def machine(python: Path) -> dict[str, str]:
    """Processor, tools and versions of libraries, on which results may depend."""
    libraries = json.loads(subprocess.check_output([python, "-c", _MACHINE], text=True))
    tools = {tool: "there" if shutil.which(tool) else "missing" for tool in TOOLS}
    return {"processor": _processor()} | tools | libraries


def _processor() -> str:
    """Name of the processor, and a digest of its instruction-set extensions."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return "unknown"
    name = re.search(r"model name\s*: (.*)", text)
    flags = re.search(r"flags\s*: (.*)", text)
    return f"{name and name[1]}, instructions {_digest((flags[1] if flags else '').encode())}"


def _cpu_seconds() -> float:
    """CPU time of all commands so far, which depends little on the load of the machine."""
    times = os.times()
    return times.children_user + times.children_system


def _script(python: Path, folder: Path, *words: str | Path) -> str:
    return subprocess.run(
        [python, *words], cwd=folder, check=True, stdout=subprocess.PIPE, text=True
    ).stdout


def answer(nmtool: Path, ask: Ask, folder: Path) -> dict[str, Any]:
    """Exit code, codes of errors and findings, JSON, lines and files, as far as they exist."""
    json_too = ("--json",) if ask.json else ()
    done = _run(nmtool, (*ask.words.split(), *json_too), folder)
    entry: dict[str, Any] = {"exit": done.returncode}
    if error := _ERROR.search(done.stderr):
        entry["error"] = error[1]
        entry["findings"] = sorted(set(_FINDING.findall(done.stderr)))
    if ask.json and done.stdout:
        entry["answer"] = fitted(json.loads(done.stdout.replace(str(folder), "FOLDER")))
    if ask.makes:
        entry["files"] = digests(folder / ask.makes, folder)
    if ask.lines:
        again = _run(nmtool, ask.words.split(), folder) if ask.json else done
        entry["lines exit"] = again.returncode
        entry["lines"] = lines(again.stdout.replace(str(folder), "FOLDER"))
    return {key: value for key, value in entry.items() if value != []}


def _run(nmtool: Path, words: Iterable[str], folder: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"COLUMNS": "120", "NO_COLOR": "1", "PYTHONUTF8": "1"}
    return subprocess.run(
        [nmtool, *words], cwd=folder, capture_output=True, text=True, env=environment
    )


def lines(text: str) -> list[str]:
    """Lines with numbers, without rules, times and repeated blanks."""
    rows, end = [], None
    for line in text.splitlines():
        if line.rstrip().endswith(_TIME_COLUMN):
            end = line.index(_TIME_COLUMN)
        elif not line.strip():
            end = None
        line = _TIME.sub("…", " ".join(line[:end].split()))
        if re.search(r"\d", line):
            rows.append(line)
    if len(rows) > MOST_LINES:
        rest = "\n".join(rows[MOST_LINES - 1 :])
        rows = [*rows[: MOST_LINES - 1], f"further lines, numbers {_digest_of(rest)}"]
    return [line if len(line) <= LONGEST else _shortened(line) for line in rows]


def _shortened(line: str) -> str:
    """The beginning of a line, with a digest of all its numbers."""
    return f"{line[:LONGEST]}… numbers {_digest_of(line)}"


def fitted(value: Any) -> Any:
    """A JSON value, with parts folded until it fits into `ROOM` if that is possible."""
    value = compact(value)
    for depth in range(6, 0, -1):
        if len(_json(value)) <= ROOM:
            break
        value = _folded(value, depth)
    return value


def _folded(value: Any, depth: int) -> Any:
    """A JSON value in which larger parts at one depth are replaced by sum and digest."""
    if not isinstance(value, dict | list) or len(_json(value)) < FOLDED:
        return value
    if depth == 0:
        return {"sum": _sum(value), "sha256": _digest_of(value)}
    if isinstance(value, list):
        return [_folded(entry, depth - 1) for entry in value]
    return {key: _folded(entry, depth - 1) for key, entry in value.items()}


def _sum(value: Any) -> float:
    """All numbers in a JSON value, added."""
    if isinstance(value, dict | list):
        return sum(map(_sum, value.values() if isinstance(value, dict) else value))
    return value if isinstance(value, int | float) else 0


def _digest_of(value: Any) -> str:
    """Digest of a JSON value, in which only the numbers of sentences count."""
    return _digest(_json(_essence(value)))


def _essence(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _essence(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_essence(entry) for entry in value]
    is_sentence = isinstance(value, str) and " " in value
    return re.findall(r"\d[\d.,]*", value) if is_sentence else value


def compact(value: Any) -> Any:
    """A JSON value without the keys that vary, and with digests of long lists."""
    if isinstance(value, dict):
        return {key: compact(entry) for key, entry in value.items() if key not in VARYING}
    if not isinstance(value, list):
        return value
    entries = [compact(entry) for entry in value]
    flat = all(isinstance(entry, int | float | str | None) for entry in entries)
    if flat and len(entries) > KEEP and not any(isinstance(entry, str) for entry in entries):
        total = sum(entry for entry in entries if entry is not None)
        return {"length": len(entries), "sum": total, "sha256": _digest(_json(entries))}
    if len(entries) > KEEP or (entries and len(_json(entries)) > 4000):
        first = entries[:SAMPLE] if flat else entries[:2]
        return {"length": len(entries), "first": first, "sha256": _digest_of(entries)}
    return entries


def digests(path: Path, folder: Path) -> dict[str, Any]:
    """The digest of a file, or of every file in a folder, by path.

    Archives and HDF5 files have two digests, of their bytes and of their content, since other
    versions of libraries may write the same content as other bytes.
    """
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    return {
        file.relative_to(folder).as_posix(): _file_digest(file)
        for file in files
        if not file.is_dir() and "__pycache__" not in file.parts and file.name not in SKIPPED
    }


def _file_digest(file: Path) -> Any:
    if not file.is_file():
        return "missing"
    content = file.read_bytes()
    if file.name == "checkpoint.npz":
        # The header is left out, because the log in the header includes the duration of every
        # epoch.
        return {"content": _digest(*_members(content, leave="header.npy"))}
    if file.name.endswith((".json", ".jsonl")):
        values = [json.loads(line) for line in _documents(content.decode())]
        return _digest(*(_json(_steady(value)) for value in values))
    if file.suffix == ".html":
        return _digest_of(lines(_page_text(content.decode())))
    if zipfile.is_zipfile(io.BytesIO(content)):
        return {"bytes": _digest(content), "content": _digest(*_members(content))}
    if h5py.is_hdf5(file):
        return {"bytes": _digest(content), "content": _digest(*_items(file))}
    return _digest(content)


def _page_text(page: str) -> str:
    """Text of a page, a line per element, without plots, seconds and the line of versions."""
    page = re.sub(r"<(head|svg|style|script)\b.*?</\1>", "", page, flags=re.DOTALL)
    text = re.sub(r"<[^>]*>", "\n", page)
    return re.sub(r".*\bnmtool \d.*|\bseconds\s+[\d.]+", "", text)


def _documents(text: str) -> list[str]:
    """A JSON document, or one per line."""
    try:
        json.loads(text)
    except json.JSONDecodeError:
        return text.splitlines()
    return [text]


def _steady(value: Any) -> Any:
    """A JSON value without the keys that vary."""
    if isinstance(value, dict):
        return {key: _steady(entry) for key, entry in value.items() if key not in VARYING}
    return [_steady(entry) for entry in value] if isinstance(value, list) else value


def _members(content: bytes, leave: str = "") -> Iterable[bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for name in sorted(set(archive.namelist()) - {leave}):
            yield name.encode()
            yield archive.read(name)


def _items(path: Path) -> Iterable[bytes]:
    """Names, attributes and values of everything in an HDF5 file."""
    parts: list[bytes] = []

    def visit(name: str, item: Any) -> None:
        attributes = {key: str(value) for key, value in sorted(item.attrs.items())}
        parts.append(f"{name} {attributes}".encode())
        if isinstance(item, h5py.Dataset):
            value = item[()]
            whole = getattr(value, "dtype", None) is not None and value.dtype != object
            parts.append(value.tobytes() if whole else _texts(value))

    with h5py.File(path, "r") as file:
        visit("/", file)
        file.visititems(visit)
    return parts


def _texts(value: Any) -> bytes:
    """Text, or lists of different lengths, as bytes."""
    entries = value.ravel().tolist() if hasattr(value, "ravel") else [value]
    return repr([e.tolist() if hasattr(e, "tolist") else e for e in entries]).encode()


def _digest(*parts: bytes) -> str:
    """16 hexadecimal digits of SHA-256, of parts with their lengths."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()[:16]


def _json(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True).encode()
