from __future__ import annotations

import math
import sys

import numpy as np
import pytest
from hypothesis import given, strategies as st

from nmtool.dynamics import current_gain, decay, drive_scale, membrane_gain

taus = st.floats(0.05, 1e5)
steps_ms = st.floats(0.05, 10.0)


@given(taus, steps_ms)
def test_decay_is_exponential(tau: float, dt: float) -> None:
    assert float(decay(tau, dt)) == pytest.approx(math.exp(-dt / tau), rel=1e-14, abs=0)


@given(taus, steps_ms)
def test_membrane_gain_is_the_response_to_a_unit_current(tau: float, dt: float) -> None:
    """Solutions of τ·V' = −V + 1 from V = 0 begin as dt/τ, and two steps equal a double step."""
    gain = float(membrane_gain(tau, dt))
    assert float(membrane_gain(tau, 1e-9 * tau)) == pytest.approx(1e-9, rel=1e-8, abs=0)
    twice = gain + gain * float(decay(tau, dt))
    assert float(membrane_gain(tau, 2 * dt)) == pytest.approx(twice, rel=1e-14, abs=0)


@given(taus, steps_ms)
def test_current_gain_is_the_mean_of_the_decaying_current(tau: float, dt: float) -> None:
    middle = (np.arange(2000) + 0.5) / 2000 * dt
    mean = np.exp(-middle / tau).mean()
    assert float(current_gain(tau, dt)) == pytest.approx(mean, rel=1e-3)


@given(taus, taus, steps_ms)
def test_drive_scale_is_the_product_of_both_gains(mem: float, syn: float, dt: float) -> None:
    b = (1 - math.exp(-dt / mem)) * (syn / dt) * (1 - math.exp(-dt / syn))
    assert float(drive_scale(mem, syn, dt)) == pytest.approx(b, rel=1e-9, abs=0)


def test_no_memory_and_no_leak() -> None:
    assert decay([0.0, math.inf], 2.0).tolist() == [0.0, 1.0]
    assert membrane_gain([0.0, math.inf], 2.0).tolist() == [1.0, 2.0]
    assert current_gain([0.0, math.inf], 2.0).tolist() == [1.0, 1.0]
    assert float(drive_scale(math.inf, 0.0, 2.0)) == 2.0


@pytest.mark.parametrize("tau", [5e-324, 1e-310, 1e-200])
def test_hardly_any_memory_raises_no_warning(tau: float) -> None:
    assert float(decay(tau, 1.0)) == 0.0
    assert float(membrane_gain(tau, 1.0)) == 1.0
    assert float(current_gain(tau, 1.0)) == pytest.approx(tau, rel=1e-14, abs=sys.float_info.min)


def test_slow_leaks_are_close_to_none() -> None:
    assert float(decay(1e12, 1.0)) == pytest.approx(1.0)
    assert float(current_gain(1e12, 1.0)) == pytest.approx(1.0)
    assert float(membrane_gain(1e12, 1.0)) * 1e12 == pytest.approx(1.0)


@pytest.mark.parametrize("constant", [decay, membrane_gain, current_gain])
def test_arrays_keep_their_shape(constant) -> None:
    tau = np.array([[1.0, 2.0, 0.0], [5.0, math.inf, 20.0]])
    expected = [[float(constant(value, 0.5)) for value in row] for row in tau]
    assert constant(tau, 0.5).tolist() == expected
