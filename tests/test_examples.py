"""Every example runs and prints what its docstring says."""

from __future__ import annotations

import argparse
import ast
import json
import runpy
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import nmtool as nm
from nmtool.arithmetic import SILENT_THRESHOLD
from nmtool.cli.main import _parser, main
from nmtool.network.float_network import Network
from nmtool.training.options import SHAPE, TrainOptions
from nmtool.training.recipes import read_settings, recipe_names

EXAMPLES = Path(__file__).parents[1] / "examples"


def _run(
    name: str, monkeypatch: pytest.MonkeyPatch, folder: Path, capsys: pytest.CaptureFixture[str]
) -> str:
    """Output of a script that runs in a folder."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", [name])
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")
    return capsys.readouterr().out


def _promised(name: str) -> str:
    """The indented block after the line "prints" in a script's docstring."""
    text = ast.get_docstring(ast.parse((EXAMPLES / name).read_text(encoding="utf-8")))
    assert text is not None
    return textwrap.dedent(text.split("\nprints\n\n")[1]) + "\n"


@pytest.mark.torch
def test_own_training_loop(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "own_training_loop.py"
    assert _run(name, monkeypatch, tmp_path, capsys) == _promised(name)
    learnt = Network.load(tmp_path / "sequence.npz").projections[0]
    assert (learnt.weight == 1.0).all()
    assert (learnt.delay[[0, 1], [0, 1]] > learnt.delay[[0, 1], [1, 0]]).all()


@pytest.mark.torch
@pytest.mark.long
def test_the_notebook(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Run its cells in order; the last expression of a cell is displayed as in a notebook."""
    pytest.importorskip("onnxruntime")
    plt = pytest.importorskip("matplotlib.pyplot")
    plt.switch_backend("agg")
    monkeypatch.chdir(tmp_path)
    cells = json.loads((EXAMPLES / "digits.ipynb").read_text("utf-8"))["cells"]
    names: dict[str, object] = {}
    for cell in cells:
        assert not cell.get("outputs")
        if cell["cell_type"] == "code":
            tree = ast.parse("".join(cell["source"]))
            last = tree.body[-1]
            exec(compile(tree, "digits.ipynb", "exec"), names)
            if isinstance(last, ast.Expr) and isinstance(last.value, ast.Name):
                shown = names[last.value.id]._repr_html_()  # type: ignore[attr-defined]
                assert "<table" in shown
    plt.close("all")
    assert "different 0; spikes emitted" in capsys.readouterr().out


@pytest.mark.torch
def test_train_export_and_run_deployed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train_and_export = runpy.run_path(str(EXAMPLES / "train_and_export.py"))
    train_and_export["main"](tmp_path / "out", epochs=1)
    assert "validation accuracy" in capsys.readouterr().out
    assert (tmp_path / "out" / "lava" / "run.py").is_file()
    monkeypatch.setitem(sys.modules, "torch", None)
    runpy.run_path(str(EXAMPLES / "run_deployed.py"))["main"](str(tmp_path / "out" / "digits.npz"))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "107 channels, 100 steps of 1 ms"
    assert [line.split(":")[0] for line in lines[1:]] == ["sample 0", "sample 1"]
    assert lines[2].endswith(" 0 spikes")
    assert not lines[1].endswith(" 0 spikes")


@pytest.mark.torch
def test_trainer_against_simulator(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = ["--arithmetic", "integer", "--hidden", "8", "--steps", "60", "--epochs", "1"]
    assert main(["train", "digits", "-o", str(tmp_path / "run"), *settings]) == 0
    capsys.readouterr()
    example = runpy.run_path(str(EXAMPLES / "trainer_against_simulator.py"))
    example["main"](tmp_path / "run", "digits")
    spikes, membranes = capsys.readouterr().out.splitlines()
    assert spikes.startswith(f"trainer: spikes compared {300 * 60 * 8}, different 0; ")
    assert not spikes.endswith(" emitted 0")
    assert membranes == f"membranes compared {300 * 60 * 10}, different 0; predictions different 0"


def _two_channels(path: Path) -> None:
    """A network in which each of two channels drives the class `left` or `right`."""
    outputs = nm.IntegerPopulation("output", 2, "li", 400, 200, SILENT_THRESHOLD, scale=1.0)
    weight, delay = np.array([[90, 0], [0, 90]]), np.array([[3, 0], [0, 3]])
    synapses = nm.IntegerProjection("input", "output", weight, delay)
    readout, names = nm.Readout("output", "mean"), ("left", "right")
    channels = nm.InputChannels(2)
    nm.IntegerNetwork(channels, [outputs], [synapses], readout, 1.0, 100, names).save(path)


def _classify(*words: object) -> subprocess.Popen[str]:
    command = [sys.executable, EXAMPLES / "classify_stream.py", *map(str, words)]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    return subprocess.Popen(command, text=True, **pipes)


def test_classify_stream_prints_decisions_during_the_stream(tmp_path: Path) -> None:
    _two_channels(tmp_path / "net.npz")
    with _classify(tmp_path / "net.npz", "--window", 20) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("# a sensor\n\n5.5 1\n50\n")
        process.stdin.flush()
        # The program prints this line although its input is still open.
        assert process.stdout.readline() == "10 ms  right\n"
        process.stdin.write("60 0\n61 0\n20.5 1\n62 0\n120\n")
        process.stdin.flush()
        rest, errors = process.communicate()
    step, channel, sample = np.array([5, 60, 61, 62]), np.array([1, 0, 0, 0]), np.zeros(4, int)
    spikes = nm.Raster.from_events(sample, step, channel, (1, 120, 2))
    left, right = nm.simulate(nm.load(tmp_path / "net.npz"), spikes).membrane["output"][0].T
    ahead = [left[max(0, n - 20) : n].sum() > right[max(0, n - 20) : n].sum() for n in range(121)]
    assert not any(ahead[:60])
    assert rest.splitlines() == [f"{ahead.index(True)} ms  left"]
    assert (process.returncode, errors) == (0, "1 events came too late\n")


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("noon 1", "stream-line"),
        ("1 one", "stream-line"),
        ("nan 1", "session-time-range"),
        ("3 2", "event-channel-unknown"),
    ],
)
def test_classify_stream_refuses_invalid_events(line: str, code: str, tmp_path: Path) -> None:
    _two_channels(tmp_path / "net.npz")
    main = runpy.run_path(str(EXAMPLES / "classify_stream.py"))["main"]
    with pytest.raises(nm.NmtoolError) as caught:
        main(tmp_path / "net.npz", None, ["1 1", line])
    assert code in (caught.value.code, *(finding.code for finding in caught.value.findings))


RECIPES = pytest.mark.parametrize("recipe", recipe_names())


def _commands(file: Path) -> list[argparse.Namespace]:
    """The commands in the comment at the head of a file, parsed by nmtool."""
    lines = file.read_text(encoding="utf-8").splitlines()
    commands = [line.removeprefix("#").split() for line in lines if line.startswith("#")]
    return [
        _parser(words[1])[0].parse_args(words[1:]) for words in commands if words[:1] == ["nmtool"]
    ]


@pytest.mark.torch
@RECIPES
def test_recipes_are_settings(recipe: str) -> None:
    assert TrainOptions.from_file(recipe) != TrainOptions()


@pytest.mark.torch
@RECIPES
def test_recipes_name_a_command_that_accepts_them(recipe: str) -> None:
    (command,) = _commands(EXAMPLES.parent / "nmtool" / "recipes" / f"{recipe}.toml")
    assert command.config == recipe
    finetunes = getattr(command, "start", None) is not None
    assert not finetunes or not read_settings(recipe).keys() & set(SHAPE)
