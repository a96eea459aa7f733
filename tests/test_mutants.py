"""A sample of the mutants of the readable simulator; `make mutants-loihi2` runs all."""

from __future__ import annotations

import sys

import pytest

from tests.mutants import EQUIVALENT, all_mutants, explained, judge

# Statements in the list of equivalent mutants are written as by Python 3.11 and later, with other
# parentheses than by 3.10.
pytestmark = pytest.mark.skipif(sys.version_info < (3, 11), reason="parentheses of Python 3.11")

EVERY = 67


def test_there_are_a_thousand_mutants_with_unique_names() -> None:
    keys = [mutant.key for mutant in all_mutants()]
    assert len(set(keys)) == len(keys) > 1000
    assert set(explained(EQUIVALENT)) <= set(keys)


def test_vectors_detect_a_sample_of_mutants() -> None:
    chosen = all_mutants()[::EVERY]
    survivors = {mutant.key for mutant in chosen if judge(mutant) == "survives"}
    assert survivors == {mutant.key for mutant in chosen} & set(explained(EQUIVALENT))
