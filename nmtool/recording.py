"""`Recording`: spikes and membranes of a simulation, in the same form for every backend."""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nmtool.description import describe_recording, tables_of
from nmtool.errors import DataError, visible
from nmtool.network import readout as readout_rules
from nmtool.network.graph import LIF, MAX_CHANNELS, MAX_STEPS, Graph
from nmtool.network.readout import Readout
from nmtool.raster import Raster
from nmtool.storage import Archive, Saved
from nmtool.tables import Table, Tabular, counted
from nmtool.values import Value, frozen, read_only_by_name

if TYPE_CHECKING:
    from nmtool.network.any_network import AnyNetwork

_MAX_SAMPLES = 1 << 22


@dataclass(frozen=True, eq=False, repr=False)
class Recording(Value, Tabular, Saved):
    """Spikes and membranes of a simulation.

    >>> import nmtool as nm
    >>> network = nm.round_network(nm.Network.layers([5, 8, 3])).network
    >>> recording = nm.simulate(network, Raster.from_dense(np.eye(5)[None]))
    >>> recording.spikes["hidden"].n_neurons, recording.membrane["output"].shape
    (8, (1, 5, 3))
    >>> recording.predictions
    array([0])

    Attributes:
        readout: the output population, and the rule that turns its activity into scores.
        spikes: per spiking population, its raster over all samples.
        membrane: per non-spiking population [samples, steps, neurons], v after each step;
            int32 from integer backends, float from float backends.
        current: in deep recordings, per population [samples, steps, neurons] u of each step.
        potential: in deep recordings, per spiking population v of each step, after a reset.
        counts: totals over all samples, for instance `synaptic_events`.

    The arrays are read-only; arrays that other code could still write to are copied.
    """

    file_kind = "nmtool recording"
    file_version = 2
    free_bytes = 512 << 20  # Membranes of a silent network compress a thousandfold.

    readout: Readout
    spikes: Mapping[str, Raster]
    membrane: Mapping[str, NDArray]
    current: Mapping[str, NDArray] = field(default_factory=dict)
    potential: Mapping[str, NDArray] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for group in _DENSE:
            object.__setattr__(self, group, read_only_by_name(getattr(self, group)))

    def __repr__(self) -> str:
        parts = [
            f"{name} {counted(raster.n_spikes, 'spike')}" for name, raster in self.spikes.items()
        ]
        parts += [f"{name} membranes" for name in self.membrane]
        samples = counted(self.n_samples, "sample")
        return visible(f"<Recording: {samples}, {', '.join(parts)}>")

    def tables(self) -> list[Table]:
        """A table with the spikes and membranes of each population."""
        return tables_of("recording", describe_recording(self))

    @classmethod
    def of(
        cls,
        network: Graph,
        spikes: Mapping[str, Raster],
        v: Mapping[str, NDArray],
        u: Mapping[str, NDArray] | None = None,
        counts: Mapping[str, int] | None = None,
    ) -> Recording:
        """Make a recording. v of spiking populations becomes `potential`, other v `membrane`.

        Args:
            network: the network that was recorded.
            spikes: per spiking population, its raster.
            v: v after each step, by population; of spiking populations only in deep recordings.
            u: u of each step, by population; only in deep recordings.
            counts: totals over all samples.
        """
        spiking = {p.name for p in network.populations if p.kind == LIF}
        membrane = {name: values for name, values in v.items() if name not in spiking}
        potential = {name: values for name, values in v.items() if name in spiking}
        return cls(network.readout, spikes, membrane, u or {}, potential, counts or {})

    @property
    def v(self) -> dict[str, NDArray]:
        """v after each step, by population, for populations whose v was recorded."""
        return {**self.potential, **self.membrane}

    def with_states(self, change: Callable[[str, str, NDArray], NDArray]) -> Recording:
        """Copy the recording, and replace its membranes, u and v by the results of a function.

        Args:
            change: called with a group (`membrane`, `current` or `potential`), the name of a
                population and its values; returns the new values.
        """
        groups = {
            group: {name: change(group, name, v) for name, v in getattr(self, group).items()}
            for group in _DENSE
        }
        return Recording(self.readout, self.spikes, counts=self.counts, **groups)

    def only(self, names: Collection[str]) -> Recording:
        """A recording that contains only the named populations, and no counts."""
        groups = {
            group: {name: v for name, v in getattr(self, group).items() if name in names}
            for group in ("spikes", *_DENSE)
        }
        return Recording(self.readout, **groups)

    def take(self, samples: Sequence[int] | NDArray[np.integer]) -> Recording:
        """The given samples of the recording, in the given order, without counts."""
        spikes = {name: raster.take(samples) for name, raster in self.spikes.items()}
        taken = replace(self, spikes=spikes, counts={})
        return taken.with_states(lambda group, name, values: values[samples])

    @property
    def n_samples(self) -> int:
        """Number of recorded samples."""
        if self.spikes:
            return next(iter(self.spikes.values())).n_samples
        return len(next(iter(self.membrane.values())))

    @property
    def scores(self) -> NDArray[np.float64]:
        """[samples, classes] float64: scores by the readout's rule."""
        name = self.readout.population
        if self.readout.kind == LIF:
            return readout_rules.spike_scores(self.spikes[name], self.readout)
        return readout_rules.membrane_scores(self.membrane[name], self.readout)

    @property
    def predictions(self) -> NDArray[np.int64]:
        """[samples] int64: the predicted class of every sample."""
        return readout_rules.predict(self.scores)

    def accuracy(self, labels: NDArray[np.integer]) -> float:
        """Share of samples whose prediction equals the label ([samples] integers)."""
        return float((self.predictions == labels).mean())

    def _version(self) -> int:
        # Readers of version 1 would ignore the counts.
        return 2 if any(raster.count is not None for raster in self.spikes.values()) else 1

    def _pack(self) -> tuple[dict[str, Any], dict[str, NDArray]]:
        header = {
            "readout": self.readout.as_json(),
            "spikes": {n: [int(r.n_steps), int(r.n_neurons)] for n, r in self.spikes.items()},
            "dense": {group: list(getattr(self, group)) for group in _DENSE},
            "counts": {name: int(count) for name, count in self.counts.items()},
        }
        arrays = {
            f"spikes.{name}.{key}": array
            for name, raster in self.spikes.items()
            for key, array in stored_raster(raster).items()
        }
        for group in _DENSE:
            arrays |= {f"{group}.{name}": array for name, array in getattr(self, group).items()}
        return header, arrays

    @classmethod
    def _unpack(cls, archive: Archive) -> Recording:
        header = archive.header
        spikes = {
            name: read_raster(archive, name, *shape) for name, shape in header["spikes"].items()
        }
        dense = {
            group: {n: frozen(archive.array(f"{group}.{n}")) for n in header["dense"][group]}
            for group in _DENSE
        }
        counts = {name: operator.index(count) for name, count in header["counts"].items()}
        recording = cls(Readout(**header["readout"]), spikes, counts=counts, **dense)
        _check(recording)
        return recording

    @classmethod
    def concatenate(cls, recordings: Sequence[Recording]) -> Recording:
        """Join recordings of the same network, sample after sample."""
        first = recordings[0]
        if len(recordings) == 1:
            return first
        dense = {
            group: {
                name: frozen(np.concatenate([getattr(r, group)[name] for r in recordings]))
                for name in getattr(first, group)
            }
            for group in _DENSE
        }
        spikes = {
            name: Raster.concatenate([r.spikes[name] for r in recordings]) for name in first.spikes
        }
        counts = {name: sum(r.counts[name] for r in recordings) for name in first.counts}
        return cls(first.readout, spikes, counts=counts, **dense)


_DENSE = ("membrane", "current", "potential")


def stored_raster(raster: Raster) -> dict[str, NDArray]:
    """The arrays of a raster by name, as files store them: `count` only where it is needed."""
    arrays = {key: getattr(raster, key) for key in ("offset", "step", "neuron", "count")}
    return {key: array for key, array in arrays.items() if array is not None}


def read_raster(archive: Archive, name: str, n_steps: int, n_neurons: int) -> Raster:
    """Read a population's spikes from an archive.

    Raises:
        ValueError: there are too many samples, steps or neurons.
    """
    offset, step, neuron = (
        frozen(archive.array(f"spikes.{name}.{key}")) for key in ("offset", "step", "neuron")
    )
    for axis, count, limit in (
        ("samples", offset.size, _MAX_SAMPLES),
        ("steps", n_steps, MAX_STEPS),
        ("neurons", n_neurons, MAX_CHANNELS),
    ):
        if count > limit:
            raise ValueError(f"the spikes of '{name}' have {count} {axis}, more than {limit}")
    counts = f"spikes.{name}.count"
    in_bin = frozen(archive.array(counts)) if counts in archive.arrays else None
    return Raster(offset, step, neuron, n_steps, n_neurons, in_bin)


def _check(recording: Recording) -> None:
    """Raise `DataError` unless the output was recorded, and all shapes agree."""
    readout = recording.readout
    answers = recording.spikes if readout.kind == LIF else recording.membrane
    if readout.population not in answers:
        raise DataError(
            f"the output population '{readout.population}' was not recorded",
            code="output-not-recorded",
            fix="record the population that the readout names",
        )
    dense = [array for group in _DENSE for array in getattr(recording, group).values()]
    shapes = {(raster.n_samples, raster.n_steps) for raster in recording.spikes.values()}
    shapes |= {array.shape[:2] for array in dense}
    if len(shapes) > 1 or any(array.ndim != 3 for array in dense):
        raise DataError(
            "the populations were recorded over different samples or steps",
            code="recording-shapes-differ",
            fix="record the same samples and steps of every population",
        )


def check_input(network: AnyNetwork, spikes: Raster) -> None:
    """Raise `DataError` unless the raster has the network's channels, and counts they can carry."""
    if spikes.n_neurons != network.channels.size:
        raise DataError(
            f"the data have {spikes.n_neurons} channels, but the network has "
            f"{network.channels.size}",
            code="input-channels-differ",
            fix="use the data that the network was made for, with the same grouping of channels",
        )
    most = network.channels.most_spikes
    if spikes.most_spikes > most:
        raise DataError(
            f"the data have up to {spikes.most_spikes} spikes per channel and step, but the "
            f"network's channels carry at most {most}",
            code="input-counts",
            fix="bin events by `network.bin`, which counts up to this limit, or give the network "
            f"InputChannels({network.channels.size}, most_spikes={spikes.most_spikes})",
        )


def check_steps(network: AnyNetwork, spikes: Raster) -> None:
    """Raise `DataError` unless the raster has the network's channels and at least one step."""
    check_input(network, spikes)
    if spikes.n_steps < 1:
        raise DataError(
            "a sample needs at least one step",
            code="input-steps-missing",
            fix="bin the data into steps first",
        )
