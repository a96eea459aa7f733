"""README.md of an export to Lava: its network, its files, the version of Lava, and commands."""

from __future__ import annotations

from string import Template

from nmtool.exporters.folder_readme import EVENTS, OPENING, PRINTED

_NETWORK = """\
## The network

| population | neurons | kind | du | dv | vth |
|---|---|---|---|---|---|
$populations

| projection | synapses | delays | weights | weight_exp |
|---|---|---|---|---|
$projections

## What is here

| file | |
|---|---|
| `run.py` | runs samples from a file and says their classes |$samples
| `lava_network/arrays.npz` | the integers; `numpy.load(..., allow_pickle=False)` opens it |
| `lava_network/process.py` | builds the network from Lava's LIF, DelayDense and RingBuffer |
| `lava_network/models.py` | faster models for these processes, with the same results |
| `lava_network/readout.py` | turns what the output did into a class |
| `lava_network/events.py` | reads samples |
| `lava_network/samples.py` | runs samples, each from a fresh state |
| `lava_network/lava_import.py` | makes Lava importable on Python 3.11 to 3.13 |$answers

nmtool is not needed to run it. `lava-nc` 0.10.0 is, on Linux or macOS:

    python3.10 -m venv lava && lava/bin/pip install lava-nc==0.10.0

It runs Lava's models for CPUs. No such network has run on a chip yet.

## Run it

$commands

"""

_MODELS = """\
`fast` replaces the models of Lava's processes by ones that follow the spikes; `stock` uses only
Lava's own, which takes up to hundreds of times longer. Both give the same integers. `--deep`
records u and v of all neurons.

"""

_USE = """\
Lava counts steps from 1.

## Use it in your own Lava program

    import numpy as np
    from lava_network.arrays import read_arrays
    from lava_network.process import build, run_config
    from lava.magma.core.run_conditions import RunSteps

    spikes = np.zeros(($channels, $steps), int)
    network = build(read_arrays(), spikes)
    try:
        network.process.run(condition=RunSteps(num_steps=$steps), run_cfg=run_config())
        print(network.populations["$readout"].v.get())
    finally:
        network.process.stop()

Keep your own processes outside of `lava_network`: Lava executes every file beside a process.
"""

TEXT = Template(
    f"# A spiking network for Lava 0.10.0\n{OPENING}\n{_NETWORK}{PRINTED}\n{_MODELS}{EVENTS} {_USE}"
)
