"""The target `fenn`: its limits, networks that fit, and targets of users with its arithmetic."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import nmtool as nm
from nmtool.arithmetic import LIMITS
from nmtool.errors import UsageError
from nmtool.targets import target_named
from nmtool.targets.checking import ALL
from nmtool.targets.fit import APPROXIMATE, FAITHFUL
from nmtool_chips.fenn.fenn16 import FENN16
from tests.networks.chains import chain_network
from tests.refusals import refused

CHAIN = chain_network(4)


def test_a_network_of_another_arithmetic() -> None:
    """It runs on the chip with this arithmetic; all other targets and formats refuse it."""
    network = nm.round_network(
        nm.Network.layers([4, 6, 2], delays=63, seed=3), target=target_named("fenn")
    ).network
    report = nm.check(network, ALL)
    assert report.arithmetic == "fenn16"
    assert report["fenn"].verdict == FAITHFUL
    for fit in report.fits:
        codes = [finding.code for finding in fit.unsupported]
        if fit.target.name != "fenn":
            assert "target-arithmetic" in codes, fit.target.name
    assert "quantise the float network" in nm.check(CHAIN, "fenn")["fenn"].words
    codes = [finding.code for finding in nm.check(CHAIN, "fenn")["fenn"].unsupported]
    assert codes == ["format-arithmetic", "target-arithmetic"]


def test_neurons_beyond_the_lane_memory_of_fenn() -> None:
    network = nm.Network.layers([3, 500, 13])
    [finding] = nm.check(network, "fenn")["fenn"].unsupported
    assert (finding.code, finding.where) == ("chip-exceeded", "neurons")
    assert "513 neurons" in finding.what
    assert "512" in finding.what
    assert nm.check(nm.Network.layers([3, 500, 12]), "fenn")["fenn"].verdict == APPROXIMATE


def test_a_target_of_another_arithmetic() -> None:
    """Limits and neuron of the target are those of the arithmetic unless its file narrows them."""
    fenn = target_named("fenn")
    assert (fenn.runs_in, fenn.neuron, fenn.format) == (FENN16, FENN16.neuron, "fenn")
    assert {limit: getattr(fenn, limit) for limit in LIMITS} == {
        limit: getattr(FENN16, limit) for limit in LIMITS
    }
    assert replace(fenn, max_delay=31).runs_in == FENN16
    with refused(UsageError, "target-range") as caught:
        replace(fenn, max_delay=64, bias_limit=1)
    assert [finding.where for finding in caught.value.findings] == [
        "holds.max_delay",
        "holds.bias_limit",
    ]


def test_a_target_of_a_user(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        "name = 'mine'\nkind = 'chip'\narithmetic = { value = 'fenn16', mark = 'inferred' }"
    )
    network = nm.Network.layers([4, 6, 2])
    for target in ("fenn", file):
        assert nm.round_network(network, target=target).network.arithmetic == "fenn16"
