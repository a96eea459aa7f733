"""`Format`: the base class of all export formats.

A format is a subclass, and a file or folder of it an instance. Formats differ in the hooks on top
of the class alone. Each hook has a default. A subclass that overrides one gains the ability:
`writes`, `reads`, `runs` or `carries`. All methods below the hooks serve every format.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from nmtool import storage
from nmtool.arithmetic import LOIHI2, Arithmetic
from nmtool.errors import DoesNotFitError, FileFormatError, Finding, UsageError, reason
from nmtool.exporters.embedded import damaged, pack_network
from nmtool.exporters.formats import PLACES, import_options_unused
from nmtool.exporters.output import write_files, write_folder
from nmtool.known_answers import KnownAnswers
from nmtool.network.float_network import Network
from nmtool.network.graph import LIF
from nmtool.network.integer_network import IntegerNetwork
from nmtool.progress import Progress, silent
from nmtool.raster import Raster
from nmtool.recording import Recording, check_steps
from nmtool.verification.certificate import Check
from nmtool.verification.comparison import compare_recordings, spike_agreement

if TYPE_CHECKING:
    from nmtool.data.events import SpikeEvents

_FILES_NAMED = 5
"""Changed files that an error names in its first sentence."""


class Format:
    """A file or folder of an export format; the subclass is the format.

    Its network is read from the disk once.

    >>> import tempfile
    >>> from nmtool import Network, round_network
    >>> from nmtool.exporters.c import C
    >>> network = round_network(Network.layers([5, 8, 3])).network
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     artefact = C.write(network, f"{folder}/network.c")
    ...     C(artefact.path).network == network
    True

    Args:
        path: of the artefact.

    Attributes:
        name: on the command line.
        extensions: of its files, with the dot; none for a folder.
        is_folder: an artefact is a folder.
        writing_options: class of the options of `write`; None without any.
        reading_options: class of the options of `read`, for files of others; None without any.
        holds_floats: takes float networks without quantisation.
        arithmetic: of the integers that it carries.
        records_states: u and v of every neuron can be recorded.
        executes_code: running an artefact executes the code in it, which `trust` allows to differ.
        reference: function from (network, raster) to the expected recording; None for the integer
            simulator.
        tolerance: relative, between membranes and those of the reference.
        writes, reads, runs, carries: whether a network is written to it, read from it and run in
            it, and known answers lie in it.
    """

    name: ClassVar[str]
    extensions: ClassVar[tuple[str, ...]]
    is_folder: ClassVar[bool]
    writing_options: ClassVar[type | None] = None
    reading_options: ClassVar[type | None] = None
    holds_floats: ClassVar[bool] = False
    arithmetic: ClassVar[Arithmetic] = LOIHI2
    records_states: ClassVar[bool] = True
    executes_code: ClassVar[bool] = False
    reference: ClassVar[Callable[..., Recording] | None] = None
    tolerance: ClassVar[float] = 0.0
    writes: ClassVar[bool]
    reads: ClassVar[bool]
    runs: ClassVar[bool]
    carries: ClassVar[bool]

    def __init_subclass__(cls, name: str = "") -> None:
        if not name:  # a base of formats
            return
        cls.name, cls.extensions = name, PLACES[name].extensions
        cls.is_folder = bool(PLACES[name].member)
        cls.writes = _overrides(cls, "encode")
        cls.reads = _overrides(cls, "decode")
        cls.runs = _overrides(cls, "simulate")
        cls.carries = _overrides(cls, "decode_answers")

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    # Hooks.

    @classmethod
    def require(cls) -> None:
        """Raise `MissingError` unless everything that running needs is here."""

    @classmethod
    def misfits(cls, network: Any, options: Any = None) -> list[Finding]:
        """Everything of a network that the format cannot carry.

        Args:
            network: integers; floats, too, where the format holds them.
            options: of `writing_options`; None for the usual ones.
        """
        return []

    @classmethod
    def encode(
        cls, network: Any, answers: KnownAnswers | None, options: Any
    ) -> Mapping[str, bytes]:
        """Files of an export, the same bytes for the same arguments; by default nmtool's own.

        Args:
            network: which fits.
            answers: inputs with expected outputs, to lie in the export; None for none.
            options: of `writing_options`; None for the usual ones.

        Returns:
            Content by relative POSIX path in a folder; of a file alone by '', and by the extension
            of what lies beside it.
        """
        return {"": pack_network(network)}

    @classmethod
    def encode_samples(
        cls, network: Any, answers: KnownAnswers | None, samples: SpikeEvents
    ) -> Mapping[str, bytes]:
        """Files that carry a few samples of data in an export, for its receiver to run.

        Args:
            network, answers: as `encode` gets them.
            samples: labelled events, in memory.

        Returns:
            Content by relative POSIX path, in addition to or in place of files of `encode`; by
            default none.
        """
        return {}

    def command_to_run(self) -> list[str]:
        """The command that runs an export on its known answers here; [] where there is none."""
        return []

    def decode(self, options: Any = None) -> Network | IntegerNetwork:
        """The network in the artefact; by default integers in nmtool's own form.

        Args:
            options: of `reading_options`; None reads what nmtool wrote.

        Raises:
            FileFormatError: it is damaged or foreign.
            FileNotFoundError, ValueError, LookupError, TypeError: `read` turns these, which parsing
                wrong content raises, into a `FileFormatError`.
        """
        return IntegerNetwork.load(self.path)

    def decode_answers(self) -> KnownAnswers | None:
        """The known answers in the artefact; None where it was written without."""
        return None

    def differences(self) -> list[Finding]:
        """Compare what runs with what `write` would give for the network in the artefact.

        The options and answers are those it was written with. Nothing is executed. Two encodings
        of the same content are equal.
        """
        return []

    def simulate(
        self, spikes: Raster, *, deep: bool, on_progress: Callable[[int], None] | None
    ) -> Recording:
        """Run the artefact, every sample from a fresh state.

        Args:
            spikes: input of as many channels as the network's, of one step at least.
            deep: also record u and v of every population at every step.
            on_progress: called with the number of samples finished since the last call.
        """
        raise NotImplementedError

    def is_replaceable(self) -> bool:
        """True where the folder is an export that `force` may replace."""
        return PLACES[self.name].holds(self.path)

    def left_by_others(self) -> set[str]:
        """Relative POSIX paths that an earlier export in the folder may hold beside its own."""
        return set()

    # The same for every format.

    @classmethod
    def write(
        cls,
        network: Any,
        path: str | Path,
        *,
        answers: KnownAnswers | None = None,
        samples: SpikeEvents | None = None,
        options: Any = None,
        force: bool = False,
    ) -> Format:
        """Write a network, whole or not at all; returns the artefact.

        Args:
            network: integers; floats, too, where the format holds them.
            path: to be made; the same arguments give the same bytes.
            answers: inputs with expected outputs, for the receiver to check.
            samples: a few of some data, for the receiver to run; formats without a place for them
                leave them out.
            options: of `writing_options`; None for the usual ones.
            force: replace an earlier export.

        Raises:
            DoesNotFitError: the format cannot carry the network; every reason is a finding.
            UsageError: something is there and may not be replaced, or there is no place for
                answers.
            StorageError: it could not be written; what was there is untouched.
            MissingError: the library that writes the format is not installed.
        """
        if answers is not None and not cls.carries:
            raise cls._without_answers(path)
        cls.check_arithmetic(network)
        cls.check_fits(network, options)
        files, artefact = dict(cls.encode(network, answers, options)), cls(path)
        if samples is not None:
            files |= cls.encode_samples(network, answers, samples)
        if cls.is_folder:
            others = artefact.left_by_others()
            write_folder(path, files, force, artefact.is_replaceable, others)
        else:
            places = {key: artefact.beside(key) for key in files}
            write_files({places[key]: content for key, content in files.items()}, force)
        artefact.network = network  # which need not be read back
        return artefact

    @classmethod
    def reasons_against(cls, network: Any, options: Any = None) -> list[Finding]:
        """Everything that keeps the format from carrying a network; arguments as of `misfits`.

        `misfits` is asked of networks in the format's own arithmetic alone.
        """
        if isinstance(network, IntegerNetwork) and network.runs_in != cls.arithmetic:
            what = f"it runs in {network.arithmetic}, the format carries {cls.arithmetic.name}"
            fix = f"export to a format that carries {network.arithmetic}, or quantise the float "
            fix += "network for another target"
            return [Finding("format-arithmetic", "network", what, fix)]
        return cls.misfits(network, options)

    @classmethod
    def check_arithmetic(cls, network: Any) -> None:
        """Raise `DoesNotFitError` where a network runs in another arithmetic than the format's."""
        if isinstance(network, IntegerNetwork) and network.runs_in != cls.arithmetic:
            raise DoesNotFitError(
                f"the format {cls.name} cannot carry this network",
                code="format-does-not-fit",
                findings=cls.reasons_against(network),
            )

    @classmethod
    def check_fits(cls, network: Any, options: Any = None) -> None:
        """Raise `DoesNotFitError` unless the format can carry a network."""
        if findings := cls.misfits(network, options):
            raise DoesNotFitError(
                f"the format {cls.name} cannot carry this network",
                code="format-does-not-fit",
                findings=findings,
            )

    def beside(self, extension: str) -> Path:
        """The path of what lies beside a file; with '' its own."""
        return self.path.with_suffix(extension) if extension else self.path

    @cached_property
    def network(self) -> Network | IntegerNetwork:
        """The network in the artefact.

        Raises:
            UsageError: the format is only written.
            FileFormatError: it is missing, damaged or foreign.
        """
        return self.read()

    @property
    def integers(self) -> IntegerNetwork:
        """The network in an artefact of a format that holds integers alone."""
        assert isinstance(self.network, IntegerNetwork)
        return self.network

    def read(self, options: Any = None) -> Network | IntegerNetwork:
        """The network in the artefact, read in a way that options say.

        Args:
            options: of `reading_options`; None reads what nmtool wrote, where it did.

        Raises:
            UsageError: the format is only written, or takes no such options.
            FileFormatError: it is missing, damaged or foreign.
        """
        if self.writes and not self.reads:
            raise UsageError(
                f"{self.path} cannot be read back",
                code="format-not-read",
                why=f"the format {self.name} is only written",
                fix="name the network it was made from",
            )
        taken = self.reading_options
        if options is not None and (taken is None or not isinstance(options, taken)):
            raise import_options_unused(self.path)
        try:
            return self.decode(options)
        except FileNotFoundError as error:
            raise FileFormatError(
                f"there is no file {error.filename}", code="file-missing", fix="check the path"
            ) from error
        except storage.DAMAGE as error:
            raise damaged(self.path, reason(error)) from error

    def known_answers(self) -> KnownAnswers:
        """The known answers in the artefact, which belong to the network in it.

        Raises:
            UsageError: the format carries none.
            FileFormatError: there are none, they are damaged, or another network's.
        """
        if not self.carries:
            raise self._without_answers(self.path)
        answers = self.decode_answers()
        if answers is None:
            raise FileFormatError(
                f"{self.path} carries no known answers",
                code="answers-missing",
                fix=f"write an export that does: {self.export_again()}",
            )
        if self.network.content_hash != answers.network_hash or not _fit(answers, self.network):
            raise FileFormatError(
                f"the known answers in {self.path} are those of another network",
                code="answers-other-network",
                fix="export the network again",
            )
        return answers

    @classmethod
    def _without_answers(cls, path: str | Path) -> UsageError:
        return UsageError(
            f"{path} carries no known answers",
            code="answers-not-carried",
            why=f"there is no place for them in the format {cls.name}",
            fix="name DATA to compare on",
        )

    def check_written(self) -> None:
        """Raise `FileFormatError` unless what runs of the artefact is what would be written.

        Everything that differs is a finding; nothing is executed.
        """
        if findings := self.differences():
            named = [one.where for one in findings] if self.path.is_dir() else []
            names = f"{', '.join(named[:_FILES_NAMED])}{' …' if len(named) > _FILES_NAMED else ''}"
            trust = "; or `trust=True`, which trusts its code" if self.executes_code else ""
            raise FileFormatError(
                f"{self.path} is not what this nmtool writes for the network in it"
                + (f": {names}" if names else ""),
                code="export-changed",
                why="another version wrote it, or somebody changed it; nothing of it was run",
                fix=f"{self.export_again()}, and use that{trust}",
                findings=findings,
            )

    def export_again(self) -> str:
        """The command that writes the artefact's network as this nmtool does."""
        target = f"-o NEW{self.extensions[0]}" if self.extensions else f"--to {self.name} -o NEW"
        return f"nmtool export {self.path} {target}"

    def run(
        self,
        spikes: Raster,
        *,
        deep: bool = False,
        trust: bool = False,
        on_progress: Callable[[int], None] | None = None,
        **options: Any,
    ) -> Recording:
        """Run the artefact in its own runtime, every sample from a fresh state.

        Args:
            spikes: the input, one neuron per channel; its number of steps counts.
            deep: also record u and v of every population at every step.
            trust: execute its code although it is not what this nmtool writes.
            on_progress: called with the number of samples finished since the last call.
            options: that the format's `simulate` takes beside.

        Raises:
            UsageError: the format records no u and v, or has no runtime.
            FileFormatError: it is no such artefact, or code in it is not what would be written.
            DataError: the raster has other channels than the network, or no steps.
            MissingError: the runtime is not installed.
            BackendError: the runtime failed or hung; nothing of it is left running.
        """
        if deep and not self.records_states:
            raise UsageError(
                f"the format {self.name} has no inner variables to compare",
                code="deep-not-available",
                fix="leave out `deep=`",
            )
        self.check_arithmetic(self.network)
        check_steps(self.network, spikes)
        if self.executes_code and not trust:
            self.check_written()
        simulate: Callable[..., Recording] = self.simulate
        return simulate(spikes, deep=deep, on_progress=on_progress, **options)

    def check(
        self,
        spikes: Raster,
        *,
        simulated: Recording | None,
        answers: Recording | None = None,
        deep: bool = False,
        trust: bool = False,
        progress: Progress = silent,
        label: str = "",
        **options: Any,
    ) -> Check:
        """Run the artefact and compare what it answers, spike for spike.

        Real numbers add up to others in another order, so that membranes of a format that holds
        them are compared with a tolerance. Spikes never are.

        Args:
            spikes: the input.
            simulated: recording of the integer simulator; None where the network is float.
            answers: what the artefact itself must answer, where that is known already; by default
                `simulated`, or what the format's own reference says.
            deep: compare u and v of every neuron, too.
            trust: as for `run`.
            progress: is shown what is being done.
            label: of the progress; by default the name of the format.
            options: that the format's `simulate` takes.
        """
        began = time.perf_counter()
        with progress(label or self.name, spikes.n_samples) as advance:
            actual = self.run(spikes, deep=deep, trust=trust, on_progress=advance, **options)
        seconds = time.perf_counter() - began
        expected, agreement = simulated if answers is None else answers, None
        if self.reference is not None:
            if answers is None:
                with progress(f"reference of {self.name}", spikes.n_samples) as advance:
                    expected = self.reference(self.network, spikes, on_progress=advance)
            agreement = None if simulated is None else spike_agreement(simulated, actual)
        assert expected is not None, "a format of integers has no float networks"
        comparison = compare_recordings(expected, actual, tolerance=self.tolerance)
        return Check(comparison, actual, seconds, agreement=agreement)


def _overrides(cls: type[Format], hook: str) -> bool:
    own, base = getattr(cls, hook), getattr(Format, hook)
    return getattr(own, "__func__", own) is not getattr(base, "__func__", base)


def _fit(answers: KnownAnswers, network: Network | IntegerNetwork) -> bool:
    """True where there is an answer of every population, of its size."""
    spikes, membrane = answers.recording.spikes, answers.recording.membrane
    sizes = {name: raster.n_neurons for name, raster in spikes.items()}
    sizes |= {name: v.shape[2] for name, v in membrane.items()}
    everyone = {p.name: p.size for p in network.populations}
    current = {name: u.shape[2] for name, u in answers.recording.current.items()}
    return (
        current in ({}, everyone)
        and sizes == everyone
        and set(spikes) == {p.name for p in network.populations if p.kind == LIF}
        and answers.spikes.n_neurons == network.channels.size
    )
