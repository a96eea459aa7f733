"""`python -m nmtool`."""

import sys
from pathlib import Path

# Python puts the working folder first; a user's own training.py there is not our room.
sys.path[0] = str(Path(__file__).resolve().parent.parent)

from nmtool.cli.main import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
