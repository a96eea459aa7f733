"""The engines there are: what each needs installed, and where its training step is.

An engine is a module with `build(network, workload)`, which returns a `TorchStep`. The same
engine on another device is one more entry here, with a module of its own.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field

from benchmarks.drive import Build
from nmtool.cli.threads import PATIENCE

OURS, BPTT, AUTOGRAD = "nmtool", "bptt", "bptt-autograd"
SNNTORCH, NORSE, DCLS = "snntorch", "norse", "dcls"
CPU, CUDA = "cpu", "cuda"
DEVICES = (CPU, CUDA)


@dataclass(frozen=True)
class Engine:
    """A trainer that can be measured.

    Attributes:
        name: its name in rows.
        device: the device it runs on.
        module: the module of its `build`.
        needs: modules that must be installed.
        has_delays: true for synapses with delays; else those of a workload are left out.
        environment: variables it runs with, as its own command line would set them.
    """

    name: str
    device: str
    module: str
    needs: tuple[str, ...]
    has_delays: bool
    environment: Mapping[str, str] = field(default_factory=dict)

    def missing(self) -> list[str]:
        """The modules it needs that are not installed."""
        return [name for name in self.needs if importlib.util.find_spec(name) is None]

    def build(self) -> Build:
        """The function that makes its training step; imports all it needs."""
        return importlib.import_module(self.module).build


ENGINES = (
    Engine(OURS, CPU, "benchmarks.ours", ("torch", "numba"), True, PATIENCE),
    Engine(OURS, CUDA, "benchmarks.ours_cuda", ("torch", "numba", "numba_cuda"), True, PATIENCE),
    Engine(BPTT, CPU, "benchmarks.peers.bptt", ("torch",), False),
    Engine(AUTOGRAD, CPU, "benchmarks.peers.bptt_autograd", ("torch",), False),
    Engine(SNNTORCH, CPU, "benchmarks.peers.snntorch", ("torch", "snntorch"), False),
    Engine(NORSE, CPU, "benchmarks.peers.norse", ("torch", "norse"), False),
    Engine(DCLS, CPU, "benchmarks.peers.dcls", ("torch", "DCLS"), True),
)


def find_engine(name: str, device: str) -> Engine | None:
    """The engine of that name on that device, if there is one."""
    return next((e for e in ENGINES if (e.name, e.device) == (name, device)), None)


def obstacle(name: str, device: str) -> str | None:
    """The reason an engine cannot be measured, or None."""
    engine = find_engine(name, device)
    if engine is None:
        return f"does not run on {device}"
    missing = engine.missing()
    return f"{', '.join(missing)} not installed" if missing else None
