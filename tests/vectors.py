"""Write the conformance vectors of `loihi2`, `loihi2-resets` and `loihi2-counts`, `docs/vectors`.

    python -m tests.vectors

Each vector is a small network with its input and every spike, u and v, in the format of `nmtool
export -o net.json`. Together, the vectors reach every branch and limit of a step; docs/standard.md
lists the purpose of each. The bytes are reproducible: `tests/test_vectors.py` compares them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmtool.arithmetic import LOIHI2, SILENT_THRESHOLD, STATE_LIMIT
from nmtool.exporters.json import file
from nmtool.hardware_sim.simulator import simulate
from nmtool.known_answers import KnownAnswers
from nmtool.network.graph import INPUT, LATE, LI, LIF, SUBTRACT, InputChannels
from nmtool.network.integer_network import (
    EXCITATORY,
    INHIBITORY,
    MIXED,
    IntegerNetwork,
    IntegerPopulation,
    IntegerProjection,
)
from nmtool.network.readout import Readout
from nmtool.raster import Raster

FOLDER = Path(__file__).parents[1] / "docs/vectors"

M = STATE_LIMIT
_DIGIT = 128
_MAX_DIGIT = 255

Vector = tuple[IntegerNetwork, Raster]
Steps = Sequence[Iterable[int] | Mapping[int, int]]
"""Channels that spike, by step; or their numbers of spikes by channel."""


def li(name: str, size: int, du: int, dv: int, **bias: ArrayLike) -> IntegerPopulation:
    return IntegerPopulation(name, size, LI, du, dv, SILENT_THRESHOLD, 1.0, **bias)


def lif(name: str, size: int, du: int, dv: int, vth: int, **options: Any) -> IntegerPopulation:
    return IntegerPopulation(name, size, LIF, du, dv, vth, 1.0, **options)


def synapses(
    source: str, target: str, weight: ArrayLike, delay: ArrayLike = 0, **options: int
) -> IntegerProjection:
    """A projection; a single delay applies to all synapses."""
    weight = np.asarray(weight)
    return IntegerProjection(
        source, target, weight, np.broadcast_to(delay, weight.shape), **options
    )


def vector(
    populations: Sequence[IntegerPopulation],
    projections: Sequence[IntegerProjection],
    samples: Sequence[Steps],
    readout: Readout | None = None,
    n_channels: int | None = None,
    most_spikes: int = 1,
) -> Vector:
    """A network and its input; by default, the readout is the mean of the last population."""
    if n_channels is None:
        n_channels = next(p.shape[0] for p in projections if p.source == INPUT)
    last = populations[-1]
    readout = readout or Readout(last.name, "mean" if last.kind == LI else "first_spike")
    dense = np.zeros((len(samples), len(samples[0]), n_channels), np.uint8)
    for sample, steps in enumerate(samples):
        for step, channels in enumerate(steps):
            counts = channels if isinstance(channels, Mapping) else dict.fromkeys(channels, 1)
            dense[sample, step, [*counts]] = [*counts.values()]
    channels = InputChannels(n_channels, most_spikes=most_spikes)
    network = IntegerNetwork(channels, populations, projections, readout, 1.0, dense.shape[1])
    return network, Raster.from_dense(dense)


def drive(
    arrivals: Mapping[str, Mapping[int, Sequence[int]]], n_steps: int
) -> tuple[list[IntegerProjection], Steps]:
    """Projections and input that add given sums of weights to the neurons of populations.

    Each sum is split into 128 · high + low. Four parallel projections carry the two parts, one
    projection per sign. Every channel spikes at one step only.

    Args:
        arrivals: sum of weights for each neuron, by population and by step from 1 on; the steps
            are the same for all populations.
        n_steps: steps of the input.

    Returns:
        The projections, and the channels that spike by step.
    """
    steps: list[list[int]] = [[] for _ in range(n_steps)]
    ones: list[NDArray] = []
    tops: list[NDArray] = []
    for step in next(iter(arrivals.values())):
        sums = np.concatenate([by_step[step] for by_step in arrivals.values()])
        high, low = np.divmod(abs(sums), _DIGIT)
        while high.any() or low.any():
            digit = np.minimum(high, _MAX_DIGIT)
            steps[step - 1].append(len(ones))
            ones.append(np.sign(sums) * low)
            tops.append(np.sign(sums) * digit)
            high, low = high - digit, np.zeros_like(low)
    projections, first = [], 0
    for target, by_step in arrivals.items():
        columns = slice(first, first + len(next(iter(by_step.values()))))
        first = columns.stop
        for rows, exponent in ((ones, 0), (tops, 7)):
            weight = np.array(rows)[:, columns]
            projections += [
                synapses(INPUT, target, part, weight_exponent=exponent)
                for part in (np.maximum(weight, 0), np.minimum(weight, 0))
            ]
    return projections, steps


# Vectors on the state of a neuron


def fresh_state() -> Vector:
    """Two samples: the first must not affect the second."""
    populations = [lif("hidden", 2, 1000, 500, 90), li("out", 2, 2000, 100)]
    projections = [
        synapses(INPUT, "hidden", [[60, -20], [40, 100], [0, 70]], [[0, 1], [2, 0], [0, 3]]),
        synapses("hidden", "out", [[50, -30], [-20, 40]], [[0, 1], [1, 0]]),
    ]
    first = [[0], [0, 1], [], [1, 2], [0], [2], [0, 1], [], [], [0, 1, 2]]
    second = [[], [], [], [2], [], [], [0], [], [], []]
    return vector(populations, projections, [first, second])


def one_step() -> Vector:
    """A sample of one step without input: v is the bias, which may cause a spike."""
    populations = [
        lif("hidden", 3, 1000, 500, 2, bias_mantissa=[128, 129, -500]),
        li("out", 1, 100, 100, bias_mantissa=[-1], bias_exponent=3),
    ]
    projections = [synapses(INPUT, "hidden", [[9, 9, 9]]), synapses("hidden", "out", [[9]] * 3)]
    return vector(populations, projections, [[[]]])


def u_decay() -> Vector:
    """Currents of both signs, which decay with du from 0 to 4095."""
    names = {"d0": 0, "d1": 1, "d700": 700, "d2047": 2047, "d4094": 4094, "d4095": 4095}
    weight = [[1, 3, 101, 255, 0, 0, 0, 0], [0, 0, 0, 0, -1, -3, -101, -255]]
    populations = [li(name, 8, du, 4095) for name, du in names.items()]
    projections = []
    for name in names:
        projections.append(synapses(INPUT, name, [weight[0], [0] * 8]))
        projections.append(synapses(INPUT, name, [[0] * 8, weight[1]]))
    return vector(populations, projections, [[[0, 1], [], [], [0], *[[]] * 6, [1], *[[]] * 5]])


def v_decay() -> Vector:
    """Membranes of both signs, which decay with dv from 0 to 4095."""
    names = {"d0": 0, "d1": 1, "d700": 700, "d2048": 2048, "d4094": 4094, "d4095": 4095}
    weight = [1, 3, 101, 255]
    populations = [li(name, 8, 3000, dv) for name, dv in names.items()]
    projections = []
    for name in names:
        projections.append(synapses(INPUT, name, [weight + [0] * 4, [0] * 8]))
        projections.append(synapses(INPUT, name, [[0] * 8, [0] * 4 + [-w for w in weight]]))
    return vector(populations, projections, [[[0, 1], *[[]] * 7, [1], *[[]] * 7]])


def _u_ends(ends: Sequence[int]) -> Vector:
    """u reaches each of `ends`, with either sign, and decays from there.

    With du = 4094 a step divides u by 4096, so that the input of step 1 sets the lowest six bits.
    """
    ends = [sign * end for sign in (1, -1) for end in ends]
    arrivals = {1: [64 * (end % 64) for end in ends], 2: [end // 64 for end in ends]}
    projections, steps = drive({"keep": arrivals, "pass": arrivals}, 5)
    populations = [li("keep", len(ends), 4094, 4095), li("pass", len(ends), 4094, 0)]
    return vector(populations, projections, [steps])


def u_limits() -> Vector:
    """u reaches ±2^23, and values below and above."""
    return _u_ends([M - 65, M - 1, M, M + 1, M + 64])


def u_twice() -> Vector:
    """u becomes so large that wrapping once does not bring it into 24 bits."""
    return _u_ends([2 * M - 1, 2 * M, 3 * M, 3 * M + 1])


def u_word() -> Vector:
    """The unwrapped sum of u exceeds ±2^31 after some steps; u wraps once in each step."""
    weight = [[_MAX_DIGIT]] * 96
    populations = [li("up", 1, 0, 4095), li("down", 1, 0, 4095)]
    projections = [
        synapses(INPUT, "up", weight, weight_exponent=7),
        synapses(INPUT, "down", -np.array(weight), weight_exponent=7),
    ]
    return vector(populations, projections, [[range(96)] * 13 + [[]] * 3])


def a_sum() -> Vector:
    """The sum of one step exceeds 2^25, and becomes negative if wrapped to 26 bits."""
    weight = np.array([[254, -254]] * 132)
    projections = [synapses(INPUT, "out", weight, weight_exponent=7) for _ in range(8)]
    steps = [range(132), [], range(66), []]
    return vector([li("out", 2, 4095, 4095)], projections, [steps])


def _reaching(ends: Sequence[int], steps: int) -> tuple[list[int], list[list[int]]]:
    """Biases and arrivals for which v without decay equals `ends` after some steps."""
    inverse = pow(steps, -1, 64)
    bias = [end * inverse % 64 for end in ends]
    total = [(end - b * steps) // 64 for end, b in zip(ends, bias, strict=True)]
    half = [t // 2 for t in total]
    return bias, [half, [t - h for t, h in zip(total, half, strict=True)]]


def v_limits() -> Vector:
    """v reaches ±(2^23 − 1), and values below and above; it is clipped above."""
    ends = [sign * (M + by) for sign in (1, -1) for by in (-66, -3, -2, -1, 0, 1, 2, 100000)]
    bias, (first, second) = _reaching(ends, 3)
    back = [-1000 if end > 0 else 1000 for end in ends]
    arrivals = {1: first, 2: second, 5: back}
    projections, steps = drive({"lif": arrivals, "li": arrivals}, 8)
    populations = [
        lif("lif", len(ends), 4095, 0, 131071, bias_mantissa=bias),
        li("li", len(ends), 4095, 0, bias_mantissa=bias),
    ]
    return vector(populations, projections, [steps])


def thresholds() -> Vector:
    """v is below, at and above each threshold; a neuron spikes only above it."""
    populations, arrivals = [], {}
    for vth in (0, 1, 90, 131070, 131071):
        ends = [64 * vth + by for by in (-64, -2, -1, 0, 1, 2, 63)]
        bias, (first, second) = _reaching(ends, 3)
        populations.append(lif(f"vth{vth}", len(ends), 4095, 0, vth, bias_mantissa=bias))
        arrivals[f"vth{vth}"] = {1: first, 2: second}
    populations.append(lif("biased", 4, 4095, 0, 0, bias_mantissa=[-1, 0, 1, 2]))
    projections, steps = drive(arrivals, 6)
    return vector(populations, projections, [steps])


def biases() -> Vector:
    """Biases of both signs and all exponents, in spiking and non-spiking populations."""
    mantissa = [-4096, -4095, -1, 0, 1, 4095]
    populations: list[IntegerPopulation] = []
    for exponent in range(8):
        options = {"bias_mantissa": mantissa, "bias_exponent": exponent}
        if exponent % 2:
            populations.append(lif(f"e{exponent}", 6, 100, 700, 100 << exponent, **options))
        else:
            populations.append(li(f"e{exponent}", 6, 100, 700, **options))
    projections = [synapses(INPUT, p.name, [[10, -20, 30, -40, 50, -60]]) for p in populations]
    readout = Readout("e6", "max")
    return vector(populations, projections, [[[], [0], *[[]] * 5, [0], [], []]], readout)


# Vectors on synapses


def weights() -> Vector:
    """Every number of bits with every exponent, in matrices of mixed signs and of one sign.

    Every weight arrives alone, in a separate step. Currents and membranes have no memory.
    """
    all_signs = (MIXED, EXCITATORY, INHIBITORY)
    populations = [li(signs, 4, 4095, 4095) for signs in all_signs]
    projections = []
    for bits in LOIHI2.weight_bits:
        for exponent in LOIHI2.weight_exponents(bits):
            delay, turn = divmod(len(projections), len(all_signs))
            signs = all_signs[turn]
            step = LOIHI2.weight_step(bits, signs == MIXED)
            top = 255 // step
            row = np.array([1, top, (top + 1) // 2, min(3, top)]) * step
            row *= {MIXED: [1, -1, -1, 1], EXCITATORY: [1] * 4, INHIBITORY: [-1] * 4}[signs]
            options = {"weight_bits": bits, "weight_exponent": exponent}
            projections.append(synapses(INPUT, signs, [row], delay, **options))
    return vector(populations, projections, [[[0], *[[]] * 29]])


def delays() -> Vector:
    """All delays from one source, several per target, and arrivals after the last step."""
    columns = 31
    delay = [list(range(columns)), [61 - column for column in range(columns)]]
    weight = [
        [column + 1 for column in range(columns)],
        [255 - column for column in range(columns)],
    ]
    populations = [lif("wide", columns, 4095, 0, 150), li("out", 2, 4095, 4095)]
    projections = [
        synapses(INPUT, "wide", weight, delay),
        synapses(
            "wide", "out", [[n + 1, 255 - n] for n in range(columns)],
            [[n % 5, 61 - 2 * n] if n < 31 else [0, 0] for n in range(columns)],
        ),
    ]  # fmt: skip
    steps: list[list[int]] = [[] for _ in range(71)]
    for step, channels in ((0, [0]), (1, [1]), (7, [0, 1]), (8, [1]), (69, [0]), (70, [0, 1])):
        steps[step] = channels
    return vector(populations, projections, [steps])


def parallel() -> Vector:
    """Projections between the same populations, with different bits, signs, exponents, delays."""
    populations = [lif("a", 2, 800, 300, 400), li("out", 2, 300, 50)]
    projections = [
        synapses(INPUT, "a", [[64, -64], [128, 0]], [[0, 3], [1, 0]], weight_bits=3,
                 weight_exponent=-5),
        synapses(INPUT, "a", [[200, 17], [3, 255]], [[0, 0], [2, 2]], weight_exponent=1),
        synapses(INPUT, "a", [[-16, -240], [-32, 0]], [[4, 0], [0, 1]], weight_bits=4,
                 weight_exponent=-1),
        synapses(INPUT, "a", [[200, 17], [3, 255]], [[0, 0], [2, 2]], weight_exponent=1),
        synapses("a", "out", [[100, -2], [2, 50]], [[0, 1], [0, 0]]),
        synapses("a", "out", [[100, -2], [2, 50]], [[0, 1], [0, 0]], weight_exponent=3),
        synapses("a", "out", [[0, 0], [0, 0]], [[5, 5], [5, 5]]),
    ]  # fmt: skip
    steps = [[0], [0, 1], [1], [], [0, 1], [0, 1], [0, 1], [], [], [1], [0], [], [], [0, 1]]
    return vector(populations, projections, [steps])


def unused() -> Vector:
    """Channels without spikes or weights, a silent population, and an unconnected one."""
    populations = [
        lif("busy", 2, 4095, 4095, 10), lif("deaf", 1, 100, 100, 5, bias_mantissa=[9]),
        lif("silent", 1, 100, 100, 131071), lif("alone", 1, 50, 0, 0, bias_mantissa=[-7]),
        li("out", 2, 100, 100),
    ]  # fmt: skip
    projections = [
        synapses(INPUT, "busy", [[0, 0], [50, 0], [0, 0], [0, 60], [90, 90]]),
        synapses(INPUT, "silent", [[1], [1], [1], [1], [1]]),
        synapses("silent", "out", [[255, 255]]),
        synapses("busy", "out", [[20, -20], [-40, 40]]),
        synapses("deaf", "out", [[0, 6]], 1),
    ]
    steps = [[1], [0, 1, 2, 3], [], [0], [2], [3], [1], [0, 1, 2, 3], [], [1, 3]]
    return vector(populations, projections, [steps, [[]] * 10])


# Vectors on graphs


def chain() -> Vector:
    """A chain of four populations, listed from its end; each spikes a step after the previous."""
    populations = [li("out", 1, 4095, 0), *(lif(n, 1, 4095, 4095, 10) for n in ("c", "b", "a"))]
    hops = [("b", "c"), ("a", "b"), ("c", "out"), (INPUT, "a")]
    projections = [synapses(source, target, [[100]]) for source, target in hops]
    steps = [[0], [], [], [], [0], [0], [], [0]]
    return vector(populations, projections, [steps], Readout("out", "max"), n_channels=1)


def chain_in_order() -> Vector:
    """The same chain, with populations and projections listed from its beginning."""
    populations = [*(lif(n, 1, 4095, 4095, 10) for n in ("a", "b", "c")), li("out", 1, 4095, 0)]
    hops = [(INPUT, "a"), ("a", "b"), ("b", "c"), ("c", "out")]
    projections = [synapses(source, target, [[100]]) for source, target in hops]
    steps = [[0], [], [], [], [0], [0], [], [0]]
    return vector(populations, projections, [steps], Readout("out", "max"))


def loops() -> Vector:
    """Neurons that excite or inhibit themselves and each other, with and without delays."""
    populations = [lif("x", 3, 2000, 1000, 100), lif("y", 2, 4095, 200, 60), li("out", 2, 500, 80)]
    projections = [
        synapses(INPUT, "x", [[150, 0, 90], [0, 130, 0]]),
        synapses("x", "x", [[120, -60, 0], [0, 110, 30], [-90, 0, -20]],
                 [[0, 4, 1], [2, 3, 0], [0, 0, 61]]),
        synapses("x", "y", [[90, 0], [0, 100], [40, 40]], [[0, 2], [1, 0], [3, 3]]),
        synapses("y", "x", [[-30, 0, 80], [60, 0, -10]], [[1, 0, 0], [0, 1, 5]]),
        synapses("y", "y", [[70, 20], [-10, 90]], [[1, 0], [0, 6]]),
        synapses("y", "out", [[30, -8], [-12, 50]]),
    ]  # fmt: skip
    steps: list[list[int]] = [[] for _ in range(40)]
    steps[0], steps[3], steps[20] = [0, 1], [1], [0]
    return vector(populations, projections, [steps])


# Vectors on readouts


def _read_out(rule: str, window: int | None = None) -> Vector:
    """Samples whose classes depend on the rule, with ties, without spikes or below 0."""
    bias = [-6, -4, -4, -5]
    if rule == "first_spike":
        out = lif("out", 4, 4095, 400, 80, bias_mantissa=bias)
    else:
        out = li("out", 4, 4095, 400, bias_mantissa=bias)
    weight = np.array(
        [[200, 0, 0, 0], [0, 40, 0, 0], [0, 0, 90, 0], [60, 60, 60, 60], [-170, -9, -60, 0]]
    )
    projections = [
        synapses(INPUT, "out", np.maximum(weight, 0)),
        synapses(INPUT, "out", np.minimum(weight, 0)),
    ]
    samples: list[Steps] = [
        [[0], [4], [1], [1], [1], [1], [1], [1], [], [2], [2], []],
        [[0], [], [], [], [], [2, 4], [2], [2], [2], [], [], []],
        [[], [2], [2], [2], [2], [2], [], [0], [0], [], [], []],
        [[3], [3], [3], [3], [3], [], [], [], [], [], [], []],
        [[4]] * 12,
        [[]] * 12,
    ]
    return vector([out], projections, samples, Readout("out", rule, window))


def mixed(seed: int) -> Vector:
    """Three recurrent populations with random constants from their whole ranges."""
    # Of the methods of Python's `random.Random`, only `random()` is guaranteed to give the same
    # numbers in all versions of Python.
    source = random.Random(seed)

    def below(n: int) -> int:
        return int(source.random() * n)

    def pick(*values: int) -> int:
        return values[below(len(values))]

    def grid(shape: tuple[int, int], draw: Callable[[], int]) -> NDArray[np.int64]:
        return np.array([[draw() for _ in range(shape[1])] for _ in range(shape[0])])

    sizes = {INPUT: 5, "a": 4, "b": 3, "out": 3}

    def population(name: str, kind: str) -> IntegerPopulation:
        du, dv = pick(0, 400, below(4096), 4095), pick(0, 200, below(4096), 4095)
        vth = pick(0, 50, 400, 3000, 20000) if kind == LIF else SILENT_THRESHOLD
        mantissa = [pick(0, 0, -4096, -5, 7, 4095) for _ in range(sizes[name])]
        return IntegerPopulation(name, sizes[name], kind, du, dv, vth, 1.0, pick(0, 3, 7), mantissa)

    def projection(pre: str, post: str) -> IntegerProjection:
        shape, bits = (sizes[pre], sizes[post]), 2 + below(7)
        signs = (MIXED, EXCITATORY, INHIBITORY)[below(3)]
        step = LOIHI2.weight_step(bits, signs == MIXED)
        top = 255 // step
        low, high = {MIXED: (-top, top), EXCITATORY: (0, top), INHIBITORY: (-top, 0)}[signs]
        weight = grid(shape, lambda: (low + below(high - low + 1)) * step)
        if signs == MIXED:
            weight.flat[:2] = step, -step
        exponent = max(bits - 8, pick(0, -6, -1, 1, 7))
        delay = grid(shape, lambda: pick(0, below(8), below(62)))
        return synapses(pre, post, weight, delay, weight_bits=bits, weight_exponent=exponent)

    edges = [(INPUT, "a"), ("a", "a"), ("a", "b"), ("b", "a"), ("b", "out"), (INPUT, "out")]
    populations = [population("a", LIF), population("b", LIF), population("out", LI)]
    projections = [projection(pre, post) for pre, post in edges]
    rate = (0.1, 0.3, 0.6)[seed % 3]
    steps = [[c for c in range(5) if source.random() < rate] for _ in range(70)]
    return vector(populations, projections, [steps])


# Vectors on resets


def resets(reset: str) -> Vector:
    """Constants at their limits; membranes at and just above each threshold, and far above.

    In the step after the first spikes, sums of both signs take y beyond the range of v.
    """
    populations, arrivals = [], {}
    for vth, reset_by, dv in (
        (0, 1, 0), (0, 131071, 0), (90, 90, 700), (131071, 1, 0), (131071, 131071, 700),
        (131071, 262142, 0),
    ):  # fmt: skip
        name, ends = f"vth{vth}_by{reset_by}", [64 * vth, *[64 * vth + 1] * 2, *[M + 9999] * 2]
        bias, (first, second) = _reaching(ends, 3)
        options = {"reset": reset, "reset_by": reset_by, "bias_mantissa": bias}
        populations.append(lif(name, len(ends), 4095, dv, vth, **options))
        # The positive sums of a neuron add up to less than 2^18, which the Verilog core supports.
        most = M // 64 - 200
        more = {3: [0, 0, 1 - M // 64, 0, most], 6: [*[most] * 4, 0]}
        arrivals[name] = {1: first, 2: second, **more}
    projections, steps = drive(arrivals, 10)
    return vector(populations, projections, [steps])


def late_word() -> Vector:
    """A late reset takes y below −2^31, where it wraps; u has grown to 2^31 and wrapped before."""
    weight = np.array([[_MAX_DIGIT]] * 96 + [[199]])
    options = {"reset": LATE, "reset_by": 262142, "bias_mantissa": -4096, "bias_exponent": 7}
    populations = [lif("out", 1, 0, 4095, 131071, **options)]
    steps = [range(96)] * 11 + [[*range(61), 96], [], []]
    return vector(populations, [synapses(INPUT, "out", weight, weight_exponent=7)], [steps])


def mixed_resets() -> Vector:
    """Two samples of a network with all resets; the first ends in spikes that reset late."""
    network, spikes = mixed(181)
    a, b, out = network.populations
    populations = [
        replace(a, reset=LATE, reset_by=3000), replace(b, reset=SUBTRACT, reset_by=30), out,
    ]  # fmt: skip
    n_steps = 20
    dense = spikes.dense()[:, : 2 * n_steps].reshape(2, n_steps, -1)
    network = replace(network, populations=populations, n_steps=n_steps)
    return network, Raster.from_dense(dense)


# Vectors on counts


def counted_input() -> Vector:
    """Channels with 1 to 255 spikes in a step, weights of both signs, and several delays."""
    weight = [[2, -2, 254, 0], [4, 0, 0, -254], [0, 100, 6, -2]]
    delay = [[0, 1, 0, 2], [3, 0, 0, 1], [0, 0, 2, 0]]
    projections = [
        synapses(INPUT, "lif", weight, delay),
        synapses(INPUT, "li", weight, 1, weight_exponent=3),
    ]
    steps: Steps = [
        {0: 1}, {0: 2, 1: 3}, {0: 254}, {0: 255, 1: 255, 2: 255}, {2: 1}, {}, {1: 128, 2: 9}, {},
        {2: 255}, {}, {},
    ]  # fmt: skip
    populations = [lif("lif", 4, 1000, 500, 400), li("li", 4, 4000, 200)]
    return vector(populations, projections, [steps, [{}, {1: 1}] * 5 + [{}]], most_spikes=255)


def counted_sum() -> Vector:
    """Counts take the sum of one step beyond 2^31, and before beyond 2^25."""
    weight = np.array([[254, -254]] * 33)
    projections = [synapses(INPUT, "out", weight, weight_exponent=7) for _ in range(8)]
    steps: Steps = [{}, {7: 255}, {}, dict.fromkeys(range(33), 255), {}, {0: 129, 1: 1}, {}]
    return vector([li("out", 2, 4095, 4095)], projections, [steps], most_spikes=255)


def counted_spikes() -> Vector:
    """Membranes at and just above the threshold, a drop above, and the most drops above; clips.

    With dv = 4095, a membrane has almost no memory. With dv = 0, neurons spike on in later steps.
    """
    populations, arrivals = [], {}
    for vth, reset_by, most, dv in (
        (0, 1, 255, 4095), (0, 131071, 255, 4095), (90, 7, 3, 4095), (131070, 1, 2, 4095),
        (131071, 262142, 255, 4095), (90, 300, 254, 0),
    ):  # fmt: skip
        name, theta, drop = f"vth{vth}_by{reset_by}", 64 * vth, 64 * reset_by
        levels = [theta + n * drop for n in (0, 1, most)]
        ends = [*(min(level + by, M) for level in levels for by in (0, 1)), M]
        # Biases below 0 make no neuron spike in step 0.
        bias = [-(-end % 64) for end in ends]
        options = {"reset": SUBTRACT, "reset_by": reset_by, "most_spikes": most}
        populations.append(lif(name, len(ends), 4095, dv, vth, bias_mantissa=bias, **options))
        first = [(end - b) // 64 for end, b in zip(ends, bias, strict=True)]
        arrivals[name] = {1: first, 5: [-a for a in first]}
    projections, steps = drive(arrivals, 9)
    size = len(ends)
    weight = [[n + 1, -255 + n] for n in range(size)]
    for name, sign in ((p.name, sign) for p in populations[:4] for sign in (1, -1)):
        part = np.maximum(sign * np.array(weight), 0) * sign
        projections.append(synapses(name, "out", part, [[0, 1]] * size))
    return vector([*populations, li("out", 2, 2000, 500)], projections, [steps])


def mixed_counts() -> Vector:
    """Two samples of a recurrent network with counts of input and neurons, and with all resets."""
    network, spikes = mixed(181)
    a, b, out = network.populations
    populations = [
        replace(a, reset=SUBTRACT, reset_by=900, most_spikes=255),
        replace(b, reset=LATE, reset_by=30),
        replace(out, kind=LIF, vth=50, reset=SUBTRACT, reset_by=7, most_spikes=5),
    ]
    n_steps, most = 20, 9
    dense = spikes.dense()[:, : 2 * n_steps].reshape(2, n_steps, -1)
    sample, step, channel = np.indices(dense.shape)
    counts = dense * (1 + (3 * sample + 5 * step + 7 * channel) % most)
    network = replace(
        network,
        populations=populations,
        n_steps=n_steps,
        channels=replace(network.channels, most_spikes=most),
        readout=Readout("out", "first_spike"),
    )
    return network, Raster.from_dense(counts)


VECTORS: dict[str, Callable[[], Vector]] = {
    "fresh-state": fresh_state,
    "one-step": one_step,
    "u-decay": u_decay,
    "v-decay": v_decay,
    "u-limits": u_limits,
    "u-twice": u_twice,
    "u-word": u_word,
    "a-sum": a_sum,
    "v-limits": v_limits,
    "thresholds": thresholds,
    "biases": biases,
    "weights": weights,
    "delays": delays,
    "parallel": parallel,
    "unused": unused,
    "chain": chain,
    "chain-in-order": chain_in_order,
    "loops": loops,
    "readout-mean": lambda: _read_out("mean"),
    "readout-weighted": lambda: _read_out("weighted"),
    "readout-max": lambda: _read_out("max"),
    "readout-window": lambda: _read_out("window", 4),
    "readout-first-spike": lambda: _read_out("first_spike"),
    **{f"mixed-{seed}": lambda seed=seed: mixed(seed) for seed in (16, 41, 181, 309)},
    "reset-subtract": lambda: resets(SUBTRACT),
    "reset-late": lambda: resets(LATE),
    "reset-late-word": late_word,
    "reset-mixed": mixed_resets,
    "counts-input": counted_input,
    "counts-sum": counted_sum,
    "counts-spikes": counted_spikes,
    "counts-mixed": mixed_counts,
}
"""Vectors by file name without extension."""


def content(name: str) -> bytes:
    """The content of a vector's file."""
    network, spikes = VECTORS[name]()
    recording = simulate(network, spikes, deep=True)
    factors = network.decay_factors()
    answers = KnownAnswers(network.content_hash, spikes, recording, factors)
    return file.to_bytes(file.document_of(network, answers))


def main() -> None:
    """Write all vectors."""
    FOLDER.mkdir(exist_ok=True)
    for name in VECTORS:
        (FOLDER / f"{name}.json").write_bytes(content(name))


if __name__ == "__main__":
    main()
