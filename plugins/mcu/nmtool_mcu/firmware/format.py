"""`Firmware`: the format of firmware folders."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nmtool.errors import Finding, UsageError
from nmtool.exporters.c import compiler, cost, runtime
from nmtool.exporters.c.format import COptions
from nmtool.exporters.c.text import check_prefix
from nmtool.exporters.data_folder import ANSWERS, NETWORK, DataFolder, Marker
from nmtool.known_answers import KnownAnswers
from nmtool.network.graph import MOST_SPIKES, RESET, RESET_BY
from nmtool.network.integer_network import IntegerNetwork
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.targets import Target
from nmtool.targets.fit import Use
from nmtool_mcu import FIRMWARE
from nmtool_mcu.firmware import makefile, reader, state

USUAL_PREFIX = "network"


class Firmware(DataFolder, name="firmware", place=FIRMWARE):
    """A folder of C for microcontrollers, for every network of the arithmetic `loihi2`."""

    marker, version, kind = "firmware.json", 1, "firmware folder"
    writing_options = COptions
    expresses = (RESET, RESET_BY, MOST_SPIKES)

    @classmethod
    def require(cls) -> None:
        compiler.find()

    @classmethod
    def uses(cls, network: IntegerNetwork, target: Target, options: Any = None) -> list[Use]:
        return cost.uses(network, target)

    @classmethod
    def too_small(cls, use: Use, target: Target) -> Finding:
        return cost.too_small(use, target)

    @classmethod
    def encode(
        cls, network: IntegerNetwork, answers: KnownAnswers | None, options: COptions | None
    ) -> dict[str, bytes]:
        prefix = (options.prefix if options else "") or USUAL_PREFIX
        if prefix.lower() == "main":
            raise UsageError(
                f"the prefix '{prefix}' would give two files the name {prefix}.c",
                code="firmware-prefix-main",
                fix="choose another prefix, e.g. `prefix=kws`",
            )
        texts = {
            f"{prefix}.c": state.code(network, prefix),
            f"{prefix}.h": state.header(network, prefix),
            "main.c": reader.main_text(network, prefix),
            "Makefile": makefile.makefile(prefix),
        }
        data = {NETWORK: network.to_bytes(), **cls.marker_file(network, prefix=prefix)}
        if answers is not None:
            data[ANSWERS] = answers.to_bytes()
        return {name: text.encode("ascii") for name, text in texts.items()} | data

    @classmethod
    def parse_marker(cls, content: Mapping[str, Any]) -> Marker:
        prefix = content["prefix"]
        check_prefix(prefix)
        code = frozenset({f"{prefix}.c", f"{prefix}.h"})
        return Marker(content["hash"], COptions(prefix), code)

    def simulate(
        self, spikes: Raster, *, deep: bool, on_progress: Callable[[int], None] | None
    ) -> Recording:
        self.check_written()
        prefix = self.about.options.prefix
        text = state.code_alone(self.integers, prefix)
        return runtime.run(
            text.encode("ascii"),
            self.integers,
            spikes,
            deep,
            on_progress,
            adapt=lambda driver: state.driver(self.integers, driver, prefix),
        )
