"""An export that nmtool would not write for its network is refused before its runtime starts.

The tests therefore do not need Lava. Exports of other networks are tested with each format.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nmtool as nm
from nmtool.errors import ArtefactError, FileFormatError, NmtoolError
from nmtool.exporters import formats
from nmtool.exporters.c import file as c_content
from nmtool.exporters.embedded import digest
from nmtool.exporters.lava.format import Lava
from nmtool.exporters.onnx import file as onnx_content
from nmtool.testing.networks import random_raster
from tests.networks.chains import chain_network
from tests.nmtool.cli.fake_lava import FakeLava
from tests.refusals import refused

NETWORK = chain_network(3)
RASTER = random_raster(1, 2, NETWORK.n_steps, NETWORK.channels.size)
LIBRARIES = {"onnx": ["onnx", "onnxruntime"], "nir": ["nir", "h5py"]}

Tamper = Callable[[Path], None]


def import_libraries(name: str) -> None:
    for library in LIBRARIES.get(name, ()):
        pytest.importorskip(library)


def exported(name: str, folder: Path) -> Path:
    import_libraries(name)
    extension = next(iter(formats.format_named(name).extensions), "")
    return nm.export(NETWORK, folder / f"network{extension}", to=name)


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Recorded calls of runtimes; the list must stay empty if a file is refused."""
    calls: list[str] = []
    for exporter in map(formats.format_named, formats.formats_that_run()):
        for verb in ("require", "run", "check"):
            monkeypatch.setattr(
                exporter, verb, lambda *a, _what=f"{exporter.name} {verb}", **k: calls.append(_what)
            )
    return calls


def test_an_export_of_the_floats_before_rounding_passes(tmp_path: Path) -> None:
    import_libraries("nir")
    from tests.nmtool.cli import cases

    floats = cases.float_network()
    path = nm.export(floats, tmp_path / "network.nir")
    rounded = nm.quantise(floats).network
    spikes = random_raster(1, 2, 30, floats.channels.size)
    assert nm.verify(rounded, spikes, artefact=path).identical
    with refused(ArtefactError, "artefact-other-network"):
        nm.verify(replace(rounded, source_hash=""), spikes, artefact=path)


# Tests of exports that embed the right network, but execute a changed network


def onnx_altered(change: Callable[[Any], None]) -> Tamper:
    """Change a graph, and update its digest."""

    def tamper(path: Path) -> None:
        import onnx
        from onnx import helper

        model = onnx.load(str(path))
        change(model)
        properties = {p.key: p.value for p in model.metadata_props}
        del properties[onnx_content.DIGEST_KEY]
        helper.set_model_props(model, properties)
        sealed = digest(model.SerializeToString(deterministic=True))
        helper.set_model_props(model, {**properties, onnx_content.DIGEST_KEY: sealed})
        path.write_bytes(model.SerializeToString(deterministic=True))

    return tamper


def onnx_constant(model: Any) -> None:
    """Change a constant in the loop's body that is no array of the network: the decay of u."""
    from onnx import numpy_helper

    for graph in onnx_graphs(model):
        for tensor in graph.initializer:
            values = numpy_helper.to_array(tensor)
            if values.ndim == 0 and values > 1000:
                tensor.CopyFrom(numpy_helper.from_array(values - values.dtype.type(1), tensor.name))
                return
    raise AssertionError("there is no such constant")


def onnx_graphs(model: Any) -> list[Any]:
    graphs = [model.graph]
    for graph in graphs:
        graphs += [a.g for node in graph.node for a in node.attribute if a.HasField("g")]
    return graphs


def onnx_node(model: Any) -> None:
    for graph in onnx_graphs(model):
        for node in graph.node:
            if node.op_type == "Greater":
                node.op_type = "GreaterOrEqual"
                return
    raise AssertionError("there is no such node")


def onnx_swapped_outputs(model: Any) -> None:
    first, second = model.graph.node[0], model.graph.node[1]
    first.name, second.name = second.name, first.name


def onnx_opset(model: Any) -> None:
    model.opset_import[0].version -= 1


def c_threshold(path: Path) -> None:
    """Change the comparison with the threshold, and update the digest."""
    text = path.read_bytes()
    code = text[: -c_content.SEAL_BYTES].replace(b"v > threshold", b"v >= threshold")
    assert len(code) > len(text) - c_content.SEAL_BYTES
    seal = f"/* nmtool.sha256 {hashlib.sha256(code).hexdigest()} */\n"
    path.write_bytes(code + seal.encode())


def hdf5_number(*places: str, by: float = 1.0) -> Tamper:
    """Change one number of the first dataset whose path ends with one of `places`."""

    def tamper(path: Path) -> None:
        import h5py

        with h5py.File(path, "r+") as file:
            datasets: list[str] = []
            file.visit(lambda name: datasets.append(name) if name.endswith(places) else None)
            name = sorted(datasets)[0]
            values = np.array(file[name][()])
            values.flat[0] += np.asarray(by).astype(values.dtype)
            file[name][...] = values

    return tamper


def nir_edge(path: Path) -> None:
    import h5py

    with h5py.File(path, "r+") as file:
        edges = file["node/edges"][()]
        del file["node/edges"]
        file["node/edges"] = edges[:-1]


def nir_settings(path: Path) -> None:
    """Record the spikes of all populations from the same node."""
    import h5py

    with h5py.File(path, "r+") as file:
        about = json.loads(file["nmtool/settings"][()])
        about["recorded"] = {
            name: next(iter(about["recorded"].values())) for name in about["recorded"]
        }
        del file["nmtool/settings"]
        file["nmtool"].create_dataset("settings", data=json.dumps(about), dtype=h5py.string_dtype())


def nir_options(path: Path) -> None:
    """Change the convention for loops."""
    import h5py

    with h5py.File(path, "r+") as file:
        about = json.loads(file["nmtool/settings"][()])
        about["options"]["recurrent_step"] = "explicit"
        del file["nmtool/settings"]
        file["nmtool"].create_dataset("settings", data=json.dumps(about), dtype=h5py.string_dtype())


def lava_text(name: str, old: str, new: str) -> Tamper:
    def tamper(path: Path) -> None:
        text = (path / name).read_text()
        assert old in text
        (path / name).write_text(text.replace(old, new))

    return tamper


def lava_file(name: str) -> Tamper:
    return lambda path: (path / name).write_text("raise SystemExit(0)\n")


def lava_arrays(path: Path) -> None:
    """Change the type of a number, not its value."""
    from nmtool import storage

    file = path / "lava_network/arrays.npz"
    with np.load(file) as archive:
        arrays = {name: archive[name] for name in archive.files}
    header = json.loads(str(arrays.pop("header")[()]))
    header["populations"][0]["vth"] = float(header["populations"][0]["vth"])
    content = io.BytesIO()
    np.savez_compressed(content, header=np.array(json.dumps(header)), **arrays)
    file.write_bytes(content.getvalue())
    assert storage.archive_kind(file) == "nmtool integer network"


THRESHOLD = lava_text("lava_network/process.py", "vth=entry.vth", "vth=entry.vth - 1")

TAMPERED: list[tuple[str, str, Tamper]] = [
    ("onnx", "a decay", onnx_altered(onnx_constant)),
    ("onnx", "a comparison", onnx_altered(onnx_node)),
    ("onnx", "names of nodes", onnx_altered(onnx_swapped_outputs)),
    ("onnx", "the operators' version", onnx_altered(onnx_opset)),
    ("c", "a comparison", c_threshold),
    ("nir", "a threshold", hdf5_number("/v_threshold", by=1e-3)),
    ("nir", "a weight", hdf5_number("/weight", by=1e-3)),
    ("nir", "a delay", hdf5_number("/delay", by=1e-4)),
    ("nir", "an edge", nir_edge),
    ("nir", "what is recorded", nir_settings),
    ("nir", "the step of loops", nir_options),
    ("lava", "every threshold by one", THRESHOLD),
    ("lava", "a comparison", lava_text("run.py", "return 2", "return 0")),
    ("lava", "a file", lava_file("lava_network/arrays.py")),
    ("lava", "a library's name", lava_file("numpy.py")),
    ("lava", "a module of a package", lava_file("lava_network/extra.py")),
    ("lava", "a compiled library", lava_file("numpy.pyc")),
    ("lava", "no file", lambda path: (path / "lava_network/watch.py").unlink()),
    ("lava", "types of numbers", lava_arrays),
]


@pytest.mark.parametrize(
    ("name", "tamper"), [pytest.param(n, t, id=f"{n}: {w}") for n, w, t in TAMPERED]
)
def test_exports_that_nmtool_would_not_write_are_refused(
    name: str, tamper: Tamper, tmp_path: Path, runs: list[str]
) -> None:
    """The first change of a format is tried with all combinations of input and network.

    Other changes are tried with neither and with both.
    """
    path = exported(name, tmp_path)
    tamper(path)
    calls = [lambda: nm.verify(path), lambda: nm.verify(NETWORK, RASTER, artefact=path)]
    if tamper is next(change for format_, _, change in TAMPERED if format_ == name):
        calls += [lambda: nm.verify(path, RASTER), lambda: nm.verify(NETWORK, artefact=path)]
    for verify in calls:
        with pytest.raises(NmtoolError) as caught:
            verify()
        assert isinstance(caught.value, FileFormatError)
        assert caught.value.code == "export-changed"
        assert str(path) in caught.value.what
    assert runs == []


# Tests of exports with changed code


def test_a_lava_folder_with_other_code_needs_the_option_trust(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = exported("lava", tmp_path)
    fake = FakeLava().install(monkeypatch)
    assert nm.verify(path).identical
    fake.calls.clear()
    THRESHOLD(path)
    (path / "numpy.py").write_text("")
    for verify in (lambda: nm.verify(path), lambda: nm.verify(path, RASTER)):
        with refused(FileFormatError, "export-changed") as caught:
            verify()
        assert [f.where for f in caught.value.findings] == ["lava_network/process.py", "numpy.py"]
        assert "lava_network/process.py" in caught.value.what
    assert fake.calls == []
    assert nm.verify(path, trust=True).identical
    assert nm.verify(NETWORK, RASTER, artefact=path, trust=True).identical
    assert all(call["trust"] for call in fake.calls)


def test_bytecode_caches_do_not_count_as_changes(tmp_path: Path) -> None:
    path = exported("lava", tmp_path)
    (path / "lava_network/__pycache__").mkdir()
    (path / "lava_network/__pycache__/process.cpython-310.pyc").write_bytes(b"")
    Lava(path).check_written()


def test_lava_itself_runs_no_code_that_differs(tmp_path: Path) -> None:
    from nmtool.exporters.environments import Environment
    from nmtool.exporters.lava.environment import REFEREE

    path = exported("lava", tmp_path)
    THRESHOLD(path)
    nowhere = Environment(tmp_path / "python", REFEREE)
    with refused(FileFormatError, "export-changed"):
        Lava(path).run(RASTER, environment=nowhere)
    with refused(nm.BackendError, "runtime-failed"):
        Lava(path).run(RASTER, environment=nowhere, trust=True)
