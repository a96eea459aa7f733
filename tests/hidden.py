"""Characters that must not reach a screen, defined by their properties in Unicode."""

from __future__ import annotations

import unicodedata

DIRECTIONS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI", "BN", "B"}
"""Bidirectional classes of marks without width, and of line and paragraph separators."""

JOINERS = "\u200c\u200d"
"""Marks that Persian and emoji need between two characters."""

EVIL = "a\x1b]0;OWNED\x07b\x9bc\nd\re\x08f\u202eg\u2066h\u200fi\u200bj[red]k[/red]l\U000e0041\x7f"
"""A name that sets a terminal's title, moves its cursor, reverses text and hides letters."""

SHOWN = r"a\x1b]0;OWNED\x07b\x9bc\nd\re\x08f\u202eg\u2066h\u200fi\u200bj[red]k[/red]l\U000e0041\x7f"
"""`EVIL` on a screen."""


def hidden(text: str, keep: str = "\n") -> list[str]:
    """The characters of a text that no screen should get, each once.

    Args:
        text: what a command wrote.
        keep: control characters that are allowed.
    """
    return [letter for letter in sorted({*text} - {*keep}) if _is_hidden(letter)]


def _is_hidden(letter: str) -> bool:
    if letter in JOINERS:
        return False
    return (
        unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp")
        or unicodedata.bidirectional(letter) in DIRECTIONS
        or letter in "\u061c\u200e\u200f"
    )
