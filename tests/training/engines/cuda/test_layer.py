"""The CUDA engine against the reference, in Numba's simulator or on a GPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numba
import numpy as np
import pytest
import torch
from numpy.typing import DTypeLike

from nmtool.arithmetic import Arithmetic, arithmetics
from nmtool.errors import UsageError
from nmtool.network.graph import LATE, SUBTRACT
from nmtool.quantisation import Calibration, DelayGrid
from nmtool.raster import Raster
from nmtool.training.engines.cell import Neurons, neuron_constants
from nmtool.training.engines.cuda import arrays, layer as layer_module, ptx
from nmtool.training.engines.cuda.kernels import adjoint
from nmtool.training.engines.cuda.layer import Layer
from nmtool.training.engines.cuda.limits import Limits
from nmtool.training.engines.devices import Cuda
from nmtool.training.engines.spike_trains import SpikeTrains
from nmtool.training.engines.synapses import Synapses
from nmtool.training.front.model import SpikingNetwork
from nmtool.training.front.rounding import Rounding
from nmtool.training.mathematics import reference
from tests.refusals import refused
from tests.training.engines.cuda.engines import (
    DEVICE,
    SMALL,
    Case,
    compare,
    layers,
    longer,
    needs_device,
    tensor,
    unless_simulated,
)
from tests.training.engines.passes import (
    Losses,
    assert_close,
    assert_delays_of_a_slow_adjoint,
    assert_gradients,
    backward,
    gradients_on_reference_spikes,
)

pytestmark = pytest.mark.torch
pytestmark = [pytestmark, pytest.mark.cuda, needs_device]


CASES = {
    "recurrent": Case(),
    "feed-forward": Case("feed-forward"),
    "no delays": Case(max_delay=0),
    "delays beyond the end": Case(n_steps=20, max_delay=30),
    "one sample, one step": Case(n_samples=1, n_steps=1),
    "three portions": Case(n_samples=5, limits=replace(SMALL, scratch_bytes=2 * 24 * 7 * 16)),
    "windows and narrow rings": Case(
        n_samples=2, n_steps=50, hidden=5, limits=replace(SMALL, shared_bytes=352)
    ),
    "one chunk": Case(limits=replace(SMALL, blocks=1)),
    "uneven chunks": Case(n_samples=5, limits=replace(SMALL, blocks=14)),
    "words, strips, neurons per thread": Case(n_samples=1, hidden=40, n_steps=16),
    "two warps": Case(
        n_samples=1, n_steps=16, hidden=40, density=0.3, limits=replace(SMALL, threads=64)
    ),
    "more spikes than warps": Case(n_samples=1, n_steps=16, density=0.5),
    "subtraction": Case(n_samples=2, reset=SUBTRACT),
    "late subtraction": Case(n_samples=2, reset=LATE),
    "counts": Case(n_samples=2, reset=SUBTRACT, most_spikes=3),
    "counts in portions": Case(
        n_samples=5,
        n_steps=16,
        reset=SUBTRACT,
        most_spikes=255,
        limits=replace(SMALL, scratch_bytes=2 * 24 * 7 * 16, blocks=14),
    ),
    "wide delays": Case(n_samples=1, n_steps=280, hidden=3, max_delay=270, delays=np.int16),
}


IN_SIMULATOR = (
    *("recurrent", "delays beyond the end", "one sample, one step", "one chunk"),
    *("subtraction", "late subtraction", "counts"),
)
"""Cases that also run in Numba's simulator, to test the engine without numba-cuda."""


@pytest.mark.parametrize(
    "name", [n if n in IN_SIMULATOR else pytest.param(n, marks=unless_simulated) for n in CASES]
)
def test_equals_the_reference(name: str) -> None:
    spikes = compare(CASES[name])
    assert spikes >= 9 or CASES[name].n_steps == 1


@unless_simulated
def test_no_input_at_all() -> None:
    compare(Case(density=0))


def test_no_sources_at_all() -> None:
    """Neurons get input only from their bias and from each other."""
    case = Case()
    whole, _ = layers(case.network(), case)
    deaf = Synapses(whole.afferent.weight[:0], whole.afferent.delay[:0])
    cell = neuron_constants(case.network().population("hidden"), 1.0, np.float64)
    neurons = Neurons(cell, tensor(cell.b, np.float64), 1.0)
    lonely = Layer(neurons, deaf, whole.recurrent, SMALL)
    source = SpikeTrains.from_raster(Raster.silent(2, case.n_steps, 0), DEVICE)
    run = lonely.run_lif(source)
    assert run.spikes.n_spikes > 0
    push = torch.ones(case.hidden).to(run.slope)
    result = lonely.backward_lif(source, run, run.slope, push, want_source_time=True)
    assert result.afferent.weight.shape == result.afferent.delay.shape == (0, case.hidden)
    assert result.source_time is not None
    assert result.source_time.numel() == 0


def test_neurons_that_spike_in_step_0() -> None:
    """The bias of the neurons exceeds their threshold."""
    case = Case(n_samples=2, n_steps=9, eager=True)
    first = reference.forward(case.network(), case.input()).spikes["hidden"].step[:3]
    assert (first == 0).all()
    compare(case)


def test_silent_neurons() -> None:
    case = Case()
    network = case.network()
    quiet = replace(network, populations=tuple(_silenced(p) for p in network.populations))
    hidden, output = layers(quiet, case)
    source = SpikeTrains.from_raster(case.input(), DEVICE)
    run = hidden.run_lif(source)
    assert run.spikes.n_spikes == 0
    assert not output.run_li(run.spikes).isnan().any()
    losses = Losses.random(reference.forward(quiet, case.input()), seed=2)
    of_hidden, of_output = backward(hidden, output, source, run, losses)
    assert of_hidden.recurrent is not None
    for gradient in (of_output.afferent, of_hidden.afferent, of_hidden.recurrent):
        assert not gradient.weight.any()
        assert not gradient.delay.any()


def _silenced(population: Any) -> Any:
    if population.kind == "li":
        return replace(population, bias=0.0)
    return replace(population, threshold=1e9)


@unless_simulated
def test_more_than_a_group_of_words() -> None:
    """More than 1024 neurons, of which a few spike and project to all others."""
    case = Case(n_samples=1, n_steps=8, hidden=1100, max_delay=1, density=0.5)
    network, spikes = case.network(), case.input()
    awake = np.isin(np.arange(case.hidden), [3, 31, 32, 700, 1023, 1024, 1055, 1056, 1099])
    hidden_population = network.population("hidden")
    threshold = np.where(awake, 0.3, 1e9)
    network = replace(
        network,
        populations=(
            replace(hidden_population, threshold=threshold),
            network.population("output"),
        ),
    )
    hidden, _ = layers(network, case)
    run = hidden.run_lif(SpikeTrains.from_raster(spikes, DEVICE))
    trace = reference.forward(network, spikes)
    expected = trace.spikes["hidden"]
    assert np.unique(expected.neuron).size >= 7
    assert 1099 in expected.neuron
    np.testing.assert_array_equal(run.spikes.raster().flat_index(), expected.flat_index())
    assert_close(run.slope, trace.q["hidden"])


def test_float32_gradients_on_the_spikes_of_the_reference() -> None:
    case = Case()
    actual, expected = gradients_on_reference_spikes(
        case.network(), case.input(), case.device, seed=3
    )
    assert actual[0].afferent.weight.dtype == torch.float32
    assert_gradients(case.network(), actual, expected, tolerance=1e-5)


def test_delay_gradients_where_the_adjoint_hardly_changes_in_a_step() -> None:
    case = Case(n_samples=2, n_steps=200, density=0.2)
    assert_delays_of_a_slow_adjoint(case.network(), case.input(), case.device)


def test_source_times_only_on_request() -> None:
    case = Case()
    hidden, output = layers(case.network(), case)
    source = SpikeTrains.from_raster(case.input(), DEVICE)
    run = hidden.run_lif(source)
    nothing, push = torch.zeros_like(run.slope), torch.zeros(hidden.size).to(run.slope)
    silent = hidden.backward_lif(source, run, nothing, push, want_source_time=False)
    assert silent.source_time is None
    d_membrane = torch.ones_like(output.run_li(run.spikes))
    assert output.backward_li(run.spikes, d_membrane, want_source_time=False).source_time is None


def _float32_gradients(case: Case) -> list[torch.Tensor]:
    """Gradients of a random loss with respect to all weights and delays, in single precision."""
    network, spikes = case.network(), case.input()
    losses = Losses.random(reference.forward(network, spikes), seed=3)
    source = SpikeTrains.from_raster(spikes, DEVICE)
    hidden, output = layers(network, case, np.float32)
    of_hidden, of_output = backward(hidden, output, source, hidden.run_lif(source), losses)
    assert of_hidden.recurrent is not None
    groups = (of_hidden.afferent, of_hidden.recurrent, of_output.afferent)
    return [values for group in groups for values in (group.weight, group.delay)]


@unless_simulated
def test_results_repeat_bit_for_bit() -> None:
    case = Case(n_samples=2, n_steps=16, limits=replace(SMALL, threads=64))
    for first, second in zip(_float32_gradients(case), _float32_gradients(case), strict=True):
        assert torch.equal(first, second)


@unless_simulated
def test_portions_change_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU with little free memory divides a batch differently, also within chunks of sums."""
    case = Case(n_samples=5, n_steps=16, limits=replace(SMALL, blocks=14))
    whole = _float32_gradients(case)
    monkeypatch.setattr(layer_module, "ASK_FROM_BYTES", 0)
    devices = []

    def little(device: torch.device) -> int:
        devices.append(device)
        return 2 * 2 * 16 * 7 * 2 * 4

    monkeypatch.setattr(layer_module, "free_bytes", little)
    for first, second in zip(whole, _float32_gradients(case), strict=True):
        assert torch.equal(first, second)
    assert devices


@unless_simulated
def test_traces_of_all_portions_share_their_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = replace(SMALL, scratch_bytes=2 * 24 * 7 * 16)
    case = Case(n_samples=6, limits=limits)
    spans: set[tuple[int, int]] = set()

    def noted(kernel: Any, grid: Any, *arguments: Any) -> None:
        if kernel is adjoint.run_lif_adjoint:
            spans.update((trace.data_ptr(), trace.nbytes) for trace in arguments[-2:])
        arrays.launch(kernel, grid, *arguments)

    monkeypatch.setattr(layer_module, "launch", noted)
    _float32_gradients(case)
    assert len(spans) > 2
    assert max(end for _, end in spans) - min(start for start, _ in spans) <= limits.scratch_bytes


Launches = list[tuple[Any, list[Any]]]
"""Launched kernels, with their arguments."""


@contextmanager
def _noted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Launches]:
    """Record the launches inside the `with` block."""
    launched: Launches = []

    def noted(
        kernel: Any, grid: Any, threads: int, shared_bytes: int, *arguments: torch.Tensor | int
    ) -> None:
        views = [arrays.view(a) if isinstance(a, torch.Tensor) else a for a in arguments]
        launched.append((kernel, views))
        arrays.launch(kernel, grid, threads, shared_bytes, *arguments)

    with monkeypatch.context() as patch:
        for module in ("layer", "synapses"):
            patch.setattr(f"nmtool.training.engines.cuda.{module}.launch", noted)
        yield launched


def _launches(
    case: Case, monkeypatch: pytest.MonkeyPatch, dtype: DTypeLike = np.float64
) -> Launches:
    """Launches of a forward and a backward pass over a batch."""
    hidden, output = layers(case.network(), case, dtype)
    source = SpikeTrains.from_raster(case.input(), DEVICE)
    n_filled = hidden.run_lif(source).spikes.n_filled
    losses = Losses(
        np.ones((case.n_samples, case.n_steps, output.size)),
        np.zeros(n_filled),
        np.zeros(hidden.size),
    )
    with _noted(monkeypatch) as launched:
        run = hidden.run_lif(source)
        output.run_li(run.spikes)
        backward(hidden, output, source, run, losses)
    return launched


def _integer_launches(
    case: Case, monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype, runs_in: Arithmetic
) -> Launches:
    """Launches of a forward and a backward pass over a batch in a chip's integers."""
    rounding = Rounding(8, DelayGrid(target=runs_in), {}, Calibration())
    device = Cuda("cuda", torch.device(DEVICE), case.limits)
    model = SpikingNetwork(case.network(), dtype=dtype, device=device, rounding=rounding)
    with _noted(monkeypatch) as launched:
        (model(case.input()).membrane["output"] ** 2).sum().backward()
    return launched


@unless_simulated
def test_launches_do_not_grow_with_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    case = Case(n_samples=1, hidden=4)
    few, many = (len(_launches(longer(case, steps), monkeypatch)) for steps in (8, 32))
    assert 0 < few == many


@unless_simulated
@pytest.mark.parametrize("number", [numba.float32, numba.float64])
def test_launches_have_the_argument_types_of_compilation(
    number: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`engines/cuda/ptx.py` compiles the kernels with the argument types of their launches."""
    signatures = ptx.signatures(number, numba.uint8)
    case = Case(n_samples=1, n_steps=16)
    launched: Launches = []
    for of_case in (case, replace(case, reset=SUBTRACT, most_spikes=2)):
        launched += _launches(of_case, monkeypatch, np.dtype(str(number)))
        for runs_in in arithmetics().values():
            dtype = getattr(torch, str(number))
            launched += _integer_launches(of_case, monkeypatch, dtype, runs_in)
    seen = {(kernel, tuple(numba.typeof(value) for value in views)) for kernel, views in launched}
    assert seen == set(signatures)


def test_delays_too_long_for_a_ring_are_refused() -> None:
    case = Case(max_delay=20, limits=replace(SMALL, shared_bytes=64))
    with refused(UsageError, "delays-too-long-for-gpu"):
        layers(case.network(), case)


def test_populations_too_large_for_shared_memory_are_refused() -> None:
    case = Case(hidden=40, limits=Limits(threads=32, shared_bytes=800))
    hidden, _ = layers(case.network(), case)
    with refused(UsageError, "population-too-large-for-gpu") as caught:
        hidden.run_lif(SpikeTrains.from_raster(case.input(), DEVICE))
    assert "40 neurons" in caught.value.what
