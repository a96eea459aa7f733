"""`load`: the network in a file or folder of any format that can be read."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union

from nmtool import storage, zoo
from nmtool.arguments import NETWORK
from nmtool.data.catalogue import load_dataset
from nmtool.data.dataset import Dataset
from nmtool.data.dividing import SplitRule
from nmtool.data.shd import split_files
from nmtool.errors import DataError, FileFormatError, UsageError, check_path
from nmtool.exporters.formats import artefact_at, import_options_unused
from nmtool.network.float_network import Network
from nmtool.network.integer_network import IntegerNetwork
from nmtool.options import ReadingOptions
from nmtool.paths import RUN_INTEGERS, RUN_NETWORK
from nmtool.progress import Progress, silent
from nmtool.splits import VALIDATION

if TYPE_CHECKING:
    from nmtool.training.front.model import SpikingNetwork
    from nmtool.training.learning import Run
    from nmtool.training.loop.run_folder import RunFolder

_log = logging.getLogger(__name__)

Source = Union[Network, IntegerNetwork, "Run", "SpikingNetwork", str, Path]
"""A network, a run, a torch model, or a path: of a run folder, a network file or an export."""


def load(path: str | Path, options: ReadingOptions | None = None) -> Network | IntegerNetwork:
    """Read the network of a run folder, a file or an export, float or integer.

    For a run that trained in integers, the result is the integer network. Files of other tools,
    such as NIR files, can also be read.

    >>> load("run")  # doctest: +SKIP
    <Network: 107 channels, hidden 100 lif, output 10 li, 80 steps of 1 ms>

    Args:
        path: run folder, network file, file or folder of any format; `zoo:NAME`.
        options: settings for files of other tools, such as `nmtool.ImportOptions` for NIR files.
            With options, the graph of a NIR file is read even if nmtool wrote the file and it
            carries the network itself.

    Raises:
        FileFormatError: the file is missing, damaged, or not a network.
        UsageError: the options are for another kind of file, or are missing for this one.
    """
    check_exists(path)
    path = zoo.path(path) if zoo.is_name(path) else path
    artefact = artefact_at(path)
    if artefact is not None:
        return artefact.read(options)
    if options is not None:
        raise import_options_unused(path)
    return _load_own(path)


def as_network(source: Source) -> Network | IntegerNetwork:
    """The network of a source; for a run or a model that trains in integers, the integer network.

    Raises:
        UsageError: the source is no network, run, torch model or path.
        FileFormatError: there is no network at the path.
    """
    if isinstance(source, Network | IntegerNetwork):
        return source
    if isinstance(source, str | Path):
        return load(source)
    floats, integers = _trained_networks(source)
    network = integers or floats
    if not isinstance(network, Network | IntegerNetwork):
        raise UsageError(
            f"a network is expected, not {type(source).__name__}",
            code="network-type",
            fix=NETWORK.fix,
        )
    return network


def float_network(source: Source) -> Network | None:
    """The float network of a source; None if the source has only an integer network.

    For any run or torch model, even of training in integers, it is the trained float network.

    Raises:
        UsageError: the source is no network, run, torch model or path.
        FileFormatError: there is no network at the path.
    """
    floats, _ = _trained_networks(source)
    if isinstance(floats, Network):
        return floats
    if isinstance(source, str | Path) and (file := Path(source) / RUN_NETWORK).is_file():
        source = file
    network = as_network(source)
    return network if isinstance(network, Network) else None


def _trained_networks(source: Any) -> tuple[Network | None, IntegerNetwork | None]:
    """The float network and the integer network of a run or a torch model; None where it has none.

    The attribute `network` of a torch model is the network before training.
    """
    if hasattr(source, "to_network"):
        return source.to_network(), source.to_integers()
    return getattr(source, "network", None), getattr(source, "integers", None)


def run_behind(source: object) -> RunFolder | None:
    """The folder of the run that a source comes from; None if the source comes from no run.

    Args:
        source: a run, or the path of a file that training wrote; other sources give None.
    """
    from nmtool.training.loop.run_folder import run_of

    path = getattr(source, "folder", None) if hasattr(source, "log") else source
    if not isinstance(path, str | Path):
        return None
    run = run_of(Path(path))
    return run if run.manifest_file.is_file() else None


def shared_validation_rule(sources: Iterable[Source]) -> SplitRule | None:
    """The validation rule that all runs behind these sources share; None if they share none.

    Args:
        sources: runs, or paths of files that training wrote; other sources are ignored.

    Returns:
        The rule; None if no run has a rule, or the rules differ.

    Raises:
        FileFormatError: the manifest of a run is damaged.
    """
    rules = set()
    for source in sources:
        if isinstance(source, str | Path):
            run = run_behind(source)
            rules.add(None if run is None else run.validation_rule())
        else:
            rules.add(getattr(source, "validation_rule", None))
    rules -= {None}
    return rules.pop() if len(rules) == 1 else None


def as_samples(data: Any, networks: Iterable[Source] = (), progress: Progress = silent) -> Any:
    """The samples that are meant by a data set or a name such as `digits:test`.

    Values of other types are returned unchanged.

    Args:
        data: a data set, the name or folder of one, or samples.
        networks: networks to run on the samples.
        progress: shows progress, e.g. `nmtool.progress_bar`.

    Raises:
        UsageError: there is no such data set.
        DataError: the split is missing or empty.
    """
    if isinstance(data, str | Path):
        data = load_dataset(data)
    if not isinstance(data, Dataset):
        return data
    dataset = with_validation_of(networks, data)
    if dataset is not data:
        _log.info(f"validation: {dataset.validation_rule}, as in training")
    with progress(f"reading {dataset.name} ({dataset.default_split})"):
        return dataset.filled_split(dataset.default_split)


def with_validation_of(networks: Iterable[Source], dataset: Dataset) -> Dataset:
    """A data set of which the validation split is meant, with the one of the networks' runs.

    It is returned unchanged if another split is meant, if it has a validation split, or if the runs
    share no rule.
    """
    split = dataset.chosen_split or (VALIDATION if dataset.splits == ("train",) else "")
    rule = shared_validation_rule(networks) if split == VALIDATION else None
    if rule is None or VALIDATION in dataset.splits:
        return dataset
    return dataset.with_validation(rule)


def check_exists(path: str | Path) -> None:
    """Raise `FileFormatError` if a path does not exist, `UsageError` for other types than paths."""
    check_path(path)
    if zoo.is_name(path):
        path = zoo.path(path)
    if not Path(path).exists():
        raise FileFormatError(
            f"there is no file or folder {path}",
            code="file-missing",
            fix="check its name and the folder you are in",
        )


def _is_data_set(path: Path) -> bool:
    try:
        return bool(split_files(path))
    except DataError:
        return False


def _load_own(path: str | Path) -> Network | IntegerNetwork:
    """Read the network of a run folder, or of nmtool's own network file."""
    file = Path(path)
    if file.is_dir():
        integers = file / RUN_INTEGERS
        file = integers if integers.is_file() else file / RUN_NETWORK
        if not file.is_file():
            raise FileFormatError(
                f"{path} contains no trained network",
                code="run-without-network",
                why=f"there is no {RUN_NETWORK} in it; training writes it after the first epoch",
                fix=f"{path} contains data: nmtool data {path} describes them; if a command takes "
                "both, name NETWORK first, then DATA"
                if _is_data_set(Path(path))
                else "name a run folder from `nmtool train`, or a network file",
            )
    if file.suffix.lower() == ".csv":
        raise FileFormatError(
            f"{path} is a table of data, not a network",
            code="file-kind",
            fix=f"make a data set of it: nmtool data {path} -o FOLDER",
        )
    kind = storage.archive_kind(file)
    if kind == Network.file_kind:
        return Network.load(file)
    if kind == IntegerNetwork.file_kind or not kind:
        return IntegerNetwork.load(file)
    raise FileFormatError(
        f"{path} is not a network, but a file of the kind '{kind}'",
        code="file-kind",
        fix=f"name a network file, or the run folder: its network is in {RUN_NETWORK}",
    )
