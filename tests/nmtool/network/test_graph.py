from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from nmtool.errors import NetworkError
from nmtool.network.float_network import Network
from nmtool.network.float_parts import Population, Projection
from nmtool.network.graph import (
    INPUT,
    MAX_POPULATIONS,
    InputChannels,
    by_name,
    check_timing,
    strongly_connected,
)
from nmtool.network.readout import Readout
from tests.refusals import refused

NAMES = ["a", "b", "c", "d", "e"]
edge_lists = st.lists(st.tuples(st.sampled_from([INPUT, *NAMES]), st.sampled_from(NAMES)))


def reachable(edges: list[tuple[str, str]]) -> dict[str, set[str]]:
    """Populations that each population reaches by a path of any length, itself included."""
    reached = {name: {name} for name in NAMES}
    for _ in NAMES:
        for source, target in edges:
            for seen in reached.values():
                if source in seen:
                    seen.add(target)
    return reached


@given(edge_lists)
def test_components_reach_each_other_and_feed_forward(edges: list[tuple[str, str]]) -> None:
    leads = reachable(edges)
    groups = strongly_connected(NAMES, edges)
    assert sorted(name for group in groups for name in group) == NAMES
    place = {name: index for index, group in enumerate(groups) for name in group}
    for source in NAMES:
        for target in NAMES:
            together = target in leads[source] and source in leads[target]
            assert (place[source] == place[target]) is together
            if target in leads[source]:
                assert place[source] <= place[target]
    assert all(group == sorted(group) for group in groups)


@pytest.mark.parametrize(("size", "group"), [(0, 1), (1, 0), (-3, 1)])
def test_channels_need_a_size_and_a_group(size: int, group: int) -> None:
    with refused(NetworkError, "channels-range"):
        InputChannels(size, group)


@pytest.mark.parametrize("name", ["", "1a", "a b", "a.b", "ä", "a\n", "_a", INPUT])
def test_invalid_names_of_populations_are_refused(name: str) -> None:
    with refused(NetworkError, "population-name"):
        Population(name, 2)


def test_unknown_kinds_and_empty_populations() -> None:
    with refused(NetworkError, "population-kind-unknown") as caught:
        Population("a", 2, "alif")
    assert "'alif'" in caught.value.what
    with refused(NetworkError, "population-empty"):
        Population("a", 0)
    with refused(NetworkError, "population-too-large"):
        Population("a", 10**13)


@pytest.mark.parametrize("dt_ms", [0.0, -1.0, float("nan"), float("inf")])
def test_a_time_step_must_be_positive(dt_ms: float) -> None:
    with refused(NetworkError, "time-step-range"):
        check_timing(dt_ms, 1)


def test_a_sample_needs_a_step() -> None:
    with refused(NetworkError, "steps-range"):
        check_timing(1.0, 0)


def network(
    populations: list[Population],
    edges: list[tuple[str, str, tuple[int, int]]],
    readout: Readout | None = None,
    class_names: tuple[str, ...] = (),
) -> Network:
    projections = [
        Projection(source, target, [[0.0] * shape[1]] * shape[0], [[0] * shape[1]] * shape[0])
        for source, target, shape in edges
    ]
    readout = readout or Readout("out", "mean")
    return Network(InputChannels(3), populations, projections, readout, 1.0, 5, class_names)


CELLS = Population("cells", 4)
OUT = Population("out", 2, "li")


@pytest.mark.parametrize(
    ("edge", "code", "word"),
    [
        (("nowhere", "out", (4, 2)), "population-unknown", "'nowhere'"),
        (("cells", "nowhere", (4, 2)), "population-unknown", "'nowhere'"),
        (("cells", INPUT, (4, 3)), "projection-into-input", "cells"),
        (("out", "cells", (2, 4)), "projection-from-li", "'out'"),
        (("cells", "out", (2, 4)), "projection-shape", "(4, 2)"),
        ((INPUT, "cells", (4, 4)), "projection-shape", "(3, 4)"),
    ],
)
def test_invalid_projections_are_refused(edge, code: str, word: str) -> None:
    with refused(NetworkError, code) as caught:
        network([CELLS, OUT], [edge])
    assert word in caught.value.what


def test_names_are_unique() -> None:
    with refused(NetworkError, "population-twice") as caught:
        network([OUT, OUT], [])
    assert "'out'" in caught.value.what


@pytest.mark.parametrize(
    ("readout", "code"),
    [
        (Readout("elsewhere", "mean"), "population-unknown"),
        (Readout("cells", "mean"), "readout-kind"),
        (Readout("out", "first_spike"), "readout-kind"),
    ],
)
def test_readouts_that_do_not_fit(readout: Readout, code: str) -> None:
    with refused(NetworkError, code) as caught:
        network([CELLS, OUT], [], readout)
    assert f"'{readout.population}'" in caught.value.what


def test_class_names_are_numbers_by_default_and_one_per_neuron() -> None:
    assert network([OUT], []).class_names == ("0", "1")
    assert network([OUT], [], class_names=("no", "yes")).class_names == ("no", "yes")
    with refused(NetworkError, "class-names-count") as caught:
        network([OUT], [], class_names=("no",))
    assert "'out'" in caught.value.what


def test_every_kind_of_edge_is_legal() -> None:
    edges = [(INPUT, "cells", (3, 4)), (INPUT, "cells", (3, 4)), ("cells", "cells", (4, 4))]
    edges += [("cells", "out", (4, 2)), (INPUT, "out", (3, 2))]
    assert len(network([CELLS, OUT], edges).projections) == 5
    assert network([OUT], []).projections == ()


def test_populations_by_name() -> None:
    assert by_name([CELLS, OUT], "out") is OUT
    with refused(NetworkError, "population-unknown") as caught:
        by_name([CELLS, OUT], "third")
    assert "'third'" in caught.value.what
    assert "cells, out" in caught.value.fix
    with refused(NetworkError, "population-unknown"):
        by_name([], "third")


def test_networks_of_too_many_parts_are_refused() -> None:
    populations = [Population(f"p{number}", 1) for number in range(MAX_POPULATIONS + 1)]
    with refused(NetworkError, "network-extent"):
        Network(InputChannels(1), populations, [], Readout("p0", "first_spike"), 1.0, 10)


def test_a_row_of_a_thousand_populations_is_ordered() -> None:
    names = [f"p{number}" for number in range(1000)]
    edges = list(pairwise(names))
    assert strongly_connected(names[::-1], edges) == [[name] for name in names]
