"""Convert a network to the layers of a NetX file, and list everything that does not fit."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nmtool.arithmetic import LOIHI2
from nmtool.errors import Finding
from nmtool.network.graph import INPUT
from nmtool.network.integer_network import IntegerNetwork, IntegerPopulation, IntegerProjection
from nmtool_chips.netx.layers import BIAS_EXPONENT, Integers, Layer

_OTHER_FORMAT = "use another format, such as lava, onnx or c"


def layers_of(network: IntegerNetwork) -> tuple[list[Layer], list[Finding]]:
    """The layers in the order of the chain, and findings on parts that layers cannot represent.

    If there are findings, the layers do not represent the network.
    """
    names = chain_order(network)
    findings = list(_findings_beyond_chain(network, names))
    if findings:
        return [], findings
    layers = []
    for source, name in zip([INPUT, *names], names, strict=False):
        population = network.population(name)
        (feed,) = _projections_between(network, source, name)
        loop = next(iter(_projections_between(network, name, name)), None)
        findings += _layer_findings(population, feed, loop)
        layers.append(_layer(population, feed, loop))
        findings += layers[-1].reader_findings(f"population {name}", _OTHER_FORMAT)
    return layers, findings


def chain_order(network: IntegerNetwork) -> list[str]:
    """Populations of the chain that starts at the input, in order."""
    chain: list[str] = []
    names = [population.name for population in network.populations]
    source = INPUT
    while True:
        targets = {p.target for p in network.projections if p.source == source} - {*chain}
        if not targets:
            return chain
        source = min(targets, key=names.index)
        chain.append(source)


def _projections_between(
    network: IntegerNetwork, source: str, target: str
) -> list[IntegerProjection]:
    return [p for p in network.projections if (p.source, p.target) == (source, target)]


def _findings_beyond_chain(network: IntegerNetwork, chain: list[str]) -> Iterator[Finding]:
    """Findings on populations, projections and a readout that do not fit a chain of layers."""
    for population in network.populations:
        if population.name not in chain:
            yield Finding(
                "netx-not-reached",
                f"population {population.name}",
                "no chain of layers leads to it",
                _OTHER_FORMAT,
            )
    permitted = {*zip([INPUT, *chain], chain, strict=False), *((name, name) for name in chain)}
    seen = set()
    for projection in network.projections:
        ends = projection.source, projection.target
        where = f"projection {ends[0]} → {ends[1]}"
        if ends not in permitted:
            yield Finding(
                "netx-not-in-chain",
                where,
                "a layer can only get input from the previous layer and from itself",
                _OTHER_FORMAT,
            )
        elif ends in seen:
            yield Finding(
                "netx-projection-twice",
                where,
                "there is another projection between the same populations",
                _OTHER_FORMAT,
            )
        seen.add(ends)
    if chain and network.readout.population != chain[-1]:
        yield Finding(
            "netx-readout-not-last",
            f"population {network.readout.population}",
            "the output is not the last layer",
            _OTHER_FORMAT,
        )


def _layer_findings(
    population: IntegerPopulation, feed: IntegerProjection, loop: IntegerProjection | None
) -> Iterator[Finding]:
    """Findings on a population and its projections that a layer cannot represent."""
    where = f"population {population.name}"
    if loop is not None and (loop.delay.any() or feed.delay.any()):
        yield Finding(
            "netx-recurrent-delays",
            where,
            "a recurrent layer cannot have delays",
            _OTHER_FORMAT,
            why="lava-dl's reader uses the same delays for feed-forward and recurrent synapses",
        )
    if (population.bias % (1 << BIAS_EXPONENT)).any():
        yield Finding(
            "netx-bias-step",
            where,
            f"biases must be multiples of {1 << BIAS_EXPONENT}",
            _OTHER_FORMAT,
        )
    limit = LOIHI2.bias_limit << BIAS_EXPONENT
    if (population.bias < -limit).any() or (population.bias >= limit).any():
        yield Finding(
            "netx-bias-range",
            where,
            f"biases must lie in {-limit} … {limit - (1 << BIAS_EXPONENT)}",
            _OTHER_FORMAT,
        )


def _layer(
    population: IntegerPopulation, feed: IntegerProjection, loop: IntegerProjection | None
) -> Layer:
    return Layer(
        weight=_by_post(feed.shifted_weight),
        delay=_by_post(feed.delay) if feed.delay.any() else None,
        recurrent=None if loop is None else _by_post(loop.shifted_weight),
        bias=population.bias >> BIAS_EXPONENT,
        i_decay=population.du + 1,
        v_decay=population.dv,
        threshold=population.vth,
    )


def _by_post(matrix: np.ndarray) -> Integers:
    """Transpose a [pre, post] matrix to [post, pre] int64, as lava-dl stores it."""
    return np.ascontiguousarray(matrix.T, np.int64)
