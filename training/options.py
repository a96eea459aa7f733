"""`TrainOptions`: all settings of a training run, with defaults and help texts.

The command line, configuration files and the run's manifest are all made from this one class.
Weights are in the paper's units (independent of the time step), delays in steps.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import Field, asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

from nmtool.arguments import KINDS, NUMBER, Kind, keywords_checked, kind_of
from nmtool.arithmetic import MAX_TRAINED_DELAY, MAX_WEIGHT_BITS, Limits
from nmtool.data import SpikeEvents, default_steps
from nmtool.data.dividing import AUTO, SplitRule, amount
from nmtool.data.grid import most_in_bin, needed_steps, propose_grid
from nmtool.errors import UsageError, check_path, listed, nearest, printable, quoted, suggestion
from nmtool.network.float_network import INITIAL_RATE
from nmtool.network.graph import (
    MAX_CHANNELS,
    MAX_POPULATIONS,
    MAX_SPIKES,
    MAX_STEPS,
    RESETS,
    SUBTRACT,
    TO_ZERO,
)
from nmtool.network.layers import INITIAL_WEIGHTS, neurons_of, spelled_layers
from nmtool.network.readout import RULES, WINDOW
from nmtool.options import option
from nmtool.quantisation import DelayGrid
from nmtool.quantisation.weights import check_weight_bits
from nmtool.targets import LOIHI2, target_named
from nmtool.toml_files import OFF
from nmtool.training.recipes import read_settings

ARITHMETICS = ("float", "integer")
"""Arithmetics of the forward pass."""

SCHEDULES = ("cosine", "linear", "constant")
"""Learning rates after the warm-up: falling to 0 along half a cosine or a line, or constant."""


MAX_LEARNING_RATE = 1e37
"""Largest learning rate, far above useful ones: divided by 0.1 in Adam, it fits 32-bit floats."""


_TAU_MS, _TAU_STEPS = 10.0, 2
"""Value of an `auto` time constant in ms, and its minimum in steps."""

_MOST_BITS = {"weight_bits": 8, "delay_bits": 6}
"""With `auto`, at most this many bits are used, even if the target has more."""

SHAPE = (
    *("hidden", "recurrent", "readout", "window", "dt_ms", "steps", "group"),
    *("tau_mem_ms", "tau_syn_ms", "tau_out_ms", "axonal"),
)
"""Settings that define the network; fine-tuning cannot change them.

It may change the reset and the numbers of spikes per step, so that a network can be trained on for
targets that reset to zero only, or have one spike per step.
"""


INITIAL_DELAYS = (
    *("init_delay_input", "init_delay_hidden", "init_delay_recurrent", "init_delay_output"),
)
"""Initial delays of a new network; without effect on fine-tuning."""


Layers: TypeAlias = int | str | tuple[int | str, ...]
"""Neurons of the hidden layers: one number or word per layer, or one for all."""

Spread: TypeAlias = tuple[float, float]
"""A mean and a standard deviation."""

Share: TypeAlias = int | float | str
"""A number of samples, a share of them, or the last ones."""


def _layers(value: Any) -> Layers | None:
    """Convert a value to hidden layers; a list with a single layer becomes that layer."""
    layers = spelled_layers(value)
    return layers[0] if layers is not None and len(layers) == 1 else layers


def _spread(value: Any) -> tuple[float, ...] | None:
    """Convert a list of two numbers to floats; None for other values."""
    numbers = [float(number) for number in value if NUMBER.accepts(number)]
    return tuple(numbers) if len(numbers) == len(value) == 2 else None


KINDS[frozenset({"Layers"})] = Kind(
    (object,),
    "pass numbers or words",
    flag={"metavar": "LAYER[,LAYER…]"},
    words="a whole number of 0 or more, or one per layer, or populations like 32@5+32@20",
    convert=_layers,
)
KINDS[frozenset({"Spread"})] = Kind(
    (list, tuple),
    "pass two numbers",
    flag={"nargs": 2, "type": float, "metavar": ("MEAN", "SD")},
    words="two numbers",
    convert=_spread,
)
KINDS[frozenset({"Share"})] = Kind(
    (object,),
    "pass a share or a number",
    flag={"metavar": "SHARE|N"},
    words="a share like 0.2, a number, 'last 300' or auto",
    convert=amount,
)


@dataclass(frozen=True)
class Shape:
    """The network."""

    heading: ClassVar[str] = "network"

    hidden: Layers = option(256, 0, 1 << 20)
    """neurons of the hidden layers, e.g. 128,64 for two layers, or 32@5+32@20 for one layer of two
    populations with tau_mem of 5 and 20 ms (32@5/2 also sets tau_syn, to 2 ms); 0: no hidden
    layer"""
    recurrent: bool = option(True)
    "recurrent synapses within each hidden layer, from and to all its neurons"
    readout: str = option("weighted", choices=tuple(RULES))
    "rule that turns the output's activity into scores"
    reset: str = option(TO_ZERO, choices=RESETS)
    """what a spike does to the membrane: zero sets it to 0, subtract subtracts the threshold, and
    late subtracts it in the next step, after the decay, as snnTorch does by default"""
    most_spikes: int = option(1, 1, MAX_SPIKES)
    """largest number of spikes of a neuron in a step; more than 1 with the reset subtract only,
    which may leave the membrane above the threshold"""
    window: int | None = option(None, 1, MAX_STEPS)
    "readout window: number of last steps over which membranes are averaged"
    dt_ms: float = option(AUTO, positive=True, auto=True)
    """length of a time step in ms; auto: the longest step in which few spikes of a channel
    coincide, or 1 if a number of steps is given"""
    steps: int | None = option(AUTO, 1, MAX_STEPS, auto=True)
    "steps of a sample; auto: enough to cover the samples; none: one second"
    group: int = option(1, 1, MAX_CHANNELS)
    "number of neighbouring channels of the data that share an input"
    input_counts: int = option(AUTO, 1, MAX_SPIKES, auto=True)
    """largest number of spikes of an input in a step; with 1, an input spikes or not, and with
    more, it carries a count, by which its weights are multiplied. auto: 1, but if events of the
    data have several spikes, the largest number of spikes of an input in a step, up to 255, and if
    they stand for numbers, the largest possible count"""
    tau_mem_ms: float = option(AUTO, positive=True, auto=True)
    "membrane time constant in ms; auto: 10, but at least 2 steps"
    tau_syn_ms: float = option(AUTO, positive=True, auto=True)
    "synaptic time constant in ms; auto: 10, but at least 2 steps"
    tau_out_ms: float | None = option(None, positive=True)
    "membrane time constant of the output in ms; by default tau_mem_ms"
    train_delays: bool = option(True)
    "learn delays, too"
    axonal: bool = option(False)
    "one delay per source neuron of a projection (an axonal delay) instead of one per synapse"
    max_delay: int = option(LOIHI2.max_delay, 0, MAX_TRAINED_DELAY)
    "largest delay in steps; Loihi 2 has at most 61; fine-tuning clips longer delays"


@dataclass(frozen=True)
class Beginning:
    """Initial weights and delays of a new network."""

    heading: ClassVar[str] = "initial weights and delays"

    init_delay_input: int | None = option(None, 0)
    """initial input delays are drawn uniformly from 0 to this many steps; by default to the largest
    allowed delay"""
    init_delay_hidden: int | None = option(None, 0)
    """initial delays between hidden layers are drawn uniformly from 0 to this many steps; by
    default to the largest allowed delay"""
    init_delay_recurrent: int | None = option(0, 0)
    "initial recurrent delays are drawn uniformly from 0 to this many steps"
    init_delay_output: int | None = option(0, 0)
    "initial delays into the output are drawn uniformly from 0 to this many steps"
    init_input: Spread = option(INITIAL_WEIGHTS["input"])
    "mean and standard deviation of initial input weights"
    init_hidden: Spread = option(INITIAL_WEIGHTS["hidden"])
    "mean and standard deviation of initial weights between hidden layers"
    init_recurrent: Spread = option(INITIAL_WEIGHTS["recurrent"])
    "mean and standard deviation of initial recurrent weights"
    init_output: Spread = option(INITIAL_WEIGHTS["output"])
    "mean and standard deviation of initial weights into the output"
    init_rate: float | None = option(INITIAL_RATE, positive=True)
    """scale initial weights until hidden neurons spike this often per sample; weights into spiking
    outputs (first_spike) get a mean that makes the outputs spike. none: do not scale weights"""


@dataclass(frozen=True)
class Integers:
    """A chip's integers."""

    heading: ClassVar[str] = "a chip's integers"

    arithmetic: str = option("float", choices=ARITHMETICS)
    "arithmetic of the forward pass; integer: the chip's, for quantisation-aware training"
    target: str = option(LOIHI2.name)
    "chip to train for, by name or as a FILE.toml"
    weight_bits: int = option(AUTO, LOIHI2.weight_bits[0], MAX_WEIGHT_BITS, auto=True)
    "bits of a weight; auto: as many as the target has, up to 8"
    delay_bits: int = option(AUTO, LOIHI2.delay_bits[0], LOIHI2.delay_bits[-1], auto=True)
    "bits of a delay; auto: as many as the target has, up to 6"
    delay_stride: int | None = option(None, 1, LOIHI2.max_delay)
    """delays are multiples of this many steps; by default the stride with the smallest rounding
    error for delays up to max_delay"""


@dataclass(frozen=True)
class Learning:
    """Updates, loss and regularisers."""

    heading: ClassVar[str] = "learning"

    epochs: int = option(30, 1, 1 << 30)
    "passes over the training samples"
    batch_size: int = option(32, 1, 1 << 24)
    "samples per update"
    lr: float = option(0.003, 0, MAX_LEARNING_RATE)
    "learning rate of weights (Adam)"
    delay_lr: float = option(1.0, 0, MAX_LEARNING_RATE)
    "learning rate of delays in steps (Adam)"
    warmup: float = option(0.05, 0, 1)
    "share of the updates over which learning rates rise from 0"
    schedule: str = option("cosine", choices=SCHEDULES)
    "learning rates after the warm-up: half a cosine down to 0, a line down to 0, or constant"
    gain: float = option(50.0, positive=True)
    "scores are multiplied by this before the softmax"
    rate: float = option(10.0, 0)
    "firing-rate target of hidden neurons, spikes per sample"
    rate_strength: float = option(1e-4, 0)
    "strength of the firing-rate regulariser"
    rescue: float = option(0.002, 0)
    "amount added to all weights into a neuron that was silent for an epoch"
    clip_norm: float | None = option(None, positive=True)
    """clip the gradient norm of all weights, and separately that of all delays, to this value; by
    default gradients are not clipped"""
    weight_decay: float = option(0.0, 0)
    "decoupled weight decay (AdamW): every update shrinks weights by lr times this share"
    average: float | None = option(None, high=1, positive=True)
    """decay of a running mean (EMA) of all weights and delays, e.g. 0.995; the averaged network is
    validated and kept"""
    seed: int = option(0, 0, (1 << 63) - 1)
    "seed of all random numbers"

    def rate_factor(self, n_updates: int) -> Callable[[int], float]:
        """Factor of the learning rates by update (from 0): a warm-up to 1, then the schedule.

        Args:
            n_updates: number of updates of the whole run; decreasing schedules reach 0 after them.
        """
        n_warmup = round(self.warmup * n_updates)

        def factor(update: int) -> float:
            if update < n_warmup:
                return (update + 1) / n_warmup
            done = min(1.0, (update - n_warmup) / max(1, n_updates - n_warmup))
            if self.schedule == "cosine":
                return 0.5 * (1 + math.cos(math.pi * done))
            return 1 - done if self.schedule == "linear" else 1.0

        return factor


@dataclass(frozen=True)
class Keeping:
    """Validation, and the choice of the epoch."""

    heading: ClassVar[str] = "which epoch is kept"

    validation: Share = option(AUTO)
    """validation split for data without one: a share like 0.2 or a number of training samples,
    drawn at random per class; 'last N': the last N samples of the file; auto: a fifth, at most 300;
    0: none, and samples of an existing validation split become training samples"""
    validation_by: str | None = option(None)
    """column of groups, e.g. speaker (extra/speaker of the files): all samples of a group are in
    the same split"""
    judge_epochs: int = option(1, 1, 1 << 30)
    "choose the best epoch by validation accuracy averaged over the last N epochs"
    patience: int | None = option(None, 1, 1 << 30)
    "early stopping: stop after N epochs in a row without a new best"


@dataclass(frozen=True)
class Pruning:
    """Pruning of synapses and delays."""

    heading: ClassVar[str] = "pruning"

    sparsity: float = option(0.0, 0, 1)
    """prune this share of each projection's synapses, the weakest, between 20 and 80 percent of the
    updates; only later epochs can be the best epoch"""
    delay_sparsity: float = option(0.0, 0, 1)
    """set this share of each projection's delays, the shortest, to 0 between 20 and 80 percent of
    the updates"""


@dataclass(frozen=True)
class Augmentation:
    """Random changes of the training samples."""

    heading: ClassVar[str] = "augmentation"

    shift: int = option(0, 0, (1 << 31) - 1)
    "shift every sample by up to this many units (channels of the data)"
    stretch: float = option(0.0, 0, 1)
    "stretch or shorten every sample by up to this share"
    onset_ms: float = option(0.0, 0, 1000)
    "shift every sample in time by up to this many ms, to earlier or later"
    jitter_ms: float = option(0.0, 0, 1000)
    "shift every event in time by a random amount with this standard deviation in ms"
    drop: float = option(0.0, 0, 1)
    "drop up to this share of a sample's events at random"
    blend: float = option(0.0, 0, 1)
    "share of the samples that are blended with another one of their class and batch"


GROUPS = (Shape, Beginning, Integers, Learning, Keeping, Pruning, Augmentation)
"""Groups of settings, in the order of the help."""


@keywords_checked
@dataclass(frozen=True)
class TrainOptions(Augmentation, Pruning, Keeping, Learning, Integers, Beginning, Shape):
    """Settings of a run, in groups; the text below each field is its help.

    `auto` is replaced by a number at once, or, if the number depends on the samples, at the start
    of training (`fitted_to`).

    >>> TrainOptions(hidden=100).dt_ms, TrainOptions(dt_ms=10.0).tau_mem_ms
    ('auto', 20.0)
    >>> TrainOptions().weight_bits
    8
    >>> TrainOptions.from_file("digits").epochs
    40
    """

    _derived: ClassVar[Sequence[str]] = ()
    """Time constants that nobody gave, and that were derived from the given time step."""

    def __post_init__(self) -> None:
        for declared in fields(self):
            value = _converted(declared, getattr(self, declared.name))
            object.__setattr__(self, declared.name, value)
            if value is not None:
                _check_range(declared, value)
        self._settle()
        for what, why, fix in self._contradictions():
            raise UsageError(what, code="settings-contradict", why=why, fix=fix)
        self._check_bits()
        _ = self.validation_rule

    def _contradictions(self) -> Iterator[tuple[str, str, str]]:
        """Settings that exclude each other: what is wrong, why, and the fix."""
        if (self.readout == WINDOW) != (self.window is not None):
            yield (
                f"the readout {WINDOW} and the setting window must be given together",
                f"readout is {self.readout}, window is {self.window or OFF}",
                f"choose readout {WINDOW} with a window of e.g. 50 steps, or leave both out",
            )
        if self.most_spikes > 1 and self.reset != SUBTRACT:
            yield (
                f"most_spikes is {self.most_spikes}, but the reset is {self.reset}",
                "only a reset that subtracts at once can leave the membrane above the threshold "
                "within a step",
                f"choose `reset={SUBTRACT}`, or `most_spikes=1`",
            )
        for name in INITIAL_DELAYS:
            delay = getattr(self, name)
            if delay is not None and delay > self.max_delay:
                yield (
                    f"{name} is {delay} steps, but max_delay is only {self.max_delay}",
                    "",
                    f"use `{name}={self.max_delay}` or less, or `{name}={OFF}` for the largest "
                    "allowed delay",
                )

    def _settle(self) -> None:
        """Replace every `auto` that does not depend on samples by a number."""
        for name, limit in _MOST_BITS.items():
            if getattr(self, name) == AUTO:
                possible = getattr(_limits(self.target, self.arithmetic), name)
                bits = [bits for bits in possible if bits <= limit] or [possible[0]]
                object.__setattr__(self, name, bits[-1])
        if self.dt_ms == AUTO and self.steps != AUTO:
            object.__setattr__(self, "dt_ms", 1.0)
        if self.dt_ms == AUTO:
            return
        derived = [name for name in ("tau_mem_ms", "tau_syn_ms") if getattr(self, name) == AUTO]
        for name in derived:
            object.__setattr__(self, name, max(_TAU_MS, _TAU_STEPS * self.dt_ms))
        object.__setattr__(self, "_derived", derived)

    def _check_bits(self) -> None:
        """Raise `UsageError` unless the target supports the bits and, for integers, the delays."""
        limits = _limits(self.target, self.arithmetic)
        check_weight_bits(self.weight_bits, limits)
        if self.arithmetic == "float":
            return
        if self.max_delay > limits.max_delay:
            longest = limits.max_delay
            holds = f"allows at most {longest}" if longest else "has no delays"
            longer = "; in a new run, a longer `dt_ms=` covers the same time with fewer steps"
            raise UsageError(
                f"max_delay is {self.max_delay} steps, but {limits.label} {holds}",
                code="max-delay-beyond-chip",
                fix=f"use `max_delay={longest}`; fine-tuning clips longer delays"
                + (longer if longest else ""),
            )
        _ = self.delay_grid

    @property
    def delay_grid(self) -> DelayGrid:
        """The grid of possible delays in integer training, at most `max_delay`."""
        target = target_named(self.target)
        limit = min(self.max_delay, target.max_delay)
        if self.delay_stride is None:
            return DelayGrid.spanning(self.delay_bits, limit, limit, target)
        return DelayGrid(self.delay_bits, self.delay_stride, limit, target)

    @property
    def hidden_layers(self) -> tuple[int | str, ...]:
        """The hidden layers (`nmtool.network.layers`); () if the input projects to the output."""
        if isinstance(self.hidden, tuple):
            return self.hidden
        return (self.hidden,) if self.hidden else ()

    @property
    def longest_delay(self) -> int:
        """Longest delay of the trained network, in steps."""
        return self.delay_grid.longest if self.arithmetic == "integer" else self.max_delay

    def longest_initial(self, kind: str) -> int:
        """Longest initial delay of a kind of synapses in steps, at most the longest allowed."""
        delay = getattr(self, f"init_delay_{kind}")
        return self.longest_delay if delay is None else min(delay, self.longest_delay)

    @property
    def n_steps(self) -> int:
        """Steps of a sample.

        Raises:
            UsageError: the number depends on the samples; `fitted_to` determines it.
        """
        if self.steps == AUTO:
            raise UsageError(
                f"steps is {AUTO}: the number depends on the training samples",
                code="steps-unsettled",
                fix="call options.fitted_to(training samples); nmtool.train does so itself",
            )
        return default_steps(self.dt_ms) if self.steps is None else self.steps

    @property
    def most_of_input(self) -> int:
        """Largest number of spikes of an input in a step; 1 for `auto` before `fitted_to`."""
        return 1 if self.input_counts == AUTO else self.input_counts

    @property
    def not_given(self) -> list[str]:
        """Settings that nobody gave: `auto`, or longer than usual since the time step is long."""
        longer = [name for name in self._derived if getattr(self, name) != _TAU_MS]
        return [name for name in AUTOMATIC if name in longer or getattr(self, name) == AUTO]

    def fitted_to(self, events: SpikeEvents) -> TrainOptions:
        """These options with numbers in place of every `auto`.

        >>> events = SpikeEvents.from_lists([range(0, 500, 10)], [[0] * 50], [0])
        >>> fitted = TrainOptions().fitted_to(events)
        >>> fitted.dt_ms, fitted.n_steps, fitted.tau_mem_ms, fitted.tau_syn_ms
        (10.0, 52, 20.0, 20.0)

        Args:
            events: all training samples, including those drawn for validation. There are so
                many steps that 99.5 % of these samples end a membrane time constant before the
                last step.

        Raises:
            DataError: there is no event, or samples are far too long.
        """
        fitted = self
        if self.dt_ms == AUTO:
            grid = propose_grid(events, self.group)
            fitted = replace(self, dt_ms=1.0 if grid is None else grid.dt_ms)
        if fitted.steps == AUTO:
            steps = needed_steps(events, fitted.dt_ms, fitted.tau_mem_ms)
            fitted = replace(fitted, steps=steps)
        if fitted.input_counts != AUTO:
            return fitted
        grid_of = fitted.dt_ms, fitted.n_steps, fitted.group
        if events.analogue is not None:
            most = events.analogue.largest
        else:
            most = most_in_bin(events, *grid_of) if events.has_counts else 1
        return replace(fitted, input_counts=most)

    @property
    def validation_rule(self) -> SplitRule:
        """The rule that draws the validation split from the training samples."""
        return SplitRule(self.validation, self.seed, self.validation_by)

    @classmethod
    def from_file(cls, source: str | Path) -> TrainOptions:
        """The settings of a recipe or of a TOML file, and the defaults of all other settings.

        Args:
            source: name of a recipe, or path of a file: a `Path`, or text that ends in .toml or
                contains a folder.

        Raises:
            UsageError: the recipe or file is unknown or damaged, or a setting in it is invalid.
        """
        check_path(source, "the source of settings")
        return cls().with_settings(read_settings(source), str(source))

    def as_json(self) -> dict[str, Any]:
        """All settings, for the manifest."""
        return asdict(self)

    def with_settings(self, settings: dict[str, Any], origin: str) -> TrainOptions:
        """A copy of these options in which some settings are replaced.

        Args:
            settings: values by field name.
            origin: source of the values, for error messages.

        Raises:
            UsageError: an unknown name or a value of the wrong type.
        """
        known = {f.name: f for f in fields(self)}
        unknown = sorted(set(settings) - set(known))
        if unknown:
            names = list(known)
            meant = [f"'{near}'" for name in unknown[:10] if (near := nearest(name, names))]
            guess = f"did you mean {', '.join(meant)}? " if meant else ""
            raise UsageError(
                f"{origin}: unknown setting {listed(unknown)}",
                code="setting-unknown",
                fix=f"{guess}the settings are {', '.join(known)}",
            )
        converted = {name: _converted(known[name], v, origin) for name, v in settings.items()}
        if "target" in converted or "arithmetic" in converted:
            # If the new target does not support a number of bits, this number becomes `auto`,
            # unless `settings` contains it.
            merged = {**vars(self), **converted}
            limits = _limits(merged["target"], merged["arithmetic"])
            for name in _MOST_BITS:
                if name not in converted and getattr(self, name) not in getattr(limits, name):
                    converted[name] = AUTO
        # Time constants that were derived from the time step follow a new time step.
        return replace(self, **{**dict.fromkeys(self._derived, AUTO), **converted})


AUTOMATIC = tuple(option.name for option in fields(TrainOptions) if option.metadata["auto"])
"""Settings that may be `auto`."""


def _limits(target: str, arithmetic: str) -> Limits:
    """Limits on the bits of weights and delays.

    In integer training, these are the target's limits, else those of the target's arithmetic.
    """
    chip = target_named(target)
    return chip if arithmetic == "integer" else chip.runs_in


def example(name: str) -> Any:
    """An example value of a setting: its default, or a number or word if that is None."""
    [option] = [candidate for candidate in fields(TrainOptions) if candidate.name == name]
    if option.default is not None and not option.metadata["auto"]:
        return option.default
    if str(option.type).startswith("str"):
        return "NAME"
    return (option.metadata["low"] or 1) if str(option.type).startswith("int") else 1.0


def _converted(option: Field[Any], value: Any, origin: str = "") -> Any:
    """Convert a value to the type of its field; floats also accept whole numbers."""
    kind = kind_of(str(option.type))
    assert kind is not None
    if kind.or_none and (value is None or (isinstance(value, str) and value == OFF)):
        return None
    if option.metadata["auto"] and isinstance(value, str) and value == AUTO:
        return AUTO
    try:
        conversion = kind.convert(value) if kind.accepts(value) else None
    except (OverflowError, RecursionError, ValueError):
        conversion = None  # Python cannot convert numbers of 1,000 digits, or lists in 500 lists.
    if conversion is None:
        auto = f" or {AUTO}" if option.metadata["auto"] else ""
        raise UsageError(
            f"{origin}: {option.name} must be {kind.words}{auto}, not {quoted(value)}".removeprefix(
                ": "
            ),
            code="setting-type",
            fix=f"write it like {json.dumps(example(option.name))}"
            + (" or 64@5+64@20" if option.name == "hidden" else ""),
        )
    return conversion


def _check_range(option: Field[Any], value: Any) -> None:
    """Raise `UsageError` if a setting is outside its field's range, as NaN always is."""
    choices = option.metadata["choices"]
    if choices and value not in choices:
        raise UsageError(
            f"unknown {option.name} '{printable(value)}'",
            code="choice-unknown",
            fix=suggestion(str(value), choices),
        )
    span = _missed_range(option, value)
    if span:
        off = f" or {OFF}" if str(option.type).endswith("| None") else ""
        default = OFF if option.default is None else json.dumps(option.default)
        raise UsageError(
            f"{option.name} must be {span}{off}, not {quoted(value)}",
            code="setting-range",
            fix=f"choose a value in this range; the default is {default}",
        )


def _missed_range(option: Field[Any], value: Any) -> str:
    """The range of a setting in words; '' if the value is in it."""
    low, high = option.metadata["low"], option.metadata["high"]
    if option.name == "hidden" and not isinstance(value, int):
        layers = value if isinstance(value, tuple) else (value,)
        sizes = [size for layer in layers for size in neurons_of(layer)]
        if not all(1 <= size <= high for size in sizes):
            return f"1 … {high} in each population"
        return "" if len(sizes) < MAX_POPULATIONS else f"fewer than {MAX_POPULATIONS} populations"
    if isinstance(value, str):
        return ""
    if isinstance(value, tuple):
        mean, spread = value
        is_spread = math.isfinite(mean) and 0 <= spread < math.inf
        return "" if is_spread else "a mean and a standard deviation of 0 or more"
    largest = sys.float_info.max if high is None else high
    if option.metadata["positive"] and not 0 < value <= largest:
        return "positive" if high is None else f"above 0, at most {high}"
    if low is not None and not low <= value <= largest:
        return f"at least {low}" if high is None else f"{low} … {high}"
    return ""
