"""Print the results of nmtool's functions on the files of `material.py`, as JSON.

The interpreter of the nmtool that is recorded runs this as a script in the folder of these files.
It only uses public names. Its argument is a kind of results, `integers` or `floats`.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

import nmtool as nm

KEEP = 12
"""Largest array that is recorded in full; longer ones are recorded as sum and digest."""

data = nm.load_dataset("words")
chain, graph = nm.load("chain.npz"), nm.load("graph.npz")
floats = nm.load("floats.npz")
OPTIONS: dict[str, Any] = {"hidden": 8, "steps": 40, "max_delay": 20, "batch_size": 15, "epochs": 2}


def plain(value: Any) -> Any:
    """Convert a value to JSON; long arrays become their sum and digest."""
    if isinstance(value, np.ndarray):
        if value.size <= KEEP:
            return value.tolist()
        digest = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()[:16]
        shape, total = list(value.shape), value.sum().item()
        return {"shape": shape, "type": str(value.dtype), "sum": total, "sha256": digest}
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    return value.item() if isinstance(value, np.generic) else value


def recorded(recording: nm.Recording) -> dict[str, Any]:
    """Spikes, u and v of every population, and counts."""
    return {
        "spikes": {name: raster.dense() for name, raster in recording.spikes.items()},
        "membrane": recording.membrane,
        "current": recording.current,
        "potential": recording.potential,
        "predictions": recording.predictions,
        "counts": recording.counts,
    }


def digests(network: nm.Network | nm.IntegerNetwork) -> dict[str, Any]:
    """Content hash of a network, and its numbers by projection."""
    parts = {f"{p.source} to {p.target}": [p.weight, p.delay] for p in network.projections}
    return {"hash": network.content_hash, **parts}


def explained() -> dict[str, Any]:
    """The explanation found for an input weight that is too large by 8."""
    first, *others = chain.projections
    weight = np.array(first.weight)
    weight[4, 3] += 8
    bits = (first.weight_bits, first.weight_exponent)
    changed = nm.IntegerProjection(first.source, first.target, weight, first.delay, *bits)
    faulty = nm.IntegerNetwork(
        chain.channels, chain.populations, [changed, *others], chain.readout, chain.dt_ms,
        chain.n_steps, chain.class_names,
    )  # fmt: skip
    expected, actual = (nm.simulate(net, data.test, deep=True) for net in (chain, faulty))
    return nm.explain(chain, data.test, expected, actual).as_json()


def live() -> dict[str, Any]:
    """The results of a session that is fed event by event."""
    session = nm.Session(graph)
    sample = data.test[:1]
    session.feed(sample.unit, sample.time_ms)
    session.run_until(float(graph.n_steps))
    decision = session.decision()
    return {"decision": decision._asdict(), "counts": session.counts, "v": session.membrane("b")}


def gradients() -> dict[str, Any]:
    """Gradients of weights and delays of a loss on a batch."""
    model = nm.SpikingNetwork(floats, max_delay=floats.max_delay)
    samples = nm.bin_events(data.train[:20], floats.dt_ms, floats.n_steps).raster
    (membrane,) = model(samples).membrane.values()
    membrane.square().mean().backward()
    return {
        name: parameter.grad.numpy()
        for name, parameter in model.named_parameters()
        if parameter.grad is not None
    }


def trained(**more: Any) -> dict[str, Any]:
    """Networks and log of a run."""
    run = nm.train(data, nm.TrainOptions(**OPTIONS, validation=15, **more))
    networks = [run.network] if run.integers is None else [run.network, run.integers]
    return {"networks": [digests(network) for network in networks], "log": run.log}


def refused(call: Callable[[], object]) -> str:
    """The code of an error."""
    try:
        call()
    except nm.NmtoolError as error:
        return f"{type(error).__name__}: {error.code}"
    return "no error"


INTEGERS: dict[str, Callable[[], Any]] = {
    "simulate": lambda: recorded(nm.simulate(graph, data.test, deep=True)),
    "simulate zoo": lambda: recorded(
        nm.simulate(nm.zoo.load("digits"), nm.load_dataset("digits").test[:20])
    ),
    "evaluate": lambda: nm.evaluate(chain, data.test).as_json(),
    "verify": lambda: nm.verify(graph, data.test, against=["onnx", "c"], deep=True).as_json(),
    "verify generated": lambda: nm.verify(chain, against=["c"], deep=True).as_json(),
    "explain": explained,
    "session": live,
    "check": lambda: nm.check(chain, "xylo-imu").as_json(),
    "cost": lambda: nm.cost(graph, data.test, target="loihi1").as_json(),
    "compare accuracy": lambda: nm.compare_accuracy([graph], [chain], data.test).as_json(),
    "inspect": lambda: nm.inspect("graph.npz", targets=True),
    "bin": lambda: nm.bin_events(data.train, 0.5, 70, group=2).raster.dense(),
    "target": lambda: [nm.target_names(), nm.target_named("loihi1").max_delay],
    "errors": lambda: {
        "network": refused(lambda: nm.load("nothing.npz")),
        "type": refused(lambda: nm.simulate(graph, "words")),  # type: ignore[arg-type]
        "channels": refused(lambda: nm.evaluate(nm.zoo.load("digits"), data.test)),
        "options": refused(lambda: nm.TrainOptions(batch_size=0)),
        "backend": refused(lambda: nm.verify(chain, data.test, against=["spinnaker"])),
        "fit": refused(lambda: nm.export(graph, "x.net")),
    },
}

FLOATS: dict[str, Callable[[], Any]] = {
    "train": lambda: trained(),
    "train integers": lambda: trained(arithmetic="integer", weight_bits=6),
    "quantise": lambda: digests(nm.quantise(floats, calibrate_on=data.train).network),
    "quantise layers": lambda: digests(
        nm.quantise(nm.Network.layers([12, 8, 3], delays=10, seed=3), calibrate_on="none").network
    ),
    "simulate": lambda: recorded(nm.simulate(floats, data.test, deep=True)),
    "evaluate": lambda: nm.evaluate(floats, data.test).as_json(),
    "gradients": gradients,
    "side by side": lambda: digests(nm.ensemble([floats, nm.load("floats2.npz")])),
    "foreign": lambda: digests(nm.load("foreign.nir", nm.ImportOptions(nir_dt_s=1e-3, n_steps=40))),
}


def main(kind: str) -> None:
    """Print every answer of a kind."""
    torch.set_num_threads(1)
    asks = {"integers": INTEGERS, "floats": FLOATS}[kind]
    json.dump({name: plain(ask()) for name, ask in asks.items()}, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1])
