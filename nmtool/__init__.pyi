"""Public names of nmtool and the modules they are in: each name is written here, and nowhere else.

Type checkers read this file. So does `nmtool/__init__.py`, to find a name when it is asked for.
"""

from nmtool import plot as plot, zoo as zoo
from nmtool.bars import progress_bar as progress_bar
from nmtool.data.binning import bin_events as bin_events
from nmtool.data.catalogue import load_dataset as load_dataset
from nmtool.data.dataset import Dataset as Dataset, with_test as with_test
from nmtool.data.dividing import SplitRule as SplitRule
from nmtool.data.encoders import (
    encode_crossings as encode_crossings,
    encode_delta as encode_delta,
    encode_latency as encode_latency,
    encode_rate as encode_rate,
)
from nmtool.data.events import SpikeEvents as SpikeEvents
from nmtool.data.grid import propose_grid as propose_grid
from nmtool.data.incoming import (
    FileConventions as FileConventions,
    read_incoming as read_incoming,
    write_dataset as write_dataset,
)
from nmtool.data.shd import write_shd as write_shd
from nmtool.errors import (
    ArtefactError as ArtefactError,
    BackendError as BackendError,
    DataError as DataError,
    DoesNotFitError as DoesNotFitError,
    FileFormatError as FileFormatError,
    Finding as Finding,
    InputError as InputError,
    MissingError as MissingError,
    NetworkError as NetworkError,
    NmtoolError as NmtoolError,
    RankError as RankError,
    StorageError as StorageError,
    UsageError as UsageError,
)
from nmtool.evaluation.accuracy_difference import AccuracyDifference as AccuracyDifference
from nmtool.evaluation.answers import Answers as Answers
from nmtool.evaluation.comparing import compare_accuracy as compare_accuracy
from nmtool.evaluation.confusion import Confusion as Confusion
from nmtool.evaluation.evaluation import Evaluation as Evaluation, evaluate as evaluate
from nmtool.exchange.exporting import (
    Conversion as Conversion,
    convert as convert,
    export as export,
)
from nmtool.exchange.inspecting import inspect as inspect
from nmtool.exporters.lava.environment import set_up_lava as set_up_lava
from nmtool.exporters.nir.options import (
    ImportOptions as ImportOptions,
    NirOptions as NirOptions,
)
from nmtool.exporters.nir.snntorch import from_snntorch as from_snntorch
from nmtool.hardware_sim.session import (
    Decision as Decision,
    Session as Session,
)
from nmtool.known_answers import KnownAnswers as KnownAnswers
from nmtool.loading import load as load
from nmtool.network.analogue import AnalogueInput as AnalogueInput
from nmtool.network.float_network import Network as Network
from nmtool.network.float_parts import Population as Population, Projection as Projection
from nmtool.network.graph import InputChannels as InputChannels
from nmtool.network.integer_network import (
    IntegerNetwork as IntegerNetwork,
    IntegerPopulation as IntegerPopulation,
    IntegerProjection as IntegerProjection,
)
from nmtool.network.readout import Readout as Readout
from nmtool.quantisation import (
    Calibration as Calibration,
    Quantisation as Quantisation,
    round_network as round_network,
)
from nmtool.quantisation.quantising import quantise as quantise
from nmtool.raster import Raster as Raster
from nmtool.recording import Recording as Recording
from nmtool.reporting.report import Report as Report
from nmtool.reporting.results import report as report
from nmtool.running import simulate as simulate
from nmtool.setup.doctoring import (
    Diagnosis as Diagnosis,
    Part as Part,
    doctor as doctor,
)
from nmtool.targets import (
    Target as Target,
    target_named as target_named,
    target_names as target_names,
)
from nmtool.targets.checking import (
    CheckReport as CheckReport,
    check as check,
)
from nmtool.targets.costing import (
    compare_cost as compare_cost,
    cost as cost,
)
from nmtool.targets.costs import (
    Cost as Cost,
    Tradeoff as Tradeoff,
)
from nmtool.targets.fit import Fit as Fit
from nmtool.training.front.losses import (
    RateTarget as RateTarget,
    first_spike_ms as first_spike_ms,
    predictions as predictions,
    readout_loss as readout_loss,
    spike_distance as spike_distance,
)
from nmtool.training.front.model import SpikingNetwork as SpikingNetwork
from nmtool.training.front.torch_data import torch_dataset as torch_dataset
from nmtool.training.learning import (
    Run as Run,
    finetune as finetune,
    train as train,
)
from nmtool.training.options import TrainOptions as TrainOptions
from nmtool.training.studies.ensembles import ensemble as ensemble
from nmtool.training.studies.folds import cross_validate as cross_validate
from nmtool.training.studies.results import SearchResult as SearchResult
from nmtool.training.studies.search import search as search
from nmtool.training.tensorboard import tensorboard as tensorboard
from nmtool.verification.certificate import (
    Certificate as Certificate,
    Check as Check,
)
from nmtool.verification.comparison import (
    Comparison as Comparison,
    Divergence as Divergence,
    compare_recordings as compare_recordings,
)
from nmtool.verification.explain import explain as explain
from nmtool.verification.explanation import (
    Arrival as Arrival,
    Cause as Cause,
    Explanation as Explanation,
)
from nmtool.verification.faults import MutationScore as MutationScore
from nmtool.verification.verify import verify as verify
from nmtool.version import __version__ as __version__
from nmtool.walkthrough import (
    Demonstration as Demonstration,
    demo as demo,
)
