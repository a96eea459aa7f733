"""Everything a training run can be told, with its default and what it means.

The command line, configuration files and the run's manifest are all made from this one class.
Weights are in the paper's units (independent of the time step), delays in steps.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import Field, asdict, dataclass, field, fields, replace
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from nmtool.arguments import keywords_checked
from nmtool.arithmetic import MAX_TRAINED_DELAY, MAX_WEIGHT_BITS
from nmtool.data import SpikeEvents, default_steps
from nmtool.data.dividing import AUTO, SplitRule, amount, kept_amount
from nmtool.data.grid import needed_steps, propose_grid
from nmtool.errors import UsageError, check_path, nearest, suggestion
from nmtool.network.float_network import INITIAL_RATE
from nmtool.network.graph import MAX_CHANNELS, MAX_STEPS
from nmtool.network.layers import INITIAL_WEIGHTS, neurons_of, spelled_layers
from nmtool.network.readout import FIRST_SPIKE, RULES, WINDOW
from nmtool.quantisation import DelayGrid
from nmtool.targets import LOIHI2, target_named
from nmtool.toml_files import OFF
from nmtool.training.recipes import read_settings


def _option(
    group: str,
    default: Any,
    text: str,
    low: float | None = None,
    high: float | None = None,
    *,
    choices: Collection[str] = (),
    positive: bool = False,
    auto: bool = False,
) -> Any:
    """A setting.

    Args:
        group: what heads it in the help of the command line, one of `GROUPS`.
        default: its value where nothing is said.
        text: its help.
        low, high: the smallest and largest value; None for no bound.
        choices: the words that it may be.
        positive: it must be larger than 0.
        auto: it may be `auto`, until `TrainOptions.fitted_to` has looked at the samples.
    """
    about = {"group": group, "help": text, "low": low, "high": high, "auto": auto}
    return field(default=default, metadata={**about, "choices": choices, "positive": positive})


NETWORK, BEGINNING, INTEGERS, LEARNING, KEEPING, PRUNING, AUGMENTATION = GROUPS = (
    "network",
    "initial weights and delays",
    "a chip's integers",
    "learning",
    "which epoch is kept",
    "pruning",
    "augmentation",
)
ARITHMETICS = ("float", "integer")
"""Numbers that the forward pass computes in."""

SCHEDULES = ("cosine", "linear", "constant")
"""Learning rates after their rise: they fall to 0, by half a cosine or in a line, or stay."""


MAX_LEARNING_RATE = 10**37
"""Largest learning rate: far beyond what learns. Adam divides it by 0.1, as a float of 32 bits."""


_TAU_MS, _TAU_STEPS = 10.0, 2
"""A time constant that is `auto`: its value in ms, and the fewest steps that it lasts."""

SHAPE = (
    *("hidden", "layers", "recurrent", "readout", "window", "dt_ms", "steps", "group"),
    *("tau_mem_ms", "tau_syn_ms", "tau_out_ms", "axonal"),
)
"""Settings that decide what the network is: a run that starts from another leaves them alone."""


INITIAL_DELAYS = (
    *("init_delay_input", "init_delay_hidden", "init_delay_recurrent", "init_delay_output"),
)
"""Delays that a network starts with; they mean nothing where a run starts from another."""


@keywords_checked
@dataclass(frozen=True)
class TrainOptions:
    """Settings of a run; see each field's help.

    What is `auto` becomes a number as soon as it can: when training begins, if samples are to
    decide (`fitted_to`).

    >>> TrainOptions(hidden=100).dt_ms, TrainOptions(dt_ms=10.0).tau_mem_ms
    ('auto', 20.0)
    >>> TrainOptions.from_file("digits").epochs
    40
    """

    hidden: int | str | tuple[int | str, ...] = _option(
        NETWORK,
        256,
        "neurons of the hidden layers, e.g. 128,64 for two, or 32@5+32@20 for one of two "
        "populations with tau_mem of 5 and 20 ms (32@5/2: and tau_syn of 2 ms); 0 joins input and "
        "output directly",
        0,
        1 << 20,
    )
    layers: int = _option(
        NETWORK, 1, "number of hidden layers, each of the size that hidden gives", 1, 1 << 10
    )
    recurrent: bool = _option(
        NETWORK, True, "synapses within each hidden layer, between all its populations"
    )
    readout: str = _option(
        NETWORK, "weighted", "how output activity becomes scores", choices=tuple(RULES)
    )
    window: int | None = _option(
        NETWORK,
        None,
        f"readout {WINDOW}: average the membranes of this many last steps",
        1,
        MAX_STEPS,
    )
    dt_ms: float = _option(
        NETWORK,
        AUTO,
        "length of a time step in ms; auto: the longest in which few spikes of a channel fall "
        "together, or 1 where a number of steps is given",
        positive=True,
        auto=True,
    )
    steps: int | None = _option(
        NETWORK,
        AUTO,
        "steps of a sample; auto: until the samples have ended; none: one second",
        1,
        MAX_STEPS,
        auto=True,
    )
    group: int = _option(
        NETWORK, 1, "neighbouring channels of the data that share an input", 1, MAX_CHANNELS
    )
    tau_mem_ms: float = _option(
        NETWORK,
        AUTO,
        "membrane time constant in ms; auto: 10, and at least 2 steps",
        positive=True,
        auto=True,
    )
    tau_syn_ms: float = _option(
        NETWORK,
        AUTO,
        "synaptic time constant in ms; auto: 10, and at least 2 steps",
        positive=True,
        auto=True,
    )
    tau_out_ms: float | None = _option(
        NETWORK,
        None,
        "membrane time constant of the output in ms; by default tau_mem_ms",
        positive=True,
    )
    train_delays: bool = _option(NETWORK, True, "learn the delays too")
    axonal: bool = _option(
        NETWORK,
        False,
        "one delay per source neuron of a projection, as of its axon, instead of one per synapse",
    )
    max_delay: int = _option(
        NETWORK,
        LOIHI2.max_delay,
        f"largest delay in steps; the chip holds {LOIHI2.max_delay}; training on "
        "from another run cuts delays that are longer",
        0,
        MAX_TRAINED_DELAY,
    )

    init_delay_input: int | None = _option(
        BEGINNING,
        None,
        "input delays start uniform in 0 … this many steps; by default as far as delays may reach",
        0,
    )
    init_delay_hidden: int | None = _option(
        BEGINNING, None, "delays between hidden layers, likewise", 0
    )
    init_delay_recurrent: int | None = _option(BEGINNING, 0, "recurrent delays, likewise", 0)
    init_delay_output: int | None = _option(BEGINNING, 0, "delays into the output, likewise", 0)
    init_input: tuple[float, float] = _option(
        BEGINNING, INITIAL_WEIGHTS["input"], "mean and spread of input weights"
    )
    init_hidden: tuple[float, float] = _option(
        BEGINNING, INITIAL_WEIGHTS["hidden"], "mean and spread of weights between hidden layers"
    )
    init_recurrent: tuple[float, float] = _option(
        BEGINNING, INITIAL_WEIGHTS["recurrent"], "mean and spread of recurrent weights"
    )
    init_output: tuple[float, float] = _option(
        BEGINNING, INITIAL_WEIGHTS["output"], "mean and spread of output weights"
    )
    init_rate: float | None = _option(
        BEGINNING,
        INITIAL_RATE,
        "scale initial weights until hidden neurons spike this often per sample, and give those "
        "into outputs that spike (first_spike) the mean that makes them do so; none: do not",
        positive=True,
    )

    arithmetic: str = _option(
        INTEGERS,
        "float",
        "numbers of the forward pass; integer, the chip's own, is quantisation-aware training",
        choices=ARITHMETICS,
    )
    target: str = _option(
        INTEGERS, LOIHI2.name, "the chip that is to run them, by name or as a file FILE.toml"
    )
    weight_bits: int = _option(
        INTEGERS, 8, "bits of a weight", LOIHI2.weight_bits[0], MAX_WEIGHT_BITS
    )
    delay_bits: int = _option(
        INTEGERS, 6, "bits of a delay", LOIHI2.delay_bits[0], LOIHI2.delay_bits[-1]
    )
    delay_stride: int | None = _option(
        INTEGERS,
        None,
        "steps from one delay to the next, as far as the bits and max_delay reach; by default what "
        "comes nearest to all up to max_delay",
        1,
        LOIHI2.max_delay,
    )

    epochs: int = _option(LEARNING, 30, "passes over the training samples", 1, 1 << 30)
    batch_size: int = _option(LEARNING, 32, "samples per update", 1, 1 << 24)
    lr: float = _option(LEARNING, 0.003, "learning rate of weights (Adam)", 0, MAX_LEARNING_RATE)
    delay_lr: float = _option(
        LEARNING, 1.0, "learning rate of delays in steps (Adam)", 0, MAX_LEARNING_RATE
    )
    warmup: float = _option(
        LEARNING, 0.05, "share of the updates over which learning rates rise from 0", 0, 1
    )
    schedule: str = _option(
        LEARNING,
        "cosine",
        "learning rates after the warm-up: half a cosine down to 0, a line down to 0, or constant",
        choices=SCHEDULES,
    )
    gain: float = _option(
        LEARNING, 50.0, "scores are multiplied by this before the softmax", positive=True
    )
    margin_ms: float | None = _option(
        LEARNING,
        None,
        "first_spike: squared margin loss of this many ms; by default cross-entropy",
        positive=True,
    )
    teacher: str | Path | None = _option(  # noqa: RUF009 (paths are frozen)
        LEARNING,
        None,
        "file of soft labels (distillation): class probabilities per training sample, learnt "
        "beside the labels; nmtool.soft_labels makes one",
    )
    teacher_share: float = _option(
        LEARNING, 0.5, "share of the loss that is the teacher's, the rest is the labels'", 0, 1
    )
    rate: float = _option(
        LEARNING, 10.0, "firing-rate target of hidden neurons, spikes per sample", 0
    )
    rate_strength: float = _option(LEARNING, 1e-4, "strength of the firing-rate regulariser", 0)
    rescue: float = _option(
        LEARNING, 0.002, "added to all weights into a neuron silent for an epoch", 0
    )
    clip_norm: float | None = _option(
        LEARNING,
        None,
        "largest norm of the gradients of all weights, and of those of all delays; by default "
        "gradients are not clipped",
        positive=True,
    )
    weight_decay: float = _option(
        LEARNING,
        0.0,
        "decoupled decay (AdamW): an update shrinks weights by lr times this share",
        0,
    )
    average: float | None = _option(
        LEARNING,
        None,
        "decay of a running mean (EMA) of all weights and delays, e.g. 0.995; the averaged network "
        "is validated and kept",
        high=1,
        positive=True,
    )
    seed: int = _option(LEARNING, 0, "decides everything that is random", 0, (1 << 63) - 1)

    validation: int | float | str = _option(
        KEEPING,
        AUTO,
        "training samples that validate where the data set has no split for it: a share like 0.2 "
        "or a number, drawn per class from the seed; 'last N' of the file; auto: a fifth, at most "
        "300. 0: none validate, and those of a validation split are learnt from",
    )
    validation_by: str | None = _option(
        KEEPING,
        None,
        "draw whole groups, such as speaker (extra/speaker of the files), so that none is divided",
    )
    judge_epochs: int = _option(
        KEEPING,
        1,
        "choose the best epoch by validation accuracy averaged over the last N epochs",
        1,
    )
    patience: int | None = _option(
        KEEPING,
        None,
        "early stopping: stop after N epochs in a row that were not better than the best",
        1,
    )

    sparsity: float = _option(
        PRUNING,
        0.0,
        "share of each projection's synapses to remove, the weakest, between 20 and 80 percent "
        "of the updates; only epochs after that can be the best one, which is kept",
        0,
        1,
    )
    delay_sparsity: float = _option(
        PRUNING,
        0.0,
        "share of each projection's synapses that give up their delay, the shortest, likewise",
        0,
        1,
    )

    shift: int = _option(
        AUGMENTATION, 0, "shift channels by up to this many units of the data", 0, (1 << 31) - 1
    )
    stretch: float = _option(AUGMENTATION, 0.0, "stretch time by up to this share", 0, 1)
    onset_ms: float = _option(
        AUGMENTATION, 0.0, "samples start up to this many ms sooner or later", 0, 1000
    )
    jitter_ms: float = _option(
        AUGMENTATION,
        0.0,
        "move every event in time by a random amount of this standard deviation in ms",
        0,
        1000,
    )
    drop: float = _option(AUGMENTATION, 0.0, "lose up to this share of a sample's events", 0, 1)
    blend: float = _option(
        AUGMENTATION,
        0.0,
        "share of the samples replaced by a blend of two of their class and batch",
        0,
        1,
    )

    def __post_init__(self) -> None:
        for option in fields(self):
            value = _converted(option, getattr(self, option.name))
            object.__setattr__(self, option.name, value)
            if value is not None:
                _check_range(option, value)
        self._settle()
        if (self.readout == WINDOW) != (self.window is not None):
            raise UsageError(
                f"the read-out {WINDOW} and the setting window belong together",
                code="window-without-readout",
                why=f"readout is {self.readout}, window is {self.window or OFF}",
                fix=f"choose readout {WINDOW} with a window of e.g. 50 steps, or leave both out",
            )
        if isinstance(self.hidden, tuple) and self.layers not in (1, len(self.hidden)):
            raise UsageError(
                f"hidden has {len(self.hidden)} layers, and layers is {self.layers}",
                code="hidden-layers-contradict",
                fix="leave layers out: there are as many as hidden has",
            )
        self._check_bits()
        _ = self.validation_rule
        for name in ("input", "hidden", "recurrent", "output"):
            self._check_init_delay(f"init_delay_{name}")
        if self.margin_ms is not None and self.readout != FIRST_SPIKE:
            raise UsageError(
                f"margin_ms is a loss on first spikes, not on '{self.readout}'",
                code="margin-without-first-spike",
                fix=f"choose the read-out {FIRST_SPIKE}, or leave margin_ms out",
            )
        if self.margin_ms is not None and self.teacher is not None:
            raise UsageError(
                "a margin loss cannot learn from a teacher",
                code="teacher-with-margin",
                why="it asks which class spikes first, not with which probability",
                fix="leave out margin_ms, for cross-entropy, or teacher",
            )

    def _settle(self) -> None:
        """Put numbers in place of every `auto` that does not depend on samples."""
        if self.dt_ms == AUTO and self.steps != AUTO:
            object.__setattr__(self, "dt_ms", 1.0)
        if self.dt_ms == AUTO:
            return
        for name in ("tau_mem_ms", "tau_syn_ms"):
            if getattr(self, name) == AUTO:
                object.__setattr__(self, name, max(_TAU_MS, _TAU_STEPS * self.dt_ms))

    def _check_bits(self) -> None:
        """Integers hold what the chip holds."""
        target = target_named(self.target)
        bits, longest = target.runs_in.weight_bits, target.max_delay
        if self.weight_bits not in bits:
            raise UsageError(
                f"weight_bits must be {bits[0]} … {bits[-1]}, not {self.weight_bits}",
                code="setting-range",
                fix="choose such a value; the default is 8",
            )
        if self.arithmetic == "integer" and self.max_delay > longest:
            raise UsageError(
                f"max_delay is {self.max_delay} steps, the chip holds {longest}",
                code="max-delay-beyond-chip",
                fix=f"`max_delay={longest}`, to which training on cuts longer ones; in a new run, "
                "a longer time step (dt_ms) reaches as far with fewer steps",
            )

    def _check_init_delay(self, name: str) -> None:
        value = getattr(self, name)
        if value is not None and value > self.max_delay:
            raise UsageError(
                f"{name} is {value} steps, max_delay is {self.max_delay}",
                code="init-delay-beyond-max",
                fix=f"{name} of at most {self.max_delay}, or {OFF}, as far as delays may reach",
            )

    @property
    def delay_grid(self) -> DelayGrid:
        """The delays that a run in integers holds, none beyond `max_delay`."""
        target = target_named(self.target)
        limit = min(self.max_delay, target.max_delay)
        if self.delay_stride is None:
            return DelayGrid.spanning(self.delay_bits, limit, limit, target)
        return DelayGrid(self.delay_bits, self.delay_stride, limit, target)

    @property
    def hidden_layers(self) -> tuple[int | str, ...]:
        """Each hidden layer (`nmtool.network.layers`); none where input and output are joined."""
        if isinstance(self.hidden, tuple):
            return self.hidden
        return (self.hidden,) * self.layers if self.hidden else ()

    @property
    def longest_delay(self) -> int:
        """Steps of the longest delay that runs."""
        return self.delay_grid.longest if self.arithmetic == "integer" else self.max_delay

    @property
    def n_steps(self) -> int:
        """Steps of a sample.

        Raises:
            UsageError: the samples are to decide, which `fitted_to` asks.
        """
        if self.steps == AUTO:
            raise UsageError(
                f"steps = {AUTO} is no number before there are data",
                code="steps-unsettled",
                fix="options.fitted_to(training samples) gives one; nmtool.train does it itself",
            )
        return default_steps(self.dt_ms) if self.steps is None else self.steps

    def fitted_to(self, events: SpikeEvents) -> TrainOptions:
        """These options with numbers in place of every `auto`.

        >>> events = SpikeEvents.from_lists([range(0, 500, 10)], [[0] * 50], [0])
        >>> fitted = TrainOptions().fitted_to(events)
        >>> fitted.dt_ms, fitted.n_steps, fitted.tau_mem_ms, fitted.tau_syn_ms
        (10.0, 52, 20.0, 20.0)

        Args:
            events: the training samples, those that validate too. 99.5 % of them end within the
                steps, and then a membrane time constant passes.

        Raises:
            DataError: there is no event, or samples are far too long.
        """
        fitted = self
        if self.dt_ms == AUTO:
            grid = propose_grid(events, self.group)
            fitted = replace(self, dt_ms=1.0 if grid is None else grid.dt_ms)
        if self.steps != AUTO:
            return fitted
        return replace(fitted, steps=needed_steps(events, fitted.dt_ms, fitted.tau_mem_ms))

    @property
    def validation_rule(self) -> SplitRule:
        """The rule for training samples that validate."""
        return SplitRule(self.validation, self.seed, self.validation_by)

    @classmethod
    def from_file(cls, source: str | Path) -> TrainOptions:
        """The settings of a recipe or of a TOML file, on top of the defaults.

        Args:
            source: name of a recipe; a file, where it is a `Path`, ends in .toml or names a folder.

        Raises:
            UsageError: the recipe or file is unknown, damaged or holds a setting that is wrong.
        """
        check_path(source, "the name of settings")
        return cls().with_settings(read_settings(source), str(source))

    def as_json(self) -> dict[str, Any]:
        """All settings, for the manifest."""
        return asdict(self)

    def with_settings(self, settings: dict[str, Any], origin: str) -> TrainOptions:
        """These options with some replaced.

        Args:
            settings: by field name.
            origin: where they come from, for the error message.

        Raises:
            UsageError: an unknown name or a value of the wrong type.
        """
        known = {f.name: f for f in fields(self)}
        unknown = sorted(set(settings) - set(known))
        if unknown:
            meant = [f"'{near}'" for name in unknown if (near := nearest(name, list(known)))]
            guess = f"did you mean {', '.join(meant)}? " if meant else ""
            raise UsageError(
                f"{origin}: unknown setting {', '.join(unknown)}",
                code="setting-unknown",
                fix=f"{guess}known are {', '.join(known)}",
            )
        converted = {name: _converted(known[name], v, origin) for name, v in settings.items()}
        return replace(self, **converted)

    def resumed_with(self, settings: Mapping[str, Any], run: str) -> TrainOptions:
        """The options of a run that goes on: these, of which epochs alone may grow.

        Args:
            settings: what is asked for, by field name.
            run: the folder of the run, for errors.

        Raises:
            UsageError: they contradict those of the run.
        """
        request = self.with_settings(dict(settings), "settings")
        for option in fields(self):
            name, setting, value = (
                option.name,
                getattr(self, option.name),
                getattr(request, option.name),
            )
            if value == AUTO and name in AUTOMATIC:
                continue  # what the data decided when the run began
            if value == setting or (name == "epochs" and value > setting):
                continue
            raise UsageError(
                f"the run in {run} has {name} = {setting}, not {value}",
                code="resume-settings-differ",
                fix="give more epochs, or leave the option out"
                if name == "epochs"
                else "leave the option out, or start a new run",
            )
        return replace(self, epochs=request.epochs)


AUTOMATIC = tuple(option.name for option in fields(TrainOptions) if option.metadata["auto"])
"""Settings that may be `auto`."""

_KINDS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "str | Path": ("a file", lambda value: str(value) if isinstance(value, str | Path) else None),
    "int | float | str": (
        "a share like 0.2, a number, 'last 300' or auto",
        lambda value: amount(value),
    ),
    "bool": ("true or false", lambda value: value if isinstance(value, bool) else None),
    "int": ("a whole number", lambda value: _number(value, Integral, int)),
    "float": ("a number", lambda value: _number(value, Real, float)),
    "str": ("a word", lambda value: value if isinstance(value, str) else None),
    "int | str | tuple[int | str, ...]": (
        "a whole number, or one per layer, or populations like 32@5+32@20",
        lambda value: _layers(value),
    ),
    "tuple[float, float]": ("two numbers", lambda value: _pair(value)),
}
"""By the type of a field: what it must be, and what turns a value into it, None where it cannot."""


def upgraded_settings(old_settings: Mapping[str, Any]) -> dict[str, Any]:
    """Convert settings that an older version kept to the spelling of this one.

    Older versions wrote 0 for None, and a bare number of validation samples meant the last ones.

    Args:
        old_settings: by field name, as in a manifest.
    """
    settings = {n: None if n in _ZERO_WAS_NONE and v == 0 else v for n, v in old_settings.items()}
    if "validation" in old_settings:
        settings["validation"] = kept_amount(old_settings["validation"])
    return settings


_ZERO_WAS_NONE = (
    *("steps", "tau_out_ms", "init_rate", "delay_stride", "margin_ms", "clip_norm"),
    *("average", "patience"),
)
"""Settings in which an older version's 0 means None."""


def example(name: str) -> Any:
    """A value of a setting's type: its default, or a number or word where that is None."""
    [option] = [candidate for candidate in fields(TrainOptions) if candidate.name == name]
    if option.default is not None and not option.metadata["auto"]:
        return option.default
    if str(option.type).startswith("str"):
        return "FILE.npz" if "Path" in str(option.type) else "NAME"
    return 1 if str(option.type).startswith("int") else 1.0


def _converted(option: Field[Any], value: Any, origin: str = "") -> Any:
    """The value in the type of its field; whole numbers pass for floats, nothing else does."""
    kind = str(option.type)
    optional = kind.endswith(" | None")
    if optional and (value is None or (isinstance(value, str) and value == OFF)):
        return None
    if option.metadata["auto"] and isinstance(value, str) and value == AUTO:
        return AUTO
    wanted, convert = _KINDS[kind.removesuffix(" | None")]
    conversion = convert(value)
    if conversion is None:
        auto = f" or {AUTO}" if option.metadata["auto"] else ""
        raise UsageError(
            f"{origin}: {option.name} must be {wanted}{auto}, not {value!r}".removeprefix(": "),
            code="setting-type",
            fix=f"write it like {json.dumps(example(option.name))}"
            + (" or 64@5+64@20" if option.name == "hidden" else ""),
        )
    return conversion


def _number(value: Any, kind: type, convert: Callable[[Any], Any]) -> Any:
    """A number, numpy's too, of Python's own type; None where it is none of that kind."""
    if isinstance(value, bool) or not isinstance(value, kind):
        return None
    return convert(value)


def _pair(value: Any) -> tuple[float, ...] | None:
    numbers = [_number(member, Real, float) for member in value] if _is_list(value) else []
    return tuple(numbers) if len(numbers) == 2 and None not in numbers else None


def _layers(value: Any) -> int | str | tuple[int | str, ...] | None:
    """Hidden layers; one in a list is that one."""
    layers = spelled_layers(value)
    return layers[0] if layers is not None and len(layers) == 1 else layers


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)


def _check_range(option: Field[Any], value: Any) -> None:
    """Raise `UsageError` where a setting is outside its field's range; NaN always is."""
    about, name = option.metadata, option.name
    if about["choices"] and value not in about["choices"]:
        raise UsageError(
            f"unknown {name} '{value}'",
            code="choice-unknown",
            fix=suggestion(str(value), about["choices"]),
        )
    if option.name == "hidden" and not isinstance(value, int):
        layers = value if isinstance(value, tuple) else (value,)
        sizes = [size for layer in layers for size in neurons_of(layer)]
        if not all(1 <= size <= about["high"] for size in sizes):
            raise _out_of_range(option, f"1 … {about['high']} in each population", str(value))
    elif isinstance(value, str):
        return
    elif isinstance(value, tuple):
        mean, spread = value
        if not (math.isfinite(mean) and 0 <= spread < math.inf):
            raise _out_of_range(option, "a mean and a spread", f"{mean} and {spread}")
    else:
        low, high = about["low"], about["high"]
        largest = sys.float_info.max if high is None else high
        if about["positive"] and not 0 < value <= largest:
            raise _out_of_range(
                option, "positive" if high is None else f"above 0, at most {high}", str(value)
            )
        if low is not None and not low <= value <= largest:
            span = f"at least {low}" if high is None else f"{low} … {high}"
            raise _out_of_range(option, span, str(value))


def _out_of_range(option: Field[Any], span: str, value: str) -> UsageError:
    off = f" or {OFF}" if str(option.type).endswith("| None") else ""
    default = OFF if option.default is None else json.dumps(option.default)
    return UsageError(
        f"{option.name} must be {span}{off}, not {value}",
        code="setting-range",
        fix=f"choose such a value; the default is {default}",
    )
