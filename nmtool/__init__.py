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
    set_up_fenn          make the environment that FeNN's simulator runs in

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
    StoredEvents        earlier name of `SpikeEvents` on disk, until 1.0
    bin_events          from `SpikeEvents` to a `Raster`
    Raster              binned spikes of many samples
    read_incoming       a data set from files of others: CSV, dense arrays, HDF5 of other names
    Meaning             what such files leave open: unit of times, step, first class
    write_dataset       write a data set as a folder in the layout of the Heidelberg sets, or as CSV
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

import ast as _ast
from importlib import import_module as _import_module
from importlib.util import find_spec as _find_spec
from pathlib import Path as _Path
from typing import Any as _Any


def _read_stub() -> dict[str, str]:
    """Public names, and the module of each, as the stub beside this file says."""
    stub = _ast.parse(_Path(__file__).with_suffix(".pyi").read_text("utf-8"))
    imports = [one for one in stub.body if isinstance(one, _ast.ImportFrom)]
    return {alias.name: str(one.module) for one in imports for alias in one.names}


_homes = _read_stub()
_without_torch = _find_spec("torch") is None

# Without torch, `from nmtool import *` and help(nmtool) leave out what is made of it.
__all__ = sorted(
    name
    for name, home in _homes.items()
    if home != "nmtool" and not (_without_torch and home.startswith("nmtool.training.front."))
)


def __getattr__(name: str) -> _Any:
    home = _homes.get(name)
    if home is None:
        raise AttributeError(f"module 'nmtool' has no attribute '{name}'{_meant(name)}")
    if home == "nmtool":
        return _import_module(f"nmtool.{name}")
    from nmtool.errors import MissingError, libraries_needed

    try:
        with libraries_needed():
            value = getattr(_import_module(home), name)
    except ModuleNotFoundError as error:
        if error.name not in ("nmtool.training", "nmtool.exporters", "nmtool.hardware_sim"):
            raise
        raise MissingError(
            "nmtool runs from its source folder and is not installed",
            code="nmtool-not-installed",
            why=str(error),
            fix="pip install -e FOLDER, where FOLDER is its source folder",
        ) from error
    globals()[name] = value
    return value


def _meant(name: str) -> str:
    """Suggest the nearest public name; '' for names with an underscore, which Python looks up."""
    if name.startswith("_"):
        return ""
    from nmtool.errors import nearest

    near = nearest(name, list(_homes))
    return f"; did you mean '{near}'?" if near else ""


def __dir__() -> list[str]:
    return sorted([*__all__, *(name for name, home in _homes.items() if home == "nmtool")])
