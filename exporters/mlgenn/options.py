"""Settings that mlGeNN's checkpoints do not hold."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from nmtool.arguments import keywords_checked
from nmtool.data.binning import default_steps
from nmtool.errors import Finding, UsageError

PerPopulation = float | Mapping[str, float]
"""One value for all populations, or values by mlGeNN's names of them."""

PER_POPULATION = ("tau_mem_ms", "tau_syn_ms", "threshold")


@keywords_checked
@dataclass(frozen=True)
class MlgennOptions:
    """Settings that mlGeNN's checkpoints do not hold.

    >>> options = MlgennOptions(tau_mem_ms=20.0, tau_syn_ms=5.0, threshold={"hidden": 1.0})
    >>> options.steps, options.value("threshold", "hidden")
    (1000, 1.0)

    Attributes:
        dt_ms: length of a time step in ms.
        n_steps: steps of a sample; by default those of 1000 ms.
        tau_mem_ms: time constant of membranes in ms, needed.
        tau_syn_ms: time constant of synapses in ms, needed.
        threshold: ϑ of populations that spike, needed for those.
        scaled: whether currents were scaled by (1 − α)·κ, mlGeNN's `scale_i` of neurons and
            synapses, which its defaults for EventProp turn on.
        readout: rule that turns the output population into scores, see `nmtool.network.readout`.
        epoch: which checkpoint, by the number or word its files begin with; by default the
            latest number.
        sizes: neurons of populations, where the arrays leave them open.
        populations: all of mlGeNN's names, where those of files can be read in several ways.
        group: neighbouring channels of the data that share an input.
        window: steps that the rule `window` averages.
        fixed_point: bits after the point that PyFeNN's examples round weights to, which is 8
            there; the network comes as their integers, in the arithmetic `fenn16`. By default it
            comes in floats.
    """

    dt_ms: float = 1.0
    n_steps: int | None = None
    tau_mem_ms: PerPopulation | None = None
    tau_syn_ms: PerPopulation | None = None
    threshold: PerPopulation | None = None
    scaled: bool = True
    readout: str = "weighted"
    epoch: str | int | None = None
    sizes: Mapping[str, int] = field(default_factory=dict)
    populations: tuple[str, ...] = ()
    group: int = 1
    window: int | None = None
    fixed_point: int | None = None

    @property
    def steps(self) -> int:
        """Steps of a sample."""
        return default_steps(self.dt_ms) if self.n_steps is None else self.n_steps

    def tells(self, key: str, population: str) -> bool:
        """True where a population has a value of one of `PER_POPULATION`."""
        given: PerPopulation | None = getattr(self, key)
        return population in given if isinstance(given, Mapping) else given is not None

    def value(self, key: str, population: str) -> float:
        """The value, where there is one."""
        given = getattr(self, key)
        return float(given[population] if isinstance(given, Mapping) else given)

    def check_names(self, known: Collection[str]) -> None:
        """Raise `UsageError` where values are for populations that are not there."""
        given = [getattr(self, key) for key in (*PER_POPULATION, "sizes")]
        named = {name for value in given if isinstance(value, Mapping) for name in value}
        if unknown := sorted(named - set(known)):
            raise UsageError(
                f"no population is called {', '.join(unknown)}",
                code="mlgenn-population-unknown",
                why=f"the checkpoint has {', '.join(sorted(known))}",
                fix="name values by these",
            )

    def check_complete(
        self, folder: object, inner: Collection[str], spiking: Collection[str], unsized: list[str]
    ) -> None:
        """Raise `UsageError` with everything that is still to be told.

        Args:
            folder: where the checkpoint is, for the message.
            inner: populations with time constants.
            spiking: those of them with a threshold.
            unsized: those whose number of neurons is open.
        """
        findings = list(self._untold(inner, spiking))
        if unsized:
            what = "its number of neurons is not told; that of one may tell the others"
            fix = "`sizes=NAME=N`"
            findings += [Finding("mlgenn-size-untold", name, what, fix) for name in unsized]
        if findings:
            raise UsageError(
                f"{folder} does not say all that a network needs",
                code="mlgenn-untold",
                fix="add " + " ".join(dict.fromkeys(one.fix for one in findings)),
                findings=findings,
            )

    def _untold(self, inner: Collection[str], spiking: Collection[str]) -> Iterator[Finding]:
        for key in PER_POPULATION:
            what, fix = f"{key} is not told", f"`{key}=VALUE`"
            for name in spiking if key == "threshold" else inner:
                if not self.tells(key, name):
                    yield Finding("mlgenn-value-untold", name, what, fix)
