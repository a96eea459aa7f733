"""`Format`: the methods common to all formats, tested with a format that the simulator runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nmtool.errors import UsageError
from nmtool.exporters.format import Format
from nmtool.exporters.formats import Place
from nmtool.hardware_sim.simulator import simulate
from nmtool.raster import Raster
from nmtool.recording import Recording
from tests.nmtool.cli import cases
from tests.nmtool.cli.fake_lava import flip_spike
from tests.refusals import refused

NETWORK = cases.integer_network()
RASTER = Raster.from_dense(np.random.default_rng(0).random((3, 30, cases.N_UNITS)) < 0.2)

Faulty = Callable[..., type[Format]]


@pytest.fixture
def faulty() -> Faulty:
    """`faulty(fault)` is a format that the simulator runs, with a fault in its recordings."""

    def made(fault: Callable[[Recording], Recording] = lambda same: same) -> type[Format]:
        class Simulated(Format, name="x", place=Place("", (".npz",))):
            def simulate(self, spikes: Raster, *, deep: bool, on_progress: Any) -> Recording:
                recording = simulate(self.integers, spikes, deep=deep)
                on_progress(spikes.n_samples)
                return fault(recording)

        return Simulated

    return made


def test_overridden_hooks_define_the_abilities_of_a_format(faulty: Faulty) -> None:
    exporter = faulty()
    assert (exporter.writes, exporter.reads, exporter.runs, exporter.carries) == (
        False,
        False,
        True,
        False,
    )


def test_formats_without_data_samples_ignore_them(faulty: Faulty, tmp_path: Path) -> None:
    exporter = faulty()
    with_samples = exporter.write(NETWORK, tmp_path / "a.npz", samples=cases.spike_events(3))
    assert (
        with_samples.path.read_bytes()
        == exporter.write(NETWORK, tmp_path / "b.npz").path.read_bytes()
    )
    assert len(list(tmp_path.iterdir())) == 2


def test_a_check_expects_the_recording_of_the_simulator(faulty: Faulty, tmp_path: Path) -> None:
    right = simulate(NETWORK, RASTER, deep=True)
    artefact = faulty().write(NETWORK, tmp_path / "a.npz")
    check = artefact.check(RASTER, simulated=right, deep=True)
    assert check.identical
    assert check.comparison.membrane_compared == RASTER.n_samples * 30 * (2 + 5 + 3)
    assert check.recording.spikes["hidden"].n_spikes == right.spikes["hidden"].n_spikes > 0
    assert check.seconds > 0
    wrong = faulty(flip_spike(1, 2, 0))(artefact.path)
    assert wrong.check(RASTER, simulated=simulate(NETWORK, RASTER)).first_divergence


def test_known_answers_take_precedence_over_the_simulator(faulty: Faulty, tmp_path: Path) -> None:
    right = simulate(NETWORK, RASTER)
    other = flip_spike(1, 2, 0)(right)
    artefact = faulty().write(NETWORK, tmp_path / "a.npz")
    check = artefact.check(RASTER, simulated=right, answers=other)
    assert check.comparison.spikes_different == 1
    assert artefact.check(RASTER, simulated=None, answers=right).identical


def test_progress_is_shown(faulty: Faulty, tmp_path: Path) -> None:
    seen: list[Any] = []

    @contextmanager
    def progress(label: str, total: int | None = None, remark: str = "") -> Iterator[Any]:
        seen.append((label, total, remark))
        yield lambda n, remark="": seen.append(n)

    artefact = faulty().write(NETWORK, tmp_path / "a.npz")
    artefact.check(RASTER, simulated=simulate(NETWORK, RASTER), progress=progress)
    assert seen == [("x", RASTER.n_samples, ""), RASTER.n_samples]


def test_a_format_without_u_and_v_refuses_them(
    faulty: Faulty, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exporter = faulty()
    monkeypatch.setattr(exporter, "records_states", False)
    with refused(UsageError, "deep-not-available"):
        exporter.write(NETWORK, tmp_path / "a.npz").run(RASTER, deep=True)
