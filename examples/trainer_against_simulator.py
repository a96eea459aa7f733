"""Compare the trainer's forward pass in integers with the simulator, spike for spike.

    python examples/trainer_against_simulator.py RUN DATA

RUN is the folder of a run that trained in integers (`nmtool train … --arithmetic integer`). The
input is the test split of DATA. Expected output, for any run:

    trainer: spikes compared …, different 0; spikes emitted …
    membranes compared …, different 0; predictions different 0
"""

from __future__ import annotations

import sys
from pathlib import Path

import nmtool as nm


def main(folder: Path, data: str) -> None:
    run = nm.Run.load(folder)
    integers = run.integers
    assert integers is not None, "the run trained in floats"
    events = nm.load_dataset(data).test
    raster = integers.bin(events).raster

    trainer = nm.SpikingNetwork(run.network, rounding=integers)
    comparison = nm.compare_recordings(nm.simulate(integers, raster), trainer.record(raster))
    print(
        f"trainer: spikes compared {comparison.spikes_compared}, "
        f"different {comparison.spikes_different}; spikes emitted {comparison.spikes_emitted}"
    )
    print(
        f"membranes compared {comparison.membrane_compared}, "
        f"different {comparison.membrane_different}; "
        f"predictions different {comparison.predictions_different}"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
