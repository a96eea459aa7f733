"""`python -m tests.fault_table`: numbers of single faults seen, placed and named, by kind.

Each small network has a single fault. The fault is *exercised* if u, v or spikes of the faulty
simulator differ anywhere from those of the correct simulator. An exercised fault is *seen* if the
recordings differ, *placed* if their first difference is that of the faulty simulator, *named* if it
is among the causes, and *alone* if it is the only cause.

The NIR graph of a faulty network is compared number by number with the right graph before it runs.
The fault is *seen* if anything differs, and *placed* and *named* if only its synapse, projection or
population differs.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from nmtool.errors import Finding
from nmtool.hardware_sim.simulator import simulate
from nmtool.network.graph import RESETS, TO_ZERO
from nmtool.network.integer_network import IntegerNetwork
from nmtool.recording import Recording
from nmtool.verification.comparison import compare_recordings
from nmtool.verification.explain import explain
from tests import faults
from tests.faults import Fault

if TYPE_CHECKING:
    from nmtool.exporters.nir.graph import Graph

COLUMNS = ("made", "exercised", "seen", "placed", "named", "alone")


def run_simulator(fault: Fault) -> Recording:
    """Run the fast simulator if it can have the fault, otherwise the readable simulator."""
    if fault.rule or fault.lag:
        return faults.run_reference(fault)
    return simulate(fault.network, fault.spikes, deep=True)


def outside(run: Callable[[Fault], Recording]) -> Callable[[Fault], Recording]:
    """A function that runs a fault, and removes u and v of every neuron from the recording."""

    def run_outside(fault: Fault) -> Recording:
        deep = run(fault)
        return Recording(deep.readout, deep.spikes, deep.membrane)

    return run_outside


def _is_single(fault: Fault) -> bool:
    """True for a fault that exports can have: without a latency and without counts."""
    return not (fault.lag or fault.network.has_counts)


BACKENDS: dict[str, tuple[Callable[[Fault], Recording], Callable[[Fault], bool]]] = {
    "simulator": (run_simulator, lambda fault: True),
    "c": (faults.run_c, _is_single),
    "onnx": (faults.run_onnx, _is_single),
    "lava": (faults.run_lava, _is_single),
    "simulator-outside": (outside(run_simulator), lambda fault: True),
}
"""Backends by name: the function that runs a faulty network, and its possible faults."""


def all_faults(seed: int, recurrent: bool) -> Iterator[tuple[IntegerNetwork, Fault]]:
    """All faults of a seed; some need networks that overflow, reach their thresholds exactly, or
    have certain resets."""
    spikes = faults.live_input(seed)
    usual = [name for name in faults.RULES if name not in (*faults.HOT, faults.LEVEL)]
    for network, names in (
        (faults.live_network(seed, recurrent=recurrent), usual),
        (faults.live_network(seed, recurrent=recurrent, hot=True), faults.HOT),
        (faults.level_network(seed), [faults.LEVEL]),
    ):
        defects = list(faults.rule_faults(network, spikes, names))
        if names is usual:
            defects += faults.stored_faults(network, spikes, seed)
            defects += faults.input_faults(network, spikes, seed)
        yield from ((network, fault) for fault in defects)
    usual_network = faults.live_network(seed, recurrent=recurrent)
    constants = {p.name: 7 * p.vth // 8 for p in usual_network.populations}
    for reset in RESETS:
        network = faults.with_reset(usual_network, reset, None if reset == TO_ZERO else constants)
        yield from ((network, fault) for fault in faults.reset_faults(network, spikes))
    network, spikes = faults.counting(usual_network, 4), faults.live_input(seed, most_spikes=4)
    defects = [*faults.stored_faults(network, spikes, seed)]
    defects += faults.count_faults(network, spikes, seed)
    yield from ((network, fault) for fault in defects)


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


def tally_nir(seeds: range) -> dict[str, Counter[str]]:
    """Counts by kind of stored number, of recurrent and two-layer networks in turn."""
    from nmtool.exporters.nir.writing import NirOptions, build, differences

    counts: dict[str, Counter[str]] = {}
    for seed in seeds:
        spikes = faults.live_input(seed)
        for recurrent in (True, False):
            network = faults.live_network(seed, recurrent=recurrent)
            expected, right = simulate(network, spikes, deep=True), _graph(network)
            for fault in faults.stored_faults(network, spikes, seed):
                count = counts.setdefault(fault.name, Counter())
                wrong = simulate(fault.network, spikes, deep=True)
                if compare_recordings(expected, wrong).identical:
                    count.update(made=1)
                    continue
                findings = differences(right, build(fault.network, NirOptions())[0])
                here = all(_is_of(fault, finding) for finding in findings)
                named = here and any(_place(fault) in finding.what for finding in findings)
                count.update(dict.fromkeys(("made", "exercised"), 1), seen=bool(findings))
                count.update(placed=here, named=named, alone=named)
    return counts


def _graph(network: IntegerNetwork) -> Graph:
    """The graph of a network's NIR file."""
    from nmtool.exporters.nir.file import read_graph
    from nmtool.exporters.nir.format import Nir

    with TemporaryDirectory() as folder:
        return read_graph(Nir.write(network, Path(folder) / "network.nir").path)


def _is_of(fault: Fault, finding: Finding) -> bool:
    """True if a finding is about the projection or population of a fault."""
    nodes = fault.truth["population"]
    if "source" in fault.truth:
        nodes = f"{fault.truth['source']}_to_{nodes}"
    return nodes in finding.where


def _place(fault: Fault) -> str:
    """The synapse or neuron of a fault, as findings name it; '' for a whole population."""
    if "pre" in fault.truth:
        return f"[{fault.truth['neuron']}, {fault.truth['pre']}] is "
    return f"[{fault.truth['neuron']}] is " if "neuron" in fault.truth else ""


def judged(
    network: IntegerNetwork,
    fault: Fault,
    run: Callable[[Fault], Recording],
    seed: int,
    say: Callable[[str], None],
) -> Counter[str]:
    """Counts of one fault by column of the table; `say` reports a fault that is not named."""
    spikes = faults.live_input(seed, most_spikes=network.channels.most_spikes)
    expected = simulate(network, spikes, deep=True)
    wrong = run_simulator(fault)
    place = compare_recordings(expected, wrong).first_divergence
    if place is None:
        return Counter(made=1)
    actual = wrong if run is run_simulator else run(fault)
    explanation = explain(network, spikes, expected, actual)
    named = any(fault.is_named_by(cause) for cause in explanation.causes)
    if not named and explanation.place is not None:
        say(f"seed {seed}: {fault.name} {dict(fault.truth)}\n{explanation}\n")
    if not actual.current:
        shown = Recording(wrong.readout, wrong.spikes, wrong.membrane)
        bare = Recording(expected.readout, expected.spikes, expected.membrane)
        place = compare_recordings(bare, shown).first_divergence
    return Counter(
        made=1,
        exercised=1,
        seen=int(explanation.place is not None),
        placed=int(explanation.place is not None and explanation.place == place),
        named=int(named),
        alone=int(named and explanation.n_causes == 1),
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backend", choices=[*BACKENDS, "nir"], default="simulator")
    parser.add_argument("--seeds", type=int, default=5, help="number of networks of each kind")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--show", action="store_true", help="print faults that are not named")
    arguments = parser.parse_args()
    began = time.perf_counter()
    say = (lambda text: print(text, file=sys.stderr)) if arguments.show else (lambda text: None)
    seeds = range(arguments.first, arguments.first + arguments.seeds)
    counts = (
        tally_nir(seeds) if arguments.backend == "nir" else tally(arguments.backend, seeds, say)
    )
    print(f"{arguments.backend}, seeds {seeds}, {time.perf_counter() - began:.0f} s")
    print(f"{'fault':36}", *(f"{column:>10}" for column in COLUMNS))
    total: Counter[str] = Counter()
    for name in sorted(counts):
        total += counts[name]
        print(f"{name:36}", *(f"{counts[name][column]:10}" for column in COLUMNS))
    print(f"{'all':36}", *(f"{total[column]:10}" for column in COLUMNS))


if __name__ == "__main__":
    main()
