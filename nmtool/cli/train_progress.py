"""How training is followed: a bar over all samples, a line per epoch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nmtool.cli import console
from nmtool.cli.progress import Advance, duration, progress
from nmtool.errors import UsageError

if TYPE_CHECKING:
    from nmtool.data import Dataset
    from nmtool.training.devices import Device
    from nmtool.training.options import TrainOptions
    from nmtool.training.ranks import Ranks
    from nmtool.training.run_folder import RunFolder
    from nmtool.training.trainer import BatchReport, Trainer


def train_with_progress(
    options: TrainOptions,
    dataset: Dataset,
    folder: RunFolder,
    *,
    resume: bool = False,
    start: RunFolder | None = None,
    device: Device | None = None,
    ranks: Ranks | None = None,
) -> Trainer:
    """Train or go on, with a bar and a line per epoch on stderr.

    Args:
        options, dataset, folder, resume, start: as for `nmtool.training.run.train`; a run without
            anything kept starts anew.
        device: where it trains; by default the CPU.
        ranks: the processes that train together, of which the first tells how it goes.
    """
    from nmtool.training.devices import CPU
    from nmtool.training.ranks import ALONE
    from nmtool.training.run import train

    ranks, device = ranks or ALONE, device or CPU
    if resume and not folder.checkpoint_file.exists():
        _forget(folder, ranks)
        resume = False
    how: dict[str, Any] = {"resume": resume, "start": start, "device": device, "ranks": ranks}
    if not ranks.is_first:
        return train(options, dataset, folder=folder, **how)
    with EpochReport(options.epochs, dataset.train.n_samples) as report:
        trainer = train(
            options,
            dataset,
            folder=folder,
            on_batch=report.batch,
            on_epoch=report.epoch,
            **how,
        )
    if trainer.stopped_early:
        console.say(
            f"stopped early after epoch {len(trainer.log)}: "
            f"the last {options.patience} were not better than the best before them"
        )
    return trainer


def _forget(folder: RunFolder, ranks: Ranks) -> None:
    """Let a run start anew that was stopped before there was anything to keep.

    Raises:
        UsageError: it had started from another run, of which nothing was kept.
    """
    if folder.start is not None:
        raise UsageError(
            f"the run in {folder.path} cannot be gone on with",
            why="it was stopped before anything of the run that it starts from was kept",
            fix=f"delete {folder.path} and give the command that began it again",
        )
    ranks.barrier()  # all ranks have read the settings of the run
    if ranks.is_first:
        console.say("the run was stopped before its first epoch ended: it starts anew")
        folder.manifest_file.unlink()


class EpochReport:
    """Progress over the remaining epochs, and a line per epoch, on stderr."""

    def __init__(self, epochs: int, samples: int) -> None:
        self._epochs = epochs
        self._samples = samples
        self._bar = progress("training", remark="compiling")
        self._advance: Advance | None = None
        self._began = False

    def __enter__(self) -> EpochReport:
        self._advance = self._bar.__enter__()
        return self

    def __exit__(self, *details: object) -> None:
        self._bar.__exit__(*details)  # type: ignore[arg-type]

    def batch(self, report: BatchReport) -> None:
        """Count a batch."""
        assert self._advance is not None
        if not self._began:
            self._began = True
            self._advance.expect((self._epochs - report.epoch + 1) * self._samples)
        self._advance(report.samples, f"epoch {report.epoch} loss {report.loss:.3f}")

    def epoch(self, entry: dict[str, Any]) -> None:
        """Tell how an epoch went, and how long the rest takes if it goes on like this."""
        remaining = 0 if entry.get("stopped_early") else self._epochs - entry["epoch"]
        left = remaining * entry["seconds"]
        console.say(
            f"epoch {entry['epoch']:3d}/{self._epochs}  {summary(entry)}  "
            f"{entry['seconds']:.1f} s" + (f", {duration(left)} left" if left else "")
        )


def summary(entry: Mapping[str, Any]) -> str:
    """An epoch's entry of the log in a few words."""
    validation = entry["validation_accuracy"]
    parts = [f"loss {entry['loss']:.3f}", f"train {entry['train_accuracy']:.1%}"]
    settled = entry.get("settled_accuracy", validation)
    if validation is not None:
        parts.append(f"validation {settled:.1%}")
    if "settled_accuracy" in entry:
        before = "" if validation is None else f" ({validation:.1%} before)"
        parts.append(f"scales changed at the end, so that nothing overflows{before}")
    rates = ", ".join(f"{rate:.1f}" for rate in entry["spikes_per_neuron"].values())
    parts.append(f"spikes/neuron {rates or 'none'}")
    if entry["silent_neurons"]:
        parts.append(f"silent {entry['silent_neurons']}")
    shares = ("sparsity", "delay_sparsity")
    parts += [f"{name.replace('_', ' ')} {entry[name]:.0%}" for name in shares if entry.get(name)]
    for name, faults in (("u_wraps", "wraps of u"), ("v_clips", "clips of v")):
        if entry.get(name):
            parts.append(f"{faults} {entry[name]:,}")
    return "  ".join(parts)
