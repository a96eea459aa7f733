"""Single faults of every kind in networks, inputs and programs, with the causes to find.

A fault of a stored number is another network. A fault of the arithmetic is a replaced line in the
text of a program: in `hardware_sim/step.py`, in the code that writes an ONNX graph, in an exported
C file, or in the model in a Lava folder, but never in the code that is tested.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nmtool.arithmetic import LOIHI2, SILENT_THRESHOLD, STATE_LIMIT, STATE_SHIFT
from nmtool.errors import NetworkError
from nmtool.exporters.c import file as content, runtime
from nmtool.hardware_sim import reference, step
from nmtool.hardware_sim.step import Step
from nmtool.network.graph import INPUT, LATE, LI, LIF, SUBTRACT, TO_ZERO, InputChannels
from nmtool.network.integer_network import IntegerNetwork, IntegerPopulation, IntegerProjection
from nmtool.network.readout import Readout
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.verification.explanation import Cause

STEPS = 60


@dataclass(frozen=True)
class Fault:
    """A single fault.

    Attributes:
        truth: attributes of the cause to find.
        network: network that runs.
        spikes: input of the network.
        rule: fault of the arithmetic, one of `RULES`; '' for none.
        lag: steps by which every spike arrives late.
    """

    truth: Mapping[str, Any]
    network: IntegerNetwork
    spikes: Raster
    rule: str = ""
    lag: int = 0

    @property
    def kind(self) -> str:
        """Code of the cause."""
        return self.truth["kind"]

    @property
    def name(self) -> str:
        """Kind and rule."""
        return f"{self.kind} {self.rule}".strip()

    def is_named_by(self, cause: Cause) -> bool:
        """True if a cause equals this fault in place and value."""
        truth = dict(self.truth)
        value, detail = truth.pop("actual", None), truth.pop("detail", "")
        low, high = cause.span or (cause.actual, cause.actual)
        right = all(getattr(cause, key) == entry for key, entry in truth.items())
        right &= cause.detail.startswith(detail)
        return right and (value is None or low <= value <= high)


_FLOOR_U = (
    "decayed = product >> DECAY_SHIFT if product >= 0 else -((-product) >> DECAY_SHIFT)\n    u ="
)
_FLOOR_V = _FLOOR_U.replace("    u =", "    v =")
_TRUNCATE = "product >> DECAY_SHIFT if product >= 0 else -((-product) >> DECAY_SHIFT)"
_ONNX_FLOOR = tuple(
    (
        f"$name.{state}_kept = Div($name.{state}_kept_product,",
        f"$name.{state}_rest = Mod($name.{state}_kept_product, $decay_one:int64)\n"
        f"$name.{state}_floor = Sub($name.{state}_kept_product, $name.{state}_rest)\n"
        f"$name.{state}_kept = Div($name.{state}_floor,",
    )
    for state in "uv"
)
_ONNX_TURN = "$name.u = Sub($name.u_low, $name.u_turn)"
_ONNX_SATURATED = "$membrane = Clip($name.v_low, $lowest_v:int32, $highest_v:int32)"
_ONNX_RESET = "$name.v = Where($name.spikes, 0:int32, $membrane)"
_FAULTY_LIF = """\
import numpy as np
from lava.proc.lif.models import PyLifModelBitAcc

from .step import neuron_step


class FaultyLif(PyLifModelBitAcc):
    def subthr_dynamics(self, activation_in):
        du, dv, vth = (int(np.ravel(one)[0]) for one in (self.du, self.dv, self.vth))
        bias = np.broadcast_to(self.effective_bias, self.u.shape)
        self.spiked = np.zeros(self.u.shape, bool)
        for i in range(len(self.u)):
            state = int(activation_in[i]), int(self.u[i]), int(self.v[i]), int(bias[i])
            done = neuron_step(*state, 4096 - (du + 1), 4096 - dv, vth)
            self.u[i], self.v[i], self.spiked[i] = done.u, done.v, done.spiked

    def spiking_activation(self):
        return self.spiked

    def reset_voltage(self, spike_vector):
        pass
"""


@dataclass(frozen=True)
class Rule:
    """A fault of the arithmetic: lines of the programs, and their replacements."""

    kind: str
    python: tuple[tuple[str, str], ...]
    c: tuple[tuple[str, str], ...]
    onnx: tuple[tuple[str, str], ...]
    truth: Mapping[str, Any] = field(default_factory=dict)


RULES = {
    "u rounds down": Rule(
        "floor",
        ((_FLOOR_U, "decayed = product >> DECAY_SHIFT\n    u ="),),
        (("decayed(*current, keep_u)", "(int32_t)((int64_t)*current * keep_u >> 12)"),),
        _ONNX_FLOOR[:1],
        {"detail": "u"},
    ),
    "v rounds down": Rule(
        "floor",
        ((_FLOOR_V, "decayed = product >> DECAY_SHIFT\n    v ="),),
        (("decayed(*membrane, keep_v)", "(int32_t)((int64_t)*membrane * keep_v >> 12)"),),
        _ONNX_FLOOR[1:],
        {"detail": "v"},
    ),
    "both round down": Rule(
        "floor",
        ((_TRUNCATE, "product >> DECAY_SHIFT"),),
        (("state * keep / DECAY_ONE", "state * keep >> 12"),),
        _ONNX_FLOOR,
        {"detail": "the decay of u and v"},
    ),
    "no +1": Rule(
        "decay-plus-one",
        (("product = u * keep_u", "product = u * (keep_u + 1)"),),
        (("decayed(*current, keep_u)", "decayed(*current, keep_u + 1)"),),
        (
            (
                "$name.u_kept_product = Mul($name.u_kept_64, $name.u_kept_of_$decay_one)",
                "$name.u_more = Add($name.u_kept_of_$decay_one, 1:int64)\n"
                "$name.u_kept_product = Mul($name.u_kept_64, $name.u_more)",
            ),
        ),
        {"detail": "keep u·(4096 − du), not u·(4096 − (du + 1))"},
    ),
    "+1 of v": Rule(
        "decay-plus-one",
        (("product = v * keep_v", "product = v * (keep_v - 1)"),),
        (("decayed(*membrane, keep_v)", "decayed(*membrane, keep_v - 1)"),),
        (
            (
                "$name.v_kept_product = Mul($name.v_kept_64, $name.v_kept_of_$decay_one)",
                "$name.v_fewer = Sub($name.v_kept_of_$decay_one, 1:int64)\n"
                "$name.v_kept_product = Mul($name.v_kept_64, $name.v_fewer)",
            ),
        ),
    ),
    "u stops": Rule(
        "u-overflow",
        (
            (
                "u += -2 * STATE_LIMIT if u > 0 else 2 * STATE_LIMIT",
                "u = STATE_LIMIT - 1 if u > 0 else 1 - STATE_LIMIT",
            ),
        ),
        (
            ("u -= 2 * STATE_LIMIT", "u = STATE_LIMIT - 1"),
            ("u += 2 * STATE_LIMIT", "u = 1 - STATE_LIMIT"),
        ),
        (
            (
                _ONNX_TURN,
                "$name.u_over = Max($name.u_side, 0:int32)\n"
                "$name.u = Sub($name.u_inside, $name.u_over)",
            ),
        ),
        {"detail": "stops at the limit"},
    ),
    "u goes on": Rule(
        "u-overflow",
        (("u += -2 * STATE_LIMIT if u > 0 else 2 * STATE_LIMIT", "pass"),),
        (("u -= 2 * STATE_LIMIT", ""), ("u += 2 * STATE_LIMIT", "")),
        ((_ONNX_TURN, "$name.u = Identity($name.u_low)"),),
        {"detail": "keeps growing"},
    ),
    "v wraps": Rule(
        "v-overflow",
        (
            (
                "v = STATE_LIMIT - 1 if v > 0 else 1 - STATE_LIMIT",
                "v = (v + STATE_LIMIT) % (2 * STATE_LIMIT) - STATE_LIMIT",
            ),
        ),
        (
            ("v = STATE_LIMIT - 1", "v -= 2 * STATE_LIMIT"),
            ("v = 1 - STATE_LIMIT", "v += v < -STATE_LIMIT ? 2 * STATE_LIMIT : 0"),
        ),
        (
            (
                _ONNX_SATURATED,
                "$name.v_up = Add($name.v_low, $limit:int32)\n"
                "$name.v_mod = Mod($name.v_up, $turn:int32)\n"
                "$membrane = Sub($name.v_mod, $limit:int32)",
            ),
        ),
        {"detail": "wraps around"},
    ),
    "v goes on": Rule(
        "v-overflow",
        (("v = STATE_LIMIT - 1 if v > 0 else 1 - STATE_LIMIT", "pass"),),
        (("v = STATE_LIMIT - 1", ""), ("v = 1 - STATE_LIMIT", "")),
        ((_ONNX_SATURATED, "$membrane = Identity($name.v_low)"),),
        {"detail": "keeps growing"},
    ),
    "≥": Rule(
        "at-threshold",
        (("spiked = v > (", "spiked = v >= ("),),
        (("v > threshold", "v >= threshold"),),
        (("Greater(", "GreaterOrEqual("),),
    ),
    "v is kept": Rule(
        "reset",
        (("0 if spiked else v, spiked", "v, spiked"),),
        (("v > threshold ? 0 : v", "v"),),
        ((_ONNX_RESET, "$name.v = Identity($membrane)"),),
        {"detail": "v is not reset"},
    ),
    "vth is subtracted": Rule(
        "reset",
        (("0 if spiked else v, spiked", "v - (vth << STATE_SHIFT) if spiked else v, spiked"),),
        (("v > threshold ? 0 : v", "v > threshold ? v - threshold : v"),),
        (
            (
                _ONNX_RESET,
                "$name.v_less = Sub($membrane, $name.threshold)\n"
                "$name.v = Where($name.spikes, $name.v_less, $membrane)",
            ),
        ),
        {"detail": "the threshold is subtracted from v"},
    ),
    "v before u": Rule(
        "update-order",
        (
            ("product = u * keep_u", "old = u\n    product = u * keep_u"),
            ("decayed + u + bias", "decayed + old + bias"),
        ),
        (("(uint32_t)u + (uint32_t)bias", "(uint32_t)*current + (uint32_t)bias"),),
        (("$name.u64 = Cast($name.u;", "$name.u64 = Cast($name.u[n-1];"),),
    ),
}
LEVEL = "≥"
"""A fault that only shows if a membrane equals its threshold."""

HOT = ("u stops", "u goes on", "v wraps", "v goes on")
"""Faults that only show if numbers overflow."""


def replaced(text: str, pairs: tuple[tuple[str, str], ...]) -> str:
    """The text after replacing lines, each of which must exist."""
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    return text


def run_reference(fault: Fault) -> Recording:
    """Run the readable simulator with a fault, recording u and v."""
    names = executed(faulty_step(fault.rule))
    wrong = np.frompyfunc(names["neuron_step"], 7, 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reference, "_step", lambda _: wrong)
        patch.setattr(reference, "HOP_LATENCY", reference.HOP_LATENCY + fault.lag)
        if fault.rule and RULES[fault.rule].kind == "reset":
            resets = np.frompyfunc(lambda *state: _reset_by_step(wrong(*state)), 7, 1)
            patch.setattr(reference, "_step", lambda _: resets)
            patch.setattr(reference, "v_after", lambda peak, spiked, drop: peak)
            patch.setattr(reference, "owed_after", lambda spiked, drop: 0)
        return reference.run_reference(fault.network, fault.spikes)


def _reset_by_step(after: Step) -> Step:
    """The outcome of a step whose v is final: callers, who reset `peak`, find v there."""
    return after._replace(peak=after.v)


def faulty_step(rule: str) -> str:
    """`hardware_sim/step.py` with a fault, one of `RULES`; '' for none."""
    pairs = RULES[rule].python if rule else ()
    return replaced(Path(step.__file__).read_text("utf-8"), pairs)


def executed(text: str) -> dict[str, Any]:
    """Run the text of a module, and return the names that it defines."""
    names: dict[str, Any] = {"__name__": "tests.faulty"}
    exec(compile(text, "faulty", "exec"), names)
    return names


def run_onnx(fault: Fault) -> Recording:
    """Run the ONNX graph in onnxruntime with a fault, recording u and v."""
    from nmtool.exporters.onnx import graph, runtime
    from nmtool.exporters.onnx.file import model_bytes

    pairs = RULES[fault.rule].onnx if fault.rule else ()
    step = replaced(graph.listing_text("step.txt"), pairs)
    with pytest.MonkeyPatch.context() as patch:
        right = graph.listing_text
        patch.setattr(graph, "listing_text", lambda n: step if n == "step.txt" else right(n))
        model = model_bytes(fault.network, None)
    return runtime.run(model, fault.network, fault.spikes, True, None)


def run_lava(fault: Fault) -> Recording:
    """Run the Lava folder with a fault, recording u and v."""
    from nmtool.exporters.lava.format import Lava

    with TemporaryDirectory() as scratch:
        folder = Lava.write(fault.network, Path(scratch) / "network").path
        if fault.rule:
            package = folder / "lava_network"
            about = "from nmtool.arithmetic import DECAY_SHIFT, STATE_LIMIT, STATE_SHIFT"
            names, values = about.rpartition("import ")[2], (12, STATE_LIMIT, STATE_SHIFT)
            numbers = f"{names} = {values}"
            text = replaced(faulty_step(fault.rule), ((about, numbers),))
            (package / "step.py").write_text(text, "utf-8")
            (package / "faulty.py").write_text(_FAULTY_LIF, "utf-8")
            models = package / "models.py"
            right, wrong = "class FastLIF(PyLifModelBitAcc)", "class FastLIF(FaultyLif)"
            place = "from .arrays import NetworkArrays\n"
            pairs = ((place, f"{place}from .faulty import FaultyLif\n"), (right, wrong))
            models.write_text(replaced(models.read_text("utf-8"), pairs), "utf-8")
        return Lava(folder).run(fault.spikes, deep=True, trust=True)


def run_c(fault: Fault, *, deep: bool = True) -> Recording:
    """Run the exported C program with a fault."""
    text = content.written(fault.network)[""].decode()
    pairs = RULES[fault.rule].c if fault.rule else ()
    return runtime.run(replaced(text, pairs).encode(), fault.network, fault.spikes, deep, None)


# Networks in which most of the stored numbers have an effect


def live_network(seed: int, *, recurrent: bool, hot: bool = False) -> IntegerNetwork:
    """A recurrent layer, or two layers, and an output that integrates.

    Args:
        seed: seed of all random numbers.
        recurrent: use one layer that projects to itself instead of two layers.
        hot: currents and membranes overflow often.
    """
    random = np.random.default_rng(seed)
    names = ["hidden"] if recurrent else ["first", "second"]
    sizes = {INPUT: 8, **dict.fromkeys(names, 9), "out": 3}
    edges = [*zip([INPUT, *names], [*names, "out"], strict=True)]
    edges += [(name, name) for name in names if recurrent]
    if seed % 2:
        edges.append((INPUT, "out"))

    def population(name: str) -> IntegerPopulation:
        spiking = name != "out"
        vth = int(random.integers(150, 400)) if spiking else SILENT_THRESHOLD
        return IntegerPopulation(
            name,
            sizes[name],
            LIF if spiking else LI,
            du=int(random.integers(300, 1500)),
            dv=int(random.integers(100, 900)),
            vth=vth << 7 if hot and spiking else vth,
            scale=1.0,
            bias_exponent=int(random.integers(0, 4)),
            bias_mantissa=random.integers(-100, 200, sizes[name]),
        )

    def projection(source: str, target: str) -> IntegerProjection:
        shape = sizes[source], sizes[target]
        bits = int(random.integers(4, 9))
        spacing = LOIHI2.weight_step(bits, mixed_signs=True)
        weight = random.integers(-120 // spacing, 200 // spacing + 1, shape) * spacing
        weight.flat[:2] = spacing, -spacing
        delay = random.integers(0, 13, shape)
        exponent = 7 if hot else int(random.integers(max(bits - 8, -1), 2))
        return IntegerProjection(source, target, weight, delay, bits, exponent)

    return IntegerNetwork(
        InputChannels(sizes[INPUT]),
        [population(name) for name in [*names, "out"]],
        [projection(*edge) for edge in edges],
        Readout("out", "mean"),
        dt_ms=1.0,
        n_steps=STEPS,
    )


def level_network(seed: int) -> IntegerNetwork:
    """A layer whose membranes grow in steps of 16, so that they reach their threshold exactly."""
    random = np.random.default_rng(seed)

    def projection(source: str, target: str, shape: tuple[int, int]) -> IntegerProjection:
        weight = random.integers(-1, 3, shape) * 32
        weight.flat[:2] = 32, -32
        return IntegerProjection(source, target, weight, random.integers(0, 9, shape), 4, -1)

    return IntegerNetwork(
        InputChannels(8),
        [
            IntegerPopulation("hidden", 9, LIF, 4094, 0, 96, 1.0),
            IntegerPopulation("out", 3, LI, 4094, 0, SILENT_THRESHOLD, 1.0),
        ],
        [
            projection(INPUT, "hidden", (8, 9)),
            projection("hidden", "hidden", (9, 9)),
            projection("hidden", "out", (9, 3)),
        ],
        Readout("out", "mean"),
        dt_ms=1.0,
        n_steps=STEPS,
    )


def live_input(seed: int, n_samples: int = 3, most_spikes: int = 1) -> Raster:
    """Spikes of every channel, up to `most_spikes` per bin."""
    random = np.random.default_rng(seed)
    spikes = random.random((n_samples, STEPS, 8)) < 0.12
    if most_spikes > 1:
        return Raster.from_dense(spikes * random.integers(1, most_spikes + 1, spikes.shape))
    return Raster.from_dense(spikes)


def counting(network: IntegerNetwork, most_spikes: int) -> IntegerNetwork:
    """The network with a low constant of resets, and with several spikes per step."""
    constants = {p.name: p.vth // 3 for p in network.populations}
    reset = with_reset(network, SUBTRACT, constants)
    populations = [
        replace(p, most_spikes=most_spikes) if p.kind == LIF else p for p in reset.populations
    ]
    channels = replace(network.channels, most_spikes=most_spikes)
    return replace(reset, populations=populations, channels=channels)


# Lists of faults


def stored_faults(network: IntegerNetwork, spikes: Raster, seed: int) -> Iterator[Fault]:
    """A random fault of one unit for each kind of number that a network stores."""
    random = np.random.default_rng(seed)
    index = int(random.integers(len(network.projections)))
    projection = network.projections[index]
    for _ in range(3):
        index = int(random.integers(len(network.projections)))
        projection = network.projections[index]
        yield from _synapse_faults(network, spikes, index, random)
    about = {"population": projection.target, "source": projection.source}
    for by in (1, -1):
        exponent = projection.weight_exponent + by
        try:
            changed = replace(projection, weight_exponent=exponent)
        except NetworkError:
            continue
        truth = {"kind": "weight_exponent", **about, "actual": exponent}
        yield Fault(truth, with_projection(network, index, changed), spikes)
    if projection.delay.max() < LOIHI2.max_delay:
        changed = replace(projection, delay=projection.delay + 1)
        truth = {"kind": "latency", **about, "actual": 1}
        yield Fault(truth, with_projection(network, index, changed), spikes)
    for population in network.populations:
        yield from _population_faults(network, spikes, population, random)


def _synapse_faults(
    network: IntegerNetwork, spikes: Raster, index: int, random: np.random.Generator
) -> Iterator[Fault]:
    projection = network.projections[index]
    pre, post = (int(random.integers(n)) for n in projection.shape)
    about = {"population": projection.target, "source": projection.source}
    about |= {"pre": pre, "neuron": post}
    spacing = LOIHI2.weight_step(projection.weight_bits, mixed_signs=True)
    weight = projection.weight.copy()
    weight[pre, post] += spacing * (1 if weight[pre, post] < 0 else -1)
    if weight[pre, post] in (0, projection.weight[pre, post]):
        weight[pre, post] = projection.weight[pre, post] + spacing
    changed = replace(projection, weight=weight)
    truth = {"kind": "weight", **about, "actual": int(weight[pre, post])}
    yield Fault(truth, with_projection(network, index, changed), spikes)
    delay = projection.delay.astype(np.int64)
    delay[pre, post] += 1 if delay[pre, post] == 0 or random.random() < 0.5 else -1
    changed = replace(projection, delay=delay)
    truth = {"kind": "delay", **about, "actual": int(delay[pre, post])}
    yield Fault(truth, with_projection(network, index, changed), spikes)


def _population_faults(
    network: IntegerNetwork,
    spikes: Raster,
    population: IntegerPopulation,
    random: np.random.Generator,
) -> Iterator[Fault]:
    name, by = population.name, int(random.choice([-1, 1]))
    changes: list[tuple[str, str]] = [("du", "du"), ("dv", "dv")]
    changes.append(("bias_exponent", "bias_exponent"))
    if population.kind == LIF:
        changes.append(("vth", "vth"))
    for kind, key in changes:
        value = getattr(population, key) + (1 if key == "bias_exponent" else by)
        truth = {"kind": kind, "population": name, "actual": value}
        changed = replace(population, **{key: value})
        yield Fault(truth, with_population(network, changed), spikes)
    bias: NDArray[np.int16] = np.array(population.bias_mantissa)
    neuron = int(random.integers(population.size))
    bias[neuron] += by
    truth = {
        "kind": "bias_mantissa",
        "population": name,
        "neuron": neuron,
        "actual": int(bias[neuron]),
    }
    yield Fault(truth, with_population(network, replace(population, bias_mantissa=bias)), spikes)


def reset_faults(network: IntegerNetwork, spikes: Raster) -> Iterator[Fault]:
    """Other resets than those of a network, in which all resets are the same."""
    first = network.populations[0]
    reset, c = first.reset, {p.name: p.reset_by for p in network.populations}
    if reset == TO_ZERO:
        thresholds = with_reset(network, SUBTRACT)
        yield Fault({"kind": "reset", "detail": "the threshold is sub"}, thresholds, spikes)
        return
    when = {SUBTRACT: "v is reset at the next step", LATE: "v is reset at once"}[reset]
    other = {SUBTRACT: LATE, LATE: SUBTRACT}[reset]
    for detail, wrong in (
        ("v is reset to zero", with_reset(network, TO_ZERO)),
        ("the threshold is subtracted", with_reset(network, reset)),
        (when, with_reset(network, other, c)),
    ):
        yield Fault({"kind": "reset", "detail": detail}, wrong, spikes)
    yield Fault({"kind": "reset", "detail": "v is not reset"}, network, spikes, "v is kept")
    for by in (1, -1):
        truth = {"kind": "reset_by", "population": first.name, "actual": c[first.name] + by}
        changed = replace(first, reset_by=c[first.name] + by)
        yield Fault(truth, with_population(network, changed), spikes)


def count_faults(network: IntegerNetwork, spikes: Raster, seed: int) -> Iterator[Fault]:
    """Other limits of the spikes per step, and other numbers of input spikes."""
    for population in network.spiking:
        for most in (1, population.most_spikes - 1, population.most_spikes + 1):
            truth = {"kind": "most_spikes", "population": population.name, "actual": most}
            changed = replace(population, most_spikes=most)
            yield Fault(truth, with_population(network, changed), spikes)
    once = [replace(p, most_spikes=1) for p in network.populations]
    if len(network.spiking) > 1:
        truth = {"kind": "reset", "detail": "no neuron spikes again"}
        yield Fault(truth, replace(network, populations=once), spikes)
    single = Raster.from_dense(spikes.dense())
    yield Fault({"kind": "counts-ignored", "source": INPUT}, network, single)
    dense = spikes.dense_counts()
    random = np.random.default_rng(seed)
    filled = np.argwhere(dense[:, : STEPS // 2])
    for by in (1, -1):
        place = tuple(filled[random.integers(len(filled))].tolist())
        changed = dense.copy()
        changed[place] = (int(dense[place]) + by) % (network.channels.most_spikes + 1)
        truth = {"kind": "input", "pre": place[2], "step": place[1]}
        yield Fault(truth, network, Raster.from_dense(changed))


def with_reset(
    network: IntegerNetwork, reset: str, reset_by: Mapping[str, int | None] | None = None
) -> IntegerNetwork:
    """The network with a reset of all spiking neurons, by default of the threshold."""
    constants = reset_by or {}
    populations = [
        replace(p, reset=reset, reset_by=constants.get(p.name)) if p.kind == LIF else p
        for p in network.populations
    ]
    return replace(network, populations=populations)


def rule_faults(network: IntegerNetwork, spikes: Raster, names: Iterable[str]) -> Iterator[Fault]:
    """Faults of the arithmetic, by their names in `RULES`."""
    for name in names:
        yield Fault({"kind": RULES[name].kind, **RULES[name].truth}, network, spikes, name)


def input_faults(network: IntegerNetwork, spikes: Raster, seed: int) -> Iterator[Fault]:
    """Faults of the input: one spike added or removed, and spikes that are a step late."""
    random = np.random.default_rng(seed)
    dense = spikes.dense()
    sample, step_, channel = (int(random.integers(n)) for n in dense.shape)
    step_ = step_ // 2
    dense[sample, step_, channel] ^= True
    truth = {"kind": "input", "pre": channel, "step": step_}
    yield Fault(truth, network, Raster.from_dense(dense))
    late = np.roll(spikes.dense(), 1, axis=1)
    late[:, 0] = False
    yield Fault({"kind": "latency", "source": INPUT, "actual": 1}, network, Raster.from_dense(late))
    yield Fault({"kind": "latency", "source": "", "actual": 1}, network, spikes, lag=1)


def with_projection(
    network: IntegerNetwork, index: int, projection: IntegerProjection
) -> IntegerNetwork:
    """The network with one projection replaced."""
    projections = list(network.projections)
    projections[index] = projection
    return replace(network, projections=projections)


def with_population(network: IntegerNetwork, population: IntegerPopulation) -> IntegerNetwork:
    """The network with another population of that name."""
    others = [population if p.name == population.name else p for p in network.populations]
    return replace(network, populations=others)
