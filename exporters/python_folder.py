"""`PythonFolder`: what exports have in common that run as Python in a referee's environment.

Such a folder holds a script, a package with the integers beside its modules, a README, and perhaps
known answers and samples of data. It needs no nmtool. nmtool runs a copy of it as a supervised
process and reads what that records.
"""

from __future__ import annotations

import io
import shutil
import tempfile
from abc import abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from nmtool import storage
from nmtool.errors import MissingError
from nmtool.exporters import environments
from nmtool.exporters.environments import Environment, Referee, clean_variables
from nmtool.exporters.format import Format
from nmtool.known_answers import KnownAnswers
from nmtool.network import integer_network
from nmtool.network.integer_network import FILE_KIND, FILE_VERSION, IntegerNetwork
from nmtool.paths import EXPORT_ANSWERS, EXPORT_EVENTS
from nmtool.raster import Raster
from nmtool.recording import Recording

if TYPE_CHECKING:
    from nmtool.data.events import SpikeEvents

SCRIPT, _README = "run.py", "README.md"


class PythonFolder(Format):
    """A folder that runs a network in a referee, without nmtool.

    Attributes:
        referee: it runs there.
        inner: the package in it, which has the integers.
    """

    executes_code = True
    referee: ClassVar[Referee]
    inner: ClassVar[str]

    # Hooks.

    @classmethod
    @abstractmethod
    def sources(cls) -> dict[str, bytes]:
        """The files every export shares, by relative POSIX path."""

    @classmethod
    @abstractmethod
    def readme(
        cls, network: IntegerNetwork, answers: KnownAnswers | None, n_samples: int = 0
    ) -> str:
        """The README of a network, with the answers and so many samples of data beside it."""

    # The same for all of them.

    @classmethod
    def arrays(cls) -> str:
        """Relative POSIX path of the integers."""
        return f"{cls.inner}/arrays.npz"

    @classmethod
    def encode(
        cls, network: IntegerNetwork, answers: KnownAnswers | None, options: Any
    ) -> dict[str, bytes]:
        from nmtool.exporters.embedded import pack_network

        files = cls.sources()
        files[cls.arrays()] = pack_network(network)
        if answers is not None:
            files[EXPORT_ANSWERS] = answers.to_bytes()
        files[_README] = cls.readme(network, answers).encode()
        return files

    @classmethod
    def encode_samples(
        cls, network: IntegerNetwork, answers: KnownAnswers | None, samples: SpikeEvents
    ) -> dict[str, bytes]:
        from nmtool.data.incoming.csv_rows import write_csv

        table = io.StringIO()
        write_csv(table, {"test": samples})
        readme = cls.readme(network, answers, samples.n_samples)
        return {EXPORT_EVENTS: table.getvalue().encode(), _README: readme.encode()}

    def command_to_run(self) -> list[str]:
        try:
            python = environments.locate(self.referee).python
        except MissingError:
            return []
        return [str(python), str(self.path / SCRIPT), str(self.path / EXPORT_ANSWERS)]

    def is_replaceable(self) -> bool:
        return storage.archive_kind(self.path / self.arrays()) == FILE_KIND

    def left_by_others(self) -> set[str]:
        return {EXPORT_ANSWERS, EXPORT_EVENTS}

    def decode(self, options: Any = None) -> IntegerNetwork:
        return IntegerNetwork.load(self.path / self.arrays())

    def decode_answers(self) -> KnownAnswers | None:
        answers = self.path / EXPORT_ANSWERS
        if self.is_replaceable() and not answers.exists():
            return None
        return KnownAnswers.load(answers)

    def changed(self) -> dict[str, str]:
        """What is wrong with files, by path: those that differ, and those that are no part of it.

        Python could take the others for a library. Integers count as they are read.
        """
        from nmtool.exporters.differences import CHANGED, changed_files
        from nmtool.exporters.output import files_in

        arrays, sources = self.arrays(), self.sources()
        own_files = {*sources, arrays, _README, EXPORT_ANSWERS, EXPORT_EVENTS}
        wrong = dict.fromkeys(files_in(self.path) - own_files, "it is no part of an export")
        wrong |= changed_files(self.path, sources)
        archive = storage.read_archive(self.path / arrays, FILE_KIND, FILE_VERSION)
        network = integer_network.unpack(archive)
        own = {
            key: value for key, value in archive.header.items() if key not in ("kind", "version")
        }
        if storage.content_hash(own, archive.arrays) != network.content_hash:
            wrong[arrays] = CHANGED
        return dict(sorted(wrong.items()))

    def run_script(
        self,
        script: Path,
        spikes: Raster,
        options: Sequence[str],
        on_progress: Callable[[int], None] | None,
        environment: Environment,
        read: Callable[[Path], Recording],
        timeout_s: float | None = None,
    ) -> Recording:
        """Run a copy of the folder, without the files that Python compiled in it.

        Args:
            script: of the folder.
            spikes: the input.
            options: words for the script, after the events and the recording.
            on_progress: as for every format.
            environment: where the referee is.
            read: reads what the script records.
            timeout_s: seconds the run may take; it is ended in any case after 600 s of silence.

        Raises:
            BackendError: it failed, hung or took too long; nothing of it is left running.
        """
        from nmtool.exporters.exchange import progress_reader, write_events
        from nmtool.exporters.output import COMPILED
        from nmtool.exporters.supervise import SILENCE_S, supervise

        referee = self.referee
        with tempfile.TemporaryDirectory(prefix=f"nmtool-{self.name}-") as scratch:
            events, recording = Path(scratch, "events.npz"), Path(scratch, "recording.npz")
            write_events(events, spikes)
            copy = shutil.copytree(
                script.parent,
                Path(scratch, "export"),
                ignore=shutil.ignore_patterns(COMPILED),
                ignore_dangling_symlinks=True,
            )
            supervise(
                [environment.python, copy / script.name, events, recording, *options],
                what=f"running the network in {referee.title}",
                fix=f"{referee.setup} --force, if {referee.title} itself is damaged",
                timeout_s=timeout_s,
                idle_timeout_s=SILENCE_S,
                on_line=progress_reader(on_progress),
                env=clean_variables(),
                cwd=scratch,
            )
            return read(recording)
