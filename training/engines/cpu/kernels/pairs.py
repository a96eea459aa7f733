"""Pairs of a trace's value and its change in the next step, summed as one vector.

Gradients of weights sum a trace at the arrivals of spikes; gradients of delays sum its changes.
Numba has no vector type and does not vectorise loops over such pairs, which would almost halve the
speed of the gradient pass. This module provides LLVM's vectors of two.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core.datamodel import models
from numba.extending import intrinsic, register_model

# `Any` hides the first argument of intrinsics from type checkers. Numba itself passes this
# argument.
_inlined: Any = intrinsic


class Pair(types.Type):
    """Numba's type of two numbers in one register.

    Args:
        dtype: Numba's type of each number, float32 or float64.
    """

    def __init__(self, dtype: types.Float) -> None:
        self.dtype = dtype
        super().__init__(name=f"Pair({dtype})")


@register_model(Pair)
class _PairModel(models.PrimitiveModel):
    """The memory layout of a `Pair` in Numba: LLVM's vector of two numbers."""

    def __init__(self, manager: Any, pair: Pair) -> None:
        number = manager.lookup(pair.dtype).get_value_type()
        super().__init__(manager, pair, ir.VectorType(number, 2))


@_inlined
def zero_pair(typing: Any, trace: Any) -> Any:
    """A pair of zeros, with the number type of a trace."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return ir.Constant(context.get_value_type(signature.return_type), None)

    return Pair(trace.dtype)(trace), generate


@_inlined
def plus_pair_at(typing: Any, pair: Any, trace: Any, index: Any) -> Any:
    """Add trace[index], and the change trace[index + 1] − trace[index], to the numbers of a pair.

    Differences are summed one by one: in the small difference of two large sums, float32 would lose
    two digits.

    Args:
        pair: the sum so far.
        trace: [numbers] float, contiguous.
        index: uint64, index of the pair's first number; not bounds-checked.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pair_sum, trace_struct, at = arguments
        numbers = context.make_array(trace)(context, builder, trace_struct).data
        return builder.fadd(pair_sum, _with_change(builder, _load(builder, numbers, at)))

    return pair(pair, trace, types.uint64), generate


@_inlined
def plus_two_pairs_at(typing: Any, pairs: Any, trace: Any, first: Any, second: Any) -> Any:
    """Do the same as `plus_pair_at` for two pairs at two indices, in one vector of four numbers."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pair_sums, trace_struct, *places = arguments
        numbers = context.make_array(trace)(context, builder, trace_struct).data
        loaded = _side_by_side(builder, *(_load(builder, numbers, at) for at in places))
        sums = _side_by_side(builder, *(builder.extract_value(pair_sums, i) for i in (0, 1)))
        sums = builder.fadd(sums, _with_change(builder, loaded))
        halves = [_shuffled(builder, sums, lanes) for lanes in ([0, 1], [2, 3])]
        return context.make_tuple(builder, signature.return_type, halves)

    return pairs(pairs, trace, types.uint64, types.uint64), generate


def _load(builder: Any, numbers: Any, at: Any) -> Any:
    """Load the numbers at the indices `at` and `at + 1` as a vector."""
    number = numbers.type.pointee
    place = builder.bitcast(builder.gep(numbers, [at]), ir.VectorType(number, 2).as_pointer())
    return builder.load(place, align=4 if isinstance(number, ir.FloatType) else 8)


def _with_change(builder: Any, vector: Any) -> Any:
    """Replace each (value, next value) in a vector by (value, next value − value)."""
    size = vector.type.count
    return builder.fsub(
        vector, _shuffled(builder, vector, [i - 1 if i % 2 else size for i in range(size)])
    )


def _side_by_side(builder: Any, first: Any, second: Any) -> Any:
    """Concatenate two vectors of two numbers to a vector of four."""
    return _shuffled(builder, first, [0, 1, 2, 3], second)


def _shuffled(builder: Any, vector: Any, lanes: list[int], second: Any = None) -> Any:
    """Make a vector of chosen lanes of two vectors; the second has only zeros by default."""
    second = ir.Constant(vector.type, None) if second is None else second
    mask = ir.Constant(ir.VectorType(ir.IntType(32), len(lanes)), lanes)
    return builder.shuffle_vector(vector, second, mask)


@_inlined
def plus_pair(typing: Any, pair: Any, other: Any) -> Any:
    """Add two pairs number by number."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fadd(*arguments)

    return pair(pair, other), generate


@_inlined
def as_tuple(typing: Any, pair: Any) -> Any:
    """The two numbers of a pair as a tuple."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        lanes = [builder.extract_element(arguments[0], ir.IntType(32)(lane)) for lane in (0, 1)]
        return context.make_tuple(builder, signature.return_type, lanes)

    return types.UniTuple(pair.dtype, 2)(pair), generate
