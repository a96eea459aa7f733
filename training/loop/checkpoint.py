"""Checkpoints: everything needed to resume exactly after an epoch, without pickles."""

from __future__ import annotations

import json
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nmtool import storage
from nmtool.errors import FileFormatError
from nmtool.rounding import round_half_away
from nmtool.training.front.model import SpikingNetwork
from nmtool.training.loop.run_folder import log_from

FILE_KIND = "nmtool checkpoint"
FILE_VERSION = 2

_MOMENTS = ("step", "exp_avg", "exp_avg_sq")


@dataclass(frozen=True)
class RunState:
    """Progress of a run: finished epochs and updates, the best score, and the log.

    Attributes:
        epoch: number of finished epochs.
        update: number of finished updates.
        best: score of the best epoch so far; below 0 while no epoch is a candidate.
        log: one entry per epoch.
        network: content hash of the best epoch's network; '' if none has been saved.
    """

    epoch: int
    update: int
    best: float
    log: list[dict[str, Any]]
    network: str = ""

    @property
    def has_best(self) -> bool:
        """True if a best network has been saved."""
        return self.best >= 0


def save(
    path: Path,
    model: SpikingNetwork,
    optimiser: torch.optim.Optimizer,
    state: RunState,
    removed: Mapping[str, Tensor] = MappingProxyType({}),
    average: Mapping[str, Tensor] = MappingProxyType({}),
) -> None:
    """Write the parameters, Adam's moments and the progress of the run.

    Args:
        path: the file.
        model, optimiser, state: the objects to save.
        removed: masks of pruned values by parameter name, [pre, post] bool, see
            `nmtool.training.loop.pruning`.
        average: running means by parameter name, [pre, post] float, see
            `nmtool.training.loop.averaging`.

    Raises:
        StorageError: the file cannot be written.
    """
    arrays: dict[str, NDArray] = {}
    for name, parameter in model.named_parameters():
        arrays[f"parameter.{name}"] = parameter.detach().cpu().numpy()
        moments = optimiser.state.get(parameter, {})
        for key in _MOMENTS:
            if key in moments:
                arrays[f"{key}.{name}"] = np.asarray(moments[key].cpu())
    arrays |= {f"removed.{name}": mask.cpu().numpy() for name, mask in removed.items()}
    arrays |= {f"average.{name}": values.cpu().numpy() for name, values in average.items()}
    header = {
        "epoch": state.epoch,
        "update": state.update,
        "best": state.best,
        # The log is stored as text, because the header sorts the keys of its entries, and the log
        # must keep the order of its keys.
        "log": json.dumps(state.log),
        "network": state.network,
    }
    header = storage.sealed(header, arrays)
    storage.write_archive(path, FILE_KIND, FILE_VERSION, header, arrays)


def load(
    path: Path,
    model: SpikingNetwork,
    optimiser: torch.optim.Optimizer,
    removed: Mapping[str, Tensor] = MappingProxyType({}),
    average: MutableMapping[str, Tensor] | None = None,
) -> RunState:
    """Restore the state written by `save`.

    Args:
        path: the file.
        model, optimiser: objects whose state is restored.
        removed: masks of pruned values by parameter name, [pre, post] bool, overwritten by those in
            the file.
        average: filled with the running means in the file by parameter name, [pre, post] float.

    Raises:
        FileFormatError: the file is damaged, or does not fit the model or the pruned parameters.
    """
    archive = storage.read_archive(path, FILE_KIND, FILE_VERSION)
    archive.check_seal()
    with archive.checked():
        for name, parameter in model.named_parameters():
            values = _finite(archive, f"parameter.{name}")
            if values.shape != parameter.shape:
                raise FileFormatError(
                    f"{path} belongs to another network: {name} differs in shape",
                    code="checkpoint-other-network",
                    fix="use the options of the run that wrote the checkpoint",
                )
            with torch.no_grad():
                parameter.copy_(values)
            if f"step.{name}" in archive.arrays:
                moments = _moments(archive, name, values.shape)
                optimiser.state[parameter] = {
                    key: value if key == "step" else value.to(parameter.device)
                    for key, value in moments.items()
                }
        for name, mask in removed.items():
            if f"removed.{name}" in archive.arrays:
                mask.copy_(_mask(archive, f"removed.{name}", mask.shape))
        if average is not None:
            average.update(_average(archive, model))
        header = archive.header
        return RunState(
            int(header["epoch"]),
            int(header["update"]),
            float(header["best"]),
            log_from(header),
            str(header["network"]),
        )


def longer_delays(path: Path, longest: int) -> tuple[int, int]:
    """Count the delays that fine-tuning from a checkpoint has to clip.

    Args:
        path: the file.
        longest: largest allowed delay, in steps.

    Returns:
        Number of longer delays, after rounding to whole steps, and number of all delays.

    Raises:
        FileFormatError: the file is damaged.
    """
    archive = storage.read_archive(path, FILE_KIND, FILE_VERSION)
    archive.check_seal()
    n_longer = n_delays = 0
    with archive.checked():
        for name in archive.arrays:
            kind, _, parameter = name.partition(".")
            if kind != "parameter" or not name.endswith(".delay"):
                continue
            mean = f"average.{parameter}"
            delay = archive.array(mean if mean in archive.arrays else name)
            n_longer += int((round_half_away(delay) > longest).sum())
            n_delays += delay.size
    return n_longer, n_delays


def _moments(archive: storage.Archive, name: str, shape: torch.Size) -> dict[str, Tensor]:
    """Adam's moments of a parameter, read from a checkpoint."""
    moments = {key: _finite(archive, f"{key}.{name}") for key in _MOMENTS}
    for key, values in moments.items():
        if values.shape != (() if key == "step" else shape):
            raise ValueError(f"{key} of {name} has the wrong shape {tuple(values.shape)}")
    return moments


def _average(archive: storage.Archive, model: SpikingNetwork) -> dict[str, Tensor]:
    """Running means by parameter name, read from a checkpoint; empty if it has none."""
    means = {}
    for name, parameter in model.named_parameters():
        if f"average.{name}" in archive.arrays:
            values = _finite(archive, f"average.{name}")
            if values.shape != parameter.shape:
                raise ValueError(f"the mean of {name} has the wrong shape {tuple(values.shape)}")
            means[name] = values.to(parameter)
    return means


def _mask(archive: storage.Archive, name: str, shape: torch.Size) -> Tensor:
    """The mask of a pruned parameter, read from a checkpoint."""
    mask = archive.array(name)
    if mask.dtype != np.bool_ or mask.shape != shape:
        raise ValueError(f"the mask {name} has the wrong type {mask.dtype} or shape {mask.shape}")
    return torch.from_numpy(mask)


def _finite(archive: storage.Archive, name: str) -> Tensor:
    """An array of a checkpoint as a tensor; raises `ValueError` if a number is not finite."""
    values = archive.array(name)
    if not np.isfinite(values).all():
        raise ValueError(f"{name} is not finite")
    return torch.from_numpy(values)
