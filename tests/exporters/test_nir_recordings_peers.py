"""The writers of docs/recording.md in norse and spikingjelly, and `verify` against their files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nmtool as nm
from nmtool.exporters.nir.format import Nir
from nmtool.exporters.nir.options import ImportOptions
from nmtool.raster import Raster

pytestmark = [
    pytest.mark.peers,
    pytest.mark.filterwarnings("ignore"),  # The imported libraries give warnings.
]

STEPS, CHANNELS, HIDDEN, CLASSES = 60, 6, 8, 3
INPUT = np.random.default_rng(1).random((STEPS, 2, CHANNELS)) < 0.3


def linear(pre: int, post: int) -> Any:
    import torch

    generator = torch.Generator().manual_seed(pre)
    layer = torch.nn.Linear(pre, post, bias=False)
    with torch.no_grad():
        layer.weight[:] = torch.randn(post, pre, generator=generator) * 0.4 + 0.4
    return layer


def verified(graph: Any, folder: Path, nir_dt_s: float) -> nm.Certificate:
    import nir

    nir.write(folder / "x.nir", graph)
    network = Nir(folder / "x.nir").read(ImportOptions(nir_dt_s, n_steps=STEPS))
    names = [p.name for p in network.populations if p.kind == "lif"]
    with np.load(folder / "recording.npz") as recording:
        arrays = {names[-1] if name == "n1" else name: recording[name] for name in recording.files}
    np.savez(folder / "recording.npz", **arrays)
    raster = Raster.from_dense(np.moveaxis(INPUT, 0, 1)).first_steps(network.n_steps)
    return nm.verify(network, raster, against=folder / "recording.npz")


def check(certificate: nm.Certificate) -> None:
    (recording_check,) = certificate.checks.values()
    assert certificate.identical, recording_check.first_divergence
    assert recording_check.comparison.spikes_emitted > 50
    assert set(recording_check.steps_later.values()) <= {-1, -2}


@pytest.mark.skipif(sys.version_info < (3, 11), reason="spikingjelly 2 is for newer Pythons")
def test_spikingjelly(tmp_path: Path) -> None:
    import torch
    from spikingjelly.activation_based import functional, neuron, nir_exchange

    def neurons() -> Any:
        return neuron.LIFNode(tau=5.0, decay_input=False, v_reset=0.0)

    model = torch.nn.Sequential(
        linear(CHANNELS, HIDDEN), neurons(), linear(HIDDEN, CLASSES), neurons()
    )
    inputs = torch.as_tensor(INPUT, dtype=torch.float32)
    steps = [model(x).detach().numpy() for x in inputs]
    np.savez(
        tmp_path / "recording.npz", axes="steps samples neurons", hops="free", n1=np.stack(steps)
    )
    functional.reset_net(model)
    check(verified(nir_exchange.export_to_nir(model, torch.zeros(1, CHANNELS)), tmp_path, 1e-4))


def test_norse(tmp_path: Path) -> None:
    import norse.torch as norse
    import torch

    rate, threshold = torch.full((HIDDEN,), 300.0), torch.full((HIDDEN,), 0.4)
    constants = norse.LIFBoxParameters(rate, v_leak=torch.zeros(HIDDEN), v_th=threshold)
    model = norse.SequentialState(linear(CHANNELS, HIDDEN), norse.LIFBoxCell(constants, dt=1e-3))
    out, state = [], None
    for x in torch.as_tensor(INPUT, dtype=torch.float32):
        spikes, state = model(x, state)
        out.append(spikes.detach().numpy())
    np.savez(
        tmp_path / "recording.npz", axes="steps samples neurons", hops="free", n1=np.stack(out)
    )
    check(verified(norse.to_nir(model, torch.zeros(1, CHANNELS), dt=1.0), tmp_path, 1e-3))
