"""Validity checks for graphs of populations and projections, float or integer."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Integral
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from nmtool.arguments import NUMBER, check_fields
from nmtool.errors import NetworkError, check_type, printable
from nmtool.network.analogue import AnalogueInput
from nmtool.network.properties import Declared, Property, field_of
from nmtool.raster import MAX_COUNT

if TYPE_CHECKING:
    from nmtool.network.readout import Readout

INPUT = "input"
"""Name of the input as the source of a projection."""

LIF = "lif"
LI = "li"
KINDS = (LIF, LI)

TO_ZERO, SUBTRACT, LATE = "zero", "subtract", "late"
RESETS = (TO_ZERO, SUBTRACT, LATE)
"""What a spike does to the membrane: it becomes 0; a constant is subtracted; or the constant is
subtracted in the next step, after the decay."""

MAX_SPIKES = MAX_COUNT
"""Largest `most_spikes`, of neurons and channels: a raster counts the spikes of a bin in 8 bits."""

_TRAIN_ON = "train on from these weights: nmtool train --start RUN -o RUN2"

RESET = Property(
    "reset",
    TO_ZERO,
    "what a spike does to the membrane",
    RESETS,
    needs=("kind", (LIF,)),
    why="neurons that do not spike have no reset",
    version=2,
    extension="resets",
    remedy=f"{_TRAIN_ON} --reset {{}}, which then says what that cost",
)
RESET_BY = Property(
    "reset_by",
    None,
    "the constant that a reset subtracts",
    needs=("reset", (SUBTRACT, LATE)),
    why="a reset to zero subtracts no constant",
    version=2,
    extension="resets",
)
MOST_SPIKES = Property(
    "most_spikes",
    1,
    "the largest number of spikes of a neuron in a step",
    range(1, MAX_SPIKES + 1),
    needs=("reset", (SUBTRACT,)),
    why="only a reset that subtracts at once can leave the membrane above the threshold within a "
    "step",
    version=3,
    extension="counts",
    remedy=f"{_TRAIN_ON} --most-spikes {{}}",
)
INPUT_COUNTS = replace(
    MOST_SPIKES,
    meaning="the largest number of spikes of a channel in a step",
    needs=None,
    remedy=f"{_TRAIN_ON} --input-counts {{}}",
)
ANALOGUE = Property("analogue", None, "the rule that turned numbers into counts", version=3)

PROPERTIES = (RESET, RESET_BY, MOST_SPIKES, ANALOGUE)
"""All properties of populations and input channels; some have a name in common."""

EXTENSIONS = tuple(dict.fromkeys(("", *(p.extension for p in PROPERTIES if p.extension))))
"""The extensions of an arithmetic; each includes those before it."""

MAX_STEPS = 1 << 22
"""Largest number of steps of a sample: 70 minutes at 1 ms."""

MAX_CHANNELS = 1 << 24

MAX_POPULATIONS, MAX_PROJECTIONS = 1 << 13, 1 << 14
"""Largest numbers of populations and projections: enough for thousands of layers, or for a layer of
100 populations that all project to each other. Each of them takes a row of a table and a part of an
export."""

SHORTEST_STEP_MS = 1e-9
"""Shortest time step, with which times in steps stay finite and exact."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_SURROGATE = re.compile("[\ud800-\udfff]")


class _Population(Protocol):
    """A float or integer population. The checks of a graph use only these attributes."""

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def size(self) -> int: ...


class _Projection(Protocol):
    """A float or integer projection. The checks of a graph use only these attributes."""

    @property
    def source(self) -> str: ...
    @property
    def target(self) -> str: ...
    @property
    def shape(self) -> tuple[int, int]: ...


class Graph(Protocol):
    """Populations with a readout, such as `AnyNetwork` and the float simulator's `StepNetwork`."""

    @property
    def populations(self) -> Sequence[_Population]: ...
    @property
    def readout(self) -> Readout: ...


@dataclass(frozen=True)
class InputChannels(Declared):
    """The input channels of a network.

    >>> from nmtool import SpikeEvents, bin_events
    >>> events = SpikeEvents.from_lists([[1.0, 2.0]], [[0, 3]], [0])
    >>> channels = InputChannels(2, group=2)
    >>> bin_events(events, dt_ms=1.0, n_steps=5, group=channels.group).raster.neuron
    array([0, 1], dtype=int32)

    Attributes:
        size: number of input channels of the network.
        group: number of neighbouring channels of the data that share an input channel; 1: no
            grouping.
        most_spikes: largest number of spikes of a channel in a step, 1 … 255. With 1, a channel
            spikes or not; with more, it carries a count, by which its weights are multiplied.
        analogue: the rule that turned numbers into these counts; None: the channels carry spikes.
            `most_spikes` must be at least its largest count, and `group` 1.
    """

    label, name = "the input channels", INPUT

    size: int
    group: int = 1
    most_spikes: int = field_of(INPUT_COUNTS)
    analogue: AnalogueInput | None = field_of(ANALOGUE)

    def __post_init__(self) -> None:
        for key in ("size", "group"):
            value = getattr(self, key)
            check_fields(self, **{key: NUMBER})
            if not 1 <= value <= MAX_CHANNELS or int(value) != value:
                raise NetworkError(
                    f"the `{key}` of the input channels must be a whole number in 1 … "
                    f"{MAX_CHANNELS}",
                    code="channels-range",
                    fix="set `size` to the number of input channels, and `group` to the number of "
                    "neighbouring channels of the data that share an input channel",
                    why=f"it is {value}",
                )
            object.__setattr__(self, key, int(value))
        self.check_properties()
        if self.analogue is not None:
            self._check_analogue(self.analogue)

    def _check_analogue(self, analogue: AnalogueInput) -> None:
        """Raise `NetworkError` unless the channels can carry the counts of numbers."""
        check_type(analogue, AnalogueInput, "the analogue input", "pass AnalogueInput(scale)")
        if self.most_spikes < analogue.largest:
            raise NetworkError(
                f"an analogue input of {analogue.bits} bits has counts up to {analogue.largest}, "
                f"but the channels carry at most {self.most_spikes}",
                code="analogue-counts",
                fix=f"set most_spikes={analogue.largest}, or use fewer bits",
            )
        if self.group > 1 or self.size % analogue.channels_per_number:
            raise NetworkError(
                f"{self.size} channels with groups of {self.group} cannot carry "
                f"{'signed' if analogue.signed else 'unsigned'} numbers",
                code="analogue-channels",
                why="a group would add the counts of different numbers"
                if self.group > 1
                else "a signed number has two channels, for its positive and its negative part",
                fix="leave out the group" if self.group > 1 else "give two channels per number",
            )

    def as_json(self) -> dict[str, Any]:
        """The fields as they are stored: sizes, and properties beyond their defaults."""
        fields = {"size": self.size, "group": self.group, **self.properties}
        if self.analogue is not None:
            fields["analogue"] = self.analogue.as_json()
        return fields

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> InputChannels:
        """Make channels from the fields that `as_json` returned."""
        analogue = fields.get("analogue")
        return cls(**{**fields, "analogue": analogue and AnalogueInput(**analogue)})


def count_inputs(n_units: int, group: int) -> int:
    """Number of input channels for data of `n_units` channels in groups of `group` neighbours.

    >>> count_inputs(700, 4), count_inputs(10, 3)
    (175, 4)
    """
    return -(-n_units // group)


def check_population(name: str, kind: str, size: int) -> None:
    """Raise `NetworkError` unless name, kind and size are valid."""
    if not isinstance(name, str) or not _NAME.fullmatch(name) or name == INPUT:
        raise NetworkError(
            f"a population cannot be called '{printable(name)}'",
            code="population-name",
            fix="choose another name, e.g. hidden_1",
            why=f"a name consists of letters, digits and underscores, and '{INPUT}' is reserved",
        )
    if not isinstance(kind, str) or kind not in KINDS:
        raise NetworkError(
            f"population '{name}' has the unknown kind '{printable(kind)}'",
            code="population-kind-unknown",
            fix="use lif or li",
        )
    if not isinstance(size, Integral) or size < 1:
        raise NetworkError(
            f"population '{name}' cannot have {size!r} neurons",
            code="population-empty",
            fix="give it at least one neuron",
        )
    if size > MAX_CHANNELS:
        raise NetworkError(
            f"population '{name}' cannot have {size} neurons",
            code="population-too-large",
            fix=f"give it at most {MAX_CHANNELS} neurons",
        )


def check_extent(populations: Sequence[object], projections: Sequence[object]) -> None:
    """Raise `NetworkError` if a network has too many populations or projections."""
    for parts, name, most in (
        (populations, "populations", MAX_POPULATIONS),
        (projections, "projections", MAX_PROJECTIONS),
    ):
        if len(parts) > most:
            raise NetworkError(
                f"the network has {len(parts):,} {name}, but at most {most:,} are possible",
                code="network-extent",
                fix="put neurons with the same connections and time constants into one population",
            )


def check_graph(
    channels: InputChannels,
    populations: Sequence[_Population],
    projections: Sequence[_Projection],
) -> None:
    """Raise `NetworkError` unless every projection connects populations of matching sizes."""
    check_type(channels, InputChannels, "the input of a network", "pass InputChannels(size)")
    check_extent(populations, projections)
    sizes = {INPUT: channels.size}
    for population in populations:
        if population.name in sizes:
            raise NetworkError(
                f"two populations are called '{population.name}'",
                code="population-twice",
                fix="give each a different name",
            )
        sizes[population.name] = population.size
    silent = {population.name for population in populations if population.kind == LI}
    for projection in projections:
        _check_projection(projection, sizes, silent)


def _check_projection(projection: _Projection, sizes: dict[str, int], silent: set[str]) -> None:
    """Raise `NetworkError` unless both ends of a projection exist and fit its weights."""
    source, target = projection.source, projection.target
    label = f"projection {source} → {target}"
    for end in (source, target):
        if end not in sizes:
            raise NetworkError(
                f"{label}: there is no population '{end}'",
                code="population-unknown",
                fix="name one of the network's populations, or input",
            )
    if target == INPUT:
        raise NetworkError(
            f"{label}: a projection cannot end at the input",
            code="projection-into-input",
            fix="let it end at a population",
        )
    if source in silent:
        raise NetworkError(
            f"{label}: '{source}' is a non-spiking li population and sends no spikes",
            code="projection-from-li",
            fix="let it begin at a lif population, or at the input",
        )
    if projection.shape != (sizes[source], sizes[target]):
        raise NetworkError(
            f"{label}: the weights have shape {projection.shape}, but the populations need "
            f"{(sizes[source], sizes[target])} (pre, post)",
            code="projection-shape",
            fix="give one row per source neuron and one column per target neuron",
        )


_AnyPopulation = TypeVar("_AnyPopulation", bound=_Population)


def by_name(populations: Sequence[_AnyPopulation], name: str) -> _AnyPopulation:
    """The population of a name; raises `NetworkError` if no population has it."""
    for population in populations:
        if population.name == name:
            return population
    names = ", ".join(population.name for population in populations)
    raise NetworkError(
        f"there is no population '{name}'",
        code="population-unknown",
        fix=f"use one of {names}" if names else "",
    )


def check_timing(dt_ms: float, n_steps: int) -> None:
    """Raise `NetworkError` unless there is at least one step of positive length."""
    NUMBER.check("dt_ms", dt_ms)
    if not (math.isfinite(dt_ms) and dt_ms > 0):
        raise NetworkError(
            f"the time step must be a positive number of ms, not {dt_ms}",
            code="time-step-range",
            fix="give its length in ms, e.g. dt_ms=1.0",
        )
    if dt_ms < SHORTEST_STEP_MS:
        raise NetworkError(
            f"a time step of {dt_ms} ms is shorter than {SHORTEST_STEP_MS} ms, the shortest that "
            "nmtool allows",
            code="time-step-short",
            fix="use a longer time step; dt_ms is in ms, not in seconds",
        )
    if not isinstance(n_steps, Integral) or not 1 <= n_steps <= MAX_STEPS:
        raise NetworkError(
            f"a sample must have 1 … {MAX_STEPS} steps, not {n_steps}",
            code="steps-range",
            fix="give the length of the samples in steps",
        )


def check_readout(
    readout: Readout, populations: Sequence[_Population], class_names: Sequence[str]
) -> tuple[str, ...]:
    """Return the class names, by default numbers; raise `NetworkError` for a wrong readout."""
    population = by_name(populations, readout.population)
    if population.kind != readout.kind:
        raise NetworkError(
            f"the readout '{readout.rule}' needs a {readout.kind} population, but "
            f"'{population.name}' is a {population.kind} population",
            code="readout-kind",
            fix="choose a readout that fits the population: first_spike for lif, the others for li",
        )
    names = tuple(str(name) for name in class_names) or tuple(map(str, range(population.size)))
    for index, name in enumerate(names):
        if not is_unicode(name):
            raise NetworkError(
                f"the name of class {index}, {name!a}, is not valid text",
                code="class-names-not-text",
                fix="give it another name",
                why="it contains half of a surrogate pair",
            )
    if len(names) != population.size:
        raise NetworkError(
            f"there are {len(names)} class names for the {population.size} neurons of "
            f"'{population.name}'",
            code="class-names-count",
            fix="give one name per output neuron, or none",
        )
    return names


def is_unicode(text: str) -> bool:
    """True for text that can be encoded as UTF-8; Python's strings may have lone surrogates."""
    return _SURROGATE.search(text) is None


def strongly_connected(names: Sequence[str], edges: Iterable[tuple[str, str]]) -> list[list[str]]:
    """Strongly connected components of the graph of populations, in feed-forward order.

    A component of one population may be recurrent or not. Kosaraju's algorithm.
    """
    names = list(names)
    place = {name: number for number, name in enumerate(names)}
    forward: dict[str, list[str]] = {name: [] for name in names}
    backward: dict[str, list[str]] = {name: [] for name in names}
    for source, target in edges:
        if source in forward:
            forward[source].append(target)
            backward[target].append(source)
    seen, placed = set[str](), set[str]()
    finished = [node for name in names for node in _depth_first(name, forward, seen)]
    groups = [_depth_first(name, backward, placed) for name in reversed(finished)]
    return [sorted(group, key=place.__getitem__) for group in groups if group]


def _depth_first(name: str, neighbours: Mapping[str, Sequence[str]], seen: set[str]) -> list[str]:
    """Names in the order in which a depth-first search finishes them, except names in `seen`."""
    finished: list[str] = []
    path = [] if name in seen else [(name, iter(neighbours[name]))]
    seen.add(name)
    while path:
        near = next((node for node in path[-1][1] if node not in seen), None)
        if near is None:
            finished.append(path.pop()[0])
        else:
            seen.add(near)
            path.append((near, iter(neighbours[near])))
    return finished
