"""Proofs about the Verilog core, by yosys-smtbmc and z3.

    python -m tests.formal.proofs           all
    python -m tests.formal.proofs fifo ring some

A proof holds for every input: to a number of clocks after a reset, or by induction for all time.
Each is also asked about a core with a mistake, and has to find it.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nmtool.exporters.verilog import __file__ as _package

HERE = Path(__file__).parent
RTL = Path(_package).parent / "rtl"
TOOLS = ("yosys", "yosys-smtbmc", "z3")


@dataclass(frozen=True)
class Proof:
    """Assertions of a wrapper, `HERE/FILE.v`, about a part of the core.

    Attributes:
        claim: in words.
        file, top, parameters: the wrapper.
        sources: of the core.
        depth: clocks from the reset on.
        induction: clocks of the step of an induction, which makes it hold for all time; None: not.
        mistake: source, text in it, and a wrong one that the proof has to find.
        slow: it takes more than a few seconds.
    """

    name: str
    claim: str
    file: str
    top: str
    sources: tuple[str, ...]
    depth: int
    mistake: tuple[str, str, str]
    induction: int | None = None
    parameters: tuple[tuple[str, int], ...] = ()
    script: tuple[str, ...] = ()
    slow: bool = False

    def prove(self, folder: Path) -> bool:
        """It holds for the core as it is."""
        model = self._model(folder, {})
        held = _holds(model, "-t", str(self.depth))
        if held and self.induction is not None:
            held = _holds(model, "-i", "-t", str(self.induction))
        return held

    def finds_mistake(self, folder: Path) -> bool:
        """It does not hold for the core with its mistake, so that it does say something."""
        name, old, new = self.mistake
        text = (RTL / f"nmtool_{name}.v").read_text()
        if text.count(old) != 1:
            raise ValueError(f"nmtool_{name}.v has {text.count(old)} times {old!r}, not once")
        return not _holds(
            self._model(folder, {name: text.replace(old, new)}), "-t", str(self.depth)
        )

    def __str__(self) -> str:
        reach = f"to {self.depth} clocks after a reset"
        if self.induction is not None:
            reach = f"for all time, by induction over {self.induction} clocks"
        return f"{self.claim}: proved {reach}"

    def _model(self, folder: Path, other: dict[str, str]) -> Path:
        sources = []
        for name in self.sources:
            path = HERE / f"{name}.v" if name == "queue" else RTL / f"nmtool_{name}.v"
            if name in other:
                path = folder / path.name
                path.write_text(other[name])
            sources.append(path)
        model = folder / f"{self.name}.smt2"
        values = "".join(f" -chparam {key} {value}" for key, value in self.parameters)
        commands = [
            f"read_verilog -formal -sv {HERE / self.file}.v {' '.join(map(str, sources))}",
            f"hierarchy -top {self.top}{values}",
            "proc",
            *self.script,
            "flatten",
            "opt_clean",
            "check -assert",
            "async2sync",
            "dffunmap",
            f"write_smt2 -wires {model}",
        ]
        done = subprocess.run(
            ["yosys", "-q", "-p", "; ".join(commands)], capture_output=True, text=True
        )
        if done.returncode:
            raise RuntimeError(f"{self.name}: {done.stdout}{done.stderr}")
        return model


def _holds(model: Path, *options: str) -> bool:
    done = subprocess.run(
        ["yosys-smtbmc", "-s", "z3", *options, str(model)], capture_output=True, text=True
    )
    if "Status: PASSED" in done.stdout:
        return True
    if "Assert failed" in done.stdout:
        return False
    raise RuntimeError(f"{model.name}: {done.stdout[-2000:]}{done.stderr}")


_MAPPED = ("memory -nomap", "memory_map")
_ARRAYS = ("memory -nomap",)

PROOFS = [
    Proof(
        "fifo", "a queue gives the words that were pushed, each once, in their order", "fifo",
        "fifo_proof", ("fifo", "ram"), depth=12, induction=3, script=_MAPPED,
        mistake=("fifo", "!empty && (!valid || take)", "!empty && !valid || take"),
    ),
    Proof(
        "tell-deep", "no word of u, v and spikes of two neurons a clock is lost or comes twice", "tell",
        "tell_proof", ("tell", "queue"), depth=12, induction=2,
        parameters=(("SLICE_BITS", 1), ("DEEP", 1)),
        mistake=("tell", "{1'b1, v_told || tells_v}", "2'b11"),
    ),
    Proof(
        "tell", "no spike or membrane of two neurons a clock is lost or comes twice", "tell",
        "tell_proof", ("tell", "queue"), depth=12, induction=2,
        parameters=(("SLICE_BITS", 1), ("DEEP", 0)),
        mistake=("tell", "(!here || (out_ready && last_word))", "(!here || out_ready)"),
    ),
    Proof(
        "tell-one", "no spike or membrane of one neuron a clock is lost or comes twice", "tell",
        "tell_proof", ("tell", "queue"), depth=12, induction=2,
        parameters=(("SLICE_BITS", 0), ("DEEP", 0)),
        mistake=("tell", "DEEP != 0 || !spiking || spikes != 0", "DEEP != 0 || !spiking"),
    ),
]  # fmt: skip


def missing() -> list[str]:
    """Tools that are not found."""
    return [tool for tool in TOOLS if shutil.which(tool) is None]


def run(proof: Proof) -> bool:
    """Prove it, and see that it finds its mistake; both are printed."""
    with tempfile.TemporaryDirectory() as folder:
        held = proof.prove(Path(folder))
        print(proof if held else f"{proof.claim}: NOT PROVED", flush=True)
        found = proof.finds_mistake(Path(folder))
        if not found:
            print(f"{proof.name}: the mistake is NOT FOUND", flush=True)
    return held and found


def main(names: Sequence[str]) -> int:
    """All proofs, or those whose names begin so; 1 where one fails."""
    if missing():
        print(f"not found: {', '.join(missing())}")
        return 1
    chosen = [one for one in PROOFS if not names or one.name.split("-")[0] in names]
    return 0 if all([run(proof) for proof in chosen]) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
