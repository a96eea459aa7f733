"""Upper bounds of the memory of a C program, before compiling."""

from __future__ import annotations

from hypothesis import given, strategies as st

import nmtool as nm
from nmtool.exporters.c.cost import bounds, uses
from nmtool.exporters.c.format import C
from nmtool.exporters.c.source import memory
from nmtool.network.integer_network import IntegerNetwork
from nmtool.targets import Target
from nmtool.targets.target import Memory
from nmtool.testing.networks import random_network
from tests.networks.drawn import integer_networks


@given(network=integer_networks(properties=C.expresses))
def test_bounds_exceed_the_counted_bytes(network: IntegerNetwork) -> None:
    constants, variables = memory(network)
    most = bounds(network)
    assert most.flash > constants
    assert most.ram > variables
    assert most.stack > 0


@given(flash=st.integers(1, 1 << 20), ram=st.integers(1, 1 << 20))
def test_a_network_fits_or_every_memory_that_is_too_small_is_named(flash: int, ram: int) -> None:
    target = Target("mine", title="Mine", format="c", memory=Memory(flash, ram))
    network = random_network(4, 2, False)
    most = bounds(network)
    taken = {"bytes of flash": most.flash, "bytes of RAM": most.ram + most.stack}
    available = {"bytes of flash": flash, "bytes of RAM": ram}
    fit = nm.check(network, target)["mine"]
    assert {use.resource: (use.used, use.available) for use in fit.uses} == {
        name: (taken[name], available[name]) for name in taken
    }
    too_small = [name for name in taken if taken[name] > available[name]]
    for finding, name in zip(fit.unsupported, too_small, strict=True):
        assert f"{taken[name]:,} {name}" in finding.what
        assert f"{available[name]:,}" in finding.what
    assert all(
        (finding.code, finding.where) == ("target-memory", "Mine") for finding in fit.unsupported
    )


def test_a_memory_of_unknown_size_is_not_checked() -> None:
    network = random_network(4, 2, False)
    target = Target("mine", memory=Memory(ram=1))
    assert [use.resource for use in uses(network, target)] == ["bytes of RAM"]
    assert len(C.lacking(uses(network, target), target)) == 1
