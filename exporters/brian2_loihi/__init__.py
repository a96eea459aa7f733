"""brian2-loihi 0.5.2, a second referee: written by others, on Brian 2, against Intel's chip.

It has no files of its own that a network could be exported to: `export` writes the integers as
they are, and `run` builds them of brian2-loihi's classes in a supervised process, in an
environment of its own. Nothing in brian2-loihi or in Brian is replaced. Its sources say:

- **A step** runs the slots start (input spikes), synapses (arrivals: `I += w_act`), groups
  (decays), thresholds, resets, end. Therefore

      I ← I + a·64
      v ← v − sign(v)·⌈|v|·decay_v/4096⌉ + I,   I ← I − sign(I)·⌈|I|·decay_I/4096⌉
      spike iff v > vth·64, then v ← 0

  Its I after the arrivals is our u of that step. What decays is rounded away from zero, which is
  our truncation towards it. There is no "+1" in its decay: `decay_I` is our du + 1.
- **Latency**: a spike of step t over delay d arrives at step t + 1 + d, as thresholds come after
  synapses. Input comes before them and arrives at t + d: our input spikes are handed over one
  step later, which aligns everything, step for step.
- **Delays** are 0 … 62, one per `LoihiSynapses`: a projection is one object per delay in it.
- **Weights**: exponents −8 … 7, 0 … 8 bits, three sign modes, in our ranges. The sign mode of a
  matrix is that of all its objects. Weights are rounded towards zero (Lava: down), which no
  weight that an `IntegerNetwork` may hold shows. |w|·2^(6 + exponent) is clipped to 2^21 − 64,
  which none reaches.
- **Refractory periods** begin at 1, which is none: a neuron can spike in every step.
- **State** is float64 and neither wraps nor saturates: exact while nothing leaves 24 bits.
- **Thresholds** end at 131071, which a v just below its limit of 2^23 − 1 passes: populations that
  only integrate are read before that threshold, and refused where they pass it.
- **There is no bias.**
- **Monitors**: `LoihiStateMonitor` reads I in the slot synapses, after the arrivals, as those have
  order −1 there, and v at the end. `LoihiSpikeMonitor.t` truncates t·1000, which is one step early
  at 4007, 4015, … 4095, 8001 and more beyond: steps are rounded here.

What it cannot express is refused: a bias before anything runs, overflow when it is met.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from nmtool.errors import DoesNotFitError, Finding, UsageError
from nmtool.exporters.brian2_loihi import environment as environments
from nmtool.exporters.brian2_loihi import runtime
from nmtool.exporters.embedded import pack_network
from nmtool.exporters.output import write_file
from nmtool.integer_network import IntegerNetwork
from nmtool.known_answers import KnownAnswers
from nmtool.raster import Raster
from nmtool.recording import Recording, check_steps
from nmtool.verification.backend import check_integers

__all__ = ["check", "check_written", "export", "known_answers", "load", "require", "run"]


def require() -> None:
    """Raise `MissingError` unless brian2-loihi is set up."""
    environments.find()


def export(
    network: IntegerNetwork,
    path: str | Path,
    *,
    answers: KnownAnswers | None = None,
    force: bool = False,
) -> Path:
    """Write the integers of a network that brian2-loihi can express.

    Args:
        network: what to run.
        path: file to be made.
        answers: must be None, as there is no place for them.
        force: replace a file that is there.

    Returns:
        The path.

    Raises:
        DoesNotFitError: brian2-loihi cannot express the network; every reason is a finding.
        UsageError: the file exists, and force is not given; or there are answers.
        StorageError: it could not be written; what was there is untouched.
    """
    if answers is not None:
        raise _no_answers(path)
    check_expressible(network)
    return write_file(path, pack_network(network), force)


def check_expressible(network: IntegerNetwork) -> None:
    """Raise `DoesNotFitError` unless brian2-loihi can express a network, data aside."""
    if findings := misfits(network):
        raise DoesNotFitError(
            "brian2-loihi cannot express this network",
            code="brian2-loihi-does-not-fit",
            findings=findings,
        )


def misfits(network: IntegerNetwork) -> list[Finding]:
    """Everything of a network that brian2-loihi cannot express, data aside."""
    return [
        Finding(
            "brian2-loihi-bias",
            f"population '{population.name}'",
            f"{(population.bias != 0).sum()} of {population.size} neurons have a bias",
            "train without biases, or compare with another backend",
            why="brian2-loihi's neurons have none",
        )
        for population in network.populations
        if population.bias.any()
    ]


def load(path: str | Path) -> IntegerNetwork:
    """The network that `export` wrote; raises `FileFormatError` on anything else."""
    return IntegerNetwork.load(path)


def check_written(path: str | Path) -> None:
    """Raise unless a file holds integers that brian2-loihi can express: nothing else of it runs."""
    check_expressible(load(path))


def known_answers(path: str | Path) -> KnownAnswers:
    """Raise `UsageError`: what `export` writes carries no answers."""
    raise _no_answers(path)


def _no_answers(path: str | Path) -> UsageError:
    return UsageError(
        f"{path} carries no known answers",
        code="answers-not-carried",
        why="there is no place for them in what brian2-loihi runs",
        fix="name DATA to compare on",
    )


def run(
    path: str | Path,
    spikes: Raster,
    *,
    deep: bool = False,
    on_progress: Callable[[int], None] | None = None,
) -> Recording:
    """Run a network in brian2-loihi, every sample from a fresh state.

    Args:
        path: what `export` wrote.
        spikes: the input, one neuron per channel; its number of steps counts.
        deep: also record u and v of every population at every step.
        on_progress: called with the number of samples finished since the last call.

    Raises:
        FileFormatError: there is no such network.
        DataError: the raster has other channels than the network, or no steps.
        DoesNotFitError: a bias, or a state that leaves 24 bits on these data.
        MissingError: brian2-loihi is not set up.
        BackendError: it failed or hung; nothing of it is left running.
    """
    network = load(path)
    check_steps(network, spikes)
    check_expressible(network)
    return runtime.run(network, spikes, deep, on_progress)


check = partial(check_integers, run, "brian2-loihi")
"""Compare what it answers with the simulator: `nmtool.verification.Backend.check`."""
