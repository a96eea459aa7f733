"""Networks, populations and projections, whether in floats or in a chip's integers.

`float_network.py` and `integer_network.py` add the constants and number types that differ.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from nmtool import storage
from nmtool.arguments import LIST, NAMES, Kind, check_all, check_fields
from nmtool.description import (
    describe_network,
    describe_population,
    describe_projection,
    network_line,
    projection_line,
    table_of,
    tables_of,
)
from nmtool.errors import NetworkError
from nmtool.network import graph
from nmtool.network.graph import EXTENSIONS, MOST_SPIKES, RESET, RESET_BY, InputChannels
from nmtool.network.properties import Declared, Property, field_of
from nmtool.network.readout import Readout
from nmtool.storage import Saved
from nmtool.tables import Table, Tabular
from nmtool.values import Value, plain_array

if TYPE_CHECKING:
    from nmtool.data.binning import Binned
    from nmtool.data.events import SpikeEvents


@dataclass(frozen=True, eq=False, repr=False)
class AnyPopulation(Value, Tabular, Declared):
    """Neurons of one kind, with float or integer constants.

    Attributes:
        in_header, in_arrays: names of the constants that a file stores in its header, and in
            arrays.
        described: names of the constants that a description lists.
        name, size, kind, reset, reset_by, most_spikes: as in `nmtool.Population`.
    """

    in_header: ClassVar[tuple[str, ...]] = ()
    in_arrays: ClassVar[tuple[str, ...]] = ()
    described: ClassVar[tuple[str, ...]] = ()
    label = "population '{}'"

    name: str
    size: int
    kind: str
    _: KW_ONLY
    reset: str = field_of(RESET)
    reset_by: Any = field_of(RESET_BY)
    most_spikes: int = field_of(MOST_SPIKES)

    def _line(self) -> str:
        return f" '{self.name}': {self.size} {self.kind}"

    def tables(self) -> list[Table]:
        """A table of the neurons' constants."""
        return [table_of("population", [describe_population(self, self.properties)])]

    def _pack(self) -> tuple[dict[str, Any], dict[str, NDArray]]:
        """Header and arrays of a file, by field; properties at their defaults are left out."""
        keys = (*self.in_header, *self.in_arrays, *self.properties)
        values = {key: getattr(self, key) for key in keys}
        arrays = {key: value for key, value in values.items() if isinstance(value, np.ndarray)}
        header = {key: value for key, value in values.items() if key not in arrays}
        return {"name": self.name, "size": int(self.size), "kind": self.kind, **header}, arrays

    def _per_neuron(self, key: str, dtype: DTypeLike | None = None) -> NDArray:
        """[size]: a constant of every neuron; raises `NetworkError` for another shape."""
        value = plain_array(getattr(self, key), dtype)
        if value.shape not in ((), (self.size,)):
            raise NetworkError(
                f"population '{self.name}': {key} has shape {value.shape}, not ({self.size},)",
                code="constants-shape",
                fix="give one number, or one per neuron",
            )
        return np.broadcast_to(value, (self.size,))


@dataclass(frozen=True, eq=False, repr=False)
class AnyProjection(Value, Tabular):
    """Synapses from one population (or the input) to another, in floats or integers.

    Attributes:
        in_header, described: as in `AnyPopulation`.
        source, target, weight, delay: as in `nmtool.Projection`.
    """

    in_header: ClassVar[tuple[str, ...]] = ()
    described: ClassVar[tuple[str, ...]] = ()

    source: str
    target: str
    weight: NDArray
    delay: NDArray

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {projection_line(self)}>"

    def tables(self) -> list[Table]:
        """A table of the ranges of weights and delays."""
        return [table_of("projection", [describe_projection(self)])]

    @property
    def shape(self) -> tuple[int, int]:
        """Number of source neurons and number of target neurons: (pre, post)."""
        return self.weight.shape[0], self.weight.shape[1]

    @property
    def _label(self) -> str:
        """Name of the projection for messages."""
        return f"projection {self.source} → {self.target}"

    @staticmethod
    def _weight_in(archive: storage.Archive, name: str) -> NDArray:
        """The weights in an array of an archive."""
        return archive.array(name)

    def _check_shapes(self, weight: NDArray, delay: NDArray) -> None:
        if weight.ndim != 2 or delay.shape != weight.shape:
            raise NetworkError(
                f"{self._label}: weights {weight.shape} and delays {delay.shape} are not two "
                "arrays of one shape (pre, post)",
                code="weights-delays-shape",
                fix="give both as [pre, post]",
            )


@dataclass(frozen=True, eq=False, repr=False)
class AnyNetwork(Value, Tabular, Saved):
    """Populations, and the projections between them, in floats or integers.

    Attributes:
        part_types: classes of populations and of projections.
        in_header: names of further fields in the header of a file, besides those of all networks.
        channels, populations, projections, readout, dt_ms, n_steps, class_names: as in
            `nmtool.Network`.
    """

    file_version = max(declared.version for declared in graph.PROPERTIES)
    part_types: ClassVar[tuple[type[AnyPopulation], type[AnyProjection]]]
    in_header: ClassVar[tuple[str, ...]] = ()

    channels: InputChannels
    populations: Sequence[AnyPopulation]
    projections: Sequence[AnyProjection]
    readout: Readout
    dt_ms: float
    n_steps: int
    class_names: Sequence[str] = field(default=())

    def __post_init__(self) -> None:
        for key, kind in zip(("populations", "projections"), self.part_types, strict=True):
            check_fields(self, **{key: LIST})
            object.__setattr__(self, key, tuple(getattr(self, key)))
            fix = f"pass {kind.__name__}s in a list"
            check_all(key, getattr(self, key), Kind((kind,), fix))
        check_fields(self, readout=Kind((Readout,), "pass a Readout"), class_names=NAMES)
        self._check_arithmetic()
        graph.check_graph(self.channels, self.populations, self.projections)
        graph.check_timing(self.dt_ms, self.n_steps)
        names = graph.check_readout(self.readout, self.populations, self.class_names)
        object.__setattr__(self, "class_names", names)

    def _check_arithmetic(self) -> None:
        """Raise `NetworkError` unless all parts have the network's arithmetic."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {network_line(self)}>"

    def tables(self) -> list[Table]:
        """Tables of everything about the network except its individual synapses."""
        content = self.as_json()
        return tables_of(content["kind"], content)

    def as_json(self) -> dict[str, Any]:
        """Everything about the network except its individual synapses, as plain values for JSON."""
        return describe_network(self)

    @property
    def arithmetic(self) -> str:
        """Name of the arithmetic that the network runs in; `float` for real numbers."""
        return "float"

    @property
    def properties(self) -> dict[str, Property]:
        """The declarations of the properties that are not at their defaults everywhere, by name."""
        parts = (self.channels, *self.populations)
        return {name: part.declared()[name] for part in parts for name in part.properties}

    @property
    def extension(self) -> str:
        """The extension of the arithmetic that the network needs, of `graph.EXTENSIONS`."""
        extensions = (declared.extension for declared in self.properties.values())
        return max(extensions, key=EXTENSIONS.index, default="")

    @property
    def has_counts(self) -> bool:
        """True if a neuron can spike, or a channel carry, more than one spike per step."""
        return MOST_SPIKES.name in self.properties

    @property
    def spike_limits(self) -> dict[str, int]:
        """Largest number of spikes of a neuron in a step, by source; of a channel for `input`."""
        limits = {population.name: population.most_spikes for population in self.populations}
        return {graph.INPUT: self.channels.most_spikes, **limits}

    @property
    def max_delay(self) -> int:
        """Largest delay of any synapse, in steps."""
        return max((int(p.delay.max(initial=0)) for p in self.projections), default=0)

    def bin(self, events: SpikeEvents) -> Binned:
        """Bin events to the network's steps and channels; drop events after the last step.

        Raises:
            UsageError: the events are counts of numbers in another scale than the network's.
        """
        from nmtool.data.binning import bin_events
        from nmtool.data.fit import check_analogue

        check_analogue(self, events)
        channels = self.channels
        return bin_events(
            events, self.dt_ms, self.n_steps, channels.group, most_spikes=channels.most_spikes
        )

    @property
    def content_hash(self) -> str:
        """SHA-256 of the whole network, in hexadecimal."""
        return storage.content_hash(*self._pack())

    def _pack(self) -> tuple[dict[str, Any], dict[str, NDArray]]:
        populations = {p.name: p._pack() for p in self.populations}
        header = {
            "channels": self.channels.as_json(),
            "readout": self.readout.as_json(),
            "dt_ms": float(self.dt_ms),
            "n_steps": int(self.n_steps),
            "class_names": list(self.class_names),
            "populations": [entry for entry, _ in populations.values()],
            "projections": [
                {"source": p.source, "target": p.target, **_values(p)} for p in self.projections
            ],
            **_values(self),
        }
        arrays: dict[str, NDArray] = {}
        for name, (_, constants) in populations.items():
            arrays |= {f"population.{name}.{key}": array for key, array in constants.items()}
        for index, projection in enumerate(self.projections):
            arrays[f"projection.{index}.weight"] = projection.weight
            arrays[f"projection.{index}.delay"] = projection.delay
        return header, arrays

    def _version(self) -> int:
        return max((declared.version for declared in self.properties.values()), default=1)

    @classmethod
    def _fields_in(cls, archive: storage.Archive, **of_parts: Any) -> dict[str, Any]:
        """The values of all fields that float and integer networks share, from an archive.

        Args:
            archive: header and arrays that `_pack` made.
            of_parts: fields with one value in all populations and projections.
        """
        header = archive.header
        graph.check_extent(header["populations"], header["projections"])
        population_type, projection_type = cls.part_types

        def in_arrays(name: str, size: int) -> dict[str, Any]:
            """Values of the fields of a population that are stored in arrays."""
            stem = f"population.{name}."
            properties = [key for key in population_type.declared() if stem + key in archive.arrays]
            keys = (*population_type.in_arrays, *properties)
            return {key: archive.vector(stem + key, size) for key in keys}

        return {
            "channels": InputChannels.from_json(header["channels"]),
            "readout": Readout(**header["readout"]),
            "dt_ms": float(header["dt_ms"]),
            "n_steps": operator.index(header["n_steps"]),
            "class_names": tuple(header["class_names"]),
            "populations": [
                population_type(**entry, **of_parts, **in_arrays(entry["name"], entry["size"]))
                for entry in header["populations"]
            ],
            "projections": [
                projection_type(
                    **entry,
                    **of_parts,
                    weight=projection_type._weight_in(archive, f"projection.{index}.weight"),
                    delay=archive.array(f"projection.{index}.delay"),
                )
                for index, entry in enumerate(header["projections"])
            ],
        }


def _values(part: AnyNetwork | AnyProjection) -> dict[str, Any]:
    """Values of the fields of a part that a file stores in its header."""
    return {key: getattr(part, key) for key in part.in_header}
