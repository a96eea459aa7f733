"""Run a NetX file in Lava, by the reader of lava-dl.

    python run.py FILE.net ARRAYS.npz EVENTS.npz RECORDING.npz --layers NAME ... [--deep]

ARRAYS.npz tells how the layers are called and which of them spike; what runs is FILE.net.
EVENTS.npz and RECORDING.npz are those of an exported Lava folder, whose package this one uses.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from lava.magma.core.process.process import AbstractProcess
from lava.proc.io.source import RingBuffer
from lava.proc.lif.process import LIF
from lava_network.arrays import NetworkArrays, read_arrays
from lava_network.events import read_events
from lava_network.recording import Recorder
from lava_network.samples import run_apart
from lava_network.watch import end_children_with_this_process, leave_at_once
from numpy.typing import NDArray
from reader import network_class


@dataclass(frozen=True)
class LoadedNetwork:
    """Network that lava-dl made of a file.

    Attributes:
        process: contains all layers.
        populations: their neurons by name.
    """

    process: AbstractProcess
    populations: Mapping[str, LIF]


def build(path: str, layers: list[str], arrays: NetworkArrays, spikes: NDArray) -> LoadedNetwork:
    """The network of a file, fed by [channels, steps] spikes."""
    network = network_class()(net_config=path)
    source = RingBuffer(data=spikes)
    source.s_out.connect(network.inp)
    neurons = [layer.neuron for layer in network.layers]
    return LoadedNetwork(network, dict(zip(layers, neurons, strict=True)))


def main() -> int:
    """Run all samples; returns the exit code."""
    options = _parse()
    arrays = read_arrays(options.arrays)
    events = read_events(options.events, arrays.n_channels)
    end_children_with_this_process()
    with leave_at_once():
        recorder = Recorder(arrays, events.n_steps, options.deep)
        make = partial(build, options.network, options.layers)
        for done, traces in enumerate(run_apart(arrays, events, options.deep, _beat, make), 1):
            recorder.add(traces)
            _say(samples_done=done)
        recorder.write(options.recording)
    return 0


def _beat(steps: int) -> None:
    _say(steps_done=steps)


def _say(**line: int) -> None:
    print(json.dumps(line), flush=True)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Run a NetX file in Lava.")
    for name in ("network", "arrays", "events", "recording"):
        parser.add_argument(name)
    parser.add_argument("--layers", nargs="+", required=True)
    parser.add_argument("--deep", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
