"""`python -m nmtool`."""

import sys

from nmtool.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
