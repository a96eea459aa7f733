"""Run a NetX file in Lava, through lava-dl's reader.

    python run.py FILE.net ARRAYS.npz EVENTS.npz RECORDING.npz --layers NAME ... [--deep]

FILE.net is the network that runs. From ARRAYS.npz, the script takes the number of channels, the
names and sizes of the populations, which of them spike, and the readout. EVENTS.npz and
RECORDING.npz have the same formats as in an export to Lava; the script uses the package
`lava_network` of such an export.
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
    """A network that lava-dl has read from a file.

    Attributes:
        process: the process of Lava that contains all layers.
        populations: neurons of the layers, by name of the population.
    """

    process: AbstractProcess
    populations: Mapping[str, LIF]


def build(path: str, layers: list[str], arrays: NetworkArrays, spikes: NDArray) -> LoadedNetwork:
    """Read a network from a NetX file, and connect a source of spikes to its input.

    Args:
        path: path of the NetX file.
        layers: names of the populations, in the order of the layers.
        arrays: unused; `run_apart` passes it.
        spikes: [channels, steps] integers, 1 for a spike.
    """
    network = network_class()(net_config=path)
    source = RingBuffer(data=spikes)
    source.s_out.connect(network.inp)
    neurons = [layer.neuron for layer in network.layers]
    return LoadedNetwork(network, dict(zip(layers, neurons, strict=True)))


def main() -> int:
    """Run all samples, write the recording, and return the exit code, which is always 0."""
    options = _parse()
    arrays = read_arrays(options.arrays)
    events = read_events(options.events, arrays.n_channels)
    end_children_with_this_process()
    with leave_at_once():
        recorder = Recorder(arrays, events.n_steps, options.deep)
        make = partial(build, options.network, options.layers)
        for done, traces in enumerate(run_apart(arrays, events, options.deep, _beat, make), 1):
            recorder.add(traces)
            _report(samples_done=done)
        recorder.write(options.recording)
    return 0


def _beat(steps: int) -> None:
    _report(steps_done=steps)


def _report(**line: int) -> None:
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
