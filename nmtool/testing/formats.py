"""`check_format`: checks of an export format, for the tests of a plug-in that adds one."""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import pairwise, product
from pathlib import Path
from typing import Any, TypeVar
from unittest import SkipTest, mock

import numpy as np

from nmtool.arithmetic import LOIHI2, Limits
from nmtool.errors import (
    ArtefactError,
    DataError,
    DoesNotFitError,
    FileFormatError,
    InputError,
    MissingError,
    NmtoolError,
    StorageError,
    UsageError,
)
from nmtool.exporters import output
from nmtool.exporters.format import Format
from nmtool.exporters.formats import format_named
from nmtool.hardware_sim.simulator import simulate
from nmtool.known_answers import KnownAnswers
from nmtool.libraries import libraries_needed
from nmtool.network.float_network import Network
from nmtool.network.float_parts import Population, Projection
from nmtool.network.graph import (
    INPUT,
    LI,
    LIF,
    MAX_SPIKES,
    MOST_SPIKES,
    PROPERTIES,
    RESET,
    InputChannels,
)
from nmtool.network.integer_network import IntegerNetwork, IntegerPopulation
from nmtool.network.readout import MAX, Readout
from nmtool.options import ReadingOptions
from nmtool.quantisation import quantise_network, round_network
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.testing.arithmetics import registered
from nmtool.testing.damage import damages
from nmtool.testing.networks import answers_to, random_input, random_raster, with_properties
from nmtool.verification.comparison import compare_recordings
from nmtool.verification.faults import draw_faults, mutant
from nmtool.verification.verify import verify

_VECTORS = next(
    folder
    for folder in (above / "docs/vectors" for above in Path(__file__).parents)
    if folder.is_dir()
)
"""The conformance vectors, which lie in the package or, in a clone, beside it."""


def check_format(
    format_: type[Format] | str,
    *,
    network: IntegerNetwork | None = None,
    limits: Limits | None = None,
    examples: int = 20,
) -> list[str]:
    """Check that a format keeps all promises that follow from the hooks that it overrides.

    A format may refuse a network only with findings. The format must be registered, since a few
    checks open exports by their paths.

    >>> check_format("json")
    []

    Args:
        format_: the class or name of the format.
        network: a network that the format represents; default: a chain of three populations.
        limits: ranges of the constants, weights and delays of all networks that are made, such as
            the target of a chip; default: those of the format's arithmetic.
        examples: number of random networks, and of damaged versions of each file.

    Returns:
        The promises whose networks the format refuses.

    Raises:
        AssertionError: a promise is broken; the text names the promise and what was seen.
        unittest.SkipTest: the runtime or a library of the format is missing, and all other promises
            are kept. In pytest, the test counts as skipped.
        MissingError: Hypothesis is not installed.
    """
    refused, missing = [], set()
    for promise in format_promises(format_, network=network, limits=limits, examples=examples):
        with tempfile.TemporaryDirectory() as folder:
            try:
                if not promise(Path(folder)):
                    refused.append(promise.name)
            except SkipTest as error:
                missing.add(str(error))
    if missing:
        raise SkipTest(f"all that can be checked here is right, but {'; '.join(missing)}")
    return refused


def format_promises(
    format_: type[Format] | str,
    *,
    network: IntegerNetwork | None = None,
    limits: Limits | None = None,
    examples: int = 20,
) -> list[Promise]:
    """The promises that `check_format` checks, to make a test of each.

        @pytest.mark.parametrize("promise", format_promises(MyFormat), ids=str)
        def test_my_format(promise, tmp_path):
            assert promise(tmp_path)

    >>> print(format_promises("json")[0])
    json: the same network gives the same bytes

    Args:
        format_, network, limits, examples: as for `check_format`.
    """
    if isinstance(format_, str):
        format_ = format_named(format_)
    with libraries_needed("testing"):
        import hypothesis  # noqa: F401 # a missing library is named before any check
    writes, reads, runs = format_.writes, format_.reads, format_.runs
    exports = writes or runs  # Files are also made for runtimes of formats that only run.
    checks = {
        _the_same_network_gives_the_same_bytes: exports,
        _names_times_and_groups_are_read_back: writes and reads,
        _random_networks_are_read_back_or_refused: writes and reads,
        _float_networks_are_read_back: format_.holds_floats,
        _known_answers_are_read_back: format_.carries,
        _known_answers_are_refused: exports and not format_.carries,
        _another_arithmetic_is_refused: writes,
        _other_properties_are_refused: writes and not {*PROPERTIES} <= {*format_.expresses},
        _options_of_another_format_are_refused: reads,
        _existing_files_are_replaced_only_with_force: exports,
        _force_deletes_no_file_of_the_user: writes and format_.is_folder,
        _a_path_that_cannot_be_written_is_an_error: exports,
        _a_full_disk_leaves_the_earlier_export: exports,
        _damage_is_refused_or_changes_nothing: exports,
        _missing_and_foreign_files_are_refused: exports,
        _input_is_checked_before_running: runs,
        _an_export_of_another_network_does_not_run: writes and runs,
    }
    running = {
        _its_runtime_equals_the_simulator: runs,
        _its_runtime_has_its_properties: runs and format_.expresses,
        _no_samples_give_an_empty_recording: runs,
        _an_export_of_its_own_network_is_verified: writes and runs,
        _the_largest_decay_leaves_nothing_of_the_current: runs,
        _populations_may_feed_each_other_through_relays: runs,
    }
    limits = limits or format_.arithmetic
    promise = partial(Promise, format_, network or _chain(limits), limits, examples)
    promises = [promise(_words(check), check, False) for check, made in checks.items() if made]
    promises += [promise(_words(check), check, True) for check, made in running.items() if made]
    if runs and format_.reference is None and format_.arithmetic == LOIHI2:
        promises += [
            promise(f"vector {path.stem}", partial(_vector, path), True)
            for path in sorted(_VECTORS.glob("*.json"))
            if _represents(format_, path.stem)
        ]
    return promises


def _represents(format_: type[Format], vector: str) -> bool:
    """True if a format represents what a vector tests, by the prefix of its name."""
    tested = {"counts": MOST_SPIKES, "reset": RESET}.get(vector.split("-")[0])
    return tested is None or tested in format_.expresses


def _words(check: Callable[[_Exports], None]) -> str:
    return check.__name__.strip("_").replace("_", " ")


def _chain(limits: Limits) -> IntegerNetwork:
    """A chain of layers with delays, without biases, and not in the alphabetical order of names."""
    random = np.random.default_rng(4)
    sizes = {INPUT: 5, "wide": 8, "narrow": 6, "classes": 4}
    kinds = {"wide": LIF, "narrow": LIF, "classes": LI}
    shapes = {(pre, post): (sizes[pre], sizes[post]) for pre, post in pairwise(sizes)}

    def delays(shape: tuple[int, int]) -> Any:
        return random.integers(0, limits.max_delay + 1, shape)

    floats = Network(
        InputChannels(sizes[INPUT], 2),
        [Population(name, sizes[name], kind, 20.0, 5.0) for name, kind in kinds.items()],
        [
            Projection(*edge, 3 * random.normal(0.3, 1.0, shape), delays(shape))
            for edge, shape in shapes.items()
        ],
        Readout("classes", MAX),
        dt_ms=2.0,
        n_steps=70,
        class_names=["north", "east", "south", "west"],
    )
    return round_network(floats, target=limits).network


@dataclass(frozen=True, repr=False)
class Promise:
    """A promise of a format; call it with an empty folder to check that the format keeps it.

    Attributes:
        format: class of the format.
        network: a network that the format represents.
        limits, examples: as for `check_format`.
        name: the promise in words.
        check: function that checks it.
        needs_runtime: True if the runtime of the format must be installed.
    """

    format: type[Format]
    network: IntegerNetwork
    limits: Limits
    examples: int
    name: str
    check: Callable[[_Exports], None]
    needs_runtime: bool

    def __str__(self) -> str:
        return f"{self.format.name}: {self.name}"

    def __call__(self, folder: Path) -> bool:
        """Check the promise; False if the format refuses the necessary network, with findings.

        Args:
            folder: an empty folder.

        Raises:
            AssertionError, unittest.SkipTest: as for `check_format`.
        """
        exports = _Exports(self.format, self.network, self.limits, self.examples, folder)
        try:
            if reasons := self.format.reasons_against(self.network):
                raise AssertionError(
                    f"the format {self.format.name} refuses the network of these checks; name one "
                    f"that it represents, as `network=`: {'; '.join(map(str, reasons))}"
                )
            try:
                self.check(exports)
            except DoesNotFitError as error:
                _expect_findings(error)
                return False
        except MissingError as error:
            raise SkipTest(str(error)) from error
        except Exception as error:
            seen = str(error) if isinstance(error, AssertionError) else repr(error)
            raise AssertionError(
                f"the format {self.format.name} breaks the promise '{self.name}': {seen}"
            ) from error
        return True


@dataclass(frozen=True)
class _Exports:
    """Exports of a promise's network, in its folder."""

    format: type[Format]
    network: IntegerNetwork
    limits: Limits
    examples: int
    folder: Path

    @cached_property
    def other(self) -> IntegerNetwork:
        """Another network that the format represents."""
        return replace(self.network, n_steps=self.network.n_steps + 1)

    @cached_property
    def answers(self) -> KnownAnswers:
        return answers_to(self.network, self.raster(2, 40))

    def raster(self, seed: int, n_steps: int) -> Raster:
        return random_raster(seed, 3, n_steps, self.network.channels.size)

    def place(self, folder: Path | None = None) -> Path:
        end = next(iter(self.format.extensions), f"-{self.format.name}")
        return (folder or self.folder) / f"network{end}"

    def write(self, network: Any = None, folder: Path | None = None, **options: Any) -> Path:
        """Write a network; by default the promise's own. Known answers only if it carries any."""
        if network is None:
            network, options = self.network, {"answers": self.answers, **options}
        if not self.format.carries:
            options.pop("answers", None)
        return self.format.write(network, self.place(folder), **options).path

    def expect_read(self, network: Any, answers: KnownAnswers) -> None:
        """Write a network with known answers, open the export, and expect to read the same."""
        path = self.write(network, answers=answers, force=True)
        _expect_network(self.format(path), network)
        if self.format.carries:
            _expect_answers(self.format(path), answers)

    def expect_run(
        self, network: IntegerNetwork, spikes: Raster, recording: Recording | None = None
    ) -> None:
        """Run a network, and expect the spikes, u and v of a recording or of the simulator."""
        artefact, deep = self.format(self.write(network, force=True)), self.format.records_states
        if recording is None:
            run: Callable[..., Recording] = self.format.reference or simulate
            recording = run(network, spikes, **({"deep": True} if deep else {}))
            silent = not any(raster.n_spikes for raster in recording.spikes.values())
            _expect(not (silent and spikes.n_spikes), f"{network} does not spike")
        self.format.require()
        finished: list[int] = []
        # Both with and without a function for progress, runs must work.
        on_progress = None if spikes.n_samples == 1 else finished.append
        actual = artefact.run(spikes, deep=deep, on_progress=on_progress)
        comparison = compare_recordings(recording, actual, tolerance=self.format.tolerance)
        _expect(comparison.identical, f"{network}: {comparison.first_divergence}")
        same = np.array_equal(actual.predictions, recording.predictions)
        _expect(same, f"{network}: other classes")
        _expect(
            {*actual.current} == {*(recording.current if deep else ())}, "it records other states"
        )
        counted = sum(finished) == spikes.n_samples or spikes.n_samples < 2
        _expect(counted, f"progress counts {finished} samples")

    def check_written(self, path: Path) -> None:
        """Check the part of an export that runs; if the format does not run networks, read it."""
        if self.format.runs:
            self.format(path).check_written()
        else:
            self.format(path).read()

    def readers(self) -> list[Callable[[Path], object]]:
        """All functions that read an export."""
        reading: list[Callable[[Path], object]] = [lambda path: self.format(path).read()]
        if self.format.carries:
            reading.append(lambda path: self.format(path).known_answers())
        return [*reading, self.check_written] if self.format.runs else reading


def _expect(condition: bool, seen: str) -> None:
    if not condition:
        raise AssertionError(seen)


def _expect_network(artefact: Format, network: IntegerNetwork | Network) -> None:
    restored = artefact.network
    same = type(restored) is type(network) and restored.content_hash == network.content_hash
    _expect(same, f"{restored} was read in place of {network}")


def _expect_answers(artefact: Format, answers: KnownAnswers) -> None:
    same = artefact.known_answers().to_bytes() == answers.to_bytes()
    _expect(same, f"other known answers were read with {artefact.network}")


def _expect_findings(error: DoesNotFitError) -> None:
    """Expect that an error has findings that help."""
    _expect(bool(error.findings), f"it refuses a network without findings: {error}")
    for finding in error.findings:
        complete = finding.code and finding.where and finding.what and finding.fix
        _expect(bool(complete), f"a finding lacks code, place, text or fix: {finding}")


@contextmanager
def _refused(kind: type[NmtoolError], code: str, *named: object) -> Iterator[None]:
    """Expect an error of a class, with a code ('' for any), whose text names objects."""
    expected = f"{kind.__name__} {code}".strip()
    try:
        yield
    except NmtoolError as error:
        right = isinstance(error, kind) and code in ("", error.code)
        _expect(right, f"{expected} was expected, but not {type(error).__name__}: {error}")
        lacking = [text for text in map(str, named) if text not in str(error)]
        _expect(not lacking, f"an error does not name {lacking}: {error}")
    else:
        raise AssertionError(f"nothing was refused, but {expected} was expected")


def _contents(folder: Path) -> dict[str, bytes]:
    """The content of every file in a folder, by path."""
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in _files(folder)}


def _files(folder: Path) -> list[Path]:
    return [file for file in sorted(folder.rglob("*")) if file.is_file()]


def _spread(items: Sequence[Any], count: int) -> Sequence[Any]:
    """At most so many items, evenly spread, with the last."""
    return items[:: len(items) // -count]


# Promises on writing and reading


def _the_same_network_gives_the_same_bytes(exports: _Exports) -> None:
    """Also in folders that do not exist, and with the defaults of its options."""
    options = exports.format.writing_options
    for name, given in (("a", None), ("b", options and options())):
        folder = exports.folder / name / "such"
        path = exports.write(folder=folder, options=given)
        _expect(path == exports.place(folder), f"it writes {path}")
        _expect_network(exports.format(path), exports.network)
        exports.check_written(path)
    first, second = (_contents(exports.folder / name / "such") for name in ("a", "b"))
    different = sorted(name for name in first | second if first.get(name) != second.get(name))
    _expect(not different, f"different when written again: {different}")


def _names_times_and_groups_are_read_back(exports: _Exports) -> None:
    """What does not change a spike is also read back, if the format does not refuse it."""
    network = exports.network
    most = exports.limits.max_bias_exponent
    for other in (
        replace(network, channels=InputChannels(network.channels.size, 3)),
        replace(network, class_names=[f"class {name}" for name in network.class_names]),
        replace(network, dt_ms=0.7),
        replace(network, source_hash="abc"),
        replace(network, populations=[replace(p, bias_exponent=most) for p in network.populations]),
    ):
        if not exports.format.reasons_against(other):
            exports.expect_read(other, answers_to(other, exports.raster(2, 9)))


def _random_networks_are_read_back_or_refused(exports: _Exports) -> None:
    """Everything that a format cannot represent must be a misfit: nothing is lost silently."""
    from nmtool.testing.strategies import integer_networks

    refusals: list[DoesNotFitError] = []

    def check(network: IntegerNetwork, seed: int) -> None:
        answers = answers_to(network, random_input(network, seed, 2, 9))
        try:
            exports.expect_read(network, answers)
        except DoesNotFitError as error:
            _expect_findings(error)
            refusals.append(error)

    networks = integer_networks(exports.limits, properties=exports.format.expresses)
    _for_random(networks, check, exports.examples)
    if refusals:
        raise refusals[0]


def _float_networks_are_read_back(exports: _Exports) -> None:
    from nmtool.testing.strategies import float_networks

    _expect(exports.format.reference is not None, "it holds floats, but has no `reference`")

    def check(network: Network, seed: int) -> None:
        spikes = random_raster(seed, 2, 9, network.channels.size)
        recording = exports.format.reference(network, spikes)  # type: ignore[misc]
        exports.expect_read(network, KnownAnswers(network.content_hash, spikes, recording))

    _for_random(float_networks(), check, 2 * exports.examples)


def _for_random(networks: Any, check: Callable[[Any, int], None], examples: int) -> None:
    """Check random networks, each with a seed."""
    from hypothesis import Phase, given, settings

    from nmtool.testing.strategies import seeds

    test = given(network=networks, seed=seeds)(check)
    settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
    )(test)()


def _known_answers_are_read_back(exports: _Exports) -> None:
    path, answers = exports.write(), exports.answers
    _expect_answers(exports.format(path), answers)
    exports.write(answers=replace(answers, network_hash="0" * 64), force=True)
    with _refused(FileFormatError, "answers-other-network", path):
        exports.format(path).known_answers()
    exports.write(answers=None, force=True)
    with _refused(FileFormatError, "answers-missing", path):
        exports.format(path).known_answers()
    exports.check_written(path)


def _known_answers_are_refused(exports: _Exports) -> None:
    format_, path = exports.format, exports.place()
    with _refused(UsageError, "answers-not-carried", path):
        format_(path).known_answers()
    with _refused(UsageError, "answers-not-carried", path):
        format_.write(exports.network, path, answers=exports.answers)


def _another_arithmetic_is_refused(exports: _Exports) -> None:
    arithmetic = replace(exports.format.arithmetic, name="another")
    with registered(arithmetic):
        reasons = exports.format.reasons_against(_chain(arithmetic))
        with _refused(DoesNotFitError, "format-does-not-fit"):
            exports.write(_chain(arithmetic))
    codes = [finding.code for finding in reasons]
    _expect(codes == ["format-arithmetic"], f"its findings are {codes}")
    _expect(not any(exports.folder.iterdir()), "it leaves files")


def _other_properties_are_refused(exports: _Exports) -> None:
    """By the name of population or input and of the property, before anything is written."""
    network, changed = exports.network, exports.network.spiking[0]
    for name, other in _beyond(exports.format, changed):
        populations = [other if p is changed else p for p in network.populations]
        _expect_refusal(exports, replace(network, populations=populations), changed.name, name)
    for name, channels in _beyond(exports.format, network.channels):
        _expect_refusal(exports, replace(network, channels=channels), INPUT, name)
    _expect(not any(exports.folder.iterdir()), "it leaves files")


_Part = TypeVar("_Part", IntegerPopulation, InputChannels)


def _beyond(format_: type[Format], part: _Part) -> Iterator[tuple[str, _Part]]:
    """Yield copies of a part with one property beyond what a format expresses, and its name."""
    expressed = {limits.name: limits for limits in format_.expresses}
    for name, declared in part.declared().items():
        limits = expressed.get(name, replace(declared, values=()))
        values = [v for v in declared.values or () if not limits.expresses(v)]
        changes: dict[str, Any] = {}
        if declared.needs is not None:
            changes[declared.needs[0]] = declared.needs[1][0]
        # Of a range, the first value is next to those that the format expresses.
        for value in values[:1] if isinstance(declared.values, range) else values:
            yield name, replace(part, **{**changes, name: value})


def _expect_refusal(exports: _Exports, network: IntegerNetwork, where: str, name: str) -> None:
    """Expect that a format refuses a network for a property, and names value and limit."""
    with _refused(DoesNotFitError, "format-does-not-fit", name):
        exports.write(network)
    places = [(f.code, f.where) for f in exports.format.reasons_against(network)]
    _expect(("property-not-expressed", where) in places, f"its findings are {places}")


class _OtherOptions(ReadingOptions):
    """Options of no format."""


def _options_of_another_format_are_refused(exports: _Exports) -> None:
    path = exports.write() if exports.format.writes else exports.place()
    with _refused(UsageError, "import-options-unused", path):
        exports.format(path).read(_OtherOptions())


# Promises on files that exist: they are replaced only on request, and completely or not at all


def _existing_files_are_replaced_only_with_force(exports: _Exports) -> None:
    path = exports.write()
    before = _contents(exports.folder)
    with _refused(UsageError, "path-taken", path):
        exports.write(exports.other)
    _expect(_contents(exports.folder) == before, "without force, it changed files")
    exports.write(exports.other, force=True)
    _expect_network(exports.format(path), exports.other)
    names = [file.name for file in exports.folder.iterdir()]
    _expect(names == [path.name], f"it leaves {names}")
    exports.write(force=True)
    _expect(_contents(exports.folder) == before, "replaced twice, the export has other bytes")


def _force_deletes_no_file_of_the_user(exports: _Exports) -> None:
    """The user's files are in all folders of the export, and have all of its extensions."""
    path = exports.write()
    (path / "build").mkdir()
    (path / "build" / "compiled").touch()
    names = {file.with_name(f"mine{file.suffix}") for file in _files(path)}
    own = sorted(names - {path / "build" / "mine"})
    # The message names three files, and `build/compiled` may be the first.
    for pair in (own[n : n + 2] for n in range(0, len(own), 2)):
        for file in pair:
            file.touch()
        named = [file.relative_to(path).as_posix() for file in pair]
        with _refused(UsageError, "path-holds-others", *named):
            exports.write(force=True)
        for file in pair:
            file.unlink()


def _a_path_that_cannot_be_written_is_an_error(exports: _Exports) -> None:
    blocked, path = exports.folder / "file", exports.place()
    blocked.touch()
    with _refused(StorageError, "file-not-written", blocked):
        exports.write(folder=blocked)
    blocked.unlink()
    if exports.format.is_folder:
        path.write_text("precious")
    else:
        path.mkdir()
    with _refused(UsageError, "path-not-export" if path.is_file() else "file-is-folder"):
        exports.write(force=True)
    names = [file.name for file in exports.folder.iterdir()]
    _expect(names == [path.name], f"it leaves {names}")


def _a_full_disk_leaves_the_earlier_export(exports: _Exports) -> None:
    """Tries several positions of the file that is only half written."""
    exports.write(exports.other)
    before, write, room = _contents(exports.folder), output.write_bytes, 0

    def full(path: Path, content: bytes) -> None:
        nonlocal room
        room -= 1
        write(path, content if room >= 0 else content[: len(content) // 2])
        if room < 0:
            raise OSError(28, "No space left on device")

    files = range(len(before) if exports.format.is_folder else 1)
    fresh = exports.folder / "fresh"
    fresh.mkdir()
    with mock.patch.object(output, "write_bytes", full):
        for written, folder in product(_spread(files, 1 + exports.examples // 8), (None, fresh)):
            room = written
            with _refused(StorageError, "file-not-written", exports.place(folder)):
                exports.write(folder=folder, force=True)
            _expect(_contents(exports.folder) == before, "it left a part of an export")


# Promises on damaged files: they are refused, unless the damage changes nothing


def _damage_is_refused_or_changes_nothing(exports: _Exports) -> None:
    path = exports.write()
    files = [file for file in _files(exports.folder) if file.suffix != ".md"]
    for file in _spread(files, 1 + exports.examples // 2):
        whole, is_code = file.read_bytes(), _is_code(exports.format, file)
        seed = zlib.crc32(f"{exports.format.name} {file.name}".encode())
        versions = damages(whole, seed, 1 + exports.examples // 6 if is_code else exports.examples)
        unnoticed = []
        for damage, content in versions:
            file.write_bytes(content)
            noticed = _is_refused(exports, path) if is_code else _is_noticed(exports, path, damage)
            unnoticed += [] if noticed else [damage]
        file.write_bytes(whole)
        _expect(
            len(unnoticed) <= (0 if is_code else (len(versions) + 1) / 2),
            f"unnoticed damage of {file.name}: {unnoticed}",
        )
    exports.check_written(path)


def _is_code(format_: type[Format], file: Path) -> bool:
    """True for texts in a folder that runs, but for data in JSON: every byte of them counts."""
    if not (format_.runs and format_.is_folder) or file.suffix == ".json":
        return False
    try:
        file.read_bytes().decode()
    except UnicodeDecodeError:
        return False
    return True


def _is_refused(exports: _Exports, path: Path) -> bool:
    with suppress(InputError):
        exports.check_written(path)
        return False
    return True


def _is_noticed(exports: _Exports, path: Path, damage: str) -> bool:
    """True if all functions refuse a damaged export; expects that anything read is unchanged.

    A damaged file may count as foreign: it then has the same integers without names, or real
    numbers, and no known answers.
    """
    network = answers = None
    with suppress(InputError):
        network = exports.format(path).network
    if isinstance(network, IntegerNetwork):
        same = _integers_that_run(network) == _integers_that_run(exports.network)
        _expect(same, f"another network is read after damage: {damage}")
    if exports.format.carries:
        with suppress(InputError):
            answers = exports.format(path).known_answers()
        same = answers is None or answers.to_bytes() == exports.answers.to_bytes()
        _expect(same, f"other known answers are read after damage: {damage}")
    lacks = network is None or (answers is None and exports.format.carries)
    return _is_refused(exports, path) or lacks


def _integers_that_run(network: IntegerNetwork) -> list[object]:
    """All integers of a network that affect a run."""
    constants = [(p.du, p.dv, p.vth, p.bias.tolist()) for p in network.populations]
    synapses = [(p.shifted_weight.tolist(), p.delay.tolist()) for p in network.projections]
    return [*constants, *synapses]


def _missing_and_foreign_files_are_refused(exports: _Exports) -> None:
    """Foreign files are empty, text, or begin like an archive or an HDF5 file."""
    path = exports.place()
    for read in exports.readers():
        with _refused(FileFormatError, "file-missing"):
            read(path)
    for data in (b"", b"text\n", bytes(1000), b"PK\x05\x06" + bytes(18), b"\x89HDF\r\n\x1a\n"):
        path.write_bytes(data)
        for read in exports.readers():
            with _refused(FileFormatError, "", path):
                read(path)


# Promises on running


def _input_is_checked_before_running(exports: _Exports) -> None:
    """The check does not need the runtime."""
    artefact = exports.format(exports.write())
    with _refused(DataError, "input-channels-differ"):
        artefact.run(random_raster(0, 1, 10, exports.network.channels.size + 1))
    dense = np.full((1, 10, exports.network.channels.size), exports.network.channels.most_spikes)
    if exports.network.channels.most_spikes < MAX_SPIKES:
        with _refused(DataError, "input-counts"):
            artefact.run(Raster.from_dense(dense + 1))
    if not exports.format.holds_floats:
        with _refused(DataError, "input-steps-missing"):
            artefact.run(exports.raster(0, 0))


def _an_export_of_another_network_does_not_run(exports: _Exports) -> None:
    """One number differs, and the known answers match it, so that the export itself is valid."""
    network, raster = exports.network, exports.raster(1, 30)
    runtime = mock.Mock(side_effect=AssertionError("its runtime starts"))
    others = {}
    for fault in draw_faults(network, 60, seed=2):
        other = mutant(network, fault)
        if fault.number not in others and not exports.format.reasons_against(other):
            others[fault.number] = other
    for number, other in others.items():
        path = exports.write(other, answers=answers_to(other, raster), force=True)
        exports.format(path).check_written()
        # The refusal of other kinds of numbers does not depend on the input or on `trust`.
        inputs = (raster, None) if exports.format.carries else (raster,)
        ways = [*product(inputs, (False, True))][: None if number == "weight" else 1]
        with mock.patch.multiple(exports.format, require=runtime, run=runtime, check=runtime):
            for data, trust in ways:
                hashes = network.content_hash, other.content_hash
                with _refused(ArtefactError, "artefact-other-network", path, *hashes):
                    verify(network, data, artefact=path, trust=trust)


def _its_runtime_equals_the_simulator(exports: _Exports) -> None:
    """On samples from dense to silent."""
    exports.expect_run(exports.network, exports.raster(5, 70))


def _its_runtime_has_its_properties(exports: _Exports) -> None:
    """With all values that the format expresses, and of channels or not."""
    for seed in range(4):
        network = with_properties(exports.network, seed, exports.format.expresses)
        if seed % 2:
            network = replace(network, channels=exports.network.channels)
        exports.expect_run(network, random_input(network, 6, 3, 50))


def _no_samples_give_an_empty_recording(exports: _Exports) -> None:
    exports.expect_run(exports.network, Raster.silent(0, 20, exports.network.channels.size))


def _an_export_of_its_own_network_is_verified(exports: _Exports) -> None:
    """On its known answers, if it carries any and records the same states."""
    exports.format.require()
    on_answers = exports.format.carries and exports.format.records_states
    data = None if on_answers else exports.raster(1, 30)
    certificate = verify(exports.network, data, artefact=exports.write())
    _expect(certificate.identical, f"{certificate!r}")
    _expect(list(certificate.checks) == [exports.format.name], f"{list(certificate.checks)}")


def _the_largest_decay_leaves_nothing_of_the_current(exports: _Exports) -> None:
    largest = exports.limits.max_du
    populations = [replace(p, du=largest, dv=0) for p in exports.network.populations]
    exports.expect_run(replace(exports.network, populations=populations), exports.raster(3, 30))


def _populations_may_feed_each_other_through_relays(exports: _Exports) -> None:
    """A network with two time constants, and delays that need relays."""
    spikes = random_raster(4, 1, 130, 5)
    floats = Network.layers([5, "7@5+6@20", 3], delays=80, n_steps=130, example_input=spikes)
    network = quantise_network(floats, spikes, relays=True, target=exports.limits).network
    _expect(len(network.populations) > len(floats.populations), "there are no relays")
    exports.expect_run(network, spikes)


def _vector(path: Path, exports: _Exports) -> None:
    """A vector of docs/standard.md."""
    vector = format_named("json")(path)
    answers = vector.known_answers()
    exports.expect_run(vector.integers, answers.spikes, answers.recording)
