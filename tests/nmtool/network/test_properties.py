"""Properties: one declaration gives the check, the refusal, the version and the random values."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

import nmtool as nm
from nmtool.errors import DoesNotFitError, NetworkError
from nmtool.network.graph import (
    EXTENSIONS,
    INPUT,
    INPUT_COUNTS,
    MOST_SPIKES,
    PROPERTIES,
    RESET,
    RESET_BY,
    RESETS,
    SUBTRACT,
)
from nmtool.network.properties import Declared, Property, check_expressed, field_of, refusals
from nmtool.testing.networks import random_network, with_properties
from tests.refusals import refused

DOUBLES = Property(
    "doubles",
    False,
    "whether the threshold doubles in step 0",
    (False, True),
    needs=("kind", ("lif",)),
    why="neurons that do not spike have no threshold",
    version=9,
    extension="doubling",
)


@dataclass(frozen=True)
class Part(Declared):
    """A part with a made-up property."""

    label, name = "the {} part", "small"

    kind: str = "lif"
    doubles: bool = field_of(DOUBLES)
    most: int = field_of(Property("most", 1, "the largest number", range(1, 8)))

    def __post_init__(self) -> None:
        self.check_properties()


def network(**channels: Any) -> nm.Network:
    """Hidden neurons that subtract, and spike up to 9 times in a step."""
    layers = nm.Network.layers([5, 8, 3], reset=SUBTRACT, most_spikes=9)
    return replace(layers, channels=replace(layers.channels, **channels))


def test_values_are_of_the_type_and_in_the_range_of_the_declaration() -> None:
    assert Part(doubles=True, most=np.int64(7)).properties == {"doubles": True, "most": 7}
    assert type(Part(most=np.int64(7)).most) is int
    for values in ({"doubles": 1}, {"doubles": None}, {"most": True}, {"most": 8}, {"most": "7"}):
        with refused(NetworkError, "property-range") as caught:
            Part(**values)
        assert f"the small part: {next(iter(values))} must be " in caught.value.what
    with refused(NetworkError, "property-conflict") as caught:
        Part("li", doubles=True)
    assert caught.value.why == DOUBLES.why
    assert caught.value.fix == "leave out doubles, or set kind to lif"
    assert Part("li").properties == {}


def test_a_refusal_names_part_property_and_remedy() -> None:
    [reset, counts] = refusals(network(), (), "the format")
    assert {reset.where, counts.where} == {"hidden"}
    assert "its reset, what a spike does to the membrane, is 'subtract'" in reset.what
    assert reset.what.endswith("the format can only express 'zero'")
    assert "nmtool train --start RUN -o RUN2 --reset zero" in reset.fix
    assert counts.what.endswith("is 9, but the format can only express 1")
    assert counts.fix.endswith("--most-spikes 1")
    several = (RESET, MOST_SPIKES.up_to(3))
    [counts] = refusals(network(), several, "the format")
    assert counts.what.endswith("can only express 1 … 3")
    assert counts.fix.endswith("--most-spikes 3")
    assert refusals(network(most_spikes=4), (RESET, MOST_SPIKES.up_to(9)), "the format") == []


def test_channels_are_refused_by_their_own_words() -> None:
    [channels, _] = refusals(network(most_spikes=4), (RESET,), "the format")
    assert channels.where == INPUT
    assert INPUT_COUNTS.meaning in channels.what
    assert channels.fix.endswith("--input-counts 1")
    with refused(DoesNotFitError, "network-not-expressed") as caught:
        check_expressed(network(most_spikes=4), (RESET,), "training")
    assert caught.value.what == "training cannot run this network"
    assert [finding.where for finding in caught.value.findings] == [INPUT, "hidden"]


def test_a_rule_without_effect_on_a_run_is_never_refused() -> None:
    rule = nm.InputChannels(4, analogue=nm.AnalogueInput(1.0, bits=1))
    assert [*rule.properties] == ["analogue"]
    floats = replace(nm.Network.layers([4, 8, 3]), channels=rule)
    assert refusals(floats, (), "the format") == []
    assert (floats.extension, floats._version()) == ("", 3)


@pytest.mark.parametrize(
    ("changes", "extension", "version"),
    [({}, "", 1), ({"reset": "late"}, "resets", 2), ({"most_spikes": 2}, "counts", 3)],
)
def test_the_extension_is_the_last_that_some_property_needs(
    changes: dict[str, Any], extension: str, version: int
) -> None:
    hidden, *others = network().populations
    hidden = replace(hidden, **{"most_spikes": 1, **changes})
    if not changes:
        hidden = replace(hidden, reset="zero", reset_by=None)
    changed = replace(network(), populations=[hidden, *others])
    assert (changed.extension, changed._version()) == (extension, version)
    assert EXTENSIONS.index(extension) == version - 1


def test_random_values_are_those_that_were_asked_for() -> None:
    plain = random_network(3, 3, False)
    assert with_properties(plain, 0, ()) == plain
    seen: dict[str, set] = {"reset": set(), "most_spikes": set(), "channels": set()}
    for seed in range(30):
        drawn = with_properties(plain, seed, (RESET, RESET_BY, MOST_SPIKES.up_to(5)))
        seen["channels"].add(drawn.channels.most_spikes)
        for population in drawn.spiking:
            seen["reset"].add(population.reset)
            seen["most_spikes"].add(population.most_spikes)
        assert not any(p.properties for p in drawn.integrating)
        limited = with_properties(plain, seed, (MOST_SPIKES.up_to(5),))
        assert {*limited.properties} <= {"most_spikes"}
    assert seen["reset"] == {*RESETS}
    assert seen["most_spikes"] == seen["channels"] == {1, 2, 3, 4, 5}
    assert "most_spikes" in with_properties(plain, 1, PROPERTIES).properties
