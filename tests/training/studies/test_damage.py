"""A damaged study database gives an error that names it, or the same trials."""

from __future__ import annotations

import contextlib
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from nmtool.errors import FileFormatError, NmtoolError
from nmtool.training.studies.plan import read_plan
from nmtool.training.studies.results import TrialResult, read_trials
from nmtool.training.studies.study import open_study
from nmtool.training.studies.trial import IsBad, PrunedError
from tests.damage import ROUNDS, damages
from tests.nmtool.cli.studies import write_study
from tests.refusals import refused

pytestmark = [pytest.mark.torch, pytest.mark.usefixtures("data")]
pytest.importorskip("optuna")

STORE = Path("study/study.db")


@pytest.fixture
def whole(data: Path) -> bytes:
    """The database of a study with three trials: finished, pruned and failed."""
    write_study("trials = 3\n")
    failure = NmtoolError("it was too much", code="too-much", why="why", fix="less of it")
    outcomes = iter(([0.5, 0.75], PrunedError(), failure))

    def train(number: int, values: object, is_bad: IsBad, *_: object) -> list[float]:
        is_bad(1, 0.25)
        outcome = next(outcomes)
        if isinstance(outcome, list):
            return outcome
        raise outcome

    with open_study(read_plan("study.toml")) as study:
        study.run(train, lambda: None)
    return STORE.read_bytes()


def _trials() -> tuple[TrialResult, ...]:
    with open_study(read_plan("study.toml")) as study:
        return read_trials(study)


def test_damage_is_refused_or_changes_nothing(whole: bytes) -> None:
    """Single bits are flipped in nonzero bytes of the file; other kinds of damage are added."""
    before, used = _trials(), np.flatnonzero(np.frombuffer(whole, np.uint8))
    random = np.random.default_rng(3)
    files = damages(whole, 4)
    for place in random.choice(used, ROUNDS):
        flipped = bytearray(whole)
        flipped[place] ^= 1 << int(random.integers(8))
        files.append((f"flip at {place}", bytes(flipped)))
    for damage, content in files:
        STORE.write_bytes(content)
        with contextlib.suppress(NmtoolError):
            assert _trials() in (before, ()), damage


def test_a_damaged_page_is_refused(whole: bytes) -> None:
    """Optuna reads the table `version_info` before nmtool checks the pages of the file."""
    with closing(sqlite3.connect(STORE)) as database:
        [(size,)] = database.execute("PRAGMA page_size")
        query = "SELECT rootpage FROM sqlite_master WHERE name = 'version_info'"
        [(page,)] = database.execute(query)
    damaged = bytearray(whole)
    damaged[(page - 1) * size] = 0xFF
    STORE.write_bytes(damaged)
    with refused(FileFormatError, "file-damaged") as caught:
        _trials()
    assert "malformed" in (caught.value.why or "")


CHANGES = {
    "a score": "UPDATE trial_values SET value = 0.5 WHERE trial_value_id = 1",
    "no score": "DELETE FROM trial_values",
    "an option": "UPDATE trial_params SET param_value = 0.0625 WHERE param_name = 'lr'",
    "a name": "UPDATE trial_params SET param_name = 'lq' WHERE param_name = 'lr'",
    "scores": "UPDATE trial_user_attributes SET value_json = '[0.5, 0.5]' WHERE key = 'scores'",
    "no JSON": "UPDATE trial_user_attributes SET value_json = '[0.5' WHERE key = 'scores'",
    "a reason": "UPDATE trial_user_attributes SET value_json = '\"it\"' WHERE key = 'failed'",
    "a distribution": "UPDATE trial_params SET distribution_json = '{}' WHERE param_name = 'lr'",
    "a state": "UPDATE trials SET state = 'COMPLETF' WHERE trial_id = 1",
    "a retry": "UPDATE trials SET state = 'FAIL' WHERE trial_id = 2; INSERT INTO "
    "trial_system_attributes (trial_id, key, value_json) VALUES (2, 'retry_history', '5')",
    "a plan": """UPDATE study_user_attributes SET value_json = '"["' WHERE key = 'plan'""",
    "no plan": """UPDATE study_user_attributes SET value_json = '"{}"' WHERE key = 'plan'""",
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.usefixtures("whole")
def test_changed_entries_are_refused(change: str) -> None:
    with closing(sqlite3.connect(STORE)) as database:
        database.executescript(CHANGES[change])
        database.commit()
    with refused(FileFormatError, "file-damaged") as caught:
        _trials()
    assert str(STORE) in caught.value.what
    assert caught.value.fix
