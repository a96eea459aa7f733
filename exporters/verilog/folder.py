"""The files of a Verilog export, and reading them back.

Files that are the same in every folder are in `rtl`, `sim` and `boards` beside this module. Files
of one network are `rtl/nmtool_top.v` (parameters only), `mem`, `sim/*.hex` and README.md. nmtool
reads the network from `network.npz`, and never compiles or runs files of the folder: it writes them
anew.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from nmtool.errors import FileFormatError
from nmtool.exporters.embedded import (
    check_hash,
    check_version,
    damaged,
    digest,
    pack_network,
    read_bytes,
    unpack_network,
)
from nmtool.exporters.verilog.answer import answer_block
from nmtool.exporters.verilog.layout import BANK_BITS, SYNAPSES, Layout
from nmtool.exporters.verilog.options import VerilogOptions
from nmtool.exporters.verilog.readme import readme_text
from nmtool.exporters.verilog.top import top_text
from nmtool.exporters.verilog.words import expected_text, input_text
from nmtool.known_answers import KnownAnswers
from nmtool.network.integer_network import IntegerNetwork

WHAT = "folder of Verilog"
VERSION = 1
"""Version of the format of the folder."""

MARKER = "nmtool.json"
TOP = "rtl/nmtool_top.v"
NETWORK, ANSWERS, README, MAKEFILE = "network.npz", "known_answers.npz", "README.md", "Makefile"
INPUT, EXPECTED, BENCH, HARNESS = "sim/input.hex", "sim/expected.hex", "sim/tb.v", "sim/harness.cpp"
BUILD = "build/"
"""Folder in which the Makefile builds."""

MAX_BYTES = 1 << 30

_HERE = Path(__file__).parent
_BY_HAND = {"rtl": "rtl/*.v", "sim": "sim/*", "boards": "boards/*"}


@cache
def handwritten_files() -> Mapping[str, bytes]:
    """Handwritten files, the same in every folder, by relative POSIX path."""
    names = sorted(path for pattern in _BY_HAND.values() for path in _HERE.glob(pattern))
    files = {path.relative_to(_HERE).as_posix(): path.read_bytes() for path in names}
    return {**files, MAKEFILE: files.pop("sim/Makefile")}


def running_files(network: IntegerNetwork, lanes: int, deep: bool = False) -> dict[str, bytes]:
    """The files for simulation or synthesis: core, parameters and memories."""
    layout, answer = Layout(network, lanes), answer_block(network)
    files = dict(handwritten_files())
    files[TOP] = top_text(layout, answer, deep).encode()
    memories = dict(layout.memories)
    if answer.importance is not None:
        memories["importance"] = answer.importance
    lines = memories.pop(SYNAPSES).hex_lines().splitlines(keepends=True)
    bank = 1 << BANK_BITS[lanes]
    for number, first in enumerate(range(0, len(lines), bank)):
        name = f"mem/{SYNAPSES}.{number:03d}.hex"
        files[name] = "".join(lines[first : first + bank]).encode()
    files |= {f"mem/{name}.hex": memory.hex_lines().encode() for name, memory in memories.items()}
    return files


def folder_files(
    network: IntegerNetwork, answers: KnownAnswers | None, options: VerilogOptions
) -> dict[str, bytes]:
    """All files of a folder by relative POSIX path, the same for the same arguments.

    Args:
        network: network to export.
        answers: inputs with expected outputs, for the testbenches.
        options: options of the export.
    """
    files = running_files(network, options.lanes, options.deep)
    files[NETWORK] = pack_network(network)
    if answers is not None:
        expected = answers.recording
        if options.deep and not answers.is_deep:
            from nmtool.hardware_sim.simulator import simulate

            expected = simulate(network, answers.spikes, deep=True)
        files[ANSWERS] = answers.to_bytes()
        files[INPUT] = input_text(answers.spikes).encode()
        files[EXPECTED] = expected_text(
            network, expected, answers.spikes.n_steps, options.deep
        ).encode()
    files[README] = readme_text(network, answers, options).encode()
    about = {
        "version": VERSION,
        "hash": network.content_hash,
        "options": options.as_json(),
        "sha256": {name: digest(content) for name, content in sorted(files.items())},
    }
    files[MARKER] = (json.dumps(about, indent=1, sort_keys=True) + "\n").encode()
    return files


@dataclass(frozen=True, eq=False)
class Content:
    """The content of a folder.

    Attributes:
        folder: its path.
        network: network of the export.
        options: options of the export.
        carried: its known answers; None without any.
    """

    folder: Path
    network: IntegerNetwork
    options: VerilogOptions
    carried: KnownAnswers | None


def read(folder: str | Path) -> Content:
    """Read a folder that nmtool wrote, without compiling anything.

    Raises:
        FileFormatError: the folder is missing, damaged, not from nmtool, or of a newer version.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileFormatError(
            f"folder {folder} does not exist", code="file-missing", fix="check the path"
        )
    about_path = folder / MARKER
    data = read_bytes(about_path, WHAT, MAX_BYTES, "it is far too large")
    try:
        about = json.loads(data)
        version, content_hash = int(about["version"]), about["hash"]
        options = VerilogOptions(**about["options"]) if version <= VERSION else VerilogOptions()
    except Exception as error:  # other content raises anything
        raise damaged(about_path, f"{type(error).__name__}: {error}", WHAT) from error
    check_version(folder, version, VERSION)
    archive = read_bytes(folder / NETWORK, WHAT, MAX_BYTES, "it is far too large")
    network = unpack_network(archive, folder / NETWORK)
    check_hash(network, content_hash, folder, WHAT)
    answers = folder / ANSWERS
    carried = KnownAnswers.load(answers) if answers.exists() else None
    return Content(folder, network, options, carried)
