"""Write the number of clocks of each test case of the Verilog core, in Icarus.

    python -m plugins.fpga.tests.verilog_clocks > plugins/fpga/tests/verilog_clocks.txt

Tests compare with this file, to detect changes that make the core slower.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from plugins.fpga.tests.verilog.cases import RTL, Case, all_cases, verdict
from plugins.fpga.tests.verilog.modules import MODULES

RECORDED = Path(__file__).parent / "verilog_clocks.txt"


def recorded() -> dict[str, str]:
    """Recorded clocks by case."""
    return dict(line.split() for line in RECORDED.read_text().splitlines())


def main() -> None:
    """Write a line per case: its name and clocks."""
    for case in [*MODULES, *all_cases()]:
        names = None if isinstance(case, Case) else case.sources
        sources = (
            sorted(RTL.glob("*.v"))
            if names is None
            else [RTL / f"nmtool_{name}.v" for name in names]
        )
        with tempfile.TemporaryDirectory() as folder:
            answer = verdict(Path(folder, "case"), case.write(Path(folder, "case")), sources)
        if not answer.startswith("same in "):
            raise SystemExit(f"{case.name}: {answer}")
        print(case.name, answer.split()[2])


if __name__ == "__main__":
    main()
