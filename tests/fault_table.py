"""`python -m tests.fault_table`: how many single faults are seen, placed and named, by kind.

Each fault is made alone in a small network. It is exercised where the faulty simulator's u, v or
spikes differ anywhere from the right one's. Of those that are exercised: seen, where the
recordings differ; placed, where the first difference is that of the faulty simulator; named,
where the fault is among the causes; alone, where it is the only one.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator

from nmtool.hardware_sim.simulator import simulate
from nmtool.integer_network import IntegerNetwork
from nmtool.recording import Recording
from nmtool.verbs.explaining import explain
from nmtool.verification.comparison import compare_recordings
from tests import faults
from tests.faults import Fault

COLUMNS = ("made", "exercised", "seen", "placed", "named", "alone")


def run_simulator(fault: Fault) -> Recording:
    """The fast simulator where it can have the fault, else the readable one."""
    if fault.rule or fault.lag:
        return faults.run_reference(fault)
    return simulate(fault.network, fault.spikes, deep=True)


def run_onnx(fault: Fault) -> Recording:
    """The ONNX graph of the faulty network in onnxruntime."""
    from nmtool.exporters.onnx.model import model_bytes
    from nmtool.exporters.onnx.runtime import execute

    return execute(model_bytes(fault.network, None), fault.network, fault.spikes, True, None)


def run_lava(fault: Fault) -> Recording:
    """The Lava folder of the faulty network."""
    import tempfile
    from pathlib import Path

    from nmtool.exporters import lava

    with tempfile.TemporaryDirectory() as folder:
        path = lava.export(fault.network, Path(folder) / "network")
        return lava.run(path, fault.spikes, deep=True)


def outside(run: Callable[[Fault], Recording]) -> Callable[[Fault], Recording]:
    """What a backend shows without u and v of every neuron."""

    def run_outside(fault: Fault) -> Recording:
        deep = run(fault)
        return Recording(deep.readout, deep.spikes, deep.membrane)

    return run_outside


BACKENDS: dict[str, tuple[Callable[[Fault], Recording], Callable[[Fault], bool]]] = {
    "simulator": (run_simulator, lambda fault: True),
    "c": (faults.run_c, lambda fault: not fault.lag),
    "onnx": (run_onnx, lambda fault: not fault.lag and not fault.rule),
    "lava": (run_lava, lambda fault: not fault.lag and not fault.rule),
    "simulator-outside": (outside(run_simulator), lambda fault: True),
}
"""By name, what runs a faulty network, and which faults it can have."""


def all_faults(seed: int, recurrent: bool) -> Iterator[tuple[IntegerNetwork, Fault]]:
    """Every fault in a network of that seed; some in one that overflows, or meets thresholds."""
    spikes = faults.live_input(seed)
    usual = [name for name in faults.RULES if name not in (*faults.HOT, faults.LEVEL)]
    for network, names in (
        (faults.live_network(seed, recurrent=recurrent), usual),
        (faults.live_network(seed, recurrent=recurrent, hot=True), faults.HOT),
        (faults.level_network(seed), [faults.LEVEL]),
    ):
        found = list(faults.rule_faults(network, spikes, names))
        if names is usual:
            found += faults.stored_faults(network, spikes, seed)
            found += faults.input_faults(network, spikes, seed)
        yield from ((network, fault) for fault in found)


def tally(backend: str, seeds: range, say: Callable[[str], None]) -> dict[str, Counter[str]]:
    """Counts by kind of fault, of recurrent and two-layer networks in turn."""
    run, able = BACKENDS[backend]
    counts: dict[str, Counter[str]] = {}
    for seed in seeds:
        for recurrent in (True, False):
            for network, fault in all_faults(seed, recurrent):
                if able(fault):
                    count = counts.setdefault(fault.name, Counter())
                    count += judged(network, fault, run, seed, say)
    return counts


def judged(
    network: IntegerNetwork,
    fault: Fault,
    run: Callable[[Fault], Recording],
    seed: int,
    say: Callable[[str], None],
) -> Counter[str]:
    """Counts of one fault, by the columns of the table; `say` hears of what is not named."""
    spikes = faults.live_input(seed)
    expected = simulate(network, spikes, deep=True)
    wrong = run_simulator(fault)
    place = compare_recordings(expected, wrong).first_divergence
    if place is None:
        return Counter(made=1)
    actual = run(fault)
    found = explain(network, spikes, expected, actual)
    named = any(fault.is_named_by(cause) for cause in found.causes)
    if not named and found.place is not None:
        say(f"seed {seed}: {fault.name} {dict(fault.truth)}\n{found}\n")
    if not actual.current:
        shown = Recording(wrong.readout, wrong.spikes, wrong.membrane)
        bare = Recording(expected.readout, expected.spikes, expected.membrane)
        place = compare_recordings(bare, shown).first_divergence
    return Counter(
        made=1,
        exercised=1,
        seen=int(found.place is not None),
        placed=int(found.place is not None and found.place == place),
        named=int(named),
        alone=int(named and found.n_causes == 1),
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backend", choices=BACKENDS, default="simulator")
    parser.add_argument("--seeds", type=int, default=5, help="networks of each of the two kinds")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--show", action="store_true", help="print what is not named")
    arguments = parser.parse_args()
    began = time.perf_counter()
    say = (lambda text: print(text, file=sys.stderr)) if arguments.show else (lambda text: None)
    seeds = range(arguments.first, arguments.first + arguments.seeds)
    counts = tally(arguments.backend, seeds, say)
    print(f"{arguments.backend}, seeds {seeds}, {time.perf_counter() - began:.0f} s")
    print(f"{'fault':36}", *(f"{column:>10}" for column in COLUMNS))
    total: Counter[str] = Counter()
    for name in sorted(counts):
        total += counts[name]
        print(f"{name:36}", *(f"{counts[name][column]:10}" for column in COLUMNS))
    print(f"{'all':36}", *(f"{total[column]:10}" for column in COLUMNS))


if __name__ == "__main__":
    main()
