"""Cores of networks, computed by hand, and properties for random networks."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given

import nmtool as nm
from nmtool.network.integer_network import IntegerNetwork, IntegerPopulation, IntegerProjection
from nmtool.targets import Origin, Target, target_named
from nmtool.targets.resources import (
    ACCUMULATORS,
    AXONS,
    MEMORY,
    NEURONS,
    delay_slots,
    findings,
    resources,
)
from nmtool.targets.target import INFERRED, Chip, Core
from tests.networks.drawn import integer_networks
from tests.networks.speech import speech_network

LOIHI1, LOIHI2 = target_named("loihi1"), target_named("loihi2")


def recurrent(channels: int, hidden: int, outputs: int, longest: int = 61) -> IntegerNetwork:
    """A recurrent layer and outputs, with 8-bit weights and delays up to the longest."""
    random = np.random.default_rng(channels)

    def projection(source: str, target: str, pre: int, post: int) -> IntegerProjection:
        delay = random.integers(0, longest + 1, (pre, post))
        delay[0, 0] = longest
        weight = 2 * random.integers(1, 60, (pre, post)) * random.choice([-1, 1], (pre, post))
        return IntegerProjection(source, target, weight, delay)

    return IntegerNetwork(
        nm.InputChannels(channels),
        [
            IntegerPopulation("hidden", hidden, "lif", 300, 200, 1000, 1.0),
            IntegerPopulation("out", outputs, "li", 300, 200, 1 << 17, 1.0),
        ],
        [
            projection("input", "hidden", channels, hidden),
            projection("hidden", "hidden", hidden, hidden),
            projection("hidden", "out", hidden, outputs),
        ],
        nm.Readout("out", "max"),
        1.0,
        100,
    )


SPEECH, LARGE = recurrent(234, 256, 10), recurrent(700, 512, 20)


def test_the_speech_network_on_loihi_2() -> None:
    """490 synapses of 14 bits are 858 bytes; 64 of 8192 accumulators leave 128 neurons a core."""
    usage = resources(SPEECH, LOIHI2)
    hidden, out = usage.populations
    assert (hidden.synapses, hidden.bytes_per_neuron) == (234 + 256, 858)
    assert math.ceil(490 * 14 / 8) == 858
    assert hidden.per_core == {
        NEURONS: 8192,
        MEMORY: 196608 // 858,
        ACCUMULATORS: 8192 // 64,
    }
    assert hidden.per_core[MEMORY] == 229
    assert (hidden.binding, hidden.cores) == (ACCUMULATORS, 2)
    assert (out.synapses, out.bytes_per_neuron, out.cores) == (256, 448, 1)
    assert (usage.cores, usage.chips, usage.binding) == (3, 1, [ACCUMULATORS])
    assert usage.is_inferred
    assert usage.in_words() == "3 of 128 cores if accumulators are as on Loihi 1"
    assert findings(usage, SPEECH) == []


def test_shorter_delays_take_fewer_cores() -> None:
    """474 synapses of 13 bits are 771 bytes: memory holds 255 neurons, accumulators 256."""
    network = recurrent(234, 240, 10, longest=40)
    assert resources(network, LOIHI2).cores == 3
    assert resources(recurrent(234, 240, 10, longest=30), LOIHI2).cores == 2
    assert resources(recurrent(234, 240, 10, longest=31), LOIHI2).cores == 3
    # With 256 neurons, the memory is the limit in both cases: shorter delays save no core.
    assert resources(recurrent(234, 256, 10, longest=30), LOIHI2).cores == 3
    assert resources(recurrent(234, 256, 10, longest=40), LOIHI2).cores == 3


def test_the_large_network_on_both_chips() -> None:
    """1212 synapses of 14 bits are 2121 bytes: 92 neurons fill 192 KB, and 61 fill 128 KB."""
    second, first = resources(LARGE, LOIHI2), resources(LARGE, LOIHI1)
    assert second.populations[0].bytes_per_neuron == math.ceil(1212 * 14 / 8) == 2121
    assert (second.populations[0].per_core[MEMORY], second.populations[0].cores) == (92, 6)
    assert (first.populations[0].per_core[MEMORY], first.populations[0].cores) == (61, 9)
    # A hidden neuron sends to the 9 cores of its own population and to the core of the outputs.
    assert first.populations[0].per_core[AXONS] == 4096 // 10
    assert AXONS not in first.populations[1].per_core
    assert (second.cores, first.cores) == (7, 10)
    assert not first.is_inferred


def test_thirty_six_million_synapses_do_not_fit() -> None:
    small = recurrent(10, 8, 2)
    tiled = [
        replace(p, weight=np.tile(p.weight, times), delay=np.tile(p.delay, times))
        for p, times in zip(small.projections, [(1, 750), (750, 750), (750, 1)], strict=True)
    ]
    hidden = replace(small.populations[0], size=6000, bias_mantissa=0)
    network = replace(small, populations=[hidden, small.populations[1]], projections=tiled)
    usage = resources(network, LOIHI2)
    assert usage.populations[0].per_core[MEMORY] == 196608 // math.ceil(6010 * 14 / 8) == 18
    assert usage.populations[0].cores == math.ceil(6000 / 18)
    (finding,) = findings(usage, network)
    assert finding.code == "cores-exceeded"
    assert usage.chips == 3


@pytest.mark.parametrize(
    ("core", "chip", "codes"),
    [
        (Core(neurons=2), Chip(cores=2), ["cores-exceeded"]),
        (Core(synapse_bytes=7), Chip(), ["neuron-beyond-core"]),
        (Core(synapse_bytes=6), Chip(), ["neuron-beyond-core"] * 2),
        (Core(synapses=5), Chip(), ["neuron-beyond-core"]),
        (Core(accumulators=63), Chip(), ["neuron-beyond-core"] * 2),
        (Core(fan_in=6), Chip(), ["fan-in-exceeded"]),
        (Core(axons_in=6), Chip(), ["axons-in-exceeded"]),
        (Core(), Chip(neurons=5), ["chip-exceeded"]),
        (Core(), Chip(synapses=27), ["chip-exceeded"]),
        (Core(), Chip(inputs=2), ["chip-exceeded"]),
        (Core(), Chip(outputs=1), ["chip-exceeded"]),
        (Core(), Chip(hidden=3), ["chip-exceeded"]),
        (Core(), Chip(hidden_synapses=15), ["chip-exceeded"]),
        (Core(), Chip(hidden_fan_out=3), ["chip-exceeded"]),
        (Core(), Chip(hidden_with_input=3), ["chip-exceeded"]),
        (Core(), Chip(hidden_with_output=3), ["chip-exceeded"]),
        (Core(neurons=4, fan_in=7, axons_in=7), Chip(2, 6, 36, 3, 2, 4, 16, 4, 4, 4), []),
    ],
)
def test_every_exceeded_capacity_is_a_finding(core: Core, chip: Chip, codes: list[str]) -> None:
    network = recurrent(3, 4, 2)
    target = Target("small", core=core, chip=chip)
    assert [finding.code for finding in findings(resources(network, target), network)] == codes


def test_unknown_figures_give_an_unknown_number_of_cores() -> None:
    usage = resources(SPEECH, Target("blank"))
    assert (usage.cores, usage.chips, usage.binding) == (None, None, [])
    assert usage.tables() == []
    assert usage.as_json()["cores"] is None
    half = resources(SPEECH, Target("half", core=Core(neurons=100)))
    assert half.populations[0].per_core == {NEURONS: 100}
    assert (half.cores, half.chips) == (4, None)


def test_zeros_take_no_memory_in_sparse_storage() -> None:
    weight = np.array([[2, 0], [0, 0], [2, 0], [2, 0]])
    network = recurrent(4, 2, 1, longest=1)
    sparse = IntegerProjection("input", "hidden", weight, np.ones_like(weight))
    network = replace(network, projections=[sparse, *network.projections[1:]])
    for dense, size, fan_in in ((True, 7, 6), (None, 7, 6), (False, 6, 5)):
        target = Target("t", core=Core(synapse_bytes=100, dense=dense))
        (hidden, _) = resources(network, target).populations
        assert (hidden.synapses, hidden.bytes_per_neuron) == (fan_in, size)


def test_stored_zeros_are_an_assumption_if_dense_is_unknown() -> None:
    network = recurrent(4, 2, 1)
    zeros = replace(network.projections[0], weight=np.array([[2, 0], [0, 0], [2, 0], [2, 0]]))
    network = replace(network, projections=[zeros, *network.projections[1:]])
    for dense, words in ((True, []), (None, ["weights of 0 take memory, too"]), (False, [])):
        target = Target("t", core=Core(synapses=6, dense=dense))
        assert resources(network, target).assumptions == words
    assert resources(network, Target("t", core=Core(neurons=1))).assumptions == []


def test_a_neurons_own_bytes_count() -> None:
    target = Target("t", core=Core(synapse_bytes=1000, neuron_bytes=142))
    assert resources(SPEECH, target).populations[0].bytes_per_neuron == 1000
    assert resources(SPEECH, target).populations[0].cores == 256


def test_delays_of_synapses_without_weight_do_not_count() -> None:
    network = recurrent(3, 4, 2, longest=61)
    zeroed = [replace(p, weight=np.where(p.delay > 2, 0, p.weight)) for p in network.projections]
    usage = resources(replace(network, projections=zeroed), LOIHI2)
    assert usage.populations[0].per_core[ACCUMULATORS] == 8192 // 4


def test_delay_slots_are_powers_of_two() -> None:
    assert [delay_slots(d) for d in (0, 1, 2, 3, 6, 7, 14, 15, 30, 31, 61, 62, 63)] == (
        [1, 4, 4, 8, 8, 16, 16, 32, 32, 64, 64, 64, 128]
    )


def test_only_inferred_figures_are_assumptions() -> None:
    core = Core(neurons=10)
    sure = Target("t", core=core, origins={"core.neurons": Origin("measured", "bench")})
    guess = Target("t", core=core, origins={"core.neurons": Origin(INFERRED, note="ten or so")})
    assert resources(SPEECH, sure).assumptions == []
    assert resources(SPEECH, guess).assumptions == ["neurons are ten or so"]


@given(network=integer_networks())
def test_cores_suffice_and_none_is_superfluous(network: IntegerNetwork) -> None:
    target = Target("tiny", core=Core(neurons=3, synapse_bytes=40, accumulators=256, axons_out=64))
    usage = resources(network, target)
    for population in usage.populations:
        if population.cores is None:
            assert population.per_core[population.binding] == 0
            continue
        assert population.cores * population.per_core[population.binding] >= population.neurons
        assert (population.cores - 1) * population.per_core[population.binding] < population.neurons
        assert population.per_core[population.binding] * population.bytes_per_neuron <= 40


def test_a_population_with_too_few_axons_fits_on_no_core() -> None:
    # Every neuron reaches every core. The more cores there are, the fewer neurons fit on a core,
    # until none fits.
    network = speech_network(2, 60, 2, recurrent=True)
    target = Target("tiny", core=Core(neurons=10, axons_out=20))
    usage = resources(network, target)
    assert usage.cores is None
    assert usage.populations[0].per_core["axons out"] == 0
    assert resources(network, Target("roomy", core=Core(neurons=10, axons_out=70))).cores == 7
