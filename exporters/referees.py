"""The referees that `nmtool setup NAME` installs."""

from __future__ import annotations

from collections.abc import Mapping

from nmtool.exporters.environments import Referee
from nmtool.exporters.lava.environment import REFEREE as LAVA
from nmtool.plugins import REFEREES, loaded


def referees() -> Mapping[str, Referee]:
    """All referees by name: Lava, then those of plug-ins."""
    return {LAVA.name: LAVA, **loaded(REFEREES, Referee, own=(LAVA.name,))}
