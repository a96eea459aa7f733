"""Proofs about the Verilog core, by Yosys and z3.

    python -m plugins.fpga.tests.formal.proofs           all
    python -m plugins.fpga.tests.formal.proofs fifo ring some

Each proof covers every input and, by induction, all time after a reset. For a core with a mistake,
it has to find clocks in which its claim is wrong.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nmtool_fpga.verilog import __file__ as _package

HERE = Path(__file__).parent
RTL = Path(_package).parent / "rtl"
TOOLS = ("yosys", "yosys-smtbmc", "z3")


@dataclass(frozen=True)
class Proof:
    """Assertions of a wrapper, `HERE/FILE_proof.v`, about a part of the core.

    Attributes:
        claim: the claim, in words.
        file: name of the wrapper.
        sources: sources of the core; those in `HERE` replace those of the same name.
        clocks: depth of the induction: if a claim holds in so many clocks, it holds in the next.
        mistake: source, text in it, and its wrong replacement, which the proof has to find.
        depth: number of clocks after the reset within which it finds the mistake.
        defines: macros that select parts of the wrapper.
        parameters: parameters of the wrapper.
        mistake_parameters: further parameters with which the mistake shows soon.
        looks_into_memories: memories become registers, to which the proof can refer.
        slow: the proof takes more than a second or two.
        slow_mistake: finding the mistake takes more than a second or two.
    """

    name: str
    claim: str
    file: str
    sources: tuple[str, ...]
    clocks: int
    mistake: tuple[str, str, str]
    depth: int
    defines: tuple[str, ...] = ()
    parameters: tuple[tuple[str, int], ...] = ()
    mistake_parameters: tuple[tuple[str, int], ...] = ()
    looks_into_memories: bool = False
    slow: bool = False
    slow_mistake: bool = False

    def prove(self, folder: Path) -> bool:
        """Prove the claim for the core, in the first clocks and, by induction, in all others."""
        model = folder / f"{self.name}.smt2"
        self._yosys(self._sources(), ("INDUCTION",), self.parameters, f"write_smt2 -wires {model}")
        options = ("-t", str(self.clocks))
        return _holds(model, *options) and _holds(model, "-i", *options)

    def finds_mistake(self, folder: Path) -> bool:
        """True if the claim is wrong for the core with the mistake, some clocks after a reset."""
        name, old, new = self.mistake
        path = RTL / f"nmtool_{name}.v"
        text = path.read_text()
        if text.count(old) != 1:
            raise ValueError(f"{path.name} has {text.count(old)} times {old!r}, not once")
        mistaken = folder / path.name
        mistaken.write_text(text.replace(old, new))
        sources = [mistaken if source == path else source for source in self._sources()]
        parameters = self.parameters + self.mistake_parameters
        log = self._yosys(
            sources, (), parameters,
            "sat -prove-asserts -set-assumes -tempinduct -tempinduct-baseonly "
            f"-maxsteps {self.depth}",
        )  # fmt: skip
        return "model found for base case: FAIL" in log

    def __str__(self) -> str:
        return f"{self.name}: {self.claim}: proved by induction over {self.clocks} clocks"

    def _sources(self) -> list[Path]:
        here = [HERE / f"{name}.v" for name in self.sources]
        return [mine if mine.exists() else RTL / f"nmtool_{mine.name}" for mine in here]

    def _yosys(
        self,
        sources: Sequence[Path],
        defines: Sequence[str],
        parameters: Sequence[tuple[str, int]],
        last: str,
    ) -> str:
        """Output of Yosys, for commands that end with `last`."""
        values = "".join(f" -chparam {key} {value}" for key, value in parameters)
        defined = "".join(f" -D{name}" for name in (*self.defines, *defines))
        wrapper, read = HERE / f"{self.file}_proof.v", " ".join(map(str, sources))
        commands = [
            f"read_verilog -formal -sv{defined} {wrapper} {read}",
            f"hierarchy -top {self.file}_proof{values}",
            "proc",
            *(_MEMORIES if self.looks_into_memories else ()),
            "flatten; opt_clean; check -assert",
            *_MEMORIES,
            "opt -full",
            "async2sync; dffunmap",
            last,
        ]
        done = subprocess.run(["yosys", "-p", "; ".join(commands)], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{self.name}: {done.stdout[-2000:]}{done.stderr}")
        return done.stdout


def _holds(model: Path, *options: str) -> bool:
    done = subprocess.run(
        ["yosys-smtbmc", "-s", "z3", *options, str(model)], capture_output=True, text=True
    )
    if "Status: PASSED" in done.stdout:
        return True
    if "Assert failed" in done.stdout:
        return False
    raise RuntimeError(f"{model.name}: {done.stdout[-2000:]}{done.stderr}")


_MEMORIES = ("memory -nomap", "memory_map")

_CORE = ("core", "update", "tell", "fifo", "banks", "ram_register", "open")
_COUNTS = (("COUNT_BITS", 4), ("IN_COUNT_BITS", 3))
_ONE_PORT = (("SINGLE_PORT", 1),)
_TWO_LANES = (("LANE_BITS", 1),)
_TWO_NEURONS = (("LANE_BITS", 1), ("SLICE_BITS", 1))


def _ring(name: str, variant: str, parameters: tuple[tuple[str, int], ...]) -> Proof:
    single = parameters == _ONE_PORT
    claim = "rows begin at least four clocks apart, and no word is read before it is written"
    if single:
        claim += ", nor while one is"
    return Proof(
        name, f"{claim}, {variant}", "core", _CORE, 8,
        ("core", "SINGLE_PORT == 0 || phase == coming_word[0]", "1'b1") if single
        else ("core", "2'd3 : row_pause", "2'd2 : row_pause"),
        36, defines=("RING",), parameters=parameters,
        slow=bool(parameters) and not single, slow_mistake=True,
    )  # fmt: skip


def _tell(name: str, claim: str, slices: int, deep: int, mistake: tuple[str, str]) -> Proof:
    return Proof(
        name, claim, "tell", ("tell", "queue"), 2, ("tell", *mistake), 12,
        parameters=(("SLICE_BITS", slices), ("DEEP", deep)), slow=slices > 0,
        slow_mistake=slices > 1,
    )  # fmt: skip


PROOFS = [
    Proof(
        "fifo", "a queue gives the words that were pushed, each once, in their order", "fifo",
        ("fifo", "ram", "ram_register"), 3, ("fifo", "read[1] && (!valid || take)", "read[1]"), 12,
        looks_into_memories=True,
    ),
    _tell(
        "tell", "no spike or membrane of one neuron a clock is lost or comes twice", 0, 0,
        ("DEEP != 0 || !spiking || spikes != 0", "DEEP != 0 || !spiking"),
    ),
    _tell(
        "tell-two", "no spike or membrane of two neurons a clock is lost or comes twice", 1, 0,
        ("(next && place == LAST[PLACE_BITS-1:0])", "next"),
    ),
    Proof(
        "tell-counts", "no spike, count or membrane of two neurons a clock is lost or comes twice",
        "tell", ("tell", "queue"), 2, ("tell", "spikes_here >> 1", "spikes_here"), 12,
        parameters=(("SLICE_BITS", 1), ("DEEP", 0), ("COUNT_BITS", 2)), slow=True,
    ),
    _tell(
        "tell-deep", "no word of u, v and spikes of two neurons a clock is lost or comes twice",
        1, 1, ("{1'b1, tells_v}", "2'b11"),
    ),
    Proof(
        "input", "every word of the input is dealt with, once, in its order", "core", _CORE, 4,
        ("core", "assign in_ready = !held || held_taken", "assign in_ready = 1'b1"), 6,
        defines=("INPUT",),
    ),
    Proof(
        "input-counts", "every word of the input is dealt with, once, in its order, with its count",
        "core", _CORE, 4, ("core", "held_more >> SEND_BITS != 5'd0", "1'b0"), 16,
        defines=("INPUT",), parameters=_COUNTS,
        mistake_parameters=(("COUNT_BITS", 0), ("WORD_BITS", 2), ("SLOT_BITS", 1)),
    ),
    Proof(
        "room", "there is room for what all neurons on their way tell", "core", _CORE, 4,
        ("tell", "1 << (ADDRESS_BITS - 1)", "1 << ADDRESS_BITS"), 44, defines=("ROOM",),
        mistake_parameters=(("WORD_BITS", 2), ("SLOT_BITS", 1), ("INDEX_BITS", 6)),
        slow_mistake=True,
    ),
    Proof(
        "room-counts", "there is room for what all neurons on their way tell, with counts", "core",
        _CORE, 4, ("tell", "- MORE_STAGES", "- 0"), 52, defines=("ROOM",), parameters=_COUNTS,
        mistake_parameters=(("WORD_BITS", 2), ("SLOT_BITS", 1), ("INDEX_BITS", 6)),
        slow_mistake=True,
    ),
    Proof(
        "again",
        "a neuron spikes while v is above the threshold, as often as it may, for some constants",
        "again", ("again",), 1, ("again", "{18'd0, v[5:0] == 6'd0}", "19'd0"), 8, slow=True,
    ),
    Proof(
        "counts", "the rows of a projection add up to the number of spikes", "core", _CORE, 4,
        ("core", "jump <= jump + 1'b1", "jump <= jump + pushes"), 24, defines=("COUNTS",),
        parameters=_COUNTS, mistake_parameters=(("WORD_BITS", 2), ("SLOT_BITS", 1)),
    ),
    _ring("ring", "of one lane", ()),
    _ring("ring-lanes", "of two lanes", _TWO_LANES),
    _ring("ring-slices", "of two lanes and two neurons a clock", _TWO_NEURONS),
    _ring("ring-counts", "of one lane with counts", _COUNTS),
    _ring("ring-single", "in memories of one port", _ONE_PORT),
]  # fmt: skip


def missing() -> list[str]:
    """Required tools that are not installed."""
    return [tool for tool in TOOLS if shutil.which(tool) is None]


def run(proof: Proof) -> bool:
    """Run a proof, and check that it finds its mistake; prints both results."""
    with tempfile.TemporaryDirectory() as folder:
        proved = proof.prove(Path(folder))
        print(proof if proved else f"{proof.name}: {proof.claim}: NOT PROVED", flush=True)
        exposed = proof.finds_mistake(Path(folder))
        if not exposed:
            print(f"{proof.name}: the mistake is NOT FOUND", flush=True)
    return proved and exposed


def main(names: Sequence[str]) -> int:
    """Run all proofs, or those whose names begin with a word; returns 1 if one fails."""
    if missing():
        print(f"not found: {', '.join(missing())}")
        return 1
    chosen = [proof for proof in PROOFS if not names or proof.name.split("-")[0] in names]
    failed = [proof.name for proof in chosen if not run(proof)]
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
