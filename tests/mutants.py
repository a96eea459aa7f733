"""Make every small mistake in the readable simulator, and check that conformance vectors detect it.

    python -m tests.mutants -o survivors.txt
    python -m tests.mutants --every 50 -o some.txt

The simulator consists of the step, the loop around it, the small functions of the arithmetic, and
the code that reads a network and an input from a vector. A vector detects a mutant if a spike, a u,
a v or a class differs, or if the mutant cannot run it. Undetected mutants are printed, and the
command fails unless `tests/mutants_equivalent.txt` has a reason why they change nothing. It also
fails if one of those is detected.

Not mutated: results of a step that the simulator does not use; docstrings, annotations, errors and
paths in errors; types of arrays. Operands of commutative operators are not exchanged.
"""

from __future__ import annotations

import argparse
import ast
import collections
import contextlib
import copy
import inspect
import multiprocessing
import resource
import signal
import sys
import textwrap
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np

from nmtool import arithmetic
from nmtool.exporters.json import file
from nmtool.hardware_sim import reference, resets, step
from nmtool.hardware_sim.step import Step
from nmtool.network import integer_network
from nmtool.network.graph import INPUT
from nmtool.recording import Recording
from tests.vectors import FOLDER, VECTORS

EQUIVALENT = Path(__file__).parent / "mutants_equivalent.txt"

SUBJECTS: tuple[tuple[Any, str], ...] = (
    (step, "neuron_step"),
    *((reference, name) for name in ("run_reference", "_run_sample", "_advance", "_send")),
    *((resets, name) for name in ("spikes_in", "v_after", "owed_after")),
    (arithmetic, "shifted"),
    *((arithmetic.Arithmetic, name) for name in ("keep_u", "keep_v")),
    *((integer_network.IntegerPopulation, name) for name in ("bias", "drop")),
    (integer_network.IntegerProjection, "shifted_weight"),
    *((file, name) for name in ("network_in", "_raster")),
)
"""Modules or classes, with their functions or properties that are mutated."""

_SECONDS = 20
_MEMORY = 6 << 30

_BINARY = (
    ast.Add, ast.Sub, ast.Mult, ast.FloorDiv, ast.LShift, ast.RShift, ast.BitAnd, ast.BitOr,
)  # fmt: skip
_COMMUTE = (ast.Add, ast.Mult, ast.BitAnd, ast.BitOr)
_COMPARISONS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq)


Place = tuple[tuple[str, Any], ...]
"""Path from a node of a syntax tree to a node below it: fields, with an index for lists."""


@dataclass(frozen=True)
class Mutant:
    """A function with one mistake.

    Attributes:
        key: name of the function, and the statement with the mistake; the second of equal keys
            ends in #2.
        subject: index in `SUBJECTS`.
        place: path from the function to the node that is replaced.
        new: replacement of the node.
    """

    key: str
    subject: int
    place: Place
    new: ast.AST

    def tree(self) -> ast.FunctionDef:
        """Syntax tree of the function with the mistake."""
        tree = copy.deepcopy(_subject(self.subject))
        _put(tree, self.place, copy.deepcopy(self.new))
        return ast.fix_missing_locations(tree)


# Mistakes that make mutants


@cache
def all_mutants() -> list[Mutant]:
    """Every mutant of every subject, each once."""
    mutants = []
    for index, (_, name) in enumerate(SUBJECTS):
        counts: collections.Counter[str] = collections.Counter()
        for text, place, new in _mutations(_subject(index)):
            key = f"{name}: {text}"
            counts[key] += 1
            number = f" #{counts[key]}" if counts[key] > 1 else ""
            mutants.append(Mutant(key + number, index, place, new))
    return mutants


@cache
def _subject(index: int) -> ast.FunctionDef:
    source = textwrap.dedent(inspect.getsource(_function(*SUBJECTS[index])))
    tree = ast.parse(source).body[0]
    assert isinstance(tree, ast.FunctionDef)
    return _plain(tree)


def _at(node: Any, place: Place) -> Any:
    for field, index in place:
        node = getattr(node, field) if index is None else getattr(node, field)[index]
    return node


def _put(node: Any, place: Place, new: ast.AST) -> None:
    owner, (field, index) = _at(node, place[:-1]), place[-1]
    if index is None:
        setattr(owner, field, new)
    else:
        getattr(owner, field)[index] = new


def _function(owner: Any, name: str) -> Any:
    member = inspect.getattr_static(owner, name)
    return member.fget if isinstance(member, property) else member


def _plain(tree: ast.FunctionDef) -> ast.FunctionDef:
    """The function without decorators, annotations and docstring."""
    tree = copy.deepcopy(tree)
    tree.decorator_list, tree.returns = [], None
    for argument in ast.walk(tree.args):
        if isinstance(argument, ast.arg):
            argument.annotation = None
    if ast.get_docstring(tree) is not None:
        tree.body = tree.body[1:]
    for node in ast.walk(tree):
        for key, statements in ast.iter_fields(node):
            if isinstance(statements, list):
                setattr(node, key, [_bare(statement) for statement in statements])
    return tree


def _bare(node: Any) -> Any:
    """An assignment without its type annotation."""
    if isinstance(node, ast.AnnAssign) and node.value is not None:
        return ast.Assign([node.target], node.value, lineno=node.lineno)
    return node


def _mutations(plain: ast.FunctionDef) -> Iterator[tuple[str, Place, ast.AST]]:
    """Each mistake in a statement: the mutated text, its place, and the replacement."""
    nodes = list(ast.walk(plain))
    left_alone = {id(part) for node in nodes for part in _reported(node)}
    no_numbers = {id(n.value) for n in nodes if isinstance(n, ast.Attribute)}
    no_numbers |= {id(n.func) for n in nodes if isinstance(n, ast.Call)}
    no_numbers |= {id(n.test) for n in nodes if isinstance(n, ast.If | ast.IfExp)}
    names = sorted(
        {node.arg for node in nodes if isinstance(node, ast.arg)}
        | {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        | {n.id for n in nodes if isinstance(n, ast.Name) and n.id.isupper()}
    )
    names = [name for name in names if name != "path"]
    types = {"astype", "int32", "int64"}
    attributes = sorted({n.attr for n in nodes if isinstance(n, ast.Attribute)} - types)
    texts = sorted({n.value for n in nodes if isinstance(n, ast.Constant) and _is_text(n)})
    for place, statement in _statements(plain):
        if isinstance(statement, ast.Raise):
            continue
        before = _header(statement)
        seen = {before}
        for path, node in _paths(statement):
            if id(node) in left_alone:
                continue
            news = [*_replacements(node, names, attributes, texts, statement)]
            if _counts(node) and id(node) not in no_numbers:
                news += _off_by_one(node)
            for new in news:
                ast.fix_missing_locations(new)
                _put(plain, (*place, *path), new)
                after = _header(_at(plain, place))
                _put(plain, (*place, *path), node)
                if after not in seen:
                    seen.add(after)
                    yield _marked(before, after), (*place, *path), new
        yield f"«{before}»", place, ast.Pass()


def _header(statement: ast.stmt) -> str:
    return ast.unparse(statement).split("\n")[0]


def _is_text(node: ast.Constant) -> bool:
    return isinstance(node.value, str)


def _reported(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes that compute results of a step that the simulator does not use."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Step":
        for result, argument in zip(Step._fields, node.args, strict=True):
            if result not in ("u", "spiked", "peak"):
                yield from ast.walk(argument)


def _statements(node: ast.AST, place: Place = ()) -> Iterator[tuple[Place, ast.stmt]]:
    for field in ("body", "orelse", "finalbody"):
        for index, statement in enumerate(getattr(node, field, None) or []):
            if isinstance(statement, ast.stmt):
                here = (*place, (field, index))
                yield here, statement
                yield from _statements(statement, here)


def _paths(statement: ast.stmt) -> Iterator[tuple[Place, ast.AST]]:
    """Expressions of a statement, without those of nested statements, with their paths."""

    def below(node: ast.AST, path: Place) -> Iterator[tuple[Place, ast.AST]]:
        for field, value in ast.iter_fields(node):
            for index, part in enumerate(value if isinstance(value, list) else [value]):
                if isinstance(part, ast.AST) and not isinstance(part, ast.stmt):
                    here = (*path, (field, index if isinstance(value, list) else None))
                    yield here, part
                    yield from below(part, here)

    yield from below(statement, ())
    if isinstance(statement, ast.AugAssign):
        yield (), statement


def _replacements(
    node: ast.AST,
    names: Sequence[str],
    attributes: Sequence[str],
    texts: Sequence[str],
    statement: ast.stmt,
) -> Iterator[ast.AST]:
    """Wrong replacements of a node."""
    if isinstance(node, ast.Constant):
        yield from (ast.Constant(value) for value in _constants(node.value, texts))
    elif isinstance(node, ast.BinOp):
        yield from (
            ast.BinOp(node.left, op(), node.right) for op in _BINARY if type(node.op) is not op
        )
        if not isinstance(node.op, _COMMUTE):
            yield ast.BinOp(node.right, node.op, node.left)
        yield from (node.left, node.right)
    elif isinstance(node, ast.AugAssign):
        yield from (
            ast.AugAssign(node.target, op(), node.value)
            for op in _BINARY
            if type(node.op) is not op
        )
        yield ast.Assign([node.target], node.value, lineno=1)
    elif isinstance(node, ast.Compare):
        yield from (
            ast.Compare(node.left, [op()], node.comparators)
            for op in _COMPARISONS
            if type(node.ops[0]) in _COMPARISONS and type(node.ops[0]) is not op
        )
        yield from (ast.Constant(True), ast.Constant(False))
    elif isinstance(node, ast.BoolOp):
        yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
        yield from node.values
    elif isinstance(node, ast.UnaryOp):
        yield node.operand
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in names:
        yield from (ast.Name(name, ast.Load()) for name in names if name != node.id)
    elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
        if node.attr in attributes:
            for attribute in attributes:
                if attribute != node.attr:
                    yield ast.Attribute(node.value, attribute, node.ctx)
    elif isinstance(node, ast.IfExp):
        yield from (node.body, node.orelse)
    elif isinstance(node, ast.Call):
        of_step = isinstance(node.func, ast.Name) and node.func.id == "Step"
        for index in range(2 if of_step else len(node.args) - 1):
            swapped = [*node.args]
            swapped[index : index + 2] = swapped[index + 1], swapped[index]
            yield ast.Call(node.func, swapped, node.keywords)
        if len(node.args) == 1:
            yield node.args[0]
        for index in range(len(node.keywords)):
            yield ast.Call(node.func, node.args, node.keywords[:index] + node.keywords[index + 1 :])
        if isinstance(node.func, ast.Attribute) and node.func.attr != "astype":
            yield node.func.value
    if isinstance(statement, ast.If) and node is statement.test:
        yield from (ast.Constant(True), ast.Constant(False), ast.UnaryOp(ast.Not(), node))


def _off_by_one(node: ast.expr) -> Iterator[ast.AST]:
    yield ast.BinOp(node, ast.Add(), ast.Constant(1))
    yield ast.BinOp(node, ast.Sub(), ast.Constant(1))
    yield ast.UnaryOp(ast.USub(), node)


def _counts(node: ast.AST) -> TypeGuard[ast.expr]:
    """True for an expression that may be a number, and can be changed by one or negated."""
    number = isinstance(node, ast.BinOp | ast.IfExp | ast.Subscript | ast.Name)
    return number and isinstance(getattr(node, "ctx", None) or ast.Load(), ast.Load)


def _constants(value: Any, texts: Sequence[str]) -> Iterator[Any]:
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int | float):
        yield from (value + 1, value - 1, 2 * value, 0, -value)
    elif isinstance(value, str):
        yield from (text for text in texts if text != value)


def _marked(before: str, after: str) -> str:
    """A line with its changed part between «»."""
    start = 0
    while start < min(len(before), len(after)) and before[start] == after[start]:
        start += 1
    while start and (before[start - 1].isalnum() or before[start - 1] == "_"):
        start -= 1
    end = 0
    shortest = min(len(before), len(after)) - start
    while end < shortest and before[-1 - end] == after[-1 - end]:
        end += 1
    while end and (before[-end].isalnum() or before[-end] == "_"):
        end -= 1
    old, new = before[start : len(before) - end], after[start : len(after) - end]
    return f"{before[:start]}«{old} → {new}»{before[len(before) - end :]}"


# Checks that detect mutants


@dataclass(frozen=True)
class Expected:
    """The content of a vector's file, to compare with the results of a mutant."""

    document: dict[str, Any]
    states: dict[tuple[str, str], Any]
    classes: list[int]

    @classmethod
    def read(cls, name: str) -> Expected:
        document = file.read(FOLDER / f"{name}.json")
        samples = document["samples"]
        states: dict[tuple[str, str], Any] = {}
        for population in document["populations"]:
            key, size = population["name"], population["size"]
            rows = [[step[key] for step in sample["steps"]] for sample in samples]
            for quantity in ("u", "v"):
                states[key, quantity] = np.array([[r[quantity] for r in s] for s in rows])
            if population["kind"] == "lif":
                spikes = np.zeros((len(rows), len(rows[0]), size), np.uint8)
                for sample, steps in enumerate(rows):
                    for number, row in enumerate(steps):
                        for entry in row["spikes"]:
                            neuron, count = entry if isinstance(entry, list) else (entry, 1)
                            spikes[sample, number, neuron] = count
                states[key, "spikes"] = spikes
        return cls(document, states, [sample["class"] for sample in samples])

    def passes(self) -> bool:
        """True if the simulator in its current state gives these results."""
        document = copy.deepcopy(self.document)
        network = file.network_in(document, FOLDER)
        inputs = [[step[INPUT] for step in sample["steps"]] for sample in document["samples"]]
        spikes = file._raster(inputs, network.channels)
        recording = reference.run_reference(network, spikes)
        return self._equals(recording)

    def _equals(self, recording: Recording) -> bool:
        for (name, quantity), expected in self.states.items():
            if quantity == "spikes":
                actual = recording.spikes[name].dense_counts()
            else:
                actual = (recording.current if quantity == "u" else recording.v)[name]
            if not np.array_equal(expected, actual):
                return False
        return recording.predictions.tolist() == self.classes


@cache
def vectors() -> dict[str, Expected]:
    return {name: Expected.read(name) for name in VECTORS}


@contextlib.contextmanager
def _in_place(mutant: Mutant) -> Iterator[None]:
    """Replace the function by the mutant wherever it is used."""
    owner, name = SUBJECTS[mutant.subject]
    original = _function(owner, name)
    globals_ = dict(original.__globals__)
    exec(compile(ast.Module([mutant.tree()], []), "mutant", "exec"), globals_)
    new = globals_[name]
    places: list[tuple[Any, str, Any]] = []
    if inspect.isclass(owner):
        is_property = isinstance(inspect.getattr_static(owner, name), property)
        places.append((owner, name, property(new) if is_property else new))
    else:
        users = [m for key, m in list(sys.modules.items()) if key.startswith("nmtool")]
        places += [(m, name, new) for m in users if vars(m).get(name) is original]
    if name == "neuron_step":
        wrong = np.frompyfunc(new, 7, 1)
        places.append((reference, "_step", lambda _: wrong))
    before = [(place, key, inspect.getattr_static(place, key)) for place, key, _ in places]
    for place, key, value in places:
        setattr(place, key, value)
    try:
        yield
    finally:
        for place, key, value in before:
            setattr(place, key, value)


def _late(*_: object) -> None:
    raise TimeoutError


def judge(mutant: Mutant) -> str:
    """Name of the vector that detects a mutant; `survives` if none does."""
    signal.signal(signal.SIGALRM, _late)
    with _in_place(mutant), warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for name, vector in vectors().items():
            signal.alarm(_SECONDS)
            try:
                if not vector.passes():
                    return name
            except Exception as error:
                return f"{name}: {type(error).__name__}"
            finally:
                signal.alarm(0)
    return "survives"


def _limited() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))


def explained(path: Path) -> dict[str, str]:
    """Reasons by mutant. In the file, lines with `# ` are a reason; its mutants follow."""
    reasons, reason, fresh = {}, "", True
    for line in path.read_text().splitlines() if path.exists() else []:
        if line.startswith("# "):
            reason = line[2:] if fresh else f"{reason} {line[2:]}"
            fresh = False
        elif line.strip():
            reasons[line] = reason
            fresh = True
    return reasons


def main() -> int:
    """Run the command line; returns 1 if a result is not as expected."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--every", type=int, default=1, help="take each Nth mutant only")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path, required=True)
    args = parser.parse_args()
    numbers = range(0, len(all_mutants()), args.every)
    for name, vector in vectors().items():
        if not vector.passes():
            raise SystemExit(f"{name}: the simulator must be correct before it is mutated")
    reasons = explained(EQUIVALENT)
    counts: collections.Counter[str] = collections.Counter()
    wrong = []
    with (
        multiprocessing.Pool(args.jobs, _limited) as pool,
        open(args.output, "w", encoding="utf-8") as output,
    ):
        for number, verdict in zip(numbers, pool.imap(judge_numbered, numbers), strict=True):
            key = all_mutants()[number].key
            print(f"{verdict}\t{key}", file=output, flush=True)
            survives, has_reason = verdict == "survives", key in reasons
            counts[
                "equivalent" if survives else "error" if ":" in verdict else "other numbers"
            ] += 1
            if survives != has_reason:
                wrong.append(f"{verdict}\t{key}")
    if args.every == 1:
        wrong += [f"no mutant\t{key}" for key in {*reasons} - {m.key for m in all_mutants()}]
    print("mutants", len(numbers), dict(sorted(counts.items())))
    print(f"unexpected results {len(wrong)}", *sorted(wrong), sep="\n")
    return 1 if wrong else 0


def judge_numbered(number: int) -> str:
    """Call `judge` on the mutant with a number, in a separate process."""
    return judge(all_mutants()[number])


if __name__ == "__main__":
    sys.exit(main())
