"""`train` and `finetune`: train a network on a data set, and save the best epoch's network."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from nmtool.arguments import Count, checked, function_or_none
from nmtool.data import Dataset, SpikeEvents
from nmtool.data.catalogue import as_dataset
from nmtool.data.dividing import SplitRule
from nmtool.errors import Finding, UsageError, check_path, check_type
from nmtool.evaluation.accuracy_difference import AccuracyDifference
from nmtool.interrupts import STOPS, signals_noted
from nmtool.libraries import libraries_needed
from nmtool.network.float_network import Network
from nmtool.network.integer_network import IntegerNetwork
from nmtool.progress import Progress, silent
from nmtool.reproduction import Reproduction
from nmtool.tables import Table, Tabular
from nmtool.toml_files import toml_value
from nmtool.training.loop.advice import advice, rates_rise
from nmtool.training.loop.manifest import cost_line
from nmtool.training.loop.remarks import check_events_in_time, remarks, start_remarks
from nmtool.training.loop.reporter import OnBatch, OnEpoch, Reporter, epoch_line
from nmtool.training.loop.run_data import data_of, has_same_split, is_data_of
from nmtool.training.loop.run_folder import RunFolder, log_as_csv
from nmtool.training.loop.selection import best_epoch, stopped_early
from nmtool.training.options import TrainOptions
from nmtool.training.processes.launch import launched
from nmtool.training.processes.threads import threads_each, threads_used
from nmtool.training.studies.results import SearchResult, search_table
from nmtool.training.studies.search import check_budget, search

if TYPE_CHECKING:
    from nmtool.training.engines.devices import Device
    from nmtool.training.loop.trainer import Trainer
    from nmtool.training.processes.ranks import Ranks

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False, repr=False)
class Run(Tabular):
    """Result of a training run.

    >>> options = TrainOptions(hidden=100, steps=100, epochs=5)
    >>> run = train("digits", options)  # doctest: +SKIP
    >>> run.network  # doctest: +SKIP
    <Network: 107 channels, hidden 100 lif, output 10 li, 100 steps of 1 ms>
    >>> run.best["validation_accuracy"]  # doctest: +SKIP
    0.985

    Attributes:
        options: the settings.
        network: float network of the best epoch.
        integers: the same network in the chip's integers; None if the run trained in floats.
        log: an entry per finished epoch, with the keys of `log.jsonl`.
        folder: folder of the run; None if the run is not saved.
        validation_rule: rule by which the validation split is drawn from the training samples; None
            if the data have their own split.
        search: the full trials of the hyperparameter search before the run; None without a search.
        n_validation: number of validation samples; None if unknown.
        reset_cost: for a run that started from another one and has another reset, its accuracy on
            the validation samples minus that of the other run, each with its own reset; includes
            the effects of more epochs and of other settings. None for other runs, before the end
            of training, and without validation samples.
    """

    options: TrainOptions
    network: Network
    integers: IntegerNetwork | None
    log: list[dict[str, Any]] = field(repr=False)
    folder: Path | None = None
    validation_rule: SplitRule | None = None
    search: Table | None = None
    n_validation: int | None = None
    reset_cost: AccuracyDifference | None = None

    @classmethod
    def load(cls, folder: str | Path) -> Run:
        """Read the run saved in a folder; raises `FileFormatError` if there is no run."""
        check_path(folder, "the folder of a run")
        run_folder = RunFolder(Path(folder))
        options, networks = run_folder.options(), (run_folder.network(), run_folder.integers())
        search = search_table(run_folder.search_folder)
        change = run_folder.reset_change()
        return cls(
            options,
            *networks,
            run_folder.read_log() if run_folder.log_file.is_file() else [],
            run_folder.path,
            run_folder.validation_rule(),
            search=search,
            n_validation=run_folder.manifest().validation_samples,
            reset_cost=None if change is None else change.cost,
        )

    @property
    def stopped_early(self) -> bool:
        """True if early stopping ended the run before its last epoch."""
        return stopped_early(self.log)

    @property
    def best(self) -> Mapping[str, Any]:
        """The log's entry of the best epoch, whose network is saved."""
        return best_epoch(self.log, self.options.judge_epochs)

    def advice(self) -> list[Finding]:
        """Suggestions for the next run, each with its evidence and a setting to try."""
        return list(advice(self.options, self.log, self.network, self.n_validation))

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The suggestions of `advice`."""
        return tuple(self.advice()) if self.log else ()

    def reproduction(self) -> Reproduction:
        """Seed, settings and, of a saved run, the command that trains the run again.

        >>> run.reproduction().hashes["seed of training"]  # doctest: +SKIP
        '0'
        """
        settings, default = self.options.as_json(), type(self.options)().as_json()
        manifest = None if self.folder is None else RunFolder(self.folder).manifest()
        which = "all settings"
        if manifest is None or manifest.start is None:
            settings = {name: value for name, value in settings.items() if value != default[name]}
            which = "settings other than the defaults"
        hashes, code = {"seed of training": str(self.options.seed)}, dict[str, str]()
        if manifest is not None:
            hashes["trained with nmtool"] = manifest.nmtool
            hashes["processes in training"] = str(manifest.ranks)
            if manifest.start is not None:
                hashes["started from the network"] = manifest.start
            if manifest.in_memory:  # No command can load these data.
                hashes["trained on data in memory"] = manifest.data
            else:
                start = "" if manifest.start is None else "--start START "
                data = shlex.quote(manifest.data)
                command = f"nmtool train {data} -o RUN {start}--config settings.toml"
                code["command of training"] = command
        lines = [f"{name} = {toml_value(value)}" for name, value in settings.items()]
        code[f"settings.toml, {which}"] = "\n".join(lines)
        return Reproduction(hashes, settings, code)

    def as_csv(self) -> str:
        """The log as CSV with a header, one row per epoch, as in the folder's `log.csv`."""
        return log_as_csv(self.log)

    def as_json(self) -> dict[str, Any]:
        """The log and the suggestions for the next run, as plain values for JSON.

        `reset_cost` only exists if the run changed the reset.
        """
        return {
            "kept_epoch": self.best["epoch"] if self.log else None,
            "epochs": self.options.epochs,
            "log": [dict(entry) for entry in self.log],
            **({} if self.reset_cost is None else {"reset_cost": self.reset_cost.as_json()}),
            "next": [asdict(finding) for finding in self.findings],
        }

    def sentences(self) -> list[tuple[str, str]]:
        """The best epoch, and the reasons for an early end or a change after the last epoch."""
        if not self.log:
            return [("No epoch of the run has ended.", "warning")]
        best, lines = self.best, list[str]()
        requested = self.options.epochs
        lines = [
            f"Epoch {best['epoch']} was the best of {len(self.log)} (of {requested} requested)."
        ]
        if self.stopped_early:
            lines.append("Early stopping: the last epochs were no better than the best before.")
        if "settled_accuracy" in best:
            before = best["validation_accuracy"]
            lines.append(
                "At the end, scales of integers were changed so that nothing overflows: accuracy "
                f"{'unknown' if before is None else f'{before:.2%}'} before, "
                f"{best['settled_accuracy']:.2%} after."
            )
        if self.reset_cost is not None:
            line = cost_line(self.reset_cost)
            lines.append(f"{line[0].upper()}{line[1:]}.")
        return [(line, "") for line in lines]

    def tables(self) -> list[Table]:
        """A row per epoch; all values of the best epoch; the full trials of a search."""
        keys = ("epoch", "loss", "train_accuracy", "validation_accuracy", "silent_neurons")
        rows = [[entry.get(key) for key in keys] for entry in self.log]
        tables = [Table("run", [key.replace("_", " ") for key in keys], rows)]
        if self.log:
            cells = [
                (key.replace("_", " "), _cell(key, value, self.network.class_names))
                for key, value in self.best.items()
                if value is not None and key != "seconds" and (value or key not in _IF_NOT_ZERO)
            ]
            tables.append(Table("best epoch", ("", "value"), cells))
        return tables if self.search is None else [*tables, self.search]

    def __repr__(self) -> str:
        if not self.log:
            return f"<Run: no epoch finished, {self.network}>"
        return f"<Run: epoch {self.best['epoch']} of {len(self.log)}, {epoch_line(self.best)}>"


_IF_NOT_ZERO = ("surplus_events", "dropped_events")
"""Values of an epoch that its table leaves out if they are 0."""


def _cell(key: str, value: Any, class_names: Sequence[str]) -> Any:
    """A value of an epoch's log entry, formatted for a table."""
    if key == "confused" and value:
        label, answer = (class_names[int(value[of])] for of in ("label", "answer"))
        return f"{label}, of which {value['share']:.0%} are taken for {answer}"
    if key.endswith(("accuracy", "sparsity")):
        return f"{value:.2%}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {number:.3g}" for name, number in value.items())
    return ("yes" if value else "no") if isinstance(value, bool) else value


@checked
def train(
    data: Dataset | SpikeEvents | str | Path | None = None,
    options: TrainOptions | None = None,
    *,
    folder: str | Path | None = None,
    resume: bool = False,
    device: str | Device = "auto",
    search: str | int | None = None,
    ranks: Ranks | None = None,
    threads: Count | None = None,
    on_batch: OnBatch | None = None,
    on_epoch: OnEpoch | None = None,
    progress: Progress = silent,
) -> Run:
    """Learn weights and delays of a new network by EventProp.

    >>> train("digits", TrainOptions(hidden=100, steps=100, epochs=5))  # doctest: +SKIP
    <Run: epoch 5 of 5, loss 0.010  train 99.7%  validation 98.5%  spikes/neuron 4.2  silent 6>

    Every epoch is logged under the logger `nmtool` at level INFO. For data-parallel training, every
    process that torchrun starts calls this function; the first process writes and logs.

    In the main thread of a single process, Ctrl-C and SIGTERM stop training after the current
    batch, and a second signal stops it at once.

    Args:
        data: a data set, or its name; its training and validation splits are used, never the spikes
            of its test split. Without a validation split, one is drawn per class from the training
            samples (`options.validation`), by default a fifth of them, at most 300. On resume, the
            default is the data set that the run was trained on, unless it was in memory.
        options: the settings; by default `TrainOptions()`. On resume, the default is the run's
            settings, and only `epochs` may differ: it may be larger.
        folder: folder in which the run is saved; None: the run is not saved.
        resume: continue the stopped run in the folder; the result equals that of an uninterrupted
            run.
        device: where to train: `cpu`, `cuda`, or `auto` for a GPU if its requirements are met.
        search: hyperparameter search before training (`nmtool.search`), for a time such as 30min or
            2h, or a number of short trials. The run is the best full trial if it is significantly
            better than the defaults, else the defaults. The same call continues a stopped search.
        ranks: the processes that train together; by default those that torchrun started.
        threads: cores to use; by default all, shared evenly by the processes that torchrun started.
        on_batch, on_epoch: called after every update and after every epoch, in the first process.
        progress: shows progress in samples, e.g. `nmtool.progress_bar`.

    Raises:
        UsageError: the folder already contains a run, or no run to resume, or another process
            trains in it; no data are given, or the run's data are not found; the options
            contradict the run or the data; training diverged.
        DataError: there are no training samples, or most of their events lie after the last step.
        MissingError: a requirement of the device is missing.
        RankError: another process was lost.
        StorageError: the run cannot be written.
        KeyboardInterrupt: training was stopped; finished epochs are saved.
    """
    if search is not None:
        _check_search(search, resume, ranks)
    if resume:
        options = _resumed_options(folder, options)
        data = data_of(RunFolder(Path(folder))) if data is None and folder is not None else data
    if data is None:
        raise UsageError(
            "there are no data to train on",
            code="data-missing",
            fix='name a data set: nmtool.train("digits", …); resume=True uses the data of the run',
        )
    chosen = TrainOptions() if options is None else options
    check_type(chosen, TrainOptions, "settings", "pass nmtool.TrainOptions(…)")
    return _Training(
        data=data,
        options=chosen,
        folder=None if folder is None else RunFolder(Path(folder)),
        resume=resume,
        search=search,
        device=device,
        ranks=ranks,
        threads=threads,
        on_batch=on_batch,
        on_epoch=on_epoch,
        progress=progress,
    ).run()


@checked
def finetune(
    start: Run | str | Path,
    settings: Mapping[str, Any] | None = None,
    data: Dataset | SpikeEvents | str | Path | None = None,
    *,
    folder: str | Path | None = None,
    device: str | Device = "auto",
    ranks: Ranks | None = None,
    threads: Count | None = None,
    on_batch: OnBatch | None = None,
    on_epoch: OnEpoch | None = None,
    progress: Progress = silent,
) -> Run:
    """Start a new run from the last checkpoint of another one, e.g. in integers or with few bits.

    >>> four_bits = {"arithmetic": "integer", "weight_bits": 4}
    >>> finetune("run", four_bits, folder="run4")  # doctest: +SKIP
    <Run: epoch 9 of 10, loss 0.431  train 87.1%  validation 86.3%  spikes/neuron 5.0>

    Args:
        start: a run that was saved in a folder, or the path of the folder.
        settings: changes to the run's settings, by the names of `TrainOptions`. By default, there
            are 10 epochs at a fifth of the run's learning rates. The network keeps its layers,
            constants and readout; delays longer than `max_delay` are clipped, and another `reset`
            replaces that of the network (`Run.reset_cost` is what that cost).
        data: by default the data set that the run was trained on, unless it was in memory.
        folder, device, ranks, threads, on_batch, on_epoch, progress: as in `train`.

    Raises:
        FileFormatError: the run has no checkpoint to start from.
        UsageError: the settings would change the network's shape. Other errors are as in `train`.
    """
    origin = RunFolder(_folder_of(start))
    options = origin.finetune_options(settings or {})
    origin.check_start()
    return _Training(
        data=data_of(origin) if data is None else data,
        options=options,
        folder=None if folder is None else RunFolder(Path(folder)),
        start=origin,
        device=device,
        ranks=ranks,
        threads=threads,
        on_batch=on_batch,
        on_epoch=on_epoch,
        progress=progress,
    ).run()


@dataclass(frozen=True, kw_only=True)
class _Training:
    """A call of `train` or `finetune`, with its arguments."""

    data: Dataset | SpikeEvents | str | Path
    options: TrainOptions
    folder: RunFolder | None
    resume: bool = False
    start: RunFolder | None = None
    search: str | int | None = None
    device: str | Device
    ranks: Ranks | None
    threads: int | None
    on_batch: OnBatch | None
    on_epoch: OnEpoch | None
    progress: Progress

    def run(self) -> Run:
        """Train on a number of cores; torch is only limited if that number was given."""
        function_or_none("on_batch", self.on_batch)
        function_or_none("on_epoch", self.on_epoch)
        cores = threads_each() if self.threads is None else self.threads
        with threads_used(cores, with_torch=self.threads is not None):
            return self._run()

    def _run(self) -> Run:
        """Prepare data and settings, train, and log suggestions for the next run."""
        with libraries_needed("train"):
            from nmtool.training.engines.devices import find_device
            from nmtool.training.processes.ranks import Ranks

        device = find_device(self.device) if isinstance(self.device, str) else self.device
        ranks = Ranks.from_environment(str(device.torch)) if self.ranks is None else self.ranks
        if ranks.is_first and self.folder is not None:
            if self.resume:
                with self.folder.locked():
                    pass  # `locked` raises the error if the folder cannot be used.
            else:
                self.folder.check_free()
        dataset = self._dataset(ranks)
        options, search, trained = self.options, None, None
        with ExitStack() as temporary:
            if self.search is not None:
                result = self._search(dataset, device, temporary)
                options, search = result.options, result.tables()[0]
                trained = RunFolder(result.run) if result.run.is_dir() else None
            fitted = options.fitted_to(dataset.undivided)
            if trained is not None and trained.options() != fitted:
                trained = None
            if not self.resume:
                check_events_in_time(dataset, fitted)
            if ranks.is_first:
                self._log_start(dataset, options, fitted)
            trainer, n_new_epochs = self._train(dataset, fitted, device, ranks, trained)
        if self.ranks is None:
            ranks.leave()
        validation, change = dataset.validation, trainer.reset_change
        run = Run(
            fitted,
            trainer.best,
            trainer.best_integers,
            trainer.log,
            None if self.folder is None else self.folder.path,
            dataset.validation_rule,
            search=search,
            n_validation=0 if validation is None else validation.n_samples,
            reset_cost=None if change is None else change.cost,
        )
        if ranks.is_first:
            self._log_end(run, n_new_epochs)
        return run

    def _train(
        self,
        dataset: Dataset,
        options: TrainOptions,
        device: Device,
        ranks: Ranks,
        trained: RunFolder | None,
    ) -> tuple[Trainer, int]:
        """Run the training loop; return the trainer and the number of new epochs.

        A trial of a search that was `trained` in full with the same settings becomes the run.
        """
        from nmtool.training.loop.run import run_training

        folder = self.folder
        if trained is not None:
            _log.info("this trial was trained in full, so it becomes the run")
            if folder is None:
                folder = trained
            else:
                folder.adopt(trained)
        # A single process finishes its batch after a signal. In a job of several processes, a
        # signal ends all processes at once.
        signals = STOPS if ranks.size == 1 else ()
        progress = self.progress if ranks.is_first else silent
        with (
            signals_noted(*signals) as check_stop,
            progress("training", remark="loading kernels") as advance,
        ):
            reporter = Reporter(
                options,
                dataset,
                self.folder,
                advance=advance,
                check_stop=check_stop,
                on_batch=self.on_batch,
                on_epoch=self.on_epoch,
            )
            trainer = run_training(
                options,
                dataset,
                folder=folder,
                resume=self.resume or trained is not None,
                start=self.start,
                device=device,
                ranks=ranks,
                on_start=reporter.start,
                on_batch=reporter.batch,
                on_epoch=reporter.epoch,
            )
        if trained is None:
            return trainer, len(reporter.epochs)
        if self.on_epoch is not None:
            for entry in trainer.log:
                self.on_epoch(entry)
        return trainer, len(trainer.log)

    def _log_end(self, run: Run, n_new_epochs: int) -> None:
        """Log why training ended early, and what to try next."""
        if self.resume and not n_new_epochs:
            _log.info(f"nothing left to train: the run ended with epoch {len(run.log)}")
        if run.stopped_early:
            _log.info(
                f"stopped early after epoch {len(run.log)}: no new best in the last "
                f"{run.options.patience} epochs"
            )
        if run.reset_cost is not None:
            _log.info(cost_line(run.reset_cost))
        if n_new_epochs:
            for finding in run.advice():
                _log.info(finding.as_line("next"))

    def _dataset(self, ranks: Ranks) -> Dataset:
        """The data set to train on, with a validation split.

        Raises:
            UsageError: the run to resume was trained on other data.
        """
        data, run = as_dataset(self.data), self.folder if self.resume else None
        if run is not None and not is_data_of(run, data):
            name = run.manifest().data
            raise UsageError(
                f"the run in {run.path} was trained on '{name}', not on '{data.name}'",
                code="resume-differs",
                why="their training samples differ" if name == data.name else "",
                fix="resume it with the same data",
            )
        with ranks.one_rank_per_machine_first():
            dataset = data.with_validation(self._validation_rule())
            # The first access to a split may download the data.
            _ = dataset.train, dataset.validation
        if run is not None and not has_same_split(run, dataset):
            raise UsageError(
                f"the run in {run.path} cannot be resumed: its validation split would change",
                code="resume-differs",
                why="the column of groups or the data's own validation split has changed; the new "
                "split would contain samples that the run was trained on",
                fix="resume the run with the original data, or start a new run",
            )
        return dataset

    def _search(self, dataset: Dataset, device: Device, temporary: ExitStack) -> SearchResult:
        """Search the settings left at their defaults; the trials of a run in memory are deleted."""
        assert self.search is not None
        if self.folder is None:
            folder = Path(temporary.enter_context(TemporaryDirectory()))
        else:
            folder = self.folder.search_folder
        return search(
            dataset,
            self.options,
            folder=folder,
            budget=self.search,
            device=device,
            progress=self.progress,
        )

    def _validation_rule(self) -> SplitRule:
        """The rule that draws the validation split.

        Resumed and fine-tuned runs keep the seed of the first run.
        """
        origin = self.folder if self.resume else self.start
        if origin is None:
            return self.options.validation_rule
        before, rule = origin.options(), origin.validation_rule()
        split_settings = (self.options.validation, self.options.validation_by)
        if rule is not None and split_settings == (before.validation, before.validation_by):
            return rule
        # Another seed could put samples into the validation split on which the first run was
        # trained.
        seed = before.seed if rule is None else rule.seed
        return replace(self.options.validation_rule, seed=seed)

    def _log_start(self, dataset: Dataset, given: TrainOptions, options: TrainOptions) -> None:
        """Log the settings chosen for the data, and remarks on anything that may be unintended."""
        findings: list[Finding] = []
        if not self.resume:
            self._log_chosen(given, options)
            findings += remarks(dataset, options, is_new=self.start is None)
        elif self.folder is not None and self.folder.log_file.is_file():
            n_epochs = len(self.folder.read_log())
            findings += rates_rise(options, self.folder.options(), n_epochs)
        if self.start is not None:
            findings += start_remarks(self.start, options, dataset)
        for finding in findings:
            _log.warning(finding.as_line("remark"))

    def _log_chosen(self, given: TrainOptions, options: TrainOptions) -> None:
        """Log the settings that were chosen for the data."""
        chosen = {name: getattr(options, name) for name in given.not_given}
        if options.most_of_input == 1:
            chosen.pop("input_counts", None)
        if chosen:
            settings = ", ".join(f"`{name}={value:g}`" for name, value in chosen.items())
            _log.info(
                f"chosen for these samples: {settings}; `epochs={-(-options.epochs // 2)}` would "
                "take half the time"
            )


def _check_search(search: str | int, resume: bool, ranks: Ranks | None) -> None:
    """Raise `UsageError` if this training run cannot begin with a search."""
    check_budget(search)
    if resume:
        raise UsageError(
            "a resumed run keeps its settings, so nothing can be searched",
            code="search-impossible",
            fix="leave out `search=`, or start a new run",
        )
    if ranks is not None or launched() is not None:
        raise UsageError(
            "a search cannot be started by torchrun",
            code="search-impossible",
            why="its trials are trained one after the other, each on all cores",
            fix="start it without torchrun; `threads=` sets the number of cores",
        )


def _folder_of(start: Run | str | Path) -> Path:
    """Folder of the run to start from; raises `UsageError` if the run was not saved."""
    if not isinstance(start, Run):
        check_path(start, "the run to start from")
    folder = start.folder if isinstance(start, Run) else Path(start)
    if folder is None:
        raise UsageError(
            "the run to start from was not saved in a folder",
            code="run-not-kept",
            why="training starts from its checkpoint, which includes the optimiser's moments",
            fix="train that run with folder=…",
        )
    return folder


def _resumed_options(folder: str | Path | None, options: TrainOptions | None) -> TrainOptions:
    """Settings of the run to resume; raises `UsageError` without a folder, or for other settings.

    Only the number of epochs may be larger.
    """
    if folder is None:
        raise UsageError(
            "a run without a folder cannot be resumed",
            code="run-not-kept",
            fix="name the folder of the run: `folder=`",
        )
    run_folder = RunFolder(Path(folder))
    if options is None:
        return run_folder.options()
    check_type(options, TrainOptions, "settings", "pass nmtool.TrainOptions(…)")
    return run_folder.resumed_options(options.as_json())
