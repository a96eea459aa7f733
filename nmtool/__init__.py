"""nmtool: train spiking networks with delays, quantise them, verify exports spike for spike.

    import nmtool as nm

    data = nm.load_dataset("digits")
    options = nm.TrainOptions(hidden=100, steps=100, epochs=5)
    run = nm.train(data, options, progress=nm.progress_bar)
    q = nm.quantise(run.network, calibrate_on=data.train)
    print(nm.evaluate(q.network, data.test))
    nm.export(q.network, "net.onnx", force=True)
    print(nm.verify(q.network, data.test.draw(50), against=["onnx"]))

Functions, which do all that commands do:

    load_dataset        find a data set by name or folder
    train               train weights and delays; gives a Run
    finetune            continue training from a run, e.g. quantisation-aware; gives a Run
    search              hyperparameter search; gives a SearchResult
    ensemble            combine networks into one that adds their outputs; gives a Network
    cross_validate      train one network per fold, test it on that fold; gives Answers
    quantise            post-training quantisation to a chip's integers; gives a Quantisation
    simulate            run a network in its own arithmetic; gives a Recording
    evaluate            accuracy and activity on samples; gives an Evaluation
    cost                operations, memory, latency and energy per inference; gives a Cost
    compare_cost        accuracy against cost of several networks; gives a Tradeoff
    compare_accuracy    two kinds of networks on the same samples; gives an AccuracyDifference
    check               check whether a network fits chips and formats; gives a CheckReport
    export              write a network in any format
    load                read a network of any format
    from_snntorch       convert a snnTorch module to a Network
    convert             convert to another format, and check the result; gives a Conversion
    verify              compare backends with the simulator, spike for spike; gives a Certificate
    compare_recordings  compare two recordings, spike for spike; gives a Comparison
    explain             causes of differences between two recordings; gives an Explanation
    inspect             describe a file as plain values
    report              gather everything known about a network; gives a Report
    demo                train, quantise, export and verify on digits; gives a Demonstration
    doctor              list installed and missing parts and how to install them; gives a Diagnosis
    set_up_lava         make the environment for Lava

Online inference:

    Session             an integer network that runs on a stream of events, step by step
    Decision            output of a Session at a step: predicted class and scores

Networks:

    Network             a float network: populations and projections, in the paper's units
    Population          neurons of one kind, `lif` or `li`
    Projection          synapses from one population to another: weights and delays
    InputChannels       the input channels: their number, and data channels per input channel
    AnalogueInput       the rule that turns numbers into counts of input channels
    Readout             the output population, and the rule that turns its activity into a class
    IntegerNetwork      a network in a chip's integers
    IntegerPopulation   neurons of an integer network
    IntegerProjection   synapses of an integer network

Training:

    TrainOptions        all settings: network, learning rates, early stopping, …
    Run                 a training run: networks, log, settings
    SearchResult        a hyperparameter search: the chosen settings, their run, all trials
    progress_bar        a progress bar for long work, in a notebook or a terminal
    tensorboard         writes a run's epochs as TensorBoard logs
    SpikingNetwork      a network as a torch module, for a training loop of your own
    readout_loss        the loss of a network's readout, for your own training loop
    predictions         classes predicted by a network's readout, for your own training loop
    spike_distance      van Rossum distance to target spike trains, differentiable
    first_spike_ms      time of every neuron's first spike, differentiable
    RateTarget          the regulariser that keeps hidden neurons near a firing rate

Quantisation:

    Quantisation        an integer network, its rounding errors, the accuracy lost, findings
    Calibration         ranges of currents and membranes on data, for `round_network`
    round_network       round a network to integers; no data are needed
    Target              a chip or a format: limits, arithmetic, cores, cost per event
    target_named        a target by name, or from your own file
    target_names        names of the targets that come with nmtool

Data:

    Dataset             training, validation and test samples, read when they are needed
    SpikeEvents         labelled spike trains in milliseconds
    encode_latency      encode images: each channel spikes once, the earlier the larger its value
    encode_rate         encode images: each channel spikes at random, the likelier the larger
    encode_delta        encode signals: a spike for each threshold by which a signal changes
    encode_crossings    encode signals: a spike whenever a signal crosses a level
    bin_events          bin `SpikeEvents` into a `Raster`
    Raster              binned spikes of many samples
    read_incoming       a data set from files of other tools: CSV, dense arrays, HDF5
    FileConventions     unit of times, time step and first class, for files that lack them
    write_dataset       write a data set as a folder in SHD layout, or as CSV
    with_test           a data set with a test split, drawn from its training samples
    propose_grid        a time step and a number of steps that suit the samples
    write_shd           write `SpikeEvents` as one file in SHD layout
    SplitRule           rule that draws a validation split from the training samples
    torch_dataset       `SpikeEvents` for torch's loaders, with tonic's transforms

Results:

    Answers             the predicted class of each sample, by seed, with its fold and columns
    Recording           spikes and membranes of a simulation, the same for every backend
    Evaluation          accuracy and activity on labelled samples
    Cost                operations, memory, latency and energy of an inference
    Tradeoff            costs of several networks, beside their accuracies
    Confusion           the confusion matrix, and the accuracy of each class
    AccuracyDifference  difference between two kinds of networks, with a confidence interval
    Conversion          the written file, and how it compares with its source
    CheckReport         a network on several targets, side by side
    Fit                 a network on one target: faithful, approximate or unsupported, and why
    Certificate         numbers of compared and of different values, by backend
    Check               the comparison of one backend
    MutationScore       number of one-unit faults that the comparison would have shown
    Comparison          number of differences between two recordings, and the first of them
    Divergence          the first place where two recordings differ
    Explanation         first difference between two recordings, number of differences, causes
    Cause               a fault that explains the difference
    Arrival             a spike that reaches a neuron at some step
    KnownAnswers        test inputs with expected outputs, stored in an export
    Demonstration       results of the demo
    Diagnosis           the parts of an installation and the state of each
    Part                a library, tool, folder or device that nmtool uses
    Report              results under headings with their plots, as a page, tables or JSON

Options of formats:

    NirOptions          options for writing a NIR file
    ImportOptions       options for reading a NIR file from another tool

Errors, each with a stable code, what is wrong, why, and how to fix it:

    NmtoolError         base class of all errors
    Finding             one problem, for errors that list several problems
    InputError          wrong usage or bad input
    DataError           spike events, labels or their files
    FileFormatError     a damaged file, or a file of another kind
    NetworkError        an inconsistent network
    UsageError          wrong options, or options that exclude each other
    StorageError        a file could not be written
    ArtefactError       an export that contains a different network
    DoesNotFitError     a network that does not fit the target
    MissingError        something needed is not installed
    BackendError        an external runtime failed
    RankError           another process of a data-parallel job is gone

Trained and verified networks to start from come with nmtool: `nm.zoo.load("digits")`. Plots for
notebooks are functions of `nm.plot`, such as `nm.plot.raster(recording)`. Functions that may take
long accept `progress=nm.progress_bar`.

Remarks and the progress of training are logged under the logger `nmtool`. Heavy libraries (torch,
numba, h5py) are imported only when a function needs them. Plug-ins add further names, such as
options of their formats; `dir(nmtool)` lists these, too. `__version__` is nmtool's version.
"""

from __future__ import annotations

import ast as _ast
from importlib import import_module as _import_module
from importlib.util import find_spec as _find_spec
from pathlib import Path as _Path
from typing import Any as _Any


def _read_stub() -> dict[str, str]:
    """Read the stub beside this file; return the module of each public name."""
    stub = _ast.parse(_Path(__file__).with_suffix(".pyi").read_text("utf-8"))
    imports = [statement for statement in stub.body if isinstance(statement, _ast.ImportFrom)]
    return {alias.name: str(statement.module) for statement in imports for alias in statement.names}


_homes = _read_stub()


def __getattr__(name: str) -> _Any:
    if name == "__all__":
        return _names()
    home = _homes.get(name)
    if home is None:
        return _from_plugin(name)
    if home == "nmtool":
        return _import_module(f"nmtool.{name}")
    from nmtool.errors import MissingError
    from nmtool.libraries import libraries_needed

    try:
        with libraries_needed():
            value = getattr(_import_module(home), name)
    except ModuleNotFoundError as error:
        if error.name not in ("nmtool.training", "nmtool.exporters", "nmtool.hardware_sim"):
            raise
        raise MissingError(
            "nmtool is imported from its source folder without being installed",
            code="nmtool-not-installed",
            why=str(error),
            fix="pip install -e FOLDER, where FOLDER is nmtool's source folder",
        ) from error
    globals()[name] = value
    return value


def _from_plugin(name: str) -> _Any:
    """The object that a plug-in adds under a name; raises `AttributeError` if there is none."""
    # `from nmtool import errors` asks for the attribute first, and imports the module afterwards.
    if not name.startswith("_") and _find_spec(f"nmtool.{name}") is None:
        from nmtool.plugins import NAMES, load, registered

        if name in registered(NAMES):
            value = globals()[name] = load(NAMES, name, object)
            return value
    raise AttributeError(f"module 'nmtool' has no attribute '{name}'{_nearest_name(name)}")


def _nearest_name(name: str) -> str:
    """Text of an error that suggests the nearest public name; '' if `name` is private."""
    if name.startswith("_"):
        return ""
    from nmtool.errors import nearest

    near = nearest(name, _names())
    return f"; did you mean '{near}'?" if near else ""


def _names() -> list[str]:
    """Public names, sorted; without torch, those that need torch are left out."""
    from nmtool.plugins import NAMES, registered

    has_torch = _find_spec("torch") is not None
    own = {
        name
        for name, home in _homes.items()
        if home != "nmtool" and (has_torch or not home.startswith("nmtool.training.front."))
    }
    return sorted(own | {*registered(NAMES)})


def __dir__() -> list[str]:
    return sorted([*_names(), *(name for name, home in _homes.items() if home == "nmtool")])
