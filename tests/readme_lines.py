"""Run the lines of the README in a new folder, with the installed nmtool of this Python.

    PYTHON tests/readme_lines.py

The checkout cannot be imported there. The folder has files with the names of its rooms, and the
file that the lines write, as if they had run before.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]


def lines() -> str:
    """The lines of the README's first Python example."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    return readme.partition("```python\n")[2].partition("```")[0]


def main() -> int:
    """Run the lines; the exit code is 1 unless the certificate says different 0."""
    with tempfile.TemporaryDirectory(prefix="nmtool-lines-") as folder:
        for name in ("training", "exporters", "hardware_sim"):
            (Path(folder) / f"{name}.py").write_text("raise SystemExit('a file of the user')\n")
        (Path(folder) / "net.onnx").write_text("an earlier export\n")
        (Path(folder) / "lines.py").write_text(lines())
        done = subprocess.run(
            [sys.executable, "lines.py"], cwd=folder, stdout=subprocess.PIPE, text=True
        )
    print(sys.version.split()[0], done.stdout, sep="\n")
    return 0 if done.returncode == 0 and "different 0; spikes emitted" in done.stdout else 1


if __name__ == "__main__":
    sys.exit(main())
