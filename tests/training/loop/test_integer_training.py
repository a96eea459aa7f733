"""Runs in the chip's integers: the log agrees with the simulator."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nmtool.data import SpikeEvents
from nmtool.errors import UsageError
from nmtool.hardware_sim.simulator import simulate
from nmtool.network.float_network import Network
from nmtool.network.integer_network import IntegerNetwork
from nmtool.quantisation import Calibration, DelayGrid
from nmtool.training.front.rounding import Rounding
from nmtool.training.loop.reporter import epoch_line
from nmtool.training.loop.run import run_training
from nmtool.training.loop.run_folder import RunFolder
from nmtool.training.loop.trainer import Trainer
from tests.refusals import refused
from tests.training.small_data import EMPTY, small_dataset, small_options
from tests.training.stops import stop_after

pytestmark = pytest.mark.torch


def _accuracy(network: IntegerNetwork) -> float:
    events = small_dataset().validation
    raster = network.bin(events).raster
    return simulate(network, raster).accuracy(events.label)


@pytest.mark.parametrize(
    ("weight_bits", "delay_bits", "reset", "least_accuracy"),
    [(8, 6, "zero", 0.75), (8, 6, "subtract", 0.75), (2, 2, "zero", 0.6), (4, 4, "late", 0.7)],
)
def test_learns_in_integers(
    weight_bits: int, delay_bits: int, reset: str, least_accuracy: float, tmp_path: Path
) -> None:
    settings = {"weight_bits": weight_bits, "delay_bits": delay_bits, "reset": reset}
    options = small_options(arithmetic="integer", epochs=8, lr=0.03, shift=0, **settings)
    folder = RunFolder(tmp_path / "run")
    trainer = run_training(options, small_dataset(80), folder=folder)
    best = max(entry["validation_accuracy"] for entry in trainer.log)
    assert best >= least_accuracy
    integers = folder.integers()
    assert integers is not None
    assert _accuracy(integers) == best
    assert integers.population("hidden").reset == reset
    levels = [np.unique(p.weight).size for p in integers.projections]
    assert max(levels) <= 2**weight_bits
    grid = DelayGrid.spanning(delay_bits, options.max_delay)
    for projection in integers.projections:
        np.testing.assert_array_equal(projection.delay, grid.snap(projection.delay))


def test_a_resumed_integer_run_equals_an_uninterrupted_one(tmp_path: Path) -> None:
    options, dataset = small_options(arithmetic="integer"), small_dataset()
    expected = run_training(options, dataset)
    folder = RunFolder(tmp_path / "run")
    with pytest.raises(KeyboardInterrupt):
        run_training(options, dataset, folder=folder, on_batch=stop_after(2))
    resumed = run_training(folder.options(), dataset, folder=folder, resume=True)
    assert resumed.best.content_hash == expected.best.content_hash
    assert resumed.best_integers is not None
    assert expected.best_integers is not None
    assert resumed.best_integers.content_hash == expected.best_integers.content_hash


def test_the_log_counts_overflows() -> None:
    trainer = Trainer(small_options(arithmetic="integer", epochs=1), *_splits())
    trainer.model.faults["output"][:, 1] += [3, 4]
    trainer._epoch()
    entry = json.loads(json.dumps(trainer.log[0]))
    assert (entry["u_wraps"], entry["v_clips"]) == (3, 4)
    assert trainer.model.take_faults() == {"u_wraps": 0, "v_clips": 0}


def test_no_overflow_survives() -> None:
    options = small_options(arithmetic="integer", tau_out_ms=500.0)
    trainer = Trainer(options, *_splits())
    loud = _loud(trainer.best)
    everything = list(trainer._all_samples())
    rounding = Rounding(8, DelayGrid()).calibrated(loud, everything[0].take([EMPTY]))
    without_headroom = replace(rounding, calibration=Calibration(membrane={"output": 1e-3}))
    before = without_headroom(loud)
    assert sum(simulate(before, part).counts["v_clips"] for part in everything)
    after = rounding.without_overflow(loud, before, trainer._all_samples)
    for part in everything:
        counts = simulate(after, part).counts
        assert counts["u_wraps"] == counts["v_clips"] == 0


def test_accuracy_is_that_of_settled_scales(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Integers that clip are replaced after the last epoch, and their accuracy is updated."""
    options = small_options(arithmetic="integer", epochs=1, tau_out_ms=500.0)
    folder = RunFolder(tmp_path / "run")
    trainer = run_training(options, small_dataset(), folder=folder)
    assert "settled_accuracy" not in trainer.log[0]
    trainer.best = _loud(trainer.best)
    no_headroom = Calibration(membrane={"output": 1e-3})
    rounding = trainer.model.rounding.calibrated(trainer.best, trainer._first)
    rounding = replace(rounding, calibration=no_headroom)
    trainer.best_integers = rounding(trainer.best)
    keep = RunFolder.keep_next

    def keep_at_last(self: RunFolder, epoch: int) -> None:
        """If a run is stopped before this call, scales are settled again when it is resumed."""
        assert "settled_accuracy" in folder.log_file.read_text()
        keep(self, epoch)

    monkeypatch.setattr(RunFolder, "keep_next", keep_at_last)
    trainer._remove_overflow()
    assert trainer.log[0]["settled_accuracy"] == _accuracy(trainer.best_integers)
    assert folder.integers().content_hash == trainer.best_integers.content_hash
    assert [json.loads(line) for line in folder.log_file.read_text().splitlines()] == trainer.log
    assert run_training(options, small_dataset(), folder=folder, resume=True).log == trainer.log


def test_settled_scales_are_logged_without_validation() -> None:
    options = small_options(arithmetic="integer", epochs=1, tau_out_ms=500.0)
    trainer = Trainer(options, _splits()[0], None)
    trainer._epoch()
    trainer.best = _loud(trainer.best)
    no_headroom = Calibration(membrane={"output": 1e-3})
    rounding = trainer.model.rounding.calibrated(trainer.best, trainer._first)
    rounding = replace(rounding, calibration=no_headroom)
    trainer.best_integers = rounding(trainer.best)
    trainer._remove_overflow()
    assert trainer.log[0]["settled_accuracy"] is None
    assert "scales changed at the end to prevent overflows" in epoch_line(trainer.log[0])


def _loud(network: Network) -> Network:
    """A strong drive, with which output membranes clip if they have little head-room."""
    projections = [
        replace(p, weight=np.ones_like(p.weight) if p.target == "output" else 5 * p.weight)
        for p in network.projections
    ]
    return network.with_projections(projections)


def _splits() -> tuple[SpikeEvents, SpikeEvents]:
    dataset = small_dataset()
    return dataset.train, dataset.validation


def test_delays_beyond_the_chip_are_refused(tmp_path: Path) -> None:
    with refused(UsageError, "max-delay-beyond-chip") as caught:
        small_options(arithmetic="integer", max_delay=62)
    assert "`max_delay=61`" in caught.value.fix
    assert small_options(max_delay=62).max_delay == 62
    file = tmp_path / "short.toml"
    file.write_text(
        "name = 'short'\nkind = 'chip'\n[holds]\nmax_delay = { value = 0, mark = 'inferred' }\n"
    )
    with refused(UsageError, "max-delay-beyond-chip") as without:
        small_options(arithmetic="integer", max_delay=61, target=str(file))
    assert "has no delays" in without.value.what
    assert "dt_ms" not in without.value.fix


@pytest.mark.parametrize("stride", [None, 7])
def test_rounded_delays_stay_within_the_largest_one(stride: int | None) -> None:
    few = {"delay_bits": 3, "delay_stride": stride, "max_delay": 11}
    options = small_options(arithmetic="integer", epochs=1, **few)
    integers = run_training(options, small_dataset()).best_integers
    assert integers is not None
    assert 0 < integers.max_delay <= options.max_delay
