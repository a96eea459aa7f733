"""`verify`: backends against the integer simulator, spike for spike."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Mapping, Sequence
from inspect import signature
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nmtool.data.events import SpikeEvents
from nmtool.data.samples import Samples, bin_for
from nmtool.errors import FileFormatError, UsageError
from nmtool.integer_network import IntegerNetwork
from nmtool.known_answers import KnownAnswers
from nmtool.network import Network
from nmtool.progress import Progress, silent
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.verbs.explaining import Differing, explained
from nmtool.verbs.loading import check_exists, load
from nmtool.verbs.running import executable, simulate
from nmtool.verification.backend import Backend
from nmtool.verification.certificate import SIMULATOR, Certificate, Check

if TYPE_CHECKING:
    from nmtool.exporters.formats import Format

_log = logging.getLogger(__name__)

_OF_EVERY_CHECK = set(signature(Backend.check).parameters) | {"folder"}

Options = Mapping[str, Mapping[str, Any]]
NO_OPTIONS: Options = MappingProxyType({})


def verify(
    network: Network | IntegerNetwork | str | Path,
    data: SpikeEvents | Samples | Raster | None = None,
    *,
    against: Sequence[str] = (),
    artefact: str | Path | None = None,
    deep: bool = False,
    options: Options = NO_OPTIONS,
    progress: Progress = silent,
) -> Certificate:
    """Run a network in other backends and compare every spike with the integer simulator.

    >>> print(verify(q.network, data.test[:50], against=["onnx"]))  # doctest: +SKIP
    onnx: spikes compared 500000, different 0; spikes emitted 10122

    Args:
        network: integers, or the path of a network or an export. A float network is compared
            with formats of real numbers only.
        data: samples, binned or not; left out, an export is compared on the known answers that it
            carries.
        against: backends, `lava`, `brian2-loihi`, `onnx`, `nir`, `c`, `netx`; by default that of
            the export.
        artefact: run this export of the network in its own format, not one made for the
            purpose; by default the export that `network` names.
        deep: compare u and v of every neuron, too.
        options: by backend, what its `check` takes, e.g. `{"lava": {"model": "stock"}}`.
        progress: is shown what is being done.

    Raises:
        UsageError: there is nothing to compare with, a float network among integers, an artefact
            that is not compared, or data that do not fit the network.
        FileFormatError: a file is missing or damaged, or carries no known answers, or those of
            another network.
        DoesNotFitError: a format cannot hold the network.
        MissingError: a runtime is not installed; known before anything runs.
        BackendError: a runtime failed.
    """
    if isinstance(network, str | Path):
        check_exists(network)
    against = [against] if isinstance(against, str) else list(against)
    own, artefact = _own_export(network, artefact, against)
    if data is None:
        return _verify_answers(network, own, artefact, against, deep, options, progress)
    backends = backends_to_run(against, own)
    for backend in backends:
        backend.package.require()
    found = load(network) if isinstance(network, str | Path) else network
    _check_arithmetic(found, backends)
    _check_options(options, backends)
    if own is not None and artefact is not None and artefact != network:
        _check_same_network(found, own, artefact)
    spikes, label = _input(found, data)
    with tempfile.TemporaryDirectory(prefix="nmtool-verify-") as scratch:
        # All are written before the first runs: what cannot be exported is known at once.
        paths = {
            one: artefact
            if artefact is not None and one == own
            else _exported(one, found, Path(scratch))
            for one in backends
        }
        simulated = _simulated(found, spikes, deep, progress)
        checks = {
            one.name: one.package.check(
                path,
                spikes,
                simulated=simulated,
                deep=deep and _records_all(one, backends),
                progress=progress,
                **options.get(one.name, {}),
            )
            for one, path in paths.items()
        }
        if isinstance(found, IntegerNetwork) and simulated is not None:
            for one, path in paths.items():
                case = Differing(one, path, found, spikes, simulated, options.get(one.name, {}))
                checks[one.name] = explained(case, checks[one.name], progress)
    recordings = {name: check.recording for name, check in checks.items()}
    if simulated is not None:
        recordings = {SIMULATOR: simulated, **recordings}
    accuracy = {}
    if label is not None:
        accuracy = {name: recording.accuracy(label) for name, recording in recordings.items()}
    return Certificate(spikes.n_samples, found.content_hash, checks, accuracy)


def check_answers(
    format_: Format,
    path: str | Path,
    answers: KnownAnswers,
    *,
    options: Mapping[str, Any] = MappingProxyType({}),
    progress: Progress = silent,
) -> Check:
    """Compare what an artefact answers to the inputs it carries with the answers it carries.

    Args:
        format_: its format.
        path: the artefact.
        answers: what it carries.
        options: what the format's `check` takes.
        progress: is shown what is being done.
    """
    from nmtool.exporters.formats import REAL

    simulated = None
    if REAL in format_.can:
        carried = format_.package.load(path)
        if isinstance(carried, IntegerNetwork):
            simulated = simulate(carried, answers.spikes)
    return format_.package.check(
        path,
        answers.spikes,
        simulated=simulated,
        answers=answers.recording,
        progress=progress,
        **options,
    )


def backends_to_run(against: Sequence[str], own: Format | None) -> list[Format]:
    """The formats that are compared, each once.

    Args:
        against: their names.
        own: that of the export, which is compared where no other is named.

    Raises:
        UsageError: there is none, or none of that name.
    """
    from nmtool.exporters import formats

    found = [formats.by_name(name) for name in dict.fromkeys(against)] or ([own] if own else [])
    able = formats.that_can(formats.EXECUTES)
    if not found:
        raise UsageError(
            "there is nothing to compare with",
            code="backend-missing",
            fix=f"name a backend: --against {'|'.join(able)}",
        )
    return found


def _verify_answers(
    network: Network | IntegerNetwork | str | Path,
    own: Format | None,
    artefact: str | Path | None,
    against: Sequence[str],
    deep: bool,
    options: Options,
    progress: Progress,
) -> Certificate:
    from nmtool.exporters import self_check

    if own is None or artefact is None:
        raise UsageError(
            f"{network} carries no known answers",
            code="answers-not-carried",
            why="it is no export that nmtool knows",
            fix="name DATA to compare on, and a backend",
        )
    if against not in ([], [own.name]) or deep:
        raise UsageError(
            "other backends, and u and v, are compared on data",
            code="data-missing",
            fix="name DATA, or leave out what is compared beside the export's own answers",
        )
    answers = self_check.carried_answers(own, artefact)
    if artefact != network:
        found = load(network) if isinstance(network, str | Path) else network
        if found.content_hash != answers.network_hash:
            raise FileFormatError(
                f"the known answers in {artefact} are those of another network",
                code="answers-other-network",
                fix="export the network again",
            )
    own.package.require()
    check = check_answers(
        own, artefact, answers, options=options.get(own.name, {}), progress=progress
    )
    if isinstance(inside := own.package.load(artefact), IntegerNetwork):
        how = options.get(own.name, {})
        case = Differing(own, artefact, inside, answers.spikes, answers.recording, how)
        check = explained(case, check, progress)
    return Certificate(
        answers.spikes.n_samples,
        answers.network_hash,
        {own.name: check},
        on_known_answers=True,
    )


def _own_export(
    network: Network | IntegerNetwork | str | Path,
    artefact: str | Path | None,
    against: Sequence[str],
) -> tuple[Format | None, str | Path | None]:
    """Format and path of the export that is run as it is: the artefact, else the network."""
    from nmtool.exporters import formats

    if artefact is None:
        path = network if isinstance(network, str | Path) else None
        return (None, None) if path is None else (formats.of_artefact(path), path)
    own = executable(artefact)
    if against and own.name not in against:
        raise UsageError(
            f"{artefact} is for {own.name}, which is not among what is compared",
            code="artefact-unused",
            fix=f"name {own.name}, too, or leave the artefact out",
        )
    return own, artefact


def _check_same_network(
    network: Network | IntegerNetwork, own: Format, artefact: str | Path
) -> None:
    """Raise `UsageError` unless an artefact holds a network, or the floats it was made of."""
    carried = own.network(artefact).content_hash
    if carried not in (network.content_hash, getattr(network, "source_hash", "")):
        raise UsageError(
            f"{artefact} holds another network",
            code="artefact-other-network",
            why=f"its hash is {carried}, not {network.content_hash}",
            fix="export the network again, or name the network that it was made from",
        )


def _check_options(options: Options, backends: Sequence[Format]) -> None:
    """Raise `UsageError` for options of a backend that does not run, or that it does not take."""
    names = [backend.name for backend in backends]
    for name, given in options.items():
        if name not in names:
            raise UsageError(
                f"there are options for {name}, which is not compared",
                code="backend-options-unused",
                fix=f"leave them out, or compare with it; compared is {', '.join(names)}",
            )
        check = backends[names.index(name)].package.check
        known = set(signature(check).parameters) - _OF_EVERY_CHECK
        for option in given:
            if option not in known:
                raise UsageError(
                    f"{name} takes no option '{option}'",
                    code="backend-option-unknown",
                    fix=f"it takes {', '.join(sorted(known))}" if known else "it takes none",
                )


def _check_arithmetic(network: Network | IntegerNetwork, backends: Sequence[Format]) -> None:
    """Raise `UsageError` where a float network is to run on integers."""
    from nmtool.exporters.formats import REAL

    integers = [one.name for one in backends if REAL not in one.can]
    if isinstance(network, Network) and integers:
        raise UsageError(
            f"a float network cannot be compared with {', '.join(integers)}",
            code="network-float",
            why="they run integers",
            fix="quantise it first: nmtool.quantise(network, calibrate_on=data.train)",
        )


def _exported(format_: Format, network: Network | IntegerNetwork, folder: Path) -> Path:
    name = "network" + next(iter(format_.extensions), f"-{format_.name}")
    return format_.package.export(network, folder / name)


def _records_all(format_: Format, backends: Sequence[Format]) -> bool:
    """True where a backend shall record u and v; one alone that cannot refuses by itself."""
    from nmtool.exporters.formats import DEEP

    if DEEP in format_.can or not any(DEEP in one.can for one in backends):
        return True
    _log.warning(f"{format_.name} has no inner variables to compare: --deep is for the others")
    return False


def _input(
    network: Network | IntegerNetwork, data: SpikeEvents | Samples | Raster
) -> tuple[Raster, NDArray[np.integer] | None]:
    """The input spikes, and labels [samples] where there are any."""
    if isinstance(data, Raster):
        return data, None
    samples = data if isinstance(data, Samples) else bin_for(network, data)
    return samples.raster, samples.label


def _simulated(
    network: Network | IntegerNetwork, spikes: Raster, deep: bool, progress: Progress
) -> Recording | None:
    """Recording of the integer simulator; None for float networks."""
    if isinstance(network, Network):
        return None
    return simulate(network, spikes, deep=deep, progress=progress)
