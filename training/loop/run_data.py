"""The data that a run was trained on, found again and recognised by their content.

The manifest of a run has the name of its data as the user gave it, and the content hash of all
training samples. A data folder may have moved together with the run, as long as its samples are the
same.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from nmtool.data import Dataset, load_dataset
from nmtool.data.catalogue import BUILT_IN, FETCHED, is_name, same_data
from nmtool.data.tonic_sets import data_folder
from nmtool.errors import InputError, UsageError
from nmtool.training.loop.manifest import UNKNOWN, train_index_hash
from nmtool.training.loop.run_folder import RunFolder


def check_division(run: RunFolder, dataset: Dataset) -> None:
    """Raise `UsageError` if the validation split differs from that before the run was stopped.

    The manifests of older versions do not contain it.
    """
    if not divides_alike(run, dataset):
        raise UsageError(
            f"the run in {run.path} cannot be resumed: its validation split would change",
            code="validation-differs",
            why="the column by which it is drawn, or the data's own validation split, has "
            "changed, so that it would contain samples that the run was trained on",
            fix="resume the run with the original data, or start a new run",
        )


def divides_alike(run: RunFolder, dataset: Dataset) -> bool:
    """False if the validation split differs from the run's; True if the manifest lacks it.

    No content hash covers the groups by which a split is drawn.
    """
    index_hash = run.manifest().train_index_hash
    return index_hash is None or train_index_hash(dataset) == index_hash


def is_data_of(run: RunFolder, dataset: Dataset) -> bool:
    """True if a run was trained on these samples; older manifests only have the name."""
    manifest = run.manifest()
    if manifest.data_hash == UNKNOWN:
        return same_data(manifest.data, dataset.name)
    return bool(manifest.data_hash == _as_learnt(run, dataset).content_hash)


def _as_learnt(run: RunFolder, dataset: Dataset) -> Dataset:
    """The data set as the run used it: if it trained on all samples, without validation split."""
    rule = run.options().validation_rule
    return dataset.with_validation(rule) if rule.is_none else dataset


def data_of(run: RunFolder) -> Dataset:
    """Find the data that a run was trained on.

    A relative path is tried from the working folder, and from the parent folders of the run.

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
        return _as_learnt(run, load_dataset(name))
    others: list[str] = []
    for folder in _places(run, name):
        dataset = _dataset_in(folder, manifest.units, others)
        if dataset is not None and is_data_of(run, dataset):
            return _as_learnt(run, dataset)
        if dataset is not None:
            others.append(f"the samples in {folder} are different")
    fix = "name their folder: `data=`"
    about = f"the data that {run.path} was trained on, '{name}',"
    if Path(name).is_dir():
        raise UsageError(
            f"{about} have changed", code="run-data-changed", why="; ".join(others), fix=fix
        )
    raise UsageError(
        f"{about} cannot be found", code="dataset-unknown", why="; ".join(others), fix=fix
    )


def _dataset_in(folder: Path, n_units: int | None, others: list[str]) -> Dataset | None:
    """The data set in a folder; None where there is none that can be read, which is noted."""
    try:
        dataset = load_dataset(folder, n_units=n_units)
        _ = dataset.train
    except InputError as error:
        others.append(error.what)
        return None
    return dataset


def is_fetched(run: RunFolder) -> bool:
    """True unless the data of a run would have to be downloaded first."""
    name = run.manifest().data
    if not is_name(name) or name in BUILT_IN:
        return True
    return (data_folder() / FETCHED.get(name, name.partition(":")[2])).is_dir()


def _places(run: RunFolder, name: str) -> Iterator[Path]:
    """Folders with a name: that in the working folder, then existing ones in the run's parents."""
    yield Path(name)
    if not Path(name).is_absolute():
        here = Path(name).resolve()
        for parent in run.path.resolve().parents:
            if (parent / name).is_dir() and (parent / name).resolve() != here:
                yield parent / name
