"""Everything a training run can be told, with its default and what it means.

The command line, configuration files and the run's manifest are all made from this one class.
Weights are in the paper's units (independent of the time step), delays in steps.
"""

from __future__ import annotations

import json
import math
import sys
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from nmtool.data import default_steps
from nmtool.data.dataset import VALIDATION_SAMPLES, nearest
from nmtool.errors import UsageError
from nmtool.graph import MAX_CHANNELS, MAX_STEPS
from nmtool.quantisation import DelayGrid
from nmtool.readout import FIRST_SPIKE, RULES
from nmtool.targets import LOIHI2, MAX_TRAINED_DELAY, TARGETS
from nmtool.training.recipes import read_settings


def _option(default: Any, text: str, **more: Any) -> Any:
    return field(default=default, metadata={"help": text, **more})


ARITHMETICS = ("float", "integer")
"""What the forward pass computes in."""

SCHEDULES = ("cosine", "linear", "constant")
"""What learning rates do once risen: fall to 0, by half a cosine or in a line, or stay."""


SHAPE = (
    *("hidden", "layers", "recurrent", "readout", "dt_ms", "steps", "group"),
    *("tau_mem_ms", "tau_syn_ms", "tau_out_ms"),
)
"""Settings that decide what the network is: a run that starts from another leaves them alone."""


@dataclass(frozen=True)
class TrainOptions:
    """Settings of a run; see each field's help."""

    hidden: int = _option(256, "neurons of each hidden layer; 0 joins input and output directly")
    layers: int = _option(1, "hidden layers")
    recurrent: bool = _option(True, "synapses within each hidden layer")
    readout: str = _option("weighted", "how output activity becomes scores", choices=RULES)

    dt_ms: float = _option(1.0, "length of a time step in ms")
    steps: int = _option(0, "steps of a sample; 0 covers one second")
    group: int = _option(1, "neighbouring channels of the data that share an input")
    tau_mem_ms: float = _option(20.0, "membrane time constant in ms")
    tau_syn_ms: float = _option(10.0, "synaptic time constant in ms")
    tau_out_ms: float = _option(0.0, "membrane time constant of the output in ms; 0: tau_mem_ms")

    train_delays: bool = _option(True, "learn the delays too")
    max_delay: int = _option(
        LOIHI2.max_delay,
        f"largest delay in steps; the chip holds {LOIHI2.max_delay}; finetune cuts delays that are "
        "longer",
    )
    init_delay_input: int = _option(
        LOIHI2.max_delay,
        "input delays start uniform in 0 … this many steps, as far as delays may reach",
    )
    init_delay_hidden: int = _option(LOIHI2.max_delay, "delays between hidden layers, likewise")
    init_delay_recurrent: int = _option(0, "recurrent delays, likewise")
    init_delay_output: int = _option(0, "delays into the output, likewise")
    init_input: tuple[float, float] = _option((0.02, 0.05), "mean and spread of input weights")
    init_hidden: tuple[float, float] = _option(
        (0.02, 0.03), "mean and spread of weights between hidden layers"
    )
    init_recurrent: tuple[float, float] = _option(
        (0.0, 0.02), "mean and spread of recurrent weights"
    )
    init_output: tuple[float, float] = _option((0.0, 0.03), "mean and spread of output weights")

    init_rate: float = _option(
        3.0,
        "scale initial weights until hidden neurons spike this often per sample, and give those "
        "into outputs that spike (first_spike) the mean that makes them do so; 0: do not",
    )

    arithmetic: str = _option(
        "float",
        "forward pass in floats, or in the integers that the chip will run",
        choices=ARITHMETICS,
    )
    target: str = _option(
        LOIHI2.name, "integers: the chip that is to run them", choices=tuple(TARGETS)
    )
    weight_bits: int = _option(8, "integers: bits of a weight, 2 … 8")
    delay_bits: int = _option(6, "integers: bits of a delay, 1 … 6")
    delay_stride: int = _option(
        0,
        "integers: steps from one delay to the next, as far as the bits and max_delay reach; "
        "0: what comes nearest to all up to max_delay",
    )

    epochs: int = _option(30, "passes over the training samples")
    batch_size: int = _option(32, "samples per update")
    lr: float = _option(0.01, "learning rate of weights (Adam)")
    delay_lr: float = _option(3.0, "learning rate of delays in steps (Adam)")
    warmup: float = _option(0.05, "share of the updates over which learning rates rise from 0")
    schedule: str = _option(
        "cosine",
        "learning rates after the warm-up: half a cosine down to 0, a line down to 0, or constant",
        choices=SCHEDULES,
    )
    gain: float = _option(200.0, "scores are multiplied by this before the softmax")
    margin_ms: float = _option(
        0.0, "first_spike: squared margin loss of this many ms; 0 takes cross-entropy"
    )
    rate: float = _option(10.0, "firing-rate target of hidden neurons, spikes per sample")
    rate_strength: float = _option(1e-4, "strength of the firing-rate regulariser; 0 is off")
    rescue: float = _option(0.002, "added to all weights into a neuron silent for an epoch")
    clip_norm: float = _option(
        0.0, "largest norm of all weights' gradients, and of all delays'; 0: as they are"
    )
    weight_decay: float = _option(
        0.0, "decoupled decay (AdamW): an update shrinks weights by lr times this share; 0 is off"
    )
    average: float = _option(
        0.0,
        "share that an update leaves of the running mean of all weights and delays, which then is "
        "the network that is validated and kept, e.g. 0.995; 0 keeps none",
    )
    judge_epochs: int = _option(
        1,
        "the best epoch, which is kept, is the one with the best mean validation accuracy over so "
        "many epochs up to it",
    )
    patience: int = _option(
        0, "stop when so many epochs in a row have not been better than the best; 0: do not"
    )

    sparsity: float = _option(
        0.0,
        "share of each projection's synapses to remove, the weakest, between 20 and 80 percent "
        "of the updates; only epochs after that can be the best one, which is kept; 0 is off",
    )
    delay_sparsity: float = _option(
        0.0,
        "share of each projection's synapses that give up their delay, the shortest, likewise; "
        "0 is off",
    )

    shift: int = _option(0, "augmentation: shift channels by up to this many units of the data")
    stretch: float = _option(0.0, "augmentation: stretch time by up to this share")
    onset_ms: float = _option(0.0, "augmentation: samples start up to this many ms sooner or later")
    jitter_ms: float = _option(
        0.0, "augmentation: standard deviation of every event's own move in time, in ms"
    )
    drop: float = _option(0.0, "augmentation: lose up to this share of a sample's events")
    blend: float = _option(
        0.0,
        "augmentation: share of the samples replaced by a blend of two of their class and batch",
    )

    validation: int = _option(
        VALIDATION_SAMPLES,
        "the last so many training samples validate, unless the data set has a split for it",
    )
    seed: int = _option(0, "decides everything that is random")

    def __post_init__(self) -> None:
        self._check_numbers()
        for name, known in _WORDS.items():
            value = getattr(self, name)
            if value not in known:
                raise UsageError(
                    f"unknown {name} '{value}'",
                    code="choice-unknown",
                    fix=f"use one of {', '.join(known)}",
                )
        self._check_bits()
        for name in ("input", "hidden", "recurrent", "output"):
            if getattr(self, f"init_delay_{name}") > self.max_delay:
                object.__setattr__(self, f"init_delay_{name}", self.max_delay)
        if self.margin_ms and self.readout != FIRST_SPIKE:
            raise UsageError(
                f"margin_ms is a loss on first spikes, not on '{self.readout}'",
                code="margin-without-first-spike",
                fix=f"choose the read-out {FIRST_SPIKE}, or leave margin_ms at 0",
            )

    def _check_numbers(self) -> None:
        """Comparisons are such that NaN fails them."""
        for name, smallest in _SMALLEST.items():
            value, largest = getattr(self, name), _LARGEST.get(name, sys.float_info.max)
            if not smallest <= value <= largest:
                span = f"{smallest} … {largest}" if name in _LARGEST else f"at least {smallest}"
                raise _out_of_range(name, span, str(value))
        for name in _POSITIVE:
            if not getattr(self, name) > 0:
                raise _out_of_range(name, "positive", str(getattr(self, name)))
        for name in _DRAWS:
            mean, spread = getattr(self, name)
            if not (math.isfinite(mean) and 0 <= spread < math.inf):
                raise _out_of_range(name, "a mean and a spread", f"{mean} and {spread}")

    def _check_bits(self) -> None:
        """Integers hold what the chip holds."""
        longest = TARGETS[self.target].max_delay
        if self.arithmetic == "integer" and self.max_delay > longest:
            raise UsageError(
                f"max_delay is {self.max_delay} steps, the chip holds {longest}",
                code="max-delay-beyond-chip",
                fix=f"--max-delay {longest}, to which finetune cuts longer delays; in a new run, "
                "a longer time step (dt_ms) reaches as far with fewer steps",
            )

    @property
    def delay_grid(self) -> DelayGrid:
        """The delays that a run in integers holds, none beyond `max_delay`."""
        target = TARGETS[self.target]
        limit = min(self.max_delay, target.max_delay)
        if not self.delay_stride:
            return DelayGrid.spanning(self.delay_bits, limit, limit, target)
        return DelayGrid(self.delay_bits, self.delay_stride, limit, target)

    @property
    def longest_delay(self) -> int:
        """Steps of the longest delay that runs."""
        return self.delay_grid.longest if self.arithmetic == "integer" else self.max_delay

    @property
    def n_steps(self) -> int:
        """Steps of a sample."""
        return self.steps or default_steps(self.dt_ms)

    @classmethod
    def from_file(cls, source: str | Path) -> TrainOptions:
        """The settings of a recipe or of a TOML file, on top of the defaults.

        Args:
            source: name of a recipe; a file, where it is a `Path`, ends in .toml or names a folder.

        Raises:
            UsageError: the recipe or file is unknown, damaged or holds a setting that is wrong.
        """
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
        converted = {
            name: _converted(name, value, getattr(self, name), origin)
            for name, value in settings.items()
        }
        return replace(self, **converted)


_SMALLEST = {
    "hidden": 0,
    "layers": 1,
    "steps": 0,
    "group": 1,
    "max_delay": 0,
    "init_delay_input": 0,
    "init_delay_hidden": 0,
    "init_delay_recurrent": 0,
    "init_delay_output": 0,
    "tau_out_ms": 0,
    "init_rate": 0,
    "weight_bits": 2,
    "delay_bits": 1,
    "delay_stride": 0,
    "epochs": 1,
    "batch_size": 1,
    "lr": 0,
    "delay_lr": 0,
    "warmup": 0,
    "margin_ms": 0,
    "rate": 0,
    "rate_strength": 0,
    "rescue": 0,
    "clip_norm": 0,
    "weight_decay": 0,
    "average": 0,
    "judge_epochs": 1,
    "patience": 0,
    "sparsity": 0,
    "delay_sparsity": 0,
    "shift": 0,
    "stretch": 0,
    "onset_ms": 0,
    "jitter_ms": 0,
    "drop": 0,
    "blend": 0,
    "validation": 0,
    "seed": 0,
}
_LARGEST = {
    "hidden": 1 << 20,
    "layers": 1 << 10,
    "steps": MAX_STEPS,
    "group": MAX_CHANNELS,
    "epochs": 1 << 30,
    "batch_size": 1 << 24,
    "seed": (1 << 63) - 1,
    "max_delay": MAX_TRAINED_DELAY,
    "weight_bits": LOIHI2.weight_bits[-1],
    "delay_bits": LOIHI2.delay_bits[-1],
    "delay_stride": LOIHI2.max_delay,
    "warmup": 1,
    "average": 1,
    "sparsity": 1,
    "delay_sparsity": 1,
    "stretch": 1,
    "onset_ms": 1000,
    "jitter_ms": 1000,
    "drop": 1,
    "blend": 1,
}
_WORDS = {"readout": RULES, "arithmetic": ARITHMETICS, "schedule": SCHEDULES, "target": TARGETS}
_POSITIVE = ("dt_ms", "tau_mem_ms", "tau_syn_ms", "gain")
_DRAWS = ("init_input", "init_hidden", "init_recurrent", "init_output")


def _out_of_range(name: str, span: str, value: str) -> UsageError:
    return UsageError(
        f"{name} must be {span}, not {value}",
        code="setting-range",
        fix=f"choose such a value; the default is {json.dumps(getattr(TrainOptions, name))}",
    )


def _converted(name: str, value: Any, default: Any, origin: str) -> Any:
    """The value in the type of the default; whole numbers pass for floats, nothing else does."""
    if isinstance(default, tuple):
        pair = list(value) if isinstance(value, list | tuple) else []
        if len(pair) == len(default) and all(_is_number(x) for x in pair):
            return tuple(float(x) for x in pair)
    elif isinstance(default, float) and _is_number(value):
        return float(value)
    elif type(value) is type(default):
        return value
    kind = "two numbers" if isinstance(default, tuple) else type(default).__name__
    raise UsageError(
        f"{origin}: {name} must be {kind}, not {value!r}",
        code="setting-type",
        fix=f"write it like {json.dumps(default)}",
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
