"""`Netx`: the format of NetX files."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from nmtool.errors import DoesNotFitError, FileFormatError, Finding
from nmtool.exporters.embedded import GROUP, Embedded
from nmtool.exporters.format import Format
from nmtool.known_answers import KnownAnswers
from nmtool.network.integer_network import IntegerNetwork
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool_chips import NETX
from nmtool_chips.netx import file, runtime
from nmtool_chips.netx.chain import chain_order, layers_of
from nmtool_chips.netx.network import misfits, network_of

if TYPE_CHECKING:
    from nmtool_chips.netx.file import NetxFile


class Netx(Format, name="netx", place=NETX):
    """A NetX file by any tool; it runs in Lava, through lava-dl's reader."""

    @classmethod
    def require(cls) -> None:
        runtime.find()

    @classmethod
    def misfits(cls, network: IntegerNetwork, options: Any = None) -> list[Finding]:
        return layers_of(network)[1]

    @classmethod
    def check_fits(cls, network: IntegerNetwork, options: Any = None) -> None:
        if findings := cls.misfits(network):
            raise DoesNotFitError(
                "a NetX file cannot represent this network",
                code="netx-does-not-fit",
                findings=findings,
            )

    @classmethod
    def encode(
        cls, network: IntegerNetwork, answers: KnownAnswers | None, options: Any
    ) -> dict[str, bytes]:
        embedded = Embedded(
            {"version": file.VERSION, "hash": network.content_hash},
            network.to_bytes(),
            b"" if answers is None else answers.to_bytes(),
        )
        return {"": file.to_bytes(network, layers_of(network)[0], embedded)}

    @cached_property
    def content(self) -> NetxFile:
        """The parts of the file that lava-dl's reader uses, and the data embedded by nmtool."""
        return file.read(self.path)

    def decode(self, options: Any = None) -> IntegerNetwork:
        """The network embedded by nmtool; if there is none, the network of the layers.

        Raises:
            FileFormatError: the file is damaged, not NetX, or cannot be converted to an integer
                network; all reasons are findings.
        """
        if self.content.embedded is not None:
            return self._embedded_network(self.content.embedded)
        if findings := misfits(self.content):
            raise FileFormatError(
                f"{self.path} cannot be read as an integer network",
                code="netx-file-unfit",
                findings=findings,
            )
        return network_of(self.content)

    def _embedded_network(self, embedded: Embedded) -> IntegerNetwork:
        """Unpack the embedded network; raise an error if the file's layers differ from it."""
        network = IntegerNetwork.from_bytes(embedded.network, self.path)
        layers, _ = layers_of(network)
        file_layers = list(self.content.layers.values())
        if (
            network.content_hash != embedded.about.get("hash")
            or self.content.findings
            or len(file_layers) != len(layers)
            or not all(
                theirs.equals(ours) for theirs, ours in zip(file_layers, layers, strict=True)
            )
        ):
            raise FileFormatError(
                f"{self.path} was changed after nmtool wrote it",
                code="export-changed",
                why=f"its layers differ from the network in its group /{GROUP}",
                fix=f"export the network again, or delete /{GROUP} to import the changed layers",
                findings=self.content.findings,
            )
        return network

    def decode_answers(self) -> KnownAnswers | None:
        embedded = self.content.embedded
        return None if embedded is None else embedded.known_answers(self.path)

    def differences(self) -> list[Finding]:
        """Compare the arrays of the file with the arrays that nmtool would write.

        Only arrays that lava-dl reads are compared; there is a finding for each difference. Files
        from other tools have no findings, because nmtool reads their network from the layers.
        """
        if self.content.embedded is None:
            return []
        return file.differences(self.encode(self.integers, None, None)[""], self.path)

    def simulate(
        self, spikes: Raster, *, deep: bool, on_progress: Callable[[int], None] | None
    ) -> Recording:
        network = self.integers
        return runtime.run(self.path, network, chain_order(network), spikes, deep, on_progress)
