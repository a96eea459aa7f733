"""C files with a header and a prefix: several networks in one program, in C and in C++."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nmtool.errors import FileFormatError, StorageError, UsageError
from nmtool.exporters import output
from nmtool.exporters.c.format import C, COptions
from nmtool.exporters.c.readout import importance
from nmtool.exporters.c.text import check_prefix, renamed, string
from nmtool.hardware_sim.known_answers import known_answers
from nmtool.hardware_sim.operations import count_operations
from nmtool.hardware_sim.simulator import simulate
from nmtool.network.integer_network import IntegerNetwork
from nmtool.network.readout import FIRST_SPIKE, RULES, WINDOW, Readout
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.targets.footprint import integer_footprint
from nmtool.testing.networks import random_network, random_raster
from nmtool.verification.comparison import compare_recordings
from tests.exporters.c_programs import SANITIZED, STRICT, compiled, run_program
from tests.refusals import refused

COMPILING = pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
CPP = pytest.mark.skipif(shutil.which("g++") is None, reason="there is no C++ compiler")

ONE = random_network(3, 1, False)
TWO = replace(
    random_network(10, 2, True),
    readout=Readout("out", FIRST_SPIKE),
    class_names=["*/ int x; \\", '"ü??/', "nmtool_step", "%d"],
)
N_STEPS = 60

FIRMWARE = """
#include <inttypes.h>
#include <stdio.h>
#include "one.h"
#include "two.h"

int main(void)
{
    kws_index some[] = {0, 2, 4};
    wake_up_index others[] = {1, 3};

    kws_reset();
    wake_up_reset();
    for (int i = 0; i < 60; i++) {
        kws_step(some, i % 3);
        wake_up_step(others, i % 2 + 1);
        for (int k = 0; k < kws_n_spikes_h0; k++) {
            printf("%d:%d ", i, (int)kws_spikes_h0[k]);
        }
    }
    printf("\\n%d %d\\n", kws_answer(), wake_up_answer());
    for (int i = 0; i < kws_n_classes; i++) {
        printf("%" PRId64 " ", kws_scores()[i]);
    }
    printf("\\n");
    for (int i = 0; i < wake_up_n_classes; i++) {
        printf("%" PRId64 " ", wake_up_scores()[i]);
    }
    printf("\\n");
    for (int i = 0; i < wake_up_n_classes; i++) {
        printf("%s\\n", wake_up_class_names[i]);
    }
    return 0;
}
"""


def raster(channels: Sequence[int], counts: Sequence[int]) -> Raster:
    """One sample; in every step, a given number of channels spikes, beginning with the first."""
    dense = np.zeros((1, N_STEPS, 5), bool)
    for step, count in enumerate(counts):
        dense[0, step, list(channels[:count])] = True
    return Raster.from_dense(dense)


def both(folder: Path) -> tuple[Path, Path]:
    """Two networks in C, each with its known answers."""
    first = C.write(ONE, folder / "one.c", answers=known_answers(ONE), options=COptions("kws")).path
    second = C.write(
        TWO, folder / "two.c", answers=known_answers(TWO), options=COptions("wake_up")
    ).path
    return first, second


def expected_lines() -> list[str]:
    """The expected output of the firmware, from the simulator."""
    kws = simulate(ONE, raster([0, 2, 4], [i % 3 for i in range(N_STEPS)]))
    wake = simulate(TWO, raster([1, 3], [i % 2 + 1 for i in range(N_STEPS)]))
    spikes = kws.spikes["h0"]
    assert min(spikes.n_spikes, wake.spikes["out"].n_spikes) > 3
    return [
        "".join(f"{i}:{k} " for i, k in zip(spikes.step, spikes.neuron, strict=True)),
        f"{kws.predictions[0]} {wake.predictions[0]}",
        "".join(f"{score} " for score in scores_in_c(ONE, kws)),
        "".join(f"{score} " for score in scores_in_c(TWO, wake)),
        *TWO.class_names,
    ]


def scores_in_c(network: IntegerNetwork, recording: Recording) -> list[int]:
    """The scores of the first sample, in the integers of the C program."""
    if network.readout.rule == FIRST_SPIKE:
        first = recording.spikes["out"].first_step()[0].tolist()
        return [-step if step < N_STEPS else np.iinfo(np.int64).min for step in first]
    v = recording.membrane["out"][0].astype(np.int64)
    if network.readout.rule == WINDOW:
        v = v[-9:]
    if network.readout.rule == "max":
        return v.max(axis=0).tolist()
    if network.readout.weights_steps:
        v = v * importance(network.readout, network.n_steps)[: len(v), None]
    return v.sum(axis=0).tolist()


# Tests of a program with two networks


@COMPILING
def test_two_networks_in_one_firmware(tmp_path: Path) -> None:
    first, second = both(tmp_path)
    firmware = tmp_path / "firmware.c"
    firmware.write_text(FIRMWARE)
    code, lines = run_program(compiled(*SANITIZED, first, second, firmware, folder=tmp_path))
    assert (code, lines) == (0, expected_lines())


@COMPILING
@CPP
@pytest.mark.parametrize("language", ["c", "c++"])
def test_a_firmware_in_cpp(language: str, tmp_path: Path) -> None:
    """The networks are compiled as C, and as C++."""
    both(tmp_path)
    (tmp_path / "firmware.cpp").write_text(FIRMWARE)
    warnings = ("-Wall", "-Wextra", "-Werror", "-pedantic")
    compiler = ["cc", *STRICT] if language == "c" else ["g++", "-x", "c++", *warnings]
    for words in (
        [*compiler, "-c", "one.c"],
        [*compiler, "-c", "two.c"],
        ["g++", *warnings, "firmware.cpp", "one.o", "two.o", "-o", "program"],
    ):
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
    assert run_program(tmp_path / "program") == (0, expected_lines())


@COMPILING
def test_each_file_checks_its_known_answers(tmp_path: Path) -> None:
    for path, network in zip(both(tmp_path), (ONE, TWO), strict=True):
        code, lines = run_program(compiled("-DNMTOOL_MAIN", *SANITIZED, path, folder=tmp_path))
        assert (code, lines[0]) == (0, f"network {network.content_hash}")
        assert {line.split()[-1] for line in lines[1:]} == {"0"}


SCORES = """
#include <inttypes.h>
#include <stdio.h>
#include "one.h"

int main(void)
{
    kws_index some[] = {0, 2, 4};

    kws_reset();
    for (int i = 0; i < 60; i++) {
        kws_step(some, i % 3);
    }
    for (int i = 0; i < kws_n_classes; i++) {
        printf("%" PRId64 "\\n", kws_scores()[i]);
    }
    return 0;
}
"""


@COMPILING
@pytest.mark.parametrize("rule", RULES)
def test_scores_are_those_of_the_readout(rule: str, tmp_path: Path) -> None:
    readout = Readout("out", rule, 9 if rule == WINDOW else None)
    network = replace(random_network(2, 1, rule == FIRST_SPIKE), readout=readout)
    path = C.write(network, tmp_path / "one.c", options=COptions("kws")).path
    firmware = tmp_path / "firmware.c"
    firmware.write_text(SCORES)
    code, lines = run_program(compiled(*SANITIZED, path, firmware, folder=tmp_path))
    recording = simulate(network, raster([0, 2, 4], [i % 3 for i in range(N_STEPS)]))
    assert (code, list(map(int, lines))) == (0, scores_in_c(network, recording))
    assert len({*lines}) > 1
    assert readout.formula in path.with_suffix(".h").read_text()


# Tests that an export with a header file behaves like a single C file


@COMPILING
def test_the_program_runs_with_prefixed_names(tmp_path: Path) -> None:
    for path, network in zip(both(tmp_path), (ONE, TWO), strict=True):
        spikes = random_raster(4, 3, 50, 5)
        comparison = compare_recordings(
            simulate(network, spikes, deep=True), C(path).run(spikes, deep=True)
        )
        assert comparison.identical, comparison.first_divergence


def test_a_file_with_a_prefix_is_read_back(tmp_path: Path) -> None:
    path, _ = both(tmp_path)
    assert C(path).network.content_hash == ONE.content_hash
    assert C(path).known_answers().to_bytes() == known_answers(ONE).to_bytes()
    C(path).check_written()
    text = path.read_text()
    assert "nmtool_step(" not in text
    assert (
        max(map(len, [*text.splitlines(), *path.with_suffix(".h").read_text().splitlines()])) <= 100
    )


def test_without_a_prefix_no_header_is_written(tmp_path: Path) -> None:
    path = C.write(ONE, tmp_path / "one.c").path
    assert [file.name for file in tmp_path.iterdir()] == ["one.c"]
    for word in ('extern "C"', "_scores", "Operations"):
        assert word not in path.read_text()


def test_the_header_states_operations_and_memory(tmp_path: Path) -> None:
    answers = known_answers(ONE)
    text = both(tmp_path)[0].with_suffix(".h").read_text()
    done = count_operations(ONE, answers.spikes, answers.recording)
    added = sum(done.synapses_read)
    assert f"{added.mean():,.1f} additions" in text
    assert f"at most {added.max():,}." in text
    assert f"{sum(p.size for p in ONE.populations)} neurons are updated" in text
    assert f"{integer_footprint(ONE).parameters} bytes of parameters" in text


def test_the_header_is_checked_too(tmp_path: Path) -> None:
    first, second = both(tmp_path)
    header, own = first.with_suffix(".h"), first.with_suffix(".h").read_bytes()
    for content in (
        own + b"\n",
        own.replace(b"kws_answer", b"kws_class"),
        second.read_bytes(),
        b"",
    ):
        header.write_bytes(content)
        for take in (C.check_written, lambda artefact: artefact.run(random_raster(0, 1, 20, 5))):
            with refused(FileFormatError, "export-changed") as caught:
                take(C(first))
            assert [finding.where for finding in caught.value.findings] == [header.name]
    header.unlink()
    with refused(FileFormatError, "export-changed") as caught:
        C(first).check_written()
    assert "--prefix kws" in caught.value.fix
    assert C(first).network.content_hash == ONE.content_hash


def test_an_existing_header_is_replaced_only_with_force(tmp_path: Path) -> None:
    header = tmp_path / "one.h"
    header.write_text("dear")
    with refused(UsageError, "path-taken") as caught:
        C.write(ONE, tmp_path / "one.c", options=COptions("kws"))
    assert str(header) in caught.value.what
    assert [file.name for file in tmp_path.iterdir()] == ["one.h"]
    C.write(ONE, tmp_path / "one.c", options=COptions("kws"), force=True)
    C(tmp_path / "one.c").check_written()


@pytest.mark.parametrize("room", [0, 1])
def test_a_full_disk_leaves_both_files(
    room: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = C.write(TWO, tmp_path / "one.c", options=COptions("kws")).path
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    write, left = output.write_bytes, [room]

    def full(file: Path, content: bytes) -> None:
        left[0] -= 1
        write(file, content if left[0] >= 0 else content[: len(content) // 2])
        if left[0] < 0:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(output, "write_bytes", full)
    with refused(StorageError, "file-not-written"):
        C.write(ONE, path, options=COptions("kws"), force=True)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


# Tests of prefixes


@pytest.mark.parametrize("prefix", ["9a", "_a", "a__b", "a_", "a-b", "ä", "a b", "a\n", "a" * 41])
def test_invalid_prefixes_are_refused(prefix: str, tmp_path: Path) -> None:
    with refused(UsageError, "c-prefix"):
        C.write(ONE, tmp_path / "one.c", options=COptions(prefix))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("prefix", ["run", "neuron"])
def test_prefixes_that_would_give_two_objects_one_name(prefix: str, tmp_path: Path) -> None:
    with refused(UsageError, "c-prefix-taken") as caught:
        C.write(ONE, tmp_path / "one.c", options=COptions(prefix))
    assert f"{prefix}_step" in caught.value.what


@COMPILING
def test_the_usual_names_can_have_a_header(tmp_path: Path) -> None:
    path = C.write(ONE, tmp_path / "one.c", options=COptions("nmtool")).path
    compiled("-c", path, folder=tmp_path)
    C(path).check_written()
    assert "int nmtool_step(" in path.with_suffix(".h").read_text()


def test_a_prefix_in_the_record_is_checked(tmp_path: Path) -> None:
    for prefix in (["kws"], ""):
        with refused(UsageError, "c-prefix"):
            check_prefix(prefix)


def test_names_in_strings_stay() -> None:
    assert renamed('nmtool_a("nmtool_a \\" nmtool_a", my_nmtool_a)', "b") == (
        'b_a("nmtool_a \\" nmtool_a", my_nmtool_a)'
    )


def test_strings_are_ascii() -> None:
    assert string('a1 ??/"\n\\ü') == r'"a1 \077\077\057\042\012\134\303\274"'
