"""`nmtool.check`: integer and float networks, formats, and targets of users."""

from __future__ import annotations

from inspect import signature
from pathlib import Path

import pytest

import nmtool as nm
from nmtool.exporters.c.format import C
from nmtool.exporters.formats import OWN_PLACES, places
from nmtool.targets import checking, target_named, target_names
from nmtool.targets.checking import ALL, fits_of_format
from nmtool.targets.fit import APPROXIMATE, FAITHFUL, UNSUPPORTED
from tests.networks.chains import chain_network
from tests.networks.layered import layered_network
from tests.refusals import refused

CHAIN = chain_network(4)
FLOATS = layered_network(5)


def words(report: nm.CheckReport) -> dict[str, str]:
    return {fit.target.name: fit.verdict for fit in report.fits}


def test_integers_on_every_target() -> None:
    tiny = nm.Target("tiny", max_delay=2)
    report = nm.check(CHAIN, [*target_names(), tiny])
    verdicts = words(report)
    assert list(verdicts) == [*target_names(), "tiny"]
    assert words(nm.check(CHAIN, ALL)) == {name: verdicts[name] for name in target_names()}
    assert {verdicts[name] for name in ("lava", "onnx", "c", "loihi1", "loihi2")} == {FAITHFUL}
    assert verdicts["nir"] == APPROXIMATE
    assert verdicts["tiny"] == UNSUPPORTED
    assert report["tiny"].unsupported
    assert not report.fits_everywhere
    assert nm.check(CHAIN).fits_everywhere
    assert report.network_hash == CHAIN.content_hash
    (table, *_) = report.tables()
    assert [row[0] for row in table.rows] == [*target_names(), "tiny"]
    assert report.as_json()["targets"][0]["target"] == target_names()[0]


def test_one_target_or_several_are_named_by_the_same_argument() -> None:
    assert words(nm.check(CHAIN, target="c")) == words(nm.check(CHAIN, target=[target_named("c")]))
    functions = (nm.check, nm.report, nm.cost, nm.compare_cost, nm.quantise, nm.round_network)
    assert all("target" in signature(function).parameters for function in functions)


def test_a_format_has_findings_for_parts_it_cannot_represent(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Export to the format reports the same findings."""
    finding = nm.Finding("c-size", "h0", "too large", "shrink it")
    monkeypatch.setattr(C, "misfits", lambda *_: [finding])
    report = nm.check(CHAIN, ["c", "onnx"])
    assert words(report) == {"c": UNSUPPORTED, "onnx": FAITHFUL}
    with refused(nm.DoesNotFitError, "format-does-not-fit") as caught:
        nm.export(CHAIN, tmp_path / "nowhere.c")
    assert report["c"].unsupported == caught.value.findings == (finding,)
    assert list(tmp_path.iterdir()) == []


def test_floats_are_rounded_except_for_formats_with_floats() -> None:
    report = nm.check(FLOATS, ["c", "nir", "loihi2"])
    assert words(report) == {"c": APPROXIMATE, "nir": FAITHFUL, "loihi2": APPROXIMATE}
    assert "floats-rounded" in [finding.code for finding in report["c"].approximate]
    assert report.arithmetic == "float"


def test_rounding_for_a_target_clips_to_its_limits() -> None:
    short = nm.Target("short", max_delay=2)
    codes = [finding.code for finding in nm.check(FLOATS, short)["short"].approximate]
    assert "delay-range" in codes
    none = nm.check(FLOATS, nm.Target("none", max_delay=0))["none"]
    assert {finding.code for finding in none.unsupported} == {"target-without-delays"}


def test_floats_are_rounded_to_the_bits_of_a_target() -> None:
    few = nm.Target("few", weight_bits=(2, 3), delay_bits=(1, 2), max_delay=3)
    assert words(nm.check(FLOATS, few)) == {"few": APPROXIMATE}


def test_a_path_and_a_target_file_of_a_user(tmp_path: Path) -> None:
    CHAIN.save(tmp_path / "net.npz")
    (tmp_path / "mine.toml").write_text(
        'name = "mine"\nkind = "chip"\narithmetic = { value = "loihi2", mark = "inferred" }\n'
        '[core]\nneurons = { value = 1, mark = "inferred", note = "one" }\n'
        '[chip]\ncores = { value = 2, mark = "inferred" }\n'
    )
    report = nm.check(tmp_path / "net.npz", tmp_path / "mine.toml")
    assert [finding.code for finding in report["mine"].unsupported] == ["cores-exceeded"]
    assert report["mine"].resources.cores == sum(p.size for p in CHAIN.populations)


def test_unknown_targets_are_refused() -> None:
    with refused(nm.UsageError, "target-unknown"):
        nm.check(CHAIN, "loihi3")
    with refused(nm.UsageError, "target-missing"):
        nm.check(CHAIN, [])


@pytest.mark.parametrize("name", [name for name in places() if name in target_names()])
def test_every_format_is_a_target_and_may_have_chips(name: str) -> None:
    first, *others = fits_of_format(CHAIN, name)
    assert first.target.name == name
    assert first.target is target_named(name)
    chips = [fit.target.name for fit in others]
    assert chips == [
        target
        for target in target_names()
        if target != name and target_named(target).format == name
    ]
    assert name != "lava" or chips == ["loihi2"]


def test_every_format_of_the_core_is_a_target() -> None:
    assert {*OWN_PLACES} <= {*target_names()}


def test_a_format_gets_the_options_of_the_export() -> None:
    assert not fits_of_format(CHAIN, "nir")[0].unsupported
    (fit,) = fits_of_format(CHAIN, "nir", nm.NirOptions(hops="free"))
    assert {finding.code for finding in fit.unsupported} == {"drive-ahead"}


def test_export_convert_and_inspect_give_the_same_verdicts(tmp_path: Path) -> None:
    CHAIN.save(tmp_path / "net.npz")
    done = nm.convert(tmp_path / "net.npz", tmp_path / "net.json")
    assert [(fit.target.name, fit.verdict) for fit in done.fits] == [("json", FAITHFUL)]
    assert done.as_json()["targets"][0]["verdict"] == FAITHFUL
    assert nm.inspect(tmp_path / "net.npz", targets=True)["targets"] == words(nm.check(CHAIN, ALL))


def test_targets_that_round_alike_share_the_rounded_network(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    right, targets = checking.quantise_network, []
    monkeypatch.setattr(
        checking, "quantise_network", lambda *a, **k: targets.append(k["target"]) or right(*a, **k)
    )
    floats = nm.Network.layers([4, 6, 2], delays=70, seed=3)
    together = nm.check(floats, ALL)
    assert len({target.rounding for target in targets}) == len(targets) < len(together.fits) / 2
    targets.clear()
    alone = [nm.check(floats, fit.target).fits[0] for fit in together.fits]
    assert together.fits == tuple(alone)


@pytest.mark.usefixtures("tiny8")
def test_a_network_of_another_arithmetic(tmp_path: Path) -> None:
    """It runs on the chip with this arithmetic; all other targets and formats refuse it."""
    file = tmp_path / "mine.toml"
    file.write_text(
        "name = 'mine'\nkind = 'chip'\narithmetic = { value = 'tiny8', mark = 'inferred' }"
    )
    floats = nm.Network.layers([4, 6, 2], delays=15, seed=3)
    network = nm.round_network(floats, weight_bits=5, target=file).network
    assert nm.check(network, file)["mine"].verdict == FAITHFUL
    report = nm.check(network, ALL)
    assert report.arithmetic == "tiny8"
    for fit in report.fits:
        codes = [finding.code for finding in fit.unsupported]
        assert "target-arithmetic" in codes, fit.target.name
    assert "quantise the float network" in nm.check(CHAIN, file)["mine"].words
    codes = [finding.code for finding in nm.check(CHAIN, file)["mine"].unsupported]
    assert codes == ["target-arithmetic"]
