"""Hypothesis strategies: those of `nmtool.testing`, arithmetics, rasters and recordings."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from nmtool.arithmetic import LOIHI2
from nmtool.network import graph
from nmtool.network.graph import LIF, RESET, RESET_BY
from nmtool.network.integer_network import IntegerNetwork
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.testing.networks import random_raster
from nmtool.testing.strategies import float_networks, integer_networks, layouts, readouts, seeds
from tests.tiny8.nmtool_tiny8 import TINY8

__all__ = [
    "arithmetics",
    "float_networks",
    "integer_networks",
    "rasters",
    "readouts",
    "recordings",
    "runs",
    "seeds",
]

MOST_SPIKES = 9
"""Limit of the spikes of neurons and channels in a step, in networks with counts."""

COUNTING = (RESET, RESET_BY, graph.MOST_SPIKES.up_to(MOST_SPIKES))
"""Properties of networks with any resets, and with counts up to this limit."""

arithmetics = st.sampled_from([LOIHI2, TINY8])
"""Arithmetics with different rules; tests that draw them use the fixture `tiny8`."""


@st.composite
def rasters(draw: st.DrawFn, n_neurons: int, max_steps: int = 70, most_spikes: int = 1) -> Raster:
    """One to three samples, from silent to dense."""
    n_samples, n_steps = draw(st.integers(1, 3)), draw(st.integers(1, max_steps))
    return random_raster(draw(seeds), n_samples, n_steps, n_neurons, most_spikes)


@st.composite
def runs(draw: st.DrawFn) -> tuple[IntegerNetwork, Raster]:
    """A network in any arithmetic, with any resets and counts, and an input of it."""
    network = draw(integer_networks(draw(arithmetics), properties=COUNTING))
    channels = network.channels
    return network, draw(rasters(channels.size, most_spikes=channels.most_spikes))


@st.composite
def recordings(draw: st.DrawFn) -> Recording:
    """A random deep recording of populations."""
    layout, random = draw(layouts()), np.random.default_rng(draw(seeds))
    samples, steps = draw(st.integers(1, 3)), draw(st.integers(1, 9))
    dtype = draw(st.sampled_from([np.int32, np.float64]))

    def values(name: str) -> NDArray:
        return random.integers(-(2**23), 2**23, (samples, steps, layout.sizes[name])).astype(dtype)

    spiking = [name for name, kind in layout.kinds.items() if kind == LIF]
    silent = [name for name in layout.kinds if name not in spiking]
    deep, most = draw(st.booleans()), draw(st.sampled_from([1, MOST_SPIKES]))
    return Recording(
        layout.readout,
        {n: random_raster(draw(seeds), samples, steps, layout.sizes[n], most) for n in spiking},
        {name: values(name) for name in silent},
        {name: values(name) for name in layout.kinds} if deep else {},
        {name: values(name) for name in spiking} if deep else {},
        draw(st.dictionaries(st.sampled_from(["u_wraps", "v_clips.a"]), st.integers(0, 2**40))),
    )
