"""The command `python -m benchmarks.large`: training on data larger than memory.

An artificial data set with the size and layout of SSC is written into a folder, and deleted at the
end. A first process compiles the kernels. Then each of these runs has a process of its own:

1. an epoch on the first 1,000 samples in memory, as the reference for memory use;
2. one batch, which includes copying the events into the cache;
3. an epoch from the copy.

`--pairs` instead compares the speed from disk and from memory, in turns, on a part of the set that
fits into memory.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

import nmtool as nm
from benchmarks.process import fresh_process
from benchmarks.report import exit_code, machine_text
from nmtool.arguments import count

SIZES = {
    "ssc": {"train": 75_466, "valid": 9_981, "test": 20_382},
    "shd": {"train": 8_156, "test": 2_264},
}
"""Number of samples of the real sets, by split."""

CLASSES = {"ssc": 35, "shd": 20}
UNITS = 700
FEW = 1000
_AT_ONCE = 512


def write_artificial_data(folder: Path, name: str, events: int, share: float) -> None:
    """Write an artificial data set, with spikes around channels and times that differ by class.

    Args:
        folder: folder of the data set.
        name: `ssc` or `shd`.
        events: mean number of spikes per sample.
        share: number of samples, as a share of the real set's number.
    """
    folder.mkdir(parents=True)
    for number, (split, samples) in enumerate(SIZES[name].items()):
        random = np.random.default_rng(number)
        total = max(1, round(share * samples))
        label = random.integers(0, CLASSES[name], total)
        with h5py.File(folder / f"{name}_{split}.h5", "w") as file:
            kinds = {"times": np.float16, "units": np.uint16}
            lists = {
                key: file.create_dataset(f"spikes/{key}", (total,), h5py.vlen_dtype(kind))
                for key, kind in kinds.items()
            }
            for first in range(0, total, _AT_ONCE):
                part = label[first : first + _AT_ONCE]
                pairs = [_sample(int(class_index), events, random) for class_index in part]
                for key, column in zip(lists, zip(*pairs, strict=True), strict=True):
                    values = np.empty(len(column), object)
                    values[:] = column
                    lists[key][first : first + len(column)] = values
            file["labels"] = label.astype(np.uint16)
            file["extra/speaker"] = random.integers(0, 12, total).astype(np.uint16)
            file["extra/keys"] = np.array([f"class {n}".encode() for n in range(CLASSES[name])])


def _sample(label: int, events: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw times and units of about `events` events; half of them depend on the class `label`."""
    n = int(events * random.uniform(0.5, 1.5))
    by_class = random.random(n) < 0.5
    unit = np.where(
        by_class, random.normal(20 * label, 30, n) % UNITS, random.integers(0, UNITS, n)
    )
    times = np.where(by_class, random.normal(0.3 + 0.01 * label, 0.1, n), random.random(n))
    return np.sort(np.clip(times, 0, 0.99)).astype(np.float16), unit.astype(np.uint16)


@dataclass(frozen=True)
class Epoch:
    """Measurements of a process that trained for one epoch.

    Attributes:
        what: description of the samples and of where they were read from.
        samples: number of training samples.
        first_batch_s: seconds from the start to the end of the first update.
        epoch_s: seconds of the epoch; None if training ended after the first update.
        ms_per_sample: milliseconds per sample, without the first update and validation; None if
            `epoch_s` is None.
        anonymous_mb: largest anonymous resident memory (RssAnon) in MB.
        cache_gb: size of the copies in the cache in GB.
        network: content hash of the trained network; '' if training ended after the first update.
    """

    what: str
    samples: int
    first_batch_s: float
    epoch_s: float | None
    ms_per_sample: float | None
    anonymous_mb: float
    cache_gb: float
    network: str


@dataclass(frozen=True)
class Training:
    """What a process trains on, for one epoch.

    Attributes:
        what: description of the samples and of where they are read from.
        few: number of training samples, which are read into memory; None for all.
        in_memory: True if all samples are read into memory.
        one_batch: True if training ends after the first update.
    """

    what: str
    few: int | None = None
    in_memory: bool = False
    one_batch: bool = False


def train(folder: Path, options: argparse.Namespace, training: Training) -> Epoch:
    """Train for one epoch, or one batch, in this process, and measure time and memory."""
    began = time.perf_counter()
    first_update: list[tuple[float, int]] = []
    later_updates: list[tuple[float, int]] = []

    def on_batch(report: Any) -> None:
        """Store the time of an update; raise `_EnoughError` if one batch is enough."""
        (later_updates if first_update else first_update).append(
            (time.perf_counter(), report.samples)
        )
        if training.one_batch:
            raise _EnoughError

    data = nm.load_dataset(folder, in_memory=training.in_memory)
    settings = {"epochs": 1, **json.loads(options.settings)}
    recipe = nm.TrainOptions.from_file(options.recipe)
    if training.few:
        data = nm.Dataset.of(
            train=data.train[: training.few].in_memory(),
            validation=data.split("validation")[: training.few // 4].in_memory(),
        )
    run = None
    with peak_anonymous() as memory, suppress(_EnoughError):
        run = nm.train(
            data, recipe.with_settings(settings, "the benchmark"), on_batch=on_batch,
            threads=options.threads,
        )  # fmt: skip
    cache = Path(os.environ["NMTOOL_CACHE"]) / "events"
    first = first_update[0][0]
    ms_per_sample = None
    if later_updates:
        ms_per_sample = 1e3 * (later_updates[-1][0] - first) / sum(n for _, n in later_updates)
    return Epoch(
        what=training.what,
        samples=sum(n for _, n in (*first_update, *later_updates)),
        first_batch_s=first - began,
        epoch_s=None if run is None else run.log[-1]["seconds"],
        ms_per_sample=ms_per_sample,
        anonymous_mb=max(memory) / 1e6,
        cache_gb=sum(file.stat().st_size for file in cache.glob("*")) / 1e9,
        network="" if run is None else run.network.content_hash,
    )


class _EnoughError(Exception):
    """Raised to end training after its first update."""


@contextmanager
def peak_anonymous() -> Iterator[list[int]]:
    """Record the anonymous memory of this process in bytes every 0.1 s while the block runs."""
    readings, stop = [_anonymous_bytes()], threading.Event()

    def watch() -> None:
        """Store the anonymous memory every 0.1 s until the block ends."""
        while not stop.wait(0.1):
            readings.append(_anonymous_bytes())

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield readings
    finally:
        stop.set()
        thread.join()


def _anonymous_bytes() -> int:
    """Anonymous resident memory of this process (RssAnon) in bytes."""
    with open("/proc/self/status", encoding="ascii") as file:
        return next(1024 * int(line.split()[1]) for line in file if line.startswith("RssAnon"))


def _run_process(folder: Path, options: argparse.Namespace, training: Training) -> Epoch:
    """Run `train` in a new process, and print its measurements."""
    with fresh_process({"NMTOOL_CACHE": str(folder.parent / "cache")}) as process:
        epoch = process.submit(train, folder, options, training).result()
    print(_result_line(epoch), flush=True)
    return epoch


def _result_line(row: Epoch) -> str:
    """Format the measurements of an epoch as a line of text."""
    parts = [f"{row.samples:,} samples, first batch after {row.first_batch_s:.1f} s"]
    if row.epoch_s is not None and row.ms_per_sample is not None:
        parts.append(f"epoch {row.epoch_s:.0f} s, {row.ms_per_sample:.2f} ms per sample")
    parts.append(f"anonymous memory {row.anonymous_mb:.0f} MB, cache {row.cache_gb:.2f} GB")
    return f"{row.what}: {', '.join(parts)} {row.network[:12]}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, and return the exit code."""
    options = _parser().parse_args(arguments)
    return exit_code(lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    """Write the data set, train in several processes, and delete the data set."""
    print(machine_text())
    work = Path(tempfile.mkdtemp(prefix="nmtool-large-", dir=options.folder))
    try:
        folder = work / options.set
        write_artificial_data(folder, options.set, options.events, options.share)
        size = sum(file.stat().st_size for file in folder.iterdir())
        print(f"made up: {size / 1e9:.2f} GB in the layout of {options.set}", flush=True)
        if options.pairs:
            _compare_disk_and_memory(folder, options)
        else:
            _run_process(folder, options, Training("compiling", few=FEW))
            _run_process(folder, options, Training(f"{FEW:,} samples in memory", few=FEW))
            shutil.rmtree(work / "cache" / "events", ignore_errors=True)
            first = Training("a batch, events copied first", one_batch=True)
            _run_process(folder, options, first)
            _run_process(folder, options, Training("an epoch from the copy"))
    finally:
        shutil.rmtree(work)
    return 0


def _compare_disk_and_memory(folder: Path, options: argparse.Namespace) -> None:
    """Train from memory and from disk in turns, and print the ratio of the speeds."""
    rows = [
        _run_process(folder, options, training)
        for _ in range(options.pairs + 1)
        for training in (Training("memory", in_memory=True), Training("disk"))
    ][2:]
    ratio = statistics.median(
        (a.ms_per_sample or 0.0) / (b.ms_per_sample or 1.0)
        for a, b in zip(rows[::2], rows[1::2], strict=True)
    )
    same = len({row.network for row in rows}) == 1
    print(f"speed from disk ÷ speed from memory: {ratio:.3f}; networks equal: {same}")


def _parser() -> argparse.ArgumentParser:
    """Parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.large",
        description="Measure training on data larger than memory.",
    )
    parser.add_argument(
        "--set", choices=tuple(SIZES), default="ssc", help="data set with the same size and layout"
    )
    parser.add_argument("--recipe", default="ssc", help="recipe with the settings (default ssc)")
    parser.add_argument(
        "--settings", default="{}", metavar="JSON", help="settings that override the recipe"
    )
    parser.add_argument(
        "--events", type=count, default=10_000, help="mean number of events per sample"
    )
    parser.add_argument(
        "--share",
        type=float,
        default=1.0,
        help="number of samples, as a share of the real set's number",
    )
    parser.add_argument("--threads", type=count, default=2, help="number of threads (default 2)")
    parser.add_argument(
        "--pairs",
        type=int,
        default=0,
        metavar="N",
        help="compare the speed with data on disk and with data in memory, N times in turns",
    )
    parser.add_argument(
        "--folder", type=Path, help="folder for 7 GB of files (default: the temporary folder)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
