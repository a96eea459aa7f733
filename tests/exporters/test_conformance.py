"""Properties of all formats whose classes have the necessary hooks.

Other files test properties of single formats. These tests include every format in `formats.PLACES`.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import re
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from nmtool.arithmetic import Arithmetic, arithmetics
from nmtool.errors import (
    DataError,
    DoesNotFitError,
    FileFormatError,
    InputError,
    MissingError,
    StorageError,
    UsageError,
)
from nmtool.exporters import output
from nmtool.exporters.format import Format
from nmtool.exporters.formats import all_formats
from nmtool.hardware_sim.simulator import simulate
from nmtool.known_answers import KnownAnswers
from nmtool.network.float_network import Network
from nmtool.network.integer_network import IntegerNetwork
from nmtool.quantisation import quantise_network, round_network
from nmtool.targets import target_named, target_names
from nmtool.testing import registered
from nmtool.testing.networks import random_raster
from nmtool.verification.comparison import compare_recordings
from nmtool_mcu.processors import PROCESSORS
from tests.damage import damages
from tests.networks.chains import chain_network
from tests.networks.drawn import float_networks, integer_networks, seeds
from tests.networks.integers import answers_to
from tests.refusals import refused
from tests.thorough import THOROUGH, examples
from tests.tiny8.nmtool_tiny8 import TINY8

LIBRARIES = {"onnx": ["onnx", "onnxruntime"], "nir": ["nir", "h5py"], "netx": ["h5py"]}
MARKS = {
    "lava": [pytest.mark.lava],
    "netx": [pytest.mark.lava],
    "brian2-loihi": [pytest.mark.brian2_loihi],
    "fenn": [pytest.mark.fenn],
    **{name: [pytest.mark.processors] for name in PROCESSORS},
}
"""Marks of the formats that need an environment or tools of their own."""

CONSTRAINED = ("netx", "brian2-loihi", "verilog", "fenn")
"""Formats that cannot represent every integer network."""

SEALED = ("c", "onnx")
"""Formats whose files end with a digest, which detects every change."""

IN_WORDS = ("c", "lava", "onnx", "verilog", "fenn")
"""Formats whose exports state the length of a step for users."""

TEXTS = (".py", ".v", ".cpp", ".hex", "")
"""Extensions of files that are compared byte for byte: a single kind of damage is enough."""

FOLDER_TEXTS = (".c", ".h", ".lpf")
"""Such extensions in folders; these files get all four kinds of damage."""

N_CHANNELS = 5


def plain(seed: int, runs_in: Arithmetic) -> IntegerNetwork:
    """A network that every format of an arithmetic can represent: a chain without biases."""
    network = chain_network(seed, runs_in=runs_in)
    without = [replace(p, bias_mantissa=np.zeros(p.size, int)) for p in network.populations]
    return replace(network, populations=without)


NETWORKS = {name: plain(4, runs_in) for name, runs_in in arithmetics().items()}
OTHERS = {name: plain(3, runs_in) for name, runs_in in arithmetics().items()}
SPIKES = random_raster(2, 3, 40, N_CHANNELS)
ANSWERS = {name: answers_to(network, SPIKES) for name, network in NETWORKS.items()}
"""Networks and known answers by arithmetic; each format supports one arithmetic."""


def formats_that(ability: str, *, runs: bool = False) -> pytest.MarkDecorator:
    """Run a test once per format that `writes`, `runs`, `carries` or `holds_floats`."""
    chosen = [exporter for exporter in all_formats() if getattr(exporter, ability)]
    marks: dict[str, Any] = MARKS if runs else {}
    return pytest.mark.parametrize(
        "exporter", [pytest.param(f, id=f.name, marks=marks.get(f.name, [])) for f in chosen]
    )


EXPORTS = pytest.mark.parametrize(
    "exporter",
    [exporter for exporter in all_formats() if exporter.writes or exporter.runs],
    ids=lambda exporter: exporter.name,
)
"""Run a test once per format that writes or runs networks: files are also made for referees."""


def check_written(exporter: type[Format], path: Path) -> None:
    """Check the part of an export that runs; if the format does not run networks, read it."""
    if exporter.runs:
        exporter(path).check_written()
    else:
        exporter(path).read()


def has_libraries(exporter: type[Format]) -> bool:
    return all(importlib.util.find_spec(library) for library in LIBRARIES.get(exporter.name, ()))


@pytest.fixture(autouse=True)
def _libraries(request: pytest.FixtureRequest) -> None:
    if "exporter" in request.fixturenames and not has_libraries(
        request.getfixturevalue("exporter")
    ):
        pytest.skip("a library of the format is not installed")


def place(exporter: type[Format], folder: Path, name: str = "network") -> Path:
    return folder / f"{name}{next(iter(exporter.extensions), '-' + exporter.name)}"


def export(
    exporter: type[Format],
    folder: Path,
    network: IntegerNetwork | Network | None = None,
    **options: Any,
) -> Path:
    if network is None:
        network = NETWORKS[exporter.arithmetic.name]
        if exporter.carries:
            options.setdefault("answers", ANSWERS[exporter.arithmetic.name])
    return exporter.write(network, place(exporter, folder), **options).path


def contents(path: Path) -> dict[str, bytes]:
    """The content of every file in a folder, by path."""
    files = [file for file in path.rglob("*") if file.is_file()]
    return {file.relative_to(path).as_posix(): file.read_bytes() for file in files}


# Tests of writing and reading


@EXPORTS
def test_the_same_content_gives_the_same_bytes(exporter: type[Format], tmp_path: Path) -> None:
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
        path = export(exporter, folder)
        assert path == place(exporter, folder)
        assert (
            exporter(path).network.content_hash == NETWORKS[exporter.arithmetic.name].content_hash
        )
        check_written(exporter, path)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


@EXPORTS
def test_populations_not_in_alphabetical_order(exporter: type[Format], tmp_path: Path) -> None:
    network = NETWORKS[exporter.arithmetic.name]
    names = [p.name for p in network.populations]
    new_names = dict(zip(names, [f"{letter}n" for letter in "zyxwvut"], strict=False))
    network = replace(
        network,
        populations=[replace(p, name=new_names[p.name]) for p in network.populations],
        projections=[
            replace(p, source=new_names.get(p.source, p.source), target=new_names[p.target])
            for p in network.projections
        ],
        readout=replace(network.readout, population=new_names[network.readout.population]),
    )
    carried = {"answers": answers_to(network, SPIKES)} if exporter.carries else {}
    path = export(exporter, tmp_path, network, **carried)
    check_written(exporter, path)
    for answers in carried.values():
        assert exporter(path).known_answers().to_bytes() == answers.to_bytes()


@pytest.mark.parametrize(
    "exporter", [f for f in all_formats() if f.name in IN_WORDS], ids=lambda exporter: exporter.name
)
def test_the_step_is_written_with_all_digits(exporter: type[Format], tmp_path: Path) -> None:
    path = export(exporter, tmp_path, replace(NETWORKS[exporter.arithmetic.name], dt_ms=1 / 3))
    text = b"".join([path.read_bytes()] if path.is_file() else contents(path).values())
    assert b"of 0.3333333333333333 ms" in text
    assert b"0.333333 ms" not in text


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("exports")


def assert_read_back(
    exporter: type[Format], folder: Path, network: IntegerNetwork | Network, answers: KnownAnswers
) -> None:
    path = export(exporter, folder, network, answers=answers, force=True)
    restored = exporter(path).network
    assert type(restored) is type(network)
    assert restored.content_hash == network.content_hash
    assert exporter(path).known_answers().to_bytes() == answers.to_bytes()


@settings(max_examples=examples(2))
@given(network=st.sampled_from([*arithmetics().values()]).flatmap(integer_networks), seed=seeds)
def test_integers_are_read_back_or_refused(
    folder: Path, network: IntegerNetwork, seed: int
) -> None:
    """Tests all formats whose libraries are installed."""
    spikes = random_raster(seed, 2, 9, network.channels.size)
    answers = answers_to(network, spikes)
    for exporter in all_formats():
        takes = exporter.arithmetic == network.runs_in and exporter.writes and exporter.carries
        if takes and has_libraries(exporter):
            limits = (DoesNotFitError,) if exporter.name in CONSTRAINED else ()
            with contextlib.suppress(*limits):
                assert_read_back(exporter, folder, network, answers)


@formats_that("holds_floats")
def test_floats_are_read_back(exporter: type[Format], folder: Path) -> None:
    assert exporter.reference is not None
    reference = exporter.reference

    @settings(max_examples=examples(2))
    @given(network=float_networks(), seed=seeds)
    def round_trip(network: Network, seed: int) -> None:
        spikes = random_raster(seed, 2, 9, network.channels.size)
        answers = KnownAnswers(network.content_hash, spikes, reference(network, spikes))
        assert_read_back(exporter, folder, network, answers)

    round_trip()


@formats_that("carries")
def test_known_answers_are_read_back(exporter: type[Format], tmp_path: Path) -> None:
    path = export(exporter, tmp_path)
    answers = ANSWERS[exporter.arithmetic.name]
    assert exporter(path).known_answers().to_bytes() == answers.to_bytes()
    export(exporter, tmp_path, answers=replace(answers, network_hash="0" * 64), force=True)
    with refused(FileFormatError, "answers-other-network") as caught:
        exporter(path).known_answers()
    assert str(path) in caught.value.what
    export(exporter, tmp_path, answers=None, force=True)
    with refused(FileFormatError, "answers-missing") as caught:
        exporter(path).known_answers()
    assert str(path) in caught.value.what
    check_written(exporter, path)


@EXPORTS
def test_a_format_without_known_answers_refuses_them(
    exporter: type[Format], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporter, "carries", False)
    answers = ANSWERS[exporter.arithmetic.name]
    for take in (
        exporter(tmp_path).known_answers,
        lambda: export(exporter, tmp_path, answers=answers),
    ):
        with refused(UsageError, "answers-not-carried") as caught:
            take()
        assert str(tmp_path) in caught.value.what


# Tests of running


@formats_that("runs", runs=True)
def test_a_runtime_equals_the_simulator(exporter: type[Format], tmp_path: Path) -> None:
    try:
        exporter.require()
    except MissingError as error:
        pytest.skip(str(error))
    spikes = random_raster(1, 3, 70, N_CHANNELS)
    deep = exporter.records_states
    finished: list[int] = []
    artefact = exporter(export(exporter, tmp_path))
    actual = artefact.run(spikes, deep=deep, on_progress=finished.append)
    network = NETWORKS[exporter.arithmetic.name]
    expected = (exporter.reference or simulate)(network, spikes, **({"deep": True} if deep else {}))
    comparison = compare_recordings(expected, actual, tolerance=exporter.tolerance)
    assert comparison.identical, comparison.first_divergence
    assert min(raster.n_spikes for raster in expected.spikes.values()) > 0
    assert sum(finished) == spikes.n_samples


@formats_that("runs", runs=True)
def test_the_largest_decay_of_the_current(exporter: type[Format], tmp_path: Path) -> None:
    """With the largest du (in `loihi2` 4095, lava-dl's `iDecay` 4096), nothing of u remains."""
    try:
        exporter.require()
    except MissingError as error:
        pytest.skip(str(error))
    network = NETWORKS[exporter.arithmetic.name]
    without_memory = [replace(p, du=network.runs_in.max_du, dv=0) for p in network.populations]
    network = replace(network, populations=without_memory)
    spikes = random_raster(3, 3, 30, N_CHANNELS)
    simulated = simulate(network, spikes, deep=exporter.records_states)
    assert any(raster.n_spikes for raster in simulated.spikes.values())
    artefact = exporter.write(network, tmp_path / f"network{next(iter(exporter.extensions), '')}")
    check = artefact.check(spikes, simulated=simulated, deep=exporter.records_states)
    assert check.comparison.identical


@functools.cache
def relayed(arithmetic: Arithmetic) -> IntegerNetwork:
    """A network with two time constants, and delays that need relays."""
    spikes = random_raster(4, 1, 130, N_CHANNELS)
    floats = Network.layers(
        [N_CHANNELS, "7@5+6@20", 3], delays=80, n_steps=130, example_input=spikes
    )
    target = next(t for t in map(target_named, target_names()) if t.runs_in is arithmetic)
    return quantise_network(floats, spikes, relays=True, target=target).network


@formats_that("runs", runs=True)
def test_populations_that_feed_each_other_through_relays(
    exporter: type[Format], tmp_path: Path
) -> None:
    try:
        exporter.require()
    except MissingError as error:
        pytest.skip(str(error))
    spikes = random_raster(4, 1, 130, N_CHANNELS)
    network = relayed(exporter.arithmetic)
    simulated = simulate(network, spikes, deep=exporter.records_states)
    assert {"input_relay1", "hidden1_relay1"} < set(simulated.spikes)
    assert min(raster.n_spikes for raster in simulated.spikes.values()) > 0
    path = tmp_path / f"network{next(iter(exporter.extensions), '')}"
    try:
        artefact = exporter.write(network, path)
    except DoesNotFitError:
        # NetX only represents chains of layers, and this network is not a chain.
        assert exporter.name == "netx"
        return
    check = artefact.check(spikes, simulated=simulated, deep=exporter.records_states)
    assert check.comparison.identical


@formats_that("runs")
def test_input_is_checked_before_running(exporter: type[Format], tmp_path: Path) -> None:
    """The check does not need the runtime."""
    path = export(exporter, tmp_path)
    with refused(DataError, "input-channels-differ"):
        exporter(path).run(random_raster(0, 1, 10, 3))
    if not exporter.holds_floats:
        with refused(DataError, "input-steps-missing"):
            exporter(path).run(random_raster(0, 1, 0, N_CHANNELS))


# Tests that existing files are replaced only on request, and either completely or not at all


@EXPORTS
def test_an_existing_export_is_replaced_only_with_force(
    exporter: type[Format], tmp_path: Path
) -> None:
    path = export(exporter, tmp_path)
    before = contents(tmp_path)
    with refused(UsageError, "path-taken") as caught:
        export(exporter, tmp_path, OTHERS[exporter.arithmetic.name])
    assert str(path) in caught.value.what
    assert contents(tmp_path) == before
    export(exporter, tmp_path, OTHERS[exporter.arithmetic.name], force=True)
    assert exporter(path).network.content_hash == OTHERS[exporter.arithmetic.name].content_hash
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    export(exporter, tmp_path, force=True)
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    "exporter", [f for f in all_formats() if f.writes and f.is_folder], ids=lambda f: f.name
)
def test_force_deletes_no_file_of_the_user(exporter: type[Format], tmp_path: Path) -> None:
    """The user's files are in all folders of the export, and have all of its extensions."""
    path = export(exporter, tmp_path)
    (path / "build").mkdir()
    (path / "build" / "compiled").touch()
    names = {file.with_name(f"mine{file.suffix}") for file in path.rglob("*") if file.is_file()}
    own = sorted(names - {path / "build" / "mine"})
    # The message names three files, and `build/compiled` may be the first.
    for pair in (own[n : n + 2] for n in range(0, len(own), 2)):
        for file in pair:
            file.touch()
        with refused(UsageError, "path-holds-others") as caught:
            export(exporter, tmp_path, force=True)
        named = re.findall(r"[^\s,;:'\"]+", caught.value.what)
        for file in pair:
            assert file.relative_to(path).as_posix() in named
            file.unlink()


@EXPORTS
def test_missing_folders_are_made(exporter: type[Format], tmp_path: Path) -> None:
    path = export(exporter, tmp_path / "no" / "such")
    assert path == place(exporter, tmp_path / "no" / "such")
    assert exporter(path).network.content_hash == NETWORKS[exporter.arithmetic.name].content_hash


@EXPORTS
def test_an_unwritable_path_is_an_error(exporter: type[Format], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with refused(StorageError, "file-not-written") as caught:
        export(exporter, tmp_path / "file")
    assert str(tmp_path / "file") in caught.value.what
    (tmp_path / "file").unlink()
    path = place(exporter, tmp_path)
    if exporter.is_folder:
        path.write_text("precious")
    else:
        path.mkdir()
    with refused(UsageError, "path-not-export" if exporter.is_folder else "file-is-folder"):
        export(exporter, tmp_path, force=True)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@EXPORTS
def test_a_full_disk_leaves_the_earlier_export(
    exporter: type[Format], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tests several positions of the file that is only half written."""
    export(exporter, tmp_path, OTHERS[exporter.arithmetic.name])
    before, write, room = contents(tmp_path), output.write_bytes, 0

    def full(path: Path, content: bytes) -> None:
        nonlocal room
        room -= 1
        write(path, content if room >= 0 else content[: len(content) // 2])
        if room < 0:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(output, "write_bytes", full)
    files = len(before) if exporter.is_folder else 1
    for files_written in range(files) if THOROUGH else {0, files // 2, files - 1}:
        for fresh in (False, True):
            target = tmp_path / "fresh" if fresh else tmp_path
            target.mkdir(exist_ok=True)
            room = files_written
            with refused(StorageError, "file-not-written") as caught:
                export(exporter, target, force=True)
            assert str(place(exporter, target)) in caught.value.what
            assert contents(tmp_path) == before


# Tests that damaged files are refused, unless the damage changes nothing


def integers_that_run(network: IntegerNetwork) -> list[object]:
    """All integers of a network that affect a run."""
    constants = [(p.du, p.dv, p.vth, p.bias.tolist()) for p in network.populations]
    synapses = [(p.shifted_weight.tolist(), p.delay.tolist()) for p in network.projections]
    return [*constants, *synapses]


def is_noticed(exporter: type[Format], path: Path, damage: str) -> bool:
    """True if all functions refuse a damaged export; asserts that anything read is unchanged.

    If the group `/nmtool` of an HDF5 file loses its name, the file counts as foreign: it then has
    the same integers without names, or real numbers, and no known answers.
    """
    network = answers = None
    with contextlib.suppress(InputError):
        network = exporter(path).network
    if isinstance(network, IntegerNetwork):
        assert integers_that_run(network) == integers_that_run(
            NETWORKS[exporter.arithmetic.name]
        ), damage
    if exporter.carries:
        with contextlib.suppress(InputError):
            answers = exporter(path).known_answers()
        assert (
            answers is None or answers.to_bytes() == ANSWERS[exporter.arithmetic.name].to_bytes()
        ), damage
    with contextlib.suppress(InputError):
        check_written(exporter, path)
        return network is None or (answers is None and exporter.carries)
    return True


def is_refused(exporter: type[Format], path: Path, damage: str) -> bool:
    """True if the format refuses an artefact whose running part was changed."""
    with contextlib.suppress(InputError):
        check_written(exporter, path)
        return False
    return True


def is_text(exporter: type[Format], file: Path) -> bool:
    return file.suffix in TEXTS or (exporter.is_folder and file.suffix in FOLDER_TEXTS)


def changed(exporter: type[Format], file: Path) -> list[tuple[str, bytes]]:
    """Damaged versions of one file of an artefact, with descriptions."""
    whole, seed = file.read_bytes(), zlib.crc32(f"{exporter.name} {file.name}".encode())
    if is_text(exporter, file):
        return damages(whole, seed, 1 if file.suffix in TEXTS else 4)
    variants = damages(whole, seed)
    for end in range(len(whole) - 90, len(whole)) if exporter.name in SEALED else []:
        flipped = bytearray(whole)
        flipped[end] ^= 1 << end % 8
        variants += [(f"cut at {end}", whole[:end]), (f"flip at {end}", bytes(flipped))]
    return variants


@EXPORTS
def test_damage_is_refused_or_does_not_matter(exporter: type[Format], tmp_path: Path) -> None:
    """Damages each file of an export; of many files about eight, all with `THOROUGH`."""
    path = export(exporter, tmp_path)
    files = [
        file for file in sorted(tmp_path.rglob("*")) if file.is_file() and file.suffix != ".md"
    ]
    for file in files[:: 1 if THOROUGH else 1 + len(files) // 8]:
        whole, some = file.read_bytes(), changed(exporter, file)
        noticed = 0
        for damage, content in some:
            file.write_bytes(content)
            noticed += (is_refused if is_text(exporter, file) else is_noticed)(
                exporter, path, damage
            )
        file.write_bytes(whole)
        everything = exporter.name in SEALED or is_text(exporter, file)
        assert noticed == len(some) if everything else noticed >= len(some) / 2
    check_written(exporter, path)


@EXPORTS
def test_missing_and_foreign_files_are_refused(exporter: type[Format], tmp_path: Path) -> None:
    takes = [exporter.read, exporter.known_answers] if exporter.carries else [exporter.read]
    takes += [exporter.check_written] if exporter.runs else []
    for take in takes:
        with refused(FileFormatError, "file-missing"):
            take(exporter(place(exporter, tmp_path)))
    for data in (b"", b"text\n", bytes(1000), b"PK\x05\x06" + bytes(18), b"\x89HDF\r\n\x1a\n"):
        path = place(exporter, tmp_path)
        path.write_bytes(data)
        for take in takes:
            with pytest.raises(FileFormatError) as caught:
                take(exporter(path))
            assert str(path) in caught.value.what


@pytest.mark.parametrize(
    "format_", [exporter for exporter in all_formats() if exporter.writes], ids=lambda f: f.name
)
def test_another_arithmetic_is_refused(format_: type[Format], tmp_path: Path) -> None:
    """A format supports one arithmetic; networks in other arithmetics are refused."""
    with registered(TINY8), refused(DoesNotFitError, "format-does-not-fit") as caught:
        network = round_network(Network.layers([3, 4, 2]), weight_bits=5, target=TINY8).network
        format_.write(network, tmp_path / "network")
    assert [finding.code for finding in caught.value.findings] == ["format-arithmetic"]
    assert not any(tmp_path.iterdir())
