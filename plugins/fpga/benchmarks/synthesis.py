"""Resources of cores in Yosys, and nmtool's estimates.

    python -m plugins.fpga.benchmarks.synthesis

The networks of the zoo are synthesised with one and several lanes for an ECP5, and with few lanes
for an iCE40 UP, whose large memories store synapses and sums. nmtool estimates look-up tables after
placement, when there are more of them than after synthesis. This command does not place and route;
`make fit`, `make ecp5` and `make ice40` in an exported folder do.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

import nmtool as nm
from nmtool.network.integer_network import IntegerNetwork
from nmtool.targets import target_named
from nmtool_fpga.targets import ECP5, Fabric
from nmtool_fpga.verilog.fabric import LARGE_BANK_BITS, uses
from nmtool_fpga.verilog.folder import running_files

CASES = (
    *(("ecp5-85", "yinyang", lanes) for lanes in (1, 4, 16)),
    *(("ecp5-85", "digits", lanes) for lanes in (1, 2, 4, 8, 16)),
    *(("ecp5-85", "spoken-digits", lanes) for lanes in (1, 4, 8)),
    *(("ice40up5k", "yinyang", lanes) for lanes in (1, 4)),
    ("ice40up5k", "digits", 1),
)
"""Cores to synthesise: FPGA, network of the zoo, and number of lanes."""

_PROGRAMS = {ECP5: "synth_ecp5", "ice40up": "synth_ice40 -dsp -spram"}
_CELLS = {
    "look-up tables": {"LUT4": 1, "CCU2C": 2, "TRELLIS_DPR16X4": 4, "SB_LUT4": 1},
    "block RAMs": {"DP16KD": 1, "PDPW16KD": 1, "SB_RAM40_4K": 1},
    "large RAMs": {"SB_SPRAM256KA": 1},
    "multipliers": {"MULT18X18D": 1, "SB_MAC16": 1},
}
"""By resource, the types of Yosys's cells, and the number of units that a cell of each type takes,
as nextpnr counts them."""


def synthesise(network: IntegerNetwork, lanes: int, family: str) -> Mapping[str, int]:
    """Synthesise a core with Yosys, and return its numbers of cells by type.

    Args:
        network: network of the core.
        lanes: number of lanes of the core.
        family: family of the FPGA, a key of `_PROGRAMS`.
    """
    files = running_files(network, lanes)
    with tempfile.TemporaryDirectory() as name:
        for path, content in files.items():
            (Path(name) / path).parent.mkdir(exist_ok=True)
            (Path(name) / path).write_bytes(content)
        texts = " ".join(path for path in files if path.startswith("rtl/"))
        large = f" -chparam SINGLE_PORT 1 -chparam BANK_BITS {LARGE_BANK_BITS}"
        script = (
            f"read_verilog -defer {texts}; hierarchy -top nmtool_top"
            f"{'' if family == ECP5 else large}; {_PROGRAMS[family]} -top nmtool_top; "
            "check -assert; tee -o stat.json stat -json"
        )
        subprocess.run(["yosys", "-q", "-p", script], cwd=name, check=True)
        report = json.loads((Path(name) / "stat.json").read_text())
    return report["design"]["num_cells_by_type"]


def main() -> None:
    """Print a row per core: synthesised resources and, in brackets, nmtool's estimates."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.parse_args()
    version = subprocess.run(["yosys", "-V"], capture_output=True, text=True, check=True).stdout
    print(version.strip(), f"on {os.uname().machine}")
    for part, name, lanes in CASES:
        network, target = nm.zoo.load(name), target_named(part)
        cells = synthesise(network, lanes, Fabric.of(target).family or ECP5)
        parts = []
        for use in uses(network, target, lanes):
            total = sum(cells.get(cell, 0) * units for cell, units in _CELLS[use.resource].items())
            parts.append(f"{total} ({use.used}) {use.resource}")
        print(f"{name} on {lanes} lanes, {part}: {', '.join(parts)}", flush=True)


if __name__ == "__main__":
    main()
