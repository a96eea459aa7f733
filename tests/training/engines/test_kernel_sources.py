"""Named tuples that kernels read by position are part of the hash that names their cache."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from numba import types

from nmtool import hardware_sim
from nmtool.arithmetic import LOIHI2
from nmtool.hardware_sim.compiled import source_files
from nmtool.hardware_sim.kernel import kernels as simulation_kernels
from nmtool.hardware_sim.plan import Plan
from nmtool.training.engines.cell import IntegerConstants, NeuronConstants
from nmtool.training.engines.cpu import kernels
from nmtool.training.engines.cpu.kernels.adjoint import SourceSpikes
from nmtool.training.engines.cpu.kernels.compiled import SOURCES
from nmtool.training.engines.cpu.kernels.gradients import Gathering
from nmtool.training.engines.cpu.kernels.integer import kernels as training_kernels
from nmtool.training.loop.run import run_training
from tests.training.small_data import small_dataset, small_options

pytestmark = pytest.mark.torch


def _signatures() -> Iterator[Any]:
    """Argument types of all calls of CPU kernels so far."""
    for package in (hardware_sim, kernels):
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            for value in vars(importlib.import_module(module.name)).values():
                yield from getattr(value, "nopython_signatures", [])
    loops = simulation_kernels(LOIHI2.module, LOIHI2.sum_limit, LOIHI2.word, frozenset())
    for kernel in (*loops, *training_kernels(LOIHI2)):
        yield from getattr(kernel, "nopython_signatures", [])


def _named_tuples(numba_type: Any) -> Iterator[type]:
    if isinstance(numba_type, types.BaseNamedTuple):
        yield numba_type.instance_class
    if isinstance(numba_type, types.BaseTuple):
        for field in numba_type:
            yield from _named_tuples(field)


def test_every_named_tuple_that_kernels_are_given_is_hashed() -> None:
    for arithmetic in ("float", "integer"):
        run_training(small_options(epochs=1, arithmetic=arithmetic), small_dataset())
    named_tuples = {
        named_tuple
        for signature in _signatures()
        for argument in signature.args
        for named_tuple in _named_tuples(argument)
    }
    assert named_tuples >= {NeuronConstants, IntegerConstants, Gathering, Plan, SourceSpikes}
    files = {file.resolve() for file in source_files(SOURCES)}
    assert [
        named_tuple
        for named_tuple in named_tuples
        if Path(inspect.getfile(named_tuple)).resolve() not in files
    ] == []
