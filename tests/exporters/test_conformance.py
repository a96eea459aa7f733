"""Every format keeps the same promises, as far as the hooks of its class say it can.

What is peculiar to one format is tested beside. A new one is tested here as soon as it has a place
in `formats.PLACES`.
"""

from __future__ import annotations

import contextlib
import importlib.util
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from nmtool.arithmetic import ARITHMETICS, FENN16, LOIHI2, Arithmetic
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
from nmtool.exporters.processors import PROCESSORS
from nmtool.hardware_sim.known_answers import known_answers
from nmtool.hardware_sim.simulator import simulate
from nmtool.known_answers import KnownAnswers
from nmtool.network.float_network import Network
from nmtool.network.integer_network import IntegerNetwork
from nmtool.quantisation import quantise_network
from nmtool.targets import target_named, target_names
from nmtool.verification.comparison import compare_recordings
from tests.damage import damages
from tests.networks.chains import chain_network
from tests.networks.drawn import arithmetics, float_networks, integer_networks, seeds
from tests.networks.integers import random_raster
from tests.refusals import refused

LIBRARIES = {"onnx": ["onnx", "onnxruntime"], "nir": ["nir", "h5py"], "netx": ["h5py"]}
MARKS = {
    "lava": [pytest.mark.lava],
    "netx": [pytest.mark.lava],
    "brian2-loihi": [pytest.mark.brian2_loihi],
    "fenn": [pytest.mark.fenn],
    **{name: [pytest.mark.processors] for name in PROCESSORS},
}
"""What runs in an environment of its own."""

CONSTRAINED = ("netx", "brian2-loihi", "verilog", "fenn")
"""Formats that do not hold every network of integers."""

SEALED = ("c", "onnx")
"""Formats whose files end with a digest, so that nothing changes unnoticed."""

IN_WORDS = ("c", "lava", "onnx", "verilog", "fenn")
"""Formats that tell people how long a step is."""

TEXTS = (".py", ".v", ".cpp", ".hex", "")
"""Files of folders, compared byte for byte, so that few damages say enough."""

N_CHANNELS = 5


def plain(seed: int, runs_in: Arithmetic) -> IntegerNetwork:
    """A network that every format of an arithmetic holds: a chain with delays, without biases."""
    network = chain_network(seed, runs_in=runs_in)
    without = [replace(p, bias_mantissa=np.zeros(p.size, int)) for p in network.populations]
    return replace(network, populations=without)


NETWORKS = {name: plain(4, runs_in) for name, runs_in in ARITHMETICS.items()}
OTHERS = {name: plain(3, runs_in) for name, runs_in in ARITHMETICS.items()}
ANSWERS = {name: known_answers(network) for name, network in NETWORKS.items()}
"""By arithmetic, which a format has."""


def formats_that(ability: str, *, runs: bool = False) -> pytest.MarkDecorator:
    """Once per format that `writes`, `runs`, `carries` or `holds_floats`."""
    chosen = [one for one in all_formats() if getattr(one, ability)]
    marks: dict[str, Any] = MARKS if runs else {}
    return pytest.mark.parametrize(
        "one", [pytest.param(f, id=f.name, marks=marks.get(f.name, [])) for f in chosen]
    )


EXPORTS = pytest.mark.parametrize(
    "one",
    [one for one in all_formats() if one.writes or one.runs],
    ids=lambda one: one.name,
)
"""Referees that only run networks are handed files, too."""


def check_written(one: type[Format], path: Path) -> None:
    """Of formats that run networks: nothing else looks at what runs."""
    if one.runs:
        one(path).check_written()
    else:
        one(path).read()


def has_libraries(one: type[Format]) -> bool:
    return all(importlib.util.find_spec(library) for library in LIBRARIES.get(one.name, ()))


@pytest.fixture(autouse=True)
def _libraries(request: pytest.FixtureRequest) -> None:
    if "one" in request.fixturenames and not has_libraries(request.getfixturevalue("one")):
        pytest.skip("a library of the format is not installed")


def place(one: type[Format], folder: Path, name: str = "network") -> Path:
    return folder / f"{name}{next(iter(one.extensions), '-' + one.name)}"


def export(
    one: type[Format],
    folder: Path,
    network: IntegerNetwork | Network | None = None,
    **options: Any,
) -> Path:
    if network is None:
        network = NETWORKS[one.arithmetic.name]
        if one.carries:
            options.setdefault("answers", ANSWERS[one.arithmetic.name])
    return one.write(network, place(one, folder), **options).path


def contents(path: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    files = [file for file in path.rglob("*") if file.is_file()]
    return {file.relative_to(path).as_posix(): file.read_bytes() for file in files}


# What was written comes back.


@EXPORTS
def test_the_same_content_gives_the_same_bytes(one: type[Format], tmp_path: Path) -> None:
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
        path = export(one, folder)
        assert path == place(one, folder)
        assert one(path).network.content_hash == NETWORKS[one.arithmetic.name].content_hash
        check_written(one, path)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


@EXPORTS
def test_populations_that_are_in_no_alphabetical_order(one: type[Format], tmp_path: Path) -> None:
    network = NETWORKS[one.arithmetic.name]
    names = [p.name for p in network.populations]
    other = dict(zip(names, [f"{letter}n" for letter in "zyxwvut"], strict=False))
    network = replace(
        network,
        populations=[replace(p, name=other[p.name]) for p in network.populations],
        projections=[
            replace(p, source=other.get(p.source, p.source), target=other[p.target])
            for p in network.projections
        ],
        readout=replace(network.readout, population=other[network.readout.population]),
    )
    carried = {"answers": known_answers(network)} if one.carries else {}
    path = export(one, tmp_path, network, **carried)
    check_written(one, path)
    for answers in carried.values():
        assert one(path).known_answers().to_bytes() == answers.to_bytes()


@pytest.mark.parametrize(
    "one", [f for f in all_formats() if f.name in IN_WORDS], ids=lambda one: one.name
)
def test_the_step_is_told_with_all_of_its_digits(one: type[Format], tmp_path: Path) -> None:
    path = export(one, tmp_path, replace(NETWORKS[one.arithmetic.name], dt_ms=1 / 3))
    text = b"".join([path.read_bytes()] if path.is_file() else contents(path).values())
    assert b"of 0.3333333333333333 ms" in text
    assert b"0.333333 ms" not in text


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("exports")


def assert_comes_back(
    one: type[Format], folder: Path, network: IntegerNetwork | Network, answers: KnownAnswers
) -> None:
    path = export(one, folder, network, answers=answers, force=True)
    found = one(path).network
    assert type(found) is type(network)
    assert found.content_hash == network.content_hash
    assert one(path).known_answers().to_bytes() == answers.to_bytes()


@settings(max_examples=60)
@given(network=arithmetics.flatmap(integer_networks), seed=seeds)
def test_integers_come_back_or_are_refused(
    folder: Path, network: IntegerNetwork, seed: int
) -> None:
    """In all formats in turn, whose libraries are here."""
    spikes = random_raster(seed, 2, 9, network.channels.size)
    recording = simulate(network, spikes, deep=True)
    answers = KnownAnswers(network.content_hash, spikes, recording, network.decay_factors())
    for one in all_formats():
        takes = one.arithmetic == network.runs_in and one.writes and one.carries
        if takes and has_libraries(one):
            limits = (DoesNotFitError,) if one.name in CONSTRAINED else ()
            with contextlib.suppress(*limits):
                assert_comes_back(one, folder, network, answers)


@formats_that("holds_floats")
def test_floats_come_back(one: type[Format], folder: Path) -> None:
    assert one.reference is not None
    reference = one.reference

    @settings(max_examples=60)
    @given(network=float_networks(), seed=seeds)
    def round_trip(network: Network, seed: int) -> None:
        spikes = random_raster(seed, 2, 9, network.channels.size)
        answers = KnownAnswers(network.content_hash, spikes, reference(network, spikes))
        assert_comes_back(one, folder, network, answers)

    round_trip()


@formats_that("carries")
def test_known_answers(one: type[Format], tmp_path: Path) -> None:
    path = export(one, tmp_path)
    answers = ANSWERS[one.arithmetic.name]
    assert one(path).known_answers().to_bytes() == answers.to_bytes()
    export(one, tmp_path, answers=replace(answers, network_hash="0" * 64), force=True)
    with refused(FileFormatError, "answers-other-network") as caught:
        one(path).known_answers()
    assert str(path) in caught.value.what
    export(one, tmp_path, answers=None, force=True)
    with refused(FileFormatError, "answers-missing") as caught:
        one(path).known_answers()
    assert str(path) in caught.value.what
    check_written(one, path)


@EXPORTS
def test_a_format_without_a_place_for_answers(
    one: type[Format], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(one, "carries", False)
    answers = ANSWERS[one.arithmetic.name]
    for take in (one(tmp_path).known_answers, lambda: export(one, tmp_path, answers=answers)):
        with refused(UsageError, "answers-not-carried") as caught:
            take()
        assert str(tmp_path) in caught.value.what


# It does what the network does.


@formats_that("runs", runs=True)
def test_it_runs_as_the_simulator_does(one: type[Format], tmp_path: Path) -> None:
    try:
        one.require()
    except MissingError as error:
        pytest.skip(str(error))
    spikes = random_raster(1, 3, 70, N_CHANNELS)
    deep = one.records_states
    finished: list[int] = []
    artefact = one(export(one, tmp_path))
    actual = artefact.run(spikes, deep=deep, on_progress=finished.append)
    network = NETWORKS[one.arithmetic.name]
    expected = (one.reference or simulate)(network, spikes, **({"deep": True} if deep else {}))
    found = compare_recordings(expected, actual, tolerance=one.tolerance)
    assert found.identical, found.first_divergence
    assert min(raster.n_spikes for raster in expected.spikes.values()) > 0
    assert sum(finished) == spikes.n_samples


@formats_that("runs", runs=True)
def test_currents_without_memory(one: type[Format], tmp_path: Path) -> None:
    """The largest du, in `loihi2` 4095 (lava-dl's `iDecay` 4096): a step keeps nothing of u."""
    try:
        one.require()
    except MissingError as error:
        pytest.skip(str(error))
    network = NETWORKS[one.arithmetic.name]
    forgetful = [replace(p, du=network.runs_in.max_du, dv=0) for p in network.populations]
    network = replace(network, populations=forgetful)
    spikes = random_raster(3, 3, 30, N_CHANNELS)
    simulated = simulate(network, spikes, deep=one.records_states)
    assert any(raster.n_spikes for raster in simulated.spikes.values())
    artefact = one.write(network, tmp_path / f"network{next(iter(one.extensions), '')}")
    check = artefact.check(spikes, simulated=simulated, deep=one.records_states)
    assert check.comparison.identical


@formats_that("runs", runs=True)
def test_populations_that_feed_each_other_through_relays(one: type[Format], tmp_path: Path) -> None:
    """Two time constants side by side, and delays that only relays reach."""
    try:
        one.require()
    except MissingError as error:
        pytest.skip(str(error))
    spikes = random_raster(3, 3, 90, N_CHANNELS)
    floats = Network.layers([N_CHANNELS, "7@5+6@20", 3], delays=80, n_steps=90, heard=spikes)
    target = next(t for t in map(target_named, target_names()) if t.runs_in is one.arithmetic)
    network = quantise_network(floats, spikes, relays=True, target=target).network
    simulated = simulate(network, spikes, deep=one.records_states)
    assert {"input_relay1", "hidden1_relay1"} < set(simulated.spikes)
    assert min(raster.n_spikes for raster in simulated.spikes.values()) > 0
    path = tmp_path / f"network{next(iter(one.extensions), '')}"
    try:
        artefact = one.write(network, path)
    except DoesNotFitError:
        assert one.name == "netx"  # a chain, which this is not
        return
    check = artefact.check(spikes, simulated=simulated, deep=one.records_states)
    assert check.comparison.identical


@formats_that("runs")
def test_its_input_is_checked_first(one: type[Format], tmp_path: Path) -> None:
    """Before a runtime is asked for."""
    path = export(one, tmp_path)
    with refused(DataError, "input-channels-differ"):
        one(path).run(random_raster(0, 1, 10, 3))
    if not one.holds_floats:
        with refused(DataError, "input-steps-missing"):
            one(path).run(random_raster(0, 1, 0, N_CHANNELS))


# What is there is replaced when asked for, whole or not at all.


@EXPORTS
def test_what_exists_is_kept_or_replaced(one: type[Format], tmp_path: Path) -> None:
    path = export(one, tmp_path)
    before = contents(tmp_path)
    with refused(UsageError, "path-taken") as caught:
        export(one, tmp_path, OTHERS[one.arithmetic.name])
    assert str(path) in caught.value.what
    assert contents(tmp_path) == before
    export(one, tmp_path, OTHERS[one.arithmetic.name], force=True)
    assert one(path).network.content_hash == OTHERS[one.arithmetic.name].content_hash
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    export(one, tmp_path, force=True)
    assert contents(tmp_path) == before


@EXPORTS
def test_missing_folders_are_made(one: type[Format], tmp_path: Path) -> None:
    path = export(one, tmp_path / "no" / "such")
    assert path == place(one, tmp_path / "no" / "such")
    assert one(path).network.content_hash == NETWORKS[one.arithmetic.name].content_hash


@EXPORTS
def test_a_place_that_cannot_be_written(one: type[Format], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with refused(StorageError, "file-not-written") as caught:
        export(one, tmp_path / "file")
    assert str(tmp_path / "file") in caught.value.what
    (tmp_path / "file").unlink()
    path = place(one, tmp_path)
    if one.is_folder:
        path.write_text("precious")
    else:
        path.mkdir()
    with refused(UsageError, "path-not-export" if one.is_folder else "file-is-folder"):
        export(one, tmp_path, force=True)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@EXPORTS
def test_a_full_disk_leaves_what_was_there(
    one: type[Format], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever of its files the disk has no room for, a half of which is written."""
    export(one, tmp_path, OTHERS[one.arithmetic.name])
    before, write, room = contents(tmp_path), output.write_bytes, 0

    def full(path: Path, content: bytes) -> None:
        nonlocal room
        room -= 1
        write(path, content if room >= 0 else content[: len(content) // 2])
        if room < 0:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(output, "write_bytes", full)
    files = len(before) if one.is_folder else 1
    for files_written in range(files):
        for fresh in (False, True):
            target = tmp_path / "fresh" if fresh else tmp_path
            target.mkdir(exist_ok=True)
            room = files_written
            with refused(StorageError, "file-not-written") as caught:
                export(one, target, force=True)
            assert str(place(one, target)) in caught.value.what
            assert contents(tmp_path) == before


# Damage is refused, or changes nothing.


def integers_that_run(network: IntegerNetwork) -> list[object]:
    """All integers of a network, without names."""
    constants = [(p.du, p.dv, p.vth, p.bias.tolist()) for p in network.populations]
    synapses = [(p.shifted_weight.tolist(), p.delay.tolist()) for p in network.projections]
    return [*constants, *synapses]


def is_noticed(one: type[Format], path: Path, what: str) -> bool:
    """Whether anything that takes an artefact refuses it; what is taken must be as it was.

    An HDF5 file whose group `/nmtool` has lost its name is one of others: the same integers
    without names, or real numbers, and without answers.
    """
    found = answers = None
    with contextlib.suppress(InputError):
        found = one(path).network
    if isinstance(found, IntegerNetwork):
        assert integers_that_run(found) == integers_that_run(NETWORKS[one.arithmetic.name]), what
    if one.carries:
        with contextlib.suppress(InputError):
            answers = one(path).known_answers()
        assert answers is None or answers.to_bytes() == ANSWERS[one.arithmetic.name].to_bytes(), (
            what
        )
    with contextlib.suppress(InputError):
        check_written(one, path)
        return found is None or (answers is None and one.carries)
    return True


def is_refused(one: type[Format], path: Path, what: str) -> bool:
    """True if the format refuses an artefact whose running part was changed."""
    with contextlib.suppress(InputError):
        check_written(one, path)
        return False
    return True


def changed(one: type[Format], file: Path) -> list[tuple[str, bytes]]:
    """Damages of one file of an artefact, and what was done."""
    whole, seed = file.read_bytes(), zlib.crc32(f"{one.name} {file.name}".encode())
    if file.suffix in TEXTS:
        return damages(whole, seed, 1)
    found = damages(whole, seed)
    for end in range(len(whole) - 90, len(whole)) if one.name in SEALED else []:
        flipped = bytearray(whole)
        flipped[end] ^= 1 << end % 8
        found += [(f"cut at {end}", whole[:end]), (f"flip at {end}", bytes(flipped))]
    return found


@EXPORTS
def test_damage_is_refused_or_does_not_matter(one: type[Format], tmp_path: Path) -> None:
    """In every file of an artefact but those for people."""
    path = export(one, tmp_path)
    for file in [file for file in sorted(tmp_path.rglob("*")) if file.is_file()]:
        if file.suffix == ".md":
            continue
        whole, some = file.read_bytes(), changed(one, file)
        noticed = 0
        for what, content in some:
            file.write_bytes(content)
            noticed += (is_refused if file.suffix in TEXTS else is_noticed)(one, path, what)
        file.write_bytes(whole)
        everything = one.name in SEALED or file.suffix in TEXTS
        assert noticed == len(some) if everything else noticed >= len(some) / 2
    check_written(one, path)


@EXPORTS
def test_what_is_not_there_and_what_is_foreign(one: type[Format], tmp_path: Path) -> None:
    takes = [one.read, one.known_answers] if one.carries else [one.read]
    takes += [one.check_written] if one.runs else []
    for take in takes:
        with refused(FileFormatError, "file-missing"):
            take(one(place(one, tmp_path)))
    for data in (b"", b"text\n", bytes(1000), b"PK\x05\x06" + bytes(18), b"\x89HDF\r\n\x1a\n"):
        path = place(one, tmp_path)
        path.write_bytes(data)
        for take in takes:
            with pytest.raises(FileFormatError) as caught:
                take(one(path))
            assert str(path) in caught.value.what


@pytest.mark.parametrize(
    "format_", [one for one in all_formats() if one.writes], ids=lambda f: f.name
)
def test_another_arithmetic_is_refused(format_: type[Format], tmp_path: Path) -> None:
    """A format carries one arithmetic; networks in any other are refused, whatever they hold."""
    other = FENN16 if format_.arithmetic != FENN16 else LOIHI2
    network = quantise_network(Network.layers([3, 4, 2]), target=other).network
    with refused(DoesNotFitError, "format-does-not-fit") as caught:
        format_.write(network, tmp_path / "network")
    assert [finding.code for finding in caught.value.findings] == ["format-arithmetic"]
    assert not any(tmp_path.iterdir())
