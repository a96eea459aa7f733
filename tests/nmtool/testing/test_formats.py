"""`check_format` passes correct formats, and names the promise that a broken format breaks.

Each broken format differs from a correct format in a single way.
"""

from __future__ import annotations

import itertools
import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import SkipTest

import numpy as np
import pytest

import nmtool as nm
from nmtool.errors import Finding, MissingError, UsageError, reason
from nmtool.exporters.embedded import check_hash, damaged
from nmtool.exporters.format import Format
from nmtool.exporters.formats import Place, _working_formats, places
from nmtool.hardware_sim.simulator import simulate
from nmtool.known_answers import KnownAnswers
from nmtool.network.graph import PROPERTIES
from nmtool.network.integer_network import IntegerNetwork
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.storage import DAMAGE, Archive, pack
from nmtool.testing import check_format, format_promises
from tests.refusals import refused

NETWORK = nm.round_network(nm.Network.layers([5, 8, 3])).network
PLACE = Place("text_format:Text", (".example",))


class Text(Format, name="text", place=PLACE):
    """A format that can be written and read, but not run."""

    @classmethod
    def encode(cls, network: Any, answers: KnownAnswers | None, options: Any) -> dict[str, bytes]:
        stored = "" if answers is None else answers.to_bytes().hex()
        return {"": json.dumps([network.content_hash, network.to_bytes().hex(), stored]).encode()}

    def parts(self) -> tuple[str, bytes, bytes]:
        """The network's hash, the network, and the known answers."""
        try:
            content_hash, network, answers = json.loads(self.path.read_bytes())
            return content_hash, bytes.fromhex(network), bytes.fromhex(answers)
        except DAMAGE as error:
            raise damaged(self.path, reason(error)) from error

    def decode(self, options: Any = None) -> IntegerNetwork:
        content_hash, stored, _ = self.parts()
        network = IntegerNetwork.from_bytes(stored, self.path)
        check_hash(network, content_hash, self.path)
        return network


class Whole(Text, name="text", place=PLACE):
    """A format with all abilities for integer networks."""

    def decode_answers(self) -> KnownAnswers | None:
        self.read()
        stored = self.parts()[2]
        return KnownAnswers.from_bytes(stored, self.path) if stored else None

    def differences(self) -> list[Finding]:
        self.read()
        return []

    def simulate(self, spikes: Raster, *, deep: bool, on_progress: Any) -> Recording:
        return simulate(self.integers, spikes, deep=deep, on_progress=on_progress)


class WritesADate(Whole):
    count = itertools.count()

    @classmethod
    def encode(cls, network: Any, answers: Any, options: Any) -> dict[str, bytes]:
        return {"": super().encode(network, answers, options)[""] + b" " * next(cls.count)}


class WritesInPlace(Whole):
    @classmethod
    def write(cls, network: Any, path: Any, **options: Any) -> Format:
        Path(path).write_bytes(cls.encode(network, options.get("answers"), None)[""])
        return cls(path)


class ReplacesAlways(Whole):
    @classmethod
    def write(cls, network: Any, path: Any, **options: Any) -> Format:
        return super().write(network, path, **{**options, "force": True})


class WritesAnyArithmetic(Whole):
    @classmethod
    def _unsupported(cls, network: Any) -> list[Finding]:
        return []


class ReadsDamaged(Format, name="text", place=PLACE):
    """Without a digest, a damaged digit is another number."""

    @classmethod
    def encode(cls, network: Any, answers: Any, options: Any) -> dict[str, bytes]:
        header, arrays = pack(network)
        return {"": json.dumps([header, {n: a.tolist() for n, a in arrays.items()}]).encode()}

    def decode(self, options: Any = None) -> IntegerNetwork:
        header, lists = json.loads(self.path.read_bytes())
        arrays = {name: np.array(numbers, np.int64) for name, numbers in lists.items()}
        return Archive(self.path, header, arrays).unpack(IntegerNetwork)


class LosesADelay(Whole):
    def decode(self, options: Any = None) -> IntegerNetwork:
        return without_delays(super().decode(options), 0)


class ClipsDelays(Whole):
    """Delays beyond 60 steps are shortened, in place of a misfit."""

    @classmethod
    def encode(cls, network: Any, answers: Any, options: Any) -> dict[str, bytes]:
        return super().encode(without_delays(network, 60), answers, options)


class RefusesWithoutFix(Whole):
    FIX = ""

    @classmethod
    def misfits(cls, network: Any, options: Any = None) -> list[Finding]:
        many = len(network.populations) > 3 or len(network.projections) > 3
        return [Finding("text-populations", "network", "it has too many", cls.FIX)] * many


class Refuses(RefusesWithoutFix):
    FIX = "use three"


class LosesAnswers(Whole):
    def decode_answers(self) -> KnownAnswers | None:
        answers = super().decode_answers()
        return answers and replace(answers, spikes=answers.spikes[:1])


class RunsAnotherInput(Whole):
    def simulate(self, spikes: Raster, *, deep: bool, on_progress: Any) -> Recording:
        silent = Raster.silent(spikes.n_samples, spikes.n_steps, spikes.n_neurons)
        return super().simulate(silent, deep=deep, on_progress=on_progress)


class ForgetsCounts(Whole):
    """Several spikes of a channel in a step run as one."""

    expresses = PROPERTIES

    def simulate(self, spikes: Raster, *, deep: bool, on_progress: Any) -> Recording:
        once = Raster.from_dense(spikes.dense())
        return super().simulate(once, deep=deep, on_progress=on_progress)


class SkipsTheCheck(Whole):
    def run(self, spikes: Raster, **options: Any) -> Recording:
        return self.simulate(spikes, deep=False, on_progress=None)


class FailsOnForeignFiles(Whole):
    def decode(self, options: Any = None) -> IntegerNetwork:
        if self.path.exists() and not self.path.read_bytes().startswith(b"["):
            raise RuntimeError("it is no list")
        return super().decode(options)


class IgnoresOptions(Whole):
    def read(self, options: Any = None) -> Any:
        return super().read()


class HasNoRuntime(Whole):
    @classmethod
    def require(cls) -> None:
        raise MissingError("no runtime", code="runtime-missing", fix="install it")


def without_delays(network: IntegerNetwork, longest: int) -> IntegerNetwork:
    """The network with delays of at most `longest` steps."""
    short = [replace(p, delay=p.delay.clip(max=longest)) for p in network.projections]
    return replace(network, projections=short)


Register = Callable[[type[Format]], type[Format]]


@pytest.fixture
def register(monkeypatch: pytest.MonkeyPatch) -> Iterator[Register]:
    """A function that lets paths that end in `.example` open in a format."""

    def registered(format_: type[Format]) -> type[Format]:
        monkeypatch.setitem(places(), "text", PLACE)
        monkeypatch.setitem(sys.modules, "text_format", SimpleNamespace(Text=format_))
        return format_

    yield registered
    _working_formats.cache_clear()


@pytest.mark.parametrize("format_", [Text, Whole])
def test_a_correct_format_passes(format_: type[Format], register: Register) -> None:
    register(format_)
    assert check_format("text", examples=4) == []


def test_a_new_format_is_written_read_and_converted(register: Register, tmp_path: Path) -> None:
    register(Text)
    path = nm.export(NETWORK, tmp_path / "network.example")
    assert nm.load(path).content_hash == NETWORK.content_hash
    done = nm.convert(path, tmp_path / "back.npz")
    assert nm.load(done.path).content_hash == NETWORK.content_hash


def test_a_format_without_runtime_is_not_a_backend(register: Register, tmp_path: Path) -> None:
    register(Text)
    path = nm.export(NETWORK, tmp_path / "network.example")
    raster = nm.Raster.silent(1, NETWORK.n_steps, NETWORK.channels.size)
    with refused(UsageError, "backend-missing"):
        nm.verify(path, raster)
    with refused(UsageError, "answers-not-carried"):
        nm.verify(path)


def test_a_refusal_with_findings_is_named(register: Register) -> None:
    names = check_format(register(Refuses), examples=4)
    assert "populations may feed each other through relays" in names
    assert "vector parallel" in names
    assert "the same network gives the same bytes" not in names


def test_a_format_that_refuses_the_chain_needs_a_network(register: Register) -> None:
    class Small(Whole):
        @classmethod
        def misfits(cls, network: Any, options: Any = None) -> list[Finding]:
            many = len(network.populations) > 2
            return [Finding("text-size", "network", "it is too large", "use two")] * many

    register(Small)
    with pytest.raises(AssertionError, match="`network=`"):
        check_format("text", examples=1)
    refused_here = check_format("text", network=NETWORK, examples=1)
    assert "vector chain" in refused_here
    assert "its runtime equals the simulator" not in refused_here


def test_networks_are_drawn_within_the_limits_of_a_target(register: Register) -> None:
    class Short(Whole):
        @classmethod
        def misfits(cls, network: Any, options: Any = None) -> list[Finding]:
            long = network.max_delay > 7
            return [Finding("text-delays", "network", "its delays are long", "train again")] * long

    limits = nm.Target("short", max_delay=7, max_du=1000, weight_bits=(8,))
    refused_here = check_format(register(Short), limits=limits, examples=20)
    assert {name for name in refused_here if not name.startswith("vector")} == set()
    with pytest.raises(AssertionError, match="`network=`"):
        check_format("text", examples=1)


@pytest.mark.parametrize(
    ("format_", "broken"),
    [
        (WritesADate, "the same network gives the same bytes"),
        (LosesADelay, "the same network gives the same bytes"),
        (ClipsDelays, "random networks are read back or refused"),
        (RefusesWithoutFix, "random networks are read back or refused"),
        (LosesAnswers, "known answers are read back"),
        (WritesAnyArithmetic, "another arithmetic is refused"),
        (WritesAnyArithmetic, "other properties are refused"),
        (IgnoresOptions, "options of another format are refused"),
        (ReplacesAlways, "existing files are replaced only with force"),
        (WritesInPlace, "the same network gives the same bytes"),
        (WritesInPlace, "a path that cannot be written is an error"),
        (WritesInPlace, "a full disk leaves the earlier export"),
        (ReadsDamaged, "damage is refused or changes nothing"),
        (FailsOnForeignFiles, "missing and foreign files are refused"),
        (SkipsTheCheck, "input is checked before running"),
        (LosesADelay, "an export of another network does not run"),
        (RunsAnotherInput, "its runtime equals the simulator"),
        (ForgetsCounts, "its runtime has its properties"),
        (ForgetsCounts, "vector counts-input"),
        (RunsAnotherInput, "an export of its own network is verified"),
        (RunsAnotherInput, "the largest decay leaves nothing of the current"),
        (RunsAnotherInput, "populations may feed each other through relays"),
        (RunsAnotherInput, "vector chain"),
    ],
)
def test_a_broken_promise_is_named(
    format_: type[Format], broken: str, tmp_path: Path, register: Register
) -> None:
    [promise] = [p for p in format_promises(register(format_), examples=80) if p.name == broken]
    with pytest.raises(AssertionError, match=f"the format text breaks the promise '{broken}'"):
        promise(tmp_path)


def test_without_its_runtime_a_format_is_checked_in_part(register: Register) -> None:
    with pytest.raises(SkipTest, match="no runtime"):
        check_format(register(HasNoRuntime), examples=1)

    class Broken(HasNoRuntime, IgnoresOptions):
        pass

    with pytest.raises(AssertionError, match="options of another format"):
        check_format(register(Broken), examples=1)


def test_without_hypothesis_the_fix_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    monkeypatch.delitem(sys.modules, "nmtool.testing.strategies", raising=False)
    with refused(MissingError, "library-missing") as caught:
        check_format("json")
    assert re.search(r"\[testing\]|hypothesis", caught.value.fix)
