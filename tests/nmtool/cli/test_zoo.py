"""`nmtool zoo`, and networks of the zoo where a path is expected."""

from __future__ import annotations

from nmtool import zoo
from tests.nmtool.cli.conftest import Nmtool

NAMES = zoo.names()


def test_the_command(nmtool: Nmtool) -> None:
    said = nmtool("zoo")
    assert said.code == 0
    assert all(f"zoo:{name}" in said.out for name in NAMES)
    assert [one["name"] for one in nmtool("zoo", "--json").json["networks"]] == [
        f"zoo:{name}" for name in NAMES
    ]
    content = nmtool("zoo", "digits", "--json").json
    assert content["hash"] == zoo.load("digits").content_hash
    assert content["hash"] in nmtool("zoo", "digits").out
    for words in (("zoo", "digit"), ("inspect", "zoo:digit")):
        said = nmtool(*words)
        assert (said.code, said.error) == (2, "zoo-unknown")
    said = nmtool("run", "zoo:yinyang", "yinyang", "--samples", "20", "--json")
    assert said.code == 0
    assert (said.json["export"], said.json["format"]) == ("zoo:yinyang", "hardware_sim")
