"""Small float networks to quantise, and their findings."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from nmtool.network.float_network import Network
from nmtool.network.float_parts import Population, Projection
from nmtool.network.graph import INPUT, InputChannels
from nmtool.network.readout import Readout
from nmtool.quantisation import Quantisation

bits_strategy = st.sampled_from([2, 3, 4, 6, 8])
FAN_IN = (1, 2, 5, 40, 1000)


def one_population(
    *weights: NDArray, delay: int = 0, kind: str = "lif", dt_ms: float = 1.0, **constants: Any
) -> Network:
    """A network with projections from the input to the population `p`."""
    pre, post = weights[0].shape if weights else (1, 2)
    return Network(
        InputChannels(pre),
        [Population("p", post, kind, **constants)],
        [Projection(INPUT, "p", weight, np.full(weight.shape, delay)) for weight in weights],
        Readout("p", "first_spike" if kind == "lif" else "mean"),
        dt_ms,
        10,
    )


def codes(result: Quantisation) -> list[str]:
    return [finding.code for finding in result.report.findings]
