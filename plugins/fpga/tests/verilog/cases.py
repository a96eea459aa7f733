"""The test cases of the Verilog core: networks, stimuli and expected output.

Together they reach everything in the core, as `tests/verilog_mutants.py` shows.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmtool.arithmetic import SILENT_THRESHOLD
from nmtool.exporters.c.readout import importance
from nmtool.hardware_sim.simulator import simulate
from nmtool.network.graph import INPUT, LI, LIF, InputChannels
from nmtool.network.integer_network import IntegerNetwork, IntegerPopulation, IntegerProjection
from nmtool.network.readout import FIRST_SPIKE, Readout
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.testing.networks import Maker
from nmtool_fpga.verilog import __file__ as _package
from nmtool_fpga.verilog.answer import answer_block
from nmtool_fpga.verilog.layout import BANK_BITS, MEMORIES, Layout, Memory, misfits
from nmtool_fpga.verilog.top import top_text

RTL = Path(_package).parent / "rtl"
BENCH = Path(__file__).parent / "core_bench.v"

SPIKE, MEMBRANE, CURRENT, END = range(4)
IN_SPIKE, IN_END, IN_BEGIN, IN_NOTHING = range(4)
_MISSING = 1 << 26
"""Bit of a test bench's word: the channel does not exist."""


@dataclass(frozen=True)
class Case:
    """A network on lanes, its input, and the behaviour of the test bench.

    Attributes:
        name: name of its folder.
        lengths: number of steps of each sample.
        unfinished: samples whose last step begins but does not end.
        begins: the first sample begins with a word for its beginning.
        missing: number of spikes of channels that do not exist.
        loaded: memories that the loader fills; their files have other contents.
        warm: clocks of a run that is stopped by a reset, before the run that is compared.
        stall: 0: never; 1: now and then; 2: for long; 3: no output is taken at first; 4: the last
            spike of a step is late, immediately followed by the end of the step.
    """

    name: str
    network: IntegerNetwork
    seed: int = 1
    lanes: int = 1
    deep: bool = False
    single: bool = False
    bank_bits: int | None = None
    lengths: Sequence[int] = (10, 10)
    unfinished: Sequence[int] = ()
    begins: bool = True
    rate: Sequence[float] = (0.0, 0.1, 0.4, 1.0)
    missing: bool = False
    loaded: Sequence[str] = ()
    warm: int = 0
    stall: int = 0
    raster: NDArray[np.bool_] | None = field(default=None, compare=False)

    def write(self, folder: Path) -> list[str]:
        """Write all files except the core into a folder; returns the command that compiles it."""
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "mem").mkdir(parents=True)
        layout, answer = Layout(self.network, self.lanes), answer_block(self.network)
        bank_bits = BANK_BITS[self.lanes] if self.bank_bits is None else self.bank_bits
        (folder / "nmtool_top.v").write_text(top_text(layout, answer, self.deep))
        for name in MEMORIES:
            memory = layout.memories[name]
            _write_memory(
                folder / "mem", name, _other(memory) if name in self.loaded else memory, bank_bits
            )
        if answer.importance is not None:
            (folder / "mem" / "importance.hex").write_text(answer.importance.hex_lines())
        words, outputs, answers = self._words()
        loads = self._loads(layout)
        for name, digits, lines in (
            ("words", 7, words),
            ("told", 17, outputs),
            ("answers", 6, answers),
            ("load", 3, loads),
        ):
            text = "".join(f"{line:0{digits}x}\n" for line in lines)
            (folder / f"{name}.hex").write_text(text)
        values = {
            "WORDS": len(words),
            "TOLD": len(outputs),
            "ANSWERS": len(answers),
            "LOADS": len(loads),
            "WARM": self.warm,
            "STALL": self.stall,
            "SEED": self.seed,
            "DEEP": int(self.deep),
            "SINGLE_PORT": int(self.single),
            "BANK_BITS": bank_bits,
        }
        return [
            "iverilog",
            "-g2005",
            "-Wall",
            "-o",
            "sim.vvp",
            "-s",
            "core_bench",
            *(f"-Pcore_bench.{name}={value}" for name, value in values.items()),
            "nmtool_top.v",
            str(BENCH),
        ]

    def _rasters(self) -> tuple[NDArray, Recording]:
        """Input [samples, steps, channels], as numbers of spikes, and the network's recording."""
        random = np.random.default_rng(self.seed)
        steps, channels = max(self.lengths), self.network.channels.size
        dense = self.raster
        if dense is None:
            shape = (len(self.lengths), steps, channels)
            dense = random.random(shape) < random.choice(self.rate, (shape[0], 1, 1))
            if (most := self.network.channels.most_spikes) > 1:
                dense = dense * random.integers(1, most + 1, shape)
        longer = replace(self.network, n_steps=steps)
        return dense, simulate(longer, Raster.from_dense(dense), deep=True)

    def _words(self) -> tuple[list[int], list[int], list[int]]:
        random = np.random.default_rng(self.seed + 1)
        dense, record = self._rasters()
        words, outputs, answers = [], [], []
        wrong = False
        for sample, length in enumerate(self.lengths):
            if sample or self.begins:
                words.append(IN_BEGIN << 24)
            answers += self._answers(record, sample, length - (sample in self.unfinished))
            for step in range(length):
                spikes = dense[sample, step].astype(np.int64)
                channels = random.permutation(np.flatnonzero(spikes))
                further = spikes[channels] - 1
                step_words = (IN_SPIKE << 24 | further << 20 | channels).tolist()
                if random.random() < 0.2:
                    step_words.insert(0, IN_NOTHING << 24 | int(random.integers(1 << 24)))
                if self.missing and random.random() < 0.3:
                    inputs = self.network.channels
                    far = inputs.size + int(random.choice([0, 1, 1 << int(random.integers(24))]))
                    if inputs.most_spikes > 1:
                        # The channel does not exist, or has too many spikes.
                        more = random.choice([inputs.most_spikes, max(inputs.most_spikes, 8)])
                        places = [inputs.size, 1 << random.integers(8, 20), more << 20]
                        far = int(random.choice(places))
                    place = int(random.integers(len(step_words) + 1))
                    step_words.insert(place, _MISSING | IN_SPIKE << 24 | min(far, (1 << 24) - 1))
                    wrong = True
                is_last = step == length - 1 and sample in self.unfinished
                if is_last and not any(word >> 24 & 3 == IN_SPIKE for word in step_words):
                    step_words.append(IN_SPIKE << 24)
                outputs += _step_told(self.network, record, sample, step, self.deep)
                words += step_words
                if not is_last:
                    words.append(IN_END << 24)
                    outputs.append(int(wrong) << 67 | END << 65)
        return words, outputs, answers

    def _answers(self, record: Recording, sample: int, length: int) -> list[int]:
        """Classes after each step, in integers."""
        readout = self.network.readout
        if readout.rule == FIRST_SPIKE:
            return first_spikes(record.spikes[readout.population].dense()[sample, :length])
        v = record.membrane[readout.population][sample, :length].astype(np.int64)
        return classes(v, readout, self.network.n_steps)

    def _loads(self, layout: Layout) -> list[int]:
        """Bytes for the loader; before the last memory, a few are sent and then restarted."""
        n_bytes = -(-layout.parameters["LOAD_BITS"] // 8)
        loads: list[int] = []
        for name in self.loaded:
            words = [int(line, 16) for line in layout.memories[name].hex_lines().split()]
            start = [1 << 8 | 0xF8 | MEMORIES.index(name)]
            data = [byte for word in words for byte in word.to_bytes(n_bytes, "big")]
            if name == self.loaded[-1]:
                loads += start + data[: n_bytes + 1]
            loads += start + data
        return loads


def classes(v: NDArray[np.int64], readout: Readout, n_steps: int) -> list[int]:
    """The class after each step from membranes [steps, classes]; of equal ones the first."""
    if readout.rule == "max":
        scores = np.maximum.accumulate(v, axis=0)
    elif readout.weights_steps:
        weight = np.zeros(len(v), np.int64)
        factors = importance(readout, n_steps)[: len(v)]
        weight[: len(factors)] = factors
        scores = np.cumsum(v * weight[:, None], axis=0)
    else:
        assert readout.rule in ("mean", "window"), readout.rule
        scores = np.cumsum(v, axis=0)
        if readout.window is not None:
            scores[readout.window :] -= scores[: -readout.window].copy()
    return [int(row.argmax()) for row in scores]


def first_spikes(spikes: NDArray[np.bool_]) -> list[int]:
    """The class after each step from spikes [steps, classes]; 0 while all are silent."""
    answers, answer = [], None
    for row in spikes:
        if answer is None and row.any():
            answer = int(row.argmax())
        answers.append(answer or 0)
    return answers


def _step_told(
    network: IntegerNetwork, record: Recording, sample: int, step: int, deep: bool
) -> list[int]:
    """Output words of the core for a step, except its end."""
    words = []
    for number, population in enumerate(network.populations):
        name, spiking = population.name, population.kind == LIF
        v = (record.potential if spiking else record.membrane)[name][sample, step]
        u = record.current[name][sample, step]
        spikes = np.zeros(len(v), np.uint8)
        if spiking:
            spikes = record.spikes[name].dense_counts()[sample, step]
        for index in range(population.size):
            place = number << 49 | index << 25
            if deep:
                words.append(CURRENT << 65 | place | int(u[index]) & 0x1FFFFFF)
            if deep or not spiking:
                words.append(MEMBRANE << 65 | place | int(v[index]) & 0x1FFFFFF)
            if spikes[index]:
                words.append(SPIKE << 65 | place | int(spikes[index]) - 1)
    return words


def _other(memory: Memory) -> Memory:
    return Memory(1 - memory.bits)


def _write_memory(folder: Path, name: str, memory: Memory, bank_bits: int) -> None:
    if name != MEMORIES[0]:
        (folder / f"{name}.hex").write_text(memory.hex_lines())
        return
    lines, size = memory.hex_lines().split(), 1 << bank_bits
    if len(lines) % size == 1:
        lines.append("0")  # A bank has at least two words.
    for first in range(0, len(lines), size):
        text = "\n".join(lines[first : first + size]) + "\n"
        (folder / f"{name}.{first // size:03d}.hex").write_text(text)


def verdict(folder: Path, compile_command: Sequence[str], sources: Sequence[Path]) -> str:
    """`same in N clocks`, or the first difference."""
    built = subprocess.run(
        [*compile_command, *map(str, sources)], cwd=folder, capture_output=True, text=True
    )
    if built.returncode or built.stderr or built.stdout:
        return "compile: " + (built.stderr or built.stdout).strip().split("\n")[0]
    done = subprocess.run(
        ["vvp", "-n", "sim.vvp"], cwd=folder, capture_output=True, text=True, timeout=600
    )
    lines = [line for line in done.stdout.splitlines() if "$finish" not in line]
    return " | ".join(lines[:2]) if lines else "nothing"


# Networks


def drawn(
    seed: int,
    rule: str | None = None,
    *,
    largest: int = 8,
    n_steps: int = 16,
    most: int = 4,
    edges: int = 6,
) -> IntegerNetwork:
    """A random network that fits the core, with a readout rule."""
    random = np.random.default_rng(seed)
    while True:
        network = _draw(random, rule, largest, n_steps, most, edges)
        if not misfits(network):
            return network


def _draw(
    random: np.random.Generator,
    rule: str | None,
    largest: int,
    n_steps: int,
    most: int,
    edges: int,
) -> IntegerNetwork:
    maker = Maker(random, max_delay=min(61, int(random.choice([0, 3, 6, 13]))))
    names = [f"p{index}" for index in range(random.integers(1, most + 1))]
    kinds = {name: str(random.choice([LIF, LIF, LI])) for name in names}
    out = str(random.choice(names))
    if rule is None:
        rule = FIRST_SPIKE if kinds[out] == LIF else str(random.choice(["mean", "max", "weighted"]))
    kinds[out] = LIF if rule == FIRST_SPIKE else LI
    sizes = {name: int(random.integers(1, largest + 1)) for name in names}
    sizes[INPUT] = int(random.integers(1, 8))
    sources = [INPUT, *(name for name in names if kinds[name] == LIF)]
    pairs = [(INPUT, names[0])]
    pairs += [
        (str(random.choice(sources)), str(random.choice(names)))
        for _ in range(random.integers(1, edges + 1))
    ]
    window = int(random.integers(1, n_steps)) if rule == "window" else None
    return IntegerNetwork(
        InputChannels(sizes[INPUT]),
        [maker.population(name, sizes[name], kinds[name]) for name in names],
        [maker.projection(a, b, (sizes[a], sizes[b])) for a, b in pairs],
        Readout(out, rule, window),
        1.0,
        n_steps,
    )


def made(
    populations: Sequence[IntegerPopulation],
    edges: Sequence[tuple[str, str]],
    *,
    channels: int = 4,
    most_in: int = 1,
    delays: Sequence[int] = (0,),
    weights: Sequence[int] = (-64, 40, 30, 254),
    exponents: Sequence[int] = (0,),
    readout: Readout | None = None,
    n_steps: int = 16,
    seed: int = 1,
) -> IntegerNetwork:
    """A network whose weights and delays are drawn from given numbers."""
    random = np.random.default_rng(seed)
    sizes = {p.name: p.size for p in populations} | {INPUT: channels}
    projections = []
    for index, (a, b) in enumerate(edges):
        shape = sizes[a], sizes[b]
        weight, delay = random.choice(weights, shape), random.choice(delays, shape)
        exponent = exponents[index % len(exponents)]
        projections.append(IntegerProjection(a, b, weight, delay, 8, exponent))
    if readout is None:
        last = populations[-1]
        readout = Readout(last.name, FIRST_SPIKE if last.kind == LIF else "mean")
    inputs = InputChannels(channels, most_spikes=most_in)
    return IntegerNetwork(inputs, populations, projections, readout, 1.0, n_steps)


def lif(name: str, size: int, **constants: Any) -> IntegerPopulation:
    """Neurons that spike often, with a memory of some steps."""
    constants = {"du": 800, "dv": 300, "vth": 300} | constants
    return IntegerPopulation(name, size, LIF, scale=1.0, **constants)


def li(name: str, size: int, **constants: Any) -> IntegerPopulation:
    """Neurons that only integrate."""
    constants = {"du": 1500, "dv": 200, "vth": SILENT_THRESHOLD} | constants
    return IntegerPopulation(name, size, LI, scale=1.0, **constants)


def all_cases() -> list[Case]:
    """All cases, first those that detect most mistakes per second."""
    pair = [lif("a", 5), li("o", 3)]
    chain = chain_of("a")
    always = lif("a", 8, vth=1, bias_mantissa=4000)
    return [
        Case("chain", made(pair, chain, delays=(0, 1, 2, 5)), 3, deep=True, missing=True),
        Case(
            "chain-banks",
            made(pair, chain, delays=(0, 3), seed=2, readout=Readout("o", "max")),
            bank_bits=3,
            warm=150,
            stall=1,
            begins=False,
            unfinished=(0,),
        ),
        Case(
            "chain-single",
            made(
                pair,
                [*chain, ("a", "o"), (INPUT, "o")],
                delays=(0, 1),
                seed=3,
                readout=Readout("o", "window", 3),
            ),
            single=True,
            bank_bits=3,
            loaded=MEMORIES[:1],
            stall=1,
            lengths=(6, 9),
        ),
        Case(
            "parallel",
            made(
                [lif("a", 1, vth=60), lif("b", 2, vth=200)],
                [(INPUT, "a")] * 4 + [("a", "a")] * 3 + [("a", "b")] * 3 + [("b", "a")] * 6,
                channels=1,
                weights=(60, 100, -30, -2),
                exponents=(0, 1, 3),
                seed=4,
            ),
            deep=True,
            rate=(1.0,),
            lengths=(16, 9),
        ),
        Case(
            "parallel-eight",
            made(
                [lif("a", 8), lif("b", 11)],
                [(INPUT, "a")] * 3 + [("a", "a")] * 3 + [("a", "b")] * 2 + [("b", "a")] * 2,
                channels=9,
                delays=(0, 1),
                weights=(60, 100, -64, -2),
                seed=5,
            ),
            lanes=8,
            deep=True,
            rate=(0.2, 1.0),
            lengths=(9, 4),
            missing=True,
        ),
        Case(
            "all-spike",
            made(
                [always, lif("b", 8, vth=2, bias_mantissa=4095)],
                [("a", "b"), ("b", "a")] * 2,
                channels=3,
                weights=(1 << 4, -8),
            ),
            lanes=1,
            stall=2,
            lengths=(4, 3),
            begins=False,
        ),
        Case(
            "silent",
            made(
                [lif("s", 3), li("t", 9), lif("a", 6), li("o", 2)],
                [(INPUT, "a"), ("a", "o"), ("s", "t")],
                delays=(0, 4),
                weights=(120,),
                readout=Readout("o", "weighted"),
                n_steps=9,
            ),
            lanes=4,
            bank_bits=2,
            stall=1,
            lengths=(7, 11, 3),
            loaded=MEMORIES,
            warm=90,
        ),
        Case(
            "no-projections",
            made([lif("a", 3, vth=60, bias_mantissa=900), li("o", 5, bias_mantissa=-7)], []),
            lanes=2,
            deep=True,
            lengths=(7, 3),
        ),
        Case(
            "delays",
            made(
                [lif("a", 2, vth=60, du=3000, dv=3000), li("o", 2)],
                chain,
                delays=(0, 61, 60, 33),
                channels=2,
                n_steps=70,
                weights=(90, 120),
            ),
            lanes=2,
            lengths=(70, 20),
            rate=(0.2,),
            warm=900,
        ),
        Case(
            "many-banks",
            made(
                [lif("a", 3), li("o", 3)],
                [(INPUT, "a"), (INPUT, "o")] * 3,
                channels=13,
                delays=(0, 2),
                readout=Readout("o", "window", 1),
                n_steps=8,
            ),
            bank_bits=4,
            lengths=(6, 2),
            rate=(0.7,),
        ),
        *_smallest(),
        # A long row is followed by short rows, and each row begins as soon as possible.
        Case(
            "close-rows",
            made(
                [lif("a", 14, vth=60), li("b", 1), li("o", 2)],
                [(INPUT, "a")] + [(INPUT, "b")] * 4 + [("a", "a")] + [("a", "o")] * 5,
                channels=2,
                weights=(30, 42, 90),
                n_steps=9,
            ),
            rate=(0.9,),
            lengths=(9,),
            deep=True,
        ),
        # The number of words of each memory is a power of two. After the last word, the address
        # returns to the first word.
        Case(
            "loaded-full",
            made(
                [lif("a", 4, vth=60), lif("b", 2, vth=90), li("o", 2, bias_mantissa=(-8, 7))],
                [(INPUT, "a"), ("a", "b"), ("b", "o"), ("a", "o")],
                channels=4,
                weights=(90, 42, -30),
                n_steps=9,
            ),
            loaded=MEMORIES,
            lengths=(9,),
            stall=1,
        ),
        Case(
            "loaded-backwards",
            made(
                [lif("a", 4, vth=60), lif("b", 2, vth=90), li("o", 2, bias_mantissa=(-8, 7))],
                [(INPUT, "a"), ("a", "b"), ("b", "o"), ("a", "o")],
                channels=4,
                weights=(90, 42, -30),
                n_steps=9,
            ),
            seed=3,
            loaded=MEMORIES[::-1],
            lengths=(9,),
            stall=1,
        ),
        # The queue of the output is too short for the words of all neurons, or for the ends of all
        # steps.
        Case("blocked-neurons", made([li("o", 40)], []), deep=True, lengths=(2,), stall=3),
        Case("blocked", made([lif("a", 1)], [], n_steps=70), lengths=(70,), stall=3),
        Case(
            "late-spikes",
            made(pair, chain, delays=(0, 2), seed=7, weights=(90, 60)),
            lengths=(16, 9, 12),
            unfinished=(1,),
            stall=2,
            missing=True,
        ),
        Case(
            "late-last-spike",
            made(pair, chain, delays=(0, 2), seed=7, weights=(90, 60)),
            lengths=(9, 7),
            rate=(0.4, 1.0),
            stall=4,
        ),
        Case(
            "some-spike",
            made(
                [lif("a", 24, vth=200), lif("b", 13, vth=100)],
                [(INPUT, "a"), ("a", "b"), ("b", "a")],
                channels=6,
                weights=(-40, 0, 30, 60),
                delays=(0, 1, 5),
                seed=9,
            ),
            lanes=8,
            rate=(0.4,),
        ),
        Case(
            "some-spike-sixteen",
            made(
                [lif("a", 40, vth=200), lif("b", 33, vth=100)],
                [(INPUT, "a"), ("a", "b")],
                channels=6,
                weights=(-40, 0, 30, 60),
                seed=10,
            ),
            lanes=16,
            rate=(0.3,),
            lengths=(8,),
        ),
        *_resets(),
        *_counts(),
        *_random_cases(),
    ]


def _resets() -> list[Case]:
    """Populations with each reset, whose neurons also spike in successive steps."""
    network = made(
        [
            lif("a", 5, reset="subtract", reset_by=200),
            lif("b", 6, vth=90, reset="late", reset_by=130),
            lif("c", 4),
            li("o", 3),
        ],
        [(INPUT, "a"), ("a", "b"), ("b", "c"), ("c", "a"), ("b", "o")],
        delays=(0, 1, 5),
        weights=(90, 120, -40),
    )
    loads = {"loaded": MEMORIES, "stall": 1}
    return [
        Case("resets", network, deep=True, rate=(0.4, 1.0)),
        Case("resets-four", network, 2, lanes=4, rate=(0.4, 1.0), **loads),
    ]


def _counts() -> list[Case]:
    """Populations and channels with several spikes in a step: each alone, and both."""
    often = {"reset": "subtract", "reset_by": 150, "vth": 90}
    silent = li("o", 3)
    edges = [(INPUT, "a"), ("a", "a"), ("a", "b"), ("b", "c"), (INPUT, "c"), ("b", "o")]
    numbers = {"delays": (0, 1, 5), "weights": (20, 14, -8, 0), "exponents": (0, 2, 1)}
    both = made(
        [
            lif("a", 5, **often, most_spikes=15),
            lif("b", 6, **often | {"reset_by": 230}, most_spikes=6),
            lif("c", 4, reset="late", reset_by=130),
            silent,
        ],
        edges,
        most_in=15,
        **numbers,
    )
    twice = lif("a", 7, **often | {"reset_by": 40}, most_spikes=2)
    neurons = made([twice, silent], chain_of("a"), **numbers)
    inputs = made([lif("a", 5), silent], chain_of("a"), most_in=2, **numbers)
    rate = (0.4, 1.0)
    return [
        Case("counts", both, deep=True, rate=rate, missing=True, lengths=(12, 7)),
        Case("counts-four", both, 2, lanes=4, rate=rate, loaded=MEMORIES, stall=1),
        Case("counts-sixteen", both, 3, lanes=16, rate=rate, lengths=(8,), deep=True),
        Case("counts-neurons", neurons, 4, lanes=8, rate=rate, lengths=(8, 5), missing=True),
        Case("counts-inputs", inputs, 5, rate=rate, missing=True, lengths=(8, 5)),
        Case(
            "counts-single",
            both,
            6,
            single=True,
            rate=rate,
            loaded=MEMORIES[:1],
            lengths=(6, 4),
            stall=1,
            bank_bits=5,
        ),
        Case(
            "blocked-counts",
            made([lif("a", 40, **often, most_spikes=15, bias_mantissa=4000)], []),
            deep=True,
            lengths=(2,),
            stall=3,
        ),
    ]


def chain_of(name: str) -> list[tuple[str, str]]:
    """Projections of a recurrent population between the input and `o`."""
    return [(INPUT, name), (name, name), (name, "o")]


def _smallest() -> list[Case]:
    """A ring that is cleared before all that a reset stops is through, at eight clocks of it.

    Where a word would go that a reset leaves on its way depends on the clock of the reset: words
    and their addresses count on while no row is added.
    """
    network = made(
        [lif("a", 1, vth=1), li("o", 1)],
        [(INPUT, "a"), ("a", "o"), (INPUT, "o")],
        channels=2,
        weights=(40, 254),
    )
    common = {"rate": (0.8,), "lengths": (5, 4), "begins": False}
    return [Case(f"smallest-{warm}", network, warm=warm, **common) for warm in range(82, 90)]


def _random_cases() -> list[Case]:
    """Random networks with overflows and every readout, on few and many lanes."""
    return [
        Case("random-0", drawn(0, "mean"), 0, lanes=1, deep=True, lengths=(9, 5), warm=50),
        Case(
            "random-1",
            drawn(1, "weighted", n_steps=9),
            1,
            lanes=2,
            deep=True,
            bank_bits=4,
            lengths=(6, 11),
            unfinished=(0,),
            loaded=MEMORIES,
            stall=1,
        ),
        Case(
            "random-2",
            drawn(2, "max"),
            2,
            lanes=8,
            deep=False,
            bank_bits=2,
            lengths=(8, 8),
            stall=2,
        ),
        Case(
            "random-3",
            drawn(3, "window"),
            3,
            lanes=4,
            deep=True,
            single=True,
            bank_bits=3,
            lengths=(12,),
            loaded=MEMORIES,
            warm=300,
        ),
        Case(
            "random-4",
            drawn(4, "first_spike", largest=19),
            4,
            lanes=8,
            lengths=(9, 6),
            bank_bits=3,
            stall=1,
        ),
        Case("random-5", drawn(5, largest=40), 5, lanes=16, deep=True, lengths=(5, 3), stall=1),
        Case(
            "random-6",
            drawn(6, largest=40, edges=3),
            6,
            lanes=16,
            single=True,
            loaded=MEMORIES[:1],
            lengths=(4, 3),
        ),
        Case(
            "random-7",
            drawn(7, "window", most=6, edges=12),
            7,
            lanes=1,
            deep=False,
            lengths=(6, 7),
            stall=1,
            single=True,
            loaded=MEMORIES[:1],
            bank_bits=5,
        ),
        Case("random-8", drawn(8, "max", largest=25), 8, lanes=2, deep=True, lengths=(6,)),
        Case(
            "random-9",
            drawn(9, "mean", largest=12),
            9,
            lanes=4,
            deep=False,
            lengths=(9, 3),
            begins=False,
            stall=1,
        ),
    ]
