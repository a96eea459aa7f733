"""The document in a JSON file: names and numbers as in `IntegerNetwork`, with a line per step.

A digest reveals any change of content; white space and the order of keys do not matter.

Readers ignore unknown keys. A file in which some population does not reset to zero therefore has
another format and another arithmetic, so that readers without such resets refuse it.
"""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmtool import storage
from nmtool.arithmetic import LOIHI2
from nmtool.errors import DoesNotFitError
from nmtool.exporters.embedded import (
    CHANGED_FIX,
    check_version,
    damaged,
    digest,
    read_bytes,
)
from nmtool.known_answers import KnownAnswers
from nmtool.network.graph import INPUT, LIF
from nmtool.network.integer_network import IntegerNetwork
from nmtool.raster import Raster
from nmtool.recording import Recording

KIND, KIND_WITH_RESETS = "nmtool network in JSON", "nmtool network with resets in JSON"
VERSION = 1

MAX_BYTES = 64 << 20
"""Largest size of a file: two recurrent layers of 1,024 neurons with known answers take 40 MiB."""

_WHAT = "network in JSON"
_WITH_RESETS = "-resets"
"""What follows the name of the arithmetic in files of the second kind."""
_LINE = 100
_OF_FILE = ("format", "version", "samples", "counts", "network_hash", "digest")
"""Keys of a document that are not part of the network."""


def document_of(network: IntegerNetwork, answers: KnownAnswers | None) -> dict[str, Any]:
    """The content of a file, without its digest.

    Args:
        network: the integer network.
        answers: known answers with spikes, u and v; None to write only the network.
    """
    header, arrays = storage.pack(network)
    for entry in header["populations"]:
        entry["bias_mantissa"] = arrays[f"population.{entry['name']}.bias_mantissa"].tolist()
    for index, entry in enumerate(header["projections"]):
        for key in ("weight", "delay"):
            entry[key] = arrays[f"projection.{index}.{key}"].tolist()
    kind, arithmetic = KIND, network.arithmetic
    if network.subtracts:
        kind, arithmetic = KIND_WITH_RESETS, arithmetic + _WITH_RESETS
    # `arithmetic` comes before the header's other keys.
    document = {"format": kind, "version": VERSION, "arithmetic": arithmetic}
    document |= {key: value for key, value in header.items() if key != "arithmetic"}
    if answers is not None:
        document["samples"] = _samples_of(network, answers)
        document["counts"] = dict(answers.recording.counts)
    hashed = network.content_hash if answers is None else answers.network_hash
    return {**document, "network_hash": hashed}


def to_bytes(document: dict[str, Any]) -> bytes:
    """The bytes of a document's file, with its digest.

    Raises:
        DoesNotFitError: `read` would refuse the file because of its size.
    """
    sealed = {**document, "digest": _digest(document)}
    text = _text(sealed) + "\n"
    data = text.encode()
    if len(data) > MAX_BYTES or storage.json_memory(text) > storage.MAX_JSON_MEMORY:
        raise DoesNotFitError(
            f"the network and its known answers take {len(data) >> 20} MiB of JSON",
            code="json-too-large",
            why=f"nmtool reads JSON files of up to {MAX_BYTES >> 20} MiB",
            fix="export to another format, such as onnx, or train a smaller network",
        )
    return data


def read(path: Path, *, sealed: bool = True) -> dict[str, Any]:
    """The document in a file, with the network's own arithmetic, which has no resets in its name.

    Args:
        path: the file.
        sealed: refuse a file that does not match its digest.

    Raises:
        FileFormatError: the file is missing, damaged, not from nmtool, or of a newer version.
    """
    with storage.Archive(path, {}, {}).checked():
        document = _parsed(path)
        check_version(path, document["version"], VERSION)
        if document.pop("digest") != _digest(document) and sealed:
            why = "its content was changed after it was written"
            raise damaged(path, why, _WHAT, CHANGED_FIX)
        return {**document, "arithmetic": _arithmetic_in(document, path)}


def _parsed(path: Path) -> dict[str, Any]:
    """Parse a file, unless it is JSON of another kind.

    Raises:
        FileFormatError, ValueError, RecursionError: the file cannot be read as JSON.
    """
    data = read_bytes(path, _WHAT, MAX_BYTES, f"it has more than {MAX_BYTES >> 20} MiB")
    # Without the words of a kind, a file need not be parsed.
    kinds = (KIND, KIND_WITH_RESETS)
    is_ours = any(kind.encode() in data for kind in kinds)
    document = storage.parse_json(data.decode("utf-8-sig")) if is_ours else None
    if not isinstance(document, dict) or document.get("format") not in kinds:
        raise damaged(path, f'its "format" is not "{KIND}"', _WHAT)
    return document


def _arithmetic_in(document: dict[str, Any], path: Path) -> str:
    """Name of the network's arithmetic.

    Raises:
        FileFormatError: populations have resets, but format and arithmetic do not announce them.
    """
    arithmetic = str(document.get("arithmetic", LOIHI2.name))
    is_announced = document["format"] == KIND_WITH_RESETS
    is_used = any({"reset", "reset_by"} & entry.keys() for entry in document["populations"])
    if is_announced != arithmetic.endswith(_WITH_RESETS) or (is_used and not is_announced):
        why = (
            f'with resets, its "format" must be "{KIND_WITH_RESETS}", and its "arithmetic" end in '
        )
        raise damaged(path, f'{why}"{_WITH_RESETS}"', _WHAT)
    return arithmetic.removesuffix(_WITH_RESETS)


def network_in(document: dict[str, Any], path: Path) -> IntegerNetwork:
    """The integer network in a document.

    Raises:
        FileFormatError: the document does not describe an integer network.
        ValueError, LookupError, TypeError: keys or shapes are wrong.
    """
    header = {key: value for key, value in document.items() if key not in _OF_FILE}
    arrays: dict[str, NDArray] = {}
    populations, projections = [], []
    for entry in header["populations"]:
        entry = dict(entry)
        arrays[f"population.{entry['name']}.bias_mantissa"] = _whole(entry.pop("bias_mantissa"))
        populations.append(entry)
    for index, entry in enumerate(header["projections"]):
        entry = dict(entry)
        for key in ("weight", "delay"):
            arrays[f"projection.{index}.{key}"] = _whole(entry.pop(key))
        projections.append(entry)
    header |= {"populations": populations, "projections": projections}
    return storage.Archive(path, header, arrays).unpack(IntegerNetwork)


def answers_in(
    document: dict[str, Any], network: IntegerNetwork, path: Path
) -> KnownAnswers | None:
    """The known answers in a document; None if it has none.

    Raises:
        FileFormatError: their keys or shapes do not fit the network.
    """
    if "samples" not in document:
        return None
    with storage.Archive(path, {}, {}).checked():
        steps = [sample["steps"] for sample in document["samples"]]
        spikes = _raster(
            [[step[INPUT] for step in sample] for sample in steps], network.channels.size
        )
        states: dict[str, dict[str, NDArray]] = {"u": {}, "v": {}}
        emitted = {}
        for population in network.populations:
            rows = [[step[population.name] for step in sample] for sample in steps]
            if population.kind == LIF:
                fired = [[row["spikes"] for row in sample] for sample in rows]
                emitted[population.name] = _raster(fired, population.size)
            for key, values in states.items():
                if key in rows[0][0]:
                    whole = _whole([[row[key] for row in sample] for sample in rows])
                    values[population.name] = whole.astype(np.int32)
        recording = Recording.of(network, emitted, **states, counts=document["counts"])
        factors = network.decay_factors() if recording.current else {}
        return KnownAnswers(document["network_hash"], spikes, recording, factors)


def _samples_of(network: IntegerNetwork, answers: KnownAnswers) -> list[dict[str, Any]]:
    recording = answers.recording
    rows: dict[str, list] = {INPUT: _by_step(answers.spikes)}
    for population in network.populations:
        name = population.name
        parts: dict[str, list] = {}
        if name in recording.spikes:
            parts["spikes"] = _by_step(recording.spikes[name])
        for key, states in (("u", recording.current), ("v", recording.v)):
            if name in states:
                parts[key] = states[name].tolist()
        rows[name] = [
            [dict(zip(parts, values, strict=True)) for values in zip(*sample, strict=True)]
            for sample in zip(*parts.values(), strict=True)
        ]
    return [
        {
            "class": int(recording.predictions[sample]),
            "steps": [
                dict(zip(rows, values, strict=True))
                for values in zip(*(rows[name][sample] for name in rows), strict=True)
            ],
        }
        for sample in range(answers.spikes.n_samples)
    ]


def _by_step(raster: Raster) -> list[list[list[int]]]:
    """Neurons that spike, by sample and step."""
    ends = raster.step_offset()
    return [[raster.neuron[first:last].tolist() for first, last in pairwise(row)] for row in ends]


def _raster(neurons: list[list[list[int]]], n_neurons: int) -> Raster:
    """Make a raster from lists of the neurons that spike, by sample and step.

    Raises:
        DataError: the neurons of a step do not ascend.
    """
    lengths = np.array([[len(step) for step in sample] for sample in neurons], np.int64)
    offset = np.concatenate(([0], np.cumsum(lengths.sum(axis=1))))
    step = np.repeat(np.tile(np.arange(lengths.shape[1]), len(lengths)), lengths.reshape(-1))
    flat = [neuron for sample in neurons for step in sample for neuron in step]
    return Raster(offset, step, _whole(flat), lengths.shape[1], n_neurons)


def _whole(numbers: list) -> NDArray[np.integer]:
    """Convert a list of integers to an array; raises `ValueError` for other values."""
    # numpy would convert texts and round fractions. Without a dtype, it would pad all texts of a
    # list to the longest one, which could take any amount of memory.
    if not _are_whole(numbers):
        raise ValueError("integers are expected")
    return np.array(numbers, np.int64)


def _are_whole(numbers: list) -> bool:
    """True if a list contains only integers and such lists."""
    return all(type(n) is int or (type(n) is list and _are_whole(n)) for n in numbers)


def _digest(document: dict[str, Any]) -> str:
    return digest(json.dumps(document, sort_keys=True, separators=(",", ":")).encode())


def _text(value: Any, indent: str = "", *, by_row: bool = False) -> str:
    """Write JSON on one line if it is short or not nested, else with a line per entry.

    Args:
        value: the value to write.
        indent: indent of all lines except the first.
        by_row: write each entry of a list on one line of any length.
    """
    line = json.dumps(value, ensure_ascii=False)
    parts = list(
        value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    )
    if len(line) <= _LINE or not any(isinstance(part, dict | list) for part in parts):
        return line
    inner = indent + " "
    if isinstance(value, dict):
        brackets = "{}"
        entries = [
            f"{json.dumps(key)}: {_text(part, inner, by_row=key == 'steps')}"
            for key, part in value.items()
        ]
    else:
        brackets = "[]"
        entries = [json.dumps(part) if by_row else _text(part, inner) for part in value]
    lines = ",\n".join(inner + entry for entry in entries)
    return f"{brackets[0]}\n{lines}\n{indent}{brackets[1]}"
