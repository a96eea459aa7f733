"""Every change of any file of a Verilog folder is detected."""

from __future__ import annotations

import contextlib
import zlib
from pathlib import Path

import pytest

from nmtool.errors import FileFormatError, InputError
from nmtool.exporters.data_folder import ANSWERS as ANSWERS_FILE
from nmtool.hardware_sim.known_answers import known_answers
from nmtool.testing.damage import damages
from nmtool.testing.networks import answers_to, random_raster
from nmtool_fpga.verilog.format import Verilog
from tests.networks.chains import chain_network
from tests.refusals import codes, refused
from tests.thorough import ROUNDS, THOROUGH

NETWORK, OTHER = chain_network(4), chain_network(3)
SPIKES = random_raster(3, 2, 30, 5)
ANSWERS = answers_to(NETWORK, SPIKES)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An undamaged folder, which no test may change."""
    return Verilog.write(NETWORK, tmp_path_factory.mktemp("a") / "core", answers=ANSWERS).path


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of another network's folder."""
    path = Verilog.write(
        OTHER, tmp_path_factory.mktemp("b") / "core", answers=known_answers(OTHER)
    ).path
    return {name: (path / name).read_bytes() for name in _names(path)}


def _names(folder: Path) -> list[str]:
    files = (file for file in sorted(folder.rglob("*")) if file.is_file())
    return [file.relative_to(folder).as_posix() for file in files]


def _refused(folder: Path) -> bool:
    """True if the check refuses the folder; asserts that readable known answers are unchanged."""
    with contextlib.suppress(InputError):
        assert Verilog(folder).known_answers().to_bytes() == ANSWERS.to_bytes()
    with contextlib.suppress(FileFormatError):
        Verilog(folder).check_written()
        return False
    return True


def test_a_change_of_any_file_is_detected(folder: Path, other: dict[str, bytes]) -> None:
    """Each is emptied, removed, damaged, or replaced by the same file of another network."""
    for name in _names(folder):
        file = folder / name
        whole = file.read_bytes()
        contents = [b"", other.get(name, whole[:-1])]
        if THOROUGH:
            seed = zlib.crc32(name.encode())
            contents += [content for _, content in damages(whole, seed, ROUNDS)]
        for content in contents:
            file.write_bytes(content)
            # The files of the core are the same for every network, so that the export of `other`
            # contains the same files.
            assert _refused(folder) or content == whole, name
        file.unlink()
        assert _refused(folder) or name == ANSWERS_FILE, name
        file.write_bytes(whole)
    Verilog(folder).check_written()


def test_exchanged_memories_are_refused(folder: Path) -> None:
    memories = sorted((folder / "mem").iterdir())
    texts = [file.read_bytes() for file in memories]
    exchanged = [place for place in range(1, len(texts)) if texts[place] != texts[place - 1]]
    assert exchanged
    for place in exchanged:
        pair = memories[place - 1 : place + 1]
        for file, text in zip(pair, reversed(texts[place - 1 : place + 1]), strict=True):
            file.write_bytes(text)
        with refused(FileFormatError, "export-changed") as caught:
            Verilog(folder).check_written()
        assert codes(caught.value) == ["export-part-changed"] * 2
        assert [finding.where for finding in caught.value.findings] == [
            f"mem/{file.name}" for file in pair
        ]
        for file, text in zip(pair, texts[place - 1 : place + 1], strict=True):
            file.write_bytes(text)


def test_a_folder_of_two_networks_is_refused(folder: Path, other: dict[str, bytes]) -> None:
    """One file, the network or the known answers, comes from another folder."""
    for names in (["network.npz"], ["known_answers.npz"]):
        whole = {name: (folder / name).read_bytes() for name in names}
        for name in names:
            (folder / name).write_bytes(other[name])
        assert _refused(folder)
        for name, content in whole.items():
            (folder / name).write_bytes(content)
