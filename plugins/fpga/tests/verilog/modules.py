"""Single modules of the Verilog core, at the limits of ranges that networks rarely reach."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nmtool.arithmetic import SILENT_THRESHOLD, STATE_LIMIT, STATE_SHIFT
from nmtool.hardware_sim.resets import owed_after, spikes_in, v_after
from nmtool.hardware_sim.step import neuron_step
from nmtool.network.graph import LI, LIF, InputChannels
from nmtool.network.integer_network import IntegerNetwork, IntegerPopulation
from nmtool.network.readout import FIRST_SPIKE, Readout
from nmtool_fpga.verilog.answer import answer_block
from nmtool_fpga.verilog.layout import DROP_BITS, bits_for
from plugins.fpga.tests.verilog.cases import END, MEMBRANE, SPIKE, classes, first_spikes

HERE = Path(__file__).parent


def _folder(path: Path) -> Path:
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path


def _compile(bench: str, **values: int) -> list[str]:
    return [
        "iverilog",
        "-g2005",
        "-Wall",
        "-o",
        "sim.vvp",
        "-s",
        bench,
        *(f"-P{bench}.{name}={value}" for name, value in values.items()),
        str(HERE / f"{bench}.v"),
    ]


def _write(path: Path, lines: Sequence[int], bits: int) -> None:
    digits = -(-bits // 4)
    path.write_text("".join(f"{line:0{digits}x}\n" for line in lines))


class _Word:
    """Fields of a word, from the highest bits."""

    def __init__(self) -> None:
        self.value = self.bits = 0

    def add(self, value: int, bits: int) -> _Word:
        self.value = self.value << bits | value & (1 << bits) - 1
        self.bits += bits
        return self


@dataclass(frozen=True)
class Neurons:
    """`nmtool_neuron` compared with `neuron_step` and the resets, for all ranges of numbers."""

    name: str
    acc_bits: int
    shift: int
    bias_bits: int
    count_bits: int = 0
    sources: tuple[str, ...] = ("neuron", "again")

    def write(self, folder: Path) -> list[str]:
        folder = _folder(folder)
        lines = list(self._lines(np.random.default_rng(self.acc_bits)))
        bits = 142 + DROP_BITS + 2 * self.count_bits + self.bias_bits + self.acc_bits
        _write(folder / "neurons.hex", lines, bits)
        return _compile(
            "neuron_bench",
            ACC_BITS=self.acc_bits,
            SHIFT=self.shift,
            BIAS_BITS=self.bias_bits,
            COUNT_BITS=self.count_bits,
            NEURONS=len(lines),
        )

    def _lines(self, random: np.random.Generator) -> Iterator[int]:
        constants = [(*c, 1) for c in _CONSTANTS] + _COUNTING_CONSTANTS * (self.count_bits > 0)
        for keep_u, keep_v, vth, reset_by, most in constants:
            spiking = vth is not None
            threshold = vth if vth is not None else int(random.integers(1 << 17))
            most = min(most, 1 << self.count_bits)
            for number in range(60):
                u, v, arriving, bias = self._neuron(random, vth or 0)
                if most > 1 and random.random() < 0.7:
                    arriving = bias = 0
                    v = (vth + int(random.integers(16)) * reset_by << STATE_SHIFT) + number % 2
                    v = min(v, STATE_LIMIT - 1)
                sent = arriving << self.shift - STATE_SHIFT
                limit = vth if vth is not None else SILENT_THRESHOLD
                drop = reset_by << STATE_SHIFT
                due = owed_after(spiking and v > limit << STATE_SHIFT, drop)
                step = neuron_step(sent, u, v, bias + due, keep_u, keep_v, limit)
                spikes = spikes_in(step.peak, step.spiked, limit << STATE_SHIFT, drop, most)
                v_told = v_after(step.peak, spikes, drop)
                word = _Word().add(number == 0, 1).add(keep_u, 12).add(keep_v, 13)
                word.add(threshold, 17)
                word.add(reset_by, DROP_BITS).add(most - 1, self.count_bits).add(spiking, 1)
                word.add(u, 25).add(v, 24).add(bias, self.bias_bits)
                word.add(arriving, self.acc_bits).add(step.u, 25).add(v_told, 24)
                yield word.add(max(spikes - 1, 0), self.count_bits).add(step.spiked, 1).value

    def _neuron(self, random: np.random.Generator, vth: int) -> tuple[int, int, int, int]:
        limit, top = STATE_LIMIT, 1 << self.acc_bits - 1
        acc_low = -top if self.acc_bits + self.shift < 25 else -top + 1
        high = 1 << self.bias_bits - 1
        pick = random.choice
        near = [0, 1, -1, 4095, 4096, -4095, -4096, -4097]
        u_ends = [limit, limit - 1, 1 - limit, 2 - limit, int(random.integers(1 - limit, limit))]
        u = int(pick([*near, *u_ends, *u_ends]))
        v_ends = [limit - 1, limit - 2, 1 - limit, 2 - limit, vth << 6, (vth << 6) + 1]
        v = int(pick([*near, *v_ends, *v_ends, int(random.integers(1 - limit, limit))]))
        v = min(v, limit - 1)
        # These sums bring u from 0 exactly to a limit, just below the limit or just above the
        # limit.
        to_end = [(limit >> self.shift) - offset for offset in (0, 1, -1)]
        ends = [acc_low, top - 1, int(random.integers(acc_low, top)), 0, 0]
        ends += [a for distance in to_end for a in (distance, -distance) if acc_low <= a < top]
        arriving = int(pick(ends))
        bias = int(pick([0, 0, 0, -high, high - 1, -1, int(random.integers(-high, high))]))
        return u, v, arriving, bias


_CONSTANTS = [
    (0, 4096, 0, 0),
    (0, 4096, 131071, 0),
    (4095, 4096, 400, 0),
    (4095, 1, 1, 0),
    (1, 4095, 131071, 0),
    (0, 4096, None, 0),
    (4095, 4096, None, 0),
    (2048, 2049, 65536, 0),
    (1365, 3072, None, 0),
    (3001, 17, 30, 0),
    (0, 4096, 0, 1),
    (4095, 4096, 0, 131071),
    (0, 4096, 131071, 262142),
    (2048, 3072, 400, 700),
    (4095, 4096, 131071, -1),
    (0, 4096, 131071, -262142),
    (4095, 1, 0, -131071),
    (2048, 3072, 400, -400),
]
"""keep_u, keep_v, threshold and reset of populations; the threshold is None if they do not spike.

The reset is the number that a spike subtracts, over 64, and negative if it is late; 0: to zero.
"""

_COUNTING_CONSTANTS = [
    (0, 4096, 0, 1, 15),
    (0, 4096, 0, 8738, 15),
    (0, 4096, 131071, 262142, 15),
    (0, 4096, 400, 700, 14),
    (0, 4096, 30000, 6000, 11),
    (0, 4096, 1000, 16000, 8),
    (0, 4096, 5, 3, 2),
    (4095, 3000, 300, 1000, 6),
    (0, 4096, 100, 37, 1),
]
"""As `_CONSTANTS`, and the largest number of spikes of a neuron in a step."""


@dataclass(frozen=True)
class Fifo:
    """`nmtool_fifo` with random pushes and takes, also completely full."""

    name: str
    address_bits: int
    seed: int = 1
    sources: tuple[str, ...] = ("fifo", "ram", "ram_register")

    def write(self, folder: Path) -> list[str]:
        _folder(folder)
        return _compile("fifo_bench", ADDRESS_BITS=self.address_bits, SEED=self.seed)


@dataclass(frozen=True)
class Loader:
    """`nmtool_loader` with words of some bits, restarted in the middle of a word."""

    name: str
    load_bits: int
    seed: int = 1
    sources: tuple[str, ...] = ("loader",)

    def write(self, folder: Path) -> list[str]:
        folder = _folder(folder)
        random = np.random.default_rng(self.seed)
        address_bits, n_bytes = 4, -(-self.load_bits // 8)
        sent, loaded = [], []
        for memory in random.permutation(8).tolist():
            sent.append(1 << 8 | int(random.integers(32)) << 3 | memory)
            for address in range(random.integers(1, 17)):
                data = int(random.integers(1 << 62)) ** 4 % (1 << 8 * n_bytes)
                sent += data.to_bytes(n_bytes, "big")
                word = _Word().add(memory, 3).add(address, address_bits).add(data, self.load_bits)
                loaded.append(word.value)
            sent += [int(byte) for byte in random.integers(0, 256, int(random.integers(n_bytes)))]
        _write(folder / "bytes.hex", sent, 9)
        _write(folder / "loaded.hex", loaded, 3 + address_bits + self.load_bits)
        return _compile(
            "loader_bench",
            LOAD_BITS=self.load_bits,
            LOAD_ADDRESS_BITS=address_bits,
            BYTES=len(sent),
            LOADED=len(loaded),
            SEED=self.seed,
        )


@dataclass(frozen=True)
class Answers:
    """`nmtool_answer` with one rule: extreme and equal membranes, words of other populations."""

    name: str
    readout: Readout
    n_classes: int = 5
    n_steps: int = 9
    seed: int = 1
    number: int = 1
    sources: tuple[str, ...] = ("answer", "ram")

    @property
    def network(self) -> IntegerNetwork:
        """A network, of which only the output population and the readout matter."""
        spiking = self.readout.kind == LIF
        output = IntegerPopulation(
            "o",
            self.n_classes,
            LIF if spiking else LI,
            0,
            0,
            vth=1 if spiking else SILENT_THRESHOLD,
            scale=1.0,
        )
        first = IntegerPopulation("h", 3, LIF, 0, 0, 1, 1.0)
        populations = [first, output] if self.number else [output, first]
        return IntegerNetwork(InputChannels(1), populations, [], self.readout, 1.0, self.n_steps)

    def write(self, folder: Path) -> list[str]:
        folder = _folder(folder)
        answer = answer_block(self.network)
        if answer.importance is not None:
            (folder / "mem").mkdir()
            (folder / "mem" / "importance.hex").write_text(answer.importance.hex_lines())
        words, answers = self._words(np.random.default_rng(self.seed))
        _write(folder / "words.hex", words, 68)
        _write(folder / "answers.hex", answers, 24)
        return _compile(
            "answer_bench",
            **answer.parameters,
            WORDS=len(words),
            ANSWERS=len(answers),
            SEED=self.seed,
        )

    def traces(self, random: np.random.Generator, n_steps: int) -> np.ndarray:
        """[steps, classes] of spikes or of membranes."""
        shape = n_steps, self.n_classes
        if self.readout.rule == FIRST_SPIKE:
            return random.random(shape) < random.choice([0.0, 0.03, 0.3])
        top = int(random.choice([2, 3000, STATE_LIMIT - 1]))
        v = random.integers(-top, top + 1, shape)
        v = np.where(random.random(shape) < 0.3, random.choice([-top, top], shape), v)
        if random.random() < 0.6:
            return v
        # Up to the last step that counts, all classes get equal membranes and therefore equal
        # scores. The answer is then the first class, unless weights differ between classes or later
        # steps count.
        equal = np.repeat(v[:, :1], self.n_classes, axis=1)
        equal[self.n_steps :] = v[self.n_steps :]
        return equal

    def _words(self, random: np.random.Generator) -> tuple[list[int], list[int]]:
        words, answers = [], []
        for sample in range(12):
            longer = self.readout.rule in ("weighted", "window", "max", FIRST_SPIKE)
            length = int(random.integers(1, self.n_steps + 1 + 3 * longer))
            trace = self.traces(random, length)
            if sample:
                words.append(1 << 67)
            for step in range(length):
                words += self._step(random, trace[step])
            # A step without its end word does not have an answer.
            if random.random() < 0.3:
                words += self._step(random, self.traces(random, 1)[0])[:-1]
            if self.readout.rule == FIRST_SPIKE:
                answers += first_spikes(trace)
            else:
                answers += classes(trace.astype(np.int64), self.readout, self.n_steps)
        return words, answers

    def _step(self, random: np.random.Generator, row: np.ndarray) -> list[int]:
        words = []
        for population in (0, 1, 257) if random.random() < 0.5 else (0, 1):
            mine = population == self.number
            for index in range(self.n_classes if mine else 3):
                place = population << 49 | index << 25
                value = int(row[index]) if mine else int(random.integers(1 << 24))
                if random.random() < 0.3 and not (mine and index == 0):
                    words.append(2 << 65 | place | int(random.integers(1 << 25)))
                spikes = self.readout.rule == FIRST_SPIKE
                if not spikes or not mine:
                    words.append(MEMBRANE << 65 | place | value & 0x1FFFFFF)
                if (spikes and value) or not mine:
                    words.append(SPIKE << 65 | place)
        return [*words, END << 65]


@dataclass(frozen=True)
class Synapses:
    """`nmtool_banks`, initialised from files or through its port."""

    name: str
    depth: int
    bank_bits: int
    single: bool = False
    loads: bool = False
    sources: tuple[str, ...] = ("banks", "ram", "ram_register", "ram_single")

    def write(self, folder: Path) -> list[str]:
        folder = _folder(folder)
        random = np.random.default_rng(self.depth)
        words = random.integers(0, 128, self.depth).tolist()
        size = 1 << self.bank_bits
        contents = [127 - word for word in words] if self.loads else list(words)
        if len(contents) % size == 1:
            contents.append(0)  # A bank has at least two words.
        for first in range(0, len(contents), size):
            _write(folder / f"synapses.{first // size:03d}.hex", contents[first : first + size], 7)
        _write(folder / "words.hex", words, 7)
        return _compile(
            "banks_bench",
            DEPTH=self.depth,
            ADDRESS_BITS=bits_for(self.depth - 1),
            BANK_BITS=self.bank_bits,
            SINGLE_PORT=int(self.single),
            LOADS=int(self.loads),
        )


MODULES = [
    Neurons("neuron", 19, 6, 20),
    Neurons("neuron-narrow", 2, 6, 1),
    Neurons("neuron-shifted", 12, 13, 13),
    Neurons("neuron-twice", 13, 6, 14, 1),
    Neurons("neuron-counts", 14, 6, 15, 4),
    Fifo("fifo", 2),
    Fifo("fifo-two", 1, 2),
    Fifo("fifo-five", 5, 3),
    Loader("loader", 61),
    Loader("loader-one", 8, 2),
    Loader("loader-short", 5, 3),
    Loader("loader-two", 9, 4),
    Loader("loader-long", 260, 5),
    Answers("answer-mean", Readout("o", "mean")),
    Answers("answer-weighted", Readout("o", "weighted"), seed=2),
    Answers("answer-weighted-one", Readout("o", "weighted"), n_steps=1, seed=3),
    Answers("answer-max", Readout("o", "max"), seed=4),
    Answers("answer-window", Readout("o", "window", 3), seed=5),
    Answers("answer-window-one", Readout("o", "window", 1), n_classes=2, seed=6),
    Answers("answer-window-four", Readout("o", "window", 4), n_classes=8, n_steps=14, seed=7),
    Answers("answer-first-spike", Readout("o", FIRST_SPIKE), seed=8),
    Answers("answer-weighted-first", Readout("o", "weighted"), seed=10, number=0),
    Answers("answer-window-first", Readout("o", "window", 3), seed=11, number=0),
    Answers("answer-mean-first", Readout("o", "mean"), seed=12, number=0),
    Answers("answer-one-class", Readout("o", "mean"), n_classes=1, seed=9),
    Synapses("synapses", 11, 2),
    Synapses("synapses-alone", 5, 4, loads=True),
    Synapses("synapses-exact", 8, 2, loads=True),
    Synapses("synapses-whole", 8, 3),
    Synapses("synapses-single", 13, 2, single=True, loads=True),
    Synapses("synapses-many", 213, 1),
]
