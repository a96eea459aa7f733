"""`Format`: the base class of all export formats.

Each format is a subclass, and each exported file or folder is an instance. Formats differ only in
the hooks at the top of the class, which have defaults. Overriding a hook gives a format an ability:
`writes`, `reads`, `runs` or `carries`. All methods below the hooks are the same for every format.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from nmtool import storage
from nmtool.arithmetic import LOIHI2, Arithmetic
from nmtool.errors import DoesNotFitError, FileFormatError, Finding, UsageError, reason
from nmtool.exporters.embedded import damaged
from nmtool.exporters.formats import OWN_PLACES, Place, all_formats, import_options_unused
from nmtool.exporters.output import write_files, write_folder
from nmtool.known_answers import KnownAnswers
from nmtool.network.float_network import Network
from nmtool.network.graph import LIF
from nmtool.network.integer_network import IntegerNetwork
from nmtool.network.properties import Property, refusals
from nmtool.network.readout import FIRST_SPIKE, MAX, MEAN, WEIGHTED, WINDOW
from nmtool.progress import Progress, silent
from nmtool.raster import Raster
from nmtool.recording import Recording, check_steps
from nmtool.verification.certificate import Check
from nmtool.verification.comparison import compare_recordings, spike_agreement

if TYPE_CHECKING:
    from nmtool.data.events import SpikeEvents
    from nmtool.hardware_sim.operations import Operations
    from nmtool.targets.costs import RunningCost
    from nmtool.targets.fit import Use
    from nmtool.targets.target import Target

_FILES_NAMED = 5
"""Largest number of changed files named in the first sentence of an error."""


class Format:
    """An exported file or folder; each subclass is a format.

    The network of an export is read from disk only once.

    >>> import tempfile
    >>> from nmtool import Network, round_network
    >>> from nmtool.exporters.c.format import C
    >>> network = round_network(Network.layers([5, 8, 3])).network
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     artefact = C.write(network, f"{folder}/network.c")
    ...     C(artefact.path).network == network
    True

    Args:
        path: path of the file or folder.

    Attributes:
        name: name on the command line.
        place: rule that recognises paths of the format; plug-ins give it to the class, as in
            `class Mine(Format, name="mine", place=PLACE)`.
        extensions: extensions of its files, with the dot; empty for a folder.
        is_folder: True if exports are folders.
        writing_options: class of the options of `write`; None if there are none.
        reading_options: class of the options of `read`, for files from other tools; None if there
            are none.
        holds_floats: True if float networks can be written without quantisation.
        arithmetic: arithmetic of integer networks in the format.
        rules: names of the readout rules that the format can express.
        expresses: properties of populations and input channels that the format can express, of
            `nmtool.network.graph.PROPERTIES`; with narrower values, e.g. `MOST_SPIKES.up_to(15)`.
        records_states: True if u and v of every neuron can be recorded.
        tool: name of the program outside of Python that the runtime needs, e.g. `C compiler`; ''
            if it needs none, or shares the one of another format.
        tool_purpose: what the tool is for.
        extra: extra of nmtool with the libraries that the format needs; '' for none.
        extra_purpose: what these libraries are for.
        executes_code: True if running an export executes code from its files. Unless `trust` is
            given, `run` first checks that nmtool would write the same files.
        reference: function from (network, raster) to the expected recording; None: the integer
            simulator.
        tolerance: relative tolerance of membranes in a comparison with the reference.
        writes, reads, runs: True if networks can be written, read or run in the format.
        carries: True if exports can contain known answers.
    """

    name: ClassVar[str]
    place: ClassVar[Place]
    extensions: ClassVar[tuple[str, ...]]
    is_folder: ClassVar[bool]
    writing_options: ClassVar[type | None] = None
    reading_options: ClassVar[type | None] = None
    holds_floats: ClassVar[bool] = False
    arithmetic: ClassVar[Arithmetic] = LOIHI2
    rules: ClassVar[tuple[str, ...]] = (MEAN, WEIGHTED, MAX, WINDOW, FIRST_SPIKE)
    expresses: ClassVar[tuple[Property, ...]] = ()
    records_states: ClassVar[bool] = True
    tool: ClassVar[str] = ""
    tool_purpose: ClassVar[str] = ""
    extra: ClassVar[str] = ""
    extra_purpose: ClassVar[str] = ""
    executes_code: ClassVar[bool] = False
    reference: ClassVar[Callable[..., Recording] | None] = None
    tolerance: ClassVar[float] = 0.0
    writes: ClassVar[bool]
    reads: ClassVar[bool]
    runs: ClassVar[bool]
    carries: ClassVar[bool]

    def __init_subclass__(cls, name: str = "", place: Place | None = None) -> None:
        if not name:  # A class without a name is an abstract base.
            return
        cls.name, cls.place = name, place or OWN_PLACES[name]
        cls.extensions, cls.is_folder = cls.place.extensions, bool(cls.place.member)
        cls.writes = _overrides(cls, "encode")
        cls.reads = _overrides(cls, "decode")
        cls.runs = _overrides(cls, "simulate")
        cls.carries = _overrides(cls, "decode_answers")

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    # Methods that formats may replace

    @classmethod
    def require(cls) -> None:
        """Raise `MissingError` unless everything needed to run is installed."""

    @classmethod
    def describe_tool(cls) -> str:
        """Version of the installed `tool`, in words; raises `MissingError` if there is none."""
        raise NotImplementedError

    @classmethod
    def try_tool(cls) -> None:
        """Use the `tool`, for seconds at most; raises `BackendError` if it does not work."""

    @classmethod
    def misfits(cls, network: Any, options: Any = None) -> list[Finding]:
        """Findings on everything in a network that the format cannot represent.

        Args:
            network: integer network; float network if the format holds floats.
            options: instance of `writing_options`; None for the defaults.
        """
        return []

    @classmethod
    def uses(cls, network: Any, target: Target, options: Any = None) -> list[Use]:
        """Amounts of a part's resources that an export takes, and the amounts that the part has.

        By default, exports take no resources that a target could have too little of.

        Args:
            network: an integer network without misfits.
            target: a target of this format, with the figures of the part.
            options: instance of `writing_options`; None for the defaults.
        """
        return []

    @classmethod
    def too_small(cls, use: Use, target: Target) -> Finding:
        """The finding for a resource of which a part has too little; goes with `uses`."""
        raise NotImplementedError

    @classmethod
    def running_cost(
        cls,
        network: IntegerNetwork,
        spikes: Raster,
        recording: Recording,
        operations: Operations,
        progress: Progress,
    ) -> RunningCost | None:
        """Measure what an inference costs in the runtime; None if it is not measured.

        Args:
            network: the network.
            spikes: the input, of at least one sample.
            recording: the simulator's recording on this input.
            operations: the operations that the simulator counted on this input.
            progress: function that shows progress, e.g. `nmtool.progress_bar`.
        """
        return None

    @classmethod
    def encode(
        cls, network: Any, answers: KnownAnswers | None, options: Any
    ) -> Mapping[str, bytes]:
        """Make the files of an export, deterministically; by default nmtool's own file.

        Args:
            network: a network without misfits.
            answers: known answers to include, or None.
            options: instance of `writing_options`; None for the defaults.

        Returns:
            For a folder: content by relative POSIX path. For a file: its content under the key '',
            and the content of companion files by their extension.
        """
        return {"": network.to_bytes()}

    @classmethod
    def companions(cls, options: Any = None) -> tuple[str, ...]:
        """Extensions of the files that `encode` puts beside an export, with the dot.

        Args:
            options: instance of `writing_options`; None for the defaults.
        """
        return ()

    @classmethod
    def encode_samples(
        cls, network: Any, answers: KnownAnswers | None, samples: SpikeEvents
    ) -> Mapping[str, bytes]:
        """Make files with a few samples of data that the user of an export can run.

        Args:
            network, answers: as for `encode`.
            samples: labelled events, in memory.

        Returns:
            Content by relative POSIX path; replaces files of `encode` with the same path. By
            default no files.
        """
        return {}

    def command_to_run(self) -> list[str]:
        """The command that runs an export and checks its known answers; [] if there is none."""
        return []

    def decode(self, options: Any = None) -> Network | IntegerNetwork:
        """The network in the export; by default an integer network in nmtool's own form.

        Args:
            options: instance of `reading_options`; None: read nmtool's own form.

        Raises:
            FileFormatError: the export is damaged, or not of this format.
            FileNotFoundError, ValueError, LookupError, TypeError: parsing failed; `read` turns
                these into a `FileFormatError`.
        """
        return IntegerNetwork.load(self.path)

    def decode_changed(self) -> Network | IntegerNetwork | None:
        """Read the network from a file that does not match its digest.

        The network is never run. It is only compared with the expected network, to find the changed
        numbers. None: the format cannot read such files.
        """
        return None

    def decode_answers(self) -> KnownAnswers | None:
        """The known answers in the export; None if there are none."""
        return None

    def differences(self) -> list[Finding]:
        """Compare the export with a new export of its network, without executing anything.

        The new export gets the same options and known answers. Different encodings of the same
        content count as equal.
        """
        return []

    def simulate(
        self, spikes: Raster, *, deep: bool, on_progress: Callable[[int], None] | None
    ) -> Recording:
        """Run the export, every sample from a fresh state.

        Args:
            spikes: input raster with the network's channels and at least one step.
            deep: also record u and v of every population at every step.
            on_progress: called with the number of samples finished since the last call.
        """
        raise NotImplementedError

    def is_replaceable(self) -> bool:
        """True if the folder is an export that `force` may replace."""
        return self.place.holds(self.path)

    def left_by_others(self) -> set[str]:
        """Relative POSIX paths of further files that an earlier export may contain."""
        return set()

    @classmethod
    def check_fits(cls, network: Any, options: Any = None) -> None:
        """Raise `DoesNotFitError` with all `misfits` if the format cannot represent a network.

        Args:
            network, options: as for `misfits`.
        """
        cls._refuse(cls.misfits(network, options))

    def check_written(self) -> None:
        """Raise `FileFormatError` unless nmtool would write the same export.

        Every difference is a finding; nothing is executed.
        """
        if findings := self.differences():
            files = [finding.where for finding in findings] if self.path.is_dir() else []
            names = f"{', '.join(files[:_FILES_NAMED])}{' …' if len(files) > _FILES_NAMED else ''}"
            trust = "; or `trust=True`, which runs the changed code" if self.executes_code else ""
            raise FileFormatError(
                f"{self.path} differs from the export that nmtool writes for this network"
                + (f": {names}" if names else ""),
                code="export-changed",
                why="the export was changed, or another version of nmtool wrote it; the export "
                "was not run",
                fix=f"{self.export_again()}, and use the new export{trust}",
                findings=findings,
            )

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
        """Run the export and compare its recording, spike for spike.

        Sums of floats depend on the order of addition: in float formats, membranes are therefore
        compared with a tolerance. Spikes are always compared exactly.

        Args:
            spikes: the input.
            simulated: recording of the integer simulator; None for a float network.
            answers: expected recording, if known; by default `simulated`, or the recording of the
                format's reference.
            deep: also compare u and v of every neuron.
            trust: as for `run`.
            progress: function that shows progress, e.g. `nmtool.progress_bar`.
            label: label of the progress bar; by default the name of the format.
            options: further arguments of the format's `simulate`.
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
        assert expected is not None, "an integer format cannot run a float network"
        comparison = compare_recordings(expected, actual, tolerance=self.tolerance)
        return Check(comparison, actual, seconds, agreement=agreement)

    # Methods that are the same for every format

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
        """Write a network atomically and deterministically, and return the export.

        Args:
            network: integer network; float network if the format holds floats.
            path: path to write.
            answers: known answers, against which users can check the export.
            samples: a few samples of data that users can run; ignored by formats that carry none.
            options: instance of `writing_options`; None for the defaults.
            force: replace an earlier export.

        Raises:
            DoesNotFitError: the format cannot represent the network; every reason is a finding.
            UsageError: the path exists and may not be replaced, or the format carries no answers.
            StorageError: the export could not be written; an earlier export is untouched.
            MissingError: the library that writes the format is not installed.
        """
        if answers is not None and not cls.carries:
            raise cls._without_answers(path)
        cls.check_known(network)
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
        # The artefact remembers the network, so that it need not be read from the file again.
        artefact.network = network
        return artefact

    @classmethod
    def reasons_against(cls, network: Any, options: Any = None) -> list[Finding]:
        """All reasons why the format cannot represent a network; arguments as for `misfits`.

        `misfits` is called only for networks in the format's own arithmetic, with one of its
        `rules`, and with no property but those that it `expresses`.
        """
        return cls._unsupported(network) or cls.misfits(network, options)

    @classmethod
    def _unsupported(cls, network: Any) -> list[Finding]:
        """Findings if the format lacks the network's arithmetic, readout rule or a property."""
        findings = []
        if isinstance(network, IntegerNetwork) and network.runs_in != cls.arithmetic:
            what = (
                f"its arithmetic is {network.arithmetic}, but that of the format is "
                f"{cls.arithmetic.name}"
            )
            fix = f"export to a format for {network.arithmetic}, or quantise the float "
            fix += "network for another target"
            findings.append(Finding("format-arithmetic", "network", what, fix))
        if (rule := network.readout.rule) not in cls.rules:
            what = f"the format cannot express the rule '{rule}'"
            fix = f"export to another format, or train with the readout {' or '.join(cls.rules)}"
            findings.append(Finding("format-readout", "readout", what, fix))
        refused = refusals(network, cls.expresses, "the format")
        others = _that_express(network) if refused else ""
        return findings + [replace(f, fix=f"{f.fix}; or export to {others}") for f in refused]

    @classmethod
    def lacking(cls, uses: Iterable[Use], target: Target) -> list[Finding]:
        """A finding for every resource of which a part has too little."""
        return [cls.too_small(use, target) for use in uses if use.used > use.available]

    @classmethod
    def check_known(cls, network: Any) -> None:
        """Raise `DoesNotFitError` if the format lacks the arithmetic, rule or a property."""
        cls._refuse(cls._unsupported(network))

    @classmethod
    def _refuse(cls, findings: list[Finding]) -> None:
        """Raise `DoesNotFitError` if there are findings."""
        if findings:
            raise DoesNotFitError(
                f"the format {cls.name} cannot represent this network",
                code="format-does-not-fit",
                findings=findings,
            )

    def beside(self, extension: str) -> Path:
        """Path of the companion file with this extension; for '', the path of the file itself."""
        return self.path.with_suffix(extension) if extension else self.path

    @cached_property
    def network(self) -> Network | IntegerNetwork:
        """The network in the export.

        Raises:
            UsageError: the format cannot be read.
            FileFormatError: the export is missing, damaged, or not of this format.
        """
        return self.read()

    @property
    def integers(self) -> IntegerNetwork:
        """The integer network in the export; for formats that have only integer networks."""
        assert isinstance(self.network, IntegerNetwork)
        return self.network

    def read(self, options: Any = None) -> Network | IntegerNetwork:
        """Read the network in the export, with options.

        Args:
            options: instance of `reading_options`; None: read nmtool's own form, if there is one.

        Raises:
            UsageError: the format cannot be read, or does not have these options.
            FileFormatError: the export is missing, damaged, or not of this format.
        """
        if self.writes and not self.reads:
            raise UsageError(
                f"{self.path} cannot be read back",
                code="format-not-read",
                why=f"nmtool can write the format {self.name}, but cannot read it",
                fix="name the network from which the file was exported",
            )
        expected = self.reading_options
        if options is not None and (expected is None or not isinstance(options, expected)):
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
        """The known answers in the export, after a check that they belong to its network.

        Raises:
            UsageError: the format carries no known answers.
            FileFormatError: known answers are missing, damaged, or belong to another network.
        """
        if not self.carries:
            raise self._without_answers(self.path)
        answers = self.decode_answers()
        if answers is None:
            raise FileFormatError(
                f"{self.path} carries no known answers",
                code="answers-missing",
                fix=f"write an export with known answers: {self.export_again()}",
            )
        if self.network.content_hash != answers.network_hash or not _sizes_match(
            answers, self.network
        ):
            raise FileFormatError(
                f"the known answers in {self.path} belong to another network",
                code="answers-other-network",
                fix="export the network again",
            )
        return answers

    @classmethod
    def _without_answers(cls, path: str | Path) -> UsageError:
        """The error for known answers in a format that carries none."""
        return UsageError(
            f"{path} carries no known answers",
            code="answers-not-carried",
            why=f"the format {cls.name} has no place for them",
            fix="name a data set, DATA, on which to compare",
        )

    def export_again(self) -> str:
        """The command that exports the network again with this nmtool."""
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
        """Run the export in its own runtime, every sample from a fresh state.

        Args:
            spikes: the input, one neuron per channel, with any number of steps.
            deep: also record u and v of every population at every step.
            trust: execute the export's code even if it differs from what this nmtool writes.
            on_progress: called with the number of samples finished since the last call.
            options: further arguments of the format's `simulate`.

        Raises:
            UsageError: the format does not record u and v, or has no runtime.
            FileFormatError: the path is not an export of this format, or its code was changed.
            DataError: the raster has another number of channels than the network, or no steps.
            MissingError: the runtime is not installed.
            BackendError: the runtime failed or hung; its processes have ended.
        """
        if deep and not self.records_states:
            raise UsageError(
                f"the format {self.name} does not record u and v",
                code="deep-not-available",
                fix="leave out `deep=`",
            )
        self.check_known(self.network)
        check_steps(self.network, spikes)
        if self.executes_code and not trust:
            self.check_written()
        simulate: Callable[..., Recording] = self.simulate
        return simulate(spikes, deep=deep, on_progress=on_progress, **options)


def _that_express(network: Any) -> str:
    """Names of the formats that can be written, and that express all properties of a network."""
    able = [f.name for f in all_formats() if f.writes and not refusals(network, f.expresses, "")]
    return " or ".join(filter(None, [", ".join(able[:-1]), *able[-1:]]))


def _overrides(cls: type[Format], hook: str) -> bool:
    """True if a format overrides a hook of `Format`."""
    own, base = getattr(cls, hook), getattr(Format, hook)
    return getattr(own, "__func__", own) is not getattr(base, "__func__", base)


def _sizes_match(answers: KnownAnswers, network: Network | IntegerNetwork) -> bool:
    """True if the answers have arrays of the right size for every population."""
    spikes, membrane = answers.recording.spikes, answers.recording.membrane
    stored = {name: raster.n_neurons for name, raster in spikes.items()}
    stored |= {name: v.shape[2] for name, v in membrane.items()}
    sizes = {p.name: p.size for p in network.populations}
    current = {name: u.shape[2] for name, u in answers.recording.current.items()}
    return (
        current in ({}, sizes)
        and stored == sizes
        and set(spikes) == {p.name for p in network.populations if p.kind == LIF}
        and answers.spikes.n_neurons == network.channels.size
    )
