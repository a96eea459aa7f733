"""Checkpoints: everything needed to resume exactly after an epoch, without pickles."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nmtool import storage
from nmtool.errors import FileFormatError
from nmtool.rounding import round_half_away
from nmtool.training.loop.optimise import Optimiser
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


def save(path: Path, optimiser: Optimiser, state: RunState) -> None:
    """Write parameters, Adam's moments, removed values, running means and the run's progress.

    Raises:
        StorageError: the file cannot be written.
    """
    arrays: dict[str, NDArray] = {}
    for name, parameter in optimiser.model.named_parameters():
        arrays[f"parameter.{name}"] = parameter.detach().cpu().numpy()
        moments = optimiser.adam.state.get(parameter, {})
        arrays |= {f"{key}.{name}": moments[key].cpu().numpy() for key in _MOMENTS if moments}
    for kind, tensors in (
        ("removed", optimiser.pruning.removed),
        ("average", optimiser.average.values),
    ):
        arrays |= {f"{kind}.{name}": values.cpu().numpy() for name, values in tensors.items()}
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


def load(path: Path, optimiser: Optimiser) -> tuple[RunState, dict[str, Tensor]]:
    """Restore the parameters, Adam's moments and the removed values that `save` wrote.

    Returns:
        The progress, and the running means by parameter name, [pre, post] float; empty if the file
        has none.

    Raises:
        FileFormatError: the file is damaged, or does not fit the model or the pruned parameters.
    """
    archive = storage.read_archive(path, FILE_KIND, FILE_VERSION)
    archive.check_seal()
    means: dict[str, Tensor] = {}
    with archive.checked():
        for name, parameter in optimiser.model.named_parameters():
            shape = parameter.shape
            if archive.array(f"parameter.{name}").shape != shape:
                raise FileFormatError(
                    f"{path} belongs to another network: {name} differs in shape",
                    code="checkpoint-differs",
                    fix="use the options of the run that wrote the checkpoint",
                )
            with torch.no_grad():
                parameter.copy_(_tensor(archive, f"parameter.{name}", shape))
            if f"step.{name}" in archive.arrays:
                optimiser.adam.state[parameter] = {
                    "step": _tensor(archive, f"step.{name}", ()),
                    **{
                        key: _tensor(archive, f"{key}.{name}", shape).to(parameter.device)
                        for key in _MOMENTS[1:]
                    },
                }
            if f"average.{name}" in archive.arrays:
                means[name] = _tensor(archive, f"average.{name}", shape).to(parameter)
        for name, removed in optimiser.pruning.removed.items():
            if f"removed.{name}" in archive.arrays:
                mask = _tensor(archive, f"removed.{name}", removed.shape)
                if mask.dtype != torch.bool:
                    raise ValueError(f"the mask of {name} has the wrong type {mask.dtype}")
                removed.copy_(mask)
        header = archive.header
        state = RunState(
            int(header["epoch"]),
            int(header["update"]),
            float(header["best"]),
            log_from(header),
            str(header["network"]),
        )
    return state, means


def longer_delays(path: Path, longest: int) -> tuple[int, int]:
    """Count the delays that fine-tuning from a checkpoint has to clip.

    Returns:
        Number of delays that, after rounding to whole steps, are longer than `longest`, and number
        of all delays.

    Raises:
        FileFormatError: the file is damaged.
    """
    archive = storage.read_archive(path, FILE_KIND, FILE_VERSION)
    archive.check_seal()
    delays: list[NDArray] = []
    with archive.checked():
        for name in archive.arrays:
            if name.startswith("parameter.") and name.endswith(".delay"):
                mean = name.replace("parameter", "average", 1)
                delay = archive.array(mean if mean in archive.arrays else name)
                delays.append(round_half_away(delay))
    return sum(int((delay > longest).sum()) for delay in delays), sum(d.size for d in delays)


def _tensor(archive: storage.Archive, name: str, shape: tuple[int, ...]) -> Tensor:
    """An array of a checkpoint; raises `ValueError` for another shape, or a number not finite."""
    values = archive.array(name)
    if values.shape != shape:
        raise ValueError(f"{name} has the wrong shape {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError(f"{name} is not finite")
    return torch.from_numpy(values)
