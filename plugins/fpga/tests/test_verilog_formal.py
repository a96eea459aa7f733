"""Proofs about the core; `tests/formal/proofs.py` has their claims."""

from __future__ import annotations

from pathlib import Path

import pytest

from plugins.fpga.tests.formal.proofs import PROOFS, Proof, missing

pytestmark = pytest.mark.skipif(bool(missing()), reason=f"no {', '.join(missing())}")


def marked(slow: str) -> dict:
    values = [
        pytest.param(proof, marks=pytest.mark.long) if getattr(proof, slow) else proof
        for proof in PROOFS
    ]
    return {"argvalues": values, "ids": [proof.name for proof in PROOFS]}


@pytest.mark.parametrize("proof", **marked("slow"))
def test_proof_holds(proof: Proof, tmp_path: Path) -> None:
    assert proof.prove(tmp_path)


@pytest.mark.parametrize("proof", **marked("slow_mistake"))
def test_proof_finds_a_mistake(proof: Proof, tmp_path: Path) -> None:
    """Every proof fails for a core with a mistake, so that none is vacuous."""
    assert proof.finds_mistake(tmp_path)
