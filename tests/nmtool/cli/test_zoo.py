"""`nmtool zoo`, and networks of the zoo where a path is expected."""

from __future__ import annotations

from nmtool import zoo
from tests.nmtool.cli.conftest import Nmtool

NAMES = zoo.names()


def test_the_networks_of_the_zoo_are_printed(nmtool: Nmtool) -> None:
    result = nmtool("zoo")
    assert result.code == 0
    assert all(f"zoo:{name}" in result.out for name in NAMES)
    assert [network["name"] for network in nmtool("zoo", "--json").json["networks"]] == [
        f"zoo:{name}" for name in NAMES
    ]
    content = nmtool("zoo", "digits", "--json").json
    assert content["hash"] == zoo.load("digits").content_hash
    assert content["hash"] in nmtool("zoo", "digits").out
    for words in (("zoo", "digit"), ("inspect", "zoo:digit")):
        result = nmtool(*words)
        assert (result.code, result.error) == (2, "zoo-unknown")
    result = nmtool("evaluate", "zoo:yinyang", "yinyang", "--samples", "20", "--json")
    assert result.code == 0
    assert (result.json["network"], result.json["samples"]) == ("zoo:yinyang", 20)
