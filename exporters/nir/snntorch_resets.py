"""The difference that a reset to zero makes to a module of snnTorch that resets otherwise.

Module and network run on the same input, and their spikes are compared bin by bin. A spike reaches
the next layer in the same step there and a step later here, so that those of the layer at depth d
are compared d steps later.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmtool.float_simulator import simulate_floats
from nmtool.network.float_network import Network
from nmtool.raster import Raster

SAMPLES, STEPS = 20, 200
"""Made samples, and the most steps that they have."""
RATES = (0.02, 0.05, 0.1, 0.2, 0.5)
"""Spikes per channel and step of made samples, in turn."""


def made_input(network: Network) -> Raster:
    """Noise of several rates, the same for the same network."""
    shape = (SAMPLES, min(STEPS, network.n_steps), network.channels.size)
    rates = np.resize(RATES, SAMPLES)[:, None, None]
    return Raster.from_dense(np.random.default_rng(0).random(shape) < rates)


def difference(
    network: Network,
    layers: Sequence[Any],
    input_shape: Sequence[int],
    spikes: Raster,
) -> str:
    """Tell how many spikes of a network are not its module's.

    Args:
        network: what was read, with resets to zero at once.
        layers: of the module, in the order in which they run.
        input_shape: of what the first layer takes, without the samples.
        spikes: input.
    """
    own = simulate_floats(network, spikes).spikes
    theirs = _module_spikes(layers, input_shape, spikes)
    different = emitted = 0
    for later, (raster, expected) in enumerate(zip(own.values(), theirs, strict=False), start=1):
        here, there = raster.dense()[:, later:], expected[:, : spikes.n_steps - later]
        different += int((here != there).sum())
        emitted += int(there.sum())
    return (
        f"on {spikes.n_samples} samples of {spikes.n_steps} steps {different:,} bins differ from "
        f"the module, which spikes {emitted:,} times"
    )


def copy_of(module: Any) -> Any:
    """A copy of a module; hidden states that still carry gradients are copied without them."""
    memo = {
        id(value): value.detach().clone()
        for part in getattr(module, "modules", list)()
        for value in (*vars(part).values(), *getattr(part, "_buffers", {}).values())
        if getattr(value, "grad_fn", None) is not None
    }
    return copy.deepcopy(module, memo)


def _module_spikes(
    layers: Sequence[Any], input_shape: Sequence[int], spikes: Raster
) -> list[NDArray[np.bool_]]:
    """[samples, steps, neurons] bool of every layer that resets, by a copy of the module."""
    import torch

    layers = [copy_of(layer).eval() for layer in layers]
    counted: list[tuple[Any, list[NDArray[np.bool_]]]] = []
    for layer in layers:
        if hasattr(layer, "reset_mem"):
            layer.init_hidden, layer.output = True, False
            layer.reset_mem()
            if layer.reset_mechanism != "none":
                counted.append((layer, []))
    with torch.no_grad():
        for step in np.moveaxis(spikes.dense(), 1, 0):
            x = torch.as_tensor(step, dtype=torch.float32).reshape(-1, *input_shape)
            for layer in layers:
                x = layer(x)
                for spiking, rows in counted:
                    if spiking is layer:
                        rows.append(x.reshape(len(x), -1).numpy() > 0)
    return [np.stack(rows, axis=1) for _, rows in counted]
