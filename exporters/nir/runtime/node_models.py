"""Step functions of all kinds of NIR nodes, for many samples at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from nmtool.errors import FileFormatError, printable
from nmtool.exporters.nir.graph.nodes import (
    AFFINE,
    CUBA_LI,
    CUBA_LIF,
    IF,
    INTEGRATOR,
    LI,
    LIF,
    LINEAR,
    SCALE,
    THRESHOLD,
    WIRES,
    Node,
)
from nmtool.float_simulator import Array

Step = Callable[[Array], Array]
"""Computes the output [samples, size] of a node from its input [samples, lines]."""


def node_model(node: Node, dt_s: float) -> Step:
    """Make the step function of a node; for neurons it contains their state, which starts at rest.

    Raises:
        FileFormatError: this kind of node cannot be run.
    """
    if node.kind in _MODELS:
        return _MODELS[node.kind](node.values, dt_s)
    if node.kind in WIRES:
        return lambda x: x
    raise FileFormatError(
        f"nodes of the kind {printable(node.kind)} cannot be run",
        code="nir-run-kind",
        fix="use nodes that nmtool runs: docs/nir.md lists them",
    )


def _linear(values: Mapping[str, Array], dt_s: float) -> Step:
    """Make the step function of a `Linear`, which skips lines and weights that are 0."""
    weight = np.asarray(values["weight"], np.float64).T
    pre, post = np.nonzero(weight)
    value, size = weight[pre, post], weight.shape[1]
    count = np.bincount(pre, minlength=len(weight))
    first = np.cumsum(count) - count

    def step(x: Array) -> Array:
        active = np.flatnonzero(x != 0)
        sample, line = np.divmod(active, x.shape[1])
        fan = count[line]
        synapse = np.repeat(first[line] - np.cumsum(fan) + fan, fan)
        synapse += np.arange(synapse.size)
        target = np.repeat(sample * size, fan) + post[synapse]
        sent = np.repeat(x.ravel()[active], fan) * value[synapse]
        total = np.zeros(len(x) * size)
        np.add.at(total, target, sent)
        return total.reshape(len(x), size)

    return step


def _affine(values: Mapping[str, Array], dt_s: float) -> Step:
    """Make the step function of an `Affine`."""
    linear = _linear(values, dt_s)
    return lambda x: linear(x) + values["bias"]


def _scale(values: Mapping[str, Array], dt_s: float) -> Step:
    """Make the step function of a `Scale`."""
    return lambda x: x * np.ravel(values["scale"])


def _threshold(values: Mapping[str, Array], dt_s: float) -> Step:
    """Make the step function of a `Threshold`."""
    return lambda x: (x > np.ravel(values["threshold"])).astype(np.float64)


class _Leak:
    """Leaky integrator τ·y' = rest − y + r·x by Euler steps; without τ, y' = r·x."""

    def __init__(self, tau: Array | None, r: Array, rest: Array | float, dt_s: float) -> None:
        share = dt_s if tau is None else dt_s / np.ravel(tau)
        self.keep = 1.0 if tau is None else 1 - share
        self.gain, self.rest = share * np.ravel(r), 0.0 if tau is None else share * rest
        self.y: Array | float = 0.0

    def __call__(self, x: Array) -> Array:
        self.y = self.keep * self.y + self.gain * x + self.rest
        return self.y


def _membrane(values: Mapping[str, Array], dt_s: float) -> _Leak:
    """Make the leaky integrator of a membrane."""
    tau = values.get("tau", values.get("tau_mem"))
    return _Leak(tau, values["r"], np.ravel(values.get("v_leak", 0.0)), dt_s)


def _integrating(values: Mapping[str, Array], dt_s: float) -> Step:
    """Make the step function of neurons that do not spike."""
    return _membrane(values, dt_s)


def _spiking(values: Mapping[str, Array], dt_s: float) -> Step:
    """Make the step function of neurons that spike, and reset to v_reset."""
    membrane = _membrane(values, dt_s)
    threshold, reset = np.ravel(values["v_threshold"]), np.ravel(values.get("v_reset", 0.0))

    def step(x: Array) -> Array:
        v = membrane(x)
        spikes = v > threshold
        membrane.y = np.where(spikes, reset, v)
        return spikes.astype(np.float64)

    return step


def _with_synapse(neurons: Callable[[Mapping[str, Array], float], Step]) -> Callable[..., Step]:
    """Put the leaky integrator of a synapse before neurons."""

    def make(values: Mapping[str, Array], dt_s: float) -> Step:
        synapse = _Leak(values["tau_syn"], values.get("w_in", np.ones(1)), 0.0, dt_s)
        membrane = neurons(values, dt_s)
        return lambda x: membrane(synapse(x))

    return make


_MODELS: Mapping[str, Callable[[Mapping[str, Array], float], Step]] = {
    LINEAR: _linear,
    AFFINE: _affine,
    SCALE: _scale,
    THRESHOLD: _threshold,
    LI: _integrating,
    INTEGRATOR: _integrating,
    CUBA_LI: _with_synapse(_integrating),
    LIF: _spiking,
    IF: _spiking,
    CUBA_LIF: _with_synapse(_spiking),
}
