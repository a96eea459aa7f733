"""Run an ONNX file in onnxruntime."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from numpy.typing import NDArray

from nmtool.batches import in_batches
from nmtool.errors import BackendError
from nmtool.libraries import missing_library
from nmtool.network.integer_network import IntegerNetwork
from nmtool.raster import Raster
from nmtool.recording import Recording

SAMPLES_AT_ONCE = 4

_ERRORS_ONLY = 3


def run(
    model: bytes,
    network: IntegerNetwork,
    spikes: Raster,
    deep: bool,
    on_progress: Callable[[int], None] | None,
) -> Recording:
    """Run every sample from a fresh state.

    Args:
        model: content of the network's ONNX file.
        network: network in the file, whose populations are recorded.
        spikes: the input.
        deep: also record u and v of every population.
        on_progress: called with the number of samples finished since the last call.

    Raises:
        MissingError: onnxruntime is not installed.
        BackendError: onnxruntime rejected the file, or failed.
    """
    session = _session(model)

    def run(samples: Raster) -> Recording:
        return recording(network, _outputs(session, network, samples, deep))

    return in_batches(run, spikes, SAMPLES_AT_ONCE, on_progress)


def library() -> Any:
    """The module `onnxruntime`; raises `MissingError` if it is not installed."""
    try:
        import onnxruntime
    except ImportError as error:
        raise missing_library(error, "onnx") from error
    return onnxruntime


def _session(model: bytes) -> Any:
    """Make a session with one thread: the operators of a step are too small for several."""
    onnxruntime = library()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors have no common base class.
        raise _failure(error) from error


def _outputs(
    session: Any, network: IntegerNetwork, spikes: Raster, deep: bool
) -> dict[str, NDArray]:
    """Run a batch, and return the graph's outputs by name; raises `BackendError`."""
    names = output_names(network, deep)
    dense = spikes.dense_counts() if network.channels.most_spikes > 1 else spikes.dense()
    try:
        values = session.run(names, {"spikes": dense})
    except Exception as error:  # onnxruntime's errors have no common base class.
        raise _failure(error) from error
    return dict(zip(names, values, strict=True))


def _failure(error: Exception) -> BackendError:
    """The error for a file that onnxruntime could not load or run."""
    return BackendError(
        "onnxruntime could not run the file",
        code="runtime-failed",
        why=str(error),
        fix="pip install --upgrade onnxruntime, or use fewer or shorter samples",
    )


def output_names(network: IntegerNetwork, deep: bool) -> list[str]:
    """Names of the graph's outputs that a recording contains."""
    spikes = [f"{p.name}.spikes" for p in network.spiking]
    if deep:
        return spikes + [f"{p.name}.{q}" for p in network.populations for q in "uv"]
    return spikes + [f"{p.name}.v" for p in network.integrating]


def recording(network: IntegerNetwork, outputs: Mapping[str, NDArray]) -> Recording:
    """Make a recording from outputs, with u and v if the outputs include them.

    Args:
        network: the network that gave the outputs.
        outputs: arrays [samples, steps, neurons] by name of the graph's output.
    """

    def arrays_of(quantity: str) -> dict[str, NDArray]:
        keys = {p.name: f"{p.name}.{quantity}" for p in network.populations}
        return {name: outputs[key] for name, key in keys.items() if key in outputs}

    spikes = {name: Raster.from_dense(dense) for name, dense in arrays_of("spikes").items()}
    return Recording.of(network, spikes, arrays_of("v"), arrays_of("u"))
