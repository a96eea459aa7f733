"""Splits of a data set, and the words by which they are named."""

from __future__ import annotations

VALIDATION = "validation"
SPLITS = ("train", VALIDATION, "test")

NO_DATA = "none"
"""Word in place of a data set's name: use no data, not even the run's data."""

SPLIT_WORDS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val"),
    "test": ("test", "testing"),
}
"""Words for each split, in names of files and arrays and in CSV columns."""


def split_named(word: str) -> str | None:
    """The split that a word names; None if it names no split.

    >>> split_named("val"), split_named("testing"), split_named("rest")
    ('validation', 'test', None)
    """
    return next((split for split, words in SPLIT_WORDS.items() if word in words), None)


def name_and_split(word: str) -> tuple[str, str | None]:
    """Divide `DATA:SPLIT` into data set and split; the split is None if no split is named.

    >>> name_and_split("digits:test"), name_and_split("tonic:NMNIST")
    (('digits', 'test'), ('tonic:NMNIST', None))
    """
    name, _, split = word.rpartition(":")
    return (name, split) if name and split in SPLITS else (word, None)
