"""Public functions name the expected type if an argument has a wrong one."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nmtool as nm
from nmtool.arguments import WHOLE as WHOLE_NUMBER, checked, optional
from nmtool.errors import NmtoolError, UsageError
from nmtool.progress import silent
from tests.nmtool.cli import cases
from tests.refusals import refused

pytestmark = pytest.mark.torch

EVENTS = cases.spike_events(2)
FLOATS, INTEGERS = cases.float_network(), cases.integer_network()
RASTER = FLOATS.bin(EVENTS).raster
RECORDING = nm.simulate(INTEGERS, RASTER)

CALLS: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "train": (nm.train, {"data": EVENTS}),
    "finetune": (nm.finetune, {"start": "nowhere"}),
    "search": (nm.search, {"data": EVENTS, "folder": "nowhere/study"}),
    "cross_validate": (
        nm.cross_validate,
        {"data": EVENTS, "by": 1, "options": nm.TrainOptions(hidden=2, steps=30, epochs=1)},
    ),
    "quantise": (nm.quantise, {"network": FLOATS}),
    "round_network": (nm.round_network, {"network": FLOATS}),
    "simulate": (nm.simulate, {"network": INTEGERS, "spikes": RASTER}),
    "evaluate": (nm.evaluate, {"network": INTEGERS, "data": EVENTS}),
    "cost": (nm.cost, {"network": INTEGERS, "data": EVENTS}),
    "compare_cost": (nm.compare_cost, {"networks": [INTEGERS], "data": EVENTS}),
    "compare_accuracy": (
        nm.compare_accuracy,
        {"first": [INTEGERS], "second": [FLOATS], "data": EVENTS},
    ),
    "check": (nm.check, {"network": INTEGERS}),
    "export": (nm.export, {"network": INTEGERS, "path": "a.onnx"}),
    "convert": (nm.convert, {"source": "q.npz", "path": "b.npz"}),
    "load": (nm.load, {"path": "q.npz"}),
    "inspect": (nm.inspect, {"path": "q.npz"}),
    "verify": (nm.verify, {"network": INTEGERS, "data": EVENTS, "against": ["c"]}),
    "explain": (
        nm.explain,
        {"network": INTEGERS, "spikes": RASTER, "expected": RECORDING, "actual": RECORDING},
    ),
    "compare_recordings": (nm.compare_recordings, {"expected": RECORDING, "actual": RECORDING}),
    "report": (nm.report, {"network": INTEGERS, "data": EVENTS}),
    "load_dataset": (nm.load_dataset, {"name_or_path": "digits"}),
    "bin_events": (nm.bin_events, {"events": EVENTS, "dt_ms": 1.0, "n_steps": 9}),
    "write_shd": (nm.write_shd, {"path": "a.h5", "events": EVENTS}),
    "target_named": (nm.target_named, {"name": "loihi2"}),
    "Session": (nm.Session, {"network": INTEGERS}),
    "layers": (nm.Network.layers, {"sizes": [4, 2]}),
    "SpikingNetwork": (nm.SpikingNetwork, {"network": FLOATS}),
    "Raster.from_dense": (nm.Raster.from_dense, {"dense": np.zeros((1, 2, 3), bool)}),
    "Network": (nm.Network, {f: getattr(FLOATS, f) for f in ("channels", "populations",
        "projections", "readout", "dt_ms", "n_steps")}),
    "IntegerNetwork": (nm.IntegerNetwork, {f: getattr(INTEGERS, f) for f in ("channels",
        "populations", "projections", "readout", "dt_ms", "n_steps")}),
    "Population": (nm.Population, {"name": "a", "size": 3}),
    "Projection": (nm.Projection, {"source": "a", "target": "b", "weight": np.zeros((1, 2)),
        "delay": np.zeros((1, 2))}),
    "InputChannels": (nm.InputChannels, {"size": 3}),
    "Readout": (nm.Readout, {"population": "out", "rule": "mean"}),
    "SpikeEvents": (nm.SpikeEvents, {f: getattr(EVENTS, f) for f in ("time_ms", "unit", "offset",
        "label", "n_units", "class_names")}),
    "TrainOptions": (nm.TrainOptions, {}),
    "NirOptions": (nm.NirOptions, {}),
    "ImportOptions": (nm.ImportOptions, {}),
    "Network.load": (nm.Network.load, {"path": "f.npz"}),
    "IntegerNetwork.load": (nm.IntegerNetwork.load, {"path": "q.npz"}),
    "Recording.load": (nm.Recording.load, {"path": "r.npz"}),
    "Run.load": (nm.Run.load, {"folder": "nowhere"}),
    "TrainOptions.from_file": (nm.TrainOptions.from_file, {"source": "digits"}),
}  # fmt: skip
LONG = ("train", "report", "verify")
"""Functions that take long: they get no value that they accept, so that they stop at the check."""


def _wrong() -> list[Any]:
    import torch

    return [None, 3, "x", np.zeros(3), torch.zeros(3), [None], {}, object()]


@pytest.mark.torch
@pytest.mark.parametrize("name", list(CALLS))
def test_invalid_arguments_raise_only_errors_of_nmtool(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    FLOATS.save("f.npz")
    INTEGERS.save("q.npz")
    RECORDING.save("r.npz")
    function, right = CALLS[name]
    refusals = 0
    for parameter in inspect.signature(function).parameters:
        for value in _wrong():
            if name in LONG and (value is None or isinstance(value, (int, str, dict))):
                continue
            arguments = {**right, parameter: value}
            if "force" in inspect.signature(function).parameters and parameter != "force":
                arguments["force"] = True
            try:
                function(**arguments)
            except NmtoolError as error:
                refusals += 1
                assert error.fix  # noqa: PT017
    assert refusals


@pytest.mark.torch
@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda torch: nm.SpikingNetwork(FLOATS)(np.zeros((2, 9, 4))), "argument-type"),
        (lambda torch: nm.SpikingNetwork(INTEGERS), "argument-type"),
        (lambda torch: nm.simulate(INTEGERS, torch.zeros(2, 9, 4)), "data-type"),
        (lambda torch: nm.evaluate(INTEGERS, np.zeros((2, 9, 4))), "data-type"),
        (lambda torch: nm.quantise(INTEGERS), "quantised-already"),
        (lambda torch: nm.TrainOptions(hidden="x"), "setting-type"),
        (lambda torch: nm.TrainOptions(readout="men"), "choice-unknown"),
        (lambda torch: nm.train([[1.0], [2.0]]), "data-type"),
    ],
)
def test_common_mistakes_get_a_fix(call: Callable[[Any], Any], code: str) -> None:
    torch = pytest.importorskip("torch")
    with refused(UsageError, code) as caught:
        call(torch)
    assert caught.value.fix


@pytest.mark.torch
def test_tensors_and_rasters_are_accepted() -> None:
    torch = pytest.importorskip("torch")
    assert nm.Raster.from_dense(torch.ones(1, 2, 3)).n_spikes == 6
    assert nm.simulate(FLOATS, RASTER).predictions.size == RASTER.n_samples


def test_progress_none_is_silent() -> None:
    assert nm.simulate(INTEGERS, RASTER, progress=None).n_samples == 2  # type: ignore[arg-type]

    @checked(n=optional(WHOLE_NUMBER))
    def given(n: int | None, progress: Any = None) -> Any:
        return n, progress

    assert given(None, progress=None) == (None, silent)
    assert given(np.int64(3))[0] == 3
    with refused(UsageError, "argument-type"):
        given(True)
    with refused(UsageError, "argument-type"):
        given(1, progress=3)


def test_an_unknown_argument_names_the_function() -> None:
    with pytest.raises(
        TypeError, match=r"^simulate\(\) got an unexpected keyword argument 'deeper'"
    ):
        nm.simulate(None, None, deeper=True)  # type: ignore[call-arg]


def test_misplaced_arguments_get_a_hint() -> None:
    with pytest.raises(TypeError, match=r"quantise\(\) too many positional .*by name: .*target="):
        nm.quantise(None, None)  # type: ignore[misc, arg-type]
    with pytest.raises(TypeError, match=r"pass options=nmtool\.TrainOptions\(hidden=…\)"):
        nm.train("digits", hiden=4)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match=r"the arguments are data, options, folder, "):
        nm.train("digits", output="run")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match=r"pass conventions=nmtool\.FileConventions\(columns=…\)"):
        nm.read_incoming("spikes.csv", columns="time_us=t")  # type: ignore[call-arg]
    with refused(UsageError, "argument-type") as caught:
        nm.read_incoming("spikes.csv", "time_us=t")  # type: ignore[arg-type]
    assert "FileConventions(" in caught.value.fix
