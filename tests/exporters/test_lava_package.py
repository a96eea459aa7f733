"""The exported folder without Lava: its files, replacing it, and reading it back."""

from __future__ import annotations

import ast
import csv
import errno
import importlib.util
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from random import Random
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from nmtool import SpikeEvents, storage
from nmtool.data import bin_events
from nmtool.data.incoming import read_incoming
from nmtool.errors import BackendError, DataError, FileFormatError, StorageError, UsageError
from nmtool.exporters.environments import Environment
from nmtool.exporters.lava.environment import PACKAGE, REFEREE
from nmtool.exporters.lava.format import Lava
from nmtool.hardware_sim.known_answers import known_answers
from nmtool.hardware_sim.simulator import simulate
from nmtool.known_answers import KnownAnswers
from nmtool.network.graph import LIF
from nmtool.network.integer_network import IntegerNetwork
from nmtool.network.readout import (
    FIRST_SPIKE,
    RULES,
    WINDOW,
    Readout,
    membrane_scores,
    spike_scores,
)
from nmtool.raster import Raster
from nmtool.testing.networks import random_network, random_raster
from tests.networks.drawn import integer_networks, seeds
from tests.networks.lasting import self_sustained_network
from tests.refusals import refused
from tests.thorough import examples

FOREIGN = {"nmtool", "hardware_sim", "training", "exporters", "torch", "numba", "h5py"}

READOUTS = [Readout("out", rule) for rule in RULES if rule != WINDOW]
READOUTS += [Readout("out", WINDOW, window) for window in (1, 7, 99)]


@pytest.fixture
def network() -> IntegerNetwork:
    return self_sustained_network()


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def module_of(path: Path) -> ModuleType:
    """Import one file of the package alone, since the package imports Lava."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def test_the_code_is_copied_as_it_is(network: IntegerNetwork, tmp_path: Path) -> None:
    written = contents(Lava.write(network, tmp_path / "export").path)
    for name in ("run.py", "lava_network/process.py", "lava_network/models.py"):
        assert written[name] == (PACKAGE / name).read_bytes()
    expected = {path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py")}
    assert set(written) == (expected - {"__init__.py"}) | {"README.md", "lava_network/arrays.npz"}


def test_the_package_reads_the_window_of_a_readout(network: IntegerNetwork, tmp_path: Path) -> None:
    readout = Readout("out", "window", 5)
    folder = Lava.write(replace(network, readout=readout), tmp_path / "export").path
    assert "window of 5 steps" in (folder / "README.md").read_text()
    arrays = module_of(folder / "lava_network/arrays.py").read_arrays()
    assert Readout(**arrays.readout) == readout


def test_the_package_reads_the_same_integers(network: IntegerNetwork, tmp_path: Path) -> None:
    folder = Lava.write(network, tmp_path / "export").path
    arrays = module_of(folder / "lava_network/arrays.py").read_arrays()
    assert (arrays.n_channels, arrays.n_steps) == (network.channels.size, network.n_steps)
    assert arrays.readout == {"population": "out", "rule": "max"}
    for read, population in zip(arrays.populations, network.populations, strict=True):
        for key in ("name", "size", "kind", "du", "dv", "vth", "bias_exponent"):
            assert getattr(read, key) == getattr(population, key)
        assert np.array_equal(read.bias_mantissa, population.bias_mantissa)
    for read, projection in zip(arrays.projections, network.projections, strict=True):
        for key in ("source", "target", "weight_bits", "weight_exponent"):
            assert getattr(read, key) == getattr(projection, key)
        assert np.array_equal(read.weight, projection.weight)
        assert np.array_equal(read.delay, projection.delay)


def test_the_package_needs_nothing_of_nmtool() -> None:
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            assert not FOREIGN & {name.split(".")[0] for name in names}, path


@pytest.mark.parametrize("readout", READOUTS, ids=lambda readout: readout.words)
def test_classes_are_those_of_the_readout(readout: Readout) -> None:
    random = np.random.default_rng(5)
    v = random.integers(-5000, 5000, (3, 40, 4)).astype(np.int32)
    spikes = random.random((3, 40, 4)) < 0.03
    spikes[0, :, 2] = False
    if readout.rule == FIRST_SPIKE:
        scores = spike_scores(Raster.from_dense(spikes), readout)
    else:
        scores = membrane_scores(v, readout)
    answer = module_of(PACKAGE / "lava_network/readout.py").answer
    arrays = SimpleNamespace(readout=readout.as_json(), class_names=["a", "b", "2", "d"])
    for sample in range(3):
        trace = SimpleNamespace(spikes=spikes[sample], v=v[sample])
        decision = answer(arrays, {"out": trace})
        assert decision.scores == pytest.approx(scores[sample])
        assert decision.order[0] == scores[sample].argmax()
        assert str(decision).startswith(f"class {decision.order[0]}")


def test_of_equal_scores_the_lowest_class_is_the_answer() -> None:
    answer = module_of(PACKAGE / "lava_network/readout.py").answer
    arrays = SimpleNamespace(
        readout={"population": "out", "rule": FIRST_SPIKE}, class_names=["left", "right"]
    )
    decision = answer(arrays, {"out": SimpleNamespace(spikes=np.zeros((9, 2), bool), v=None)})
    assert (decision.order, str(decision)) == (
        [0, 1],
        "class 0 'left', score -9; next 1 'right', -9",
    )


def test_an_unknown_readout_rule_gives_no_class() -> None:
    answer = module_of(PACKAGE / "lava_network/readout.py").answer
    arrays = SimpleNamespace(readout={"population": "out", "rule": "newer"}, class_names=["a"])
    assert answer(arrays, {"out": SimpleNamespace(spikes=None, v=np.zeros((3, 1)))}) is None


def test_the_readme_has_the_formula_of_the_scores(network: IntegerNetwork, tmp_path: Path) -> None:
    names = ["plain", "a|b", "`c`", "*d*\n"]
    names = [*names, *map(str, range(len(network.class_names)))][: len(network.class_names)]
    folder = Lava.write(replace(network, class_names=names), tmp_path / "export").path
    lines = (folder / "README.md").read_text(encoding="utf-8").splitlines()
    assert f"    score of class c = {network.readout.formula}" in lines
    assert "| 0 | plain |" in lines
    assert sum(line.startswith("| ") and line.count("|") == 3 for line in lines) >= len(names)


def test_known_answers_are_carried(network: IntegerNetwork, tmp_path: Path) -> None:
    answers = known_answers(network)
    folder = Lava.write(network, tmp_path / "one", answers=answers).path
    assert Lava(folder).known_answers().to_bytes() == answers.to_bytes()
    size = f"{answers.spikes.n_samples} samples of {answers.spikes.n_steps} steps"
    assert f"| `known_answers.npz` | {size}" in (folder / "README.md").read_text()
    assert contents(Lava.write(network, tmp_path / "two", answers=answers).path) == contents(folder)
    without = Lava.write(network, folder, force=True).path
    assert "known" not in (without / "README.md").read_text()
    with refused(FileFormatError, "answers-missing") as caught:
        Lava(without).known_answers()
    assert str(without) in caught.value.what
    with refused(FileFormatError, "file-missing"):
        Lava(tmp_path).known_answers()


def test_the_readme_names_files_and_version(network: IntegerNetwork, tmp_path: Path) -> None:
    folder = Lava.write(network, tmp_path / "export").path
    text = (folder / "README.md").read_text(encoding="utf-8")
    assert "lava-nc==0.10.0" in text
    assert network.content_hash in text
    assert "| hidden → hidden | 64 | 0 … 61 | 8 bits, excitatory | 0 |" in text
    for line in text.splitlines():
        if line.startswith("| `"):
            assert (folder / line.split("`")[1]).is_file()


def test_force_replaces_an_export(network: IntegerNetwork, tmp_path: Path) -> None:
    other = random_network(1, 1, False)
    folder = Lava.write(other, tmp_path / "export").path
    cache = folder / "lava_network/__pycache__"
    cache.mkdir()
    (cache / "models.pyc").write_bytes(b"")
    Lava.write(network, folder, force=True)
    assert Lava(folder).network.content_hash == network.content_hash
    assert not cache.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["export"]


@pytest.mark.parametrize("kind", ["empty folder", "other folder", "file", "link", "own file"])
def test_force_replaces_nothing_else(kind: str, network: IntegerNetwork, tmp_path: Path) -> None:
    folder = tmp_path / "place"
    if kind == "file":
        folder.write_text("precious")
    elif kind == "link":
        folder.symlink_to(Lava.write(network, tmp_path / "linked").path)
    elif kind == "own file":
        Lava.write(network, folder)
        (folder / "notes.txt").write_text("precious")
    else:
        folder.mkdir()
        if kind == "other folder":
            (folder / "precious.txt").write_text("precious")
    before = contents(tmp_path)
    code = "path-holds-others" if kind == "own file" else "path-not-export"
    with refused(UsageError, code) as caught:
        Lava.write(network, folder, force=True)
    assert ("notes.txt" in caught.value.what) == (kind == "own file")
    assert contents(tmp_path) == before


def test_a_folder_that_cannot_be_moved_leaves_the_earlier_export(
    network: IntegerNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Lava.write(network, tmp_path / "export").path
    before = contents(tmp_path)

    def full(*arguments: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "rename", full)
    with refused(StorageError, "file-not-written"):
        Lava.write(random_network(1, 1, False), folder, force=True)
    assert contents(tmp_path) == before


def test_a_failing_last_step_is_undone(
    network: IntegerNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Lava.write(network, tmp_path / "export").path
    before = contents(tmp_path)
    rename, targets = os.rename, []

    def fail_second(source: Path, target: Path) -> None:
        targets.append(target)
        if len(targets) == 2:
            raise OSError(5, "Input/output error")
        rename(source, target)

    monkeypatch.setattr(os, "rename", fail_second)
    with refused(StorageError, "file-not-written"):
        Lava.write(random_network(1, 1, False), folder, force=True)
    assert targets[1] == folder
    assert contents(tmp_path) == before


def test_run_checks_its_input_first(network: IntegerNetwork, tmp_path: Path) -> None:
    folder = Lava.write(network, tmp_path / "export").path
    with refused(DataError, "input-channels-differ"):
        Lava(folder).run(random_raster(0, 1, 10, 3))
    with refused(DataError, "input-steps-missing"):
        Lava(folder).run(Raster([0, 0], [], [], 0, 2))
    with refused(UsageError, "lava-model-unknown") as caught:
        Lava(folder).run(random_raster(0, 1, 10, 2), model="slow")
    assert "slow" in caught.value.what
    (folder / "run.py").unlink()
    with refused(FileFormatError, "lava-script-missing") as caught:
        Lava(folder).run(random_raster(0, 1, 10, 2), trust=True)
    assert "run.py" in caught.value.what


class Lister(Environment):
    """Lists the copy of a folder instead of running it."""

    def record(self, spikes: Raster, scratch: str | Path, *_: object, **__: object) -> Any:
        copy = Path(scratch, "export")
        return {path.relative_to(copy).as_posix() for path in copy.rglob("*") if path.is_file()}


@pytest.fixture
def folder(
    network: IntegerNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """An export with known answers, and a folder for temporary files that must stay empty."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    yield Lava.write(network, tmp_path / "export", answers=known_answers(network)).path
    assert not [*(tmp_path / "temporary").iterdir()]


def listed_run(folder: Path) -> object:
    environment = Lister(Path(sys.executable), REFEREE)
    return Lava(folder).run(random_raster(0, 1, 10, 2), trust=True, environment=environment)


def test_a_run_copies_the_modules_and_the_network_only(folder: Path) -> None:
    for name in ("known_answers.npz", "events.csv", "README.md"):
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to("/dev/zero")
    (folder / "build").symlink_to("/")
    assert listed_run(folder) == {*Lava.sources(), Lava.arrays()}


@pytest.mark.parametrize("name", ["run.py", "lava_network/arrays.npz", "lava_network"])
def test_linked_files_of_an_export_do_not_run(name: str, folder: Path) -> None:
    moved = (folder / name).rename(folder / "moved")
    (folder / name).symlink_to(moved)
    with refused(FileFormatError, "export-not-copied") as caught:
        listed_run(folder)
    assert name in caught.value.what


@pytest.mark.parametrize("kind", ["FIFO", "device", "endless", "large", "large archive"])
def test_files_that_could_fill_the_disk_do_not_run(kind: str, folder: Path) -> None:
    path = folder / ("lava_network/arrays.npz" if kind == "large archive" else "extra.py")
    if kind == "FIFO":
        os.mkfifo(path)
    elif kind in ("device", "endless"):
        path.symlink_to("/dev/zero" if kind == "device" else "/proc/self/pagemap")
    elif kind == "large":
        path.touch()
        os.truncate(path, (1 << 20) + 1)
    else:  # An archive may follow other bytes, here a hole of 8 GiB.
        archive = path.read_bytes()
        with path.open("wb") as file:
            file.write(archive[:4])
            file.seek(1 << 33)
            file.write(archive)
    with refused(FileFormatError, "export-not-copied") as caught:
        listed_run(folder)
    assert path.name in caught.value.what


def test_a_full_disk_is_an_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch, refused(StorageError, "temporary-folder-full") as caught:
        patch.setattr(Path, "write_bytes", full)
        listed_run(folder)
    assert caught.value.why == "No space left on device"


@pytest.mark.parametrize("script", ["pass", "print('{')", "print('{}')", "open('x', 'w')"])
def test_a_script_without_a_recording_is_a_failure(
    script: str, network: IntegerNetwork, tmp_path: Path
) -> None:
    folder = Lava.write(network, tmp_path / "export").path
    (folder / "run.py").write_text(script)
    here, finished = Environment(Path(sys.executable), REFEREE), []
    with refused(BackendError, "referee-recording-unreadable") as caught:
        Lava(folder).run(
            random_raster(0, 1, 10, 2), trust=True, environment=here, on_progress=finished.append
        )
    assert "recording.npz" in caught.value.why
    assert not finished


def test_the_package_reads_events(tmp_path: Path) -> None:
    events = module_of(PACKAGE / "lava_network/events.py")
    raster = random_raster(3, 4, 20, 5)
    path = tmp_path / "events.npz"
    np.savez(path, offset=raster.offset, step=raster.step, neuron=raster.neuron, n_steps=20)
    read = events.read_events(path, 5)
    assert read.n_samples == 4
    for sample, dense in enumerate(raster.dense()):
        assert np.array_equal(read.dense(sample), dense.T)
    starts = read.step_starts()
    rows = np.split(read.channel, starts[1:-1])
    for row, dense in zip(rows, raster.dense().reshape(-1, 5), strict=True):
        assert np.array_equal(row, np.flatnonzero(dense))


BAD_EVENTS = {
    "missing": {"offset": [0, 1], "step": [0], "n_steps": 5},
    "late": {"offset": [0, 1], "step": [5], "neuron": [0], "n_steps": 5},
    "negative": {"offset": [0, 1], "step": [0], "neuron": [-1], "n_steps": 5},
    "channel": {"offset": [0, 1], "step": [0], "neuron": [2], "n_steps": 5},
    "twice": {"offset": [0, 2], "step": [1, 1], "neuron": [0, 0], "n_steps": 5},
    "unsorted": {"offset": [0, 2], "step": [2, 1], "neuron": [0, 0], "n_steps": 5},
    "lengths": {"offset": [0, 2], "step": [1], "neuron": [0], "n_steps": 5},
    "falling": {"offset": [0, 2, 1], "step": [1], "neuron": [0], "n_steps": 5},
    "no steps": {"offset": [0, 0], "step": [], "neuron": [], "n_steps": 0},
    "two numbers of steps": {"offset": [0, 0], "step": [], "neuron": [], "n_steps": [5, 5]},
    "half a step": {"offset": [0, 0], "step": [], "neuron": [], "n_steps": 5.5},
    "no offset": {"offset": [], "step": [], "neuron": [], "n_steps": 5},
    "steps that are floats": {"offset": [0, 1], "step": [0.0], "neuron": [0], "n_steps": 5},
    "half a neuron": {"offset": [0, 1], "step": [0], "neuron": [0.5], "n_steps": 5},
    "truths": {"offset": [0, 1], "step": [True], "neuron": [0], "n_steps": 5},
    "a table": {"offset": [[0, 1]], "step": [0], "neuron": [0], "n_steps": 5},
    "objects": {"offset": [0, 1], "step": [0], "neuron": np.array([{}]), "n_steps": 5},
    "beyond 64 bits": {
        "offset": np.array([0, 2**64 - 1], np.uint64),
        "step": [0],
        "neuron": [0],
        "n_steps": 5,
    },
}


@pytest.mark.parametrize("name", BAD_EVENTS)
def test_the_package_refuses_bad_events(name: str, tmp_path: Path) -> None:
    events = module_of(PACKAGE / "lava_network/events.py")
    np.savez(tmp_path / "events.npz", **BAD_EVENTS[name])
    with pytest.raises(ValueError, match=r"step|neuron|fit|lacks|offset|archive"):
        events.read_events(tmp_path / "events.npz", 2)


@pytest.mark.parametrize("lists", [{"step": [], "neuron": []}, {"step": [2, 4], "neuron": [1, 0]}])
def test_the_package_reads_what_its_readme_describes(lists: dict, tmp_path: Path) -> None:
    events = module_of(PACKAGE / "lava_network/events.py")
    np.savez(tmp_path / "events.npz", offset=[0, len(lists["step"])], n_steps=7, **lists)
    read = events.read_events(tmp_path / "events.npz", 2)
    assert (read.step.dtype, read.channel.dtype, read.offset.dtype) == (
        np.int32,
        np.int32,
        np.int64,
    )
    assert read.dense(0).sum() == len(lists["step"])
    assert np.array_equal(read.step_starts(), np.searchsorted(lists["step"], np.arange(8)))


def test_the_package_refuses_damaged_files(tmp_path: Path) -> None:
    events = module_of(PACKAGE / "lava_network/events.py")
    good, bad = tmp_path / "good.npz", tmp_path / "bad.npz"
    np.savez(good, offset=[0, 1], step=[0], neuron=[0], n_steps=5)
    whole = good.read_bytes()
    np.save(tmp_path / "array.npy", np.zeros(3))
    broken = [whole[:length] for length in range(0, len(whole), 29)]
    broken += [
        b"PK\3\4 and nothing else",
        b"no archive at all",
        (tmp_path / "array.npy").read_bytes(),
    ]
    for content in broken:
        bad.write_bytes(content)
        with pytest.raises(ValueError, match="archive"):
            events.read_events(bad, 2)
    with pytest.raises(OSError, match="nowhere"):
        events.read_events(tmp_path / "nowhere.npz", 2)


def test_arrays_are_plain_numpy(network: IntegerNetwork, tmp_path: Path) -> None:
    folder = Lava.write(network, tmp_path / "export").path
    with np.load(folder / "lava_network/arrays.npz", allow_pickle=False) as archive:
        header = json.loads(str(archive["header"][()]))
        assert archive["projection.1.delay"].max() == 61
    assert header["kind"] == "nmtool integer network"
    assert storage.archive_kind(folder / "lava_network/arrays.npz") == header["kind"]


# Tests of tables of events

times = st.one_of(
    st.integers(0, 12).map(lambda step: step * 0.3),
    st.floats(0, 4, allow_subnormal=False),
)
table_rows = st.lists(st.tuples(st.integers(0, 2), times, st.integers(0, 8)), max_size=30)


@given(table_rows, st.randoms(use_true_random=False))
def test_the_package_reads_tables_as_nmtool_bins_them(
    tmp_path_factory: pytest.TempPathFactory,
    drawn: list[tuple[int, float, int]],
    random: Random,
) -> None:
    """Rows are in random order, and every sample also has a row without an event."""
    path = tmp_path_factory.mktemp("table") / "events.csv"
    per_sample = [[(t, u) for s, t, u in drawn if s == sample] for sample in range(3)]
    labelled = SpikeEvents.from_lists(
        [[t for t, _ in events] for events in per_sample],
        [[u for _, u in events] for events in per_sample],
        ["b,", "a", "a"],
        n_units=9,
    )
    binned = bin_events(labelled, dt_ms=0.3, n_steps=10, group=2)
    head = [[sample, ("b,", "a", "a")[sample], "", ""] for sample in range(3)]
    rows = [[s, ("b,", "a", "a")[s], u, t] for s, t, u in drawn]
    random.shuffle(rows)
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["sample", "label", "unit", "time_ms"], *head, *rows])
    read = module_of(PACKAGE / "lava_network/events.py").read_table(path, 5, 2, 10, 0.3)
    for name, own in (("offset", "offset"), ("step", "step"), ("neuron", "channel")):
        assert np.array_equal(getattr(binned.raster, name), getattr(read, own)), name
    assert (read.names, read.labels, read.late) == (
        ("0", "1", "2"),
        ("b,", "a", "a"),
        binned.dropped,
    )


def test_samples_of_different_splits_are_separate_in_a_table(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_text("sample,unit,time_ms,split\n0,1,2,train\n0,1,3.0,test\n")
    read = module_of(PACKAGE / "lava_network/events.py").read_table(path, 5, 1, 10, 1.0)
    assert (read.offset.tolist(), read.step.tolist(), read.labels) == ([0, 1, 2], [2, 3], ())


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", "column"),
        ("sample,label,unit\n0,a,1\n", "time_ms"),
        ("sample,unit,time_ms\n0,5,1\n", "line 2"),
        ("sample,unit,time_ms\n0,-1,1\n", "line 2"),
        ("sample,unit,time_ms\n0,0.5,1\n", "line 2"),
        ("sample,unit,time_ms\n0,1,1\n0,1,nan\n", "line 3"),
        ("sample,unit,time_ms\n0,1,1\n0,1,-1\n", "line 3"),
        ("sample,unit,time_ms\n0,1,inf\n", "line 2"),
        ("sample,unit,time_ms\n0,1\n", "line 2"),
        ("sample,label,unit,time_ms\n0,a,1,1\n0,b,1,1\n", "line 3"),
    ],
)
def test_the_package_refuses_bad_tables(text: str, place: str, tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=place):
        module_of(PACKAGE / "lava_network/events.py").read_table(path, 5, 1, 10, 1.0)


# Tests of known answers that are read without nmtool


def sizes_of(network: IntegerNetwork) -> dict[str, int]:
    return {p.name: p.size for p in network.populations}


@settings(max_examples=examples(0.7))
@given(network=integer_networks(), deep=st.booleans(), seed=seeds)
def test_the_package_reads_known_answers(
    tmp_path_factory: pytest.TempPathFactory, network: IntegerNetwork, deep: bool, seed: int
) -> None:
    path = tmp_path_factory.mktemp("known") / "known_answers.npz"
    spikes = random_raster(seed, 2, 70, network.channels.size)
    recording = simulate(network, spikes, deep=True)
    known_recording = recording if deep else replace(recording, current={}, potential={})
    factors = network.decay_factors() if deep else {}
    KnownAnswers(network.content_hash, spikes, known_recording, factors).save(path)
    module = module_of(PACKAGE / "lava_network/known_answers.py")
    assert module.is_known_answers(path)
    reader = module.KnownAnswers(path, sizes_of(network))
    for sample in range(2):
        reader.compare(
            sample,
            {
                p.name: SimpleNamespace(
                    spikes=recording.spikes[p.name].dense()[sample] if p.kind == LIF else None,
                    u=recording.current[p.name][sample],
                    v=recording.v[p.name][sample],
                )
                for p in network.populations
            },
        )
    bins, all_neurons = 2 * 70, sum(sizes_of(network).values())
    states = 2 * all_neurons if deep else sum(p.size for p in network.integrating)
    spiking = sum(p.size for p in network.spiking)
    assert reader.compared == {"spikes": bins * spiking, "u and v": bins * states}
    assert (reader.different, reader.first) == ({"spikes": 0, "u and v": 0}, None)
    events = module_of(PACKAGE / "lava_network/events.py").read_events(path, spikes.n_neurons)
    assert np.array_equal(events.channel, spikes.neuron)
    assert (events.n_steps, events.n_samples) == (70, 2)


def test_the_package_detects_a_single_different_state(
    network: IntegerNetwork, tmp_path: Path
) -> None:
    answers = known_answers(network)
    answers.save(tmp_path / "known_answers.npz")
    reader = module_of(PACKAGE / "lava_network/known_answers.py").KnownAnswers(
        tmp_path / "known_answers.npz", sizes_of(network)
    )
    name = network.populations[0].name
    u = answers.recording.current[name][1].copy()
    u[7, 0] += 1
    reader.compare(1, {name: SimpleNamespace(spikes=None, u=u, v=None)})
    assert (reader.different, reader.first) == ({"spikes": 0, "u and v": 1}, (1, 7, name))


def test_known_answers_of_another_network_are_refused(
    network: IntegerNetwork, tmp_path: Path
) -> None:
    known_answers(network).save(tmp_path / "known_answers.npz")
    module = module_of(PACKAGE / "lava_network/known_answers.py")
    sizes = sizes_of(network)
    for other in ({**sizes, network.populations[0].name: 3}, {"another": 8}):
        with pytest.raises(ValueError, match="another network"):
            module.KnownAnswers(tmp_path / "known_answers.npz", other)


@pytest.mark.parametrize("installed", [None, "0.9.0"])
def test_the_package_says_which_lava_it_needs(
    installed: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = module_of(PACKAGE / "lava_network/lava_import.py")

    def version(name: str) -> str:
        if installed is None:
            raise PackageNotFoundError(name)
        return installed

    monkeypatch.setattr(module, "version", version)
    with pytest.raises(ImportError, match=r"lava-nc 0\.10\.0"):
        module.make_lava_importable()


def test_other_archives_are_refused_as_known_answers(
    network: IntegerNetwork, tmp_path: Path
) -> None:
    module = module_of(PACKAGE / "lava_network/known_answers.py")
    network.save(tmp_path / "network.npz")
    np.savez(tmp_path / "events.npz", offset=[0], step=[], neuron=[], n_steps=3)
    for name in ("network.npz", "events.npz", "none.npz"):
        assert not module.is_known_answers(tmp_path / name)


# Tests of data samples in the folder


def test_the_folder_has_samples_of_data(network: IntegerNetwork, tmp_path: Path) -> None:
    samples = SpikeEvents.from_lists([[0.5, 2.0], []], [[0, 1], []], [0, 0], n_units=2)
    folder = Lava.write(network, tmp_path / "export", samples=samples).path
    read = read_incoming(folder / "events.csv").train
    assert (read.time_ms.tolist(), read.unit.tolist()) == ([0.5, 2.0], [0, 1])
    assert not Lava(folder).differences()
    (folder / "events.csv").write_text("sample,unit,time_ms\n")
    assert not Lava(folder).differences(), "they are data, which the receiver may change"
    assert "| `events.csv` | 2 samples" in (folder / "README.md").read_text()
    Lava.write(network, folder, force=True)
    assert not (folder / "events.csv").exists()
