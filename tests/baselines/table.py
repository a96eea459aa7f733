"""All commands whose results are recorded, by name, in the order in which they run.

A command may use files that `material.py` wrote and those that commands above it made.
"""

from __future__ import annotations

from typing import NamedTuple


class Ask(NamedTuple):
    """A command, and the parts of its result that are recorded.

    Exit code, code of the error and codes of findings are recorded for every command.

    Attributes:
        name: name of the result in a recording; it stays if the spelling of the command changes.
        words: words of the command line; `--json` is added.
        makes: file or folder of which all digests are recorded; '' for none.
        lines: run the command again without `--json`, and record the lines with numbers.
        json: False for a command without `--json`.
    """

    name: str
    words: str
    makes: str = ""
    lines: bool = False
    json: bool = True


_FORMATS = {
    "lava": "chain_lava",
    "onnx": "chain.onnx",
    "nir": "chain.nir",
    "c": "chain.c",
    "verilog": "chain_verilog",
    "netx": "chain.net",
}
"""Exports of `chain.npz`, which every format can represent, by format."""

_MLGENN = "--in tau_mem_ms=20 --in tau_syn_ms=Hid:5,Out:4 --in threshold=1 --in-steps 40"
_NIR = "--in-nir-dt 0.001 --in-steps 40"
_SMALL = "--hidden 10 --steps 40 --max-delay 20 --batch-size 15 --validation 15 --threads 1"

INTEGERS = (
    # Commands on stored files
    Ask("zoo", "zoo", lines=True),
    Ask("zoo digits", "zoo digits"),
    Ask("inspect zoo", "inspect zoo:digits --targets", lines=True),
    Ask("inspect chain", "inspect chain.npz --targets"),
    Ask("inspect graph", "inspect graph.npz --targets", lines=True),
    Ask("inspect recording", "inspect simulated.npz --targets"),
    Ask("inspect foreign nir", "inspect foreign.nir --targets"),
    Ask("inspect foreign netx", "inspect foreign.net --targets", lines=True),
    # Commands on data
    Ask("data digits", "data digits"),
    Ask("data yinyang", "data yinyang"),
    Ask("data folder", "data words", lines=True),
    Ask("data csv", "data spikes.csv -o csv --test 0.25", "csv"),
    Ask("data dense", "data dense.npz -o dense --dt 1 --test 0.25", "dense"),
    # Simulations of integer networks
    Ask("evaluate zoo", "evaluate zoo:digits digits --classes"),
    Ask("evaluate graph", "evaluate graph.npz words --classes", lines=True),
    Ask("predictions", "evaluate graph.npz words --predictions graph.csv", "graph.csv"),
    Ask("run zoo", "evaluate zoo:yinyang yinyang --samples 200"),
    # Targets and costs
    Ask("check chain", "check chain.npz --target all"),
    Ask("check graph", "check graph.npz --target all"),
    Ask("check zoo", "check zoo:digits --target loihi1 --target xylo-audio2", lines=True),
    Ask("cost zoo", "check zoo:digits --data digits --samples 20 --target loihi1 --sources"),
    Ask("cost several", "check chain.npz graph.npz --data words --target loihi1", lines=True),
    Ask("cost energy", "check graph.npz --data words --target loihi2 --energy-of loihi1"),
    Ask("compare integers", "compare chain.npz --with graph.npz --data words", lines=True),
    Ask(
        "compare clusters",
        "compare graph.npz graph2.npz --with chain.npz chain.npz --data words --cluster speaker "
        "--cluster 3",
    ),
    Ask("report graph", "report graph.npz words --against c --target all"),
    Ask("report chain", "report chain.npz words", lines=True),
    # Exports and their known answers
    Ask("export onnx", "export chain.npz -o chain.onnx --data words", "chain.onnx"),
    Ask("export nir", "export chain.npz -o chain.nir --data words", "chain.nir"),
    Ask("export c", "export chain.npz -o chain.c --data words", "chain.c"),
    Ask("export netx", "export chain.npz -o chain.net --data words", "chain.net"),
    Ask("export lava", "export chain.npz --to lava -o chain_lava --data words", "chain_lava"),
    Ask(
        "export verilog", "export chain.npz --to verilog -o chain_verilog --data words",
        "chain_verilog",
    ),
    *(Ask(f"inspect {name}", f"inspect {path} --targets") for name, path in _FORMATS.items()),
    *(Ask(f"certificate {name}", f"verify {path}") for name, path in _FORMATS.items()),
    *(
        Ask(f"run {name}", f"evaluate {path} words --samples 4 --classes")
        for name, path in _FORMATS.items()
        if name != "netx"
    ),
    # Options of exports
    Ask("export zoo onnx", "export zoo:digits -o zoo.onnx --data digits", "zoo.onnx"),
    Ask("export zoo c", "export zoo:digits -o zoo.c --data digits --prefix kws", "zoo.c"),
    Ask("export zoo header", "inspect zoo.c --targets", "zoo.h"),
    Ask("export graph lava", "export graph.npz --to lava -o graph_lava", "graph_lava"),
    Ask("export graph nir", "export graph.npz -o graph.nir", "graph.nir"),
    Ask("export nir current", "export chain.npz -o current.nir --readout current", "current.nir"),
    Ask(
        "export nir free", "export zoo:yinyang -o free.nir --hops free --nir-dt 0.001", "free.nir"
    ),
    Ask(
        "export verilog lanes",
        "export graph.npz --to verilog -o lanes --lanes 4 --part ecp5-25 --deep", "lanes",
    ),
    Ask("export verilog small", "export zoo:digits --to verilog -o small --part ice40up5k"),
    Ask("export netx unfit", "export graph.npz -o graph.net"),
    # Conversions from every format and to every format
    *(
        Ask(f"convert {name} to npz", f"convert {path} from_{name}.npz", f"from_{name}.npz")
        for name, path in _FORMATS.items()
    ),
    Ask("convert and check onnx", "convert zoo:yinyang yinyang.onnx", lines=True),
    Ask("convert and check c", "convert graph.nir graph.c"),
    Ask("convert and check verilog", "convert chain.npz checked --to verilog --lanes 2"),
    Ask("convert foreign netx", "convert foreign.net foreign.c", "foreign.c"),
    # Certificates
    Ask("verify zoo", "verify zoo:digits digits --against c --against onnx --samples 10"),
    Ask("verify generated", "verify zoo:spoken-digits --against c"),
    Ask("verify deep", "verify graph.npz words --against onnx --deep --samples 9", lines=True),
    Ask("verify exercise", "verify chain.npz words --against c --exercise", lines=True),
    Ask("verify nir", "verify chain.npz words --against nir --samples 9"),
    Ask("verify verilog", "verify graph.npz words --against verilog --samples 3"),
    Ask("verify lava", "verify graph.npz words --against lava --samples 5"),
    Ask(
        "verify stock",
        "verify chain.npz words --against lava --option lava.model=stock --samples 1",
    ),
    Ask("verify netx", "verify chain.npz words --against netx --samples 5"),
    Ask("verify artefact", "verify chain.npz words --artefact chain.onnx --samples 9"),
    Ask("verify other artefact", "verify graph.npz words --artefact chain.onnx --samples 9"),
    Ask("verify recording", "verify chain.npz words --against recording.npz", lines=True),
    Ask("verify differs", "verify chain.npz words --against faulty.npz", lines=True),
    # Calls with mistakes
    Ask("error command", "exprot chain.npz"),
    Ask("error option", "verify chain.npz --agianst c"),
    Ask("error missing", "inspect nothing.npz"),
    Ask("error damaged", "evaluate damaged.npz words"),
    Ask("error graph", "convert text.nir x.npz"),
    Ask("error graph unfit", f"convert unfit.nir x.npz {_NIR}"),
    Ask("error taken", "export chain.npz -o chain.onnx"),
    Ask("error extension", "export chain.npz -o chain.txt"),
    Ask("error channels", "evaluate zoo:digits words"),
    Ask("error data", "evaluate chain.npz nowhere"),
    Ask("error split", "evaluate chain.npz words:validation"),
    Ask("error target", "check chain.npz --target loihi9"),
    Ask("error backend", "verify chain.npz words --against spinnaker"),
    Ask("error quantised", "quantise chain.npz -o x.npz"),
    Ask("error answers", "verify foreign.net"),
    Ask("error mlgenn", "convert checkpoints x.npz --in tau_mem_ms=Hid:20"),
    Ask("error unused", "convert chain.npz x.c --in threshold=1"),
    Ask("error floats", "export floats.npz -o x.c"),
    Ask("error zoo", "zoo letters"),
    Ask("error recipe", "train words -o x --config letters"),
    Ask("error setting", "train words -o x --batch-size 0"),
    Ask("error join", "join chain.npz chain.npz -o x.npz"),
)  # fmt: skip
"""Commands on stored integers, with the same results on every processor."""

FLOATS = (
    # Float networks, and networks from other tools
    Ask("inspect floats", "inspect floats.npz --targets", lines=True),
    Ask("evaluate floats", "evaluate floats.npz words --classes --threads 1", lines=True),
    Ask("join", "join floats.npz floats2.npz -o both.npz --weights 1 0.5", "both.npz"),
    Ask("evaluate joined", "evaluate both.npz words --threads 1"),
    Ask("convert foreign nir", f"convert foreign.nir foreign.npz {_NIR}", "foreign.npz"),
    Ask(
        "convert foreign nir otherwise",
        f"convert foreign.nir other.npz {_NIR} --in-dt-ms 2 --in-rule window --in-window 9",
        "other.npz",
    ),
    Ask("evaluate foreign", "evaluate foreign.npz words --threads 1"),
    Ask("convert mlgenn", f"convert checkpoints mlgenn.npz {_MLGENN}", "mlgenn.npz"),
    Ask(
        "convert mlgenn epoch", f"convert checkpoints mlgenn4.npz {_MLGENN} --in epoch=4",
        "mlgenn4.npz",
    ),
    Ask("quantise mlgenn", "quantise mlgenn4.npz -o mlgenn8.npz --data words", "mlgenn8.npz"),
    Ask("convert mlgenn to c", "convert mlgenn8.npz mlgenn.c --data words", "mlgenn.c"),
    Ask("export floats nir", "export floats.npz -o floats.nir", "floats.nir"),
    Ask("certificate floats", "verify floats.nir words --samples 9"),
    Ask("verify floats", "verify floats.npz words --against nir --samples 9 --threads 1"),
    # Rounding to integers
    Ask("quantise", "quantise floats.npz -o q.npz --data words", "q.npz", lines=True),
    Ask("quantise uncalibrated", "quantise floats.npz -o q0.npz", "q0.npz"),
    Ask(
        "quantise bits",
        "quantise floats.npz -o q4.npz --data words --weight-bits 4 --delay-bits 3", "q4.npz",
    ),
    Ask("quantise relays", "quantise floats.npz -o relays.npz --data words --relays", "relays.npz"),
    Ask(
        "quantise search",
        "quantise floats.npz -o qs.npz --data words --ranges search --scale data", "qs.npz",
    ),
    Ask("quantise loihi1", "quantise foreign.npz -o q1.npz --data words --target loihi1", "q1.npz"),
    Ask("check floats", "check floats.npz --target all"),
    Ask("cost bits", "check q.npz q4.npz --data words --target loihi1", lines=True),
    Ask("check relays", "check relays.npz"),
    Ask("verify relays", "verify relays.npz words --against c --against onnx"),
    # Training
    Ask("train", f"train words -o run {_SMALL} --epochs 3", "run"),
    Ask(
        "train integers", f"train words -o integers {_SMALL} --epochs 3 --arithmetic integer",
        "integers",
    ),
    Ask(
        "train layers",
        f"train words -o layers {_SMALL} --hidden 6@5+4@20,5 --epochs 2 --readout first_spike "
        "--axonal --sparsity 0.3 --jitter 1 --shift 1 --average 0.9 --validation-by speaker",
        "layers",
    ),
    Ask("train digits", "train digits -o digits --config digits --epochs 2 --threads 1", "digits"),
    Ask("resume", "train words -o run --resume --epochs 4 --threads 1", "run"),
    Ask("finetune", "train --start run -o tuned --epochs 1 --threads 1", "tuned"),
    Ask(
        "finetune integers",
        "train --start run -o tuned4 --epochs 1 --arithmetic integer --weight-bits 4 --threads 1",
        "tuned4",
    ),
    Ask(
        "search",
        "search words -o study --budget 3 --steps 40 --hidden 10 "
        "--max-delay 20 --epochs 1 --validation 15 --threads 1",
        "study",
    ),
    Ask(
        "crossvalidate",
        f"train words -o cv --by speaker --folds 2 --seeds 2 {_SMALL} --epochs 1",
        "cv",
    ),
    Ask(
        "crossvalidate integers",
        f"train words -o cvi --by speaker --folds 2 --seeds 2 {_SMALL} --epochs 1 "
        "--arithmetic integer",
        "cvi",
    ),
    Ask("inspect crossvalidation", "inspect cv --targets", lines=True),
    Ask("compare crossvalidations", "compare cvi --with cv --cluster speaker", lines=True),
    # Commands on finished runs
    Ask("evaluate run", "evaluate run words --classes --threads 1", lines=True),
    Ask("evaluate validation", "evaluate run words:validation --threads 1"),
    Ask("compare run", "compare integers --data words --threads 1", lines=True),
    Ask("inspect run", "inspect run --targets"),
    Ask("quantise run", "quantise run -o run8.npz", "run8.npz"),
    Ask("quantise digits", "quantise digits -o digits.npz", "digits.npz"),
    Ask(
        "report run",
        "report run --target loihi2 --samples 30 --threads 1 -o run.html", "run.html",
    ),
    Ask("report integers", "report integers --threads 1"),
    Ask("verify run", "verify run8.npz words --against c --against onnx --threads 1"),
    Ask("export run", "export run8.npz -o run.onnx", "run.onnx"),
    Ask("demo", "demo -o demo --epochs 1 --samples 5 --threads 1", "demo"),
)  # fmt: skip
"""Commands that compute in floats, whose results depend on the processor."""

SPEECH = (
    Ask("speech", "train {speech} -o s --config fsdd700 --epochs 1 --threads 1", "s"),
    Ask(
        "speech integers",
        "train {speech} -o si --config fsdd700_integer --epochs 1 --threads 1", "si",
    ),
    Ask(
        "speech four bits",
        "train --start si -o s4 --config fsdd700_four_bits --epochs 1 --threads 1", "s4",
    ),
)  # fmt: skip
"""An epoch of each recipe for spoken digits, where their data set is named."""
