"""Target files: those that come with nmtool, those of users, and errors in them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import pytest

from nmtool import arithmetic
from nmtool.arithmetic import LIMITS
from nmtool.errors import UsageError
from nmtool.exporters.formats import OWN_PLACES, places
from nmtool.targets import LOIHI2, reading, target_named, target_names
from nmtool.targets.reading import SECTIONS
from nmtool.targets.target import DEFINED, INFERRED, MARKS, SOFTWARE, Target
from tests.refusals import codes, refused
from tests.tiny8.nmtool_tiny8 import TINY8

DOCS = Path(__file__).parents[3] / "docs" / "targets.md"

CHIP = """
name = "mine"
title = "A chip of mine"
kind = "chip"
arithmetic = { value = "loihi2", mark = "inferred", note = "as I hope" }
barrier_us = { value = [[1, 0.5], [4, 2]], mark = "measured", source = "bench" }

[sources]
bench = "my bench"

[holds]
weight_bits = { value = [4, 8], mark = "measured", source = "bench" }
max_delay = { value = 7, mark = "measured", source = "bench" }

[core]
neurons = { value = 100, mark = "measured", source = "bench" }
dense = { value = false, mark = "inferred" }

[chip]
cores = { value = 3, mark = "measured", source = "bench" }

[energy_pj]
synaptic_event = { value = 1.5, mark = "measured", source = "bench", note = "at 0.7 V" }
"""


@pytest.fixture
def read(tmp_path: Path) -> Callable[[str], Target]:
    def read(text: str) -> Target:
        file = tmp_path / "mine.toml"
        file.write_text(text, encoding="utf-8")
        return target_named(file)

    return read


@pytest.mark.parametrize("name", target_names())
def test_every_figure_that_comes_with_nmtool_has_an_origin(name: str) -> None:
    target = target_named(name)
    assert target.name == name
    assert target.title
    for place, origin in target.origins.items():
        assert origin.mark in MARKS
        assert origin.source or origin.note or origin.mark == DEFINED, place
    figures = {
        f"{section}.{field.name}"
        for section, kind in SECTIONS.items()
        for field in fields(kind)
        if getattr(getattr(target, section), field.name) is not None
        and not (section == "neuron" and target.arithmetic)
    }
    assert figures == {p for p in target.origins if p.partition(".")[0] in SECTIONS}


def test_the_targets_that_come_with_nmtool() -> None:
    names = target_names()
    assert {"loihi1", "loihi2", *OWN_PLACES} <= set(names)
    assert all(target_named(name).kind == SOFTWARE for name in OWN_PLACES)
    assert target_named("loihi2") is LOIHI2


def test_limits_of_loihi_2_are_those_of_the_arithmetic() -> None:
    assert [getattr(LOIHI2, limit) for limit in LIMITS] == [
        getattr(arithmetic.LOIHI2, limit) for limit in LIMITS
    ]
    assert LOIHI2.neuron == arithmetic.LOIHI2.neuron
    assert LOIHI2.energy_pj.synaptic_event is None
    assert LOIHI2.time_ns.synaptic_event is None


def test_a_target_file_of_a_user(read: Callable[[str], Target]) -> None:
    target = read(CHIP)
    assert (target.name, target.title, target.kind) == ("mine", "A chip of mine", "chip")
    assert target.weight_bits == (4, 8)
    assert target.max_delay == 7
    assert target.max_du == Target.max_du
    assert (target.core.neurons, target.core.dense, target.core.axons_in) == (100, False, None)
    assert target.energy_pj.synaptic_event == 1.5
    assert target.origin("core.dense").mark == INFERRED
    assert str(target.origin("energy_pj.synaptic_event")) == "measured; my bench; at 0.7 V"
    assert [target.barrier(cores) for cores in (1, 4, 5, 16, 17)] == [0.5, 0.5, 2, 2, None]
    assert LOIHI2.barrier(1) is None


WRONG = [
    ('kind = "chip"', 'kind = "brick"', "target-value", "kind"),
    ('name = "mine"', "", "target-value", "name"),
    ('name = "mine"', "name = 3", "target-value", "name"),
    ('value = "loihi2"', 'value = "loihi3"', "target-value", "arithmetic"),
    ("[sources]", "[surces]", "target-key-unknown", "surces"),
    ('bench = "my bench"', "bench = 3", "target-value", "sources"),
    (
        'neurons = { value = 100, mark = "measured"',
        'neurons = { mark = "measured"',
        "target-origin",
        "core.neurons",
    ),
    (
        'neurons = { value = 100, mark = "measured", source = "bench" }',
        "neurons = 100",
        "target-origin",
        "core.neurons",
    ),
    (
        'value = 100, mark = "measured"',
        'value = 100, mark = "guessed"',
        "target-origin",
        "core.neurons",
    ),
    (
        'value = 100, mark = "measured", source = "bench"',
        'value = 100, mark = "measured"',
        "target-origin",
        "core.neurons",
    ),
    (
        'value = 100, mark = "measured", source = "bench"',
        'value = 100, mark = "measured", source = "benches"',
        "target-origin",
        "core.neurons",
    ),
    ('note = "at 0.7 V"', "note = 0.7", "target-origin", "energy_pj.synaptic_event"),
    ('note = "at 0.7 V"', "volt = 0.7", "target-origin", "energy_pj.synaptic_event"),
    ("value = 100", "value = 0", "target-value", "core.neurons"),
    ("value = 100", "value = 1.5", "target-value", "core.neurons"),
    ("value = 100", "value = true", "target-value", "core.neurons"),
    ("value = 100", "value = nan", "target-value", "core.neurons"),
    ("value = 1.5", "value = -1.5", "target-value", "energy_pj.synaptic_event"),
    ("value = 1.5", "value = nan", "target-value", "energy_pj.synaptic_event"),
    ("value = 1.5", "value = inf", "target-value", "energy_pj.synaptic_event"),
    ("value = false", "value = 0", "target-value", "core.dense"),
    ("value = [[1, 0.5], [4, 2]]", "value = [[4, 2], [1, 0.5]]", "target-value", "barrier_us"),
    ("value = [[1, 0.5], [4, 2]]", "value = [1, 2]", "target-value", "barrier_us"),
    ("value = [[1, 0.5], [4, 2]]", "value = [[1, inf]]", "target-value", "barrier_us"),
    ('kind = "chip"', 'kind = "chip"\nformat = "nosuch"', "target-value", "format"),
    ('kind = "chip"', 'kind = "chip"\nformat = "loihi2"', "target-value", "format"),
    ('kind = "chip"', 'kind = "chip"\nprocessor = "z80"', "target-value", "processor"),
    (
        "[core]\nneurons = { value = 100",
        "[core]\naxons_out = { value = 100",
        "target-value",
        "core.axons_out",
    ),
    (
        "[core]\n",
        "[core]\nneuron_bytes = { value = 4, mark = 'inferred' }\n",
        "target-value",
        "core.neuron_bytes",
    ),
    (
        "[holds]",
        "[holds]\ndelay_bits = { value = [-1], mark = 'inferred' }",
        "target-beyond-arithmetic",
        "holds.delay_bits",
    ),
    (
        "max_delay = { value = 7",
        "delay_bits = { value = [5]",
        "target-value",
        "holds.delay_bits",
    ),
    ("value = [4, 8]", "value = 8", "target-value", "holds.weight_bits"),
    ("value = 7", "value = [7]", "target-value", "holds.max_delay"),
    ("value = 7", "value = 62", "target-beyond-arithmetic", "holds.max_delay"),
    ("value = [4, 8]", "value = [4, 9]", "target-beyond-arithmetic", "holds.weight_bits"),
    ("neurons = {", "nuerons = {", "target-key-unknown", "core.nuerons"),
    (
        "[chip]",
        "[chip]\nneurons = { value = 99, mark = 'inferred' }",
        "target-contradiction",
        "core.neurons",
    ),
    (
        "[chip]",
        "[chip]\nneurons = { value = 301, mark = 'inferred' }",
        "target-contradiction",
        "chip.neurons",
    ),
    (
        "[core]",
        "[neuron]\nstate_bits = { value = 9, mark = 'inferred' }\n[core]",
        "target-contradiction",
        "neuron",
    ),
    (
        "[core]",
        "[neuron]\nreset = { value = 'none', mark = 'inferred' }\n[core]",
        "target-value",
        "neuron.reset",
    ),
]


@pytest.mark.parametrize(("right", "wrong", "code", "where"), WRONG)
def test_invalid_entries_are_named(
    read: Callable[[str], Target], right: str, wrong: str, code: str, where: str
) -> None:
    assert right in CHIP
    text = CHIP.replace(right, wrong, 1)
    with refused(UsageError, "target-file") as caught:
        read(text)
    assert (code, where) in [(finding.code, finding.where) for finding in caught.value.findings]


def test_all_mistakes_are_listed_together(read: Callable[[str], Target]) -> None:
    text = CHIP.replace("value = 100", "value = 0").replace("dense", "dens").replace("my bench", "")
    with refused(UsageError, "target-file") as caught:
        read(text.replace('kind = "chip"', ""))
    assert codes(caught.value) == ["target-value", "target-key-unknown", "target-value"]


def test_limits_and_contradictions_are_listed_together(read: Callable[[str], Target]) -> None:
    text = CHIP.replace("value = 7", "value = 62").replace("value = [4, 8]", "value = [4, 9]")
    with refused(UsageError, "target-file") as caught:
        read(text.replace("[chip]", "[chip]\nneurons = { value = 99, mark = 'inferred' }"))
    assert sorted(finding.where for finding in caught.value.findings) == [
        "core.neurons",
        "holds.max_delay",
        "holds.weight_bits",
    ]


def test_contradictions_of_delays_and_memory(read: Callable[[str], Target]) -> None:
    without = CHIP.replace("value = 7", "value = 0")
    bits = "[holds]\ndelay_bits = { value = [2], mark = 'inferred' }"
    memory = "[core]\nsynapse_bytes = { value = 4, mark = 'inferred' }\n"
    neuron = "neuron_bytes = { value = 5, mark = 'inferred' }\n"
    for text, where in (
        (without.replace("[holds]", bits), "holds.delay_bits"),
        (CHIP.replace("[core]\n", memory + neuron), "core.neuron_bytes"),
    ):
        with refused(UsageError, "target-file") as caught:
            read(text)
        assert [finding.where for finding in caught.value.findings] == [where]
        assert codes(caught.value) == ["target-contradiction"]


def test_six_bits_hold_the_longest_delay_of_loihi2(read: Callable[[str], Target]) -> None:
    text = CHIP.replace("max_delay = { value = 7", "delay_bits = { value = [6]")
    assert read(text).max_delay == 61


@pytest.mark.parametrize("name", [name for name in places() if name in target_names()])
def test_a_target_file_of_a_user_may_name_any_format(
    read: Callable[[str], Target], name: str
) -> None:
    assert read(CHIP.replace("kind =", f"format = '{name}'\nkind =")).format == name


def test_unknown_names_and_missing_files_are_refused() -> None:
    with refused(UsageError, "target-unknown") as caught:
        target_named("loihi3")
    assert "'loihi" in caught.value.fix
    with refused(UsageError, "config-unreadable"):
        target_named("nowhere.toml")


def test_a_family_is_refused_with_its_members(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "target_names", lambda: ["c", "mine-one", "mine-two"])
    with refused(UsageError, "target-family") as caught:
        target_named("mine")
    assert re.findall(r"mine-\w+", caught.value.fix) == ["mine-one", "mine-two"]


@pytest.mark.usefixtures("tiny8")
def test_a_target_of_another_arithmetic(tmp_path: Path) -> None:
    """Limits and neuron of the target are those of the arithmetic unless its file narrows them."""
    file = tmp_path / "mine.toml"
    file.write_text(
        "name = 'mine'\nkind = 'chip'\narithmetic = { value = 'tiny8', mark = 'inferred' }"
    )
    mine = target_named(file)
    assert (mine.runs_in, mine.neuron) == (TINY8, TINY8.neuron)
    assert {limit: getattr(mine, limit) for limit in LIMITS} == {
        limit: getattr(TINY8, limit) for limit in LIMITS
    }
    assert replace(mine, max_delay=7).runs_in == TINY8
    with refused(UsageError, "target-range") as caught:
        replace(mine, max_delay=64, bias_limit=1)
    assert [finding.where for finding in caught.value.findings] == [
        "holds.max_delay",
        "holds.bias_limit",
    ]


def test_every_figure_is_documented() -> None:
    text = DOCS.read_text(encoding="utf-8")
    names = {field.name for kind in SECTIONS.values() for field in fields(kind)}
    missing = [name for name in (*names, *LIMITS, *MARKS, "barrier_us") if f"`{name}`" not in text]
    assert not missing
