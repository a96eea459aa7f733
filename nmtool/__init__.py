"""nmtool: train spiking networks with delays, quantise them, and prove the deployed ones equal.

    import nmtool as nm

    data = nm.load_dataset("digits")
    run = nm.train(data, nm.TrainOptions(hidden=100, steps=100, epochs=5))
    q = nm.quantise(run.network, calibrate_on=data.train)
    print(nm.evaluate(q.network, data.test))
    nm.export(q.network, "net.onnx")
    print(nm.verify(q.network, data.test.draw(50), against=["onnx"]))

Verbs, for all that commands do:

    load_dataset        find a data set by name or folder
    train               learn weights and delays; gives a Run
    finetune            go on from a run, as in integers
    sweep               search training settings; gives a SweepResult
    teach               ask networks for class probabilities to learn from; gives a Teacher
    side_by_side        several networks as one, whose outputs are added; gives a Network
    cross_validate      answer each sample by a network that did not learn from it; gives Answers
    join_folds          the same by several networks side by side; gives Answers
    quantise            round a network to the integers of a chip; gives a Quantisation
    simulate            run a network in its own arithmetic; gives a Recording
    evaluate            accuracy and activity on samples; gives an Evaluation
    cost                operations, footprint, latency and energy on samples; gives a Cost
    compare_cost        accuracy against cost of several networks; gives a Tradeoff
    compare_accuracy    two kinds of networks on the same samples; gives an AccuracyDifference
    check               does a network fit chips and formats, what changes; gives a CheckReport
    export              write a network in another format
    load                read a network of any format
    from_snntorch       the network of a snnTorch module
    convert             turn any format into any other, and check it; gives a Conversion
    run                 run an export with the runtime of its format; gives an Evaluation
    verify              backends against the simulator, spike for spike; gives a Certificate
    compare_recordings  two recordings, spike for spike; gives a Comparison
    explain             why two recordings of a network differ; gives an Explanation
    inspect             describe a file as plain values
    report              everything known about a network, as a page; gives a Report
    demo                the whole way on handwritten digits; gives a Demonstration
    doctor              what is installed here, what is missing, how to get it; gives a Diagnosis
    set_up_lava         make the environment that Lava runs in
    set_up_brian2_loihi  make the environment that brian2-loihi, a second referee, runs in

Live:

    Session             an integer network that hears a stream and can be asked at any step
    Decision            the class that it answers with, and the scores

Networks:

    Network             what training learns: populations and projections in the paper's units
    Population          its neurons of one kind, `lif` or `li`
    Projection          its synapses from one population to another: weights and delays
    InputChannels       the channels a network listens to
    Readout             which population answers, and how its activity becomes a class
    IntegerNetwork      what a chip runs, exactly
    IntegerPopulation   its neurons
    IntegerProjection   its synapses

Training:

    TrainOptions        everything a training run can be told
    Run                 what training made: networks, log, settings
    SweepResult         what a search found: the best settings, all trials
    progress_bar        shows how far long work is, in a notebook or a terminal
    tensorboard         writes a run's epochs as logs of TensorBoard
    SpikingNetwork      a network as a torch module, for a loop of one's own
    readout_loss        the loss that belongs to a network's read-out, for such a loop
    predictions         classes by a network's read-out, from what such a loop recorded
    spike_distance      between the spikes of a population and wanted ones, differentiable
    first_spike_ms      time of every neuron's first spike, differentiable
    RateTarget          the regulariser that keeps hidden neurons at a firing rate

Quantisation:

    Quantisation        an integer network, what rounding changed and cost, findings
    Calibration         what data showed about currents and membranes, for `round_network`
    round_network       the rounding alone, without data
    Target              a chip or a format: limits, arithmetic, cores, what events take
    target_named        a target by name, or from a file of one's own
    target_names        names of the targets that come with nmtool

Data:

    Dataset             training, validation and test samples, read when they are needed
    SpikeEvents         labelled spike trains in milliseconds
    StoredEvents        the same, of a set larger than memory, left on disk
    bin_events          from `SpikeEvents` to a `Raster`
    Raster              binned spikes of many samples
    read_incoming       a data set from files of others: CSV, dense arrays, HDF5 of other names
    Meaning             what such files leave open: unit of times, step, first class
    write_dataset       write a data set as a folder in the layout of the Heidelberg sets
    with_test           a data set with a test split, drawn from its training samples
    propose_grid        a time step and a number of steps that suit samples
    write_shd           write `SpikeEvents` in the layout of the Heidelberg sets
    Teacher             class probabilities of training samples, to learn from beside labels
    SplitRule           which training samples validate where nothing else does
    torch_dataset       `SpikeEvents` for torch's loaders, and tonic's transforms

Results:

    Answers             the class that each sample got, by seed, with its fold and columns
    Recording           what running a network produced, the same for every backend
    Evaluation          what a recording of labelled samples says
    Cost                what an inference takes, exactly or with its boundary
    Tradeoff            costs of several networks, beside their accuracies
    Confusion           which classes are taken for which, and the accuracy of each
    AccuracyDifference  between two kinds of networks on the same samples, with an interval
    Conversion          what was written, and how it stands beside its source
    CheckReport         a network on several targets, side by side
    Fit                 a network on one target: faithful, approximate or unsupported, and why
    Certificate         what was compared and what differed, by backend
    Check               one backend's part of it
    Coverage            which stored numbers the samples exercised
    MutationScore       how many one-unit faults they would have shown
    Comparison          counts, and the first place where two recordings differ
    Divergence          that place
    Explanation         where two recordings part, how far, and which faults explain it
    Cause               one of these faults
    Arrival             a spike that reaches a neuron at some step
    KnownAnswers        inputs and answers that an export carries
    Demonstration       what the demo ends with
    Diagnosis           the parts of an installation, and how each is
    Part                one of them
    Report              sections of sentences, tables and plots, as a page, tables or JSON

Options of formats:

    NirOptions          how a NIR file is written
    VerilogOptions      how a folder of Verilog is written
    ImportOptions       how a NIR file of others is understood
    MlgennOptions       what checkpoints of mlGeNN leave open

Errors, each with a stable code, what is wrong, why, and how to fix it:

    NmtoolError         base of all of them
    Finding             one of several things that are wrong at once
    InputError          wrong usage or bad input
    DataError           spike events, labels or their files
    FileFormatError     a damaged or foreign file
    NetworkError        a network that contradicts itself
    UsageError          options that do not go together
    StorageError        a file that could not be written
    ArtefactError       an artefact that is not the network's
    DoesNotFitError     the target cannot hold the network
    MissingError        something needed is not installed
    BackendError        an external runtime failed
    RankError           another process of a data-parallel job is gone

Trained and verified networks to start from come with nmtool: `nm.zoo.load("digits")`. Plots for
notebooks are functions of `nm.plot`, such as `nm.plot.raster(recording)`. What may take long takes
`progress=nm.progress_bar`.

Remarks and the progress of training are logged below the logger `nmtool`. Nothing heavy (torch,
numba, h5py) is imported before something needs it. `__version__` is the version of nmtool.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nmtool import plot, zoo
    from nmtool.accuracy_difference import AccuracyDifference
    from nmtool.answers import Answers
    from nmtool.bars import progress_bar
    from nmtool.confusion import Confusion
    from nmtool.costs import Cost, Tradeoff
    from nmtool.data.binning import bin_events
    from nmtool.data.catalogue import load_dataset
    from nmtool.data.dataset import Dataset
    from nmtool.data.events import SpikeEvents
    from nmtool.data.grid import propose_grid
    from nmtool.data.incoming import Meaning, read_incoming, with_test, write_dataset
    from nmtool.data.shd import write_shd
    from nmtool.data.stored import StoredEvents
    from nmtool.data.teacher import Teacher
    from nmtool.data.validation_split import SplitRule
    from nmtool.errors import (
        ArtefactError,
        BackendError,
        DataError,
        DoesNotFitError,
        FileFormatError,
        Finding,
        InputError,
        MissingError,
        NetworkError,
        NmtoolError,
        RankError,
        StorageError,
        UsageError,
    )
    from nmtool.exporters.brian2_loihi.environment import set_up_brian2_loihi
    from nmtool.exporters.lava.environment import set_up_lava
    from nmtool.exporters.mlgenn.options import MlgennOptions
    from nmtool.exporters.nir.options import ImportOptions, NirOptions
    from nmtool.exporters.nir.snntorch import from_snntorch
    from nmtool.exporters.verilog.options import VerilogOptions
    from nmtool.graph import InputChannels
    from nmtool.hardware_sim.session import Decision, Session
    from nmtool.integer_network import IntegerNetwork, IntegerPopulation, IntegerProjection
    from nmtool.known_answers import KnownAnswers
    from nmtool.network import Network, Population, Projection
    from nmtool.quantisation import Calibration, Quantisation, round_network
    from nmtool.raster import Raster
    from nmtool.readout import Readout
    from nmtool.recording import Recording
    from nmtool.reporting.report import Report
    from nmtool.targets import Target, target_named, target_names
    from nmtool.targets.fit import Fit
    from nmtool.training.crossvalidation import cross_validate
    from nmtool.training.front.activity import RateTarget
    from nmtool.training.front.losses import (
        first_spike_ms,
        predictions,
        readout_loss,
        spike_distance,
    )
    from nmtool.training.front.model import SpikingNetwork
    from nmtool.training.front.torch_data import torch_dataset
    from nmtool.training.learning import Run, finetune, train
    from nmtool.training.options import TrainOptions
    from nmtool.training.sweeps import SweepResult, sweep
    from nmtool.training.tensorboard import tensorboard
    from nmtool.verbs.checking import CheckReport, check
    from nmtool.verbs.comparing import compare_accuracy
    from nmtool.verbs.costing import compare_cost, cost
    from nmtool.verbs.doctoring import Diagnosis, Part, doctor
    from nmtool.verbs.exporting import Conversion, convert, export
    from nmtool.verbs.inspecting import inspect
    from nmtool.verbs.joining import join_folds, side_by_side
    from nmtool.verbs.loading import load
    from nmtool.verbs.quantising import quantise
    from nmtool.verbs.reporting import report
    from nmtool.verbs.running import Evaluation, evaluate, run, simulate
    from nmtool.verbs.teaching import teach
    from nmtool.verbs.walkthrough import Demonstration, demo
    from nmtool.verification.certificate import Certificate, Check
    from nmtool.verification.comparison import Comparison, Divergence, compare_recordings
    from nmtool.verification.coverage import Coverage
    from nmtool.verification.explain import explain
    from nmtool.verification.explanation import Arrival, Cause, Explanation
    from nmtool.verification.faults import MutationScore
    from nmtool.verification.verify import verify
    from nmtool.version import __version__

_HOMES = {
    "nmtool.answers": "Answers",
    "nmtool.bars": "progress_bar",
    "nmtool.confusion": "Confusion",
    "nmtool.costs": "Cost Tradeoff",
    "nmtool.data.binning": "bin_events",
    "nmtool.data.catalogue": "load_dataset",
    "nmtool.data.dataset": "Dataset",
    "nmtool.data.events": "SpikeEvents",
    "nmtool.data.grid": "propose_grid",
    "nmtool.data.incoming": "Meaning read_incoming with_test write_dataset",
    "nmtool.data.validation_split": "SplitRule",
    "nmtool.data.shd": "write_shd",
    "nmtool.data.stored": "StoredEvents",
    "nmtool.data.teacher": "Teacher",
    "nmtool.errors": "ArtefactError BackendError DataError DoesNotFitError FileFormatError "
    "Finding InputError MissingError NetworkError NmtoolError RankError StorageError UsageError",
    "nmtool.exporters.brian2_loihi.environment": "set_up_brian2_loihi",
    "nmtool.exporters.lava.environment": "set_up_lava",
    "nmtool.exporters.mlgenn.options": "MlgennOptions",
    "nmtool.exporters.nir.options": "ImportOptions NirOptions",
    "nmtool.exporters.verilog.options": "VerilogOptions",
    "nmtool.exporters.nir.snntorch": "from_snntorch",
    "nmtool.graph": "InputChannels",
    "nmtool.hardware_sim.session": "Decision Session",
    "nmtool.integer_network": "IntegerNetwork IntegerPopulation IntegerProjection",
    "nmtool.known_answers": "KnownAnswers",
    "nmtool.network": "Network Population Projection",
    "nmtool.accuracy_difference": "AccuracyDifference",
    "nmtool.quantisation": "Calibration Quantisation round_network",
    "nmtool.raster": "Raster",
    "nmtool.readout": "Readout",
    "nmtool.recording": "Recording",
    "nmtool.reporting.report": "Report",
    "nmtool.targets": "Target target_named target_names",
    "nmtool.targets.fit": "Fit",
    "nmtool.training.crossvalidation": "cross_validate",
    "nmtool.training.learning": "Run finetune train",
    "nmtool.training.front.activity": "RateTarget",
    "nmtool.training.front.losses": "first_spike_ms predictions readout_loss spike_distance",
    "nmtool.training.front.model": "SpikingNetwork",
    "nmtool.training.front.torch_data": "torch_dataset",
    "nmtool.training.options": "TrainOptions",
    "nmtool.training.tensorboard": "tensorboard",
    "nmtool.training.sweeps": "SweepResult sweep",
    "nmtool.verbs.comparing": "compare_accuracy",
    "nmtool.verbs.costing": "compare_cost cost",
    "nmtool.verbs.doctoring": "Diagnosis Part doctor",
    "nmtool.verification.explain": "explain",
    "nmtool.verbs.exporting": "Conversion convert export",
    "nmtool.verbs.checking": "CheckReport check",
    "nmtool.verbs.inspecting": "inspect",
    "nmtool.verbs.joining": "join_folds side_by_side",
    "nmtool.verbs.loading": "load",
    "nmtool.verbs.quantising": "quantise",
    "nmtool.verbs.reporting": "report",
    "nmtool.verbs.running": "Evaluation evaluate run simulate",
    "nmtool.verbs.teaching": "teach",
    "nmtool.verification.verify": "verify",
    "nmtool.verbs.walkthrough": "Demonstration demo",
    "nmtool.verification.certificate": "Certificate Check",
    "nmtool.verification.comparison": "Comparison Divergence compare_recordings",
    "nmtool.verification.coverage": "Coverage",
    "nmtool.verification.faults": "MutationScore",
    "nmtool.verification.explanation": "Arrival Cause Explanation",
    "nmtool.version": "__version__",
}
"""Modules, and the public names that are taken from them when they are first asked for."""

_HOME = {name: module for module, names in _HOMES.items() for name in names.split()}
_MODULES = ("plot", "zoo")
"""Modules that are loaded when they are first named."""

_NEEDS_TORCH = (
    *("RateTarget", "SpikingNetwork", "first_spike_ms", "predictions", "readout_loss"),
    *("spike_distance", "torch_dataset"),
)

if TYPE_CHECKING:
    # A checker takes only what is listed here for public.
    __all__ = [
        "AccuracyDifference",
        "Answers",
        "Arrival",
        "ArtefactError",
        "BackendError",
        "Calibration",
        "Cause",
        "Certificate",
        "Check",
        "CheckReport",
        "Comparison",
        "Confusion",
        "Conversion",
        "Cost",
        "Coverage",
        "DataError",
        "Dataset",
        "Decision",
        "Demonstration",
        "Diagnosis",
        "Divergence",
        "DoesNotFitError",
        "Evaluation",
        "Explanation",
        "FileFormatError",
        "Finding",
        "Fit",
        "ImportOptions",
        "InputChannels",
        "InputError",
        "IntegerNetwork",
        "IntegerPopulation",
        "IntegerProjection",
        "KnownAnswers",
        "Meaning",
        "MissingError",
        "MlgennOptions",
        "MutationScore",
        "Network",
        "NetworkError",
        "NirOptions",
        "NmtoolError",
        "Part",
        "Population",
        "Projection",
        "Quantisation",
        "RankError",
        "Raster",
        "RateTarget",
        "Readout",
        "Recording",
        "Report",
        "Run",
        "Session",
        "SpikeEvents",
        "SpikingNetwork",
        "SplitRule",
        "StorageError",
        "StoredEvents",
        "SweepResult",
        "Target",
        "Teacher",
        "Tradeoff",
        "TrainOptions",
        "UsageError",
        "VerilogOptions",
        "__version__",
        "bin_events",
        "check",
        "compare_accuracy",
        "compare_cost",
        "compare_recordings",
        "convert",
        "cost",
        "cross_validate",
        "demo",
        "doctor",
        "evaluate",
        "explain",
        "export",
        "finetune",
        "first_spike_ms",
        "from_snntorch",
        "inspect",
        "join_folds",
        "load",
        "load_dataset",
        "predictions",
        "progress_bar",
        "propose_grid",
        "quantise",
        "read_incoming",
        "readout_loss",
        "report",
        "round_network",
        "run",
        "set_up_brian2_loihi",
        "set_up_lava",
        "side_by_side",
        "simulate",
        "spike_distance",
        "sweep",
        "target_named",
        "target_names",
        "teach",
        "tensorboard",
        "torch_dataset",
        "train",
        "verify",
        "with_test",
        "write_dataset",
        "write_shd",
    ]
else:
    # Without torch, `from nmtool import *` and help(nmtool) leave out what is made of it.
    __all__ = sorted(
        name for name in _HOME if name not in _NEEDS_TORCH or find_spec("torch") is not None
    )


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"nmtool.{name}")
    if name not in _HOME:
        raise AttributeError(f"module 'nmtool' has no attribute '{name}'")
    from nmtool.errors import MissingError, libraries_needed

    try:
        with libraries_needed():
            found = getattr(import_module(_HOME[name]), name)
    except ModuleNotFoundError as error:
        if error.name not in ("nmtool.training", "nmtool.exporters", "nmtool.hardware_sim"):
            raise
        raise MissingError(
            "nmtool runs from its source folder and is not installed",
            code="nmtool-not-installed",
            why=str(error),
            fix="pip install -e FOLDER, where FOLDER is its source folder",
        ) from error
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_MODULES})
