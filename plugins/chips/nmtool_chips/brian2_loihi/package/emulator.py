"""An integer network built from brian2-loihi's own classes, which runs several samples at once.

Starting Brian takes the same time for one sample as for many. Each run therefore simulates several
samples: neuron j of sample s is neuron s·size + j of its group, and no synapse connects two
samples. `nmtool_chips.brian2_loihi` explains steps, delays and monitors.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import brian2
import numpy as np
from brian2_loihi import (
    LoihiNetwork,
    LoihiNeuronGroup,
    LoihiSpikeGeneratorGroup,
    LoihiSpikeMonitor,
    LoihiStateMonitor,
    LoihiSynapses,
    synapse_sign_mode,
)
from numpy.typing import NDArray

brian2.prefs.codegen.target = "numpy"

INPUT, LI = "input", "li"
HIGHEST_THRESHOLD = 131071
HEARTBEAT_S = 10


@dataclass(frozen=True)
class Trace:
    """Activity of a population in the samples of one run.

    Attributes:
        sample, step, neuron: [spikes] int64, sorted in this order.
        u: [samples, steps, neurons] float64 whole numbers, after the arrivals of each step.
        v: [samples, steps, neurons] float64 whole numbers, after a reset; for populations that do
            not spike, before the comparison with the threshold.
    """

    sample: NDArray[np.int64]
    step: NDArray[np.int64]
    neuron: NDArray[np.int64]
    u: NDArray[np.float64]
    v: NDArray[np.float64]


class Emulator:
    """A network for a fixed number of samples and steps; every run starts from a fresh state.

    Args:
        header: header of the network's archive: `channels`, `populations`, `projections`.
        arrays: members of the archive, by name.
        samples: number of samples that run at once.
        steps: number of steps of each sample.
    """

    def __init__(
        self, header: dict[str, Any], arrays: dict[str, NDArray], samples: int, steps: int
    ) -> None:
        self.samples, self.steps = samples, steps
        self.sizes = {entry["name"]: entry["size"] for entry in header["populations"]}
        self.sizes[INPUT] = header["channels"]["size"]
        no_spikes = np.zeros(0, int)
        self.input = LoihiSpikeGeneratorGroup(samples * self.sizes[INPUT], no_spikes, no_spikes)
        self.groups = {entry["name"]: self._group(entry) for entry in header["populations"]}
        synapses = [
            connection
            for index, entry in enumerate(header["projections"])
            for connection in self._synapses(entry, *_matrices(arrays, index))
        ]
        self.spikes = {name: LoihiSpikeMonitor(group) for name, group in self.groups.items()}
        self.u = {name: LoihiStateMonitor(group, "I") for name, group in self.groups.items()}
        self.v = {
            entry["name"]: _v_monitor(self.groups[entry["name"]], entry["kind"] == LI)
            for entry in header["populations"]
        }
        monitors = (monitor for kind in (self.spikes, self.u, self.v) for monitor in kind.values())
        self.network = LoihiNetwork(self.input, *self.groups.values(), *synapses, *monitors)
        self.network.store()

    def run(
        self,
        sample: NDArray[np.int64],
        step: NDArray[np.int64],
        channel: NDArray[np.int64],
        beat: Callable[..., None],
    ) -> dict[str, Trace]:
        """Run all samples at once, and return the activity of every population.

        Args:
            sample, step, channel: [spikes] sample, step and channel of each input spike.
            beat: called every `HEARTBEAT_S` s with Brian's progress report.
        """
        self.network.restore()
        # Input spikes arrive one step later, like spikes of populations.
        arrives = step + 1 < self.steps
        index = sample * self.sizes[INPUT] + channel
        self.input.set_spikes(index[arrives], (step[arrives] + 1) * brian2.ms)
        self.network.run(self.steps, report=beat, report_period=HEARTBEAT_S * brian2.second)
        return {name: self._trace(name) for name in self.groups}

    def _group(self, entry: dict[str, Any]) -> LoihiNeuronGroup:
        return LoihiNeuronGroup(
            self.samples * entry["size"],
            refractory=1,  # only the step of the spike: the neuron may spike in the next step
            threshold_v_mant=HIGHEST_THRESHOLD if entry["kind"] == LI else entry["vth"],
            decay_v=entry["dv"],
            decay_I=entry["du"] + 1,
        )

    def _synapses(
        self, entry: dict[str, Any], weight: NDArray[np.int64], delay: NDArray[np.int64]
    ) -> list[LoihiSynapses]:
        """Make the synapses of a projection, with one object for all synapses of the same delay.

        All objects have the sign mode of the whole matrix.
        """
        source, target = entry["source"], entry["target"]
        source_group = self.input if source == INPUT else self.groups[source]
        connections = []
        for steps in np.unique(delay[weight != 0]):
            pre, post = np.nonzero((delay == steps) & (weight != 0))
            synapses = LoihiSynapses(
                source_group,
                self.groups[target],
                delay=int(steps),
                w_exp=entry["weight_exponent"],
                sign_mode=_sign_mode(weight),
                num_weight_bits=entry["weight_bits"],
            )
            synapses.connect(
                i=self._side_by_side(pre, self.sizes[source]),
                j=self._side_by_side(post, self.sizes[target]),
            )
            synapses.w = np.tile(weight[pre, post], self.samples)
            connections.append(synapses)
        return connections

    def _side_by_side(self, index: NDArray[np.int64], size: int) -> NDArray[np.int64]:
        """[samples · n]: indices [n] of neurons of a population, repeated for every sample.

        The indices of sample s are increased by s·size.
        """
        return (index + size * np.arange(self.samples)[:, None]).ravel()

    def _trace(self, name: str) -> Trace:
        monitor, size = self.spikes[name], self.sizes[name]
        index = np.asarray(monitor.i_[:], np.int64)
        step = np.rint(np.asarray(monitor.t_) * 1000).astype(np.int64)
        order = np.lexsort((index % size, step, index // size))
        return Trace(
            (index // size)[order],
            step[order],
            (index % size)[order],
            self._dense(self.u[name].I, size),
            self._dense(self.v[name].v, size),
        )

    def _dense(self, values: NDArray[np.float64], size: int) -> NDArray[np.float64]:
        """Convert [samples · neurons, steps] to [samples, steps, neurons]."""
        return np.asarray(values).reshape(self.samples, size, self.steps).transpose(0, 2, 1)


def _matrices(arrays: dict[str, NDArray], index: int) -> tuple[NDArray, NDArray]:
    """Weights and delays [pre, post] int64 of the projection with number `index`."""
    weight, delay = (arrays[f"projection.{index}.{key}"] for key in ("weight", "delay"))
    return weight.astype(np.int64), delay.astype(np.int64)


def _sign_mode(weight: NDArray) -> int:
    if weight.min(initial=0) >= 0:
        return synapse_sign_mode.EXCITATORY
    return synapse_sign_mode.INHIBITORY if weight.max(initial=0) <= 0 else synapse_sign_mode.MIXED


def _v_monitor(group: LoihiNeuronGroup, integrates: bool) -> LoihiStateMonitor:
    if not integrates:
        return LoihiStateMonitor(group, "v")
    monitor = LoihiStateMonitor(group, "v", order=-1)
    monitor.when = "thresholds"  # record v before it is compared with a threshold and reset
    return monitor
