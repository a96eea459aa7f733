"""The environment that torchrun sets for a process, and contradictions in it."""

from __future__ import annotations

import pytest

from nmtool.errors import UsageError
from nmtool.training.processes.launch import Launch, launched
from tests.refusals import refused

TORCHRUN = {
    "RANK": "5",
    "WORLD_SIZE": "8",
    "LOCAL_RANK": "1",
    "LOCAL_WORLD_SIZE": "4",
    "MASTER_ADDR": "first.example",
    "MASTER_PORT": "29500",
    "TORCHELASTIC_RUN_ID": "job",
    "TORCHELASTIC_RESTART_COUNT": "2",
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in TORCHRUN.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


@pytest.mark.usefixtures("environment")
def test_a_process_of_a_job() -> None:
    assert launched() == Launch(5, 8, 1, 4, "first.example", 29500, "job/2")


@pytest.mark.parametrize("name", [name for name in TORCHRUN if "TORCHELASTIC" not in name])
@pytest.mark.parametrize("value", ["", None])
def test_a_process_alone(name: str, value: str | None, environment: pytest.MonkeyPatch) -> None:
    environment.delenv(name) if value is None else environment.setenv(name, value)
    assert launched() is None


def test_a_job_of_one_process_counts_as_no_job(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("WORLD_SIZE", "1")
    environment.setenv("RANK", "0")
    assert launched() is None


@pytest.mark.parametrize(
    ("name", "value"),
    [("RANK", "8"), ("RANK", "-1"), ("WORLD_SIZE", "many"), ("MASTER_PORT", "2.5")],
)
def test_a_damaged_environment(name: str, value: str, environment: pytest.MonkeyPatch) -> None:
    environment.setenv(name, value)
    with refused(UsageError, "torchrun-environment-damaged") as caught:
        launched()
    assert f"{name}={value}" in caught.value.why


def test_the_command_that_starts_such_a_job() -> None:
    here = Launch(0, 2, 0, 2, "localhost", 29500, "")
    assert here.command == "torchrun --nproc-per-node 2 -m nmtool"
    several_machines = Launch(0, 4, 0, 2, "localhost", 29500, "")
    assert several_machines.command == "torchrun … -m nmtool"
