"""Import snnTorch modules directly, because their NIR files do not contain the kind of reset.

snnTorch's own NIR export always writes a reset to zero in the step of the spike. snnTorch's layers
reset as follows:

    Leaky, zero           to zero before the next input is added: the same spikes as in nmtool
    others, zero          the whole next step is set to zero (reset_delay=True, the default)
    any, subtract         the threshold is subtracted (the default)

nmtool's neurons reset to zero in the step of the spike. Layers with another reset are refused by
name, with a fix.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmtool.errors import Finding, NetworkError
from nmtool.exporters.nir.graph.nodes import (
    AFFINE,
    AVG_POOL,
    CONV2D,
    CUBA_LI,
    CUBA_LIF,
    FLATTEN,
    IF,
    INPUT,
    INTEGRATOR,
    LI,
    LIF,
    LINEAR,
    OUTPUT,
    Edge,
    Graph,
    Node,
)
from nmtool.exporters.nir.graph.windows import Shape
from nmtool.exporters.nir.options import ImportOptions
from nmtool.exporters.nir.reading.network import network_of
from nmtool.exporters.nir.reading.windows import window_of
from nmtool.exporters.nir.snntorch_resets import copy_of, difference, noise_input
from nmtool.network.float_network import Network
from nmtool.raster import Raster

_log = logging.getLogger(__name__)

_RECURRENT = ("RLeaky", "RSynaptic")
_NEURONS = ("Leaky", "Synaptic", *_RECURRENT)
_WITHOUT_EFFECT = ("Dropout", "Identity")
"""Modules without effect after training."""

_SUBTRACT, _ZERO, _NONE = 0, 1, 2
"""snnTorch's codes of the reset mechanisms."""
_RESETS = ("subtract", "zero", "none")
_STEPS = {"_base_sub": _SUBTRACT, "_base_zero": _ZERO, "_base_int": _NONE}
"""Reset mechanism by name of the step function that snnTorch sets when it creates a layer."""

_MAKE_AGAIN = (
    "create the layer anew with reset_mechanism='zero' and reset_delay=False, and copy its "
    "weights, but not the whole state_dict, which contains the old reset"
)

LATE = ("snntorch-reset-late", "snntorch-reset")
"""Codes of findings that `approximate` accepts."""


def from_snntorch(
    module: Any,
    *,
    input_shape: Sequence[int] | None = None,
    sample: Any = None,
    dt_ms: float | None = None,
    n_steps: int | None = None,
    rule: str | None = None,
    approximate: bool = False,
    approximate_on: Raster | None = None,
) -> Network:
    """Convert a trained snnTorch module to a network with the same spikes.

    Layers are imported in the order in which they run on `sample`; without a sample, in the order
    of the module's attributes. If the last layer has `reset_mechanism="none"`, its membranes are
    the readout; otherwise a population `answer` counts its spikes.

    The example imports `network = torch.nn.Sequential(torch.nn.Linear(6, 3), lif)`, where `lif` is
    `snntorch.Leaky(0.9, reset_mechanism="zero", init_hidden=True)`:

    >>> from_snntorch(network)  # doctest: +SKIP
    <Network: 6 channels, n1 3 lif, answer 3 li, clock 1 lif, 1002 steps of 1 ms>

    Args:
        module: a chain of `Linear`, `Conv2d`, `AvgPool2d`, `Flatten` and snnTorch's `Leaky`,
            `Synaptic`, `RLeaky`, `RSynaptic`.
        input_shape: (channels, height, width) of the input of a `Conv2d`; by default that of
            `sample`.
        sample: input tensor for one step, [samples, …]; a copy of the module runs on it once.
        dt_ms: length of a step in ms, which scales all time constants; by default 1, with a remark.
        n_steps: number of steps of a sample; by default the number in 1 s.
        rule: readout rule; by default `max` (of spike counts) if the output spikes, else `mean`.
        approximate: import layers with other resets as if they reset to zero at once. Spikes then
            differ, and a warning gives the number of differences on `approximate_on`. To recover
            the accuracy, train a module with resets to zero, starting from these weights.
        approximate_on: input raster for the warning's comparison, with the network's channels; by
            default noise.

    Raises:
        NetworkError: layers cannot be imported; all are listed.
        FileFormatError: shapes do not fit each other; all are listed.
        UsageError: the step is not positive.
    """
    layers = list(_layers(module, sample))
    if input_shape is None and sample is not None:
        input_shape = tuple(sample.shape[1:])
    findings = [
        finding for index in range(len(layers)) for finding in _findings(layers, index, input_shape)
    ]
    accepted = [finding for finding in findings if approximate and finding.code in LATE]
    if refused := [finding for finding in findings if finding not in accepted]:
        raise NetworkError(
            "the module has layers that cannot be imported",
            code="snntorch-unfit",
            fix="change the listed layers; approximate=True imports other resets as resets to zero",
            findings=refused,
        )
    for finding in accepted:
        _log.warning(
            f"{finding.where} is imported with a reset to zero: {finding.what}; {finding.fix}"
        )
    if dt_ms is None:
        dt_ms = 1.0
        _log.warning("not in the module, therefore assumed: a step of 1 ms (dt_ms=1.0)")
    options = ImportOptions(dt_ms / 1e3, None, n_steps, rule)
    graph = _graph(layers, input_shape, options.step_s)
    network = network_of(graph, options, confirmed=True)
    if accepted:
        shape = graph.nodes["input"].values["shape"].tolist()
        spikes = noise_input(network) if approximate_on is None else approximate_on
        text = difference(network, [layer for _, layer in layers], shape, spikes)
        _log.warning(
            f"remark[snntorch-approximate]: {text}; to remove the difference, create the module "
            "again with resets to zero, copy the weights of its Linear and Conv2d layers, train it "
            "for a few more epochs, and import it without approximate=True"
        )
    return network


def _layers(module: Any, sample: Any) -> Iterator[tuple[str, Any]]:
    layers = [
        (name, submodule)
        for name, submodule in module.named_modules()
        if _is_layer(module, name, submodule)
    ]
    if sample is None:
        yield from layers
        return
    traced, run_order = copy_of(module), []
    for name, submodule in traced.named_modules():
        if name in dict(layers):
            submodule.register_forward_hook(lambda *_, name=name: run_order.append(name))
    traced(sample)
    yield from ((name, dict(layers)[name]) for name in dict.fromkeys(run_order))


def _is_layer(module: Any, name: str, submodule: Any) -> bool:
    """True for a layer, not for a container of layers or a part of a layer."""
    if not name:
        return type(submodule).__name__ in _NEURONS or not list(submodule.children())
    parent = name.rpartition(".")[0]
    is_part = parent and type(module.get_submodule(parent)).__name__ in _NEURONS
    return not is_part and (type(submodule).__name__ in _NEURONS or not list(submodule.children()))


def _findings(
    layers: list[tuple[str, Any]], index: int, input_shape: Sequence[int] | None
) -> Iterator[Finding]:
    """Findings on a layer that cannot be imported exactly."""
    name, layer = layers[index]
    kind = type(layer).__name__
    name = name or kind
    if kind in ("Linear", "AvgPool2d", "Flatten", *_WITHOUT_EFFECT):
        return
    if kind == "Conv2d":
        if input_shape is None:
            fix = "give input_shape=(channels, height, width), or a sample"
            yield Finding("snntorch-shape", name, "the size of its input is unknown", fix)
        if layer.padding_mode != "zeros":
            what = f"it pads with {layer.padding_mode}"
            yield Finding("snntorch-module", name, what, "pad with zeros")
        return
    if kind not in _NEURONS or not type(layer).__module__.startswith("snntorch"):
        fix = f"use {', '.join(_NEURONS)}, Linear, Conv2d, AvgPool2d and Flatten"
        yield Finding("snntorch-module", name, f"{kind} cannot be imported", fix)
        return
    yield from _neuron_findings(name, layer, kind, is_last=index == len(layers) - 1)


def _neuron_findings(name: str, layer: Any, kind: str, *, is_last: bool) -> Iterator[Finding]:
    """Findings on properties of a layer of neurons that an import cannot represent."""
    for option in ("inhibition", "state_quant"):
        if getattr(layer, option, False):
            what = f"it uses the option {option}, which nmtool does not support"
            yield Finding("snntorch-option", name, what, f"train without {option}")
    if (_float64_array(layer.graded_spikes_factor) != 1).any():
        what = "its spikes have a value other than 1 (graded_spikes_factor)"
        yield Finding("snntorch-option", name, what, "scale the weights of the next layer instead")
    beta = _float64_array(layer.beta)
    if (beta >= 1).any() and not (beta >= 1).all():
        what = "some of its neurons leak and others do not"
        yield Finding("snntorch-leak", name, what, "split it into two layers")
    resets = int(layer.reset_mechanism_val)
    step = getattr(getattr(layer, "state_function", None), "__name__", "")
    if _STEPS.get(step, resets) != resets:
        what = f"its step function is still the one for reset_mechanism='{_RESETS[_STEPS[step]]}', "
        what += "with which the layer was created"
        yield Finding("snntorch-reset-changed", name, what, _MAKE_AGAIN)
    if kind in _RECURRENT and type(getattr(layer, "recurrent", None)).__name__ == "Conv2d":
        what = "its recurrent connections are a convolution"
        yield Finding("snntorch-module", name, what, "use linear_features")
    if kind in _RECURRENT and not layer.all_to_all and _float64_array(layer.recurrent.V).ndim == 0:
        what = "its V is one number for a layer of unknown size"
        yield Finding("snntorch-shape", name, what, "give V one number per neuron")
    if resets == _NONE and (not is_last or kind in _RECURRENT):
        fix = "use reset_mechanism='zero'; only the last layer may be without a reset"
        yield Finding("snntorch-reset", name, "it never resets", fix)
    elif resets == _SUBTRACT:
        what = "the layer resets by subtraction, while nmtool needs reset to zero"
        yield Finding("snntorch-reset", name, what, f"{_MAKE_AGAIN}, and train it again")
    elif resets == _ZERO and kind != "Leaky" and layer.reset_delay:
        what = "with reset_delay=True its membrane and input are set to zero one step late"
        fix = f"{_MAKE_AGAIN}, and train or test it again"
        if kind == "RSynaptic":
            fix = "use RLeaky or Synaptic with reset_delay=False; RSynaptic does not support it"
        yield Finding("snntorch-reset-late", name, what, fix)


def _graph(layers: list[tuple[str, Any]], input_shape: Sequence[int] | None, dt_s: float) -> Graph:
    first = next(
        layer for _, layer in layers if type(layer).__name__ not in (*_WITHOUT_EFFECT, "Flatten")
    )
    shape = input_shape if input_shape is not None else (_input_size(first),)
    nodes = {"input": Node(INPUT, {"shape": np.array(shape)})}
    edges: list[Edge] = []
    previous, output_shape = "input", tuple(int(size) for size in shape)
    for index, (name, layer) in enumerate(layers):
        if type(layer).__name__ in _WITHOUT_EFFECT:
            continue
        node_name = _unused_name((name or type(layer).__name__).replace(".", "_"), nodes)
        if type(layer).__name__ in _NEURONS:
            nodes[node_name] = _neuron_node(layer, dt_s, integrates=_integrates(layers, index))
            if type(layer).__name__ in _RECURRENT:
                loop = _unused_name(f"{node_name}_recurrent", nodes)
                nodes[loop] = _loop_node(layer)
                edges += [(node_name, loop), (loop, node_name)]
        else:
            nodes[node_name] = _wire_node(layer)
            output_shape = _output_shape(nodes[node_name], output_shape)
        edges.append((previous, node_name))
        previous = node_name
    nodes["output"] = Node(OUTPUT, {"shape": np.array(output_shape)})
    edges.append((previous, "output"))
    return Graph(nodes, edges)


def _output_shape(node: Node, shape: Shape) -> Shape:
    """Output shape of a node without neurons; an estimate if the input does not fit."""
    if node.kind in (LINEAR, AFFINE):
        return (*shape[:-1], len(node.values["weight"]))
    if node.kind == FLATTEN:
        return (math.prod(shape),)
    window = window_of(node)
    input_shape = window.shape_of(shape)
    return shape if input_shape is None else window.output_shape(input_shape)


def _integrates(layers: list[tuple[str, Any]], index: int) -> bool:
    """True if the layer at this index is the last one, and never resets."""
    return index == len(layers) - 1 and int(layers[index][1].reset_mechanism_val) == _NONE


def _unused_name(name: str, taken: dict[str, Node]) -> str:
    """The name, with a suffix if a node already has it."""
    while name in taken or name == "output":
        name += "_"
    return name


def _input_size(layer: Any) -> int:
    """Number of inputs of a layer; 0 if the layer does not state it."""
    return int(layer.in_features) if hasattr(layer, "in_features") else 0


def _neuron_node(layer: Any, dt_s: float, *, integrates: bool) -> Node:
    """The NIR node of a layer of neurons; `integrates`: its neurons never spike."""
    beta = np.clip(_float64_array(layer.beta), 0, 1)
    kind = type(layer).__name__
    values: dict[str, NDArray] = {}
    if not integrates:
        values |= {"v_threshold": _float64_array(layer.threshold), "v_reset": np.zeros(1)}
    if (beta == 1).all() and "Synaptic" not in kind:
        return Node(INTEGRATOR if integrates else IF, values | {"r": np.full(beta.shape, 1 / dt_s)})
    with np.errstate(divide="ignore"):
        tau_mem = dt_s / (1 - beta)
    values |= {"r": tau_mem / dt_s, "v_leak": np.zeros(1)}
    if "Synaptic" not in kind:
        return Node(LI if integrates else LIF, values | {"tau": tau_mem})
    tau_syn = dt_s / (1 - np.clip(_float64_array(layer.alpha), 0, 1))
    values |= {"tau_mem": tau_mem, "tau_syn": tau_syn, "w_in": tau_syn / dt_s}
    return Node(CUBA_LI if integrates else CUBA_LIF, values)


def _loop_node(layer: Any) -> Node:
    """The NIR node of the recurrent connections of a layer."""
    loop = layer.recurrent
    return (
        _wire_node(loop)
        if layer.all_to_all
        else Node(LINEAR, {"weight": np.diag(_float64_array(loop.V))})
    )


def _wire_node(layer: Any) -> Node:
    """The NIR node of a layer without neurons."""
    kind = type(layer).__name__
    if kind == "Flatten":
        return Node(FLATTEN, {})
    if kind == "AvgPool2d":
        stride = layer.kernel_size if layer.stride is None else layer.stride
        return Node(
            AVG_POOL,
            {
                "kernel_size": np.array(layer.kernel_size),
                "stride": np.array(stride),
                "padding": np.array(layer.padding),
            },
        )
    weight = _float64_array(layer.weight)
    bias = None if layer.bias is None else _float64_array(layer.bias)
    if kind == "Linear":
        return (
            Node(LINEAR, {"weight": weight})
            if bias is None
            else Node(AFFINE, {"weight": weight, "bias": bias})
        )
    return Node(
        CONV2D,
        {
            "weight": weight,
            "bias": np.zeros(len(weight)) if bias is None else bias,
            **{
                key: np.array(getattr(layer, key))
                for key in ("stride", "padding", "dilation", "groups")
            },
        },
    )


def _float64_array(value: Any) -> NDArray[np.float64]:
    """Convert a tensor or a number to a float64 array."""
    value = value.detach().cpu().numpy() if hasattr(value, "detach") else value
    return np.asarray(value, np.float64)
