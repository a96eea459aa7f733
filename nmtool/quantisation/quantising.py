"""`quantise`: post-training quantisation, calibrated on data, and the accuracy lost by it."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from nmtool.arguments import checked
from nmtool.arithmetic import LOIHI2, Limits
from nmtool.data.catalogue import load_dataset
from nmtool.data.dataset import Dataset
from nmtool.data.dividing import Amount, SplitRule
from nmtool.data.events import SpikeEvents
from nmtool.data.samples import Samples, bin_for, portions_for
from nmtool.errors import DataError, NmtoolError, UsageError, check_type
from nmtool.loading import Source, float_network, run_behind, shared_validation_rule
from nmtool.network.float_network import Network
from nmtool.network.integer_network import IntegerNetwork
from nmtool.paths import RUN_INTEGERS, RUN_NETWORK
from nmtool.progress import Progress, silent
from nmtool.quantisation import (
    CALIBRATION_SAMPLES,
    Quantisation,
    RoundingCost,
    quantise_network,
)
from nmtool.quantisation.conversion import STATIC
from nmtool.quantisation.pipeline import ERROR
from nmtool.raster import Raster
from nmtool.running import simulate
from nmtool.splits import NO_DATA, VALIDATION
from nmtool.targets import target_named

COMPARED_SAMPLES = 300
"""Number of training samples to compare on if the validation samples are unknown."""

_log = logging.getLogger(__name__)


@checked
def quantise(
    network: Source,
    *,
    calibrate_on: Dataset | SpikeEvents | Raster | str | Path | None = None,
    compare_on: SpikeEvents | None = None,
    weight_bits: int | None = None,
    delay_bits: int | None = None,
    ranges: str = ERROR,
    scale: str = STATIC,
    relays: bool = False,
    validation: SplitRule | Amount | None = None,
    target: str | Path | Limits = LOIHI2,
    progress: Progress = silent,
) -> Quantisation:
    """Round a network to the integers of a target, by default Loihi 2.

    >>> q = quantise(run.network, calibrate_on=data.train)  # doctest: +SKIP
    >>> q.network  # doctest: +SKIP
    <IntegerNetwork: 107 channels, hidden 100 lif, output 10 li, 80 steps of 1 ms>

    Args:
        network: a float network, a run, a torch model, or the path of a network. A run that
            trained in integers is given as `Run` or as RUN/network.npz; its float network is
            rounded.
        calibrate_on: representative samples, or a data set or its name. The first 200 samples (of
            a data set, training samples) set the head-room of membranes. With a data set, the
            accuracy lost is measured on its validation split, else on training samples that are
            not used for calibration: the samples of `validation`, or 300 drawn samples, at most
            half of all. Default: the run's own data, if found. "none": no calibration; membranes
            of outputs get head-room for every possible input, and slow outputs lose precision.
        compare_on: samples on which to measure the accuracy lost (`Quantisation.cost`).
        weight_bits: bits per weight, 2 … 8; by default the target's maximum, 8 on Loihi 2.
        delay_bits: bits per delay, 1 … 6; by default the target's maximum. Delays become
            multiples of the stride with the smallest rounding error.
        ranges: range of integer weights. `largest`: up to the largest weight. `error`: the range
            with the smallest squared error of the weights. `search`: the range with the smallest
            error of the scores on calibration data.
        scale: `static`: currents stay in range for every possible input. `data`: currents stay in
            range on the calibration samples only.
        relays: realise delays beyond the chip's limit with relay populations, which repeat the
            spikes of their source later (`Network.with_relays`); by default such delays are
            clipped.
        validation: rule or amount, e.g. "last 300", that selects the network's validation samples
            among the training samples; by default the run's own rule.
        target: chip or format to round for: a name, the path of a target's file, or an
            `nmtool.Target`, e.g. `nmtool.Target("short", max_delay=31)`.
        progress: shows progress, e.g. `nmtool.progress_bar`.

    Raises:
        UsageError: target, bits, ranges, scale or amount are unknown; scale or ranges need data
            and there are no data; the data do not fit the network; the network is an integer
            network already.
        DataError: a split of the data is missing or empty, there is no sample to calibrate on, or
            most events of the samples to compare on lie beyond the network's steps.
    """
    target = target if isinstance(target, Limits) else target_named(target)
    source, floats = network, float_network(network)
    # If a run was trained in integers, its integers must not be rounded again by mistake.
    if floats is None or (isinstance(source, str | Path) and _trained_integers(source)):
        raise _quantised_already(source)
    network = floats
    if calibrate_on is None:
        calibrate_on = own_data(source)
    elif isinstance(calibrate_on, str | Path):
        calibrate_on = None if calibrate_on == NO_DATA else load_dataset(calibrate_on)
    fix = "pass a Dataset, SpikeEvents, a Raster, or the name of a data set"
    check_type(calibrate_on, (Dataset, SpikeEvents, Raster, type(None)), "calibration data", fix)
    check_type(compare_on, (SpikeEvents, type(None)), "data for comparison", "pass SpikeEvents")
    compared_on = "samples"
    if isinstance(calibrate_on, Dataset):
        calibrate_on.check_whole()
        rule = shared_validation_rule([source]) if validation is None else SplitRule.of(validation)
        dataset, kind = comparison_samples(calibrate_on, rule)
        calibrate_on = dataset.filled_split("train")
        if compare_on is None and VALIDATION in dataset.splits:
            compare_on, compared_on = dataset.filled_split(VALIDATION), kind
        elif compare_on is None:
            _log.warning(
                "the accuracy lost is not measured: the only sample is used for calibration"
            )
    spikes = None
    if calibrate_on is not None:
        first = calibrate_on[:CALIBRATION_SAMPLES]
        spikes = first if isinstance(first, Raster) else bin_for(network, first).raster
        if not spikes.n_samples:
            raise DataError(
                "there are no samples to calibrate on",
                code="split-empty",
                fix=f"pass samples, or skip calibration: calibrate_on='{NO_DATA}'",
            )
    quantisation = quantise_network(
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
    # `source_hash` is the hash of the trained network, which has no relays.
    integers = replace(quantisation.network, source_hash=network.content_hash)
    quantisation = replace(quantisation, network=integers)
    _remark_bits(source, weight_bits, delay_bits, target)
    if spikes is None:
        _log.warning(
            "no calibration data: non-spiking outputs get head-room for every possible input"
        )
    if compare_on is None:
        return quantisation
    cost = rounding_cost(network, quantisation.network, compare_on, compared_on, progress=progress)
    findings = (*quantisation.findings, *cost.findings)
    return replace(quantisation, report=replace(quantisation.report, findings=findings), cost=cost)


def rounding_cost(
    network: Network,
    integers: IntegerNetwork,
    data: SpikeEvents | Samples,
    compared_on: str = "samples",
    *,
    progress: Progress = silent,
) -> RoundingCost:
    """Compare a float network with its integers: accuracies, predictions, spikes.

    Args:
        network: the float network.
        integers: the rounded network.
        data: samples to compare on, binned or not.
        compared_on: description of the samples, for messages.
        progress: shows progress, e.g. `nmtool.progress_bar`.
    """
    return RoundingCost.of(
        (
            (
                simulate(network, part.raster, progress=progress),
                simulate(integers, part.raster, progress=progress),
                part.label,
            )
            for part in portions_for(network, data, measures=True)
        ),
        compared_on,
    )


def own_data(source: object) -> Dataset | None:
    """Find the data that a run was trained on, for calibration, and log their name.

    Nothing is downloaded.

    Args:
        source: a run, or the path of a file that training wrote; other sources give None.
    """
    from nmtool.training.loop.run_data import data_of, is_fetched

    if (run := run_behind(source)) is None:
        return None
    try:
        if not is_fetched(run):
            return None
        dataset = data_of(run)
    except NmtoolError as error:
        _log.warning(f"{error.what}: no calibration; name the data with `calibrate_on=`")
        return None
    _log.info(
        f"calibrated on {dataset.name}, the data of the run; `calibrate_on={NO_DATA}` skips this"
    )
    return dataset


def calibration_split(data: Dataset, source: Source) -> SpikeEvents:
    """Calibration samples: training samples except the validation samples of the run.

    Raises:
        DataError: the data have no training samples.
    """
    return comparison_samples(data, shared_validation_rule([source]))[0].filled_split("train")


def comparison_samples(dataset: Dataset, rule: SplitRule | None) -> tuple[Dataset, str]:
    """Choose samples to compare on, which are not used for calibration.

    Args:
        dataset: data set with training samples.
        rule: rule that drew the network's validation samples; None if unknown; ignored if it does
            not fit the data set.

    Returns:
        The data with a validation split, and a description of that split.
    """
    if VALIDATION in dataset.splits:
        return dataset, "samples of the validation split"
    events = dataset.filled_split("train")
    training_only = Dataset(dataset.name, ("train",), dataset.split)
    if rule is not None:
        # These data may be unsuitable for the validation rule.
        with suppress(UsageError):
            candidate = training_only.with_validation(rule)
            if VALIDATION in candidate.splits:
                return candidate, "validation samples of the training split"
    drawn = SplitRule(min(COMPARED_SAMPLES, events.n_samples // 2))
    return training_only.with_validation(
        drawn
    ), "training samples, drawn per class, on which the network may have been trained"


def _quantised_already(source: object) -> UsageError:
    """The error for an attempt to quantise an integer network."""
    name = source if isinstance(source, str | Path) else "the network"
    floats, run = "", run_behind(source)
    if isinstance(source, str | Path) and (file := Path(source) / RUN_NETWORK).is_file():
        floats = f": {file}"
    elif run is not None:
        floats = f": {run.network_file}"
    return UsageError(
        f"{name} is an integer network already",
        code="quantised-already",
        fix=f"verify, evaluate or export it as it is, or name the float network{floats}",
    )


def _trained_integers(source: str | Path) -> bool:
    """True for the folder of a run that trained in integers."""
    return (Path(source) / RUN_INTEGERS).is_file()


def _remark_bits(
    source: object, weight_bits: int | None, delay_bits: int | None, target: Limits
) -> None:
    """Log a warning if a run trained with other bits than the defaults that quantisation uses."""
    run = run_behind(source)
    if run is None or (options := run.options()).arithmetic != "integer":
        return
    bits = (
        ("weight", weight_bits, options.weight_bits, target.weight_bits[-1]),
        ("delay", delay_bits, options.delay_bits, target.delay_bits[-1]),
    )
    different_bits = [
        (k, trained) for k, argument, trained, most in bits if argument is None and trained != most
    ]
    if different_bits:
        words = " and ".join(f"{kind}s of {trained} bits" for kind, trained in different_bits)
        to_keep = " ".join(f"`{kind}_bits={trained}`" for kind, trained in different_bits)
        _log.warning(f"the run was trained with {words}; to keep them, set {to_keep}")
