"""NetX files as lava-dl writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np

NEURON = {"type": b"CUBA", "iDecay": 1024, "vDecay": 128, "vThMant": 80, "refDelay": 1}


def write_foreign(path: Path, *layers: dict[str, Any], simulation: bool = True) -> Path:
    """Write a file of layers like lava-dl's; a dictionary is a group."""
    with h5py.File(path, "w") as file:
        for index, layer in enumerate(layers):
            fill(file.create_group(f"layer/{index}"), layer)
        if simulation:
            file["simulation/Ts"], file["simulation/tSample"] = 2, 60
    return path


def fill(group: h5py.Group, values: dict[str, Any]) -> None:
    for name, value in values.items():
        if isinstance(value, dict):
            fill(group.create_group(name), value)
        elif name == "type" and group.name.endswith("neuron"):
            group.create_dataset(name, data=value, dtype=h5py.special_dtype(vlen=bytes))
        elif name == "type":
            group.create_dataset(name, (1,), "S10", [value])
        else:
            group[name] = value


def dense(n_pre: int, n_post: int, seed: int = 0, **more: Any) -> dict[str, Any]:
    """A dense layer with float32 weights like lava-dl's, completed by the other datasets."""
    weight = np.random.default_rng(seed).integers(-60, 100, (n_post, n_pre)) * 2
    layer = {
        "type": b"dense",
        "shape": np.array([n_post, 1, 1]),
        "inFeatures": n_pre,
        "outFeatures": n_post,
        "weight": weight.astype(np.float32),
        "neuron": NEURON,
    }
    return {key: value for key, value in {**layer, **more}.items() if value is not None}
