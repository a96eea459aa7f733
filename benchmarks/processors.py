"""The command `python -m benchmarks.processors`: what C exports take on processors.

Networks of the zoo, and one of 512 neurons. Flash, RAM and stack are the compiler's; beside flash
and RAM stand the bounds that `nmtool check` judges by. Instructions of steps are counted in QEMU.
They say nothing about time.
"""

from __future__ import annotations

import nmtool as nm
from nmtool.exporters.c.sizes import bounds, measured
from nmtool.exporters.c.timing import instructions
from nmtool.exporters.processors import PROCESSORS
from nmtool.hardware_sim.known_answers import known_answers
from nmtool.network.integer_network import IntegerNetwork
from nmtool.raster import Raster

N_SAMPLES = 20
SETS = {"yinyang": "yinyang", "digits": "digits", "spoken-digits": None}
"""Networks of the zoo, and the data whose test samples they answer; None where nothing is at hand
without a download: then its own known answers."""


def cases() -> dict[str, tuple[IntegerNetwork, Raster]]:
    """Networks with the samples that instructions are counted on."""
    networks = {}
    for name, data in SETS.items():
        network = nm.load(f"zoo:{name}")
        assert isinstance(network, IntegerNetwork)
        if data is None:
            spikes = known_answers(network).spikes
        else:
            events = nm.load_dataset(data).test[:N_SAMPLES]
            binned = nm.bin_events(events, network.dt_ms, network.n_steps, network.channels.group)
            spikes = binned.raster
        networks[name] = (network, spikes)
    large = nm.round_network(nm.Network.layers([64, 512, 10], delays=15)).network
    networks["512 neurons"] = (large, known_answers(large).spikes)
    return networks


def rows() -> list[tuple[str, ...]]:
    """A row per network and processor."""
    table: list[tuple[str, ...]] = []
    for name, (network, spikes) in cases().items():
        recording = nm.simulate(network, spikes)
        emitted = {key: raster.n_spikes for key, raster in recording.spikes.items()}
        most = bounds(network)
        for processor in PROCESSORS.values():
            if processor.counter is None:
                continue
            sizes = measured(network, processor)
            counts = instructions(network, spikes, emitted, processor)
            table.append(
                (
                    *(name, processor.title),
                    *(f"{sizes.flash:,}", f"{most.flash:,}", f"{sizes.ram:,}", f"{most.ram:,}"),
                    f"{sizes.stack:,}",
                    f"{counts[:, 0].mean() / spikes.n_steps:,.0f}",
                    f"{counts[:, 1].max():,}",
                )
            )
    return table


def main() -> None:
    """Print the table."""
    header = ("network", "processor", "flash", "at most", "RAM", "at most", "stack")
    steps = ("instructions per step", "of the longest step")
    for line in [(*header, *steps), *rows()]:
        print(" | ".join(line))


if __name__ == "__main__":
    main()
