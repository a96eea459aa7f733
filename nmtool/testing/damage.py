"""Damaged files: with changed bytes, truncated, or with additional bytes."""

from __future__ import annotations

import numpy as np


def damages(whole: bytes, seed: int, rounds: int) -> list[tuple[str, bytes]]:
    """Damaged versions of a file, each with a description of the damage.

    >>> [damage for damage, content in damages(b"0123456789", seed=1, rounds=2)]
    ['flip at 4 of 10, round 0', 'cut at 7 of 10, round 1']

    Args:
        whole: content of the file, at least one byte.
        seed: seed of the damage.
        rounds: number of versions.
    """
    random = np.random.default_rng(seed)
    copies = []
    for round_ in range(rounds):
        content = bytearray(whole)
        kind = ("flip", "cut", "burst", "grow")[round_ % 4]
        place = int(random.integers(len(whole)))
        if kind == "flip":
            content[place] ^= 1 << int(random.integers(8))
        elif kind == "cut":
            del content[place:]
        elif kind == "burst":
            noise = random.integers(0, 256, int(random.integers(1, 64)))
            content[place : place + len(noise)] = noise.astype(np.uint8).tobytes()
        else:
            content[place:place] = random.integers(0, 256, 5).astype(np.uint8).tobytes()
        copies.append((f"{kind} at {place} of {len(whole)}, round {round_}", bytes(content)))
    return copies
