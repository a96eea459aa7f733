"""Chips and their tools: FeNN, NetX, brian2-loihi, checkpoints of mlGeNN, and Xylo's targets."""

from __future__ import annotations

from nmtool.exporters.formats import Place

FENN = Place("nmtool_chips.fenn.format:Fenn", member="fenn_network")
NETX = Place("nmtool_chips.netx.format:Netx", (".net",))
BRIAN2_LOIHI = Place("nmtool_chips.brian2_loihi.format:Brian2Loihi")
MLGENN = Place("nmtool_chips.mlgenn.format:Mlgenn", member="*-Conn_*.npy")
