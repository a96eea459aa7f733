"""Commands that are functions of the library: parse, call, show.

The parameters of the function are the flags, and its docstring is their help. The result shows
itself: its tables, its sentences and its findings, or with `--json` its values.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import nmtool
from nmtool.cli import console, flags
from nmtool.cli.arguments import (
    DATA,
    MACHINE,
    NETWORK,
    ROUNDING,
    SAMPLES,
    add_json,
    group,
    grouping,
)
from nmtool.cli.flags import Flag, flag
from nmtool.cli.format_options import add_reading_options, reading_options
from nmtool.cli.loading import DIVIDING, add_data_options, name_data, open_data
from nmtool.cli.progress import progress
from nmtool.cli.threads import add_threads_option, use_threads
from nmtool.tables import counted

if TYPE_CHECKING:
    from nmtool.quantisation import Quantisation
    from nmtool.setup.doctoring import Diagnosis
    from nmtool.verification.certificate import Certificate


@dataclass(frozen=True)
class File:
    """A file that a command writes from its result.

    Attributes:
        names: names of the flag.
        metavar: form of its value.
        write: function that writes the file, given the result and the path.
        check: function that raises an error, before anything runs, if the file cannot be written;
            its arguments are the path and `force`.
        help: help of the flag.
        required: True if the command must write the file.
    """

    names: tuple[str, ...]
    metavar: str
    write: Callable[[Any, str], object]
    check: Callable[..., None]
    help: str = ""
    required: bool = False

    @property
    def dest(self) -> str:
        """Name of the value of the flag."""
        return self.names[-1].lstrip("-").replace("-", "_")


@dataclass(frozen=True)
class Verb:
    """A command that calls a function and shows its result.

    Attributes:
        function: public name of the function.
        changes: changes of the flags that its parameters give; None: no flag.
        echoes: arguments that its JSON repeats, by key.
        title: title of the first table, with names of values in braces; '': the table's own.
        details: flags that ask for more, with their help: `printed`, else the result's `tables` and
            `as_json`.
        files: files that are written from the result.
        passes: attribute of the result that decides between the exit codes 0 and 1; '': always 0.
        words: words for both outcomes, on a terminal.
        printed: function that prints the result, with the details as arguments; its JSON then has
            every detail. By default, the result's tables, sentences and findings are printed.
        takes_threads: True for `--threads`; the function runs networks.
        usage: usage of the command, if its arguments do not say it.
        epilog: examples, and the meaning of the exit code.
    """

    function: str
    changes: Mapping[str, Flag | None] = field(default_factory=dict)
    echoes: Mapping[str, str] = field(default_factory=dict)
    title: str = ""
    details: Mapping[str, str] = field(default_factory=dict)
    files: tuple[File, ...] = ()
    passes: str = ""
    words: tuple[str, str] | tuple[()] = ()
    printed: Callable[..., None] | None = None
    takes_threads: bool = True
    usage: str | None = None
    epilog: str | None = None

    @property
    def parameters(self) -> list[str]:
        """Names of the parameters of the function."""
        return [parameter.name for parameter in flags.read(self.function)]

    @property
    def data(self) -> str:
        """Name of the parameter that takes a data set; '' without one."""
        return next((name for name in _DATA if name in self.parameters), "")

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the flags of the command."""
        parser.usage, parser.epilog = self.usage, self.epilog
        known = {name: change for name, change in _SHARED.items() if name in self.parameters}
        changes: dict[str, Any] = {**known, **self.changes}
        flags.add(parser, self.function, **changes)
        for file in self.files:
            parser.add_argument(
                *file.names, metavar=file.metavar, help=file.help, required=file.required
            )
        if self.files:
            group(parser, MACHINE).add_argument(
                "--force",
                action="store_true",
                help=f"replace an earlier {' or '.join(file.metavar for file in self.files)}",
            )
        for name, text in self.details.items():
            parser.add_argument(f"--{name}", action="store_true", help=text)
        if self.data:
            names = [name for name in DIVIDING if name not in self.parameters]
            add_data_options(parser, names)
        if "reading" in self.parameters:
            add_reading_options(parser)
        if self.takes_threads:
            add_threads_option(parser)
        add_json(parser)

    def run(self, arguments: argparse.Namespace) -> int:
        """Call the function, write the files, and show the result; return the exit code."""
        for file in self.files:
            if (path := getattr(arguments, file.dest)) is not None:
                file.check(path, force=arguments.force)
        result = self.call(arguments)
        written = []
        for file in self.files:
            if (path := getattr(arguments, file.dest)) is not None:
                file.write(result, path)
                written.append(path)
        self.show(arguments, result)
        if not arguments.json:
            for path in written:
                console.print_line(f"{path} written")
        return 0 if not self.passes or getattr(result, self.passes) else 1

    def call(self, arguments: argparse.Namespace) -> Any:
        """Call the function with the values that the command line gives."""
        if self.takes_threads:
            use_threads(arguments.threads)
        values = flags.given(arguments, self.function)
        if self.data:
            open_data(arguments, values, self.data)
        if "reading" in self.parameters:
            values["reading"] = reading_options(arguments, arguments.path)
        if "progress" in self.parameters:
            values["progress"] = progress
        return getattr(nmtool, self.function)(**values)

    def show(self, arguments: argparse.Namespace, result: Any) -> None:
        """Print a result: as JSON, or its tables, sentences and findings."""
        if "split" in self.echoes:
            name_data(arguments, [arguments.network])
        details = {name: True for name in self.details if getattr(arguments, name)}
        if arguments.json:
            asked = {} if self.printed is not None else details
            content = result.as_json(**asked) if hasattr(result, "as_json") else result
            echoed = {key: getattr(arguments, name) for key, name in self.echoes.items()}
            console.print_json({**echoed, **content})
            return
        if self.printed is not None:
            self.printed(result, **details)
            return
        tables = result.tables(**details)
        if self.title:
            tables[0] = replace(tables[0], title=self.title.format(**vars(arguments)))
        for table in tables:
            console.print_table(table)
        console.print_sentences(getattr(result, "sentences", list)())
        console.print_finding_remarks(getattr(result, "findings", ()))
        if self.words:
            console.print_verdict(getattr(result, self.passes), *self.words)


def _print_diagnosis(diagnosis: Diagnosis) -> None:
    """Print all parts, how to install those that are missing, and whether all work."""
    console.print_tables(diagnosis)
    for fix, names in diagnosis.advice().items():
        console.print_line(f"{', '.join(names)}:")
        console.print_line(f"    {fix}")
    console.print_line(
        "everything installed works" if diagnosis.healthy else "something installed is broken",
        style=console.VERDICT_STYLES[diagnosis.healthy],
    )


def _print_quantisation(quantisation: Quantisation, *, details: bool = False) -> None:
    """Print what rounding costs on stdout, and the parts that were changed on stderr."""
    if (cost := quantisation.cost) is not None:
        console.print_line(
            f"accuracy {cost.float_accuracy:.2%} in floats, {cost.integer_accuracy:.2%} in "
            f"integers, on {cost.compared_on}"
        )
        overflows = "".join(
            f", {counted(many, what)}"
            for many, what in ((cost.u_wraps, "wrap of u"), (cost.v_clips, "clip of v"))
            if many
        )
        console.print_line(
            f"same class in {cost.agreement:.2%}, {cost.spikes_shared:.1%} of spikes in common"
            + overflows
        )
    if details:
        console.print_tables(quantisation)
    console.print_finding_remarks(quantisation.findings)


def _print_certificate(certificate: Certificate, *, details: bool = False) -> None:
    """Print what was compared and what differs, the accuracy, and the verdict."""
    console.print_sentences(certificate.sentences())
    console.print_line(_samples_line(certificate))
    if details:
        console.print_sentences(certificate.overflows_without_data())
        console.print_tables(certificate)
    console.print_verdict(certificate.identical, "identical", "different")


def _samples_line(certificate: Certificate) -> str:
    """The samples of a comparison, and their accuracy in the simulator and the backends."""
    from nmtool.verification.certificate import SIMULATOR

    line = certificate.tables()[0].title
    names: dict[str, list[str]] = {}
    for name, share in certificate.accuracy.items():
        names.setdefault(f"{share:.2%}", []).append("simulator" if name == SIMULATOR else name)
    shares = ", ".join(f"{share} in {', '.join(where)}" for share, where in names.items())
    return f"{line}; accuracy {shares}" if shares else line


def _print_mapping(content: dict[str, Any]) -> None:
    """Print single values in a line each, and all others as tables."""
    from nmtool.description import tables_of

    single, *tables = tables_of("", content)
    for key, value in single.rows:
        console.print_line(f"{key}: {value}")
    for table in tables:
        console.print_table(table)


def _check_page(path: str, *, force: bool) -> None:
    """Check that a page can be written, and that matplotlib is installed."""
    from nmtool.errors import UsageError
    from nmtool.exchange.exporting import check_free
    from nmtool.reporting import require

    if not path.lower().endswith((".html", ".htm")):
        raise UsageError(
            f"{path} does not have the extension of an HTML page",
            code="page-extension",
            fix="choose a name that ends in .html",
        )
    check_free(path, force=force)
    require()


def _formats_that_run() -> list[str]:
    from nmtool.exporters.formats import formats_that_run

    return formats_that_run()


def _check_network(kind: str) -> Callable[..., None]:
    """Make the check that a file can be written, in place of none or of another of its class.

    Args:
        kind: public name of the class of networks that is written.
    """

    def check(path: str, *, force: bool) -> None:
        from nmtool.exchange.exporting import check_archive_name, check_replaceable

        check_archive_name(path)
        check_replaceable(path, [getattr(nmtool, kind).file_kind], force=force)

    return check


def _check_table(path: str, *, force: bool) -> None:
    """Check that a table can be written as CSV."""
    from nmtool.errors import UsageError
    from nmtool.exchange.exporting import check_free

    if not path.lower().endswith(".csv"):
        raise UsageError(
            f"predictions are written as CSV, not as {path}",
            code="extension-wrong",
            fix="choose a name that ends in .csv",
        )
    check_free(path, force=force)


class _BackendOption(argparse.Action):
    """Collect options of backends, such as `lava.model=stock`, by backend and name."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: Any, text: Any, flag: str | None = None
    ) -> None:
        name, is_given, value = text.partition("=")
        backend, dot, option = name.partition(".")
        if not (is_given and dot and backend and option):
            raise argparse.ArgumentError(self, f"must be BACKEND.NAME=VALUE, not '{text}'")
        options = vars(namespace).setdefault(self.dest, {})
        options.setdefault(backend, {})[option] = value


def _backend_or_recording(text: str) -> str:
    """Parse the name of a backend or the path of a recording; for `type=`."""
    from nmtool.verification.verification import is_recording

    return text if is_recording(text) else flags.one_of(_formats_that_run, ", or FILE.npz")(text)


_DATA = ("data", "calibrate_on")
"""Parameters of functions that take a data set."""

_SHARED: Mapping[str, Flag] = {
    "samples": flag(group=SAMPLES),
    "data": flag("data", metavar="DATA", nargs="?", help=DATA),
    "trust": flag(group=MACHINE),
    "weight_bits": flag(group=ROUNDING),
    "delay_bits": flag(group=ROUNDING),
    "relays": flag(group=ROUNDING),
}
"""Changes of flags that several commands share."""

NETWORKS: Mapping[str, Any] = {"nargs": "+", "metavar": "NETWORK", "action": None}
"""Settings of a flag that takes several networks."""

VERBS: Mapping[str, Verb] = {
    "doctor": Verb(
        "doctor",
        passes="healthy",
        printed=_print_diagnosis,
        takes_threads=False,
        epilog="Exit code 1 if something installed is broken; missing parts do not count.",
    ),
    "inspect": Verb(
        "inspect", echoes={"file": "path"}, printed=_print_mapping, takes_threads=False
    ),
    "evaluate": Verb(
        "evaluate",
        {"network": flag(help=NETWORK), "data": flag("data", metavar="DATA", help=DATA)},
        echoes={"network": "network", "data": "data", "split": "split"},
        title="{network} on {data} ({split})",
        details={
            "classes": "also show accuracy per class, the confusion matrix (up to 12 classes) and "
            "the misclassified samples"
        },
        files=(
            File(
                ("--predictions",),
                "FILE.csv",
                lambda evaluation, path: evaluation.write_predictions(path),
                _check_table,
                "write a table with a row per sample: label and prediction (as number and name), "
                "all scores",
            ),
        ),
        epilog="examples: nmtool evaluate run digits; nmtool evaluate network.onnx "
        "digits:validation; nmtool evaluate run digits --classes --predictions predictions.csv",
    ),
    "quantise": Verb(
        "quantise",
        {
            "network": flag("network", metavar="NETWORK", help="run folder or network file"),
            "calibrate_on": flag(
                "--data",
                metavar="DATA",
                help="data set for calibration (its first 200 training samples) and for measuring "
                "the accuracy lost by rounding. Accuracy is measured on its validation split, else "
                "on the run's validation samples, else on 300 drawn training samples or half of "
                "all. Default: the run's own data; none: neither calibrate nor measure accuracy",
            ),
            "ranges": flag(
                group=ROUNDING, choices=flags.words("nmtool.quantisation.pipeline.RANGES")
            ),
            "scale": flag(
                group=ROUNDING, choices=flags.words("nmtool.quantisation.conversion.SCALES")
            ),
            "target": flag(
                metavar="TARGET",
                help="chip to round for, by name or as a FILE.toml (docs/targets.md); default "
                "loihi2",
            ),
        },
        echoes={"file": "output"},
        files=(
            File(
                ("-o", "--output"),
                "FILE.npz",
                lambda quantisation, path: quantisation.network.save(path),
                _check_network("IntegerNetwork"),
                required=True,
            ),
        ),
        details={
            "details": "also show the rounding errors of every projection and population, and the "
            "overflows"
        },
        printed=_print_quantisation,
        epilog="examples: nmtool quantise run -o integers.npz; "
        "nmtool quantise network.npz -o integers.npz --data digits",
    ),
    "join": Verb(
        "ensemble",
        {
            "networks": flag("networks", **NETWORKS, help="run folders or files of float networks"),
            "weights": flag(nargs="+", type=float, metavar="W", action=None),
        },
        echoes={"file": "output"},
        files=(
            File(
                ("-o", "--output"),
                "FILE.npz",
                lambda network, path: network.save(path),
                _check_network("Network"),
                required=True,
            ),
        ),
        takes_threads=False,
        epilog="example: nmtool join run0 run1 run2 -o network.npz",
    ),
    "compare": Verb(
        "compare_accuracy",
        {
            "first": flag(
                "first",
                **NETWORKS,
                help=f"{NETWORK}, one per seed; or the folder of a cross-validation",
            ),
            "second": flag(
                "--with",
                **NETWORKS,
                help="networks to compare with, one per NETWORK, in the same order. Default: each "
                "NETWORK is a run that trained in integers, and is compared with its float weights",
            ),
            "data": flag(
                "--data", metavar="DATA", help=f"{DATA}; not needed for cross-validations"
            ),
            "clusters": flag("--cluster", type=grouping, metavar="NAME|N"),
        },
        usage="nmtool compare NETWORK … --data DATA [options]",
        epilog="example: nmtool compare run0 run1 run2 --data digits; of two cross-validations: "
        "nmtool compare integers --with floats --cluster speaker",
    ),
    "verify": Verb(
        "verify",
        {
            "network": flag(
                "network",
                metavar="NETWORK",
                help="integer network, a run that trained in integers, or an export, which runs "
                "unchanged",
            ),
            "data": flag(
                "data",
                metavar="DATA",
                nargs="?",
                help=f"{DATA}. Without DATA, an export is checked by its known answers, and a "
                "network on generated inputs",
            ),
            "against": flag(
                action="append", type=_backend_or_recording, metavar="BACKEND|FILE.npz"
            ),
            "artefact": flag(
                metavar="EXPORT",
                help="check that this export contains NETWORK: the same integers, and unchanged "
                "code",
            ),
            "exercise": flag(group=SAMPLES),
            "faults": flag(group=SAMPLES),
            "options": flag(
                "--option",
                action=_BackendOption,
                metavar="BACKEND.NAME=VALUE",
                help="an option of a backend: lava.model=stock runs Lava's own process models, "
                "which are slow, and not nmtool's (one sample also runs on Lava's own). May be "
                "repeated",
            ),
        },
        passes="identical",
        details={
            "details": "also show a table of every backend (accuracy, spikes, u and v, time per "
            "sample), and overflows on known answers and generated samples"
        },
        printed=_print_certificate,
        epilog="examples: nmtool verify integers.npz digits --against lava --against c; "
        "nmtool verify lava_folder. Exit code 1 if any result differs, or the export contains "
        "another network; 2 if the export was modified after it was written, and is not run.",
    ),
    "report": Verb(
        "report",
        {
            "network": flag(
                "network",
                metavar="NETWORK",
                help=f"{NETWORK}; float networks are also quantised, with the default bits",
            ),
            "data": flag(
                "data",
                metavar="DATA",
                nargs="?",
                help=f"{DATA}; by default the run's own data",
            ),
            "against": flag(type=flags.one_of(_formats_that_run), metavar="BACKEND"),
            "target": flag(
                help="chip or format to check, as in nmtool check. May be repeated; the cost is "
                "counted for the first target. Default: loihi2",
            ),
        },
        files=(
            File(
                ("-o", "--output"),
                "PAGE.html",
                lambda report, path: report.save(path, console.in_flags),
                _check_page,
                "write a page, with plots (needs matplotlib)",
            ),
        ),
        passes="passed",
        printed=console.print_report,
        epilog="example: nmtool report run -o report.html --against c. "
        "Exit code 1 if a requested backend differs.",
    ),
}
"""Commands that are functions, by name."""
