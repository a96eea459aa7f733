"""Operation counts of each kernel in a training step, on the emulated GPU.

    python -m tests.training.engines.cuda.emulator.count --hidden 256 --batch 2

prints a table: instructions of the PTX that threads executed, reads and writes of shared memory,
atomics, barriers of blocks, and sectors of 32 bytes of global memory that warps touched. Sectors
depend on the addresses of arrays, by up to a tenth; all other counts are reproducible. No time is
measured.
"""

from __future__ import annotations

import argparse
from collections import Counter

import torch

from benchmarks import ours
from benchmarks.drive import find_drive
from benchmarks.gpu import make_model
from benchmarks.workload import Workload
from nmtool.arguments import count
from nmtool.training.engines.devices import find_device
from nmtool.training.front.losses import readout_loss
from tests.training.engines.cuda.emulator.kernel import ORDERS
from tests.training.engines.cuda.emulator.plugin import GPU

COLUMNS = ("instructions", "sectors", "shared reads", "shared writes", "atomics", "barriers")


def count_step(workload: Workload, arithmetic: str) -> dict[str, Counter[str]]:
    """Counts by kernel of one forward and backward pass.

    Args:
        workload: network and batch.
        arithmetic: `float32` or `integer`.
    """
    network = workload.network(find_drive(ours.build, workload))
    model = make_model(network, workload, arithmetic, find_device("cuda"))
    loss = readout_loss(model.network, 100.0)
    labels = torch.from_numpy(workload.labels())
    GPU.counts.clear()
    GPU.launches.clear()
    loss(model(workload.spikes()), labels).backward()
    assert not GPU.faults, GPU.faults
    return GPU.counts


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.training.engines.cuda.emulator.count")
    parser.add_argument("--hidden", type=count, default=256, metavar="N", help="hidden neurons")
    parser.add_argument("--batch", type=count, default=2, metavar="N", help="samples")
    arguments = parser.parse_args()
    # Sectors are counted per warp. The threads of a warp run directly one after another only if
    # threads run in ascending order.
    GPU.order, GPU.look_for_races, GPU.count_sectors = ORDERS["ascending"], False, True
    torch.use_deterministic_algorithms(False)
    for arithmetic in ("float32", "integer"):
        counted = count_step(Workload(hidden=arguments.hidden, batch=arguments.batch), arithmetic)
        print(f"\n| {arithmetic} | launches | {' | '.join(COLUMNS)} |")
        print(f"|---|{'---|' * (1 + len(COLUMNS))}")
        for name, counts in sorted(counted.items()):
            cells = [f"{counts[column]:,}" for column in COLUMNS]
            print(f"| `{name}` | {GPU.launches[name]} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
