"""README.md of an export to FeNN: its network, its files, the build of PyFeNN, and commands."""

from __future__ import annotations

from string import Template

from nmtool.exporters.folder_readme import EVENTS, OPENING, PRINTED

_NETWORK = """\
## The network

A step of a neuron, in integers of 16 bits that saturate, with products rounded to nearest:

    u = keep_u·u/32768 + a       a: weights that arrive at this step, added one by one
    v = keep_v·v/32768 + u
    a spike when v >= vth, then v = 0

| population | neurons | kind | keep_u | keep_v | vth |
|---|---|---|---|---|---|
$populations

| projection | synapses | delays | weights |
|---|---|---|---|
$projections

## What is here

| file | |
|---|---|
| `run.py` | runs samples from a file and says their classes |$samples
| `fenn_network/arrays.npz` | the integers; `numpy.load(..., allow_pickle=False)` opens it |
| `fenn_network/model.py` | holds the neuron's code, packs weights and delays, builds processes |
| `fenn_network/memory.py` | says how many steps a core records at once, and where weights lie |
| `fenn_network/readout.py` | turns what the output did into a class |
| `fenn_network/events.py` | reads samples |$answers

nmtool is not needed to run it. PyFeNN is: it is built from its sources, with git, g++, make,
pkg-config and the headers of libffi and Python. (The `pyfenn` of the package index is another
project.)

    git clone $riscv_ise && cd riscv_ise
    git checkout $riscv_commit
    git clone $genn && git -C genn checkout $genn_commit
    sed -i '1i #include <vector>' include/assembler/assembler.h
    for class in NeuronVarBase RowGeneratorBase; do
        sed -i "/class $$class$$/,/public:/ s/public:/& virtual ~$$class() = default;/" \\
            src/backend/backend_fenn.cc
    done
    python3 -m venv fenn && fenn/bin/pip install numpy psutil pkgconfig pybind11 setuptools wheel
    fenn/bin/pip install --no-build-isolation .

The lines that are added let g++ 12 compile it, and networks of more than a few populations run.
It was run in PyFeNN's instruction-set simulator. No such network has run on a board yet.

## Run it

$commands

"""

_DEEP = """\
`--deep` records u and v of all neurons: u is a variable of its own then, for which the neuron's
code gets a line. `--board` runs on a board.

"""

TEXT = Template(f"# A spiking network for FeNN\n{OPENING}\n{_NETWORK}{PRINTED}\n{_DEEP}{EVENTS}\n")
