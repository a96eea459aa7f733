"""Count spikes that differ between a snnTorch module with other resets and its import.

Module and network run on the same input, and their spikes are compared bin by bin. Spikes reach the
next layer in the same step in snnTorch, and one step later in nmtool. Spikes of the d-th layer are
therefore compared with the network's spikes d steps later.
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
"""Number of generated samples, and largest number of steps of a sample."""
RATES = (0.02, 0.05, 0.1, 0.2, 0.5)
"""Firing rates of the generated samples, in spikes per channel and step."""


def noise_input(network: Network) -> Raster:
    """Make random input at several firing rates; equal networks get equal spikes."""
    shape = (SAMPLES, min(STEPS, network.n_steps), network.channels.size)
    rates = np.resize(RATES, SAMPLES)[:, None, None]
    return Raster.from_dense(np.random.default_rng(0).random(shape) < rates)


def difference(
    network: Network,
    layers: Sequence[Any],
    input_shape: Sequence[int],
    spikes: Raster,
) -> str:
    """Sentence on the number of spikes that differ between network and module.

    Args:
        network: the imported network, with resets to zero.
        layers: layers of the module, in the order in which they run.
        input_shape: input shape of the first layer, without the axis of samples.
        spikes: the input.
    """
    network_rasters = simulate_floats(network, spikes).spikes
    module_spikes = _module_spikes(layers, input_shape, spikes)
    different = emitted = 0
    for lag, (raster, expected) in enumerate(
        zip(network_rasters.values(), module_spikes, strict=False), start=1
    ):
        network_bins, module_bins = raster.dense()[:, lag:], expected[:, : spikes.n_steps - lag]
        different += int((network_bins != module_bins).sum())
        emitted += int(module_bins.sum())
    return (
        f"on {spikes.n_samples} samples of {spikes.n_steps} steps {different:,} bins differ from "
        f"the module, which spikes {emitted:,} times"
    )


def copy_of(module: Any) -> Any:
    """A copy of a module, with hidden states detached from gradients."""
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
    """Spikes of each layer with a reset, [samples, steps, neurons] bool; runs copies of layers."""
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
