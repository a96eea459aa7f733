"""`PythonFolder`: base class of exports that are Python programs for another simulator.

Such a folder contains a script, a package (modules and the network's integers), a README, and
optionally known answers and data samples. It runs without nmtool, in the simulator's own
environment. nmtool runs a copy of the folder as a subprocess and reads its recording.
"""

from __future__ import annotations

import io
from abc import abstractmethod
from collections.abc import Callable, Sequence
from string import Template
from typing import TYPE_CHECKING, Any, ClassVar

from nmtool import storage
from nmtool.data.incoming.csv_rows import write_csv
from nmtool.errors import Finding, MissingError
from nmtool.exporters import folder_readme
from nmtool.exporters.differences import CHANGED, changed, changed_files
from nmtool.exporters.environments import Environment, Referee, progress_reader
from nmtool.exporters.format import Format
from nmtool.exporters.output import MAX_CODE_BYTES, copy_files, files_in, temporary_folder
from nmtool.known_answers import KnownAnswers
from nmtool.network.integer_network import IntegerNetwork
from nmtool.paths import EXPORT_ANSWERS, EXPORT_EVENTS
from nmtool.raster import Raster
from nmtool.recording import Recording

if TYPE_CHECKING:
    from nmtool.data.events import SpikeEvents

SCRIPT, _README = "run.py", "README.md"


class PythonFolder(Format):
    """A folder that runs a network in another simulator (a referee), without nmtool.

    Attributes:
        referee: the simulator that runs the folder.
        inner: name of the folder's package, with the network's integers.
        arguments: arguments of the script, as a usage line.
        readme_text: the README, with names for `readme_values` and those of `folder_readme`.
    """

    executes_code = True
    referee: ClassVar[Referee]
    inner: ClassVar[str]
    arguments: ClassVar[str]
    readme_text: ClassVar[Template]

    # The method that every subclass defines

    @classmethod
    @abstractmethod
    def readme_values(cls, network: IntegerNetwork) -> dict[str, str]:
        """Values of the names in `readme_text` that `folder_readme.values` does not have."""

    # Methods that all subclasses share

    @classmethod
    def sources(cls) -> dict[str, bytes]:
        """Files that are the same in every export, by relative POSIX path."""
        package = cls.referee.folder
        files = [package / SCRIPT, *sorted((package / cls.inner).glob("*.py"))]
        return {path.relative_to(package).as_posix(): path.read_bytes() for path in files}

    @classmethod
    def readme(
        cls, network: IntegerNetwork, answers: KnownAnswers | None, n_samples: int = 0
    ) -> str:
        """The README of an export with known answers and `n_samples` data samples."""
        values = folder_readme.values(network, answers, n_samples, cls.inner, cls.arguments)
        return cls.readme_text.substitute(values, **cls.readme_values(network))

    @classmethod
    def require(cls) -> None:
        cls.referee.find()

    @classmethod
    def arrays(cls) -> str:
        """Relative POSIX path of the file with the network's integers."""
        return f"{cls.inner}/arrays.npz"

    @classmethod
    def encode(
        cls, network: IntegerNetwork, answers: KnownAnswers | None, options: Any
    ) -> dict[str, bytes]:
        files = cls.sources()
        files[cls.arrays()] = network.to_bytes()
        if answers is not None:
            files[EXPORT_ANSWERS] = answers.to_bytes()
        files[_README] = cls.readme(network, answers).encode()
        return files

    @classmethod
    def encode_samples(
        cls, network: IntegerNetwork, answers: KnownAnswers | None, samples: SpikeEvents
    ) -> dict[str, bytes]:
        table = io.StringIO()
        write_csv(table, {"test": samples})
        readme = cls.readme(network, answers, samples.n_samples)
        return {EXPORT_EVENTS: table.getvalue().encode(), _README: readme.encode()}

    def command_to_run(self) -> list[str]:
        try:
            python = self.referee.locate().python
        except MissingError:
            return []
        return [str(python), str(self.path / SCRIPT), str(self.path / EXPORT_ANSWERS)]

    def is_replaceable(self) -> bool:
        return storage.archive_kind(self.path / self.arrays()) == IntegerNetwork.file_kind

    def left_by_others(self) -> set[str]:
        return {EXPORT_ANSWERS, EXPORT_EVENTS}

    def decode(self, options: Any = None) -> IntegerNetwork:
        return IntegerNetwork.load(self.path / self.arrays())

    def decode_answers(self) -> KnownAnswers | None:
        answers = self.path / EXPORT_ANSWERS
        if self.is_replaceable() and not answers.exists():
            return None
        return KnownAnswers.load(answers)

    def differences(self) -> list[Finding]:
        """Findings for changed, missing and additional files.

        Additional files are findings, because Python could import them. In the network's file, the
        content is compared, not the bytes.
        """
        arrays, sources = self.arrays(), self.sources()
        own_files = {*sources, arrays, _README, EXPORT_ANSWERS, EXPORT_EVENTS}
        changes = dict.fromkeys(files_in(self.path) - own_files, "it is not part of an export")
        changes |= changed_files(self.path, sources)
        archive = storage.read_archive(
            self.path / arrays, IntegerNetwork.file_kind, IntegerNetwork.file_version
        )
        network = archive.unpack(IntegerNetwork)
        header = {
            key: value for key, value in archive.header.items() if key not in ("kind", "version")
        }
        if storage.content_hash(header, archive.arrays) != network.content_hash:
            changes[arrays] = CHANGED
        return [changed(*item) for item in sorted(changes.items())]

    def record(
        self,
        spikes: Raster,
        options: Sequence[str],
        on_progress: Callable[[int], None] | None,
        environment: Environment | None,
        timeout_s: float | None = None,
    ) -> Recording:
        """Run a copy of the folder's modules and of its network.

        Args:
            spikes: the input.
            options: further arguments of the script, after the paths of events and recording.
            on_progress: called with the number of samples finished since the last call.
            environment: environment of the referee; by default the one that `find` returns.
            timeout_s: time limit in s. A run without output for 600 s is always ended.

        Raises:
            FileFormatError: a file to copy is a link, a pipe or a device, or too large.
            StorageError: there is no space for the copy.
            MissingError: the referee is not set up.
            BackendError: the run failed, hung or took too long; all its processes are ended.
        """
        referee = self.referee
        environment = environment or referee.find()
        with temporary_folder(self.name) as scratch:
            copy_files(self.path.resolve(), self._limits(), scratch / "export")
            return environment.record(
                spikes,
                scratch,
                [scratch / "export" / SCRIPT],
                options,
                on_line=progress_reader(on_progress),
                fix=f"export the network again if its code was changed, or {referee.setup} --force "
                f"if {referee.title} itself is damaged",
                timeout_s=timeout_s,
            )

    def _limits(self) -> dict[str, int]:
        """Largest size in bytes of every file that a run needs, by relative POSIX path.

        Known answers and data samples are not needed. Compressed, an archive has at most the size
        of its arrays and its header.
        """
        modules = [*self.path.glob("*.py"), *self.path.glob(f"{self.inner}/*.py")]
        limits = {path.relative_to(self.path).as_posix(): MAX_CODE_BYTES for path in modules}
        arrays = storage.pack(self.integers)[1].values()
        limits[self.arrays()] = sum(a.nbytes for a in arrays) + storage.MAX_HEADER_BYTES
        return limits
