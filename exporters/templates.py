"""Templates: texts with names of values, and with parts that depend on them.

Exports to C and ONNX are written from templates, which are read from top to bottom like the texts
that they make.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_PART = re.compile(
    r"^//% include (?P<include>\w+)\n"
    r"|^//% (?P<kind>each|if|unless) (?P<block>\w+)\n(?P<body>.*?)"
    r"(?:^//% else (?P=block)\n(?P<other>.*?))?^//% end (?P=block)\n"
    r"|\$(?P<name>\w+)|\$\{(?P<braced>\w+)(?:\?(?P<yes>[^:}]*)(?::(?P<no>[^}]*))?)?\}",
    re.MULTILINE | re.DOTALL,
)


def filled(text: str, values: Mapping[str, Any]) -> str:
    """Fill in a template.

    `$name` and `${name}` are a value, and `${name?text:other}` is one of two texts. The line
    `//% if NAME` (or `unless`, or `each`) begins a block, and `//% end NAME` ends it; `//% else
    NAME` may stand between. `each` repeats its block for every mapping of a list, with its values.
    `//% include NAME` fills in another template, which is the value of NAME. A value may be a
    function that returns it.

    >>> print(filled("//% each a\\nint $b${c?[3]};\\n//% end a\\n", {"a": [{"b": "x", "c": True}]}))
    int x[3];
    <BLANKLINE>
    """

    def part(match: re.Match[str]) -> str:
        if match["include"]:
            return filled(values[match["include"]], values)
        kind = match["kind"]
        value = values[match["block"] or match["name"] or match["braced"]]
        value = value() if callable(value) else value
        if kind == "each" and value:
            return "".join(filled(match["body"], {**values, **item}) for item in value)
        if kind is None and match["yes"] is None:
            return str(value)
        yes, no = (match["yes"], match["no"]) if kind is None else (match["body"], match["other"])
        return filled((yes if bool(value) != (kind == "unless") else no) or "", values)

    return _PART.sub(part, text)
