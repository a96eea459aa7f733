"""Find the data that a run was trained on, and check them by their content hash.

The manifest of a run has the name of its data as the user gave it, and the content hash of all
training samples. A data folder may have moved together with the run, if its samples are unchanged.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from nmtool.data import Dataset, load_dataset
from nmtool.data.catalogue import FETCHED, is_downloaded, is_name
from nmtool.data.tonic_sets import data_folder
from nmtool.errors import InputError, UsageError
from nmtool.training.loop.manifest import train_index_hash
from nmtool.training.loop.run_folder import RunFolder


def has_same_split(run: RunFolder, dataset: Dataset) -> bool:
    """True if the validation split is that of the run.

    The content hash of the data cannot show this: it does not cover the groups by which a split is
    drawn.
    """
    return train_index_hash(dataset) == run.manifest().train_index_hash


def is_data_of(run: RunFolder, dataset: Dataset) -> bool:
    """True if a run was trained on these samples."""
    return run.manifest().data_hash == _as_trained(run, dataset).content_hash


def _as_trained(run: RunFolder, dataset: Dataset) -> Dataset:
    """The data set as the run used it: without a validation split if it trained on all samples."""
    rule = run.options().validation_rule
    return dataset.with_validation(rule) if rule.is_none else dataset


def data_of(run: RunFolder) -> Dataset:
    """Find the data that a run was trained on.

    A relative path is looked up in the working folder and in the parent folders of the run.

    Raises:
        UsageError: the data were in memory, or are not found.
        MissingError: the library that reads them is not installed.
    """
    manifest = run.manifest()
    name = manifest.data
    if manifest.in_memory:
        raise UsageError(
            f"{run.path} was trained on data in memory",
            code="data-in-memory",
            fix="pass the data: `data=`",
        )
    if is_name(name):
        return _as_trained(run, load_dataset(name))
    reasons: list[str] = []
    for folder in _candidate_folders(run, name):
        try:
            dataset = load_dataset(folder, n_units=manifest.units)
            _ = dataset.train
        except InputError as error:
            reasons.append(error.what)
            continue
        if is_data_of(run, dataset):
            return _as_trained(run, dataset)
        reasons.append(f"the samples in {folder} are different")
    state = "have changed" if Path(name).is_dir() else "cannot be found"
    raise UsageError(
        f"the data that {run.path} was trained on, '{name}', {state}",
        code="dataset-unknown",
        why="; ".join(reasons),
        fix="name the folder of the data: `data=`",
    )


def is_fetched(run: RunFolder) -> bool:
    """False if the data of a run have to be downloaded first."""
    name = run.manifest().data
    if not is_downloaded(name):
        return True
    return (data_folder() / FETCHED.get(name, name.partition(":")[2])).is_dir()


def _candidate_folders(run: RunFolder, name: str) -> Iterator[Path]:
    """Folders of this name: first in the working folder, then in the run's parent folders."""
    yield Path(name)
    if not Path(name).is_absolute():
        here = Path(name).resolve()
        for parent in run.path.resolve().parents:
            if (parent / name).is_dir() and (parent / name).resolve() != here:
                yield parent / name
