"""Lava 0.10.0: a folder that runs there by itself, bit for bit.

Lava has an environment of its own (`nmtool.exporters.lava.environment`) and runs as a supervised
process; nothing here imports it.
"""

from __future__ import annotations

import io
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nmtool import storage
from nmtool.errors import FileFormatError, Finding, MissingError, UsageError
from nmtool.exporters.environments import Environment, clean_variables
from nmtool.exporters.format import Format
from nmtool.exporters.lava import environment as environments
from nmtool.exporters.lava.environment import PACKAGE
from nmtool.known_answers import KnownAnswers
from nmtool.network import integer_network
from nmtool.network.integer_network import FILE_KIND, FILE_VERSION, IntegerNetwork
from nmtool.paths import EXPORT_ANSWERS, EXPORT_EVENTS
from nmtool.progress import Progress, silent
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.verification.certificate import Check, StockCheck
from nmtool.verification.comparison import Comparison, compare_recordings

if TYPE_CHECKING:
    from nmtool.data.events import SpikeEvents

FAST, STOCK = MODELS = ("fast", "stock")
"""`fast`: our event-driven models; `stock`: Lava's own, for reference."""

_STOCK_STEPS_BEYOND_DELAYS = 20

_NETWORK = "lava_network"
_ARRAYS = f"{_NETWORK}/arrays.npz"
_SCRIPT, _README = "run.py", "README.md"


class Lava(Format, name="lava"):
    """A folder that runs a network in Lava, without nmtool. It holds every network of integers."""

    executes_code = True

    @classmethod
    def require(cls) -> None:
        environments.find()

    @classmethod
    def encode(
        cls, network: IntegerNetwork, answers: KnownAnswers | None, options: Any
    ) -> dict[str, bytes]:
        from nmtool.exporters.embedded import pack_network
        from nmtool.exporters.lava.readme import readme_text

        files = _sources()
        files[_ARRAYS] = pack_network(network)
        if answers is not None:
            files[EXPORT_ANSWERS] = answers.to_bytes()
        files[_README] = readme_text(network, answers).encode()
        return files

    @classmethod
    def encode_samples(
        cls, network: IntegerNetwork, answers: KnownAnswers | None, samples: SpikeEvents
    ) -> dict[str, bytes]:
        from nmtool.data.incoming.csv_rows import write_csv
        from nmtool.exporters.lava.readme import readme_text

        table = io.StringIO()
        write_csv(table, {"test": samples})
        readme = readme_text(network, answers, samples.n_samples)
        return {EXPORT_EVENTS: table.getvalue().encode(), _README: readme.encode()}

    def command_to_run(self) -> list[str]:
        from nmtool.exporters import environments
        from nmtool.exporters.lava.environment import REFEREE

        try:
            python = environments.locate(REFEREE).python
        except MissingError:
            return []
        return [str(python), str(self.path / "run.py"), str(self.path / EXPORT_ANSWERS)]

    def is_replaceable(self) -> bool:
        return storage.archive_kind(self.path / _ARRAYS) == FILE_KIND

    def left_by_others(self) -> set[str]:
        return {EXPORT_ANSWERS, EXPORT_EVENTS}

    def decode(self, options: Any = None) -> IntegerNetwork:
        return IntegerNetwork.load(self.path / _ARRAYS)

    def decode_answers(self) -> KnownAnswers | None:
        answers = self.path / EXPORT_ANSWERS
        if self.is_replaceable() and not answers.exists():
            return None
        return KnownAnswers.load(answers)

    def differences(self) -> list[Finding]:
        """Code that differs, arrays that are read as others, and files that are no part of it.

        Python could take those for a library.
        """
        from nmtool.exporters.differences import CHANGED, changed_files
        from nmtool.exporters.output import files_in

        own_files = {*_sources(), _ARRAYS, _README, EXPORT_ANSWERS, EXPORT_EVENTS}
        wrong = dict.fromkeys(files_in(self.path) - own_files, "it is no part of an export")
        wrong |= changed_files(self.path, _sources())
        archive = storage.read_archive(self.path / _ARRAYS, FILE_KIND, FILE_VERSION)
        network = integer_network.unpack(archive)
        own = {
            key: value for key, value in archive.header.items() if key not in ("kind", "version")
        }
        if storage.content_hash(own, archive.arrays) != network.content_hash:
            wrong[_ARRAYS] = CHANGED
        fix = "export the network again"
        return [Finding("lava-file-changed", name, wrong[name], fix) for name in sorted(wrong)]

    def simulate(
        self,
        spikes: Raster,
        *,
        deep: bool,
        on_progress: Callable[[int], None] | None,
        model: str = FAST,
        environment: Environment | None = None,
        timeout_s: float | None = None,
    ) -> Recording:
        """Run the folder in Lava.

        Args:
            spikes, deep, on_progress: as for every format.
            model: one of `MODELS`.
            environment: where Lava is; by default `environment.find()`.
            timeout_s: seconds the run may take; it is ended in any case after 600 s of silence.

        Raises:
            UsageError: there is no such model.
            FileFormatError: the folder has no script.
            MissingError: Lava is not set up.
            BackendError: Lava failed, hung or took too long; nothing of it is left running.
        """
        from nmtool.exporters.exchange import progress_reader, read_recording, write_events
        from nmtool.exporters.supervise import SILENCE_S, supervise

        script = self._checked_script(model)
        python = (environment or environments.find()).python
        with tempfile.TemporaryDirectory(prefix="nmtool-lava-") as scratch:
            events, recording = Path(scratch, "events.npz"), Path(scratch, "recording.npz")
            write_events(events, spikes)
            options = ["--model", model, *(["--deep"] if deep else [])]
            # Scripts of earlier versions, run on trust, print JSON unasked.
            options += ["--json"] if b'"--json"' in script.read_bytes() else []
            copied = _copy(script.parent, Path(scratch)) / script.name
            supervise(
                [python, copied, events, recording, *options],
                what="running the network in Lava",
                fix="nmtool setup lava --force, if Lava itself is damaged",
                timeout_s=timeout_s,
                idle_timeout_s=SILENCE_S,
                on_line=progress_reader(on_progress),
                env=clean_variables(),
                cwd=scratch,
            )
            return read_recording(recording)

    def _checked_script(self, model: str) -> Path:
        """The script that runs the folder with a model."""
        if model not in MODELS:
            raise UsageError(
                f"unknown Lava model '{model}'",
                code="lava-model-unknown",
                fix=f"use {' or '.join(MODELS)}",
            )
        script = self.path.resolve() / _SCRIPT
        if not script.is_file():
            raise FileFormatError(
                f"{self.path} has no {_SCRIPT}",
                code="lava-script-missing",
                fix="export the network again",
            )
        return script

    def check(
        self,
        spikes: Raster,
        *,
        trust: bool = False,
        progress: Progress = silent,
        model: str = FAST,
        **options: Any,
    ) -> Check:
        """As for every format, with another model than `fast` where it is named.

        The fast model stands in for Lava's own, so a stretch of one sample also runs on that: as
        many steps as delays reach and 20 more, where a sample makes most populations spike. Where
        one of them differs from the simulator, the two are compared with each other on that
        stretch.
        """
        how: dict[str, Any] = {"trust": trust, "environment": environments.find()}
        check = super().check(
            spikes, progress=progress, label="Lava", **options, **how, model=model
        )
        stock = (
            self._check_stock(spikes, check.comparison, progress, how) if model == FAST else None
        )
        return replace(check, model=model, stock=stock)

    def _check_stock(
        self, spikes: Raster, all_samples: Comparison, progress: Progress, how: dict[str, Any]
    ) -> StockCheck:
        from nmtool.hardware_sim.simulator import simulate
        from nmtool.hardware_sim.stretches import busiest_stretches

        network = self.integers
        steps = min(spikes.n_steps, network.max_delay + _STOCK_STEPS_BEYOND_DELAYS)
        found = busiest_stretches(network, spikes, steps, 1)
        stretch, sample = found.spikes, int(found.sample[0])
        with progress(f"Lava's own model, {steps} steps of sample {sample}"):
            stock = self.run(stretch, deep=True, model=STOCK, **how)
        comparison = compare_recordings(simulate(network, stretch, deep=True), stock)
        fast = None
        if not (comparison.identical and all_samples.identical):
            with progress(f"the fast model, {steps} steps of sample {sample}"):
                again = self.run(stretch, deep=True, model=FAST, **how)
            fast = compare_recordings(stock, again)
        return StockCheck(sample, int(found.first[0]), steps, comparison, fast)


def _sources() -> dict[str, bytes]:
    """The files every export shares, by relative POSIX path."""
    modules = sorted((PACKAGE / _NETWORK).glob("*.py"))
    files = [PACKAGE / _SCRIPT, *modules]
    return {path.relative_to(PACKAGE).as_posix(): path.read_bytes() for path in files}


def _copy(folder: Path, scratch: Path) -> Path:
    """A copy without the files that Python compiled in the folder, which nobody compares."""
    from nmtool.exporters.output import COMPILED

    ignored = shutil.ignore_patterns(COMPILED)
    return shutil.copytree(
        folder, scratch / "export", ignore=ignored, ignore_dangling_symlinks=True
    )


FORMAT = Lava
