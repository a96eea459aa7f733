"""C files as data: they are read back, and foreign code is never compiled."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nmtool.errors import BackendError, DataError, FileFormatError, MissingError
from nmtool.exporters.c import compiler, runtime, source
from nmtool.exporters.c.format import C
from nmtool.exporters.embedded import HEADER_VERSION
from nmtool.known_answers import KnownAnswers
from nmtool.network.graph import InputChannels
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.storage import pack
from nmtool.testing.networks import random_raster
from tests.exporters import written_files
from tests.exporters.written_files import ANSWERS, NETWORK
from tests.refusals import refused


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """An undamaged file."""
    return C.write(NETWORK, tmp_path / "network.c", answers=ANSWERS).path


@pytest.fixture(autouse=True)
def _nothing_is_compiled(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Fail if a file is compiled, unless a test uses `compiling`."""
    if "compiling" not in request.fixturenames:
        monkeypatch.setattr(runtime, "compile_program", None)


@pytest.fixture
def compiling() -> None:
    """Lets a test compile files."""


def assert_refused(path: Path) -> FileFormatError:
    """Assert that all functions that take a file refuse it."""
    return written_files.assert_refused(C, path)


# Tests of writing and reading


@pytest.mark.parametrize(("dt_ms", "shown"), [(2.0, "2"), (0.1, "0.1"), (1 / 3, repr(1 / 3))])
def test_the_formula_for_the_step_of_a_spike_is_exact(
    dt_ms: float, shown: str, tmp_path: Path
) -> None:
    text = C.write(replace(NETWORK, dt_ms=dt_ms), tmp_path / "thirds.c").path.read_text("ascii")
    assert re.findall(r"floor\(t / ([0-9.]+)\)", text) == [shown]


def test_lines_are_short_and_plain(path: Path) -> None:
    text = path.read_bytes().decode("ascii")
    assert max(map(len, text.splitlines())) <= 100
    for name in ("input -> h0", "h0 -> out", NETWORK.content_hash, "nmtool_step(channels, n)"):
        assert name in text


def test_more_answers_than_a_file_can_take_are_refused(tmp_path: Path) -> None:
    spikes = Raster.silent(1, (1 << 24) + 1, 5)
    recording = Recording(NETWORK.readout, {"h0": Raster.silent(1, spikes.n_steps, 7)}, {})
    answers = KnownAnswers(NETWORK.content_hash, spikes, recording)
    with refused(DataError, "c-answers-size"):
        C.write(NETWORK, tmp_path / "network.c", answers=answers)


def test_more_states_than_memory_takes_are_not_recomputed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = C.write(NETWORK, tmp_path / "network.c", answers=ANSWERS)
    n_states = ANSWERS.spikes.n_steps * ANSWERS.spikes.n_samples
    n_states *= sum(population.size for population in NETWORK.populations)
    monkeypatch.setattr("nmtool.exporters.c.answers.MAX_STATES", n_states)
    assert file.known_answers() is not None
    monkeypatch.setattr("nmtool.exporters.c.answers.MAX_STATES", n_states - 1)
    with refused(FileFormatError, "c-answers-size"):
        file.known_answers()


def test_indices_have_32_bits_for_many_neurons() -> None:
    assert source.index_type(NETWORK) == "uint16_t"
    assert source.index_type(replace(NETWORK, channels=InputChannels(5, 3))) == "uint16_t"
    big = replace(NETWORK, channels=InputChannels(65536), projections=[NETWORK.projections[1]])
    assert source.index_type(big) == "uint32_t"


# Tests of damaged files


# Tests of changed files whose digest matches the change


def changed(path: Path, change: Callable[[str], str]) -> None:
    """Change a file, and update its digest."""
    text = path.read_text(encoding="ascii")
    body = text[: text.index("/* nmtool.sha256")]
    after = change(body)
    assert after != body
    digest = hashlib.sha256(after.encode()).hexdigest()
    path.write_text(f"{after}/* nmtool.sha256 {digest} */\n", encoding="ascii")


def replaced(old: str, new: str) -> Callable[[str], str]:
    return lambda text: text.replace(old, new, 1)


def in_record(**values: Any) -> Callable[[str], str]:
    """Change the record in the comment."""

    def change(text: str) -> str:
        begin = text.index("{", text.index("/* What nmtool reads back"))
        record, end = json.JSONDecoder().raw_decode(text[begin:])
        return text[:begin] + json.dumps({**record, **values}) + text[begin + end :]

    return change


def in_network(**values: Any) -> Callable[[str], str]:
    header = json.loads(json.dumps(pack(NETWORK)[0]))
    return in_record(network={**header, **values})


CODE: dict[str, Callable[[str], str]] = {
    "code that does more": replaced("    keep_score();\n", '    keep_score(); system("x");\n'),
    "code in a comment's place": replaced("/* since nmtool_reset */", ""),
    "another interface": replaced("typedef uint16_t", "typedef uint32_t"),
    "another comment": replaced("Written by nmtool", "Written by me"),
    "more code": lambda text: "int more;\n" + text,
    "an array twice": replaced("\n\nstatic int32_t current_h0", "\nint bias;\nstatic int32_t u"),
    "other answers": replaced("known_row_h0[", "known_row[ "),
}


@pytest.mark.parametrize("case", CODE)
def test_code_that_nmtool_would_not_write_is_never_compiled(case: str, path: Path) -> None:
    changed(path, CODE[case])
    code = "file-damaged" if case == "other answers" else "export-changed"
    with refused(FileFormatError, code) as caught:
        C(path).run(random_raster(0, 1, 20, 5))
    assert str(path) in caught.value.what


def test_a_file_with_changed_code_can_still_be_read(path: Path) -> None:
    changed(path, CODE["more code"])
    assert C(path).network.content_hash == NETWORK.content_hash
    with refused(FileFormatError, "export-changed") as caught:
        C(path).run(random_raster(0, 1, 20, 5))
    assert f"nmtool export {path} -o NEW.c" in caught.value.fix


def in_array(name: str, old: str, new: str) -> Callable[[str], str]:
    """Change the numbers of an array by a regular expression."""
    return lambda text: re.sub(rf"(?<= )({name}\[\d+\] = {{\n){old}", rf"\g<1>{new}", text)


DATA: dict[str, Callable[[str], str]] = {
    "another weight": in_array("weight_0_input_to_h0", r"    \d+", "    7"),
    "no weights": in_array("weight_0_input_to_h0", "", "/**/"),
    "fewer weights": in_array("weight_0_input_to_h0", "[^}]*", "    1\n"),
    "no numbers": in_array("delay_0_input_to_h0", "", "-,"),
    "huge numbers": in_array("delay_0_input_to_h0", "", "9" * 5000),
    "numbers of 65 bits": in_array("bias_h0", "", "36893488147419103232,"),
    "no record": replaced("/* What nmtool reads back", "/* What nmtool reads"),
    "a record that is no JSON": replaced('"version": 1', '"version"'),
    "a record that is deep": replaced('"version": 1', f'"version": {"[" * 100_000}'),
    "no network": in_record(network=[]),
    "an empty network": in_record(network={}),
    "no signs": in_record(sign_modes=[]),
    "other signs": in_record(sign_modes=["mixed"] * 9),
    "another hash": in_record(hash="abc"),
    "no populations": in_network(populations=[]),
    "numbers for populations": in_network(populations=[1, 2]),
    "a text for projections": in_network(projections="x"),
    "huge channels": in_network(channels={"size": 1 << 62, "group": 1}),
    "another step": in_network(dt_ms=2.0),
    "another arithmetic": in_network(arithmetic="loihi9"),
}


CODES = {"other signs": "weights-range", "another arithmetic": "arithmetic-unknown"}
"""Codes for damage that makes a network inconsistent; all other damage is `file-damaged`."""


@pytest.mark.parametrize("case", DATA)
def test_data_that_are_not_a_network_are_refused(case: str, path: Path) -> None:
    changed(path, DATA[case])
    for take in (lambda p: C(p).read(), lambda p: C(p).run(random_raster(0, 1, 20, 5))):
        with refused(FileFormatError, CODES.get(case, "file-damaged")) as caught:
            take(path)
        assert str(path) in caught.value.what


SHAPE = {"n_samples": ANSWERS.spikes.n_samples, "n_steps": ANSWERS.spikes.n_steps}


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ([], "file-damaged"),
        ({}, "file-damaged"),
        (SHAPE, "file-damaged"),
        ({**SHAPE, "n_steps": 7, "counts": {}}, "raster-lengths"),
        ({"n_samples": 1 << 33, "n_steps": 70, "counts": {}}, "c-answers-size"),
        ({"n_samples": -3, "n_steps": 0, "counts": {}}, "c-answers-size"),
    ],
)
def test_invalid_known_answers_are_refused(answers: Any, code: str, path: Path) -> None:
    if answers:
        answers = {"network_hash": "x", **answers}
    changed(path, in_record(answers=answers))
    with refused(FileFormatError, code):
        C(path).known_answers()


def test_a_newer_version_asks_for_an_update(path: Path) -> None:
    changed(path, in_record(version=HEADER_VERSION + 1))
    assert assert_refused(path).code == "file-newer"


@pytest.mark.usefixtures("compiling")
def test_a_missing_compiler_is_an_error(
    path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(compiler.VARIABLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    for use in (C.require, lambda: C(path).run(random_raster(0, 1, 20, 5))):
        with refused(MissingError, "compiler-missing") as caught:
            use()
        assert "cc, gcc, clang" in caught.value.why
    assert C(path).network.content_hash == NETWORK.content_hash


def test_a_compiler_can_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    mine = tmp_path / "mycc"
    mine.write_text("#!/bin/sh\n")
    mine.chmod(0o700)
    monkeypatch.setenv(compiler.VARIABLE, f"{mine} -m32")
    assert compiler.find() == [str(mine), "-m32"]
    monkeypatch.setenv(compiler.VARIABLE, "no-such-compiler")
    with refused(MissingError, "compiler-missing") as caught:
        C.require()
    assert "no-such-compiler" in caught.value.what


@pytest.mark.usefixtures("compiling")
def test_a_failing_compiler_is_reported(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(compiler.VARIABLE, "false")
    with refused(BackendError, "runtime-failed") as caught:
        C(path).run(random_raster(0, 1, 20, 5))
    assert "exit code 1" in caught.value.why


@pytest.mark.usefixtures("compiling")
def test_a_failing_program_is_reported(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    aborting = "#include <stdlib.h>\nint main(void) { abort(); }\n"
    monkeypatch.setattr(runtime, "driver", lambda *_: aborting)
    with refused(BackendError, "runtime-failed") as caught:
        C(path).run(random_raster(0, 1, 20, 5))
    assert "SIGABRT" in caught.value.why
