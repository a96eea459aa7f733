"""One study, several processes."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from nmtool.errors import MissingError, StorageError
from nmtool.training import sweeps
from nmtool.training.sweeps import read_plan, sweep, workers
from nmtool.training.sweeps.study import open_study
from tests.nmtool.cli.studies import states, trials, write_study
from tests.refusals import refused
from tests.training.sweeps.trainers import AlwaysDies, Dies, Fake, Missing, NotWritten, Waits

pytestmark = [pytest.mark.torch, pytest.mark.usefixtures("data")]
pytest.importorskip("optuna")


@pytest.fixture
def trained_by(monkeypatch: pytest.MonkeyPatch) -> Callable[[type[Fake]], None]:
    """Let workers train by another trainer."""

    def choose(trainer: type[Fake]) -> None:
        monkeypatch.setattr(sweeps, "run_workers", partial(workers.run_workers, trainer=trainer))

    return choose


def test_two_processes(
    trained_by: Callable[[type[Fake]], None], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "nmtool")
    trained_by(Fake)
    write_study("trials = 5\n")
    found = sweep("study.toml", processes=2)
    assert [trial.fate for trial in found.trials] == ["finished"] * 5
    assert len({json.dumps(trial[2]) for trial in trials()}) == 5
    told = [one for one in caplog.records if one.name == "nmtool.fake"]
    assert sorted(one.getMessage() for one in told) == [f"trial {n} runs" for n in range(5)]


def test_a_process_that_dies(
    trained_by: Callable[[type[Fake]], None], caplog: pytest.LogCaptureFixture
) -> None:
    trained_by(Dies)
    write_study("trials = 3\n")
    found = sweep("study.toml", processes=2)
    assert found.counts["finished"] == 3
    assert found.counts["cut_off"] == 1
    first, *others = trials()
    assert first[2] in [other[2] for other in others]
    assert caplog.records[-1].getMessage().startswith("1 of 2 ")


def test_all_processes_die(trained_by: Callable[[type[Fake]], None]) -> None:
    trained_by(AlwaysDies)
    write_study("trials = 3\n")
    with refused(MissingError, "study-processes-ended") as caught:
        sweep("study.toml", processes=2)
    assert caught.value.what.startswith("2 of 2 ")
    assert "7" in caught.value.why
    assert "nmtool sweep study.toml --processes 2" in caught.value.fix
    assert states().count("FAIL") == 2


@pytest.mark.parametrize(
    ("trainer", "kind", "code"),
    [(Missing, MissingError, "card-missing"), (NotWritten, StorageError, "disk-full")],
)
def test_errors_of_workers(
    trainer: type[Fake],
    kind: type[MissingError | StorageError],
    code: str,
    trained_by: Callable[[type[Fake]], None],
) -> None:
    trained_by(trainer)
    write_study("trials = 3\n")
    with refused(kind, code) as caught:
        sweep("study.toml", processes=2)
    assert caught.value.fix in ("plug it in", "empty it")
    assert all(trial[3].get("stopped", True) for trial in trials())


def test_stopped_from_another_thread() -> None:
    write_study("trials = 400\n")
    stop = threading.Event()

    def heed() -> None:
        if stop.is_set():
            raise KeyboardInterrupt

    timer = threading.Timer(0.2, stop.set)
    timer.start()
    with open_study(read_plan("study.toml")) as study, pytest.raises(KeyboardInterrupt):
        workers.run_workers(study, 1, 1, "cpu", heed, Waits)
    timer.join()
    assert len(trials()) < 400
    assert not Path("study/best.toml").exists()
