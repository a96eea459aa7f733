"""The firmware folder: its output, linked functions, and several networks in one program."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import nmtool as nm
from nmtool.errors import UsageError
from nmtool.exporters.c.format import C, COptions
from nmtool.hardware_sim.simulator import simulate
from nmtool.network.integer_network import IntegerNetwork
from nmtool.raster import Raster
from nmtool.testing.networks import random_input, random_network
from nmtool.verification.comparison import compare_recordings
from nmtool_mcu.firmware.format import Firmware
from nmtool_mcu.processors import Processor
from plugins.mcu.tests.fake_processors import on_processors
from tests.exporters.c_programs import SANITIZED, STRICT
from tests.networks.drawn import integer_networks, seeds
from tests.refusals import refused
from tests.thorough import examples

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")

LINKED_BY_HOST = {"open", "read", "write", "_exit", "strcmp", "strcpy", "strlen", "memset"}
"""Functions of the C library that the folder's code may use on this computer."""

HEAP = {"malloc", "calloc", "realloc", "free", "sbrk", "_sbrk", "_malloc_r"}
_FLOAT = ("__aeabi_f", "__aeabi_d", "__aeabi_i2", "__aeabi_ui2", "__aeabi_l2", "__aeabi_ul2")
_FLOAT_ENDINGS = (
    "sf3",
    "df3",
    "sf2",
    "df2",
    "sfsi",
    "dfsi",
    "sidf",
    "sisf",
    "sfdi",
    "dfdi",
    "didf",
)


def written(network: IntegerNetwork, folder: Path, prefix: str = "") -> Path:
    options = COptions(prefix) if prefix else None
    return Firmware.write(network, folder, options=options, force=True).path


def built(folder: Path, *words: str) -> Path:
    """Compile the folder's program for this computer, without warnings."""
    sources = [str(path) for path in sorted(folder.glob("*.c"))]
    command = ["cc", *STRICT, *words, "-I", str(folder), *sources, "-o", str(folder / "program")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return folder / "program"


@pytest.fixture(scope="module")
def sanitized(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program of a small network, which stops at undefined behaviour."""
    folder = tmp_path_factory.mktemp("sanitized") / "firmware"
    return built(written(random_network(4, 1, False), folder), *SANITIZED)


@pytest.fixture(scope="module")
def stepping(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program that prints the step to which a folder's program counts a time, with dt = 0.1."""
    folder = written(random_network(4, 1, False), tmp_path_factory.mktemp("steps") / "firmware")
    text = (folder / "main.c").read_text()
    driver = text[: text.index("int main(")].replace("static uint64_t number", "uint64_t number")
    (folder / "main.c").write_text(driver + _STEPPING)
    sources = [str(path) for path in folder.glob("*.c")]
    subprocess.run(["cc", "-std=c99", *sources, "-o", str(folder / "number")], check=True)
    return folder / "number"


_STEPPING = """
int main(int argc, char **argv)
{
    (void)argc;
    print_number((long)(number(argv[1], UINT64_C(1000000000), "") / UINT64_C(100000000)));
    print("\\n");
    return 0;
}
"""


def printed(*words: str | Path) -> tuple[int, str]:
    done = subprocess.run([*map(str, words)], capture_output=True, text=True)
    return done.returncode, done.stdout


# Tests of spikes and classes


@settings(max_examples=examples(0.2))
@given(
    network=integer_networks(properties=Firmware.expresses), seed=seeds, n_steps=st.integers(1, 60)
)
def test_the_firmware_equals_the_simulator(
    tmp_path_factory: pytest.TempPathFactory, network: IntegerNetwork, seed: int, n_steps: int
) -> None:
    path = written(network, tmp_path_factory.mktemp("firmware") / "firmware")
    spikes = random_input(network, seed, 2, n_steps)
    comparison = compare_recordings(
        simulate(network, spikes, deep=True), Firmware(path).run(spikes, deep=True)
    )
    assert comparison.identical, comparison.first_divergence


@pytest.mark.parametrize(("spiking_output", "most_spikes"), [(False, 1), (True, 1), (False, 2)])
def test_firmware_prints_the_same_as_the_check_program(
    spiking_output: bool, most_spikes: int, tmp_path: Path
) -> None:
    network = random_network(4, 2, spiking_output)
    network = replace(network, channels=replace(network.channels, most_spikes=most_spikes))
    random = np.random.default_rng(1)
    times = [np.sort(random.uniform(0, network.n_steps + 2, n)).tolist() for n in (40, 0, 90)]
    units = [random.integers(0, network.channels.size, len(sample)).tolist() for sample in times]
    names = network.class_names
    events = nm.SpikeEvents.from_lists(times, units, [0, 1, 2], class_names=names)
    assert network.bin(events).raster.most_spikes == most_spikes
    nm.write_dataset(events, tmp_path / "events.csv")
    single = C.write(network, tmp_path / "single.c").path
    check = tmp_path / "check"
    subprocess.run(["cc", *STRICT, "-DNMTOOL_MAIN", single, "-o", check], check=True)
    program = built(written(network, tmp_path / "firmware", "kws"), *SANITIZED)
    expected = printed(check, tmp_path / "events.csv")
    assert expected[0] == 0
    assert expected[1].count("sample ") == 3
    assert printed(program, tmp_path / "events.csv") == expected


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("a,9,1", "unit has to be a whole number from 0 to 4"),
        ("a,1.5,1", "unit has to be a whole number"),
        ("a,1,-1", "time_ms has to be a decimal number from 0 on"),
        ("a,1,1e3", "time_ms has to be a decimal number from 0 on"),
        ("a,1,", "time_ms has to be a decimal number from 0 on"),
        ("a,1,5000000000", "time_ms has to be a decimal number from 0 on"),
        (",1,5", "there is no sample"),
        ("a,1,9\na,1,2", "the times of a sample have to ascend"),
        ("a" * 300 + ",1,9", "a cell is too long"),
    ],
)
def test_invalid_tables_are_refused(row: str, why: str, sanitized: Path, tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_text(f"sample,unit,time_ms\n{row}\n")
    line = 2 + row.count("\n")
    assert printed(sanitized, tmp_path / "events.csv") == (2, f"line {line}: {why}\n")


@pytest.mark.parametrize(
    ("time", "step"),
    [
        ("0.3", 3),
        ("0.29999999999", 3),
        ("0.2999999", 2),
        ("0.1", 1),
        ("7", 70),
        ("0.30000000004", 3),
    ],
)
def test_a_time_belongs_to_the_step_that_binning_gives_it(
    time: str, step: int, stepping: Path
) -> None:
    events = nm.SpikeEvents.from_lists([[float(time)]], [[0]], [0])
    assert nm.bin_events(events, 0.1, 100).raster.step.tolist() == [step]
    assert printed(stepping, time) == (0, f"{step}\n")


# Tests of several networks and several streams

_TWO = """\
#include <stdio.h>
#include "first.h"
#include "other.h"

static struct first_state first[2];
static struct other_state other;

int main(void)
{
    first_reset(&first[0]);
    first_reset(&first[1]);
    other_reset(&other);
    for (int n = 0; n < %d; n++) {
        first_index channels[] = {(first_index)(n %% 5), (first_index)((n + 2) %% 5)};
        other_index channel = (other_index)(n %% 3);
        first_step(&first[0], channels, 2);
        other_step(&other, &channel, 1);
        first_step(&first[1], channels, 1);
    }
    for (int k = 0; k < 2; k++) {
        for (int i = 0; i < first_n_classes; i++) {
            printf("%%ld\\n", (long)first[k].membrane_out[i]);
        }
    }
    for (int i = 0; i < other_n_classes; i++) {
        printf("%%ld\\n", (long)other.membrane_out[i]);
    }
    return 0;
}
"""


def test_two_networks_and_two_streams_share_a_firmware(tmp_path: Path) -> None:
    first, other = random_network(4, 2, False), random_network(3, 1, False)
    steps = 60
    for network, prefix in ((first, "first"), (other, "other")):
        folder = written(network, tmp_path / prefix, prefix)
        for name in (f"{prefix}.c", f"{prefix}.h"):
            shutil.copy(folder / name, tmp_path)
    (tmp_path / "main.c").write_text(_TWO % steps)
    code, out = printed(built(tmp_path, *SANITIZED))
    dense = np.zeros((3, steps, 5), bool)
    for n in range(steps):
        dense[0, n, [n % 5, (n + 2) % 5]] = dense[1, n, n % 5] = dense[2, n, n % 3] = True
    answers = [
        simulate(network, Raster.from_dense(dense[k : k + 1])).membrane["out"][0, -1]
        for network, k in ((first, 0), (first, 1), (other, 2))
    ]
    assert code == 0
    assert [int(word) for word in out.split()] == np.concatenate(answers).tolist()


# Tests of the functions and variables that are linked


@settings(max_examples=examples(0.1))
@given(network=integer_networks(properties=Firmware.expresses))
def test_the_code_has_no_state_and_no_heap(
    tmp_path_factory: pytest.TempPathFactory, network: IntegerNetwork
) -> None:
    folder = written(network, tmp_path_factory.mktemp("firmware") / "firmware")
    for name in ("network", "main"):
        source, compiled = folder / f"{name}.c", folder / f"{name}.o"
        subprocess.run(["cc", *STRICT, "-c", source, "-o", compiled], check=True)
        done = subprocess.run(["nm", compiled], capture_output=True, text=True, check=True)
        symbols = [line.split()[-2:] for line in done.stdout.splitlines()]
        undefined = {symbol for kind, symbol in symbols if kind == "U"}
        ours = {symbol for symbol in undefined if symbol.startswith(("network_", "_GLOBAL"))}
        assert undefined - ours <= LINKED_BY_HOST
        if name == "network":
            kinds = {kind for kind, _ in symbols}
            assert not kinds & {"b", "B", "C"}
            assert [symbol for kind, symbol in symbols if kind in "dD"] in (
                [],
                ["network_class_names"],
            )


@on_processors
@pytest.mark.parametrize("name", ["yinyang", "digits"])
def test_a_processor_classifies_a_table_without_heap_or_soft_float(
    real: Processor, name: str, tmp_path: Path
) -> None:
    network = nm.load(f"zoo:{name}")
    assert isinstance(network, IntegerNetwork)
    folder = written(network, tmp_path / "firmware")
    data = nm.load_dataset(name).test[:10]
    nm.write_dataset(data, folder / "events.csv")
    make = ["make", "-s", "-C", str(folder)]
    expected = printed(*make, "run")
    assert expected[0] == 0
    assert expected[1].count("sample ") == 10
    assert printed(*make, f"run-{real.name}") == expected
    program = real.compiler.removesuffix("gcc") + "nm"
    elf = folder / "build" / f"{real.name}.elf"
    done = subprocess.run([program, elf], capture_output=True, text=True, check=True)
    symbols = {line.split()[-1] for line in done.stdout.splitlines()}
    assert "network_step" in symbols
    assert not symbols & HEAP
    assert [
        symbol for symbol in symbols if symbol.startswith(_FLOAT) or symbol.endswith(_FLOAT_ENDINGS)
    ] == []


# Tests of the folder


def test_files_have_the_prefix_and_an_export_with_another_replaces_them(tmp_path: Path) -> None:
    network = random_network(4, 1, False)
    folder = written(network, tmp_path / "firmware")
    (folder / "build").mkdir()
    (folder / "build" / "host").write_bytes(b"")
    assert {path.name for path in folder.glob("*.[ch]")} == {"network.c", "network.h", "main.c"}
    written(network, folder, "kws")
    assert {path.name for path in folder.glob("*.[ch]")} == {"kws.c", "kws.h", "main.c"}
    assert Firmware(folder).network == network
    Firmware(folder).check_written()
    (folder / Firmware.marker).write_text("damaged")
    written(network, folder, "kws")
    Firmware(folder).check_written()
    with refused(UsageError, "c-prefix"):
        written(network, folder, "no prefix")
    with refused(UsageError, "firmware-prefix-main"):
        written(network, folder, "main")
