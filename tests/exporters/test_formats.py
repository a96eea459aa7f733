"""Formats are recognised from paths, and imported only when needed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from nmtool.errors import UsageError
from nmtool.exporters.c.format import C
from nmtool.exporters.formats import (
    OWN_PLACES,
    all_formats,
    artefact_at,
    format_for,
    format_named,
    formats_that_run,
    formats_that_write,
    places,
)
from nmtool.exporters.referees import referees
from tests.refusals import refused

HAND_OVER = Path(__file__).parents[2] / "docs/guide/handover.md"


def test_every_format_has_an_entry_in_places() -> None:
    assert [exporter.name for exporter in all_formats()] == [*places()]
    for exporter in all_formats():
        assert format_named(exporter.name) is exporter
        assert bool(exporter.extensions) + exporter.is_folder == (exporter.writes or exporter.reads)
        assert exporter.writes or exporter.runs or exporter.reads
        assert not exporter.carries or exporter.writes


@pytest.mark.parametrize("name", ["lava", "onnx", "nir", "c"])
def test_formats_with_all_abilities(name: str) -> None:
    exporter = format_named(name)
    assert exporter.writes
    assert exporter.reads
    assert exporter.runs
    assert exporter.carries
    assert exporter.holds_floats == (name == "nir")
    assert name in formats_that_write()
    assert name in formats_that_run()


def test_referees_are_formats_that_run() -> None:
    assert {*referees()} <= {*formats_that_run()}
    assert [referee.name for referee in referees().values()] == [*referees()]


def test_paths_belong_to_one_format_only() -> None:
    extensions = [extension for place in places().values() for extension in place.extensions]
    assert len(set(extensions)) == len(extensions)


def test_the_format_of_a_path_is_recognised(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "network.npz", tmp_path / "network-lava"):
        assert artefact_at(path) is None
    (tmp_path / "network.c").mkdir()
    assert artefact_at(tmp_path / "network.c") is None
    assert isinstance(artefact_at(tmp_path / "network.C"), C)
    (tmp_path / "lava_network").mkdir()
    artefact = artefact_at(tmp_path)
    assert artefact is not None
    assert artefact.name == "lava"


IMPORTS = """
import sys
from nmtool.exporters.formats import format_named, places
homes = [place.home.rpartition(':')[0] for place in places().values()]
before = {*sys.modules}
for name in places():
    format_named(name)
    print(name, *dict.fromkeys(home for home in homes if home in sys.modules))
    for module in {*sys.modules} - before:
        if module.startswith('nmtool'):
            parent, _, child = module.rpartition('.')
            if parent in sys.modules:
                vars(sys.modules[parent]).pop(child, None)
            del sys.modules[module]
"""
"""Imports the formats one after the other, and removes all imported modules after each."""


def test_importing_a_format_imports_only_the_formats_that_it_builds_on() -> None:
    printed = subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, text=True)
    imported = {name: packages for name, *packages in map(str.split, printed.stdout.splitlines())}
    own = {name: place.home.partition(":")[0] for name, place in places().items()}
    core = {own[name] for name in OWN_PLACES}
    assert [*imported] == [*own], printed.stderr
    for name, home in own.items():
        # A format of a plug-in may build on formats of the core.
        allowed = set() if name in OWN_PLACES else core
        assert [other for other in imported[name] if other not in allowed] == [home]


def test_an_output_without_a_known_extension_is_refused() -> None:
    with refused(UsageError, "format-unclear") as caught:
        format_for("network.npz")
    assert ".npz" not in caught.value.why
    assert f"`to={'|'.join(formats_that_write())}`" in caught.value.fix
    with refused(UsageError, "format-unclear") as caught:
        format_for("network.none", {"npz": ".npz"})
    assert ".npz, .onnx, .nir, .c, .json" in caught.value.why
    assert f"`to=npz|{'|'.join(formats_that_write())}`" in caught.value.fix


def test_the_page_says_what_each_format_can_express() -> None:
    row = re.compile(r"^\| `(\w+)` \| (`.*`) \| (?:up to )?(\d+) \|$", re.MULTILINE)
    rows = row.findall(HAND_OVER.read_text("utf-8"))
    stated = {name: (tuple(re.findall(r"\w+", resets)), int(most)) for name, resets, most in rows}
    for name in OWN_PLACES:
        values = {limits.name: limits.values for limits in format_named(name).expresses}
        expressed = values.get("reset", ("zero",)), values.get("most_spikes", (1,))[-1]
        assert stated.pop(name) == expressed
    assert not stated


def test_unknown_names_are_refused() -> None:
    with refused(UsageError, "format-unknown") as caught:
        format_named("nest")
    assert "nest" in caught.value.what
    assert ", ".join(formats_that_write()) in caught.value.fix


def test_formats_that_are_only_written_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(C, "reads", False)
    with refused(UsageError, "format-not-read"):
        C("network.c").read()
