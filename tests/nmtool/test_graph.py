from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmtool.errors import NetworkError
from nmtool.graph import INPUT, InputChannels, by_name, check_timing, strongly_connected
from nmtool.network import Network, Population, Projection
from nmtool.readout import Readout

NAMES = ["a", "b", "c", "d", "e"]
edge_lists = st.lists(st.tuples(st.sampled_from([INPUT, *NAMES]), st.sampled_from(NAMES)))


def reachable(edges: list[tuple[str, str]]) -> dict[str, set[str]]:
    """Where a path of any length leads, by closure."""
    found = {name: {name} for name in NAMES}
    for _ in NAMES:
        for source, target in edges:
            for seen in found.values():
                if source in seen:
                    seen.add(target)
    return found


@given(edge_lists)
def test_groups_reach_each_other_and_feed_forward(edges: list[tuple[str, str]]) -> None:
    leads = reachable(edges)
    groups = strongly_connected(NAMES, edges)
    assert sorted(name for group in groups for name in group) == NAMES
    place = {name: index for index, group in enumerate(groups) for name in group}
    for one in NAMES:
        for other in NAMES:
            together = other in leads[one] and one in leads[other]
            assert (place[one] == place[other]) is together
            if other in leads[one]:
                assert place[one] <= place[other]
    assert all(group == sorted(group) for group in groups)


@pytest.mark.parametrize(("size", "group"), [(0, 1), (1, 0), (-3, 1)])
def test_channels_need_a_size_and_a_group(size: int, group: int) -> None:
    with pytest.raises(NetworkError, match="at least one"):
        InputChannels(size, group)


@pytest.mark.parametrize("name", ["", "1a", "a b", "a.b", "ä", "a\n", "_a", INPUT])
def test_names_that_files_and_code_cannot_hold(name: str) -> None:
    with pytest.raises(NetworkError, match="cannot be called"):
        Population(name, 2)


def test_unknown_kinds_and_empty_populations() -> None:
    with pytest.raises(NetworkError, match="unknown kind 'alif'"):
        Population("a", 2, "alif")
    with pytest.raises(NetworkError, match="no neurons"):
        Population("a", 0)


@pytest.mark.parametrize("dt_ms", [0.0, -1.0, float("nan"), float("inf")])
def test_steps_take_time(dt_ms: float) -> None:
    with pytest.raises(NetworkError, match="positive number of ms"):
        check_timing(dt_ms, 1)


def test_samples_take_a_step() -> None:
    with pytest.raises(NetworkError, match="at least one step"):
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
    ("edge", "complaint"),
    [
        (("nowhere", "out", (4, 2)), "no population 'nowhere'"),
        (("cells", "nowhere", (4, 2)), "no population 'nowhere'"),
        (("cells", INPUT, (4, 3)), "nothing can project to the input"),
        (("out", "cells", (2, 4)), "'out' is a non-spiking li population"),
        (("cells", "out", (2, 4)), r"the weights are \(2, 4\), the populations \(4, 2\)"),
        ((INPUT, "cells", (4, 4)), r"\(3, 4\)"),
    ],
)
def test_projections_that_join_nothing(edge, complaint: str) -> None:
    with pytest.raises(NetworkError, match=complaint):
        network([CELLS, OUT], [edge])


def test_names_are_unique() -> None:
    with pytest.raises(NetworkError, match="two populations are called 'out'"):
        network([OUT, OUT], [])


@pytest.mark.parametrize(
    ("readout", "complaint"),
    [
        (Readout("elsewhere", "mean"), "no population 'elsewhere'"),
        (Readout("cells", "mean"), "'mean' needs a li population, 'cells' is lif"),
        (Readout("out", "first_spike"), "'first_spike' needs a lif population, 'out' is li"),
    ],
)
def test_readouts_that_do_not_fit(readout: Readout, complaint: str) -> None:
    with pytest.raises(NetworkError, match=complaint):
        network([CELLS, OUT], [], readout)


def test_class_names_are_numbers_by_default_and_one_per_neuron() -> None:
    assert network([OUT], []).class_names == ("0", "1")
    assert network([OUT], [], class_names=("no", "yes")).class_names == ("no", "yes")
    with pytest.raises(NetworkError, match="1 class names for 2 neurons of 'out'"):
        network([OUT], [], class_names=("no",))


def test_every_kind_of_edge_is_legal() -> None:
    edges = [(INPUT, "cells", (3, 4)), (INPUT, "cells", (3, 4)), ("cells", "cells", (4, 4))]
    edges += [("cells", "out", (4, 2)), (INPUT, "out", (3, 2))]
    assert len(network([CELLS, OUT], edges).projections) == 5
    assert network([OUT], []).projections == ()


def test_populations_by_name() -> None:
    assert by_name([CELLS, OUT], "out") is OUT
    with pytest.raises(NetworkError, match="no population 'third'"):
        by_name([CELLS, OUT], "third")
