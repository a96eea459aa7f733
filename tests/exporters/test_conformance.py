"""The core's formats keep the promises that `nmtool.testing` checks, for every network.

Other files test properties of single formats.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from nmtool.errors import InputError, UsageError
from nmtool.exporters.c import compiler
from nmtool.exporters.c.format import C
from nmtool.exporters.format import Format
from nmtool.exporters.json.format import Json
from nmtool.exporters.lava.format import Lava
from nmtool.exporters.onnx.format import Onnx
from nmtool.testing import Promise
from nmtool.testing.damage import damages
from nmtool.testing.networks import answers_to, random_raster
from tests.networks.chains import chain_network
from tests.promises import assert_the_step_has_all_digits, promises
from tests.refusals import refused
from tests.thorough import ROUNDS

NETWORK = chain_network(4)
ANSWERS = answers_to(NETWORK, random_raster(2, 3, 40, 5))

AT_LIMITS = {
    f"vector {name}"
    for name in (
        *("fresh-state", "u-limits", "u-twice", "u-word", "a-sum", "v-limits", "mixed-16"),
        *("reset-subtract", "reset-late", "counts-sum", "counts-spikes"),
    )
}
"""Vectors that also test the usual optimisation of C, which could change sums that overflow."""

OFTEN_IN_LAVA = {
    f"vector {name}" for name in ("fresh-state", "u-limits", "u-word", "a-sum", "loops", "mixed-16")
}


@pytest.mark.parametrize(
    ("promise", "outcomes"),
    [
        *promises("c"),
        *promises("json"),
        *promises("lava", pytest.mark.lava, often=OFTEN_IN_LAVA),
        *promises("nir"),
        *promises("onnx"),
    ],
)
def test_promises(
    promise: Promise, outcomes: set[bool], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if promise.name.startswith("vector") and promise.name not in AT_LIMITS:
        monkeypatch.setattr(compiler, "OPTIONS", ("-std=c99", "-O0"))
    assert promise(tmp_path) in outcomes


@pytest.mark.parametrize("format_", [C, Onnx])
def test_every_change_of_a_file_with_a_digest_is_noticed(
    format_: type[Format], tmp_path: Path
) -> None:
    """Also of the bytes at its end, where the digest is, and beyond."""
    pytest.importorskip("onnx")
    path = format_.write(NETWORK, tmp_path / f"x{format_.extensions[0]}", answers=ANSWERS).path
    whole = path.read_bytes()
    contents = [content for _, content in damages(whole, 1, ROUNDS)]
    contents += [whole + more for more in (b"\n", b"int x;\n", b"\x00", b"\x3a\x00", b"\x72\x00")]
    for end in range(len(whole) - 90, len(whole)):
        flipped = bytearray(whole)
        flipped[end] ^= 1 << end % 8
        contents += [whole[:end], bytes(flipped)]
    for content in contents:
        path.write_bytes(content)
        for read in (format_(path).read, format_(path).known_answers, format_(path).check_written):
            with pytest.raises(InputError):
                read()


@pytest.mark.parametrize("format_", [C, Lava, Onnx])
def test_the_step_is_written_with_all_digits(format_: type[Format], tmp_path: Path) -> None:
    assert_the_step_has_all_digits(format_, tmp_path)


def test_a_format_without_known_answers_refuses_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Json, "carries", False)
    path = tmp_path / "network.json"
    for take in (Json(path).known_answers, lambda: Json.write(NETWORK, path, answers=ANSWERS)):
        with refused(UsageError, "answers-not-carried") as caught:
            take()
        assert str(path) in caught.value.what
