"""`quantise`: a float network as the integers of a chip, calibrated on data; what that costs."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from nmtool.arguments import checked
from nmtool.arithmetic import LOIHI2, Limits
from nmtool.data.catalogue import load_dataset
from nmtool.data.dataset import Dataset
from nmtool.data.dividing import Amount, SplitRule
from nmtool.data.events import SpikeEvents
from nmtool.data.samples import bin_for, portions_for
from nmtool.errors import DataError, NmtoolError, UsageError, check_type
from nmtool.loading import Source, float_network, run_behind, validated_on
from nmtool.network.float_network import Network
from nmtool.network.integer_network import IntegerNetwork
from nmtool.paths import RUN_INTEGERS, RUN_NETWORK
from nmtool.progress import Progress, shown_by, silent
from nmtool.quantisation import (
    CALIBRATION_SAMPLES,
    Quantisation,
    RoundingCost,
    quantise_network,
)
from nmtool.quantisation.conversion import STATIC
from nmtool.quantisation.pipeline import ERROR, check_choices
from nmtool.raster import Raster
from nmtool.running import simulate

if TYPE_CHECKING:
    from nmtool.training.learning import Run

VALIDATION = "validation"

NO_DATA = "none"
"""In place of data: none calibrate, not even those that a run was trained on."""

COMPARED_SAMPLES = 300
"""Training samples, the last ones, to compare on where nothing says which were held out."""

_log = logging.getLogger(__name__)


@checked
def quantise(
    network: Network | Run | str | Path,
    *,
    calibrate_on: Dataset | SpikeEvents | Raster | str | Path | None = None,
    compare_on: SpikeEvents | None = None,
    weight_bits: int | None = None,
    delay_bits: int | None = None,
    ranges: str = ERROR,
    scale: str = STATIC,
    relays: bool = False,
    validation: SplitRule | Amount | None = None,
    target: Limits = LOIHI2,
    progress: Progress = silent,
) -> Quantisation:
    """Round a network to the integers of a target, by default Loihi 2.

    >>> q = quantise(run.network, calibrate_on=data.train)  # doctest: +SKIP
    >>> q.network  # doctest: +SKIP
    <IntegerNetwork: 107 channels, hidden 100 lif, output 10 li, 80 steps of 1 ms>

    Args:
        network: what training learnt, the run, or the path of either; of a run that trained in
            integers the `Run` or RUN/network.npz, which are its floats.
        calibrate_on: samples that stand for what the network will hear; the first 200 set the
            head-room of membranes. Of a `Dataset` these are training samples, and accuracies are
            compared on its validation split; without one, on those training samples that
            `validation` names, else on 300 or half of them, drawn, none of which calibrates. A
            name is that of a data set. By default a run's own data, where they are found; "none"
            leaves them out. Without any, membranes of outputs get room for every possible input,
            which costs slow ones their precision.
        compare_on: measure what rounding costs on these samples, in `Quantisation.cost`.
        weight_bits: 2 … 8, of every projection; by default the most that the target holds, 8.
        delay_bits: 1 … 6, by default likewise; delays become multiples of the stride of least
            error.
        ranges: how far integers of weights reach: `largest` holds the largest weight, `error`
            errs least in the square, `search` changes answers on calibration data least.
        scale: `static` keeps currents in range for every possible input, `data` trusts the
            calibration samples.
        relays: delays that are longer than those held leave from relays, populations that repeat
            the spikes of another (`Network.with_relays`); by default they are cut.
        validation: training samples that the network did not learn from: a rule, or an amount such
            as "last 300"; by default those that validated the run.
        target: what its integers are for, e.g. `nmtool.Target("short", max_delay=31)`.
        progress: is shown what is being done.

    Raises:
        UsageError: unknown bits, ranges, scale or amount; the scale or the ranges are to come from
            data and there are none; the data do not fit the network; it is made of integers
            already.
        DataError: a split of the data is missing or empty, or there is no sample to calibrate on.
    """
    source, floats = network, float_network(network)
    # Integers that were trained are not to be mistaken for floats that are rounded after it.
    if floats is None or (isinstance(source, str | Path) and _trained_integers(source)):
        raise quantised_already(source)
    network = floats
    progress = shown_by(progress)
    if calibrate_on is None:
        calibrate_on = own_data(source)
    elif isinstance(calibrate_on, str | Path):
        calibrate_on = None if calibrate_on == NO_DATA else load_dataset(calibrate_on)
    fix = "pass a Dataset, SpikeEvents, a Raster, or the name of a data set"
    check_type(calibrate_on, (Dataset, SpikeEvents, Raster, type(None)), "data that calibrate", fix)
    check_type(compare_on, (SpikeEvents, type(None)), "data to compare on", "pass SpikeEvents")
    check_choices(ranges, scale, has_data=calibrate_on is not None)
    compared_on = "samples"
    if isinstance(calibrate_on, Dataset):
        known = validated_on([source]) if validation is None else SplitRule.of(validation)
        dataset, kind = keep_apart(calibrate_on, known)
        calibrate_on = dataset.filled_split("train")
        if compare_on is None and VALIDATION in dataset.splits:
            compare_on, compared_on = dataset.filled_split(VALIDATION), kind
        elif compare_on is None:
            _log.warning(
                "accuracies are not compared: a single sample calibrates, and none is left"
            )
    spikes = None
    if calibrate_on is not None:
        first = calibrate_on[:CALIBRATION_SAMPLES]
        spikes = first if isinstance(first, Raster) else bin_for(network, first).raster
        if not spikes.n_samples:
            raise DataError(
                "there are no samples to calibrate on",
                code="split-empty",
                fix=f"pass some, or leave them out: calibrate_on='{NO_DATA}'",
            )
    found = quantise_network(
        network,
        spikes,
        weight_bits=weight_bits,
        delay_bits=delay_bits,
        ranges=ranges,
        scale=scale,
        relays=relays,
        target=target,
        float_run=lambda spikes: simulate(network, spikes, progress=progress),
        progress=progress,
    )
    # Relays are part of how the network is held, not of what was trained.
    integers = replace(found.network, source_hash=network.content_hash)
    found = replace(found, network=integers)
    _remark_bits(source, weight_bits, delay_bits, target)
    if spikes is None:
        _log.warning("no calibration data: non-spiking outputs keep head-room for any input")
    if compare_on is None:
        return found
    cost = rounding_cost(network, found.network, compare_on, compared_on, progress=progress)
    return replace(found, cost=cost)


def rounding_cost(
    network: Network,
    integers: IntegerNetwork,
    data: SpikeEvents,
    compared_on: str = "samples",
    *,
    progress: Progress = silent,
) -> RoundingCost:
    """Compare a float network and its integers: accuracies, predictions, spikes.

    Args:
        network: float.
        integers: made of it.
        data: samples to compare on.
        compared_on: what they are, in words.
        progress: is shown how far it is.
    """
    return RoundingCost.of(
        (
            (
                simulate(network, part.raster, progress=progress),
                simulate(integers, part.raster, progress=progress),
                part.label,
            )
            for part in portions_for(network, data)
        ),
        compared_on,
    )


def own_data(source: object) -> Dataset | None:
    """Find the data that a run was trained on, to calibrate on them; the log says which.

    Nothing is fetched.

    Args:
        source: a run, or the path of what training wrote; others have no data of their own.
    """
    from nmtool.training.loop.run_data import data_of, is_fetched

    if (run := run_behind(source)) is None:
        return None
    try:
        if not is_fetched(run):
            return None
        found = data_of(run)
    except NmtoolError as error:
        _log.warning(f"{error.what}: nothing calibrates; `calibrate_on=` names them")
        return None
    _log.info(
        f"calibrated on {found.name}, the data of the run; `calibrate_on={NO_DATA}` leaves them out"
    )
    return found


def calibration_data(
    data: Dataset | SpikeEvents | None, source: Source, *, own: bool
) -> SpikeEvents | str:
    """Samples that calibrate: those given, or a run's own; `NO_DATA` without any.

    Args:
        data: what was given; of a data set its training samples calibrate.
        source: what is quantised.
        own: where none are given, take those that a run was trained on.

    Raises:
        DataError: the data have no training samples.
    """
    if data is None and own:
        data = own_data(source)
    if isinstance(data, Dataset):
        return calibration_split(data, source)
    return NO_DATA if data is None else data


def calibration_split(data: Dataset, source: Source) -> SpikeEvents:
    """Training samples that calibrate: those that did not validate the run in `source`.

    Raises:
        DataError: the data have no training samples.
    """
    return keep_apart(data, validated_on([source]))[0].filled_split("train")


def keep_apart(dataset: Dataset, rule: SplitRule | None) -> tuple[Dataset, str]:
    """Choose the samples to compare on, which calibration never sees.

    Args:
        dataset: with training samples.
        rule: gives those that the network did not learn from, if that is known. Where it does not
            fit these data, it is not known.

    Returns:
        The data with a validation split, and what to call that split.
    """
    if VALIDATION in dataset.splits:
        return dataset, "samples of the validation split"
    events = dataset.filled_split("train")
    rest = Dataset(dataset.name, ("train",), dataset.split)
    if rule is not None:
        with suppress(UsageError):  # other data than those it was made for
            kept = rest.with_validation(rule)
            if VALIDATION in kept.splits:
                return kept, "validation samples of the training split"
    drawn = SplitRule(min(COMPARED_SAMPLES, events.n_samples // 2))
    return rest.with_validation(drawn), "training samples, drawn per class"


def quantised_already(source: object, options: Iterable[str] = ()) -> UsageError:
    """The error where integers are to be quantised.

    Args:
        source: what is made of integers.
        options: of quantisation, by their names in Python, where those were asked for.
    """
    name = source if isinstance(source, str | Path) else "the network"
    floats, run = "", run_behind(source)
    if isinstance(source, str | Path) and (file := Path(source) / RUN_NETWORK).is_file():
        floats = f": {file}"
    elif run is not None:
        floats = f": {run.network_file}"
    if named := [f"`{option}=`" for option in options]:
        return UsageError(
            f"there is nothing to quantise with {', '.join(named)}",
            code="quantised-already",
            why=f"{name} is made of integers already",
            fix=f"leave that out, or name the float network{floats}",
        )
    return UsageError(
        f"{name} is made of integers already",
        code="quantised-already",
        fix=f"verify, evaluate or export it as it is, or name the float network{floats}",
    )


def _trained_integers(source: str | Path) -> bool:
    return (Path(source) / RUN_INTEGERS).is_file()


def _remark_bits(
    source: object, weight_bits: int | None, delay_bits: int | None, target: Limits
) -> None:
    """Say which bits a run trained in, where others were chosen by default."""
    run = run_behind(source)
    if run is None or (options := run.options()).arithmetic != "integer":
        return
    bits = (
        ("weight", weight_bits, options.weight_bits, target.weight_bits[-1]),
        ("delay", delay_bits, options.delay_bits, target.delay_bits[-1]),
    )
    others = [(k, trained) for k, given, trained, most in bits if given is None and trained != most]
    if others:
        words = " and ".join(f"{kind}s of {trained} bits" for kind, trained in others)
        to_keep = " ".join(f"`{kind}_bits={trained}`" for kind, trained in others)
        _log.warning(f"the run was trained in {words}; {to_keep} keeps them")
