"""snnTorch's modules, recorded as in docs/recording.md, compared with the imported networks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nmtool as nm
from nmtool.errors import NetworkError
from nmtool.raster import Raster
from tests.refusals import codes, refused

pytestmark = [
    pytest.mark.peers,
    pytest.mark.filterwarnings("ignore"),  # The imported libraries give warnings.
]

STEPS, CHANNELS, HIDDEN, CLASSES = 60, 6, 8, 3
INPUT = np.random.default_rng(1).random((STEPS, 4, CHANNELS)) < 0.3


def linear(pre: int, post: int) -> Any:
    import torch

    generator = torch.Generator().manual_seed(pre)
    layer = torch.nn.Linear(pre, post)
    with torch.no_grad():
        layer.weight[:] = torch.randn(post, pre, generator=generator) * 0.5 + 0.25
        layer.bias[:] = torch.randn(post, generator=generator) * 0.05
    return layer


def model(kind: str, *, reset: str, late: bool) -> Any:
    import snntorch
    import torch

    torch.manual_seed(0)

    def neurons(size: int) -> Any:
        more: dict[str, Any] = {"alpha": 0.5} if "Synaptic" in kind else {}
        more |= {"linear_features": size} if kind.startswith("R") else {}
        options = {"beta": 0.8, "init_hidden": True, "reset_mechanism": reset}
        return getattr(snntorch, kind)(**options, reset_delay=late, **more)

    layers = linear(CHANNELS, HIDDEN), neurons(HIDDEN), linear(HIDDEN, CLASSES), neurons(CLASSES)
    return torch.nn.Sequential(*layers)


def recorded(module: Any, path: Path, silent: int = 0) -> Path:
    """Record the spikes of both layers step by step; the input may end with silent steps."""
    import torch

    spikes: dict[str, list[np.ndarray]] = {"n1": [], "n3": []}
    with torch.no_grad():
        for row in (*INPUT, *np.zeros((silent, *INPUT.shape[1:]))):
            x = torch.as_tensor(row, dtype=torch.float32)
            for name, layer in module.named_children():
                x = layer(x)
                if f"n{name}" in spikes:
                    spikes[f"n{name}"].append(x.numpy())
    arrays = {name: np.stack(rows) for name, rows in spikes.items()}
    np.savez(path, axes="steps samples neurons", hops="free", **arrays)
    return path


def raster() -> Raster:
    return Raster.from_dense(np.moveaxis(INPUT, 0, 1))


def certificate(network: nm.Network, path: Path) -> nm.Certificate:
    return nm.verify(network, raster().first_steps(network.n_steps), against=path)


@pytest.mark.parametrize(
    ("kind", "late"), [("Leaky", True), ("Leaky", False), ("Synaptic", False), ("RLeaky", False)]
)
def test_imported_modules_have_equal_spikes(kind: str, late: bool, tmp_path: Path) -> None:
    import torch

    module = model(kind, reset="zero", late=late)
    network = nm.from_snntorch(module, sample=torch.zeros(1, CHANNELS), n_steps=STEPS)
    verification = certificate(network, recorded(module, tmp_path / "recording.npz"))
    (check,) = verification.checks.values()
    assert verification.identical, check.first_divergence
    assert check.comparison.spikes_emitted > 400
    assert check.steps_later == {"n1": -1, "n3": -2}


@pytest.mark.parametrize(
    ("kind", "reset", "code"),
    [
        ("Leaky", "subtract", "snntorch-reset"),
        ("Synaptic", "zero", "snntorch-reset-late"),
        ("RLeaky", "zero", "snntorch-reset-late"),
        ("RSynaptic", "zero", "snntorch-reset-late"),
    ],
)
def test_other_resets_are_refused_and_differ(
    kind: str, reset: str, code: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """If a reset gave the same spikes, it would not have to be refused."""
    module = model(kind, reset=reset, late=True)
    with refused(NetworkError, "snntorch-unfit") as caught:
        nm.from_snntorch(module)
    assert codes(caught.value) == [code] * 2
    with caplog.at_level("WARNING"):
        network = nm.from_snntorch(module, n_steps=STEPS, approximate=True)
    assert caplog.text.count("is imported with a reset to zero") == 2
    # The output of the imported network lags behind the output of the module by three steps.
    verification = certificate(network, recorded(module, tmp_path / "recording.npz", silent=3))
    assert not verification.identical


def test_a_module_retrained_with_other_resets_is_imported(tmp_path: Path) -> None:
    """The warning on approximations advises retraining, after which states carry gradients."""
    import torch

    module = model("Synaptic", reset="zero", late=False)
    module.load_state_dict(
        {
            name: value
            for name, value in model("Synaptic", reset="subtract", late=True).state_dict().items()
            if name.endswith(("weight", "bias"))
        },
        strict=False,
    )
    optimiser = torch.optim.SGD(module.parameters(), lr=0.01)
    module(torch.ones(4, CHANNELS)).sum().backward()
    optimiser.step()
    network = nm.from_snntorch(module, sample=torch.zeros(4, CHANNELS), n_steps=STEPS)
    for layer in module[1::2]:
        layer.reset_mem()
    assert certificate(network, recorded(module, tmp_path / "recording.npz")).identical


def test_a_reset_that_is_changed_after_a_layer_was_made_is_refused() -> None:
    """Changing the attribute does not change the step of snnTorch's Leaky."""
    module = model("Leaky", reset="subtract", late=True)
    for layer in module[1::2]:
        layer.reset_mechanism = "zero"
    with refused(NetworkError, "snntorch-unfit") as caught:
        nm.from_snntorch(module, n_steps=STEPS)
    assert codes(caught.value) == ["snntorch-reset-changed"] * 2
