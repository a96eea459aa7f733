"""Convert layers of a NetX file to an integer network, and list everything that does not fit."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator

import numpy as np

from nmtool import arithmetic
from nmtool.arithmetic import LOIHI2
from nmtool.data.binning import BOUNDARY, DEFAULT_DURATION_MS
from nmtool.errors import Finding
from nmtool.network.graph import INPUT, LI, LIF, MAX_STEPS, InputChannels
from nmtool.network.integer_network import (
    MIXED,
    IntegerNetwork,
    IntegerPopulation,
    IntegerProjection,
    sign_mode,
)
from nmtool.network.readout import FIRST_SPIKE, MEAN, Readout
from nmtool_chips.netx.file import NetxFile
from nmtool_chips.netx.layers import BIAS_EXPONENT, Layer

_log = logging.getLogger("nmtool.chips.netx")

DT_MS = 1.0
"""Default length of a step in ms, for files that do not give it."""

_FIX = "change it in the file, or train within the limits of docs/arithmetic.md"


def misfits(file: NetxFile) -> list[Finding]:
    """Findings on everything in a file that an integer network cannot represent."""
    findings = list(file.findings)
    if not file.layers:
        return [*findings, Finding("netx-no-layer", "the file", "it has no dense layer", _FIX)]
    last = max(file.layers)
    width: int | None = None
    for index, layer in file.layers.items():
        where, inputs = f"layer {index}", layer.weight.shape[1]
        findings += _layer_misfits(layer, where, is_last=index == last)
        if width not in (None, inputs):
            findings.append(
                Finding(
                    "netx-inputs-differ",
                    where,
                    f"it has {inputs} inputs, but the layer before has {width} neurons",
                    _FIX,
                )
            )
        width = layer.size
    if _steps(file) > MAX_STEPS + BOUNDARY:
        findings.append(
            Finding(
                "netx-steps-limit",
                "the file",
                f"a sample has more than {MAX_STEPS} steps of {file.dt_ms or DT_MS:g} ms, the "
                "largest number that nmtool allows",
                _FIX,
            )
        )
    return findings


def _steps(file: NetxFile) -> float:
    return (file.duration_ms or DEFAULT_DURATION_MS) / (file.dt_ms or DT_MS)


def _layer_misfits(layer: Layer, where: str, *, is_last: bool) -> Iterator[Finding]:
    """Findings on a layer's numbers outside the chip's ranges."""
    if not 1 <= layer.i_decay <= LOIHI2.max_du + 1:
        yield Finding(
            "netx-decay-range",
            where,
            f"iDecay is {layer.i_decay}, but must be 1 … {LOIHI2.max_du + 1}",
            _FIX,
        )
    if not 0 <= layer.v_decay <= LOIHI2.max_dv:
        yield Finding(
            "netx-decay-range",
            where,
            f"vDecay is {layer.v_decay}, but must be 0 … {LOIHI2.max_dv}",
            _FIX,
        )
    if layer.threshold < 0 or (layer.threshold > LOIHI2.max_threshold and not is_last):
        yield Finding(
            "netx-threshold-range",
            where,
            f"vThMant is {layer.threshold}, but must be 0 … {LOIHI2.max_threshold}",
            _FIX,
        )
    limit = LOIHI2.bias_limit
    if (layer.bias < -limit).any() or (layer.bias >= limit).any():
        yield Finding("netx-bias-range", where, f"biases must lie in {-limit} … {limit - 1}", _FIX)
    delay = np.zeros(1, np.int64) if layer.delay is None else layer.delay
    if delay.min() < 0 or delay.max() > LOIHI2.max_delay:
        yield Finding(
            "netx-delay-range",
            where,
            f"delays are {delay.min()} … {delay.max()}, but must lie in 0 … {LOIHI2.max_delay}",
            _FIX,
        )
    yield from layer.reader_findings(where, _FIX)


def network_of(file: NetxFile) -> IntegerNetwork:
    """The network of a file without misfits.

    Populations are named `layer1` and so on, by their numbers in the file. The readout is `mean` if
    the last layer never spikes (its threshold exceeds the chip's range), else `first_spike`.
    """
    assumed = []
    if file.dt_ms is None:
        assumed.append(f"a step of {DT_MS:g} ms (/simulation/Ts)")
    if file.duration_ms is None:
        assumed.append(f"samples of {DEFAULT_DURATION_MS:g} ms (/simulation/tSample)")
    if assumed:
        _log.warning(f"not in the file, therefore assumed: {'; '.join(assumed)}")
    layers = list(file.layers.items())
    populations = [_population(f"layer{index}", layer) for index, layer in layers]
    names = [INPUT, *(population.name for population in populations)]
    projections = []
    for source, target, (_, layer) in zip(names, names[1:], layers, strict=False):
        projections += _projections(source, target, layer.weight, layer.delay)
        if layer.recurrent is not None:
            projections += _projections(target, target, layer.recurrent, None)
    last = populations[-1]
    return IntegerNetwork(
        InputChannels(layers[0][1].weight.shape[1]),
        populations,
        projections,
        Readout(last.name, FIRST_SPIKE if last.kind == LIF else MEAN),
        dt_ms=file.dt_ms or DT_MS,
        n_steps=max(1, math.ceil(_steps(file) - BOUNDARY)),
    )


def _population(name: str, layer: Layer) -> IntegerPopulation:
    spikes = layer.threshold <= LOIHI2.max_threshold
    return IntegerPopulation(
        name,
        layer.size,
        LIF if spikes else LI,
        du=layer.i_decay - 1,
        dv=layer.v_decay,
        vth=layer.threshold if spikes else arithmetic.SILENT_THRESHOLD,
        scale=1.0,
        bias_exponent=BIAS_EXPONENT,
        bias_mantissa=layer.bias,
    )


def _projections(
    source: str, target: str, weight: np.ndarray, delay: np.ndarray | None
) -> list[IntegerProjection]:
    """Make one projection, or two for odd weights of both signs.

    A matrix with both signs loses the lowest bit; a matrix with one sign can represent all weights.
    """
    parts = [weight]
    if sign_mode(weight) == MIXED and (weight % 2).any():
        parts = [np.maximum(weight, 0), np.minimum(weight, 0)]
    delay = np.zeros_like(weight) if delay is None else delay
    return [IntegerProjection(source, target, part.T, delay.T) for part in parts]
