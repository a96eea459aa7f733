"""The data that a run was trained on, found again and recognised by their content.

The manifest of a run has the name of its data as the user gave it, and the content hash of all
training samples. A data folder may have moved together with the run, as long as its samples are the
same.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nmtool.data import Dataset, load_dataset
from nmtool.data.catalogue import BUILT_IN, FETCHED, is_name, same_data
from nmtool.data.tonic_sets import data_folder
from nmtool.errors import InputError, UsageError
from nmtool.storage import content_hash
from nmtool.training.loop.run_folder import RunFolder

DATA, DATA_HASH, UNITS = "data", "data_hash", "units"
"""Fields of the manifest: the name, the content hash, the number of channels."""

TRAIN_INDEX_HASH = "train_index_hash"
"""Field of the manifest: hash of the training samples' indices, if a validation split was drawn."""


def about_data(dataset: Dataset) -> dict[str, Any]:
    """Fields of a manifest that identify the data and their validation split."""
    in_memory = {"in_memory": True} if dataset.in_memory else {}
    return {
        DATA: dataset.name,
        DATA_HASH: dataset.content_hash,
        UNITS: int(dataset.train.n_units),
        **in_memory,
        **_division(dataset),
    }


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
    index_hash = run.manifest().get(TRAIN_INDEX_HASH)
    return index_hash is None or _division(dataset).get(TRAIN_INDEX_HASH) == index_hash


def _division(dataset: Dataset) -> dict[str, str]:
    """The field of a manifest that identifies a drawn validation split, if there is one."""
    if dataset.validation_rule is None:
        return {}
    return {TRAIN_INDEX_HASH: content_hash({}, {"train_index": dataset.train_index})}


def is_data_of(run: RunFolder, dataset: Dataset) -> bool:
    """True if a run was trained on these samples; older manifests only have the name."""
    manifest = run.manifest()
    if DATA_HASH in manifest:
        return bool(manifest[DATA_HASH] == _as_learnt(run, dataset).content_hash)
    return same_data(str(manifest.get(DATA)), dataset.name)


def _as_learnt(run: RunFolder, dataset: Dataset) -> Dataset:
    """The data set, without a validation split where the run learnt from its samples, too."""
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
    name = str(manifest.get(DATA))
    if manifest.get("in_memory"):
        raise UsageError(
            f"{run.path} was trained on data in memory",
            code="data-in-memory",
            fix="pass the data: `data=`",
        )
    if is_name(name):
        return _as_learnt(run, load_dataset(name))
    units = manifest.get(UNITS)
    others: list[str] = []
    for folder in _places(run, name):
        dataset = _dataset_in(folder, units if isinstance(units, int) else None, others)
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
        f"{about} are not found", code="dataset-unknown", why="; ".join(others), fix=fix
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
    name = str(run.manifest().get(DATA))
    if not is_name(name) or name in BUILT_IN:
        return True
    return (data_folder() / FETCHED.get(name, name.partition(":")[2])).is_dir()


def _places(run: RunFolder, name: str) -> Iterator[Path]:
    """Folders of that name, the working folder's first; that one even where there is none."""
    yield Path(name)
    if not Path(name).is_absolute():
        here = Path(name).resolve()
        for parent in run.path.resolve().parents:
            if (parent / name).is_dir() and (parent / name).resolve() != here:
                yield parent / name
