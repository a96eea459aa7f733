"""If one number of an export was changed, the export is refused, and the number is named."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import nmtool as nm
from nmtool.errors import ArtefactError, FileFormatError, NmtoolError
from nmtool.testing.networks import random_raster
from tests.refusals import refused

NETWORK = nm.round_network(nm.Network.layers([6, 8, 3])).network
RASTER = random_raster(1, 2, NETWORK.n_steps, NETWORK.channels.size)


def _in_text(start: str) -> Callable[[Path], None]:
    """Make a function that increases the first number after `start` by 2."""

    def change(path: Path) -> None:
        before, middle, after = path.read_text().partition(start)
        assert middle
        path.write_text(
            before + start + re.sub(r"-?\d+", lambda m: f"{int(m[0]) + 2}", after, count=1)
        )

    return change


def _in_graph(path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    model = onnx.load(path)
    loop = next(a.g for node in model.graph.node for a in node.attribute if a.HasField("g"))
    constants = [*model.graph.initializer, *loop.initializer]
    weight = next(constant for constant in constants if constant.name == "input->hidden.weight")
    weight.raw_data = bytes([weight.raw_data[0] + 2, *weight.raw_data[1:]])
    onnx.save(model, path)


CHANGES: dict[str, Callable[[Path], None]] = {
    "c": _in_text("weight_0_input_to_hidden[48] = {"),
    "json": _in_text('"weight": ['),
    "onnx": _in_graph,
}


@pytest.mark.parametrize("data", [None, RASTER])
@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_number_is_named(name: str, data: nm.Raster | None, tmp_path: Path) -> None:
    if name == "onnx":
        pytest.importorskip("onnx")
    path = nm.export(NETWORK, tmp_path / f"network.{name}")
    CHANGES[name](path)
    with refused(FileFormatError, "file-damaged" if name == "json" else "export-changed") as caught:
        nm.verify(NETWORK, data, artefact=path, trust=True)
    was = NETWORK.projections[0].weight[0, 0]
    unit = 1 if name == "json" else 2
    (finding,) = caught.value.findings
    what = f"weight [0, 0] is {was + 2 * unit}, not {was}"
    assert (finding.where, finding.what) == ("input → hidden", what)
    with refused(FileFormatError, caught.value.code) as alone:
        nm.verify(path)
    assert alone.value.findings == ()
    assert "--artefact" in alone.value.fix


def test_a_file_that_cannot_be_read_names_no_number(tmp_path: Path) -> None:
    path = nm.export(NETWORK, tmp_path / "network.json")
    path.write_text(path.read_text().replace('"weight": [', '"weight": [7, ', 1))
    with refused(FileFormatError, "file-damaged") as caught:
        nm.verify(NETWORK, artefact=path)
    assert caught.value.findings == ()


def test_the_numbers_of_another_network_are_named(tmp_path: Path) -> None:
    hidden = replace(NETWORK.populations[0], vth=NETWORK.populations[0].vth + 1)
    other = replace(NETWORK, populations=[hidden, *NETWORK.populations[1:]])
    path = nm.export(other, tmp_path / "network.c")
    with refused(ArtefactError, "artefact-other-network") as caught:
        nm.verify(NETWORK, artefact=path)
    [finding] = caught.value.findings
    assert (finding.where, finding.what) == ("hidden", f"vth is {hidden.vth}, not {hidden.vth - 1}")
    smaller = nm.round_network(nm.Network.layers([6, 4, 3])).network
    with pytest.raises(NmtoolError) as caught_shape:
        nm.verify(smaller, artefact=path)
    assert "weight shape is [6, 8], not [6, 4]" in str(caught_shape.value)
