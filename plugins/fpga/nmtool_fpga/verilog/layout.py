"""Contents of the core's memories for a network: widths, depths and every word.

Every width is the smallest that its values need. `rtl/nmtool_core.v` reads the words.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nmtool.arithmetic import STATE_SHIFT
from nmtool.errors import Finding
from nmtool.network.graph import INPUT, LIF
from nmtool.network.integer_network import MIXED, IntegerNetwork, IntegerProjection
from nmtool.raster import Raster

MAX_LANES = 16
LANES = tuple(1 << bits for bits in range(MAX_LANES.bit_length()))

SUM_LIMIT = 1 << 18
"""Limit for the sum of weights of one sign at a neuron: below it, adding modulo 2^24 is exact."""

MOST_SPIKES = 15
"""Largest number of spikes of a neuron or channel in a step: input words have 4 bits for it."""

MAX_COUNTING_CHANNELS = 1 << 20
"""Limit of the number of channels with counts: input words have 20 bits for a channel."""

MAX_POPULATIONS = 1 << 13
"""Number of population numbers that output words can express; one of them is the input's."""

SYNAPSES, BIASES, POPULATIONS, SOURCES, PROJECTIONS = MEMORIES = (
    "synapses",
    "biases",
    "populations",
    "sources",
    "projections",
)
"""The memories, by their number at the core's loading port."""

BANK_BITS = {1: 13, 2: 12, 4: 11, 8: 11, 16: 11}
"""Number of address bits of a synapse bank, by lanes: banks of wider words are smaller."""

MAX_BANKS = 1000
"""Limit of the number of synapse banks, because their file names have three digits."""

DROP_BITS = 19
"""Number of bits of a subtracting reset: the constant over 64, negative if it is late."""

SLICES = {1: 1, 2: 1, 4: 1, 8: 2, 16: 4}
"""Neurons updated per clock, by lanes; with many lanes, one neuron per clock would be too slow."""


@dataclass(frozen=True, eq=False)
class Memory:
    """The words of one memory.

    Attributes:
        bits: [words, width] uint8, 0 or 1; most significant bit first.
    """

    bits: NDArray[np.uint8]

    @property
    def width(self) -> int:
        """Number of bits of a word."""
        return self.bits.shape[1]

    def hex_lines(self) -> str:
        """One word per line, for `$readmemh`."""
        digits = -(-self.width // 4)
        padded = np.pad(self.bits, ((0, 0), (8 * -(-digits // 2) - self.width, 0)))
        text = np.packbits(padded, axis=1).tobytes().hex()
        row = 2 * padded.shape[1] // 8
        skip = row - digits
        return "".join(
            text[first + skip : first + row] + "\n" for first in range(0, len(text), row)
        )


@dataclass(frozen=True, eq=False)
class _Stored:
    """A projection as the memory of synapses stores it.

    Attributes:
        weight: [pre, post] int64, stored weights: magnitudes if all weights have the same sign.
        jump: left shift from a stored weight to the units of the ring buffer's sums.
        signed: True if stored weights have a sign.
        negative: True if stored weights are magnitudes that are subtracted.
    """

    projection: IntegerProjection
    weight: NDArray[np.int64]
    jump: int
    signed: bool
    negative: bool


class Layout:
    """Parameters and memories of the core for a network.

    >>> layout = Layout(network, lanes=1)  # doctest: +SKIP
    >>> layout.parameters["WEIGHT_BITS"]  # doctest: +SKIP
    8

    Args:
        network: a network that fits the core, see `misfits`.
        lanes: synapses per clock, one of `LANES`.

    Attributes:
        parameters: parameters of the core by name, without `DEEP`, `SINGLE_PORT`, `BANK_BITS` and
            `MEM`.
        memories: memories by name, see `MEMORIES`.
    """

    def __init__(self, network: IntegerNetwork, lanes: int = 1) -> None:
        self.network = network
        self.lanes = lanes
        self.slices = SLICES[lanes]
        self._words = {p.name: -(-p.size // lanes) for p in network.populations}
        self._first_word = _first_words(self._words)
        self._unit = _common_shift(network.projections)
        stored = [_stored(p, self._unit) for p in network.projections]
        order = {INPUT: len(network.populations)}
        order |= {p.name: index for index, p in enumerate(network.populations)}
        self._stored = sorted(stored, key=lambda entry: order[entry.projection.source])
        self.parameters = self._parameters()
        self.memories = {
            SYNAPSES: self._synapses(),
            BIASES: self._biases(),
            POPULATIONS: self._populations(),
            SOURCES: self._sources(),
            PROJECTIONS: self._projections(),
        }
        self.parameters["LOAD_BITS"] = max(memory.width for memory in self.memories.values())
        self.parameters["LOAD_ADDRESS_BITS"] = max(
            bits_for(len(memory.bits) - 1) for memory in self.memories.values()
        )

    def _parameters(self) -> dict[str, int]:
        network, stored = self.network, self._stored
        words = max(sum(self._words.values()), 3)
        synapses = synapse_words(network, self.lanes)
        weight_bits = max((_weight_bits(entry) for entry in stored), default=1)
        largest = max_sum(network) >> self._unit
        delay = network.max_delay
        biases = [p.bias for p in network.populations]
        most_spikes = network.spike_limits
        jumps = [
            entry.jump + most_spikes[entry.projection.source].bit_length() - 1 for entry in stored
        ]
        in_most = most_spikes.pop(INPUT)
        spiking = sum(p.size for p in network.spiking)
        return {
            "LANE_BITS": self.lanes.bit_length() - 1,
            "SLICE_BITS": self.slices.bit_length() - 1,
            "POPULATIONS": len(network.populations),
            "POPULATION_BITS": bits_for(len(network.populations)),
            "INDEX_BITS": _index_bits(network, self.lanes),
            "WORDS": words,
            "WORD_BITS": bits_for(words - 1),
            "SLOT_BITS": bits_for(delay + 1),
            "PROJECTIONS": max(len(stored), 2),
            "PROJECTION_BITS": bits_for(max(len(stored), 2) - 1),
            "LENGTH_BITS": _length_bits(network, self.lanes),
            "SYNAPSES": synapses,
            "SYNAPSE_BITS": bits_for(synapses - 1),
            "WEIGHT_BITS": weight_bits,
            "DELAY_BITS": bits_for(delay),
            "JUMP_BITS": bits_for(max(jumps, default=0)),
            "ACC_BITS": max(largest.bit_length() + 1, weight_bits + 1),
            "SHIFT": STATE_SHIFT + self._unit,
            "BIAS_BITS": max(_signed_bits(bias) for bias in biases),
            "DROP_BITS": DROP_BITS if any(p.drop for p in network.populations) else 0,
            "COUNT_BITS": (max(most_spikes.values()) - 1).bit_length(),
            "IN_COUNT_BITS": (in_most - 1).bit_length(),
            "QUEUE_BITS": bits_for(max(spiking, 2) - 1),
        }

    def _length(self, entry: _Stored) -> int:
        """Number of words in a row of synapses of a projection."""
        return self._words[entry.projection.target]

    def _synapses(self) -> Memory:
        """Make the memory of synapses, row after row.

        Lane 0 has the lowest bits of a word. Within the bits of a lane, the delay has the lowest.
        """
        p = self.parameters
        cells = p["WEIGHT_BITS"] + p["DELAY_BITS"]
        bits = np.zeros((p["SYNAPSES"], self.lanes, cells), np.uint8)
        first = 0
        for entry in self._stored:
            pre, post = entry.projection.shape
            length = self._length(entry)
            stored = np.zeros((pre, length * self.lanes, cells), np.uint8)
            stored[:, :post, : p["WEIGHT_BITS"]] = field(entry.weight, p["WEIGHT_BITS"])
            delay = entry.projection.delay.astype(np.int64)
            stored[:, :post, p["WEIGHT_BITS"] :] = field(delay, p["DELAY_BITS"])
            rows = stored.reshape(pre * length, self.lanes, cells)
            bits[first : first + len(rows)] = rows[:, ::-1]
            first += len(rows)
        return Memory(bits.reshape(p["SYNAPSES"], -1))

    def _biases(self) -> Memory:
        """Biases of all neurons, in the order of the core's words."""
        p = self.parameters
        bias = np.zeros(p["WORDS"] * self.lanes, np.int64)
        for population in self.network.populations:
            first = self._first_word[population.name] * self.lanes
            bias[first : first + population.size] = population.bias
        groups = field(bias, p["BIAS_BITS"]).reshape(-1, self.slices, p["BIAS_BITS"])
        return Memory(groups[:, ::-1].reshape(len(groups), -1))

    def _populations(self) -> Memory:
        """A word per population: reset, spikes, kind, decays, threshold, size and first word.

        The field of the reset is left out if all populations reset to zero, and the field of the
        spikes after the first in a step if there are none.
        """
        p = self.parameters
        rows = [
            [
                (population.drop >> STATE_SHIFT, p["DROP_BITS"]),
                (population.most_spikes - 1, p["COUNT_BITS"]),
                (int(population.kind == LIF), 1),
                (population.keep_u, 12),
                (population.keep_v, 13),
                (population.vth if population.kind == LIF else 0, 17),
                (population.size - 1, p["INDEX_BITS"]),
                (self._first_word[population.name], p["WORD_BITS"]),
            ]
            for population in self.network.populations
        ]
        width = 43 + sum(p[n] for n in ("DROP_BITS", "COUNT_BITS", "INDEX_BITS", "WORD_BITS"))
        return _table([*rows, [(0, width)]])

    def _sources(self) -> Memory:
        """A word per source: its spikes after the first, its first projection, if any, and size."""
        p, network = self.parameters, self.network
        names = [entry.projection.source for entry in self._stored]
        sizes = [*((population.name, population.size) for population in network.populations)]
        sizes.append((INPUT, network.channels.size))
        most_spikes = network.spike_limits
        more_bits = max(p["COUNT_BITS"], p["IN_COUNT_BITS"])
        return _table(
            [
                (most_spikes[name] - 1, more_bits),
                (int(name in names), 1),
                (names.index(name) if name in names else 0, p["PROJECTION_BITS"]),
                (size - 1 if name in names else 0, p["INDEX_BITS"]),
            ]
            for name, size in sizes
        )

    def _projections(self) -> Memory:
        """A word per projection: signs, shift, target and place of its synapses."""
        p = self.parameters
        sources = [entry.projection.source for entry in self._stored]
        rows, base = [], 0
        for index, entry in enumerate(self._stored):
            is_last = sources[index + 1 : index + 2] != [entry.projection.source]
            rows.append(
                [
                    (int(is_last), 1),
                    (int(entry.signed), 1),
                    (int(entry.negative), 1),
                    (entry.jump, p["JUMP_BITS"]),
                    (self._first_word[entry.projection.target], p["WORD_BITS"]),
                    (self._length(entry), p["LENGTH_BITS"]),
                    (base, p["SYNAPSE_BITS"]),
                ]
            )
            base += self._length(entry) * entry.projection.shape[0]
        width = 3 + sum(
            p[name] for name in ("JUMP_BITS", "WORD_BITS", "LENGTH_BITS", "SYNAPSE_BITS")
        )
        rows += [[(0, width)]] * (p["PROJECTIONS"] - len(rows))
        return _table(rows)

    def most_clocks(self, deep: bool = False) -> int:
        """Upper bound of the number of clocks that a step takes, for any input.

        It assumes that every source spikes, and that the parts of the core run one after another.

        Args:
            deep: True if u and v of every neuron are output, too.
        """
        network = self.network
        # The core needs four clock cycles to look up a source, and four more for each row of the
        # source. Successive rows begin at least four cycles apart. With single-port memories, a row
        # may wait another cycle for its phase. Of a source with counts, the core sends a row as
        # often as the number of spikes has binary digits 1, and needs a cycle for each digit 0.
        sources = network.channels.size + sum(q.size for q in network.spiking)
        most_spikes = network.spike_limits
        rows = 0
        for entry in self._stored:
            most = most_spikes[entry.projection.source]
            digits, ones = most.bit_length(), (most + 1).bit_length() - 1
            sent = ones * (max(self._length(entry), 4) + 1) + digits - 1
            rows += entry.projection.shape[0] * (4 + sent)
        # The core fetches the constants of a population. Then its neurons pass 12 stages, or up to
        # 18 with counts, and each neuron outputs up to three words.
        words = 3 if deep else 1
        neurons = sum(-(-q.size // self.lanes) * self.lanes for q in network.populations)
        per_population = 26 if self.parameters["COUNT_BITS"] else 20
        update = (2 + words) * neurons + per_population * len(network.populations)
        return 4 * sources + rows + update + 40

    @property
    def clearing_clocks(self) -> int:
        """Number of clocks that clear the ring buffer's banks and all states before a sample."""
        p = self.parameters
        return max((p["WORDS"] + 1) // 2 << p["SLOT_BITS"], p["WORDS"] * self.lanes // self.slices)

    def least_clocks(self, spikes: Raster) -> int:
        """Lower bound of the number of clocks that an input takes.

        It only counts the rows of synapses of input spikes, and the neuron updates.
        """
        from_input = [entry for entry in self._stored if entry.projection.source == INPUT]
        words = spikes.n_filled * sum(self._length(entry) for entry in from_input)
        steps = spikes.n_samples * spikes.n_steps
        return words + steps * (sum(p.size for p in self.network.populations) // self.slices + 30)


def _index_bits(network: IntegerNetwork, lanes: int) -> int:
    """Number of bits of an index of a neuron or, if the input has projections, of a channel."""
    sizes = [p.size for p in network.populations]
    if any(p.source == INPUT for p in network.projections):
        sizes.append(network.channels.size)
    return bits_for(max(*sizes, SLICES[lanes]) - 1)


def _length_bits(network: IntegerNetwork, lanes: int) -> int:
    """Bits of the field with the number of words in a row of synapses."""
    return bits_for(max((-(-p.shape[1] // lanes) for p in network.projections), default=0))


def synapse_words(network: IntegerNetwork, lanes: int) -> int:
    """Number of words of the synapse memory."""
    # An address must be wide enough for the index of any neuron and for the length of any row.
    address_bits = max(_index_bits(network, lanes), _length_bits(network, lanes))
    rows = sum(p.shape[0] * -(-p.shape[1] // lanes) for p in network.projections)
    return max(rows, (1 << (address_bits - 1)) + 1)


def misfits(network: IntegerNetwork, lanes: int | None = None) -> list[Finding]:
    """Findings on everything in a network that does not fit the core.

    Args:
        network: any integer network.
        lanes: number of lanes of the core; by default chosen for the network.
    """
    findings = []
    possible = [n for n in LANES if synapse_words(network, n) <= MAX_BANKS << BANK_BITS[n]]
    if not possible or lanes not in (None, *possible):
        n_lanes = lanes or MAX_LANES
        what = (
            f"its synapses need {synapse_words(network, n_lanes):,} words with `lanes={n_lanes}`, "
            f"but the core has {MAX_BANKS:,} banks of {1 << BANK_BITS[n_lanes]:,} words"
        )
        fix = f"export it with `lanes={possible[0]}`" if possible else "train a smaller network"
        findings.append(Finding("verilog-banks", "network", what, fix))
    if len(network.populations) >= MAX_POPULATIONS:
        what = (
            f"it has {len(network.populations)} populations, but the core allows at most "
            f"{MAX_POPULATIONS - 1}"
        )
        findings.append(Finding("verilog-populations", "network", what, "merge populations"))
    channels = network.channels
    if channels.most_spikes > 1 and channels.size > MAX_COUNTING_CHANNELS:
        what = (
            f"it has {channels.size:,} channels with counts, but the core allows at most "
            f"{MAX_COUNTING_CHANNELS:,}"
        )
        findings.append(Finding("verilog-channels", INPUT, what, "group channels"))
    sums = _sums(network)
    for population in network.populations:
        total = sums[population.name].max(axis=0)
        over = np.flatnonzero(total >= SUM_LIMIT)
        if over.size:
            findings.append(
                Finding(
                    "verilog-sum-wide",
                    population.name,
                    f"the positive or the negative weights onto neuron {over[0]} sum to "
                    f"{total[over[0]]}, exponents and counts included, but the core needs sums "
                    f"below {SUM_LIMIT}; {over.size} of {population.size} neurons reach this limit",
                    "lower weight_exponent or most_spikes, or quantise again",
                )
            )
    return findings


def max_sum(network: IntegerNetwork) -> int:
    """Largest sum of weights of one sign at any neuron, exponents and counts included."""
    return max((int(total.max(initial=0)) for total in _sums(network).values()), default=0)


def _sums(network: IntegerNetwork) -> dict[str, NDArray[np.int64]]:
    """Largest sums of positive and negative weights in one step, by population, [2, size] int64."""
    sums = {p.name: np.zeros((2, p.size), np.int64) for p in network.populations}
    most_spikes = network.spike_limits
    for projection in network.projections:
        weight = projection.shifted_weight.astype(np.int64) * most_spikes[projection.source]
        sums[projection.target] += np.maximum([weight, -weight], 0).sum(axis=1)
    return sums


def _common_shift(projections: Sequence[IntegerProjection]) -> int:
    """Exponent of the largest power of two that divides all shifted weights."""
    return min((_trailing_zeros(p) for p in projections if p.weight.any()), default=0)


def _trailing_zeros(projection: IntegerProjection) -> int:
    """Exponent of the largest power of two that divides all weights of a projection."""
    bits = int(np.bitwise_or.reduce(np.abs(projection.shifted_weight), axis=None))
    return (bits & -bits).bit_length() - 1


def _stored(projection: IntegerProjection, common: int) -> _Stored:
    """Choose the form in which the memory stores the weights of a projection."""
    weight = projection.shifted_weight.astype(np.int64)
    if not weight.any():
        return _Stored(projection, weight, 0, False, False)
    shift = _trailing_zeros(projection)
    signed = projection.sign_mode == MIXED
    stored = weight >> shift
    negative = not signed and int(weight.min()) < 0
    return _Stored(projection, -stored if negative else stored, shift - common, signed, negative)


def _weight_bits(entry: _Stored) -> int:
    return (
        _signed_bits(entry.weight) if entry.signed else bits_for(int(entry.weight.max(initial=0)))
    )


def _first_words(sizes: Mapping[str, int]) -> dict[str, int]:
    """Index of the first word of each population, from their numbers of words."""
    first_words, first = {}, 0
    for name, size in sizes.items():
        first_words[name] = first
        first += size
    return first_words


def bits_for(largest: int) -> int:
    """Number of bits of a field for the values 0 … `largest`; at least one bit."""
    return max(largest.bit_length(), 1)


def _signed_bits(values: NDArray[np.int64]) -> int:
    """Number of bits of a field for all `values` in two's complement."""
    low, high = int(values.min(initial=0)), int(values.max(initial=0))
    return max(high.bit_length(), (-low - 1).bit_length() if low < 0 else 0) + 1


def field(values: NDArray[np.int64], bits: int) -> NDArray[np.uint8]:
    """[…, bits] uint8: the low bits of values, most significant first."""
    places = np.arange(bits - 1, -1, -1)
    return (values[..., None] >> places & 1).astype(np.uint8)


def _table(rows: Iterator[list[tuple[int, int]]] | Sequence[list[tuple[int, int]]]) -> Memory:
    """A memory from rows of fields (value, number of bits); the most significant field first."""
    words = [
        np.concatenate([field(np.array(value), bits) for value, bits in fields]) for fields in rows
    ]
    return Memory(np.array(words, np.uint8))
