"""Faster models for Lava's own processes; the processes themselves do not change.

Lava's DelayDense model builds a [post·(delays), pre] matrix at every step. `FastDelayDense` only
adds the rows of the inputs that spike. The neurons compute with Lava's LIF model; `FastLIF` only
adds the recording. Both models start every sample from a fresh state, so that one run can contain
any number of samples.

Sums are 32 bits wide as in Lava's models, and Lava's own functions clip and round the weights.
"""

from __future__ import annotations

import numpy as np
from lava.magma.core.process.process import AbstractProcess, ProcessParameters
from lava.proc.dense.models import PyDelayDenseModelBitAcc
from lava.proc.dense.process import DelayDense
from lava.proc.io.source import PySendModelFixed, RingBuffer
from lava.proc.lif.models import PyLifModelBitAcc
from lava.proc.lif.process import LIF
from lava.utils.weightutils import clip_weights, determine_sign_mode, truncate_weights
from numpy.typing import NDArray

from .arrays import NetworkArrays
from .events import Events
from .process import LavaNetwork, build
from .traces import Trace

MAX_DELAY = 63


class FastSource(PySendModelFixed):
    """RingBuffer model that sends a list of spikes.

    Parameters of the process: `events`, an `Events`.
    """

    def __init__(self, proc_params: ProcessParameters) -> None:
        super().__init__(proc_params)
        events: Events = proc_params["events"]
        self.starts = events.step_starts()
        self.channel = events.channel
        self.n_channels = events.n_channels

    def run_spk(self) -> None:
        """Send the spikes of this step."""
        row = self.time_step - 1
        spikes = np.zeros(self.n_channels, np.int32)
        spikes[self.channel[self.starts[row] : self.starts[row + 1]]] = 1
        self.s_out.send(spikes)


class FastDelayDense(PyDelayDenseModelBitAcc):
    """DelayDense model that only computes with the inputs that spike.

    Parameters of the process: `sample_steps`, the number of steps of a sample; `weight_exp`,
    `num_weight_bits` and `sign_mode` have the same meaning as for Lava's model. Spikes are binary.
    """

    def __init__(self, proc_params: ProcessParameters) -> None:
        super().__init__(proc_params)
        self.sample_steps: int = proc_params["sample_steps"]
        self.weight_exp: int = proc_params.get("weight_exp", 0)
        self.due = np.zeros((0, 0), np.int32)

    def run_spk(self) -> None:
        """Send the sums that are due at this step, then store the weights of arriving spikes."""
        if not self.due.size:
            self._prepare()
        if (self.time_step - 1) % self.sample_steps == 0:
            self.due[:] = 0
        now = self.time_step % len(self.due)
        self.a_out.send(self.due[now])
        self.due[now] = 0
        spiking = np.flatnonzero(self.s_in.recv())
        if spiking.size:
            self._store(self._summed(spiking), now)

    def _prepare(self) -> None:
        """Clip and round the weights as on the chip, and store a row per input.

        As in Lava's model, this happens once, at the first step.
        """
        n_post, depth = self.a_buff.shape
        if self.delays.max() > MAX_DELAY:
            raise ValueError(f"delays must not exceed {MAX_DELAY}")
        sign_mode = self.proc_params.get("sign_mode") or determine_sign_mode(self.weights)
        weights = clip_weights(self.weights, sign_mode, num_bits=8)
        bits = self.proc_params.get("num_weight_bits", 8)
        weights = truncate_weights(weights, sign_mode, bits)
        self.row_weight = np.ascontiguousarray(weights.T, np.float64)
        self.row_bucket = self.delays.T.astype(np.int64) * n_post + np.arange(n_post)
        self.due = np.zeros((depth, n_post), np.int32)

    def _summed(self, spiking: NDArray[np.intp]) -> NDArray[np.int32]:
        """[delays, post] int32: sums of the weights of spiking inputs, shifted by `weight_exp`."""
        buckets, weights = self.row_bucket[spiking].ravel(), self.row_weight[spiking].ravel()
        total = np.bincount(buckets, weights, self.due.size).astype(np.int64)
        if self.weight_exp > 0:
            total <<= self.weight_exp
        else:
            total >>= -self.weight_exp
        return total.astype(np.int32).reshape(self.due.shape)

    def _store(self, summed: NDArray[np.int32], now: int) -> None:
        """Add sums [delays, post] to the ring; row `now` of the ring was sent already.

        The sum with delay d is due d + 1 steps from now.
        """
        first = (now + 1) % len(self.due)
        before_wrap = len(self.due) - first
        self.due[first:] += summed[:before_wrap]
        self.due[:first] += summed[before_wrap:]


class FastLIF(PyLifModelBitAcc):
    """Lava's LIF model, which also records its activity.

    Parameters of the process: `trace`, a shared `Trace`; `sample_steps`, the number of steps of a
    sample.
    """

    def __init__(self, proc_params: ProcessParameters) -> None:
        super().__init__(proc_params)
        self.trace: Trace = proc_params["trace"]
        self.sample_steps: int = proc_params["sample_steps"]

    def run_spk(self) -> None:
        """Run and record one step of Lava's model."""
        step = (self.time_step - 1) % self.sample_steps
        if step == 0:
            self.u[:] = 0
            self.v[:] = 0
        super().run_spk()
        if self.trace.spikes is not None:
            self.trace.spikes[step] = self.s_out_buff
        if self.trace.u is not None:
            self.trace.u[step] = self.u
        if self.trace.v is not None:
            self.trace.v[step] = self.v


FAST_MODELS: dict[type[AbstractProcess], type] = {
    RingBuffer: FastSource,
    DelayDense: FastDelayDense,
    LIF: FastLIF,
}


def build_fast(arrays: NetworkArrays, events: Events, traces: dict[str, Trace]) -> LavaNetwork:
    """Build a network that runs all samples of `events` one after another with `FAST_MODELS`.

    Args:
        arrays: the integers of the network.
        events: the input of all samples.
        traces: shared traces, by population; after a sample, they contain its activity.
    """
    network = build(arrays, np.zeros((arrays.n_channels, 1), np.int32))
    network.source.proc_params["events"] = events
    for process in (*network.projections, *network.populations.values()):
        process.proc_params["sample_steps"] = events.n_steps
    for name, process in network.populations.items():
        process.proc_params["trace"] = traces[name]
    return network
