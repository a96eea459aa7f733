"""Replaces Lava by the integer simulator, with faults that a test chooses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nmtool.exporters.environments import Environment
from nmtool.exporters.lava.environment import REFEREE
from nmtool.exporters.lava.format import Lava
from nmtool.hardware_sim.simulator import simulate
from nmtool.raster import Raster
from nmtool.recording import Recording

Fault = Callable[[Recording], Recording]


@dataclass
class FakeLava:
    """Replacement of `Lava.run`.

    Attributes:
        faults: functions that change a recording, by name of the model.
        calls: the arguments of every run.
    """

    faults: Mapping[str, Fault] = field(default_factory=dict)
    calls: list[dict[str, Any]] = field(default_factory=list)

    def install(self, monkeypatch: pytest.MonkeyPatch) -> FakeLava:
        """Replace Lava, without an environment."""
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
    """Flip one bin of the population `hidden`: add a spike, or remove it.

    Recordings without this sample or step are not changed.
    """

    def fault(recording: Recording) -> Recording:
        if sample >= recording.n_samples or step >= recording.spikes["hidden"].n_steps:
            return recording
        dense = recording.spikes["hidden"].dense()
        dense[sample, step, neuron] ^= True
        return replace(recording, spikes={"hidden": Raster.from_dense(dense)})

    return fault


def shift_membrane(sample: int, step: int, neuron: int, by: int) -> Fault:
    """Change one value of the output's membrane, in recordings that have the sample."""

    def fault(recording: Recording) -> Recording:
        if sample >= recording.n_samples or step >= recording.membrane["out"].shape[1]:
            return recording
        membrane = recording.membrane["out"].copy()
        membrane[sample, step, neuron] += np.int32(by)
        return replace(recording, membrane={"out": membrane})

    return fault
