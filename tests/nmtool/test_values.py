"""Values: their arrays are read-only, and they are equal if their content is."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from numpy.typing import NDArray

import nmtool as nm
from nmtool import DataError
from nmtool.evaluation.answers import Answers
from nmtool.float_simulator import simulate_floats
from nmtool.known_answers import KnownAnswers
from nmtool.values import (
    Value,
    frozen,
    packed_bits,
    plain_array,
    read_only,
    unpacked_bits,
)
from tests.refusals import refused

FLOATS = nm.Network.layers([5, 8, 3], delays=9)
INTEGERS = nm.round_network(FLOATS).network
SPIKES = nm.Raster.from_dense(np.eye(5)[None])
RECORDING = nm.simulate(INTEGERS, SPIKES, deep=True)
EVENTS = nm.SpikeEvents.from_lists(
    [[1.0]] * 4, [[0]] * 4, [0, 1, 1, 1], groups={"who": [0, 0, 1, 1]}
)
ABOUT: dict[str, Any] = {"data": "mine", "splits": ["test"], "rule": None, "seeds": [0]}
VALUES: dict[str, Value] = {
    "network": FLOATS,
    "integers": INTEGERS,
    "raster": SPIKES,
    "recording": RECORDING,
    "floats recorded": simulate_floats(FLOATS, SPIKES, deep=True),
    "known answers": KnownAnswers(INTEGERS.content_hash, SPIKES, RECORDING, {"hidden": (3, 4)}),
    "answers": Answers.empty(EVENTS, model="a guess", settings={"a": [1]}, **ABOUT),
}
COPIES: dict[str, Callable[[Any], Any]] = {
    "itself": lambda value: value,
    "pickled": lambda value: pickle.loads(pickle.dumps(value)),
    "pickled by the newest protocol": lambda value: pickle.loads(pickle.dumps(value, protocol=5)),
    "copied": copy.copy,
    "copied deeply": copy.deepcopy,
    "replaced": replace,
}


def arrays(value: Any) -> Iterator[NDArray]:
    """All arrays in a value, including nested values."""
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, Value):
        for member in fields(value):  # type: ignore[arg-type]
            yield from arrays(getattr(value, member.name))
    elif isinstance(value, dict | tuple):
        for member in value.values() if isinstance(value, dict) else value:
            yield from arrays(member)


@pytest.mark.parametrize("way", COPIES)
@pytest.mark.parametrize("name", VALUES)
def test_values_and_their_copies_are_read_only(name: str, way: str) -> None:
    value = VALUES[name]
    other = COPIES[way](value)
    assert other == value
    assert hash(other) == hash(value)
    members = list(arrays(other))
    assert len(members) == len(list(arrays(value))) > 2
    for array in members:
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0


def test_a_loaded_value_is_equal_and_read_only(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="read-only"):
        # If this line could write, it would put an odd weight among even weights.
        INTEGERS.projections[0].weight[3, 5] += 1
    for value in (FLOATS, INTEGERS, RECORDING):
        value.save(tmp_path / "file.npz")
        loaded = type(value).load(tmp_path / "file.npz")
        assert loaded == value
        assert not any(array.flags.writeable for array in arrays(loaded))


def test_values_of_other_content_differ() -> None:
    first, *rest = INTEGERS.projections
    weight = first.weight.copy()
    weight[3, 5] += 2
    changed = replace(INTEGERS, projections=[replace(first, weight=weight), *rest])
    assert changed != INTEGERS
    assert changed.projections[1:] == INTEGERS.projections[1:]
    assert {INTEGERS, changed, copy.deepcopy(INTEGERS)} == {INTEGERS, changed}
    for other in (FLOATS, INTEGERS.content_hash, replace(INTEGERS, dt_ms=2.0)):
        assert other != INTEGERS
    late = {name: v + (name == "output") for name, v in RECORDING.membrane.items()}
    assert replace(RECORDING, membrane=late) != RECORDING
    assert replace(RECORDING, current={}) != RECORDING


def test_equal_content_is_an_equal_content_hash() -> None:
    first, *rest = FLOATS.projections
    for value, is_same in ((first.weight[0, 0], True), (0.0, False), (-0.0, False)):
        weight = first.weight.copy()
        weight[0, 0] = value
        other = replace(FLOATS, projections=[replace(first, weight=weight), *rest])
        assert (other == FLOATS) is (other.content_hash == FLOATS.content_hash) is is_same


def test_answers_of_another_file_are_equal() -> None:
    value = VALUES["answers"]
    assert isinstance(value, Answers)
    assert replace(value, path=Path("elsewhere")) == value
    assert replace(value, settings={"a": [2]}) != value


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("is_view", [False, True], ids=["array", "read-only view"])
def test_an_array_of_the_caller_stays_writable_and_independent(dtype: type, is_view: bool) -> None:
    mine = np.zeros((3, 4))
    source = frozen(mine[:]) if is_view else mine
    array = read_only(source, dtype)
    mine[0] = 1.0
    assert not array.any()
    assert not array.flags.writeable


def test_read_only_arrays_are_not_copied(tmp_path: Path) -> None:
    whole = frozen(np.zeros((3, 4)))
    np.save(tmp_path / "array.npy", whole)
    mapped = np.load(tmp_path / "array.npy", mmap_mode="r")
    for array in (whole, whole[1:], mapped, mapped[1:], np.frombuffer(bytes(32))):
        assert np.shares_memory(read_only(array), array)
    changing = np.load(tmp_path / "array.npy", mmap_mode="r+")
    for array in (changing, np.load(tmp_path / "array.npy", mmap_mode="c"), frozen(changing[1:])):
        assert not np.shares_memory(read_only(array), array)
    raster = replace(SPIKES, n_steps=9)
    assert np.shares_memory(raster.step, SPIKES.step)


@pytest.mark.parametrize("order", ["C", "K"])
def test_the_layout_in_memory(order: Any) -> None:
    source = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    array = read_only(source, order=order)
    assert array.flags.c_contiguous is (order == "C")
    assert array.tolist() == source.tolist()


MASKED = np.ma.masked_equal([0, 1, 2], 1)
ENTRIES: dict[str, Callable[[], object]] = {
    "a session's channels": lambda: nm.Session(INTEGERS).feed(MASKED),
    "a session's times": lambda: nm.Session(INTEGERS).feed([0, 1, 2], MASKED),
    "a raster": lambda: nm.Raster([0, 3], MASKED, [0, 0, 0], 3, 1),
    "dense spikes": lambda: nm.Raster.from_dense(MASKED.reshape(1, 1, 3)),
    "spikes of a raster": lambda: nm.Raster.from_events(MASKED, MASKED, MASKED, (3, 3, 3)),
    "samples of a raster": lambda: SPIKES.take(MASKED),
    "events": lambda: nm.SpikeEvents(MASKED, [0, 0, 0], [0, 3], [0], 1, ("a",)),
    "lists of events": lambda: nm.SpikeEvents.from_lists([MASKED], [[0, 0, 0]], [0]),
    "dense events": lambda: nm.SpikeEvents.from_dense([MASKED.reshape(1, 3)], [0]),
    "labels": lambda: nm.SpikeEvents.from_dense(np.ones((3, 2, 2)), MASKED),
    "groups": lambda: replace(EVENTS[:3], groups={"who": MASKED}),
    "samples of events": lambda: EVENTS.take(MASKED),
    "weights": lambda: nm.Projection("input", "hidden", MASKED[None], [[0, 0, 0]]),
    "delays": lambda: nm.Projection("input", "hidden", [[0, 0, 0]], MASKED[None]),
    "integer weights": lambda: nm.IntegerProjection("input", "hidden", MASKED[None], [[0, 0, 0]]),
    "biases": lambda: replace(FLOATS.populations[1], bias=MASKED),
}


@pytest.mark.parametrize("entry", ENTRIES)
def test_masked_numbers_are_refused(entry: str) -> None:
    with refused(DataError, "array-masked"):
        ENTRIES[entry]()


def test_an_array_that_masks_no_number_is_an_array() -> None:
    assert plain_array(np.ma.array([1, 2])).tolist() == [1, 2]


@given(st.lists(st.booleans(), max_size=40))
def test_bits_are_read_back_from_text(bits: list[bool]) -> None:
    text = packed_bits(np.array(bits, np.bool_))
    assert unpacked_bits(text).tolist() == bits
    size, _, digits = text.partition(":")
    for other in (f"{size}:{digits}00", f"{int(size) + 8}:{digits}", f"{size}:{digits}0", "?"):
        with pytest.raises(ValueError, match=r"bits|hex|int"):
            unpacked_bits(other)
