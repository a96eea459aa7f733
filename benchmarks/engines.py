"""The engines that can be measured, with their training steps and the modules that they need.

An engine is a module with `build(network, workload)`, which returns a `TorchStep`. The same
engine on another device has another entry in `ENGINES`, with a module of its own.
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
        name: name of the engine in rows.
        device: device on which it runs.
        module: module with its function `build`.
        needs: modules that must be installed.
        has_delays: False if its synapses have no delays; it then ignores the delays of a workload.
        environment: environment variables that the engine's own command line sets.
    """

    name: str
    device: str
    module: str
    needs: tuple[str, ...]
    has_delays: bool
    environment: Mapping[str, str] = field(default_factory=dict)

    def missing(self) -> list[str]:
        """Required modules that are not installed."""
        return [name for name in self.needs if importlib.util.find_spec(name) is None]

    def build(self) -> Build:
        """Import the engine's module, and return the function that makes its training step."""
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
    """The engine with a name on a device; None if there is none."""
    return next((e for e in ENGINES if (e.name, e.device) == (name, device)), None)


def obstacle(name: str, device: str) -> str | None:
    """The reason why an engine cannot be measured; None if it can."""
    engine = find_engine(name, device)
    if engine is None:
        return f"does not run on {device}"
    missing = engine.missing()
    return f"{', '.join(missing)} not installed" if missing else None
