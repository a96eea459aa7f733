"""`C`: the format of C files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from nmtool.errors import Finding, UsageError
from nmtool.exporters.c import compiler, cost, file, runtime
from nmtool.exporters.c.answers import Carried
from nmtool.exporters.c.text import check_prefix, renamed
from nmtool.exporters.differences import CHANGED, changed, changed_files
from nmtool.exporters.format import Format
from nmtool.known_answers import KnownAnswers
from nmtool.network.graph import MOST_SPIKES, RESET, RESET_BY
from nmtool.network.integer_network import IntegerNetwork
from nmtool.options import WritingOptions, prefix_unused
from nmtool.progress import Progress
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.targets import Target
from nmtool.targets.costs import RunningCost
from nmtool.targets.fit import Use

if TYPE_CHECKING:
    from nmtool.exporters.c.file import Content
    from nmtool.hardware_sim.operations import Operations


@dataclass(frozen=True)
class COptions(WritingOptions):
    """Options for writing C.

    Attributes:
        prefix: prefix of all public names; a C file with a prefix gets a header file. '': the
            format's own prefix. In a C file, this is `nmtool`, and there is no header file.

    Raises:
        UsageError: the prefix is invalid.
    """

    prefix: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.prefix:
            check_prefix(self.prefix)

    def unused_by(self, name: str) -> UsageError:
        return prefix_unused(name)


class C(Format, name="c"):
    """A C file, with a header file if names have a prefix; for every network of `loihi2`."""

    writing_options = COptions
    expresses = (RESET, RESET_BY, MOST_SPIKES)
    tool, tool_purpose = "C compiler", "running C exports"

    @classmethod
    def require(cls) -> None:
        compiler.find()

    @classmethod
    def describe_tool(cls) -> str:
        return compiler.describe()

    @classmethod
    def try_tool(cls) -> None:
        compiler.try_out()

    @classmethod
    def uses(cls, network: IntegerNetwork, target: Target, options: Any = None) -> list[Use]:
        return cost.uses(network, target)

    @classmethod
    def too_small(cls, use: Use, target: Target) -> Finding:
        return cost.too_small(use, target)

    @classmethod
    def running_cost(
        cls,
        network: IntegerNetwork,
        spikes: Raster,
        recording: Recording,
        operations: Operations,
        progress: Progress,
    ) -> RunningCost:
        """Compile the C program for this computer, and time it."""
        return cost.running_cost(network, spikes, recording, operations, progress, compiler.HERE)

    @classmethod
    def encode(
        cls, network: IntegerNetwork, answers: KnownAnswers | None, options: COptions | None
    ) -> dict[str, bytes]:
        prefix = "" if options is None else options.prefix
        return file.written(network, None if answers is None else Carried.of(answers), prefix)

    @classmethod
    def companions(cls, options: COptions | None = None) -> tuple[str, ...]:
        return (file.HEADER,) if options is not None and options.prefix else ()

    @cached_property
    def content(self) -> Content:
        """The parsed content of the C file."""
        return file.read(self.path)

    def decode(self, options: Any = None) -> IntegerNetwork:
        return self.content.network()

    def decode_changed(self) -> IntegerNetwork:
        return file.read(self.path, sealed=False).unchecked_network()

    def decode_answers(self) -> KnownAnswers | None:
        carried = self.content.carried()
        if carried is None:
            return None
        with self.content.archive.checked():
            return carried.with_states(self.integers, self.path)

    def export_again(self) -> str:
        prefix = self.content.prefix
        return super().export_again() + (f" --prefix {prefix}" if prefix else "")

    def differences(self) -> list[Finding]:
        """Findings for the C file and its header unless they have exactly the expected bytes."""
        content = self.content
        network, carried = content.network(), content.carried()
        with content.archive.checked():
            files = file.written(network, carried, content.prefix)
        changes = {} if files.pop("") == content.data else {self.path.name: CHANGED}
        headers = {self.beside(key).name: expected for key, expected in files.items()}
        changes |= changed_files(self.path.parent, headers)
        return [changed(name, change) for name, change in changes.items()]

    def simulate(
        self, spikes: Raster, *, deep: bool, on_progress: Callable[[int], None] | None
    ) -> Recording:
        self.check_written()
        content = self.content
        return runtime.run(
            content.data,
            self.integers,
            spikes,
            deep,
            on_progress,
            adapt=lambda driver: renamed(driver, content.prefix),
        )
