"""The whole ONNX file: graph, opset, properties and the digest that closes it."""

from __future__ import annotations

from nmtool.errors import missing_library
from nmtool.exporters.onnx.file import DIGEST_KEY, digest, properties
from nmtool.exporters.onnx.graph import make_graph
from nmtool.integer_network import IntegerNetwork
from nmtool.known_answers import KnownAnswers
from nmtool.version import __version__

OPSET = 18
IR_VERSION = 8
"""The version of ONNX files that came with opset 18."""


def model_bytes(network: IntegerNetwork, answers: KnownAnswers | None) -> bytes:
    """The bytes of a file, the same for the same network and answers.

    Raises:
        MissingError: onnx is not installed.
    """
    try:
        from onnx import helper
    except ImportError as error:
        raise missing_library(error, "onnx") from error

    model = helper.make_model(
        make_graph(network),
        producer_name="nmtool",
        producer_version=__version__,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )
    found = properties(network, answers)
    helper.set_model_props(model, found)
    sealed = digest(model.SerializeToString(deterministic=True))
    helper.set_model_props(model, {**found, DIGEST_KEY: sealed})
    return model.SerializeToString(deterministic=True)
