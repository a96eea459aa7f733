"""`nmtool train`: settings from files and options, resuming, the run folder, output."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from nmtool.network.float_network import Network
from nmtool.training.loop.run_folder import FINETUNE_EPOCHS, FINETUNE_SLOWER
from tests.interrupts import core_traces, leave_core
from tests.nmtool.cli import cases
from tests.nmtool.cli.conftest import Nmtool
from tests.nmtool.cli.runs import assert_same_run

pytestmark = pytest.mark.torch

WORDS = ("train", "two", "-o", "run", *cases.SETTINGS)


@pytest.fixture(autouse=True)
def _data(data: Path) -> None:
    del data


def test_training_writes_a_run_folder(nmtool: Nmtool) -> None:
    result = nmtool(*WORDS, "--json")
    assert result.code == 0
    log = [json.loads(line) for line in Path("run/log.jsonl").read_text().splitlines()]
    assert len(log) == 3
    best = max(reversed(log), key=lambda entry: entry["validation_accuracy"])
    assert result.json == {
        "run": "run",
        "network": "run/network.npz",
        "hash": Network.load("run/network.npz").content_hash,
        "epochs": 3,
        "best": best,
    }
    lines = result.err.splitlines()
    starts = ["trains on 8 ", "epoch   1/3 ", "epoch   2/3 ", "epoch   3/3 "]
    assert [line[:12] for line in lines] == starts
    assert "validates on 4 (drawn per class from seed 0), tests on 6; 30 steps of 1 ms" in lines[0]
    assert " left" in lines[1]
    assert " left" not in lines[3]


def test_a_run_is_printed_in_the_terminal(nmtool: Nmtool) -> None:
    result = nmtool(*WORDS)
    assert result.code == 0
    assert result.out.startswith("best epoch ")
    assert re.search(r"validation [\d.]+% \([\d.]+ … [\d.]+ %\)", result.out)
    assert result.out.splitlines()[1:] == ["run/network.npz written"]


def test_help_names_the_defaults_of_finetuning(nmtool: Nmtool) -> None:
    text = " ".join(nmtool("train", "--help").out.split())
    assert f" for {FINETUNE_EPOCHS} epochs at a fifth of its learning rates" in text
    assert FINETUNE_SLOWER == 5


def test_a_file_and_options_that_override_it(nmtool: Nmtool) -> None:
    Path("s.toml").write_text(
        "hidden = 5\nsteps = 20\nmax_delay = 7\nvalidation = 4\nepochs = 9\n"
        'schedule = "linear"\n'
        'recurrent = false\ninit_input = [3, 1.5]\nreadout = "max"\ndt_ms = 2\n'
    )
    more = ("--epochs", "1", "--seed", "7", "--schedule", "constant")
    result = nmtool("train", "two", "-o", "run", "--config", "s.toml", *more)
    assert result.code == 0
    options = json.loads(Path("run/run.json").read_text())["options"]
    expected = {
        "hidden": 5,
        "steps": 20,
        "epochs": 1,
        "seed": 7,
        "schedule": "constant",
        "recurrent": False,
        "init_input": [3.0, 1.5],
        "readout": "max",
        "dt_ms": 2.0,
    }
    assert {name: options[name] for name in expected} == expected
    assert options["lr"] == 0.003


@pytest.mark.parametrize(
    ("text", "error", "phrases"),
    [
        ("hidden = ", "config-invalid", ["s.toml"]),
        ("hiden = 3\ndt = 2", "setting-unknown", ["s.toml", "dt, hiden", "'dt_ms', 'hidden'"]),
    ],
)
def test_invalid_files_of_settings_are_refused(
    text: str, error: str, phrases: list[str], nmtool: Nmtool
) -> None:
    Path("s.toml").write_text(text)
    result = nmtool("train", "two", "-o", "run", "--config", "s.toml")
    assert (result.code, result.out, result.error) == (2, "", error)
    assert all(phrase in result.err for phrase in phrases), result.err
    assert not Path("run").exists()


@pytest.mark.parametrize(
    ("more", "error", "phrases"),
    [
        (["--config", "no.toml"], "config-unreadable", ["no.toml"]),
        (["--config", "./two"], "config-unreadable", ["two"]),
        (["--recurrent", "--feedforward"], "command-line", ["--feedforward"]),
        (["--hidden", "-1"], "setting-type", ["hidden", "-1"]),
        (["--epochs", "many"], "command-line", ["--epochs", "'many'"]),
        (["--readout", "best"], "command-line", ["--readout", "'best'"]),
        (["--schedule", "step"], "command-line", ["--schedule", "'step'"]),
        (["--window", "3"], "settings-contradict", ["window"]),
        (["--validation", "12"], "validation-range", ["12", "'two'", "--validation 0"]),
        (["-o", "two/two_test.h5"], "folder-not-made", ["two/two_test.h5"]),
    ],
)
def test_invalid_options_are_refused(
    more: list[str], error: str, phrases: list[str], nmtool: Nmtool
) -> None:
    result = nmtool(*WORDS, *more)
    assert (result.code, result.out, result.error) == (2, "", error)
    assert all(phrase in result.err for phrase in phrases), result.err
    assert not Path("run").exists()


@pytest.mark.parametrize(
    ("file", "advice"),
    [("run.json", "; start from the first epoch with"), ("checkpoint.npz", "; resume with")],
)
def test_a_stopped_run_prints_the_command_that_resumes_it(
    file: str, advice: str, nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*arguments: object, folder: Path, **more: object) -> None:
        folder.mkdir()
        (folder / file).touch()
        raise KeyboardInterrupt

    monkeypatch.setattr("nmtool.training.learning.train", stop)
    result = nmtool(*WORDS, "--json")
    assert (result.code, result.out) == (130, "")
    assert result.err.endswith(f"{advice}: nmtool train two -o run --resume\ninterrupted\n")


@pytest.mark.usefixtures("_heeds_interrupts")
@pytest.mark.long
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_by_a_signal(number: signal.Signals, code: int, nmtool: Nmtool) -> None:
    words = ["train", "two", "-o", "run", *cases.SETTINGS, "--epochs", "60"]
    root = str(Path(__file__).parents[3])
    with subprocess.Popen(
        [sys.executable, "-m", "nmtool", *words],
        env={**os.environ, "PYTHONPATH": root, "PYTHONFAULTHANDLER": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=leave_core,
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("trains on ")
        assert process.stderr.readline().startswith("epoch ")
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert process.returncode == code, err + core_traces(Path())
    assert out == ""
    assert err.endswith("--resume\ninterrupted\n")
    assert "Traceback" not in err
    assert nmtool("train", "two", "-o", "run", "--resume").code == 0
    assert nmtool(*words, "-o", "whole").code == 0
    assert_same_run("run", "whole")


def test_a_run_is_resumed_without_naming_its_data(nmtool: Nmtool) -> None:
    assert nmtool(*WORDS).code == 0
    result = nmtool("train", "-o", "run", "--resume", "--epochs", "4", "--json")
    assert result.code == 0, result.err
    assert result.json["epochs"] == 4
    assert nmtool("train", "-o", "run", "--resume", "--units", cases.N_UNITS).code == 0
    new = nmtool("train", "-o", "new")
    assert (new.code, new.error) == (2, "command-line")
    manifest = json.loads(Path("run/run.json").read_text())
    Path("run/run.json").write_text(json.dumps({**manifest, "in_memory": True}))
    unknown = nmtool("train", "-o", "run", "--resume")
    assert (unknown.code, unknown.error) == (2, "data-in-memory")
    assert "DATA" in unknown.err


@pytest.mark.long
def test_a_search_before_a_run(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("optuna")
    words = (*WORDS, "--epochs", "2", "--search", "2")

    def stop(*about: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("nmtool.training.studies.search._Search._run_short", stop)
        stopped = nmtool(*words)
    assert (stopped.code, Path("run/run.json").exists()) == (130, False)
    assert "the same command" in stopped.err
    assert nmtool(*words).code == 0
    assert Path("run/search/full/defaults/run.json").is_file()
    report = nmtool("report", "run", "-o", "report.html")
    assert report.code == 0, report.err
    assert "full trials" in Path("report.html").read_text()
    for more in (["--resume"], ["--start", "run"], ["--by", "3"]):
        mixed = nmtool("train", "two", "-o", "other", "--search", "2", *more)
        assert (mixed.code, mixed.error) == (2, "train-options-mixed")


def test_invalid_resumptions_are_refused(nmtool: Nmtool) -> None:
    assert nmtool(*WORDS).code == 0
    for words, error, phrases in (
        (["two", "-o", "none"], "run-missing", ["none"]),
        (["yinyang", "-o", "run"], "resume-differs", ["'two'", "'yinyang'"]),
        (["two", "-o", "run", "--hidden", "7"], "resume-differs", ["hidden", "6", "7"]),
        (
            ["two", "-o", "run", "--init-input", "1", "2"],
            "resume-differs",
            ["init_input", "(0.02, 0.05)"],
        ),
        (["two", "-o", "run", "--config", "s.toml"], "resume-differs", ["--config"]),
    ):
        result = nmtool("train", *words, "--resume")
        assert (result.code, result.out, result.error) == (2, "", error)
        assert all(phrase in result.err for phrase in phrases), result.err


def test_a_missing_gpu_is_an_error(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nmtool.training.engines.cuda.available.SIMULATED", False)
    monkeypatch.setattr("torch.version.cuda", None)
    result = nmtool(*WORDS, "--device", "cuda")
    assert (result.code, result.out, result.error) == (3, "", "torch-without-cuda")
    assert not Path("run").exists()
    assert nmtool(*WORDS, "--device", "auto").code == 0


LOCKS = """
import sys
import time
from pathlib import Path

from nmtool.training.loop.run_folder import RunFolder

with RunFolder(Path(sys.argv[1])).locked():
    print("locked", flush=True)
    time.sleep(600)
"""


@pytest.mark.skipif(os.name != "posix", reason="folders cannot be locked")
def test_two_processes_do_not_train_in_one_folder(nmtool: Nmtool) -> None:
    assert nmtool(*WORDS).code == 0
    before = {path: path.read_bytes() for path in Path("run").iterdir()}
    resume = ("train", "-o", "run", "--resume", "--epochs", "4")
    with subprocess.Popen(
        [sys.executable, "-c", LOCKS, "run"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        result = nmtool(*resume)
        assert (result.code, result.out, result.error) == (2, "", "run-in-use")
        assert "run" in result.err
        assert {path: path.read_bytes() for path in Path("run").iterdir()} == before
        process.kill()
    assert nmtool(*resume).code == 0
