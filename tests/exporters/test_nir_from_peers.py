"""Files written by other libraries: the imported network has the spikes of their modules.

`make peers` installs the libraries and runs this file, which fails if a library is missing.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nmtool.errors import FileFormatError
from nmtool.exporters.nir.format import Nir
from nmtool.exporters.nir.options import ImportOptions
from nmtool.raster import Raster
from tests.refusals import codes, refused

pytestmark = [
    pytest.mark.peers,
    pytest.mark.filterwarnings("ignore"),  # The imported libraries give warnings.
]

STEPS, CHANNELS, HIDDEN, CLASSES = 60, 6, 8, 3
NORSE_DT_S = 1e-3


def noise() -> NDArray[np.bool_]:
    return np.random.default_rng(1).random((STEPS, CHANNELS)) < 0.2


def linear(pre: int, post: int, mean: float) -> Any:
    """A `Linear` with biases, and weights that make neurons spike."""
    import torch

    random = np.random.default_rng(pre)
    layer = torch.nn.Linear(pre, post)
    with torch.no_grad():
        layer.weight[:] = torch.as_tensor(random.normal(mean, 0.4, (post, pre)))
        layer.bias[:] = torch.as_tensor(random.normal(0.0, 0.2, post))
    return layer


def steps(noise: NDArray[np.bool_]) -> Any:
    """Input steps for torch modules, [1, channels] each."""
    import torch

    return torch.as_tensor(noise, dtype=torch.float32)[:, None]


def counts(graph: Any, path: Path, nir_dt_s: float) -> NDArray:
    """[steps, neurons]: number of output spikes so far in the imported network."""
    import nir

    nir.write(path, graph)
    network = Nir(path).read(ImportOptions(n_steps=STEPS, nir_dt_s=nir_dt_s))
    later = network.n_steps - STEPS
    rows = np.concatenate([noise(), np.zeros((later, CHANNELS), np.bool_)])
    return Nir.reference(network, Raster.from_dense(rows[None])).membrane["answer"][0][later:]


@pytest.mark.skipif(sys.version_info < (3, 11), reason="spikingjelly 2 is for newer Pythons")
@pytest.mark.parametrize("kind", ["LIF", "IF", "CubaLIF"])
def test_spikingjelly(kind: str, tmp_path: Path) -> None:
    import torch
    from spikingjelly.activation_based import functional, neuron, nir_exchange

    def neurons() -> Any:
        if kind == "LIF":
            return neuron.LIFNode(tau=5.0, decay_input=False, v_reset=0.0)
        if kind == "IF":
            return neuron.IFNode(v_reset=0.0)
        return neuron.CUBALIFNode(c_decay=0.5, v_decay=0.2, v_reset=0.0)

    layers = linear(CHANNELS, HIDDEN, 0.3), neurons(), linear(HIDDEN, CLASSES, 0.5), neurons()
    model = torch.nn.Sequential(*layers)
    with torch.no_grad():
        expected = np.array([model(row)[0].numpy() for row in steps(noise())])
    functional.reset_net(model)
    graph = nir_exchange.export_to_nir(model, torch.zeros(1, CHANNELS))
    assert expected.sum() > 30
    np.testing.assert_array_equal(
        counts(graph, tmp_path / "x.nir", ImportOptions().step_s), np.cumsum(expected, axis=0)
    )


@pytest.mark.skipif(sys.version_info < (3, 11), reason="spikingjelly 2 is for newer Pythons")
def test_spikingjelly_with_convolutions(tmp_path: Path) -> None:
    """spikingjelly's export gives the shapes; `Conv2d`, `AvgPool2d` and `Flatten` are torch's."""
    import nir
    import torch
    from spikingjelly.activation_based import functional, neuron, nir_exchange

    generator = torch.Generator().manual_seed(0)
    layers = [
        *(torch.nn.Conv2d(2, 3, 3, padding=1), neuron.IFNode(v_reset=0.0)),
        *(torch.nn.AvgPool2d(2), torch.nn.Flatten()),
        *(torch.nn.Linear(48, CLASSES), neuron.IFNode(v_reset=0.0)),
    ]
    model = torch.nn.Sequential(*layers)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter[:] = torch.randn(parameter.shape, generator=generator) * 0.4 + 0.1
    frames = np.random.default_rng(1).random((STEPS, 2, 8, 8)) < 0.1
    with torch.no_grad():
        rows = [torch.as_tensor(frame[None], dtype=torch.float32) for frame in frames]
        expected = np.cumsum([model(row)[0].numpy() for row in rows], axis=0)
    functional.reset_net(model)
    path = tmp_path / "x.nir"
    nir.write(path, nir_exchange.export_to_nir(model, torch.zeros(1, 2, 8, 8)))
    network = Nir(path).read(ImportOptions(n_steps=STEPS))
    later = network.n_steps - STEPS
    dense = np.zeros((1, network.n_steps, frames[0].size), np.bool_)
    dense[0, :STEPS] = frames.reshape(STEPS, -1)
    answer = Nir.reference(network, Raster.from_dense(dense)).membrane["answer"][0]
    assert expected[-1].sum() > 30
    np.testing.assert_array_equal(answer[later:], expected)


@pytest.mark.parametrize("kind", ["LIFBox", "LIF", "IAF"])
def test_norse(kind: str, tmp_path: Path) -> None:
    """Norse's export divides `dt` by rates per second, so `dt` = 1 gives time constants in s.

    A file with `LIFCell` or `IAFCell` is refused until w_in or the step shows that inputs are added
    whole.
    """
    import nir
    import norse.torch as norse
    import torch

    rate, threshold = torch.full((HIDDEN,), 300.0), torch.full((HIDDEN,), 0.4)
    constants = {"tau_mem_inv": rate, "v_leak": torch.zeros(HIDDEN)} if kind != "IAF" else {}
    constants |= {"tau_syn_inv": 2 * rate, "v_reset": torch.zeros(HIDDEN)} if kind == "LIF" else {}
    parameters = getattr(norse, f"{kind}Parameters")(**constants, v_th=threshold)
    cell = getattr(norse, f"{kind}Cell")(parameters, dt=NORSE_DT_S)
    model = norse.SequentialState(linear(CHANNELS, HIDDEN, 0.5), cell)
    state, rows = None, []
    with torch.no_grad():
        for row in steps(noise()):
            output, state = model(row, state)
            rows.append(output[0].numpy())
    graph = norse.to_nir(model, torch.zeros(1, CHANNELS), dt=1.0)
    dt_s = NORSE_DT_S
    if kind != "LIFBox":
        with refused(FileFormatError, "nir-graph-unfit") as caught:
            counts(graph, tmp_path / "x.nir", dt_s)
        assert codes(caught.value.findings) == ["nir-input-gain"]
        for node in graph.nodes.values():
            if isinstance(node, nir.CubaLIF):
                node.w_in = node.tau_syn / dt_s
        dt_s = 1.0 if kind == "IAF" else dt_s
    assert np.sum(rows) > 30
    np.testing.assert_array_equal(counts(graph, tmp_path / "x.nir", dt_s), np.cumsum(rows, axis=0))


@pytest.mark.parametrize("kind", ["RLeaky", "RSynaptic"])
def test_snntorch_with_a_bias_in_its_loop(kind: str, tmp_path: Path) -> None:
    """Its recurrent `Linear` also runs on the zeros before the first step.

    snnTorch's files state that neurons reset in the step of a spike. `RSynaptic` cannot do that, so
    the test sets its membranes to zero.
    """
    import nir
    import snntorch
    import torch
    from snntorch.export_nir import export_to_nir

    options: dict[str, Any] = {"beta": 0.8, "reset_mechanism": "zero", "linear_features": HIDDEN}
    options |= {"alpha": 0.5} if kind == "RSynaptic" else {"reset_delay": False}
    neurons = getattr(snntorch, kind)(init_hidden=True, **options)
    neurons.recurrent = linear(HIDDEN, HIDDEN, -0.1)
    model = torch.nn.Sequential(linear(CHANNELS, HIDDEN, 0.2), neurons)
    x = np.random.default_rng(3).random((STEPS, 8, CHANNELS)) < 0.2
    rows = []
    with torch.no_grad():
        for row in x:
            rows.append(model(torch.as_tensor(row, dtype=torch.float32)).numpy())
            neurons.mem = neurons.mem * (1 - neurons.spk)
    expected = np.stack(rows, axis=1)
    neurons.reset_mem()
    graph = export_to_nir(model, torch.zeros(1, CHANNELS), ignore_dims=[0])
    nir.write(tmp_path / "x.nir", graph)
    network = Nir(tmp_path / "x.nir").read(ImportOptions(n_steps=STEPS))
    dense = np.zeros((8, network.n_steps, CHANNELS), np.bool_)
    dense[:, :STEPS] = np.moveaxis(x, 1, 0)
    (spikes,) = [
        raster
        for name, raster in Nir.reference(network, Raster.from_dense(dense)).spikes.items()
        if name != "clock"
    ]
    assert np.abs(neurons.recurrent.bias.detach().numpy()).max() > 0.2
    assert expected.sum() > 400
    np.testing.assert_array_equal(spikes.dense()[:, 1 : STEPS + 1], expected != 0)
