"""The document in a JSON file: names and numbers as in `IntegerNetwork`, with a line per step.

A digest reveals any change of content; white space and the order of keys do not matter.

Readers ignore unknown keys. A network whose properties extend the arithmetic, by other resets or by
counts of spikes, therefore has another format and another arithmetic, so that readers without this
extension refuse it.
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
from nmtool.network.graph import EXTENSIONS, INPUT, LIF, PROPERTIES, InputChannels
from nmtool.network.integer_network import IntegerNetwork, IntegerPopulation
from nmtool.raster import Raster
from nmtool.recording import Recording

KIND = "nmtool network in JSON"
KINDS = {e: f"nmtool network with {e} in JSON" if e else KIND for e in EXTENSIONS}
"""The format of a file, by extension of the arithmetic; each includes those before it."""

VERSION = 1

MAX_BYTES = 64 << 20
"""Largest size of a file: two recurrent layers of 1,024 neurons with known answers take 40 MiB."""

_WHAT = "network in JSON"
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
    entries = _parts(header)
    for place, array in arrays.items():
        part, _, key = place.rpartition(".")
        entries[part][key] = array.tolist()
    # `arithmetic` comes before the header's other keys.
    arithmetic = network.arithmetic + _ending(network.extension)
    document = {"format": KINDS[network.extension], "version": VERSION, "arithmetic": arithmetic}
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
    """The document in a file, with the network's own arithmetic, without an extension of its name.

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
    is_ours = any(kind.encode() in data for kind in KINDS.values())
    document = storage.parse_json(data.decode("utf-8-sig")) if is_ours else None
    if not isinstance(document, dict) or document.get("format") not in [*KINDS.values()]:
        raise damaged(path, f'its "format" is not "{KIND}"', _WHAT)
    return document


def _arithmetic_in(document: dict[str, Any], path: Path) -> str:
    """Name of the network's arithmetic, without its extension.

    Raises:
        FileFormatError: format and arithmetic do not announce the same extension, or the file has a
            property of a later one.
    """
    arithmetic = str(document.get("arithmetic", LOIHI2.name))
    announced = next((e for e in EXTENSIONS[1:] if arithmetic.endswith(_ending(e))), "")
    keys = {key for part in (document["channels"], *document["populations"]) for key in part}
    needed = [declared.extension for declared in PROPERTIES if declared.name in keys]
    formal = next(e for e in EXTENSIONS if KINDS[e] == document["format"])
    least = max((*needed, formal), key=EXTENSIONS.index)
    if announced != formal or least != formal:
        expected = f'"{KINDS[least]}", and its "arithmetic" end in "{_ending(least)}"'
        raise damaged(path, f'its "format" must be {expected}', _WHAT)
    return arithmetic.removesuffix(_ending(announced))


def _ending(extension: str) -> str:
    """What follows the name of an arithmetic with this extension."""
    return f"-{extension}" if extension else ""


def network_in(document: dict[str, Any], path: Path) -> IntegerNetwork:
    """The integer network in a document.

    Raises:
        FileFormatError: the document does not describe an integer network.
        ValueError, LookupError, TypeError: keys or shapes are wrong.
    """
    header = {key: value for key, value in document.items() if key not in _OF_FILE}
    header |= {
        key: [dict(entry) for entry in header[key]] for key in ("populations", "projections")
    }
    arrays = {
        f"{place}.{key}": _whole(entry.pop(key))
        for place, entry in _parts(header).items()
        for key in [key for key, value in entry.items() if isinstance(value, list)]
    }
    return storage.Archive(path, header, arrays).unpack(IntegerNetwork)


def _parts(header: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The entries of populations and projections, by the names of their arrays' places."""
    populations = {f"population.{entry['name']}": entry for entry in header["populations"]}
    projections = {f"projection.{n}": entry for n, entry in enumerate(header["projections"])}
    return populations | projections


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
        spikes = _raster([[step[INPUT] for step in sample] for sample in steps], network.channels)
        states: dict[str, dict[str, NDArray]] = {"u": {}, "v": {}}
        emitted = {}
        for population in network.populations:
            rows = [[step[population.name] for step in sample] for sample in steps]
            if population.kind == LIF:
                fired = [[row["spikes"] for row in sample] for sample in rows]
                emitted[population.name] = _raster(fired, population)
            for key, values in states.items():
                if key in rows[0][0]:
                    whole = _whole([[row[key] for row in sample] for sample in rows])
                    values[population.name] = whole.astype(np.int32)
        recording = Recording.of(network, emitted, **states, counts=document["counts"])
        factors = network.decay_factors() if recording.current else {}
        return KnownAnswers(document["network_hash"], spikes, recording, factors)


def _samples_of(network: IntegerNetwork, answers: KnownAnswers) -> list[dict[str, Any]]:
    recording = answers.recording
    rows: dict[str, list] = {INPUT: _by_step(answers.spikes, network.channels)}
    for population in network.populations:
        name = population.name
        parts: dict[str, list] = {}
        if name in recording.spikes:
            parts["spikes"] = _by_step(recording.spikes[name], population)
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


def _by_step(raster: Raster, source: InputChannels | IntegerPopulation) -> list[list[list]]:
    """Neurons that spike, by sample and step; pairs of neuron and count if they can vary."""
    ends, entries = raster.step_offset(), raster.neuron
    if source.most_spikes > 1:
        entries = np.stack([entries, raster.bin_counts()], axis=1)
    return [[entries[first:last].tolist() for first, last in pairwise(row)] for row in ends]


def _raster(entries: list[list[list]], source: InputChannels | IntegerPopulation) -> Raster:
    """Make a raster from the lists of `_by_step`.

    Raises:
        ValueError: an entry is not what the source has: a neuron, or a pair of neuron and count.
        DataError: the neurons of a step do not ascend.
    """
    lengths = np.array([[len(step) for step in sample] for sample in entries], np.int64)
    offset = np.concatenate(([0], np.cumsum(lengths.sum(axis=1))))
    step = np.repeat(np.tile(np.arange(lengths.shape[1]), len(lengths)), lengths.reshape(-1))
    flat = _whole([entry for sample in entries for step in sample for entry in step])
    if source.most_spikes == 1:
        return Raster(offset, step, flat, lengths.shape[1], source.size)
    neuron, count = _pairs(flat, source.most_spikes)
    return Raster(offset, step, neuron, lengths.shape[1], source.size, count)


def _pairs(entries: NDArray[np.integer], most: int) -> NDArray[np.integer]:
    """[2, filled]: neurons and counts; raises `ValueError` unless each count is 1 … `most`."""
    pairs = entries if entries.size else entries.reshape(0, 2)
    if pairs.shape[1:] != (2,) or ((pairs[:, 1] < 1) | (pairs[:, 1] > most)).any():
        raise ValueError(f"pairs of a neuron and a count of 1 … {most} are expected")
    return pairs.T


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
