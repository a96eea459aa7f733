"""Make every small mistake in the Verilog core, and check that the cases detect it.

    python -m plugins.fpga.tests.verilog_mutants -o survivors.txt
    python -m plugins.fpga.tests.verilog_mutants --sizes small --file nmtool_tell.v -o some.txt
    python -m plugins.fpga.tests.verilog_mutants --sizes large --again some.txt -o survivors.txt

A case of `tests/verilog` detects a mutant if the mutant does not compile, if a word, an answer or
an error differs, is undefined, additional or missing, or if the mutant hangs or needs more clocks:
`tests/verilog_clocks.txt` has the clocks of all cases. Verilator's lint runs before the slow cases,
and detects most wrong widths. Mutants that are not detected, or take fewer clocks, are printed, and
the command fails. Mutants for which `tests/verilog_survivors.txt` has a reason are not made, unless
`--explained` is given: then only these are made, and the command fails if one is detected.

Modules with test benches of their own are tested with these and with the small cases, the others
with all cases.

Not mutated: default values of parameters, since every instance sets all of them, and the wires
`unused…`, which exist for lint only.
"""

from __future__ import annotations

import argparse
import collections
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from nmtool_fpga.verilog import simulators
from plugins.fpga.tests.verilog.cases import RTL, Case, all_cases
from plugins.fpga.tests.verilog.modules import MODULES
from plugins.fpga.tests.verilog.mutations import Mutant, Source
from tests.mutants import explained

EXPLAINED = Path(__file__).parent / "verilog_survivors.txt"

_SECONDS = 20
_MEMORY = 2 << 30
_BEFORE_LINT = 5
_LINTED = (
    "chain", "chain-banks", "chain-single", "silent", "parallel-eight", "random-6",
    "no-projections", "resets", "counts", "counts-neurons", "counts-inputs",
)  # fmt: skip
_SMALL = (
    "chain", "chain-banks", "chain-single", "parallel", "no-projections", "random-0", "random-1",
    "random-3", "loaded-full", "silent", "parallel-eight", "resets",
    "counts", "counts-neurons", "counts-inputs",
    *(f"smallest-{warm}" for warm in range(82, 90)),
)  # fmt: skip
_ALONE = (
    "again",
    "answer",
    "banks",
    "fifo",
    "loader",
    "neuron",
    "ram",
    "ram_register",
    "ram_single",
)


def limited() -> None:
    """Limit the CPU time and memory of a mutant."""
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))


@dataclass
class Prepared:
    """A case in its folder, its running time, and the number of mutants it detected."""

    name: str
    folder: Path
    compile: list[str]
    sources: tuple[str, ...]
    lint: list[str] | None
    of_module: bool
    clocks: int = 0
    seconds: float = 1.0
    kills: int = 0
    lints: int = 0

    def run(self, sources: Sequence[Path], scratch: Path, limit: int = 1 << 30) -> str:
        """`same in N clocks`, or the first difference."""
        program = scratch / f"{self.name}.vvp"
        command = [str(program) if word == "sim.vvp" else word for word in self.compile]
        if "core_bench" in command:
            command.append(f"-Pcore_bench.LIMIT={limit}")
        built = _run([*command, *map(str, sources)], self.folder)
        if built is None or built.returncode or built.stderr or built.stdout:
            return "does not compile"
        done = _run(["vvp", "-n", str(program)], self.folder)
        program.unlink()
        if done is None:
            return "hangs"
        lines = [line for line in done.stdout.splitlines() if "$finish" not in line]
        return lines[0] if lines else "ends"

    def lint_finds(self, sources: Sequence[Path]) -> bool:
        """True if Verilator warns."""
        if self.lint is None:
            return False
        done = _run([*self.lint, *map(str, sources)], self.folder)
        return done is None or bool(done.returncode or done.stderr)


def _run(command: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str] | None:
    """Run a command; None after the time limit."""
    try:
        return subprocess.run(
            command, cwd=folder, capture_output=True, text=True, errors="replace",
            timeout=3 * _SECONDS, preexec_fn=limited, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return None


def prepare(work: Path) -> list[Prepared]:
    """All cases in folders; each must pass with the unchanged core."""
    prepared = []
    verilator = next(s for s in simulators.find() if isinstance(s, simulators.Verilator))
    names = tuple(path.stem.removeprefix("nmtool_") for path in RTL.glob("*.v"))
    for case in [*MODULES, *all_cases()]:
        folder = work / case.name
        command = case.write(folder)
        lint, sources = None, names
        if isinstance(case, Case):
            if case.name in _LINTED:
                values = [word[len("-Pcore_bench.") :] for word in command if "-P" in word]
                parameters = ("DEEP", "SINGLE_PORT", "BANK_BITS")
                lint = ["env", f"VERILATOR_ROOT={verilator.root}", str(verilator.program)]
                lint += ["--lint-only", "-Wall", "-Wfuture-PROCASSINIT", "-Wno-PROCASSINIT"]
                lint += ["--top-module", "nmtool_top"]
                lint += [f"-G{value}" for value in values if value.split("=")[0] in parameters]
                lint.append("nmtool_top.v")
        else:
            sources = case.sources
        of_module = not isinstance(case, Case)
        entry = Prepared(case.name, folder, command, sources, lint, of_module)
        start = time.monotonic()
        answer = entry.run(paths(entry.sources), work)
        entry.seconds = time.monotonic() - start
        if not answer.startswith("same in "):
            raise SystemExit(
                f"{case.name}: {answer}; the core must be correct before it is mutated"
            )
        if entry.lint_finds(paths(entry.sources)):
            raise SystemExit(f"{case.name}: lint warns about the unchanged core")
        entry.clocks = int(answer.split()[2])
        prepared.append(entry)
    return prepared


def paths(names: Sequence[str], mutated: Path | None = None) -> list[Path]:
    """Sources of a case; `mutated` replaces the source of the same name."""
    files = [RTL / f"nmtool_{name}.v" for name in names]
    return [mutated if mutated and path.name == mutated.name else path for path in files]


@dataclass
class Hunt:
    """Runs the cases with mutants of a file, most detections per second first."""

    cases: list[Prepared]
    file: str
    sizes: str = "all"

    def judge(self, mutant: Mutant, scratch: Path) -> str:
        """The case that detects the mutant, `survives`, or the difference in clocks."""
        mutated = scratch / self.file
        mutated.write_text(mutant.text)
        name = self.file.removeprefix("nmtool_").removesuffix(".v")
        able = [case for case in self.cases if name in case.sources]
        if self.sizes == "small" or name in _ALONE:
            able = [case for case in able if case.of_module or case.name in _SMALL]
        elif self.sizes == "large":
            able = [case for case in able if not case.of_module and case.name not in _SMALL]
        others: dict[str, int] = {}
        linted = sorted((case for case in able if case.lint), key=lambda case: -case.lints)
        ordered = sorted(able, key=lambda case: -(case.kills + 0.5) / case.seconds)
        for number, case in enumerate(ordered):
            if (number == 1 and self._lint_finds(linted[:1], mutated)) or (
                number == _BEFORE_LINT and self._lint_finds(linted[1:], mutated)
            ):
                return "lint"
            answer = case.run(paths(case.sources, mutated), scratch, 3 * case.clocks + 1000)
            if not answer.startswith("same in "):
                case.kills += 1
                return answer if answer == "does not compile" else f"{case.name}: {answer}"
            others[case.name] = int(answer.split()[2]) - case.clocks
        if len(ordered) <= _BEFORE_LINT and self._lint_finds(linted, mutated):
            return "lint"
        # Only the sum over all cases is judged, because other waits may make a single case faster
        # by chance.
        total = sum(others.values())
        if any(others.values()):
            return f"clocks {'more' if total > 0 else 'fewer'}: {total:+} in {len(others)} cases"
        return "survives"

    def _lint_finds(self, cases: Sequence[Prepared], mutated: Path) -> bool:
        for case in cases:
            if case.lint_finds(paths(case.sources, mutated)):
                case.lints += 1
                return True
        return False


def hunt(
    files: Sequence[str], chosen: Callable[[str], bool], jobs: int, sizes: str, work: Path
) -> Iterator[tuple[str, str]]:
    """Mutants and their verdicts, from `judge`."""
    cases = prepare(work)
    for file in files:
        mutants = Source((RTL / file).read_text()).mutants()
        selection = [mutant for mutant in mutants if chosen(f"{file}: {mutant.key}")]
        one_hunt = Hunt(cases, file, sizes)
        folders = [work / f"job{number}" for number in range(jobs)]
        for folder in folders:
            folder.mkdir(exist_ok=True)

        def judged(work: tuple[int, Mutant], hunt: Hunt = one_hunt, folders: list = folders) -> str:
            folder = Path(tempfile.mkdtemp(dir=folders[work[0] % len(folders)]))
            verdict = hunt.judge(work[1], folder)
            shutil.rmtree(folder)
            return verdict

        with ThreadPoolExecutor(jobs) as pool:
            for mutant, verdict in zip(
                selection, pool.map(judged, enumerate(selection)), strict=True
            ):
                yield f"{file}: {mutant.key}", verdict


_LEFT = ("survives", "clocks fewer")


def survivors(path: Path) -> set[str]:
    """Mutants of an output that no case detected."""
    lines = path.read_text().splitlines()
    return {line.split("\t")[1] for line in lines if _kind(line) in _LEFT}


def _kind(verdict: str) -> str:
    for kind in ("does not compile", "lint", *_LEFT, "clocks more"):
        if verdict.startswith(kind):
            return kind
    return "simulation"


def main() -> int:
    """Run the command line; the exit code is 1 if a mutant has an unexpected verdict."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--file", action="append", help="source of the core (default: all)")
    parser.add_argument("--again", type=Path, help="only survivors in this output")
    parser.add_argument("--explained", action="store_true", help="only mutants with a reason")
    parser.add_argument(
        "--sizes", choices=("small", "large", "all"), default="all", help="size of cases"
    )
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path, required=True)
    args = parser.parse_args()
    files = args.file or sorted(path.name for path in RTL.glob("*.v"))
    reasons = explained(EXPLAINED)
    again = survivors(args.again) if args.again else None

    def chosen(key: str) -> bool:
        return (key in reasons) == args.explained and (again is None or key in again)

    counts: dict[str, collections.Counter[str]] = {}
    wrong = []
    with tempfile.TemporaryDirectory() as work, open(args.output, "w") as output:
        for key, verdict in hunt(files, chosen, args.jobs, args.sizes, Path(work)):
            print(f"{verdict}\t{key}", file=output, flush=True)
            kind = _kind(verdict)
            counts.setdefault(key.split(":")[0], collections.Counter())[kind] += 1
            if (kind in _LEFT) != args.explained:
                wrong.append(f"{verdict}\t{key}")
    for name, count in counts.items():
        print(name, sum(count.values()), dict(sorted(count.items())))
    total = sum(counts.values(), collections.Counter())
    print("all", sum(total.values()), dict(sorted(total.items())))
    print(f"{'found' if args.explained else 'unexplained'} {len(wrong)}", *wrong, sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    os.environ.setdefault("LC_ALL", "C.UTF-8")
    sys.exit(main())
