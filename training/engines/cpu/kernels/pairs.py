"""A number of a trace and its change one step later, read and added as one vector.

Gradients by weights sum a trace at the arrivals of spikes, gradients by delays its changes there.
Numba has no vector type and leaves scalar loops over such pairs scalar, which costs the gradient
pass almost half its speed; this module gives kernels LLVM's vector of two.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core.datamodel import models
from numba.extending import intrinsic, register_model

# Typed, they would be functions of what the compiler passes beside the arguments of a call.
_inlined: Any = intrinsic


class Pair(types.Type):
    """Numba's type of two numbers in one register.

    Args:
        dtype: Numba's type of each of them, float32 or float64.
    """

    def __init__(self, dtype: types.Float) -> None:
        self.dtype = dtype
        super().__init__(name=f"Pair({dtype})")


@register_model(Pair)
class _PairModel(models.PrimitiveModel):
    def __init__(self, manager: Any, pair: Pair) -> None:
        number = manager.lookup(pair.dtype).get_value_type()
        super().__init__(manager, pair, ir.VectorType(number, 2))


@_inlined
def no_pair(typing: Any, trace: Any) -> Any:
    """Two zeros of the type of a trace."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return ir.Constant(context.get_value_type(signature.return_type), None)

    return Pair(trace.dtype)(trace), generate


@_inlined
def plus_pair_at(typing: Any, pair: Any, trace: Any, index: Any) -> Any:
    """A pair plus trace[index] and trace[index + 1] − trace[index].

    The difference is taken here and not of the two sums, which are so much larger than it that
    float32 would lose two of its digits.

    Args:
        pair: added to.
        trace: [numbers] float, contiguous.
        index: uint64; nothing checks that both numbers exist.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        so_far, trace_struct, at = arguments
        numbers = context.make_array(trace)(context, builder, trace_struct).data
        vector = context.get_value_type(pair).as_pointer()
        place = builder.bitcast(builder.gep(numbers, [at]), vector)
        here_and_next = builder.load(place, align=trace.dtype.bitwidth // 8)
        # (0, here), so that subtracting it leaves (here, next − here).
        lanes = ir.Constant(ir.VectorType(ir.IntType(32), 2), [2, 0])
        zeros = ir.Constant(here_and_next.type, None)
        shifted = builder.shuffle_vector(here_and_next, zeros, lanes)
        return builder.fadd(so_far, builder.fsub(here_and_next, shifted))

    return pair(pair, trace, types.uint64), generate


@_inlined
def plus_pair(typing: Any, pair: Any, other: Any) -> Any:
    """The sum of two pairs."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fadd(*arguments)

    return pair(pair, other), generate


@_inlined
def both(typing: Any, pair: Any) -> Any:
    """The two numbers as a tuple."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        lanes = [builder.extract_element(arguments[0], ir.IntType(32)(lane)) for lane in (0, 1)]
        return context.make_tuple(builder, signature.return_type, lanes)

    return types.UniTuple(pair.dtype, 2)(pair), generate
