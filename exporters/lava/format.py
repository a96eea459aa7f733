"""`Lava`: the format of Lava packages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from nmtool.errors import FileFormatError, UsageError
from nmtool.exporters.environments import Environment
from nmtool.exporters.lava.environment import REFEREE
from nmtool.exporters.lava.readme import TEXT
from nmtool.exporters.python_folder import SCRIPT, PythonFolder
from nmtool.network.integer_network import IntegerNetwork
from nmtool.progress import Progress, silent
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.verification.certificate import Check, StockCheck
from nmtool.verification.comparison import Comparison, compare_recordings

FAST, STOCK = MODELS = ("fast", "stock")
"""`fast`: nmtool's event-driven process models; `stock`: Lava's own, for reference."""

_STOCK_STEPS_BEYOND_DELAYS = 20


class Lava(PythonFolder, name="lava"):
    """A folder that runs a network of the arithmetic `loihi2` in Lava, without nmtool."""

    referee = REFEREE
    inner = "lava_network"

    arguments = "EVENTS [RECORDING.npz] [--predictions FILE.csv] [--model fast|stock] [--deep]"
    readme_text = TEXT

    @classmethod
    def readme_values(cls, network: IntegerNetwork) -> dict[str, str]:
        populations = [
            f"| {p.name} | {p.size} | {p.kind} | {p.du} | {p.dv} | {p.vth} |"
            for p in network.populations
        ]
        projections = [
            f"| {p.source} → {p.target} | {p.weight.size} | {p.delay.min()} … {p.delay.max()} "
            f"| {p.weight_bits} bits, {p.sign_mode} | {p.weight_exponent} |"
            for p in network.projections
        ]
        return {"populations": "\n".join(populations), "projections": "\n".join(projections)}

    def simulate(
        self,
        spikes: Raster,
        *,
        deep: bool,
        on_progress: Callable[[int], None] | None,
        model: str = FAST,
        environment: Environment | None = None,
        timeout_s: float | None = None,
    ) -> Recording:
        """Run the folder in Lava.

        Args:
            spikes, deep, on_progress: as for `Format.simulate`.
            model: one of `MODELS`.
            environment: environment with Lava; by default that of the referee.
            timeout_s: time limit in s. A run without output for 600 s is always ended.

        Raises:
            UsageError: the model is unknown.
            FileFormatError: the folder has no script.
            MissingError: Lava is not set up.
            BackendError: Lava failed, hung or took too long; its processes have ended.
        """
        self._check_script(model)
        options = ["--model", model, "--json", *(["--deep"] if deep else [])]
        return self.record(spikes, options, on_progress, environment, timeout_s)

    def _check_script(self, model: str) -> None:
        """Raise an error if the model is unknown, or the folder has no script."""
        if model not in MODELS:
            raise UsageError(
                f"unknown Lava model '{model}'",
                code="lava-model-unknown",
                fix=f"use {' or '.join(MODELS)}",
            )
        script = self.path.resolve() / SCRIPT
        if not script.is_file():
            raise FileFormatError(
                f"{self.path} has no {SCRIPT}",
                code="lava-script-missing",
                fix="export the network again",
            )

    def check(
        self,
        spikes: Raster,
        *,
        trust: bool = False,
        progress: Progress = silent,
        model: str = FAST,
        **options: Any,
    ) -> Check:
        """Run the folder with the process models `model`, and compare it as in `Format.check`.

        A check of the fast model also runs Lava's own model on an excerpt of a sample, chosen so
        that most populations spike. The excerpt is 20 steps longer than the longest delay. If one
        of the models differs from the simulator, both models are also compared with each other on
        the excerpt.
        """
        run_options: dict[str, Any] = {"trust": trust, "environment": REFEREE.find()}
        check = super().check(
            spikes, progress=progress, label="Lava", **options, **run_options, model=model
        )
        stock = (
            self._check_stock(spikes, check.comparison, progress, run_options)
            if model == FAST
            else None
        )
        return replace(check, model=model, stock=stock)

    def _check_stock(
        self,
        spikes: Raster,
        all_samples: Comparison,
        progress: Progress,
        run_options: dict[str, Any],
    ) -> StockCheck:
        """Run Lava's own model on an excerpt of a sample, and compare it with the simulator."""
        from nmtool.hardware_sim.simulator import simulate
        from nmtool.hardware_sim.stretches import busiest_stretches

        network = self.integers
        steps = min(spikes.n_steps, network.max_delay + _STOCK_STEPS_BEYOND_DELAYS)
        stretches = busiest_stretches(network, spikes, steps, 1)
        stretch, sample = stretches.spikes, int(stretches.sample[0])
        with progress(f"Lava's own model, {steps} steps of sample {sample}"):
            stock = self.run(stretch, deep=True, model=STOCK, **run_options)
        comparison = compare_recordings(simulate(network, stretch, deep=True), stock)
        fast = None
        if not (comparison.identical and all_samples.identical):
            with progress(f"the fast model, {steps} steps of sample {sample}"):
                rerun = self.run(stretch, deep=True, model=FAST, **run_options)
            fast = compare_recordings(stock, rerun)
        return StockCheck(sample, int(stretches.first[0]), steps, comparison, fast)
