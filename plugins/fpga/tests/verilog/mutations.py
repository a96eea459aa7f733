"""Single mistakes in Verilog, in every operator, constant, width, condition and register."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

_TOKEN = re.compile(
    r"""
    (?P<space>\s+ | //[^\n]* | /\*.*?\*/ | \(\*(?!\)).*?\*\))
  | (?P<string>"[^"\n]*")
  | (?P<number>\d+'[bdh][0-9a-fA-F_]+ | \d+)
  | (?P<name>[$`]?[A-Za-z_][A-Za-z0-9_]*)
  | (?P<operator><<<|>>>|===|!==|<=|>=|==|!=|&&|\|\||<<|>>|\+:|-:|[-+*/%&|^~!?:;,.=<>(){}\[\]@\#])
    """,
    re.VERBOSE | re.DOTALL,
)

_PAIRS = {"(": ")", "[": "]", "{": "}"}
_OTHER = {
    "+": ["-"], "-": ["+"], "*": ["+"], "/": ["*"], "%": ["*"],
    "&&": ["||"], "||": ["&&"], "&": ["|"], "|": ["&"],
    "==": ["!="], "!=": ["=="],
    "<": ["<=", ">", ">="], ">": [">=", "<", "<="], ">=": [">", "<"], "<=": ["<", ">="],
    "<<": [">>"], ">>": ["<<"], "!": [""],
}  # fmt: skip
_STARTS = {";", "begin", "else", "end", "endcase", "generate", "default"}
_ENDS_CONDITION = {"=", "(", "[", "{", ",", ":", "?", ";", "assign"}


@dataclass(frozen=True)
class Token:
    """A token of Verilog with its place in the text; comments and spaces are not tokens.

    Attributes:
        assigns: True for the `<=` of an assignment to a register.
    """

    kind: str
    text: str
    start: int
    assigns: bool = False

    @property
    def end(self) -> int:
        return self.start + len(self.text)


@dataclass(frozen=True)
class Mutant:
    """A text with one mistake.

    Attributes:
        key: the line with the mistake, independent of its place in the file; the second of equal
            lines ends in #2.
    """

    key: str
    text: str


def tokens(text: str) -> list[Token]:
    """The tokens of a Verilog source.

    >>> [token.text for token in tokens("a <= b[3'd1]; // c")]
    ['a', '<=', 'b', '[', "3'd1", ']', ';']
    """
    stream, place = [], 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise ValueError(f"no token of Verilog: {text[place : place + 20]!r}")
        if match.lastgroup not in (None, "space"):
            stream.append(Token(str(match.lastgroup), match.group(), place))
        place = match.end()
    return _with_assignments(stream)


def _with_assignments(stream: Sequence[Token]) -> list[Token]:
    """Mark every `<=` that assigns: the first in its statement, outside of brackets."""
    marked, depth, assigned, questions = [], 0, False, 0
    for token in stream:
        if token.text in _PAIRS:
            depth += 1
        elif token.text in _PAIRS.values():
            depth -= 1
        assigns = token.text == "<=" and depth == 0 and not assigned
        marked.append(Token(token.kind, token.text, token.start, assigns))
        if depth == 0:
            questions += {"?": 1, ":": -1}.get(token.text, 0)
            label = token.text == ":" and questions < 0
            if token.text in _STARTS or label or (token.text == ")" and not assigned):
                assigned, questions = False, 0
            elif assigns or token.text == "=":
                assigned = True
    return marked


@dataclass
class Source:
    """The tokens of a Verilog file, and possible mistakes in it."""

    text: str
    tokens: list[Token] = field(init=False)
    _partner: dict[int, int] = field(init=False)

    def __post_init__(self) -> None:
        self.tokens = tokens(self.text)
        self._partner = {}
        stack = []
        for place, token in enumerate(self.tokens):
            if token.text in _PAIRS:
                stack.append(place)
            elif token.text in _PAIRS.values():
                first = stack.pop()
                self._partner[first], self._partner[place] = place, first

    def mutants(self) -> list[Mutant]:
        """All mutants, each text only once."""
        skipped = self._skipped()
        mutants: dict[str, Mutant] = {}
        alike: Counter[str] = Counter()
        for first, last, new in self._changes():
            if any(a <= first <= b for a, b in skipped):
                continue
            start = self.tokens[first].start if first < len(self.tokens) else len(self.text)
            end = self.tokens[last - 1].end if last > first else start
            text = self.text[:start] + new + self.text[end:]
            if text not in mutants:
                key = self._key(start, end, new)
                alike[key] += 1
                number = f" #{alike[key]}" if alike[key] > 1 else ""
                mutants[text] = Mutant(key + number, text)
        return list(mutants.values())

    def _changes(self) -> Iterator[tuple[int, int, str]]:
        """Ranges of tokens, end exclusive, with their replacements."""
        yield from self._operators()
        yield from self._operands()
        yield from self._choices()
        yield from self._numbers()
        yield from self._widths()
        yield from self._states()
        yield from self._registers()

    def _skipped(self) -> list[tuple[int, int]]:
        """Excluded tokens: defaults of parameters, which instances set, and wires for lint."""
        spans, words = [], self.tokens
        for place, token in enumerate(words):
            if token.text == "module":
                opening = place + 3
                spans.append((opening, self._partner[opening]))
            if token.text == "wire":
                name = place + 1
                if words[name].text == "[":
                    name = self._partner[name] + 1
                if words[name].text.startswith("unused"):
                    spans.append((place, self._until(place, {";"})))
        return spans

    def _key(self, start: int, end: int, new: str) -> str:
        line = self.text.rfind("\n", 0, start) + 1
        stop = self.text.find("\n", end)
        parts = self.text[line:start], self.text[start:end], new, self.text[end:stop]
        before, old, new, after = (re.sub(r"\s+", " ", part) for part in parts)
        return f"{before.lstrip()}«{old} → {new}»{after.split('//')[0].rstrip()}"

    def _span(self, first: int, last: int) -> str:
        return self.text[self.tokens[first].start : self.tokens[last - 1].end]

    def _until(self, place: int, stops: set[str]) -> int:
        """The first token from `place` on, outside of nested brackets, that ends the expression."""
        while place < len(self.tokens):
            token = self.tokens[place]
            if token.text in stops or token.text in _PAIRS.values() or token.text == ";":
                return place
            place = self._partner[place] + 1 if token.text in _PAIRS else place + 1
        return place

    def _since(self, place: int, stops: set[str]) -> int:
        """The first token of the expression that ends before `place`."""
        while place > 0:
            token = self.tokens[place - 1]
            if token.text in stops or token.assigns or token.text in _PAIRS:
                return place
            place = self._partner[place - 1] if token.text in _PAIRS.values() else place - 1
        return place

    def _operators(self) -> Iterator[tuple[int, int, str]]:
        for place, token in enumerate(self.tokens):
            if token.kind != "operator" or token.assigns:
                continue
            previous = self.tokens[place - 1]
            operand_before = previous.kind in ("name", "number") or previous.text in (")", "]", "}")
            if token.text in "+-&|" and not operand_before:
                if token.text == "-":
                    yield place, place + 1, ""
                continue
            for new in _OTHER.get(token.text, []):
                yield place, place + 1, new

    def _operands(self) -> Iterator[tuple[int, int, str]]:
        """Leave out one side of `&&` or `||`."""
        for place, token in enumerate(self.tokens):
            if token.text not in ("&&", "||"):
                continue
            stops = {"&&", "||"} if token.text == "&&" else {"||"}
            first = self._since(place, stops | _ENDS_CONDITION)
            last = self._until(place + 1, stops | {"?", ":", ","})
            yield first, place + 1, ""
            yield place, last, ""

    def _choices(self) -> Iterator[tuple[int, int, str]]:
        """Take the other branch of `?:` or `if`."""
        for place, token in enumerate(self.tokens):
            if token.text == "?":
                first = self._since(place, _ENDS_CONDITION)
                yield first, place, f"!({self._span(first, place)})"
            elif token.text == "if":
                last = self._partner[place + 1] + 1
                yield place + 1, last, f"(!{self._span(place + 1, last)})"

    def _numbers(self) -> Iterator[tuple[int, int, str]]:
        for place, token in enumerate(self.tokens):
            if token.kind == "number":
                for new in _near(token.text):
                    yield place, place + 1, new

    def _widths(self) -> Iterator[tuple[int, int, str]]:
        """Change bounds, replications and parameters of instances that are not plain numbers."""
        for place, token in enumerate(self.tokens):
            for first, last in self._sizes(place, token):
                if not any(part.kind == "number" for part in self.tokens[first:last]):
                    for change in (" + 1", " - 1"):
                        yield first, last, f"({self._span(first, last)}{change})"

    def _sizes(self, place: int, token: Token) -> Iterator[tuple[int, int]]:
        if token.text == "[":
            middle = self._until(place + 1, {":", "+:", "?"})
            if self.tokens[middle].text == ":":
                yield place + 1, middle
            if self.tokens[middle].text in (":", "+:"):
                yield middle + 1, self._partner[place]
        elif token.text == "{":
            inner = self._until(place + 1, {"{", ","})
            if self.tokens[inner].text == "{" and inner > place + 1:
                yield place + 1, inner
        elif token.text == "." and self.tokens[place + 1].text.isupper():
            yield place + 3, self._partner[place + 2]

    def _states(self) -> Iterator[tuple[int, int, str]]:
        """Use the next of the constants that are declared together."""
        following, places = {}, set()
        for place, token in enumerate(self.tokens):
            if token.text == "localparam":
                last = self._until(place, {";"})
                names = [
                    p
                    for p in range(place + 1, last)
                    if self.tokens[p].kind == "name" and self.tokens[p + 1].text == "="
                ]
                words = [self.tokens[p].text for p in names]
                if len(words) > 1:
                    following |= dict(zip(words, [*words[1:], words[0]], strict=True))
                places |= set(range(place, last))
        for place, token in enumerate(self.tokens):
            if token.text in following and place not in places:
                yield place, place + 1, following[token.text]

    def _registers(self) -> Iterator[tuple[int, int, str]]:
        """Leave out assignments, or take registers from an earlier stage."""
        statements = []
        for place, token in enumerate(self.tokens):
            if token.assigns:
                last = self._until(place + 1, set())
                first = self._since(place, _STARTS | {":", ")"})
                statements.append((first, place, last))
        sources: dict[str, list[tuple[int, int]]] = {}
        for first, place, last in statements:
            if place == first + 1:
                sources.setdefault(self.tokens[first].text, []).append((place + 1, last))
        for first, place, last in statements:
            yield first, last, ""
            yield from self._sooner(place + 1, last, sources)
            if self.tokens[first].text == "{" and self.tokens[place + 1].text == "{":
                yield from self._shifted(place + 1)

    def _sooner(
        self, first: int, last: int, sources: dict[str, list[tuple[int, int]]]
    ) -> Iterator[tuple[int, int, str]]:
        for place in range(first, last):
            token = self.tokens[place]
            come_from = sources.get(token.text, []) if token.kind == "name" else []
            if len(come_from) == 1 and self.tokens[place + 1].text != "[":
                yield place, place + 1, f"({self._span(*come_from[0])})"

    def _shifted(self, opening: int) -> Iterator[tuple[int, int, str]]:
        """Rotate the parts of a concatenation."""
        parts, place = [], opening + 1
        while self.tokens[place - 1].text != "}" or place == opening + 1:
            last = self._until(place, {","})
            parts.append((place, last))
            place = last + 1
            if last == self._partner[opening]:
                break
        for (first, last), after in pairwise(parts):
            yield first, last, self._span(*after)


def _near(number: str) -> list[str]:
    """A number that is off by one; for a sized number, also another size."""
    if "'" not in number:
        value = int(number)
        return [str(value + 1), *([str(value - 1)] if value else [])]
    size, rest = number.split("'")
    base, digits = rest[0], rest[1:]
    bits, value = int(size), int(digits, {"b": 2, "d": 10, "h": 16}[base])
    code = {"b": "b", "d": "d", "h": "x"}[base]
    values = {(value + 1) % (1 << bits), (value - 1) % (1 << bits)} - {value}
    near = [f"{size}'{base}{neighbour:{code}}" for neighbour in sorted(values)]
    near.append(f"{bits + 1}'{base}{value:{code}}")
    if bits > 1:
        near.append(f"{bits - 1}'{base}{value % (1 << bits - 1):{code}}")
    return near
