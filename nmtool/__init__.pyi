"""Public names of nmtool and the modules they are in: each name is written here, and nowhere else.

Type checkers read this file. So does `nmtool/__init__.py`, to find a name when it is asked for.
"""

from nmtool import plot as plot
from nmtool import zoo as zoo
from nmtool.bars import progress_bar as progress_bar
from nmtool.data.binning import bin_events as bin_events
from nmtool.data.catalogue import load_dataset as load_dataset
from nmtool.data.dataset import Dataset as Dataset
from nmtool.data.events import SpikeEvents as SpikeEvents
from nmtool.data.grid import propose_grid as propose_grid
from nmtool.data.incoming import (
    Meaning as Meaning,
)
from nmtool.data.incoming import (
    read_incoming as read_incoming,
)
from nmtool.data.incoming import (
    with_test as with_test,
)
from nmtool.data.incoming import (
    write_dataset as write_dataset,
)
from nmtool.data.shd import write_shd as write_shd
from nmtool.data.stored import StoredEvents as StoredEvents
from nmtool.data.teacher import Teacher as Teacher
from nmtool.data.validation_split import SplitRule as SplitRule
from nmtool.errors import (
    ArtefactError as ArtefactError,
)
from nmtool.errors import (
    BackendError as BackendError,
)
from nmtool.errors import (
    DataError as DataError,
)
from nmtool.errors import (
    DoesNotFitError as DoesNotFitError,
)
from nmtool.errors import (
    FileFormatError as FileFormatError,
)
from nmtool.errors import (
    Finding as Finding,
)
from nmtool.errors import (
    InputError as InputError,
)
from nmtool.errors import (
    MissingError as MissingError,
)
from nmtool.errors import (
    NetworkError as NetworkError,
)
from nmtool.errors import (
    NmtoolError as NmtoolError,
)
from nmtool.errors import (
    RankError as RankError,
)
from nmtool.errors import (
    StorageError as StorageError,
)
from nmtool.errors import (
    UsageError as UsageError,
)
from nmtool.evaluation.accuracy_difference import AccuracyDifference as AccuracyDifference
from nmtool.evaluation.answers import Answers as Answers
from nmtool.evaluation.comparing import compare_accuracy as compare_accuracy
from nmtool.evaluation.confusion import Confusion as Confusion
from nmtool.evaluation.evaluation import Evaluation as Evaluation
from nmtool.evaluation.evaluation import evaluate as evaluate
from nmtool.evaluation.evaluation import run as run
from nmtool.exchange.exporting import (
    Conversion as Conversion,
)
from nmtool.exchange.exporting import (
    convert as convert,
)
from nmtool.exchange.exporting import (
    export as export,
)
from nmtool.exchange.inspecting import inspect as inspect
from nmtool.exporters.brian2_loihi.environment import set_up_brian2_loihi as set_up_brian2_loihi
from nmtool.exporters.lava.environment import set_up_lava as set_up_lava
from nmtool.exporters.mlgenn.options import MlgennOptions as MlgennOptions
from nmtool.exporters.nir.options import (
    ImportOptions as ImportOptions,
)
from nmtool.exporters.nir.options import (
    NirOptions as NirOptions,
)
from nmtool.exporters.nir.snntorch import from_snntorch as from_snntorch
from nmtool.exporters.verilog.options import VerilogOptions as VerilogOptions
from nmtool.graph import InputChannels as InputChannels
from nmtool.hardware_sim.session import (
    Decision as Decision,
)
from nmtool.hardware_sim.session import (
    Session as Session,
)
from nmtool.integer_network import (
    IntegerNetwork as IntegerNetwork,
)
from nmtool.integer_network import (
    IntegerPopulation as IntegerPopulation,
)
from nmtool.integer_network import (
    IntegerProjection as IntegerProjection,
)
from nmtool.joining import (
    side_by_side as side_by_side,
)
from nmtool.known_answers import KnownAnswers as KnownAnswers
from nmtool.loading import load as load
from nmtool.network import (
    Network as Network,
)
from nmtool.network import (
    Population as Population,
)
from nmtool.network import (
    Projection as Projection,
)
from nmtool.quantisation import (
    Calibration as Calibration,
)
from nmtool.quantisation import (
    Quantisation as Quantisation,
)
from nmtool.quantisation import (
    round_network as round_network,
)
from nmtool.quantisation.quantising import quantise as quantise
from nmtool.raster import Raster as Raster
from nmtool.readout import Readout as Readout
from nmtool.recording import Recording as Recording
from nmtool.reporting.report import Report as Report
from nmtool.reporting.results import report as report
from nmtool.running import simulate as simulate
from nmtool.setup.doctoring import (
    Diagnosis as Diagnosis,
)
from nmtool.setup.doctoring import (
    Part as Part,
)
from nmtool.setup.doctoring import (
    doctor as doctor,
)
from nmtool.targets import (
    Target as Target,
)
from nmtool.targets import (
    target_named as target_named,
)
from nmtool.targets import (
    target_names as target_names,
)
from nmtool.targets.checking import (
    CheckReport as CheckReport,
)
from nmtool.targets.checking import (
    check as check,
)
from nmtool.targets.costing import (
    compare_cost as compare_cost,
)
from nmtool.targets.costing import (
    cost as cost,
)
from nmtool.targets.costs import (
    Cost as Cost,
)
from nmtool.targets.costs import (
    Tradeoff as Tradeoff,
)
from nmtool.targets.fit import Fit as Fit
from nmtool.training.crossvalidation import cross_validate as cross_validate
from nmtool.training.crossvalidation import join_folds as join_folds
from nmtool.training.front.activity import RateTarget as RateTarget
from nmtool.training.front.losses import (
    first_spike_ms as first_spike_ms,
)
from nmtool.training.front.losses import (
    predictions as predictions,
)
from nmtool.training.front.losses import (
    readout_loss as readout_loss,
)
from nmtool.training.front.losses import (
    spike_distance as spike_distance,
)
from nmtool.training.front.model import SpikingNetwork as SpikingNetwork
from nmtool.training.front.torch_data import torch_dataset as torch_dataset
from nmtool.training.learning import (
    Run as Run,
)
from nmtool.training.learning import (
    finetune as finetune,
)
from nmtool.training.learning import (
    train as train,
)
from nmtool.training.options import TrainOptions as TrainOptions
from nmtool.training.sweeps import (
    SweepResult as SweepResult,
)
from nmtool.training.sweeps import (
    sweep as sweep,
)
from nmtool.training.teaching import teach as teach
from nmtool.training.tensorboard import tensorboard as tensorboard
from nmtool.verification.certificate import (
    Certificate as Certificate,
)
from nmtool.verification.certificate import (
    Check as Check,
)
from nmtool.verification.comparison import (
    Comparison as Comparison,
)
from nmtool.verification.comparison import (
    Divergence as Divergence,
)
from nmtool.verification.comparison import (
    compare_recordings as compare_recordings,
)
from nmtool.verification.coverage import Coverage as Coverage
from nmtool.verification.explain import explain as explain
from nmtool.verification.explanation import (
    Arrival as Arrival,
)
from nmtool.verification.explanation import (
    Cause as Cause,
)
from nmtool.verification.explanation import (
    Explanation as Explanation,
)
from nmtool.verification.faults import MutationScore as MutationScore
from nmtool.verification.verify import verify as verify
from nmtool.version import __version__ as __version__
from nmtool.walkthrough import (
    Demonstration as Demonstration,
)
from nmtool.walkthrough import (
    demo as demo,
)
