"""Imports of modules like snnTorch's, and their errors; most tests do not need torch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import nmtool as nm
from nmtool.errors import NetworkError
from nmtool.float_simulator import simulate_floats
from nmtool.raster import Raster
from tests.refusals import codes, refused

SUBTRACT, ZERO, NONE = range(3)


class _Module:
    """The part of `torch.nn.Module` that the import reads."""

    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)

    def children(self) -> Iterator[_Module]:
        yield from (v for v in self.__dict__.values() if isinstance(v, _Module))

    def named_modules(self, above: str = "") -> Iterator[tuple[str, _Module]]:
        yield above, self
        for name, value in self.__dict__.items():
            if isinstance(value, _Module):
                yield from value.named_modules(f"{above}.{name}".lstrip("."))

    def get_submodule(self, name: str) -> Any:
        submodule: Any = self
        for part in name.split("."):
            submodule = getattr(submodule, part)
        return submodule


def layer(kind: str, **values: Any) -> _Module:
    module_class = type(kind, (_Module,), {"__module__": "torch.nn"})
    return module_class(**values)


def linear(post: int, pre: int, weight: float = 0.5) -> _Module:
    return layer("Linear", weight=np.full((post, pre), weight), bias=None, in_features=pre)


def neurons(kind: str = "Leaky", reset: int = ZERO, **changes: Any) -> _Module:
    values = {"beta": 0.5, "alpha": 0.25, "threshold": 1.0, "reset_mechanism_val": reset}
    values |= {"reset_delay": True, "graded_spikes_factor": 1.0, "inhibition": False}
    module_class = type(kind, (_Module,), {"__module__": "snntorch._neurons"})
    return module_class(**values | {"state_quant": False} | changes)


def test_leaky_neurons_reset_to_zero_and_are_read_by_their_membranes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    module = _Module(fc1=linear(2, 1), lif1=neurons(), fc2=linear(1, 2), out=neurons(reset=NONE))
    with caplog.at_level("WARNING", "nmtool"):
        network = nm.from_snntorch(module, n_steps=8)
        assert "a step of 1 ms (dt_ms=1.0)" in caplog.text
        caplog.clear()
        assert nm.from_snntorch(module, n_steps=8, dt_ms=1.0).dt_ms == network.dt_ms == 1.0
        assert "a step of" not in caplog.text
    assert [(p.name, p.kind) for p in network.populations] == [("lif1", "lif"), ("out", "li")]
    ran = simulate_floats(network, Raster.from_dense(np.ones((1, 8, 1))))
    # `mem` takes the values 0.5, 0.75, 0.875 and so on, and stays below the threshold of 1.
    assert ran.spikes["lif1"].n_spikes == 0
    loud = _Module(fc1=linear(2, 1, 0.75), lif1=neurons(), fc2=linear(1, 2), out=neurons())
    ran = simulate_floats(nm.from_snntorch(loud, n_steps=8), Raster.from_dense(np.ones((1, 8, 1))))
    # `mem` takes the values 0.75 and 1.125, which is above the threshold of 1. Then `mem` starts
    # from zero again. The hop from the input takes a step.
    assert ran.spikes["lif1"].dense()[0, :, 0].tolist() == [0, 0, 1, 0, 1, 0, 1, 0]


def test_recurrent_layers_and_their_constants() -> None:
    recurrent = layer("Linear", weight=np.eye(2), bias=np.full(2, 0.75))
    module = _Module(
        fc=linear(2, 1, 0.0),
        lif=neurons("RLeaky", reset_delay=False, all_to_all=True, recurrent=recurrent),
    )
    network = nm.from_snntorch(module, n_steps=6, dt_ms=2.0)
    assert network.dt_ms == 2.0
    lif = simulate_floats(network, Raster.silent(1, 6, 1)).spikes["lif"].dense()[0, :, 0]
    # Biases drive the neuron without a hop. `mem` takes the values 0.75 and 1.125, which causes a
    # spike. This spike returns to the neuron as input.
    assert lif[:3].tolist() == [0, 1, 1]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"reset": SUBTRACT}, "snntorch-reset"),
        ({"reset": NONE}, "snntorch-reset"),
        ({"kind": "Synaptic"}, "snntorch-reset-late"),
        ({"inhibition": True}, "snntorch-module"),
        ({"graded_spikes_factor": 2.0}, "snntorch-module"),
        ({"beta": np.array([0.5, 1.0])}, "snntorch-module"),
        ({"kind": "Lapicque"}, "snntorch-module"),
    ],
)
def test_unsupported_layers_are_refused(changes: dict[str, Any], code: str) -> None:
    odd = neurons(**changes)
    module = _Module(fc1=linear(2, 1), lif1=odd, fc2=linear(1, 2), out=neurons())
    with refused(NetworkError, "snntorch-unfit") as caught:
        nm.from_snntorch(module)
    (finding,) = caught.value.findings
    assert (finding.code, finding.where) == (code, "lif1")
    assert finding.fix


def test_misfits_are_listed() -> None:
    module = _Module(
        conv=layer("Conv2d", padding_mode="zeros"),
        norm=layer("BatchNorm2d"),
        lif=neurons("Synaptic"),
        out=neurons(reset=SUBTRACT),
    )
    with refused(NetworkError, "snntorch-unfit") as caught:
        nm.from_snntorch(module)
    assert codes(caught.value) == [
        *("snntorch-shape", "snntorch-module", "snntorch-reset-late", "snntorch-reset"),
    ]


def test_approximations_are_warnings(caplog: pytest.LogCaptureFixture) -> None:
    module = _Module(fc=linear(2, 1), lif=neurons("Synaptic"), out=neurons(reset=SUBTRACT))
    network = nm.from_snntorch(module, n_steps=8, dt_ms=1.0, approximate=True)
    assert [(p.name, p.kind) for p in network.populations][:2] == [("lif", "lif"), ("out", "lif")]
    for name, reason in (("lif", "one step late"), ("out", "resets by subtraction")):
        assert f"{name} is imported with a reset to zero" in caplog.text
        assert reason in caplog.text
