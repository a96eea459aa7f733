"""Recordings of results (`python -m tests.baselines`): their content, and comparisons."""

from __future__ import annotations

import copy
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

from tests.baselines import recorder
from tests.baselines.__main__ import written
from tests.baselines.comparison import MISSING, compare, report
from tests.baselines.table import FLOATS, INTEGERS, Ask

RECORDING: dict[str, Any] = {
    "machine": {"processor": "one"},
    "integers": {
        "verify": {
            "exit": 0,
            "answer": {"spikes": 10, "why": "all 3 differ", "list": [{"a": 1}, {"a": 2}]},
            "lines": ["spikes 10", "membranes 7 of 9", "wraps 0"],
            "files": {"x.npz": {"bytes": "aa", "content": "bb"}, "x.c": "cc"},
        }
    },
    "floats": {"train": {"exit": 0, "answer": {"loss": 0.5}}},
}


def changed(*changes: tuple[str, Any], machine: str = "one") -> list[tuple[str, Any, Any, str]]:
    """Differences between two recordings: place, old, new and remark."""
    new = copy.deepcopy(RECORDING)
    new["machine"]["processor"] = machine
    for path, value in changes:
        *way, last = path.split(":")
        place: Any = new
        for key in way:
            place = place[int(key) if isinstance(place, list) else key]
        place[int(last) if isinstance(place, list) else last] = value
    differences = compare(RECORDING, new)
    return [(f"{d.name}{d.where}", d.old, d.new, d.remark) for d in differences]


ANSWER = "integers:verify:answer"


def test_a_changed_value_is_named_by_its_path() -> None:
    assert changed() == []
    assert changed((f"{ANSWER}:spikes", 11), (f"{ANSWER}:list:1:a", 2.0)) == [
        ("verify/answer/spikes", 10, 11, ""),
        ("verify/answer/list/1/a", 2, 2.0, ""),
    ]
    assert changed((f"{ANSWER}:more", 1)) == [("verify/answer/more", MISSING, 1, "")]
    assert changed((f"{ANSWER}:list", [{"a": 1}])) == [
        ("verify/answer/list/1", {"a": 2}, MISSING, "")
    ]


def test_changed_words_without_changed_numbers_are_a_remark() -> None:
    assert [d[3] for d in changed((f"{ANSWER}:why", "3 of them differ"))] == ["words"]
    assert [d[3] for d in changed((f"{ANSWER}:why", "all 4 differ"))] == [""]
    lines = ["a line of 5", "10 spikes", "membranes 7 of 9", "wraps 1"]
    assert changed(("integers:verify:lines", lines)) == [
        ("verify/lines/0", MISSING, "a line of 5", ""),
        ("verify/lines/0", "spikes 10", "10 spikes", "words"),
        ("verify/lines/2", "wraps 0", "wraps 1", ""),
    ]


def test_another_machine() -> None:
    loss, packed = ("floats:train:answer:loss", 0.25), ("integers:verify:files:x.npz:bytes", "a")
    assert [d[3] for d in changed(loss, packed)] == ["", ""]
    remarks = ["packed by another library", "floats of another machine"]
    assert [d[3] for d in changed(loss, packed, machine="two")] == remarks
    content = ("integers:verify:files:x.npz:content", "b")
    assert [d[3] for d in changed(packed, content, machine="two")] == ["", ""]
    assert [d[3] for d in changed((f"{ANSWER}:spikes", 9), machine="two")] == [""]
    missing = ("integers:verify:exit", 3)
    assert [d[3] for d in changed(missing)] == [""]
    (change,) = changed(missing, machine="two")
    assert change[3]


def test_added_and_removed_answers() -> None:
    new = copy.deepcopy(RECORDING)
    new["integers"]["more"] = new["integers"].pop("verify")
    (gone, come) = compare(RECORDING, new)
    assert (gone.name, gone.new, gone.remark) == ("verify", MISSING, "")
    assert come.name == "more"
    assert come.remark


def test_at_most_a_few_changes_of_a_name_are_printed() -> None:
    new = copy.deepcopy(RECORDING)
    new["integers"]["verify"]["answer"] = {"spikes": 11, "why": "all 3 do", "list": []}
    lines = list(report(compare(RECORDING, new), leaves=2))
    assert lines[:2] == ["verify", "  /answer/spikes: 10 → 11"]
    assert lines[3] == "  … and 1 more"
    assert "remark, words: 1 answers" in lines
    assert lines[-1] == "3 differences in 1 answers"


@given(st.lists(st.integers(-9, 9), min_size=recorder.KEEP + 1), st.data())
def test_a_long_list_is_digested_but_any_change_shows(
    values: list[int], data: st.DataObject
) -> None:
    digested = recorder.compact(values)
    assert (digested["length"], digested["sum"]) == (len(values), sum(values))
    place = data.draw(st.integers(0, len(values) - 1))
    other = [*values[:place], values[place] + 1, *values[place + 1 :]]
    assert recorder.compact(other)["sha256"] != digested["sha256"]
    nested = [{"value": value} for value in values]
    assert recorder.compact(nested) != recorder.compact([{"value": value} for value in other])


def test_a_long_answer_is_digested_from_the_leaves_up() -> None:
    parts = [
        {"name": f"part {n}", "size": {"bytes": [n, 2 * n], "note": f"{n} a"}} for n in range(9)
    ]
    answer = {"hash": "abc", "samples": 20, "layers": {str(n): parts for n in range(9)}}
    folded = recorder.fitted(answer)
    assert len(json.dumps(folded)) <= recorder.ROOM
    assert (folded["hash"], folded["samples"]) == ("abc", 20)
    layer = folded["layers"]["3"]
    assert layer["sum"] == 3 * sum(range(9))
    assert recorder.fitted(folded) == folded

    def layers_with(size: dict[str, Any]) -> Any:
        other = copy.deepcopy(answer)
        other["layers"]["3"] = [*parts[:-1], {"name": "part 8", "size": size}]
        return recorder.fitted(other)["layers"]["3"]

    assert layers_with({"bytes": [8, 16], "note": "a 8"}) == layer
    assert layers_with({"bytes": [8, 17], "note": "8 a"}) != layer
    assert layers_with({"bytes": [8, 16], "note": "9 a"}) != layer


def test_times_and_rules_are_left_out_of_lines() -> None:
    text = (
        "title\n backend  spikes  s per sample\n ───────\n lava     10      0.5\n"
        "\nepoch 1  loss 0.5  5.3 s\n tau  20 ms\n"
    )
    assert recorder.lines(text) == ["lava 10", "epoch 1 loss 0.5 …", "tau 20 ms"]
    long = ["x" * recorder.LONGEST + end for end in (" 1", " 2")]
    assert recorder.lines(long[0]) != recorder.lines(long[1])
    many = [f"line {n}" for n in range(2 * recorder.MOST_LINES)]
    first = recorder.lines("\n".join(many))
    assert len(first) == recorder.MOST_LINES
    assert recorder.lines("\n".join([*many[:-1], "line 0"])) != first


def test_files_are_digested_by_bytes_and_content(tmp_path: Path) -> None:
    for name, packing in (("a.npz", zipfile.ZIP_STORED), ("b.npz", zipfile.ZIP_DEFLATED)):
        with zipfile.ZipFile(tmp_path / name, "w", packing) as archive:
            archive.writestr("x.npy", b"numbers" * 9)
    digests = recorder.digests(tmp_path, tmp_path)
    assert digests["a.npz"]["content"] == digests["b.npz"]["content"]
    assert digests["a.npz"]["bytes"] != digests["b.npz"]["bytes"]


def test_seconds_in_the_files_of_a_run_are_not_digested(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in "ab"]
    for seconds, folder in enumerate(folders):
        folder.mkdir()
        (folder / "log.jsonl").write_text(f'{{"loss": 1, "seconds": {seconds}}}\n{{"loss": 2}}\n')
        (folder / "run.json").write_text(json.dumps({"nmtool": str(seconds), "seed": [0]}))
        np.savez(folder / "checkpoint.npz", header=seconds, w=np.arange(3))
    first, second = (recorder.digests(folder, folder) for folder in folders)
    assert first == second
    (folders[1] / "log.jsonl").write_text('{"loss": 1}\n{"loss": 3}\n')
    assert recorder.digests(folders[1], folders[1])["log.jsonl"] != first["log.jsonl"]


def test_digests_of_pages_depend_on_their_numbers(tmp_path: Path) -> None:
    page = (
        "<html><head><title>1</title></head><body><svg><path d='1'/></svg><td>accuracy</td>"
        "<td>0.5</td><p>Kept {} of 9.</p><td>Python 3.{}, nmtool 0.1</td></body></html>"
    )
    digests = []
    for filled in (page.format("2", 11), page.format("2", 12), page.format("3", 11)):
        (tmp_path / "page.html").write_text(filled.replace("d='1'", f"d='{len(digests)}'"))
        digests.append(recorder.digests(tmp_path, tmp_path)["page.html"])
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.skipif("sys.platform == 'win32'", reason="the program is a script of the shell")
def test_the_result_of_a_command_is_recorded(tmp_path: Path) -> None:
    program = tmp_path / "nmtool"
    program.write_text(
        "#!/bin/sh\n"
        'case "$*" in *--json) echo \'{"n": 3, "seconds": 1}\';; *) echo "n is 3";; esac\n'
        "echo x > made\n"
        "printf 'error[data-missing]: no data\\nnir-delay node 3: too long\\n' >&2\nexit 2\n"
    )
    program.chmod(0o755)
    answer = recorder.answer(program, Ask("name", "some words", "made", lines=True), tmp_path)
    files = answer.pop("files")
    assert answer == {
        "exit": 2,
        "error": "data-missing",
        "findings": ["nir-delay"],
        "answer": {"n": 3},
        "lines exit": 2,
        "lines": ["n is 3"],
    }
    assert list(files) == ["made"]
    assert files != recorder.digests(program, tmp_path)


def test_names_are_unique_and_a_recording_has_a_line_per_answer() -> None:
    names = [ask.name for ask in (*INTEGERS, *FLOATS)]
    assert len(names) == len({*names})
    text = written(RECORDING)
    assert json.loads(text) == RECORDING
    assert sum(line.startswith(('"verify"', '"train"')) for line in text.splitlines()) == 2
