"""`check_format` passes correct formats, and names the promise that a broken format breaks.

Each broken format differs from a correct format in a single way.
"""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import SkipTest

import numpy as np
import pytest

from nmtool.errors import Finding, MissingError, reason
from nmtool.exporters.embedded import check_hash, damaged, read_bytes
from nmtool.exporters.format import Format
from nmtool.exporters.formats import Place, places
from nmtool.hardware_sim.simulator import simulate
from nmtool.known_answers import KnownAnswers
from nmtool.network.float_network import Network
from nmtool.network.integer_network import IntegerNetwork
from nmtool.quantisation import round_network
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.storage import DAMAGE
from nmtool.testing import check_format, format_promises
from tests.refusals import refused

PLACE = Place("text_format:Text", (".example",))


class Whole(Format, name="text", place=PLACE):
    """A format with all abilities for integer networks."""

    @classmethod
    def encode(cls, network: Any, answers: KnownAnswers | None, options: Any) -> dict[str, bytes]:
        stored = "" if answers is None else answers.to_bytes().hex()
        return {"": json.dumps([network.content_hash, network.to_bytes().hex(), stored]).encode()}

    def parts(self) -> tuple[str, bytes, bytes]:
        """The network's hash, the network, and the known answers."""
        try:
            data = read_bytes(self.path, "file of text", 1 << 26, "it is too large")
            content_hash, network, answers = json.loads(data)
            return content_hash, bytes.fromhex(network), bytes.fromhex(answers)
        except DAMAGE as error:
            raise damaged(self.path, reason(error)) from error

    def decode(self, options: Any = None) -> IntegerNetwork:
        content_hash, stored, _ = self.parts()
        network = IntegerNetwork.from_bytes(stored, self.path)
        check_hash(network, content_hash, self.path)
        return network

    def decode_answers(self) -> KnownAnswers | None:
        stored = self.parts()[2]
        return KnownAnswers.from_bytes(stored, self.path) if stored else None

    def differences(self) -> list[Finding]:
        self.read()
        return []

    def simulate(self, spikes: Raster, *, deep: bool, on_progress: Any) -> Recording:
        if on_progress is not None:
            on_progress(spikes.n_samples)
        return simulate(self.integers, spikes, deep=deep)


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


class ReadsDamaged(Whole):
    """Without a digest, a damaged digit is another number."""

    @classmethod
    def encode(cls, network: Any, answers: Any, options: Any) -> dict[str, bytes]:
        whole, weight = super().encode(network, answers, options), network.projections[0].weight
        return {"": json.dumps([*json.loads(whole[""]), weight.tolist()]).encode()}

    def parts(self) -> tuple[str, bytes, bytes]:
        content_hash, network, answers, _ = json.loads(self.path.read_bytes())
        return content_hash, bytes.fromhex(network), bytes.fromhex(answers)

    def decode(self, options: Any = None) -> IntegerNetwork:
        network, weight = super().decode(options), json.loads(self.path.read_bytes())[3]
        first, *others = network.projections
        changed = replace(first, weight=np.array(weight).reshape(first.weight.shape))
        return replace(network, projections=[changed, *others])


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
def register(monkeypatch: pytest.MonkeyPatch) -> Register:
    """A function that lets paths that end in `.example` open in a format."""

    def registered(format_: type[Format]) -> type[Format]:
        monkeypatch.setitem(places(), "text", PLACE)
        monkeypatch.setitem(sys.modules, "text_format", SimpleNamespace(Text=format_))
        return format_

    return registered


def test_a_correct_format_passes(register: Register) -> None:
    register(Whole)
    assert check_format("text", examples=4) == []


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
    network = round_network(Network.layers([5, 8, 3])).network
    refused_here = check_format("text", network=network, examples=1)
    assert "vector chain" in refused_here
    assert "its runtime equals the simulator" not in refused_here


@pytest.mark.parametrize(
    ("format_", "broken"),
    [
        (WritesADate, "the same network gives the same bytes"),
        (LosesADelay, "the same network gives the same bytes"),
        (ClipsDelays, "random networks are read back or refused"),
        (RefusesWithoutFix, "random networks are read back or refused"),
        (LosesAnswers, "known answers are read back"),
        (WritesAnyArithmetic, "another arithmetic is refused"),
        (IgnoresOptions, "options of another format are refused"),
        (ReplacesAlways, "existing files are replaced only with force"),
        (WritesInPlace, "missing folders are made"),
        (WritesInPlace, "a path that cannot be written is an error"),
        (WritesInPlace, "a full disk leaves the earlier export"),
        (ReadsDamaged, "damage is refused or changes nothing"),
        (FailsOnForeignFiles, "missing and foreign files are refused"),
        (SkipsTheCheck, "input is checked before running"),
        (LosesADelay, "an export of another network does not run"),
        (RunsAnotherInput, "its runtime equals the simulator"),
        (RunsAnotherInput, "an export of its own network is verified"),
        (RunsAnotherInput, "the largest decay leaves nothing of the current"),
        (RunsAnotherInput, "populations may feed each other through relays"),
        (RunsAnotherInput, "vector chain"),
    ],
)
def test_a_broken_promise_is_named(
    format_: type[Format], broken: str, tmp_path: Path, register: Register
) -> None:
    [promise] = [p for p in format_promises(register(format_), examples=40) if p.name == broken]
    with pytest.raises(AssertionError, match=f"the format text breaks the promise '{broken}'"):
        promise(tmp_path)


def test_without_its_runtime_a_format_is_checked_in_part(register: Register) -> None:
    with pytest.raises(SkipTest, match="no runtime"):
        check_format(register(HasNoRuntime), examples=1)

    class Broken(HasNoRuntime, IgnoresOptions):
        pass

    with pytest.raises(AssertionError, match="options of another format"):
        check_format(register(Broken), examples=1)


def test_without_hypothesis_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    monkeypatch.delitem(sys.modules, "nmtool.testing.strategies", raising=False)
    with refused(MissingError, "library-missing") as caught:
        check_format("json")
    assert "[testing]" in caught.value.fix
