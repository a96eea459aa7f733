"""Settings that mlGeNN's checkpoints do not contain."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from nmtool.arguments import Count, Label, PerPopulation, Sizes, Words, keywords_checked
from nmtool.data.binning import default_steps
from nmtool.errors import Finding, UsageError
from nmtool.options import ReadingOptions, option

PER_POPULATION = ("tau_mem_ms", "tau_syn_ms", "threshold")


@keywords_checked
@dataclass(frozen=True)
class MlgennOptions(ReadingOptions):
    """Settings that mlGeNN's checkpoints do not contain.

    >>> options = MlgennOptions(tau_mem_ms=20.0, tau_syn_ms=5.0, threshold={"hidden": 1.0})
    >>> options.steps, options.value("threshold", "hidden")
    (1000, 1.0)

    Attributes:
        dt_ms: length of a time step in ms.
        n_steps: number of steps of a sample; by default the number in 1000 ms.
        tau_mem_ms: membrane time constant in ms; required.
        tau_syn_ms: synaptic time constant in ms; required.
        threshold: threshold ϑ of spiking populations; required for them.
        scaled: True (default) if mlGeNN scaled currents by (1 − α)·κ in training: its option
            `scale_i` of neurons and synapses, which is on by default for EventProp.
        readout: rule of the readout, see `nmtool.network.readout`.
        epoch: number or word at the beginning of the checkpoint's file names; by default the
            latest number.
        sizes: numbers of neurons by population, if they do not follow from the arrays.
        populations: mlGeNN's names of all populations, if the file names are ambiguous.
        group: number of neighbouring channels of the data that share an input.
        window: number of steps that the readout rule "window" averages.
        fixed_point: import an integer network in the arithmetic `fenn16`, with weights rounded to
            this number of bits after the point (8 in PyFeNN's examples). By default a float
            network.
    """

    keys: ClassVar[str] = "values by population: NAME:VALUE,NAME:VALUE"
    files: ClassVar[str] = "checkpoints of mlGeNN"

    dt_ms: float = 1.0
    n_steps: Count | None = option(None, flag="steps")
    tau_mem_ms: PerPopulation | None = None
    tau_syn_ms: PerPopulation | None = None
    threshold: PerPopulation | None = None
    scaled: bool = option(True, words={"true": True, "false": False})
    readout: str = option("weighted", flag="rule")
    epoch: Label | None = None
    sizes: Sizes = field(default_factory=dict)
    populations: Words = ()
    group: Count = 1
    window: Count | None = None
    fixed_point: Count | None = None

    @property
    def steps(self) -> int:
        """Number of steps of a sample."""
        return default_steps(self.dt_ms) if self.n_steps is None else self.n_steps

    def has_value(self, key: str, population: str) -> bool:
        """True if the option `key`, one of `PER_POPULATION`, gives a value for a population."""
        setting: PerPopulation | None = getattr(self, key)
        return population in setting if isinstance(setting, Mapping) else setting is not None

    def value(self, key: str, population: str) -> float:
        """The value of the option `key` for a population; fails if `has_value` is False."""
        setting = getattr(self, key)
        return float(setting[population] if isinstance(setting, Mapping) else setting)

    def check_names(self, known: Collection[str]) -> None:
        """Raise `UsageError` for values of unknown populations."""
        settings = [getattr(self, key) for key in (*PER_POPULATION, "sizes")]
        names = {name for value in settings if isinstance(value, Mapping) for name in value}
        if unknown := sorted(names - set(known)):
            raise UsageError(
                f"no population is called {', '.join(unknown)}",
                code="mlgenn-population-unknown",
                why=f"the populations of the checkpoint are {', '.join(sorted(known))}",
                fix="use one of these names",
            )

    def check_complete(
        self, folder: object, inner: Collection[str], spiking: Collection[str], unsized: list[str]
    ) -> None:
        """Raise `UsageError` listing all missing settings.

        Args:
            folder: folder of the checkpoint, for the message.
            inner: populations with time constants.
            spiking: populations with a threshold.
            unsized: populations of unknown size.
        """
        findings = list(self._missing_values(inner, spiking))
        if unsized:
            what = (
                "its number of neurons is unknown; from some of the sizes, nmtool can compute "
                "the others"
            )
            fix = "`sizes=NAME:N`"
            findings += [Finding("mlgenn-size-missing", name, what, fix) for name in unsized]
        if findings:
            raise UsageError(
                f"the checkpoints in {folder} lack settings that a network needs",
                code="mlgenn-settings-missing",
                fix="add " + " ".join(dict.fromkeys(finding.fix for finding in findings)),
                findings=findings,
            )

    def _missing_values(
        self, inner: Collection[str], spiking: Collection[str]
    ) -> Iterator[Finding]:
        for key in PER_POPULATION:
            what, fix = f"{key} is missing", f"`{key}=VALUE`"
            for name in spiking if key == "threshold" else inner:
                if not self.has_value(key, name):
                    yield Finding("mlgenn-value-missing", name, what, fix)
