"""Commands on C files: exported, run, verified; code of others is never compiled."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from nmtool.exporters.c import C
from nmtool.network.integer_network import IntegerNetwork
from tests.exporters.c_programs import compiled, said
from tests.nmtool.cli.conftest import Nmtool

pytestmark = [
    pytest.mark.usefixtures("data"),
    pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler"),
]


@pytest.fixture
def file(nmtool: Nmtool, integers: Path) -> Path:
    assert nmtool("export", integers, "-o", "network.c").code == 0
    return Path("network.c")


def test_a_c_file_runs(nmtool: Nmtool, file: Path, integers: Path) -> None:
    expected = nmtool("evaluate", integers, "two", "--json").json
    result = nmtool("run", file, "two", "--json")
    assert (result.code, result.json["format"]) == (0, "c")
    for key in ("accuracy", "spikes_per_neuron", "synaptic_events_per_sample", "hash", "samples"):
        assert result.json[key] == expected[key], key


def test_a_c_file_is_verified_by_its_known_answers(
    nmtool: Nmtool, file: Path, tmp_path: Path
) -> None:
    result = nmtool("verify", file, "--json")
    assert result.code == 0
    entry = result.json["backends"]["c"]
    spikes = C(file).known_answers().spikes
    bins = spikes.n_samples * spikes.n_steps
    assert (entry["spikes_compared"], entry["spikes_different"]) == (3 * bins, 0)
    assert (entry["membrane_compared"], entry["membrane_different"]) == (2 * 5 * bins, 0)
    code, lines = said(compiled("-DNMTOOL_MAIN", file, folder=tmp_path))
    assert (code, lines[1:]) == (
        0,
        [
            f"spikes compared {3 * bins}, different 0",
            f"membranes compared {2 * bins}, different 0",
            f"u and v compared {2 * 5 * bins}, steps different 0",
        ],
    )


def test_a_c_file_equals_the_simulator(nmtool: Nmtool, integers: Path) -> None:
    result = nmtool("verify", integers, "two", "--against", "c", "--deep", "--json")
    assert result.code == 0
    entry = result.json["backends"]["c"]
    assert (entry["spikes_compared"], entry["spikes_different"]) == (540, 0)
    assert (entry["membrane_compared"], entry["membrane_different"]) == (6 * 30 * (2 + 5 + 3), 0)


def test_a_file_is_a_network(nmtool: Nmtool, file: Path, integers: Path) -> None:
    expected = IntegerNetwork.load(integers).content_hash
    assert nmtool("inspect", file, "--json").json["hash"] == expected
    assert nmtool("export", file, "-o", "again.c").code == 0
    assert C("again.c").network.content_hash == expected


def test_with_a_prefix_a_header_is_written(nmtool: Nmtool, integers: Path) -> None:
    words = ("export", integers, "-o", "kws.c", "--prefix", "kws", "--json")
    result = nmtool(*words)
    assert (result.code, result.json["path"], result.json["header"]) == (0, "kws.c", "kws.h")
    assert nmtool("verify", "kws.c").code == 0
    expected = nmtool("evaluate", integers, "two", "--json").json["accuracy"]
    assert nmtool("run", "kws.c", "two", "--json").json["accuracy"] == expected
    assert nmtool(*words).error == "path-taken"
    assert nmtool(*words, "--force").code == 0
    Path("kws.h").write_text("int kws_step(void);\n")
    for command in (("verify", "kws.c"), ("run", "kws.c", "two")):
        result = nmtool(*command)
        assert (result.code, result.out, result.error) == (2, "", "c-header-differs")
    Path("kws.c").unlink()
    assert nmtool(*words).error == "path-taken"
    assert not Path("kws.c").exists()


def test_a_conversion_with_a_prefix(nmtool: Nmtool, integers: Path) -> None:
    result = nmtool("convert", integers, "kws.c", "--prefix", "kws", "--json")
    assert (result.code, result.json["check"]["ran"]) == (0, True)
    assert "kws_step" in Path("kws.h").read_text()
    assert nmtool("convert", "kws.c", "alone.c", "--json").json["hash"] == result.json["hash"]
    assert not Path("alone.h").exists()


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["-o", "kws.c", "--prefix", "9"], "c-prefix"),
        (["-o", "kws.c", "--prefix", "neuron"], "c-prefix-taken"),
        (["--to", "lava", "-o", "kws", "--prefix", "kws"], "prefix-unused"),
    ],
)
def test_prefixes_that_do_not_fit(
    words: list[str], error: str, nmtool: Nmtool, integers: Path
) -> None:
    result = nmtool("export", integers, *words)
    assert (result.code, result.out, result.error) == (2, "", error)
    assert [path.name for path in Path().glob("kws*")] == []


@pytest.mark.parametrize("command", ["verify", "run"])
def test_code_of_others_is_not_compiled(command: str, nmtool: Nmtool, file: Path) -> None:
    """It would leave a file behind."""
    hostile = (
        '#include <stdio.h>\n__attribute__((constructor)) void f(void) { fopen("hit", "w"); }\n'
    )
    words = ["two"] if command == "run" else []
    own = file.read_text()
    for text, error in (
        (hostile, "file-foreign"),
        (hostile + own, "export-changed"),
        (own + hostile, "file-foreign"),
    ):
        file.write_text(text)
        result = nmtool(command, file, *words)
        assert (result.code, result.out, result.error) == (2, "", error)
    assert not list(Path().rglob("hit"))


@pytest.mark.parametrize("words", [("verify", "network.c"), ("run", "network.c", "two")])
def test_a_missing_compiler_is_an_error(
    words: tuple[str, ...], nmtool: Nmtool, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", str(file.parent.absolute()))
    result = nmtool(*words)
    assert (result.code, result.out, result.error) == (3, "", "compiler-missing")


@pytest.mark.usefixtures("integers")
def test_a_command_to_copy_quotes_its_path(nmtool: Nmtool) -> None:
    result = nmtool("export", "integers.npz", "-o", "of today.c")
    assert result.code == 0
    assert "nmtool verify 'of today.c' " in result.out
