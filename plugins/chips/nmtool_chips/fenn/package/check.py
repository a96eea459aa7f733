"""Exit with a message if this Python does not have the PyFeNN that nmtool was compared with.

python check.py VERSION
"""

from __future__ import annotations

import sys
from importlib import metadata

import pyfenn

version = metadata.version("pyfenn")
if version != sys.argv[1]:
    sys.exit(f"pyfenn {version} is not {sys.argv[1]}, the one that nmtool was compared with")
if not hasattr(pyfenn, "BackendFeNNSim"):
    sys.exit("this pyfenn is another project: it has no BackendFeNNSim")
