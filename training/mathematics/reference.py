"""Reference implementation of EventProp in time steps (float64), for tests of the fast kernels.

Forward, step n of every neuron, b = (1−α)·κ from `nmtool.dynamics`:

    u[n] = β·u[n−1] + b·Σ weights that arrive at n
    v[n] = α·v[n−1] + u[n] + (1−α)·bias
    spike iff v[n] > θ, then the reset;   a spike of step k arrives at m = k + 1 + delay

The reset is v[n] ← 0, or v[n] ← v[n] − c, or, if it is late, v[n+1] ← v[n+1] − c before the next
comparison with θ. If the neuron may spike more than once in a step (`most_spikes`), it spikes again
while v[n] > θ after v[n] ← v[n] − c. A bin of k spikes sends k times the weight.

Backward, the adjoint of this recursion, μ = ∂L/∂·, from the last step to the first:

    μ_v[n] = ∂L/∂v[n] + α·μ_v[n+1]
    if the neuron spiked at n, with q = max(u[n]/b, u[n]/(1−α)) + bias − v[n] (v before the reset):
        μ_v[n] ← μ_v[n]·(1 + f/q) − (τm/q)·(Σ_targets dL/dt_arr + ∂l_p/∂t), then μ_v[n] += push
    μ_u[n] = μ_v[n] + β·μ_u[n+1]

and for every synapse i→j and every spike of i that arrives at step m < T:

    dL/dw_ij += b·μ_u,j[m]                                     (w in the paper's units)
    dL/dd_ij += w_ij·b·(μ_u,j[m+1] − μ_u,j[m])              per step
    dL/dt_arr = w_ij·(b·μ_u,j[m]/τs − μ_v,j[m]/τm)          per ms, in the sum at a spike
    dL/dbias_j = (1−α)·Σ_n μ_v,j[n]

The adjoint recursion is the exact derivative of the stepped program. The gradient dL/dd of a delay
is exact, too: it is the change of the loss if arrivals come one step later. For a delay into an
output, it is L(d+1) − L(d) if L is linear in the membrane. The jump at a spike is that of the
continuous equations (the tests' oracle): its dL/dt_arr is their w_ij·(λ_V − λ_I), term by term,
and its q is τm·V' at the spike. f is the fall of v at the threshold: θ with a reset to zero, c
with subtraction and c/α if it is late, because c/α before the decay is c after it.

A spike is *left over* if v was above θ after the reset of the step before. It crosses no threshold,
and its step is fixed: μ_v passes unchanged, as with q = ∞. Without this exception, q could be tiny
or negative.

The K spikes of a bin come one after the other. In continuous time, each is a crossing of θ of its
own, with V back at θ − c in between. A step knows V only at its end, where the k-th spike finds
v[n] − (k−1)·c before its reset, so that its q is q_k = q + (k−1)·c. All spikes of a bin arrive
together, with the same dL/dt. Their jumps, from the last to the first, telescope, since
1 + c/q_k = q_k+1/q_k and Π_j<k (1 + c/q_j) = q_k/q:

    μ_v·Π_k (1 + c/q_k) − Σ_k (τm/q_k)·dL/dt·Π_j<k (1 + c/q_j)  =  μ_v·(1 + K·c/q) − (K·τm/q)·dL/dt

The bin jumps like a single spike with q/K, after which the push is added K times. The k-th spike is
left over if v[n−1] − (k−1)·c > θ: without input, too, the neuron would have spiked so often at the
start of the step. Of K spikes, the first m can be left over and the other K − m cross θ; the latter
then jump with K − m in place of K, and q + m·c in place of q. The first of them has
v[n−1] − m·c ≤ θ < v[n] − m·c, so that v has risen, u/(1−α) + bias > v[n−1], and its
q + m·c > m·c ≥ 0. So q stays positive.

As dt → 0, the jump is exact, too, and dL/dd is dt·dL/dt_arr. In steps of several ms, dL/dd and
dt·dL/dt_arr differ: if the adjoint is slow, the two terms of dL/dt_arr nearly cancel, and leave
−w_ij·μ_v[m]·dt/(2τm²). If a readout is slow, dL/dt_arr would be wrong as a gradient of delays, by
several times the gradient. The jump keeps dL/dt_arr: in trials with the difference quotient in its
place, networks learnt speech worse (docs/lessons.md).
(Wunderlich & Pehle 2021; delays: Mészáros, Knight & Nowotny 2025.)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nmtool.dynamics import HOP_LATENCY, decay, drive_scale, membrane_gain
from nmtool.errors import DataError
from nmtool.network.float_network import Network
from nmtool.network.float_parts import Population, Projection
from nmtool.network.graph import INPUT, LI, LIF
from nmtool.raster import Raster
from nmtool.recording import check_input
from nmtool.training.populations import check_time_constants, fall

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Trace:
    """Result of a run; arrays are float64, in the order of the network's populations.

    Attributes:
        spikes: raster of each spiking population, by name.
        current: per population [samples, steps, neurons], u.
        membrane: per population [samples, steps, neurons], v after the reset; before it, if the
            reset is late.
        q: per spiking population [bins], τm·V' at the first spike of each bin of its raster that is
            not left over; ∞ if all are.
            It is always positive: u/(1−α) + bias − v = α·(u/(1−α) + bias − v[n−1]) > 0 wherever v
            crosses θ from below. u/b, the current at the start of the step, is larger than u/(1−α)
            unless u < 0.
        crossings: per spiking population [bins] int64, spikes of each bin that are not left over.
    """

    spikes: Mapping[str, Raster]
    current: Mapping[str, Array]
    membrane: Mapping[str, Array]
    q: Mapping[str, Array]
    crossings: Mapping[str, NDArray[np.int64]]


@dataclass(frozen=True, eq=False)
class Gradients:
    """Derivatives of the loss, summed over the samples; arrays are float64.

    Attributes:
        weight: per projection [pre, post], per unit of the paper's weight.
        delay: per projection [pre, post], per step.
        bias: per population [neurons].
        spike_time: per spiking population and for `input` [bins], per ms, in the order of the
            raster: derivative with respect to the time of each spike of a bin, through its arrivals
            and directly.
        mu_v, mu_u: per population [samples, steps, neurons], ∂L/∂v (before the reset) and ∂L/∂u.
    """

    weight: list[Array]
    delay: list[Array]
    bias: dict[str, Array]
    spike_time: dict[str, Array]
    mu_v: dict[str, Array]
    mu_u: dict[str, Array]


def forward(network: Network, spikes: Raster) -> Trace:
    """Run a network on every sample, starting from rest.

    Args:
        network: network to run, with positive and finite time constants.
        spikes: input raster, one neuron per channel; its number of steps is that of the run.

    Raises `DataError` if the raster's channels differ from the network's, `NetworkError` for time
    constants of 0 or ∞.
    """
    check_input(network, spikes)
    run = _Forward(network, spikes)
    for n in range(spikes.n_steps):
        for population in network.populations:
            run.advance(population, n)
        for projection in network.projections:
            run.send(projection, n)
    return run.trace()


def backward(
    network: Network,
    spikes: Raster,
    trace: Trace,
    d_membrane: Mapping[str, Array],
    d_spike_time: Mapping[str, Array] | None = None,
    push: Mapping[str, Array] | None = None,
) -> Gradients:
    """EventProp's gradients of a loss on output membranes and spike times.

    Args:
        network, spikes: as given to `forward`.
        trace: result of `forward`.
        d_membrane: per `li` population [samples, steps, neurons] ∂L/∂v; 0 for missing populations.
        d_spike_time: per spiking population [bins], ∂L/∂t of each spike of a bin of its raster, per
            ms.
        push: per spiking population [neurons], firing-rate regulariser, added to μ_v after the jump
            of a bin for each of its spikes (Nowotny et al. 2022).

    Raises `DataError` if the shape of an array does not match its population.
    """
    run = _Backward(network, spikes, trace, d_membrane, d_spike_time or {}, push or {})
    for n in reversed(range(spikes.n_steps)):
        for index in range(len(network.projections)):
            run.read_arrivals(index, n)
        for population in network.populations:
            run.retreat(population, n)
    return run.gradients()


class _Constants:
    """Constants of a population in discrete time, [neurons], named as in the equations."""

    def __init__(self, population: Population, dt_ms: float) -> None:
        check_time_constants(population, dt_ms)
        self.tau_m = population.values("tau_mem_ms")
        self.tau_s = population.values("tau_syn_ms")
        self.theta = population.values("threshold")
        self.bias = population.values("bias")
        self.alpha = decay(self.tau_m, dt_ms)
        self.beta = decay(self.tau_s, dt_ms)
        self.gain = membrane_gain(self.tau_m, dt_ms)
        self.b = drive_scale(self.tau_m, self.tau_s, dt_ms)
        self.drop = population.drop
        self.late = np.minimum(self.drop, 0)
        self.fall = fall(population, self.alpha)
        self.most = population.most_spikes


def _constants(network: Network) -> dict[str, _Constants]:
    return {p.name: _Constants(p, network.dt_ms) for p in network.populations}


class _Arrivals(NamedTuple):
    """Arrivals of spikes, [arrivals]: index of the bin, sample, synapse, and step of arrival.

    Indexing an array [samples, steps, neurons] with `arrival` gives its value at each arrival, with
    `one_later` its value one step later.
    """

    bin: NDArray[np.intp]
    sample: NDArray[np.intp]
    synapse: tuple[NDArray[np.intp], NDArray[np.intp]]
    step: NDArray[np.intp]

    @property
    def arrival(self) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
        return self.sample, self.step, self.synapse[1]

    @property
    def one_later(self) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
        return self.sample, self.step + 1, self.synapse[1]


def _arrivals(
    projection: Projection, sample: NDArray, pre: NDArray, n: int, n_steps: int
) -> _Arrivals:
    """Compute the arrivals of the spikes of step n; arrivals after the last step are left out."""
    step = n + HOP_LATENCY + projection.delay[pre].astype(np.intp)
    bin, post = np.nonzero(step < n_steps)
    return _Arrivals(bin, sample[bin], (pre[bin], post), step[bin, post])


class _Forward:
    """State of the forward pass: arrays [samples, steps, neurons], filled step by step."""

    def __init__(self, network: Network, spikes: Raster) -> None:
        self.n_steps, self.constants = spikes.n_steps, _constants(network)
        shapes = {p.name: (spikes.n_samples, spikes.n_steps, p.size) for p in network.populations}
        self.arriving = {name: np.zeros(shape) for name, shape in shapes.items()}
        self.u = {name: np.zeros(shape) for name, shape in shapes.items()}
        self.v = {name: np.zeros(shape) for name, shape in shapes.items()}
        self.q = {p.name: np.zeros(shapes[p.name]) for p in network.populations if p.kind == LIF}
        self.emitted = {name: np.zeros(shapes[name], np.int64) for name in self.q}
        self.crossings = {name: np.zeros(shapes[name], np.int64) for name in self.q}
        self.emitted[INPUT] = spikes.dense_counts().astype(np.int64)

    def advance(self, population: Population, n: int) -> None:
        """Compute u, v and the spikes of a population in step n."""
        name = population.name
        c, u, v = self.constants[name], self.u[name], self.v[name]
        u[:, n] = c.b * self.arriving[name][:, n] + (c.beta * u[:, n - 1] if n else 0)
        v[:, n] = u[:, n] + c.gain * c.bias + (c.alpha * v[:, n - 1] if n else 0)
        if population.kind == LIF:
            emitted, q = self.emitted[name], self.q[name]
            before = np.zeros_like(v[:, n])
            if n:
                v[:, n] += c.late * emitted[:, n - 1]
                before = v[:, n - 1] - np.where(c.late, c.fall, 0) * emitted[:, n - 1]
            emitted[:, n] = _above(v[:, n], c, c.most)
            left_over = _above(before, c, emitted[:, n])
            self.crossings[name][:, n] = emitted[:, n] - left_over
            drive = np.maximum(u[:, n] / c.b, u[:, n] / c.gain)
            first_crossing = drive + c.bias - (v[:, n] - left_over * c.drop)
            q[:, n] = np.where(self.crossings[name][:, n], first_crossing, np.inf)
            reset = np.where(c.drop, v[:, n] - emitted[:, n] * np.maximum(c.drop, 0), 0)
            v[:, n] = np.where(emitted[:, n], reset, v[:, n])

    def send(self, projection: Projection, n: int) -> None:
        """Add the spikes of step n to the input of the target at their steps of arrival."""
        sample, pre = np.nonzero(self.emitted[projection.source][:, n])
        arrivals = _arrivals(projection, sample, pre, n, self.n_steps)
        count = self.emitted[projection.source][sample, n, pre][arrivals.bin]
        weight = count * projection.weight[arrivals.synapse]
        np.add.at(self.arriving[projection.target], arrivals.arrival, weight)

    def trace(self) -> Trace:
        spikes = {name: Raster.from_dense(self.emitted[name]) for name in self.q}
        filled = {name: self.emitted[name] > 0 for name in self.q}
        q = {name: self.q[name][filled[name]] for name in self.q}
        crossings = {name: self.crossings[name][filled[name]] for name in self.q}
        return Trace(spikes, self.u, self.v, q, crossings)


def _above(v: Array, c: _Constants, most: NDArray[np.int64] | int) -> NDArray[np.int64]:
    """How often a membrane is above θ if c is subtracted each time, up to `most` times."""
    times = np.zeros(v.shape, np.int64)
    while (again := (times < most) & (v - times * np.maximum(c.drop, 0) > c.theta)).any():
        times += again
    return times


class _Backward:
    """State of the backward pass: μ_v and μ_u of each population, [samples, steps + 1, neurons].

    Both are 0 after the last step.
    """

    def __init__(
        self,
        network: Network,
        spikes: Raster,
        trace: Trace,
        d_membrane: Mapping[str, Array],
        d_spike_time: Mapping[str, Array],
        push: Mapping[str, Array],
    ) -> None:
        shapes = {name: v.shape for name, v in trace.membrane.items()}
        output = {p.name: shapes[p.name] for p in network.populations if p.kind == LI}
        _check_shapes("d_membrane", d_membrane, output)
        _check_shapes("d_spike_time", d_spike_time, {name: q.shape for name, q in trace.q.items()})
        _check_shapes("push", push, {name: shapes[name][2:] for name in trace.q})
        self.network, self.n_steps, self.trace = network, spikes.n_steps, trace
        self.d_membrane, self.push = d_membrane, push
        self.constants = _constants(network)
        self.rasters = {INPUT: spikes, **trace.spikes}
        self.sample = {name: raster.sample_index() for name, raster in self.rasters.items()}
        self.count = {name: raster.bin_counts() for name, raster in self.rasters.items()}
        self.spike_time = {name: np.zeros(raster.n_filled) for name, raster in self.rasters.items()}
        for name, direct in d_spike_time.items():
            self.spike_time[name] += direct
        self.mu_v = {name: np.zeros((s, t + 1, size)) for name, (s, t, size) in shapes.items()}
        self.mu_u = {name: np.zeros_like(mu) for name, mu in self.mu_v.items()}
        self.d_weight = [np.zeros(p.shape) for p in network.projections]
        self.d_delay = [np.zeros(p.shape) for p in network.projections]

    def spikes_of(self, name: str, n: int) -> tuple[NDArray, NDArray, NDArray]:
        """Index in the raster, sample and neuron of each filled bin of step n."""
        place = np.flatnonzero(self.rasters[name].step == n)
        return place, self.sample[name][place], self.rasters[name].neuron[place]

    def read_arrivals(self, index: int, n: int) -> None:
        """Add the gradients of weights, delays and spike times at arrivals of spikes from step n.

        Args:
            index: index of the projection.
            n: the step.
        """
        projection = self.network.projections[index]
        source, target, c = projection.source, projection.target, self.constants[projection.target]
        place, sample, pre = self.spikes_of(source, n)
        at = _arrivals(projection, sample, pre, n, self.n_steps)
        post = at.synapse[1]
        weight = projection.weight[at.synapse]
        count = self.count[source][place[at.bin]]
        mu_v, mu_u = self.mu_v[target][at.arrival], self.mu_u[target][at.arrival]
        one_later = self.mu_u[target][at.one_later]
        d_arrival = weight * (c.b[post] * mu_u / c.tau_s[post] - mu_v / c.tau_m[post])
        np.add.at(self.d_weight[index], at.synapse, count * c.b[post] * mu_u)
        np.add.at(self.d_delay[index], at.synapse, count * weight * c.b[post] * (one_later - mu_u))
        np.add.at(self.spike_time[source], place[at.bin], d_arrival)

    def retreat(self, population: Population, n: int) -> None:
        """Compute μ_v and μ_u of a population in step n."""
        name = population.name
        c, mu_v, mu_u = self.constants[name], self.mu_v[name], self.mu_u[name]
        mu_v[:, n] = c.alpha * mu_v[:, n + 1]
        if name in self.d_membrane:
            mu_v[:, n] += self.d_membrane[name][:, n]
        if population.kind == LIF:
            self.jump(name, n)
        mu_u[:, n] = mu_v[:, n] + c.beta * mu_u[:, n + 1]

    def jump(self, name: str, n: int) -> None:
        """Let μ_v jump at the spikes of a population in step n."""
        place, sample, neuron = self.spikes_of(name, n)
        c, mu, at = self.constants[name], self.mu_v[name], (sample, n, neuron)
        q, crossings = self.trace.q[name][place], self.trace.crossings[name][place]
        count, d_time = self.count[name][place], self.spike_time[name][place]
        pull = mu[at] * c.fall[neuron] - c.tau_m[neuron] * d_time
        mu[at] += crossings / q * pull
        if name in self.push:
            mu[at] += count * self.push[name][neuron]

    def gradients(self) -> Gradients:
        mu_v = {name: mu[:, :-1] for name, mu in self.mu_v.items()}
        mu_u = {name: mu[:, :-1] for name, mu in self.mu_u.items()}
        bias = {name: c.gain * mu_v[name].sum(axis=(0, 1)) for name, c in self.constants.items()}
        return Gradients(self.d_weight, self.d_delay, bias, self.spike_time, mu_v, mu_u)


def _check_shapes(
    subject: str, arrays: Mapping[str, Array], expected: Mapping[str, tuple[int, ...]]
) -> None:
    """Raise `DataError` for an array with an unknown name or a wrong shape."""
    for name, array in arrays.items():
        if name not in expected:
            raise DataError(
                f"{subject}: unknown name '{name}'",
                code="gradient-unexpected",
                fix=f"use {' or '.join(expected)}" if expected else "leave it out",
            )
        if np.shape(array) != expected[name]:
            raise DataError(
                f"{subject} of '{name}' has the shape {np.shape(array)}, but must have "
                f"{expected[name]}",
                code="gradient-shape",
                fix="use the trace of the same network and input",
            )
