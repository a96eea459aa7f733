"""Check programs in C that classify a file of events, and the names of classes in every file."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from nmtool import SpikeEvents
from nmtool.data.incoming import write_dataset
from nmtool.exporters.c.format import C, COptions
from nmtool.exporters.c.text import string
from nmtool.hardware_sim.simulator import simulate
from nmtool.network.graph import InputChannels
from nmtool.network.integer_network import IntegerNetwork
from nmtool.testing.networks import random_network
from tests.exporters.c_programs import SANITIZED, compiled, run_program
from tests.thorough import examples

COMPILING = pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")

NAMES = ('say "no", %d', "näher?", "two\nlines \\", "*/ 3")
GROUP = 3
STEPS, DT_MS = 40, 0.3
"""With this step, time/dt may lie just below a whole number, as 0.9/0.3 does."""


def grouped_network(names: tuple[str, ...] = NAMES, most_spikes: int = 1) -> IntegerNetwork:
    network = random_network(3, 1, False)
    channels = InputChannels(network.channels.size, GROUP, most_spikes)
    return replace(network, channels=channels, class_names=names, n_steps=STEPS, dt_ms=DT_MS)


def classified(program: Path, table: Path | str) -> tuple[int, str, str]:
    done = subprocess.run([program, table], capture_output=True, text=True, encoding="utf-8")
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Check programs by the number of spikes that a channel can carry in a step."""
    made = {}
    for most in (1, 2):
        folder = tmp_path_factory.mktemp("c")
        path = C.write(grouped_network(most_spikes=most), folder / "network.c").path
        made[most] = compiled("-DNMTOOL_MAIN", *SANITIZED, path, folder=folder)
    return made


@pytest.fixture(scope="module")
def program(programs: dict[int, Path]) -> Path:
    return programs[1]


# The times include boundaries of steps, times between boundaries, and times after the last step.
times = st.one_of(
    st.integers(0, STEPS + 3).map(lambda step: step * DT_MS),
    st.floats(0, (STEPS + 3) * DT_MS, allow_subnormal=False),
)
samples = st.lists(st.tuples(times, st.integers(0, 5 * GROUP - 1)), max_size=60).map(sorted)


@COMPILING
@settings(max_examples=examples(1.5))
@given(
    drawn=st.lists(st.tuples(samples, st.integers(0, 3)), min_size=1, max_size=4),
    most=st.sampled_from([1, 2]),
)
def test_classes_are_those_of_the_simulator(
    programs: dict[int, Path], drawn: list[tuple[list[tuple[float, int]], int]], most: int
) -> None:
    program, network = programs[most], grouped_network(most_spikes=most)
    events = SpikeEvents(
        [time for events, _ in drawn for time, _ in events],
        [unit for events, _ in drawn for _, unit in events],
        np.cumsum([0, *(len(events) for events, _ in drawn)]),
        [label for _, label in drawn],
        n_units=5 * GROUP,
        class_names=NAMES,
    )
    binned = network.bin(events)
    classes = simulate(network, binned.raster).predictions
    table = program.with_name("events.csv")
    write_dataset(events, table, force=True)
    code, out, err = classified(program, table)
    lines = [
        f'sample {i}: class {answer} "{NAMES[answer]}", label "{NAMES[label]}"\n'
        for i, (answer, label) in enumerate(zip(classes, events.label, strict=True))
    ]
    lines.append(f"as labelled {(classes == events.label).sum()} of {len(drawn)}\n")
    lines += [f"events after the last step {binned.dropped}\n"] * (binned.dropped > 0)
    assert (code, out, err) == (0, "".join(lines), "")


@COMPILING
@pytest.mark.parametrize(
    "table",
    [
        "sample,unit,time_ms\nx,3,0.5\nx,4,1\nsilent,,\n",
        "time_ms,speaker,unit,sample\r\n0.5,ann,3.0,x\r\n1e0,,4,x\r\n\r\n,,,silent",
        '"sample","unit","time_ms"\n"x","3","0.5"\n"x","4","1"\n"silent",,\n\n',
    ],
)
def test_columns_in_any_order_and_no_labels(table: str, program: Path, tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_bytes(table.encode())
    network = grouped_network()
    events = SpikeEvents.from_lists([[0.5, 1.0], []], [[3, 4], []], [0, 0], n_units=5 * GROUP)
    first, second = simulate(network, network.bin(events).raster).predictions
    lines = f'sample x: class {first} "{NAMES[first]}"\nsample silent: class {second} '
    code, out, err = classified(program, path)
    assert (code, err) == (0, "")
    assert out == f'{lines}"{NAMES[second]}"\n'


@COMPILING
@pytest.mark.parametrize(
    ("table", "line"),
    [
        ("", 1),
        ("sample,label,unit\n0,a,1\n", 1),
        ("sample;unit;time_ms\n0;1;2\n", 1),
        ("sample,unit,time_ms\n0,15,1\n", 2),
        ("sample,unit,time_ms\n0,-1,1\n", 2),
        ("sample,unit,time_ms\n0,1.5,1\n", 2),
        ("sample,unit,time_ms\n0,,1\n", 2),
        ("sample,unit,time_ms\n0,1,1\n0,1,nan\n", 3),
        ("sample,unit,time_ms\n0,1,1\n0,1,1x\n", 3),
        ("sample,unit,time_ms\n0,1,-1\n", 2),
        ("sample,unit,time_ms\n0,1,5\n\n0,2,1\n", 4),
        ('sample,label,unit,time_ms\n0,"two\nlines",1,5\n,a,2,1\n', 4),
        (f"sample,unit,time_ms\n{'x' * 300},2,1\n", 2),
        ("sample,unit,time_ms\na,1,1\nb,1,1\na,1,2\n", 4),
        ("sample,unit,time_ms\n" + "".join(f"{i},1,1\n" for i in range(200)) + "7,1,2\n", 202),
    ],
)
def test_invalid_tables_are_refused(table: str, line: int, program: Path, tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_text(table)
    code, _, err = classified(program, path)
    assert (code, err.startswith(f"{path}, line {line}: ")) == (2, True), err


@COMPILING
def test_a_missing_file_is_refused(program: Path, tmp_path: Path) -> None:
    code, out, err = classified(program, tmp_path / "none.csv")
    assert (code, out) == (2, "")
    assert str(tmp_path / "none.csv") in err


@COMPILING
def test_long_class_names_fit(tmp_path: Path) -> None:
    network = grouped_network(("ä" * 300, "b", "c", "d"))
    path = C.write(network, tmp_path / "network.c", options=COptions("kws")).path
    program = compiled("-DNMTOOL_MAIN", *SANITIZED, path, folder=tmp_path)
    events = SpikeEvents.from_lists([[]], [[]], [0], n_units=15, class_names=network.class_names)
    write_dataset(events, tmp_path / "events.csv")
    code, out, err = classified(program, tmp_path / "events.csv")
    assert (code, err, out.count("ä" * 300)) == (0, "", 1 + out.startswith("sample 0: class 0"))


@COMPILING
def test_without_answers_it_classifies_and_checks_nothing(tmp_path: Path) -> None:
    path = C.write(grouped_network(), tmp_path / "network.c").path
    program = compiled("-DNMTOOL_MAIN", *SANITIZED, path, folder=tmp_path)
    done = subprocess.run([program], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    (tmp_path / "events.csv").write_text("sample,unit,time_ms\n")
    assert classified(program, tmp_path / "events.csv") == (0, "", "")


@COMPILING
@pytest.mark.parametrize("prefix", ["", "kws"])
def test_a_firmware_has_the_class_names(prefix: str, tmp_path: Path) -> None:
    options = COptions(prefix) if prefix else None
    path = C.write(grouped_network(), tmp_path / "network.c", options=options).path
    compiled("-c", path, folder=tmp_path)
    main = "#include <stdio.h>\nint main(void) { for (int i = 0; i < 4; i++) puts(N[i]); }\n"
    main = main.replace("N[", f"{prefix or 'nmtool'}_class_names[")
    declared = f"extern const char *const {prefix or 'nmtool'}_class_names[4];\n"
    assert declared in path.read_text()
    (tmp_path / "main.c").write_text(declared + main)
    code, lines = run_program(compiled(path, tmp_path / "main.c", folder=tmp_path))
    assert (code, lines) == (0, "\n".join(NAMES).split("\n"))


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_string_in_c_is_its_text(text: str) -> None:
    """It is decoded as in C: octal escapes of three digits, all other characters as they are."""
    written = string(text)
    assert written.isascii()
    body = written[1:-1]
    assert (written[0], written[-1]) == ('"', '"')
    parts = body.split("\\")
    octal = b"".join(bytes([int(part[:3], 8)]) + part[3:].encode() for part in parts[1:])
    assert (parts[0].encode() + octal).decode() == text
    assert not set(body) & set('"?\n')
