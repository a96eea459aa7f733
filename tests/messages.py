"""Every error and finding of the tool, taken from the sources.

An entry is a place that makes an error or a finding, with its code, class, module and texts, in
which `{…}` stands for a value. The page of all errors is generated from these entries.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nmtool import errors

ROOT = Path(__file__).parents[1]
ROOMS = [ROOT / room for room in ("nmtool", "hardware_sim", "training", "exporters")]
PLUGINS = sorted(ROOT.glob("plugins/*/nmtool_*"))

KINDS = {
    name: kind
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, errors.NmtoolError | errors.Finding)
}
"""Classes of errors, and `Finding`, by name."""

PARTS = ("what", "why", "fix")
CODE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)+")


@dataclass(frozen=True, order=True)
class Message:
    """An error or finding in the sources.

    Attributes:
        code: its code; '' if there is none, `{…}` if it is computed.
        kind: name of its class.
        place: path of the module, relative to the repository.
        words: `what`, `why` and `fix`, as far as they are given.
        line: line of the call.
        carries: True if it carries findings, which have their own fixes.
    """

    code: str
    kind: str
    place: str
    words: tuple[tuple[str, str], ...]
    line: int
    carries: bool = False


def messages() -> Iterator[Message]:
    """All places in rooms and plug-ins that make an error or a finding, module by module."""
    for folder in (*ROOMS, *PLUGINS):
        for path in sorted(folder.rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
            for node in ast.walk(tree):
                if isinstance(node, ast.Call) and _name(node.func) in KINDS:
                    around = [function for function in functions if _is_around(function, node)]
                    yield _message(node, path, [*reversed(around), tree])


def _message(call: ast.Call, path: Path, scopes: list[ast.AST]) -> Message:
    kind = _name(call.func)
    order = ("code", "where", "what", "fix", "why") if kind == "Finding" else ("what",)
    arguments = dict(zip(order, call.args, strict=False))
    arguments |= {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}

    def words(node: ast.expr) -> str:
        if isinstance(node, ast.Name):
            for scope in scopes:
                if text := _Variables(scope, call).text(node.id):
                    return text
        return _text(node)

    return Message(
        _text(arguments["code"]) if "code" in arguments else "",
        kind,
        path.relative_to(ROOT).as_posix(),
        tuple((part, words(arguments[part])) for part in PARTS if part in arguments),
        call.lineno,
        "findings" in arguments,
    )


def _is_around(outer: ast.stmt, inner: ast.stmt | ast.expr) -> bool:
    return outer.lineno <= inner.lineno <= (outer.end_lineno or 0)


@dataclass(frozen=True)
class _Variables:
    """Variables of a function or module at the place where a message is made.

    Attributes:
        scope: the function or module.
        call: the call that makes the message.
    """

    scope: ast.AST
    call: ast.Call

    def text(self, name: str) -> str:
        """Words of the last assignment before the call, of both branches of an `if`; '' for none.

        Words that are added by `+=` follow.
        """
        assigned = [(node, value) for node, value in self._values(name) if _is_plain(node)]
        if not assigned:
            return ""
        last, value = assigned[-1]
        others = {id(branch) for branch in self._other_branches(last)}
        texts = [_text(value) for node, value in assigned[:-1] if id(node) in others]
        added = [
            _text(value)
            for node, value in self._values(name)
            if not _is_plain(node) and node.lineno > last.lineno
        ]
        return " / ".join([*texts, _text(value)]) + "".join(added)

    def _values(self, name: str) -> list[tuple[ast.stmt, ast.expr]]:
        """Statements before the call that assign or add to the variable, with the values."""
        assignments: list[tuple[ast.stmt, ast.expr]] = []
        own = self.scope.body if isinstance(self.scope, ast.Module) else ast.walk(self.scope)
        for node in own:
            if isinstance(node, ast.AugAssign) and _name(node.target) == name:
                assignments.append((node, node.value))
            for target in node.targets if isinstance(node, ast.Assign) else ():
                pairs = [(target, node.value)]
                if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                    pairs = list(zip(target.elts, node.value.elts, strict=True))
                assignments += [(node, value) for part, value in pairs if _name(part) == name]
        is_module = isinstance(self.scope, ast.Module)
        before = [
            assignment
            for assignment in assignments
            if is_module or assignment[0].lineno < self.call.lineno
        ]
        return sorted(before, key=lambda assignment: assignment[0].lineno)

    def _other_branches(self, statement: ast.stmt) -> Iterator[ast.AST]:
        """All nodes in the branches that run if the branch with the statement does not."""
        for node in ast.walk(self.scope):
            if isinstance(node, ast.If) and any(
                _is_around(child, statement) for child in node.orelse
            ):
                for child in node.body:
                    yield from ast.walk(child)


def _is_plain(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Assign)


def _name(function: ast.expr) -> str:
    return getattr(function, "id", getattr(function, "attr", ""))


def _text(node: ast.expr) -> str:
    """The text of a string expression, with `{…}` for inserted values.

    Expressions are not shown, since Python versions unparse them differently.
    """
    if isinstance(node, ast.Constant):
        return str(node.value).replace("\n", "⏎")
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) for part in node.values)
    if isinstance(node, ast.IfExp):
        return f"{_text(node.body)} / {_text(node.orelse)}"
    if isinstance(node, ast.BoolOp):
        return " / ".join(map(_text, node.values))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _text(node.left) + _text(node.right)
    return "{error.code}" if _is_code_of_error(node) else "{…}"


def _is_code_of_error(node: ast.expr) -> bool:
    """True for `error.code`, which passes on the code of another error."""
    return (
        isinstance(node, ast.Attribute)
        and node.attr == "code"
        and isinstance(node.value, ast.Name)
        and node.value.id == "error"
    )
