"""`load` and `inspect`: networks of every format, and other files."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import nmtool as nm
from nmtool.errors import FileFormatError, UsageError
from nmtool.exporters.c.format import C
from nmtool.exporters.formats import formats_that_write
from nmtool.exporters.nir.format import Nir
from nmtool.exporters.nir.options import ImportOptions
from nmtool.hardware_sim.simulator import simulate
from nmtool.loading import as_network, float_network
from nmtool.raster import Raster
from tests.nmtool.cli import cases
from tests.nmtool.conftest import network_for
from tests.refusals import refused

Export = Callable[[str], Path]
NAMES = formats_that_write()


def expected_hash(name: str) -> str:
    return network_for(name).content_hash


@pytest.mark.parametrize("kind", ["float", "integer"])
@pytest.mark.parametrize("as_text", [False, True])
def test_files_of_nmtool_are_loaded(kind: str, as_text: bool, tmp_path: Path) -> None:
    network = cases.float_network() if kind == "float" else cases.integer_network()
    path = tmp_path / "network.npz"
    network.save(path)
    copy = nm.load(str(path) if as_text else path)
    assert type(copy) is type(network)
    assert copy.content_hash == network.content_hash
    assert nm.inspect(path)["hash"] == network.content_hash


def test_a_run_is_loaded_as_floats_where_floats_are_needed(tmp_path: Path, export: Export) -> None:
    run, floats, integers = tmp_path / "run", cases.float_network(), cases.integer_network()
    run.mkdir()
    integers.save(run / "integers.npz")
    assert float_network(run) is None
    floats.save(run / "network.npz")
    in_memory: Any = SimpleNamespace(network=floats, integers=integers)
    for source in (floats, in_memory, run, str(run), run / "network.npz"):
        network = float_network(source)
        assert network is not None
        assert network.content_hash == floats.content_hash
    for source in (integers, run / "integers.npz", export("c"), export("lava")):
        assert float_network(source) is None


def trained_model(rounding: nm.IntegerNetwork | None = None) -> Any:
    """A torch module whose weights differ from those of the network that it was made from."""
    import torch

    model = nm.SpikingNetwork(cases.float_network(), rounding=rounding)
    with torch.no_grad():
        model.synapses[0].weight.mul_(-1)
    assert model.to_network() != cases.float_network()
    return model


@pytest.mark.torch
def test_a_torch_model_stands_for_its_current_network() -> None:
    model = trained_model()
    assert as_network(model) == float_network(model) == model.to_network()
    model = trained_model(nm.round_network(cases.float_network()).network)
    assert as_network(model) == model.to_integers()
    assert float_network(model) == model.to_network()


@pytest.mark.torch
@pytest.mark.parametrize(
    "used",
    [
        lambda source, events: nm.quantise(source).network.source_hash,
        lambda source, events: nm.evaluate(source, events).network_hash,
        lambda source, events: nm.simulate(source, events),
        lambda source, events: nm.cost(source, events).network_hash,
        lambda source, events: nm.check(source).network_hash,
        lambda source, events: nm.load(nm.export(source, "net.nir")),
        lambda source, events: nm.convert(source, "net.npz").network,
        lambda source, events: nm.verify(source, events, against=["nir"]).network_hash,
        lambda source, events: nm.ensemble([source]),
    ],
)
def test_functions_take_a_torch_model(
    used: Callable[[Any, nm.SpikeEvents], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results, model = [], trained_model()
    for name, source in (("model", model), ("network", model.to_network())):
        folder = tmp_path / name
        folder.mkdir()
        monkeypatch.chdir(folder)
        results.append(used(source, cases.spike_events(2)))
    assert results[0] == results[1]


@pytest.mark.torch
@pytest.mark.parametrize(
    "refusing",
    [
        lambda model: nm.round_network(model),
        lambda model: nm.readout_loss(model, gain=1.0),
        lambda model: nm.predictions(model(nm.Raster.silent(1, 5, 4)), model),
    ],
)
def test_functions_of_networks_name_what_to_pass_instead_of_a_model(
    refusing: Callable[[Any], Any],
) -> None:
    with refused(UsageError, "argument-type") as caught:
        refusing(trained_model())
    assert "model." in caught.value.fix


@pytest.mark.parametrize("name", NAMES)
def test_every_format_is_loaded(name: str, export: Export) -> None:
    path = export(name)
    assert nm.load(path).content_hash == expected_hash(name)
    assert nm.inspect(path)["hash"] == expected_hash(name)


def test_a_run_is_loaded_as_integers_if_it_has_them(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    with refused(FileFormatError, "run-without-network") as caught:
        nm.load(run)
    assert str(run) in caught.value.what
    cases.float_network().save(run / "network.npz")
    assert nm.load(run).content_hash == cases.float_network().content_hash
    cases.integer_network().save(run / "integers.npz")
    assert nm.load(run).content_hash == cases.integer_network().content_hash
    assert nm.load(run / "network.npz").content_hash == cases.float_network().content_hash


def test_float_networks_are_restored_from_nir(tmp_path: Path) -> None:
    pytest.importorskip("nir")
    path = Nir.write(cases.float_network(), tmp_path / "network.nir").path
    assert nm.load(path).content_hash == cases.float_network().content_hash
    graph = nm.load(path, ImportOptions(dt_ms=1.0, n_steps=12))
    assert isinstance(graph, nm.Network)
    assert (graph.n_steps, graph.channels.size) == (12, cases.N_UNITS)
    assert graph.content_hash != cases.float_network().content_hash


@pytest.mark.parametrize("name", ["own", "c"])
def test_options_for_another_kind_of_file_are_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / ("network.npz" if name == "own" else "network.c")
    if name == "own":
        cases.float_network().save(path)
    else:
        C.write(cases.integer_network(), path)
    with refused(UsageError, "import-options-unused") as caught:
        nm.load(path, ImportOptions())
    assert str(path) in caught.value.what


# Tests of paths without a network


@pytest.mark.parametrize("name", ["missing", "missing.npz", "missing.onnx", "missing/network.c"])
@pytest.mark.parametrize("verb", [nm.load, nm.inspect], ids=["load", "inspect"])
def test_missing_paths_are_refused(
    verb: Callable[[Path], object], name: str, tmp_path: Path
) -> None:
    with refused(FileFormatError, "file-missing") as caught:
        verb(tmp_path / name)
    assert name in caught.value.what


def test_files_of_other_kinds_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "recording.npz"
    raster = Raster.from_dense(np.ones((2, 30, cases.N_UNITS)))
    recording = simulate(cases.integer_network(), raster)
    recording.save(path)
    with refused(FileFormatError, "file-kind") as caught:
        nm.load(path)
    assert "recording" in caught.value.what
    content = nm.inspect(path)
    assert (content["kind"], content["samples"]) == ("recording", 2)
    assert json.loads(json.dumps(content)) == content


@pytest.mark.parametrize("name", NAMES)
def test_damaged_files_are_refused(name: str, export: Export) -> None:
    path = export(name)
    file = next(path.rglob("*.npz")) if path.is_dir() else path
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(FileFormatError) as caught:
        nm.load(path)
    assert caught.value.code
    assert str(path) in str(caught.value)


def test_tables_of_data_are_refused(tmp_path: Path) -> None:
    (tmp_path / "words.csv").write_text("sample,time,unit,label\n0,1.0,0,0\n")
    with refused(FileFormatError, "file-kind") as caught:
        nm.load(tmp_path / "words.csv")
    assert "nmtool data" in caught.value.fix


def test_unknown_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text("words")
    with refused(FileFormatError, "file-damaged") as caught:
        nm.load(path)
    assert "words.txt" in caught.value.what
    shutil.copy(path, tmp_path / "words.npz")
    with refused(FileFormatError, "file-damaged"):
        nm.load(tmp_path / "words.npz")
