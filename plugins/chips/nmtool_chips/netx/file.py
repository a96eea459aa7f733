"""Write and read NetX files (lava-dl's HDF5): layers, and data embedded by nmtool.

lava-dl reads `/layer` and ignores `/nmtool` (`nmtool.exporters.embedded`).
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nmtool.errors import FileFormatError, Finding, printable
from nmtool.exporters.differences import array_change
from nmtool.exporters.embedded import GROUP, Embedded, check_version, read_embedded
from nmtool.exporters.hdf5 import PlainFile, opened
from nmtool.libraries import missing_library
from nmtool.network.integer_network import IntegerNetwork
from nmtool_chips.netx.layers import Layer

if TYPE_CHECKING:
    import h5py

WHAT = "NetX file"
VERSION = 1
"""Version of the group `/nmtool`."""

MAX_LAYERS = 1000

DENSE, RECURRENT, INPUT, FLATTEN = "dense", "dense_rec", "input", "flatten"

NEURONS = ("CUBA", "LOIHI")
"""lava-dl's names for Lava's LIF neurons."""


@dataclass(frozen=True, eq=False)
class NetxFile:
    """Content of a file.

    Attributes:
        layers: layers by their number in the file.
        findings: findings on parts that an integer network cannot represent.
        dt_ms: length of a step in ms; None if the file does not give it.
        duration_ms: length of a sample in ms; None if the file does not give it.
        embedded: data embedded by nmtool; None if there are none.
    """

    layers: dict[int, Layer]
    findings: Sequence[Finding]
    dt_ms: float | None
    duration_ms: float | None
    embedded: Embedded | None


def to_bytes(network: IntegerNetwork, layers: Sequence[Layer], embedded: Embedded) -> bytes:
    """The bytes of a file; the same content and version of HDF5 give the same bytes.

    Raises:
        MissingError: h5py is not installed.
    """
    try:
        import h5py
    except ImportError as error:
        raise missing_library(error, "") from error

    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        _write_kind(file.create_group("layer/0"), INPUT, network.channels.size)
        for index, layer in enumerate(layers, 1):
            _write_layer(file.create_group(f"layer/{index}"), layer)
        file["simulation/Ts"] = float(network.dt_ms)
        file["simulation/tSample"] = float(network.dt_ms * network.n_steps)
        group = file.create_group(GROUP)
        for name, value in embedded.members().items():
            group[name] = value
    return buffer.getvalue()


def _write_kind(group: h5py.Group, kind: str, size: int) -> None:
    group["type"] = np.array([kind.encode()], "S10")
    group["shape"] = np.array([size])


def _write_layer(group: h5py.Group, layer: Layer) -> None:
    _write_kind(group, DENSE if layer.recurrent is None else RECURRENT, layer.size)
    group["inFeatures"], group["outFeatures"] = layer.weight.shape[1], layer.size
    _write_numbers(group, "weight", layer.weight, np.int16)
    if layer.recurrent is not None:
        _write_numbers(group, "weight_rec", layer.recurrent, np.int16)
    if layer.delay is not None:
        _write_numbers(group, "delay", layer.delay, np.uint8)
    if layer.bias.any():
        group["bias"] = layer.bias
    group["neuron/type"] = np.bytes_(NEURONS[0])
    constants = {"iDecay": layer.i_decay, "vDecay": layer.v_decay, "vThMant": layer.threshold}
    for key, value in {**constants, "refDelay": 1, "gradedSpike": False}.items():
        group[f"neuron/{key}"] = value


def _write_numbers(group: h5py.Group, name: str, values: NDArray, dtype: type) -> None:
    group.create_dataset(name, data=values.astype(dtype), compression="gzip", shuffle=True)


def differences(expected: bytes, path: str | Path) -> list[Finding]:
    """Findings for datasets of a file that differ from the expected file, except in `/nmtool`.

    Args:
        expected: the bytes that nmtool would write.
        path: path of the file to compare.

    Raises:
        FileFormatError: the file is missing, damaged or too large.
        MissingError: h5py is not installed.
    """
    import h5py

    with h5py.File(io.BytesIO(expected), "r") as file:
        expected_arrays = dict(_data_sets(PlainFile(file), file))
    with opened(path, WHAT) as plain:
        arrays = dict(_data_sets(plain, plain.root))
    fix = "export the network again"
    findings = []
    for name in sorted({*expected_arrays, *arrays}):
        if name not in expected_arrays or name not in arrays:
            change = "it is missing" if name in expected_arrays else "nmtool would not write it"
        else:
            change = array_change(expected_arrays[name], arrays[name])
        if change:
            findings.append(Finding("netx-data-changed", printable(name), change, fix))
    return findings


def _data_sets(file: PlainFile, group: h5py.Group) -> Iterator[tuple[str, NDArray]]:
    """Paths and values of all datasets in a group, except those embedded by nmtool."""
    import h5py

    for name in sorted(group):
        if group.name == "/" and name == GROUP:
            continue
        if isinstance(group.get(name, getclass=True), type) and issubclass(
            group.get(name, getclass=True), h5py.Group
        ):
            yield from _data_sets(file, file.group(group, name))
        elif file.has(group, name):
            yield f"{group.name.rstrip('/')}/{name}", file.numbers_or_strings(group, name)


def read(path: str | Path) -> NetxFile:
    """Read the parts of a file that lava-dl's reader uses.

    Raises:
        FileFormatError: the file is missing, damaged, too large, not a NetX file, or from a newer
            nmtool.
        MissingError: h5py is not installed.
    """
    with opened(path, WHAT) as file:
        embedded = read_embedded(file, VERSION)
        layers, findings = _read_layers(file, file.group(file.root, "layer"))
        dt_ms, duration_ms = (_time_ms(file, name) for name in ("Ts", "tSample"))
    if embedded is not None:
        check_version(path, embedded.about["version"], VERSION)
    return NetxFile(layers, findings, dt_ms, duration_ms, embedded)


def _time_ms(file: PlainFile, name: str) -> float | None:
    """A positive time in ms from the group `simulation`; None if the file does not give it."""
    if not file.has(file.root, "simulation"):
        return None
    group = file.group(file.root, "simulation")
    if not file.has(group, name):
        return None
    time_ms = float(file.array(group, name).reshape(()))
    if not 0 < time_ms < math.inf:
        raise FileFormatError(
            f"/simulation/{name} is {time_ms}, but must be a positive number of ms",
            code="netx-time-invalid",
            fix="write a positive time, or leave it out",
        )
    return time_ms


def _read_layers(file: PlainFile, parent: h5py.Group) -> tuple[dict[int, Layer], list[Finding]]:
    """Read all layers, by number; find the layers that a network cannot represent."""
    count = len(parent)
    if not 1 <= count <= MAX_LAYERS:
        raise FileFormatError(
            f"the file has {count} layers; nmtool reads 1 to {MAX_LAYERS}",
            code="netx-layer-count",
            fix="write a number of layers in this range",
        )
    layers: dict[int, Layer] = {}
    findings: list[Finding] = []
    for index in range(count):
        group, where = file.group(parent, str(index)), f"layer {index}"
        kind = str(file.texts(group, "type", 1).reshape(()))
        misfits = list(_layer_findings(file, group, kind, where, first=not layers))
        findings += misfits
        if not misfits and kind in (DENSE, RECURRENT):
            layers[index] = _read_layer(file, group, kind)
    return layers, findings


_OTHER_LAYERS = "leave it out, or build it from dense layers of LIF neurons"


def _layer_findings(
    file: PlainFile,
    group: h5py.Group,
    kind: str,
    where: str,
    *,
    first: bool,
) -> Iterator[Finding]:
    """At most one finding: the reason why an integer network cannot represent a layer.

    Args:
        file, group, kind, where: file, group, kind and name of the layer.
        first: True if no layer of neurons precedes the layer.
    """
    if kind == FLATTEN and first:
        return
    if kind == INPUT and not file.has(group, "neuron"):
        if not first:
            yield Finding(
                "netx-input-late",
                where,
                "an input layer must come before all other layers",
                _OTHER_LAYERS,
            )
    elif kind not in (DENSE, RECURRENT):
        what = f"it is of the unsupported kind '{printable(kind)}'"
        if kind == INPUT:
            what = "it is an input layer with neurons, which cannot receive spikes"
        elif file.has(group, "shape"):
            what += f", of size {np.ravel(file.array(group, 'shape')).tolist()}"
        yield Finding("netx-layer-kind", where, what, _OTHER_LAYERS)
    elif not file.has(group, "neuron"):
        yield Finding(
            "netx-neurons-missing",
            where,
            "the kind of its neurons is missing",
            _OTHER_LAYERS,
            why="lava-dl would use neurons whose u never decays",
        )
    else:
        yield from _neuron_findings(file, group, kind, where)


def _neuron_findings(
    file: PlainFile, group: h5py.Group, kind: str, where: str
) -> Iterator[Finding]:
    """Findings on neurons, spikes and delays of a layer that a network cannot represent."""
    neuron = file.group(group, "neuron")
    model = str(file.texts(neuron, "type", 1).reshape(()))
    if model not in NEURONS:
        yield Finding(
            "netx-neuron-kind",
            where,
            f"its neurons are of the kind '{printable(model)}'",
            _OTHER_LAYERS,
        )
    elif any(
        file.has(neuron, key) and file.array(neuron, key).any()
        for key in ("gradedSpike", "messageBits")
    ):
        yield Finding(
            "netx-graded-spikes", where, "its spikes are graded: they carry values", _OTHER_LAYERS
        )
    elif file.has(neuron, "refDelay") and file.array(neuron, "refDelay").max(initial=0) > 1:
        yield Finding(
            "netx-refractory",
            where,
            f"its neurons rest after a spike: refDelay is {file.array(neuron, 'refDelay').max():g}",
            "for neurons that can spike in every step, as lava-dl runs them, set refDelay to 1",
            why="nmtool's neurons have no refractory time, and lava-dl's reader ignores it",
        )
    elif kind == RECURRENT and any(
        file.has(group, key) and file.array(group, key).any() for key in ("delay", "delay_rec")
    ):
        yield Finding(
            "netx-recurrent-delays",
            where,
            "it is recurrent and has delays",
            "set the delays to 0, or import the network from mlGeNN's checkpoint",
            why="lava-dl's reader uses `delay` for feed-forward and recurrent synapses alike, and "
            "ignores `delay_rec`",
        )


def _read_layer(file: PlainFile, group: h5py.Group, kind: str) -> Layer:
    """Read a dense or recurrent layer without findings."""
    size = int(np.prod(_whole_numbers(file.array(group, "shape"), "shape")))
    weight = _matrix(file.array(group, "weight"), size, "weight")
    recurrent = file.array(group, "weight_rec") if kind == RECURRENT else None
    return Layer(
        weight,
        _delays(file.array(group, "delay"), weight.shape) if file.has(group, "delay") else None,
        None if recurrent is None else _matrix(recurrent, size, "weight_rec", size),
        _bias(file, group, size),
        *_neuron_constants(file, group),
    )


def _bias(file: PlainFile, group: h5py.Group, size: int) -> NDArray[np.int64]:
    """[size] int64: biases, read from one number per neuron, or from one number for all."""
    bias = (
        _whole_numbers(file.array(group, "bias"), "bias")
        if file.has(group, "bias")
        else np.zeros(1, np.int64)
    )
    return np.broadcast_to(bias.reshape(-1), (size,))


def _neuron_constants(file: PlainFile, group: h5py.Group) -> tuple[int, int, int]:
    """Decays of u and v, and threshold, of a layer's neurons, as in `Layer`."""
    neuron = file.group(group, "neuron")
    i_decay, v_decay, threshold = (
        int(_whole_numbers(file.array(neuron, key), key).reshape(()))
        for key in ("iDecay", "vDecay", "vThMant")
    )
    return i_decay, v_decay, threshold


def _matrix(values: NDArray, size: int, name: str, width: int | None = None) -> NDArray[np.int64]:
    """Weights as a matrix: [post, pre] int64."""
    matrix = _whole_numbers(values, name)
    matrix = matrix.reshape(size, -1) if matrix.ndim == 1 else matrix
    if matrix.ndim != 2 or not matrix.size or matrix.shape != (size, width or matrix.shape[1]):
        raise FileFormatError(
            f"{name} has shape {values.shape}, which does not match {size} neurons",
            code="netx-matrix-shape",
            fix="give one row per neuron",
        )
    return matrix


def _delays(values: NDArray, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """[post, pre] int64: delays, read from one number, one per target or source, or a matrix."""
    delay = _whole_numbers(values, "delay")
    if delay.ndim == 1 and delay.size == shape[0]:
        delay = delay[:, None]
    elif delay.ndim == 1 and delay.size == shape[1]:
        delay = delay[None, :]
    fits = all(size in (1, full) for size, full in zip(delay.shape, shape, strict=False))
    if delay.ndim not in (0, 2) or not fits:
        raise FileFormatError(
            f"delays of shape {values.shape} do not match weights of shape {shape}",
            code="netx-delay-shape",
            fix="give one delay for all synapses, one delay per neuron, or one delay per synapse",
        )
    return np.broadcast_to(delay, shape)


def _whole_numbers(values: NDArray, name: str) -> NDArray[np.int64]:
    """Convert whole numbers of any type to int64; raises `FileFormatError` for other numbers."""
    if not np.isfinite(values).all() or (values != np.trunc(values)).any():
        raise FileFormatError(
            f"{name} contains numbers that are not whole",
            code="netx-not-whole",
            fix="write the quantised network, with whole numbers",
        )
    if (abs(values.astype(np.float64)) > 1 << 31).any():
        raise FileFormatError(
            f"{name} contains numbers beyond 32 bits",
            code="netx-number-range",
            fix="write the quantised network, with numbers in the chip's range",
        )
    return values.astype(np.int64)
