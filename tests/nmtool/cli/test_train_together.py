"""`torchrun -m nmtool train`: two processes give the result of one, and end together.

Every third batch has a single sample, so that one of the two processes has no sample.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest

from nmtool.cli.main import main
from nmtool.data import write_shd
from tests.nmtool.cli.runs import assert_same_run
from tests.torchrun import torchrun
from tests.training.small_data import small_events

pytestmark = [pytest.mark.torch, pytest.mark.long]

N_TRAIN, N_VALIDATION = 15, 21
EPOCHS, UPDATES = 2, 3
SETTINGS = (
    *("--hidden", "12", "--dt", "2", "--steps", "25", "--max-delay", "12", "--init-rate", "0.6"),
    *("--epochs", str(EPOCHS), "--batch-size", "7", "--validation", str(N_VALIDATION)),
    *("--rate", "3", "--rate-strength", "0.01", "--rescue", "0.05"),
    *("--shift", "1", "--stretch", "0.1"),
)
FILES = {"run.json", "log.jsonl", "log.csv", "network.npz", "checkpoint.npz"}


def _words(run: str, *more: str) -> tuple[str, ...]:
    return ("train", "small", "-o", run, *more)


def _with_faulty_rank(folder: Path, fate: str, run: str) -> CompletedProcess[str]:
    """Start a job that fails in the second epoch."""
    words = (fate, str(UPDATES + 2), *_words(run, *SETTINGS))
    return torchrun(2, "tests.nmtool.cli.faulty_rank", *words, cwd=folder)


def _errors(job: CompletedProcess[str]) -> list[str]:
    """Codes of the processes' errors; torchrun's own output is ignored."""
    return re.findall(r"^error(?:\[([a-z0-9-]+)\])?: ", job.stderr, re.MULTILINE)


def _log(run: Path) -> list[dict]:
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    return [{name: line[name] for name in line if name != "seconds"} for line in lines]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder with data, and `alone`, a run of one process on them."""
    folder = tmp_path_factory.mktemp("together")
    (folder / "small").mkdir()
    write_shd(folder / "small" / "small_train.h5", small_events(N_TRAIN + N_VALIDATION, 1))
    write_shd(folder / "small" / "small_test.h5", small_events(3, 2))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(_words("alone", *SETTINGS)) == 0
    return folder


@pytest.fixture(scope="module")
def together(folder: Path) -> CompletedProcess[str]:
    """The same run by two processes, in `together`."""
    job = torchrun(2, "nmtool", *_words("together", *SETTINGS), cwd=folder)
    assert job.returncode == 0, job.stderr
    return job


def _assert_nearly_the_same(left: Path, right: Path) -> None:
    """Assert equal logs, and parameters and moments to 1e-5 of the largest of their kind."""
    with np.load(left / "checkpoint.npz") as first, np.load(right / "checkpoint.npz") as second:
        assert first.keys() == second.keys()
        for name in set(first.keys()) - {"header"}:
            largest = np.abs(first[name]).max()
            np.testing.assert_allclose(second[name], first[name], rtol=0, atol=1e-5 * largest)
    for expected, epoch in zip(_log(left), _log(right), strict=True):
        assert epoch.pop("loss") == pytest.approx(expected.pop("loss"), rel=1e-5)
        assert epoch == expected


@pytest.mark.usefixtures("together")
def test_two_processes_learn_the_same_as_one(folder: Path) -> None:
    first = _log(folder / "alone")[0]
    assert all(first[count] > 0 for count in ("silent_neurons", "surplus_events", "dropped_events"))
    _assert_nearly_the_same(folder / "alone", folder / "together")


def test_one_process_writes_and_prints(folder: Path, together: CompletedProcess[str]) -> None:
    assert {path.name for path in (folder / "together").iterdir()} == FILES
    assert json.loads((folder / "together" / "run.json").read_text())["ranks"] == 2
    assert json.loads((folder / "alone" / "run.json").read_text())["ranks"] == 1
    assert [line[:12] for line in together.stdout.splitlines()] == ["together/net"]
    printed = [line for line in together.stderr.splitlines() if line.startswith(("epoch", "train"))]
    assert [line[:12] for line in printed] == ["trains on 15", "epoch   1/2 ", "epoch   2/2 "]


@pytest.fixture(scope="module")
def killed(folder: Path) -> CompletedProcess[str]:
    """A job whose second process is killed in the second epoch."""
    return _with_faulty_rank(folder, "killed", "killed")


@pytest.mark.parametrize("fate", ["killed", "killed_unnoticed"])
def test_a_killed_process_ends_the_job(
    fate: str, folder: Path, request: pytest.FixtureRequest
) -> None:
    waiting = fate == "killed"
    job = request.getfixturevalue(fate) if waiting else _with_faulty_rank(folder, fate, fate)
    assert job.returncode != 0
    assert job.stdout == ""
    assert _errors(job) == ["rank-lost"]
    again = f"torchrun --nproc-per-node 2 -m nmtool train small -o {fate} --resume"
    assert f": {again}\n" in job.stderr
    assert len(_log(folder / fate)) == 1


@pytest.mark.usefixtures("together", "killed")
@pytest.mark.parametrize("processes", [1, 2])
def test_a_killed_job_is_resumed(
    processes: int, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = folder / f"resumed by {processes}"
    run.mkdir()
    for name in FILES:
        (run / name).write_bytes((folder / "killed" / name).read_bytes())
    monkeypatch.chdir(folder)
    if processes == 1:
        assert main(_words(run.name, "--resume")) == 0
        _assert_nearly_the_same(folder / "together", run)
        return
    job = torchrun(2, "nmtool", *_words(run.name, "--resume"), cwd=folder)
    assert job.returncode == 0, job.stderr
    assert_same_run("together", run.name)
    assert _log(run) == _log(folder / "together")


def test_an_error_in_all_processes_is_printed_once(folder: Path) -> None:
    job = torchrun(2, "nmtool", "train", "nowhere", "-o", "none", cwd=folder)
    assert job.returncode != 0
    assert _errors(job) == ["dataset-unknown"]
    assert "'nowhere'" in job.stderr
    assert not (folder / "none").exists()


def test_an_error_in_one_process_ends_all(folder: Path) -> None:
    job = _with_faulty_rank(folder, "fails", "fails")
    assert job.returncode != 0
    assert _errors(job) == ["disk-full"]


def test_an_interrupt_ends_all_processes(folder: Path) -> None:
    job = _with_faulty_rank(folder, "interrupted", "interrupted")
    assert job.returncode != 0
    assert _errors(job) == []
    again = "torchrun --nproc-per-node 2 -m nmtool train small -o interrupted --resume"
    assert job.stderr.count(f": {again}\n") == 1
    assert [line for line in job.stderr.splitlines() if line == "interrupted"] == ["interrupted"]
