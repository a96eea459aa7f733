"""Common examples and checks for tests of formats whose exports are single files."""

from __future__ import annotations

from pathlib import Path

import pytest

from nmtool.errors import FileFormatError
from nmtool.exporters.format import Format
from nmtool.hardware_sim.known_answers import known_answers
from nmtool.testing.networks import random_network, random_raster

NETWORK = random_network(3, n_hidden=1, spiking_output=False)
ANSWERS = known_answers(NETWORK)


def assert_refused(format_: type[Format], path: Path) -> FileFormatError:
    """Assert that all functions that read a file refuse it."""
    raster = random_raster(0, 1, 20, 5)
    for take in (format_.read, format_.known_answers, lambda artefact: artefact.run(raster)):
        with pytest.raises(FileFormatError) as error:
            take(format_(path))
        assert str(path) in error.value.what
    return error.value
