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

import copy
import logging
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmtool.errors import Finding, NetworkError
from nmtool.exporters.nir import kinds
from nmtool.exporters.nir.convolutions import Shape, Window
from nmtool.exporters.nir.graph import Edge, Graph, Node
from nmtool.exporters.nir.importing import network_of
from nmtool.exporters.nir.neurons import node_of, unused
from nmtool.exporters.nir.options import ImportOptions
from nmtool.network.float_network import Network

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
        approximate: import layers with other resets as if they reset to zero at once, with a
            warning. Spikes then differ; `verify` against a recording of the module counts them. To
            recover the accuracy, train a module with resets to zero, starting from these weights.

    Raises:
        NetworkError: layers cannot be imported; all are listed.
        FileFormatError: shapes do not fit each other; all are listed.
        UsageError: the step is not positive.
    """
    layers = list(_layers(module, sample))
    if input_shape is None and sample is not None:
        input_shape = tuple(sample.shape[1:])
    findings = [f for index in range(len(layers)) for f in _findings(layers, index, input_shape)]
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
            f"{finding.where} is imported with a reset to zero, so that spikes differ: "
            f"{finding.what}; {finding.fix}"
        )
    if dt_ms is None:
        dt_ms = 1.0
        _log.warning("not in the module, therefore assumed: a step of 1 ms (dt_ms=1.0)")
    options = ImportOptions(dt_ms / 1e3, None, n_steps, rule)
    return network_of(_graph(layers, input_shape, options.step_s), options, confirmed=True)


def _layers(module: Any, sample: Any) -> Iterator[tuple[str, Any]]:
    """Layers by name, in the order in which they run on a sample."""
    layers = {name: part for name, part in module.named_modules() if _is_layer(module, name, part)}
    run_order = list(layers)
    if sample is not None:
        traced, run_order = _copy_of(module), []
        for name, part in traced.named_modules():
            if name in layers:
                part.register_forward_hook(lambda *_, name=name: run_order.append(name))
        traced(sample)
    yield from ((name, layers[name]) for name in dict.fromkeys(run_order))


def _is_layer(module: Any, name: str, part: Any) -> bool:
    """True for a layer, not for a container of layers or a part of a layer."""
    parent = module.get_submodule(name.rpartition(".")[0]) if "." in name else None
    is_neurons = type(part).__name__ in _NEURONS
    return type(parent).__name__ not in _NEURONS and (is_neurons or not list(part.children()))


def _copy_of(module: Any) -> Any:
    """A copy of a module, with hidden states detached from gradients."""
    memo = {
        id(value): value.detach().clone()
        for part in module.modules()
        for value in (*vars(part).values(), *getattr(part, "_buffers", {}).values())
        if getattr(value, "grad_fn", None) is not None
    }
    return copy.deepcopy(module, memo)


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
    elif kind in _NEURONS and type(layer).__module__.startswith("snntorch"):
        for what, fix in _unsupported_options(layer, kind):
            yield Finding("snntorch-module", name, what, fix)
        yield from _reset_findings(name, layer, kind, is_last=index == len(layers) - 1)
    else:
        fix = f"use {', '.join(_NEURONS)}, Linear, Conv2d, AvgPool2d and Flatten"
        yield Finding("snntorch-module", name, f"{kind} cannot be imported", fix)


def _unsupported_options(layer: Any, kind: str) -> Iterator[tuple[str, str]]:
    """What an import of a layer of neurons cannot represent, except its reset, and the fixes."""
    for option in ("inhibition", "state_quant"):
        if getattr(layer, option, False):
            what = f"it uses the option {option}, which nmtool does not support"
            yield what, f"train without {option}"
    if (_float64_array(layer.graded_spikes_factor) != 1).any():
        what = "its spikes have a value other than 1 (graded_spikes_factor)"
        yield what, "scale the weights of the next layer instead"
    beta = _float64_array(layer.beta)
    if (beta >= 1).any() and not (beta >= 1).all():
        yield "some of its neurons leak and others do not", "split it into two layers"
    if kind in _RECURRENT and type(getattr(layer, "recurrent", None)).__name__ == "Conv2d":
        yield "its recurrent connections are a convolution", "use linear_features"
    if kind in _RECURRENT and not layer.all_to_all and _float64_array(layer.recurrent.V).ndim == 0:
        yield "its V is one number for a layer of unknown size", "give V one number per neuron"


def _reset_findings(name: str, layer: Any, kind: str, *, is_last: bool) -> Iterator[Finding]:
    """Findings on resets other than to zero in the step of the spike."""
    resets = int(layer.reset_mechanism_val)
    step = getattr(getattr(layer, "state_function", None), "__name__", "")
    if _STEPS.get(step, resets) != resets:
        what = f"its step function is still the one for reset_mechanism='{_RESETS[_STEPS[step]]}', "
        what += "with which the layer was created"
        yield Finding("snntorch-reset-changed", name, what, _MAKE_AGAIN)
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
    """The NIR graph of layers without findings."""
    parts = [(name, layer, type(layer).__name__) for name, layer in layers]
    parts = [entry for entry in parts if entry[-1] not in _WITHOUT_EFFECT]
    if input_shape is None:
        first = next(layer for _, layer, kind in parts if kind != "Flatten")
        input_shape = (int(getattr(first, "in_features", 0)),)
    nodes = {"input": Node(kinds.INPUT, {"shape": np.array(input_shape)})}
    edges, previous = list[Edge](), "input"
    output_shape = tuple(int(size) for size in input_shape)
    for name, layer, kind in parts:
        node_name = unused((name or kind).replace(".", "_"), (*nodes, "output"))
        if kind in _NEURONS:
            # If a last layer never resets, its membranes are the output.
            integrates = layer is layers[-1][1] and int(layer.reset_mechanism_val) == _NONE
            nodes[node_name] = _neuron_node(layer, dt_s, integrates=integrates)
            if kind in _RECURRENT:
                loop = unused(f"{node_name}_recurrent", (*nodes, "output"))
                nodes[loop] = _loop_node(layer)
                edges += [(node_name, loop), (loop, node_name)]
        else:
            nodes[node_name] = node = _wire_node(layer)
            output_shape = _output_shape(node, output_shape)
        edges.append((previous, node_name))
        previous = node_name
    nodes["output"] = Node(kinds.OUTPUT, {"shape": np.array(output_shape)})
    return Graph(nodes, [*edges, (previous, "output")])


def _output_shape(node: Node, shape: Shape) -> Shape:
    """Output shape of a node without neurons; an estimate if the input does not fit."""
    if node.kind in kinds.MATRICES:
        return (*shape[:-1], len(node.values["weight"]))
    if node.kind == kinds.FLATTEN:
        return (math.prod(shape),)
    window = Window.of(node)
    input_shape = window.shape_of(shape)
    return shape if input_shape is None else window.output_shape(input_shape)


def _neuron_node(layer: Any, dt_s: float, *, integrates: bool) -> Node:
    """The NIR node of a layer of neurons; `integrates`: its neurons never spike."""
    has_synapse = "Synaptic" in type(layer).__name__
    lose_u = 1 - np.clip(_float64_array(layer.alpha), 0, 1) if has_synapse else None
    lose_v = 1 - np.clip(_float64_array(layer.beta), 0, 1)
    threshold = None if integrates else _float64_array(layer.threshold)
    with np.errstate(divide="ignore", invalid="ignore"):
        return node_of(lose_u, lose_v, np.zeros(1), threshold, dt_s)


def _loop_node(layer: Any) -> Node:
    """The NIR node of the recurrent connections of a layer."""
    if layer.all_to_all:
        return _wire_node(layer.recurrent)
    return Node(kinds.LINEAR, {"weight": np.diag(_float64_array(layer.recurrent.V))})


def _wire_node(layer: Any) -> Node:
    """The NIR node of a layer without neurons."""
    kind = type(layer).__name__
    if kind == "Flatten":
        return Node(kinds.FLATTEN, {})
    if kind == "AvgPool2d":
        stride = layer.kernel_size if layer.stride is None else layer.stride
        numbers = {"kernel_size": layer.kernel_size, "stride": stride, "padding": layer.padding}
        return Node(kinds.AVG_POOL, {key: np.array(value) for key, value in numbers.items()})
    values = {"weight": _float64_array(layer.weight)}
    if layer.bias is not None:
        values["bias"] = _float64_array(layer.bias)
    if kind == "Linear":
        return Node(kinds.LINEAR if layer.bias is None else kinds.AFFINE, values)
    numbers = {key: getattr(layer, key) for key in ("stride", "padding", "dilation", "groups")}
    arrays = {key: np.array(value) for key, value in numbers.items()}
    return Node(kinds.CONV2D, {"bias": np.zeros(len(values["weight"])), **values, **arrays})


def _float64_array(value: Any) -> NDArray[np.float64]:
    """Convert a tensor or a number to a float64 array."""
    value = value.detach().cpu().numpy() if hasattr(value, "detach") else value
    return np.asarray(value, np.float64)
