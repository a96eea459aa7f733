"""Stands in for Lava: the integer simulator, with faults where a test wants them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nmtool.exporters.environments import Environment
from nmtool.exporters.lava import Lava
from nmtool.exporters.lava.environment import REFEREE
from nmtool.hardware_sim.simulator import simulate
from nmtool.raster import Raster
from nmtool.recording import Recording

Fault = Callable[[Recording], Recording]


@dataclass
class FakeLava:
    """What `Lava.run` is replaced by.

    Attributes:
        faults: by the name of the model, what is done to its recording.
        calls: the arguments of every run.
    """

    faults: Mapping[str, Fault] = field(default_factory=dict)
    calls: list[dict[str, Any]] = field(default_factory=list)

    def install(self, monkeypatch: pytest.MonkeyPatch) -> FakeLava:
        """Put it in Lava's place, in an environment that needs none."""
        monkeypatch.setattr(
            Lava, "run", lambda *arguments, **options: self.run(*arguments, **options)
        )
        environment = Environment(Path("python"), REFEREE)
        monkeypatch.setattr(REFEREE, "find", lambda: environment)
        return self

    def run(
        self, artefact: Lava, spikes: Raster, *, model: str = "fast", **options: Any
    ) -> Recording:
        """Simulate the network in the folder."""
        self.calls.append({"folder": artefact.path, "spikes": spikes, "model": model, **options})
        network = artefact.integers
        recording = simulate(network, spikes, deep=options.get("deep", False))
        if on_progress := options.get("on_progress"):
            on_progress(spikes.n_samples)
        return self.faults.get(model, lambda same: same)(recording)


def flip_spike(sample: int, step: int, neuron: int) -> Fault:
    """One bin of population `hidden`: a spike where there was none, or none where there was.

    Recordings that have no such sample or step stay as they are.
    """

    def fault(recording: Recording) -> Recording:
        if sample >= recording.n_samples or step >= recording.spikes["hidden"].n_steps:
            return recording
        dense = recording.spikes["hidden"].dense()
        dense[sample, step, neuron] ^= True
        return replace(recording, spikes={"hidden": Raster.from_dense(dense)})

    return fault


def shift_membrane(sample: int, step: int, neuron: int, by: int) -> Fault:
    """One value of the output's membrane; recordings without such a sample stay as they are."""

    def fault(recording: Recording) -> Recording:
        if sample >= recording.n_samples or step >= recording.membrane["out"].shape[1]:
            return recording
        membrane = recording.membrane["out"].copy()
        membrane[sample, step, neuron] += np.int32(by)
        return replace(recording, membrane={"out": membrane})

    return fault
